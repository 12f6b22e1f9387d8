"""The two lanes of rankings, next to each other, and the query set that both were sent.

Here belongs what is read out of the provenance of both lanes. Facts that lanes of every probe have, and the wire drift, are
laid out by `sides`.
"""

from collections.abc import Callable, Mapping
from typing import Final

from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, known, listed_code, prose, table
from parity_pipeline.report.sections.sides import LATENCIES, counted, drift_notes, fetched, headers, latencies
from parity_pipeline.report.view import name_of

Cell = Callable[[RetrievalProvenance], str]


def _modes(lane: RetrievalProvenance) -> str:
    """Return the modes that responses report, and how many of each; no name stands for none reported."""
    named = sorted(lane.modes.items())
    shown = (
        f"{code(name) if name else 'not reported'} ({numbers.things(count, 'query', 'queries')})"
        for name, count in named
        if count
    )
    return ", ".join(shown) or numbers.NOTHING


_TAKES: Final[Mapping[str, str]] = {"both": "text or vector"}

_FACTS: Final[Mapping[str, Cell]] = {
    "name": lambda lane: prose(name_of(lane)),
    "URL": lambda lane: known(lane.url),
    "dialect": lambda lane: known(lane.dialect),
    "what the dialect takes": lambda lane: prose(_TAKES.get(lane.observation.takes, lane.observation.takes)),
    "reported beside a document": lambda lane: prose(lane.observation.reported.replace("_", " ")),
    "mode in the responses": _modes,
    "queries by status": lambda lane: counted(lane.status_counts),
    "server headers": headers,
    "fetched": fetched,
}
"""Rows of the table, and what fills them from a lane's provenance."""

_WHERE_GIVEN: Final[Mapping[str, tuple[Cell, Callable[[RetrievalProvenance], bool]]]] = {
    f"latency {' / '.join(LATENCIES)}, ms": (
        latencies,
        lambda lane: any(map(lane.latency_ms.__contains__, LATENCIES)),
    ),
    "requests without lists": (
        lambda lane: counted(lane.errors_by_kind),
        lambda lane: any(lane.errors_by_kind.values()),
    ),
    "gave up": (lambda lane: known(lane.stopped_early), lambda lane: bool(lane.stopped_early)),
    "caveats": (lambda lane: prose("; ".join(lane.doubts) or numbers.NOTHING), lambda lane: bool(lane.doubts)),
}
"""Further rows, which are left out where neither side gives them."""


def compared(verdict: RetrievalVerdict) -> list[str]:
    """Return date, corpus and the facts of both lanes as Markdown."""
    rows = [(name, *map(cell, verdict.sides)) for name, cell in _FACTS.items()]
    rows += [
        (name, *map(cell, verdict.sides))
        for name, (cell, given) in _WHERE_GIVEN.items()
        if any(map(given, verdict.sides))
    ]
    return [
        "## What was compared",
        "",
        f"- Date: {prose(verdict.date)}",
        f"- Corpus: {code(verdict.corpus)}",
        "",
        *table(("", "Legacy", "Candidate"), rows),
    ]


def drift(verdict: RetrievalVerdict) -> list[str]:
    """Return what both sides showed on the wire as Markdown, field by field."""
    return drift_notes(verdict.drift, verdict.sides)


def query_set(verdict: RetrievalVerdict) -> list[str]:
    """Return size, content hash and sources of the query set as Markdown, and how many duplicates were dropped."""
    found = verdict.query_set
    dropped = numbers.things(found.duplicates_dropped, "duplicate")
    return [
        "## Query set",
        "",
        f"- {numbers.things(found.queries, 'query', 'queries')}, {dropped} dropped",
        f"- Content hash: {known(found.hash)}",
        f"- Sources: {listed_code(map(_source, found.sources))}",
    ]


def _source(name: str) -> str:
    """Return a source in words: `hazards:1` is the first version of the built-in ones, and no number of queries."""
    built_in, colon, version = name.partition(":")
    return f"hazards (version {version})" if built_in == "hazards" and colon and version.isdecimal() else name
