"""What a fetch of rankings hands on, where it came from, and what the files of a date and corpus say of themselves.

Here belong the records between the wire, the storage and the verdict. How rankings are fetched belongs to `wire`, how they
are kept to `storage`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.measures import DEPTHS
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation


@dataclass(frozen=True, slots=True)
class QueriesBlock:
    """Consecutive queries of one query set, as they are requested.

    Attributes:
        start: Ordinal of the first query; the others follow without a gap.
        queries: The queries.
    """

    start: int
    queries: Sequence[Query]

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.queries)


@dataclass(frozen=True, slots=True)
class FetchedRankings:
    """The results of consecutive queries, in the order of the query set, whatever happened to each.

    Attributes:
        start: Ordinal of the first query.
        rankings: One per query.
        http_status: HTTP status of the response that a ranking came from; None without a response.
        errors: For a ranking that is not OK: kind and the server's own words, at most `limits.ERROR_CHARACTERS`; else None.
        request_ids: The id of the request; None where none was sent.
        latency_ms: Milliseconds from sending the request to having the whole body; None where there was no response.
    """

    start: int
    rankings: Sequence[Ranking]
    http_status: Sequence[int | None]
    errors: Sequence[str | None]
    request_ids: Sequence[str | None]
    latency_ms: Sequence[float | None]

    def __post_init__(self) -> None:
        """Refuse columns of different lengths, which would shift rows.

        Raises:
            MetricInputError: A column's length is not the number of rankings.
        """
        columns = (self.http_status, self.errors, self.request_ids, self.latency_ms)
        if any(len(column) != len(self.rankings) for column in columns):
            msg = f"columns of a fetched block disagree about its {len(self.rankings)} rankings"
            raise MetricInputError(msg, place=f"queries from ordinal {self.start}", remedy="Report this as a bug.")

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.rankings)

    @property
    def ids(self) -> Sequence[str]:
        """Return the query ids."""
        return [one.query_id for one in self.rankings]

    @property
    def status(self) -> Sequence[RowStatus]:
        """Return one status per query."""
        return [one.status for one in self.rankings]


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySetIdentity:
    """Which query set a comparison is about.

    Attributes:
        hash: Content hash of the stored set, 64 hex digits.
        queries: Number of queries in it.
        sources: What the queries were read from.
        duplicates_dropped: Queries left out because the same one had come before.
    """

    hash: str
    queries: int
    sources: tuple[str, ...] = ()
    duplicates_dropped: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalNoise:
    """What one side's own responses to repeated queries came to: its noise floor.

    Attributes:
        queries: Queries that were repeated.
        requests: Requests sent for it.
        differing: Queries of which a repeat returned another list than the lane, ties aside.
        worst_overlap: Smallest overlap of a repeat with the lane's list, in [0, 1]; None where nothing was compared.
        worst_rbo: Smallest rank-biased overlap, likewise.
        score_delta: Greatest difference of a document's score, as compared scores; None where none was comparable.
        failed: Repeats without a list.
        reordered: Queries of which a repeat returned ties in another order than the lane, and nothing else.
    """

    queries: int
    requests: int
    differing: int
    worst_overlap: float | None
    worst_rbo: float | None
    score_delta: float | None
    failed: int = 0
    reordered: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalProvenance:
    """What produced one partition of rankings.

    Attributes:
        side: `legacy` or `candidate`.
        label: What people call this side.
        url: The URL that requests were sent to, without credentials.
        dialect: Name of the retrieval dialect spoken.
        date: Partition date, ISO 8601.
        corpus: The corpus of the partition.
        query_set_hash: Content hash of the query set that was sent.
        queries: Number of queries in that set.
        settings_hash: Hash of the settings that shape a request and what is read from a response.
        package_version: Version of parity_pipeline.
        fetched_from: Time of the first request, ISO 8601 in UTC.
        fetched_to: Time of the last response, ISO 8601 in UTC.
        requests: Requests sent, retries included.
        retries: Requests sent again.
        status_counts: Queries of each `RowStatus`; sums to `queries`.
        modes: Queries by the mode that their response reports; "" stands for those that report none.
        observation: What the wire looked like.
        server_headers: Response headers that say what software responded.
        stopped_early: Why the lane gave up before its end; "" where it did not.
        errors_by_kind: Requests that failed, per kind of failure, retried ones included.
        latency_ms: Percentiles of the requests' latency in milliseconds: `p50`, `p95`, `p99`, `max`.
        noise: The side's own noise; None where it was not measured.
        doubts: Caveats of the fetch.
        fingerprint: What the side showed of itself; empty where it was not looked at.
        recorded: The partition date that these rankings were fetched for and taken from, ISO 8601; "" where they were
            fetched for this one.
        recorded_unproved: Why no verdict that passed was given on them on that date, a clause; "" where one was.
        requested: What the settings requested beside the query set, by key of `retrieve`, such as `k`; empty where that was
            not stored.
    """

    side: Side
    label: str
    url: str
    dialect: str
    date: str
    corpus: str
    query_set_hash: str
    queries: int
    settings_hash: str
    package_version: str
    fetched_from: str
    fetched_to: str
    requests: int
    retries: int
    status_counts: Mapping[str, int]
    modes: Mapping[str, int] = field(default_factory=dict[str, int])
    observation: RetrievalObservation = field(default_factory=RetrievalObservation)
    server_headers: Mapping[str, str] = field(default_factory=dict[str, str])
    stopped_early: str = ""
    errors_by_kind: Mapping[str, int] = field(default_factory=dict[str, int])
    latency_ms: Mapping[str, float] = field(default_factory=dict[str, float])
    noise: RetrievalNoise | None = None
    doubts: tuple[str, ...] = ()
    fingerprint: Fingerprint = field(default_factory=Fingerprint)
    recorded: str = ""
    recorded_unproved: str = ""
    requested: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalParityHeader:
    """The header of one file of compared queries.

    Attributes:
        query_set: The set that both lanes were fetched for.
        sides: Where the legacy and the candidate lane came from, in this order.
        pairing_faults: Why the lanes were not paired; the file then has no rows.
        counts: Queries of each outcome that occurs, ungraded.
        rules_hash: Hash of the rules of comparison, id mappings and score scales: measures depend on them.
        depths: Depths at which overlap was measured, `ComparisonRules.depths`.
        comparable: Whether a score of one side means the same as one of the other, `ComparisonRules.comparable`.
    """

    query_set: QuerySetIdentity
    sides: tuple[RetrievalProvenance, RetrievalProvenance]
    pairing_faults: tuple[str, ...]
    counts: Mapping[RetrievalOutcome, int]
    rules_hash: str = ""
    depths: tuple[int, ...] = DEPTHS
    comparable: bool = True


def retrieval_pairing_faults(
    legacy: RetrievalProvenance, candidate: RetrievalProvenance, query_set_hash: str
) -> tuple[str, ...]:
    """Return every reason why two lanes may not be paired for a query set; empty when they may."""
    faults: list[str] = []
    for side, lane in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)):
        if lane.side is not side:
            faults.append(f"the rankings given as {side} were fetched from the {lane.side} side")
        if lane.query_set_hash != query_set_hash:
            faults.append(
                f"{side} was fetched for query set {lane.query_set_hash[:12]} while the snapshot is "
                f"{query_set_hash[:12]}: materialize {side}/retrieval again"
            )
    if legacy.corpus != candidate.corpus:
        faults.append(f"legacy holds corpus {legacy.corpus!r}, candidate {candidate.corpus!r}")
    if legacy.date != candidate.date:
        faults.append(f"legacy is dated {legacy.date}, candidate {candidate.date}")
    return tuple(faults)
