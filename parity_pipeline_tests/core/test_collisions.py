"""Collisions within a side and on one side only."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from parity_pipeline.core.collisions import NO_GROUP, SAME_DIRECTION, one_sided, scan
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


def test_the_limit_is_exact() -> None:
    """Every pair just within the limit is found and none just beyond it, though float32 could not order them."""
    matrix = vectors(400, 768)
    for loss, expected in ((9.999e-7, 400), (1.0001e-6, 0)):
        assert scan(np.concatenate([matrix, strayed(matrix, loss)]), ids(800)).groups == expected


def test_a_huge_group_is_one_group() -> None:
    """A collapsed side is one group, listed in a bounded way."""
    matrix = strayed(np.repeat(vectors(1), 3000, axis=0), 2e-7)
    found = scan(matrix, ids(3000))
    assert (found.groups, found.texts, found.listed[0].size) == (1, 3000, 3000)
    assert len(found.listed[0].ids) == 20


def gap(one: NDArray[np.float32], two: NDArray[np.float32]) -> float:
    """Return 1 - cosine, NaN without two vectors."""
    left, right = one.astype(np.float64), two.astype(np.float64)
    lengths = np.linalg.norm(left), np.linalg.norm(right)
    if not all(0.0 < length < np.inf for length in lengths):
        return np.nan
    return float(np.sum((left / lengths[0] - right / lengths[1]) ** 2) / 2)


def brute_force(matrix: Matrix, names: list[str]) -> list[set[int]]:
    """Return the groups of rows with one direction, from every pair in turn."""
    near = [[other for other in range(len(matrix)) if gap(row, matrix[other]) <= SAME_DIRECTION] for row in matrix]
    groups: list[set[int]] = []
    seen: set[int] = set()
    for first in range(len(matrix)):
        group: set[int] = set()
        reached = [first] if first not in seen and near[first] else []
        while reached:
            row = reached.pop()
            if row not in group:
                group.add(row)
                reached.extend(near[row])
        seen |= group
        if len({names[row] for row in group}) > 1:
            groups.append(group)
    return groups


@st.composite
def crowded(draw: st.DrawFn) -> tuple[Matrix, list[str]]:
    """Return rows near few directions, in steps around the limit, some without a vector, some of one id."""
    rows, width = draw(st.integers(0, 60)), draw(st.integers(2, 20))
    generator = np.random.default_rng(draw(st.integers(0, 2**32 - 1)))
    bases, drifts = generator.standard_normal((2, draw(st.integers(1, 8)), width))
    which = generator.integers(0, len(bases), rows)
    steps = generator.integers(0, draw(st.integers(1, 40)), rows) * draw(st.sampled_from([0.0, 2e-4, 9e-4, 1.3e-3]))
    matrix = bases[which] + steps[:, None] * drifts[which]
    matrix *= 10.0 ** generator.integers(-15, 15, (rows, 1))
    matrix[generator.random(rows) < 0.1] = draw(st.sampled_from([0.0, np.nan, np.inf]))
    return matrix.astype(np.float32), [str(name) for name in generator.integers(0, 2 * rows + 1, rows)]


@given(crowded())
def test_groups_are_those_of_every_pair_compared(case: tuple[Matrix, list[str]]) -> None:
    """The groups, their order and their texts are those that comparing every pair one by one gives."""
    matrix, names = case
    found = scan(matrix, names)
    expected = brute_force(matrix, names)
    assert [set(np.flatnonzero(found.labels == group).tolist()) for group in range(found.groups)] == expected
    assert found.texts == sum(len({names[row] for row in group}) for group in expected)
    assert (found.labels != NO_GROUP).sum() == sum(map(len, expected))


def test_a_chain_in_any_order_is_one_group() -> None:
    """Rows that are the same only through third ones share a group, in any order and however far apart they come."""
    angles = 1e-3 * np.arange(300)
    arc = np.stack([np.cos(angles), np.sin(angles)], axis=1).astype(np.float32)
    arcs = np.zeros((900, 6), np.float32)
    for chain in range(3):
        arcs[chain * 300 : (chain + 1) * 300, 2 * chain : 2 * chain + 2] = arc
    order = np.random.default_rng(3).permutation(900)
    found = scan(arcs[order], ids(900))
    assert [group.size for group in found.listed] == [300, 300, 300]
    assert all(len(set(found.labels[order // 300 == chain].tolist())) == 1 for chain in range(3))


def test_one_text_twice_is_not_a_collision() -> None:
    """Rows of one id do not collide with each other."""
    assert scan(np.ones((3, 4), np.float32), ["a", "a", "a"]).groups == 0


def test_rows_without_a_vector_collide_with_none() -> None:
    """Zeros, NaN and infinities are not vectors."""
    matrix = np.array([[0, 0], [0, 0], [np.nan, 1], [np.nan, 1], [np.inf, 1], [np.inf, 1]], np.float32)
    assert scan(matrix, ids(6)).groups == 0
    assert scan(np.empty((0, 4), np.float32), []).groups == 0


def test_only_the_other_side_makes_it_count() -> None:
    """A collision that both sides have is none; one side's alone is reported with its pairs."""
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
