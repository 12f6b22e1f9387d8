"""Small true records of the retrieve probe for the storage tests: queries, rankings, comparisons, verdicts.

Here belong builders of values only; each test says for itself what it stores and reads.
"""

from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.confidence import ShareBound
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus, Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import Bands, QueryMeasure, SetMeasure, grade
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCause, RetrievalCauseName
from parity_pipeline.core.retrieval.checks import RetrievalCheck, RetrievalCheckName
from parity_pipeline.core.retrieval.compare import ComparedQueries, ComparisonRules, compare
from parity_pipeline.core.retrieval.confirmation import RetrievalConfirmation
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS, Band, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import (
    FetchedRankings,
    QuerySetIdentity,
    RetrievalNoise,
    RetrievalParityHeader,
    RetrievalProvenance,
)
from parity_pipeline.core.retrieval.query_set import SourcedQuery
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking, Reported
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.simulated_faults import RetrievalPower, SimulatedRetrievalFault
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import (
    QueryCounts,
    QueryMeasureResult,
    RetrievalRandomDraws,
    RetrievalVerdict,
    SetMeasureResult,
)
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.query_set_files import QuerySetFile, write_query_set
from parity_pipeline.storage.rankings_files import RankingsFile, RankingsWriter
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile, RetrievalParityWriter
from parity_pipeline_tests.storage.records import DATE

CORPUS = "staff"
NAN = float("nan")


def make_queries(count: int) -> list[Query]:
    """Return queries of two categories; every fifth is filtered, every third was drawn."""
    return [
        Query(
            id=f"q{n:04d}",
            text=f"text {n}",
            k=5,
            filter="city" if n % 5 == 4 else None,
            corpora=(CORPUS,),
            category="even" if n % 2 == 0 else "odd",
            drawn=int(n % 3 == 0),
        )
        for n in range(count)
    ]


def store_queries(path: Path, queries: Iterable[Query]) -> QuerySetFile:
    """Store queries and open their set."""
    with publishing(path) as draft:
        write_query_set(draft, [SourcedQuery(one, f"f:{n}") for n, one in enumerate(queries)], sources=["f"])
    return QuerySetFile(path)


def make_ranking(ordinal: int, side: Side = Side.LEGACY) -> Ranking:
    """Return what a side returned for a query of `make_queries`: every seventh is refused, every ninth list is empty.

    The candidate's second and third result change places in every fourth list, and its fourth is another one in every
    sixth.
    """
    identity = f"q{ordinal:04d}"
    if ordinal % 7 == 6:
        return Ranking(query_id=identity, status=RowStatus.REFUSED, refusal="400 {error}")
    if ordinal % 9 == 8:
        return Ranking(query_id=identity, status=RowStatus.OK, mode="hybrid")
    ids = [f"d{ordinal % 11}-{rank}" for rank in range(5)]
    if side is Side.CANDIDATE and ordinal % 4 == 3:
        ids[1], ids[2] = ids[2], ids[1]
    if side is Side.CANDIDATE and ordinal % 6 == 5:
        ids[3] = f"other-{ordinal}"
    return Ranking(
        query_id=identity,
        status=RowStatus.OK,
        ids=tuple(ids),
        scores=tuple(0.9 - rank / 16 for rank in range(5)),
        mode="hybrid",
        metadata=tuple(2**64 - 1 - ordinal - rank for rank in range(5)),
        hit_corpora=None if ordinal % 5 == 4 else 1 + ordinal % 2,
    )


def make_fetched(start: int, count: int, side: Side = Side.LEGACY) -> FetchedRankings:
    """Return consecutive rankings of `make_ranking`."""
    return fetched([make_ranking(ordinal, side) for ordinal in range(start, start + count)], start)


def fetched(rankings: Sequence[Ranking], start: int = 0) -> FetchedRankings:
    """Return rankings as they come from the wire."""
    usable = [one.status is RowStatus.OK for one in rankings]
    return FetchedRankings(
        start=start,
        rankings=list(rankings),
        http_status=[200 if ok else 400 for ok in usable],
        errors=[None if ok else "client_error: no" for ok in usable],
        request_ids=[f"r-{start + row}" for row in range(len(rankings))],
        latency_ms=[12.5 if ok else None for ok in usable],
    )


