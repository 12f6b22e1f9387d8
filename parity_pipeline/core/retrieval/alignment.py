"""Bring the ranked lists of two sides into one frame: which results are common, and which orders ties permit.

Here belong tie groups, matching by document, and the order in which the two lists agree best. What is measured of
aligned lists belongs to `measures`.

A side that scores two documents alike says nothing about their order, so every order inside a tie group is one that it
could have returned. Both lists are brought into the permitted orders that agree best: each tie group is sorted by where
the other side has its members. These orders have the greatest overlap at every depth at once, and therefore the
greatest rank-biased overlap too: RBO-HIGH in the sense of Corsi and Urbano, "How do Ties Affect the Uncertainty in
Rank-Biased Overlap?", SIGIR-AP 2024. In the same way, ids that differ only because a tie group was cut at k are paired.
"""

from dataclasses import dataclass, replace
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.retrieval.records import Float64

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]
Element = TypeVar("Element", bound=np.generic)

NO_DOCUMENT: Final = -1
"""Code behind the end of a list."""
NOWHERE: Final = -1
"""Place of a document that the other list does not hold."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PaddedLists:
    """The lists of one side as matrices of shape (queries, width), best first.

    Attributes:
        lengths: int64, shape (queries,).
        codes: int64, document codes of 0 or more, `NO_DOCUMENT` behind the end.
        scores: float64, higher is better; NaN where none is reported and behind the end.
        cut: bool, shape (queries,): whether a list is as long as the query allows, so that more may lie behind its end.
    """

    lengths: Ints
    codes: Ints
    scores: Float64
    cut: Flags


@dataclass(frozen=True, slots=True, kw_only=True)
class Alignment:
    """Two lists per query in the permitted orders that agree best. Matrices have shape (queries, legacy width).

    Column i of a matrix is the legacy document of aligned rank i (from 0).

    Attributes:
        legacy: Lengths of the legacy lists, int64, shape (queries,).
        candidate: Lengths of the candidate lists.
        place: int64, where the document stands in the legacy list as reported.
        partner: int64, where it stands in the candidate list as reported, or what is paired with it; else `NOWHERE`.
        rank: int64, its aligned rank in the candidate list; `NOWHERE` where it is not in it.
        legacy_group: int64, the tie group in the legacy list, counted from the best.
        candidate_group: int64, the tie group in the candidate list; 0 where it is not in it.
        paired: bool, the two are different documents, tied at the cut-off on both sides.
        ties: bool, shape (queries,): whether either list holds a tie group of two or more.
        reordered: Whether any query is in another order than reported.
    """

    legacy: Ints
    candidate: Ints
    place: Ints
    partner: Ints
    rank: Ints
    legacy_group: Ints
    candidate_group: Ints
    paired: Flags
    ties: Flags
    reordered: bool = False

    @property
    def common(self) -> Flags:
        """Return which legacy documents, or the ones paired with them, the candidate returned too."""
        return self.rank >= 0


def tie_groups(scores: Float64, lengths: Ints, tolerance: float) -> tuple[Ints, Flags]:
    """Return the tie group of each result, counted from the best, and which lists hold a group of two or more.

    A group is made of consecutive results whose scores lie within `tolerance` of its first one. The first one is the
    anchor, so that a long row of small steps does not become one group. NaN is tied with nothing.

    Args:
        scores: float64, shape (lists, width), best first.
        lengths: int64, shape (lists,).
        tolerance: Absolute, 0 or more.

    >>> tie_groups(np.array([[0.9, 0.8, 0.8, 0.7]]), np.array([4]), 0.0)[0].tolist()
    [[0, 1, 1, 2]]
    """
    rows, width = scores.shape
    groups = np.broadcast_to(np.arange(width), (rows, width))
    begins = np.ones((rows, width), np.bool_)
    begins[:, 1:] = ~(np.abs(scores[:, 1:] - scores[:, :-1]) <= tolerance)
    begins |= np.arange(width) >= lengths[:, None]
    ties = ~begins.all(axis=1)
    some = np.flatnonzero(ties)
    if len(some):
        groups = groups.copy()
        groups[some] = _groups_of_tied(scores[some], begins[some], tolerance)
    return groups, ties


_FLAT: Final = 3
"""Results of one score, in a list without any other, from which on the score is taken for a constant."""


def _last(groups: Ints, lengths: Ints) -> Ints:
    """Return the tie group of the last result of each list; 0 for an empty one."""
    return groups[np.arange(len(groups)), np.maximum(lengths - 1, 0)]


def _without_ties(groups: Ints, ties: Flags, rows: Flags) -> tuple[Ints, Flags]:
    """Return the groups with a group of its own for each result of some lists.

    A side that scores all results alike where the other side does not reports a constant, or scores too small for
    the tolerance. It still chose an order, and ties must not hide that.
    """
    if not rows.any():
        return groups, ties
    return np.where(rows[:, None], np.arange(groups.shape[1]), groups), ties & ~rows


def _groups_of_tied(scores: Float64, begins: Flags, tolerance: float) -> Ints:
    """Return the groups of lists in which some results are close to the one before; all others begin a group."""
    groups = np.cumsum(begins, axis=1) - 1
    # Where every score of a group is the same number, no row of small steps leads away from its anchor.
    stepped = np.flatnonzero((~begins[:, 1:] & (scores[:, 1:] != scores[:, :-1])).any(axis=1))
    first = np.maximum.accumulate(np.where(begins[stepped], np.arange(scores.shape[1]), 0), axis=1)
    near = np.abs(scores[stepped] - picked(scores[stepped], first)) <= tolerance
    for row in stepped[~(begins[stepped] | near).all(axis=1)].tolist():
        anchor, group = scores[row, 0], 0
        for column in range(1, scores.shape[1]):
            if begins[row, column] or not abs(scores[row, column] - anchor) <= tolerance:
                anchor, group = scores[row, column], group + 1
            groups[row, column] = group
    return groups


def match(legacy: Ints, candidate: Ints) -> Ints:
    """Return where each legacy document stands in the candidate list of its row; `NOWHERE` where it does not.

    Args:
        legacy: int64, shape (rows, legacy width): codes of 0 or more, none twice in a row, or `NO_DOCUMENT`.
        candidate: The same, of another width.

    One sort per row of all keys (code, side, place) brings the two places of a document next to each other; numpy sorts
    such rows with vector instructions, which is some thirty times faster than looking ids up one by one.
    """
    partner = np.full(legacy.shape, NOWHERE, np.int64)
    keys, bits, behind = _sorted_keys(legacy, candidate)
    flat, width = keys.reshape(-1), keys.shape[1]
    # Keys of one document differ in the bit of the side and below; shifted, that bit alone remains.
    pairs = ((flat[:-1] ^ flat[1:]) >> bits) == 1
    pairs &= flat[:-1] < behind
    # The last key of a row and the first of the next one belong to different queries.
    pairs[width - 1 :: width] = False
    found = np.flatnonzero(pairs)
    places = (1 << bits) - 1
    partner[found // width, flat[found] & places] = flat[found + 1] & places
    return partner


def repeated(codes: Ints) -> Flags:
    """Return which results repeat a document that stands further up in the same list, as (rows, width) flags."""
    result = np.zeros(codes.shape, np.bool_)
    order = np.sort(codes, axis=1)
    twice = (order[:, 1:] == order[:, :-1]) & (order[:, 1:] != NO_DOCUMENT)
    some = np.flatnonzero(twice.any(axis=1))
    if len(some):
        keys, bits, behind = _sorted_keys(codes[some], codes[some, :0])
        before, after = keys[:, :-1], keys[:, 1:]
        rows, columns = np.nonzero((((before ^ after) >> bits) == 0) & (after < behind))
        result[some[rows], after[rows, columns] & ((1 << bits) - 1)] = True
    return result


def _sorted_keys(legacy: Ints, candidate: Ints) -> tuple[NDArray[np.signedinteger], int, int]:
    """Return the keys (code, side, place) of both lists, sorted per row.

    Returns:
        The keys, the number of bits of a place, and the smallest key behind the end of a list.
    """
    width, other = legacy.shape[1], candidate.shape[1]
    bits = max(1, max(width, other).bit_length())
    unused = 1 + max(int(codes.max(initial=NO_DOCUMENT)) for codes in (legacy, candidate))
    # Rows of small numbers are sorted in half the time.
    kind = np.int32 if (unused + 1) << (bits + 1) < np.iinfo(np.int32).max else np.int64
    keys = np.empty((len(legacy), width + other), kind)
    for side, (codes, columns) in enumerate(((legacy, slice(width)), (candidate, slice(width, None)))):
        coded = np.where(codes == NO_DOCUMENT, unused, codes).astype(kind)
        keys[:, columns] = (coded << (bits + 1)) + ((side << bits) + np.arange(codes.shape[1], dtype=kind))
    keys.sort(axis=1)
    return keys, bits, unused << (bits + 1)


def align(legacy: PaddedLists, candidate: PaddedLists, *, tolerance: float, comparable: bool) -> Alignment:
    """Align the lists of both sides, query by query.

    Args:
        legacy: The legacy lists, no document twice in one.
        candidate: The candidate's.
        tolerance: Largest difference of scores inside a tie group, absolute, 0 or more.
        comparable: Whether a score of one side means the same as a score of the other.
    """
    partner = match(legacy.codes, candidate.codes)
    left, left_ties = tie_groups(legacy.scores, legacy.lengths, tolerance)
    right, right_ties = tie_groups(candidate.scores, candidate.lengths, tolerance)
    last = _last(left, legacy.lengths), _last(right, candidate.lengths)
    flat = [(group == 0) & (lists.lengths >= _FLAT) for group, lists in zip(last, (legacy, candidate), strict=True)]
    left, left_ties = _without_ties(left, left_ties, flat[0] & (last[1] > 0))
    right, right_ties = _without_ties(right, right_ties, flat[1] & (last[0] > 0))
    rows, width = partner.shape
    found = Alignment(
        legacy=legacy.lengths,
        candidate=candidate.lengths,
        place=np.broadcast_to(np.arange(width), (rows, width)),
        partner=partner,
        rank=partner,
        legacy_group=left,
        candidate_group=_of_partners(right, partner),
        paired=np.zeros(partner.shape, np.bool_),
        ties=left_ties | right_ties,
    )
    ends = _End(legacy, left), _End(candidate, right)
    _pair_at_the_end(found, ends, np.flatnonzero(_tied_beyond_the_end(*ends)))
    if comparable:
        _pair_at_the_end(found, ends, _same_end(partner, *ends, tolerance))
    some = np.flatnonzero(found.ties | found.paired.any(axis=1))
    return _agreeing_best(found, some, right[some]) if len(some) else found


def _of_partners(values: Ints, partner: Ints) -> Ints:
    """Return what the candidate's matrix holds for each legacy document; 0 where it has no partner."""
    return np.where(partner >= 0, picked(values, np.maximum(partner, 0)), 0)


