import dataclasses
import itertools
import math
from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.measures import QueryMeasures, inverted_pairs, rank_biased_overlap
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline_tests.core.retrieval.builders import Hit, compared, in_order, ranked

EXACT = ComparisonRules(tie_tolerance=0.0)
SYMMETRIC = (
    *("overlap", "overlap_at", "top_1", "rbo", "tau_b", "rank_change", "score_delta", "common", "paired"),
    *("inversions", "inversion_gap", "metadata"),
)


def hits(draw: dict[str, int]) -> list[Hit]:
    """Return documents with scores in tenths, best first."""
    return sorted(((name, score / 10) for name, score in draw.items()), key=lambda hit: -hit[1])


side = st.dictionaries(st.sampled_from("abcdefghij"), st.integers(0, 4), max_size=8).map(hits)


def constant(left: Sequence[Hit], right: Sequence[Hit]) -> bool:
    """Say whether one side scores all its three or more results alike, and the other side does not."""
    scores = [{score for _, score in one} for one in (left, right)]
    flat = [len(one) >= 3 and len(found) == 1 for one, found in zip((left, right), scores, strict=True)]
    return (flat[0] and len(scores[1]) > 1) or (flat[1] and len(scores[0]) > 1)


def measured(
    legacy: Ranking, candidate: Ranking, *, k: int = 10, rules: ComparisonRules | None = None
) -> QueryMeasures:
    """Return the measures of one query."""
    return compared([(legacy, candidate)], rules or EXACT, k=k).measures


def equal(one: QueryMeasures, other: QueryMeasures, names: Sequence[str] | None = None) -> None:
    """Check that two queries have the same measures."""
    for name in names or [field.name for field in dataclasses.fields(QueryMeasures)]:
        np.testing.assert_allclose(getattr(one, name), getattr(other, name), atol=1e-15, equal_nan=True, err_msg=name)


@given(side, side)
def test_measures_are_symmetric(left: list[Hit], right: list[Hit]) -> None:
    """Which side is called legacy changes no measure; missing and extra change places."""
    one, other = measured(ranked(*left), ranked(*right), k=8), measured(ranked(*right), ranked(*left), k=8)
    equal(one, other, SYMMETRIC)
    assert (one.missing[0], one.extra[0]) == (other.extra[0], other.missing[0])


@given(side, side)
def test_measures_keep_their_bounds(left: list[Hit], right: list[Hit]) -> None:
    """Overlap and rank-biased overlap lie in [0, 1], tau-b in [-1, 1], and counts add up."""
    found = measured(ranked(*left), ranked(*right), k=8)
    assert 0.0 <= found.overlap[0] <= 1.0
    assert 0.0 <= found.rbo[0] <= 1.0
    assert found.top_1[0] in {0.0, 1.0}
    assert math.isnan(found.tau_b[0]) or abs(found.tau_b[0]) <= 1.0 + 1e-15
    assert found.common[0] + found.paired[0] + found.missing[0] == len(left)
    assert found.common[0] + found.paired[0] + found.extra[0] == len(right)


@given(side)
def test_a_list_agrees_with_itself(hits: list[Hit]) -> None:
    """A list against itself has overlap, top-1 and rank-biased overlap of exactly 1, and no difference at all."""
    found = measured(ranked(*hits), ranked(*hits))
    assert (found.overlap[0], found.top_1[0], found.rbo[0]) == (1.0, 1.0, 1.0)
    assert math.isnan(found.tau_b[0]) or found.tau_b[0] == pytest.approx(1.0)
    assert not any((found.missing[0], found.extra[0], found.rank_change[0], found.inversions[0], found.paired[0]))


@given(side, side, st.randoms(use_true_random=False))
def test_order_inside_a_tie_group_changes_nothing(left: list[Hit], right: list[Hit], random: Random) -> None:
    """Documents that a side scores alike may stand in any order: every measure stays the same."""
    assume(not constant(left, right))
    shuffled = [sorted(one, key=lambda hit: (-hit[1], random.random())) for one in (left, right)]
    equal(measured(ranked(*left), ranked(*right)), measured(ranked(*shuffled[0]), ranked(*shuffled[1])))


def orders(hits: Sequence[Hit]) -> list[tuple[str, ...]]:
    """Return every order of a list that its tie groups permit."""
    groups = [[name for name, _ in group] for _, group in itertools.groupby(hits, key=lambda hit: hit[1])]
    choices = itertools.product(*(itertools.permutations(group) for group in groups))
    return [tuple(itertools.chain.from_iterable(choice)) for choice in choices]


small = st.dictionaries(st.sampled_from("abcdef"), st.integers(0, 2), min_size=1, max_size=5).map(hits)


