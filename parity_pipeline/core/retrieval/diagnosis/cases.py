"""One compared query as the rules of diagnosis read it, and the numbers that documents get over a whole set.

Here belongs the step from a graded block to single cases. Which of them are kept belongs to `evidence`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.retrieval.attribution import EXPLAINABLE
from parity_pipeline.core.retrieval.bands import NEAR_TIE, QUERY_LIMITS, QueryMeasure
from parity_pipeline.core.retrieval.compare import ComparedQueries, Spelling
from parity_pipeline.core.retrieval.outcomes import AGREEING, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Flags, Ints
from parity_pipeline.core.retrieval.records import Float64, IdMapping, Query

LIST_RESULTS: Final = 100
"""Results of a list that are kept of one case; a cause that is not seen in the first hundred is not seen further down."""

MOST_DOCUMENTS: Final = 500_000
"""Documents that are distinguished over a set, about 100 MB; later ones have no number and count for no cause."""

UNNUMBERED: Final = -1
"""Number of a document beyond `MOST_DOCUMENTS`."""

SAME_SCORE: Final = QUERY_LIMITS[QueryMeasure.SCORE_DELTA].passes
"""Largest difference of two scores, absolute, that one query vector and one document vector give."""


@dataclass(frozen=True, slots=True, eq=False)
class CaseList:
    """What one side returned for one query, repeats removed, best first. Arrays have shape (results,).

    Attributes:
        documents: int64, numbers that `Documents` gave.
        scores: float64, higher is better; NaN where none is reported.
        alone: bool, whether the other side did not return it; what was paired at the cut-off is not alone.
    """

    documents: Ints
    scores: Float64
    alone: Flags

    def __len__(self) -> int:
        """Return the number of results."""
        return len(self.documents)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Case:
    """One query with both lists.

    Attributes:
        id: The query's id.
        category: What it exercises.
        k: Results requested.
        filtered: Whether it has a filter.
        corpora: Names of the corpora that it searches, where the query was given.
        several: Whether it searches more than one corpus.
        text: What is searched for; "" where the query was not given.
        outcome: The graded outcome.
        legacy: The legacy list, at most `LIST_RESULTS` of it.
        candidate: The candidate's.
        results: Results of both sides, repeats included.
        repeats: Repeated results of both sides.
        hit_corpora: Distinct corpora that the results of both sides come from; `NOT_NAMED` where it is not known.
        rbo: Rank-biased overlap.
        inversions: Pairs of common documents in opposite order.
        gap: Score gap that explains them; NaN without scores.
        score_delta: Greatest score difference of a common document; NaN without comparable scores.
        missing: Legacy documents that the candidate did not return.
        extra: Candidate documents that the legacy side did not return.
        rank_change: Greatest change of rank.
        metadata: Common documents whose metadata differ.
        comparable: Whether scores of both sides mean the same.
        cosine: Cosine of the two query embeddings; NaN where it is not known.
        same: The candidate's list for the legacy query vector, as a case of its own; None where none was fetched.
    """

    id: str
    category: str
    k: int
    filtered: bool
    corpora: tuple[str, ...]
    several: bool
    text: str
    outcome: RetrievalOutcome
    legacy: CaseList
    candidate: CaseList
    results: tuple[int, int]
    repeats: tuple[int, int]
    hit_corpora: tuple[int, int]
    rbo: float
    inversions: int
    gap: float
    score_delta: float
    missing: int
    extra: int
    rank_change: int
    metadata: int
    comparable: bool
    cosine: float
    same: "Case | None"

    @property
    def agrees(self) -> bool:
        """Return whether both sides return the same."""
        return self.outcome in AGREEING

    @property
    def compared(self) -> bool:
        """Return whether both sides returned documents."""
        return bool(len(self.legacy) and len(self.candidate))

    @property
    def in_order(self) -> bool:
        """Return whether common documents stand in one order, near ties aside."""
        return self.inversions == 0 or self.gap <= NEAR_TIE

    @property
    def same_scores(self) -> bool:
        """Return whether no common document is known to have another score."""
        return not self.score_delta > SAME_SCORE

    @property
    def head(self) -> bool:
        """Return whether the candidate's list is the head of the legacy list and ends before it."""
        return self.compared and self.extra == 0 and self.missing > 0 and self.rank_change == 0

    @property
    def apart(self) -> bool:
        """Return whether the lists have no document in common."""
        return self.compared and bool(self.candidate.alone.all())

    @property
    def holes(self) -> bool:
        """Return whether documents are missing and all that is common stands as it should, with the scores it should have."""
        whole = self.compared and not self.apart and not self.repeats[1]
        return whole and self.missing > 0 and self.in_order and self.same_scores

    @property
    def better_extras(self) -> bool:
        """Return whether the candidate alone holds a document with a better score than the last legacy one."""
        if not (self.comparable and self.compared and self.candidate.alone.any()):
            return False
        return bool(self.candidate.scores[self.candidate.alone].max() > self.legacy.scores[-1] + NEAR_TIE)

    @property
    def embedded_alike(self) -> bool | None:
        """Return whether both sides embed the query alike; None where the cosine is not known."""
        return None if np.isnan(self.cosine) else self.cosine >= COSINE_THRESHOLD

    def common(self) -> tuple[Ints, Float64, Float64]:
        """Return the numbers of the common documents, and their legacy and candidate scores."""
        found, left, right = np.intersect1d(
            self.legacy.documents, self.candidate.documents, assume_unique=False, return_indices=True
        )
        kept = found != UNNUMBERED
        return found[kept], self.legacy.scores[left[kept]], self.candidate.scores[right[kept]]


