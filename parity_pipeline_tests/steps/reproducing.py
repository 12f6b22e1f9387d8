"""Runs whose worst failing sample is made small, with two gateways in this process."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.texts import block_of
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, context_for, embedder, side_of
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.reproduce_sample import reproduce_sample, stored_reproduction
from parity_pipeline.steps.run_partition import ask_sides, judge_lanes
from parity_pipeline_tests.steps.test_confirm_rows import side_for, strayed

SEED = 3


class Counted(httpx.AsyncBaseTransport):
    """A network that counts its requests."""

    def __init__(self, network: httpx.AsyncBaseTransport, seen: list[str]) -> None:
        """Start with the count that a list holds."""
        self._network = network
        self._seen = seen

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on."""
        self._seen.append(request.url.path)
        return await self._network.handle_async_request(request)


def counted(run: RunContext, seen: dict[Side, list[str]]) -> RunContext:
    """Return a run whose requests are counted by side."""

    def of(side: Side, gateway: Gateway) -> Gateway:
        make = gateway.transport
        assert make is not None
        return replace(gateway, transport=lambda: Counted(make(), seen[side]))

    return replace(run, gateways={side: of(side, gateway) for side, gateway in run.gateways.items()})


def judged(run: RunContext) -> Verdict:
    """Return the verdict of a run without the step under test."""
    draw_samples(run, DAY, MODEL)
    ask_sides(run, DAY, MODEL)
    return judge_lanes(run, DAY, MODEL, run_id="test")


def faulty(folder: Path, fault: str, texts: list[str]) -> RunContext:
    """Return a run of texts whose candidate has a fault of the demo."""
    scope = Scope(seed=SEED)
    sides = {side: side_of(side, SHAPES, "" if side is Side.LEGACY else fault, scope) for side in Side}
    return replace(context_for(folder, block_of(texts, ["traffic"] * len(texts)), sides), models=(MODEL,))


def wrong_where(place: Callable[[list[str]], int | None]) -> Callable[[str, Sequence[str]], NDArray[np.float32]]:
    """Return an embedder that is wrong for the text at the place that a function gives for a request's texts."""

    def respond(model: str, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = embedder().embed(model, texts).astype(np.float64)
        if (at := place(list(texts))) is not None:
            rows[at] = strayed(rows[at], np.random.default_rng(1), 0.5)
        return rows.astype(np.float32)

    return respond


def reproduced(run: RunContext, verdict: Verdict) -> Reproduction:
    """Return what the step finds, which has to be there."""
    found = reproduce_sample(run, verdict, pytest.fail)
    assert found is not None
    assert stored_reproduction(run, verdict) == found
    return found


def recovered(run: RunContext) -> dict[Side, Gateway]:
    """Return the gateways of a run without their faults."""
    return {side: side_for(side, embedder().embed) for side in run.gateways}


def behind(run: RunContext, respond: Callable[[httpx.Request], httpx.Response | None]) -> RunContext:
    """Return a run whose candidate has a network that responds in place of the gateway where it wants to."""
    candidate = run.gateways[Side.CANDIDATE]
    make = candidate.transport
    assert make is not None

    class Between(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await request.aread()
            return respond(request) or await make().handle_async_request(request)

    return replace(run, gateways={**run.gateways, Side.CANDIDATE: replace(candidate, transport=Between)})
