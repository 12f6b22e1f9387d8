"""What a sequence of looks at one side means: the same gateway, another one, or several in turn behind one address.

Here belong the settings of watching, what is remembered between two looks, and the pure step from one look to the next. Taking a
look belongs to `wire.gateway_look`, the states to `gateway_states`, what a change sets off to the sensor.

A change is reported once. A state that comes back within the looks that are remembered counts as one of several in turn, and so
does a look that shows two at once: that is reported once, and nothing is requested until one state has been seen `STEADY` times
in a row, and twice as often each time that they take turns again, so that a pair of replicas sets off ever fewer backfills. Only then is it known what the dates would be judged against. A gateway that is down has not changed.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Final, TypeAlias

REMEMBERED: Final = 10
"""Looks that are remembered: a state that comes back within them takes turns with another."""

STEADY: Final = 5
"""Looks in a row with one state that end alternating for the first time; twice as many for each further time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GatewayChanges:
    """What is done about changes of a gateway.

    Attributes:
        interval_seconds: Seconds between two looks of the sensor.
        backfill_dates: Newest dates that are fetched again from a side that changed; 0 requests none.
        drift_dates: Earlier dates that a lane is compared with for the drift of its own side; 0 compares none.
    """

    interval_seconds: int = 600
    backfill_dates: int = 0
    drift_dates: int = 3


class WatchEventKind(StrEnum):
    """What a look showed that was not known before."""

    FIRST = "first"
    CHANGED = "changed"
    ALTERNATING = "alternating"
    SETTLED = "settled"
    DOWN = "down"
    UP = "up"


@dataclass(frozen=True, slots=True, kw_only=True)
class WatchEvent:
    """Something to report.

    Attributes:
        kind: What it is.
        state: Id of the state that is deployed now; "" where that is not known.
        words: What was seen, each a clause.
    """

    kind: WatchEventKind
    state: str = ""
    words: tuple[str, ...] = ()

    @property
    def requests(self) -> bool:
        """Return whether dates are to be fetched again."""
        return self.kind in (WatchEventKind.CHANGED, WatchEventKind.SETTLED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Watched:
    """What is remembered of one lane between two looks.

    Attributes:
        state: The state that was last reported; "" before the first.
        looks: States of the last looks, oldest first, at most `REMEMBERED`.
        row: Looks in a row with the last of them.
        alternating: Whether several states in turn were reported, and none has been steady since.
        turns: States that took turns, also after one of them was steady; empty after another state.
        times: How often these took turns.
        down: Whether the last look got no response.
    """

    state: str = ""
    looks: tuple[str, ...] = ()
    row: int = 0
    alternating: bool = False
    turns: tuple[str, ...] = ()
    times: int = 0
    down: bool = False

    @property
    def steady_after(self) -> int:
        """Return how many looks in a row with one state end alternating: twice as many each time that it begins again."""
        return STEADY * 2 ** max(0, self.times - 1)


def watch_down(before: Watched, problem: str) -> tuple[Watched, tuple[WatchEvent, ...]]:
    """Return what is remembered after a look without a response, which changes nothing, and the event where it is the first."""
    events = () if before.down else (WatchEvent(kind=WatchEventKind.DOWN, words=(problem,)),)
    return replace(before, down=True), events


def watch_state(
    before: Watched, states: Sequence[str], words: tuple[str, ...] = ()
) -> tuple[Watched, tuple[WatchEvent, ...]]:
    """Return what is remembered after a look, and what to report.

    Args:
        before: What was remembered.
        states: Ids of the states that the look showed, the last one last; several where responses took turns. Empty where
            the look shows nothing to recognise a state by: nothing changed then.
        words: What differs from the state before.
    """
    up = (WatchEvent(kind=WatchEventKind.UP),) if before.down else ()
    before = replace(before, down=False)
    if not states:
        return before, up
    last = before.looks[-1] if before.looks else before.state
    mixed, state = len({*states}) > 1, states[-1]
    after = replace(
        before,
        looks=(*before.looks, *states)[-REMEMBERED:],
        row=0 if mixed else before.row + 1 if state == last else 1,
    )
    came_back = state != last and state in (*before.looks, *before.turns)
    if mixed or came_back:
        after, event = _takes_turns(after, {last, *states} - {""}, words)
    elif before.alternating:
        after, event = _may_settle(after, state, words)
    else:
        after, event = _may_change(after, state, words)
    return after, (*up, *event)


_Step: TypeAlias = tuple[Watched, tuple[WatchEvent, ...]]


def _takes_turns(after: Watched, states: Collection[str], words: tuple[str, ...]) -> _Step:
    """Return that several states take turns, reported once until one is steady."""
    turns = tuple(sorted({*after.turns, *states}))
    if after.alternating:
        return replace(after, turns=turns), ()
    found = replace(after, alternating=True, turns=turns, times=after.times + 1)
    return found, (WatchEvent(kind=WatchEventKind.ALTERNATING, words=words),)


def _may_settle(after: Watched, state: str, words: tuple[str, ...]) -> _Step:
    if after.row < after.steady_after:
        return after, ()
    event = WatchEvent(kind=WatchEventKind.SETTLED, state=state, words=words)
    return replace(after, state=state, alternating=False), (event,)


def _may_change(after: Watched, state: str, words: tuple[str, ...]) -> _Step:
    if state == after.state:
        return after, ()
    kind = WatchEventKind.CHANGED if after.state else WatchEventKind.FIRST
    event = WatchEvent(kind=kind, state=state, words=words if after.state else ())
    return replace(after, state=state, turns=(), times=0), (event,)
