from dataclasses import replace

import pytest

from parity_pipeline.core.checks import CheckName, CheckSettings, CheckSeverity
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.judging_rules import Rule, default_rules_of, rules_of
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.provenance import SampleSetIdentity
from parity_pipeline.core.retrieval.bands import Limits, SetMeasure
from parity_pipeline.core.verdict_changes import (
    NONE,
    Change,
    Direction,
    Subject,
    VerdictChanges,
    causes_of,
    changes_between,
    identity_of,
    key_of,
    rule_changes,
)
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.measured import two_causes, waived_pass
from parity_pipeline_tests.report.past import not_run
from parity_pipeline_tests.report.verdicts import SEED, V2, mixed, unpaired, verdict_of, with_provenance


def looser(found: VerdictChanges) -> list[Change]:
    """Return the changes by which more passes than before."""
    return [one for one in found.changes if one.direction is Direction.LOOSER]


def test_two_equal_verdicts_have_no_changes() -> None:
    """A verdict that says the same as the one before shows nothing, for both probes."""
    assert changes_between(verdict_of(SEED), verdict_of(SEED)).changes == ()
    passing, _ = retrieval_verdicts.passing()
    assert changes_between(passing, passing).changes == ()


def test_the_times_of_a_fetch_do_not_count() -> None:
    """What differs from run to run without anything having changed stays out: times, latencies, retries."""
    again = with_provenance(
        verdict_of(SEED), Side.CANDIDATE, fetched_to="2026-05-01T00:00:00Z", retries=3, latency_ms={}
    )
    assert changes_between(verdict_of(SEED), again).changes == ()


def test_a_pass_that_became_a_fail_names_decision_numbers_and_causes() -> None:
    """The decision comes first, then what matches, the worst cosine, and each cause that is new."""
    found = changes_between(verdict_of(SEED), two_causes())
    assert (found.before.decision, found.after.decision) == (Decision.PASS, Decision.FAIL)
    assert [one.subject for one in found.changes[:3]] == [Subject.DECISION, Subject.MATCHING, Subject.AGREEMENT]
    assert {one.direction for one in found.changes[:3]} == {Direction.WORSE}
    new = found.of(Subject.CAUSE)
    assert tuple(one.what for one in new) == causes_of(two_causes())
    assert {(one.before, one.after) for one in new} == {(NONE, "named")}


def test_a_fail_that_became_a_pass_names_the_causes_that_are_gone() -> None:
    """The other way round every direction turns."""
    found = changes_between(two_causes(), verdict_of(SEED))
    assert found.changes[0].direction is Direction.BETTER
    assert {one.direction for one in found.of(Subject.CAUSE)} == {Direction.BETTER}


def test_an_inconclusive_verdict_says_of_no_cause_that_it_is_gone() -> None:
    """Where nothing was compared, no cause was looked for."""
    assert changes_between(two_causes(), unpaired()).of(Subject.CAUSE) == ()


def test_a_loosened_threshold_is_a_looser_rule() -> None:
    """A smaller cosine, and a measure that only warns now, are looser; a tighter one is stricter."""
    loose = verdict_of(SEED, thresholds=Thresholds(cosine=0.95, norm_ratio=0.5, max_abs_delta_unit=0.1))
    found = changes_between(verdict_of(SEED), loose)
    rules = {one.what: (one.before, one.after, one.direction) for one in found.of(Subject.RULE)}
    assert rules["cosine"] == ("≥ 0.9990", "≥ 0.9500", Direction.LOOSER)
    assert rules["norm ratio"] == ("≤ 0.001", "≤ 0.5", Direction.LOOSER)
    assert rules["max abs delta unit"] == (NONE, "≤ 0.1", Direction.STRICTER)
    assert [one.what for one in looser(found)] == ["cosine", "norm ratio"]
    assert [one.what for one in looser(changes_between(loose, verdict_of(SEED)))] == [
        "max abs delta unit",
        "max abs delta unit beyond its limit",
    ]


def test_a_measure_that_only_warns_is_a_looser_rule() -> None:
    """What a sample beyond the limit comes to is a rule of its own."""
    warns = Thresholds(max_abs_delta_unit=0.1, warn_only=(Measure.NORM_RATIO, Measure.MAX_ABS_DELTA_UNIT))
    found = changes_between(
        verdict_of(SEED, thresholds=Thresholds(max_abs_delta_unit=0.1)), verdict_of(SEED, thresholds=warns)
    )
    [one] = found.of(Subject.RULE)
    assert (one.what, one.before, one.after) == ("max abs delta unit beyond its limit", "fails", "warns")
    assert one.direction is Direction.LOOSER


def test_the_severity_that_settings_give_a_check_is_a_rule() -> None:
    """A check that was set to warn differs from its default, and one that settings leave alone has no rule."""
    settings = CheckSettings(severities={CheckName.MISSING: CheckSeverity.WARN}, min_compared_share=0.1)
    eased = verdict_of(SEED, settings=settings)
    [looser, share] = rule_changes(default_rules_of(eased), rules_of(eased))[::-1]
    assert (looser.what, looser.before, looser.after) == ("check missing", "inconclusive", "warn")
    assert (share.what, share.before, share.after) == ("share that is compared", "≥ 50 %", "≥ 10 %")
    assert {looser.direction, share.direction} == {Direction.LOOSER}
    assert not any("check" in one.name for one in rules_of(verdict_of(SEED)))


