"""Differing queries requested again, both sides, alternating: which differences persist.

Here belong the choice of queries, the record of what the repeats showed, and what that means for a verdict. Sending them
belongs to `steps`, comparing a side with itself to `noise`.

A query whose repeats all agree was a stray response of one side: it does not count as a difference, and it counts against
the side's reliability. Whatever else its repeats show, it stays one: nothing then speaks for the candidate.
"""

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands, GradedQueries, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.noise import against_itself, strays
from parity_pipeline.core.retrieval.outcomes import AGREEING, DIFFERENT, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking

LARGEST_STRAY_SHARE: Final = 0.01
"""Share of queries, in [0, 1], whose difference may be excused as not confirmed where a pass is still allowed.

Origin: docs/adr/0021, which argues the same share of stray responses for embeddings.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmBudget:
    """How many differing queries are requested again, and how often.

    Attributes:
        queries: Most queries, the worst first; 0 asks none again.
        times: Times both sides are requested each of them.
    """

    queries: int = 20
    times: int = 2


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalConfirmation:
    """What requesting differing queries again showed.

    Attributes:
        asked: Queries that were requested again.
        requests: Requests sent for it, both sides together.
        confirmed: Ids of queries that differed again, or got no definite response.
        unconfirmed: Ids of queries that agreed each time when they were requested again.
        strays: For each side, `legacy` first, queries of which its own lists differed between lane and repeats.
        not_asked: Differing queries that were not requested again because the budget was used up.
    """

    asked: int
    requests: int
    confirmed: tuple[str, ...]
    unconfirmed: tuple[str, ...]
    strays: tuple[int, int] = (0, 0)
    not_asked: int = 0


@dataclass(slots=True)
class DifferingQueries:
    """Chooses the differing queries to ask again while graded blocks stream by: the worst first, and at most `limit`.

    Attributes:
        limit: Most queries to ask again.
        count: Differing queries seen.
    """

    limit: int
    count: int = 0
    _heap: list[tuple[float, int, str]] = field(default_factory=list[tuple[float, int, str]])

    def add(self, graded: GradedQueries, waived: Sequence[str | None] | None = None) -> None:
        """Take in the next block.

        Args:
            graded: The block.
            waived: Id of the waiver that takes each query; these are not requested again. None where none is taken.
        """
        rows = graded.compared
        for row, outcome in enumerate(rows.outcomes):
            if outcome not in DIFFERENT or (waived and waived[row]):
                continue
            self.count += 1
            alike = float(rows.measures.rbo[row]) if outcome is RetrievalOutcome.MISMATCH else 0.0
            entry = (-alike, -(rows.queries.start + row), rows.queries.ids[row])
            if len(self._heap) < self.limit:
                heapq.heappush(self._heap, entry)
            elif self._heap:
                heapq.heappushpop(self._heap, entry)

    def chosen(self) -> tuple[str, ...]:
        """Return the ids of the chosen queries, in the order of the set."""
        return tuple(name for _, _, name in sorted(self._heap, key=lambda one: -one[1]))

    @property
    def not_asked(self) -> int:
        """Return the number of differing queries beyond the limit."""
        return self.count - len(self._heap)


@dataclass(frozen=True, slots=True, kw_only=True)
class RequestedAgain:
    """One differing query that both sides were requested again.

    Attributes:
        query: The query.
        lane: What the legacy and the candidate lane hold for it.
        repeats: What came each further time, the legacy side's and the candidate's response.
    """

    query: Query
    lane: tuple[Ranking, Ranking]
    repeats: tuple[tuple[Ranking, Ranking], ...]


def confirm(
    asked: Sequence[RequestedAgain],
    codebook: Codebook,
    rules: ComparisonRules,
    bands: Bands,
    *,
    requests: int,
    not_asked: int = 0,
) -> RetrievalConfirmation:
    """Return what the repeats showed.

    Args:
        asked: The queries that were requested again, in the order of the set.
        codebook: Maps ids of both sides, as when the lanes were compared.
        rules: How the lanes were compared.
        bands: How they were graded.
        requests: Requests sent, both sides together.
        not_asked: Differing queries beyond the budget.
    """
    agree = [bool(one.repeats) and all(_agrees(one, codebook, rules, bands)) for one in asked]
    return RetrievalConfirmation(
        asked=len(asked),
        requests=requests,
        confirmed=tuple(one.query.id for one, same in zip(asked, agree, strict=True) if not same),
        unconfirmed=tuple(one.query.id for one, same in zip(asked, agree, strict=True) if same),
        strays=(_strayed(Side.LEGACY, asked, rules), _strayed(Side.CANDIDATE, asked, rules)),
        not_asked=not_asked,
    )


def _agrees(one: RequestedAgain, codebook: Codebook, rules: ComparisonRules, bands: Bands) -> Iterator[bool]:
    """Yield for each time whether the two responses agree."""
    for legacy, candidate in one.repeats:
        rows = compare(
            QueryBlock.of([one.query]), RankedLists.of([legacy]), RankedLists.of([candidate]), codebook, rules
        )
        yield grade(rows, bands).compared.outcomes[0] in _AGREE


_AGREE: Final = (*AGREEING, RetrievalOutcome.REFUSED_BY_BOTH)


def _strayed(side: Side, asked: Sequence[RequestedAgain], rules: ComparisonRules) -> int:
    """Return for how many queries a side's own responses differ."""
    place = 0 if side is Side.LEGACY else 1
    return sum(
        any(
            bool(np.any(strays(against_itself(side, [one.query], [one.lane[place]], [repeat[place]], rules))))
            for repeat in one.repeats
        )
        for one in asked
    )


def nothing_persists(found: RetrievalConfirmation | None) -> bool:
    """Return whether queries were requested again and none of them differed again, so that the rest proves nothing either."""
    return found is not None and found.asked > 0 and not found.confirmed


def unconfirmed_reasons(found: RetrievalConfirmation | None, excused: int, queries: int) -> tuple[str, ...]:
    """Return why differences that did not persist stand against a pass all the same; empty where they do not.

    Args:
        found: What the repeats showed; None where nothing was requested again.
        excused: Queries that no longer count as differences, by it.
        queries: Queries of the set.
    """
    if found is None or not excused:
        return ()
    reasons: list[str] = []
    if found.not_asked and nothing_persists(found):
        rest = f"{found.not_asked:,} differing {_queries(found.not_asked)} not requested again"
        reasons.append(f"{rest}; none of the {found.asked:,} that were differs persistently")
    legacy, candidate = found.strays
    if candidate and not legacy:
        words = f"it returned another list for {candidate:,} of {found.asked:,} queries that were requested again"
        reasons.append(f"the candidate is not repeatable: {words}, the legacy side for none")
    if queries and not excused / queries < LARGEST_STRAY_SHARE:
        allowed = f"less than {percent(LARGEST_STRAY_SHARE)} is allowed"
        reasons.append(f"{excused:,} of {queries:,} queries differed once and not again, and {allowed}")
    return tuple(reasons)


def _queries(count: int) -> str:
    return "query is" if count == 1 else "queries are"


def stray_findings(found: RetrievalConfirmation | None, excused: int) -> tuple[str, ...]:
    """Return which side strayed and how often, for a reader of any verdict; empty where every difference persisted."""
    if found is None or not excused:
        return ()
    legacy, candidate = found.strays
    many = "query" if excused == 1 else "queries"
    own = f"{legacy:,} got another list from the legacy side and {candidate:,} from the candidate"
    return (
        f"{excused:,} {many} differed once, and not when both sides were requested again: of {found.asked:,} such queries, {own}",
    )
