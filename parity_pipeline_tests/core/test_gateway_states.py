"""The states of a side: a new one for a change, the same id for one that comes back, no line for what says nothing new."""

from dataclasses import replace

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates, StateEvent, alternating, place
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint, packed, seen


def test_a_change_adds_a_state() -> None:
    """The first fetch and a change add a line each, another fetch of the same gateway adds none."""
    states, first = seen(LaneStates(), fingerprint(), 0)
    states, again = seen(states, fingerprint(), 1)
    states, changed = seen(states, fingerprint(2), 2)
    assert [one.event for one in states.records] == [StateEvent.FIRST, StateEvent.CHANGED]
    assert first.fingerprint.state == again.fingerprint.state != changed.fingerprint.state
    assert again.record is None
    assert states.newest is not None
    assert states.newest.words[0].startswith("the vectors of 4 of 4 canary texts changed")


def test_a_rollback_returns_to_the_state() -> None:
    """A gateway that is rolled back has the id that it had before, and the line has no second copy of its vectors."""
    states, first = seen(LaneStates(), fingerprint(), 0)
    states, _ = seen(states, fingerprint(2), 1)
    states, back = seen(states, fingerprint(), 2)
    assert back.fingerprint.state == first.fingerprint.state
    assert states.records[-1].event is StateEvent.RETURNED
    assert states.records[-1].fingerprint.canaries is None


def test_a_slow_drift_does_not_pass() -> None:
    """Each fetch is compared with the state as it was first recorded, so small steps add up to a change."""
    states, _ = seen(LaneStates(), fingerprint(), 0)
    events: list[StateEvent] = []
    for step in range(1, 6):
        turned = Fingerprint(canaries=packed(noise=0.008 * step))
        states, placed = seen(states, turned, step)
        events += [placed.record.event] if placed.record else []
    assert StateEvent.CHANGED in events


def test_a_version_that_is_known_later_is_added() -> None:
    """A state of which more is known keeps its id, so that the next version is seen as a change although the vectors stay."""
    states, first = seen(LaneStates(), fingerprint(), 0)
    states, more = seen(states, fingerprint(version="1.4"), 1)
    states, same = seen(states, fingerprint(version="1.4"), 2)
    assert more.fingerprint.state == first.fingerprint.state
    assert same.record is None
    states, changed = seen(states, fingerprint(version="1.5"), 3)
    assert changed.record is not None
    assert changed.record.words == ("the version changed from 1.4 to 1.5",)


def test_what_is_unknown_gets_no_state() -> None:
    """A fetch without canaries, version or digest is of no known state and adds no line, at first and later."""
    states, nothing = seen(LaneStates(), Fingerprint(model="m"), 0)
    assert (nothing.fingerprint.state, nothing.record) == ("", None)
    states, _ = seen(states, fingerprint(), 1)
    states, later = seen(states, Fingerprint(model="m"), 2)
    assert (later.fingerprint.state, later.record) == ("", None)


def test_alternating_states_add_no_more_lines() -> None:
    """Once a side is known to alternate between states, each of them again adds no line; a third one does."""
    states, one = seen(LaneStates(), fingerprint(), 0)
    states, two = seen(states, fingerprint(2), 1)
    line = alternating(
        LANE,
        [one.fingerprint.state, two.fingerprint.state],
        seen_at="2026-11-20T10:02:00+00:00",
        seen_by="sensor",
        words=("two",),
    )
    states = GatewayStates.of([*states.records, line]).of_lane(*LANE)
    for minute, seed in enumerate((1, 2, 1), start=3):
        states, placed = seen(states, fingerprint(seed), minute)
        assert placed.record is None
        assert placed.fingerprint.state
    states, third = seen(states, fingerprint(3), 8)
    assert third.record is not None
    assert third.record.event is StateEvent.CHANGED


def test_the_order_of_lines_does_not_matter() -> None:
    """A merge may put an older line behind a newer one; the time decides."""
    states, _ = seen(LaneStates(), fingerprint(), 0)
    states, _ = seen(states, fingerprint(2), 1)
    assert GatewayStates.of(reversed(states.records)).of_lane(*LANE) == states


def test_noise_of_the_floor_adds_no_state() -> None:
    """A side whose repeatability showed noise stays in its state within it."""
    states, _ = seen(LaneStates(), Fingerprint(canaries=packed(noise=0.05)), 0)
    noisy = replace(fingerprint(), canaries=packed(noise=-0.05))
    placed = place(states, noisy, lane=LANE, seen_at="2026-11-20T11:00:00+00:00", seen_by="fetch", floor=0.005)
    assert placed.record is None
    assert place(states, noisy, lane=LANE, seen_at="2026-11-20T11:00:00+00:00", seen_by="fetch").record is not None