@given(small, small)
def test_ties_are_broken_in_favour_of_agreement(left: list[Hit], right: list[Hit]) -> None:
    """With ties, overlap at each depth and rank-biased overlap are the greatest of all orders that the ties permit."""
    assume(not constant(left, right))
    rules = ComparisonRules(tie_tolerance=0.0, depths=(1, 2, 3, 4, 5))
    found = measured(ranked(*left), ranked(*right), rules=rules)
    every = [
        measured(in_order(ours), in_order(theirs), rules=rules) for ours in orders(left) for theirs in orders(right)
    ][:400]
    for depth in range(5):
        assert found.overlap_at[0, depth] >= max(one.overlap_at[0, depth] for one in every) - 1e-15
    assert found.rbo[0] >= max(one.rbo[0] for one in every) - 1e-12
    if len(orders(left)) * len(orders(right)) <= 400:
        assert found.rbo[0] == pytest.approx(max(one.rbo[0] for one in every))


def test_a_swap_inside_a_tie_group_changes_nothing() -> None:
    """By hand: b and c score alike on the legacy side, and the candidate has them the other way round."""
    found = measured(ranked(("a", 0.9), ("b", 0.8), ("c", 0.8), ("d", 0.7)), in_order("acbd"))
    assert (found.overlap[0], found.rbo[0], found.rank_change[0], found.inversions[0]) == (1.0, 1.0, 0, 0)
    # Five of six pairs are ordered by both, one by the candidate alone: 5 / sqrt(5 * 6).
    assert found.tau_b[0] == pytest.approx(5 / math.sqrt(30))


def test_a_tie_at_the_top_does_not_change_the_best_document() -> None:
    """By hand: a and b share the best score on one side, so that b is the best of both."""
    assert measured(ranked(("a", 0.9), ("b", 0.9), ("c", 0.1)), in_order("bac")).top_1[0] == 1.0
    assert measured(in_order("abc"), in_order("bac")).top_1[0] == 0.0


def test_a_tie_cut_at_k_changes_nothing() -> None:
    """By hand: of x, y and z with one score, each side shows two; the third pair of documents is the same tie."""
    legacy = ranked(("a", 0.9), ("x", 0.5), ("y", 0.5))
    candidate = ranked(("a", 0.9), ("z", 0.5), ("x", 0.5))
    found = measured(legacy, candidate, k=3)
    assert (found.overlap[0], found.rbo[0], found.paired[0], found.common[0]) == (1.0, 1.0, 1, 2)
    assert (found.missing[0], found.extra[0]) == (0, 0)


def test_a_list_shorter_than_k_was_not_cut() -> None:
    """By hand: the same lists, but five were requested: nothing lies behind their ends, so y and z do differ."""
    legacy = ranked(("a", 0.9), ("x", 0.5), ("y", 0.5))
    found = measured(legacy, ranked(("a", 0.9), ("z", 0.5), ("x", 0.5)), k=5)
    assert (found.missing[0], found.extra[0], found.paired[0]) == (1, 1, 0)


def test_a_last_place_with_one_score_on_both_sides_is_a_tie() -> None:
    """By hand: k cuts between y and z, which have the same score, so that each side shows another one."""
    legacy, candidate = ranked(("a", 0.9), ("y", 0.5)), ranked(("a", 0.9), ("z", 0.5))
    assert measured(legacy, candidate, k=2).paired[0] == 1
    unknown = ComparisonRules(tie_tolerance=0.0, comparable=False)
    assert measured(legacy, candidate, k=2, rules=unknown).missing[0] == 1


def test_scores_that_depend_on_the_rank_alone_show_no_tie() -> None:
    """By hand: reciprocal rank fusion scores the last place of every list alike, whatever document stands there."""
    found = measured(in_order("abc"), in_order("bad"), k=3)
    assert (found.missing[0], found.paired[0]) == (1, 0)
    assert measured(in_order("a"), in_order("b"), k=1).top_1[0] == 0.0


def test_a_constant_score_does_not_hide_the_order() -> None:
    """By hand: a candidate that scores every document alike, or by tiny numbers, is held to the order it returned."""
    for scores in ((1.0, 1.0, 1.0), (3e-9, 2e-9, 1e-9)):
        found = measured(in_order("abc"), in_order("cba", scores=scores), rules=ComparisonRules(comparable=False))
        assert (found.top_1[0], found.inversions[0], found.tau_b[0]) == (0.0, 3, -1.0)
    both = measured(in_order("abc", scores=(1.0,) * 3), in_order("cba", scores=(1.0,) * 3))
    assert both.rbo[0] == 1.0


def test_another_document_with_a_lower_score_is_a_difference() -> None:
    """By hand: the candidate's last document scores lower than the legacy side's, so that no tie explains it."""
    found = measured(ranked(("a", 0.9), ("y", 0.5)), ranked(("a", 0.9), ("z", 0.4)), k=2)
    assert (found.missing[0], found.extra[0], found.overlap[0]) == (1, 1, 0.5)


