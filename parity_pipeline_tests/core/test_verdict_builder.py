import itertools
import json
import math
from collections.abc import Sequence
from dataclasses import asdict
from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.confidence import upper_bound
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloors, floor_of
from parity_pipeline.core.outcomes import IN_VERDICTS, Decision, Outcome, RowStatus, Severity, Side
from parity_pipeline.core.provenance import ComparisonSummary, ParityHeader, SampleSetIdentity
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.core.verdict_builder import DecisionInputs, build_verdict
from parity_pipeline.core.waivers import Waiver, account_for
from parity_pipeline_tests.core.builders import Row, compared, decide, provenance

ONE: Row = [1.0, 0.0]
MATCH: tuple[Row, Row] = (ONE, ONE)
MISMATCH: tuple[Row, Row] = (ONE, [0.0, 13.0])
LOST: tuple[Row, Row] = (ONE, RowStatus.FAILED)
SIDES = (provenance(Side.LEGACY), provenance(Side.CANDIDATE))
DAY = date(2026, 4, 30)


def header_of(samples: int, faults: Sequence[str] = ()) -> ParityHeader:
    """Return the header of a comparison of so many samples, none of them added to its counts."""
    identity = SampleSetIdentity(hash="a" * 64, samples=samples, duplicates_dropped=0, sources=())
    return ComparisonSummary().header(identity, SIDES, tuple(faults))


def concluded(
    pairs: list[tuple[Row, Row]],
    *,
    drawn: list[int] | None = None,
    categories: list[str] | None = None,
    tally: Tally | None = None,
    required_bound: float | None = None,
    faults: tuple[str, ...] = (),
) -> Verdict:
    """Return the verdict on some pairs, which has to be plain JSON."""
    tally = tally or Tally(Thresholds())
    tally.add(compared(pairs, categories=categories, drawn=drawn or ()))
    verdict = build_verdict(
        tally,
        header_of(len(pairs), faults),
        endpoint="embed",
        date="2026-04-30",
        model="m",
        package_version="0.1.0",
        required_bound=required_bound,
    )
    json.dumps(asdict(verdict), allow_nan=False)
    assert verdict.counts.apart is not None
    assert sum(asdict(verdict.counts.apart).values()) == verdict.counts.samples == len(pairs)
    return verdict


def checks(verdict: Verdict) -> dict[CheckName, Check]:
    """Return the checks of a verdict by name; each is there once, in the order of the names."""
    assert [one.name for one in verdict.checks] == list(CheckName)
    return {one.name: one for one in verdict.checks}


def test_only_random_samples_bound_the_share() -> None:
    """Hand-picked samples, however many, do not tighten the bound; a text drawn three times counts three times."""
    verdict = concluded([MATCH] * 100, drawn=[0] * 98 + [3, 1])
    overall = verdict.random.bounds[0]
    assert (overall.category, overall.trials, overall.failures) == (None, 4, 0)
    assert overall.bound == upper_bound(0, 4)
    assert (verdict.random.texts, verdict.random.draws) == (2, 4)
    assert "4 of 4 random samples are clean" in overall.sentence()


def test_hand_picked_failures_do_not_count_either() -> None:
    """A mismatch that a person looked for says nothing about the share among random inputs, and is a FAIL all the same."""
    verdict = concluded([MATCH, MISMATCH], drawn=[1, 0])
    assert (verdict.random.bounds[0].failures, verdict.decision) == (0, Decision.FAIL)


def test_nothing_drawn_is_said_in_words() -> None:
    """Without a random sample there is one entry, and it says that nothing is known about other inputs."""
    [overall] = concluded([MATCH] * 5).random.bounds
    assert overall.bound == 1.0
    assert overall.sentence() == "no random sample was compared, so nothing is known about other inputs"


def test_each_category_has_its_own_bound() -> None:
    """The bound and the outcomes of random draws are listed per category, those without a draw left out."""
    verdict = concluded([MATCH, MATCH, MISMATCH, LOST], drawn=[2, 0, 3, 1], categories=["jobs", "seed", "chat", "chat"])
    assert [(one.category, one.failures, one.trials) for one in verdict.random.bounds] == [
        (None, 4, 6),
        ("chat", 4, 4),
        ("jobs", 0, 2),
    ]
    assert verdict.random.by_category == {"chat": {"mismatch": 3, "missing": 1}, "jobs": {"match": 2}}


