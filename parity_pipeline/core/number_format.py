"""The printed form of the numbers that a verdict depends on, which reasons, reports and terminals must not round differently.

Here belong cosines and limits, and shares in per cent. Every other number format belongs to `report.numbers`.
"""

from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from functools import lru_cache
from typing import Final

_DECIMALS: Final = 6
_LIMIT_DECIMALS: Final = 4
_SHARE_DIGITS: Final = 3
_STORAGE_DECIMALS: Final = 12
_STORAGE_LOSS: Final = Decimal(1).scaleb(-_STORAGE_DECIMALS)
"""1 - cosine that float32 storage and float64 sums can cause by themselves: about 1e-14, with room."""
_NEAR_ONE: Final = 0.9
"""Below it nothing has to be compared exactly to know that a cosine is not 1."""


def cosine_text(value: float, limit: float | None = None) -> str:
    """Return a cosine in six decimals, rounded down, so that no printed value claims more than was measured.

    A limit with more decimals gets as many: a value below its limit prints below it, and one at or above it does not.
    Only a value that is 1 but for what storing it lost (1e-12), and that reaches its limit, prints as 1.000000.

    >>> cosine_text(0.99899999), cosine_text(0.9999999), cosine_text(1 - 1e-15)
    ('0.998999', '0.999999', '1.000000')
    """
    exact = Decimal(1) if _prints_as_one(value, limit) else exact_decimal(value)
    return floored(exact, _cosine_decimals(limit))


def limit_text(value: float) -> str:
    """Return a limit in four decimals, or in as many as it was set with.

    >>> limit_text(0.999), limit_text(0.99995)
    ('0.9990', '0.99995')
    """
    exact = exact_decimal(value)
    return f"{exact:.{max(_LIMIT_DECIMALS, _decimals(exact))}f}"


def passing_limit_text(worst: float, limit: float | None = None) -> str:
    """Return the largest limit that a set with this smallest cosine would reach, in the decimals of `cosine_text`.

    A cosine just below 1 that `cosine_text` prints as 1.000000 would not reach a limit of 1; its limit gets twelve
    decimals, so that the two do not seem to differ by a millionth.

    >>> passing_limit_text(0.98123456789), passing_limit_text(1.0), passing_limit_text(1 - 1e-15)
    ('0.981234', '1.000000', '0.999999999999')
    """
    decimals = _cosine_decimals(limit)
    return floored(exact_decimal(worst), max(decimals, _STORAGE_DECIMALS) if _prints_as_one(worst, limit) else decimals)


def floored(value: Decimal, decimals: int) -> str:
    """Return a number rounded towards minus infinity; never `-0`."""
    return f"{value.quantize(Decimal(1).scaleb(-decimals), rounding=ROUND_FLOOR) + 0:f}"


def ceiled(value: Decimal, digits: int) -> Decimal:
    """Return a number in so many significant digits, rounded up; 0, infinities and NaN as they are."""
    if not (value.is_finite() and value):
        return value
    return value.quantize(Decimal(1).scaleb(value.adjusted() + 1 - digits), rounding=ROUND_CEILING).normalize()


def percent(share: float) -> str:
    """Return a share in per cent, in at most three significant digits, rounded up: no sentence promises too much.

    >>> percent(0.4507), percent(0.00099975), percent(1.0), percent(0.95)
    ('45.1 %', '0.1 %', '100 %', '95 %')
    """
    return f"{ceiled(exact_decimal(share) * 100, _SHARE_DIGITS).normalize() + 0:f} %"


def _prints_as_one(value: float, limit: float | None) -> bool:
    """Return whether a cosine below 1 is 1 but for what storing it lost, and reaches its limit."""
    if value < _NEAR_ONE:
        return False
    exact = exact_decimal(value)
    return exact < 1 <= exact + _STORAGE_LOSS and (limit is None or exact >= exact_decimal(limit))


@lru_cache(maxsize=256)
def _cosine_decimals(limit: float | None) -> int:
    return _DECIMALS if limit is None else max(_DECIMALS, _decimals(exact_decimal(limit)))


def exact_decimal(value: float) -> Decimal:
    """Return the shortest decimal that reads back as this float: 0.999 is 0.999, not 0.99899999999999999911."""
    return Decimal(repr(float(value)))


def _decimals(value: Decimal) -> int:
    exponent = value.normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0
