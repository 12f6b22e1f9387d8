"""The parts of retrieval verdicts for the report's tests: lanes, queries, counts, measures, checks, requests.

Here belong the small factories. Nothing in here is measured: a golden file must not depend on a machine's arithmetic.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from itertools import zip_longest
from typing import Any

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.bands import QUERY_LIMITS, SET_LIMITS, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.checks import RetrievalCheck, RetrievalCheckName
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS, Band, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalNoise, RetrievalProvenance
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.verdict import (
    QueryCounts,
    QueryMeasureResult,
    SetMeasureResult,
)
from parity_pipeline.core.retrieval.wire_drift import RetrievalObservation
from parity_pipeline.core.retrieval.worst_queries import SHOWN_RESULTS, JudgedQuery, ShownResult
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.report.shell import SentRequest
from parity_pipeline_tests.report.verdicts import DATE, HASH

CORPUS = "staff"
OUT = RetrievalOutcome
NOISE = RetrievalNoise(queries=20, requests=40, differing=0, worst_overlap=1.0, worst_rbo=1.0, score_delta=0.0)


def lane(side: Side, *, queries: int = 200, corpus: str = CORPUS, **more: Any) -> RetrievalProvenance:
    """Return the provenance of the Rust or the Go gateway's rankings."""
    rust = side is Side.LEGACY
    known = RetrievalProvenance(
        side=side,
        label="Rust gateway" if rust else "Go gateway",
        url="http://127.0.0.1:3100" if rust else "http://127.0.0.1:3110",
        dialect="rust-hybrid" if rust else "go-matrix",
        date=DATE,
        corpus=corpus,
        query_set_hash=HASH,
        queries=queries,
        settings_hash="0" * 64,
        package_version="0.1.0",
        fetched_from=f"{DATE}T06:00:10.250000+00:00",
        fetched_to=f"{DATE}T06:00:{'11' if rust else '12'}.500000+00:00",
        requests=queries,
        retries=0,
        status_counts={status.value: queries if status is RowStatus.OK else 0 for status in RowStatus},
        modes={"hybrid": queries} if rust else {"": queries},
        observation=RetrievalObservation(
            method_and_path="POST /vectors/hybrid" if rust else "POST /v1/matrix/retrieve",
            reported="score" if rust else "cosine_distance",
            takes="text",
        ),
        server_headers={"server": "axum"} if rust else {},
        latency_ms={"p50": 3.1, "p95": 6.2, "p99": 9.9, "max": 41.25} if rust else {"p50": 1.2, "max": 8.0},
        noise=NOISE,
    )
    return replace(known, **more)


def judged(ordinal: int, legacy: Sequence[str], candidate: Sequence[str], **more: Any) -> JudgedQuery:
    """Return a query with these two lists; measures that are not given are those of its documents, or 1 and 0."""
    common = set(legacy) & set(candidate)
    longest = max(len(legacy), len(candidate), 1)
    ranks = {name: rank for rank, name in enumerate(legacy, 1)}
    moved = [abs(ranks[name] - rank) for rank, name in enumerate(candidate, 1) if name in ranks]
    some = len(legacy) + len(candidate) > 0
    known = JudgedQuery(
        ordinal=ordinal,
        id=f"q{ordinal}",
        category="people",
        outcome=OUT.MATCH,
        side=None,
        k=10,
        legacy_results=len(legacy),
        candidate_results=len(candidate),
        overlap=len(common) / longest if some else None,
        top_1=float(legacy[:1] == candidate[:1]) if some else None,
        rbo=1.0 if list(legacy) == list(candidate) else 0.5,
        tau_b=1.0,
        rank_change=max(moved, default=0),
        score_delta=0.0,
        missing=len(set(legacy) - common),
        extra=len(set(candidate) - common),
        paired=0,
        inversions=0,
        inversion_gap=None,
        metadata=0,
        repeats=0,
        drawn=0,
        shown=tuple(
            ShownResult(ours, theirs, ranks.get(theirs) if theirs is not None else None)
            for ours, theirs in zip_longest(legacy[:SHOWN_RESULTS], candidate[:SHOWN_RESULTS])
        ),
    )
    return replace(known, **more)


