"""Count compared queries block by block, in memory that does not grow with their number.

Here belong counts, sums and extremes of a whole set, and the bands it is in. Which queries a report shows belongs to
`worst_queries`, what an outcome is to `outcomes`.
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.confidence import ShareBound, each_of
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.retrieval.bands import BANDS, Bands, GradedQueries, QueryMeasure, SetMeasure, values_of
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.outcomes import AGREEING, DIFFERENT, GRADED, Band, RetrievalOutcome, as_trial
from parity_pipeline.core.retrieval.ranked_lists import Flags
from parity_pipeline.core.retrieval.records import Float64
from parity_pipeline.core.retrieval.waivers import QueryWaiverAccount
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery, WorstQueries

BINS: Final = 1_000
"""Bins of a histogram over a measure's range: quantiles are exact to a thousandth of it. One more holds the upper end itself."""


@dataclass(slots=True)
class Distribution:
    """Values of one measure between two ends: count, mean, extremes and quantiles.

    Attributes:
        low: Smallest value that the histogram distinguishes; smaller ones fall in its first bin.
        high: Largest such value.
        count: Values seen, NaN aside.
        smallest: The smallest of them; infinite before the first.
        largest: The largest.
    """

    low: float
    high: float
    count: int = 0
    smallest: float = np.inf
    largest: float = -np.inf
    _sum: float = 0.0
    _bins: NDArray[np.int64] = field(default_factory=lambda: np.zeros(BINS + 1, np.int64))

    def add(self, values: Float64) -> None:
        """Take in values; NaN was not measured and counts for nothing."""
        known = values[~np.isnan(values)]
        if not len(known):
            return
        self.count += len(known)
        self.smallest, self.largest = min(self.smallest, float(known.min())), max(self.largest, float(known.max()))
        # One addition after the other and not numpy's pairwise sum, whose last bit depends on the size of the block.
        self._sum = float(np.add.accumulate(np.append(self._sum, known))[-1])
        places = np.clip((known - self.low) * (BINS / (self.high - self.low)), 0, BINS).astype(np.int64)
        self._bins += np.bincount(places, minlength=BINS + 1)

    @property
    def mean(self) -> float | None:
        """Return the mean; None before the first value."""
        return self._sum / self.count if self.count else None

    def quantile(self, share: float) -> float | None:
        """Return a value that at least `share` of all values do not exceed, rounded down to a bin; None without values."""
        if not self.count:
            return None
        place = int(np.searchsorted(np.cumsum(self._bins), share * self.count))
        return float(np.clip(self.low + place * (self.high - self.low) / BINS, self.smallest, self.largest))


_RANGES: Final[Mapping[QueryMeasure, tuple[float, float]]] = {
    QueryMeasure.OVERLAP: (0.0, 1.0),
    QueryMeasure.TOP_1: (0.0, 1.0),
    QueryMeasure.RBO: (0.0, 1.0),
    QueryMeasure.TAU_B: (-1.0, 1.0),
    QueryMeasure.RANK_CHANGE: (0.0, 1000.0),
    QueryMeasure.SCORE_DELTA: (0.0, 0.1),
    QueryMeasure.METADATA: (0.0, 1000.0),
    QueryMeasure.REPEATS: (0.0, 1000.0),
    QueryMeasure.LENGTH: (0.0, 1000.0),
}


def _distributions() -> dict[QueryMeasure, Distribution]:
    return {measure: Distribution(*_RANGES[measure]) for measure in QueryMeasure}


