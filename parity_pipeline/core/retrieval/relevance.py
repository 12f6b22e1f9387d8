"""Relevance of both sides' lists where labels exist: means, their paired difference, and an interval around it.

Here belongs the statistics of values that are already measured per query. Measuring nDCG, recall and MRR belongs to
`steps.measure_relevance`, since it takes a package that `core` does not import.
"""

import warnings
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.retrieval.records import Float64

RESAMPLES: Final = 2_000
"""Bootstrap samples: the ends of a 95 % interval then have 50 resamples beyond each."""
MOST_ACCELERATED: Final = 2_000
"""Most queries for which the interval is accelerated: that leaves out each query in turn, and is quadratic in them."""
_ROUNDING: Final = 1e-12
"""Largest spread of differences that rounding may cause."""
_SEED: Final = 20260430
"""Seed of the resampling, so that a verdict is the same when it is given again."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RelevanceDifference:
    """How relevant the lists of both sides are by one measure.

    Attributes:
        measure: Name of the measure, such as `nDCG@10`.
        queries: Queries with labels, for which both sides returned a list.
        legacy: Mean of the legacy side.
        candidate: Mean of the candidate.
        low: Lower end of the interval around the mean of the paired differences, candidate minus legacy.
        high: Its upper end.
        better: Queries for which the candidate is better.
        worse: Queries for which it is worse.
        confidence: In (0, 1), of the interval.
    """

    measure: str
    queries: int
    legacy: float
    candidate: float
    low: float
    high: float
    better: int
    worse: int
    confidence: float = CONFIDENCE_LEVEL

    @property
    def difference(self) -> float:
        """Return the mean of the paired differences, candidate minus legacy."""
        return self.candidate - self.legacy

    def sentence(self) -> str:
        """Say how the two sides compare.

        >>> RelevanceDifference(
        ...     measure="nDCG@10", queries=200, legacy=0.5, candidate=0.49, low=-0.02, high=0.001, better=3, worse=9
        ... ).sentence()
        'nDCG@10 is 0.5000 on the legacy side and 0.4900 on the candidate over 200 labelled queries: a difference of -0.0100, between -0.0200 and +0.0010 at 95 % confidence'
        """
        return (
            f"{self.measure} is {self.legacy:.4f} on the legacy side and {self.candidate:.4f} on the candidate over "
            f"{self.queries:,} labelled queries: a difference of {self.difference:+.4f}, between {self.low:+.4f} and "
            f"{self.high:+.4f} at {percent(self.confidence)} confidence"
        )


def paired_difference(
    measure: str, legacy: Float64, candidate: Float64, confidence: float = CONFIDENCE_LEVEL
) -> RelevanceDifference:
    """Return the difference of two sides over the same queries, with a bootstrap interval.

    Args:
        measure: Name of the measure.
        legacy: float64, shape (queries,), the value of each query.
        candidate: The same of the candidate, in the same order.
        confidence: In (0, 1).

    Raises:
        MetricInputError: No queries, other queries, or values that are not finite.

    The interval is the bias-corrected and accelerated bootstrap over queries (Efron, "Better Bootstrap Confidence
    Intervals", Journal of the American Statistical Association 82 (1987)) as scipy computes it, and the percentile
    bootstrap beyond `MOST_ACCELERATED` queries. Where all differences are the same it is that one value: with few queries
    this says little.
    """
    if legacy.shape != candidate.shape or legacy.ndim != 1 or not len(legacy):
        msg = f"{measure} of {legacy.shape} legacy and {candidate.shape} candidate queries cannot be paired"
        raise MetricInputError(msg, remedy="Measure both sides for the same labelled queries.")
    differences = candidate - legacy
    if not np.isfinite(differences).all():
        raise MetricInputError(f"{measure} holds values that are not finite", remedy="Measure every query.")
    low, high = _interval(differences, confidence)
    return RelevanceDifference(
        measure=measure,
        queries=len(legacy),
        legacy=float(legacy.mean()),
        candidate=float(candidate.mean()),
        low=low,
        high=high,
        better=int((differences > 0).sum()),
        worse=int((differences < 0).sum()),
        confidence=confidence,
    )


def _interval(differences: Float64, confidence: float) -> tuple[float, float]:
    if np.ptp(differences) <= _ROUNDING:
        return float(differences.min()), float(differences.max())
    small = len(differences) <= MOST_ACCELERATED
    low, high = _bootstrap(differences, confidence, "BCa" if small else "percentile")
    if not (np.isfinite(low) and np.isfinite(high)):
        # So few queries that all resamples lie on one side have no bias to correct.
        low, high = _bootstrap(differences, confidence, "percentile")
    return low, high


def _bootstrap(differences: Float64, confidence: float, method: Literal["BCa", "percentile"]) -> tuple[float, float]:
    from scipy import stats  # noqa: PLC0415 - importing it takes longer than judging a set without labels

    with warnings.catch_warnings():
        # Said by the interval itself, which is then NaN.
        warnings.simplefilter("ignore", stats.DegenerateDataWarning)
        found = stats.bootstrap(
            (differences,),
            np.mean,
            n_resamples=RESAMPLES,
            batch=max(1, 1_000_000 // len(differences)),
            method=method,
            confidence_level=confidence,
            rng=np.random.default_rng(_SEED),
        ).confidence_interval
    return float(found.low), float(found.high)