def picked(values: NDArray[Element], places: Ints) -> NDArray[Element]:
    """Return `values[row, places[row, i]]` for every row and i, as `np.take_along_axis` does, in half its time."""
    rows, width = values.shape
    return values.reshape(-1).take(places + np.arange(0, rows * width, width)[:, None])


class _End:
    """The last tie group of each list of one side.

    Attributes:
        lists: The lists.
        groups: The tie group of each result.
        last: The last group of each list.
        score: The score of its last result; NaN for an empty list.
        several: Whether it has two members or more.
    """

    def __init__(self, lists: PaddedLists, groups: Ints) -> None:
        rows = len(groups)
        self.lists, self.groups = lists, groups
        self.last = np.full(rows, NOWHERE, np.int64)
        self.score = np.full(rows, np.nan)
        self.several = np.zeros(rows, np.bool_)
        filled = np.flatnonzero(lists.lengths > 0)
        ends = lists.lengths[filled] - 1
        self.last[filled] = groups[filled, ends]
        self.score[filled] = lists.scores[filled, ends]
        self.several[filled] = (ends > 0) & (groups[filled, np.maximum(ends - 1, 0)] == self.last[filled])

    def alone(self, rows: Ints, matched: Flags) -> Flags:
        """Return, for some lists, which members of the last group are not matched."""
        inside = np.arange(self.groups.shape[1]) < self.lists.lengths[rows, None]
        return inside & ~matched & (self.groups[rows] == self.last[rows, None])


