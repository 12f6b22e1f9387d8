"""Whether a step may be taken: what stands against it, and what does not."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import pytest

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.confidence import ShareBound
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.flip_steps import FORWARD, FlipRecord, FlipStep, current_step, next_step
from parity_pipeline.core.gateway_states import GatewayStates, LaneStates
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER, RandomDraws, Verdict
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.flip.gate import GateInputs, Refusal, refusals
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.storage.ledger import LedgerEntry
from parity_pipeline_tests.core.fingerprints import LANE, fingerprint, seen
from parity_pipeline_tests.storage.records import make_verdict

NOW: Final = datetime(2026, 5, 3, 12, tzinfo=UTC)
DAYS: Final = ("2026-05-01", "2026-05-02", "2026-05-03")
MAPPING: Final = "0123456789ab"
NO_STATES: Final = GatewayStates()
CONTRACT: Final = Check(
    name=CheckName.CONTRACT_ERRORS, severity=CheckSeverity.WARN, passed=True, seen="errors are alike"
)
DRAWN: Final = RandomDraws(
    texts=100,
    draws=100,
    by_category={},
    bounds=(ShareBound.of(None, {Outcome.MATCH: 100}),),
    required_bound=None,
    draws_hash="00",
)


def verdict(day: str = DAYS[-1], *, label: str = "New", **changes: Any) -> Verdict:
    """Return a PASS of a date that nothing stands against."""
    made = make_verdict(
        **{"date": day, "model": "m", "checks": (CONTRACT,), "random": DRAWN, "findings": (), **changes}
    )
    legacy, candidate = made.legacy.provenance, made.candidate.provenance
    fetched = f"{day}T06:00:00+00:00"
    return replace(
        made,
        legacy=replace(made.legacy, provenance=replace(legacy, url="http://old/embed", fetched_from=fetched)),
        candidate=replace(
            made.candidate, provenance=replace(candidate, url="http://new/embed", label=label, fetched_from=fetched)
        ),
    )


def with_candidate(held: Verdict, **changes: Any) -> Verdict:
    """Return a verdict with another provenance of the candidate."""
    found = replace(held.candidate, provenance=replace(held.candidate.provenance, **changes))
    return replace(held, candidate=found)


def entries(*verdicts: Verdict) -> list[LedgerEntry]:
    """Return lines of the ledger, recorded one after the other."""
    start = datetime(2026, 5, 3, 7, tzinfo=UTC)
    return [
        LedgerEntry(recorded_at=(start + timedelta(minutes=at)).isoformat(), run_id="r", verdict=one)
        for at, one in enumerate(verdicts)
    ]


def record(step: FlipStep, hours_ago: float = 48.0) -> FlipRecord:
    """Return a step that was taken some hours ago."""
    recorded = (NOW - timedelta(hours=hours_ago)).isoformat()
    return FlipRecord(recorded_at=recorded, step=step, by="ann", note="", evidence="allowed", package_version="0.1.0")


def against(
    verdicts: Sequence[Verdict],
    step: FlipStep = FlipStep.SHADOW,
    *,
    records: Sequence[FlipRecord] = (),
    options: FlipOptions | None = None,
    mapping: str | None = None,
    waivers: Sequence[Waiver] = (),
    names: Mapping[str, Sequence[str]] | None = None,
    states: GatewayStates = NO_STATES,
) -> list[Refusal]:
    """Return what stands against a step, each with what to do."""
    inputs = GateInputs(
        options=options or FlipOptions(),
        names=names or {EMBED: ["m"]},
        urls={name: {Side.LEGACY: "http://old", Side.CANDIDATE: "http://new"} for name in (EMBED, "retrieve")},
        mapping=mapping,
        waivers=waivers,
        entries=entries(*verdicts),
        records=records,
        states=states,
        now=NOW,
        today=NOW.date(),
    )
    found = refusals(inputs, step)
    assert all(one.problem.endswith(".") and one.remedy.endswith(".") for one in found)
    return found


def problems(verdicts: Sequence[Verdict], step: FlipStep = FlipStep.SHADOW, **more: Any) -> list[str]:
    """Return what stands against a step."""
    return [one.problem for one in against(verdicts, step, **more)]


ALL: Final = [verdict(day) for day in DAYS]


def test_three_dates_of_a_sampled_pass_allow_the_first_step() -> None:
    """What the defaults demand is enough."""
    assert problems(ALL) == []


@pytest.mark.parametrize(
    ("verdicts", "words"),
    [
        ([], "There is no verdict on embed, model m."),
        (ALL[1:], "has 2 of 3 dates"),
        ([*ALL[:2], verdict(decision=Decision.FAIL, reasons=("too far",))], "2026-05-03 is FAIL: too far."),
        ([ALL[0], verdict(DAYS[1], decision=Decision.INCONCLUSIVE), ALL[2]], "2026-05-02 is INCONCLUSIVE"),
        ([verdict(day, random=replace(DRAWN, bounds=())) for day in DAYS], "smoke test"),
        ([with_candidate(ALL[0], server_headers={"server": "v1"}), *ALL[1:]], "differs between 2026-05-01 and 2026"),
        ([with_candidate(ALL[0], settings_hash="other"), *ALL[1:]], "how the candidate is requested"),
        ([with_candidate(one, url="http://newer/embed") for one in ALL], "at another address"),
        ([verdict(day, checks=()) for day in DAYS], "contracts of both sides were not compared"),
    ],
)
def test_what_is_not_proved_is_a_reason_against_a_step(verdicts: list[Verdict], words: str) -> None:
    """Too few dates, another decision, too weak a proof, a changed gateway and no contract each refuse the step."""
    found = problems(verdicts)
    assert any(words in one for one in found), found


def test_a_weak_date_is_drawn_again() -> None:
    """The remedy names the command that draws that very date again: a plain run would judge today, a backfill its old set."""
    weak = [verdict(DAYS[0], random=replace(DRAWN, bounds=())), *ALL[1:]]
    found = against(weak)
    assert [f"--from {DAYS[0]} --to {DAYS[0]} --redraw" in one.remedy for one in found] == [True]


def test_the_newest_verdict_must_not_be_old() -> None:
    """A proof from before max_age_days says little about what is deployed now."""
    old = [verdict(day) for day in ("2026-04-28", "2026-04-29", "2026-04-30")]
    assert problems(old) == ["The newest verdict on embed, model m is of 2026-04-30, 3 days ago."]
    assert problems(old, options=FlipOptions(max_age_days=3)) == []


def test_a_bound_of_the_settings_has_to_be_proved() -> None:
    """flip.bound is compared with what each date proves."""
    assert len(problems(ALL, options=FlipOptions(bound=0.01))) == 3
    assert problems(ALL, options=FlipOptions(bound=0.03)) == []
    assert len(problems(ALL, options=FlipOptions(strength="proved"))) == 3


def test_open_findings_and_contract_differences_stop_a_step_unless_waived_or_accepted() -> None:
    """A check that did not pass and only warns is looked at by a person before traffic moves."""
    differs = replace(CONTRACT, passed=False, seen="errors differ")
    norms = Check(name=CheckName.NORM_RATIO, severity=CheckSeverity.WARN, passed=False, seen="norms differ")
    found = problems([*ALL[:2], verdict(checks=(differs, norms))])
    assert [words in one for one, words in zip(found, ("contract difference", "finding"), strict=True)] == [True, True]
    waived = replace(differs, waived_by="GW-1")
    accepted = FlipOptions(accepted=("norm-ratio",))
    assert problems([*ALL[:2], verdict(checks=(waived, norms))], options=accepted) == []


def test_a_warning_is_waived_until_the_waiver_expires() -> None:
    """The verdict does not waive what only warns, and the gate does, by the day on which it looks."""
    differs = replace(CONTRACT, passed=False, seen="errors differ")
    held = [*ALL[:2], verdict(checks=(differs,))]
    waiver = Waiver(
        id="GW-1",
        owner="ann@example.com",
        reason="no caller reads it",
        expires=NOW.date(),
        max_samples=0,
        checks=(CheckName.CONTRACT_ERRORS,),
    )
    assert problems(held, waivers=[waiver]) == []
    expired = replace(waiver, expires=NOW.date() - timedelta(days=1))
    assert len(problems(held, waivers=[expired])) == 1


def test_the_adapter_has_to_be_proved_by_a_probe_of_this_mapping() -> None:
    """With an adapter in the way, what callers will see is judged through it, by the mapping that it has now."""
    assert any("no verdict on embed-through-adapter" in one for one in problems(ALL, mapping=MAPPING))
    through = verdict(label=f"New, through the adapter (mapping {MAPPING})", endpoint=EMBED_THROUGH_ADAPTER)
    assert problems([*ALL, through], mapping=MAPPING) == []
    assert any("another mapping" in one for one in problems([*ALL, through], mapping="ba9876543210"))
    failed = replace(through, decision=Decision.FAIL)
    assert any("is FAIL" in one for one in problems([*ALL, failed], mapping=MAPPING))


def test_the_adapter_heals_what_only_the_direct_probe_sees() -> None:
    """An open finding of the direct probe does not stop a step that callers see through the adapter."""
    norms = Check(name=CheckName.NORM_RATIO, severity=CheckSeverity.WARN, passed=False, seen="norms differ")
    direct = [*ALL[:2], verdict(checks=(norms, CONTRACT))]
    through = verdict(label=f"New (mapping {MAPPING})", endpoint=EMBED_THROUGH_ADAPTER)
    assert problems([*direct, through], mapping=MAPPING) == []
    assert len(problems(direct)) == 1


def test_a_gateway_that_was_seen_to_be_another_one_makes_earlier_verdicts_stale() -> None:
    """Each date of an earlier state refuses the step, with what changed and when; dates of the newest state do not."""
    states, one = seen(LaneStates(), fingerprint(version="1"), 0)
    states, two = seen(states, fingerprint(version="2"), 10)
    old, new = (Fingerprint(state=held.fingerprint.state) for held in (one, two))
    recorded = GatewayStates(lanes={LANE: states})
    verdicts = [with_candidate(held, fingerprint=old if held is ALL[0] else new) for held in ALL]
    [found] = problems(verdicts, states=recorded)
    assert found == (
        "The verdict on embed, model m, 2026-05-01 is stale: the candidate changed after this fetch, "
        "seen 2026-11-20T10:10:00.000+00:00 (the version changed from 1 to 2)."
    )
    assert problems([with_candidate(held, fingerprint=new) for held in ALL], states=recorded) == []
    through = verdict(label=f"New (mapping {MAPPING})", endpoint=EMBED_THROUGH_ADAPTER)
    of_adapter = GatewayStates(lanes={(EMBED_THROUGH_ADAPTER, Side.CANDIDATE, "m"): states})
    [found] = problems([*ALL, with_candidate(through, fingerprint=old)], mapping=MAPPING, states=of_adapter)
    assert "embed-through-adapter, model m, 2026-05-03 is stale" in found


def test_a_recorded_change_of_a_gateway_makes_earlier_verdicts_stale() -> None:
    """What was fetched before the change is about another gateway."""
    changed = record(FlipStep.GATEWAY_CHANGED, hours_ago=1)
    assert any("A gateway was changed" in one for one in problems(ALL, records=[changed]))
    assert problems(ALL, records=[replace(changed, recorded_at="2026-05-03T05:00:00+00:00")]) == []


def test_steps_come_in_their_order_and_last_their_time() -> None:
    """A step is refused before the one in front of it was taken and has lasted."""
    assert any("shadow comes before share-1" in one for one in problems(ALL, FlipStep.SHARE_1))
    assert problems(ALL, FlipStep.SHARE_1, records=[record(FlipStep.SHADOW)]) == []
    early = [record(FlipStep.SHADOW, hours_ago=1)]
    assert any("has to last until" in one for one in problems(ALL, FlipStep.SHARE_1, records=early))
    quick = FlipOptions(hours={FlipStep.SHADOW: 0.5})
    assert problems(ALL, FlipStep.SHARE_1, records=early, options=quick) == []
    assert any("was taken already" in one for one in problems(ALL, FlipStep.SHADOW, records=early))


def test_the_way_back_has_no_gate() -> None:
    """Traffic may be given back to the legacy at any time, without any verdict."""
    at = [record(FlipStep.SHARE_50, hours_ago=0)]
    for step in (FlipStep.ROLL_BACK, FlipStep.SHARE_10, FlipStep.SHADOW, FlipStep.GATEWAY_CHANGED):
        assert problems([], step, records=at) == []


def test_after_a_way_back_the_steps_begin_again() -> None:
    """The next step follows from the records, and a changed gateway is not a step of the traffic."""
    taken = [record(step) for step in FORWARD]
    assert next_step([]) is FlipStep.SHADOW
    assert next_step(taken[:2]) is FlipStep.SHARE_10
    assert next_step(taken) is None
    assert next_step([*taken, record(FlipStep.ROLL_BACK)]) is FlipStep.SHADOW
    assert current_step([*taken[:1], record(FlipStep.GATEWAY_CHANGED)]) == taken[0]


def test_a_date_that_could_not_be_run_is_the_only_reason() -> None:
    """A failed run stops a step by its reason, and by nothing that only a lane that was fetched could show."""
    failure = RunFailure(step="candidate/embeddings", problem="no connection")
    lost = with_candidate(verdict(), url="", settings_hash="", server_headers={})
    newest = replace(lost, decision=Decision.INCONCLUSIVE, reasons=(failure.words,), checks=(), not_run=failure)
    [problem] = problems([*map(verdict, DAYS), newest])
    assert "INCONCLUSIVE: could not run: candidate/embeddings failed: no connection" in problem
