"""The assets beside the two lanes: samples, parity, verdict, report and summary.

Here belong short bodies: load, call the core, hand over the product with its metadata.
"""

import dagster as dg

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.io_managers import Product, draft_for
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
from parity_pipeline.storage.embeddings import EmbeddingsFile
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_sets import SampleSetFile, write_sample_set
from parity_pipeline.storage.sources import read_sources
from parity_pipeline.storage.verdicts import write_verdict


def build_assets(partitions: dg.PartitionsDefinition, owners: list[str]) -> list[dg.AssetsDefinition]:
    """Return the five assets; all but `summary` have the given partitions."""

    @dg.asset(
        partitions_def=partitions,
        group_name="probe",
        kinds={"python", "parquet"},
        owners=owners,
        io_manager_key="artifacts",
        metadata=samples_definition(),
    )
    def samples(context: dg.AssetExecutionContext, probe: dg.ResourceParam[Probe]) -> dg.Output[Product]:
        """The probe set of this date and model, drawn from the sample sources and stored with its content hash."""
        day, _ = split_key(context.partition_key)
        with explained():
            temporary = draft_for(probe.layout, context)
            sources = [spec.name for spec in probe.sources]
            header = write_sample_set(temporary, read_sources(probe.sources, day), sources=sources)
        return dg.Output(Product(temporary=temporary), metadata=samples_metadata(header))

    @dg.asset(
        ins={
            "legacy": dg.AssetIn(key=["legacy", "embeddings"]),
            "candidate": dg.AssetIn(key=["candidate", "embeddings"]),
        },
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "parquet"},
        owners=owners,
        io_manager_key="artifacts",
        metadata=parity_definition(),
    )
    def parity(
        context: dg.AssetExecutionContext,
        samples: SampleSetFile,
        legacy: EmbeddingsFile,
        candidate: EmbeddingsFile,
        probe: dg.ResourceParam[Probe],
    ) -> dg.Output[Product]:
        """Each sample's measures and outcome: cosine similarity, norms, differences, refusals."""
        with explained():
            temporary = draft_for(probe.layout, context)
            header = pair_to(temporary, samples, legacy, candidate, probe.thresholds)
        return dg.Output(
            Product(temporary=temporary),
            metadata=parity_metadata(header, probe.layout.parity(*split_key(context.partition_key))),
        )

    @dg.asset(
        deps=["diagnosis"],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "json"},
        owners=owners,
        io_manager_key="artifacts",
    )
    def verdict(
        context: dg.AssetExecutionContext, parity: ParityFile, probe: dg.ResourceParam[Probe]
    ) -> dg.Output[Product]:
        """PASS, FAIL or INCONCLUSIVE with reasons, stored as JSON and added to the ledger."""
        day, model = split_key(context.partition_key)
        with explained():
            judged = judge_rows(parity, probe, day, model)
            temporary = draft_for(probe.layout, context)
            write_verdict(temporary, judged)

        def record() -> None:
            ledger.append(probe.layout.ledger, judged, recorded_at=probe.now().isoformat(timespec="seconds"),
                          run_id=context.run.run_id)  # fmt: skip

        return dg.Output(
            Product(temporary=temporary, published=record),
            metadata=verdict_metadata(judged, probe.layout.verdict(day, model)),
        )

    @dg.asset(
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "markdown"},
        owners=owners,
        io_manager_key="artifacts",
    )
    def report(
        context: dg.AssetExecutionContext, verdict: Verdict, probe: dg.ResourceParam[Probe]
    ) -> dg.Output[Product]:
        """The dated Markdown report that an approver reads and signs."""
        with explained():
            text = render_report(verdict)
            temporary = draft_for(probe.layout, context)
            temporary.write_text(text, "utf-8", newline="\n")
            path = probe.layout.report(verdict.date, verdict.model)
        return dg.Output(Product(temporary=temporary), metadata=report_metadata(verdict, text, path))

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
