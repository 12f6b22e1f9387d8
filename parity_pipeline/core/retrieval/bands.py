"""Bands: which values of a measure two implementations over the same vectors reach, which are worth a look, which are not.

Here belong the limits of single queries and of the whole set, their defaults (docs/adr/0028), and grading by them. What is
measured belongs to `measures`, what the bands of a set come to in a verdict to the decision.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from types import MappingProxyType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.outcomes import GRADED, Band, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Flags
from parity_pipeline.core.retrieval.records import Float64


class QueryMeasure(StrEnum):
    """What is measured of each query and may have limits."""

    OVERLAP = "overlap"
    """Share of common documents: at least the limit."""
    TOP_1 = "top_1"
    """Whether the best document is the same, 1 or 0: at least the limit."""
    RBO = "rbo"
    """Rank-biased overlap: at least the limit."""
    TAU_B = "tau_b"
    """Kendall's tau-b of the common documents: at least the limit."""
    RANK_CHANGE = "rank_change"
    """Greatest change of rank, in ranks: at most the limit."""
    SCORE_DELTA = "score_delta"
    """Greatest score difference of a common document, absolute: at most the limit."""
    METADATA = "metadata"
    """Common documents whose metadata differ: at most the limit."""
    REPEATS = "repeats"
    """Results of the candidate that repeat a document: at most the limit."""
    LENGTH = "length"
    """Results by which one list is longer than the other, repeats included: at most the limit."""


class SetMeasure(StrEnum):
    """What is measured of all queries together and may have limits."""

    MEAN_OVERLAP = "mean_overlap"
    MEAN_OVERLAP_AT_10 = "mean_overlap_at_10"
    TOP_1_SHARE = "top_1_share"
    MEAN_RBO = "mean_rbo"
    MEAN_TAU_B = "mean_tau_b"
    DIFFERENT_SHARE = "different_share"
    """Share of all queries whose outcome proves a difference: at most the limit."""
    INVESTIGATE_SHARE = "investigate_share"
    """Share of all queries that are worth a look: at most the limit."""
    WRONG_MODE_SHARE = "wrong_mode_share"
    """Share of all queries for which a side used another mode than agreed: at most the limit."""


AT_LEAST: Final = frozenset(
    {
        *(QueryMeasure.OVERLAP, QueryMeasure.TOP_1, QueryMeasure.RBO, QueryMeasure.TAU_B),
        *(SetMeasure.MEAN_OVERLAP, SetMeasure.MEAN_OVERLAP_AT_10, SetMeasure.TOP_1_SHARE),
        *(SetMeasure.MEAN_RBO, SetMeasure.MEAN_TAU_B),
    }
)
"""Measures of which more is better; of all others less is."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Two limits of one measure, in its own unit.

    Attributes:
        passes: A value as good as this, or better, is in the band PASS.
        fails: A value worse than this is in the band FAIL; the ones between are in INVESTIGATE.
    """

    passes: float
    fails: float

    def of(self, measure: QueryMeasure | SetMeasure, values: Float64) -> NDArray[np.int8]:
        """Return the place in `BANDS` of each value; -1 for NaN, which was not measured."""
        sign = 1.0 if measure in AT_LEAST else -1.0
        passes, fails = sign * values >= sign * self.passes, sign * values < sign * self.fails
        return np.where(np.isnan(values), -1, np.where(passes, 0, np.where(fails, 2, 1))).astype(np.int8)

    def band(self, measure: QueryMeasure | SetMeasure, value: float | None) -> Band:
        """Return the band of one value; what was not measured is worth a look, and never passes.

        >>> Limits(0.99, 0.95).band(SetMeasure.MEAN_RBO, 0.97)
        <Band.INVESTIGATE: 'INVESTIGATE'>
        """
        if value is None:
            return Band.INVESTIGATE
        place = int(self.of(measure, np.array([value]))[0])
        return Band.INVESTIGATE if place < 0 else BANDS[place]


BANDS: Final = tuple(Band)
"""The bands, the best first."""

NEAR_TIE: Final = 1e-4
"""Score gap up to which an order says little, absolute: inversions that such a gap excuses fail no query.

Origin: docs/adr/0028. float16 and int8 storage, and a query embedded again at a cosine above 0.99999, move scores by as much.
"""

QUERY_LIMITS: Final[Mapping[QueryMeasure, Limits]] = MappingProxyType(
    {
        QueryMeasure.OVERLAP: Limits(0.9, 0.5),
        QueryMeasure.TOP_1: Limits(1.0, 0.0),
        QueryMeasure.RBO: Limits(0.9, 0.5),
        QueryMeasure.TAU_B: Limits(0.9, 0.5),
        QueryMeasure.SCORE_DELTA: Limits(1e-3, 0.05),
        QueryMeasure.METADATA: Limits(0.0, 0.0),
        QueryMeasure.REPEATS: Limits(0.0, 0.0),
        QueryMeasure.LENGTH: Limits(0.0, np.inf),
    }
)
"""Limits of a single query; a rank change is reported and has none. Origin: docs/adr/0028."""

