"""usearch: an HNSW index in memory and nothing else, so that ids, metadata and filters are the caller's."""

import importlib
from typing import Any

import numpy as np

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import Hit, Options


class Usearch:
    """Options: `exact`, `index` (metric, dtype, connectivity, expansion_add, expansion_search), `filter`.

    usearch for Python takes no filter. `after` (default) removes what does not fit from the best k, as a caller would who
    thinks no further; `before` compares every document that fits.
    """

    descending = False

    def __init__(self, options: Options, _folder: str) -> None:
        """Hold nothing yet."""
        self._usearch: Any = importlib.import_module("usearch.index")
        self._exact, self._given = (
            bool(options.get("exact")),
            {"metric": "cos", "dtype": "f32"} | options.get("index", {}),
        )
        self._before = options.get("filter") == "before"
        self._corpora: dict[str, tuple[Corpus, Any]] = {}
        self.version = f"usearch {importlib.import_module('usearch').__version__}"

    def add(self, corpus: Corpus) -> None:
        """Build the index; keys are row numbers."""
        index = self._usearch.Index(ndim=corpus.vectors.shape[1], **self._given)
        index.add(np.arange(len(corpus.ids)), corpus.vectors)
        self._corpora[corpus.name] = corpus, index

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Search by the index, and apply the filter before or after."""
        found, index = self._corpora[corpus]
        if where and self._before:
            rows = np.array([row for row, one in enumerate(found.metadata) if where.items() <= one.items()])
            metric = index.metric_kind
            near = self._usearch.search(found.vectors[rows], vector, min(k, len(rows)), metric, exact=True)
            keys = rows[near.keys]
        else:
            near = index.search(vector, k, exact=self._exact)
            keys = near.keys
        hits = [
            Hit(found.ids[int(key)], float(far), found.metadata[int(key)])
            for key, far in zip(keys, near.distances, strict=True)
        ]
        return [hit for hit in hits if where.items() <= hit.metadata.items()]

    def close(self) -> None:
        """Do nothing: memory is all there is."""
