"""What the ledger says of a date: PASS only for a passing verdict that is recent and of what is deployed."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.flip_steps import FlipRecord, FlipStep
from parity_pipeline.core.gateway_states import GatewayStates, Lane, LaneStates
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.reading.ledger_gate import Cause, GateQuestion, GateResult, exit_code, gate_results, overall
from parity_pipeline.storage.ledger import REJUDGED, LedgerEntry
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint, seen
from parity_pipeline_tests.flip.test_gate import with_candidate
from parity_pipeline_tests.storage.records import make_verdict

DAY: Final = "2026-05-02"
NO_STATES: Final = GatewayStates()
NOW: Final = datetime(2026, 5, 2, 12, tzinfo=UTC)


def verdict(day: str = DAY, *, fetched: str = "2026-05-02T06:00:00Z", **changes: Any) -> Verdict:
    """Return a PASS of model m whose lanes were fetched at a time."""
    made = make_verdict(**{"date": day, "model": "m", **changes})
    legacy = replace(made.legacy, provenance=replace(made.legacy.provenance, fetched_from=fetched))
    return with_candidate(replace(made, legacy=legacy), fetched_from=fetched)


def entry(held: Verdict, recorded: str = "2026-05-02T07:00:00Z", run_id: str = "r") -> LedgerEntry:
    """Return a line of the ledger."""
    return LedgerEntry(recorded_at=recorded, run_id=run_id, verdict=held)


def results(
    *entries: LedgerEntry,
    hours: float | None = None,
    records: Sequence[FlipRecord] = (),
    names: Sequence[str] = ("m",),
    states: GatewayStates = NO_STATES,
) -> list[GateResult]:
    """Return the results for the date."""
    age = None if hours is None else timedelta(hours=hours)
    return gate_results(GateQuestion(date=DAY, names={"embed": names}, now=NOW, max_age=age), entries, records, states)


def two_states(lane: Lane = LANE) -> tuple[GatewayStates, str, str]:
    """Return the states of a lane that changed, and the ids of both."""
    states, one = seen(LaneStates(), fingerprint(version="1"), 0, lane)
    states, two = seen(states, fingerprint(version="2"), 10, lane)
    return GatewayStates(lanes={lane: states}), one.fingerprint.state, two.fingerprint.state


def of_state(held: Verdict, state: str) -> Verdict:
    """Return a verdict whose candidate lane is of a state."""
    return with_candidate(held, fingerprint=Fingerprint(state=state))


def changed(recorded_at: str) -> FlipRecord:
    """Return the record of a gateway that was deployed again."""
    return FlipRecord(
        recorded_at=recorded_at,
        step=FlipStep.GATEWAY_CHANGED,
        by="ann",
        note="",
        evidence="no gate",
        package_version="0.1.0",
    )


@pytest.mark.parametrize(
    ("decision", "expected", "code"),
    [
        (Decision.PASS, Decision.PASS, 0),
        (Decision.PASS_WITH_WAIVERS, Decision.PASS, 0),
        (Decision.FAIL, Decision.FAIL, 1),
        (Decision.INCONCLUSIVE, Decision.INCONCLUSIVE, 2),
    ],
)
def test_the_decision_is_the_result(decision: Decision, expected: Decision, code: int) -> None:
    """A verdict that may be relied on gives its own decision, with its first reason."""
    [found] = found_all = results(entry(verdict(decision=decision, reasons=("why", "more"))), hours=24)
    assert (found.decision, exit_code(found_all)) == (expected, code)
    assert found.decision is Decision.PASS or found.reason == "why"


def test_no_verdict_is_not_a_pass() -> None:
    """A date without a verdict, and a question about nothing, are exit code 2."""
    [found] = results(entry(verdict("2026-05-01")))
    assert (found.cause, exit_code([found])) == (Cause.MISSING, 2)
    assert exit_code(results(names=())) == 2


def test_the_newest_verdict_of_the_date_counts() -> None:
    """A FAIL that was recorded after a PASS stands, whatever their order in the file."""
    late = entry(verdict(decision=Decision.FAIL, reasons=("why",)), "2026-05-02T09:00:00+02:00")
    early = entry(verdict(), "2026-05-02T06:59:00Z")
    assert exit_code(results(late, early)) == 1
    assert exit_code(results(early, late)) == 1


@pytest.mark.parametrize(("hours", "cause"), [(6.1, None), (6, None), (5.9, Cause.TOO_OLD)])
def test_the_age_is_that_of_what_was_fetched(hours: float, cause: Cause | None) -> None:
    """Vectors of six hours ago are too old for less than six hours, also where they were judged again a minute ago."""
    for run_id in ("r", f"{REJUDGED}1"):
        [found] = results(entry(verdict(), "2026-05-02T11:59:00Z", run_id), hours=hours)
        assert found.cause is cause
        assert not cause or "not within 5.9 h" in found.reason


@pytest.mark.parametrize(
    ("limit", "words"),
    [
        (timedelta(minutes=1), "1 min"),
        (timedelta(minutes=90), "1.5 h"),
        (timedelta(minutes=100), "100 min"),
        (timedelta(minutes=30), "30 min"),
        (timedelta(seconds=61), "61 s"),
        (timedelta(days=7), "168 h"),
    ],
)
def test_an_age_is_said_as_people_write_it(limit: timedelta, words: str) -> None:
    """A limit is named in a unit in which it is a short number."""
    [found] = results(entry(verdict(fetched="2026-04-01T06:00:00Z")), hours=limit / timedelta(hours=1))
    assert found.reason.endswith(f"not within {words}")


def test_the_older_lane_sets_the_age() -> None:
    """A legacy lane that was kept by a backfill of the candidate is as old as it is."""
    held = with_candidate(verdict(fetched="2026-05-01T06:00:00Z"), fetched_from="2026-05-02T11:00:00Z")
    assert results(entry(held), hours=24)[0].cause is Cause.TOO_OLD
    assert results(entry(held), hours=31)[0].cause is None


@pytest.mark.parametrize("fetched", ["2026-05-03T00:00:00Z", "once"])
def test_a_time_that_cannot_be_is_too_old(fetched: str) -> None:
    """Lanes from the future, or of no time at all, prove no age; without an age in question they pass."""
    assert results(entry(verdict(fetched=fetched)), hours=24)[0].cause is Cause.TOO_OLD
    assert results(entry(verdict(fetched=fetched)))[0].cause is None


def test_a_recorded_change_of_a_gateway_makes_it_stale() -> None:
    """What was fetched before a gateway was deployed again says nothing of it, a FAIL neither; a later fetch does."""
    after = [changed("2026-05-02T06:30:00Z")]
    assert results(entry(verdict()), records=after)[0].cause is Cause.STALE
    [found] = results(entry(verdict(decision=Decision.FAIL, reasons=("why",))), records=after)
    assert (found.decision, found.cause) == (Decision.INCONCLUSIVE, Cause.STALE)
    assert results(entry(verdict()), records=[changed("2026-05-02T05:30:00Z")])[0].cause is None


def test_other_software_that_was_seen_later_makes_it_stale() -> None:
    """A date is stale once a later fetch met another build; it is not where that fetch was an earlier one."""
    later = with_candidate(
        verdict("2026-05-03", fetched="2026-05-03T06:00:00Z"), server_headers={"server": "candidate/2"}
    )
    [found] = results(entry(verdict()), entry(later))
    assert (found.cause, found.reason) == (
        Cause.STALE,
        "PASS is from before what the candidate says of its software changed, as 2026-05-03 was judged",
    )
    earlier = with_candidate(later, fetched_from="2026-05-01T06:00:00Z")
    assert results(entry(verdict()), entry(earlier, "2026-05-04T00:00:00Z"))[0].cause is None
    of_another = replace(later, model="other")
    assert results(entry(verdict()), entry(of_another))[0].cause is None


def test_a_gateway_that_was_seen_to_be_another_one_makes_it_stale() -> None:
    """PASS and FAIL of an earlier state are exit code 2, and the reason names the change and its time; those of the newest state do."""
    states, old, new = two_states()
    for decision in (Decision.PASS, Decision.FAIL):
        held = verdict(decision=decision, reasons=("why",))
        [found] = results(entry(of_state(held, old)), states=states)
        assert (found.decision, found.cause, exit_code([found])) == (Decision.INCONCLUSIVE, Cause.STALE, 2)
        assert found.reason == (
            f"{decision} is from before the candidate changed, seen 2026-11-20T10:10:00.000+00:00 "
            "(the version changed from 1 to 2)"
        )
        assert results(entry(of_state(held, new)), states=states)[0].cause is not Cause.STALE


@pytest.mark.parametrize("lane", [("embed", Side.CANDIDATE, "other"), ("retrieve", Side.CANDIDATE, "m")])
def test_a_change_of_another_lane_makes_nothing_stale(lane: Lane) -> None:
    """A state of another model or probe, and a lane that nothing is recorded of, leave a result as it was."""
    states, old, _ = two_states(lane)
    assert results(entry(of_state(verdict(), old)), states=states)[0].cause is None
    assert results(entry(verdict()), states=NO_STATES)[0].cause is None


def test_a_change_says_nothing_of_a_recording() -> None:
    """A side that is a recording is meant to be of an earlier state."""
    states, old, _ = two_states()
    assert (
        results(entry(with_candidate(of_state(verdict(), old), recorded="2026-01-01")), states=states)[0].cause is None
    )


def test_a_date_that_could_not_be_run_is_inconclusive() -> None:
    """Its reason is said before any age, and it shows nothing of what is deployed to other dates."""
    (states, old, _), failure = two_states(), RunFailure(step="candidate/embeddings", problem="it is down")
    failed = with_candidate(
        verdict(decision=Decision.INCONCLUSIVE, fetched="", not_run=failure), server_headers={"server": "other"}
    )
    [found] = results(entry(failed), hours=24)
    assert (found.decision, found.cause) == (Decision.INCONCLUSIVE, Cause.INCONCLUSIVE)
    assert found.reason == "could not run: candidate/embeddings failed: it is down"
    assert results(entry(of_state(failed, old)), states=states)[0].cause is Cause.INCONCLUSIVE
    later = replace(failed, date="2026-05-03")
    assert results(entry(verdict()), entry(later))[0].cause is None


def test_a_side_that_is_a_recording_does_not_make_it_old() -> None:
    """The age is that of the side that was fetched; of two recordings it is that of the older one."""
    held = verdict(fetched="2026-01-01T06:00:00Z")
    recorded = replace(held.legacy.provenance, recorded="2026-01-01")
    after = with_candidate(
        replace(held, legacy=replace(held.legacy, provenance=recorded)), fetched_from=NOW.isoformat()
    )
    assert results(entry(after), hours=24)[0].cause is None
    assert results(entry(held), hours=24)[0].cause is Cause.TOO_OLD


def test_one_fail_outweighs_all_else() -> None:
    """Exit code 1 where any name fails, 2 where one is missing, 0 only where all pass."""
    passed, failed = entry(verdict()), entry(replace(verdict(decision=Decision.FAIL), model="f"))
    assert exit_code(results(passed, failed, names=("m", "f", "absent"))) == 1
    assert exit_code(results(passed, failed, names=("m", "absent"))) == 2
    assert overall(results(passed, failed, names=("m",))) is Decision.PASS
