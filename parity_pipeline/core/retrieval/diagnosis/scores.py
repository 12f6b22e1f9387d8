"""How the scores of both sides relate: the same order on another scale, or another metric.

Here belong fits over the scores of common documents, and the two causes that rest on them. Both are about one query vector
and one document vector per score; scores of another query vector follow no such relation.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.bands import NEAR_TIE
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.cases import SAME_SCORE, Case
from parity_pipeline.core.retrieval.diagnosis.norms import norms_relate
from parity_pipeline.core.retrieval.diagnosis.picture import NEARLY_ALL, SUPPORT, WIDESPREAD, Claim, Picture, mostly
from parity_pipeline.core.retrieval.ranked_lists import Ints
from parity_pipeline.core.retrieval.records import Float64

EXACT: Final = 1e-4
"""Largest share of the variance of scores, in [0, 1], that a relation may leave unexplained.

Origin: scores rounded to three digits leave 1e-5 of a spread of 0.1; another query vector leaves more than 1e-2.
"""

_FEWEST_PAIRS: Final = 20
"""Fewest scores that a relation may rest on."""
_EQUAL: Final = 0.1
"""Largest share of scores that two metrics may have in common."""
_REPEATED: Final = 4
"""Fewest degrees of freedom that scores of one document in several queries must leave for a relation per document."""


@dataclass(frozen=True, slots=True)
class ScorePairs:
    """Scores of common documents, one entry per query and document.

    Attributes:
        cases: int64, the case of each entry.
        documents: int64, the number of its document.
        legacy: float64, its legacy score.
        candidate: float64, its candidate score.
    """

    cases: Ints
    documents: Ints
    legacy: Float64
    candidate: Float64

    @classmethod
    def of(cls, cases: Sequence[Case]) -> "ScorePairs":
        """Return the finite scores of the common documents of some cases."""
        found = [case.common() for case in cases]
        empty = np.zeros(0)
        number = np.repeat(np.arange(len(found)), [len(one[0]) for one in found])
        documents = np.concatenate([one[0] for one in found]) if found else empty.astype(np.int64)
        legacy = np.concatenate([empty, *(one[1] for one in found)])
        candidate = np.concatenate([empty, *(one[2] for one in found)])
        kept = np.isfinite(legacy) & np.isfinite(candidate)
        return cls(number[kept], documents[kept], legacy[kept], candidate[kept])

    def __len__(self) -> int:
        """Return the number of scores."""
        return len(self.legacy)


def rescaled(picture: Picture) -> Claim | None:
    """Claim that the order is the same and the scores follow from the legacy ones by one rule."""
    cases = [case for case in picture.left if case.compared and case.in_order and case.score_delta > SAME_SCORE]
    seen = [case for case in picture.left if case.compared]
    if len(cases) < max(SUPPORT, NEARLY_ALL * len(seen)) or picture.share_differing() < WIDESPREAD:
        return None
    pairs = ScorePairs.of(cases)
    if len(pairs) < _FEWEST_PAIRS:
        return None
    found = _affine(pairs) or _curved(pairs) or _per_query(cases, pairs)
    if found is None:
        return None
    fact, remedy, proven = found
    return Claim(
        name=RetrievalCauseName.SCORES_RESCALED,
        proven=proven,
        side=None,
        cases=cases,
        evidence=(f"{len(cases):,} lists have the same order and other scores", fact),
        remedy=remedy,
    )


def _affine(pairs: ScorePairs) -> tuple[str, str, bool] | None:
    slope, offset, rest = _line(pairs.legacy, pairs.candidate)
    if rest > EXACT or not slope > 0.0:
        return None
    # What the settings would make of the candidate's scores, read with the digits that are written down.
    factor, shift = float(f"{1.0 / slope:.6g}"), float(f"{-offset / slope:.6g}")
    again = np.abs(pairs.candidate * factor + shift - pairs.legacy) <= SAME_SCORE
    fact = (
        f"candidate = {slope:.6g} x legacy {'+' if offset >= 0 else '-'} {abs(offset):.6g} for {len(pairs):,} scores; "
        f"with the factor {factor:.6g} and the offset {shift:.6g}, {again.mean():.1%} of them agree"
    )
    remedy = f"Set candidate.scores to factor: {factor:.6g}, offset: {shift:.6g} if the scale is meant to differ."
    return fact, remedy, bool(again.mean() >= NEARLY_ALL)


def _curved(pairs: ScorePairs) -> tuple[str, str, bool] | None:
    """Return a relation that is not linear: a distance taken for another one, or any other rising curve."""
    curves = {
        "the candidate reports Euclidean distance, read as another one": np.square(1.0 - pairs.candidate),
        "the candidate reports a distance whose square falls with the legacy score": np.square(pairs.candidate),
    }
    for fact, turned in curves.items():
        slope, _, rest = _line(pairs.legacy, turned)
        if rest <= EXACT and slope < 0.0:
            return fact, "Set candidate.scores.reported to what the candidate reports.", False
    from scipy import stats  # noqa: PLC0415 - importing it takes longer than naming the causes of most sets

    slope, _, rest = _line(stats.rankdata(pairs.legacy), stats.rankdata(pairs.candidate))
    if rest <= EXACT and slope > 0.0:
        return (
            f"over {len(pairs):,} scores the candidate's rises with the legacy one, along a curve",
            "Find out what the candidate reports, or set comparable_scores to false.",
            False,
        )
    return None


def _per_query(cases: Sequence[Case], pairs: ScorePairs) -> tuple[str, str, bool] | None:
    """Return a relation that holds within each query alone: scores of ranks, or scaled by the best one."""
    remedy = "Set comparable_scores to false, or let both sides report unscaled scores."
    long = [case.candidate.scores for case in cases if len(case.candidate) >= SUPPORT]
    depth = min(map(len, long), default=0)
    heads = np.array([scores[:depth] for scores in long])
    if len(long) >= SUPPORT and float(heads.std(axis=0).max()) <= EXACT * float(np.ptp(heads)):
        return "the candidate's score depends on the rank alone", remedy, False
    rests = [
        _line(pairs.legacy[pairs.cases == one], pairs.candidate[pairs.cases == one])[2] for one in range(len(cases))
    ]
    if sum(rest <= EXACT for rest in rests) < NEARLY_ALL * len(rests):
        return None
    return "in each query the candidate's scores are a line over the legacy ones, another one per query", remedy, False


def _line(first: Float64, second: Float64) -> tuple[float, float, float]:
    """Return slope and offset of the least-squares line, and the share of variance that it leaves; 1 without any."""
    if len(first) < SUPPORT or np.ptp(first) == 0.0 or np.ptp(second) == 0.0:
        return 0.0, 0.0, 1.0
    left, right = first - first.mean(), second - second.mean()
    slope = float(left @ right) / float(left @ left)
    rest = float(np.square(right - slope * left).sum()) / float(right @ right)
    return slope, float(second.mean()) - slope * float(first.mean()), rest


def wrong_metric(picture: Picture, cases: Sequence[Case], *, controlled: bool, related: bool = False) -> Claim | None:
    """Claim another metric for cases whose query vectors are the same, as far as is known.

    With one query vector and one vector per document, the scores of one document under two metrics lie on one line over
    all queries: its norm is the slope. Another query vector, other document vectors or another ranking do not give that.

    Args:
        picture: The set.
        cases: Differing cases, with the candidate's lists for the legacy query vector where these were fetched.
        controlled: Whether a control showed that the query vectors are not the reason.
        related: Whether nothing but a relation of all scores is accepted.
    """
    compared = [case for case in cases if case.compared and np.isfinite(case.score_delta)]
    broken = [case for case in compared if not case.in_order]
    if len(broken) < SUPPORT or picture.share_differing() < WIDESPREAD or not mostly(compared, _scores_differ):
        return None
    pairs = ScorePairs.of(compared)
    if np.mean(np.abs(pairs.legacy - pairs.candidate) <= NEAR_TIE) > _EQUAL:
        # Another metric gives every document another score; here some have other vectors.
        return None
    relation = _per_document(pairs) or norms_relate(pairs.cases, pairs.documents, pairs.legacy, pairs.candidate)
    alike = _ALIKE if controlled else _VERY_ALIKE
    if relation is None and (related or not (_off_scale(pairs) and _alike_within(pairs) >= alike)):
        return None
    facts = [
        f"in {len(broken):,} of {len(compared):,} lists common documents stand in another order, with other scores"
    ]
    if relation is not None:
        facts.append(relation)
    if _off_scale(pairs):
        facts.append(
            f"the candidate's scores reach from {pairs.candidate.min():.3g} to {pairs.candidate.max():.3g}, which no cosine does"
        )
    facts.append(
        "the query vectors are the same, up to their norm"
        if controlled and related
        else "the same query vector gives the same wrong order"
        if controlled
        else "nothing shows another query vector"
    )
    return Claim(
        name=RetrievalCauseName.WRONG_METRIC,
        proven=controlled and relation is not None,
        side="candidate",
        cases=cases,
        evidence=tuple(facts),
        remedy="Build the candidate's index with the legacy side's metric, or normalise its vectors.",
    )


_ALIKE: Final = 0.5
"""Smallest correlation of the scores of one query under two metrics; under vectors of two models it is about 0."""

_VERY_ALIKE: Final = 0.9
"""The same where no control shows that the query vectors are the same: scores of words do not follow a cosine that closely.

