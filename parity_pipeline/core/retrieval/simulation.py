"""What a query set would have caught: each fault is applied to stored lists and judged by the code of the verdict.

Here belongs the way from stored lists and faults to `RetrievalPower`. The faults are in `simulated_faults`; comparing,
grading, counting and deciding are those of every verdict.

A fault counts as caught if the lists with it are not a pass while the same lists without it are. One that hits queries by
chance counts if it would have hit one with 95 % probability.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.retrieval.bands import grade
from parity_pipeline.core.retrieval.checks import RetrievalCheck, RetrievalCheckName
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.retrieval.simulated_faults import (
    ALL,
    ONE,
    RETRIEVAL_FAULTS,
    Changes,
    RetrievalFault,
    RetrievalPower,
    SimulatedRetrievalFault,
    StoredLists,
)
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict_builder import (
    RetrievalInputs,
    decide_over_queries,
    retrieval_checks_of,
)

QUERIES: Final = 512
"""Queries of a larger set that are looked at, evenly spread; all of a smaller one. Twenty faults on lists of ten results take a second."""


@dataclass(slots=True)
class ListsSample:
    """Collects queries with both sides' lists while blocks stream by; its size does not grow with the set.

    Attributes:
        queries: Queries of the whole set.
        without: Ids of queries that are left out: those that differed once and not again, since a simulated fault stays.
    """

    queries: int
    without: Collection[str] = ()
    _chosen: list[tuple[Query, Ranking, Ranking]] = field(default_factory=list[tuple[Query, Ranking, Ranking]])

    def add(self, start: int, queries: Sequence[Query], legacy: RankedLists, candidate: RankedLists) -> None:
        """Take in the next block: its first ordinal, its queries, and what both sides returned for them."""
        ordinals = np.unique(np.linspace(0, self.queries - 1, min(QUERIES, self.queries)).astype(np.int64))
        low, high = np.searchsorted(ordinals, [start, start + len(queries)])
        for ordinal in ordinals[low:high].tolist():
            place = ordinal - start
            if queries[place].id not in self.without:
                self._chosen.append((queries[place], legacy.ranking(place), candidate.ranking(place)))

    @property
    def rows(self) -> Sequence[tuple[Query, Ranking, Ranking]]:
        """Return the queries taken in with both sides' lists, in the order of the set."""
        return self._chosen


@dataclass(frozen=True, kw_only=True)
class RetrievalJudge:
    """The code of the verdict, over some queries of the set.

    Attributes:
        make_tally: Returns an empty tally with the bands and waivers of the verdict, and no confirmation.
        make_codebook: Returns an empty codebook of the partition.
        rules: What makes the lists comparable.
        inputs: What the verdict knew beside the queries.
    """

    make_tally: Callable[[], RetrievalTally]
    make_codebook: Callable[[], Codebook]
    rules: ComparisonRules
    inputs: RetrievalInputs

    def judge(
        self, queries: Sequence[Query], legacy: RankedLists, candidate: Sequence[Ranking]
    ) -> tuple[Decision, tuple[RetrievalCheck, ...]]:
        """Return the decision over some queries and every check of it."""
        tally, block = self.make_tally(), QueryBlock.of(queries)
        rows = compare(block, legacy, RankedLists.of(candidate), self.make_codebook(), self.rules)
        tally.add(grade(rows, tally.bands))
        inputs = replace(
            self.inputs,
            query_set=replace(self.inputs.query_set, queries=len(queries)),
            required_bound=None,
            relevance=(),
            settings=replace(self.inputs.settings, min_compared_share=0.0),
        )
        checks = retrieval_checks_of(tally, inputs)
        return decide_over_queries(checks, tally)[0], checks

    @property
    def held(self) -> str | None:
        """Return the mode that the candidate is held to; None for none."""
        return dict(self.rules.modes).get(Side.CANDIDATE)


def retrieval_power(
    sample: ListsSample, judge: RetrievalJudge, faults: Sequence[RetrievalFault] = RETRIEVAL_FAULTS
) -> RetrievalPower:
    """Return which faults the verdict would not have passed; no fault is caught on lists that do not pass without it.

    Args:
        sample: Queries of the set with both sides' stored lists.
        judge: The code of the verdict.
        faults: The faults.
    """
    queries = [query for query, _, _ in sample.rows]
    legacy = RankedLists.of([ranking for _, ranking, _ in sample.rows])
    lists = StoredLists(queries=queries, candidate=[ranking for _, _, ranking in sample.rows], held=judge.held)
    before, _ = judge.judge(queries, legacy, lists.candidate)
    found = tuple(_simulated(one, lists, legacy, judge, before, sample.queries) for one in faults)
    return RetrievalPower(
        faults=found,
        simulated=sum(one.caught is not None for one in found),
        caught=sum(one.caught is True for one in found),
    )


def _simulated(
    fault: RetrievalFault,
    lists: StoredLists,
    legacy: RankedLists,
    judge: RetrievalJudge,
    before: Decision,
    queries: int,
) -> SimulatedRetrievalFault:
    """Return the result of one fault, given the decision without any."""
    if before not in PASSING:
        why = "these queries do not pass where they are judged apart from the others"
        return SimulatedRetrievalFault(name=fault.name, caught=None, decision="", why_not=why)
    changes = fault.change(lists)
    if not changes:
        return SimulatedRetrievalFault(name=fault.name, caught=None, decision="", why_not=fault.lacks)
    changed = [changes.get(place, one) for place, one in enumerate(lists.candidate)]
    decision, checks = judge.judge(lists.queries, legacy, changed)
    if decision in PASSING:
        return SimulatedRetrievalFault(
            name=fault.name, caught=False, decision=decision, why_not=_why_missed(changes, lists, checks)
        )
    chance = _chance(fault, queries)
    why = "" if chance >= CONFIDENCE_LEVEL else f"it hits a query of this set with a probability of {percent(chance)}"
    return SimulatedRetrievalFault(name=fault.name, caught=not why, decision=decision, why_not=why)


def _chance(fault: RetrievalFault, queries: int) -> float:
    """Return the probability that a fault which hits queries by chance hits one; 1 for one that hits all, or any one."""
    return 1.0 if fault.share in {ALL, ONE} else 1.0 - (1.0 - fault.share) ** queries


def _why_missed(changes: Changes, lists: StoredLists, checks: Sequence[RetrievalCheck]) -> str:
    """Return why lists with a fault still pass."""
    warned = [one.name.value for one in checks if one.stands and one.severity is CheckSeverity.WARN]
    many = f"{len(changes)} of {len(lists.queries)} queries change"
    share = next((one.seen for one in checks if one.name is RetrievalCheckName.INVESTIGATE_SHARE), "")
    if warned:
        return f"{many}, and {', '.join(warned)} only warns"
    return f"{many}, and stay within every limit: {share}"
