"""Reproductions of queries for the report's tests, written down by hand."""

import json
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproductionResult
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import IdMapping, ScoreScale
from parity_pipeline.core.retrieval.reproduction import (
    QueryReproduction,
    QueryTrial,
    ResponseFields,
    SearchRequest,
    SmallSearch,
)

FIELDS = ResponseFields(
    results="results",
    id="id",
    score="score",
    corpus=None,
    metadata=None,
    mode=None,
    id_template="{id}",
    corpora={},
    compared=(),
)


def search_of(side: Side, url: str, text: str, **more: Any) -> SmallSearch:
    """Return how a side is sent a text."""
    known = SmallSearch(
        side=side,
        request=SearchRequest(url=f"{url}/search", body=json.dumps({"query": text, "k": 5})),
        beside=(),
        token_variable="",
        header_names=(),
        fields=FIELDS,
        ids=IdMapping(),
        scale=ScoreScale(),
        mode=None,
    )
    return replace(known, **more)


def found_of(
    query: str, trial: QueryTrial | None, requests: Sequence[SmallSearch] = (), **more: Any
) -> QueryReproduction:
    """Return what trying to reproduce a query came to."""
    known = QueryReproduction(
        query=query,
        ordinal=3,
        k=5,
        outcome=RetrievalOutcome.MISMATCH,
        result=ReproductionResult.REPRODUCED,
        smallest=trial,
        characters=1234,
        times=1,
        complete=True,
        legacy_requests=1,
        candidate_requests=12,
        requests=tuple(requests),
    )
    return replace(known, **more)
