"""The sections that judge: causes, findings, counts, limits, sureness, noise, power. They claim no more than is known."""

from dataclasses import replace
from datetime import date
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity_pipeline.core.collisions import Collision, OneSided
from parity_pipeline.core.confidence import PooledBound
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Evidence
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.stability.records import Finding, StabilityOfSides
from parity_pipeline.core.verdict import RandomDraws, Verdict
from parity_pipeline.core.waivers import account_for
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.escape import prose, sentence
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.sections.confidence import confidence, how_sure, power
from parity_pipeline.report.sections.diagnosis import collisions, first_cause, observations, why
from parity_pipeline.report.sections.headline import findings, headline, opening
from parity_pipeline.report.sections.measures import measures, passing_limit
from parity_pipeline.report.sections.noise import noise
from parity_pipeline_tests.report.measured import (
    DAY,
    POWER,
    cause,
    diagnosis,
    floor,
    measured_pass,
    stability,
    tried,
    two_causes,
    waived_pass,
    waiver,
)
from parity_pipeline_tests.report.verdicts import HOSTILE, SEED, V2, Row, mixed, unpaired, verdict_of, with_side

_WRONG = Row(text="wrong", outcome=Outcome.MISMATCH, cosine=0.5)


def _old(verdict: Verdict) -> Verdict:
    """Return a verdict as one of the first schema is read: what it did not know is empty."""
    counts = replace(verdict.counts, apart=None, waived={})
    random = RandomDraws(texts=0, draws=0, by_category={}, bounds=(), required_bound=None)
    unknown = replace(verdict, counts=counts, random=random, norm_ratios=None, findings=(), diagnosis=None)
    for side in Side:
        unknown = with_side(unknown, side, floor=None, stability=None)
    return unknown


def _text(lines: list[str]) -> str:
    return "\n".join(lines)


def test_two_causes_are_shown_as_two_with_their_evidence() -> None:
    """Each cause has its own heading, words, samples by number and head, cases and table; the rest is called unknown."""
    shown = _text(why(two_causes()))
    assert "### 1. rows permuted — proven, 14 samples, cases 1, 3" in shown
    assert "### 2. text cut — likely, 3 samples, case 10" in shown
    assert "Affected: #15 `long text 0`, #16 `long text 1`, #17 `long text 2`." in shown
    assert shown.count("the legacy vector of the next text of its request") == 1
    assert "| #1 `swapped 0` | 0.410000 | 0.999990 |" in shown
    assert "**Unknown**: 4 samples have no cause: #18 `nobody knows`, #19 `known` (waived)," in shown


def test_a_cause_says_on_which_side_it_lies_in_its_first_line() -> None:
    """The heading, the short form and the advice name the side that is at fault, where it is known."""
    verdict = two_causes()
    assert verdict.diagnosis
    causes = tuple(replace(one, side=Side.LEGACY) for one in verdict.diagnosis.causes)
    placed = replace(verdict, diagnosis=replace(verdict.diagnosis, causes=causes))
    assert "### 2. text cut — likely, legacy side, 3 samples, case 10" in _text(why(placed))
    assert first_cause(placed).startswith("rows permuted on the legacy side (proven, 14)")
    (_, what_to_do) = flip_advice(placed)
    assert "The first, rows permuted, lies on the legacy side." in str(what_to_do[0])


def test_evidence_of_several_kinds_names_each() -> None:
    """Rows on which different things were tried keep a column for it."""
    verdict = two_causes()
    assert verdict.diagnosis
    first = verdict.diagnosis.causes[0]
    varied = [replace(row, tried=f"try {place}") for place, row in enumerate(first.evidence)]
    changed = replace(verdict.diagnosis, causes=(replace(first, evidence=tuple(varied)),))
    assert "| #1 `swapped 0` | try 0 | 0.410000 | 0.999990 |" in _text(why(replace(verdict, diagnosis=changed)))