@dataclass(slots=True)
class RetrievalTally:
    """Result of the queries of a set so far.

    A query stands unless a waiver took it or its difference was not confirmed. Outcomes are counted of all queries;
    measures, bands and the shares that a set is judged by are those of queries that stand.

    Attributes:
        bands: Limits by which the set is judged.
        waivers: The account of the waivers that are about this date and corpus.
        confirmation: What requesting differing queries again showed; None where nothing was requested again.
        queries: Queries seen.
        counts: Queries of each outcome.
        waived: Those of them that waivers took.
        waived_by: Ids of the waivers that took queries of an outcome.
        unconfirmed: Queries of each outcome that differed once, and not when they were requested again.
        by_category: Queries of each outcome per category.
        by_band: Compared queries of each measure in each band.
        by_look: Queries worth a look by each measure that makes them so; queries that fail by another one are not.
        distributions: Values of each measure over compared queries.
        overlap_at_10: Overlap of the first ten results, of queries that requested ten or more.
        drawn: Random draws per category and outcome, as `ShareBound` counts them.
        drawn_waived: Those of them that waivers took, per category.
        drawn_queries: Queries that came from a random draw.
        paired: Documents that differ because a tie group was cut at k.
        excused: Queries whose inversions a score gap of `Bands.near_tie` excuses.
        legacy_repeats: Queries for which the legacy side repeats a document.
        candidate_repeats: The same of the candidate.
        unordered: Queries for which a side's scores rise towards the end of its list.
    """

    bands: Bands = field(default_factory=Bands)
    waivers: QueryWaiverAccount = field(default_factory=QueryWaiverAccount)
    confirmation: RetrievalConfirmation | None = None
    queries: int = 0
    counts: Counter[RetrievalOutcome] = field(default_factory=Counter[RetrievalOutcome])
    waived: Counter[RetrievalOutcome] = field(default_factory=Counter[RetrievalOutcome])
    waived_by: dict[RetrievalOutcome, set[str]] = field(default_factory=dict[RetrievalOutcome, set[str]])
    unconfirmed: Counter[RetrievalOutcome] = field(default_factory=Counter[RetrievalOutcome])
    by_category: dict[str, Counter[RetrievalOutcome]] = field(default_factory=dict[str, Counter[RetrievalOutcome]])
    by_band: dict[QueryMeasure, Counter[Band]] = field(default_factory=dict[QueryMeasure, Counter[Band]])
    by_look: Counter[QueryMeasure] = field(default_factory=Counter[QueryMeasure])
    distributions: dict[QueryMeasure, Distribution] = field(default_factory=_distributions)
    overlap_at_10: Distribution = field(default_factory=lambda: Distribution(0.0, 1.0))
    drawn: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    drawn_waived: Counter[str] = field(default_factory=Counter[str])
    drawn_queries: int = 0
    paired: int = 0
    excused: int = 0
    legacy_repeats: int = 0
    candidate_repeats: int = 0
    unordered: int = 0
    _worst: WorstQueries = field(default_factory=WorstQueries)

    def add(self, graded: GradedQueries) -> None:
        """Take in the next block of graded queries."""
        rows = graded.compared
        self.queries += len(rows)
        self._count(rows)
        waivers, unconfirmed = self._excuses(rows)
        excused = np.array([bool(waiver) for waiver in waivers], np.bool_) | unconfirmed
        compared = np.array([outcome in _WITH_MEASURES for outcome in rows.outcomes], np.bool_) & ~excused
        look = np.array([one is RetrievalOutcome.INVESTIGATE for one in rows.outcomes], np.bool_) & ~excused
        for measure, places in graded.places.items():
            counts = np.bincount(places[(places >= 0) & ~excused], minlength=len(BANDS)).tolist()
            self.by_band.setdefault(measure, Counter()).update(dict(zip(BANDS, counts, strict=True)))
            self.by_look[measure] += int((look & (places == BANDS.index(Band.INVESTIGATE))).sum())
        for measure, values in self.distributions.items():
            values.add(values_of(measure, rows)[compared])
        self._count_lists(rows, compared)
        self._worst.offer(rows, waivers, unconfirmed)

    def _excuses(self, rows: ComparedQueries) -> tuple[list[str | None], Flags]:
        """Return the waiver that takes each query, and which differences were not confirmed, and count both."""
        transient = frozenset(self.confirmation.unconfirmed) if self.confirmation else frozenset[str]()
        waivers: list[str | None] = [None] * len(rows)
        unconfirmed = np.zeros(len(rows), np.bool_)
        if not (transient or self.waivers.concerned):
            return waivers, unconfirmed
        for index, outcome in enumerate(rows.outcomes):
            if waiver := self.waivers.take(rows, index):
                waivers[index] = waiver
                self.waived[outcome] += 1
                self.waived_by.setdefault(outcome, set()).add(waiver)
                self.drawn_waived[rows.queries.categories[index]] += int(rows.queries.drawn[index])
            elif outcome in DIFFERENT and rows.queries.ids[index] in transient:
                unconfirmed[index] = True
                self.unconfirmed[outcome] += 1
        return waivers, unconfirmed

    def _count(self, rows: ComparedQueries) -> None:
        self.drawn_queries += int((rows.queries.drawn > 0).sum())
        kinds = Counter(zip(rows.queries.categories, rows.outcomes, rows.queries.drawn.tolist(), strict=True))
        for (category, outcome, times), queries in kinds.items():
            self.counts[outcome] += queries
            self.by_category.setdefault(category, Counter())[outcome] += queries
            if times:
                self.drawn.setdefault(category, Counter())[as_trial(outcome)] += times * queries

    def _count_lists(self, rows: ComparedQueries, compared: NDArray[np.bool_]) -> None:
        found = rows.measures
        inverted = compared & (found.inversions > 0)
        self.excused += int((inverted & (found.inversion_gap <= self.bands.near_tie)).sum())
        self.paired += int(found.paired[compared].sum())
        self.legacy_repeats += int((rows.legacy_repeats > 0).sum())
        self.candidate_repeats += int((rows.candidate_repeats > 0).sum())
        self.unordered += int((rows.legacy_unordered | rows.candidate_unordered).sum())
        if 10 in rows.depths:
            self.overlap_at_10.add(found.overlap_at[compared, rows.depths.index(10)])

    @property
    def agreeing(self) -> int:
        """Return the number of queries for which both sides return the same."""
        return sum(self.counts[outcome] for outcome in AGREEING)

    def standing(self, *outcomes: RetrievalOutcome) -> int:
        """Return how many queries of these outcomes neither a waiver took nor a repeat excuses."""
        return sum(self.counts[one] - self.waived[one] - self.unconfirmed[one] for one in outcomes)

    @property
    def compared(self) -> int:
        """Return the number of queries of which at least one side has results, and both a definite response."""
        return sum(self.counts[outcome] for outcome in _WITH_RESULTS)

    def values(self) -> dict[SetMeasure, float | None]:
        """Return the value of each measure of the set; None where nothing was measured."""
        return {
            SetMeasure.MEAN_OVERLAP: self.distributions[QueryMeasure.OVERLAP].mean,
            SetMeasure.MEAN_OVERLAP_AT_10: self.overlap_at_10.mean,
            SetMeasure.TOP_1_SHARE: self.distributions[QueryMeasure.TOP_1].mean,
            SetMeasure.MEAN_RBO: self.distributions[QueryMeasure.RBO].mean,
            SetMeasure.MEAN_TAU_B: self.distributions[QueryMeasure.TAU_B].mean,
            SetMeasure.DIFFERENT_SHARE: self._share(*DIFFERENT),
            SetMeasure.INVESTIGATE_SHARE: self._share(RetrievalOutcome.INVESTIGATE),
            SetMeasure.WRONG_MODE_SHARE: self._share(RetrievalOutcome.WRONG_MODE),
        }

    def _share(self, *outcomes: RetrievalOutcome) -> float | None:
        return self.standing(*outcomes) / self.queries if self.queries else None

    def set_bands(self) -> dict[SetMeasure, Band]:
        """Return the band of each measure of the set that has limits.

        Overlap of the first ten has one only where a query requested ten or more, and tau-b only where two documents were
        common: without them there is nothing to judge, and overlap says so.
        """
        values = self.values()
        return {
            measure: limits.band(measure, values[measure])
            for measure, limits in self.bands.whole.items()
            if not (values[measure] is None and measure in _OPTIONAL and self.queries)
        }

    def band(self) -> Band:
        """Return the worst band of the set. Without a query that has measures it is never PASS."""
        measured = self.standing(*_WITH_MEASURES)
        found = [*self.set_bands().values(), *([] if measured else [Band.INVESTIGATE])]
        return max(found, key=BANDS.index)

    def share_bounds(self) -> tuple[ShareBound, ...]:
        """Return the bound of all random draws together, and one per category where there are several."""
        total = sum(self.drawn.values(), Counter[Outcome]())
        bounds = [ShareBound.of(None, total, self.drawn_waived.total())]
        if len(self.drawn) > 1:
            sure = each_of(len(self.drawn))
            bounds += [
                ShareBound.of(category, drawn, self.drawn_waived[category], sure)
                for category, drawn in self.drawn.items()
            ]
        return tuple(bounds)

    def shown_queries(self) -> tuple[JudgedQuery, ...]:
        """Return a bounded number of queries, the worst of each outcome first."""
        return self._worst.shown()


_WITH_MEASURES: Final = (
    RetrievalOutcome.MATCH,
    RetrievalOutcome.INVESTIGATE,
    RetrievalOutcome.MISMATCH,
    RetrievalOutcome.BOTH_EMPTY,
)
"""Outcomes of queries whose measures mean something."""

_WITH_RESULTS: Final = (
    *GRADED,
    RetrievalOutcome.EMPTY_LEGACY,
    RetrievalOutcome.EMPTY_CANDIDATE,
    RetrievalOutcome.WRONG_MODE,
)
"""Outcomes of queries for which a side returned documents. Two sides that are both out of order return nothing alike."""

_OPTIONAL: Final = (SetMeasure.MEAN_OVERLAP_AT_10, SetMeasure.MEAN_TAU_B)
"""Measures that a set of queries may not have."""
