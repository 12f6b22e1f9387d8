"""Fetch the embeddings of one side, date and model: stream what a gateway returns into one Parquet file.

Here belongs the step between the wire and the storage. How requests are sent belongs to `wire`, how rows are stored to
`storage`.
"""

from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Final

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.vector_stats import VectorStats
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.record_gateways import record_fetch
from parity_pipeline.steps.recordings import recorded_embeddings
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile, SampleSetHeader
from parity_pipeline.storage.staging import SqliteStaging, staging_folder
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.side_config import SideConfig

LOG_SECONDS: Final = 5.0
"""Seconds between two lines of a lane's progress in the log of a run: Dagster stores each as an event."""


def fetch_embeddings(
    run: RunContext, side: Side, day: str, model: str, log: Callable[[str], None] = lambda _line: None
) -> Provenance:
    """Store the embeddings of one side for the samples of a date and model, and return where they came from.

    What is staged stays locked until the file is published, since it is all there is until then. What a lane that
    stopped early has fetched stays staged, and the next run continues from there.

    Nothing is fetched from a side that is a recording: its stored vectors are put in place (`recordings`).

    `log` is called with a line about the progress, at most every `LOG_SECONDS` and at the end.

    Raises:
        GatewayError: The side cannot be used at all.
        ArtifactError: There is no sample set, or the disk does not take the file. What was staged stays.
    """
    if run.gateways[side].recorded:
        return recorded_embeddings(run, side, day, model)
    samples = stored(run.layout.samples(day, model), SampleSetFile)
    header, gateway = samples.header, run.gateways[side]
    config, stats = gateway.config(), VectorStats()
    folder = staging_folder(
        run.layout.staging,
        side=side,
        model=model,
        date=day,
        sample_set_hash=header.hash,
        settings_hash=config.settings_hash(model),
    )
    with SqliteStaging(folder) as staging:
        with publishing(run.layout.embeddings(side, day, model)) as draft, EmbeddingsWriter(draft) as writer:

            def sink(rows: FetchedRows) -> None:
                stats.add(rows)
                writer.add(rows)

            progress = reporter(run, f"{side} {day} {model}", log)
            result = gateway.fetch(
                model, samples.blocks(), sink, staging=staging, progress=progress, total=header.samples
            )
            provenance = _provenance(run, config, header, day, model, stats, result)
            fingerprint = result.fingerprint
            if not result.stopped_early:
                fingerprint = gateway.identify(config, model, fingerprint)
                fingerprint = record_fetch(run, (run.probe, side, model), day, fingerprint, log)
            provenance = replace(provenance, fingerprint=fingerprint)
            writer.finish(provenance)
        if not result.stopped_early:
            staging.discard()
    return provenance


def reporter(run: RunContext, lane: str, log: Callable[[str], None]) -> Callable[[Progress], None]:
    """Return what hands progress to the log, not too often, and to the person who waits."""
    last = [run.now()]

    def report(progress: Progress) -> None:
        current = run.now()
        if progress.finished or (current - last[0]).total_seconds() >= LOG_SECONDS:
            last[0] = current
            log(progress.describe())
        if run.watch:
            run.watch(lane, progress)

    return report


def _provenance(
    run: RunContext,
    config: SideConfig,
    header: SampleSetHeader,
    day: str,
    model: str,
    stats: VectorStats,
    result: LaneResult,
) -> Provenance:
    return Provenance(
        side=config.side,
        label=config.label,
        url=config.for_model(model).url,
        dialect=config.dialect.name,
        date=day,
        model=model,
        model_asked=config.requested_name(model),
        models_echoed=result.models_echoed,
        server_headers=result.server_headers,
        sample_set_hash=header.hash,
        samples=header.samples,
        settings_hash=config.settings_hash(model),
        package_version=run.package_version,
        fetched_from=result.fetched_from,
        fetched_to=result.fetched_to,
        requests=result.requests,
        retries=result.retries,
        status_counts=dict(stats.status_counts),
        observation=result.observation,
        stopped_early=result.stopped_early,
        survey=stats.summary(),
        errors_by_kind=result.errors_by_kind,
        latency_ms={name: value for name, value in asdict(result.latency).items() if value is not None},
        usage=result.tokens,
        doubts=result.caveats,
        canaries=result.canaries,
    )