def test_a_failure_without_a_cause_says_unknown() -> None:
    """No cause is invented, and a sample beyond the table is named by its id."""
    none = replace(verdict_of([*SEED, _WRONG]), diagnosis=diagnosis((), 1, ["far away"]))
    shown = _text(why(none))
    assert "No cause found: 0 of 1 differing sample explained." in shown
    assert "1 sample has no cause: `" in shown
    assert first_cause(none) == "unknown (1)"


def test_a_failure_that_nobody_diagnosed_says_so() -> None:
    """A FAIL of an earlier version has no causes, and a pass needs none."""
    assert "No diagnosis was made" in _text(why(mixed()))
    assert why(verdict_of(SEED)) == []
    assert why(unpaired()) == []
    assert why(replace(verdict_of(SEED), diagnosis=diagnosis((), 0))) == []


def test_a_diagnosis_of_a_part_says_so() -> None:
    """A set larger than what was looked at is not shown as explained in full, and overlapping causes as one count."""
    causes = [cause(name, "x", ["wrong"]) for name in (CauseName.CASE, CauseName.ACCENTS)]
    shown = _text(why(replace(verdict_of([*SEED, _WRONG]), diagnosis=diagnosis(causes, 1, looked_at=4))))
    assert "The diagnosis looked at 4 of 6 samples." in shown
    assert "A sample can have more than one cause." in shown


def test_a_single_cause_is_not_one_of_several() -> None:
    """The advice of a FAIL names the cause to fix where there is one, with its side, and an order where there are more."""
    one = cause(CauseName.TRUNCATION, "text cut", ["a"])
    assert "Fix the causes below, one at a time." in render_report(two_causes())
    for side, words in (("candidate", ", which lies on the candidate side"), (None, "")):
        report = render_report(replace(two_causes(), diagnosis=diagnosis([replace(one, side=side)], 1, [])))
        assert f"- Fix the cause below: {one.name}{words}. When" in report


def test_a_possible_cause_of_all_samples_is_not_said_to_rest_on_few() -> None:
    """A cause may be possible for want of a control alone, as noise is, so the number of samples is not given as the reason."""
    possible = replace(
        two_causes(),
        diagnosis=diagnosis([cause(CauseName.PRECISION, "noise", ["a"], confidence=Confidence.POSSIBLE)], 1, []),
    )
    report = render_report(possible)
    assert "Possible: it fits and nothing contradicts it, but chance or another cause would fit too." in report


@settings(deadline=None, max_examples=20)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40) | st.sampled_from(HOSTILE))
def test_no_foreign_word_changes_the_structure(text: str) -> None:
    """Causes, evidence, waivers, faults, notes, findings and categories are text: the headings stay what they were."""
    evidence = (Evidence(sample=text, tried=text, before=0.1),)
    found = cause(CauseName.WRONG_MODEL, text, [text], evidence=evidence, confidence=Confidence.POSSIBLE)
    plain = diagnosis([found], 2, [text], remarks=[found])
    noted = stability(Side.CANDIDATE, floor(Side.CANDIDATE, 0.0), notes=(text,), findings=(Finding("x", text),))
    random = replace(measured_pass().random, bounds=(replace(measured_pass().random.bounds[0], category=text),))
    verdict = with_side(two_causes(), Side.CANDIDATE, stability=noted)
    counts = replace(verdict.counts, waived={text: 2})
    verdict = replace(verdict, diagnosis=plain, findings=(f"found {text}", text), counts=counts, random=random)
    report = render_report(replace(verdict, reasons=(text,)))
    tokens = MarkdownIt("commonmark").enable("table").parse(report)
    heads = [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]
    assert len(heads) == 19
    assert heads[4].startswith("1. wrong model — possible")
    assert "html_block" not in {token.type for token in tokens}
    report.encode()


