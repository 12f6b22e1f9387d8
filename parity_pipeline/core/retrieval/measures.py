"""Measures of two ranked lists: what is computed of each query, and from which source each formula is.

Here belong the formulas, over whole blocks of queries. Which orders ties permit belongs to `alignment`, which values are
good enough to `bands`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.alignment import Alignment, Flags, Ints
from parity_pipeline.core.retrieval.records import Float64

DEPTHS: Final = (1, 10, 100)
"""Depths at which overlap is measured beside each query's own: those that users of a search page and of a re-ranker see."""

RBO_PERSISTENCE: Final = 0.9
"""Probability p that a reader goes on to the next result. With 0.9 the first ten results carry 86 % of the weight.

Source: Webber, Moffat and Zobel, "A similarity measure for indefinite rankings", ACM Transactions on Information Systems
28 (2010), equation 21. Settings: `retrieve.persistence`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryMeasures:
    """What can be said of each query. All arrays have shape (queries,) unless said otherwise.

    Attributes:
        overlap: float64 in [0, 1], common share of the whole lists, over the longer one; 1 for two empty lists.
        overlap_at: float64, shape (queries, depths), the same of the first results; NaN where fewer were requested.
        top_1: float64, 1 where both have the same best document, else 0; 1 for two empty lists.
        rbo: float64 in [0, 1], extrapolated rank-biased overlap; 1 for two empty lists, 0 where one is.
        tau_b: float64 in [-1, 1], Kendall's tau-b of the common documents; NaN for fewer than two, or where all of them
            are tied on one side.
        rank_change: int64, greatest change of rank of a common document; 0 where none is common.
        score_delta: float64, greatest difference of the scores of a common document; NaN without comparable scores.
        common: int64, documents in both lists, without those paired at the cut-off.
        paired: int64, documents that differ because a tie group was cut at k.
        missing: int64, legacy documents that the candidate did not return.
        extra: int64, candidate documents that the legacy side did not return.
        inversions: int64, pairs of common documents in opposite order, ties aside.
        inversion_gap: float64, the score gap that explains the inversions: how far the scores of a side rise again when
            its documents are read in the order of the other side, on the side where that is less. Within this
            tolerance that side would have called all inverted pairs ties. 0 without inversions; NaN without scores;
            infinite where the scores of a side contradict its own order, and the other side has none or does so too.
        metadata: int64, common documents whose metadata differ.
    """

    overlap: Float64
    overlap_at: Float64
    top_1: Float64
    rbo: Float64
    tau_b: Float64
    rank_change: Ints
    score_delta: Float64
    common: Ints
    paired: Ints
    missing: Ints
    extra: Ints
    inversions: Ints
    inversion_gap: Float64
    metadata: Ints


@dataclass(frozen=True, slots=True, kw_only=True)
class PairedValues:
    """One value per legacy document and its partner, in aligned order.

    Attributes:
        legacy_scores: float64, shape (queries, legacy width), higher is better.
        candidate_scores: The same of the partner; without one it means nothing.
        metadata_differ: bool, of that shape; likewise.
        legacy_ordered: bool, shape (queries,): whether the scores fall from result to result, as the order says.
        candidate_ordered: The same of the candidate.
    """

    legacy_scores: Float64
    candidate_scores: Float64
    metadata_differ: Flags
    legacy_ordered: Flags
    candidate_ordered: Flags


def measure(
    aligned: Alignment,
    values: PairedValues,
    requested: Ints,
    *,
    persistence: float = RBO_PERSISTENCE,
    depths: Sequence[int] = DEPTHS,
    comparable: bool = True,
) -> QueryMeasures:
    """Measure each query of a block.

    Args:
        aligned: The lists of both sides.
        values: Scores and metadata of the documents.
        requested: int64, shape (queries,): results requested, 1 or more.
        persistence: p of rank-biased overlap, in (0, 1).
        depths: Depths of `overlap_at`, 1 or more.
        comparable: Whether a score of one side means the same as a score of the other.
    """
    deepest = _deepest(aligned)
    same = aligned.common & ~aligned.paired
    shared = aligned.common.sum(axis=1)
    inversions, gap = _inversions(aligned.rank, same, values)
    return QueryMeasures(
        overlap=_overlap(deepest, np.maximum(aligned.legacy, aligned.candidate)),
        overlap_at=_overlap_at(aligned, deepest, requested, depths),
        top_1=_overlap(deepest, np.minimum(1, np.maximum(aligned.legacy, aligned.candidate))),
        rbo=rank_biased_overlap(deepest, aligned.legacy, aligned.candidate, persistence),
        tau_b=_tau_b(aligned, same, inversions),
        rank_change=_rank_change(aligned),
        score_delta=_score_delta(values, same, comparable=comparable),
        common=same.sum(axis=1),
        paired=aligned.paired.sum(axis=1),
        missing=aligned.legacy - shared,
        extra=aligned.candidate - shared,
        inversions=inversions,
        inversion_gap=gap,
        metadata=(values.metadata_differ & same).sum(axis=1),
    )


def _deepest(aligned: Alignment) -> Ints:
    """Return the depth (from 0) from which on both lists hold a document; beyond both widths where one never does."""
    never = _never(aligned)
    ranks = np.arange(aligned.rank.shape[1])
    return np.where(aligned.common, np.maximum(ranks, aligned.rank), never)


def _never(aligned: Alignment) -> int:
    longest = max(int(lengths.max(initial=0)) for lengths in (aligned.legacy, aligned.candidate))
    return max(longest, aligned.rank.shape[1])


def _overlap(deepest: Ints, depth: Ints) -> Float64:
    """Return the share of the first `depth` results that is common; 1 at depth 0, where both are empty."""
    # A document of legacy rank `depth` or more is in no head of that length.
    head = deepest[:, : int(depth.max(initial=0))]
    shared = (head < depth[:, None]).sum(axis=1)
    return np.where(depth == 0, 1.0, shared / np.maximum(depth, 1))


def _overlap_at(aligned: Alignment, deepest: Ints, requested: Ints, depths: Sequence[int]) -> Float64:
    """Return overlap at several depths; a corpus smaller than a depth is compared as far as it goes."""
    longer = np.maximum(aligned.legacy, aligned.candidate)
    result = np.empty((len(longer), len(depths)))
    for column, depth in enumerate(depths):
        result[:, column] = np.where(requested >= depth, _overlap(deepest, np.minimum(depth, longer)), np.nan)
    return result


def rank_biased_overlap(deepest: Ints, legacy: Ints, candidate: Ints, persistence: float) -> Float64:
    """Return extrapolated rank-biased overlap, RBO_EXT, of lists that may differ in length.

    Args:
        deepest: int64, shape (queries, width): depth (from 0) from which on both lists hold a document; at least as
            large as the longer list where they never do.
        legacy: int64, shape (queries,): length of the legacy lists.
        candidate: The same of the candidate's.
        persistence: p, in (0, 1).

    Returns:
        float64 in [0, 1], shape (queries,); 1 for two empty lists, 0 where one is empty.

    Raises:
        MetricInputError: p outside (0, 1).

    Source: Webber, Moffat and Zobel (2010), equation 32, for lists of lengths s <= l that share X_d documents in their
    first d:

        (1 - p) / p [ sum(d=1..l) X_d / d p**d  +  sum(d=s+1..l) X_s (d - s) / (s d) p**d ]
            + [ (X_l - X_s) / l + X_s / s ] p**l

    A document that both lists hold from depth m + 1 on adds p**d / d for each later d, so the first sum needs no sum over
    depths: it is that of H(l) - H(m) over the common documents, with H(n) = sum(d=1..n) p**d / d.

    Ties: the lists are those of `alignment`, with ties broken in favour of agreement.
    """
    if not 0.0 < persistence < 1.0:
        msg = f"rank-biased overlap has no p of {persistence}"
        raise MetricInputError(
            msg, place="retrieve.persistence", remedy="Give a number between 0 and 1, both excluded."
        )
    short, long = np.minimum(legacy, candidate), np.maximum(legacy, candidate)
    most = max(int(long.max(initial=0)), int(deepest.max(initial=0)))
    depth = np.arange(1, most + 1)
    powers = np.concatenate([[0.0], np.cumsum(persistence**depth)])
    weights = np.concatenate([[0.0], np.cumsum(persistence**depth / depth)])
    inside = deepest < long[:, None]
    shared = inside.sum(axis=1)
    early = (deepest < short[:, None]).sum(axis=1)
    agreement = shared * weights[long] - np.where(inside, weights[deepest], 0.0).sum(axis=1)
    head = early / np.maximum(short, 1)
    beyond = head * ((powers[long] - powers[short]) - short * (weights[long] - weights[short]))
    tail = ((shared - early) / np.maximum(long, 1) + head) * persistence**long
    value = (1.0 - persistence) / persistence * (agreement + beyond) + tail
    # Rounding leaves [0, 1] by 1e-16, and lists that agree in every place fall as much short of 1.
    depths = np.where(inside, deepest, 0).sum(axis=1)
    perfect = (shared == long) & (depths == long * (long - 1) // 2)
    return np.where(perfect, 1.0, np.where(short == 0, 0.0, np.clip(value, 0.0, 1.0)))


def _rank_change(aligned: Alignment) -> Ints:
    change = np.abs(aligned.rank - np.arange(aligned.rank.shape[1]))
    return np.where(aligned.common, change, 0).max(axis=1, initial=0)


def _score_delta(values: PairedValues, same: Flags, *, comparable: bool) -> Float64:
    """Return the greatest score difference of a common document; NaN where any has no score, or none is common."""
    delta = np.where(same, np.abs(values.legacy_scores - values.candidate_scores), 0.0).max(axis=1, initial=0.0)
    return np.where(same.any(axis=1), delta, np.nan) if comparable else np.full(len(same), np.nan)


def _inversions(rank: Ints, same: Flags, values: PairedValues) -> tuple[Ints, Float64]:
    """Return the number of inverted pairs of each query, and the score gap that explains them."""
    count, gap = np.zeros(len(rank), np.int64), np.zeros(len(rank))
    running = np.maximum.accumulate(np.where(same, rank, -1), axis=1)
    # Only a document behind one that the candidate has further down is part of an inversion.
    some = np.flatnonzero((same & (rank < running)).any(axis=1))
    for start in range(0, len(some), _INVERTED_BLOCK):
        block = some[start : start + _INVERTED_BLOCK]
        count[block] = inverted_pairs(rank[block], same[block])
        gap[block] = _inversion_gap(rank[block], same[block], values, block)
    return count, gap


_INVERTED_BLOCK: Final = 256
"""Queries whose pairs are counted together: their columns stay in the first cache."""


def inverted_pairs(rank: Ints, same: Flags) -> Ints:
    """Return how many pairs of each row stand in opposite order.

    Args:
        rank: int64, shape (rows, width), 0 or more: the rank on the other side.
        same: bool, of that shape: which places hold a document of both sides.

    Each place is compared with all later ones, `distance` places apart, for all rows at once. That is quadratic in the
    length of a list, and at a hundred results faster than sorting, since each step is one comparison of small numbers.
    """
    width = rank.shape[1]
    # The smallest numbers that hold every rank and every count of a distance.
    kind = next(kind for kind in (np.int8, np.int16, np.int32) if max(width, int(rank.max())) < np.iinfo(kind).max)
    places, there = np.ascontiguousarray(rank.T, kind), np.ascontiguousarray(same.T)
    first, second = np.where(there, places, kind(-1)), np.where(there, places, np.iinfo(kind).max)
    count = np.zeros(len(rank), np.int64)
    for distance in range(1, width):
        count += np.add.reduce((first[:-distance] > second[distance:]).view(np.int8), axis=0, dtype=kind)
    return count


def _inversion_gap(rank: Ints, same: Flags, values: PairedValues, rows: Ints) -> Float64:
    """Return the smaller of the rises of both sides' scores, each read in the order of the other side.

    Scores that contradict the order of their own side explain nothing: infinity, if both do.
    """
    turned = np.full((len(rank), int(rank.max()) + 1), np.nan)
    held = np.zeros(turned.shape, np.bool_)
    row, column = np.nonzero(same)
    places = rank[row, column]
    turned[row, places] = values.legacy_scores[rows[row], column]
    held[row, places] = True
    ours, theirs = _rise(turned, held), _rise(values.candidate_scores[rows], same)
    ours[~values.legacy_ordered[rows]] = np.inf
    theirs[~values.candidate_ordered[rows]] = np.inf
    return np.fmin(ours, theirs)


def _rise(scores: Float64, same: Flags) -> Float64:
    """Return how far the scores of each row rise above the lowest one before; NaN where one is not known."""
    lowest = np.minimum.accumulate(np.where(same, scores, np.inf), axis=1)
    rise = np.zeros(scores.shape)
    np.subtract(scores, lowest, out=rise, where=same)
    return rise.max(axis=1, initial=0.0)


def _tau_b(aligned: Alignment, same: Flags, inversions: Ints) -> Float64:
    """Return Kendall's tau-b of the common documents by tie group.

    Source: Kendall, "The treatment of ties in ranking problems", Biometrika 33 (1945): (C - D) / sqrt((C + D + T)(C + D +
    U)), with C concordant and D discordant pairs, T pairs tied on the first side only and U on the second only.
    """
    number = same.sum(axis=1)
    pairs = number * (number - 1) // 2
    first, second, both = np.zeros_like(pairs), np.zeros_like(pairs), np.zeros_like(pairs)
    some = np.flatnonzero(aligned.ties)
    if len(some):
        left, right = aligned.legacy_group[some], aligned.candidate_group[some]
        # In aligned order documents of one group on both sides stand together.
        cells = np.zeros(left.shape, np.int64)
        cells[:, 1:] = np.cumsum((left[:, 1:] != left[:, :-1]) | (right[:, 1:] != right[:, :-1]), axis=1)
        first[some], second[some], both[some] = (_tied_pairs(one, same[some]) for one in (left, right, cells))
    with np.errstate(invalid="ignore", divide="ignore"):
        agreeing = pairs - first - second + both - 2 * inversions
        return agreeing / np.sqrt((pairs - first).astype(np.float64) * (pairs - second))


def _tied_pairs(groups: Ints, same: Flags) -> Ints:
    """Return how many pairs of common documents are in one group, per query."""
    rows, groups_per_row = len(groups), int(groups.max()) + 1
    places = (groups + np.arange(0, rows * groups_per_row, groups_per_row)[:, None])[same]
    members = np.bincount(places, minlength=rows * groups_per_row).reshape(rows, groups_per_row)
    return (members * (members - 1) // 2).sum(axis=1)
