import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.compare import compare
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import Thresholds, grade
from parity_pipeline.core.outcomes import Outcome, RowStatus
from parity_pipeline.core.tally import Tally
from parity_pipeline_tests.core.builders import Row, compared, fetched, samples_of

ONE: Row = [1.0, 0.0]
OTHER: Row = [0.0, 1.0]
NAN: Row = [math.nan, 1.0]
INF: Row = [math.inf, 1.0]
ZERO: Row = [0.0, 0.0]
LONG: Row = [1.0, 0.0, 0.0]
REFUSED, FAILED, MALFORMED = RowStatus.REFUSED, RowStatus.FAILED, RowStatus.MALFORMED
ANY: tuple[Row, ...] = (ONE, OTHER, NAN, INF, ZERO, LONG, REFUSED, FAILED, MALFORMED)


@pytest.mark.parametrize(
    ("legacy", "candidate", "outcome", "side"),
    [
        (ONE, ONE, Outcome.COMPARED, None),
        (ONE, [13.0, 0.0], Outcome.COMPARED, None),
        (ONE, OTHER, Outcome.COMPARED, None),
        (ONE, [-1.0, 0.0], Outcome.COMPARED, None),
        (ONE, LONG, Outcome.DIMENSION_MISMATCH, "both"),
        (NAN, LONG, Outcome.DIMENSION_MISMATCH, "both"),
        (ONE, NAN, Outcome.NON_FINITE, "candidate"),
        (INF, ONE, Outcome.NON_FINITE, "legacy"),
        (INF, INF, Outcome.NON_FINITE, "both"),
        (NAN, ZERO, Outcome.NON_FINITE, "legacy"),
        (ONE, ZERO, Outcome.ZERO_NORM, "candidate"),
        (ZERO, ONE, Outcome.ZERO_NORM, "legacy"),
        (ZERO, ZERO, Outcome.ZERO_NORM, "both"),
        (REFUSED, ONE, Outcome.REFUSED_BY_LEGACY, "legacy"),
        (ONE, REFUSED, Outcome.REFUSED_BY_CANDIDATE, "candidate"),
        (REFUSED, REFUSED, Outcome.REFUSED_BY_BOTH, "both"),
        (NAN, REFUSED, Outcome.REFUSED_BY_CANDIDATE, "candidate"),
        (ONE, FAILED, Outcome.MISSING, "candidate"),
        (MALFORMED, ONE, Outcome.MISSING, "legacy"),
        (FAILED, MALFORMED, Outcome.MISSING, "both"),
        (REFUSED, FAILED, Outcome.MISSING, "candidate"),
        ([], ONE, Outcome.MISSING, "legacy"),
        ([], [], Outcome.MISSING, "both"),
        (ONE, [], Outcome.MISSING, "candidate"),
    ],
)
def test_outcome_of_each_pair(legacy: Row, candidate: Row, outcome: Outcome, side: str | None) -> None:
    """Each pair of rows has the one outcome that it proves, and names the side that it is about."""
    rows = compared([(legacy, candidate)])
    assert (rows.outcomes[0], rows.sides[0]) == (outcome, side)


def test_a_row_does_not_touch_its_neighbours() -> None:
    """Every pair keeps its outcome and measures between all other pairs, of whatever kind and dimension."""
    pairs = list(itertools.product(ANY, ANY))
    together = compared(pairs)
    for place, pair in enumerate(pairs):
        alone = compared([pair])
        assert together.outcomes[place] is alone.outcomes[0]
        assert together.sides[place] == alone.sides[0]
        for name in ("cosine", "legacy_norm", "candidate_norm", "max_abs_delta", "max_abs_delta_unit", "norm_ratio"):
            assert np.array_equal(getattr(together, name)[place], getattr(alone, name)[0], equal_nan=True), (name, pair)


@given(st.lists(st.tuples(st.sampled_from(ANY), st.sampled_from(ANY)), max_size=30))
def test_counts_always_add_up(pairs: list[tuple[Row, Row]]) -> None:
    """Samples in are samples out: each has one outcome, a cosine if and only if it was compared, and is counted."""
    rows = compared(pairs)
    tally = Tally(Thresholds())
    tally.add(rows)
    assert len(rows) == len(rows.outcomes) == tally.samples == len(pairs)
    measured = [outcome is Outcome.COMPARED for outcome in rows.outcomes]
    assert np.isfinite(rows.cosine).tolist() == measured
    assert tally.compared == sum(measured)
    assert sum(counter.total() for counter in tally.by_category.values()) == len(pairs)


