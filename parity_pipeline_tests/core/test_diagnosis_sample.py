"""Which rows a diagnosis looks at."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.diagnosis_sample import FailingRows, PickedSamples, chosen_rows, matrix_of, picked_rows
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline_tests.core.builders import fetched, samples_of


@given(st.lists(st.integers(0, 5000), unique=True, max_size=300), st.integers(1, 6000), st.integers(1, 64))
def test_the_choice_is_bounded_ascending_and_within_the_set(failing: list[int], samples: int, batch: int) -> None:
    """Never more than the limit, no row twice, none that the set does not have."""
    known = sorted(ordinal for ordinal in failing if ordinal < samples)
    chosen = chosen_rows(known, samples, batch=batch, limit=500)
    assert len(chosen) <= 500
    assert (np.diff(chosen) > 0).all()
    assert len(chosen) == 0 or (chosen[0] >= 0 and chosen[-1] < samples)


def test_a_small_set_is_looked_at_whole() -> None:
    """Nothing is left out where all fits."""
    assert chosen_rows([3], 500, batch=32, limit=500).tolist() == list(range(500))


def test_a_failing_row_brings_its_request_and_passing_rows() -> None:
    """One failing row in a large set is kept with the whole request it was sent in, and with rows far away."""
    chosen = chosen_rows([40_001], 100_000, batch=32, limit=1000)
    assert set(range(40_000, 40_032)) <= set(chosen.tolist())
    assert len(chosen) > 900
    assert chosen[0] == 0
    assert chosen[-1] == 99_999


def test_too_many_failing_rows_are_thinned_evenly() -> None:
    """A fault in the second half of a set still shows."""
    rows = FailingRows(100)
    for ordinal in range(10_000):
        rows.add(ordinal)
    assert rows.total == 10_000
    assert 50 <= len(rows.ordinals) <= 101
    assert max(np.diff(rows.ordinals)) <= 256
    assert rows.ordinals[-1] > 9_500


def test_picked_rows_keep_their_vectors_and_texts() -> None:
    """Rows out of several blocks come out in order, with what they held."""
    texts = [f"text {number}" for number in range(10)]
    samples = samples_of(texts)
    rows = fetched(samples, [[float(number)] * 3 if number != 4 else RowStatus.REFUSED for number in range(10)])
    chosen = np.array([1, 4, 9])
    picked = PickedSamples(chosen)
    picked.add(samples)
    taken = picked_rows(chosen, [rows])
    assert list(picked.block().texts) == ["text 1", "text 4", "text 9"]
    assert list(taken.ids) == list(picked.block().ids)
    assert matrix_of(taken, 3)[:, 0].tolist() == [1.0, 0.0, 9.0]
    assert picked_rows(np.array([], np.int64), [rows]).dimensions().tolist() == []


def test_a_block_is_let_go_once_its_rows_are_picked() -> None:
    """Memory holds the chosen rows and not the blocks that they came from: a row of each of them is chosen."""
    alive: list[weakref.ref[Any]] = []

    def blocks() -> Iterator[FetchedRows]:
        for start in range(0, 50, 10):
            assert sum(values() is not None for values in alive) <= 1
            values = np.ones(30, np.float32)
            alive.append(weakref.ref(values))
            offsets = np.arange(0, 33, 3, dtype=np.int32)
            columns = ([200] * 10, [None] * 10, ["r"] * 10, [1.0] * 10)
            yield FetchedRows(start, ["id"] * 10, values, offsets, [RowStatus.OK] * 10, *columns)
            del values

    taken = picked_rows(np.arange(5, 50, 10), blocks())
    assert taken.dimensions().tolist() == [3] * 5
    assert all(values() is None for values in alive)
