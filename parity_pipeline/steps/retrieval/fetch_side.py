"""The queries of one date and corpus, and the rankings that one side returns for them, its own noise beside.

Here belong the steps between sources, wire and storage. How requests are sent belongs to `wire`, how rankings are stored
to `storage`, what repeats mean to `core.retrieval.noise`.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import asdict, dataclass, field, replace

from parity_pipeline.core.errors import GatewayError, SettingsError
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.noise import noise_of
from parity_pipeline.core.retrieval.provenance import (
    FetchedRankings,
    QueriesBlock,
    RetrievalNoise,
    RetrievalProvenance,
)
from parity_pipeline.core.retrieval.records import Query, Ranking, Reported
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.steps.fetch_embeddings import reporter
from parity_pipeline.steps.record_gateways import RETRIEVE, record_fetch
from parity_pipeline.steps.recordings import recorded_inputs
from parity_pipeline.steps.retrieval.context import RetrievalContext, Vectors
from parity_pipeline.steps.retrieval.recorded_rankings import RANKINGS, recorded_rankings
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.query_set_files import QuerySetFile, QuerySetHeader, write_query_set
from parity_pipeline.storage.query_sources import read_queries, source_names
from parity_pipeline.storage.rankings_files import RankingsWriter
from parity_pipeline.storage.staging import RankingsStaging, rankings_staging_folder
from parity_pipeline.wire.canary_request import stated
from parity_pipeline.wire.fetch_rankings import RetrievalLaneResult
from parity_pipeline.wire.retrieval_side import RetrievalSide


def draw_queries(run: RunContext, day: str, corpus: str) -> QuerySetHeader:
    """Store the queries of a date and corpus, and return the header of the set; where a side is a recording, those of it.

    Raises:
        SampleSourceError: A source cannot be read, or there is no query.
        ArtifactError: The disk or folder does not take the file.
    """
    context = retrieval_of(run)
    if recorded_inputs(RANKINGS, run, day, corpus):
        return stored(run.layout.queries(day, corpus), QuerySetFile).header
    found = read_queries(context.sources, day, context.defaults(corpus))
    with publishing(run.layout.queries(day, corpus)) as draft:
        return write_query_set(draft, found, sources=source_names(context.sources))


def retrieval_of(run: RunContext) -> RetrievalContext:
    """Return what the steps of the retrieve probe share.

    Raises:
        SettingsError: The settings have no section for it.
    """
    if run.retrieval is None:
        raise SettingsError(
            "the settings have no retrieve probe", place="retrieve", remedy="Add a section retrieve to parity.yaml."
        )
    return run.retrieval


def fetch_rankings(
    run: RunContext, side: Side, day: str, corpus: str, log: Callable[[str], None] = lambda _line: None
) -> RetrievalProvenance:
    """Store the rankings of one side for the queries of a date and corpus, and return where they came from.

    What is staged stays locked until the file is published. Some queries are sent again afterwards, for the side's noise.

    Nothing is fetched from a side that is a recording: its stored rankings are put in place (`recorded_rankings`).

    Raises:
        GatewayError: The side cannot be used at all.
        ArtifactError: There is no query set, or the disk does not take the file. What was staged stays.
        SettingsError: Its token is not in the environment, or its endpoint takes vectors and no model is named.
    """
    gateway, context = run.gateways[side], retrieval_of(run)
    if gateway.recorded:
        return recorded_rankings(run, side, day, corpus)
    queries = stored(run.layout.queries(day, corpus), QuerySetFile)
    header = queries.header
    where, vectors = gateway.retrieval_side(corpus), dict[str, list[float]]()
    chosen = ChosenQueries(frozenset(context.noise.ordinals(header.queries)))
    folder = rankings_staging_folder(
        run.layout.staging,
        side=side,
        corpus=corpus,
        date=day,
        query_set_hash=header.hash,
        settings_hash=where.settings_hash(),
    )
    reported = Reported(where.reported)
    with RankingsStaging(folder) as staging:
        with (
            publishing(run.layout.rankings(side, day, corpus)) as draft,
            RankingsWriter(draft, side=side, reported=reported) as writer,
        ):

            def sink(rows: FetchedRankings) -> None:
                chosen.take(rows)
                writer.add(rows)

            blocks = chosen.watching(_with_vectors(queries.blocks(), gateway, where, context, vectors))
            result = gateway.fetch_rankings(
                where,
                blocks,
                sink,
                staging=staging,
                progress=reporter(run, f"{side} retrieval {day} {corpus}", log),
                total=header.queries,
                vectors=vectors if where.needs_vectors else None,
            )
            noise = None if result.stopped_early else _noise(side, gateway, where, chosen, context, vectors)
            provenance = _provenance(run, where, header, day, result, noise)
            if not result.stopped_early:
                found = _fingerprint(run, where, day, result, log)
                provenance = replace(provenance, fingerprint=found)
            writer.finish(provenance)
        if not result.stopped_early:
            staging.discard()
    return provenance


def _fingerprint(
    run: RunContext, where: RetrievalSide, day: str, result: RetrievalLaneResult, log: Callable[[str], None]
) -> Fingerprint:
    """Return what the side says of itself; its rankings do not identify it, for documents come and go."""
    config = replace(where.config, dialect=replace(where.config.dialect, digest=None))
    found = run.gateways[config.side].identify(config, where.model or "", stated(config, result.server_headers))
    return record_fetch(run, (RETRIEVE, config.side, where.corpus), day, found, log)


def query_vectors(gateway: Gateway, queries: Iterable[Query], context: RetrievalContext) -> dict[str, list[float]]:
    """Return the vectors that a side's embed endpoint returns for some queries, by query id; none where it gives none.

    Raises:
        GatewayError: The side cannot be used at all.
        SettingsError: No model is named.
    """
    if context.model is None:
        raise SettingsError(
            "queries become vectors by a model, and none is named",
            place="retrieve.model",
            remedy="Name a model of both sides there.",
        )
    sent = list(queries)
    found = gateway.embed(context.model, [one.text for one in sent]) if sent else ()
    return {one.id: vector.tolist() for one, vector in zip(sent, found, strict=True) if vector is not None}


def _with_vectors(
    blocks: Iterable[QueriesBlock],
    gateway: Gateway,
    where: RetrievalSide,
    context: RetrievalContext,
    vectors: dict[str, list[float]],
) -> Iterator[QueriesBlock]:
    """Yield each block, with the vectors of its queries added where the endpoint takes no text."""
    for block in blocks:
        if where.needs_vectors:
            vectors |= query_vectors(gateway, [one for one in block.queries if one.text.strip()], context)
        yield block


@dataclass(slots=True)
class ChosenQueries:
    """Queries, evenly over the set, that are sent again, and what the lane holds for them.

    Attributes:
        ordinals: Their ordinals, ascending.
        queries: The queries, by ordinal.
        rankings: What the lane holds, by ordinal.
    """

    ordinals: frozenset[int]
    queries: dict[int, Query] = field(default_factory=dict[int, Query])
    rankings: dict[int, Ranking] = field(default_factory=dict[int, Ranking])

    def watching(self, blocks: Iterable[QueriesBlock]) -> Iterator[QueriesBlock]:
        """Yield the blocks and keep the chosen queries."""
        for block in blocks:
            for ordinal, query in enumerate(block.queries, start=block.start):
                if ordinal in self.ordinals:
                    self.queries[ordinal] = query
            yield block

    def take(self, rows: FetchedRankings) -> None:
        """Keep what the lane holds for the chosen queries."""
        for ordinal, ranking in enumerate(rows.rankings, start=rows.start):
            if ordinal in self.ordinals:
                self.rankings[ordinal] = ranking

    def with_lists(self) -> tuple[list[Query], list[Ranking]]:
        """Return the chosen queries that got a list, and their rankings."""
        usable = [one for one in sorted(self.rankings) if self.rankings[one].status is RowStatus.OK]
        return [self.queries[one] for one in usable], [self.rankings[one] for one in usable]


def _noise(
    side: Side,
    gateway: Gateway,
    where: RetrievalSide,
    chosen: ChosenQueries,
    context: RetrievalContext,
    vectors: Vectors,
) -> RetrievalNoise | None:
    """Ask the chosen queries again; None where none got a list, or the side cannot be used any more."""
    queries, lane = chosen.with_lists()
    if not (queries and context.noise.repeats):
        return None
    repeats: list[list[Ranking]] = []
    requests = 0
    for _ in range(context.noise.repeats):
        try:
            rankings, sent = gateway.ask_rankings(where, queries, vectors=vectors if where.needs_vectors else None)
        except GatewayError:
            return None
        repeats.append(list(rankings))
        requests += sent
    return noise_of(side, queries, lane, repeats, context.rules, requests=requests)


def _provenance(
    run: RunContext,
    where: RetrievalSide,
    header: QuerySetHeader,
    day: str,
    result: RetrievalLaneResult,
    noise: RetrievalNoise | None,
) -> RetrievalProvenance:
    return RetrievalProvenance(
        side=where.config.side,
        label=where.config.label,
        url=where.url,
        dialect=where.dialect.name,
        date=day,
        corpus=where.corpus,
        query_set_hash=header.hash,
        queries=header.queries,
        settings_hash=where.settings_hash(),
        package_version=run.package_version,
        fetched_from=result.fetched_from,
        fetched_to=result.fetched_to,
        requests=result.requests,
        retries=result.retries,
        status_counts=result.status_counts,
        modes=result.modes,
        observation=result.observation,
        server_headers=result.server_headers,
        stopped_early=result.stopped_early,
        errors_by_kind=result.errors_by_kind,
        latency_ms={name: value for name, value in asdict(result.latency).items() if value is not None},
        noise=noise,
        doubts=result.caveats,
        requested=retrieval_of(run).requested(where.config.side, where.corpus),
    )
