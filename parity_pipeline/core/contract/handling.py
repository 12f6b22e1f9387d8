"""What a side made of an accepted request, read off its vectors: a row left out, a text cut, a model replaced.

Here belong comparisons of vectors of one side with each other; the two sides never meet here. Vectors are float32, shape
(texts, dimension), or None where there are none.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.contract.records import Handling
from parity_pipeline.core.limits import UNIT_NORM_TOLERANCE

Matrix = NDArray[np.float32]
Vector = NDArray[np.float32]


CLEAR: Final = 0.1
"""Share of the distance that a threshold allows within which two vectors are clearly the same. What lies between that and
the threshold is taken for neither: a side with a little other noise must not come out on the other end."""


def cosine(one: Vector, two: Vector) -> float:
    """Return the cosine of two vectors, in float64; NaN where one is zero or not finite, or the dimensions differ."""
    if one.shape != two.shape:
        return math.nan
    left, right = one.astype(np.float64), two.astype(np.float64)
    product = float(np.linalg.norm(left) * np.linalg.norm(right))
    return float(left @ right) / product if product > 0 else math.nan


def alike(one: Vector, two: Vector, threshold: float) -> bool:
    """Return whether two vectors have one dimension and a cosine of at least the threshold; False for NaN and zeros."""
    return cosine(one, two) >= threshold


def undecided(one: Vector, two: Vector, threshold: float) -> bool:
    """Return whether two vectors are too near to differ and too far apart to be the same."""
    return threshold <= cosine(one, two) < 1.0 - CLEAR * (1.0 - threshold)


def of_model(row: Vector, plain: Vector, threshold: float) -> Handling:
    """Return whether a vector that came for another model, or for none, is that of the model."""
    if undecided(row, plain, threshold):
        return Handling.UNKNOWN
    return Handling.REQUESTED_MODEL if alike(row, plain, threshold) else Handling.OTHER_MODEL


def of_element(rows: Matrix, before: Vector, after: Vector, empty: Vector | None, threshold: float) -> Handling:
    """Return what became of one odd element between two plain texts.

    Args:
        rows: The vectors of the response, of all three elements or of fewer.
        before: The vector of the text before it, from a request of its own.
        after: The vector of the text after it, likewise.
        empty: The vector of the empty text; None where that has none.
        threshold: Smallest cosine of the same vector.
    """
    # In company a vector may be a little other than alone, which the experiments on repeatability measure.
    beside = cosine(rows[0], before) > cosine(rows[0], after) and cosine(rows[-1], after) > cosine(rows[-1], before)
    if len(rows) == 2:
        return Handling.ROW_LEFT_OUT if beside else Handling.NEIGHBOURS_DIFFER
    if not beside:
        return Handling.NEIGHBOURS_DIFFER
    return of_row(rows[1], empty, threshold)


def of_row(row: Vector, empty: Vector | None, threshold: float) -> Handling:
    """Return what the vector of an odd element is."""
    if not np.isfinite(row).all():
        return Handling.NOT_A_NUMBER
    if not row.any():
        return Handling.ZERO_VECTOR
    if empty is not None and undecided(row, empty, threshold):
        return Handling.UNKNOWN
    if empty is not None and alike(row, empty, threshold):
        return Handling.AS_EMPTY_TEXT
    return Handling.VECTOR


def of_surrogate(row: Vector, spelt: Mapping[Handling, Vector], threshold: float) -> Handling:
    """Return which spelling without a lone surrogate has the vector that came for the text with one."""
    if any(undecided(row, vector, threshold) for vector in spelt.values()):
        return Handling.UNKNOWN
    same = (handling for handling, vector in spelt.items() if alike(row, vector, threshold))
    return next(same, Handling.VECTOR)


def of_long_text(one: Vector, other: Vector, threshold: float) -> Handling:
    """Return whether the second half of a long text counts, from two texts that differ in it."""
    if undecided(one, other, threshold):
        return Handling.UNKNOWN
    return Handling.CUT if alike(one, other, threshold) else Handling.READ_WHOLE


def of_batch(rows: Matrix, alone: Mapping[int, Vector], threshold: float) -> Handling:
    """Return whether the rows of a batch are those of the same texts alone; UNKNOWN where none was sent alone.

    A row below the threshold may be noise, such as that of other batch sizes, which the experiments on repeatability
    measure. It is of another text where that text's vector is as near as that of its own or nearer.
    """
    if not alone:
        return Handling.UNKNOWN
    if all(alike(rows[place], vector, threshold) for place, vector in alone.items()):
        return Handling.ROWS_AS_ALONE
    near = all(cosine(rows[place], vector) > _nearest_other(vector, alone) for place, vector in alone.items())
    return Handling.ROWS_NEAR if near else Handling.ROWS_DIFFER


def _nearest_other(vector: Vector, alone: Mapping[int, Vector]) -> float:
    """Return the largest cosine of a vector to those of the other texts; -1 where there is none."""
    others = [cosine(vector, other) for other in alone.values() if other is not vector]
    return max((one for one in others if not math.isnan(one)), default=-1.0)


def of_dimensions(row: Vector, plain: Vector, requested: int) -> Handling:
    """Return whether a requested dimension was honoured, and whether a unit vector still has length 1 then."""
    if len(row) != requested:
        return Handling.IGNORED
    lengths: Sequence[float] = [float(np.linalg.norm(one.astype(np.float64))) for one in (plain, row)]
    was, still = (abs(length - 1.0) <= UNIT_NORM_TOLERANCE for length in lengths)
    return Handling.HONOURED_NOT_UNIT if was and not still else Handling.HONOURED
