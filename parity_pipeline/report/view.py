"""The evidence of one report: sides, rows, drift, sample set, commands, derived from a verdict once.

Here belong choice, derivation and number formats. Text from samples, servers and settings stays raw in here: the
layout escapes it. Words of advice belong to `advice`, what judges the evidence to `sections`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.commands import backfill_command, run_command
from parity_pipeline.report.row_view import ErrorView, RowView, errors_of, rows_of
from parity_pipeline.report.sentences import Sentence, Verbatim
from parity_pipeline.report.side_view import SideView, sides_of

_WORST_FIRST = (
    "differences first, then missing answers, what a waiver or noise excuses, refusals by both and matches; within an "
    "outcome the smallest cosine first"
)
"""The order of `core.tally.Tally.shown_rows` for a set that is larger than the table."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftView:
    """One row of the drift notes; raw text."""

    field: str
    legacy: str
    candidate: str
    same: str


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportView:
    """What a report shows. Numbers are formatted, foreign text is raw.

    Attributes:
        forced: Why the model is forced.
        shown: How many rows of how many are shown, and in what order.
    """

    date: str
    endpoint: str
    model: str
    legacy: SideView
    candidate: SideView
    forced: Sentence
    rows: tuple[RowView, ...]
    shown: str
    errors: tuple[ErrorView, ...]
    flip: tuple[Sentence, ...]
    drift: tuple[DriftView, ...]
    sample_hash: str
    sample_facts: str
    sources: tuple[str, ...]
    reproduce: tuple[str, ...]
    package_version: str


def view_of(verdict: Verdict) -> ReportView:
    """Derive the facts of a report from a verdict, and from nothing else.

    Args:
        verdict: The verdict, as core concluded it or as storage read it.
    """
    threshold = verdict.thresholds.get("cosine")
    legacy, candidate = sides_of(verdict)
    rows = rows_of(verdict.rows[:REPORT_ROWS], threshold)
    return ReportView(
        date=verdict.date,
        endpoint=verdict.endpoint,
        model=verdict.model,
        legacy=legacy,
        candidate=candidate,
        forced=_forced(verdict.drift),
        rows=rows,
        shown=_shown(verdict, len(rows)),
        errors=errors_of(verdict.rows[:REPORT_ROWS]),
        flip=flip_advice(verdict),
        drift=drift_of(verdict.drift),
        sample_hash=str(verdict.sample_set.get("hash") or ""),
        sample_facts=_sample_facts(verdict.sample_set),
        sources=_sources(verdict.sample_set.get("sources")),
        reproduce=(run_command(verdict.date, verdict.model), backfill_command(verdict.date, verdict.model)),
        package_version=verdict.package_version,
    )


def set_size(verdict: Verdict) -> int:
    """Return how many samples the stored set holds, also where pairing was refused and none was counted."""
    return max(verdict.samples, int(verdict.sample_set.get("samples") or 0))


def matched(verdict: Verdict) -> int:
    """Return how many samples matched."""
    return verdict.counts.get(Outcome.MATCH, 0)


def drift_of(rows: Sequence[Mapping[str, Any]]) -> tuple[DriftView, ...]:
    """Return drift rows with `same` in words: yes, no, or `—` where a side was not observed."""
    words = {True: "yes", False: "no"}
    return tuple(
        DriftView(
            field=str(row["field"]),
            legacy=str(row["legacy"]),
            candidate=str(row["candidate"]),
            same=words.get(row["same"], numbers.NOTHING),
        )
        for row in rows
    )


def _forced(drift: Sequence[Mapping[str, Any]]) -> Sentence:
    row = next((row for row in drift if row["field"] == "default model"), None)
    if row is None or row["same"] is None:
        return (
            (
                "Every request names the model, so that both sides use the same one. What they use when none is named was "
                "not observed on both sides."
            ),
        )
    legacy, candidate = Verbatim(str(row["legacy"])), Verbatim(str(row["candidate"]))
    if row["same"]:
        return (
            "Every request names the model. Without one both sides showed the same, ",
            legacy,
            "; it is named all the same, so that a changed default cannot change what is compared.",
        )
    return (
        "Every request names the model, because the default models differ: without one, the legacy side showed ",
        legacy,
        " and the candidate ",
        candidate,
        ", so unnamed requests would compare two models.",
    )


def _shown(verdict: Verdict, shown: int) -> str:
    if not shown:
        return "No sample was compared, so there are no rows to show."
    if shown >= verdict.samples:
        return f"All {numbers.things(verdict.samples, 'sample')}, in the order of the set."
    return f"{numbers.count(shown)} of {numbers.things(verdict.samples, 'sample')}: {_WORST_FIRST}."


def _sample_facts(sample_set: Mapping[str, Any]) -> str:
    samples, dropped = sample_set.get("samples"), sample_set.get("duplicates_dropped")
    told = "an unknown number of samples" if samples is None else numbers.things(int(samples), "sample")
    if dropped is None:
        return told
    return f"{told}, {numbers.things(int(dropped), 'duplicate')} dropped"


def _sources(sources: Any) -> tuple[str, ...]:
    """Return the sources in words; a mapping is of a source to its number of samples."""
    if isinstance(sources, Mapping):
        return tuple(f"{name}: {count}" for name, count in sources.items())
    return (sources,) if isinstance(sources, str) else tuple(str(source) for source in sources or ())
