"""Measures: what is computed of two vectors, the limit that each must keep, and which rows keep it.

Here belongs everything about a measure: its name in `Measure`, its formula in `_measure_block`, its limit in `Thresholds`,
the values that meet the limit in `values_of`, the sentences about it; and the one place where values meet limits:
verdicts and diagnoses both ask `grade` which rows match. What a mismatch means for the verdict belongs to `verdict_builder`.

A new measure takes, with what notices that it is missing:

    a member of `Measure`; its case in `values_of` and in `_subject`       the type checker
    a field of `Thresholds` with its name                                  the first `Thresholds()`, AttributeError
    a member of `CheckName` in `checks`                                    importing `core.checks`, ValueError
    a sentence in `checks` (`DESCRIPTIONS`), a family in `defs.checks`     a test
    a case in `Thresholds.failing`, if some limit lets every value pass    nothing: such a limit would count as one
    `within` and the words beside it, if a larger value is better          nothing: it would be judged the wrong way round
    a few words in `report.sections.measures`                              the first report, KeyError
    the range of its limit in `settings.model` (`ThresholdSettings`)       nothing: any number would be accepted
    `make reference`, for `docs/settings.md` and `docs/checks.md`          a test
    a row in `docs/measures.md`                                            a test

One that follows from the stored columns, such as an angle from the cosine, needs no more. Any other takes a column too: a field of `RowMeasures` with its formula in `_measure_block`,
and a field of `ComparedRows`, which the type checker asks `compare` for; its name in `storage.parity_files` (`_MEASURES`) and
what it holds in `defs.metadata` (`WORDS`), which tests ask for; and a raised `KIND.version` there, with a reader for the older
files in `storage.older_versions`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD, METRIC_BLOCK_ROWS, NORM_RATIO_TOLERANCE
from parity_pipeline.core.number_format import ceiled, cosine_text, exact_decimal, limit_text, passing_limit_text
from parity_pipeline.core.outcomes import GRADED, Outcome, Severity


class Measure(StrEnum):
    """What is measured of each compared sample and may have a limit."""

    COSINE = "cosine"
    """Cosine similarity, absolute: at least the limit."""
    NORM_RATIO = "norm_ratio"
    """|candidate norm / legacy norm - 1|, relative: at most the limit."""
    MAX_ABS_DELTA_UNIT = "max_abs_delta_unit"
    """Largest element difference after normalising both, absolute: at most the limit."""
    MAX_ABS_DELTA = "max_abs_delta"
    """Largest element difference of the raw vectors, absolute: at most the limit."""
    MAX_ABS_DELTA_RELATIVE = "max_abs_delta_relative"
    """The same divided by the legacy norm, relative: at most the limit."""


Float64 = NDArray[np.float64]
Matrix32 = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class RowMeasures:
    """What can be said of each row of two matrices. All arrays have shape (rows,).

    Attributes:
        cosine: float64 in [-1, 1]; NaN where a row of either side is zero or holds NaN or infinity.
        legacy_norm: float64, L2 norm, 0 or more; NaN or infinite where the row is.
        candidate_norm: The same of the candidate.
        max_abs_delta: float64, largest |legacy - candidate| over the elements; NaN where either row holds NaN or
            infinity.
        max_abs_delta_unit: The same after each row was divided by its own norm; NaN where cosine is NaN.
        identical: bool, the two rows are equal float32 numbers. False where either holds NaN.
    """

    cosine: Float64
    legacy_norm: Float64
    candidate_norm: Float64
    max_abs_delta: Float64
    max_abs_delta_unit: Float64
    identical: NDArray[np.bool_]

    @classmethod
    def unmeasured(cls, rows: int) -> Self:
        """Return the measures of rows before anything is measured: NaN, and not identical."""
        return cls(
            cosine=np.full(rows, np.nan),
            legacy_norm=np.full(rows, np.nan),
            candidate_norm=np.full(rows, np.nan),
            max_abs_delta=np.full(rows, np.nan),
            max_abs_delta_unit=np.full(rows, np.nan),
            identical=np.zeros(rows, np.bool_),
        )


def measure_rows(legacy: Matrix32, candidate: Matrix32) -> RowMeasures:
    """Measure each row of `legacy` against the same row of `candidate`.

    Args:
        legacy: float32, shape (rows, dimensions), any scale; rows may hold NaN, infinities or only zeros.
        candidate: The same, of the same shape.

    Returns:
        The measures, computed in blocks of `limits.METRIC_BLOCK_ROWS` rows; empty arrays for no rows.

    Raises:
        MetricInputError: The shapes differ, or are not two-dimensional, or have no dimensions.

    Cosine similarity is the dot product of the rows divided by the product of their norms, accumulated in float64 and
    clipped to [-1, 1] (rounding may leave it by 2e-16). Identical rows have exactly 1.

    >>> one = np.array([[3.0, 4.0]], np.float32)
    >>> measures = measure_rows(one, 2 * one)
    >>> float(measures.cosine[0]), float(measures.candidate_norm[0]), float(measures.max_abs_delta[0])
    (1.0, 10.0, 4.0)
    """
    if legacy.ndim != 2 or legacy.shape != candidate.shape or legacy.shape[1] == 0:
        msg = f"cannot compare matrices of shapes {legacy.shape} and {candidate.shape}"
        raise MetricInputError(msg, remedy="Pair only rows of one dimension.")
    rows = len(legacy)
    result = RowMeasures.unmeasured(rows)
    for start in range(0, rows, METRIC_BLOCK_ROWS):
        _measure_block(legacy, candidate, slice(start, min(start + METRIC_BLOCK_ROWS, rows)), result)
    return result


def _measure_block(legacy: Matrix32, candidate: Matrix32, rows: slice, into: RowMeasures) -> None:
    """Fill one block of rows of `into`."""
    # A row with NaN or infinity, or of zeros, has no direction: its cosine is NaN on purpose, and counted as such later.
    # Nothing overflows: the square of the largest float32 is 1.2e77. A signalling NaN warns as soon as it is widened.
    with np.errstate(invalid="ignore", divide="ignore"):
        left, right = legacy[rows].astype(np.float64), candidate[rows].astype(np.float64)
        left_norm = np.sqrt(np.einsum("ij,ij->i", left, left))
        right_norm = np.sqrt(np.einsum("ij,ij->i", right, right))
        cosine = np.einsum("ij,ij->i", left, right) / (left_norm * right_norm)
        delta = np.abs(left - right).max(axis=1)
        into.max_abs_delta[rows] = np.where(np.isfinite(delta), delta, np.nan)
        left /= left_norm[:, None]
        right /= right_norm[:, None]
        into.max_abs_delta_unit[rows] = np.abs(left - right).max(axis=1)
    identical = (legacy[rows] == candidate[rows]).all(axis=1)
    # Rounding leaves some rows 1e-16 short of themselves, which a threshold of 1 would call a mismatch.
    into.cosine[rows] = np.where(identical & np.isfinite(cosine), 1.0, np.clip(cosine, -1.0, 1.0))
    into.legacy_norm[rows] = left_norm
    into.candidate_norm[rows] = right_norm
    into.identical[rows] = identical


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedRows:
    """Consecutive samples with the result of comparing them.

    Arrays have shape (rows,) and hold NaN where nothing was measured.

    Attributes:
        start: Ordinal of the first sample.
        ids: Sample ids.
        categories: Sample categories.
        heads: First `limits.HEAD_CHARACTERS` characters of each text.
        outcomes: One outcome per sample.
        sides: Which side an outcome is about: `legacy`, `candidate`, `both`, or None for compared rows.
        legacy_dimension: int32, 0 where no vector came.
        candidate_dimension: The same of the candidate.
        cosine: float64 in [-1, 1].
        legacy_norm: float64, L2 norm.
        candidate_norm: The same of the candidate.
        norm_ratio: float64, candidate norm divided by legacy norm.
        max_abs_delta: float64, largest element difference of the raw vectors.
        max_abs_delta_unit: float64, the same after normalising both.
        identical: bool, equal as float32.
        legacy_errors: What the legacy side said where it gave no vector, else None.
        candidate_errors: The same of the candidate.
        drawn: int32, how often a random draw gave each text, 0 for hand-picked ones; all 0 where not given.
    """

    start: int
    ids: Sequence[str]
    categories: Sequence[str]
    heads: Sequence[str]
    outcomes: Sequence[Outcome]
    sides: Sequence[str | None]
    legacy_dimension: NDArray[np.int32]
    candidate_dimension: NDArray[np.int32]
    cosine: Float64
    legacy_norm: Float64
    candidate_norm: Float64
    norm_ratio: Float64
    max_abs_delta: Float64
    max_abs_delta_unit: Float64
    identical: NDArray[np.bool_]
    legacy_errors: Sequence[str | None]
    candidate_errors: Sequence[str | None]
    drawn: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))

    def __post_init__(self) -> None:
        """Fill in that nothing was drawn at random, which claims least."""
        if not len(self.drawn):
            object.__setattr__(self, "drawn", np.zeros(len(self.ids), np.int32))

    def __len__(self) -> int:
        """Return the number of samples."""
        return len(self.ids)


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
    match measure:
        case Measure.COSINE:
            return rows.cosine
        case Measure.NORM_RATIO:
            return np.abs(rows.norm_ratio - 1.0)
        case Measure.MAX_ABS_DELTA_UNIT:
            return rows.max_abs_delta_unit
        case Measure.MAX_ABS_DELTA:
            return rows.max_abs_delta
        case Measure.MAX_ABS_DELTA_RELATIVE:
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


def _subject(measure: Measure) -> tuple[str, str]:
    """Return a measure as sentences name it, and how a value that is not within its limit stands to that limit."""
    match measure:
        case Measure.COSINE:
            return "cosine", "below"
        case Measure.NORM_RATIO:
            return "norm ratio off 1 by", "more than"
        case Measure.MAX_ABS_DELTA_UNIT:
            return "largest difference of the normalised vectors", "above"
        case Measure.MAX_ABS_DELTA:
            return "largest difference of the raw vectors", "above"
        case Measure.MAX_ABS_DELTA_RELATIVE:
            return "largest difference of the raw vectors, relative to the legacy norm,", "above"


def leaves_words(measure: Measure, limit: float, worst: float | None) -> str:
    """Return what rows beyond a limit do, and the worst value of them, such as `< 0.9990, the worst 0.981234`."""
    if measure is Measure.COSINE:
        return f"< {limit_text(limit)}" + ("" if worst is None else f", the worst {cosine_text(worst, limit)}")
    name, stands = _subject(measure)
    return f"have a {name} {stands} {limit:g}" + ("" if worst is None else f", the worst {_ceiled(worst)}")


def keeps_words(measure: Measure, limit: float) -> str:
    """Return what rows within a limit do, such as `≥ 0.9990`."""
    return f"≥ {limit_text(limit)}" if measure is Measure.COSINE else f"{_subject(measure)[0]} at most {limit:g}"


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
    return f"{ceiled(exact_decimal(value), _DIGITS):g}"