def make_retrieval_provenance(side: Side = Side.LEGACY, queries: int = 3, **changes: Any) -> RetrievalProvenance:
    """Return the provenance of a lane in which every field has a value of its own."""
    values: dict[str, Any] = {
        "side": side,
        "label": f"{side} gateway",
        "url": "http://127.0.0.1:8001/vectors/hybrid",
        "dialect": "rust-hybrid",
        "date": DATE,
        "corpus": CORPUS,
        "query_set_hash": "5" * 64,
        "queries": queries,
        "settings_hash": "c" * 64,
        "package_version": "0.2.0",
        "fetched_from": "2026-04-30T01:00:00Z",
        "fetched_to": f"2026-04-30T01:00:0{len(side)}Z",
        "requests": queries + 1,
        "retries": 1,
        "status_counts": {RowStatus.OK.value: queries},
        "modes": {"hybrid": queries, "": 0},
        "observation": RetrievalObservation(
            method_and_path="POST /vectors/hybrid",
            request_fields=("index", "question", "top_k"),
            response_fields=("mode: str", "sources: list"),
            result_fields=("id: str", "score: float"),
            unknown_fields=("took",),
            modes=("hybrid",),
            reported="score",
            takes="text",
        ),
        "server_headers": {"server": "axum", "endpoint": "retrieve"},
        "stopped_early": "",
        "errors_by_kind": {"timeout": 1},
        "latency_ms": {"p50": 12.5},
        "noise": RetrievalNoise(
            queries=2, requests=4, differing=1, worst_overlap=0.8, worst_rbo=0.75, score_delta=None, failed=1
        ),
        "doubts": ("a doubt\ud800",),
    }
    return RetrievalProvenance(**{**values, **changes})


def store_rankings(
    path: Path,
    blocks: Iterable[FetchedRankings],
    *,
    side: Side = Side.LEGACY,
    reported: Reported = Reported.SCORE,
    header: RetrievalProvenance | None = None,
    **limits: int,
) -> RankingsFile:
    """Store blocks of rankings and open their file."""
    with publishing(path) as draft, RankingsWriter(draft, side=side, reported=reported, **limits) as writer:
        for block in blocks:
            writer.add(block)
        writer.finish(header or make_retrieval_provenance(side, writer.rows))
    return RankingsFile(path)


def make_compared(count: int, start: int = 0, codebook: Codebook | None = None) -> ComparedQueries:
    """Return what comparing both sides' rankings of `make_ranking` comes to."""
    numbers = range(start, start + count)
    legacy, candidate = (RankedLists.of([make_ranking(n, side) for n in numbers]) for side in Side)
    queries = QueryBlock.of(make_queries(start + count)[start:], start)
    return compare(queries, legacy, candidate, codebook or Codebook(), ComparisonRules())


def make_parity_header(**changes: Any) -> RetrievalParityHeader:
    """Return the header of a comparison."""
    values: dict[str, Any] = {
        "query_set": QuerySetIdentity(hash="5" * 64, queries=3, sources=("f",), duplicates_dropped=1),
        "sides": (make_retrieval_provenance(Side.LEGACY), make_retrieval_provenance(Side.CANDIDATE, noise=None)),
        "pairing_faults": (),
        "counts": {RetrievalOutcome.COMPARED: 2, RetrievalOutcome.BOTH_EMPTY: 1},
        "rules_hash": "e" * 64,
    }
    return RetrievalParityHeader(**{**values, **changes})


def store_parity(
    path: Path, blocks: Iterable[ComparedQueries], header: RetrievalParityHeader | None = None
) -> RetrievalParityFile:
    """Store compared queries and open their file."""
    with publishing(path) as draft, RetrievalParityWriter(draft) as writer:
        for block in blocks:
            writer.add(block)
        writer.finish(header or make_parity_header())
    return RetrievalParityFile(path)


def tally_of(blocks: Iterable[ComparedQueries], bands: Bands | None = None) -> RetrievalTally:
    """Return the tally of compared queries."""
    tally = RetrievalTally(bands or Bands())
    for block in blocks:
        tally.add(grade(block, tally.bands))
    return tally


