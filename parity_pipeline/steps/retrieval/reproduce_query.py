"""Make the worst failing query of a FAIL small: the smallest text and concurrency for which both sides still differ.

Here belong the step and its requests, whose responses are judged as the verdict was. The search belongs to `core.minimise`,
what every probe does alike to `steps.make_small`.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.minimise import Fails, Smallest, smallest_failing_query
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import grade
from parity_pipeline.core.retrieval.compare import compare
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.ranked_lists import QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.retrieval.reproduction import (
    QueryReproduction,
    QueryTrial,
    ResponseFields,
    SearchRequest,
    SmallSearch,
    times_to_fail,
    worst_failing_query,
)
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery
from parity_pipeline.core.row_selection import whole_requests
from parity_pipeline.steps.confirm_rows import batch_of
from parity_pipeline.steps.context import Gateway, RunContext, stored
from parity_pipeline.steps.diagnose_failures import Requests
from parity_pipeline.steps.make_small import ORDER, make_small, search
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.steps.retrieval.fetch_side import query_vectors, retrieval_of
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.retrieval_evidence import read_query_reproduction, write_query_reproduction
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline.wire.retrieval_requests import QueryEncoder, body_of, path_of
from parity_pipeline.wire.retrieval_side import RetrievalSide


def reproduce_query(run: RunContext, verdict: RetrievalVerdict, log: Callable[[str], None]) -> QueryReproduction | None:
    """Make the worst failing query of a verdict small, as `make_small` does; None where nothing was sent.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the disk does not take the file.
    """
    row = worst_failing_query(verdict)
    return None if row is None else make_small(run, _SmallQuery(run=run, verdict=verdict, row=row), log)


def stored_query_reproduction(run: RunContext, verdict: RetrievalVerdict) -> QueryReproduction | None:
    """Return the stored reproduction of the worst failing query of a verdict; None where there is none of it.

    Raises:
        ArtifactError: A file is damaged or of another schema.
    """
    row, layout = worst_failing_query(verdict), run.layout
    path, parity = (
        place(verdict.date, verdict.corpus) for place in (layout.retrieval_reproduction, layout.retrieval_parity)
    )
    if row is None or not path.exists() or not parity.exists():
        return None
    found = read_query_reproduction(path, RetrievalParityFile(parity).header, retrieval_of(run).rules_hash())
    return found if found is not None and found.query == row.id else None


@dataclass(frozen=True, slots=True, kw_only=True)
class _SmallQuery:
    """The small form of one query; implements `make_small.SmallForm`."""

    run: RunContext
    verdict: RetrievalVerdict
    row: JudgedQuery

    @property
    def lanes(self) -> Sequence[RetrievalProvenance]:
        return self.verdict.lanes

    def stored(self) -> QueryReproduction | None:
        return stored_query_reproduction(self.run, self.verdict)

    def store(self, found: QueryReproduction | None) -> None:
        layout, date, corpus = self.run.layout, self.verdict.date, self.verdict.corpus
        header = stored(layout.retrieval_parity(date, corpus), RetrievalParityFile).header
        write_query_reproduction(
            layout.retrieval_reproduction(date, corpus), found, header, retrieval_of(self.run).rules_hash()
        )

    def find(self) -> QueryReproduction | None:
        run, row, corpus = self.run, self.row, self.verdict.corpus
        try:
            query, others = self._company()
            sides = [_Side.of(run, side, corpus, query) for side in ORDER]
        except ParityError:
            return None
        judge = _Judge(context=retrieval_of(run), corpus=corpus, query=query, row=row)
        whole, times = QueryTrial(text=query.text, beside=others), times_to_fail(self.verdict)
        found = search(whole, _smallest, sides, judge.fails, times=times)
        return QueryReproduction(
            query=row.id,
            ordinal=row.ordinal,
            k=query.k,
            outcome=row.outcome,
            result=found.result,
            smallest=found.smallest,
            characters=len(query.text),
            times=times,
            complete=found.complete,
            legacy_requests=found.legacy_requests,
            candidate_requests=found.candidate_requests,
            requests=tuple(side.small_search(found.smallest) for side in sides) if found.smallest else (),
        )

    def _company(self) -> tuple[Query, tuple[Query, ...]]:
        """Return the query, and those that were in flight with it when it was first sent."""
        run, own, corpus = self.run, self.row.ordinal, self.verdict.corpus
        queries = stored(run.layout.queries(self.verdict.date, corpus), QuerySetFile)
        in_flight = max(gateway.retrieval_side(corpus).config.concurrency for gateway in run.gateways.values())
        ordinals = whole_requests([own], queries.header.queries, batch=1, in_flight=in_flight).tolist()
        found = {
            ordinal: query
            for block in queries.blocks()
            for ordinal, query in enumerate(block.queries, start=block.start)
            if ordinal in ordinals
        }
        return found[own], tuple(query for ordinal, query in found.items() if ordinal != own)


def _smallest(whole: QueryTrial, fails: Fails[QueryTrial]) -> Smallest[QueryTrial]:
    """Search among texts that say something: white space alone is a query of its own kind, and no vector is made of it."""
    blank = not whole.text.strip()
    return smallest_failing_query(whole, lambda trial: (blank or bool(trial.text.strip())) and fails(trial))


@dataclass(frozen=True, slots=True, kw_only=True)
class _Side:
    """One side, and the requests that it was sent.

    Attributes:
        vectors: What its embed endpoint returned for each text; None where it returned nothing.
    """

    context: RetrievalContext
    gateway: Gateway
    where: RetrievalSide
    query: Query
    requests: Requests
    vectors: dict[str, Sequence[float] | None] = field(default_factory=dict[str, Sequence[float] | None])

    @classmethod
    def of(cls, run: RunContext, side: Side, corpus: str, query: Query) -> "_Side":
        gateway, requests = run.gateways[side], Requests(run.reproduce.requests)
        return cls(
            context=retrieval_of(run),
            gateway=requests.counting(gateway),
            where=gateway.retrieval_side(corpus),
            query=query,
            requests=requests,
        )

    def queries(self, trial: QueryTrial) -> tuple[Query, ...]:
        """Return the queries of a trial, the one that is made small first."""
        return (replace(self.query, text=trial.text), *trial.beside)

    def cost(self, trial: QueryTrial) -> int:
        """Return how many requests a trial takes where none is retried, those for vectors included."""
        return trial.concurrency + -(-len(self._unknown(trial)) // batch_of(self.gateway))

    def request(self, trial: QueryTrial) -> Ranking:
        """Return the list that the side returns for the text of a trial.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        self._embed(self._unknown(trial))
        where = replace(self.where, config=replace(self.where.config, lane_requests=self._left()))
        rankings, _ = self.gateway.ask_rankings(where, self.queries(trial), vectors=self._vectors(trial))
        return rankings[0]

    def _left(self) -> int:
        return self.requests.most - self.requests.sent

    def _unknown(self, trial: QueryTrial) -> list[Query]:
        """Return the queries of a trial that a vector is still needed for."""
        if not self.where.needs_vectors:
            return []
        return [one for one in self.queries(trial) if one.text.strip() and one.text not in self.vectors]

    def _embed(self, queries: Sequence[Query]) -> None:
        if queries:
            config = replace(self.gateway.config(), lane_requests=self._left())
            found = query_vectors(replace(self.gateway, make_config=lambda: config), queries, self.context)
            self.vectors.update({one.text: found.get(one.id) for one in queries})

    def _vectors(self, trial: QueryTrial) -> dict[str, Sequence[float]] | None:
        if not self.where.needs_vectors:
            return None
        known = {one.id: self.vectors.get(one.text) for one in self.queries(trial)}
        return {name: vector for name, vector in known.items() if vector is not None}

    def small_search(self, trial: QueryTrial) -> SmallSearch:
        """Return how this side is sent a trial, and how its response is read."""
        side, where, dialect = self.where.config.side, self.where, self.where.dialect
        own, *others = self._encoded(trial)
        scale = self.context.rules.legacy_scale if side is Side.LEGACY else self.context.rules.candidate_scale
        return SmallSearch(
            side=side,
            request=own,
            beside=tuple(others),
            token_variable=self.gateway.token_variable,
            header_names=tuple(where.config.headers),
            fields=ResponseFields(
                results=dialect.results_field,
                id=dialect.id_field,
                score=dialect.score_field,
                corpus=dialect.corpus_field,
                metadata=dialect.metadata_field if where.metadata else None,
                mode=dialect.mode_field,
                id_template=dialect.id_template,
                corpora={spelled: name for name, spelled in where.corpora.items()},
                compared=where.metadata,
            ),
            ids=self.context.mapping(side, where.corpus),
            scale=scale,
            mode=dict(self.context.rules.modes).get(side),
        )

    def _encoded(self, trial: QueryTrial) -> list[SearchRequest]:
        encoder = QueryEncoder(self.where, self._vectors(trial))
        encoded = [encoder.encode(one) for one in self.queries(trial)]
        return [SearchRequest(url=self.where.address(path_of(one)), body=body_of(one).decode()) for one in encoded]


@dataclass(frozen=True, slots=True, kw_only=True)
class _Judge:
    """Judges trials by the comparison and the bands of the verdict."""

    context: RetrievalContext
    corpus: str
    query: Query
    row: JudgedQuery

    def fails(self, _trial: QueryTrial, rankings: Sequence[Ranking]) -> bool | None:
        """Return whether a trial fails as the query did; None where a side gives no definite response."""
        legacy, candidate = (RankedLists.of([ranking]) for ranking in rankings)
        block, codebook = QueryBlock.of([self.query]), self.context.codebook(self.corpus)
        rows = grade(compare(block, legacy, candidate, codebook, self.context.rules), self.context.bands).compared
        if rows.outcomes[0] is RetrievalOutcome.MISSING:
            return None
        return (rows.outcomes[0], rows.sides[0]) == (self.row.outcome, self.row.side)