@given(st.lists(st.tuples(st.sampled_from(ANY), st.sampled_from(ANY)), min_size=1, max_size=20), st.data())
def test_order_changes_nothing(pairs: list[tuple[Row, Row]], data: st.DataObject) -> None:
    """A permutation of the samples permutes their outcomes."""
    order = data.draw(st.permutations(range(len(pairs))))
    straight, shuffled = compared(pairs), compared([pairs[place] for place in order])
    assert [straight.outcomes[place] for place in order] == list(shuffled.outcomes)


@pytest.mark.parametrize("limit", [0.5, math.nextafter(1.0, 0.0), 1.0])
def test_identical_vectors_match_at_any_threshold(limit: float) -> None:
    """Equal vectors match even where the threshold is 1."""
    rows = [list(np.random.default_rng(seed).standard_normal(7)) for seed in range(50)]
    outcomes = grade(compared([(row, row) for row in rows]), Thresholds(cosine=limit)).outcomes
    assert set(outcomes) == {Outcome.MATCH}


def test_a_threshold_that_is_nan_matches_nothing() -> None:
    """A NaN threshold fails closed."""
    assert grade(compared([(ONE, ONE)]), Thresholds(cosine=math.nan)).outcomes == [Outcome.MISMATCH]


def test_vectors_without_a_partner_have_norms() -> None:
    """A reader of a refusal or of a dimension mismatch still sees the norms that came."""
    rows = compared([(REFUSED, [3.0, 4.0]), ([3.0, 4.0], LONG)])
    assert math.isnan(rows.legacy_norm[0])
    assert rows.candidate_norm.tolist() == [5.0, 1.0]
    assert rows.legacy_norm[1] == 5.0
    assert np.isnan(rows.norm_ratio[0])


def test_numbers_of_a_row_that_is_not_ok_prove_nothing() -> None:
    """A vector beside a status other than OK is not measured, so that no mean can take it in."""
    block = samples_of(["a"])
    good = fetched(block, [ONE])
    odd = FetchedRows(
        start=0,
        ids=block.ids,
        values=good.values,
        offsets=good.offsets,
        status=[MALFORMED],
        http_status=[200],
        errors=["short"],
        request_ids=[None],
        latency_ms=[None],
    )
    rows = compare(block, good, odd)
    assert rows.outcomes == [Outcome.MISSING]
    assert math.isnan(rows.cosine[0])
    assert rows.candidate_dimension[0] == 0


def test_what_a_report_shows_is_kept() -> None:
    """Head, category, dimensions and each side's own words stay with the sample."""
    text = "x" * 39 + "é" + "tail"
    block = samples_of([text], start=7, categories=["long"])
    rows = compare(block, fetched(block, [ONE]), fetched(block, [REFUSED]))
    assert rows.start == 7
    assert rows.heads == ["x" * 39 + "é"]
    assert rows.categories == ["long"]
    assert (rows.legacy_dimension[0], rows.candidate_dimension[0]) == (2, 0)
    assert rows.legacy_errors == [None]
    assert rows.candidate_errors == ["refused: said so"]


def test_element_differences() -> None:
    """The raw difference sees the scale, the one after normalising does not."""
    rows = compared([([3.0, 4.0], [6.0, 8.0])])
    assert rows.max_abs_delta[0] == 4.0
    assert rows.max_abs_delta_unit[0] == pytest.approx(0.0, abs=1e-15)
    assert rows.norm_ratio[0] == 2.0


@pytest.mark.parametrize("wrong", ["legacy", "candidate"])
@pytest.mark.parametrize("how", ["other ids", "permuted ids", "other start", "fewer rows"])
def test_rows_of_other_samples_are_refused(wrong: str, how: str) -> None:
    """Rows that are not these samples in this order are an error that names the side, never a comparison."""
    block = samples_of(["a", "b"])
    rows = fetched(block, [ONE, OTHER])
    other = {
        "other ids": samples_of(["a", "c"]),
        "permuted ids": samples_of(["b", "a"]),
        "other start": samples_of(["a", "b"], start=2),
        "fewer rows": samples_of(["a"]),
    }[how]
    strange = fetched(other, [ONE, OTHER][: len(other)])
    pair = (strange, rows) if wrong == "legacy" else (rows, strange)
    with pytest.raises(MetricInputError, match=wrong):
        compare(block, pair[0], pair[1])


def test_no_samples() -> None:
    """An empty block compares to an empty block."""
    assert len(compared([])) == 0


def test_how_often_a_text_was_drawn_comes_along() -> None:
    """Compared rows keep how often each text was drawn; a block that does not say counts as picked."""
    assert compared([(ONE, ONE)] * 2, drawn=[3, 0]).drawn.tolist() == [3, 0]
    assert compared([(ONE, ONE)] * 2).drawn.tolist() == [0, 0]
