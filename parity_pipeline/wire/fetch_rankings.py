"""Fetch the rankings of a query set, or of a few queries, from one side: what other packages call.

Here belong these calls and their defaults. How a lane runs, and its result, belong to `retrieval_lane`; embedding queries
belongs to `fetch_lane.embed_texts`.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace

import httpx

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.retrieval.provenance import FetchedRankings, QueriesBlock
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.fetch_lane import run_anywhere
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.retrieval_lane import RankingStaging, RetrievalLane, RetrievalLaneResult
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.transport import transport_for

__all__ = ["RankingStaging", "RetrievalLaneResult", "ask_rankings", "fetch_rankings"]


def fetch_rankings(
    side: RetrievalSide,
    queries: Iterable[QueriesBlock],
    sink: Callable[[FetchedRankings], None],
    *,
    staging: RankingStaging | None = None,
    progress: Callable[[Progress], None] | None = None,
    total: int | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    environment: LaneEnvironment | None = None,
    vectors: Mapping[str, Sequence[float]] | None = None,
) -> RetrievalLaneResult:
    """Fetch the ranking of each query once and hand its row to the sink.

    Args:
        side: The side and what it searches.
        queries: Consecutive blocks from ordinal 0 on; read as they are needed.
        sink: Takes rows strictly in ordinal order, each query exactly once. What it raises ends the fetch.
        staging: Keeps what was fetched until it is published; rows it holds from an earlier run are not fetched again.
        progress: Called with the progress, at most every `PROGRESS_SECONDS`, and at its end.
        total: Number of queries, where known, for the time left.
        transport: Replaces the network.
        environment: Replaces the clocks, sleeping and chance.
        vectors: A vector by query id, each of the model's dimension. They are sent in place of the texts where the
            dialect takes vectors; a query without one is then not requested, and FAILED.

    Returns:
        The result. A lane that stopped early has FAILED rows for queries that it did not request, and says why.

    Raises:
        GatewayError: The side cannot be used at all: nothing listens, no such corpus, other dialect, refused token; or
            its dialect takes vectors alone and there are none.
        ArtifactError: The staging or the sink cannot write. What was staged stays, and the next run continues from there.
    """
    _check_vectors(side, vectors)
    network = transport or transport_for(side.config)

    async def run() -> RetrievalLaneResult:
        lane = RetrievalLane(
            side,
            sink,
            vectors=vectors,
            transport=network,
            environment=environment or LaneEnvironment(),
            staging=staging,
            progress=progress,
            total=total,
        )
        async with network:
            return await lane.run(queries)

    return run_anywhere(run)


def ask_rankings(
    side: RetrievalSide,
    queries: Sequence[Query],
    *,
    vectors: Mapping[str, Sequence[float]] | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    environment: LaneEnvironment | None = None,
) -> tuple[Sequence[Ranking], int]:
    """Return the rankings of a few queries, in their order, and the number of requests sent; each is retried once at most.

    A confirmation, the noise floor and attribution use it. As many requests are in flight as in a lane; queries may be
    repeated, and with `vectors` the vector of a query is sent where the dialect takes vectors
    (`RetrievalDialect.takes_vectors`).

    Raises:
        GatewayError: The side cannot be used at all, or needs vectors and there are none.
    """
    fetched: list[Ranking] = []
    once = replace(side, config=replace(side.config, attempts=min(2, side.config.attempts), adaptive=False))
    result = fetch_rankings(
        once,
        [QueriesBlock(0, queries)],
        lambda rows: fetched.extend(rows.rankings),
        total=len(queries),
        transport=transport,
        environment=environment,
        vectors=vectors,
    )
    return fetched, result.requests


def _check_vectors(side: RetrievalSide, vectors: Mapping[str, Sequence[float]] | None) -> None:
    """Refuse to ask a side that needs vectors without any.

    Raises:
        GatewayError: It does.
    """
    if side.needs_vectors and vectors is None:
        key = f"retrieve.{side.config.side}.dialect"
        raise GatewayError(
            f"its retrieval dialect {side.dialect.name!r} takes vectors alone, and queries have none",
            place=f"{side.config.label} ({side.config.side}) at {side.url}",
            remedy=f"Set retrieve.model to the model that queries are embedded with, or {key} to one that takes text.",
        )
