"""Judge a compared sample set: count, find the worst, decide, and say why.

Here belongs the one function that decides, and the record of its decision. Asset checks, reports and the ledger only
repeat what is said here.
"""

import heapq
import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parity_pipeline.core.comparing import BOTH, ComparedRows, Thresholds
from parity_pipeline.core.drift import NormRange
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Decision, Outcome

SCHEMA_VERSION = 1
"""Version of the verdict's JSON form; raised when a reader of the old form would misread the new one."""

_DIFFERENT = (
    Outcome.DIMENSION_MISMATCH,
    Outcome.MISMATCH,
    Outcome.NON_FINITE,
    Outcome.ZERO_NORM,
    Outcome.REFUSED_BY_CANDIDATE,
    Outcome.REFUSED_BY_LEGACY,
)
_SEVERITY = (*_DIFFERENT, Outcome.MISSING, Outcome.REFUSED_BY_BOTH, Outcome.MATCH)
_MUTUAL = (Outcome.NON_FINITE, Outcome.ZERO_NORM)
"""Outcomes that prove a difference when one side shows them, and nothing when both do."""


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """One sample as a report shows it. Measures are None where nothing was measured."""

    ordinal: int
    id: str
    category: str
    head: str
    outcome: str
    side: str | None
    legacy_dimension: int
    candidate_dimension: int
    cosine: float | None
    legacy_norm: float | None
    candidate_norm: float | None
    norm_ratio: float | None
    max_abs_delta: float | None
    max_abs_delta_unit: float | None
    identical: bool
    legacy_error: str | None
    candidate_error: str | None


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def row_of(rows: ComparedRows, index: int) -> JudgedRow:
    """Return one row of a compared block in the form that reports and JSON use."""
    return JudgedRow(
        ordinal=rows.start + index,
        id=rows.ids[index],
        category=rows.categories[index],
        head=rows.heads[index],
        outcome=rows.outcomes[index].value,
        side=rows.sides[index],
        legacy_dimension=int(rows.legacy_dimension[index]),
        candidate_dimension=int(rows.candidate_dimension[index]),
        cosine=_number(rows.cosine[index]),
        legacy_norm=_number(rows.legacy_norm[index]),
        candidate_norm=_number(rows.candidate_norm[index]),
        norm_ratio=_number(rows.norm_ratio[index]),
        max_abs_delta=_number(rows.max_abs_delta[index]),
        max_abs_delta_unit=_number(rows.max_abs_delta_unit[index]),
        identical=bool(rows.identical[index]),
        legacy_error=rows.legacy_errors[index],
        candidate_error=rows.candidate_errors[index],
    )


