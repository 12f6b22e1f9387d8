"""Ask differing queries again, send the controls, and say why the lists of two sides differ.

Here belong these further requests and the pass over both lanes that names causes. Which differences persist, what explains
a query and which causes a set has belong to `core.retrieval`.
"""

import heapq
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np

from parity_pipeline.core.errors import GatewayError, SettingsError
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.attribution import EXPLAINABLE, Evidence, Explanation, attribute
from parity_pipeline.core.retrieval.bands import GradedQueries, grade
from parity_pipeline.core.retrieval.compare import ComparedQueries, compare
from parity_pipeline.core.retrieval.confirmation import DifferingQueries, RequestedAgain, RetrievalConfirmation, confirm
from parity_pipeline.core.retrieval.diagnosis.cases import Documents
from parity_pipeline.core.retrieval.diagnosis.evidence import CauseEvidence
from parity_pipeline.core.retrieval.diagnosis.name_causes import name_causes
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.recordings import recorded_side
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.steps.retrieval.fetch_side import query_vectors, retrieval_of
from parity_pipeline.steps.retrieval.lanes import KeptQuery, Lanes
from parity_pipeline.storage.rankings_files import paired_lists
from parity_pipeline.storage.retrieval_evidence import RetrievalEvidence


@dataclass(slots=True)
class ChosenDifferences:
    """The differing queries that further requests are spent on, and how many are worth a look.

    Attributes:
        differing: Those that are requested again.
        limit: Most queries worth a look among which the controls are made.
        look: Ids of some of these.
        any: Whether anything is to be explained.
    """

    differing: DifferingQueries
    look: list[str] = field(default_factory=list[str])
    any: bool = False

    def add(self, graded: GradedQueries, waived: Sequence[str | None]) -> None:
        """Take in the next block."""
        self.differing.add(graded, waived)
        rows = graded.compared
        self.any = self.any or any(outcome in EXPLAINABLE for outcome in rows.outcomes) or self.differing.count > 0
        room = self.differing.limit - len(self.look)
        worth = (row for row, outcome in enumerate(rows.outcomes) if outcome is RetrievalOutcome.INVESTIGATE)
        self.look += [rows.queries.ids[row] for _, row in zip(range(room), worth, strict=False)]


EXPLAINED: Final = 4 * REPORT_ROWS
"""Most queries of one outcome whose explanations are kept, beside those that were requested again: a report shows fewer."""


@dataclass(slots=True)
class KeptExplanations:
    """What explains the queries that were requested again, and of each outcome those whose lists differ most.

    Attributes:
        requested: Ids of queries that are kept whatever their lists are.
        limit: Most others of each outcome: smallest rank-biased overlap first, then smallest ordinal.
    """

    requested: frozenset[str]
    limit: int = EXPLAINED
    _again: dict[str, Explanation] = field(default_factory=dict[str, Explanation])
    _worst: dict[RetrievalOutcome, list[tuple[float, int, str, Explanation]]] = field(
        default_factory=dict[RetrievalOutcome, list[tuple[float, int, str, Explanation]]]
    )

    def add(self, rows: ComparedQueries, explanations: Sequence[Explanation | None]) -> None:
        """Take in the next block, with one explanation per query, None for none."""
        for row, (name, one) in enumerate(zip(rows.queries.ids, explanations, strict=True)):
            if one is None:
                continue
            if name in self.requested:
                self._again[name] = one
                continue
            heap = self._worst.setdefault(rows.outcomes[row], [])
            heapq.heappush(heap, (-float(rows.measures.rbo[row]), -(rows.queries.start + row), name, one))
            if len(heap) > self.limit:
                heapq.heappop(heap)

    def by_id(self) -> dict[str, Explanation]:
        """Return what is kept, by query id: first what was requested again, then the others by their place in the set."""
        others = sorted((one for heap in self._worst.values() for one in heap), key=lambda one: -one[1])
        return self._again | {name: one for _, _, name, one in others}


def explain_differences(run: RunContext, lanes: Lanes, chosen: ChosenDifferences, corpus: str) -> RetrievalEvidence:
    """Ask again what differs, send the controls, and name causes; one pass over both lanes.

    A side that cannot be used any more leaves differences unconfirmed and unexplained, and fails nothing.

    Raises:
        ArtifactError: A file is damaged.
    """
    context = retrieval_of(run)
    again = chosen.differing.chosen()
    kept = lanes.kept({*again, *chosen.look})
    confirmation = _confirmed(run, [kept[name] for name in again], chosen.differing.not_asked, corpus)
    controls = _Controls.of(run, [one.query for one in kept.values()][: context.confirm.queries], corpus)
    causes = CauseEvidence(
        documents=Documents(mappings=(context.mapping(Side.LEGACY, corpus), context.mapping(Side.CANDIDATE, corpus))),
        searched=context.corpora[corpus],
        modes=(lanes.legacy.header.modes, lanes.candidate.header.modes),
        noise=(lanes.legacy.header.noise, lanes.candidate.header.noise),
        confirmation=confirmation,
    )
    attribution, explained = Counter[Explanation](), KeptExplanations(requested=frozenset(kept))
    for block, left, right in paired_lists(lanes.queries, lanes.legacy, lanes.candidate):
        codebook, queries = controls.codebook, QueryBlock.of(block.queries, block.start)
        graded = grade(compare(queries, left, right, codebook, context.rules), context.bands)
        evidence = controls.evidence(queries, left, context)
        explanations = attribute(graded, evidence, near_tie=context.bands.near_tie)
        causes.add(graded, evidence, block.queries)
        attribution.update(one for one in explanations if one is not None)
        explained.add(graded.compared, explanations)
    return RetrievalEvidence(
        confirmation=confirmation,
        attribution=dict(sorted(attribution.items())),
        explained=explained.by_id(),
        causes=name_causes(causes),
    )