@pytest.mark.parametrize(
    ("pairs", "drawn", "expected", "says"),
    [
        ([MATCH] * 59, [1] * 59, Decision.PASS, "59/59 samples ≥ 0.9990"),
        ([MATCH] * 58, [1] * 58, Decision.INCONCLUSIVE, "1 more clean random samples are needed"),
        ([MATCH] * 58, [2] + [1] * 57, Decision.PASS, "58/58"),
        (
            [MATCH] * 59,
            [0] * 59,
            Decision.INCONCLUSIVE,
            "no sample was drawn at random, and at most 5 % are allowed: 59",
        ),
        ([MATCH] * 59 + [MISMATCH], [1] * 60, Decision.FAIL, "< 0.9990"),
    ],
)
def test_a_required_bound_has_to_be_proven(
    pairs: list[tuple[Row, Row]], drawn: list[int], expected: Decision, says: str
) -> None:
    """Short of a required bound there is no PASS, and the reason says how many clean random samples are missing."""
    verdict = concluded(pairs, drawn=drawn, required_bound=0.05)
    assert verdict.decision is expected
    assert says in "; ".join(verdict.reasons)
    assert verdict.random.required_bound == 0.05


@given(st.integers(1, 80), st.integers(0, 80), st.floats(0.01, 0.5))
def test_the_missing_samples_are_enough(clean: int, drawn: int, required: float) -> None:
    """A set with as many more clean random samples as the verdict requires proves the required bound."""
    pairs = [MATCH] * clean
    first = concluded(pairs, drawn=[int(place < drawn) for place in range(clean)], required_bound=required)
    if first.decision is Decision.PASS:
        return
    more = int(first.reasons[0].rpartition(": ")[2].split()[0].replace(",", ""))
    second = [*[int(place < drawn) for place in range(clean)], *[1] * more]
    assert concluded([*pairs, *[MATCH] * more], drawn=second, required_bound=required).decision is Decision.PASS


def test_each_measure_names_the_limit_that_would_have_passed() -> None:
    """A measure that some sample leaves names the limit it would have stayed within; one that none leaves does not."""
    tally = Tally(Thresholds(max_abs_delta=100.0))
    near: tuple[Row, Row] = (ONE, [1.5, 2.0])
    cosine, ratio, delta = concluded([MATCH, near], tally=tally).measures
    assert [one.measure for one in (cosine, ratio, delta)] == ["cosine", "norm_ratio", "max_abs_delta"]
    assert [one.passing_limit for one in (cosine, ratio, delta)] == ["0.600000", "1.5", None]
    assert (cosine.beyond, cosine.failing, ratio.limit) == (1, 1, 0.001)


def test_a_passing_limit_is_above_zero() -> None:
    """A cosine of 0 or less would pass at no threshold, and a set without a comparison at none that can be named."""
    assert concluded([MATCH, MISMATCH]).measure(Measure.COSINE).passing_limit is None
    nothing = concluded([LOST]).measure(Measure.COSINE)
    assert (nothing.worst, nothing.worst_sample, nothing.passing_limit) == (None, None, None)


def test_the_norm_ratios_are_those_of_all_rows() -> None:
    """The range is exact also for a set of which the table shows a part, and unknown where nothing was compared."""
    pairs: list[tuple[Row, Row]] = [*[MATCH] * 300, (ONE, [13.0, 0.0]), (ONE, [0.5, 0.0]), LOST, *[MATCH] * 300]
    assert concluded(pairs).norm_ratios == (0.5, 13.0)
    assert concluded([LOST]).norm_ratios is None


def test_floors_and_findings_travel() -> None:
    """The verdict holds both floors, None where none was measured, and what a person has to see to."""
    late = Waiver(id="W", owner="o", reason="r", expires=date(2026, 4, 29), max_samples=1, outcomes=(Outcome.MISMATCH,))
    noisy = floor_of(Side.LEGACY, {"repeat": {"a": 0.9}}, requests=2)
    tally = Tally(
        Thresholds(),
        floors=NoiseFloors(legacy=noisy),
        waivers=account_for([late], model="m", day=DAY, today=DAY),
    )
    verdict = concluded([MATCH], tally=tally)
    assert (verdict.legacy.floor, verdict.candidate.floor) == (noisy, None)
    assert len(verdict.findings) == 2
    assert "expired on 2026-04-29" in verdict.findings[0]
    assert verdict.findings[1].startswith("the legacy side is not repeatable")


