"""Experiments over the wire: one call is one request, errors are results, and every fault of the demo proxy shows."""

import asyncio
from collections.abc import Generator, Sequence
from typing import Any

import httpx
import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.analysis import analyse
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import Limits, make_plan
from parity_pipeline.core.stability.records import Budget, DefectKind, ExperimentResult, Response, Stability, Step
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import chosen
from parity_pipeline.wire.experiments import ExperimentRun, run_experiments
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.wire.fake_side import NOON, FakeSide, Time, side, vectors_response

PAIR = ("one text", "another text")
WHOLE = Scope()


class Yielding(httpx.AsyncBaseTransport):
    """Calls an application after other requests had their turn, as any network does."""

    def __init__(self, app: Any) -> None:
        """Take the application."""
        self._inner = httpx.ASGITransport(app)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        for _ in range(5):
            await asyncio.sleep(0)
        return await self._inner.handle_async_request(request)


async def at_once(_: float) -> None:
    """Wait for no longer than others need to have their turn."""
    await asyncio.sleep(0)


def through(fault: str, scope: Scope = WHOLE, *, texts: int = 8, requests: int = 60) -> Stability:
    """Run the experiments on a clean gateway behind a proxy with a fault; an empty name for none."""
    gateway = hash_gateway("rust")
    app = gateway.app
    if fault:
        faults = chosen(fault, scope)
        behind = Yielding(gateway.app)
        app = build_proxy("http://behind.test", gateway.dialect, faults, scope, transport=behind, sleep=at_once)
    config = side(batch_texts=32, concurrency=4)
    limits = Limits(batch_texts=32, batch_bytes=config.batch_bytes, concurrency=4)
    samples = [f"pallet {number} goes to gate {number * 7}" for number in range(texts)]
    plan = make_plan(samples, salt="salt", limits=limits, budget=Budget(texts=texts, requests=requests))
    ran = send(httpx.ASGITransport(app), conduct(plan, 0.999), config=config, model="fake-32", most=requests)
    return analyse(plan, ran.result, Side.LEGACY, requests=ran.requests)


def send(
    transport: httpx.AsyncBaseTransport, dialogue: Any, *, time: Time | None = None, model: str = "m", **more: Any
) -> ExperimentRun[Any]:
    """Run a dialogue on a clock that only sleeping moves."""
    time = time or Time()
    how: dict[str, Any] = {"config": side(), "most": 100, **more}
    config = how.pop("config")
    return run_experiments(config, model, dialogue, transport=transport, environment=time.environment(), **how)


def one_step(*requests: tuple[str, ...], at_once: int = 1) -> Generator[Step, Sequence[Response], Sequence[Response]]:
    """Yield one step and return its responses."""
    return (yield Step(experiment="repeats", requests=requests, at_once=at_once))


def of(stability: Stability, name: str) -> ExperimentResult:
    """Return one experiment."""
    return next(one for one in stability.experiments if one.name == name)


def test_a_clean_gateway_has_no_finding() -> None:
    """Every experiment is complete within the budget, all rows are the same bits, the floor is 0."""
    stability = through("")
    assert stability.findings == ()
    assert stability.floor is not None
    assert stability.floor.worst == 0
    assert len(stability.completed) == 7
    assert stability.requests <= 60


FAULTS = [
    ("permute", "batch-sizes", DefectKind.SWAPPED),
    ("large-batch", "batch-sizes", None),
    ("swap-under-load", "concurrency", DefectKind.SWAPPED),
    ("history", "canaries", None),
    ("unsteady", "repeats", None),
    ("stale-cache", "salted", None),
    ("batch-cap", "batch-sizes", DefectKind.MALFORMED),
    ("drop-row", "batch-sizes", DefectKind.MALFORMED),
]


@pytest.mark.parametrize(("fault", "name", "kind"), FAULTS)
def test_each_fault_shows_in_its_experiment_alone(fault: str, name: str, kind: DefectKind | None) -> None:
    """A fault of how a side behaves is one finding, of the right experiment and kind."""
    stability = through(fault)
    assert [finding.experiment for finding in stability.findings] == [name]
    assert [one.kind for one in of(stability, name).faults] == ([kind] if kind else [])


@pytest.mark.parametrize(
    ("fault", "rate"), [("large-batch", 0.05), ("unsteady", 0.05), ("stale-cache", 0.05), ("swap-under-load", 0.15)]
)
def test_low_rates_show_where_the_budget_allows(fault: str, rate: float) -> None:
    """With 64 texts, a fault that hits one text in twenty is found, and only the texts it hits are named.

    Rows can only be swapped where two texts of one request are hit.
    """
    scope = Scope(rate=rate, seed=5)
    stability = through(fault, scope, texts=64, requests=300)
    name = {each: name for each, name, _ in FAULTS}[fault]
    samples = [f"pallet {number} goes to gate {number * 7}" for number in range(64)]
    hit = {sample_id(text) for text, one in zip(samples, scope.hits(samples), strict=True) if one}
    assert [finding.experiment for finding in stability.findings] == [name]
    own = {one for one in of(stability, name).affected if stability.texts[one] == "sample"}
    assert own
    assert own <= hit


