"""Measure the repeatability of one side: the same texts, sent in different ways, and their vectors compared.

Here belongs the step, and reading back what it stored where it belongs to the lanes at hand. What is sent and what it
shows belongs to `core.stability`, how it is sent to `wire.experiments`.
"""

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.stability.analysis import analyse, not_measured
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import ROWS_LOOKED_AT, Limits, chosen_texts, make_plan
from parity_pipeline.core.stability.records import Origin, Stability, StabilityOfSides, StabilityRecord
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.recordings import recorded_stability
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.evidence_files import read_stability, write_stability
from parity_pipeline.storage.sample_set_files import SampleSetFile


def measure_repeatability(run: RunContext, side: Side, day: str, model: str) -> StabilityRecord:
    """Send one side the same texts in different ways, store what that showed, and return it.

    A side that cannot be reached has no noise floor, and the record says so: it must not cost the date its verdict. One
    whose lane stopped early is not sent anything: the verdict is open without it, and each request may be a time-out.

    Raises:
        ArtifactError: There is no sample set, or the disk does not take the file.
    """
    if run.gateways[side].recorded:
        return _written(run, side, day, model, recorded_stability(run, side, day, model))
    samples, gateway = stored(run.layout.samples(day, model), SampleSetFile), run.gateways[side]
    config, header, budget = gateway.config(), samples.header, run.stability
    limits = Limits(
        batch_texts=1 if config.dialect.one_text else config.batch_texts,
        batch_bytes=config.batch_bytes,
        concurrency=config.concurrency,
    )
    first_rows = (text for block in samples.blocks(stop=min(header.samples, ROWS_LOOKED_AT)) for text in block.texts)
    texts = chosen_texts(first_rows, budget.texts, seed=header.hash)
    salt = f"{run.now().isoformat()} {config.side} {day} {model}"
    plan = make_plan(texts, salt=salt, limits=limits, budget=budget)
    first = last = run.now().isoformat()
    try:
        _check_lane(run, side, day, model)
        done = gateway.run_experiments(model, conduct(plan, run.thresholds.cosine), most=budget.requests)
    except GatewayError as error:
        stability = not_measured(config.side, run.thresholds.cosine, str(error))
    else:
        stability = analyse(plan, done.result, config.side, requests=done.requests)
        first, last = done.first, done.last
    origin = Origin(
        date=day,
        model=model,
        url=config.url,
        sample_set_hash=header.hash,
        settings_hash=config.settings_hash(model),
        package_version=run.package_version,
        first=first,
        last=last,
    )
    record = StabilityRecord(origin=origin, stability=stability)
    return _written(run, side, day, model, record)


def _written(run: RunContext, side: Side, day: str, model: str, record: StabilityRecord) -> StabilityRecord:
    write_stability(run.layout.stability(side, day, model), record)
    return record


def _check_lane(run: RunContext, side: Side, day: str, model: str) -> None:
    """Send no experiments after an outage.

    Raises:
        GatewayError: The lane of this side stopped early.
    """
    path = run.layout.embeddings(side, day, model)
    if path.exists() and (stopped := EmbeddingsFile(path).header.stopped_early):
        raise GatewayError(stopped)


def stored_repeatability(run: RunContext, header: ParityHeader, day: str, model: str) -> StabilityOfSides:
    """Return the stored repeatability of the sides, where it was measured with the samples and settings of the lanes of `header`.

    One that was measured before its lane was fetched counts as not measured: the gateway may have been changed between.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    found: dict[Side, Stability] = {}
    stale: list[Side] = []
    for lane in header.sides:
        path = run.layout.stability(lane.side, day, model)
        if not path.exists():
            continue
        record = read_stability(path)
        same = (record.origin.sample_set_hash, record.origin.settings_hash)
        if same != (header.sample_set.hash, lane.settings_hash):
            continue
        if record.origin.before(lane.fetched_to):
            stale.append(lane.side)
        else:
            found[lane.side] = record.stability
    return StabilityOfSides(legacy=found.get(Side.LEGACY), candidate=found.get(Side.CANDIDATE), stale=tuple(stale))
