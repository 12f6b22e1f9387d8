"""Look at every gateway once, and say what changed since the last look and which dates are to be fetched again.

Here belongs one round over all lanes, without Dagster, and marking stale dates after it. One look belongs to
`record_gateways`, what a sequence of looks means to `core.gateway_watch`, starting runs to `defs.gateway_sensor`.
"""

from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Final

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.gateway_states import Lane
from parity_pipeline.core.gateway_watch import Watched, WatchEvent, WatchEventKind, watch_down, watch_state
from parity_pipeline.core.outcomes import Side
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, RETRIEVE, Probe
from parity_pipeline.steps.record_gateways import LaneLook, lanes_of, look_at, record_alternating, record_settled
from parity_pipeline.steps.write_reports import write_summary
from parity_pipeline.storage.stored_partitions import stored_dates

AT_ONCE: Final = 8
"""Lanes that are looked at at the same time: a gateway that hangs must not make a round take minutes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneEvent:
    """Something that a round showed.

    Attributes:
        lane: Probe, side, and model or corpus.
        event: What it is.
        key: Names the change: the same however often it is reported, and another one for each change.
        dates: Dates to fetch again from that side, newest first.
    """

    lane: Lane
    event: WatchEvent
    key: str = ""
    dates: tuple[str, ...] = ()

    def describe(self) -> str:
        """Return the event as one sentence without a full stop."""
        probe, side, name = self.lane
        where = f"{side}, {'corpus' if probe == RETRIEVE.name else 'model'} {name}"
        words = "; ".join(self.event.words)
        said = {
            WatchEventKind.FIRST: "seen for the first time",
            WatchEventKind.CHANGED: f"the gateway changed: {words}",
            WatchEventKind.ALTERNATING: f"several gateways take turns behind one address, nothing is requested: {words}",
            WatchEventKind.SETTLED: "one gateway has been steady again after several took turns",
            WatchEventKind.DOWN: f"no response, which does not count as a change: {words}",
            WatchEventKind.UP: "responds again",
        }
        again = f"; dates to fetch again: {', '.join(self.dates)}" if self.dates else ""
        return f"{where}: {said[self.event.kind]}{again}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Round:
    """One round over all lanes.

    Attributes:
        memory: What is remembered of each lane, by its key.
        events: What it showed, in the order of lanes.
        problems: Why a side or lane could not be looked at, each a sentence.
    """

    memory: Mapping[str, Watched] = field(default_factory=dict[str, Watched])
    events: tuple[LaneEvent, ...] = ()
    problems: tuple[str, ...] = ()


def lane_key(lane: Lane) -> str:
    """Return the key of a lane, such as `embed/candidate/model`."""
    probe, side, name = lane
    return f"{probe}/{side.value}/{name}"


def watch_gateways(run: RunContext, memory: Mapping[str, Watched], *, first_date: str) -> Round:
    """Look at every lane, and return what is remembered, and what changed.

    Args:
        run: Where states lie, both gateways, and how many dates a change requests.
        memory: What the last round remembered; empty before the first.
        first_date: Dates before it have no partition, ISO 8601.
    """
    lanes: list[Lane] = []
    problems: list[str] = []
    for side in Side:
        try:
            lanes += lanes_of(run, side)
        except ParityError as error:
            problems.append(str(error))
    before = _recorded(run)
    with ThreadPoolExecutor(AT_ONCE, "look") as pool:
        looks = list(pool.map(partial(_look, run), lanes))
    kept = dict(memory)
    events: list[LaneEvent] = []
    for lane, seen in zip(lanes, looks, strict=True):
        if isinstance(seen, str):
            problems.append(seen)
            continue
        kept[lane_key(lane)], found = _step(run, lane, seen, memory.get(lane_key(lane)), first_date)
        events += found
    if _recorded(run) != before:
        problems += _marked(run)
    return Round(memory=kept, events=tuple(events), problems=tuple(dict.fromkeys(problems)))


def _recorded(run: RunContext) -> int:
    """Return the bytes of recorded states; a look of this round appended some, or a fetch meanwhile."""
    return run.layout.gateways.stat().st_size if run.layout.gateways.exists() else 0


def _marked(run: RunContext) -> list[str]:
    """Mark the stale dates in summary and index at once: without runs that follow, nobody else would until tomorrow."""
    if not run.layout.ledger.exists():
        return []
    try:
        write_summary(run)
    except ParityError as error:
        return [str(error)]
    return []


def _look(run: RunContext, lane: Lane) -> LaneLook | str:
    """Return a look, or why there is none that is the gateway's fault."""
    try:
        return look_at(run, lane)
    except ParityError as error:
        return str(error)


def _step(
    run: RunContext, lane: Lane, seen: LaneLook, before: Watched | None, first_date: str
) -> tuple[Watched, list[LaneEvent]]:
    known = before or Watched()
    # What was never reported is compared with what a fetch recorded, also where every look so far met an outage.
    known = known if known.state else replace(known, state=seen.before)
    if seen.problem:
        after, events = watch_down(known, seen.problem)
    else:
        after, events = watch_state(known, seen.states, seen.words)
    return after, [_reported(run, lane, seen, after, one, first_date) for one in events]


def _reported(
    run: RunContext, lane: Lane, seen: LaneLook, after: Watched, event: WatchEvent, first_date: str
) -> LaneEvent:
    record = seen.record
    if event.kind is WatchEventKind.ALTERNATING and len({*seen.states}) == 1:
        record_alternating(
            run, lane, (*(one for one in after.turns if one != seen.states[-1]), seen.states[-1]), event.words
        )
    if event.kind is WatchEventKind.SETTLED:
        record = record_settled(run, lane, event.state)
    if not event.requests or record is None:
        return LaneEvent(lane=lane, event=event)
    dates = judged_dates(run, lane, first_date)[: run.gateway_changes.backfill_dates]
    key = f"{lane_key(lane)}/{event.state}/{record.seen_at}"
    return LaneEvent(lane=lane, event=event, key=key, dates=tuple(dates))


def probe_of(lane: Lane) -> Probe:
    """Return the probe of a lane."""
    return RETRIEVE if lane[0] == RETRIEVE.name else EMBED


def judged_dates(run: RunContext, lane: Lane, first_date: str) -> Sequence[str]:
    """Return the dates, newest first, whose lane can be fetched again: judged, with inputs and the other side's lane stored."""
    name, probe, layout = lane[2], probe_of(lane), run.layout
    other = Side.CANDIDATE if lane[1] is Side.LEGACY else Side.LEGACY
    path_of = layout.rankings if probe is RETRIEVE else layout.embeddings
    return [
        day
        for day in stored_dates(partial(probe.verdict_path, layout), name)
        if day >= first_date and probe.inputs_path(layout, day, name).exists() and path_of(other, day, name).exists()
    ]
