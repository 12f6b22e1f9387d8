"""The indexes over the workers' vectors: every vector compared on the legacy side, an approximate graph on the candidate's.

Here belong what is found for one query vector and how results of several corpora are merged. Filters belong to
`worker_filters`, requests and responses to `retrieval`.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.demo.corpus import Worker
from parity_pipeline.demo.worker_filters import Mask

Matrix = NDArray[np.float32]

CONNECTIVITY: Final = 8
"""Neighbours of a vector in the graph: half of usearch's default, so that the index is approximate even at this size."""

EXPANSION_ADD: Final = 64
"""Candidates that are looked at to place a vector in the graph."""

EXPANSION_SEARCH: Final = 128
"""Candidates that are looked at in a search for fewer results than that."""

SCAN_GROWTH: Final = 4
"""How much further a filtered search scans each time that too few of what it found pass the filter."""


class Found(NamedTuple):
    """One result of an index.

    Attributes:
        row: Place among all workers.
        value: A similarity, higher is better, or a distance, lower is better, as the index says.
    """

    row: int
    value: float


def unit_rows(vectors: Matrix) -> Matrix:
    """Return the rows divided by their L2 norm; a zero row stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    return (vectors / np.where(norms > 0, norms, 1.0)).astype(np.float32)


class ExactIndex:
    """Brute force over all workers: cosine similarity, exact up to the rounding of float32."""

    def __init__(self, vectors: Matrix) -> None:
        """Take raw vectors, float32 of shape (workers, width)."""
        self._vectors = unit_rows(vectors)

    def search(self, query: Matrix, count: int, allowed: Mask) -> list[Found]:
        """Return the `count` most similar of the workers allowed, equal ones in the order of their rows."""
        rows = np.flatnonzero(allowed)
        # not `@`: its threads cost more than they give on 2,000 rows, and equal rows could get unequal sums
        scores = np.einsum("ij,j->i", self._vectors, unit_rows(query))[rows]
        best = np.argsort(-scores, kind="stable")[:count]
        return [Found(int(rows[place]), float(scores[place])) for place in best]


class GraphIndex:
    """An HNSW graph over the workers of one corpus, made by usearch with one thread, so that it is the same each time.

    With the constants above it finds about 99.6 % of the true ten. Equal distances come in the order in which the
    search met them.
    """

    def __init__(self, rows: NDArray[np.int64], vectors: Matrix, metric: str = "cos") -> None:
        """Index raw vectors.

        Args:
            rows: Place of each vector's worker among all workers.
            vectors: float32 of shape (len(rows), width).
            metric: usearch's name of the distance: `cos` is 1 - cosine, `ip` is 1 - dot product, `l2sq` is the squared
                Euclidean distance.
        """
        from usearch.index import Index  # noqa: PLC0415 - up to 0.1 s, which only a search need pay

        self._size = len(rows)
        self._index: Any = Index(
            ndim=vectors.shape[1],
            metric=metric,
            dtype="f32",
            connectivity=CONNECTIVITY,
            expansion_add=EXPANSION_ADD,
            expansion_search=EXPANSION_SEARCH,
        )
        self._index.add(rows, vectors, threads=1)

    def search(self, query: Matrix, count: int, allowed: Mask | None) -> list[Found]:
        """Return about the `count` nearest workers, the nearest first.

        A filter is applied while the graph is scanned: the search is repeated for more results until enough of them pass, or
        there are no more, as pgvector's iterative scans do.
        """
        scanned = min(count, self._size)
        while True:
            found = self._index.search(query, scanned, threads=1)
            pairs = zip(found.keys.tolist(), found.distances.tolist(), strict=True)
            passed = [Found(row, distance) for row, distance in pairs if allowed is None or allowed[row]]
            if len(passed) >= count or scanned == self._size:
                return passed[:count]
            scanned = min(scanned * SCAN_GROWTH, self._size)


_WORD: Final = re.compile(r"\w+")


def _words(text: str) -> list[str]:
    return _WORD.findall(text.casefold())


class LexicalIndex:
    """BM25 over the texts of workers, as search engines compute it: Lucene's form of the idf, k1 = 1.2, b = 0.75.

    Source: Robertson and Zaragoza, "The Probabilistic Relevance Framework: BM25 and Beyond", 2009. A worker that shares no
    word with a query is not found.
    """

    K1: Final = 1.2
    B: Final = 0.75

    def __init__(self, rows: Sequence[int], workers: Sequence[Worker]) -> None:
        """Index the texts of the workers at the given places."""
        counted = {row: Counter(_words(workers[row].text)) for row in rows}
        lengths = {row: sum(words.values()) for row, words in counted.items()}
        mean = sum(lengths.values()) / max(1, len(lengths))
        self._norms = {row: self.K1 * (1 - self.B + self.B * length / mean) for row, length in lengths.items()}
        self._postings: dict[str, dict[int, int]] = {}
        for row, words in counted.items():
            for word, times in words.items():
                self._postings.setdefault(word, {})[row] = times

    def search(self, text: str, count: int, allowed: Mask | None) -> list[Found]:
        """Return the `count` best workers by their BM25 score, above 0; equal ones in the order of their rows."""
        scores: Counter[int] = Counter()
        for word in _words(text):
            for row, score in self._scores(word):
                scores[row] += score  # pyright: ignore[reportArgumentType] - a Counter adds floats as well
        kept = [Found(row, float(score)) for row, score in scores.items() if allowed is None or allowed[row]]
        return sorted(kept, key=lambda one: (-one.value, one.row))[:count]

    def _scores(self, word: str) -> Iterator[tuple[int, float]]:
        found = self._postings.get(word, {})
        rarity = math.log(1 + (len(self._norms) - len(found) + 0.5) / (len(found) + 0.5))
        for row, times in found.items():
            yield row, rarity * times * (self.K1 + 1) / (times + self._norms[row])
