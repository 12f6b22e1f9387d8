"""Compare the ranked lists of two sides and give each query exactly one outcome.

Here belongs the step from two blocks of rankings to one compared block: measures, and outcomes that depend on no band.
Which compared queries match belongs to `bands`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.alignment import NO_DOCUMENT, Alignment, PaddedLists, align, picked, repeated
from parity_pipeline.core.retrieval.measures import DEPTHS, RBO_PERSISTENCE, PairedValues, QueryMeasures, measure
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook, Flags, Hashes, Ints, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import ScoreScale

TIE_TOLERANCE: Final = 1e-6
"""Largest difference of two scores of one side, absolute, that says nothing about the order of their documents.

Origin: a dot product of two float32 unit vectors of 768 numbers depends on the order of its additions by up to about
1e-6, so that two correct implementations order such documents at random. Settings: `retrieve.tie_tolerance`.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparisonRules:
    """What makes the lists of two sides comparable, and how they are measured.

    Attributes:
        legacy_scale: How the legacy side's scores or distances become scores.
        candidate_scale: The same of the candidate.
        comparable: Whether a score of one side then means the same as a score of the other.
        tie_tolerance: Largest difference of scores inside a tie group, absolute, 0 or more.
        persistence: p of rank-biased overlap, in (0, 1).
        depths: Depths at which overlap is measured too.
        modes: The mode that each side must report; a side that is not named is not held to any.

    Raises:
        MetricInputError: A tolerance or a p that cannot be.
    """

    legacy_scale: ScoreScale = field(default_factory=ScoreScale)
    candidate_scale: ScoreScale = field(default_factory=ScoreScale)
    comparable: bool = True
    tie_tolerance: float = TIE_TOLERANCE
    persistence: float = RBO_PERSISTENCE
    depths: tuple[int, ...] = DEPTHS
    modes: tuple[tuple[Side, str], ...] = ()

    def __post_init__(self) -> None:
        """Refuse numbers under which nothing could be compared."""
        if not (
            0.0 <= self.tie_tolerance < np.inf and 0.0 < self.persistence < 1.0 and min(self.depths, default=1) >= 1
        ):
            msg = f"a tie tolerance of {self.tie_tolerance}, a p of {self.persistence} or depths of {self.depths}"
            remedy = "Give a tolerance of 0 or more, a p between 0 and 1, and depths of 1 or more."
            raise MetricInputError(f"{msg} cannot be used", place="retrieve", remedy=remedy)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedQueries:
    """Consecutive queries with the result of comparing them. Arrays have shape (queries,).

    Attributes:
        queries: The queries.
        outcomes: One per query.
        sides: Which side an outcome is about: `legacy`, `candidate`, `both`, or None.
        legacy_results: int64, results of the legacy side, repeats included.
        candidate_results: The same of the candidate.
        legacy_repeats: int64, results that repeat a document of the same list. Only the first one is compared.
        candidate_repeats: The same of the candidate.
        legacy_unordered: bool, scores that rise towards the end of the list by more than the tie tolerance.
        candidate_unordered: The same of the candidate.
        measures: Measures of each query; of one whose outcome is not `COMPARED` or `BOTH_EMPTY` they mean nothing.
        depths: Depths of `measures.overlap_at`.
        comparable: Whether a score of one side means the same as a score of the other.
        lists: The rankings as they were compared, for whoever shows or explains single queries.
    """

    queries: QueryBlock
    outcomes: Sequence[RetrievalOutcome]
    sides: Sequence[str | None]
    legacy_results: Ints
    candidate_results: Ints
    legacy_repeats: Ints
    candidate_repeats: Ints
    legacy_unordered: Flags
    candidate_unordered: Flags
    measures: QueryMeasures
    depths: tuple[int, ...]
    comparable: bool
    lists: "ComparedLists"

    def __len__(self) -> int:
        """Return the number of queries."""
        return len(self.queries)


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparedLists:
    """Both sides' lists of a block, as matrices, with the document that each code stands for.

    Attributes:
        legacy: The legacy lists, repeats removed.
        candidate: The candidate's.
        aligned: How they were aligned.
        legacy_ids: Spelling of each legacy code, as that side spells it.
        candidate_ids: The same of the candidate.
        hit_corpora: int64, shape (queries,), of the legacy side and of the candidate: distinct corpora that the results of
            each query come from; `NOT_NAMED` where it is not known.
    """

    legacy: PaddedLists
    candidate: PaddedLists
    aligned: Alignment
    legacy_ids: "Spelling"
    candidate_ids: "Spelling"
    hit_corpora: tuple[Ints, Ints]

    def ids(self, side: Side, row: int, most: int | None = None) -> list[str]:
        """Return the document ids of one list as that side spells them, best first, `most` of them at most."""
        lists, spelling = (
            (self.legacy, self.legacy_ids) if side is Side.LEGACY else (self.candidate, self.candidate_ids)
        )
        return spelling.of(lists.codes[row, : lists.lengths[row]][:most])


