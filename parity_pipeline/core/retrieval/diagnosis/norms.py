"""Whether norms of the vectors relate the scores of both sides: a dot product in place of the cosine.

Here belongs the fit with one norm per query and one per document. A cosine leaves both out, and the dot product is
|q| |d| cos(q, d). Scores of another query vector, of other document vectors, of vectors of lower precision and of words
do not follow that, so that no further request is needed to see it.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.ranked_lists import Ints
from parity_pipeline.core.retrieval.records import Float64

MOST_SCORES: Final = 20_000
"""Scores that a fit looks at: more make it slower and no surer."""

FREE: Final = 0.05
"""Smallest share of scores, in [0, 1], that must be left as degrees of freedom: else some norms would fit anything."""

_FEWEST_FREE: Final = 20
"""Fewest degrees of freedom, for small sets."""
_LEAST_COSINE: Final = 0.05
"""Cosines below this are not divided by: their rounding errors would be most of the ratio."""


def norms_explain(queries: Ints, documents: Ints, legacy: Float64, candidate: Float64, most: float) -> int | None:
    """Return how many degrees of freedom show that the candidate's scores are dot products; None where they are not.

    A negative dot product that is read as a cosine distance gives a score of 1 + the dot product, so that both are tried.

    Args:
        queries: int64, shape (scores,), the number of the query of each score.
        documents: int64, likewise, the number of its document.
        legacy: float64, likewise, legacy scores, taken for cosines.
        candidate: float64, likewise, the candidate's, as the settings turn them.
        most: Largest share of the ratios' variance that may stay unexplained, in [0, 1].
    """
    kept = np.flatnonzero(np.abs(legacy) >= _LEAST_COSINE)[:MOST_SCORES]
    if len(kept) < _FEWEST_FREE or np.abs(legacy).max() > 1.0 + most:
        return None
    for scores in (candidate, candidate - 1.0):
        ratios = scores[kept] / legacy[kept]
        if (ratios > 0.0).all():
            rest, free = _unexplained(queries[kept], documents[kept], np.log(ratios))
            if rest <= most and free >= max(_FEWEST_FREE, FREE * len(kept)):
                return free
    return None


def _unexplained(queries: Ints, documents: Ints, logarithms: Float64) -> tuple[float, int]:
    """Return what a sum of one number per query and one per document leaves of the variance, and the degrees of freedom.

    The share is corrected for the parameters, so that it is about 1 for numbers that follow nothing of that kind.
    """
    from scipy import sparse  # noqa: PLC0415 - half a second that only a diagnosis needs
    from scipy.sparse import csgraph, linalg  # noqa: PLC0415

    _, rows = np.unique(queries, return_inverse=True)
    _, columns = np.unique(documents, return_inverse=True)
    first, second = int(rows.max()) + 1, int(columns.max()) + 1
    each, ones = np.arange(len(rows)), np.ones(len(rows))
    graph = sparse.coo_array((ones, (rows, columns + first)), shape=(first + second, first + second))
    parts = int(csgraph.connected_components(graph, directed=False)[0])
    free = len(rows) - (first + second) + parts
    spread = float(np.var(logarithms))
    if free <= 0 or spread <= np.finfo(np.float64).eps:
        return 1.0, max(free, 0)
    places = np.concatenate([each, each]), np.concatenate([rows, columns + first])
    design = sparse.csr_array((np.ones(2 * len(rows)), places), shape=(len(rows), first + second))
    rest = logarithms - design @ linalg.lsqr(design, logarithms, atol=1e-10, btol=1e-10)[0]
    return float(rest @ rest) / free / spread, free