def test_a_waived_sample_counts_in_the_bound_and_not_against_the_required_one() -> None:
    """The share below the threshold stays as measured; the requirement is about the share that no waiver covers."""
    waiver = Waiver(id="W", owner="o", reason="r", expires=DAY, max_samples=1, outcomes=(Outcome.MISMATCH,))
    tally = Tally(Thresholds(), waivers=account_for([waiver], model="m", day=DAY, today=DAY))
    near: tuple[Row, Row] = (ONE, [1.5, 2.0])
    verdict = concluded([near, *[MATCH] * 59], drawn=[1] * 60, tally=tally, required_bound=0.05)
    assert (verdict.decision, verdict.counts.waived) == (Decision.PASS_WITH_WAIVERS, {"W": 1})
    assert verdict.random.bounds[0].bound == upper_bound(1, 60)
    assert (verdict.measures[0].worst, verdict.measures[0].passing_limit) == (0.6, None)


def test_a_refused_pairing_claims_nothing() -> None:
    """Batches that were not paired have no bound, no range and no idle waiver, and still a whole record."""
    waiver = Waiver(id="W", owner="o", reason="r", expires=DAY, max_samples=1, outcomes=(Outcome.MISMATCH,))
    tally = Tally(Thresholds(), waivers=account_for([waiver], model="m", day=DAY, today=DAY))
    verdict = concluded([], tally=tally, faults=("a fault",))
    assert (verdict.decision, verdict.findings, verdict.schema) == (Decision.INCONCLUSIVE, (), SCHEMA_VERSION)
    assert [(one.measure, one.limit, one.severity) for one in verdict.measures] == [
        (Measure.COSINE, verdict.threshold, Severity.FAIL),
        (Measure.NORM_RATIO, 0.001, Severity.WARN),
    ]


def test_the_counts_name_every_outcome_of_a_verdict() -> None:
    """Every outcome is counted under its stored name, zeros included, and none is left ungraded."""
    counts = concluded([MATCH, MATCH, LOST]).counts
    assert list(counts.outcomes) == list(IN_VERDICTS)
    assert (counts.outcomes[Outcome.MATCH], counts.outcomes[Outcome.MISSING], counts.samples) == (2, 1, 3)


def test_the_checks_repeat_the_verdict() -> None:
    """What the checks of cosine and norms say is what the verdict counted, under its limits; without data neither passes."""
    found = checks(concluded([MATCH, (ONE, [0.9, math.sqrt(0.19)]), (ONE, [13.0, 0.0])]))
    cosine, norms = found[CheckName.COSINE], found[CheckName.NORM_RATIO]
    assert (cosine.passed, cosine.seen) == (False, "1/3 compared samples < 0.9990, the worst 0.899999")
    assert (norms.passed, norms.seen) == (False, "1/3 compared samples have a norm ratio off 1 by more than 0.001")
    assert [one.severity for one in (cosine, norms)] == [CheckSeverity.FAIL, CheckSeverity.WARN]
    clean, nothing = checks(concluded([MATCH])), checks(concluded([LOST]))
    for name in (CheckName.COSINE, CheckName.NORM_RATIO):
        assert (clean[name].passed, nothing[name].passed) == (True, None)
        assert nothing[name].seen == "no sample was compared"


def test_the_header_of_a_comparison_holds_measures_and_no_grades() -> None:
    """Block by block: how many samples were compared, and the worst cosine with its first sample."""
    summary = ComparisonSummary()
    first, second = compared([LOST, MATCH]), compared([MISMATCH, MISMATCH], start=2)
    summary.add(first)
    summary.add(second)
    header = summary.header(header_of(4).sample_set, SIDES, ())
    assert header.counts == {Outcome.COMPARED: 3, Outcome.MISSING: 1}
    assert (header.compared, header.worst_cosine, header.worst_sample) == (3, 0.0, second.ids[0])
    assert header_of(4).worst_cosine is None


NAN: Row = [math.nan, 1.0]
ZERO: Row = [0.0, 0.0]
REFUSED, FAILED = RowStatus.REFUSED, RowStatus.FAILED

