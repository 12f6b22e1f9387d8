"""The assets beside the two lanes: samples, parity, verdict, report and summary.

Here belong short bodies: load, call the core, publish the file, and tell Dagster of it.
"""

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.defs.artifacts import LANES, Made, stored
from parity_pipeline.defs.checks import SAMPLES, VERDICT, check_samples, check_verdict, specs
from parity_pipeline.defs.failures import explained
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
from parity_pipeline.defs.resources import RunContext
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text, publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.parity_files import ParityFile
from parity_pipeline.storage.sample_set_files import SampleSetFile, write_sample_set
from parity_pipeline.storage.sources import read_sources
from parity_pipeline.storage.verdict_files import read_verdict, write_verdict


def build_assets(partitions: dg.PartitionsDefinition, owners: list[str]) -> list[dg.AssetsDefinition]:
    """Return the five assets; all but `summary` have the given partitions."""

    @dg.asset(
        partitions_def=partitions,
        group_name="probe",
        kinds={"python", "parquet"},
        owners=owners,
        metadata=samples_definition(),
        check_specs=specs(("samples",), partitions, SAMPLES),
    )
    def samples(context: dg.AssetExecutionContext, probe: dg.ResourceParam[RunContext]) -> Made:
        """The probe set of this date and model, drawn from the sample sources and stored with its content hash."""
        day, model = split_key(context.partition_key)
        path = probe.layout.samples(day, model)
        with explained():
            with publishing(path) as draft:
                sources = [spec.name for spec in probe.sources]
                header = write_sample_set(draft, read_sources(probe.sources, day), sources=sources)
            checked = list(check_samples(SampleSetFile(path)))
        return Made(metadata=samples_metadata(header, path), check_results=checked)

    @dg.asset(
        deps=[samples, *LANES],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "parquet"},
        owners=owners,
        metadata=parity_definition(),
    )
    def parity(context: dg.AssetExecutionContext, probe: dg.ResourceParam[RunContext]) -> Made:
        """Each sample's measures and outcome: cosine similarity, norms, differences, refusals."""
        day, model = split_key(context.partition_key)
        path = probe.layout.parity(day, model)
        with explained():
            drawn = stored(probe.layout.samples(day, model), SampleSetFile)
            legacy, candidate = (stored(probe.layout.embeddings(side, day, model), EmbeddingsFile) for side in Side)
            with publishing(path) as draft:
                header = pair_to(draft, drawn, legacy, candidate)
        return Made(metadata=parity_metadata(header, path))

    @dg.asset(
        deps=[parity, "diagnosis"],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "json"},
        owners=owners,
        check_specs=specs(("verdict",), partitions, VERDICT),
    )
    def verdict(context: dg.AssetExecutionContext, probe: dg.ResourceParam[RunContext]) -> Made:
        """PASS, FAIL or INCONCLUSIVE with reasons, stored as JSON and added to the ledger."""
        day, model = split_key(context.partition_key)
        path = probe.layout.verdict(day, model)
        with explained():
            judged = judge_rows(stored(probe.layout.parity(day, model), ParityFile), probe, day, model)
            with publishing(path) as draft:
                write_verdict(draft, judged)
            recorded_at = probe.now().isoformat(timespec="seconds")
            ledger.append(probe.layout.ledger, judged, recorded_at=recorded_at, run_id=context.run.run_id)
        return Made(metadata=verdict_metadata(judged, path), check_results=list(check_verdict(judged)))

    @dg.asset(
        deps=[verdict],
        partitions_def=partitions,
        group_name="verdicts",
        kinds={"python", "markdown"},
        owners=owners,
    )
    def report(context: dg.AssetExecutionContext, probe: dg.ResourceParam[RunContext]) -> Made:
        """The dated Markdown report that an approver reads and signs."""
        day, model = split_key(context.partition_key)
        path = probe.layout.report(day, model)
        with explained():
            judged = stored(probe.layout.verdict(day, model), read_verdict)
            text = render_report(judged)
            publish_text(path, text)
        return Made(metadata=report_metadata(judged, text, path))

    @dg.asset(
        deps=[verdict],
        group_name="verdicts",
        kinds={"python", "markdown"},
        owners=owners,
    )
    def summary(probe: dg.ResourceParam[RunContext]) -> Made:
        """One row per endpoint, model and date, and the drift catalogue, from the newest ledger entries."""
        with explained():
            verdicts = ledger.newest(probe.layout.ledger)
            text = render_summary(verdicts)
            publish_text(probe.layout.summary, text)
        return Made(metadata=summary_metadata(verdicts, text, probe.layout.summary))

    return [samples, parity, verdict, report, summary]
