import dataclasses
import itertools
import tracemalloc
from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.retrieval.bands import Bands, QueryMeasure, SetMeasure, grade
from parity_pipeline.core.retrieval.outcomes import Band, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.tally import BINS, Distribution, RetrievalTally
from parity_pipeline.core.retrieval.worst_queries import SHOWN_RESULTS, ShownResult
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order, lost, query, ranked, refused

TEN = "abcdefghij"
SAME: Pair = (in_order(TEN), in_order(TEN))
OTHER: Pair = (in_order(TEN), in_order("klmnopqrst"))
TOP: Pair = (in_order(TEN), in_order("bcdefghijk"))
EMPTY: Pair = (in_order(""), in_order(""))
ONE_EMPTY: Pair = (in_order(TEN), in_order(""))
LOST: Pair = (in_order(TEN), lost())
REFUSED: Pair = (refused(), refused())
ANY = (SAME, OTHER, TOP, EMPTY, ONE_EMPTY, LOST, REFUSED)


def tally_of(*blocks: Sequence[Pair], drawn: int = 0, categories: str = "x") -> RetrievalTally:
    """Return the tally of some blocks of pairs; categories are given in turn."""
    tally, start, codebook = RetrievalTally(), 0, Codebook()
    for block in blocks:
        queries = [query(category=categories[place % len(categories)], drawn=drawn) for place in range(len(block))]
        if block:
            rows = compared(block, queries=queries, start=start, codebook=codebook)
            tally.add(grade(rows, tally.bands))
        start += len(block)
    return tally


@given(st.lists(st.sampled_from(ANY), max_size=80), st.lists(st.integers(0, 80), max_size=4))
def test_streaming_equals_one_block(pairs: list[Pair], cuts: list[int]) -> None:
    """However a set is cut into blocks, the tally is the same, to the last bit of each mean."""
    edges = [0, *sorted(min(cut, len(pairs)) for cut in cuts), len(pairs)]
    streamed = tally_of(*(pairs[low:high] for low, high in itertools.pairwise(edges)))
    whole = tally_of(pairs)
    for one in dataclasses.fields(RetrievalTally):
        if one.name not in {"_worst", "distributions", "overlap_at_10"}:
            assert getattr(streamed, one.name) == getattr(whole, one.name), one.name
    assert streamed.values() == whole.values()
    assert streamed.shown_queries() == whole.shown_queries()
    for measure in QueryMeasure:
        assert streamed.distributions[measure].quantile(0.5) == whole.distributions[measure].quantile(0.5)


@given(st.lists(st.sampled_from(ANY), max_size=80))
def test_counts_add_up(pairs: list[Pair]) -> None:
    """Each query is counted once, overall and in its category, and shown queries are bounded."""
    tally = tally_of(pairs)
    assert tally.queries == len(pairs) == sum(tally.counts.values())
    assert sum(sum(counts.values()) for counts in tally.by_category.values()) == len(pairs)
    assert len(tally.shown_queries()) == min(len(pairs), REPORT_ROWS)


def test_a_clean_set_passes() -> None:
    """Lists that agree, empty ones included, put every measure of the set in PASS."""
    tally = tally_of([SAME] * 9 + [EMPTY])
    assert set(tally.set_bands().values()) == {Band.PASS}
    assert (tally.band(), tally.agreeing) == (Band.PASS, 10)


def test_one_wrong_query_in_two_hundred_does_not_pass() -> None:
    """A single query with another list does not fail the set, and never passes."""
    tally = tally_of([SAME] * 199 + [OTHER])
    assert tally.set_bands()[SetMeasure.DIFFERENT_SHARE] is Band.INVESTIGATE
    assert tally.band() is Band.INVESTIGATE


def test_another_list_everywhere_fails() -> None:
    """A set whose lists share nothing fails by overlap, top-1, rank-biased overlap and the share of differences."""
    bands = tally_of([OTHER] * 20).set_bands()
    failing = {measure for measure, band in bands.items() if band is Band.FAIL}
    assert failing >= {
        SetMeasure.MEAN_OVERLAP,
        SetMeasure.MEAN_OVERLAP_AT_10,
        SetMeasure.TOP_1_SHARE,
        SetMeasure.MEAN_RBO,
        SetMeasure.DIFFERENT_SHARE,
    }


@pytest.mark.parametrize("pairs", [[], [LOST] * 5, [REFUSED] * 5])
def test_a_set_without_measures_never_passes(pairs: list[Pair]) -> None:
    """No query, none with a response, and none but refused ones are not enough for PASS."""
    assert tally_of(pairs).band() is not Band.PASS


