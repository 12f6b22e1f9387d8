"""Scores of vectors that are not of unit length: whether one norm per query and one per document relate all of them.

Here belongs the fit of another metric over raw vectors to the cosines of the legacy side. That another metric is the cause is
said in `scores`.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.retrieval.ranked_lists import Ints
from parity_pipeline.core.retrieval.records import Float64

LEFT: Final = 1e-4
"""Largest share of the variance of scores, in [0, 1], that a relation may leave, for each degree of freedom that is left.

Origin: scores of float32 leave less than 1e-9, scores of three digits 1e-6; another query vector leaves more than 1e-2.
"""
FREE: Final = 20
"""Fewest scores beyond the numbers that are fitted."""
QUERIES: Final = 150
"""Queries that a fit takes at most, which is enough for it."""
_ROUNDS: Final = 20
"""Steps of Levenberg and Marquardt; a relation that holds needs about ten."""
_CONVERGED: Final = 1e-4
_TURNS: Final = 3
_NEAR: Final = 0.1
"""What a fit that went the wrong way for some norms leaves at most."""
_GUESSES: Final = (0.1, 0.2, 0.35, 0.5, 0.7, 0.85, 1.0, 1.2, 1.5, 2.0)
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
    kept = _repeated(rows, columns, rows < QUERIES)
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


def _repeated(rows: Ints, columns: Ints, kept: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return the scores whose query and document have another score that is kept: a single one says nothing."""
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
    fit = _Fit(rows, columns, cosine, scores, model)
    norms = fit.descend(fit.start())
    if model is _dot or fit.rest(norms) <= LEFT:
        return fit.rest(norms)
    norms = fit.descend(min(fit.guesses(), key=fit.rest))
    for _ in range(_TURNS):
        # A distance is the same for two norms, the smaller and the larger: each may have gone the wrong way.
        if LEFT < fit.rest(norms) <= _NEAR:
            norms = fit.descend(fit.other_way(norms))
    return fit.rest(norms)


@dataclass(frozen=True, slots=True)
class _Fit:
    """The least-squares fit of norms, those of the queries before those of the documents, by Levenberg and Marquardt."""

    rows: Ints
    columns: Ints
    cosine: Float64
    scores: Float64
    model: Model

    @property
    def queries(self) -> int:
        return int(self.rows.max()) + 1

    @property
    def documents(self) -> int:
        return int(self.columns.max()) + 1

    def start(self) -> Float64:
        """Return equal norms that give the median score."""
        first = float(np.median(self.model(np.ones(1), np.ones(1), self.cosine)[0]))
        usual = float(np.median(self.scores)) / max(first, _TINY)
        return np.full(self.queries + self.documents, np.sqrt(max(usual, _TINY)))

    def apart(self, norms: Float64) -> Float64:
        return self.scores - self._at(norms)[0]

    def _at(self, norms: Float64) -> tuple[Float64, Float64, Float64]:
        return self.model(norms[self.rows], norms[self.queries + self.columns], self.cosine)

    def rest(self, norms: Float64) -> float:
        """Return the variance that norms leave, per degree of freedom, as a share of that of the scores."""
        spread = float(np.square(self.scores - self.scores.mean()).sum())
        free = len(self.scores) - len(norms)
        left = float(np.square(self.apart(norms)).sum())
        return (left / free) / (spread / (len(self.scores) - 1)) if spread > 0.0 else 1.0

    def descend(self, norms: Float64) -> Float64:
        """Return better norms, from which no further step is worth while."""
        damp, left = _DAMPED, float(np.square(self.apart(norms)).sum())
        for _ in range(_ROUNDS):
            tried = norms + self._step(norms, damp)
            now = float(np.square(self.apart(tried)).sum())
            if not now < left:
                damp *= _EASED**2
                continue
            settled = left - now <= _CONVERGED * left
            norms, left, damp = tried, now, damp / _EASED
            if settled or self.rest(norms) <= LEFT:
                break
        return norms

    def _step(self, norms: Float64, damp: float) -> Float64:
        """Return a damped step of Gauss and Newton: documents share no score, so they are eliminated first."""
        from scipy import linalg, sparse  # noqa: PLC0415 - half a second that only a diagnosis needs

        found, by_query, by_document = self._at(norms)
        apart = self.scores - found
        queries, documents = self.queries, self.documents
        of_queries = np.bincount(self.rows, by_query**2, queries) * (1.0 + damp) + _TINY
        of_documents = np.bincount(self.columns, by_document**2, documents) * (1.0 + damp) + _TINY
        mixed = sparse.csr_array((by_query * by_document, (self.rows, self.columns)), shape=(queries, documents))
        left, right = (
            np.bincount(self.rows, by_query * apart, queries),
            np.bincount(self.columns, by_document * apart, documents),
        )
        scaled = mixed / of_documents
        reduced = np.diag(of_queries) - (scaled @ mixed.T).toarray()
        first = linalg.solve(reduced, left - scaled @ right, assume_a="pos", check_finite=False)
        return np.concatenate([first, (right - mixed.T @ first) / of_documents])

    def guesses(self) -> Iterator[Float64]:
        """Yield starts for a distance: equal norms of all documents, and the best one of each query beside these."""
        usual = float(np.sqrt(np.median(self.scores)))
        for factor in _GUESSES:
            norms = np.full(self.queries + self.documents, factor * usual)
            yield self.each_alone(norms, self.rows, self.columns + self.queries, 0)

    def other_way(self, norms: Float64) -> Float64:
        """Return norms of which each is the best of the (up to three) that are stationary while the others stay."""
        documents = self.each_alone(norms, self.columns, self.rows, self.queries)
        return self.each_alone(documents, self.rows, self.columns + self.queries, 0)

    def each_alone(self, norms: Float64, own: Ints, others: Ints, shift: int) -> Float64:
        """Return norms of which each of `own`, numbered from `shift` on, is the best one while those of `others` stay."""
        found = norms.copy()
        along, beyond = norms[others] * self.cosine, norms[others] ** 2 - self.scores
        order = np.argsort(own, kind="stable")
        for some in np.split(order, np.flatnonzero(np.diff(own[order])) + 1):
            found[shift + own[some[0]]] = _best_norm(along[some], beyond[some])
        return found


def _best_norm(along: Float64, beyond: Float64) -> float:
    """Return x of the least sum of (x² - 2 along x + beyond)², by the roots of its derivative."""
    powers = [
        float(len(along)),
        -3.0 * float(along.sum()),
        float((2.0 * along**2 + beyond).sum()),
        -float(along @ beyond),
    ]
    roots = np.real(np.roots(powers))
    sums = np.square(roots[:, None] ** 2 - 2.0 * roots[:, None] * along + beyond).sum(axis=1)
    return float(roots[int(np.argmin(sums))])
