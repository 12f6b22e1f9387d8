"""A side that is a recording: what was fetched before stands in for a gateway that is switched off.

Here belong which stored date is taken and putting its inputs in the place of a date that has none, for every probe, and its
vectors, repeatability and contract. Its rankings are put there by `retrieval.recorded_rankings`. No request is sent.
What was recorded is only read: a date with vectors or rankings of its own keeps them.

Taken as a recording is a date of the same side and model or corpus whose lane is stored, was fetched and not copied, ran to its
end, and holds one row for each input of the set that is stored with it. `last` takes the newest of them whose verdict passed,
with waivers or without, and was given on this very lane. A named date is taken whatever its verdict was, which is reported.
"""

import shutil
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final, Generic, TypeVar

from parity_pipeline.core.contract.records import ContractObservation, ContractOrigin, ContractRecord
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import PASSING, RowStatus, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.stability.analysis import not_measured
from parity_pipeline.core.stability.records import Origin, StabilityRecord
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, Probe
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.evidence_files import read_contract, read_stability
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline.storage.sample_set_files import SampleSetFile
from parity_pipeline.storage.stored_partitions import stored_dates

LAST: Final = "last"
"""Stands for the newest date that may be taken."""

_COPY: Final = "it is a recording itself"

Lane = TypeVar("Lane", EmbeddingsFile, RankingsFile)

Faults = Mapping[str, bool]
"""Why a lane cannot be taken, each a clause, and whether it is so."""


def _nothing(_run: RunContext, _lane: Any, _name: str, _inputs: Path) -> tuple[str, ...]:
    return ()


@dataclass(frozen=True, kw_only=True)
class Recordable(Generic[Lane]):
    """What recordings of one probe are made of.

    Attributes:
        probe: The probe.
        what: What a lane holds: `vectors` or `rankings`.
        inputs: What it was fetched for: `samples` or `queries`.
        place: Where the lane of a side, date and model or corpus lies.
        open_lane: Opens a lane.
        faults: Returns what else keeps an opened lane of a model or corpus from being taken, given where its inputs lie.
        requested: Returns what the settings requested differently when it was fetched, each a clause; likewise.
    """

    probe: Probe
    what: str
    inputs: str
    place: Callable[[Layout, Side, str, str], Path]
    open_lane: Callable[[Path], Lane]
    faults: Callable[[RunContext, Lane, str, Path], Faults]
    requested: Callable[[RunContext, Lane, str, Path], Iterable[str]] = _nothing


@dataclass(frozen=True, slots=True, kw_only=True)
class Recording(Generic[Lane]):
    """A stored lane that stands in for a side.

    Attributes:
        side: The side.
        name: Model or corpus.
        date: The partition date that it was fetched for, ISO 8601.
        lane: What was fetched.
        unproved: Why no verdict that passed was given on it, a clause; "" where one was.
    """

    side: Side
    name: str
    date: str
    lane: Lane
    unproved: str = ""

    def marked(self, day: str) -> dict[str, Any]:
        """Return the fields of a provenance that say of a copy for another date where it comes from."""
        label = f"{self.lane.header.label}, recording of {self.date}"
        return {"date": day, "recorded": self.date, "recorded_unproved": self.unproved, "label": label}


@contextmanager
def being_copied(found: Recording[Lane]) -> Generator[None]:
    """Say of a recording that turns out to be damaged what helps: it cannot be fetched again."""
    try:
        yield
    except ArtifactError as error:
        if error.place != str(found.lane.path):
            raise
        remedy = f"Name another date in sides.{found.side}.recorded."
        raise ArtifactError(
            f"the recording of {found.date} cannot be used: {error.problem}", place=error.place, remedy=remedy
        ) from error


def find_recorded(kind: Recordable[Lane], run: RunContext, side: Side, day: str, name: str) -> Recording[Lane]:
    """Return the recording that stands in for a side on a date: its own lane where it has one, else that of the settings.

    Args:
        kind: What is recorded.
        run: Where it is stored.
        side: The side.
        day: Partition date, ISO 8601.
        name: Model or corpus.

    Raises:
        ArtifactError: There is none, or the named date cannot be taken; says why. Or the date has a lane of its own that was
            requested differently, which nothing replaces.
    """
    place = f"sides.{side}.recorded, {kind.probe.dimension} {name}"
    named = run.gateways[side].recorded
    if not _fault(kind, run, side, day, name):
        if why := _requested_differently(kind, run, side, day, name):
            raise ArtifactError(
                f"{day} has {kind.what} of its own, and {why}",
                place=place,
                remedy="Set that back, or leave this date as it is.",
            )
        return _taken(kind, run, side, day, name)
    if named == LAST:
        return _last(kind, run, side, name, place)
    if why := why_not(kind, run, side, named, name):
        raise ArtifactError(
            f"the {side} cannot be a recording of {named}: {why}",
            place=place,
            remedy=f"Name another date, or `last`; {kind.what} that were pruned are gone.",
        )
    return replace(_taken(kind, run, side, named, name), unproved=_not_passed(kind, run, side, named, name))


def _taken(kind: Recordable[Lane], run: RunContext, side: Side, date: str, name: str) -> Recording[Lane]:
    lane = kind.open_lane(kind.place(run.layout, side, date, name))
    return Recording(side=side, name=name, date=date, lane=lane)