def test_a_tie_group_is_held_together_by_its_first_score() -> None:
    """By hand: steps of 0.06 within a tolerance of 0.1 make groups of two, not one group of four."""
    rules = ComparisonRules(tie_tolerance=0.1)
    legacy = ranked(("a", 0.90), ("b", 0.84), ("c", 0.78), ("d", 0.72))
    swapped = measured(legacy, in_order("badc", scores=(4.0, 3.0, 2.0, 1.0)), rules=rules)
    assert swapped.inversions[0] == 0
    crossed = measured(legacy, in_order("acbd", scores=(4.0, 3.0, 2.0, 1.0)), rules=rules)
    assert crossed.inversions[0] == 1


def test_rank_biased_overlap_by_hand() -> None:
    """By hand with p = 0.5: ab against ba shares 0 of 1 and 2 of 2, so 0.5 times 0.5, and the extrapolated 0.25."""
    found = measured(in_order("ab"), in_order("ba"), rules=ComparisonRules(persistence=0.5))
    assert found.rbo[0] == pytest.approx(0.5 * 0.5 + 0.25)


def test_the_gap_of_inversions_is_the_smaller_rise() -> None:
    """By hand: read in the candidate's order, legacy scores rise by 0.2; candidate scores in the legacy order by 0.01."""
    legacy = ranked(("a", 0.9), ("b", 0.7), ("c", 0.1))
    candidate = ranked(("b", 0.81), ("a", 0.80), ("c", 0.1))
    found = measured(legacy, candidate)
    assert (found.inversions[0], found.rank_change[0]) == (1, 1)
    assert found.inversion_gap[0] == pytest.approx(0.01)
    assert found.score_delta[0] == pytest.approx(0.11)


@given(side, side)
def test_a_tolerance_of_the_gap_excuses_all_inversions(left: list[Hit], right: list[Hit]) -> None:
    """If pairs apart by at most the gap were ties on one of the sides, no pair would be inverted."""
    found = measured(ranked(*left), ranked(*right))
    gap, scores = found.inversion_gap[0] + 1e-9, (dict(left), dict(right))
    common = [name for name in scores[0] if name in scores[1]]

    def inverted(by: int) -> bool:
        """Say whether a pair remains whose scores are further apart than the gap on this side."""
        return any(
            (scores[0][a] - scores[0][b]) * (scores[1][a] - scores[1][b]) < 0
            and abs(scores[by][a] - scores[by][b]) > gap
            for a, b in itertools.combinations(common, 2)
        )

    assert not inverted(0) or not inverted(1)


def test_measures_without_scores() -> None:
    """A side that reports no scores is compared by order; gaps and differences of scores are not known."""
    found = measured(in_order("abc", scores=()), in_order("acb", scores=()))
    assert (found.inversions[0], found.overlap[0]) == (1, 1.0)
    assert math.isnan(found.inversion_gap[0])
    assert math.isnan(found.score_delta[0])


def test_overlap_at_a_depth_beyond_the_corpus() -> None:
    """A corpus of three documents agrees at depth 10 if all three do; a depth beyond k is not measured."""
    found = measured(in_order("abc"), in_order("abc"), k=10)
    assert found.overlap_at[0].tolist()[:2] == [1.0, 1.0]
    assert math.isnan(found.overlap_at[0, 2])


def test_one_empty_list() -> None:
    """An empty list agrees with an empty list, and with no other."""
    both, one = measured(in_order(""), in_order("")), measured(in_order("ab"), in_order(""))
    assert (both.overlap[0], both.rbo[0], both.top_1[0]) == (1.0, 1.0, 1.0)
    assert (one.overlap[0], one.rbo[0], one.top_1[0], one.missing[0]) == (0.0, 0.0, 0.0, 2)


@pytest.mark.parametrize("width", [3, 130, 400])
def test_inversions_of_long_lists(width: int) -> None:
    """A reversed list has every pair inverted, whatever number type its length needs."""
    rank = np.arange(width)[::-1][None].astype(np.int64)
    assert inverted_pairs(rank, np.ones((1, width), np.bool_)).tolist() == [width * (width - 1) // 2]


@pytest.mark.parametrize("persistence", [0.0, 1.0, -1.0, math.nan])
def test_a_persistence_that_cannot_be(persistence: float) -> None:
    """Rank-biased overlap takes p between 0 and 1 only."""
    nothing = np.zeros(1, np.int64)
    with pytest.raises(MetricInputError, match="has no p of"):
        rank_biased_overlap(np.zeros((1, 1), np.int64), nothing, nothing, persistence)
