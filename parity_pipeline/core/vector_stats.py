"""Survey one side's vectors as they stream by: dimensions, non-finite and zero rows, norms.

Here belongs what can be said of a lane alone, without its partner. Comparing two lanes belongs to `compare`.
"""

import math
from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus

DIMENSIONS_LISTED: Final = 16
"""Distinct dimensions that are told apart; a side that shows more is counted under the dimension -1."""


@dataclass(slots=True)
class VectorStats:
    """What a lane's rows looked like, taken in block by block.

    Attributes:
        status_counts: Rows of each status.
        dimensions: Rows of each vector length; -1 stands for further lengths.
        non_finite_rows: Rows with a vector that holds NaN or infinity.
        zero_rows: Rows with a vector of zeros alone.
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

    def to_json(self) -> dict[str, Any]:
        """Return the survey as plain JSON values; norms are None where no finite, non-zero vector came."""
        known = math.isfinite(self.low)
        return {
            "dimensions": {str(length): count for length, count in sorted(self.dimensions.items())},
            "non_finite_rows": self.non_finite_rows,
            "zero_rows": self.zero_rows,
            "norm_low": self.low if known else None,
            "norm_high": self.high if known else None,
        }


def completeness_faults(status_counts: "Counter[str] | dict[str, int]", expected: int) -> tuple[str, ...]:
    """Return why a fetch is not complete; empty when every sample has a vector or a definite refusal.

    No sample at all is a fault too: a fetch of nothing proves nothing.
    """
    rows = sum(status_counts.values())
    faults: list[str] = []
    if rows != expected or not expected:
        faults.append(f"{rows} of {expected} samples have a row")
    lost = (status.value for status in (RowStatus.FAILED, RowStatus.MALFORMED))
    return (*faults, *(f"{status_counts[name]} rows {name}" for name in lost if status_counts.get(name, 0)))


def vector_faults(survey: dict[str, Any], ok_rows: int) -> tuple[str, ...]:
    """Return why a lane's vectors are not finite and of one dimension; empty when they are.

    No vector at all is a fault.
    """
    faults: list[str] = []
    dimensions = survey["dimensions"]
    if not ok_rows:
        faults.append("no sample has a vector")
    if len(dimensions) > 1:
        faults.append("vectors of several dimensions: " + ", ".join(f"{n} of {d}" for d, n in dimensions.items()))
    if survey["non_finite_rows"]:
        faults.append(f"{survey['non_finite_rows']} vectors hold NaN or infinity")
    if survey["zero_rows"]:
        faults.append(f"{survey['zero_rows']} vectors are zero")
    return tuple(faults)