@dataclass(slots=True)
class Documents:
    """Number the documents of a whole set, so that one document has one number on both sides and in all blocks.

    Attributes:
        mappings: How ids of the legacy side and of the candidate are spelled in the space of comparison.
        limit: Most documents that get a number.
        names: The id of each number, as it is spelled in the space of comparison.
    """

    mappings: tuple[IdMapping, IdMapping] = (IdMapping(), IdMapping())
    limit: int = MOST_DOCUMENTS
    names: list[str] = field(default_factory=list[str])
    _numbers: dict[str, int] = field(default_factory=dict[str, int])

    def __len__(self) -> int:
        """Return how many documents have a number."""
        return len(self.names)

    def number(self, spelling: Spelling, mapping: IdMapping, codes: Ints) -> Ints:
        """Return the number of each code of one side; all codes are spelled by that side."""
        if not len(codes):
            return codes
        wanted, back = np.unique(codes, return_inverse=True)
        places = np.zeros(int(spelling.codes.max(initial=0)) + 1, np.int64)
        # Of several ids with one code the first one stands: it is written last.
        places[spelling.codes[::-1]] = np.arange(len(spelling.codes))[::-1]
        found = [int(place) for place in places[wanted]]
        numbers = [self._of(mapping.apply(spelling.vocabulary[place])) for place in found]
        return np.array(numbers, np.int64)[back]

    def _of(self, name: str) -> int:
        found = self._numbers.get(name)
        if found is None:
            if len(self.names) >= self.limit:
                return UNNUMBERED
            found = self._numbers[name] = len(self.names)
            self.names.append(name)
        return found


