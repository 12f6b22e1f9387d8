"""No engine: every document is compared, by numpy in float64. The yardstick of the others."""

import numpy as np

from bench.peers.dataset import Corpus, Matrix, Metadata
from bench.peers.engines.base import Hit, Options


class BruteForce:
    """Options: `ties`, `oldest` (default) or `newest`: which of equally distant documents comes first."""

    descending = False

    def __init__(self, options: Options, _folder: str) -> None:
        """Hold nothing yet."""
        self.version = f"numpy {np.__version__}"
        self._sign = -1 if options.get("ties") == "newest" else 1
        self._corpora: dict[str, Corpus] = {}
        self._units: dict[str, np.ndarray[tuple[int, int], np.dtype[np.float64]]] = {}

    def add(self, corpus: Corpus) -> None:
        """Keep the unit vectors."""
        exact = corpus.vectors.astype(np.float64)
        self._corpora[corpus.name] = corpus
        self._units[corpus.name] = exact / np.linalg.norm(exact, axis=1, keepdims=True)

    def search(self, corpus: str, vector: Matrix, k: int, where: Metadata) -> list[Hit]:
        """Compare every document that the filter leaves."""
        found, exact = self._corpora[corpus], vector.astype(np.float64)
        distances = 1.0 - self._units[corpus] @ (exact / np.linalg.norm(exact))
        kept = [row for row, one in enumerate(found.metadata) if where.items() <= one.items()] if where else None
        rows = np.arange(len(distances)) if kept is None else np.array(kept, np.int64)
        # Twelve digits, so that copies tie whatever the order of additions was.
        best = rows[np.lexsort((self._sign * rows, np.round(distances[rows], 12)))][:k].tolist()
        return [Hit(found.ids[row], float(distances[row]), found.metadata[row]) for row in best]

    def close(self) -> None:
        """Do nothing: memory is all there is."""
