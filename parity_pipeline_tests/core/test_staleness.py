"""Stale verdicts: fetched before a gateway changed, current again once they are fetched, and never called current unseen."""

from dataclasses import replace
from typing import Any

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates, alternating
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.staleness import Freshness, lane_freshness, staleness
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint, seen
from parity_pipeline_tests.storage.records import make_provenance, make_verdict
from parity_pipeline_tests.storage.retrieval_records import make_retrieval_verdict


def lane(state: str = "", at: int = 0) -> Any:
    """Return the provenance of a lane of a state, fetched at a minute."""
    time = f"2026-11-20T10:{at:02}:00.000+00:00"
    return make_provenance(
        Side.CANDIDATE, fingerprint=Fingerprint(state=state), fetched_from=time, fetched_to=time, model="m"
    )


def two_states() -> tuple[LaneStates, str, str]:
    """Return the states of a side that changed at minute 10, and the ids of both."""
    states, one = seen(LaneStates(), fingerprint(version="1"), 0)
    states, two = seen(states, fingerprint(2, version="2"), 10)
    return states, one.fingerprint.state, two.fingerprint.state


def test_a_date_from_before_the_change_is_stale_until_it_is_fetched_again() -> None:
    """The lane of the old state is stale with what changed and when, that of the new one is current."""
    states, old, new = two_states()
    found = lane_freshness(lane(old), states)
    assert found.freshness is Freshness.STALE
    assert found.changed_at == "2026-11-20T10:10:00.000+00:00"
    assert found.changes[0] == "the version changed from 1 to 2"
    assert lane_freshness(lane(new, 12), states).freshness is Freshness.CURRENT


def test_of_many_changes_the_newest_are_named() -> None:
    """A clause that stands in each cell of the index has three changes and how many more; all are kept beside it."""
    states = states_after(5)
    old = states.records[0].fingerprint.state
    found = lane_freshness(lane(old), states)
    assert len(found.changes) == 5
    said = "from 2 to 3; the version changed from 3 to 4; the version changed from 4 to 5; 2 more before)"
    assert found.words.endswith(said)
    three = lane_freshness(lane(old), states_after(3))
    assert three.words.endswith("from 0 to 1; the version changed from 1 to 2; the version changed from 2 to 3)")


def states_after(changes: int) -> LaneStates:
    """Return the states of a side whose version changed so many times."""
    states, _ = seen(LaneStates(), fingerprint(version="0"), 0)
    for change in range(1, changes + 1):
        states, _ = seen(states, fingerprint(version=str(change)), 10 * change)
    return states


def test_judging_again_does_not_help() -> None:
    """The time of the fetch and its state count; a verdict that is given later over old vectors stays stale."""
    states, old, _ = two_states()
    verdict = make_verdict()
    verdict = replace(verdict, candidate=replace(verdict.candidate, provenance=lane(old)), model="m")
    found = staleness(verdict, GatewayStates(lanes={(verdict.endpoint, Side.CANDIDATE, "m"): states}))
    assert found.freshness is Freshness.STALE
    assert [one.side for one in found.stale] == [Side.CANDIDATE]
    assert "the version changed from 1 to 2" in found.describe()


def test_a_rollback_makes_it_current_again() -> None:
    """Dates of the state that is deployed again are current, those of the build in between are stale."""
    states, old, new = two_states()
    states, _ = seen(states, fingerprint(version="1"), 20)
    assert lane_freshness(lane(old), states).freshness is Freshness.CURRENT
    assert lane_freshness(lane(new, 12), states).freshness is Freshness.STALE


def test_a_lane_without_a_recorded_state() -> None:
    """One from before a change is stale, one from before the first record or after the last is unknown."""
    states, _, _ = two_states()
    assert lane_freshness(lane("", 5), states).freshness is Freshness.STALE
    assert lane_freshness(lane("elsewhere", 5), states).freshness is Freshness.STALE
    assert lane_freshness(lane("", 11), states).freshness is Freshness.UNKNOWN
    first, _ = seen(LaneStates(), fingerprint(), 10)
    assert lane_freshness(lane("", 5), first).freshness is Freshness.UNKNOWN


def test_a_change_that_was_seen_during_a_fetch_of_unknown_state_leaves_it_unknown() -> None:
    """It may have been deployed before the first request; only a change that was seen after the last one makes it stale."""
    states, _, _ = two_states()
    during = replace(lane("", 5), fetched_to="2026-11-20T10:15:00.000+00:00")
    assert lane_freshness(during, states).freshness is Freshness.UNKNOWN


def test_nothing_recorded_is_not_current() -> None:
    """Without a record nothing is said to be current, and nothing to be stale."""
    assert lane_freshness(lane("x"), LaneStates()).freshness is Freshness.UNKNOWN
    assert staleness(make_verdict(), GatewayStates()).stale == ()


def test_alternating_states_are_unknown() -> None:
    """A lane of one of the states that alternate is neither stale nor current, one of an older state is stale."""
    states, old, new = two_states()
    states, third = seen(states, fingerprint(3), 20)
    line = alternating(
        LANE,
        [new, third.fingerprint.state],
        seen_at="2026-11-20T10:30:00+00:00",
        seen_by="sensor",
        words=("two states in turn",),
    )
    states = GatewayStates.of([*states.records, line]).of_lane(*LANE)
    assert lane_freshness(lane(new, 12), states).freshness is Freshness.UNKNOWN
    assert lane_freshness(lane(old), states).freshness is Freshness.STALE


def test_verdicts_of_retrieval_have_states_too() -> None:
    """The lanes of a corpus are looked up under their probe and corpus."""
    verdict = make_retrieval_verdict()
    states, old, _ = two_states()
    verdict = replace(verdict, legacy=replace(verdict.legacy, fingerprint=Fingerprint(state=old)))
    found = staleness(verdict, GatewayStates(lanes={("retrieve", Side.LEGACY, verdict.corpus): states}))
    assert found.legacy.freshness is Freshness.STALE
    assert found.candidate.freshness is Freshness.UNKNOWN
