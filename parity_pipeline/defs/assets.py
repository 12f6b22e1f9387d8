"""The graph: every asset of the embed probe.

Here belong short bodies: partition key in, one step, metadata and checks out. What a step does belongs to `steps`.
"""

from collections.abc import Iterator, Sequence

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import SCHEMA_VERSION
from parity_pipeline.defs import checks, metadata
from parity_pipeline.defs.asset_factory import CONTRACT, LANES, STABILITY, AssetFactory, Made, explained, version_of
from parity_pipeline.defs.automation import asset_key
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.verdict_metadata import report_metadata, tag_verdict, verdict_metadata
from parity_pipeline.steps.confirm_rows import confirm_rows
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.fetch_embeddings import fetch_embeddings
from parity_pipeline.steps.judge_partition import judge_partition
from parity_pipeline.steps.measure_repeatability import measure_repeatability
from parity_pipeline.steps.pair_lanes import pair_lanes
from parity_pipeline.steps.probe_contract import probe_contracts
from parity_pipeline.steps.prune_vectors import prune_by_settings
from parity_pipeline.steps.reproduce_sample import diagnose_and_reproduce
from parity_pipeline.steps.write_reports import write_report, write_summary
from parity_pipeline.storage.embeddings_files import KIND as EMBEDDINGS
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import CONFIRMATION_VERSION, CONTRACT_VERSION, STABILITY_VERSION
from parity_pipeline.storage.parity_files import KIND as PARITY
from parity_pipeline.storage.sample_set_files import KIND as SAMPLES
from parity_pipeline.storage.sample_set_files import SampleSetFile

Run = dg.ResourceParam[RunContext]


def build_assets(
    factory: AssetFactory,
    freshness: dg.FreshnessPolicy,
    *,
    stability: bool,
    contract: bool,
    verdicts: Sequence[str] = ("verdict",),
) -> list[dg.AssetsDefinition]:
    """Return all assets of the embed probe, and the summary of all probes.

    Args:
        factory: Declares them.
        freshness: When a verdict is late.
        stability: Whether each side's repeatability is measured.
        contract: Whether each side's contract is observed.
        verdicts: The asset of each probe's verdict, which the summary reads.
    """
    sides = [embeddings_asset(factory, side) for side in Side]
    sides += [stability_asset(factory, side) for side in Side if stability]
    sides += [contract_assets(factory, stability=stability)] if contract else []
    paired = (dg.AssetKey("samples"), *LANES, dg.AssetKey("parity"))
    diagnosed = (*paired, dg.AssetKey("confirmation"), *(STABILITY if stability else ()))

    @factory.asset(
        ["samples"],
        group="inputs",
        kinds={"python", "parquet"},
        checks=checks.SAMPLES,
        schema_version=SAMPLES.version,
        metadata=metadata.columns_of(SAMPLES),
    )
    def samples(context: dg.AssetExecutionContext, run: Run) -> Made:
        """The samples of this date and model, drawn from their sources and stored with their content hash."""
        day, model = split_key(context.partition_key)
        path = run.layout.samples(day, model)
        with explained():
            header = draw_samples(run, day, model)
            checked = list(checks.check_samples(SampleSetFile(path)))
        shown = metadata.samples_metadata(header, path)
        return Made(metadata=shown, check_results=checked, data_version=dg.DataVersion(header.hash))

    @factory.asset(
        ["parity"],
        group="verdicts",
        kinds={"python", "parquet"},
        deps=[dg.AssetKey("samples"), *LANES],
        schema_version=PARITY.version,
        metadata=metadata.columns_of(PARITY),
    )
    def parity(context: dg.AssetExecutionContext, run: Run) -> Made:
        """Each sample's measures and outcome: cosine similarity, norms, differences, refusals."""
        day, model = split_key(context.partition_key)
        path = run.layout.parity(day, model)
        with explained():
            header = pair_lanes(run, day, model)
        version = version_of(header.sample_set, *((lane.settings_hash, lane.fetched_to) for lane in header.sides))
        return Made(metadata=metadata.parity_metadata(header, path), data_version=version)

    @factory.asset(
        ["confirmation"],
        group="verdicts",
        kinds={"python", "json"},
        deps=paired,
        schema_version=CONFIRMATION_VERSION,
    )
    def confirmation(context: dg.AssetExecutionContext, run: Run) -> Made:
        """Failing rows, requested again from both sides: which differences persist, and which side strays."""
        day, model = split_key(context.partition_key)
        with explained():
            found = confirm_rows(run, day, model)
        shown = metadata.confirmation_metadata(found, run.layout.confirmation(day, model))
        return Made(metadata=shown, data_version=version_of(found))

    @factory.asset(["diagnosis"], group="verdicts", kinds={"python", "json"}, deps=diagnosed)
    def diagnosis(context: dg.AssetExecutionContext, run: Run) -> Made:
        """Why samples fail: causes in words with evidence, collisions of one side alone, the worst sample made small."""
        day, model = split_key(context.partition_key)
        with explained():
            found = diagnose_and_reproduce(run, day, model, context.log.exception)
        return Made(metadata=metadata.diagnosis_metadata(found), data_version=version_of(found))

    @factory.asset(
        ["verdict"],
        group="verdicts",
        kinds={"python", "json"},
        deps=[*map(dg.AssetKey, ("parity", "confirmation", "diagnosis")), *(CONTRACT.values() if contract else ())],
        checks=checks.verdict_checks(contract=contract),
        freshness_policy=freshness,
        metadata={"verdict schema": SCHEMA_VERSION},
    )
    def verdict(context: dg.AssetExecutionContext, run: Run) -> Made:
        """PASS, FAIL or INCONCLUSIVE with reasons, stored as JSON and added to the ledger."""
        day, model = split_key(context.partition_key)
        with explained():
            judged = judge_partition(run, day, model, run_id=context.run.run_id)
        tag_verdict(context, judged.decision)
        shown = verdict_metadata(judged, run.layout.verdict(day, model))
        return Made(metadata=shown, check_results=list(checks.check_verdict(judged)), data_version=version_of(judged))

    @factory.asset(["report"], group="verdicts", kinds={"python", "markdown"}, deps=[dg.AssetKey("verdict")])
    def report(context: dg.AssetExecutionContext, run: Run) -> Made:
        """The dated Markdown report that an approver reads and signs."""
        day, model = split_key(context.partition_key)
        with explained():
            judged, text = write_report(run, day, model)
        return Made(metadata=report_metadata(judged, run.layout, factory.links), data_version=version_of(text))

    @factory.asset(
        ["summary"],
        group="verdicts",
        kinds={"python", "markdown"},
        deps=[asset_key(name) for name in verdicts],
        partitioned=False,
    )
    def summary(run: Run) -> Made:
        """One row per probe, model or corpus, and date, and the wire drift, from the newest ledger entries."""
        with explained():
            verdicts, text = write_summary(run)
            prune_by_settings(run)
        shown = metadata.summary_metadata(verdicts, text, run.layout.summary)
        return Made(metadata=shown, data_version=version_of(text))

    return [samples, *sides, parity, confirmation, diagnosis, verdict, report, summary]