def sent(query: JudgedQuery, text: str, **more: Any) -> Query:
    """Return the query as it was sent."""
    return Query(id=query.id, text=text, k=query.k, category=query.category, **more)


def counts(categories: Mapping[str, Mapping[RetrievalOutcome, int]], **more: Any) -> QueryCounts:
    """Return the counts of all categories together and apart."""
    total = {one: sum(found.get(one, 0) for found in categories.values()) for one in IN_VERDICTS}
    more.setdefault("waived", {})
    return QueryCounts(outcomes=total, by_category=categories, **more)


def set_measures(values: Mapping[SetMeasure, float | None]) -> tuple[SetMeasureResult, ...]:
    """Return every measure of the set with the default limits; 1 or 0, the best, where no value is given."""
    best = {
        one: 0.0 if one.value.endswith("_share") and one is not SetMeasure.TOP_1_SHARE else 1.0 for one in SetMeasure
    }
    return tuple(
        SetMeasureResult(measure=one, value=value, limits=SET_LIMITS[one], band=SET_LIMITS[one].band(one, value))
        for one, value in {**best, **values}.items()
    )


def query_measures(compared: int, worst: Mapping[QueryMeasure, float]) -> tuple[QueryMeasureResult, ...]:
    """Return every measure of single queries; two queries of each that has a worst value have it."""
    rows: list[QueryMeasureResult] = []
    for one in QueryMeasure:
        best = 1.0 if one.value in {"overlap", "top_1", "rbo", "tau_b"} else 0.0
        limits, value = QUERY_LIMITS.get(one), worst.get(one, best)
        bands = dict.fromkeys(Band, 0) if limits else {}
        if limits:
            bands[Band.PASS] = compared
            if value != best:
                bands[Band.PASS] -= 2
                bands[limits.band(one, value)] += 2
        mean = (best * (compared - 2) + value * 2) / compared
        rows.append(
            QueryMeasureResult(
                measure=one, limits=limits, bands=bands, mean=mean, median=best, worst=value, queries=compared
            )
        )
    return tuple(rows)


def check(name: str, seen: str = "", *, passed: bool | None, **more: Any) -> RetrievalCheck:
    """Return a check; its name need not be one of today's, and only its value is read."""
    severity = more.pop("severity", CheckSeverity.FAIL)
    known = RetrievalCheck(name=RetrievalCheckName.PAIRING, severity=severity, passed=passed, seen=seen, **more)
    return replace(known, name=RetrievalCheckName(name))


DRIFT = (
    DriftRow(field="URL", legacy="POST /vectors/hybrid", candidate="POST /v1/matrix/retrieve", same=False),
    DriftRow(field="what the dialect takes", legacy="text", candidate="text", same=True),
    DriftRow(field="request fields", legacy="index, question, top_k", candidate="corpora, k, query_text", same=False),
    DriftRow(field="response fields", legacy="mode: string, sources: array", candidate="results: array", same=False),
    DriftRow(
        field="fields of a result",
        legacy="id: string, metadata: object, score: number",
        candidate="corpus: string, distance: number, id: string, metadata: object",
        same=False,
    ),
    DriftRow(field="reported beside a document", legacy="score", candidate="cosine_distance", same=False),
    DriftRow(field="mode reported", legacy="hybrid", candidate="none reported", same=False),
)

REQUESTS = (
    SentRequest(
        side=Side.LEGACY,
        query_id="q3",
        url="http://127.0.0.1:3100/vectors/hybrid",
        body='{"question":"who drives a forklift, it\'s urgent","index":"staff","top_k":10}',
        token_variable="LEGACY_TOKEN",  # noqa: S106 - the name of a variable
        header_names=("x-tenant",),
    ),
    SentRequest(
        side=Side.CANDIDATE,
        query_id="q3",
        url="http://127.0.0.1:3110/v1/matrix/retrieve",
        body='{"query_text":"who drives a forklift, it\'s urgent","corpora":["staff"],"k":10}',
    ),
)