def test_the_limits_of_several_measures_are_named_together() -> None:
    """Where only limits stand against a date, all that would have to move are named; a caveat forbids it."""
    limits = Thresholds(max_abs_delta_unit=0.01)
    rows = [*SEED, replace(_WRONG, delta_unit=0.25)]
    said = passing_limit(verdict_of(rows, thresholds=limits))
    both = "a threshold of 0.500000 or lower and a limit of the largest difference, unit vectors of 0.25 or more"
    assert said == f"This date would have passed at {both}."
    noisy = NoiseFloors(legacy=floor(Side.LEGACY, 0.0), candidate=floor(Side.CANDIDATE, 0.3))
    assert "other reasons" in passing_limit(verdict_of(rows, thresholds=limits, floors=noisy))


def test_waivers_in_use_do_not_forbid_the_limit() -> None:
    """A sentence about waivers does not count against a pass, so that the limit of the other sample is still named."""
    rows = [*SEED, _WRONG, replace(_WRONG, text="known", cosine=0.2)]
    account = account_for([waiver("W", head="known", outcomes=(Outcome.MISMATCH,))], model=V2, day=DAY, today=DAY)
    verdict = verdict_of(rows, waivers=account)
    assert passing_limit(verdict) == "This date would have passed at a threshold of 0.500000 or lower."
    assert headline(verdict) == "5/7 samples ≥ 0.9990, 1 waived"
    assert "| 2, 1 excused | 0.200000 (#7) | 0.500000 or lower |" in _text(measures(verdict))


def test_a_pass_with_waivers_may_be_flipped_and_names_them() -> None:
    """It is a pass for consumers, with every waived difference named by its waiver."""
    verdict = waived_pass()
    assert verdict.decision is Decision.PASS_WITH_WAIVERS
    shown = " ".join(sentence(parts) for parts in flip_advice(verdict))
    assert "may be flipped: directions and norms agree on every compared sample but the waived ones" in shown
    assert (
        "Callers will meet 3 differences that waivers allow: <code>EMB-17 &#124; half precision</code> (2 samples)"
        in shown
    )
    assert "Nothing." not in shown
    assert headline(verdict).startswith(
        "sampled (6 random texts: at most 58.2 % may differ): 5/7 samples ≥ 0.9990; 3/8 samples differ and are waived"
    )
    assert "need not move" in passing_limit(verdict)
    assert "| mismatch, waived: EMB-17 &#124; half precision |" in render_report(verdict)


def test_waived_refusals_leave_the_limit_of_the_others() -> None:
    """Where no waived sample left a limit, the limit that would have passed is named with its waivers."""
    refused = Row(text="no", outcome=Outcome.REFUSED_BY_CANDIDATE, side="candidate", cosine=float("nan"))
    account = account_for(
        [waiver("W", outcomes=(Outcome.REFUSED_BY_CANDIDATE,))], model=V2, day=DAY, today=date(2026, 5, 1)
    )
    said = passing_limit(verdict_of([*SEED, refused], waivers=account))
    assert said == "This date would have passed at any threshold up to 0.999999999999, with the same 1 sample waived."


def test_without_a_random_draw_no_share_is_stated() -> None:
    """Hand-picked samples give no bound, and the reader learns how to get one."""
    shown = _text(confidence(verdict_of(SEED)))
    assert "no share of the traffic can be stated" in shown
    assert "`samples: [{path: …, sample: 2995}]`: 2,995 clean ones show that at most 0.1 %" in shown
    assert "at 95 % confidence" not in shown


def test_each_category_with_random_draws_has_its_bound() -> None:
    """The bound of all comes first, then one a category; with a single category it is shown once."""
    shown = _text(confidence(measured_pass()))
    assert "Random draws, all categories: 50 of 50" in shown
    assert "Category `traffic`: 40 of 40" in shown
    assert shown.count("at 95 % confidence for all 2 categories at once") == 2
    assert "if results are repeatable" not in shown
    one = verdict_of([replace(row, drawn=1) for row in SEED], required_bound=0.02)
    lines = [sentence(parts) for parts in how_sure(one)]
    assert [line for line in lines if "5 of 5 random" in line] == [lines[1]]
    assert "The settings ask for proof that at most 2 % of such inputs may fail." in lines