def embeddings_asset(factory: AssetFactory, side: Side) -> dg.AssetsDefinition:
    """Return the embeddings of one side: the lane."""

    @factory.side_asset(
        side,
        "embeddings",
        kinds={"python", "parquet"},
        checks=checks.LANE,
        description=f"The vectors that the {side} side returns for the samples of this date and model.",
        schema_version=EMBEDDINGS.version,
        metadata=metadata.columns_of(EMBEDDINGS),
    )
    def embeddings(context: dg.AssetExecutionContext, run: Run) -> Made:
        day, model = split_key(context.partition_key)
        path = run.layout.embeddings(side, day, model)
        with explained():
            lane = fetch_embeddings(run, side, day, model, context.log.info)
            checked = list(checks.check_lane(EmbeddingsFile(path)))
        version = version_of(lane.sample_set_hash, lane.settings_hash, lane.fetched_from, lane.fetched_to)
        return Made(metadata=metadata.embeddings_metadata(lane, path), check_results=checked, data_version=version)

    return embeddings


def stability_asset(factory: AssetFactory, side: Side) -> dg.AssetsDefinition:
    """Return the repeatability of one side."""

    @factory.side_asset(
        side,
        "stability",
        kinds={"python", "json"},
        checks=checks.STABILITY,
        description=f"The {side} side against itself: repeats, batches, load, history, caches; its noise floor.",
        schema_version=STABILITY_VERSION,
        # Measured beside the fetch, it would load the side that is being fetched, and judge vectors that came later.
        deps=[dg.AssetKey([side.value, "embeddings"])],
    )
    def stability(context: dg.AssetExecutionContext, run: Run) -> Made:
        day, model = split_key(context.partition_key)
        with explained():
            record = measure_repeatability(run, side, day, model)
        checked = list(checks.check_stability(record, run.thresholds.cosine))
        shown = metadata.stability_metadata(record, run.layout.stability(side, day, model))
        return Made(metadata=shown, check_results=checked, data_version=version_of(record))

    return stability


def contract_assets(factory: AssetFactory, *, stability: bool) -> dg.AssetsDefinition:
    """Return the contracts of both sides as one step: each sends few requests, and a step of Dagster takes longer.

    They are observed after the vectors of their side: these requests are odd ones, and may disturb others.
    """

    @factory.contract_assets(CONTRACT_VERSION, after="stability" if stability else "embeddings")
    def contracts(context: dg.AssetExecutionContext, run: Run) -> Iterator[Made]:
        day, model = split_key(context.partition_key)
        sides = [side for side in Side if CONTRACT[side] in context.selected_asset_keys]
        with explained():
            records = probe_contracts(run, sides, day, model)
        for side, record in zip(sides, records, strict=True):
            shown = metadata.contract_metadata(record, run.layout.contract(side, day, model))
            yield Made(asset_key=CONTRACT[side], metadata=shown, data_version=version_of(record))

    return contracts
