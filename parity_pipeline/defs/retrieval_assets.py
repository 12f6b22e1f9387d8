"""The assets of the retrieve probe, on partitions of date x corpus.

Here belong short bodies: partition key in, one step, metadata and checks out. What a step does belongs to
`steps.retrieval`. Its verdict feeds the one summary that all probes share.
"""

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.verdict import RETRIEVAL_SCHEMA_VERSION
from parity_pipeline.defs import retrieval_checks as checks
from parity_pipeline.defs import retrieval_metadata as metadata
from parity_pipeline.defs.asset_factory import AssetFactory, Made, explained, version_of
from parity_pipeline.defs.assets import Run
from parity_pipeline.defs.metadata import columns_of
from parity_pipeline.defs.partitions import CORPUS, split_key
from parity_pipeline.defs.verdict_metadata import report_metadata, retrieval_verdict_metadata, tag_verdict
from parity_pipeline.steps.retrieval.fetch_side import draw_queries, fetch_rankings
from parity_pipeline.steps.retrieval.judge_rankings import judge_rankings, shown_queries, write_retrieval_report
from parity_pipeline.steps.retrieval.run_retrieval import compare_and_reproduce
from parity_pipeline.storage.query_set_files import KIND as QUERIES
from parity_pipeline.storage.rankings_files import KIND as RANKINGS
from parity_pipeline.storage.retrieval_parity_files import KIND as PARITY

GROUP = "retrieve"
QUERIES_KEY = dg.AssetKey(["retrieve", "queries"])
PARITY_KEY = dg.AssetKey(["retrieve", "parity"])
VERDICT_KEY = dg.AssetKey(["retrieve", "verdict"])
LANES = tuple(dg.AssetKey([side.value, "retrieval"]) for side in Side)


def build_retrieval_assets(factory: AssetFactory, freshness: dg.FreshnessPolicy) -> list[dg.AssetsDefinition]:
    """Return all assets of the probe.

    Args:
        factory: Declares them, with the partitions of the corpora.
        freshness: When a verdict is late.
    """

    @factory.asset(
        QUERIES_KEY.path,
        group="inputs",
        kinds={"python", "parquet"},
        schema_version=QUERIES.version,
        metadata=columns_of(QUERIES, metadata.WORDS),
    )
    def queries(context: dg.AssetExecutionContext, run: Run) -> Made:
        """The queries of this date and corpus, drawn from their sources and stored with their content hash."""
        day, corpus = split_key(context.partition_key, CORPUS)
        with explained():
            header = draw_queries(run, day, corpus)
        shown = metadata.queries_metadata(header, run.layout.queries(day, corpus))
        return Made(metadata=shown, data_version=dg.DataVersion(header.hash))

    @factory.asset(
        PARITY_KEY.path,
        group=GROUP,
        kinds={"python", "parquet"},
        deps=[QUERIES_KEY, *LANES],
        schema_version=PARITY.version,
        metadata=columns_of(PARITY, metadata.WORDS),
    )
    def parity(context: dg.AssetExecutionContext, run: Run) -> Made:
        """Each query's measures and outcome: overlap, rank-biased overlap, tau-b, scores; what further requests showed; the worst query made small."""
        day, corpus = split_key(context.partition_key, CORPUS)
        with explained():
            header = compare_and_reproduce(run, day, corpus, context.log.exception)
        lanes = ((lane.settings_hash, lane.fetched_to) for lane in header.sides)
        shown = metadata.parity_metadata(header, run.layout.retrieval_parity(day, corpus))
        return Made(metadata=shown, data_version=version_of(header.query_set, header.rules_hash, *lanes))

    @factory.asset(
        VERDICT_KEY.path,
        group=GROUP,
        kinds={"python", "json"},
        deps=[PARITY_KEY],
        checks=checks.verdict_checks(),
        freshness_policy=freshness,
        metadata={"verdict schema": RETRIEVAL_SCHEMA_VERSION},
    )
    def verdict(context: dg.AssetExecutionContext, run: Run) -> Made:
        """PASS, FAIL or INCONCLUSIVE on the ranked lists, with reasons, stored as JSON and added to the ledger."""
        day, corpus = split_key(context.partition_key, CORPUS)
        with explained():
            judged = judge_rankings(run, day, corpus, run_id=context.run.run_id)
            queries = shown_queries(run, judged)
        tag_verdict(context, judged.decision)
        shown = retrieval_verdict_metadata(judged, run.layout.retrieval_verdict(day, corpus), queries)
        return Made(metadata=shown, check_results=list(checks.check_verdict(judged)), data_version=version_of(judged))

    @factory.asset(["retrieve", "report"], group=GROUP, kinds={"python", "markdown"}, deps=[VERDICT_KEY])
    def report(context: dg.AssetExecutionContext, run: Run) -> Made:
        """The dated Markdown report that an approver reads and signs."""
        day, corpus = split_key(context.partition_key, CORPUS)
        with explained():
            judged, text = write_retrieval_report(run, day, corpus)
            queries = shown_queries(run, judged)
        shown = report_metadata(judged, run.layout, factory.links, queries)
        return Made(metadata=shown, data_version=version_of(text))

    return [queries, *(_rankings(factory, side) for side in Side), parity, verdict, report]


def _rankings(factory: AssetFactory, side: Side) -> dg.AssetsDefinition:
    """Return the rankings of one side: the lane."""

    @factory.side_asset(
        side,
        "retrieval",
        inputs=QUERIES_KEY,
        kinds={"python", "parquet"},
        checks=checks.LANE,
        description=f"The ranked lists that the {side} side returns for the queries of this date and corpus.",
        schema_version=RANKINGS.version,
        metadata=columns_of(RANKINGS, metadata.WORDS),
    )
    def retrieval(context: dg.AssetExecutionContext, run: Run) -> Made:
        day, corpus = split_key(context.partition_key, CORPUS)
        with explained():
            lane = fetch_rankings(run, side, day, corpus, context.log.info)
        version = version_of(lane.query_set_hash, lane.settings_hash, lane.fetched_from, lane.fetched_to)
        shown = metadata.rankings_metadata(lane, run.layout.rankings(side, day, corpus))
        return Made(metadata=shown, check_results=list(checks.check_lane(lane)), data_version=version)

    return retrieval
