"""Observe the contract of each side: requests that callers may send by mistake, and what the side does with them.

Here belongs the step, and reading back what it stored where it belongs to the lanes at hand. What is sent belongs to
`wire.contract_probes`, what it means to `core.contract`.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from parity_pipeline.core.contract.records import (
    ContractObservation,
    ContractOfSides,
    ContractOrigin,
    ContractRecord,
)
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.recordings import recorded_contract
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.evidence_files import read_contract, write_contract


def probe_contracts(run: RunContext, sides: Sequence[Side], day: str, model: str) -> list[ContractRecord]:
    """Observe the contracts of these sides at the same time, store them, and return them in order.

    Raises:
        ArtifactError: The disk does not take a file.
    """
    with ThreadPoolExecutor(len(sides), "contract") as pool:
        observed = [pool.submit(probe_contract, run, side, day, model) for side in sides]
        return [one.result() for one in observed]


def probe_contract(run: RunContext, side: Side, day: str, model: str) -> ContractRecord:
    """Send the contract requests to one side, store what it did with them, and return it.

    A side that cannot be reached has no contract, and the record says so: it must not cost the date its verdict.

    Args:
        run: Where files lie, the gateways, and the budget.
        side: Which side.
        day: Partition date, ISO 8601.
        model: Model name.

    Raises:
        ArtifactError: The disk does not take the file.
    """
    if run.gateways[side].recorded:
        return _written(run, side, day, model, recorded_contract(run, side, day, model))
    gateway = run.gateways[side]
    config = gateway.config()
    first = last = run.now().isoformat()
    try:
        done = gateway.observe_contract(model, run.contract, run.thresholds.cosine)
    except GatewayError as error:
        observation = _unusable(side, str(error))
    else:
        observation, first, last = done.observation, done.first, done.last
    origin = ContractOrigin(
        date=day,
        model=model,
        url=config.url,
        settings_hash=config.settings_hash(model),
        package_version=run.package_version,
        first=first,
        last=last,
    )
    return _written(run, side, day, model, ContractRecord(origin=origin, observation=observation))


def _written(run: RunContext, side: Side, day: str, model: str, record: ContractRecord) -> ContractRecord:
    with publishing(run.layout.contract(side, day, model)) as draft:
        write_contract(draft, record)
    return record


def _unusable(side: Side, why: str) -> ContractObservation:
    return ContractObservation(
        side=side, responses=(), batch_texts=0, body_limit=None, batch_limit=None, requests=0, unusable=why
    )


def stored_contract(run: RunContext, header: ParityHeader, day: str, model: str) -> ContractOfSides:
    """Return the stored contract of the sides, where it was observed with the settings of these lanes.

    One that was observed before its lane was fetched counts as not observed: the gateway may have been changed between.
    Nothing is read where contracts are switched off.

    Args:
        run: Where it lies.
        header: The comparison that is judged.
        day: Partition date, ISO 8601.
        model: Model name.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    found: dict[Side, ContractObservation] = {}
    stale: list[Side] = []
    for lane in header.sides if run.contract.enabled else ():
        path = run.layout.contract(lane.side, day, model)
        if not path.exists():
            continue
        record = read_contract(path)
        if record.origin.settings_hash != lane.settings_hash:
            continue
        if record.origin.before(lane.fetched_to):
            stale.append(lane.side)
        else:
            found[lane.side] = record.observation
    return ContractOfSides(legacy=found.get(Side.LEGACY), candidate=found.get(Side.CANDIDATE), stale=tuple(stale))
