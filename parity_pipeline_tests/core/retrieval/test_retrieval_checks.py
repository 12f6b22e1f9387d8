"""The checks of the retrieve probe: each passes on what is clean, fails on its fault, and measures nothing without data."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.bands import QUERY_LIMITS, SET_LIMITS, Bands, Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.checks import (
    ALWAYS,
    BY_BANDS,
    RetrievalCheck,
    RetrievalCheckName,
    RetrievalCheckSettings,
    description,
    retrieval_decision_of,
    retrieval_settings_faults,
)
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline_tests.core.check_cases import CASES, CheckState, checks_in, decision_over
from parity_pipeline_tests.core.retrieval.builders import Pair, in_order, lost, ranked, refused
from parity_pipeline_tests.core.retrieval.judging import (
    LANES,
    OTHER,
    SAME,
    TEN,
    by_name,
    judged,
    noise,
    tally_of,
    with_noise,
)

FAIL, INCONCLUSIVE, WARN = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE, CheckSeverity.WARN
HYBRID = ComparisonRules(modes=((Side.CANDIDATE, "hybrid"),))
SWAPPED: Pair = (in_order(TEN), in_order("bacdefghij"))
REVERSED: Pair = (in_order(TEN), in_order(TEN[::-1]))
SHORTER: Pair = (in_order(TEN), in_order(TEN[:9]))
RISING: Pair = tuple(ranked(*((name, place / 100) for place, name in enumerate(TEN))) for _ in range(2))  # pyright: ignore[reportAssignmentType] - two of them
Case = tuple[Callable[[], RetrievalVerdict], CheckSeverity]


def clean(number: int, *others: Pair, **fields: Any) -> RetrievalVerdict:
    """Return the verdict on so many equal pairs and some others."""
    return judged([SAME] * number + list(others), **fields)


def relevance(low: float, high: float) -> RelevanceDifference:
    """Return a difference with this interval, its mean in the middle."""
    return RelevanceDifference(
        measure="nDCG@10",
        queries=200,
        legacy=0.5,
        candidate=0.5 + (low + high) / 2,
        low=low,
        high=high,
        better=1,
        worse=2,
    )


def repeated(unconfirmed: Sequence[str], strays: tuple[int, int] = (0, 0), **fields: Any) -> RetrievalConfirmation:
    """Return what requesting some queries again showed."""
    usual: dict[str, Any] = {"asked": len(unconfirmed), "requests": 8, "confirmed": (), "strays": strays}
    return RetrievalConfirmation(unconfirmed=tuple(unconfirmed), **usual | fields)


def with_drawn(number: int) -> list[Query]:
    """Return queries that a random draw gave."""
    return [Query(id=f"q{place}", text="welder", k=10, drawn=1) for place in range(number)]


WITH_MODE: Pair = (in_order(TEN), in_order(TEN, mode="lexical"))
METADATA: Pair = (in_order(TEN, metadata=tuple(range(10))), in_order(TEN, metadata=tuple(range(1, 11))))
RESCALED: Pair = (in_order(TEN), ranked(*((name, 2 * (0.99 - place / 100)) for place, name in enumerate(TEN))))
REPEATED: Pair = (in_order(TEN), in_order("aabcdefghi"))
RANKS = Bands(query={**QUERY_LIMITS, QueryMeasure.RANK_CHANGE: Limits(0, 3), QueryMeasure.LENGTH: Limits(0, 0)})
TOPS = Bands(query={**QUERY_LIMITS, QueryMeasure.TOP_1: Limits(1, 0.5)})

FAULTS: dict[str, Case] = {
    "pairing": (lambda: clean(9, inputs={"pairing_faults": ("other date",)}), INCONCLUSIVE),
    "complete-counts": (lambda: clean(9, expected=10), INCONCLUSIVE),
    "refused-by-candidate": (lambda: clean(999, (in_order(TEN), refused())), FAIL),
    "refused-by-legacy": (lambda: clean(999, (refused(), in_order(TEN))), FAIL),
    "wrong-mode": (lambda: clean(999, WITH_MODE, rules=HYBRID), FAIL),
    "empty-candidate": (lambda: clean(9, (in_order(TEN), in_order(""))), FAIL),
    "empty-legacy": (lambda: clean(199, (in_order(""), in_order(TEN))), INCONCLUSIVE),
    "refused-differently": (lambda: clean(9, (refused(), refused("422 {detail}"))), FAIL),
    "different-share": (lambda: clean(199, OTHER), INCONCLUSIVE),
    "overlap": (lambda: clean(195, *[OTHER] * 5), FAIL),
    "top-1": (lambda: clean(9, (in_order(TEN), in_order("cbadefghij")), bands=TOPS), FAIL),
    "rbo": (lambda: clean(199, OTHER), INCONCLUSIVE),
    "tau-b": (lambda: clean(9, REVERSED), FAIL),
    "rank-change": (lambda: clean(9, REVERSED, bands=RANKS), FAIL),
    "score-delta": (lambda: clean(9, RESCALED), FAIL),
    "metadata": (lambda: clean(9, METADATA), FAIL),
    "repeats": (lambda: clean(9, REPEATED), FAIL),
    "length": (lambda: clean(9, SHORTER, bands=RANKS), FAIL),
    "mean-overlap": (lambda: clean(9, OTHER), FAIL),
    "mean-overlap-at-10": (lambda: clean(97, *[OTHER] * 3), INCONCLUSIVE),
    "top-1-share": (lambda: clean(9, OTHER), FAIL),
    "mean-rbo": (lambda: clean(9, OTHER), FAIL),
    "mean-tau-b": (lambda: clean(9, REVERSED), FAIL),
    "investigate-share": (lambda: clean(9, SHORTER), INCONCLUSIVE),
    "relevance": (lambda: clean(9, inputs={"relevance": (relevance(-0.05, -0.02),)}), FAIL),
    "legacy-noise-floor": (lambda: clean(9, sides=with_noise(noise(1, worst=0.9), None)), INCONCLUSIVE),
    "candidate-noise-floor": (lambda: clean(9, sides=with_noise(None, noise(1, worst=0.9))), INCONCLUSIVE),
    "confirmation": (lambda: clean(999, OTHER, confirmation=repeated(["q999"], (0, 1))), INCONCLUSIVE),
    "missing": (lambda: clean(999, (in_order(TEN), lost())), INCONCLUSIVE),
    "compared-share": (lambda: clean(9, *[(refused(), refused())] * 11), INCONCLUSIVE),
    "some-match": (lambda: judged([(in_order(""), in_order(""))] * 9), INCONCLUSIVE),
    "required-bound": (lambda: judged([SAME] * 9, inputs={"required_bound": 0.01}), INCONCLUSIVE),
    "same-origin": (lambda: clean(9, sides=(LANES[0], replace(LANES[1], url=LANES[0].url))), INCONCLUSIVE),
    "caveats": (lambda: clean(9, sides=(LANES[0], replace(LANES[1], doubts=("odd",)))), INCONCLUSIVE),
    "legacy-outage": (
        lambda: clean(9, sides=(replace(LANES[0], stopped_early="lane stopped"), LANES[1])),
        INCONCLUSIVE,
    ),
    "candidate-outage": (lambda: clean(9, sides=(LANES[0], replace(LANES[1], stopped_early="stopped"))), INCONCLUSIVE),
    "score-order": (lambda: clean(9, RISING), WARN),
    "changed-verdict": (lambda: judged([SAME] * 8 + [SWAPPED], inputs={"before": clean(9)}), WARN),
}
NOT_MEASURED = (
    "relevance",
    "legacy-noise-floor",
    "candidate-noise-floor",
)
"""Checks without data on a set that is clean and nothing else."""


def test_every_check_has_its_fault() -> None:
    """The table below leaves no check out."""
    assert set(FAULTS) == {name.value for name in RetrievalCheckName}


@pytest.mark.parametrize("pairs", [(), (SAME,), (SAME, OTHER, WITH_MODE)])
def test_every_name_is_measured(pairs: Sequence[Pair]) -> None:
    """Every verdict, one without queries included, holds every check once, in the order of their names."""
    assert [one.name for one in judged(list(pairs)).checks] == list(RetrievalCheckName)


@pytest.mark.parametrize("name", FAULTS)
def test_a_check_fails_on_its_fault_and_passes_without(name: str) -> None:
    """Each fault fails its check with words and a remedy, and a clean set does not; a fault that weighs is never a PASS."""
    judge, severity = FAULTS[name]
    verdict = judge()
    found = by_name(verdict)[name]
    assert (found.passed, found.severity) == (False, severity), found
    assert found.seen
    assert found.remedy or name == "pairing"
    if severity is FAIL:
        assert verdict.decision is Decision.FAIL
    assert severity is WARN or verdict.decision in (Decision.FAIL, Decision.INCONCLUSIVE)
    assert severity is WARN or found.seen in verdict.reasons
    fine = by_name(clean(200))[name]
    assert fine.passed is (None if name in NOT_MEASURED else True), fine


def test_a_clean_set_passes() -> None:
    """Equal lists are a PASS whose reason says what was reached; two sides that refuse alike are named beside."""
    assert clean(200).decision is Decision.PASS
    verdict = clean(199, (refused(), refused()))
    assert verdict.decision is Decision.PASS
    assert verdict.reasons[0].startswith("199/200 queries match, mean overlap 1.0000")
    assert verdict.reasons[1] == "1/200 queries are refused by both sides"


def test_nothing_is_measured_without_queries() -> None:
    """An empty set is INCONCLUSIVE, and no check that counts queries passes."""
    verdict = judged([])
    assert verdict.decision is Decision.INCONCLUSIVE
    unlimited = {"no limit is set", "no value of it fails a query"}
    assert {one.passed for one in verdict.checks if one.name in BY_BANDS and one.seen not in unlimited} == {None}


@pytest.mark.parametrize("number", [1, 9, 1000])
def test_sides_that_are_both_empty_never_pass(number: int) -> None:
    """Two indexes that were never filled agree on every query, and never pass, whatever the settings of checks say."""
    pairs: list[Pair] = [(in_order(""), in_order(""))] * number
    lenient = RetrievalCheckSettings(min_compared_share=0.0)
    for verdict in (judged(pairs), judged(pairs, inputs={"settings": lenient})):
        assert verdict.decision is Decision.INCONCLUSIVE
        assert by_name(verdict)["some-match"].seen == "no query has results to compare"
    assert RetrievalCheckName.SOME_MATCH in ALWAYS


def test_lanes_that_do_not_pair_outweigh_everything() -> None:
    """Where lanes may not be paired the only reason is that, and nothing else was measured."""
    verdict = judged([], expected=9, inputs={"pairing_faults": ("legacy was fetched for another set",)})
    assert (verdict.decision, verdict.reasons) == (Decision.INCONCLUSIVE, ("legacy was fetched for another set",))
    assert by_name(verdict)["some-match"].passed is None


def test_one_refused_query_fails_however_large_the_set() -> None:
    """No approximation refuses a query, so that one of a thousand fails where another list would be INCONCLUSIVE."""
    assert clean(999, (in_order(TEN), refused())).decision is Decision.FAIL
    assert clean(999, OTHER).decision is Decision.INCONCLUSIVE


@given(st.integers(1, 12))
def test_queries_weigh_what_their_share_weighs(differing: int) -> None:
    """Up to 2 % of differing queries are INCONCLUSIVE and more are FAIL, in every check that counts them."""
    verdict = clean(200 - differing, *[OTHER] * differing)
    expected = FAIL if differing > 4 else INCONCLUSIVE
    assert {by_name(verdict)[name].severity for name in ("different-share", "overlap", "rbo")} == {expected}
    assert verdict.decision is (Decision.FAIL if differing > 4 else Decision.INCONCLUSIVE)


def test_an_off_by_one_k_names_the_length() -> None:
    """Queries that are worth a look name the measures that make them so."""
    found = by_name(judged([SHORTER] * 20))["investigate-share"]
    assert "(length 20" in found.seen


def test_a_query_that_fails_is_not_named_among_those_worth_a_look() -> None:
    """No measure is said to make more queries worth a look than there are: one that fails by another is left out."""
    # Nine of these documents are gone, which fails a query, and its length alone would be worth a look.
    failing: Pair = (in_order(TEN), in_order("a"))
    found = by_name(judged([SAME] * 70 + [SHORTER] * 10 + [failing] * 20))["investigate-share"]
    assert found.seen.startswith("10/100 queries")
    assert "length 10" in found.seen
    assert max(map(int, re.findall(r" (\d+)[,)]", found.seen.rpartition("(")[2]))) == 10


def test_legacy_noise_that_explains_the_difference_proves_nothing() -> None:
    """A legacy side that differs from itself as often and as far makes a FAIL INCONCLUSIVE; less noise does not."""
    pairs = [SAME] * 90 + [OTHER] * 10
    assert judged(pairs).decision is Decision.FAIL
    assert judged(pairs, sides=with_noise(noise(3, worst=0.0), None)).decision is Decision.INCONCLUSIVE
    assert judged(pairs, sides=with_noise(noise(1, worst=0.0), None)).decision is Decision.FAIL
    assert judged(pairs, sides=with_noise(noise(3, worst=0.9), None)).decision is Decision.FAIL


def test_noise_of_the_candidate_excuses_nothing() -> None:
    """A candidate that is not repeatable stays a FAIL where it differs, and is not a PASS where it does not."""
    unstable = with_noise(noise(), noise(20, worst=0.0))
    assert judged([SAME] * 90 + [OTHER] * 10, sides=unstable).decision is Decision.FAIL
    assert judged([SAME] * 100, sides=unstable).decision is Decision.INCONCLUSIVE
    assert judged([SAME] * 100, sides=with_noise(noise(), noise())).decision is Decision.PASS


def test_legacy_noise_does_not_excuse_refusals_and_empty_lists() -> None:
    """Noise in the order of lists says nothing about queries that the candidate refuses or has no results for."""
    noisy = with_noise(noise(20, worst=0.0), None)
    for pair in ((in_order(TEN), refused()), (in_order(TEN), in_order(""))):
        assert judged([SAME] * 5 + [pair] * 5, sides=noisy).decision is Decision.FAIL


@pytest.mark.parametrize(
    ("low", "high", "decision"),
    [
        (-0.05, -0.02, Decision.FAIL),
        (-0.05, -0.001, Decision.INCONCLUSIVE),
        (-0.004, -0.001, Decision.PASS),
        (-0.05, 0.001, Decision.PASS),
        (0.001, 0.05, Decision.PASS),
    ],
)
def test_relevance_fails_only_by_a_proven_loss(low: float, high: float, decision: Decision) -> None:
    """An interval below -0.01 fails, one below 0 around a larger loss is not a PASS, and anything else passes."""
    assert clean(9, inputs={"relevance": (relevance(low, high),)}).decision is decision


def test_the_required_bound_counts_random_draws() -> None:
    """Clean random queries prove a bound once there are enough of them."""
    enough = judged([SAME] * 300, queries=with_drawn(300), inputs={"required_bound": 0.01})
    assert (enough.decision, enough.strength) == (Decision.PASS, "proved to 1 %")
    few = judged([SAME] * 30, queries=with_drawn(30), inputs={"required_bound": 0.01})
    assert few.decision is Decision.INCONCLUSIVE
    assert "30 of 30 random queries are clean" in few.reasons[0]
    none = judged([SAME] * 30, inputs={"required_bound": 0.01})
    assert "no query was drawn at random" in none.reasons[0]


def test_bands_that_are_removed_judge_nothing() -> None:
    """A measure without limits passes with words that say so, and one that fails no query likewise."""
    checks = by_name(judged([REVERSED] * 9, bands=Bands(query={QueryMeasure.OVERLAP: Limits(0.9, 0.5)})))
    assert checks["tau-b"].seen == "no limit is set"
    assert by_name(clean(9))["top-1"].seen == "no value of it fails a query"
    rest = {measure: limits for measure, limits in SET_LIMITS.items() if measure is not SetMeasure.DIFFERENT_SHARE}
    lenient = judged([SAME] * 99 + [OTHER], bands=Bands(whole=rest))
    assert lenient.decision is Decision.INCONCLUSIVE, "a query in FAIL never passes unseen"


def test_severities_of_settings_replace_the_default_ones() -> None:
    """A check that settings weigh otherwise does; those of bands and of the ground of a verdict are refused."""
    warned = RetrievalCheckSettings(severities={RetrievalCheckName.CAVEATS: WARN})
    sides = (LANES[0], replace(LANES[1], doubts=("odd",)))
    assert clean(9, sides=sides, inputs={"settings": warned}).decision is Decision.PASS
    assert all(retrieval_settings_faults({name: WARN}) for name in {*ALWAYS, *BY_BANDS})
    assert not retrieval_settings_faults(dict.fromkeys(set(RetrievalCheckName) - ALWAYS - BY_BANDS, WARN))
    assert "retrieve.bands.set.mean_rbo" in retrieval_settings_faults({RetrievalCheckName.MEAN_RBO: WARN})[0]
    assert "retrieve.bands.query.rbo" in retrieval_settings_faults({RetrievalCheckName.RBO: WARN})[0]


def test_one_address_is_a_warning_where_it_is_meant() -> None:
    """A gateway may be compared with itself on purpose."""
    sides = (LANES[0], replace(LANES[1], url=LANES[0].url))
    meant = {"settings": RetrievalCheckSettings(allow_same_origin=True)}
    assert clean(9, sides=sides, inputs=meant).decision is Decision.PASS


def test_a_changed_verdict_is_compared_only_with_its_like() -> None:
    """The last verdict is compared with this one only on the same queries, requests, bands and waivers."""
    before = clean(9)
    checks = [
        by_name(judged([SAME] * 9, inputs={"before": before}))["changed-verdict"],
        by_name(judged([SAME] * 8 + [OTHER], inputs={"before": before}))["changed-verdict"],
        by_name(judged([SAME] * 8 + [OTHER], inputs={"before": before}, bands=RANKS))["changed-verdict"],
    ]
    assert [one.passed for one in checks] == [True, False, True]
    assert "the decision was PASS; 9 queries were match and 8 are" in checks[1].seen


def test_every_check_says_what_it_looks_at() -> None:
    """No check is without a description, and no two of them share one."""
    assert len({description(name) for name in RetrievalCheckName}) == len(RetrievalCheckName)


@given(st.lists(st.sampled_from(CASES), max_size=6))
def test_the_decision_is_that_of_the_worst_check(cases: list[CheckState]) -> None:
    """The rule is that of every probe: fail before inconclusive, a warning and a waived check never count."""
    decision, reasons = retrieval_decision_of(checks_in(RetrievalCheck, RetrievalCheckName.CAVEATS, cases))
    assert decision is decision_over(cases)
    assert all("waived by W" in one or one == "x" for one in reasons)


AGREE = (SAME, (in_order(""), in_order("")), (refused(), refused()))
DIFFER = (OTHER, REVERSED, (in_order(TEN), in_order("")), (in_order(TEN), lost()))


@given(st.lists(st.sampled_from(AGREE + DIFFER), max_size=30))
def test_no_set_with_a_difference_or_a_gap_passes(pairs: list[Pair]) -> None:
    """A set passes only if no query proves a difference and none is missing; every decision has a reason."""
    verdict = judged(pairs)
    if any(pair in DIFFER for pair in pairs) or SAME not in pairs:
        assert verdict.decision is not Decision.PASS
    assert verdict.reasons
    assert sum(verdict.counts.outcomes.values()) == len(pairs)


LISTS = (SAME, OTHER, SWAPPED, REVERSED, SHORTER, RESCALED, METADATA, REPEATED)


@given(st.lists(st.sampled_from(LISTS), min_size=1, max_size=60), st.integers(0, 300))
def test_the_decision_over_lists_is_the_band_of_the_set(pairs: list[Pair], agreeing: int) -> None:
    """Without refusals, gaps and noise a verdict is FAIL where the set is, and PASS only where the set is."""
    every = [*pairs, *[SAME] * agreeing]
    band, decision = tally_of(every).band(), judged(every).decision
    assert (band is Band.FAIL) == (decision is Decision.FAIL)
    assert (decision is Decision.PASS) == (band is Band.PASS)


def test_near_misses_alone_are_not_a_match() -> None:
    """A set in which every query is only worth a look passes by no choice of bands."""
    tops = Bands(whole={SetMeasure.TOP_1_SHARE: SET_LIMITS[SetMeasure.TOP_1_SHARE]})
    lenient = judged([SHORTER] * 9, bands=tops)
    assert (lenient.decision, lenient.reasons) == (Decision.INCONCLUSIVE, ("no compared query matched",))
