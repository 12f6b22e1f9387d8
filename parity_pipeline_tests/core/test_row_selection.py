"""Which rows a diagnosis looks at, and which ones are requested again."""

import weakref
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.row_selection import (
    FAILING,
    REQUESTS,
    FailingRows,
    PickedSamples,
    choose_repeats,
    chosen_rows,
    matrix_of,
    picked_rows,
    whole_requests,
)
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


def test_a_row_is_repeated_in_its_request_with_those_in_flight_beside_it() -> None:
    """A lone request gets the company it had; several keep each other company."""
    assert whole_requests([33], 200, batch=32, in_flight=1).tolist() == [*range(32, 64)]
    assert whole_requests([33], 200, batch=32, in_flight=3).tolist() == [*range(96)]
    assert whole_requests([199], 200, batch=32, in_flight=2).tolist() == [*range(160, 200)]
    assert whole_requests([0, 64, 199], 200, batch=32, in_flight=3).tolist() == [
        *range(32),
        *range(64, 96),
        *range(192, 200),
    ]
    assert whole_requests([1], 3, batch=32, in_flight=4).tolist() == [0, 1, 2]


@pytest.mark.parametrize("batch", [1, 4, 32, 500])
@pytest.mark.parametrize("fail", [1, 5, 40, 500])
def test_the_choice_is_bounded_and_repeatable(batch: int, fail: int) -> None:
    """At most 32 failing rows in a bounded number of requests, the same for the same seed, none of them passing."""
    failing = [*range(0, 500, 500 // fail)][:fail]
    plan = choose_repeats(failing, failing, 500, batch=batch, seed="a")
    assert plan == choose_repeats(failing, failing, 500, batch=batch, seed="a")
    assert {*plan.failing} <= {*failing}
    assert not {*plan.passing} & {*failing}
    assert 1 <= len(plan.failing) <= FAILING
    assert len({row // batch for row in plan.rows}) <= max(REQUESTS, 2 * FAILING // batch)
    if fail < 500:
        assert len(plan.passing) >= min(len(plan.failing), FAILING) - 1


def test_another_seed_chooses_other_rows() -> None:
    """The choice among many failing rows is random, so that no kind of row is left out each time."""
    rows = range(500)
    assert choose_repeats(rows, rows, 500, batch=32, seed="a") != choose_repeats(rows, rows, 500, batch=32, seed="b")