@dataclass(frozen=True, slots=True)
class Spelling:
    """How one side spells the documents of a block.

    Attributes:
        codes: int64, the code of each member of the vocabulary.
        vocabulary: The ids.
    """

    codes: Ints
    vocabulary: Sequence[str]

    def of(self, codes: Ints) -> list[str]:
        """Return the id of each code; of several ids with one code, the first. Meant for a few codes."""
        return [self.vocabulary[int(np.argmax(self.codes == code))] for code in codes]


@dataclass(frozen=True, slots=True, kw_only=True)
class _SideMatrices:
    lists: PaddedLists
    metadata: Hashes
    repeats: Ints
    unordered: Flags


def compare(
    queries: QueryBlock, legacy: RankedLists, candidate: RankedLists, codebook: Codebook, rules: ComparisonRules
) -> ComparedQueries:
    """Compare the same queries of both sides.

    Args:
        queries: The queries, in the order of their set.
        legacy: What the legacy side returned for exactly these queries.
        candidate: What the candidate returned for them.
        codebook: Gives ids of both sides their codes; the same one for all blocks.
        rules: What makes the lists comparable.

    Raises:
        MetricInputError: A side's rankings are not those of these queries in this order.
    """
    for side, lists in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)):
        if list(lists.query_ids) != list(queries.ids):
            msg = f"the {side} rankings are not those of the queries from ordinal {queries.start} on"
            raise MetricInputError(msg, remedy=f"Materialize {side}/retrieval again.")
    codes = codebook.encode(legacy.vocabulary, candidate.vocabulary)
    left = _matrices(queries, legacy, codes[0], rules.legacy_scale, rules)
    right = _matrices(queries, candidate, codes[1], rules.candidate_scale, rules)
    aligned = align(left.lists, right.lists, tolerance=rules.tie_tolerance, comparable=rules.comparable)
    measures = measure(
        aligned,
        _paired_values(aligned, left, right),
        queries.k,
        persistence=rules.persistence,
        depths=rules.depths,
        comparable=rules.comparable,
    )
    found = _outcomes(legacy, candidate, (left.lists.lengths, right.lists.lengths), rules)
    return ComparedQueries(
        queries=queries,
        outcomes=[outcome for outcome, _ in found],
        sides=[side for _, side in found],
        legacy_results=left.lists.lengths + left.repeats,
        candidate_results=right.lists.lengths + right.repeats,
        legacy_repeats=left.repeats,
        candidate_repeats=right.repeats,
        legacy_unordered=left.unordered,
        candidate_unordered=right.unordered,
        measures=measures,
        depths=rules.depths,
        comparable=rules.comparable,
        lists=ComparedLists(
            legacy=left.lists,
            candidate=right.lists,
            aligned=aligned,
            legacy_ids=Spelling(codes[0], legacy.vocabulary),
            candidate_ids=Spelling(codes[1], candidate.vocabulary),
            hit_corpora=(legacy.hit_corpora, candidate.hit_corpora),
        ),
    )


def _matrices(
    queries: QueryBlock, side: RankedLists, codes: Ints, scale: ScoreScale, rules: ComparisonRules
) -> _SideMatrices:
    """Return the lists of one side as matrices, with repeats removed."""
    lengths = side.lengths()
    # One column even where all lists are empty: no function behind this one meets a matrix without columns.
    width = int(lengths.max(initial=1))
    documents = codes[side.documents] if len(codes) else np.zeros(0, np.int64)
    matrix = side.padded(documents, NO_DOCUMENT, lengths, width)
    scores = side.padded(scale.scores(side.reported), np.nan, lengths, width)
    metadata = side.padded(side.metadata, 0, lengths, width)
    unordered = np.any(scores[:, 1:] - scores[:, :-1] > rules.tie_tolerance, axis=1)
    cut = (lengths > 0) & (lengths >= queries.k)
    again = repeated(matrix)
    repeats = again.sum(axis=1)
    if repeats.any():
        # A stable sort by the flag moves repeats behind the end and keeps the order of the others.
        order = np.argsort(again, axis=1, kind="stable")
        lengths = lengths - repeats
        behind = np.arange(width) >= lengths[:, None]
        matrix = np.where(behind, NO_DOCUMENT, picked(matrix, order))
        scores = np.where(behind, np.nan, picked(scores, order))
        metadata = picked(metadata, order)
    lists = PaddedLists(lengths=lengths, codes=matrix, scores=scores, cut=cut)
    return _SideMatrices(lists=lists, metadata=metadata, repeats=repeats, unordered=unordered)