Origin: docs/retrieval-peers.md. Squared distances of real vectors of several norms had 0.95.
"""


def _alike_within(pairs: ScorePairs) -> float:
    """Return the correlation of both sides' scores within queries; 0 without any spread."""
    deviations = list[Float64]()
    for scores in (pairs.legacy, pairs.candidate):
        sums, sizes = np.bincount(pairs.cases, scores), np.bincount(pairs.cases)
        deviations.append(scores - (sums / np.maximum(sizes, 1))[pairs.cases])
    norm = float(np.sqrt(np.square(deviations[0]).sum() * np.square(deviations[1]).sum()))
    return float(deviations[0] @ deviations[1]) / norm if norm else 0.0


def _scores_differ(case: Case) -> bool:
    return not case.same_scores


def lower_precision(picture: Picture, cases: Sequence[Case]) -> Claim | None:
    """Claim vectors of lower precision for cases whose query vectors are known to be the same and whose metric is.

    Quantised vectors give every document a score that is a little off, by another amount in every query, around the
    legacy score or, where a compressed distance is reported, around a line over it. Other metrics follow the norms of
    vectors, and an approximate index changes no score.

    Args:
        picture: The set.
        cases: Differing cases.
    """
    compared = [case for case in cases if case.compared and case.comparable and np.isfinite(case.score_delta)]
    if len(compared) < SUPPORT or picture.share_differing() < WIDESPREAD or not mostly(compared, _scores_differ):
        return None
    pairs = ScorePairs.of(compared)
    apart = np.abs(pairs.candidate - pairs.legacy)
    if len(pairs) < _FEWEST_PAIRS or np.mean(apart <= NEAR_TIE) > _EQUAL or _off_scale(pairs):
        return None
    slope, offset, rest = _line(pairs.legacy, pairs.candidate)
    ratio, free, _ = _rest_per_document(pairs, pairs.candidate, 1)
    # Without documents that come back for several queries, the norms of another metric look like errors too.
    if free < _REPEATED or ratio <= EXACT or not EXACT < rest <= _NOISE or _alike_within(pairs) < _ALIKE:
        return None
    on_scale = abs(slope - 1.0) <= _SLOPE and abs(float(np.mean(pairs.candidate - pairs.legacy))) <= _SLOPE
    spread = np.sqrt(rest * float(np.var(pairs.candidate)))
    facts = [
        f"{len(pairs):,} scores of common documents are off by {np.median(apart):.2g} in the median and {apart.max():.2g} at most",
        f"around candidate = {slope:.3g} x legacy {'+' if offset >= 0 else '-'} {abs(offset):.3g} they scatter by {spread:.2g}",
        "the query vectors are the same, and no ratio per document relates the scores, as that of another metric would",
    ]
    if not on_scale:
        facts.append("the reported distance is on another scale, as distances of compressed vectors are")
    return Claim(
        name=RetrievalCauseName.QUANTISED,
        proven=False,
        side=None,
        cases=cases,
        evidence=tuple(facts),
        remedy="Compare how both indexes store vectors (float32, int8, product quantisation), or let the candidate rank "
        "again by full vectors; if both store float32, the documents were embedded by slightly different models.",
    )


