"""The evidence of one report: sides, rows, drift, sample set, commands, derived from a verdict once.

Here belong choice, derivation and number formats. Text from samples, servers and settings stays raw in here: the
layout escapes it. Words of advice belong to `advice`, what judges the evidence to `sections`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.provenance import SampleSetIdentity
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import DriftRow
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
    drift: tuple[DriftRow, ...]
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
    legacy, candidate = sides_of(verdict)
    rows = rows_of(verdict.rows[:REPORT_ROWS], verdict.threshold)
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
        drift=verdict.drift,
        sample_hash=verdict.sample_set.hash,
        sample_facts=_sample_facts(verdict.sample_set),
        sources=verdict.sample_set.sources,
        reproduce=(run_command(verdict.date, verdict.model), backfill_command(verdict.date, verdict.model)),
        package_version=verdict.package_version,
    )


def set_size(verdict: Verdict) -> int:
    """Return how many samples the stored set holds, also where pairing was refused and none was counted."""
    return max(verdict.counts.samples, verdict.sample_set.samples)


def same_words(row: DriftRow) -> str:
    """Return in words whether both sides showed the same: yes, no, or `—` where a side was not observed."""
    return numbers.NOTHING if row.same is None else "yes" if row.same else "no"


def _forced(drift: Sequence[DriftRow]) -> Sentence:
    row = next((row for row in drift if row.field == "default model"), None)
    if row is None or row.same is None:
        return (
            (
                "Every request names the model, so that both sides use the same one. What they use when none is named was "
                "not observed on both sides."
            ),
        )
    legacy, candidate = Verbatim(row.legacy), Verbatim(row.candidate)
    if row.same:
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
    if shown >= verdict.counts.samples:
        return f"All {numbers.things(verdict.counts.samples, 'sample')}, in the order of the set."
    return f"{numbers.count(shown)} of {numbers.things(verdict.counts.samples, 'sample')}: {_WORST_FIRST}."


def _sample_facts(sample_set: SampleSetIdentity) -> str:
    samples = numbers.things(sample_set.samples, "sample")
    return f"{samples}, {numbers.things(sample_set.duplicates_dropped, 'duplicate')} dropped"
