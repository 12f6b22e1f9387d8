"""Runs whose worst failing query is made small, with two searching gateways in this process."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.responses import JSONResponse, Response

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.retrieval.compare_rankings import compare_rankings
from parity_pipeline.steps.retrieval.fetch_side import draw_queries, fetch_rankings
from parity_pipeline.steps.retrieval.judge_rankings import judge_rankings
from parity_pipeline.steps.retrieval.reproduce_query import reproduce_query, stored_query_reproduction
from parity_pipeline_tests.defs.project import DAY, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import DIMENSION, MODEL, SearchingGateway
from parity_pipeline_tests.fakes.shapes import Vector

CORPUS = "everyone"
TEXTS = ("forklift operator", "welder with a licence", "night nurse", "packer", "driver near the harbour", "cook")
Wrong = Callable[[str], bool]


def vector(text: str) -> Vector:
    """Return the vector of a text."""
    return hash_vector(text, MODEL, DIMENSION)


def strange(text: str) -> Vector:
    """Return a vector of a text that finds other documents."""
    return hash_vector(text, "another", DIMENSION)


def wrong_for(wrong: Wrong) -> Callable[[str], Vector]:
    """Return an embedding of queries that is wrong for some texts."""
    return lambda text: strange(text) if wrong(text) else vector(text)


def project_of(folder: Path, wrong: Wrong, *, texts: Sequence[str] = TEXTS, **retrieve: Any) -> Project:
    """Return a project whose candidate finds other documents for some texts, and whose sides repeat none for noise."""
    project = searching_project(folder, queries=texts, **{"noise": {"queries": 0}, "model": None, **retrieve})
    candidate_of(project).embed_query = wrong_for(wrong)
    return project


def candidate_of(project: Project) -> SearchingGateway:
    """Return the candidate."""
    assert isinstance(project.candidate, SearchingGateway)
    return project.candidate


def judged(run: RunContext) -> RetrievalVerdict:
    """Return the verdict of a run without the step under test."""
    draw_queries(run, DAY, CORPUS)
    for side in Side:
        fetch_rankings(run, side, DAY, CORPUS)
    compare_rankings(run, DAY, CORPUS)
    return judge_rankings(run, DAY, CORPUS, run_id="run")


def reproduced(run: RunContext, verdict: RetrievalVerdict) -> QueryReproduction:
    """Return what the step finds, which has to be there."""
    found = reproduce_query(run, verdict, pytest.fail)
    assert found is not None
    assert stored_query_reproduction(run, verdict) == found
    return found


def refusing(wrong: Wrong, status: int = 422) -> Callable[[str, int], Response | None]:
    """Return what makes a gateway refuse some texts."""
    return lambda text, _number: JSONResponse({"error": "no"}, status) if wrong(text) else None


class Together(httpx.AsyncBaseTransport):
    """A network to a gateway that mixes up a query while another one is in flight.

    Both are found out by their bodies. Each request lets the others go on before it is sent.
    """

    def __init__(self, network: httpx.AsyncBaseTransport, seen: list[int], victim: str, other: str) -> None:
        """Take the network, where to note how many are in flight, and the texts."""
        self._network = network
        self._seen = seen
        self._texts = victim.encode(), other.encode()
        self._in_flight: list[bytes] = []

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, with another text where it is mixed up."""
        body = await request.aread()
        self._in_flight.append(body)
        for _ in range(20):
            await asyncio.sleep(0)
        self._seen.append(len(self._in_flight))
        victim, other = self._texts
        if victim in body and any(other in one for one in self._in_flight):
            mixed = body.replace(victim, b"mixed up")
            headers = {**request.headers, "content-length": str(len(mixed))}
            request = httpx.Request(request.method, request.url, headers=headers, content=mixed)
        response = await self._network.handle_async_request(request)
        await response.aread()
        self._in_flight.remove(body)
        return response


def mixed_up(run: RunContext, victim: str, other: str, seen: list[int]) -> RunContext:
    """Return a run whose candidate mixes up a query while another one is in flight."""
    candidate = run.gateways[Side.CANDIDATE]
    make = candidate.transport
    assert make is not None
    changed = replace(candidate, transport=lambda: Together(make(), seen, victim, other))
    return replace(run, gateways={**run.gateways, Side.CANDIDATE: changed})
