"""The recall of a peer's lists, measured against all documents.

Here belong numbers that need every document; what the probe says of two lists belongs to `chain`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from bench.peers.dataset import Dataset, Matrix
from parity_pipeline.core.retrieval.records import Float64, Ranking

_EQUAL: Final = 1e-6
"""Distances up to this far apart tie."""


class Truth:
    """Distances of all documents, by numpy in float64, and with them the recall of any list."""

    def __init__(self, data: Dataset) -> None:
        """Compare every query with every document of its corpora that its filter leaves."""
        self._queries = data.queries
        self._places = {one.name: {identity: row for row, identity in enumerate(one.ids)} for one in data.corpora}
        units = _units(data.query_vectors)
        self._distances = {one.name: 1.0 - units @ _units(one.vectors).T for one in data.corpora}
        fields = {one.name: one.metadata for one in data.corpora}
        self._sizes: list[int] = []
        self._last: list[float] = []
        for row, query in enumerate(data.queries):
            wanted = (query.filter or {}).items()
            fits = [np.array([wanted <= one.items() for one in fields[name]], np.bool_) for name in query.corpora]
            found = [self._distances[name][row, one] for name, one in zip(query.corpora, fits, strict=True)]
            best = np.sort(np.concatenate(found))[: query.k]
            self._sizes.append(len(best))
            self._last.append(float(best[-1]) if len(best) else np.nan)

    def recall(self, rankings: Sequence[Ranking], category: str) -> float:
        """Return the mean recall of a category's lists up to ties.

        A result counts where its own distance is at most that of the last document that belongs in the list.
        """
        shares: list[float] = []
        for row, (query, ranking) in enumerate(zip(self._queries, rankings, strict=True)):
            if query.category == category and self._sizes[row]:
                names = [(one.rpartition("-")[0], one) for one in set(ranking.ids)]
                got = [float(self._distances[name][row, self._places[name][one]]) for name, one in names]
                within = sum(one <= self._last[row] + _EQUAL for one in got)
                shares.append(min(1.0, within / self._sizes[row]))
        return float(np.mean(shares))


def _units(vectors: Matrix) -> Float64:
    exact = vectors.astype(np.float64)
    return exact / np.linalg.norm(exact, axis=1, keepdims=True)
