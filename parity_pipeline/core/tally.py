"""Take in compared blocks one after another and keep what a verdict needs: counts, worst rows, norms.

Here belongs the running account of a whole sample set, whose size does not grow with the set. What the account means
belongs to `verdict`.
"""

import heapq
import math
from collections import Counter
from dataclasses import dataclass, field

import numpy as np

from parity_pipeline.core.comparing import BOTH, ComparedRows, Thresholds
from parity_pipeline.core.drift import NormRange
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Outcome

DIFFERENT = (
    Outcome.DIMENSION_MISMATCH,
    Outcome.MISMATCH,
    Outcome.NON_FINITE,
    Outcome.ZERO_NORM,
    Outcome.REFUSED_BY_CANDIDATE,
    Outcome.REFUSED_BY_LEGACY,
)
SEVERITY = (*DIFFERENT, Outcome.MISSING, Outcome.REFUSED_BY_BOTH, Outcome.MATCH)
MUTUAL = (Outcome.NON_FINITE, Outcome.ZERO_NORM)
"""Outcomes that prove a difference when one side shows them, and nothing when both do."""

_GRADED = (Outcome.MATCH, Outcome.MISMATCH)


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
        identical: Compared samples whose two vectors are equal as float32.
        norms_differ: Matched or mismatched samples whose norm ratio leaves the tolerance.
        cosine_sum: Sum of all cosines, for the mean; the same to the last bit however the set was cut into blocks.
        misgraded: Samples whose outcome contradicts their cosine under `thresholds`: they were graded against others.
    """

    thresholds: Thresholds
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    by_category: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    identical: int = 0
    norms_differ: int = 0
    misgraded: int = 0
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
        return sum(self.counts[outcome] for outcome in _GRADED)

    def add(self, rows: ComparedRows) -> None:
        """Take in the next block.

        Raises:
            MetricInputError: The block does not follow the last one: a sample would be counted twice, or never.
        """
        if rows.start != self.samples:
            problem = f"a block that starts at ordinal {rows.start} does not follow {self.samples} samples"
            raise MetricInputError(problem, remedy="Materialize parity again.")
        for index, outcome in enumerate(rows.outcomes):
            self.counts[outcome] += 1
            self.by_category.setdefault(rows.categories[index], Counter())[outcome] += 1
            if outcome in MUTUAL and rows.sides[index] == BOTH:
                self.mutual[outcome] += 1
            self._keep_worst(rows, index, outcome)
        measured = np.isfinite(rows.cosine)
        self.identical += int(rows.identical[measured].sum())
        # One addition after the other and not numpy's pairwise sum, whose last bit depends on the size of the block.
        self.cosine_sum = float(np.add.accumulate(np.append(self.cosine_sum, rows.cosine[measured]))[-1])
        matched = np.array([outcome is Outcome.MATCH for outcome in rows.outcomes], np.bool_)
        graded = np.array([outcome in _GRADED for outcome in rows.outcomes], np.bool_)
        self.misgraded += int(((matched != (rows.cosine >= self.thresholds.cosine)) | (graded != measured)).sum())
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
        measured = [entry for outcome in _GRADED for entry in self._worst.get(outcome, [])]
        return max(measured, key=lambda entry: entry[:2])[2] if measured else None

    def shown_rows(self) -> tuple[JudgedRow, ...]:
        """Return at most REPORT_ROWS rows: all in their order, or, of a larger set, the worst of each outcome first.

        Each outcome gets its share in turn, so that a thousand refusals do not hide the one mismatch.
        """
        queues = [
            sorted(self._worst.get(outcome, []), key=lambda entry: (-entry[0], -entry[1])) for outcome in SEVERITY
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
