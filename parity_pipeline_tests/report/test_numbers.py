"""Numbers print what was measured, and a failing cosine never prints as a passing one."""

import math
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.number_format import cosine_text, limit_text, passing_limit_text
from parity_pipeline.report import numbers

_COSINES = st.floats(min_value=-1.0, max_value=1.0)
_LIMITS = st.floats(min_value=0.5, max_value=1.0) | st.sampled_from([0.999, 0.9990005, 0.99995, 1.0])


@settings(deadline=None)
@given(_COSINES, _LIMITS)
def test_a_printed_cosine_is_on_the_side_of_its_limit(value: float, limit: float) -> None:
    """Whoever compares the two printed numbers comes to the outcome of the row."""
    assert (Decimal(cosine_text(value, limit)) >= Decimal(limit_text(limit))) == (value >= limit)


@pytest.mark.parametrize("limit", [0.999, 0.99, 0.5, 1.0, 0.9990005])
def test_the_nearest_float_below_a_limit_prints_below_it(limit: float) -> None:
    """One unit in the last place decides, in print too."""
    assert Decimal(cosine_text(math.nextafter(limit, 0), limit)) < Decimal(limit_text(limit))
    assert Decimal(cosine_text(limit, limit)) >= Decimal(limit_text(limit))


@settings(deadline=None)
@given(_COSINES)
def test_a_cosine_is_never_rounded_up(value: float) -> None:
    """No printed cosine claims more than was measured, but for what storing float32 loses at 1."""
    assert Decimal(cosine_text(value)) <= Decimal(repr(value)) + Decimal("1e-12")
    assert Decimal(passing_limit_text(value)) <= Decimal(repr(value))


@settings(deadline=None)
@given(
    _COSINES | st.floats(min_value=1 - 1e-11, max_value=1.0),
    _LIMITS | st.sampled_from([0.99999995, 1 - 1e-13]),
)
def test_a_printed_cosine_agrees_with_the_limit_that_would_pass(value: float, limit: float) -> None:
    """Beside each other the two never contradict: the limit is what the cosine reaches, but for storage at 1."""
    worst, passing = Decimal(cosine_text(value, limit)), Decimal(passing_limit_text(value, limit))
    assert passing <= Decimal(repr(value))
    assert passing <= worst <= passing + Decimal("1e-12")
    assert (passing >= Decimal(repr(limit))) == (value >= limit)


@pytest.mark.parametrize(
    ("value", "limit", "worst", "passing"),
    [
        (0.9812345678, 0.999, "0.981234", "0.981234"),
        (1.0, 0.999, "1.000000", "1.000000"),
        (1 - 1e-15, 0.999, "1.000000", "0.999999999999"),
        (1 - 1e-15, 1.0, "0.999999", "0.999999"),
        (0.99999997, 0.99999995, "0.99999997", "0.99999997"),
    ],
)
def test_the_limit_that_would_pass_has_the_decimals_of_its_cosine(
    value: float, limit: float, worst: str, passing: str
) -> None:
    """It has as many decimals as the cosine beside it, or twelve where that one prints as 1 and is just below it."""
    assert (cosine_text(value, limit), passing_limit_text(value, limit)) == (worst, passing)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (1.0, "1.000000"),
        (1.0000000000000002, "1.000000"),
        (1 - 1e-15, "1.000000"),
        (1 - 1e-9, "0.999999"),
        (0.9989999999, "0.998999"),
        (0.999, "0.999000"),
        (0.0, "0.000000"),
        (-0.0, "0.000000"),
        (-0.0000001, "-0.000001"),
        (-1.0, "-1.000000"),
        (None, "—"),
    ],
)
def test_cosines_print_in_six_decimals(value: float | None, text: str) -> None:
    """Six decimals, rounded down; 1.000000 means equal but for storage; nothing measured is a dash."""
    assert numbers.cosine(value) == text


@pytest.mark.parametrize(("value", "text"), [(0.999, "0.9990"), (1.0, "1.0000"), (0.99995, "0.99995"), (None, "—")])
def test_limits_print_in_full(value: float | None, text: str) -> None:
    """A limit is never rounded to another limit."""
    assert numbers.limit(value) == text


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (13.441846, "13.441846"),
        (0.0, "0.000000"),
        (-0.0, "0.000000"),
        (3.1e-9, "3.1e-09"),
        (2e12, "2.000000e+12"),
        (None, "—"),
    ],
)
def test_measures_print_in_six_decimals(value: float | None, text: str) -> None:
    """A norm or a delta that is not 0 never prints as 0."""
    assert numbers.measure(value) == text


def test_counts_have_separators_and_nouns_agree() -> None:
    """Large counts can be read, and one thing is not several."""
    assert numbers.count(1234567) == "1,234,567"
    assert numbers.count(None) == "—"
    assert (numbers.things(1, "sample"), numbers.things(0, "sample")) == ("1 sample", "0 samples")
