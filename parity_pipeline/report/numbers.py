"""How numbers are printed in everything that people read.

Here belongs every number format of the reports, once. The cosine and its limit come from `core.number_format`, because the
verdict's reasons print them too. What a number means belongs to `sections`.
"""

from typing import Final

from parity_pipeline.core.number_format import cosine_text, limit_text

NOTHING: Final = "—"
"""Stands where nothing was measured; never 0, which is a measurement."""

_TINY: Final = 5e-7
_HUGE: Final = 1e9


def cosine(value: float | None, limit: float | None = None) -> str:
    """Return a cosine as `core.number_format.cosine_text` prints it; `—` for None."""
    return NOTHING if value is None else cosine_text(value, limit)


def limit(value: float | None) -> str:
    """Return a limit as `core.number_format.limit_text` prints it; `—` for None."""
    return NOTHING if value is None else limit_text(value)


def measure(value: float | None) -> str:
    """Return a norm, a delta or a ratio in six decimals; `—` for None.

    What is not 0 and would print as 0, and what is 1e9 or more, is printed with an exponent.

    >>> measure(13.441846), measure(0.0), measure(3.1e-9), measure(None)
    ('13.441846', '0.000000', '3.1e-09', '—')
    """
    if value is None:
        return NOTHING
    if value and abs(value) < _TINY:
        return f"{value:.1e}"
    return f"{value:.6e}" if abs(value) >= _HUGE else f"{value + 0.0:.6f}"


def count(value: int | None) -> str:
    """Return a count with thousands separators; `—` for None.

    >>> count(100000)
    '100,000'
    """
    return NOTHING if value is None else f"{value:,}"


def things(number: int, word: str, plural: str = "") -> str:
    """Return a count with its noun in the right number.

    >>> things(1, "sample"), things(1200, "sample")
    ('1 sample', '1,200 samples')
    """
    return f"{count(number)} {word if number == 1 else plural or word + 's'}"
