"""Which verdicts are stale: the gateways that they were fetched from are no longer those that are deployed.

Here belongs the pure function from what a verdict says of its lanes, and from the recorded states, to what holds. Recording
states belongs to `gateway_states`, showing it to reports, pages and gates.

A lane is stale until it is fetched again, whatever the verdict was and however often it is judged. 'Unknown' is not
'current': a lane without a recorded fingerprint may be of any gateway.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parity_pipeline.core.gateway_states import GatewayRecord, GatewayStates, LaneStates, StateEvent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import name_of_partition

_NAMED: Final = 3
"""Changes that a clause names: the newest ones."""


class Freshness(StrEnum):
    """Whether a lane is of the gateway that is deployed, as far as it was last seen."""

    CURRENT = "current"
    STALE = "stale"
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneFreshness:
    """One lane of a verdict.

    Attributes:
        side: The side.
        freshness: Whether the lane is of what is deployed.
        words: Why, a clause without a full stop.
        changed_at: When the change was seen that made it stale, ISO 8601; "" where it is not stale.
        changes: What changed since, each a clause; empty where it is not stale.
    """

    side: Side
    freshness: Freshness
    words: str
    changed_at: str = ""
    changes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Staleness:
    """Both lanes of a verdict, the legacy one first."""

    legacy: LaneFreshness
    candidate: LaneFreshness

    @property
    def lanes(self) -> tuple[LaneFreshness, LaneFreshness]:
        """Return the legacy and the candidate lane."""
        return self.legacy, self.candidate

    @property
    def stale(self) -> tuple[LaneFreshness, ...]:
        """Return the stale lanes; empty for a verdict that is not known to be stale."""
        return tuple(one for one in self.lanes if one.freshness is Freshness.STALE)

    @property
    def freshness(self) -> Freshness:
        """Return the worse of both lanes: stale before unknown before current."""
        found = {one.freshness for one in self.lanes}
        return next(one for one in (Freshness.STALE, Freshness.UNKNOWN, Freshness.CURRENT) if one in found)

    def describe(self) -> str:
        """Return why a verdict is stale, one sentence without a full stop; "" for one that is not."""
        return "; ".join(one.words for one in self.stale)


def staleness(verdict: Verdict | RetrievalVerdict, states: GatewayStates) -> Staleness:
    """Return whether the lanes of a verdict are of the gateways that are deployed, as far as they were last seen.

    Args:
        verdict: The verdict, from the ledger or from its own file.
        states: What is recorded in `gateways.jsonl`, as `storage.gateways.read_states` returns it.
    """
    name = name_of_partition(verdict)
    legacy, candidate = verdict.lanes
    return Staleness(
        legacy=lane_freshness(legacy, states.of_lane(verdict.endpoint, Side.LEGACY, name)),
        candidate=lane_freshness(candidate, states.of_lane(verdict.endpoint, Side.CANDIDATE, name)),
    )


def lane_freshness(lane: Provenance | RetrievalProvenance, states: LaneStates) -> LaneFreshness:
    """Return whether a lane is of the newest recorded state of its side and model or corpus."""
    newest, state = states.newest, lane.fingerprint.state
    if lane.recorded:
        words = f"the {lane.side} is a recording of {lane.recorded}"
        return LaneFreshness(side=lane.side, freshness=Freshness.CURRENT, words=words)
    if newest is None:
        return _unknown(lane.side, f"no state of the {lane.side} is recorded")
    if state not in states.known:
        return _by_time(lane, states)
    if newest.event is StateEvent.ALTERNATING and state in newest.states:
        return _unknown(lane.side, f"the {lane.side} alternates between {len(newest.states)} states")
    if state == newest.fingerprint.state:
        return LaneFreshness(
            side=lane.side, freshness=Freshness.CURRENT, words=f"fetched from the {lane.side} as it was last seen"
        )
    return _stale(lane.side, states.changes_after(moment(lane.fetched_from)) or [newest])


def _by_time(lane: Provenance | RetrievalProvenance, states: LaneStates) -> LaneFreshness:
    """Return what the times say of a lane whose state is not recorded: a later change makes it stale all the same."""
    if later := states.changes_after(moment(lane.fetched_to)):
        return _stale(lane.side, later)
    return _unknown(lane.side, f"the state of the {lane.side} was not recorded with this fetch")


def _stale(side: Side, changes: list[GatewayRecord]) -> LaneFreshness:
    newest = changes[-1]
    words = tuple(dict.fromkeys(word for one in changes for word in one.words))
    # An old date has many later changes, and each of its cells in the index says why it is stale.
    earlier = len(words) - _NAMED
    said = "; ".join((*words[-_NAMED:], *((f"{earlier} more before",) if earlier > 0 else ())))
    return LaneFreshness(
        side=side,
        freshness=Freshness.STALE,
        words=f"the {side} changed after this fetch, seen {newest.seen_at} ({said})",
        changed_at=newest.seen_at,
        changes=words,
    )


def _unknown(side: Side, words: str) -> LaneFreshness:
    return LaneFreshness(side=side, freshness=Freshness.UNKNOWN, words=words)
