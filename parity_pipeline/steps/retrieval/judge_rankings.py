"""Judge a stored comparison of rankings under the bands and waivers of now, keep the verdict, and write its report.

Here belong the steps from what is stored of a date and corpus to the verdict, the ledger and the report. The judgement
itself is the core's, the words are `report`'s.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.core.retrieval.bands import grade
from parity_pipeline.core.retrieval.compare import compare
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.outcomes import DIFFERENT, NOT_COMPARED, RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.reproduction import standing_queries
from parity_pipeline.core.retrieval.simulation import RetrievalJudge, retrieval_power
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.verdict_builder import RetrievalInputs, build_retrieval_verdict, inputs_of
from parity_pipeline.core.retrieval.waivers import query_account_for
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery, ShownResult, query_of
from parity_pipeline.report.retrieval import render_retrieval_report
from parity_pipeline.report.shell import SentRequest
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.keep_verdict import keep_verdict
from parity_pipeline.steps.probes import AnyVerdict
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.steps.retrieval.fetch_side import query_vectors, retrieval_of
from parity_pipeline.steps.retrieval.lanes import KeptQuery, Lanes
from parity_pipeline.steps.verdict_past import past_of
from parity_pipeline.steps.write_check import write_query_check
from parity_pipeline.steps.write_pages import write_retrieval_page
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.retrieval_evidence import (
    RetrievalEvidence,
    read_retrieval_evidence,
    read_retrieval_verdict,
)
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline.wire.retrieval_requests import QueryEncoder, body_of, path_of


def judge_rankings(
    run: RunContext, day: str, corpus: str, *, run_id: str, before: AnyVerdict | None = None
) -> RetrievalVerdict:
    """Judge a date and corpus, keep the verdict as given by the run `run_id`, in place of `before`, and return it.

    Raises:
        ArtifactError: A file upstream is missing or damaged, or the verdict cannot be kept (`keep_verdict`).
        SettingsError: The waivers cannot be used.
    """
    context = retrieval_of(run)
    stored_parts = _Stored.of(run, day, corpus)
    judged = stored_parts.judged(run)
    lanes = Lanes.of(run, day, corpus)
    judge = RetrievalJudge(
        make_tally=lambda: stored_parts.tally(run),
        make_codebook=lambda: context.codebook(corpus),
        rules=context.rules,
        inputs=stored_parts.inputs(run),
    )
    confirmation = stored_parts.evidence.confirmation
    power = retrieval_power(lanes.sample(confirmation), judge) if judged.decision in PASSING else None
    verdict = replace(judged, queries=_with_lists(judged.queries, lanes, context), power=power)
    keep_verdict(run, verdict, run_id=run_id, before=before)
    return verdict


def judge_stored_rankings(run: RunContext, day: str, corpus: str) -> RetrievalVerdict:
    """Return the verdict on what is stored of a date and corpus, without lists of queries, and keep it nowhere.

    It needs the comparison and the evidence on it, not the lanes.

    Raises:
        ArtifactError: A file upstream is missing or damaged.
        SettingsError: The waivers cannot be used.
    """
    return _Stored.of(run, day, corpus).judged(run)


@dataclass(frozen=True, kw_only=True)
class _Stored:
    """What is stored of a date and corpus beside its lanes."""

    day: str
    corpus: str
    parity: RetrievalParityFile
    evidence: RetrievalEvidence
    before: RetrievalVerdict | None

    @classmethod
    def of(cls, run: RunContext, day: str, corpus: str) -> "_Stored":
        parity = stored(run.layout.retrieval_parity(day, corpus), RetrievalParityFile)
        evidence = _evidence(run, parity, day, corpus)
        return cls(day=day, corpus=corpus, parity=parity, evidence=evidence, before=_before(run, day, corpus))

    def tally(self, run: RunContext, confirmation: RetrievalConfirmation | None = None) -> RetrievalTally:
        """Return a tally without queries, under the bands and waivers of now."""
        context = retrieval_of(run)
        day_of, today = date.fromisoformat(self.day), run.now().date()
        account = query_account_for(context.waivers, corpus=self.corpus, day=day_of, today=today)
        return RetrievalTally(bands=context.bands, waivers=account, confirmation=confirmation)

    def inputs(self, run: RunContext) -> RetrievalInputs:
        """Return what the verdict takes beside the tally."""
        context = retrieval_of(run)
        return replace(
            inputs_of(self.parity.header),
            held=tuple(side for side, _ in context.rules.modes),
            required_bound=context.required_bound,
            attribution=self.evidence.attribution,
            causes=self.evidence.causes,
            relevance=self.evidence.relevance,
            settings=context.checks,
            before=self.before,
        )

    def judged(self, run: RunContext) -> RetrievalVerdict:
        """Return the verdict without power and without the lists of its queries."""
        tally = self.tally(run, self.evidence.confirmation)
        for rows in self.parity.blocks():
            tally.add(grade(rows, retrieval_of(run).bands))
        inputs, version = self.inputs(run), run.package_version
        return build_retrieval_verdict(tally, inputs, date=self.day, corpus=self.corpus, package_version=version)


def _evidence(run: RunContext, parity: RetrievalParityFile, day: str, corpus: str) -> RetrievalEvidence:
    found = read_retrieval_evidence(run.layout.retrieval_evidence(day, corpus), parity.header)
    return RetrievalEvidence() if found is None else found


def _before(run: RunContext, day: str, corpus: str) -> RetrievalVerdict | None:
    """Return the verdict that was stored until now; None where there is none that can be read.

    Where the last run failed, it is the one that was judged last, without its queries.
    """
    path = run.layout.retrieval_verdict(day, corpus)
    try:
        found = read_retrieval_verdict(path) if path.exists() else None
        if found is None or found.not_run is None:
            return found
        judged = ledger.last_judged(run.layout.ledger, found.endpoint, day, corpus)
    except ParityError:
        return None
    return judged if isinstance(judged, RetrievalVerdict) else None


def _with_lists(queries: Iterable[JudgedQuery], lanes: Lanes, context: RetrievalContext) -> tuple[JudgedQuery, ...]:
    """Return the queries of a report's table with the lists of both sides, which a parity file does not hold."""
    wanted = tuple(queries)
    kept = lanes.kept({one.id for one in wanted})

    def shown(one: KeptQuery) -> tuple[ShownResult, ...]:
        legacy, candidate = (RankedLists.of([ranking]) for ranking in one.lane)
        codebook = context.codebook(lanes.corpus)
        return query_of(compare(QueryBlock.of([one.query]), legacy, candidate, codebook, context.rules), 0).shown

    return tuple(replace(one, shown=shown(kept[one.id])) if one.id in kept else one for one in wanted)


