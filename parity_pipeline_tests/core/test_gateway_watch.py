"""From look to look: a change is reported once, a pair of replicas is not backfilled for ever, an outage changes nothing."""

from collections.abc import Iterable

from parity_pipeline.core.gateway_watch import (
    REMEMBERED,
    STEADY,
    Watched,
    WatchEvent,
    WatchEventKind,
    watch_down,
    watch_state,
)

FIRST, CHANGED = WatchEventKind.FIRST, WatchEventKind.CHANGED
ALTERNATING, SETTLED = WatchEventKind.ALTERNATING, WatchEventKind.SETTLED


def watched(looks: Iterable[str], before: Watched | None = None) -> tuple[Watched, list[WatchEvent]]:
    """Return what is remembered after these looks, and all events: `-` is a look without a response, `AB` one with two states."""
    memory, events = before or Watched(), list[WatchEvent]()
    for one in looks:
        memory, found = watch_down(memory, "no route") if one == "-" else watch_state(memory, list(one), ("w",))
        events += found
    return memory, events


def kinds(looks: Iterable[str]) -> list[WatchEventKind]:
    """Return the kinds of all events."""
    return [one.kind for one in watched(looks)[1]]


def requests(looks: Iterable[str]) -> int:
    """Return how often dates are requested again."""
    return sum(one.requests for one in watched(looks)[1])


def test_one_change_is_reported_once() -> None:
    """A gateway that was replaced is a change at the first look, and none at any further one."""
    assert kinds("AAAA" + "B" * 30) == [FIRST, CHANGED]


def test_two_changes_are_two() -> None:
    """A third build is a change of its own."""
    assert kinds("AAABBBCCC") == [FIRST, CHANGED, CHANGED]


def test_the_first_look_requests_nothing() -> None:
    """Without an earlier state nothing is known to have changed."""
    assert requests("AAAA") == 0


def test_an_outage_changes_nothing() -> None:
    """A gateway that is down for some looks and comes back as it was has not changed; both moments are reported once."""
    assert kinds("AA---AA") == [FIRST, WatchEventKind.DOWN, WatchEventKind.UP]


def test_a_change_during_an_outage_is_a_change() -> None:
    """A gateway that comes back as another one has changed."""
    assert kinds("AA--BB") == [FIRST, WatchEventKind.DOWN, WatchEventKind.UP, CHANGED]


def test_replicas_in_turn_are_reported_once() -> None:
    """Two states that alternate from look to look request dates once, for the first change, however long it goes on."""
    assert kinds("A" + "BA" * 100) == [FIRST, CHANGED, ALTERNATING]


def test_replicas_within_one_look_request_nothing() -> None:
    """A look whose responses take turns is reported, and requests nothing however often it is repeated."""
    assert kinds(["A", *["BA"] * 50]) == [FIRST, ALTERNATING]


def test_slow_replicas_request_ever_less() -> None:
    """States that stay for some looks each and come back request dates a few times and then no more."""
    assert requests("A" * 6 + ("B" * 6 + "A" * 6) * 100) <= 2


def test_a_rollback_is_reported_when_it_is_steady() -> None:
    """A build that is rolled back at once requests dates again as soon as the old one has been steady, and once."""
    looks = "AAAB" + "A" * STEADY
    assert kinds(looks[:-1]) == [FIRST, CHANGED, ALTERNATING]
    memory, events = watched(looks)
    assert [one.kind for one in events] == [FIRST, CHANGED, ALTERNATING, SETTLED]
    assert events[-1].state == "A"
    assert not watched("A" * 50, memory)[1]


def test_a_late_rollback_is_a_change() -> None:
    """A build that comes back after more looks than are remembered is a change like any other."""
    assert kinds("AAA" + "B" * 20 + "AAA") == [FIRST, CHANGED, CHANGED]


def test_another_build_ends_the_turns() -> None:
    """After replicas took turns and one was steady, a third build is a plain change."""
    assert kinds("AB" + "A" * STEADY + "A" * 12 + "CC") == [FIRST, CHANGED, ALTERNATING, SETTLED, CHANGED]


def test_replicas_that_took_turns_are_known_as_such_after_a_steady_time() -> None:
    """The other one of a pair that comes back after more looks than are remembered requests nothing: it is not a new build."""
    looks = "ABA" + "A" * (STEADY + REMEMBERED)
    assert kinds(looks) == [FIRST, CHANGED, ALTERNATING, SETTLED]
    assert kinds(looks + "B") == [FIRST, CHANGED, ALTERNATING, SETTLED, ALTERNATING]


def test_what_is_unknown_changes_nothing() -> None:
    """A look that shows no state changes nothing that is remembered."""
    before, _ = watched("AA")
    assert watch_state(before, []) == (before, ())


def test_the_events_say_what_changed() -> None:
    """A change carries its clauses and the state that is deployed now."""
    _, events = watched("AB")
    assert (events[-1].state, events[-1].words) == ("B", ("w",))
