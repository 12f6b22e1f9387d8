import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.decision import DecisionInputs, decide
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.measures import (
    Measure,
    Thresholds,
    grade,
    keeps_words,
    leaves_words,
    passing_text,
    values_of,
    within,
)
from parity_pipeline.core.outcomes import Outcome, Severity
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import Decision
from parity_pipeline_tests.core.builders import Row, compared

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
