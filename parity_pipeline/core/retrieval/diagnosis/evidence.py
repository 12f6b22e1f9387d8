"""What the rules of diagnosis know of a whole set, taken in block by block in bounded memory.

Here belong counts over all queries and documents, and the choice of single cases that are kept. What they mean belongs to
the rules.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.attribution import Evidence
from parity_pipeline.core.retrieval.bands import NEAR_TIE, GradedQueries
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.diagnosis.cases import (
    SAME_SCORE,
    UNNUMBERED,
    Case,
    CaseContext,
    Documents,
    NumberedBlock,
    case_of,
    was_tried,
)
from parity_pipeline.core.retrieval.outcomes import AGREEING, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalNoise
from parity_pipeline.core.retrieval.ranked_lists import Flags, Ints
from parity_pipeline.core.retrieval.records import Query

DIFFERING_CASES: Final = 400
"""Differing queries that are kept of one kind; the share of them that a cause explains stands for the others."""
AGREEING_CASES: Final = 100
"""Agreeing queries that are kept of one kind."""
MOST_CASES: Final = 4_000
"""Cases that are kept in all: with a hundred results per side some 20 MB."""

_UNDECIDED: Final = (
    RetrievalOutcome.MISSING,
    RetrievalOutcome.REFUSED_BY_BOTH,
    RetrievalOutcome.REFUSED_BY_LEGACY,
    RetrievalOutcome.REFUSED_BY_CANDIDATE,
    RetrievalOutcome.REFUSED_DIFFERENTLY,
)
"""Outcomes without two lists: nothing is said, or the refusal says itself why."""

Kind = tuple[str, bool, bool]
"""Category, whether filtered, whether several corpora are searched."""


@dataclass(slots=True)
class DocumentCounts:
    """How often each document was returned and missed. Arrays have shape (documents,) or more, int64.

    Attributes:
        legacy: Queries for which the legacy side returned it.
        candidate: The same of the candidate.
        missed: Queries for which only the legacy side did, and all that is common stands as it should.
        added: Queries for which only the candidate did, likewise.
    """

    legacy: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    candidate: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    missed: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    added: Ints = field(default_factory=lambda: np.zeros(0, np.int64))

    def add(self, block: NumberedBlock, in_place: Flags, documents: int) -> None:
        """Count the results of one block.

        Args:
            block: The results.
            in_place: bool, shape (queries,): where all that is common stands as it should.
            documents: Documents that have a number by now.
        """
        self.legacy = _counted(self.legacy, block.documents[0], documents)
        self.candidate = _counted(self.candidate, block.documents[1], documents)
        missed, added = (alone & in_place[rows] for alone, rows in zip(block.alone, block.rows, strict=True))
        self.missed = _counted(self.missed, block.documents[0][missed], documents)
        self.added = _counted(self.added, block.documents[1][added], documents)


def _counted(counts: Ints, numbers: Ints, size: int) -> Ints:
    found = np.bincount(numbers[numbers != UNNUMBERED], minlength=size)
    found[: len(counts)] += counts
    return found


@dataclass(slots=True, kw_only=True)
class CauseEvidence:
    """All that is known about the differences of a set so far.

    Attributes:
        documents: Numbers of documents; give it the id mappings of the codebook.
        searched: Corpora that a query without corpora of its own searches, by name; empty for one.
        modes: Queries by the mode that each side reports, `legacy` first, as `RetrievalProvenance.modes`.
        noise: What each side's own repeats came to, `legacy` first; None where it was not measured.
        confirmation: What sending differing queries again showed; None where nothing was sent.
        queries: Queries of each kind.
        differing: Differing queries of each kind, those with two lists.
        outcomes: Queries of each outcome.
        counts: How often each document was returned and missed.
        cases: The cases that are kept.
    """

    documents: Documents = field(default_factory=Documents)
    searched: tuple[str, ...] = ()
    modes: tuple[Mapping[str, int], Mapping[str, int]] = field(default_factory=lambda: ({}, {}))
    noise: tuple[RetrievalNoise | None, RetrievalNoise | None] = (None, None)
    confirmation: RetrievalConfirmation | None = None
    queries: Counter[Kind] = field(default_factory=Counter[Kind])
    differing: Counter[Kind] = field(default_factory=Counter[Kind])
    outcomes: Counter[RetrievalOutcome] = field(default_factory=Counter[RetrievalOutcome])
    counts: DocumentCounts = field(default_factory=DocumentCounts)
    cases: list[Case] = field(default_factory=list[Case])
    _kept: Counter[tuple[Kind, bool]] = field(default_factory=Counter[tuple[Kind, bool]])

    def add(
        self,
        graded: GradedQueries,
        evidence: Evidence | None = None,
        queries: Sequence[Query] = (),
    ) -> None:
        """Take in the next block.

        Args:
            graded: The queries as they were compared.
            evidence: What `attribute` was given about the query vectors; without it no control counts.
            queries: The queries themselves, in this order; texts and corpora are known only from them.
        """
        rows, evidence = graded.compared, evidence or Evidence()
        several = np.where(rows.queries.corpora > 0, rows.queries.corpora > 1, len(self.searched) > 1)
        block = NumberedBlock.of(rows, self.documents)
        found = rows.measures
        in_order = (found.inversions == 0) | (found.inversion_gap <= NEAR_TIE)
        unrepeated = rows.candidate_repeats <= rows.legacy_repeats
        self.counts.add(block, in_order & ~(found.score_delta > SAME_SCORE) & unrepeated, len(self.documents))
        cosine = np.full(len(rows), np.nan) if evidence.cosine is None else evidence.cosine
        context = CaseContext(block, several, queries, cosine)
        same = evidence.same_vector.compared if evidence.same_vector is not None else None
        with_same = self._same_vector(same, context) if same is not None else None
        for row, outcome in enumerate(rows.outcomes):
            kind = (rows.queries.categories[row], bool(rows.queries.filtered[row]), bool(several[row]))
            self.queries[kind] += 1
            self.outcomes[outcome] += 1
            if outcome in _UNDECIDED:
                continue
            differs = outcome not in AGREEING
            self.differing[kind] += differs
            if self._room(kind, differs=differs):
                tried = same is not None and with_same is not None and was_tried(same.outcomes[row])
                control = case_of(same, row, with_same) if tried and same and with_same else None
                self.cases.append(case_of(rows, row, context, control))

    def _room(self, kind: Kind, *, differs: bool) -> bool:
        """Say whether one more case of a kind is kept, and count it."""
        limit = DIFFERING_CASES if differs else AGREEING_CASES
        if self._kept[kind, differs] >= limit or len(self.cases) >= MOST_CASES:
            return False
        self._kept[kind, differs] += 1
        return True

    def _same_vector(self, rows: ComparedQueries, context: CaseContext) -> CaseContext:
        block = NumberedBlock.of(rows, self.documents)
        return CaseContext(block, context.several, context.queries, context.cosine)

    def kept(self, kind: Kind) -> int:
        """Return how many differing queries of a kind are kept as cases."""
        return self._kept[kind, True]
