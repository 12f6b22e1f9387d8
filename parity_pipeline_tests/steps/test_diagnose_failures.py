"""A diagnosis of stored lanes: its number of requests is what went out, and it holds for its own thresholds alone."""

from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.texts import beginning, sample_set
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, context_for, fetch_clean_sides, side_of
from parity_pipeline.steps.confirm_rows import confirm_rows
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.diagnose_failures import REQUESTS, diagnose_failures
from parity_pipeline.steps.judge_partition import judge_partition
from parity_pipeline.steps.pair_lanes import pair_lanes

SEED = 3


class Counting(httpx.AsyncBaseTransport):
    """A network that counts its requests and refuses every one that holds a certain text."""

    def __init__(self, network: httpx.AsyncBaseTransport, seen: list[str], refused: str) -> None:
        """Start with the count that a list holds."""
        self._network = network
        self._seen = seen
        self._refused = refused

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Pass a request on, or respond with 503, which is retried."""
        self._seen.append(request.url.path)
        if self._refused and self._refused in (await request.aread()).decode():
            return httpx.Response(503, json={"error": "busy"})
        return await self._network.handle_async_request(request)


def counted(gateway: Gateway, seen: list[str], refused: str = "") -> Gateway:
    """Return a gateway whose requests are counted."""
    make = gateway.transport
    assert make is not None
    return replace(gateway, transport=lambda: Counting(make(), seen, refused))


@pytest.fixture(name="run")
def _run(tmp_path: Path) -> RunContext:
    """Return a run whose candidate lower-cases, with both lanes fetched and paired."""
    scope = Scope(seed=SEED)
    sides = {Side.LEGACY: side_of(Side.LEGACY, SHAPES, "", scope)}
    sides[Side.CANDIDATE] = side_of(Side.CANDIDATE, SHAPES, "lower-case", scope)
    run = context_for(tmp_path, beginning(sample_set(SEED, 500), 40), sides)
    fetch_clean_sides(run)
    pair_lanes(run, DAY, MODEL)
    confirm_rows(run, DAY, MODEL)
    return run


@pytest.mark.parametrize("refused", ["", "#"])
def test_the_number_of_requests_is_what_went_out(run: RunContext, refused: str) -> None:
    """Other models, retries and requests sent again in halves are in it, and it stays within the budget."""
    seen: list[str] = []
    gateways = {side: counted(gateway, seen, refused) for side, gateway in run.gateways.items()}
    found = diagnose_failures(replace(run, gateways=gateways), DAY, MODEL, pytest.fail)
    assert found is not None
    assert found.requests_used == len(seen)
    assert 0 < len(seen) <= REQUESTS


def test_a_verdict_under_other_thresholds_does_not_take_over_a_diagnosis(run: RunContext) -> None:
    """Causes of rows that failed at another limit say nothing about these."""
    diagnose_failures(run, DAY, MODEL, pytest.fail)
    same = judge_partition(run, DAY, MODEL, run_id="one")
    assert same.diagnosis is not None
    other = judge_partition(replace(run, thresholds=Thresholds(cosine=0.9)), DAY, MODEL, run_id="two")
    assert other.diagnosis is None