def _tied_beyond_the_end(legacy: _End, candidate: _End) -> Flags:
    """Return for which queries both lists were cut at the end of a tie group, which may go on behind it."""
    return legacy.several & candidate.several & legacy.lists.cut & candidate.lists.cut


def _same_end(partner: Ints, legacy: _End, candidate: _End, tolerance: float) -> Ints:
    """Return the queries whose lists were both cut, and end with different documents of one score.

    Equal scores show a tie only where scores depend on the documents and not on the rank alone, as those of reciprocal
    rank fusion do: there must be a common document, and each one must have one score on both sides.
    """
    alike = np.abs(legacy.score - candidate.score) <= tolerance
    ends = np.maximum(legacy.lists.lengths - 1, 0)
    other = partner[np.arange(len(partner)), ends] < 0
    some = np.flatnonzero(alike & other & legacy.lists.cut & candidate.lists.cut)
    common = partner[some] >= 0
    theirs = picked(candidate.lists.scores[some], np.maximum(partner[some], 0))
    agree = ~common | (np.abs(legacy.lists.scores[some] - theirs) <= tolerance)
    return some[common.any(axis=1) & agree.all(axis=1)]


def _pair_at_the_end(found: Alignment, ends: tuple[_End, _End], rows: Ints) -> None:
    """Pair the unmatched members of both last groups of some queries: `partner` and `paired` are filled in place."""
    if not len(rows):
        return
    legacy, candidate = ends
    partner = found.partner[rows]
    taken = np.zeros((len(rows), candidate.groups.shape[1]), np.bool_)
    row, column = np.nonzero(partner >= 0)
    taken[row, partner[row, column]] = True
    left, right = legacy.alone(rows, partner >= 0), candidate.alone(rows, taken)
    pairs = np.minimum(left.sum(axis=1), right.sum(axis=1))
    # The first `pairs` free places of each row, in the order of the list.
    left &= np.cumsum(left, axis=1) <= pairs[:, None]
    right &= np.cumsum(right, axis=1) <= pairs[:, None]
    row, column = np.nonzero(left)
    found.partner[rows[row], column] = np.nonzero(right)[1]
    found.paired[rows[row], column] = True


