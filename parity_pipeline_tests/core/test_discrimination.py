"""The background of different texts: what is measured, and when a wrong row would have passed."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.compare import compare
from parity_pipeline.core.discrimination import (
    ROWS,
    Background,
    BackgroundSample,
    background_words,
    discrimination_reason,
)
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, RowStatus
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs
from parity_pipeline_tests.core.builders import Row, compared, decide, fetched, samples_of

LIMIT = 0.999
Vectors = NDArray[np.float32]


def background_of(legacy: Sequence[Row], candidate: Sequence[Row], *, block: int = 1000) -> Background:
    """Return the background of rows that come in blocks."""
    taken = BackgroundSample(len(legacy))
    for start in range(0, len(legacy), block):
        part = samples_of([f"text {start + place}" for place in range(len(legacy[start : start + block]))], start)
        sides = [fetched(part, side[start : start + block]) for side in (legacy, candidate)]
        taken.add(compare(part, *sides), *sides)
    return taken.background(LIMIT)


def vectors(count: int, *, shared: float = 0.0, seed: int = 1) -> Vectors:
    """Return vectors of different texts whose cosine to each other is about `shared`."""
    generator = np.random.default_rng(seed)
    own = generator.standard_normal((count, 256))
    own /= np.linalg.norm(own, axis=1, keepdims=True)
    own *= np.sqrt(1 - shared)
    own[:, 0] += np.sqrt(shared)
    return own.astype(np.float32)


def test_the_background_is_that_of_different_texts_across_the_sides() -> None:
    """Row i of the legacy side stands against row j of the candidate, never against its own."""
    legacy, candidate = [[1.0, 0.0], [0.0, 2.0], [3.0, 0.0]], [[1.0, 0.0], [0.0, 1.0], [0.6, 0.8]]
    found = background_of(legacy, candidate)
    expected = sorted([0.0, 0.6, 0.0, 0.8, 1.0, 0.0])
    assert found.pairs == 6
    assert found.median == pytest.approx(np.median(expected))
    assert found.p95 == pytest.approx(np.quantile(expected, 0.95))
    assert found.maximum == pytest.approx(1.0)
    assert found.share_at_threshold == pytest.approx(1 / 6)


def test_a_large_set_is_sampled_evenly_whatever_its_blocks_are() -> None:
    """No more than 256 rows are kept, and blocks of another size give the same numbers."""
    rows = list(vectors(1500))
    whole = background_of(rows, rows)
    assert whole.pairs == ROWS * (ROWS - 1)
    assert background_of(rows, rows, block=7) == whole


@pytest.mark.parametrize("rows", [[], [[1.0, 0.0]], [[1.0, 0.0], RowStatus.REFUSED]])
def test_fewer_than_two_compared_rows_measure_nothing_and_say_so(rows: list[Row]) -> None:
    """A single text has no other one beside it: no reason against a pass, and a sentence that says so."""
    found = background_of(rows, rows)
    assert (found.pairs, found.median) == (0, None)
    assert discrimination_reason(found, LIMIT) == ""
    assert background_words(found) == "Different texts: not measured, as fewer than two samples were compared."
    assert background_words(None) == ""


@pytest.mark.parametrize("count", [2, 5, 300])
def test_one_vector_for_every_text_proves_nothing(count: int) -> None:
    """A side that returns one vector for distinct texts agrees with any other such side."""
    rows = [[1.0, 2.0]] * count
    assert discrimination_reason(background_of(rows, rows), LIMIT).startswith("a wrong row would have passed")


def test_a_model_whose_texts_are_all_alike_proves_nothing() -> None:
    """A median cosine of 0.9995 between different texts lies above the threshold."""
    rows = list(vectors(200, shared=0.9995))
    reason = discrimination_reason(background_of(rows, rows), LIMIT)
    assert reason.startswith("a wrong row would have passed: different texts have a median cosine of 0.999")
    assert "100 % of their pairs reach 0.9990" in reason


def test_an_uncased_model_on_hazards_is_not_flagged() -> None:
    """A percent of the pairs share a vector, since each text stands there in two spellings or three."""
    rows = vectors(99)
    rows[33:66], rows[66:] = rows[:33], rows[:33]
    found = background_of(list(rows), list(rows))
    assert 0.01 < found.share_at_threshold < 0.05
    assert discrimination_reason(found, LIMIT) == ""


def test_one_colliding_pair_among_five_texts_is_a_collision_and_no_property_of_the_model() -> None:
    """Two of 20 ordered pairs are 10 %, and they are one pair of texts."""
    rows = vectors(5)
    rows[1] = rows[0]
    found = background_of(list(rows), list(rows))
    assert found.share_at_threshold == pytest.approx(0.1)
    assert discrimination_reason(found, LIMIT) == ""


def test_another_threshold_than_was_counted_at_is_judged_by_the_95_percent_point() -> None:
    """The stored share is of one threshold; a verdict under another one still sees that different texts reach it."""
    rows = list(vectors(200, shared=0.8))
    found = background_of(rows, rows)
    assert discrimination_reason(found, LIMIT) == ""
    assert discrimination_reason(found, 0.7) != ""


def test_the_verdict_is_inconclusive_where_a_wrong_row_would_have_passed() -> None:
    """Five matches of one vector do not pass."""
    pairs: list[tuple[Row, Row]] = [([1.0, 2.0], [1.0, 2.0])] * 5
    tally = Tally(Thresholds())
    tally.add(compared(pairs))
    rows = [pair[0] for pair in pairs]
    decision, reasons = decide(tally, DecisionInputs(expected=5, background=background_of(rows, rows)))
    assert decision is Decision.INCONCLUSIVE
    assert reasons[0].startswith("a wrong row would have passed")
