"""The limits of the measures, and which compared rows stay within them.

Here belongs the one place where a measure meets its limit. Verdicts and diagnoses both ask `grade` which rows match.
What a row beyond a limit means for the verdict belongs to `decision`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from decimal import ROUND_CEILING, Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import ComparedRows
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD, NORM_RATIO_TOLERANCE
from parity_pipeline.core.metrics import Float64
from parity_pipeline.core.number_format import cosine_text, limit_text, passing_limit_text
from parity_pipeline.core.outcomes import GRADED, Measure, Outcome, Severity

_DIGITS: Final = 6
"""Significant digits of a printed norm or difference."""


NOTHING_FAILS: Final = "no measure fails a sample of another direction: every limit that looks at directions only warns"

_LARGEST_UNIT_DELTA: Final = 2.0
"""Largest difference of one element of two unit vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Thresholds:
    """What a sample has to reach. A measure whose limit is None is not judged.

    Attributes:
        cosine: Smallest cosine similarity of a match, in (0, 1].
        norm_ratio: Largest |candidate norm / legacy norm - 1| at which norms agree.
        max_abs_delta_unit: Largest element difference after normalising both, in (0, 2]; absolute.
        max_abs_delta: Largest element difference of the raw vectors; absolute.
        max_abs_delta_relative: The same divided by the legacy norm, so that it holds at any scale of the legacy side.
        warn_only: Measures that are reported and fail no sample. All others that have a limit fail it.

    Raises:
        MetricInputError: No measure could fail a sample, so nothing could ever fail.
    """

    cosine: float = COSINE_THRESHOLD
    norm_ratio: float = NORM_RATIO_TOLERANCE
    max_abs_delta_unit: float | None = None
    max_abs_delta: float | None = None
    max_abs_delta_relative: float | None = None
    warn_only: tuple[Measure, ...] = (Measure.NORM_RATIO,)

    def __post_init__(self) -> None:
        """Refuse limits that can only warn."""
        if not self.failing:
            remedy = "Let the cosine fail, or another measure that looks at directions."
            raise MetricInputError(NOTHING_FAILS, place="thresholds", remedy=remedy)

    @property
    def failing(self) -> tuple[Measure, ...]:
        """Return the measures that can fail a sample of another direction.

        Norms alone cannot, and neither can a difference of unit vectors beyond 2, which none reaches.
        """
        return tuple(
            measure
            for measure, limit in self.limits().items()
            if self.severity(measure) is Severity.FAIL
            and measure is not Measure.NORM_RATIO
            and not (measure is Measure.MAX_ABS_DELTA_UNIT and limit >= _LARGEST_UNIT_DELTA)
        )

    def limits(self) -> dict[Measure, float]:
        """Return the limit of each measure that has one."""
        return {measure: limit for measure in Measure if (limit := getattr(self, measure.value)) is not None}

    def severity(self, measure: Measure) -> Severity:
        """Return what a sample beyond the limit of this measure comes to."""
        return Severity.WARN if measure in self.warn_only else Severity.FAIL


def values_of(measure: Measure, rows: ComparedRows) -> Float64:
    """Return what is compared with the limit of a measure, float64, shape (rows,); NaN where nothing was measured."""
    if measure is Measure.COSINE:
        return rows.cosine
    if measure is Measure.NORM_RATIO:
        return np.abs(rows.norm_ratio - 1.0)
    if measure is Measure.MAX_ABS_DELTA_UNIT:
        return rows.max_abs_delta_unit
    if measure is Measure.MAX_ABS_DELTA:
        return rows.max_abs_delta
    with np.errstate(invalid="ignore", divide="ignore"):
        return rows.max_abs_delta / rows.legacy_norm


def within(measure: Measure, values: Float64, limit: float) -> NDArray[np.bool_]:
    """Return which values stay within a limit; NaN never does, in the value or in the limit."""
    return values >= limit if measure is Measure.COSINE else values <= limit


def beyond(thresholds: Thresholds, rows: ComparedRows) -> dict[Measure, NDArray[np.bool_]]:
    """Return, for each measure that has a limit, which rows are not within it; unmeasured rows are not."""
    return {
        measure: ~within(measure, values_of(measure, rows), limit) for measure, limit in thresholds.limits().items()
    }


def grade(rows: ComparedRows, thresholds: Thresholds) -> ComparedRows:
    """Return the rows with `MATCH` or `MISMATCH` in place of `COMPARED`; every outcome without measures stays.

    A row is a mismatch if it is not within every limit that fails a sample. NaN is within none, so that a row whose
    measure was lost does not match. Rows that were graded before are graded again.
    """
    off = [
        flags for measure, flags in beyond(thresholds, rows).items() if thresholds.severity(measure) is Severity.FAIL
    ]
    outcomes = [
        (Outcome.MISMATCH if fails else Outcome.MATCH) if outcome is Outcome.COMPARED or outcome in GRADED else outcome
        for outcome, fails in zip(rows.outcomes, np.logical_or.reduce(off).tolist(), strict=True)
    ]
    return replace(rows, outcomes=outcomes)


_LEAVES: Final[Mapping[Measure, str]] = {
    Measure.NORM_RATIO: "have a norm ratio off 1 by more than",
    Measure.MAX_ABS_DELTA_UNIT: "have a largest difference of the normalised vectors above",
    Measure.MAX_ABS_DELTA: "have a largest difference of the raw vectors above",
    Measure.MAX_ABS_DELTA_RELATIVE: "have a largest difference of the raw vectors, relative to the legacy norm, above",
}
_KEEPS: Final[Mapping[Measure, str]] = {
    Measure.NORM_RATIO: "norm ratio off 1 by at most",
    Measure.MAX_ABS_DELTA_UNIT: "largest difference of the normalised vectors at most",
    Measure.MAX_ABS_DELTA: "largest difference of the raw vectors at most",
    Measure.MAX_ABS_DELTA_RELATIVE: "largest difference of the raw vectors, relative to the legacy norm, at most",
}


def leaves_words(measure: Measure, limit: float, worst: float | None) -> str:
    """Return what rows beyond a limit do, and the worst value of them, such as `< 0.9990, the worst 0.981234`."""
    if measure is Measure.COSINE:
        return f"< {limit_text(limit)}" + ("" if worst is None else f", the worst {cosine_text(worst, limit)}")
    return f"{_LEAVES[measure]} {limit:g}" + ("" if worst is None else f", the worst {_ceiled(worst)}")


def keeps_words(measure: Measure, limit: float) -> str:
    """Return what rows within a limit do, such as `≥ 0.9990`."""
    return f"≥ {limit_text(limit)}" if measure is Measure.COSINE else f"{_KEEPS[measure]} {limit:g}"


def passing_text(measure: Measure, worst: float, limit: float | None = None) -> str:
    """Return the limit nearest to the one in force at which rows with this worst value would have stayed within it.

    Args:
        measure: The measure.
        worst: Its worst value.
        limit: The limit in force, whose decimals a cosine's limit gets.

    >>> passing_text(Measure.COSINE, 0.98123456789), passing_text(Measure.NORM_RATIO, 0.00123456789)
    ('0.981234', '0.00123457')
    """
    return passing_limit_text(worst, limit) if measure is Measure.COSINE else _ceiled(worst)


def _ceiled(value: float) -> str:
    """Return a number in six significant digits, rounded up: a limit that is printed has to let the value pass."""
    exact = Decimal(repr(float(value)))
    if exact.is_finite() and exact:
        exact = exact.quantize(Decimal(1).scaleb(exact.adjusted() + 1 - _DIGITS), rounding=ROUND_CEILING).normalize()
    return f"{exact:g}"
