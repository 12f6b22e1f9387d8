import math
from fractions import Fraction
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD, METRIC_BLOCK_ROWS
from parity_pipeline.core.measures import (
    Matrix32,
    Measure,
    Thresholds,
    grade,
    keeps_words,
    leaves_words,
    measure_rows,
    passing_text,
    values_of,
    within,
)
from parity_pipeline.core.outcomes import Outcome, Severity
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Decision
from parity_pipeline.core.verdict_builder import DecisionInputs
from parity_pipeline_tests.core.builders import Row, compared, decide

TINY = float(np.finfo(np.float32).smallest_subnormal)
HUGE = float(np.finfo(np.float32).max)
COSINE_ERROR = 1e-14
"""Largest error of a cosine that these tests allow; measured: up to 2.3e-15 on rows of 768, 4.4e-15 on rows of 4096."""

matrices = hnp.arrays(
    np.float32,
    st.tuples(st.integers(1, 6), st.integers(1, 20)),
    elements=st.floats(-1e6, 1e6, width=32),
)


def exact_cosine(left: Matrix32, right: Matrix32) -> float:
    """Return the cosine of two rows by exact rational sums; only the last root and quotient are rounded."""
    x, y = [Fraction(float(one)) for one in left], [Fraction(float(one)) for one in right]
    dot = sum((a * b for a, b in zip(x, y, strict=True)), Fraction(0))
    squares = sum((a * a for a in x), Fraction(0)) * sum((b * b for b in y), Fraction(0))
    # The quotient is squared before it is rounded, so that no intermediate leaves the range of a float.
    return math.copysign(math.sqrt(dot * dot / squares), dot)


def nonzero(matrix: Matrix32) -> Matrix32:
    """Return the rows that have a direction."""
    return matrix[(matrix != 0).any(axis=1)]


@given(matrices)
def test_a_row_is_equal_to_itself(matrix: Matrix32) -> None:
    """cos(x, x) is exactly 1, so that a threshold of 1 can be met; nothing differs, and the row is identical."""
    rows = nonzero(matrix)
    measures = measure_rows(rows, rows)
    assert np.all(measures.cosine == 1.0)
    assert np.all(measures.max_abs_delta == 0.0)
    assert np.all(measures.max_abs_delta_unit == 0.0)
    assert measures.identical.all()


@given(matrices, st.sampled_from([2.0**-60, 0.25, 8.0, 2.0**60]), st.data())
def test_scale_changes_no_cosine(matrix: Matrix32, scale: float, data: st.DataObject) -> None:
    """A positive factor on one side changes the norms by that factor and the cosine not at all."""
    other = data.draw(hnp.arrays(np.float32, matrix.shape, elements=st.floats(-1e6, 1e6, width=32)))
    keep = (np.abs(matrix) > 1e-3).any(axis=1) & (np.abs(other) > 1e-3).any(axis=1)
    left, right = matrix[keep], np.where(np.abs(other[keep]) > 1e-12, other[keep], np.float32(0))
    scaled = (right * np.float32(scale)).astype(np.float32)
    plain, measures = measure_rows(left, right), measure_rows(left, scaled)
    assert np.all(np.abs(measures.cosine - plain.cosine) <= COSINE_ERROR)
    assert np.allclose(measures.candidate_norm, plain.candidate_norm * scale, rtol=1e-14, atol=0)
    assert np.all(np.abs(measures.max_abs_delta_unit - plain.max_abs_delta_unit) <= COSINE_ERROR)


@given(matrices, st.data())
def test_sides_and_signs(matrix: Matrix32, data: st.DataObject) -> None:
    """Swapping the sides swaps the norms alone, and turning one side around turns the cosine's sign around."""
    other = data.draw(hnp.arrays(np.float32, matrix.shape, elements=st.floats(-1e6, 1e6, width=32)))
    there, back, turned = measure_rows(matrix, other), measure_rows(other, matrix), measure_rows(matrix, -other)
    assert np.array_equal(there.cosine, back.cosine, equal_nan=True)
    assert np.array_equal(there.legacy_norm, back.candidate_norm)
    assert np.array_equal(there.max_abs_delta, back.max_abs_delta)
    assert np.allclose(-there.cosine, turned.cosine, rtol=0, atol=COSINE_ERROR, equal_nan=True)


