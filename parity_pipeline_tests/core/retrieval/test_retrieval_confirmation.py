"""Repeats: which queries, what their repeats show, a side's own noise, and what both mean for the verdict."""

from collections.abc import Sequence
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import Decision, RowStatus, Side
from parity_pipeline.core.retrieval.bands import Bands, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.confirmation import (
    DifferingQueries,
    RequestedAgain,
    RetrievalConfirmation,
    confirm,
    unconfirmed_reasons,
)
from parity_pipeline.core.retrieval.noise import Differences, NoiseBudget, explains, noise_of, noise_words
from parity_pipeline.core.retrieval.provenance import RetrievalNoise
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.records import IdMapping, Query, Ranking, Reported, ScoreScale
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order, lost, query, ranked, refused
from parity_pipeline_tests.core.retrieval.judging import OTHER, SAME, TEN, by_name, judged, noise

LEGACY, STRANGE = in_order(TEN), in_order("klmnopqrst")
AGAIN: Pair = (LEGACY, LEGACY)
HALF: Pair = (in_order(TEN), in_order("abcklmnopq"))


def repeated(*repeats: Pair, lane: Pair = OTHER) -> RetrievalConfirmation:
    """Return what requesting one query again shows."""
    one = RequestedAgain(query=query(), lane=lane, repeats=repeats)
    return confirm([one], Codebook(), ComparisonRules(), Bands(), requests=2 * len(repeats))


@pytest.mark.parametrize(
    ("repeats", "confirmed", "strays"),
    [
        ((OTHER, OTHER), True, (0, 0)),
        ((AGAIN, AGAIN), False, (0, 1)),
        ((AGAIN, OTHER), True, (0, 1)),
        (((STRANGE, STRANGE), (STRANGE, STRANGE)), False, (1, 0)),
        (((LEGACY, lost()), (LEGACY, lost())), True, (0, 0)),
        (((refused(), refused()), (refused(), refused())), False, (1, 1)),
        (((LEGACY, refused()), (LEGACY, refused())), True, (0, 1)),
        ((), True, (0, 0)),
    ],
)
def test_only_agreement_every_time_excuses_a_difference(
    repeats: Sequence[Pair], confirmed: bool, strays: tuple[int, int]
) -> None:
    """A difference is excused where all repeats agree; the side whose list changed is the one that strayed."""
    found = repeated(*repeats)
    assert (found.confirmed, found.unconfirmed) == ((("q",), ()) if confirmed else ((), ("q",)))
    assert found.strays == strays


def test_repeats_are_compared_as_the_lanes_were() -> None:
    """Ids are mapped and scores are scaled in repeats too."""
    there = ranked(*((f"staff/{name}", 0.01 + place / 100) for place, name in enumerate(TEN)))
    rules = ComparisonRules(candidate_scale=ScoreScale(reported=Reported.COSINE_DISTANCE))
    one = RequestedAgain(query=query(), lane=(LEGACY, there), repeats=((LEGACY, there),))
    mapped = Codebook(candidate=IdMapping(prefix="staff/"))
    assert confirm([one], mapped, rules, Bands(), requests=2).unconfirmed == ("q",)
    assert confirm([one], Codebook(), rules, Bands(), requests=2).confirmed == ("q",)


def test_the_worst_differing_queries_are_repeated() -> None:
    """A bounded number is chosen, the worst first, in the order of the set; matches and waived ones never."""
    pairs = [SAME, HALF, OTHER, (LEGACY, refused()), HALF]
    queries = [Query(id=f"q{place}", text="x", k=10) for place in range(len(pairs))]
    renamed = [
        (replace(one, query_id=known.id), replace(two, query_id=known.id))
        for (one, two), known in zip(pairs, queries, strict=True)
    ]
    graded = grade(compared(renamed, queries=queries), Bands())
    some = DifferingQueries(limit=2)
    some.add(graded)
    assert (some.chosen(), some.not_asked) == (("q2", "q3"), 2)
    every = DifferingQueries(limit=9)
    every.add(graded, waived=[None, "W", None, None, None])
    assert (every.chosen(), every.not_asked) == (("q2", "q3", "q4"), 0)
    none = DifferingQueries(limit=0)
    none.add(graded)
    assert (none.chosen(), none.not_asked) == ((), 4)


def found(unconfirmed: int, strays: tuple[int, int], *, confirmed: int = 0, beyond: int = 0) -> RetrievalConfirmation:
    """Return what requesting queries again showed; the unconfirmed ones are the last ones of a thousand."""
    return RetrievalConfirmation(
        asked=unconfirmed + confirmed,
        requests=8,
        confirmed=tuple(f"q{place}" for place in range(confirmed)),
        unconfirmed=tuple(f"q{999 - place}" for place in range(unconfirmed)),
        strays=strays,
        not_asked=beyond,
    )


def test_an_unconfirmed_difference_does_not_fail_and_is_a_finding() -> None:
    """A stray of the legacy side in a large set leaves a PASS, which says that a query differed once."""
    verdict = judged([SAME] * 999 + [OTHER], confirmation=found(1, (1, 0)))
    assert verdict.decision is Decision.PASS
    assert (verdict.counts.unconfirmed, verdict.counts.agreeing) == (1, 999)
    assert "1/1000 queries differed once, and not when they were requested again" in verdict.reasons
    assert "1 query differed once, and not when both sides were requested again" in verdict.findings[0]
    assert [one.unconfirmed for one in verdict.queries if one.id == "q999"] == [True]