@dataclass(slots=True)
class Tally:
    """What a whole set came to, taken in block by block; its size does not grow with the set.

    Attributes:
        thresholds: What the outcomes were graded against.
        counts: Samples of each outcome.
        mutual: Those of `non_finite` and `zero_norm` in which both sides showed it.
        by_category: The same counts a category.
        identical: Samples whose two vectors are equal as float32.
        norms_differ: Matched or mismatched samples whose norm ratio leaves the tolerance.
        cosine_sum: Sum of all cosines, for the mean.
    """

    thresholds: Thresholds
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    by_category: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    identical: int = 0
    norms_differ: int = 0
    cosine_sum: float = 0.0
    _worst: dict[Outcome, list[tuple[float, int, JudgedRow]]] = field(
        default_factory=dict[Outcome, list[tuple[float, int, JudgedRow]]]
    )
    _low: tuple[float, float] = (math.inf, math.inf)
    _high: tuple[float, float] = (-math.inf, -math.inf)

    @property
    def samples(self) -> int:
        """Return the number of samples taken in."""
        return self.counts.total()

    @property
    def compared(self) -> int:
        """Return the number of samples that have a cosine."""
        return self.counts[Outcome.MATCH] + self.counts[Outcome.MISMATCH]

    def add(self, rows: ComparedRows) -> None:
        """Take in the next block."""
        for index, outcome in enumerate(rows.outcomes):
            self.counts[outcome] += 1
            self.by_category.setdefault(rows.categories[index], Counter())[outcome] += 1
            if outcome in _MUTUAL and rows.sides[index] == BOTH:
                self.mutual[outcome] += 1
            self._keep_worst(rows, index, outcome)
        measured = np.isfinite(rows.cosine)
        self.identical += int(rows.identical.sum())
        self.cosine_sum += float(rows.cosine[measured].sum())
        self.norms_differ += int((~(np.abs(rows.norm_ratio[measured] - 1.0) <= self.thresholds.norm_ratio)).sum())
        self._widen(rows)

    def _keep_worst(self, rows: ComparedRows, index: int, outcome: Outcome) -> None:
        """Keep the REPORT_ROWS worst rows of each outcome: smallest cosine first, then smallest ordinal."""
        cosine = rows.cosine[index]
        badness = -float(cosine) if math.isfinite(cosine) else math.inf
        heap = self._worst.setdefault(outcome, [])
        entry_key = (badness, -(rows.start + index))
        if len(heap) < REPORT_ROWS:
            heapq.heappush(heap, (*entry_key, row_of(rows, index)))
        elif entry_key > heap[0][:2]:
            heapq.heapreplace(heap, (*entry_key, row_of(rows, index)))

    def _widen(self, rows: ComparedRows) -> None:
        for place, norms in enumerate((rows.legacy_norm, rows.candidate_norm)):
            real = norms[np.isfinite(norms) & (norms > 0)]
            if len(real):
                low, high = list(self._low), list(self._high)
                low[place], high[place] = min(low[place], float(real.min())), max(high[place], float(real.max()))
                self._low, self._high = (low[0], low[1]), (high[0], high[1])

    def norms(self) -> tuple[NormRange, NormRange]:
        """Return the range of norms of the legacy and of the candidate side."""
        ranges = [
            NormRange(low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None)
            for low, high in zip(self._low, self._high, strict=True)
        ]
        return ranges[0], ranges[1]

    def worst_cosine(self) -> JudgedRow | None:
        """Return the sample with the smallest cosine; None where none was measured."""
        measured = [entry for outcome in (Outcome.MATCH, Outcome.MISMATCH) for entry in self._worst.get(outcome, [])]
        return max(measured, key=lambda entry: entry[:2])[2] if measured else None

    def shown_rows(self) -> tuple[JudgedRow, ...]:
        """Return at most REPORT_ROWS rows: all in their order, or, of a larger set, the worst of each outcome first.

        Each outcome gets its share in turn, so that a thousand refusals do not hide the one mismatch.
        """
        queues = [
            sorted(self._worst.get(outcome, []), key=lambda entry: (-entry[0], -entry[1])) for outcome in _SEVERITY
        ]
        if self.samples <= REPORT_ROWS:
            return tuple(sorted((row for queue in queues for *_, row in queue), key=lambda row: row.ordinal))
        chosen: list[list[JudgedRow]] = [[] for _ in queues]
        left = REPORT_ROWS
        while left and any(len(kept) < len(queue) for kept, queue in zip(chosen, queues, strict=True)):
            for kept, queue in zip(chosen, queues, strict=True):
                if left and len(kept) < len(queue):
                    kept.append(queue[len(kept)][2])
                    left -= 1
        return tuple(row for kept in chosen for row in kept)


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
    up, nothing was compared, a sample has no evidence, or there is a doubt. PASS only when nothing of that holds.
    A difference outweighs missing evidence; batches that may not be paired outweigh everything.
    """
    if circumstances.pairing_faults:
        return Decision.INCONCLUSIVE, tuple(circumstances.pairing_faults)
    if tally.samples != circumstances.expected:
        lost = f"the counts do not add up: {tally.samples} of {circumstances.expected} samples have an outcome"
        return Decision.INCONCLUSIVE, (lost,)
    different = _difference_reasons(tally)
    unproven = [*_no_evidence_reasons(tally), *circumstances.doubts]
    if different:
        return Decision.FAIL, (*different, *unproven)
    if unproven:
        return Decision.INCONCLUSIVE, tuple(unproven)
    return Decision.PASS, (f"{tally.counts[Outcome.MATCH]}/{tally.compared} samples ≥ {tally.thresholds.cosine:.4f}",)


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
    for outcome in _DIFFERENT:
        count = tally.counts[outcome] - tally.mutual[outcome]
        if not count:
            continue
        if outcome is Outcome.MISMATCH:
            worst = tally.worst_cosine()
            low = f", the worst {worst.cosine:.6f}" if worst and worst.cosine is not None else ""
            reasons.append(f"{count}/{tally.compared} compared samples < {tally.thresholds.cosine:.4f}{low}")
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
        identical: Samples equal as float32.
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
