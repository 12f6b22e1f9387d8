"""Scores of vectors that are not of unit length: whether one norm per query and one per document relate all of them.

Here belongs the fit of another metric over raw vectors to the cosines of the legacy side. That another metric is the cause is
said in `scores`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy import sparse
from scipy.sparse.linalg import lsqr

from parity_pipeline.core.retrieval.ranked_lists import Ints
from parity_pipeline.core.retrieval.records import Float64

LEFT: Final = 1e-4
"""Largest share of the variance of scores, in [0, 1], that a relation may leave, for each degree of freedom that is left.

Origin: scores of float32 leave less than 1e-9, scores of three digits 1e-6; another query vector leaves more than 1e-2.
"""
FREE: Final = 20
"""Fewest scores beyond the numbers that are fitted."""
_ROUNDS: Final = 40
"""Steps of Levenberg and Marquardt; a relation that holds needs about ten."""
_CONVERGED: Final = 1e-9
_DAMPED: Final = 0.1
_EASED: Final = 3.0
_TINY: Final = 1e-9

Model = Callable[[Float64, Float64, Float64], tuple[Float64, Float64, Float64]]
"""Norms of query and document and the cosine of each score -> the score, and its derivatives by both norms."""


def norms_relate(cases: Ints, documents: Ints, legacy: Float64, candidate: Float64) -> str | None:
    """Return the relation as one sentence without a full stop; None where none holds, or too few documents return.

    The legacy scores are taken for cosines c. Of vectors with norms q and d, the dot product is q d c and the squared
    distance q² + d² - 2 q d c. Each query and each document has one norm, in all lists: two unknown numbers for many
    scores, which another query vector or another document vector does not satisfy.

    Args:
        cases: int64, shape (scores,): the query of each score.
        documents: int64, likewise: its document.
        legacy: float64, likewise: the legacy score.
        candidate: float64, likewise: the candidate's score, a distance read as 1 - distance.
    """
    distance = 1.0 - candidate
    forms: tuple[tuple[str, Float64, Model], ...] = (
        ("the dot product of vectors", candidate, _dot),
        ("the dot product of vectors", -distance, _dot),
        ("the dot product of vectors", -candidate, _dot),
        ("the squared distance of vectors", distance, _squared),
        ("the distance of vectors", np.square(distance), _squared),
    )
    if len(legacy) < FREE or np.abs(legacy).max(initial=0.0) > 1.0 + LEFT:
        return None
    rows, columns = (np.unique(one, return_inverse=True)[1] for one in (cases, documents))
    kept = _repeated(rows, columns)
    rows, columns = (np.unique(one[kept], return_inverse=True)[1] for one in (rows, columns))
    numbers = int(rows.max(initial=-1) + columns.max(initial=-1)) + 2
    if int(kept.sum()) < numbers + FREE:
        return None
    for name, scores, model in forms:
        if (scores[kept] > 0.0).mean() > 0.5 and _rest(rows, columns, legacy[kept], scores[kept], model) <= LEFT:
            return (
                f"{name} that are not of unit length gives the candidate's scores: {numbers:,} norms, one for each query and "
                f"document, relate {int(kept.sum()):,} scores to the cosines of the legacy side"
            )
    return None


def _repeated(rows: Ints, columns: Ints) -> NDArray[np.bool_]:
    """Return the scores whose query and document have another score that is kept: a single one says nothing."""
    kept = np.ones(len(rows), np.bool_)
    while True:
        often = (np.bincount(rows, kept) > 1)[rows] & (np.bincount(columns, kept) > 1)[columns] & kept
        if (often == kept).all():
            return kept
        kept = often


def _dot(query: Float64, document: Float64, cosine: Float64) -> tuple[Float64, Float64, Float64]:
    return query * document * cosine, document * cosine, query * cosine


def _squared(query: Float64, document: Float64, cosine: Float64) -> tuple[Float64, Float64, Float64]:
    return (
        query**2 + document**2 - 2.0 * query * document * cosine,
        2.0 * (query - document * cosine),
        2.0 * (document - query * cosine),
    )


def _rest(rows: Ints, columns: Ints, cosine: Float64, scores: Float64, model: Model) -> float:
    """Return the variance that the best norms leave, per degree of freedom, as a share of that of the scores."""
    queries, documents = int(rows.max()) + 1, int(columns.max()) + 1
    first = float(np.median(model(np.ones(1), np.ones(1), cosine)[0]))
    norms = np.full(queries + documents, np.sqrt(max(float(np.median(scores)) / max(first, _TINY), _TINY)))
    places = np.arange(len(scores))
    both = np.concatenate([places, places]), np.concatenate([rows, queries + columns])

    def at(tried: Float64) -> tuple[Float64, sparse.csr_array]:
        found, by_query, by_document = model(tried[rows], tried[queries + columns], cosine)
        slopes = sparse.csr_array((np.concatenate([by_query, by_document]), both), shape=(len(scores), len(tried)))
        return scores - found, slopes

    (apart, slopes), damp = at(norms), _DAMPED * float(np.sqrt(np.median(np.square(norms))))
    left = float(np.square(apart).sum())
    for _ in range(_ROUNDS):
        tried = norms + lsqr(slopes, apart, damp=damp, atol=_CONVERGED, btol=_CONVERGED)[0]
        then, steeper = at(tried)
        now = float(np.square(then).sum())
        if now < left:
            settled = left - now <= _CONVERGED * left
            norms, apart, slopes, left, damp = tried, then, steeper, now, damp / _EASED
            if settled:
                break
        else:
            damp *= _EASED**2
    spread = float(np.square(scores - scores.mean()).sum())
    free = len(scores) - len(norms)
    return (left / free) / (spread / (len(scores) - 1)) if spread > 0.0 else 1.0
