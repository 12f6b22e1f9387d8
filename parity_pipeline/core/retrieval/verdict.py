"""The record of a retrieval verdict, with all that a report, a check and a summary need.

Here belong the fields and their stored version. Counting belongs to `tally`, putting a verdict together to
`verdict_builder`, the stored form to `storage`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from parity_pipeline.core.confidence import ShareBound
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.causes import RetrievalCause
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.outcomes import AGREEING, Band, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity, RetrievalProvenance
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.simulated_faults import RetrievalPower
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.wire_drift import DriftRow

RETRIEVAL_SCHEMA_VERSION: Final = 1
"""Version of the verdict's JSON form; raised when a reader of the old form would misread the new one."""

OutcomeCounts = Mapping[RetrievalOutcome, int]


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCounts:
    """How many queries have each outcome.

    Attributes:
        outcomes: Queries of each outcome, every one of `outcomes.IN_VERDICTS` named.
        by_category: The counts that are not 0, per category.
        waived: Queries that each waiver took, by its id.
        unconfirmed: Queries that differed in the lane and did not when they were requested again.
    """

    outcomes: OutcomeCounts
    by_category: Mapping[str, OutcomeCounts]
    waived: Mapping[str, int]
    unconfirmed: int = 0

    @property
    def queries(self) -> int:
        """Return the number of queries that have an outcome."""
        return sum(self.outcomes.values())

    @property
    def agreeing(self) -> int:
        """Return the number of queries for which both sides return the same."""
        return sum(self.outcomes.get(outcome, 0) for outcome in AGREEING)

    @property
    def waived_queries(self) -> int:
        """Return the number of queries that waivers took."""
        return sum(self.waived.values())


@dataclass(frozen=True, slots=True, kw_only=True)
class SetMeasureResult:
    """Result of one measure of the whole set.

    Attributes:
        measure: The measure.
        value: Its value; None where nothing was measured.
        limits: Its limits; None for a measure that is reported and not judged.
        band: The band it is in; None without limits.
    """

    measure: SetMeasure
    value: float | None
    limits: Limits | None
    band: Band | None


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMeasureResult:
    """One measure of single queries over all compared queries.

    Attributes:
        measure: The measure.
        limits: Its limits; None for a measure that is reported and not judged.
        bands: Compared queries in each band, every one named; empty without limits.
        mean: Mean over the queries that have it; None where none has.
        median: Median, likewise.
        worst: The worst value, likewise.
        queries: Queries that have it.
    """

    measure: QueryMeasure
    limits: Limits | None
    bands: Mapping[Band, int]
    mean: float | None
    median: float | None
    worst: float | None
    queries: int


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalRandomDraws:
    """What the queries that came from a random draw prove.

    Attributes:
        queries: Queries that came from a random draw.
        draws: How often they were drawn.
        bounds: Of all together first (category None), then of each category, these simultaneously.
        required_bound: Share of inputs that at most may differ; None where no proof is required.
    """

    queries: int
    draws: int
    bounds: tuple[ShareBound, ...]
    required_bound: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalVerdict:
    """The verdict on one date and corpus.

    Attributes:
        endpoint: The probe; `retrieve`.
        date: Partition date, ISO 8601.
        corpus: Corpus of the partition.
        decision: The decision.
        reasons: Why, worst first.
        findings: What else a person has to see to: waivers, noise, differences that did not persist.
        checks: Every check, in the order of `RetrievalCheckName`.
        query_set: The set whose queries were compared.
        counts: How many queries have each outcome.
        set_measures: Each measure of the set, in the order of `SetMeasure`.
        query_measures: Each measure of single queries, in the order of `QueryMeasure`.
        random: What the random queries prove.
        legacy: Where the legacy lane came from, its noise included.
        candidate: Where the candidate's came from.
        causes: What explains the differences, the surest first; empty where nothing differs.
        attribution: Differing queries by what explains each.
        relevance: How relevant both sides' lists are; empty without labels.
        confirmation: What requesting differing queries again showed; None where nothing was requested again.
        power: What the queries would have caught; None for a verdict that is not a pass.
        drift: The wire drift of the two sides.
        queries: The queries of the report's table; empty in the ledger.
        package_version: Version that judged.
        not_run: Why the run ended before anything was judged; None for every other verdict.
        min_compared_share: Smallest share of queries that had to have results; None in verdicts of earlier versions.
        schema: `RETRIEVAL_SCHEMA_VERSION`.
    """

    date: str
    corpus: str
    decision: Decision
    reasons: tuple[str, ...]
    findings: tuple[str, ...]
    checks: tuple[RetrievalCheck, ...]
    query_set: QuerySetIdentity
    counts: QueryCounts
    set_measures: tuple[SetMeasureResult, ...]
    query_measures: tuple[QueryMeasureResult, ...]
    random: RetrievalRandomDraws
    legacy: RetrievalProvenance
    candidate: RetrievalProvenance
    causes: tuple[RetrievalCause, ...]
    attribution: Mapping[Explanation, int]
    relevance: tuple[RelevanceDifference, ...]
    confirmation: RetrievalConfirmation | None
    power: RetrievalPower | None
    drift: tuple[DriftRow, ...]
    queries: tuple[JudgedQuery, ...]
    package_version: str
    endpoint: Literal["retrieve"] = "retrieve"
    not_run: RunFailure | None = None
    min_compared_share: float | None = None
    schema: Literal[1] = RETRIEVAL_SCHEMA_VERSION

    @property
    def sides(self) -> tuple[RetrievalProvenance, RetrievalProvenance]:
        """Return where the legacy and the candidate lane came from, in this order."""
        return self.legacy, self.candidate

    @property
    def lanes(self) -> tuple[RetrievalProvenance, RetrievalProvenance]:
        """Return the same, by the name that verdicts of all probes have."""
        return self.sides

    def side(self, side: Side) -> RetrievalProvenance:
        """Return where the lane of one side came from."""
        return self.legacy if side is Side.LEGACY else self.candidate

    def value(self, measure: SetMeasure) -> float | None:
        """Return the value of a measure of the set; None where nothing was measured."""
        return next((one.value for one in self.set_measures if one.measure is measure), None)

    @property
    def strength(self) -> str:
        """Return how much a pass proves, such as `sampled (200 random queries: at most 1.49 % may differ)`; "" for no pass."""
        if self.decision not in PASSING:
            return ""
        drawn = next((one for one in self.random.bounds if one.category is None and one.trials), None)
        if drawn is None:
            compared = self.counts.queries
            return f"smoke test ({compared:,} hand-picked {'query' if compared == 1 else 'queries'})"
        if self.random.required_bound is not None:
            return f"proved to {percent(self.random.required_bound)}"
        queries = "query" if drawn.trials == 1 else "queries"
        return f"sampled ({drawn.trials:,} random {queries}: at most {percent(drawn.bound)} may differ)"
