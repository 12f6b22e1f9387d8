"""One query as reports show it, side by side, and the worst of each outcome.

Here belong the plain form of a compared query and a bounded choice of queries. Counting belongs to `tally`.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import zip_longest
from typing import Final

import numpy as np

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.outcomes import AGREEING, DIFFERENT, NOT_COMPARED, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Flags
from parity_pipeline.core.retrieval.records import Float64

SHOWN_RESULTS: Final = 10
"""Results per side that are kept of a query for a report: the first page of a search."""


@dataclass(frozen=True, slots=True)
class ShownResult:
    """One row of two lists side by side.

    Attributes:
        legacy_id: The legacy side's document of this rank; None behind the end.
        candidate_id: The candidate's.
        legacy_rank: Rank (from 1) of the candidate's document on the legacy side; None where it is not there.
    """

    legacy_id: str | None
    candidate_id: str | None
    legacy_rank: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedQuery:
    """One query as a report shows it. Measures are None where nothing was measured.

    Attributes:
        drawn: How often a random draw gave the query, 0 where it was picked.
        shown: The first `SHOWN_RESULTS` results of both sides.
        waiver: Id of the waiver that took it; None where none did.
        unconfirmed: Whether it differed in the lane and not when it was requested again.
    """

    ordinal: int
    id: str
    category: str
    outcome: RetrievalOutcome
    side: str | None
    k: int
    legacy_results: int
    candidate_results: int
    overlap: float | None
    top_1: float | None
    rbo: float | None
    tau_b: float | None
    rank_change: int
    score_delta: float | None
    missing: int
    extra: int
    paired: int
    inversions: int
    inversion_gap: float | None
    metadata: int
    repeats: int
    drawn: int
    shown: tuple[ShownResult, ...]
    waiver: str | None = None
    unconfirmed: bool = False


def query_of(rows: ComparedQueries, row: int) -> JudgedQuery:
    """Return one query of a graded block in the form that reports and JSON use; measures only where lists were compared."""
    found = rows.measures
    number = _nothing if rows.outcomes[row] in NOT_COMPARED else _number
    return JudgedQuery(
        ordinal=rows.queries.start + row,
        id=rows.queries.ids[row],
        category=rows.queries.categories[row],
        outcome=rows.outcomes[row],
        side=rows.sides[row],
        k=int(rows.queries.k[row]),
        legacy_results=int(rows.legacy_results[row]),
        candidate_results=int(rows.candidate_results[row]),
        overlap=number(found.overlap[row]),
        top_1=number(found.top_1[row]),
        rbo=number(found.rbo[row]),
        tau_b=number(found.tau_b[row]),
        rank_change=int(found.rank_change[row]),
        score_delta=number(found.score_delta[row]),
        missing=int(found.missing[row]),
        extra=int(found.extra[row]),
        paired=int(found.paired[row]),
        inversions=int(found.inversions[row]),
        inversion_gap=number(found.inversion_gap[row]),
        metadata=int(found.metadata[row]),
        repeats=int(rows.candidate_repeats[row]),
        drawn=int(rows.queries.drawn[row]),
        shown=_side_by_side(rows, row),
    )


def _side_by_side(rows: ComparedQueries, row: int) -> tuple[ShownResult, ...]:
    lists = rows.lists
    codes = lists.legacy.codes[row, : lists.legacy.lengths[row]].tolist()
    ranks = {code: rank for rank, code in enumerate(codes, start=1)}
    theirs = lists.candidate.codes[row, : min(SHOWN_RESULTS, int(lists.candidate.lengths[row]))].tolist()
    left = lists.ids(Side.LEGACY, row, SHOWN_RESULTS)
    right = zip(lists.ids(Side.CANDIDATE, row, SHOWN_RESULTS), map(ranks.get, theirs), strict=True)
    return tuple(
        ShownResult(ours, *(theirs or (None, None))) for ours, theirs in zip_longest(left, right, fillvalue=None)
    )


def _nothing(_value: float) -> None:
    """Return that nothing was measured."""


def _agreement(rows: ComparedQueries) -> Float64:
    """Return rank-biased overlap in [0, 1]; of queries without two lists 0 where one side has results, else 1."""
    unmeasured = np.array([outcome in NOT_COMPARED for outcome in rows.outcomes], np.bool_)
    nothing = (rows.legacy_results == 0) & (rows.candidate_results == 0)
    return np.where(unmeasured, nothing.astype(np.float64), rows.measures.rbo)


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


KINDS: Final = (
    *DIFFERENT,
    RetrievalOutcome.INVESTIGATE,
    RetrievalOutcome.MISSING,
    RetrievalOutcome.REFUSED_BY_BOTH,
    *AGREEING,
)
"""Outcomes in the order of a report's table: what fails comes first."""

_BEHIND: Final = 2.0
"""Added to the rank-biased overlap of a query that does not stand, beyond any that does."""

_Entry = tuple[float, int, JudgedQuery]


@dataclass(slots=True)
class WorstQueries:
    """The `limit` worst queries of each outcome: smallest rank-biased overlap first, then smallest ordinal.

    Attributes:
        limit: Queries kept of each outcome, and shown in all.
    """

    limit: int = REPORT_ROWS
    _heaps: dict[RetrievalOutcome, list[_Entry]] = field(default_factory=dict[RetrievalOutcome, list[_Entry]])

    def offer(
        self, rows: ComparedQueries, waivers: Sequence[str | None] | None = None, unconfirmed: Flags | None = None
    ) -> None:
        """Keep those queries of a graded block that are among the worst of their outcome.

        Args:
            rows: The block.
            waivers: Id of the waiver that took each query, None for none; such a query comes behind those that stand.
            unconfirmed: Which differences were not confirmed; these come behind likewise.
        """
        names = waivers or [None] * len(rows)
        excused = np.array([name is not None for name in names], np.bool_)
        transient = np.zeros(len(rows), np.bool_) if unconfirmed is None else unconfirmed
        badness = _agreement(rows) + _BEHIND * (excused | transient)
        for kind in set(rows.outcomes):
            some = np.array([row for row, outcome in enumerate(rows.outcomes) if outcome is kind], np.int64)
            order = np.argsort(badness[some], kind="stable")
            for row in some[order[: self.limit]].tolist():
                self._keep(rows, row, float(badness[row]), names[row], unconfirmed=bool(transient[row]))

    def _keep(self, rows: ComparedQueries, row: int, badness: float, waiver: str | None, *, unconfirmed: bool) -> None:
        heap = self._heaps.setdefault(rows.outcomes[row], [])
        key = (-badness, -(rows.queries.start + row))
        if len(heap) >= self.limit and not key > heap[0][:2]:
            return
        query = query_of(rows, row)
        if waiver or unconfirmed:
            query = replace(query, waiver=waiver, unconfirmed=unconfirmed)
        if len(heap) < self.limit:
            heapq.heappush(heap, (*key, query))
        else:
            heapq.heapreplace(heap, (*key, query))

    def shown(self) -> tuple[JudgedQuery, ...]:
        """Return at most `limit` queries: the worst of each outcome in turn, in the order of `KINDS`."""
        queues = [self._queue(kind) for kind in KINDS]
        in_turn = [one for rank in zip_longest(*queues) for one in rank if one is not None][: self.limit]
        taken = {one.ordinal for one in in_turn}
        return tuple(one for queue in queues for one in queue if one.ordinal in taken)

    def _queue(self, kind: RetrievalOutcome) -> list[JudgedQuery]:
        return [query for *_, query in sorted(self._heaps.get(kind, []), key=lambda one: (-one[0], -one[1]))]
