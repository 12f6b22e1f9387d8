"""The retrieve probe's lane: one request per query, and the result of a fetch of rankings.

Here belongs what only a lane of rankings observes and reports. How any lane runs belongs to `lane_run`; what other packages
call to `fetch_rankings`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, TypeAlias

import httpx

from parity_pipeline.core.fetched_rows import StagingOf
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.provenance import FetchedRankings, QueriesBlock
from parity_pipeline.core.retrieval.records import Reported
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.lane_run import LaneRun, LaneTotals
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.retrieval_codec import RetrievalCodec
from parity_pipeline.wire.retrieval_requests import QueryEncoder, Vectors, plan_queries
from parity_pipeline.wire.retrieval_responses import DecodedRanking, ResponseShape, response_shape
from parity_pipeline.wire.retrieval_side import RetrievalSide

RankingStaging: TypeAlias = StagingOf[FetchedRankings]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalLaneResult(LaneTotals):
    """Result of a fetch of rankings beside its rows.

    Attributes:
        modes: Queries with a ranking, by the mode that their response reports; "" stands for those that report none.
        observation: What the wire looked like.
    """

    modes: Mapping[str, int] = field(default_factory=dict[str, int])
    observation: RetrievalObservation = field(default_factory=RetrievalObservation)


class RetrievalLane:
    """The fetch of one query set from one side."""

    def __init__(
        self,
        side: RetrievalSide,
        sink: Callable[[FetchedRankings], None],
        *,
        vectors: Vectors | None,
        transport: httpx.AsyncBaseTransport,
        environment: LaneEnvironment,
        staging: RankingStaging | None,
        progress: Callable[[Progress], None] | None,
        total: int | None,
    ) -> None:
        """Put the lane together; nothing is sent yet."""
        self._side = side
        self._sink = sink
        self._encoder = QueryEncoder(side, vectors)
        self._modes: Counter[str] = Counter()
        self._unscored = self._with_results = 0
        codec = RetrievalCodec(side, self._encoder)
        self._run = LaneRun(
            side.config,
            codec,
            self._hand_on,
            self,
            transport=transport,
            environment=environment,
            staging=staging,
            progress=progress,
            total=total,
        )
        before = self._run.facts_before
        self._request_fields = codec.request_fields
        self._request_fields.update(before.get("request_fields", ()))
        shape: Mapping[str, Any] = before.get("shape") or {}
        self._shape = ResponseShape(**{name: tuple(value) for name, value in shape.items()})

    async def run(self, queries: Iterable[QueriesBlock]) -> RetrievalLaneResult:
        """Fetch all rankings.

        Raises:
            GatewayError: The side cannot be used at all. `fetch_rankings` lists the others.
        """
        seconds = await self._run.run(plan_queries(queries, self._encoder))
        named = self._run.totals(seconds=seconds).named()
        named["caveats"] = (*named["caveats"], *self._caveats())
        return RetrievalLaneResult(**named, modes=dict(self._modes), observation=self._observation())

    def _hand_on(self, rows: FetchedRankings) -> None:
        for ranking in rows.rankings:
            if ranking.status is RowStatus.OK:
                self._modes[ranking.mode or ""] += 1
                self._with_results += bool(ranking.ids)
                self._unscored += bool(ranking.ids) and not ranking.scores
        self._sink(rows)

    def before(self, start: int, tasks: asyncio.TaskGroup) -> None:
        """Send nothing beside the queries."""

    async def after_rows(self) -> None:
        """Send nothing after the last query."""

    def on_response(self, response: HttpResponse, decoded: DecodedRanking) -> None:
        """Observe responses until one with results has been seen."""
        if not self._shape.result_fields and (decoded.ids or not self._shape.response_fields):
            side = self._side
            self._shape = response_shape(side.dialect, side.metadata, response.body, side.config.without_secrets)

    def facts(self) -> Mapping[str, Any]:
        """Return what the next run of the lane needs to know."""
        return {"request_fields": sorted(self._request_fields), "shape": asdict(self._shape)}

    def _caveats(self) -> tuple[str, ...]:
        """Return what a person should know although the rows are right: scores that were expected and never came."""
        expected = self._side.dialect.score_field is not None and self._side.reported != Reported.NOTHING
        if not (expected and self._with_results and self._unscored == self._with_results):
            return ()
        return (f"no result has a number at {self._side.dialect.score_field!r}, so only the order can be compared",)

    def _observation(self) -> RetrievalObservation:
        return RetrievalObservation(
            method_and_path=f"POST {self._side.path(self._side.searches)}",
            request_fields=tuple(sorted(self._request_fields)),
            response_fields=self._shape.response_fields,
            result_fields=self._shape.result_fields,
            unknown_fields=self._shape.unknown_fields,
            modes=tuple(sorted(mode for mode in self._modes if mode)),
            reported=self._side.reported,
            takes=self._side.dialect.takes,
        )