_NOISE: Final = 0.3
"""Largest share of the variance of scores, in [0, 1], that errors of quantised vectors make.

Origin: docs/retrieval-peers.md. int8 left 0.001 and product quantisation 0.21; other metrics 0.7 and more.
"""
_SLOPE: Final = 0.05
"""Deviation of the slope from 1, and of the mean score, absolute, up to which scores are on one scale."""


def _off_scale(pairs: ScorePairs) -> bool:
    """Return whether the candidate's scores cannot be cosines while the legacy ones may be."""
    most = 1.0 + SAME_SCORE
    return bool(len(pairs) and np.abs(pairs.legacy).max() <= most and np.abs(pairs.candidate).max() > most)


def _per_document(pairs: ScorePairs) -> str | None:
    """Return how the scores of each document relate over all queries; None where they do not, or too few repeat."""
    turned = {
        "ratio": (pairs.candidate, 1),
        "line": (pairs.candidate, 2),
        "line of squares": (np.square(1.0 - pairs.candidate), 2),
    }
    for name, (candidate, numbers) in turned.items():
        rest, free, documents = _rest_per_document(pairs, candidate, numbers)
        if free >= _REPEATED and rest <= EXACT:
            return (
                f"for each of {documents} documents of several queries one {name} relates its scores on both sides, "
                "and not the same one for all"
            )
    return None


def _rest_per_document(pairs: ScorePairs, candidate: Float64, numbers: int) -> tuple[float, int, int]:
    """Return the share of variance within documents that a fit per document leaves, degrees of freedom, and documents.

    Args:
        pairs: The scores.
        candidate: The candidate's, as they are fitted.
        numbers: 1 for a ratio per document, 2 for a line per document.
    """
    order = np.argsort(pairs.documents, kind="stable")
    edges = np.flatnonzero(np.diff(pairs.documents[order])) + 1
    left, spread, free, documents = 0.0, 0.0, 0, 0
    for some in np.split(order, edges):
        if len(some) <= numbers:
            continue
        first, second = pairs.legacy[some], candidate[some]
        design = first[:, None] if numbers == 1 else np.column_stack([first, np.ones(len(some))])
        fit = np.linalg.lstsq(design, second, rcond=None)[0]
        left += float(np.square(second - design @ fit).sum())
        spread += float(np.square(second - second.mean()).sum())
        free += len(some) - numbers
        documents += 1
    return (left / spread if spread > 0.0 else 1.0), free, documents