@dataclass(frozen=True, slots=True, eq=False)
class NumberedBlock:
    """The results of a block as flat arrays, one entry per result; `rows` are places in the block.

    Attributes:
        rows: int64, the query of each result, of the legacy side and of the candidate.
        documents: int64, its number.
        alone: bool, whether the other side did not return it.
        starts: int64, shape (queries + 1,), where the results of each query begin.
    """

    rows: tuple[Ints, Ints]
    documents: tuple[Ints, Ints]
    alone: tuple[Flags, Flags]
    starts: tuple[Ints, Ints]

    @classmethod
    def of(cls, rows: ComparedQueries, documents: Documents) -> "NumberedBlock":
        """Number the documents of a compared block."""
        lists = rows.lists
        there = _returned_by_both(rows)
        found: list[tuple[Ints, Ints, Flags, Ints]] = []
        sides = zip(
            (lists.legacy, lists.candidate),
            (lists.legacy_ids, lists.candidate_ids),
            documents.mappings,
            there,
            strict=True,
        )
        for side, spelling, mapping, both in sides:
            inside = np.arange(side.codes.shape[1]) < side.lengths[:, None]
            numbers = documents.number(spelling, mapping, side.codes[inside])
            starts = np.concatenate([[0], np.cumsum(side.lengths)])
            found.append((np.nonzero(inside)[0], numbers, ~both[inside], starts))
        left, right = found
        return cls((left[0], right[0]), (left[1], right[1]), (left[2], right[2]), (left[3], right[3]))


def _returned_by_both(rows: ComparedQueries) -> tuple[Flags, Flags]:
    """Return which results of each side the other side returned too, or are paired, in the order as reported."""
    lists = rows.lists
    aligned = lists.aligned
    legacy = np.zeros(lists.legacy.codes.shape, np.bool_)
    candidate = np.zeros(lists.candidate.codes.shape, np.bool_)
    row, column = np.nonzero(aligned.partner >= 0)
    legacy[row, np.asarray(aligned.place)[row, column]] = True
    candidate[row, aligned.partner[row, column]] = True
    return legacy, candidate


@dataclass(frozen=True, slots=True, eq=False)
class CaseContext:
    """What a case needs beside its block.

    Attributes:
        block: The numbered results.
        several: bool, shape (queries,): which queries search more than one corpus.
        queries: The queries themselves; empty where they are not known.
        cosine: float64, shape (queries,); NaN where it is not known.
    """

    block: NumberedBlock
    several: Flags
    queries: Sequence[Query]
    cosine: Float64


def case_of(rows: ComparedQueries, row: int, context: CaseContext, same: Case | None = None) -> Case:
    """Return one query of a block as a case."""
    found, query = rows.measures, context.queries[row] if context.queries else None
    return Case(
        id=rows.queries.ids[row],
        category=rows.queries.categories[row],
        k=int(rows.queries.k[row]),
        filtered=bool(rows.queries.filtered[row]),
        corpora=query.corpora if query else (),
        several=bool(context.several[row]),
        text=query.text if query else "",
        outcome=rows.outcomes[row],
        legacy=_list_of(rows, row, context.block, 0),
        candidate=_list_of(rows, row, context.block, 1),
        results=(int(rows.legacy_results[row]), int(rows.candidate_results[row])),
        repeats=(int(rows.legacy_repeats[row]), int(rows.candidate_repeats[row])),
        hit_corpora=(int(rows.lists.hit_corpora[0][row]), int(rows.lists.hit_corpora[1][row])),
        rbo=float(found.rbo[row]),
        inversions=int(found.inversions[row]),
        gap=float(found.inversion_gap[row]),
        score_delta=float(found.score_delta[row]),
        missing=int(found.missing[row]),
        extra=int(found.extra[row]),
        rank_change=int(found.rank_change[row]),
        metadata=int(found.metadata[row]),
        comparable=rows.comparable,
        cosine=float(context.cosine[row]),
        same=same,
    )


def _list_of(rows: ComparedQueries, row: int, block: NumberedBlock, side: int) -> CaseList:
    low = int(block.starts[side][row])
    high = min(int(block.starts[side][row + 1]), low + LIST_RESULTS)
    scores = (rows.lists.legacy, rows.lists.candidate)[side].scores[row, : high - low]
    return CaseList(block.documents[side][low:high].copy(), scores.copy(), block.alone[side][low:high].copy())


def was_tried(outcome: RetrievalOutcome) -> bool:
    """Return whether the lists for one query vector say anything: both sides gave a definite list."""
    return outcome in AGREEING or outcome in EXPLAINABLE
