"""The states that a side was seen in, one after the other: what each fetch and each look of the sensor adds to `gateways.jsonl`.

Here belong the record of one line, where a new fingerprint belongs among those that are recorded, and the newest state of each
side. Comparing two fingerprints belongs to `fingerprint`, which verdicts are stale to `staleness`, the file to `storage.gateways`.

A state is a build of a gateway with its model, as far as it can be seen. It keeps its id when it comes back after another one,
so that a rollback makes the verdicts of before current again.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from functools import cached_property
from typing import Final, Literal, TypeAlias

from parity_pipeline.core.fingerprint import Fingerprint, Likeness, compare_fingerprints
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.recorded_time import moment

GATEWAY_SCHEMA_VERSION: Final = 1
"""Version of the record's JSON form; raised when a reader of the old form would misread the new one."""

_ID_DIGITS: Final = 12

Lane: TypeAlias = tuple[str, Side, str]
"""What has states of its own: a probe, a side, and the name of a model or corpus."""


class StateEvent(StrEnum):
    """Why a line was added. The spelling is stored, so an event is only ever added."""

    FIRST = "first"
    """The first state of a side and model or corpus."""
    CHANGED = "changed"
    """Another state than the newest one, and none that was seen before."""
    RETURNED = "returned"
    """A state that was seen before the newest one."""
    MORE_KNOWN = "more known"
    """The newest state, of which more is known now."""
    ALTERNATING = "alternating"
    """Several states in turn, as of several gateways behind one address."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayRecord:
    """One line of `gateways.jsonl`.

    Attributes:
        seen_at: When it was seen, ISO 8601 with a zone.
        seen_by: `fetch` or `sensor`.
        probe: The probe, as verdicts name it.
        side: The side.
        name: Name of the model, or of the corpus.
        event: Why the line was added.
        fingerprint: The state, with its id; without vectors where an earlier line of that id has them.
        words: What changed against the state before, each a clause.
        states: Ids of the states that alternate; empty for any other event.
        schema: `GATEWAY_SCHEMA_VERSION`.
    """

    seen_at: str
    seen_by: Literal["fetch", "sensor"]
    probe: str
    side: Side
    name: str
    event: StateEvent
    fingerprint: Fingerprint
    words: tuple[str, ...] = ()
    states: tuple[str, ...] = ()
    schema: Literal[1] = GATEWAY_SCHEMA_VERSION

    @property
    def lane(self) -> Lane:
        """Return what the state is one of."""
        return self.probe, self.side, self.name


@dataclass(frozen=True, kw_only=True)
class LaneStates:
    """The recorded states of one lane.

    Attributes:
        records: Its lines, oldest first.
        known: Everything that is known of each state, by its id, in the order in which they were first seen.
    """

    records: tuple[GatewayRecord, ...] = ()
    known: Mapping[str, Fingerprint] = field(default_factory=dict[str, Fingerprint])

    @cached_property
    def newest(self) -> GatewayRecord | None:
        """The line that says what is deployed now; None where nothing is recorded."""
        return next((one for one in reversed(self.records) if one.event is not StateEvent.MORE_KNOWN), None)

    def changes(self) -> tuple[GatewayRecord, ...]:
        """Return the lines that say that something else was deployed, oldest first."""
        kept = (StateEvent.CHANGED, StateEvent.RETURNED, StateEvent.ALTERNATING)
        return tuple(one for one in self.records if one.event in kept)

    @cached_property
    def _changed_at(self) -> tuple[tuple[datetime, GatewayRecord], ...]:
        return tuple((moment(one.seen_at), one) for one in self.changes())

    def changes_after(self, time: datetime) -> list[GatewayRecord]:
        """Return those of the changes that were seen after a time, which is aware, oldest first."""
        return [one for at, one in self._changed_at if at > time]

    def state_of(self, fingerprint: Fingerprint, *, floor: float | None = None) -> str:
        """Return the id of the recorded state that a fingerprint is of, the newest first; "" where it is of none."""
        newest = self.newest.fingerprint.state if self.newest else ""
        for state in dict.fromkeys((newest, *reversed([*self.known]))):
            if state and _alike(self.known[state], fingerprint, floor):
                return state
        return ""


def _alike(known: Fingerprint, fingerprint: Fingerprint, floor: float | None) -> bool:
    return compare_fingerprints(known, fingerprint, floor=floor).likeness is Likeness.UNCHANGED


_NOTHING_RECORDED: Final = LaneStates()


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayStates:
    """All recorded states.

    Attributes:
        lanes: Those of each lane.
    """

    lanes: Mapping[Lane, LaneStates] = field(default_factory=dict[Lane, LaneStates])

    @classmethod
    def of(cls, records: Iterable[GatewayRecord]) -> "GatewayStates":
        """Return the states of lines in any order; a merge in version control may have mixed them."""
        grouped: dict[Lane, list[GatewayRecord]] = {}
        for one in sorted(records, key=lambda record: moment(record.seen_at)):
            grouped.setdefault(one.lane, []).append(one)
        return cls(lanes={lane: _states(found) for lane, found in grouped.items()})

    def of_lane(self, probe: str, side: Side, name: str) -> LaneStates:
        """Return the states of one lane; empty ones where nothing is recorded."""
        return self.lanes.get((probe, side, name)) or _NOTHING_RECORDED


def _states(records: Sequence[GatewayRecord]) -> LaneStates:
    known: dict[str, Fingerprint] = {}
    for one in records:
        state = one.fingerprint.state
        known[state] = _joined(known[state], one.fingerprint) if state in known else one.fingerprint
    return LaneStates(records=tuple(records), known=known)


def _joined(known: Fingerprint, more: Fingerprint) -> Fingerprint:
    """Return everything that two fingerprints of one state say, the first one where both do."""
    return replace(
        known,
        version=known.version or more.version,
        model=known.model or more.model,
        digest=known.digest or more.digest,
        headers={**more.headers, **known.headers},
        canaries=known.canaries or more.canaries,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """Where a fingerprint belongs.

    Attributes:
        fingerprint: The fingerprint with the id of its state; without one where that is unknown.
        record: The line to add; None where it says nothing new.
    """

    fingerprint: Fingerprint
    record: GatewayRecord | None


def place(
    states: LaneStates,
    fingerprint: Fingerprint,
    *,
    lane: Lane,
    seen_at: str,
    seen_by: Literal["fetch", "sensor"],
    floor: float | None = None,
) -> Placement:
    """Return where a fingerprint belongs, and the line to add, if any.

    A fingerprint that may be of the newest state, or not, is given no id and adds no line: that is not the same as
    unchanged. One that knows nothing by which a gateway could be recognised adds none either.

    Args:
        states: What is recorded of the lane.
        fingerprint: What was seen.
        lane: The lane.
        seen_at: When, ISO 8601 with a zone.
        seen_by: Who saw it.
        floor: 1 - cosine of the worst pair that the side's repeatability showed; None where it was not measured.
    """
    probe, side, name = lane

    def line(event: StateEvent, found: Fingerprint, words: tuple[str, ...] = ()) -> GatewayRecord:
        return GatewayRecord(
            seen_at=seen_at,
            seen_by=seen_by,
            probe=probe,
            side=side,
            name=name,
            event=event,
            fingerprint=found,
            words=words,
        )

    newest = states.newest
    if newest is None:
        named = (
            replace(fingerprint, state=_new_id(lane, seen_at, fingerprint)) if _identifies(fingerprint) else fingerprint
        )
        return Placement(fingerprint=named, record=line(StateEvent.FIRST, named) if named.state else None)
    before = states.known[newest.fingerprint.state]
    words = compare_fingerprints(before, fingerprint, floor=floor).differences
    state = states.state_of(fingerprint, floor=floor)
    if not state:
        if not words:
            return Placement(fingerprint=replace(fingerprint, state=""), record=None)
        named = replace(fingerprint, state=_new_id(lane, seen_at, fingerprint))
        return Placement(fingerprint=named, record=line(StateEvent.CHANGED, named, words))
    named = replace(fingerprint, state=state)
    if state == newest.fingerprint.state or state in newest.states:
        more = _joined(states.known[state], named)
        event = StateEvent.MORE_KNOWN
        return Placement(
            fingerprint=named, record=None if more == states.known[state] else line(event, _new_only(named, states))
        )
    return Placement(fingerprint=named, record=line(StateEvent.RETURNED, replace(named, canaries=None), words))


def alternating(
    lane: Lane, states: Sequence[str], *, seen_at: str, seen_by: Literal["fetch", "sensor"], words: tuple[str, ...]
) -> GatewayRecord:
    """Return the line that says that a lane shows several states in turn; the last one is that of its fingerprint."""
    probe, side, name = lane
    return GatewayRecord(
        seen_at=seen_at,
        seen_by=seen_by,
        probe=probe,
        side=side,
        name=name,
        event=StateEvent.ALTERNATING,
        fingerprint=Fingerprint(state=states[-1]),
        words=words,
        states=tuple(sorted({*states})),
    )


def _identifies(fingerprint: Fingerprint) -> bool:
    return bool(fingerprint.version or fingerprint.digest or fingerprint.canaries)


def _new_only(named: Fingerprint, states: LaneStates) -> Fingerprint:
    return replace(named, canaries=None) if states.known[named.state].canaries else named


def _new_id(lane: Lane, seen_at: str, fingerprint: Fingerprint) -> str:
    return hashlib.sha256(f"{lane} {seen_at} {fingerprint}".encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]