PROVES_A_DIFFERENCE: dict[str, tuple[tuple[Row, Row], str]] = {
    "dimension mismatch": ((ONE, [1.0]), "different dimensions"),
    "mismatch": ((ONE, [0.0, 1.0]), "compared samples < 0.9990, the worst 0.000000"),
    "NaN of the legacy side": ((NAN, ONE), "NaN or infinity on one side alone"),
    "NaN of the candidate": ((ONE, NAN), "NaN or infinity on one side alone"),
    "zero of the legacy side": ((ZERO, ONE), "zero vectors on one side alone"),
    "zero of the candidate": ((ONE, ZERO), "zero vectors on one side alone"),
    "refused by the candidate": ((ONE, REFUSED), "refused by the candidate and embedded by the legacy side"),
    "refused by the legacy side": ((REFUSED, ONE), "refused by the legacy side and embedded by the candidate"),
}
PROVES_NOTHING: dict[str, tuple[tuple[Row, Row], str]] = {
    "missing of the candidate": ((ONE, FAILED), "no usable vector from one side or both"),
    "missing of the legacy side": ((FAILED, ONE), "no usable vector from one side or both"),
    "NaN of both": ((NAN, NAN), "NaN or infinity on both sides"),
    "zero of both": ((ZERO, ZERO), "zero vectors on both sides"),
}
AGREES: dict[str, tuple[tuple[Row, Row], str]] = {
    "match": (MATCH, "samples ≥ 0.9990"),
    "refused by both": ((REFUSED, REFUSED), "refused by both sides"),
}
ALL = PROVES_A_DIFFERENCE | PROVES_NOTHING | AGREES


def judged(
    pairs: list[tuple[Row, Row]],
    *,
    expected: int | None = None,
    faults: tuple[str, ...] = (),
    caveats: tuple[str, ...] = (),
    thresholds: Thresholds | None = None,
) -> tuple[Decision, str]:
    """Return the decision on some pairs and its reasons as one text."""
    tally = Tally(thresholds or Thresholds())
    tally.add(compared(pairs))
    wanted = len(pairs) if expected is None else expected
    decision, reasons = decide(tally, DecisionInputs(expected=wanted, pairing_faults=faults, caveats=caveats))
    assert reasons, "every decision has a reason"
    return decision, "; ".join(reasons)


@pytest.mark.parametrize("name", PROVES_A_DIFFERENCE)
@pytest.mark.parametrize("matches", [0, 1, 3000])
def test_one_difference_fails(name: str, matches: int) -> None:
    """One sample that proves a difference is a FAIL, alone and among 3,000 matches, and its reason counts it."""
    pair, words = PROVES_A_DIFFERENCE[name]
    decision, said = judged([pair, *[MATCH] * matches])
    assert decision is Decision.FAIL
    assert words in said
    assert said.startswith("1/")


@pytest.mark.parametrize("name", PROVES_NOTHING)
@pytest.mark.parametrize("matches", [0, 1, 3000])
def test_one_sample_without_evidence_is_inconclusive(name: str, matches: int) -> None:
    """One sample that proves nothing forbids a PASS, alone and among 3,000 matches, and its reason counts it."""
    pair, words = PROVES_NOTHING[name]
    decision, said = judged([pair, *[MATCH] * matches])
    assert decision is Decision.INCONCLUSIVE
    assert words in said


def test_matches_pass() -> None:
    """Matches alone are a PASS in the words of the first report."""
    assert judged([MATCH] * 5) == (Decision.PASS, "5/5 samples ≥ 0.9990")


def test_mutual_refusals_pass_and_are_named() -> None:
    """A text that both sides refuse is not a difference, but a PASS says how many there were."""
    assert judged([MATCH, MATCH, (REFUSED, REFUSED), (REFUSED, REFUSED)]) == (
        Decision.PASS,
        "2/2 samples ≥ 0.9990; 2/4 samples are refused by both sides",
    )


@pytest.mark.parametrize(("matches", "refused"), [(32, 288), (1, 2), (159, 161)])
def test_too_small_a_share_compared_is_inconclusive(matches: int, refused: int) -> None:
    """Texts that both sides refuse prove nothing where they are most of the set, as when two back ends have died."""
    decision, reasons = judged([*[MATCH] * matches, *[(REFUSED, REFUSED)] * refused])
    assert decision is Decision.INCONCLUSIVE
    assert reasons.startswith(
        f"only {matches} of {matches + refused} samples were compared, {refused} are refused by both"
    )
    assert "at least 50 % have to be" in reasons


