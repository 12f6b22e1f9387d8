"""The two sides, next to each other: where and how they were fetched, why the model is named, what the wire looked like.

Here belongs what is read out of the provenance of both lanes, and its layout. Observing the wire belongs to
`core.wire_drift`.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Final

from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import REFUSED, DriftRow
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import (
    Sentence,
    Verbatim,
    code,
    drift_cell,
    known,
    listed_code,
    prose,
    sentence,
    table,
)
from parity_pipeline.report.view import Lane, moment, name_of, printed, same_words

LATENCIES: Final = ("p50", "p95", "p99", "max")
"""Latency percentiles, in milliseconds, of the requests that brought vectors."""


def compared(verdict: Verdict) -> list[str]:
    """Return date, model and the facts of both lanes as Markdown."""
    batches = [side.provenance for side in verdict.sides]
    rows = [(name, *map(cell, batches)) for name, cell in _FACTS.items()]
    rows += [(name, *map(cell, batches)) for name, (cell, given) in _WHERE_GIVEN.items() if any(map(given, batches))]
    return [
        "## What was compared",
        "",
        f"- Date: {prose(verdict.date)}",
        f"- Forced model: {code(verdict.model)}",
        f"- {sentence(forced(verdict))}",
        "",
        *table(("", "Legacy", "Candidate"), rows),
    ]


def _echoed(batch: Provenance) -> str:
    """Return the models named in the responses, and how many rows each; no name stands for none named."""
    named = sorted(batch.models_echoed.items())
    shown = (f"{code(name) if name else 'not named'} ({numbers.things(rows, 'row')})" for name, rows in named)
    return ", ".join(shown) or numbers.NOTHING


def headers(batch: Lane) -> str:
    """Return the headers that say what software responded."""
    return listed_code([f"{name}: {value}" for name, value in sorted(batch.server_headers.items())])


def fetched(batch: Lane) -> str:
    """Return when, and with how many requests."""
    since, until = moment(batch.fetched_from), moment(batch.fetched_to)
    if not (since and until):
        return numbers.NOTHING
    again = f", {numbers.count(batch.retries)} of them retries" if batch.retries else ""
    return prose(f"{printed(since)} to {printed(until)}, {numbers.things(batch.requests, 'request')}{again}")


def latencies(batch: Lane) -> str:
    """Return the percentiles of `LATENCIES`; `—` for one that was not measured."""
    values = (batch.latency_ms.get(name) for name in LATENCIES)
    return " / ".join(numbers.NOTHING if value is None else f"{value:,.1f}" for value in values)


def counted(counts: Mapping[str, int]) -> str:
    """Return what occurred, each with its count, by name."""
    return listed_code([f"{numbers.count(count)} {name}" for name, count in sorted(counts.items()) if count])


Cell = Callable[[Provenance], str]

_FACTS: Final[Mapping[str, Cell]] = {
    "name": lambda batch: prose(name_of(batch)),
    "URL": lambda batch: known(batch.url),
    "dialect": lambda batch: known(batch.dialect),
    "model requested": lambda batch: known(batch.model_asked),
    "model in the responses": _echoed,
    "server headers": headers,
    "fetched": fetched,
}
"""Rows of the table, and what fills them from a lane's provenance."""

_WHERE_GIVEN: Final[Mapping[str, tuple[Cell, Callable[[Provenance], bool]]]] = {
    f"latency {' / '.join(LATENCIES)}, ms": (
        latencies,
        lambda batch: any(map(batch.latency_ms.__contains__, LATENCIES)),
    ),
    "requests without vectors": (
        lambda batch: counted(batch.errors_by_kind),
        lambda batch: any(batch.errors_by_kind.values()),
    ),
    "tokens, as reported": (lambda batch: counted(batch.usage), lambda batch: any(batch.usage.values())),
    "gave up": (lambda batch: known(batch.stopped_early), lambda batch: bool(batch.stopped_early)),
}
"""Further rows, which are left out where neither side gives them."""


def forced(verdict: Verdict) -> Sentence:
    """Return why every request names the model, as far as the wire showed it."""
    row = next((row for row in verdict.drift if row.field == "default model"), None)
    if row is None or row.same is None:
        return (
            "Every request names the model, so that both sides use the same one. What they use when none is named was "
            "not observed on both sides."
        )
    legacy, candidate = Verbatim(row.legacy), Verbatim(row.candidate)
    if row.same:
        return (
            "Every request names the model. Without one both sides showed the same, ",
            legacy,
            "; it is named all the same, so that a changed default cannot change what is compared.",
        )
    if row.legacy.startswith(REFUSED) or row.candidate.startswith(REFUSED):
        return (
            "Every request names the model. Without one, the legacy side showed ",
            legacy,
            " and the candidate ",
            candidate,
            ", so unnamed requests could not be compared.",
        )
    return (
        "Every request names the model, because the default models differ: without one, the legacy side showed ",
        legacy,
        " and the candidate ",
        candidate,
        ", so unnamed requests would compare two models.",
    )


def drift(verdict: Verdict) -> list[str]:
    """Return what both sides showed on the wire as Markdown, field by field."""
    return drift_notes(verdict.drift, [side.provenance for side in verdict.sides])


def drift_notes(drift: Sequence[DriftRow], lanes: Sequence[Lane]) -> list[str]:
    """Return a table of what the lanes, legacy first, showed on the wire, as Markdown."""
    lines = ["## Drift notes", ""]
    if not drift:
        return [*lines, "Nothing was observed."]
    legacy, candidate = (prose(name_of(lane)) for lane in lanes)
    rows = [
        (prose(row.field), drift_cell(row.field, row.legacy), drift_cell(row.field, row.candidate), same_words(row))
        for row in drift
    ]
    described = "What callers meet on the wire, as both sides showed it during this run."
    return [*lines, described, "", *table(("Field", f"Legacy ({legacy})", f"Candidate ({candidate})", "Same?"), rows)]