def test_an_approximate_index_passes() -> None:
    """Two hundred queries of which one in ten lacks one of ten results, with the rest in order, are in PASS."""
    hole: Pair = (in_order(TEN), ranked(*in_hits("abcdefgij"), ("k", 0.85)))
    tally = tally_of(([SAME] * 9 + [hole]) * 20)
    assert tally.band() is Band.PASS
    assert tally.values()[SetMeasure.MEAN_OVERLAP] == pytest.approx(0.99)


def in_hits(names: str) -> list[tuple[str, float]]:
    """Return documents with the scores that they have in the list of ten."""
    ten = in_order(TEN)
    scores = dict(zip(ten.ids, ten.scores, strict=True))
    return [(name, scores[name]) for name in names]


def test_bounds_speak_of_random_draws() -> None:
    """Agreeing draws are clean, refused by both count for nothing, and every other outcome is a failure."""
    tally = tally_of([SAME, EMPTY, REFUSED, TOP, LOST], drawn=2)
    (bound,) = tally.share_bounds()
    assert (bound.trials, bound.failures) == (8, 4)
    assert len(tally_of([SAME] * 4, drawn=1, categories="xy").share_bounds()) == 3
    assert tally_of([SAME]).share_bounds()[0].trials == 0


def test_worst_queries_come_first() -> None:
    """Of many mismatches those with the smallest rank-biased overlap are kept, and each outcome is shown."""
    pairs = [*([OTHER] * 60), (in_order(TEN), in_order("jihgfedcba")), ONE_EMPTY, LOST, *([SAME] * 60)]
    shown = tally_of(pairs[:50], pairs[50:]).shown_queries()
    assert len(shown) == REPORT_ROWS
    kinds = [one.outcome for one in shown]
    assert set(kinds) == {
        RetrievalOutcome.EMPTY_CANDIDATE,
        RetrievalOutcome.MISMATCH,
        RetrievalOutcome.MISSING,
        RetrievalOutcome.MATCH,
    }
    mismatches = [one.rbo for one in shown if one.outcome is RetrievalOutcome.MISMATCH]
    assert mismatches[0] == 0.0
    assert [one.ordinal for one in shown if one.outcome is RetrievalOutcome.MISMATCH][:3] == [0, 1, 2]


def test_a_query_is_shown_side_by_side() -> None:
    """A shown query has both sides' first results, with where the legacy side has each of the candidate's."""
    tally = tally_of([(in_order("abcdefghijkl"), in_order("cxa"))])
    (shown,) = tally.shown_queries()
    assert shown.shown[:4] == (
        ShownResult("a", "c", 3),
        ShownResult("b", "x", None),
        ShownResult("c", "a", 1),
        ShownResult("d", None, None),
    )
    assert len(shown.shown) == SHOWN_RESULTS


def test_the_upper_end_of_a_measure_is_a_quantile_of_its_own() -> None:
    """Where most queries reach 1, the median is 1 and not the lower edge of the last bin."""
    found = Distribution(0.0, 1.0)
    found.add(np.array([0.25, 0.9995, 1.0, 1.0, 1.0]))
    assert found.quantile(0.5) == 1.0


def test_quantiles_are_exact_to_a_bin() -> None:
    """A quantile is at most one bin below the exact one, and within the extremes."""
    values = np.random.default_rng(1).random(5_000)
    found = Distribution(0.0, 1.0)
    for part in np.array_split(values, 7):
        found.add(part)
    for share in (0.01, 0.05, 0.5, 0.95):
        exact = np.quantile(values, share, method="inverted_cdf")
        assert found.quantile(share) == pytest.approx(exact, abs=1.0 / BINS + 1e-9)
    assert (found.smallest, found.largest) == (values.min(), values.max())
    assert Distribution(0.0, 1.0).quantile(0.5) is None


def test_memory_does_not_grow_with_queries() -> None:
    """Ten times as many blocks leave a tally and a codebook that hold no more memory."""
    random = np.random.default_rng(3)
    held: list[int] = []
    for blocks in (10, 100):
        tally, codebook = RetrievalTally(Bands()), Codebook(limit=500)
        tracemalloc.start()
        for block in range(blocks):
            names = [f"d{number}" for number in random.permutation(100_000)[:40]]
            pairs = [(in_order(names[:10]), in_order(names[place : place + 10])) for place in (0, 1, 5, 20)]
            rows = compared(pairs, codebook=codebook, start=4 * block)
            tally.add(grade(rows, tally.bands))
        held.append(tracemalloc.get_traced_memory()[0])
        tracemalloc.stop()
    assert held[1] < 2 * held[0] + 500_000