def make_retrieval_verdict(**changes: Any) -> RetrievalVerdict:
    """Return a verdict in which every field has a value, among them a limit that no value is beyond."""
    tally, bands = tally_of([make_compared(20)]), Bands()
    values: dict[str, Any] = {
        "date": DATE,
        "corpus": CORPUS,
        "decision": Decision.FAIL,
        "reasons": ("lists differ",),
        "findings": ("a waiver expired",),
        "checks": (
            RetrievalCheck(
                name=RetrievalCheckName.PAIRING, severity=CheckSeverity.FAIL, passed=True, seen="paired \ud800"
            ),
        ),
        "query_set": QuerySetIdentity(hash="5" * 64, queries=20, sources=("f",)),
        "counts": QueryCounts(
            outcomes={outcome: tally.counts[outcome] for outcome in IN_VERDICTS},
            by_category={name: dict(counts) for name, counts in tally.by_category.items()},
            waived={"w1": 1},
            unconfirmed=1,
        ),
        "set_measures": tuple(
            SetMeasureResult(
                measure=measure,
                value=tally.values()[measure],
                limits=bands.whole.get(measure),
                band=Band.FAIL,
            )
            for measure in SetMeasure
        ),
        "query_measures": tuple(
            QueryMeasureResult(
                measure=measure,
                limits=bands.query.get(measure),
                bands={Band.PASS: 3},
                mean=0.5,
                median=None,
                worst=0.0,
                queries=3,
            )
            for measure in QueryMeasure
        ),
        "random": RetrievalRandomDraws(
            queries=7, draws=7, bounds=(ShareBound.of(None, {Outcome.MATCH: 7}),), required_bound=None
        ),
        "legacy": make_retrieval_provenance(Side.LEGACY),
        "candidate": make_retrieval_provenance(Side.CANDIDATE, noise=None),
        "causes": (make_cause(),),
        "attribution": {Explanation.FILTER: 2},
        "relevance": (make_relevance(),),
        "confirmation": make_confirmation(),
        "power": RetrievalPower(
            faults=(SimulatedRetrievalFault(name="one corpus is dropped", caught=True, decision="FAIL"),),
            simulated=1,
            caught=1,
        ),
        "drift": (DriftRow(field="path", legacy="POST /a", candidate="POST /b", same=False),),
        "queries": tally.shown_queries(),
        "package_version": "0.2.0",
    }
    return replace(RetrievalVerdict(**values), **changes)


def make_cause() -> RetrievalCause:
    """Return a cause."""
    return RetrievalCause(
        name=RetrievalCauseName.FILTER_IGNORED,
        confidence=CauseConfidence.PROVEN,
        side="candidate",
        queries=2,
        evidence=("2 filtered lists are those without the filter",),
        remedy="Apply the filter.",
    )


def make_confirmation() -> RetrievalConfirmation:
    """Return what sending queries again showed."""
    return RetrievalConfirmation(asked=2, requests=8, confirmed=("q1",), unconfirmed=("q2\ud800",), strays=(0, 1))


def make_relevance() -> RelevanceDifference:
    """Return a difference in relevance."""
    return RelevanceDifference(
        measure="nDCG@10", queries=9, legacy=0.5, candidate=0.25, low=-0.5, high=0.0, better=1, worse=3
    )


def plain(block: FetchedRankings) -> tuple[Any, ...]:
    """Return a block as values that compare equal where all of it is equal, NaN included."""
    rankings = [
        (one.query_id, one.status, one.ids, repr(one.scores), one.mode, one.metadata, one.refusal, one.hit_corpora)
        for one in block.rankings
    ]
    return block.start, rankings, *map(list, (block.http_status, block.errors, block.request_ids, block.latency_ms))


def same_lists(left: RankedLists, right: RankedLists) -> bool:
    """Return whether two blocks hold the same lists, whatever their vocabularies."""
    spelled = [[one.vocabulary[place] for place in one.documents.tolist()] for one in (left, right)]
    words = ("query_ids", "statuses", "modes", "refusals")
    return (
        spelled[0] == spelled[1]
        and all(list(getattr(left, name)) == list(getattr(right, name)) for name in words)
        and np.array_equal(left.offsets, right.offsets)
        and np.array_equal(left.reported, right.reported, equal_nan=True)
        and np.array_equal(left.metadata, right.metadata)
        and np.array_equal(left.hit_corpora, right.hit_corpora)
    )
