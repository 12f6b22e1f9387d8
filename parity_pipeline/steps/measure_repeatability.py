"""Measure the repeatability of one side: the same texts, sent in different ways, and their vectors compared.

Here belongs the step, and reading back what it stored where it belongs to the lanes at hand. What is sent and what it
shows belongs to `core.stability`, how it is sent to `wire.experiments`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from parity_pipeline.core.diagnosis.records import Experiment
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.parity_header import ParityHeader
from parity_pipeline.core.stability.analysis import analyse, for_diagnosis, not_measured
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import make_plan
from parity_pipeline.core.stability.probe_texts import ROWS_LOOKED_AT, Limits, chosen_texts
from parity_pipeline.core.stability.records import Origin, Stability, StabilityRecord
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.stability_files import read_stability, write_stability


def measure_repeatability(run: RunContext, side: Side, day: str, model: str) -> StabilityRecord:
    """Send one side the same texts in different ways, store what that showed, and return it.

    A side that cannot be reached has no noise floor, and the record says so: it must not cost the date its verdict.

    Args:
        run: Where files lie, the gateways, and the budget.
        side: Which side.
        day: Partition date, ISO 8601.
        model: Model name.

    Raises:
        ArtifactError: There is no sample set, or the disk does not take the file.
    """
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
    with publishing(run.layout.stability(side, day, model)) as draft:
        write_stability(draft, record)
    return record


@dataclass(frozen=True, kw_only=True)
class Repeatability:
    """The repeatability of the sides that were measured for the lanes at hand."""

    sides: Mapping[Side, Stability]

    def floors(self) -> NoiseFloors:
        """Return the noise floors; None for a side that was not measured, or whose experiments gave no evidence."""
        found = {side.value: stability.floor for side, stability in self.sides.items()}
        return NoiseFloors(legacy=found.get("legacy"), candidate=found.get("candidate"))

    def experiments(self) -> tuple[Experiment, ...]:
        """Return the experiments that found something."""
        return tuple(experiment for stability in self.sides.values() for experiment in for_diagnosis(stability))

    def completed(self) -> tuple[str, ...]:
        """Return the names of the experiments that ran to their end on both sides."""
        ended = [set(stability.completed) for stability in self.sides.values()]
        return tuple(sorted(set.intersection(*ended))) if len(ended) == len(Side) else ()

    def findings(self) -> tuple[str, ...]:
        """Return what the experiments found, in words."""
        return tuple(finding.words for stability in self.sides.values() for finding in stability.findings)

    def plain(self) -> dict[str, Any]:
        """Return the repeatability of each side as plain values."""
        return {
            side.value: asdict(stability) | {"floor": stability.floor.to_json() if stability.floor else None}
            for side, stability in self.sides.items()
        }


def stored_repeatability(run: RunContext, header: ParityHeader, day: str, model: str) -> Repeatability:
    """Return the stored repeatability of the sides, where it was measured with the samples and settings of these lanes.

    Args:
        run: Where it lies.
        header: The comparison that is judged.
        day: Partition date, ISO 8601.
        model: Model name.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    found: dict[Side, Stability] = {}
    for lane in header.sides:
        path = run.layout.stability(lane.side, day, model)
        if not path.exists():
            continue
        record = read_stability(path)
        same = (record.origin.sample_set_hash, record.origin.settings_hash)
        if same == (header.sample_set["hash"], lane.settings_hash):
            found[lane.side] = record.stability
    return Repeatability(sides=found)
