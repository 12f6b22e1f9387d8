"""The two lanes: one embeddings asset a side, from one function.

Here belongs the asset and the step that streams a gateway's answers into a file. How a gateway is asked belongs to
`wire`, how rows are stored to `storage`.
"""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

import dagster as dg

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.vector_stats import VectorStats
from parity_pipeline.defs.artifacts import Made, asset_of_a_side, stored
from parity_pipeline.defs.checks import LANE, check_lane
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.metadata import embeddings_definition, embeddings_metadata
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.resources import Gateway, RunContext
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.staging import SegmentStaging, staging_folder
from parity_pipeline.wire.fetch_lane import LaneResult
from parity_pipeline.wire.progress import Progress

LOG_SECONDS: Final = 5.0
"""Seconds between two lines of a lane's progress in the run's log: each is an event that Dagster stores."""


@dataclass(frozen=True, kw_only=True)
class Fetch:
    """The fetch of one side, date and model into a file."""

    gateway: Gateway
    probe: RunContext
    date: str
    model: str

    def to(self, final: Path, samples: SampleSetFile, tell: Callable[[Progress], None]) -> Provenance:
        """Stream all answers into a file, publish it, and return where it came from.

        What is staged stays locked until the file is published, since it is all there is until then. What a lane that
        gave up has fetched stays staged for the next run, which goes on from there.
        """
        survey = VectorStats()
        with SegmentStaging(self._staging_folder(samples), keep_hours=self.probe.staging_hours) as staging:
            with publishing(final) as draft, EmbeddingsWriter(draft) as writer:

                def sink(rows: FetchedRows) -> None:
                    survey.add(rows)
                    writer.add(rows)

                result = self.gateway.fetch(
                    self.model, samples.blocks(), sink, staging=staging, progress=tell, total=samples.header.samples
                )
                provenance = self._provenance(samples, survey, result)
                writer.finish(provenance)
            if not result.stopped_early:
                staging.discard()
        return provenance

    def _staging_folder(self, samples: SampleSetFile) -> Path:
        config = self.gateway.config
        return staging_folder(
            self.probe.layout.staging,
            side=config.side,
            model=self.model,
            date=self.date,
            sample_set_hash=samples.header.hash,
            settings_hash=config.settings_hash(self.model),
        )

    def _provenance(self, samples: SampleSetFile, survey: VectorStats, result: LaneResult) -> Provenance:
        config = self.gateway.config
        return Provenance(
            side=config.side,
            label=config.label,
            url=config.url,
            dialect=config.dialect.name,
            date=self.date,
            model=self.model,
            model_asked=config.asked_name(self.model),
            models_echoed=result.models_echoed,
            server_headers=result.server_headers,
            sample_set_hash=samples.header.hash,
            samples=samples.header.samples,
            settings_hash=config.settings_hash(self.model),
            package_version=self.probe.package_version,
            fetched_from=result.fetched_from,
            fetched_to=result.fetched_to,
            requests=result.requests,
            retries=result.retries,
            status_counts=dict(survey.status_counts),
            observation=result.observation,
            stopped_early=result.stopped_early,
            survey=survey.summary(),
            errors_by_kind=result.errors_by_kind,
            latency_ms={name: value for name, value in asdict(result.latency).items() if value is not None},
            usage=result.tokens,
            doubts=result.doubts,
        )


def embeddings_asset(side: Side, partitions: dg.PartitionsDefinition, owners: list[str]) -> dg.AssetsDefinition:
    """Return the embeddings asset of one side."""
    gateway_key = f"{side.value}_gateway"

    @asset_of_a_side(
        side,
        "embeddings",
        partitions,
        owners,
        LANE,
        kinds={"python", "parquet"},
        description=f"The vectors that the {side.value} side gives for the samples of this date and model.",
        metadata=embeddings_definition(),
    )
    def embeddings(context: dg.AssetExecutionContext) -> Made:
        probe: RunContext = context.resources.probe
        day, model = split_key(context.partition_key)
        lane = Fetch(gateway=getattr(context.resources, gateway_key), probe=probe, date=day, model=model)

        log = probe.paced(LOG_SECONDS)

        def tell(progress: Progress) -> None:
            if log() or progress.finished:
                context.log.info(progress.describe())
            if probe.watch:
                probe.watch(f"{side.value} {day} {model}", progress)

        path = probe.layout.embeddings(side, day, model)
        with explained():
            provenance = lane.to(path, stored(probe.layout.samples(day, model), SampleSetFile), tell)
            checked = list(check_lane(EmbeddingsFile(path)))
        return Made(metadata=embeddings_metadata(provenance, path), check_results=checked)

    return embeddings
