"""What a side made of a request, from vectors of its own: clear cases, noise, and what cannot be said."""

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.contract import handling
from parity_pipeline.core.contract.records import Handling
from parity_pipeline.core.limits import COSINE_THRESHOLD as LIMIT

Vector = NDArray[np.float32]


def unit(seed: int, size: int = 64) -> Vector:
    """Return a random unit vector."""
    raw = np.random.default_rng(seed).standard_normal(size)
    return (raw / np.linalg.norm(raw)).astype(np.float32)


def near(vector: Vector, cosine: float) -> Vector:
    """Return a unit vector with this cosine to another one."""
    other = unit(99, len(vector)).astype(np.float64)
    base = vector.astype(np.float64)
    other -= (other @ base) * base
    other /= np.linalg.norm(other)
    return (cosine * base + np.sqrt(1 - cosine**2) * other).astype(np.float32)


A, B, C = unit(1), unit(2), unit(3)
BETWEEN = 1 - (1 - LIMIT) / 2


def test_a_vector_between_the_same_and_another_says_nothing() -> None:
    """What noise can carry over the threshold is neither called the same nor different, in every comparison."""
    odd = near(A, BETWEEN)
    assert handling.of_model(odd, A, LIMIT) is Handling.UNKNOWN
    assert handling.of_long_text(odd, A, LIMIT) is Handling.UNKNOWN
    assert handling.of_row(odd, A, LIMIT) is Handling.UNKNOWN
    assert handling.of_surrogate(odd, {Handling.AS_REPLACEMENT: A}, LIMIT) is Handling.UNKNOWN


def test_the_model_of_a_vector() -> None:
    """The vector of the requested model is recognised, and one of another dimension is another model's."""
    assert handling.of_model(A, A, LIMIT) is Handling.REQUESTED_MODEL
    assert handling.of_model(B, A, LIMIT) is Handling.OTHER_MODEL
    assert handling.of_model(unit(1, 32), A, LIMIT) is Handling.OTHER_MODEL


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([A, C, B], Handling.VECTOR),
        ([near(A, 0.99), C, near(B, 0.99)], Handling.VECTOR),
        ([A, unit(7), B], Handling.AS_EMPTY_TEXT),
        ([A, 0 * A, B], Handling.ZERO_VECTOR),
        ([A, np.nan * A, B], Handling.NOT_A_NUMBER),
        ([A, B], Handling.ROW_LEFT_OUT),
        ([B, A], Handling.NEIGHBOURS_DIFFER),
        ([C, A, B], Handling.NEIGHBOURS_DIFFER),
        ([0 * A, C, B], Handling.NEIGHBOURS_DIFFER),
    ],
)
def test_an_odd_element(rows: list[Vector], expected: Handling) -> None:
    """The row in the middle is read only where the rows beside it are those of their texts, noise in company aside."""
    assert handling.of_element(np.stack(rows), A, B, unit(7), LIMIT) is expected


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([A, B, C], Handling.ROWS_AS_ALONE),
        ([A, near(B, 0.99), C], Handling.ROWS_NEAR),
        ([B, A, C], Handling.ROWS_DIFFER),
        ([A, 0 * B, C], Handling.ROWS_DIFFER),
        ([A, np.nan * B, C], Handling.ROWS_DIFFER),
    ],
)
def test_the_rows_of_a_batch(rows: list[Vector], expected: Handling) -> None:
    """A swapped or empty row is of another text; one that strays a little is noise, which is measured elsewhere."""
    assert handling.of_batch(np.stack(rows), {0: A, 1: B, 2: C}, LIMIT) is expected
    assert handling.of_batch(np.stack(rows), {}, LIMIT) is Handling.UNKNOWN


@pytest.mark.parametrize(
    ("row", "plain", "expected"),
    [
        (A, A, Handling.IGNORED),
        (A[:32], A, Handling.HONOURED_NOT_UNIT),
        (unit(1, 32), A, Handling.HONOURED),
        (5 * A[:32], 5 * A, Handling.HONOURED),
    ],
)
def test_fewer_dimensions(row: Vector, plain: Vector, expected: Handling) -> None:
    """A cut unit vector has to have length 1 again; vectors that were never of unit length do not."""
    assert handling.of_dimensions(row, plain, 32) is expected