SET_LIMITS: Final[Mapping[SetMeasure, Limits]] = MappingProxyType(
    {
        SetMeasure.MEAN_OVERLAP: Limits(0.99, 0.95),
        SetMeasure.MEAN_OVERLAP_AT_10: Limits(0.99, 0.95),
        SetMeasure.TOP_1_SHARE: Limits(0.99, 0.95),
        SetMeasure.MEAN_RBO: Limits(0.99, 0.95),
        SetMeasure.MEAN_TAU_B: Limits(0.99, 0.95),
        SetMeasure.DIFFERENT_SHARE: Limits(0.0, 0.02),
        SetMeasure.INVESTIGATE_SHARE: Limits(0.05, 1.0),
        SetMeasure.WRONG_MODE_SHARE: Limits(0.0, 0.0),
    }
)
"""Limits of the whole set. Origin: docs/adr/0028."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Bands:
    """The limits of all measures. A measure without limits is reported and not judged.

    Attributes:
        query: Limits of single queries.
        whole: Limits of the whole set.
        near_tie: Score gap up to which inversions fail no query, absolute, 0 or more.

    Raises:
        MetricInputError: Limits between which no value is in INVESTIGATE but on the wrong side of both, NaN, or none that
            could ever fail.
    """

    query: Mapping[QueryMeasure, Limits] = field(default_factory=lambda: QUERY_LIMITS)
    whole: Mapping[SetMeasure, Limits] = field(default_factory=lambda: SET_LIMITS)
    near_tie: float = NEAR_TIE

    def __post_init__(self) -> None:
        """Refuse limits by which nothing could be judged."""
        for measure, limits in (*self.query.items(), *self.whole.items()):
            sign = 1.0 if measure in AT_LEAST else -1.0
            if not sign * limits.passes >= sign * limits.fails:
                msg = f"the limits {limits.passes} (PASS) and {limits.fails} (FAIL) are the wrong way round"
                remedy = "Let the value that passes be at least as good as the one that fails."
                raise MetricInputError(msg, place=f"retrieve.bands.{measure}", remedy=remedy)
        if not (self.query and self.whole and self.near_tie >= 0.0):
            msg = "no query, or no set, could ever fail"
            remedy = "Give limits of queries and of the set, and a near tie of 0 or more."
            raise MetricInputError(msg, place="retrieve.bands", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class GradedQueries:
    """Consecutive queries under bands.

    Attributes:
        compared: The queries, with an outcome of `GRADED` in place of `COMPARED`.
        places: For each measure that has limits, the place in `BANDS` of each query, int8; -1 where nothing was measured.
    """

    compared: ComparedQueries
    places: Mapping[QueryMeasure, NDArray[np.int8]]


def values_of(measure: QueryMeasure, rows: ComparedQueries) -> Float64:
    """Return what is compared with the limits of a measure, float64, shape (queries,); NaN where nothing was measured."""
    if measure is QueryMeasure.REPEATS:
        return rows.candidate_repeats.astype(np.float64)
    if measure is QueryMeasure.LENGTH:
        return np.abs(rows.legacy_results - rows.candidate_results).astype(np.float64)
    # Every other measure is a field of `QueryMeasures` with its name.
    return getattr(rows.measures, measure.value).astype(np.float64, copy=False)


_BY_DOCUMENTS: Final = (QueryMeasure.OVERLAP, QueryMeasure.TOP_1, QueryMeasure.RBO)
"""Measures that a single other document moves most in a short list."""
_BY_ORDER: Final = (QueryMeasure.RBO, QueryMeasure.TAU_B, QueryMeasure.TOP_1)
"""Measures that inversions move."""


def grade(rows: ComparedQueries, bands: Bands) -> GradedQueries:
    """Return the queries with an outcome of `GRADED` in place of `COMPARED`: the worst band of any measure.

    Two rules keep short lists and near ties from failing a query; both leave it in INVESTIGATE at most, and the set is
    judged by the values as they are:

    - One other document, with the rest in order, fails no query: of one result, overlap can only be 0 or 1.
    - A single inversion, or inversions that a score gap of `near_tie` excuses, fail no query with the same documents.

    Queries that were graded before are graded again.
    """
    judged = np.array([one is RetrievalOutcome.COMPARED or one in GRADED for one in rows.outcomes], np.bool_)
    one_other, near = _one_other_document(rows), _little_out_of_order(rows, bands.near_tie)
    places: dict[QueryMeasure, NDArray[np.int8]] = {}
    for measure, limits in bands.query.items():
        place = np.where(judged, limits.of(measure, values_of(measure, rows)), np.int8(-1))
        lenient = (one_other if measure in _BY_DOCUMENTS else False) | (near if measure in _BY_ORDER else False)
        places[measure] = np.where(lenient & (place == 2), np.int8(1), place)
    worst = np.maximum.reduce(list(places.values()))
    return GradedQueries(compared=replace(rows, outcomes=_graded(rows, judged, worst.tolist())), places=places)


def _one_other_document(rows: ComparedQueries) -> Flags:
    found = rows.measures
    return (found.missing <= 1) & (found.extra <= 1) & (found.inversions == 0)


def _little_out_of_order(rows: ComparedQueries, near_tie: float) -> Flags:
    found = rows.measures
    return (found.missing == 0) & (found.extra == 0) & ((found.inversions <= 1) | (found.inversion_gap <= near_tie))


def _graded(rows: ComparedQueries, judged: Flags, worst: Sequence[int]) -> list[RetrievalOutcome]:
    """Return the outcomes; where no measure could be taken, the query is worth a look and no match."""
    return [
        (RetrievalOutcome.INVESTIGATE if place < 0 else GRADED[place]) if graded else outcome
        for outcome, graded, place in zip(rows.outcomes, judged.tolist(), worst, strict=True)
    ]
