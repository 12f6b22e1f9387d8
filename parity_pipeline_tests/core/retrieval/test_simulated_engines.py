"""Whole sets from simulated engines over the same vectors: what the bands and the attribution say of them."""

from collections import Counter
from typing import Final

import numpy as np
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.attribution import Evidence, Explanation, attribute
from parity_pipeline.core.retrieval.bands import GradedQueries, SetMeasure, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.ranked_lists import NOT_NAMED, Codebook, Ints, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Float64
from parity_pipeline.core.retrieval.tally import RetrievalTally

K: Final = 10
NAMES: Final = [f"worker-{number}" for number in range(2_000)]


def top(scores: Float64, k: int = K) -> tuple[Ints, Float64]:
    """Return the best documents of each query with their scores."""
    order = np.argsort(-scores, axis=1, kind="stable")[:, :k]
    return order, np.take_along_axis(scores, order, axis=1)


def lists(documents: Ints, scores: Float64) -> RankedLists:
    """Return lists of one length as a block."""
    count, width = documents.shape
    return RankedLists(
        query_ids=[f"q{row}" for row in range(count)],
        statuses=[RowStatus.OK] * count,
        offsets=np.arange(0, count * width + 1, width),
        documents=documents.reshape(-1),
        vocabulary=NAMES,
        reported=scores.reshape(-1),
        metadata=np.zeros(documents.size, np.uint64),
        modes=[None] * count,
        refusals=[None] * count,
        hit_corpora=np.full(count, NOT_NAMED),
    )


def graded(legacy: tuple[Ints, Float64], candidate: tuple[Ints, Float64]) -> GradedQueries:
    """Compare two engines."""
    count = len(legacy[0])
    queries = QueryBlock(
        start=0,
        ids=[f"q{row}" for row in range(count)],
        k=np.full(count, K),
        categories=["drawn"] * count,
        filtered=np.zeros(count, np.bool_),
        corpora=np.ones(count, np.int64),
        drawn=np.ones(count, np.int64),
    )
    tally = RetrievalTally()
    return grade(compare(queries, lists(*legacy), lists(*candidate), Codebook(), ComparisonRules()), tally.bands)


def judged(found: GradedQueries) -> RetrievalTally:
    """Return the tally of one set."""
    tally = RetrievalTally()
    tally.add(found)
    return tally


def leaky(random: np.random.Generator, scores: Float64, recall: float) -> Float64:
    """Return scores of an approximate index, which does not see a share of the documents for each query."""
    return np.where(random.random(scores.shape) < recall, scores, -1.0)


@pytest.fixture(scope="module")
def vectors() -> tuple[Float64, Float64]:
    """Return 2,000 documents in clusters, with norms of 13 to 23, and 200 unit query vectors near them."""
    random = np.random.default_rng(11)
    clusters = random.normal(size=(40, 48))
    documents = clusters[random.integers(0, 40, 2_000)] + 0.6 * random.normal(size=(2_000, 48))
    queries = documents[random.integers(0, 2_000, 200)] + 0.5 * random.normal(size=(200, 48))
    documents /= np.linalg.norm(documents, axis=1, keepdims=True)
    return documents * random.uniform(13, 23, (2_000, 1)), queries / np.linalg.norm(queries, axis=1, keepdims=True)


def cosines(documents: Float64, queries: Float64) -> Float64:
    """Return the cosine of each query and document."""
    return queries @ (documents / np.linalg.norm(documents, axis=1, keepdims=True)).T


def test_clean_runs_never_fail(vectors: tuple[Float64, Float64]) -> None:
    """Of 200 runs with a recall of 0.99, ties in a tenth of the corpus shuffled, and rounding noise, none fails."""
    random, exact = np.random.default_rng(12), cosines(*vectors)
    exact[:, 100:200] = exact[:, :100]
    passed = 0
    for _ in range(200):
        some = random.choice(200, 50, replace=False)
        noisy = leaky(random, exact[some] + random.uniform(-1e-7, 1e-7, exact[some].shape), 0.995)
        band = judged(graded(top(exact[some]), top(noisy))).band()
        assert band is not Band.FAIL
        passed += band is Band.PASS
    assert passed > 100


def test_engines_are_separated(vectors: tuple[Float64, Float64]) -> None:
    """A wrong metric, another embedding and a poorly tuned index each do not pass, and nine in ten are named rightly."""
    documents, queries = vectors
    random, exact = np.random.default_rng(13), cosines(documents, queries)
    other = queries + 0.1 * random.normal(size=queries.shape)
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    legacy, poor = top(exact), leaky(random, exact, 0.85)
    dot = queries @ documents.T
    same_embedding, drifted = np.ones(200), np.einsum("ij,ij->i", queries, other)
    engines = {
        Explanation.SCORING: (dot, dot, same_embedding),
        Explanation.EMBEDDING: (cosines(documents, other), exact, drifted),
        Explanation.APPROXIMATE_INDEX: (poor, poor, same_embedding),
    }
    for expected, (own, same_vector, cosine) in engines.items():
        found = graded(legacy, top(own))
        assert judged(found).band() is not Band.PASS
        for evidence in (
            Evidence(same_vector=graded(legacy, top(same_vector)), cosine=cosine),
            Evidence(cosine=cosine),
        ):
            explained = Counter(one for one in attribute(found, evidence) if one is not None)
            assert explained[expected] >= 0.9 * sum(explained.values()), (expected, explained)


def test_a_list_one_short_is_a_cut_off(vectors: tuple[Float64, Float64]) -> None:
    """A candidate that returns k - 1 results does not pass, and every query is explained by that."""
    exact = cosines(*vectors)
    found = graded(top(exact), top(exact, K - 1))
    tally = judged(found)
    assert tally.set_bands()[SetMeasure.MEAN_OVERLAP] is Band.FAIL
    assert tally.set_bands()[SetMeasure.INVESTIGATE_SHARE] is Band.INVESTIGATE
    assert set(attribute(found, Evidence())) == {Explanation.CUT_OFF}