@pytest.mark.parametrize("severity", [None, CheckSeverity.INCONCLUSIVE])
def test_default_rules_are_those_of_a_verdict_without_settings(severity: CheckSeverity | None) -> None:
    """Nothing is called looser where nothing was set, or where a setting repeats the default."""
    severities = {CheckName.MISSING: severity} if severity else {}
    plain = verdict_of(SEED, settings=CheckSettings(severities=severities))
    assert rule_changes(default_rules_of(plain), rules_of(plain)) == ()


def test_bands_of_retrieval_are_rules() -> None:
    """A mean that may be lower, and a share that may be higher, are looser."""
    passing, _ = retrieval_verdicts.passing()
    loose = replace(
        passing,
        set_measures=tuple(
            replace(one, limits=Limits(0.5, 0.4)) if one.measure is SetMeasure.MEAN_OVERLAP else one
            for one in passing.set_measures
        ),
    )
    found = changes_between(passing, loose)
    assert [(one.what, one.before, one.after) for one in looser(found)] == [
        ("mean overlap, PASS", "≥ 0.99", "≥ 0.5"),
        ("mean overlap, FAIL", "< 0.95", "< 0.4"),
    ]


def test_a_limit_that_a_later_verdict_does_not_have_is_looser() -> None:
    """Leaving a limit out lets everything pass that it held back."""
    [one] = rule_changes([Rule(name="cosine", text="≥ 0.9", strictness=0.9)], [])
    assert (one.after, one.direction) == (NONE, Direction.LOOSER)


def test_more_that_is_waived_is_looser() -> None:
    """A waiver that takes samples is named, with how many."""
    found = changes_between(verdict_of(SEED), waived_pass()).of(Subject.WAIVED)
    assert found
    assert {one.direction for one in found} == {Direction.LOOSER}
    assert {one.before for one in found} == {NONE}


def test_another_gateway_is_named_by_its_facts() -> None:
    """Address, echoed model and software headers say that a gateway is another one; each is a change of its side."""
    other = with_provenance(
        verdict_of(SEED),
        Side.CANDIDATE,
        url="http://127.0.0.1:9",
        server_headers={"server": "go/2"},
        models_echoed={V2: 4, "other": 1},
    )
    found = {one.what: one for one in changes_between(verdict_of(SEED), other).of(Subject.GATEWAY)}
    assert set(found) == {"candidate address", "candidate model in the responses", "candidate header server"}
    assert found["candidate header server"].before == NONE
    assert {one.side for one in found.values()} == {Side.CANDIDATE}


def test_a_side_that_was_not_reached_is_not_called_another_gateway() -> None:
    """A lane without requests says nothing about the gateway behind it."""
    lost = with_provenance(verdict_of(SEED), Side.CANDIDATE, requests=0, url="", label="")
    assert identity_of(lost, Side.CANDIDATE) == {}
    assert changes_between(verdict_of(SEED), lost).of(Subject.GATEWAY) == ()


def test_another_sample_set_is_named() -> None:
    """Two verdicts on other texts can differ for that alone, so it is said."""
    identity = SampleSetIdentity(hash="11" * 32, samples=5, duplicates_dropped=0, sources=("x.txt",))
    [one] = changes_between(verdict_of(SEED), replace(verdict_of(SEED), sample_set=identity)).changes
    assert (one.subject, one.what, one.after) == (Subject.INPUTS, "sample set", "5 (111111111111)")


def test_what_was_not_measured_is_neither_better_nor_worse() -> None:
    """Where no cosine was measured, the agreement is not called worse: nothing is known."""
    [one] = changes_between(mixed(), unpaired()).of(Subject.AGREEMENT)
    assert (one.after, one.direction) == (NONE, Direction.OTHER)


def test_verdicts_of_two_probes_cannot_be_compared() -> None:
    """Vectors and ranked lists have no number in common."""
    passing, _ = retrieval_verdicts.passing()
    with pytest.raises(MetricInputError, match="nothing in common"):
        changes_between(verdict_of(SEED), passing)
    assert key_of(passing).name == passing.corpus


def test_a_check_that_settings_ease_for_one_verdict_is_looser_than_its_default_before() -> None:
    """A verdict without a setting of a check was given under its default, which the other one knows."""
    plain = verdict_of(SEED)
    eased = verdict_of(SEED, settings=CheckSettings(severities={CheckName.MISSING: CheckSeverity.WARN}))
    [there] = changes_between(plain, eased).of(Subject.RULE)
    [back] = changes_between(eased, plain).of(Subject.RULE)
    assert (there.before, there.after, there.direction) == ("inconclusive", "warn", Direction.LOOSER)
    assert (back.before, back.after, back.direction) == ("warn", "inconclusive", Direction.STRICTER)


def test_a_verdict_of_an_earlier_version_was_given_under_the_default_share() -> None:
    """What an old verdict does not hold has not changed."""
    assert changes_between(replace(verdict_of(SEED), min_compared_share=None), verdict_of(SEED)).changes == ()


def test_a_date_that_could_not_be_run_is_compared_by_its_decision_alone() -> None:
    """No limit was applied and no cause looked for, so that none is said to have changed; and not to know is neither a gain nor a loss to a FAIL."""
    failed, _ = retrieval_verdicts.failing()
    for before, after in ((two_causes(), not_run()), (failed, retrieval_verdicts.not_run())):
        found = changes_between(before, after)
        assert {one.subject for one in found.changes} == {Subject.DECISION, Subject.MATCHING, Subject.AGREEMENT}
        assert found.changes[0].direction is Direction.OTHER
    assert changes_between(verdict_of(SEED), not_run()).changes[0].direction is Direction.WORSE
    assert changes_between(not_run(), verdict_of(SEED)).changes[0].direction is Direction.BETTER