def _last(kind: Recordable[Lane], run: RunContext, side: Side, name: str, place: str) -> Recording[Lane]:
    reasons: list[str] = []
    for date in stored_dates(lambda day, of: kind.probe.verdict_path(run.layout, day, of), name):
        why = why_not(kind, run, side, date, name) or _not_passed(kind, run, side, date, name)
        if not why:
            return _taken(kind, run, side, date, name)
        # After a month there are thirty copies, which would hide why their original cannot be taken any more.
        reasons += [f"{date}: {why}"] if why != _COPY else []
    shown = "; ".join(reasons[:3]) + (f"; and {len(reasons) - 3} more dates" if len(reasons) > 3 else "")
    raise ArtifactError(
        f"there is no recording of the {side}: {shown or 'no date was fetched from it and judged'}",
        place=place,
        remedy=f"Set back what was changed since; or run once while the {side} still responds, without the key `recorded`, "
        f"and keep its {kind.what}.",
    )


def why_not(kind: Recordable[Lane], run: RunContext, side: Side, date: str, name: str) -> str:
    """Return why the lane of a date cannot be taken as a recording; "" where it can."""
    return _fault(kind, run, side, date, name) or _requested_differently(kind, run, side, date, name)


def _requested_differently(kind: Recordable[Lane], run: RunContext, side: Side, date: str, name: str) -> str:
    lane = kind.open_lane(kind.place(run.layout, side, date, name))
    return next(iter(kind.requested(run, lane, name, kind.probe.inputs_path(run.layout, date, name))), "")


def _fault(kind: Recordable[Lane], run: RunContext, side: Side, date: str, name: str) -> str:
    """Return why the lane of a date could not be taken under any settings; "" where it could."""
    path, inputs = kind.place(run.layout, side, date, name), kind.probe.inputs_path(run.layout, date, name)
    try:
        if not path.exists():
            return f"its {kind.what} are not stored (never fetched, or pruned)"
        if not inputs.exists():
            return f"its {kind.inputs} are not stored"
        lane = kind.open_lane(path)
        header = lane.header
        faults = {
            _COPY: bool(header.recorded),
            f"it was fetched from the {header.side}": header.side is not side,
            "its lane stopped early": bool(header.stopped_early),
            f"it holds no {kind.what}": not header.status_counts.get(RowStatus.OK),
            **kind.faults(run, lane, name, inputs),
        }
    except ArtifactError as error:
        return error.problem
    return next((fault for fault, found in faults.items() if found), "")


def _not_passed(kind: Recordable[Lane], run: RunContext, side: Side, date: str, name: str) -> str:
    """Return why no verdict that passed was given on the lane of a date; "" where one was."""
    path = kind.probe.verdict_path(run.layout, date, name)
    if not path.exists():
        return "it was not judged"
    try:
        verdict = kind.probe.read_verdict(path)
        # A run that ended before its verdict, such as one that was killed, says nothing of a lane that it left as it was.
        judged = ledger.last_judged(run.layout.ledger, verdict.endpoint, date, name) if verdict.not_run else verdict
    except ArtifactError as error:
        return error.problem
    verdict = judged or verdict
    if verdict.decision not in PASSING:
        return f"its verdict is {verdict.decision}"
    lane = kind.open_lane(kind.place(run.layout, side, date, name)).header
    if verdict.lanes[list(Side).index(side)].fetched_to != lane.fetched_to:
        return f"its {kind.what} were fetched again after the verdict"
    return ""


def _faults_of_vectors(_run: RunContext, lane: EmbeddingsFile, model: str, inputs: Path) -> Faults:
    header, samples = lane.header, SampleSetFile(inputs).header
    return {
        f"it holds model {header.model!r}": header.model != model,
        "its samples were drawn again after the fetch": header.sample_set_hash != samples.hash,
        f"it holds {lane.rows} rows for {samples.samples} samples": lane.rows != samples.samples,
        f"its vectors have {len(header.survey.dimensions)} dimensions": bool(header.ok_rows)
        and len(header.survey.dimensions) > 1,
    }


VECTORS: Final = Recordable[EmbeddingsFile](
    probe=EMBED,
    what="vectors",
    inputs="samples",
    place=Layout.embeddings,
    open_lane=EmbeddingsFile,
    faults=_faults_of_vectors,
)
"""What recordings of the embed probe are made of."""


def find_recording(run: RunContext, side: Side, day: str, model: str) -> Recording[EmbeddingsFile]:
    """Return the recorded vectors that stand in for a side on a date; see `find_recorded`."""
    return find_recorded(VECTORS, run, side, day, model)


def recorded_side(run: RunContext) -> Side | None:
    """Return the side that is a recording; None where both are gateways."""
    return next((side for side in Side if run.gateways[side].recorded), None)


def recorded_inputs(kind: Recordable[Lane], run: RunContext, day: str, name: str) -> bool:
    """Put the inputs of the recording in the place of a date's, and return whether a side is a recording at all.

    Raises:
        ArtifactError: There is no recording, or the disk does not take the file.
    """
    side = recorded_side(run)
    if side is None:
        return False
    found = find_recorded(kind, run, side, day, name)
    if found.date != day:
        inputs = kind.probe.inputs_path
        with publishing(inputs(run.layout, day, name)) as draft:
            shutil.copyfile(inputs(run.layout, found.date, name), draft)
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
    provenance = replace(header, **found.marked(day))
    target = run.layout.embeddings(side, day, model)
    with being_copied(found), publishing(target) as draft, EmbeddingsWriter(draft) as writer:
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


def _origin(run: RunContext, day: str, found: Recording[EmbeddingsFile]) -> dict[str, str]:
    """Return where something comes from that was not recorded: the lane, and nothing requested before its end or after."""
    header = found.lane.header
    return {
        "date": day,
        "model": found.name,
        "url": header.url,
        "settings_hash": header.settings_hash,
        "package_version": run.package_version,
        "first": header.fetched_to,
        "last": header.fetched_to,
    }
