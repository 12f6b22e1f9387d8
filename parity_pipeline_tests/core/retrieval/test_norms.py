"""The relation of scores by norms: found for metrics over raw vectors, and for nothing else."""

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.retrieval.diagnosis.norms import FREE, norms_relate

WIDTH: Final = 32
LISTED: Final = 30

Matrix = NDArray[np.float64]
Scores = tuple[NDArray[np.int64], NDArray[np.int64], Matrix, Matrix]


def vectors(seed: int, queries: int = 60, documents: int = 200) -> tuple[Matrix, Matrix]:
    """Return raw queries and documents in clusters, with norms that differ by a factor of about two."""
    random = np.random.default_rng(seed)
    found = random.normal(size=(20, WIDTH))[random.integers(0, 20, documents)]
    found += 0.5 * random.normal(size=found.shape)
    found *= random.uniform(0.7, 1.4, (documents, 1))
    near = found[random.integers(0, documents, queries)] + 0.4 * random.normal(size=(queries, WIDTH))
    return near * random.uniform(0.4, 1.8, (queries, 1)), found


def listed(queries: Matrix, documents: Matrix, candidate: Matrix) -> Scores:
    """Return the scores of documents that are in both lists."""
    cosine = unit(queries) @ unit(documents).T
    both = [np.argsort(-scores, axis=1)[:, :LISTED] for scores in (cosine, candidate)]
    pairs = [(row, one) for row in range(len(queries)) for one in set(both[0][row]) & set(both[1][row])]
    rows, columns = np.array(pairs).T
    return rows, columns, cosine[rows, columns], candidate[rows, columns].astype(np.float32).astype(np.float64)


def unit(rows: Matrix) -> Matrix:
    """Return rows of length 1."""
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def squares(queries: Matrix, documents: Matrix) -> Matrix:
    """Return squared distances."""
    return np.square(queries[:, None] - documents[None]).sum(axis=2)


@pytest.mark.parametrize("seed", range(5))
def test_metrics_over_raw_vectors_are_recognised(seed: int) -> None:
    """Dot product, squared distance and distance are found, each by its name."""
    queries, documents = vectors(seed)
    apart = squares(queries, documents)
    for name, candidate in (
        ("dot product", queries @ documents.T),
        ("squared distance", 1.0 - apart),
        ("the distance", 1.0 - np.sqrt(apart)),
    ):
        said = norms_relate(*listed(queries, documents, candidate))
        assert said is not None
        assert name in said


@pytest.mark.parametrize("seed", range(5))
def test_other_vectors_satisfy_no_relation(seed: int) -> None:
    """Queries of another embedding, documents of another one, and scores by chance are not a metric."""
    queries, documents = vectors(seed)
    random = np.random.default_rng(seed)
    moved = queries + 0.1 * random.normal(size=queries.shape)
    again = documents + 0.1 * random.normal(size=documents.shape)
    for candidate in (
        moved @ documents.T,
        1.0 - squares(moved, documents),
        queries @ again.T,
        queries @ documents.T + 0.3 * random.normal(size=(len(queries), len(documents))),
    ):
        assert norms_relate(*listed(queries, documents, candidate)) is None


def test_too_few_scores_say_nothing() -> None:
    """As many unknown norms as scores fit everything, so that nothing is claimed."""
    queries, documents = vectors(1, queries=12, documents=3000)
    rows, columns, cosine, candidate = listed(queries, documents, queries @ documents.T)
    assert norms_relate(rows, columns, cosine, candidate) is None
    assert norms_relate(rows[: FREE - 1], columns[: FREE - 1], cosine[: FREE - 1], candidate[: FREE - 1]) is None


def test_scores_beyond_a_cosine_are_not_taken_for_cosines() -> None:
    """Where the legacy side itself scores beyond 1, no relation to a cosine is claimed."""
    queries, documents = vectors(2)
    rows, columns, cosine, candidate = listed(queries, documents, queries @ documents.T)
    assert norms_relate(rows, columns, 3.0 * cosine, candidate) is None