@pytest.mark.parametrize("pairs", [[], [(REFUSED, REFUSED)] * 3, [(FAILED, FAILED)], [(NAN, NAN), (ZERO, ZERO)]])
def test_nothing_compared_never_passes(pairs: list[tuple[Row, Row]]) -> None:
    """Where no sample was compared the verdict is INCONCLUSIVE and says so, an empty set included."""
    decision, said = judged(pairs)
    assert decision is Decision.INCONCLUSIVE
    assert "no sample was compared" in said


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ALL, 2)))
def test_every_two_outcomes(first: str, second: str) -> None:
    """Of two kinds of samples beside a match: any difference fails, else anything unproven is inconclusive."""
    decision, said = judged([MATCH, ALL[first][0], ALL[second][0]])
    if {first, second} & set(PROVES_A_DIFFERENCE):
        assert decision is Decision.FAIL
    elif {first, second} & set(PROVES_NOTHING):
        assert decision is Decision.INCONCLUSIVE
    else:
        assert decision is Decision.PASS
    for name in {first, second} - set(AGREES) - {"mismatch"}:
        assert ALL[name][1] in said


@given(st.lists(st.sampled_from(sorted(ALL)), max_size=12), st.booleans(), st.booleans(), st.integers(-2, 2))
def test_pass_needs_everything(names: list[str], fault: bool, caveat: bool, off: int) -> None:
    """PASS if and only if enough was compared, all agree, the counts add up, and there is no fault and no caveat."""
    decision, _ = judged(
        [ALL[name][0] for name in names],
        expected=len(names) + off,
        faults=("a fault",) if fault else (),
        caveats=("a caveat",) if caveat else (),
    )
    enough = 2 * names.count("match") >= len(names) > 0
    clean = not fault and not caveat and off == 0 and enough and set(names) <= set(AGREES)
    assert (decision is Decision.PASS) == clean
    provable = not fault and off == 0 and bool(set(names) & set(PROVES_A_DIFFERENCE))
    assert (decision is Decision.FAIL) == provable


def test_pairing_faults_outweigh_all() -> None:
    """Batches that may not be paired prove nothing, not even a difference; every fault is named."""
    decision, said = judged([PROVES_A_DIFFERENCE["mismatch"][0]], faults=("one", "two"))
    assert (decision, said) == (Decision.INCONCLUSIVE, "one; two")


@pytest.mark.parametrize("expected", [0, 4, 6, 100])
def test_counts_that_do_not_add_up(expected: int) -> None:
    """Fewer or more outcomes than samples is INCONCLUSIVE and names both numbers."""
    decision, said = judged([MATCH] * 5, expected=expected)
    assert decision is Decision.INCONCLUSIVE
    assert f"5 of {expected}" in said


def test_a_caveat_forbids_a_pass_and_not_a_fail() -> None:
    """A caveat turns a PASS into INCONCLUSIVE, and stands beside the reasons of a FAIL."""
    assert judged([MATCH], caveats=("wrong model",)) == (Decision.INCONCLUSIVE, "wrong model")
    decision, said = judged([MATCH, (ONE, [0.0, 1.0])], caveats=("wrong model",))
    assert decision is Decision.FAIL
    assert said.endswith("wrong model")


def test_the_thresholds_of_the_tally_decide() -> None:
    """The same compared rows pass under one limit and fail under another: nothing was graded before."""
    rows = compared([(ONE, [0.9, math.sqrt(0.19)])])
    decisions: list[Decision] = []
    for limit in (0.5, 0.999):
        tally = Tally(Thresholds(cosine=limit))
        tally.add(rows)
        decisions.append(decide(tally, DecisionInputs(expected=1))[0])
    assert decisions == [Decision.PASS, Decision.FAIL]


def test_reasons_come_worst_first() -> None:
    """Differences come before missing evidence, and those before caveats."""
    pairs = [MATCH, (ONE, FAILED), (ONE, [0.0, 1.0]), (ONE, [1.0])]
    _, said = judged(pairs, caveats=("a caveat",))
    places = [said.index(words) for words in ("different dimensions", "compared samples <", "no usable", "a caveat")]
    assert places == sorted(places)


def test_a_cosine_just_below_its_limit_reads_below_it() -> None:
    """A worst cosine that misses the limit by a ten-millionth is not printed as the limit."""
    cosine = 0.999 - 1e-7
    _, said = judged([(ONE, [cosine, math.sqrt(1 - cosine**2)])])
    assert "< 0.9990, the worst 0.998999" in said
