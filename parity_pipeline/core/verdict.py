"""Judge a compared sample set: decide, and say why.

Here belongs the one function that decides, and the record of its decision. Asset checks, reports and the ledger only
repeat what is said here. Counting and finding the worst belongs to `tally`, whose names can be imported from here too.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parity_pipeline.core.numerals import cosine_text, limit_text
from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.core.tally import DIFFERENT, JudgedRow, Tally, row_of

__all__ = [
    "SCHEMA_VERSION",
    "Circumstances",
    "JudgedRow",
    "Tally",
    "Verdict",
    "counts_by_name",
    "judge",
    "row_of",
]

SCHEMA_VERSION = 1
"""Version of the verdict's JSON form; raised when a reader of the old form would misread the new one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Circumstances:
    """What is known beside the rows.

    Attributes:
        expected: Samples in the stored set.
        pairing_faults: Reasons why the two batches may not be paired.
        doubts: Reasons why even equal vectors prove nothing, such as an echoed model that was not asked for.
    """

    expected: int
    pairing_faults: Sequence[str] = ()
    doubts: Sequence[str] = ()


def judge(tally: Tally, circumstances: Circumstances) -> tuple[Decision, tuple[str, ...]]:
    """Decide, and say why, worst reason first.

    FAIL when any sample proves a difference. INCONCLUSIVE when the batches may not be paired, the counts do not add
    up, the outcomes were graded against other thresholds, nothing was compared, a sample has no evidence, or there is
    a doubt. PASS only when nothing of that holds; samples that both sides refuse are then named as a remark.
    A difference outweighs missing evidence; batches that may not be paired outweigh everything.
    """
    if circumstances.pairing_faults:
        return Decision.INCONCLUSIVE, tuple(circumstances.pairing_faults)
    if tally.samples != circumstances.expected:
        lost = f"the counts do not add up: {tally.samples} of {circumstances.expected} samples have an outcome"
        return Decision.INCONCLUSIVE, (lost,)
    if tally.misgraded:
        stale = (
            f"{tally.misgraded}/{tally.samples} samples were graded against other thresholds: materialize parity again"
        )
        return Decision.INCONCLUSIVE, (stale,)
    different = _difference_reasons(tally)
    unproven = [*_no_evidence_reasons(tally), *circumstances.doubts]
    if different:
        return Decision.FAIL, (*different, *unproven)
    if unproven:
        return Decision.INCONCLUSIVE, tuple(unproven)
    reached = f"{tally.compared}/{tally.compared} samples ≥ {limit_text(tally.thresholds.cosine)}"
    return Decision.PASS, (reached, *_remarks(tally))


def _remarks(tally: Tally) -> list[str]:
    """Return what a reader of a PASS has to know: a text that both sides refuse is parity, but was not compared."""
    count = tally.counts[Outcome.REFUSED_BY_BOTH]
    return [f"{count}/{tally.samples} samples are refused by both sides"] if count else []


_WORDS: Mapping[Outcome, str] = {
    Outcome.DIMENSION_MISMATCH: "have vectors of different dimensions",
    Outcome.NON_FINITE: "hold NaN or infinity on one side alone",
    Outcome.ZERO_NORM: "are zero vectors on one side alone",
    Outcome.REFUSED_BY_CANDIDATE: "are refused by the candidate and answered by the legacy side",
    Outcome.REFUSED_BY_LEGACY: "are refused by the legacy side and answered by the candidate",
}


def _difference_reasons(tally: Tally) -> list[str]:
    """Return a reason for each outcome that proves a difference."""
    reasons: list[str] = []
    limit = tally.thresholds.cosine
    for outcome in DIFFERENT:
        count = tally.counts[outcome] - tally.mutual[outcome]
        if not count:
            continue
        if outcome is Outcome.MISMATCH:
            worst = tally.worst_cosine()
            low = f", the worst {cosine_text(worst.cosine, limit)}" if worst and worst.cosine is not None else ""
            reasons.append(f"{count}/{tally.compared} compared samples < {limit_text(limit)}{low}")
        else:
            reasons.append(f"{count}/{tally.samples} samples {_WORDS[outcome]}")
    return reasons


def _no_evidence_reasons(tally: Tally) -> list[str]:
    """Return a reason for each group of samples that proves nothing."""
    reasons: list[str] = []
    if tally.counts[Outcome.MISSING]:
        reasons.append(
            f"{tally.counts[Outcome.MISSING]}/{tally.samples} samples have no usable answer from one side or both"
        )
    for outcome, words in ((Outcome.NON_FINITE, "hold NaN or infinity"), (Outcome.ZERO_NORM, "are zero vectors")):
        if tally.mutual[outcome]:
            reasons.append(f"{tally.mutual[outcome]}/{tally.samples} samples {words} on both sides")
    if not tally.compared:
        reasons.append("no sample was compared")
    return reasons


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """The verdict on one endpoint, date and model, with all that a report and a summary need. Plain values only.

    Attributes:
        schema: `SCHEMA_VERSION`.
        endpoint: What was probed; `embed`.
        date: Partition date, ISO 8601.
        model: Model name.
        decision: `PASS`, `FAIL` or `INCONCLUSIVE`.
        reasons: Why, worst first.
        thresholds: Limit a measure.
        samples: Size of the sample set.
        compared: Samples that have a cosine.
        counts: Samples of each outcome, every outcome named.
        by_category: The counts that are not 0, a category.
        worst_cosine: Smallest cosine; None where none was measured. It is also the threshold at which this date
            would have no mismatch.
        mean_cosine: Mean cosine; None likewise.
        worst_sample: Id of the sample with the smallest cosine.
        identical: Compared samples equal as float32.
        norms_differ: Compared samples whose norm ratio leaves the tolerance.
        norms: `{"legacy": [low, high], "candidate": [low, high]}`, None where unknown.
        rows: The rows of the report's table, `JudgedRow` as plain values.
        drift: The drift catalogue, `DriftRow` as plain values.
        sides: The provenance of each side, as plain values.
        sample_set: `{"hash", "samples", "duplicates_dropped", "sources"}`.
        package_version: Version that judged.
    """

    endpoint: str
    date: str
    model: str
    decision: Decision
    reasons: Sequence[str]
    thresholds: Mapping[str, float]
    samples: int
    compared: int
    counts: Mapping[str, int]
    by_category: Mapping[str, Mapping[str, int]]
    worst_cosine: float | None
    mean_cosine: float | None
    worst_sample: str | None
    identical: int
    norms_differ: int
    norms: Mapping[str, Sequence[float | None]]
    rows: Sequence[Mapping[str, Any]]
    drift: Sequence[Mapping[str, Any]]
    sides: Mapping[str, Mapping[str, Any]]
    sample_set: Mapping[str, Any]
    package_version: str
    schema: int = SCHEMA_VERSION


def counts_by_name(counts: Mapping[Outcome, int], outcomes: Iterable[Outcome] = Outcome) -> dict[str, int]:
    """Return the counts under the stored names of the outcomes, every one named, zeros included."""
    return {outcome.value: counts.get(outcome, 0) for outcome in outcomes}
