"""Measures of two matrices of vectors, row against row.

Here belong pure functions on arrays, accumulated in float64. The limit of a
measure belongs to `thresholds`, what that means for a verdict to `decision`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import METRIC_BLOCK_ROWS

Float64 = NDArray[np.float64]
Matrix32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMeasures:
    """What can be said of each row of two matrices. All arrays have shape (rows,).

    Attributes:
        cosine: float64 in [-1, 1]; NaN where a row of either side is zero or holds NaN or infinity.
        legacy_norm: float64, L2 norm, 0 or more; NaN or infinite where the row is.
        candidate_norm: The same of the candidate.
        max_abs_delta: float64, largest |legacy - candidate| over the elements; NaN where either row holds NaN or
            infinity.
        max_abs_delta_unit: The same after each row was divided by its own norm; NaN where cosine is NaN.
        identical: bool, the two rows are equal float32 numbers. False where either holds NaN.
    """

    cosine: Float64
    legacy_norm: Float64
    candidate_norm: Float64
    max_abs_delta: Float64
    max_abs_delta_unit: Float64
    identical: NDArray[np.bool_]


def measure_rows(legacy: Matrix32, candidate: Matrix32) -> RowMeasures:
    """Measure each row of `legacy` against the same row of `candidate`.

    Args:
        legacy: float32, shape (rows, dimensions), any scale; rows may hold NaN, infinities or only zeros.
        candidate: The same, of the same shape.

    Returns:
        The measures, computed in blocks of `limits.METRIC_BLOCK_ROWS` rows; empty arrays for no rows.

    Raises:
        MetricInputError: The shapes differ, or are not two-dimensional, or have no dimensions.

    Cosine similarity is the dot product of the rows divided by the product of their norms, accumulated in float64 and
    clipped to [-1, 1] (rounding may leave it by 2e-16). Identical rows have exactly 1.

    >>> one = np.array([[3.0, 4.0]], np.float32)
    >>> measures = measure_rows(one, 2 * one)
    >>> float(measures.cosine[0]), float(measures.candidate_norm[0]), float(measures.max_abs_delta[0])
    (1.0, 10.0, 4.0)
    """
    if legacy.ndim != 2 or legacy.shape != candidate.shape or legacy.shape[1] == 0:
        msg = f"cannot compare matrices of shapes {legacy.shape} and {candidate.shape}"
        raise MetricInputError(msg, remedy="Pair only rows of one dimension.")
    rows = len(legacy)
    result = RowMeasures(
        cosine=np.empty(rows, np.float64),
        legacy_norm=np.empty(rows, np.float64),
        candidate_norm=np.empty(rows, np.float64),
        max_abs_delta=np.empty(rows, np.float64),
        max_abs_delta_unit=np.empty(rows, np.float64),
        identical=np.empty(rows, np.bool_),
    )
    for start in range(0, rows, METRIC_BLOCK_ROWS):
        _measure_block(legacy, candidate, slice(start, min(start + METRIC_BLOCK_ROWS, rows)), result)
    return result


def _measure_block(legacy: Matrix32, candidate: Matrix32, rows: slice, into: RowMeasures) -> None:
    """Fill one block of rows of `into`."""
    # A row with NaN or infinity, or of zeros, has no direction: its cosine is NaN on purpose, and counted as such later.
    # Nothing overflows: the square of the largest float32 is 1.2e77. A signalling NaN warns as soon as it is widened.
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = legacy[rows].astype(np.float64), candidate[rows].astype(np.float64)
        left_norm = np.sqrt(np.einsum("ij,ij->i", left, left))
        right_norm = np.sqrt(np.einsum("ij,ij->i", right, right))
        cosine = np.einsum("ij,ij->i", left, right) / (left_norm * right_norm)
        delta = np.abs(left - right).max(axis=1)
        into.max_abs_delta[rows] = np.where(np.isfinite(delta), delta, np.nan)
        left /= left_norm[:, None]
        right /= right_norm[:, None]
        into.max_abs_delta_unit[rows] = np.abs(left - right).max(axis=1)
    identical = (legacy[rows] == candidate[rows]).all(axis=1)
    # Rounding leaves some rows 1e-16 short of themselves, which a threshold of 1 would call a mismatch.
    into.cosine[rows] = np.where(identical & np.isfinite(cosine), 1.0, np.clip(cosine, -1.0, 1.0))
    into.legacy_norm[rows] = left_norm
    into.candidate_norm[rows] = right_norm
    into.identical[rows] = identical
