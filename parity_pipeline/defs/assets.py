"""The assets beside the two lanes: samples, parity, verdict, report and summary.

Here belong short bodies: load, call the core, hand over the product with its metadata.
"""

from collections.abc import Iterator

import dagster as dg

from parity_pipeline.defs.checks import PARITY, SAMPLES, VERDICT, check_parity, check_samples, check_verdict, specs
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.io_managers import LANE_NAMES, LANES, Product, draft_for, stored
from parity_pipeline.defs.judging import judge_rows
from parity_pipeline.defs.metadata import (
    parity_definition,
    parity_metadata,
    report_metadata,
    samples_definition,
    samples_metadata,
    summary_metadata,
    verdict_metadata,
)
from parity_pipeline.defs.pairing import pair_to
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.resources import Probe
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline.storage import ledger
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_sets import SampleSetFile, write_sample_set
from parity_pipeline.storage.sources import read_sources
from parity_pipeline.storage.verdicts import write_verdict

Yields = Iterator[dg.Output[Product] | dg.AssetCheckResult]
"""What an asset with checks yields: its product, then what the checks say of the published file."""


def build_assets(partitions: dg.PartitionsDefinition, owners: list[str]) -> list[dg.AssetsDefinition]:
    """Return the five assets; all but `summary` have the given partitions."""

    @dg.asset(
        partitions_def=partitions,
        group_name="probe",
        kinds={"python", "parquet"},
        owners=owners,
        io_manager_key="artifacts",
        metadata=samples_definition(),
        check_specs=specs(("samples",), partitions, SAMPLES),
    )
    def samples(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> Yields:
        """The probe set of this date and model, drawn from the sample sources and stored with its content hash."""
        day, model = split_key(context.partition_key)
        with explained():
            temporary = draft_for(probe.layout, context)
            sources = [spec.name for spec in probe.sources]
            header = write_sample_set(temporary, read_sources(probe.sources, day), sources=sources)
        yield dg.Output(Product(temporary=temporary), metadata=samples_metadata(header))
        yield from check_samples(SampleSetFile(probe.layout.samples(day, model)))

    @dg.asset(
        deps=[samples, *LANES],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "parquet"},
        owners=owners,
        io_manager_key="artifacts",
        metadata=parity_definition(),
        check_specs=specs(("parity",), partitions, PARITY),
    )
    def parity(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> Yields:
        """Each sample's measures and outcome: cosine similarity, norms, differences, refusals."""
        path = probe.layout.parity(*split_key(context.partition_key))
        with explained():
            temporary = draft_for(probe.layout, context)
            stored_samples = stored(probe.layout, "samples", context.partition_key)
            legacy, candidate = (stored(probe.layout, name, context.partition_key) for name in LANE_NAMES)
            header = pair_to(temporary, stored_samples, legacy, candidate, probe.thresholds)
        yield dg.Output(Product(temporary=temporary), metadata=parity_metadata(header, path))
        yield from check_parity(ParityFile(path))

    @dg.asset(
        deps=[parity, "diagnosis"],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "json"},
        owners=owners,
        io_manager_key="artifacts",
        check_specs=specs(("verdict",), partitions, VERDICT),
    )
    def verdict(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> Yields:
        """PASS, FAIL or INCONCLUSIVE with reasons, stored as JSON and added to the ledger."""
        day, model = split_key(context.partition_key)
        with explained():
            judged = judge_rows(stored(probe.layout, "parity", context.partition_key), probe, day, model)
            temporary = draft_for(probe.layout, context)
            write_verdict(temporary, judged)

        def record() -> None:
            ledger.append(probe.layout.ledger, judged, recorded_at=probe.now().isoformat(timespec="seconds"),
                          run_id=context.run.run_id)  # fmt: skip

        yield dg.Output(
            Product(temporary=temporary, published=record),
            metadata=verdict_metadata(judged, probe.layout.verdict(day, model)),
        )
        yield from check_verdict(judged)

    @dg.asset(
        deps=[verdict],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "markdown"},
        owners=owners,
        io_manager_key="artifacts",
    )
    def report(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> dg.Output[Product]:
        """The dated Markdown report that an approver reads and signs."""
        with explained():
            judged = stored(probe.layout, "verdict", context.partition_key)
            text = render_report(judged)
            temporary = draft_for(probe.layout, context)
            temporary.write_text(text, "utf-8", newline="\n")
            path = probe.layout.report(judged.date, judged.model)
        return dg.Output(Product(temporary=temporary), metadata=report_metadata(judged, text, path))

    @dg.asset(
        deps=[verdict],
        group_name="verdicts",
        kinds={"python", "markdown"},
        owners=owners,
        io_manager_key="artifacts",
    )
    def summary(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> dg.Output[Product]:
        """One row per endpoint, model and date, and the drift catalogue, from the newest ledger entries."""
        with explained():
            verdicts = ledger.newest(probe.layout.ledger)
            text = render_summary(verdicts)
            temporary = draft_for(probe.layout, context)
            temporary.write_text(text, "utf-8", newline="\n")
        return dg.Output(Product(temporary=temporary), metadata=summary_metadata(verdicts, text, probe.layout.summary))

    return [samples, parity, verdict, report, summary]