@pytest.mark.parametrize(
    ("pairs", "confirmation", "words"),
    [
        (999, found(1, (0, 1)), "the candidate is not repeatable"),
        (980, found(20, (20, 20)), "20 of 1,000 queries differed once and not again"),
        (997, found(2, (2, 2), beyond=1), "1 differing query is not requested again"),
        (700, found(20, (20, 20), beyond=280), "280 differing queries are not requested again"),
    ],
)
def test_strays_count_against_reliability(pairs: int, confirmation: RetrievalConfirmation, words: str) -> None:
    """Differences that the candidate alone strays in, that are many, or that were not all requested again are not a PASS."""
    verdict = judged([SAME] * pairs + [OTHER] * (1000 - pairs), confirmation=confirmation)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert words in by_name(verdict)["confirmation"].seen


def test_confirmed_differences_fail_as_before() -> None:
    """Where one difference persists, those that were not requested again stand too."""
    verdict = judged([SAME] * 700 + [OTHER] * 300, confirmation=found(1, (0, 0), confirmed=19, beyond=280))
    assert verdict.decision is Decision.FAIL


def test_nothing_repeated_says_nothing() -> None:
    """Without repeats, and without an excused query, there is no reason against a pass."""
    assert unconfirmed_reasons(None, 0, 9) == ()
    assert unconfirmed_reasons(found(0, (1, 1), confirmed=2), 0, 9) == ()


def lists(*documents: str) -> list[Ranking]:
    """Return rankings of queries `a`, `b` and so on."""
    return [in_order(one, query_id=chr(97 + place)) for place, one in enumerate(documents)]


def noise_between(lane: Sequence[Ranking], *repeats: Sequence[Ranking]) -> RetrievalNoise:
    """Return the noise of a side whose lane and repeats these are."""
    queries = [Query(id=one.query_id, text="x", k=10) for one in lane]
    return noise_of(Side.LEGACY, queries, lane, repeats, ComparisonRules(), requests=len(queries) * len(repeats))


def test_a_side_that_repeats_itself_has_no_noise() -> None:
    """Equal lists, equal refusals, and documents of one score in another order are not noise."""
    tied = ranked(("a", 0.5), ("b", 0.5), query_id="b")
    other = ranked(("b", 0.5), ("a", 0.5), query_id="b")
    lane = [*lists(TEN), tied]
    measured = noise_between(lane, lane, [lane[0], other])
    assert (measured.differing, measured.worst_overlap, measured.worst_rbo, measured.failed) == (0, 1.0, 1.0, 0)
    assert measured.reordered == 1
    assert noise_between(lane, lane, lane).reordered == 0
    both = [replace(refused(), query_id="a")]
    assert (noise_between(both, both).differing, noise_between(both, both).worst_rbo) == (0, None)


def test_noise_counts_queries_and_keeps_the_worst_repeat() -> None:
    """A query counts once however often it strays; a lost repeat is not noise, and a refusal in between is."""
    lane = lists(TEN, TEN, TEN)
    lost_one = Ranking(query_id="c", status=RowStatus.FAILED)
    measured = noise_between(lane, [*lists("abcdefghix", TEN), lost_one], [*lists("klmnopqrst", TEN), lost_one])
    assert (measured.queries, measured.requests, measured.differing, measured.failed) == (3, 6, 1, 2)
    assert (measured.worst_overlap, measured.reordered) == (0.0, 0)
    assert noise_between(lane, [lane[0], lane[1], replace(refused(), query_id="c")]).differing == 1
    assert noise_between(lane).worst_rbo is None


def test_noise_of_a_side_goes_by_its_own_scale() -> None:
    """Distances of one side are compared as its scores, whatever the other side reports."""
    near = ranked(("a", 0.1), ("b", 0.2), query_id="a")
    rules = ComparisonRules(legacy_scale=ScoreScale(reported=Reported.COSINE_DISTANCE), modes=((Side.LEGACY, "x"),))
    queries = [Query(id="a", text="x", k=10)]
    measured = noise_of(Side.LEGACY, queries, [near], [[near]], rules, requests=1)
    assert (measured.differing, measured.score_delta) == (0, 0.0)


def test_noise_explains_only_what_it_shows() -> None:
    """Noise explains a difference up to its own frequency and size."""
    sides = Differences(differing=10, compared=100, loss=0.5)
    assert explains(noise(2, worst=0.5), sides)
    assert not explains(noise(1, worst=0.5), sides)
    assert not explains(noise(2, worst=0.6), sides)
    assert not explains(noise(0, worst=1.0), Differences(differing=0, compared=9, loss=0.0))
    assert explains(noise(1, worst=0.99), Differences(differing=0, compared=9, loss=0.0))
    assert not explains(None, sides)
    assert noise_words(Side.LEGACY, noise(2, worst=0.5)).endswith(
        "2 of 20 repeated queries, with an overlap of 0.50 at worst"
    )


@given(st.integers(0, 500), st.integers(0, 60))
def test_repeated_queries_are_spread_over_the_set(queries: int, most: int) -> None:
    """As many queries as the budget and the set allow are repeated, each once, the last one among them."""
    ordinals = NoiseBudget(queries=most).ordinals(queries)
    assert len(ordinals) == min(most, queries)
    assert list(ordinals) == sorted(set(ordinals))
    assert all(0 <= one < queries for one in ordinals)
    assert most < 2 or not queries or ordinals[-1] == queries - 1