@pytest.mark.parametrize(
    "fault", ["noise", "int8", "raw-norm", "unit-norm", "lower-case", "rotate-space", "half-width"]
)
def test_a_side_that_is_wrong_in_the_same_way_each_time_is_stable(fault: str) -> None:
    """A side that differs from the other one, but not from itself, is repeatable."""
    stability = through(fault)
    assert stability.findings == ()
    assert stability.floor is not None
    assert stability.floor.worst < 1e-6


def test_one_call_is_one_request_with_the_texts_as_given() -> None:
    """Order, repetition and size are what the plan says; nothing is cut, merged or split."""
    fake = FakeSide(lambda texts, _number: httpx.Response(400, json={"error": "no"}) if len(texts) == 3 else None)
    three = ("b", "a", "b")
    ran = send(httpx.MockTransport(fake), one_step(PAIR, three, PAIR[::-1]))
    assert [body["texts"] for body in fake.bodies] == [list(PAIR), list(three), list(PAIR[::-1])]
    assert [response.status for response in ran.result] == [RowStatus.OK, RowStatus.REFUSED, RowStatus.OK]
    assert ran.requests == 3
    assert ran.first == ran.last == NOON.isoformat(timespec="milliseconds")


def test_an_error_that_may_pass_is_retried_once_after_the_servers_wait() -> None:
    """One 503 with Retry-After costs one more request and its wait; a second one is the result."""
    busy = httpx.Response(503, headers={"retry-after": "7"})
    once, always, time = FakeSide(lambda _texts, number: busy if number == 2 else None), Time(), Time()
    ran = send(httpx.MockTransport(once), one_step(PAIR, PAIR), time=time)
    assert [response.status for response in ran.result] == [RowStatus.OK] * 2
    assert ran.requests == 3
    assert sum(time.slept) >= 7
    never = FakeSide(lambda _texts, number: busy if number > 1 else None)
    ran = send(httpx.MockTransport(never), one_step(PAIR, PAIR), time=always)
    assert [response.status for response in ran.result] == [RowStatus.OK, RowStatus.FAILED]
    assert "http_503" in ran.result[1].words
    assert ran.requests == 3


@pytest.mark.parametrize(
    "broken", [httpx.Response(500), httpx.Response(200, content=b'{"embeddings": [[0.1, ')], ids=["500", "truncated"]
)
def test_an_error_that_would_be_a_defect_has_to_stay(broken: httpx.Response) -> None:
    """A 500 or a truncated body of a batch is sent again as often as in a lane; once one has stayed, no longer than before."""
    passes = FakeSide(lambda _texts, number: broken if number in (2, 3, 4) else None)
    ran = send(httpx.MockTransport(passes), one_step(PAIR, PAIR))
    assert [response.status for response in ran.result] == [RowStatus.OK] * 2
    assert ran.requests == 5
    stays = FakeSide(lambda texts, _number: broken if len(texts) > 1 else None)
    ran = send(httpx.MockTransport(stays), one_step(PAIR[:1], PAIR, PAIR))
    assert RowStatus.OK not in [response.status for response in ran.result[1:]]
    assert ran.requests <= 1 + 4 + 2


@pytest.mark.parametrize("level", [1, 2, 4])
def test_no_more_requests_are_in_flight_than_the_step_and_the_side_allow(level: int) -> None:
    """A step of four at once runs as many as the side's own concurrency at most."""
    flying, most = 0, 0

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal flying, most
        flying += 1
        most = max(most, flying)
        for _ in range(5):
            await asyncio.sleep(0)
        flying -= 1
        return FakeSide()(request)

    send(httpx.MockTransport(respond), one_step(*[PAIR] * 8, at_once=level), config=side(concurrency=2))
    assert most == min(level, 2)


def test_the_sides_limits_budget_and_deadline_hold() -> None:
    """Requests are spaced as configured, end with the budget, and end with the deadline."""
    time = Time()
    config = side(requests_per_second=2.0, lane_seconds=2.2)
    ran = send(httpx.MockTransport(FakeSide()), one_step(*[PAIR] * 8), time=time, config=config)
    assert [response.status for response in ran.result].count(RowStatus.OK) == 5
    assert "deadline" in ran.result[-1].words
    fake = FakeSide()
    ran = send(httpx.MockTransport(fake), one_step(*[PAIR] * 8), most=3)
    assert (ran.requests, fake.requests) == (3, 3)
    assert "used up" in ran.result[-1].words


@pytest.mark.parametrize("status", [401, 404, 500])
def test_a_side_without_a_response_is_an_error_with_its_remedy(status: int) -> None:
    """A side that never returns a vector is unusable, and no record is made of it."""
    fake = FakeSide(lambda _texts, _number: httpx.Response(status, json={"error": "no"}))
    with pytest.raises(GatewayError, match=r"http://side\.test"):
        send(httpx.MockTransport(fake), one_step(PAIR))


def test_no_secret_gets_into_a_result() -> None:
    """A token that the server repeats in its refusal is masked."""
    token = "a-planted-token-of-the-test"  # noqa: S105 - the secret that may not appear
    fake = FakeSide(
        lambda texts, _n: vectors_response(texts) if len(texts) == 1 else httpx.Response(400, json={"error": token})
    )
    ran = send(httpx.MockTransport(fake), one_step(("one",), PAIR), config=side(bearer_token=token))
    assert fake.headers[0]["authorization"].endswith(token)
    assert token not in repr(ran.result)
    assert "***" in ran.result[1].words