def _paired_values(aligned: Alignment, left: _SideMatrices, right: _SideMatrices) -> PairedValues:
    scores, metadata = left.lists.scores, left.metadata
    if aligned.reordered:
        scores = picked(scores, aligned.place)
        metadata = picked(metadata, aligned.place)
    partner = np.maximum(aligned.partner, 0)
    return PairedValues(
        legacy_scores=scores,
        candidate_scores=picked(right.lists.scores, partner),
        legacy_ordered=~left.unordered,
        candidate_ordered=~right.unordered,
        metadata_differ=metadata != picked(right.metadata, partner),
    )


BOTH: Final = "both"

_REFUSED: Final[dict[tuple[bool, ...], tuple[RetrievalOutcome, str | None]]] = {
    (True, False): (RetrievalOutcome.REFUSED_BY_LEGACY, Side.LEGACY.value),
    (False, True): (RetrievalOutcome.REFUSED_BY_CANDIDATE, Side.CANDIDATE.value),
}
_EMPTY: Final[dict[tuple[bool, ...], tuple[RetrievalOutcome, str | None]]] = {
    (True, True): (RetrievalOutcome.BOTH_EMPTY, None),
    (True, False): (RetrievalOutcome.EMPTY_LEGACY, Side.LEGACY.value),
    (False, True): (RetrievalOutcome.EMPTY_CANDIDATE, Side.CANDIDATE.value),
}


def _outcomes(
    legacy: RankedLists, candidate: RankedLists, lengths: tuple[Ints, Ints], rules: ComparisonRules
) -> list[tuple[RetrievalOutcome, str | None]]:
    """Return the outcome of each query and the side it is about."""
    found: list[tuple[RetrievalOutcome, str | None]] = [(RetrievalOutcome.COMPARED, None)] * len(legacy)
    for row in np.flatnonzero((lengths[0] == 0) | (lengths[1] == 0)).tolist():
        found[row] = _without_lists(legacy, candidate, row, (not lengths[0][row], not lengths[1][row]))
    for side, mode in rules.modes:
        for row, said in enumerate((legacy if side is Side.LEGACY else candidate).modes):
            # A side that says nothing in its response is not held to a mode; an empty list may be due to the wrong one.
            if said is not None and said != mode and found[row][0] in _WITH_LISTS:
                found[row] = (RetrievalOutcome.WRONG_MODE, side.value)
    return found


_WITH_LISTS: Final = (
    RetrievalOutcome.COMPARED,
    RetrievalOutcome.BOTH_EMPTY,
    RetrievalOutcome.EMPTY_LEGACY,
    RetrievalOutcome.EMPTY_CANDIDATE,
)


def _without_lists(
    legacy: RankedLists, candidate: RankedLists, row: int, empty: tuple[bool, bool]
) -> tuple[RetrievalOutcome, str | None]:
    """Return the outcome of a query for which at least one side has no results."""
    statuses = (legacy.statuses[row], candidate.statuses[row])
    refused = tuple(status is RowStatus.REFUSED for status in statuses)
    lost = [side.value for side, status in zip(Side, statuses, strict=True) if status in _LOST]
    if lost:
        return RetrievalOutcome.MISSING, BOTH if len(lost) == len(statuses) else lost[0]
    if refused == (True, True):
        same = legacy.refusals[row] == candidate.refusals[row]
        return (RetrievalOutcome.REFUSED_BY_BOTH if same else RetrievalOutcome.REFUSED_DIFFERENTLY), BOTH
    return _REFUSED[refused] if any(refused) else _EMPTY[empty]


_LOST: Final = (RowStatus.FAILED, RowStatus.MALFORMED)
