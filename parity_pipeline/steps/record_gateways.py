"""Record which gateway a side is: with every fetch, and with every look of the sensor.

Here belong the step from a fingerprint to its recorded state, and one look at one lane. What states mean belongs to
`core.gateway_states`, when a sequence of looks is a change to `core.gateway_watch`, the requests to `wire.gateway_look`.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, Literal

from parity_pipeline.core.errors import ArtifactError, GatewayError
from parity_pipeline.core.fingerprint import Fingerprint, compare_fingerprints, group_responses
from parity_pipeline.core.gateway_states import (
    GatewayRecord,
    Lane,
    LaneStates,
    Placement,
    StateEvent,
    alternating,
    place,
)
from parity_pipeline.core.outcomes import Side
from parity_pipeline.steps.context import RunContext
from parity_pipeline.storage.evidence_files import read_stability
from parity_pipeline.storage.gateways import add_record, add_state, read_states
from parity_pipeline.storage.stored_partitions import stored_dates

RETRIEVE: Final = "retrieve"
"""The probe whose lanes have a corpus in place of a model."""

SeenBy = Literal["fetch", "sensor"]


def record_fetch(
    run: RunContext, lane: Lane, day: str, fingerprint: Fingerprint, log: Callable[[str], None] = lambda _line: None
) -> Fingerprint:
    """Return the fingerprint of a fetch with the id of its state, which is recorded where it is a new one.

    A file of states that cannot be read or written leaves the fetch without an id: it must not cost the date its vectors.

    Args:
        run: Where the states lie, and the clock.
        lane: Probe, side, and model or corpus.
        day: Partition date, ISO 8601.
        fingerprint: What the side showed of itself.
        log: Called with what changed.
    """
    try:
        placed = _place(run, lane, fingerprint, "fetch", noise_of(run, lane, day))
    except ArtifactError as error:
        log(f"the state of the {lane[1]} was not recorded: {error}")
        return replace(fingerprint, state="")
    if placed.record is not None and placed.record.words:
        log(f"the {lane[1]} changed since it was last seen: {'; '.join(placed.record.words)}")
    return placed.fingerprint


def _place(run: RunContext, lane: Lane, found: Fingerprint, by: SeenBy, floor: float | None) -> Placement:
    seen_at = run.now().isoformat(timespec="milliseconds")
    return add_state(
        run.layout.gateways,
        lane,
        lambda states: place(states, found, lane=lane, seen_at=seen_at, seen_by=by, floor=floor),
    )


def noise_of(run: RunContext, lane: Lane, day: str = "") -> float | None:
    """Return 1 - cosine of the worst pair that the side's repeatability last showed; None where it was not measured.

    That of the date itself comes first, where there is one, then the newest.
    """
    probe, side, name = lane
    if probe == RETRIEVE:
        return None
    stored = stored_dates(partial(run.layout.stability, side), name)
    for one in sorted(stored, key=lambda found: found != day):
        try:
            floor = read_stability(run.layout.stability(side, one, name)).stability.floor
        except ArtifactError:
            continue
        if floor is not None:
            return floor.worst
    return None


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneLook:
    """What a look at one lane showed.

    Attributes:
        states: Ids of the states that responded, the last one last; empty where that is unknown, or nothing responded.
        words: What differs from the state before.
        problem: Why nothing responded; "" where something did.
        before: The newest state that was recorded before this look; "" for none.
        record: The line that says what is deployed now; None for none.
    """

    states: tuple[str, ...] = ()
    words: tuple[str, ...] = ()
    problem: str = ""
    before: str = ""
    record: GatewayRecord | None = None


def look_at(run: RunContext, lane: Lane) -> LaneLook:
    """Look at one lane by few requests, record what is new, and return it. A gateway that is down adds nothing.

    Raises:
        ArtifactError: The file of states is damaged, or the disk does not take a line.
        SettingsError: The token of the side is not in the environment.
    """
    probe, side, name = lane
    newest = read_states(run.layout.gateways).of_lane(probe, side, name).newest
    before = newest.fingerprint.state if newest else ""
    seen: tuple[Fingerprint, ...] = ()
    try:
        seen, problem = _seen(run, lane)
    except GatewayError as error:
        problem = str(error)
    if not seen:
        return LaneLook(problem=problem or "no response", before=before)
    floor = noise_of(run, lane)
    groups = group_responses(seen)
    if len(groups) > 1:
        return _of_several(run, lane, groups, before)
    placed = _place(run, lane, next(iter(groups)), "sensor", floor)
    states = read_states(run.layout.gateways).of_lane(probe, side, name)
    state = placed.fingerprint.state
    return LaneLook(states=(state,) if state else (), words=_words(states, placed), before=before, record=states.newest)


def _words(states: LaneStates, placed: Placement) -> tuple[str, ...]:
    """Return what differs from the state before: also where a fetch has recorded it already."""
    newest = states.newest
    return placed.record.words if placed.record else newest.words if newest else ()


def _seen(run: RunContext, lane: Lane) -> tuple[tuple[Fingerprint, ...], str]:
    probe, side, name = lane
    gateway = run.gateways[side]
    if probe == RETRIEVE:
        return gateway.look_at_retrieval(name)
    found = gateway.look(name)
    return found.seen, found.problem


def _of_several(run: RunContext, lane: Lane, groups: tuple[Fingerprint, ...], before: str) -> LaneLook:
    """Record several gateways behind one address, each as a state and all of them as alternating, once."""
    probe, side, name = lane
    differences = compare_fingerprints(groups[0], groups[-1]).differences
    words = tuple(f"responses take turns: {word}" for word in differences)
    placed = [_place(run, lane, one, "sensor", None).fingerprint.state for one in groups]
    ids = tuple(one for one in placed if one)
    newest = read_states(run.layout.gateways).of_lane(probe, side, name).newest
    known = newest is not None and newest.event is StateEvent.ALTERNATING and {*ids} <= {*newest.states}
    if len({*ids}) > 1 and not known:
        record_alternating(run, lane, ids, words)
    return LaneLook(states=ids, words=words, before=before, record=newest)


def record_alternating(run: RunContext, lane: Lane, states: tuple[str, ...], words: tuple[str, ...]) -> None:
    """Record that a lane shows several states in turn.

    Raises:
        ArtifactError: The disk does not take the line.
    """
    seen_at = run.now().isoformat(timespec="milliseconds")
    add_record(run.layout.gateways, alternating(lane, states, seen_at=seen_at, seen_by="sensor", words=words))


def record_settled(run: RunContext, lane: Lane, state: str) -> GatewayRecord | None:
    """Record that one of several states is steady, unless that is recorded already, and return the line that says so.

    Raises:
        ArtifactError: The file of states is damaged, or the disk does not take the line.
    """
    probe, side, name = lane
    newest = read_states(run.layout.gateways).of_lane(probe, side, name).newest
    if newest is None or newest.event is not StateEvent.ALTERNATING:
        return newest
    line = replace(
        newest,
        seen_at=run.now().isoformat(timespec="milliseconds"),
        seen_by="sensor",
        event=StateEvent.RETURNED,
        fingerprint=Fingerprint(state=state),
        words=("one of several states is steady",),
        states=(),
    )
    add_record(run.layout.gateways, line)
    return line


def lanes_of(run: RunContext, side: Side) -> list[Lane]:
    """Return the lanes of a side that can be looked at, none of a recording: each model, and each corpus where an endpoint states its version.

    Raises:
        SettingsError: The token of the side is not in the environment.
    """
    gateway = run.gateways[side]
    if gateway.recorded:
        return []
    corpora = [one for one in (run.retrieval.corpora if run.retrieval else ()) if gateway.states_version(one)]
    return [*((run.probe, side, model) for model in run.models), *((RETRIEVE, side, corpus) for corpus in corpora)]