def test_a_repeated_draw_rests_on_repeatable_results() -> None:
    """A text that was drawn three times got one result, and the sentence says what that takes."""
    shown = _text(confidence(verdict_of([replace(row, drawn=3) for row in SEED])))
    assert (
        "15 of 15 random samples are clean: at most 18.2 % of such inputs may fail, if results are repeatable, at"
        in shown
    )


def test_bounds_of_earlier_versions_are_each_for_themselves() -> None:
    """Categories that an earlier version bounded at 95 % each are not said to hold at once."""
    verdict = measured_pass()
    bounds = tuple(replace(bound, confidence=0.95) for bound in verdict.random.bounds)
    shown = _text(confidence(replace(verdict, random=replace(verdict.random, bounds=bounds))))
    assert shown.count("at 95 % confidence for this category alone") == 2
    assert "at once" not in shown


def test_pooled_dates_have_one_sentence() -> None:
    """What all dates of the deployment show stands behind the bounds of this date."""
    pooled = PooledBound(dates=30, texts=3000, failures=0, bound=0.00128, since="2026-04-01", repeated=False)
    shown = _text(confidence(replace(measured_pass(), pooled=pooled)))
    assert f"- {pooled.sentence()}." in shown
    assert shown.index("Category `traffic`") < shown.index("Over 30 dates since 2026-04-01")


def test_noise_is_the_worst_row_side_by_side() -> None:
    """Each experiment shows its worst pair with where it was seen, and what went wrong beside stands below."""
    shown = _text(noise(two_causes()))
    assert "| batch-sizes | 0.999999 (batch of 32) | 0.690000 (batch of 32); 1 text &lt; 0.9990 |" in shown.replace(
        "<", "&lt;"
    )
    assert "| concurrency | identical | 0.720000 (concurrency 8); 2 texts" in shown
    assert "| candidate | concurrency, concurrency 8, cases 1, 3: rows swapped, 2 times" in shown
    assert "so it excuses no sample below the threshold of 0.9990" in shown


def test_noise_below_the_threshold_says_what_it_explains() -> None:
    """Samples between the noise and the threshold prove nothing, and their number is shown."""
    rows = [*SEED, replace(_WRONG, cosine=0.995)]
    verdict = verdict_of(rows, floors=NoiseFloors(legacy=floor(Side.LEGACY, 0.002)))
    shown = _text(noise(verdict))
    assert "explains a cosine of 0.992008 or more: 1 sample between it and the threshold of 0.9990" in shown
    assert "| noise floor, worst cosine | 0.998000 (batch of 32); 8 texts, 60 requests | not measured |" in shown
    assert "mismatch, within the noise" in render_report(verdict)


def test_noise_of_one_side_explains_nothing() -> None:
    """Without the legacy side's floor nothing is attributed to noise, and a side that was not tried says so."""
    only = stability(Side.CANDIDATE, floor(Side.CANDIDATE, 0.0), tried("repeats", 1e-7, "repeat"))
    floors = NoiseFloors(candidate=floor(Side.CANDIDATE, 1e-7))
    verdict = verdict_of(SEED, floors=floors, stability=StabilityOfSides(candidate=only))
    shown = _text(noise(verdict))
    assert "| repeats | not measured | 0.999999 (repeat) |" in shown
    assert "The noise floor of the legacy side was not measured" in shown
    assert "Not measured: neither side" in _text(noise(verdict_of(SEED)))


def test_a_fault_among_the_findings_is_not_repeated() -> None:
    """The words of a fault stand once in a report, with the findings where they are one."""
    verdict = two_causes()
    tried_out = verdict.candidate.stability
    assert tried_out is not None
    defect = next(one.faults[0] for one in tried_out.experiments if one.faults)
    found = Finding("concurrency", f"the candidate side mixes requests: {defect.words}")
    other = with_side(verdict, Side.CANDIDATE, stability=replace(tried_out, findings=(found,)))
    for shown in (verdict, replace(other, findings=(found.words,))):
        assert render_report(shown).count("hold another text's vector") == 1


