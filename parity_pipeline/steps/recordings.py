"""A side that is a recording: vectors that were fetched before stand in for a gateway that is switched off.

Here belong which stored date is taken, and putting its samples, vectors, repeatability and contract in the place of a date that
has none. No request is sent. What was recorded is only read: a date with vectors of its own keeps them.

Taken as a recording is a date of the same side and model whose vectors are stored, were fetched and not copied, by a lane that
ran to its end, for the sample set that is stored with them. `last` takes the newest of them whose verdict passed, with waivers or
without, and was given on these very vectors. A named date is taken whatever its verdict was.
"""

import shutil
from dataclasses import dataclass, replace
from typing import Final

from parity_pipeline.core.contract.records import ContractObservation, ContractOrigin, ContractRecord
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.stability.analysis import not_measured
from parity_pipeline.core.stability.records import Origin, StabilityRecord
from parity_pipeline.steps.context import RunContext
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.evidence_files import read_contract, read_stability, read_verdict
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.stored_partitions import stored_dates

LAST: Final = "last"
"""Stands for the newest date that may be taken."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording:
    """A stored lane that stands in for a side.

    Attributes:
        side: The side.
        model: Model name.
        date: The partition date that it was fetched for, ISO 8601.
        lane: Its vectors.
    """

    side: Side
    model: str
    date: str
    lane: EmbeddingsFile


def find_recording(run: RunContext, side: Side, day: str, model: str) -> Recording:
    """Return the recording that stands in for a side on a date: its own vectors where it has some, else those of the settings.

    Raises:
        ArtifactError: There is none, or the named date cannot be taken; says why.
    """
    if not why_not(run, side, day, model):
        return _recording(run, side, day, model)
    named = run.gateways[side].recorded
    if named != LAST:
        if why := why_not(run, side, named, model):
            raise ArtifactError(
                f"the {side} cannot be a recording of {named}: {why}",
                place=f"sides.{side}.recorded, model {model}",
                remedy="Name another date, or `last`; vectors that were pruned are gone.",
            )
        return _recording(run, side, named, model)
    return _last(run, side, model)


def _last(run: RunContext, side: Side, model: str) -> Recording:
    reasons: list[str] = []
    for date in stored_dates(run.layout.verdict, model):
        why = why_not(run, side, date, model) or _not_passed(run, side, date, model)
        if not why:
            return _recording(run, side, date, model)
        reasons.append(f"{date}: {why}")
    shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more dates" if len(reasons) > 3 else "")
    raise ArtifactError(
        f"there is no recording of the {side}: {shown or 'no date was judged'}",
        place=f"sides.{side}.recorded, model {model}",
        remedy=f"Run once while the {side} still responds, without the key `recorded`, and keep its vectors.",
    )


def why_not(run: RunContext, side: Side, date: str, model: str) -> str:
    """Return why the lane of a date cannot be taken as a recording; "" where it can."""
    layout = run.layout
    try:
        if not layout.embeddings(side, date, model).exists():
            return "its vectors are not stored (never fetched, or pruned)"
        if not layout.samples(date, model).exists():
            return "its samples are not stored"
        lane = EmbeddingsFile(layout.embeddings(side, date, model)).header
        samples = SampleSetFile(layout.samples(date, model)).header.hash
    except ArtifactError as error:
        return error.problem
    faults = {
        "it is a recording itself": bool(lane.recorded),
        f"it holds model {lane.model!r}": lane.model != model,
        f"it was fetched from the {lane.side}": lane.side is not side,
        "its lane stopped early": bool(lane.stopped_early),
        "its samples were drawn again after the fetch": lane.sample_set_hash != samples,
        f"its vectors have {len(lane.survey.dimensions)} dimensions": bool(lane.ok_rows)
        and len(lane.survey.dimensions) > 1,
        "it holds no vectors": not lane.ok_rows,
    }
    return next((fault for fault, found in faults.items() if found), "")


def _not_passed(run: RunContext, side: Side, date: str, model: str) -> str:
    try:
        verdict = read_verdict(run.layout.verdict(date, model))
    except ArtifactError as error:
        return error.problem
    if verdict.decision not in PASSING:
        return f"its verdict is {verdict.decision}"
    lane = EmbeddingsFile(run.layout.embeddings(side, date, model)).header
    if verdict.side(side).provenance.fetched_to != lane.fetched_to:
        return "its vectors were fetched again after the verdict"
    return ""


def _recording(run: RunContext, side: Side, date: str, model: str) -> Recording:
    return Recording(side=side, model=model, date=date, lane=EmbeddingsFile(run.layout.embeddings(side, date, model)))


def recorded_side(run: RunContext) -> Side | None:
    """Return the side that is a recording; None where both are gateways."""
    return next((side for side in Side if run.gateways[side].recorded), None)


def recorded_samples(run: RunContext, day: str, model: str) -> bool:
    """Put the samples of the recording in the place of a date's, and return whether a side is a recording at all.

    Raises:
        ArtifactError: There is no recording, or the disk does not take the file.
    """
    side = recorded_side(run)
    if side is None:
        return False
    found = find_recording(run, side, day, model)
    if found.date != day:
        with publishing(run.layout.samples(day, model)) as draft:
            shutil.copyfile(run.layout.samples(found.date, model), draft)
    return True


def recorded_embeddings(run: RunContext, side: Side, day: str, model: str) -> Provenance:
    """Put the vectors of the recording in the place of a date's lane, and return where they came from.

    Raises:
        ArtifactError: There is no recording, or the disk does not take the file.
    """
    found = find_recording(run, side, day, model)
    header = found.lane.header
    if found.date == day:
        return header
    label = f"{header.label}, recording of {found.date}"
    provenance = replace(header, date=day, recorded=found.date, label=label)
    with publishing(run.layout.embeddings(side, day, model)) as draft, EmbeddingsWriter(draft) as writer:
        for block in found.lane.blocks():
            writer.add(block)
        writer.finish(provenance)
    return provenance


def recorded_stability(run: RunContext, side: Side, day: str, model: str) -> StabilityRecord:
    """Return the repeatability that was measured with the recording; one that says why there is none where it was not.

    Raises:
        ArtifactError: There is no recording, or a file is damaged.
    """
    found = find_recording(run, side, day, model)
    path, header = run.layout.stability(side, found.date, model), found.lane.header
    if path.exists():
        record = read_stability(path)
        return replace(record, origin=replace(record.origin, date=day))
    why = f"the {side} is a recording of {found.date}, and its repeatability was not measured then"
    origin = Origin(**_origin(run, day, found), sample_set_hash=header.sample_set_hash)
    return StabilityRecord(origin=origin, stability=not_measured(side, run.thresholds.cosine, why))


def recorded_contract(run: RunContext, side: Side, day: str, model: str) -> ContractRecord:
    """Return the contract that was observed with the recording; one that says why there is none where it was not.

    Raises:
        ArtifactError: There is no recording, or a file is damaged.
    """
    found = find_recording(run, side, day, model)
    path = run.layout.contract(side, found.date, model)
    if path.exists():
        record = read_contract(path)
        return replace(record, origin=replace(record.origin, date=day))
    why = f"the {side} is a recording of {found.date}, and its contract was not observed then"
    origin = ContractOrigin(**_origin(run, day, found))
    observation = ContractObservation(
        side=side, responses=(), batch_texts=0, body_limit=None, batch_limit=None, requests=0, unusable=why
    )
    return ContractRecord(origin=origin, observation=observation)


def _origin(run: RunContext, day: str, found: Recording) -> dict[str, str]:
    """Return where something comes from that was not recorded: the lane, and nothing requested before its end or after."""
    header = found.lane.header
    return {
        "date": day,
        "model": found.model,
        "url": header.url,
        "settings_hash": header.settings_hash,
        "package_version": run.package_version,
        "first": header.fetched_to,
        "last": header.fetched_to,
    }
