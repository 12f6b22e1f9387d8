"""Statistics of one side's vectors as they stream by: dimensions, non-finite and zero rows, norms.

Here belongs what can be said of a lane alone, without its partner. Comparing two lanes belongs to `compare`.
"""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus

DIMENSIONS_LISTED: Final = 16
"""Distinct dimensions that are counted apart; a side that shows more is counted under the dimension -1."""


@dataclass(frozen=True, slots=True, kw_only=True)
class VectorSummary:
    """What all vectors of a lane looked like.

    Attributes:
        dimensions: Rows of each vector length; "-1" stands for further lengths.
        non_finite_rows: Rows with a vector that holds NaN or infinity.
        zero_rows: Rows with a vector of zeros alone.
        norm_low: Smallest L2 norm of the other rows; None where there are none.
        norm_high: Largest L2 norm of them.
    """

    dimensions: Mapping[str, int] = field(default_factory=dict[str, int])
    non_finite_rows: int = 0
    zero_rows: int = 0
    norm_low: float | None = None
    norm_high: float | None = None


@dataclass(slots=True)
class VectorStats:
    """What a lane's rows looked like, taken in block by block.

    Attributes:
        status_counts: Rows of each status.
        dimensions: As in `VectorSummary`, as are the next two; -1 stands for further lengths.
        low: Smallest L2 norm of the other rows; infinity before any came.
        high: Largest L2 norm of them.
    """

    status_counts: Counter[str] = field(default_factory=Counter[str])
    dimensions: Counter[int] = field(default_factory=Counter[int])
    non_finite_rows: int = 0
    zero_rows: int = 0
    low: float = math.inf
    high: float = -math.inf

    def add(self, rows: FetchedRows) -> None:
        """Take in the next block."""
        same = len(rows) > 0 and rows.status.count(rows.status[0]) == len(rows)
        for status in rows.status[:1] if same else rows.status:
            self.status_counts[status.value] += len(rows) if same else 1
        lengths = rows.dimensions()
        filled = np.flatnonzero(lengths)
        for length, count in Counter(lengths[filled].tolist()).items():
            known = length in self.dimensions or len(self.dimensions) < DIMENSIONS_LISTED
            self.dimensions[length if known else -1] += count
        if not len(filled):
            return
        wide = rows.values.astype(np.float64)
        with np.errstate(invalid="ignore", over="ignore"):
            norms = np.sqrt(np.add.reduceat(wide * wide, rows.offsets[:-1][filled]))
        finite = np.isfinite(norms)
        self.non_finite_rows += int((~finite).sum())
        self.zero_rows += int((norms == 0.0).sum())
        real = norms[finite & (norms > 0.0)]
        if len(real):
            self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))

    def summary(self) -> VectorSummary:
        """Return what came so far."""
        known = math.isfinite(self.low)
        return VectorSummary(
            dimensions={str(length): count for length, count in sorted(self.dimensions.items())},
            non_finite_rows=self.non_finite_rows,
            zero_rows=self.zero_rows,
            norm_low=self.low if known else None,
            norm_high=self.high if known else None,
        )


def completeness_faults(status_counts: Mapping[str, int], expected: int, of: str = "samples") -> tuple[str, ...]:
    """Return why a fetch is not complete; empty when every sample or query has its result or a definite refusal.

    Nothing at all is a fault too: a fetch of nothing proves nothing.
    """
    rows = sum(status_counts.values())
    faults: list[str] = []
    if rows != expected or not expected:
        faults.append(f"{rows} of {expected} {of} have a row")
    lost = (status.value for status in (RowStatus.FAILED, RowStatus.MALFORMED))
    return (*faults, *(f"{count} rows {name}" for name in lost if (count := status_counts.get(name, 0))))


def vector_faults(summary: VectorSummary, ok_rows: int) -> tuple[str, ...]:
    """Return why a lane's vectors are not finite and of one dimension; empty when they are.

    No vector at all is a fault.
    """
    faults: list[str] = []
    if not ok_rows:
        faults.append("no sample has a vector")
    if len(summary.dimensions) > 1:
        listed = ", ".join(f"{count} of {length}" for length, count in summary.dimensions.items())
        faults.append(f"vectors of several dimensions: {listed}")
    if summary.non_finite_rows:
        faults.append(f"{summary.non_finite_rows} vectors hold NaN or infinity")
    if summary.zero_rows:
        faults.append(f"{summary.zero_rows} vectors are zero")
    return tuple(faults)