def write_retrieval_report(run: RunContext, day: str, corpus: str) -> tuple[RetrievalVerdict, str]:
    """Write the report of a date and corpus, its page and its Python check; return its verdict and its Markdown.

    Raises:
        ArtifactError: There is no verdict, or the disk does not take the report.
    """
    verdict = stored(run.layout.retrieval_verdict(day, corpus), read_retrieval_verdict)
    history, reproduction = past_of(run.layout, verdict), write_query_check(run, verdict)
    if verdict.not_run:
        text = render_retrieval_report(verdict, {}, history=history, config=run.config)
        publish_text(run.layout.retrieval_report(day, corpus), text)
        write_retrieval_page(run, verdict, {}, requests=(), explained={}, history=history)
        return verdict, text
    queries = shown_queries(run, verdict)
    parity = stored(run.layout.retrieval_parity(day, corpus), RetrievalParityFile)
    whole = _worst(verdict) if reproduction is None or not reproduction.requests else ""
    requests = _requests(run, queries[whole], corpus) if whole in queries else ()
    explained = _evidence(run, parity, day, corpus).explained
    text = render_retrieval_report(
        verdict,
        queries,
        requests=requests,
        explained=explained,
        history=history,
        config=run.config,
        reproduction=reproduction,
    )
    publish_text(run.layout.retrieval_report(day, corpus), text)
    write_retrieval_page(
        run,
        verdict,
        queries,
        requests=requests,
        explained=explained,
        history=history,
        reproduction=reproduction,
    )
    return verdict, text


def shown_queries(run: RunContext, verdict: RetrievalVerdict) -> Mapping[str, Query]:
    """Return the queries of a verdict's table by their ids, with their texts.

    Raises:
        ArtifactError: A file upstream is missing or damaged.
    """
    if not verdict.queries:
        return {}
    kept = Lanes.of(run, verdict.date, verdict.corpus).kept({one.id for one in verdict.queries})
    return {name: one.query for name, one in kept.items()}


def _worst(verdict: RetrievalVerdict) -> str:
    """Return the id of the query to reproduce: the worst that differs, else the first with lists; "" for none.

    A difference that nothing excuses comes before one that a waiver takes or a repeat did not confirm. A query that both
    sides refuse alike shows nobody anything.
    """
    differing = [one for one in verdict.queries if one.outcome in DIFFERENT]
    standing = list(standing_queries(verdict))
    listed = [one for one in verdict.queries if one.outcome not in NOT_COMPARED]
    lost = [one for one in verdict.queries if one.outcome is RetrievalOutcome.MISSING]
    found = standing or differing or listed or lost
    return found[0].id if found else ""


def _requests(run: RunContext, query: Query, corpus: str) -> tuple[SentRequest, ...]:
    """Return how each side is sent a query, but for a recording, which is sent none; none where a side cannot be used."""
    try:
        return tuple(_request(run, side, query, corpus) for side in Side if not run.gateways[side].recorded)
    except ParityError:
        return ()


def _request(run: RunContext, side: Side, query: Query, corpus: str) -> SentRequest:
    gateway = run.gateways[side]
    where = gateway.retrieval_side(corpus)
    vectors = query_vectors(gateway, [query], retrieval_of(run)) if where.needs_vectors else None
    encoded = QueryEncoder(where, vectors).encode(query)
    return SentRequest(
        side=side,
        query_id=query.id,
        url=where.address(path_of(encoded)),
        body=body_of(encoded).decode(),
        token_variable=gateway.token_variable,
        header_names=tuple(where.config.headers),
    )