def _agreeing_best(found: Alignment, some: Ints, right: Ints) -> Alignment:
    """Bring some queries into the permitted orders that agree best; the others have no ties and stay as they are.

    Args:
        found: All queries as reported.
        some: Rows of those with ties or pairs.
        right: Tie groups of their candidate lists.
    """
    partner = found.partner[some]
    matched = partner >= 0
    left = found.legacy_group[some]
    theirs = _of_partners(right, partner)
    width, other = left.shape[1], right.shape[1]
    # Inside a group, members that stand further up on the other side come first, and those it does not have last.
    behind = max(width, other)
    order = _order(left, np.where(matched, theirs, behind), np.arange(width), behind)
    row, column = np.nonzero(matched)
    places = partner[row, column]
    ours = np.full(right.shape, behind)
    ours[row, places] = left[row, column]
    turn = np.broadcast_to(np.arange(other), right.shape).copy()
    turn[row, places] = column
    ranks = np.empty(right.shape, np.int64)
    ranks[np.arange(len(some))[:, None], _order(right, ours, turn, behind)] = np.arange(other)
    rank = np.where(matched, _of_partners(ranks, partner), NOWHERE)
    # Results move inside their legacy group alone, so that the groups stay as they are.
    aligned = replace(
        found,
        place=found.place.copy(),
        rank=found.rank.copy(),
        candidate_group=found.candidate_group.copy(),
        reordered=True,
    )
    aligned.place[some] = order
    for into, values in ((aligned.partner, partner), (aligned.rank, rank), (aligned.candidate_group, theirs)):
        into[some] = picked(values, order)
    if found.paired.any():
        aligned.paired[some] = picked(found.paired[some], order)
    return aligned


def _order(group: Ints, elsewhere: Ints, turn: Ints, behind: int) -> Ints:
    """Return the places of each row by tie group, then by the other side's, then by turn; all are at most `behind`.

    The place is part of the sorted number, since sorting numbers is several times faster than sorting places by them.
    """
    bits = behind.bit_length()
    kind = np.int32 if 4 * bits < np.iinfo(np.int32).bits - 1 else np.int64
    keys = np.zeros(group.shape, kind)
    for part in (group, elsewhere, turn, np.arange(group.shape[1])):
        keys <<= bits
        keys |= part.astype(kind)
    keys.sort(axis=1)
    return (keys & ((1 << bits) - 1)).astype(np.int64)
