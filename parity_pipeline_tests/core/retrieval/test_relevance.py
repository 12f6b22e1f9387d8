import numpy as np
import pytest
from scipy import stats

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.relevance import paired_difference


def test_the_interval_holds_the_true_difference() -> None:
    """Over 60 draws of 80 queries, an interval of 95 % misses a true difference of 0.05 in few of them."""
    random = np.random.default_rng(7)
    missed = 0
    for _ in range(60):
        legacy = random.random(80)
        candidate = legacy + 0.05 + random.normal(0.0, 0.1, 80)
        found = paired_difference("nDCG@10", legacy, candidate)
        missed += not found.low <= 0.05 <= found.high
    # With a coverage of 0.95, more than 9 of 60 have a probability below 0.001.
    assert stats.binom.sf(9, 60, 0.05) < 0.001
    assert missed <= 9


def test_a_difference_is_paired() -> None:
    """Queries are compared with themselves: a constant gain has an interval of one value, however queries vary."""
    legacy = np.random.default_rng(1).random(50) * 0.5
    found = paired_difference("recall@10", legacy, legacy + 0.25)
    assert (found.low, found.high) == (pytest.approx(0.25), pytest.approx(0.25))
    assert (found.better, found.worse, found.queries) == (50, 0, 50)
    assert found.difference == pytest.approx(0.25)


def test_the_same_values_give_the_same_interval() -> None:
    """Resampling is seeded: a verdict that is given again has the same numbers."""
    legacy, candidate = np.random.default_rng(2).random((2, 40))
    assert paired_difference("MRR", legacy, candidate) == paired_difference("MRR", legacy, candidate)


@pytest.mark.parametrize("queries", [2, 3, 3_000])
def test_few_and_many_queries_have_an_interval(queries: int) -> None:
    """The interval is finite and holds the mean, for two queries as well as for more than can be accelerated."""
    legacy, candidate = np.random.default_rng(3).random((2, queries))
    found = paired_difference("MRR", legacy, candidate)
    assert found.low <= found.difference <= found.high


@pytest.mark.parametrize(("legacy", "candidate"), [([], []), ([1.0], [1.0, 0.5]), ([np.nan, 1.0], [1.0, 1.0])])
def test_values_that_cannot_be_paired(legacy: list[float], candidate: list[float]) -> None:
    """No queries, different queries and NaN are refused."""
    with pytest.raises(MetricInputError):
        paired_difference("MRR", np.array(legacy), np.array(candidate))
