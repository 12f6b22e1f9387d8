"""Each side against itself: one stability asset a side, and its check.

Here belongs the asset, the check and the step to metadata. What is asked and what it comes to belongs to
`core.stability`, how it is asked to `wire.experiments`.
"""

from typing import Final

import dagster as dg

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.analysis import analyse, not_measured, stable_faults
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import make_plan
from parity_pipeline.core.stability.probe_texts import ROWS_LOOKED_AT, Limits, chosen_texts
from parity_pipeline.core.stability.records import Origin, StabilityRecord
from parity_pipeline.defs.artifacts import Made, asset_of_a_side, stored
from parity_pipeline.defs.checks import Results, result
from parity_pipeline.defs.failures import explained
from parity_pipeline.defs.metadata import stability_metadata
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.resources import Gateway, RunContext
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.evidence_files import read_stability, write_stability
from parity_pipeline.storage.sample_set_files import SampleSetFile

STABILITY: Final = {
    "stable": "The side gives a text the same vector whenever and however it is asked, to the cosine threshold."
}


def try_out(gateway: Gateway, probe: RunContext, samples: SampleSetFile, day: str, model: str) -> StabilityRecord:
    """Ask one side the same texts in different ways and return what that showed."""
    config, header, budget = gateway.config, samples.header, probe.stability
    limits = Limits(
        batch_texts=1 if config.dialect.one_text else config.batch_texts,
        batch_bytes=config.batch_bytes,
        concurrency=config.concurrency,
    )
    first_rows = (text for block in samples.blocks(stop=min(header.samples, ROWS_LOOKED_AT)) for text in block.texts)
    texts = chosen_texts(first_rows, budget.texts, seed=header.hash)
    salt = f"{probe.now().isoformat()} {config.side} {day} {model}"
    plan = make_plan(texts, salt=salt, limits=limits, budget=budget)
    try:
        asked = gateway.try_out(model, conduct(plan, probe.thresholds.cosine), most=budget.requests)
    except GatewayError as error:
        # A side that cannot be tried has no floor, and says so. It must not cost the date its verdict.
        asked = None
        tried = not_measured(config.side, probe.thresholds.cosine, str(error))
    else:
        tried = analyse(plan, asked.result, config.side, requests=asked.requests)
    now = probe.now().isoformat()
    origin = Origin(
        date=day,
        model=model,
        url=config.url,
        sample_set_hash=header.hash,
        settings_hash=config.settings_hash(model),
        package_version=probe.package_version,
        first=asked.first if asked else now,
        last=asked.last if asked else now,
    )
    return StabilityRecord(origin=origin, stability=tried)


def stability_asset(side: Side, partitions: dg.PartitionsDefinition, owners: list[str]) -> dg.AssetsDefinition:
    """Return the stability asset of one side."""
    gateway_key = f"{side.value}_gateway"

    @asset_of_a_side(
        side,
        "stability",
        partitions,
        owners,
        STABILITY,
        kinds={"python", "json"},
        description=f"The {side.value} side against itself: repeats, batches, load, history, caches; its noise floor.",
    )
    def stability(context: dg.AssetExecutionContext) -> Made:
        probe: RunContext = context.resources.probe
        day, model = split_key(context.partition_key)
        path = probe.layout.stability(side, day, model)
        with explained():
            samples = stored(probe.layout.samples(day, model), SampleSetFile)
            record = try_out(getattr(context.resources, gateway_key), probe, samples, day, model)
            with publishing(path) as draft:
                write_stability(draft, record)
            checked = list(check_stability(read_stability(path), probe.thresholds.cosine))
        return Made(metadata=stability_metadata(record, path), check_results=checked)

    return stability


def check_stability(record: StabilityRecord, threshold: float) -> Results:
    """Repeat the findings and the noise floor. It warns: what an unstable side means for a date is the verdict's to say."""
    found = record.stability
    good = f"{found.requests} requests, none of {len(found.completed)} experiments found anything"
    worst = None if found.floor is None else found.floor.worst
    warn = dg.AssetCheckSeverity.WARN
    faults = stable_faults(found, threshold)
    yield result("stable", faults, good, warn, noise_floor=worst, findings=len(found.findings))