def test_findings_are_shown_once() -> None:
    """What stands among the reasons is not repeated, and a side's own findings name the side."""
    shown = findings(two_causes())
    assert len([line for line in shown if line.startswith("- ")]) == 3
    assert "the candidate side changes with the size of a request: 1 - cosine up to 0.31" in two_causes().reasons
    assert not [line for line in shown if "changes with the size" in line]
    assert findings(verdict_of(SEED)) == []


def test_power_names_every_fault_once() -> None:
    """Faults that are caught, missed or may be missed together are all that were simulated, those not caught with the reason."""
    shown = _text(power(measured_pass()))
    assert "2 of 5 simulated faults would have been caught, 1 more may have been." in shown
    assert "Only 2,048 of 60,000 samples were looked at; the others can catch more." in shown
    assert "no sample has a decomposed character" in shown
    assert all(shown.count(prose(one.words)) == 1 for one in POWER.faults)
    assert "| rows shifted by one | yes | cosine |" in shown
    assert "| capitals folded | yes † | cosine |" in shown
    assert "† Assumed: a changed text moves a vector as far as models do" in shown
    results = [line.split(" | ")[1] for line in shown.splitlines() if line.startswith("| ")][2:]
    assert results == ["**no**", "**no**", "**perhaps**", "yes", "yes †"]


def test_power_is_not_computed_without_a_pass() -> None:
    """A FAIL says so, and a PASS of an earlier version claims nothing."""
    assert "Not computed" in _text(power(mixed()))
    assert "Not computed" in _text(power(unpaired()))
    assert power(replace(measured_pass(), power=None)) == []


def test_power_stands_under_the_verdict() -> None:
    """A reader of the verdict line sees next to it what the samples would have caught."""
    lines = [line for line in opening(measured_pass()) if line]
    assert lines[1].startswith("**PASS**")
    assert lines[2].startswith("2 of 5 simulated faults")


def test_collisions_of_one_side_list_their_texts() -> None:
    """The side, the number of pairs and the texts are shown; nothing where no side has any of its own."""
    shown = _text(collisions(two_causes()))
    assert "On the candidate side alone: 1 group of distinct texts with the same vector, 3 pairs" in shown
    assert "  - #15 `long text 0`, #16 `long text 1`, #17 `long text 2`" in shown
    assert collisions(verdict_of(SEED)) == []
    groups = (Collision(ids=("a",), size=3, apart=2),) * 9
    many = OneSided(side=Side.LEGACY, groups=9, pairs=40, listed=groups)
    more = _text(collisions(replace(verdict_of(SEED), diagnosis=diagnosis((), 0, collisions=(many,)))))
    assert more.count("`a`, 2 more") == 5
    assert more.endswith("  - 4 more groups")


def test_observations_fail_nothing() -> None:
    """Norms that differ under equal directions are an observation of their own, never a cause."""
    assert "normalisation (proven, case 7): 60 of 60 samples" in _text(observations(two_causes()))
    assert "normalisation" not in _text(why(two_causes()))
    assert observations(verdict_of(SEED)) == []


@pytest.mark.parametrize("verdict", [verdict_of(SEED), verdict_of([*SEED, _WRONG]), mixed(), unpaired()])
def test_a_verdict_of_the_first_schema_still_reads(verdict: Any) -> None:
    """Without the later fields the report keeps what the others say, and prints no None."""
    old = render_report(_old(verdict))
    assert "None" not in old
    assert passing_limit(_old(verdict)).replace(" compared", "") == passing_limit(verdict).replace(" compared", "")


def test_a_clean_pass_stays_short() -> None:
    """Who approves five samples reads a page and a half, as many words as before the later sections, and signs below."""
    read, _, signed = render_report(verdict_of(SEED)).partition("## Approval")
    lines = read.splitlines()
    assert len(lines) <= 112
    assert len(signed.splitlines()) <= 13
    assert Measure.COSINE in "\n".join(lines)
