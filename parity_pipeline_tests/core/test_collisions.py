"""Collisions within a side and on one side only."""

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.collisions import NO_GROUP, one_sided, scan
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import Side
from parity_pipeline_tests.fakes.replay_gateway import recorded_texts, recorded_vectors

Matrix = NDArray[np.float32]


def vectors(rows: int = 600, width: int = 48, seed: int = 0) -> Matrix:
    """Return random vectors."""
    return np.random.default_rng(seed).standard_normal((rows, width)).astype(np.float32)


def ids(rows: int) -> list[str]:
    """Return distinct ids."""
    return [str(row) for row in range(rows)]


def strayed(matrix: Matrix, loss: float) -> Matrix:
    """Return the rows with a cosine of 1 - loss to what they were."""
    noise = np.random.default_rng(8).standard_normal(matrix.shape)
    wide = matrix.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    noise -= wide * (np.sum(noise * wide, axis=1, keepdims=True) / norms**2)
    noise *= np.sqrt(2 * loss) * norms / np.linalg.norm(noise, axis=1, keepdims=True)
    return (wide + noise).astype(np.float32)


def test_equal_directions_are_found_at_any_scale() -> None:
    """Equal vectors, scaled ones and those within the limit share a group; those beyond it do not."""
    matrix = vectors()
    matrix[100:200] = matrix[:100] * 3
    matrix[300:400] = strayed(matrix[200:300], 8e-7)
    matrix[500:600] = strayed(matrix[400:500], 3e-6)
    found = scan(matrix, ids(600))
    assert (found.groups, found.texts) == (200, 400)
    assert (found.labels[:100] == found.labels[100:200]).all()
    assert (found.labels[400:] == NO_GROUP).all()


def test_a_huge_group_is_one_group() -> None:
    """A collapsed side is one group, listed in a bounded way."""
    matrix = strayed(np.repeat(vectors(1), 3000, axis=0), 2e-7)
    found = scan(matrix, ids(3000))
    assert (found.groups, found.texts, found.listed[0].size) == (1, 3000, 3000)
    assert len(found.listed[0].ids) == 20


def test_one_text_twice_is_no_collision() -> None:
    """Rows of one id do not collide with each other."""
    assert scan(np.ones((3, 4), np.float32), ["a", "a", "a"]).groups == 0


def test_rows_without_a_vector_collide_with_none() -> None:
    """Zeros, NaN and infinities are no vectors."""
    matrix = np.array([[0, 0], [0, 0], [np.nan, 1], [np.nan, 1], [np.inf, 1], [np.inf, 1]], np.float32)
    assert scan(matrix, ids(6)).groups == 0
    assert scan(np.empty((0, 4), np.float32), []).groups == 0


def test_only_the_other_side_makes_it_count() -> None:
    """A collision that both sides have is none; one side's alone is told with its pairs."""
    legacy = vectors(100)
    legacy[1] = legacy[0]
    candidate = legacy.copy()
    candidate[11:14] = candidate[10]
    own = scan(candidate, ids(100))
    found = one_sided(Side.CANDIDATE, own, legacy, ids(100))
    assert own.groups == 2
    assert (found.groups, found.pairs) == (1, 6)
    assert found.listed[0].ids == ("10", "11", "12", "13")
    assert found.listed[0].apart == 4
    assert one_sided(Side.LEGACY, scan(legacy, ids(100)), candidate, ids(100)).groups == 0


@pytest.mark.parametrize("server", ["ggml-f32", "torch-bf16"])
def test_recorded_servers(server: str) -> None:
    """Of one model without capitals case pairs collide on both sides and so count against neither, but for Hangul."""
    texts = [text for text in recorded_texts() if text.category in {"short", "onechar", "dup", "emoji", "code"}]
    names = [text.text for text in texts]
    one, two = (_matrix(name, [text.text_id for text in texts]) for name in ("torch-f32", server))
    found = scan(one, names)
    assert found.groups > 0
    assert one_sided(Side.LEGACY, found, two, names).groups == 0


def _matrix(server: str, keys: list[int]) -> Matrix:
    recorded = recorded_vectors(server)
    return np.array([vector for vector in (recorded[key] for key in keys) if vector is not None], np.float32)


def test_input_that_does_not_fit_is_refused() -> None:
    """A wrong number of ids, an odd limit or another set's scan is an error with a remedy."""
    matrix = vectors(4)
    with pytest.raises(MetricInputError):
        scan(matrix, ids(3))
    with pytest.raises(MetricInputError):
        scan(matrix, ids(4), limit=0.0)
    with pytest.raises(MetricInputError):
        one_sided(Side.LEGACY, scan(matrix, ids(4)), vectors(5), ids(5))