def _confirmed(run: RunContext, kept: Sequence[KeptQuery], left_out: int, corpus: str) -> RetrievalConfirmation | None:
    """Send queries to both sides again, alternating.

    None where nothing is sent, a side cannot be used any more, or one is a recording: every difference then counts.
    """
    context = retrieval_of(run)
    if not (kept and context.confirm.times) or recorded_side(run):
        return None
    queries = [one.query for one in kept]
    rounds: list[dict[Side, Sequence[Ranking]]] = []
    requests = 0
    try:
        sides = {side: run.gateways[side].retrieval_side(corpus) for side in Side}
        vectors = {
            side: query_vectors(run.gateways[side], queries, context) if where.needs_vectors else None
            for side, where in sides.items()
        }
        for turn in range(context.confirm.times):
            # Which side goes first changes, so that whatever happens in between meets both alike.
            order = (Side.LEGACY, Side.CANDIDATE) if turn % 2 == 0 else (Side.CANDIDATE, Side.LEGACY)
            found: dict[Side, Sequence[Ranking]] = {}
            for side in order:
                found[side], sent = run.gateways[side].ask_rankings(sides[side], queries, vectors=vectors[side])
                requests += sent
            rounds.append(found)
    except (GatewayError, SettingsError):
        return None
    repeated = [
        RequestedAgain(
            query=one.query,
            lane=one.lane,
            repeats=tuple((turn[Side.LEGACY][place], turn[Side.CANDIDATE][place]) for turn in rounds),
        )
        for place, one in enumerate(kept)
    ]
    return confirm(
        repeated, context.codebook(corpus), context.rules, context.bands, requests=requests, not_asked=left_out
    )


@dataclass(frozen=True, kw_only=True)
class _Controls:
    """What distinguishes embedding from retrieval, for some queries.

    Attributes:
        codebook: Maps ids of both sides.
        cosine: Cosine of the two query embeddings, by query id.
        same_vector: The candidate's list for the legacy side's query vector, by query id.
    """

    codebook: Codebook
    cosine: Mapping[str, float] = field(default_factory=dict[str, float])
    same_vector: Mapping[str, Ranking] = field(default_factory=dict[str, Ranking])

    @classmethod
    def of(cls, run: RunContext, queries: Sequence[Query], corpus: str) -> "_Controls":
        """Embed queries through both sides, and send the legacy side's vectors to the candidate where it takes them."""
        context = retrieval_of(run)
        wanted = [one for one in queries if one.text.strip()]
        if context.model is None or not wanted or recorded_side(run):
            return cls(codebook=context.codebook(corpus))
        try:
            legacy, candidate = (query_vectors(run.gateways[side], wanted, context) for side in Side)
            where = run.gateways[Side.CANDIDATE].retrieval_side(corpus)
            sent = [one for one in wanted if one.id in legacy]
            found = (
                run.gateways[Side.CANDIDATE].ask_rankings(where, sent, vectors=legacy)[0]
                if where.dialect.takes_vectors
                else []
            )
        except (GatewayError, SettingsError):
            return cls(codebook=context.codebook(corpus))
        return cls(
            codebook=context.codebook(corpus),
            cosine={name: _cosine(legacy[name], candidate[name]) for name in legacy if name in candidate},
            same_vector={ranking.query_id: ranking for ranking in found},
        )

    def evidence(self, queries: QueryBlock, legacy: RankedLists, context: RetrievalContext) -> Evidence:
        """Return what is known about the query vectors of a block."""
        if not any(name in self.cosine or name in self.same_vector for name in queries.ids):
            return Evidence()
        cosine = np.array([self.cosine.get(name, np.nan) for name in queries.ids])
        if not self.same_vector:
            return Evidence(cosine=cosine)
        nothing = [Ranking(query_id=name, status=RowStatus.FAILED) for name in queries.ids]
        lists = RankedLists.of([self.same_vector.get(one.query_id, one) for one in nothing])
        # A query that is sent as a vector may be served in another mode, which is not a fault then.
        rules = replace(context.rules, modes=())
        rows = compare(queries, legacy, lists, self.codebook, rules)
        return Evidence(same_vector=grade(rows, context.bands), cosine=cosine)


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    """Return the cosine of two query vectors; -1 where their lengths differ, which no threshold accepts."""
    if len(one) != len(other):
        return -1.0
    first, second = np.asarray(one), np.asarray(other)
    norms = float(np.linalg.norm(first) * np.linalg.norm(second))
    return float(first @ second) / norms if norms else -1.0
