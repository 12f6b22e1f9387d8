"""The measures against other people's implementations, on 10,000 random lists without ties, and tau-b with ties too."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import ir_measures
import numpy as np
import pyarrow.parquet as pq
import pytest
from ir_measures import P
from scipy import stats

from parity_pipeline.core.retrieval.compare import ComparedQueries, ComparisonRules
from parity_pipeline_tests.core.retrieval.builders import ORDER_ONLY, compared, ranked, without_scores

RECORDED = Path(__file__).parents[2] / "data" / "rbo_ext.parquet"
Lists = list[list[str]]


@pytest.fixture(scope="module")
def recorded() -> dict[str, Any]:
    """Return 10,000 pairs of lists with the rank-biased overlap that the package `rbo` computed."""
    columns = cast("dict[str, Any]", pq.read_table(RECORDED).to_pydict())
    for side in ("legacy", "candidate"):
        columns[side] = [[str(number) for number in numbers] for numbers in columns[side]]
    return columns


@pytest.fixture(scope="module")
def random_lists(recorded: dict[str, Any]) -> tuple[Lists, Lists, ComparedQueries]:
    """Return the lists and how they compare."""
    legacy, candidate = recorded["legacy"], recorded["candidate"]
    return legacy, candidate, compare_orders(legacy, candidate, ORDER_ONLY)


def kendall(legacy: Sequence[int], candidate: Sequence[int]) -> float:
    """Return tau-b as scipy computes it."""
    return float(cast("Any", stats.kendalltau(legacy, candidate)).statistic)


def compare_orders(legacy: Lists, candidate: Lists, rules: ComparisonRules) -> ComparedQueries:
    """Compare lists of which only the order is known."""
    pairs = [(without_scores(a), without_scores(b)) for a, b in zip(legacy, candidate, strict=True)]
    return compared(pairs, rules, k=20)


@pytest.mark.parametrize("persistence", [0.5, 0.8, 0.9, 0.95, 0.98])
def test_rank_biased_overlap_is_that_of_the_package_rbo(recorded: dict[str, Any], persistence: float) -> None:
    """Extrapolated rank-biased overlap equals that of `rbo`, also of lists of different lengths."""
    rows = [row for row, p in enumerate(recorded["p"]) if p == persistence]
    assert len(rows) > 1_900
    legacy, candidate = ([recorded[side][row] for row in rows] for side in ("legacy", "candidate"))
    found = compare_orders(legacy, candidate, ComparisonRules(persistence=persistence, comparable=False))
    np.testing.assert_allclose(found.measures.rbo, [recorded["rbo_ext"][row] for row in rows], rtol=0, atol=1e-12)


def test_kendall_is_that_of_scipy(random_lists: tuple[Lists, Lists, ComparedQueries]) -> None:
    """Tau-b of the common documents equals that of `scipy.stats.kendalltau`, NaN included."""
    legacy, candidate, found = random_lists
    expected: list[float] = []
    for ours, theirs in zip(legacy, candidate, strict=True):
        common = [name for name in ours if name in theirs]
        several = len(common) > 1
        ranks = [ours.index(name) for name in common], [theirs.index(name) for name in common]
        expected.append(kendall(*ranks) if several else np.nan)
    np.testing.assert_allclose(found.measures.tau_b, expected, rtol=0, atol=1e-12, equal_nan=True)


def test_kendall_with_ties_is_that_of_scipy() -> None:
    """Tau-b counts tied scores as `scipy.stats.kendalltau` does: 2,000 lists of few distinct scores."""
    random = np.random.default_rng(5)
    pairs, expected = [], list[float]()
    names = [f"d{number}" for number in range(9)]
    for _ in range(2_000):
        sides = random.integers(0, 5, (2, 9))
        expected.append(kendall(*sides.tolist()))
        hits = [sorted(zip(names, (side / 10).tolist(), strict=True), key=lambda hit: -hit[1]) for side in sides]
        pairs.append((ranked(*hits[0]), ranked(*hits[1])))
    np.testing.assert_allclose(compared(pairs).measures.tau_b, expected, rtol=0, atol=1e-12, equal_nan=True)


def test_overlap_and_best_document_are_those_of_trec_eval(random_lists: tuple[Lists, Lists, ComparedQueries]) -> None:
    """Overlap@10 and top-1 equal the precision that `ir-measures` computes with the legacy list as the labels."""
    legacy, candidate, found = random_lists
    long = [row for row in range(len(legacy)) if len(legacy[row]) >= 10 and len(candidate[row]) >= 10]
    assert len(long) > 2_000
    for depth, values in ((10, found.measures.overlap_at[:, 1]), (1, found.measures.top_1)):
        qrels = [ir_measures.Qrel(str(row), name, 1) for row in long for name in legacy[row][:depth]]
        run = [
            ir_measures.ScoredDoc(str(row), name, float(-rank))
            for row in long
            for rank, name in enumerate(candidate[row])
        ]
        expected = {int(one.query_id): one.value for one in ir_measures.iter_calc([P @ depth], qrels, run)}
        np.testing.assert_allclose(values[long], [expected[row] for row in long], rtol=0, atol=1e-12)


def test_counts_are_those_of_sets(random_lists: tuple[Lists, Lists, ComparedQueries]) -> None:
    """Common, missing and extra documents, rank changes and inversions equal what Python's lists and sets give."""
    legacy, candidate, found = random_lists
    measures = found.measures
    for row, (ours, theirs) in enumerate(zip(legacy, candidate, strict=True)):
        common = [name for name in ours if name in theirs]
        places = [theirs.index(name) for name in common]
        change = max((abs(ours.index(name) - theirs.index(name)) for name in common), default=0)
        inverted = sum(places[i] > places[j] for j in range(len(places)) for i in range(j))
        counts = (len(common), len(set(ours) - set(theirs)), len(set(theirs) - set(ours)), change, inverted)
        got = (measures.common, measures.missing, measures.extra, measures.rank_change, measures.inversions)
        assert tuple(int(one[row]) for one in got) == counts