@given(matrices, st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(matrix: Matrix32, random: Random) -> None:
    """Each row is measured by itself: a permutation of the rows permutes the measures."""
    other = matrix[::-1].copy()
    order = list(range(len(matrix)))
    random.shuffle(order)
    straight, shuffled = measure_rows(matrix, other), measure_rows(matrix[order], other[order])
    assert np.array_equal(straight.cosine[order], shuffled.cosine, equal_nan=True)
    assert np.array_equal(straight.max_abs_delta[order], shuffled.max_abs_delta)


def test_rows_beyond_one_block() -> None:
    """A matrix of several blocks gives what its rows give one by one."""
    random = np.random.default_rng(1)
    left, right = (random.standard_normal((2 * METRIC_BLOCK_ROWS + 3, 5)).astype(np.float32) for _ in range(2))
    whole = measure_rows(left, right)
    single = [measure_rows(left[row : row + 1], right[row : row + 1]).cosine[0] for row in range(len(left))]
    assert np.allclose(whole.cosine, single, rtol=0, atol=COSINE_ERROR)


@pytest.mark.parametrize("scale", [1.0, 13.4, 1e-30, 1e30])
@pytest.mark.parametrize("dimensions", [1, 3, 384, 768, 4096])
def test_against_exact_arithmetic(dimensions: int, scale: float) -> None:
    """The cosine of random rows is that of exact rational arithmetic within 1e-14, at any scale and dimension."""
    random = np.random.default_rng(dimensions)
    left = random.standard_normal((4, dimensions)).astype(np.float32)
    right = ((left + 0.05 * random.standard_normal((4, dimensions))) * scale).astype(np.float32)
    cosine = measure_rows(left, right).cosine
    exact = [exact_cosine(one, other) for one, other in zip(left, right, strict=True)]
    assert np.abs(cosine - exact).max() <= COSINE_ERROR


@pytest.mark.parametrize("offset", [-1e-9, -1e-11, 1e-11, 1e-9])
def test_next_to_the_threshold(offset: float) -> None:
    """A cosine that misses or clears the threshold by as little as 1e-11 is distinguished from the threshold."""
    cosine = COSINE_THRESHOLD + offset
    random = np.random.default_rng(7)
    left = random.standard_normal(768)
    left /= np.sqrt(left @ left)
    across = random.standard_normal(768)
    across -= (across @ left) * left
    across /= np.sqrt(across @ across)
    wanted = (cosine * left + math.sqrt(1 - cosine**2) * across).astype(np.float32)
    row = left.astype(np.float32)
    exact = exact_cosine(row, wanted)
    measured = float(measure_rows(row[None], wanted[None]).cosine[0])
    assert abs(measured - exact) <= COSINE_ERROR
    # Storing as float32 moves the true value by far less than the offsets of 1e-9, which must be graded as meant.
    if abs(offset) >= 1e-9:
        assert (measured >= COSINE_THRESHOLD) == (offset > 0)
    assert (measured >= COSINE_THRESHOLD) == (exact >= COSINE_THRESHOLD)


def test_cancelling_rows() -> None:
    """Terms that cancel leave an error near 1e-16 of the product of the norms, as float32 sums would not."""
    left = np.array([[1e4, 1.0, -1e4, 1e-3]], np.float32)
    right = np.array([[1e4, 1e-3, 1e4, 1.0]], np.float32)
    assert abs(float(measure_rows(left, right).cosine[0]) - exact_cosine(left[0], right[0])) <= 1e-15


@pytest.mark.parametrize("value", [TINY, 1e-38, 1e19, HUGE])
def test_extreme_scales_neither_overflow_nor_vanish(value: float) -> None:
    """Squares of the smallest and largest float32 numbers stay in range: norms are right and the cosine is 1."""
    row = np.full((1, 4096), value, np.float32)
    measures = measure_rows(row, row)
    assert measures.cosine[0] == pytest.approx(1.0, abs=COSINE_ERROR)
    assert measures.legacy_norm[0] == pytest.approx(64.0 * float(row[0, 0]), rel=1e-13)
    assert measure_rows(row, -row).max_abs_delta[0] == 2.0 * float(row[0, 0])


def test_largest_against_smallest() -> None:
    """One side at the top of float32 and the other at its bottom still have their cosine."""
    left, right = np.full((1, 8), HUGE, np.float32), np.full((1, 8), TINY, np.float32)
    assert measure_rows(left, right).cosine[0] == pytest.approx(1.0, abs=COSINE_ERROR)


@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("side", [0, 1])
def test_rows_that_are_not_finite(bad: float, side: int) -> None:
    """A row with NaN or infinity has no cosine, no delta and no finite norm, and does not touch its neighbours."""
    pair = [np.ones((3, 4), np.float32), np.ones((3, 4), np.float32)]
    pair[side][1, 2] = bad
    measures = measure_rows(pair[0], pair[1])
    for values in (measures.cosine, measures.max_abs_delta, measures.max_abs_delta_unit):
        assert np.isnan(values).tolist() == [False, True, False]
    norms = (measures.legacy_norm, measures.candidate_norm)[side]
    assert np.isfinite(norms).tolist() == [True, False, True]
    assert measures.identical.tolist() == [True, False, True]


def test_signalling_nan_is_a_nan() -> None:
    """A signalling NaN, as raw bytes may hold, is measured as a NaN without a warning."""
    row = np.array([[0x7FA00000, 0x3F800000]], np.uint32).view(np.float32)
    assert np.isnan(measure_rows(row, row).cosine[0])


def test_zero_rows() -> None:
    """A zero row has norm 0 and no cosine, on one side or on both; negative zeros are zeros."""
    zero, one = np.zeros((1, 3), np.float32), np.ones((1, 3), np.float32)
    for left, right in ((zero, one), (one, zero), (zero, zero), (-zero, zero)):
        measures = measure_rows(left, right)
        assert np.isnan(measures.cosine[0])
        assert np.isnan(measures.max_abs_delta_unit[0])
        assert min(measures.legacy_norm[0], measures.candidate_norm[0]) == 0.0
    assert measure_rows(zero, -zero).identical[0]


def test_no_rows() -> None:
    """No rows give empty measures."""
    assert measure_rows(np.empty((0, 4), np.float32), np.empty((0, 4), np.float32)).cosine.shape == (0,)


@pytest.mark.parametrize(("left", "right"), [((2, 3), (2, 4)), ((2, 3), (3, 3)), ((3,), (3,)), ((2, 0), (2, 0))])
def test_shapes_that_cannot_be_paired(left: tuple[int, ...], right: tuple[int, ...]) -> None:
    """Matrices of different or degenerate shapes are an error and never broadcast."""
    with pytest.raises(MetricInputError, match="cannot compare"):
        measure_rows(np.ones(left, np.float32), np.ones(right, np.float32))


def test_input_is_left_alone() -> None:
    """Measuring writes nothing into its input, also where it is a read-only view."""
    row = np.ones((2, 3), np.float32)
    row.setflags(write=False)
    assert measure_rows(row, row).cosine.tolist() == [pytest.approx(1.0)] * 2


ONE: Row = [1.0, 0.0]
DOUBLE: Row = [2.0, 0.0]
NEAR: Row = [0.8, 0.6]


@pytest.mark.parametrize(
    ("change", "fails"),
    [
        ({}, False),
        ({"norm_ratio": 1.5}, False),
        ({"warn_only": ()}, True),
        ({"warn_only": (), "norm_ratio": 1.0}, False),
        ({"max_abs_delta": 1.0}, False),
        ({"max_abs_delta": 0.99}, True),
        ({"max_abs_delta": 0.99, "warn_only": (Measure.MAX_ABS_DELTA, Measure.NORM_RATIO)}, False),
        ({"max_abs_delta_relative": 1.0}, False),
        ({"max_abs_delta_relative": 0.99}, True),
        ({"max_abs_delta_unit": 0.1}, False),
    ],
)
def test_each_measure_has_its_own_limit(change: dict[str, object], fails: bool) -> None:
    """A vector of twice the length fails exactly by the measures that see length and have a limit that fails."""
    thresholds = Thresholds(**change)  # pyright: ignore[reportArgumentType] - the parameters name fields
    rows = grade(compared([(ONE, DOUBLE)]), thresholds)
    assert (rows.outcomes[0] is Outcome.MISMATCH) == fails


def test_the_relative_difference_has_no_scale() -> None:
    """The relative difference is the same for both sides a hundred times as long; the absolute one is not."""
    small, large = compared([(ONE, NEAR)]), compared([([100.0, 0.0], [80.0, 60.0])])
    relative, absolute = Measure.MAX_ABS_DELTA_RELATIVE, Measure.MAX_ABS_DELTA
    assert math.isclose(values_of(relative, small)[0], values_of(relative, large)[0], rel_tol=1e-6)
    assert math.isclose(100 * values_of(absolute, small)[0], values_of(absolute, large)[0], rel_tol=1e-6)
    assert values_of(Measure.NORM_RATIO, compared([(DOUBLE, ONE)])).tolist() == [0.5]


@pytest.mark.parametrize("measure", Measure)
def test_nan_stays_within_no_limit(measure: Measure) -> None:
    """NaN is not within a limit, and nothing is within a limit that is NaN."""
    assert not within(measure, np.array([math.nan]), 0.5)[0]
    assert not within(measure, np.array([0.5]), math.nan)[0]
    assert within(measure, np.array([0.5]), 0.5)[0]


def test_limits_that_can_only_warn_are_refused() -> None:
    """Thresholds under which nothing could fail are an error; another measure may take the cosine's place."""
    with pytest.raises(MetricInputError, match="no measure fails"):
        Thresholds(warn_only=(Measure.COSINE, Measure.NORM_RATIO))
    other = Thresholds(warn_only=(Measure.COSINE, Measure.NORM_RATIO), max_abs_delta_unit=0.1)
    assert other.severity(Measure.COSINE) is Severity.WARN
    assert grade(compared([(ONE, NEAR)]), other).outcomes == [Outcome.MISMATCH]


def test_a_cosine_that_only_warns_fails_no_sample() -> None:
    """A cosine below its limit is reported and fails nothing where another measure decides."""
    lenient = Thresholds(warn_only=(Measure.COSINE, Measure.NORM_RATIO), max_abs_delta_unit=1.0)
    tally = Tally(lenient)
    tally.add(compared([(ONE, NEAR)]))
    decision, reasons = decide(tally, DecisionInputs(expected=1))
    assert (decision, tally.measures[Measure.COSINE].off) == (Decision.PASS, 1)
    assert "normalised vectors at most 1" in reasons[0]
    assert "≥" not in reasons[0]


def test_the_defaults_are_those_of_the_first_cut_over() -> None:
    """Without settings the cosine fails and the norm ratio warns, and no other measure is judged."""
    plain = Thresholds()
    assert set(plain.limits()) == {Measure.COSINE, Measure.NORM_RATIO}
    assert plain.cosine == COSINE_THRESHOLD
    assert [plain.severity(one) for one in plain.limits()] == [Severity.FAIL, Severity.WARN]


def test_grading_asks_every_measure_that_fails_a_sample() -> None:
    """The same rows are graded by the thresholds at hand, and what was compared is left as it was."""
    rows = compared([(ONE, DOUBLE), (ONE, ONE)])
    assert grade(rows, Thresholds(max_abs_delta=0.5)).outcomes == [Outcome.MISMATCH, Outcome.MATCH]
    assert grade(rows, Thresholds()).outcomes == [Outcome.MATCH, Outcome.MATCH]
    assert grade(grade(rows, Thresholds()), Thresholds(max_abs_delta=0.5)).outcomes[0] is Outcome.MISMATCH
    assert rows.outcomes == [Outcome.COMPARED, Outcome.COMPARED]


def test_each_measure_gives_its_own_reason() -> None:
    """A FAIL names, a measure, how many samples leave its limit and the worst of them."""
    strict = Thresholds(warn_only=(), max_abs_delta_unit=0.5)
    tally = Tally(strict)
    tally.add(compared([(ONE, ONE), (ONE, DOUBLE), (ONE, [0.0, 1.0])]))
    decision, reasons = decide(tally, DecisionInputs(expected=3))
    assert decision is Decision.FAIL
    assert reasons == (
        "1/3 compared samples < 0.9990, the worst 0.000000",
        "1/3 compared samples have a norm ratio off 1 by more than 0.001, the worst 1",
        "1/3 compared samples have a largest difference of the normalised vectors above 0.5, the worst 1",
    )


@given(st.floats(1e-9, 1e9))
def test_a_printed_passing_limit_lets_the_value_pass(value: float) -> None:
    """The limit that is named as passing is one: rounded away from the value, never towards it."""
    assert value <= float(passing_text(Measure.NORM_RATIO, value)) <= value * 1.00002


@given(st.floats(0.01, 1.0))
def test_a_printed_passing_cosine_lets_the_value_pass(value: float) -> None:
    """The same of a cosine, where a limit passes from above."""
    assert value - 2e-6 <= float(passing_text(Measure.COSINE, value)) <= value


@pytest.mark.parametrize("measure", Measure)
def test_every_measure_has_words(measure: Measure) -> None:
    """No measure is left out of the reasons."""
    assert "0.5" in leaves_words(measure, 0.5, 0.25)
    assert "the worst 0.25" in leaves_words(measure, 0.5, 0.25)
    assert "0.5" in keeps_words(measure, 0.5)
