"""Modes: who responds, which texts go where, and what shadowing never does to a caller."""

import asyncio
import json
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from starlette.routing import Route

from parity_pipeline.adapter.app import Endpoint
from parity_pipeline.adapter.config import ShadowOptions
from parity_pipeline.adapter.shadow import Shadow
from parity_pipeline.adapter.share import divided, to_candidate
from parity_pipeline.core.outcomes import Side
from parity_pipeline_tests.adapter.support import (
    MODEL,
    Scripted,
    adapter,
    always,
    ask,
    client_of,
    config,
    failing,
    metric,
    options,
    running,
    served,
)
from parity_pipeline_tests.fakes.gateways import hash_gateway

MANY = [f"text number {number}" for number in range(10_000)]


@pytest.mark.parametrize("share", [1, 10, 50])
def test_a_share_of_the_texts_goes_to_the_candidate(share: float) -> None:
    """Of 10,000 texts, the share that goes to the candidate is within a tenth of what was set, and four sigmas."""
    moved = sum(to_candidate(text, share) for text in MANY)
    assert abs(moved - share * 100) <= 4 * (10_000 * share / 100 * (1 - share / 100)) ** 0.5


def test_ten_per_cent_are_nine_to_eleven() -> None:
    """The hash is stable, so this number is always the same one."""
    assert 900 <= sum(to_candidate(text, 10) for text in MANY) <= 1100


@given(text=st.text(), low=st.floats(0, 100), high=st.floats(0, 100))
def test_a_larger_share_keeps_the_texts_of_a_smaller_one(text: str, low: float, high: float) -> None:
    """A text that has moved to the candidate stays there as the share grows; 0 moves none and 100 all."""
    low, high = sorted((low, high))
    assert not to_candidate(text, low) or to_candidate(text, high)
    assert not to_candidate(text, 0)
    assert to_candidate(text, 100)


@settings(max_examples=40, deadline=None)
@given(texts=st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1), min_size=1, max_size=12))
def test_a_batch_is_divided_between_both_sides_and_each_text_gets_its_own(texts: list[str]) -> None:
    """Each text, in every batch, goes to the side that its hash names, and its vector to its place."""
    gateways = {
        Side.LEGACY: hash_gateway("rust", norm=1.0, float64_digits=True),
        Side.CANDIDATE: hash_gateway("go", norm=2.0),
    }
    legacy, candidate = (served(gateways[side]) for side in Side)
    response = ask(config(mode="share", share=40), texts, legacy=legacy, candidate=candidate)
    norms = np.linalg.norm(np.array(response.json()["embeddings"]), axis=1)
    assert np.allclose(norms, [2.0 if to_candidate(text, 40) else 1.0 for text in texts])
    kept, moved = divided(texts, 40)
    assert sum(gateways[Side.LEGACY].batch_sizes) == len(kept)
    assert sum(gateways[Side.CANDIDATE].batch_sizes) == len(moved)


def test_a_request_of_the_share_fails_when_either_side_does() -> None:
    """A batch with texts for both sides has no vectors when one of them has none."""
    texts = [f"t{number}" for number in range(20)]
    legacy = served(hash_gateway("rust"))
    assert ask(config(mode="share", share=50), texts, legacy=legacy, candidate=always(503)).status_code == 503


def test_what_cannot_be_mapped_is_left_to_the_legacy_while_the_traffic_is_shared() -> None:
    """A request that the adapter cannot read has no hash; its caller still gets the legacy's own response."""
    side = always(200, b'{"anything": 1}')
    response = ask(config(mode="share", share=99), [], body=b'{"texts": ["a"], "odd": 1}', legacy=side)
    assert response.json() == {"anything": 1}
    assert side.requests[0].content == b'{"texts": ["a"], "odd": 1}'


@pytest.mark.parametrize(("mode", "callers"), [("legacy", "legacy"), ("candidate", "candidate"), ("shadow", "legacy")])
def test_the_callers_own_side_is_relayed_byte_for_byte(mode: str, callers: str) -> None:
    """Between callers and their own side, body, status and headers pass as they are, in both directions."""
    pairs = [
        ("x-own", "1"),
        ("content-type", "text/odd"),
        ("connection", "close"),
        ("set-cookie", "a"),
        ("set-cookie", "b"),
    ]

    async def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(418, content=b'\x00{"not": json', headers=pairs)

    side = Scripted(respond)
    networks: dict[str, Any] = {callers: side}
    made = config(mode=mode, callers=Side(callers))
    response = ask(
        made, [], body=b"\xff raw", headers={"authorization": "Bearer t", "x-caller": "2", "te": "x"}, **networks
    )
    assert (response.status_code, response.content) == (418, b'\x00{"not": json')
    assert response.headers["x-own"] == "1"
    assert response.headers.get_list("set-cookie") == ["a", "b"]
    assert response.headers["content-type"] == "text/odd"
    assert "connection" not in response.headers
    sent = side.requests[0]
    assert sent.content == b"\xff raw"
    assert (sent.headers["authorization"], sent.headers["x-caller"]) == ("Bearer t", "2")
    assert "te" not in sent.headers
    assert sent.url.path == made.path


def shadow_of(route: Route) -> Shadow | None:
    """Return what compares behind a route; None behind one that is not the embed endpoint."""
    endpoint: Any = route.endpoint
    return endpoint.shadow if isinstance(endpoint, Endpoint) else None


async def shadowed(made: Any, legacy: Any, candidate: Any, bodies: list[bytes]) -> tuple[list[httpx.Response], str]:
    """Return the responses to some requests in mode `shadow`, and the metrics once everything is compared."""
    async with running(made, legacy, candidate) as app, client_of(app) as client:
        (compares,) = (found for one in app.routes if isinstance(one, Route) and (found := shadow_of(one)))
        found = [await client.post("/ai/embed", content=body) for body in bodies]
        await compares.drained()
        return found, (await client.get("/metrics")).text


def shadow(made: Any, legacy: Any, candidate: Any, bodies: list[bytes]) -> tuple[list[httpx.Response], str]:
    """Run `shadowed`."""
    return asyncio.run(shadowed(made, legacy, candidate, bodies))


ONE = json.dumps({"texts": ["a", "b", "c"], "model": MODEL}).encode()
NOT_SLOWED = ShadowOptions(busy_share=1.0)


@pytest.mark.parametrize(
    ("candidate", "outcome"),
    [
        (served(hash_gateway("go")), "match"),
        (served(hash_gateway("go", noise=0.3)), "mismatch"),
        (served(hash_gateway("go", models={MODEL: 16})), "dimension_mismatch"),
        (always(400, b"{}"), "refused_by_candidate"),
        (always(200, b"{"), "missing"),
        (failing(httpx.ConnectError("x")), "missing"),
        (always(200, b'{"vectors": [[0, 0], [0, 0], [0, 0]]}'), "dimension_mismatch"),
    ],
)
def test_shadowing_counts_outcomes_and_the_caller_gets_the_legacys_response(candidate: Any, outcome: str) -> None:
    """Whatever the candidate does, callers get the legacy's bytes, and the outcome of each text is counted."""
    legacy = hash_gateway("rust", float64_digits=True)
    made = config(mode="shadow", shadow=NOT_SLOWED)
    responses, text = shadow(made, served(legacy), candidate, [ONE, ONE])
    assert [one.status_code for one in responses] == [200, 200]
    assert responses[0].content == responses[1].content
    assert metric(text, "parity_adapter_shadow_texts_total", outcome=outcome) == 6
    assert metric(text, "parity_adapter_shadow_requests_total", result="compared") == 2


def test_shadowing_compares_what_callers_would_see() -> None:
    """With `normalise`, the candidate's vectors are compared as unit vectors, by the thresholds of the settings."""
    made = config(mode="shadow", shadow=NOT_SLOWED, options=options(normalise=True))
    _, text = shadow(made, served(hash_gateway("rust")), served(hash_gateway("go", norm=5.0)), [ONE])
    assert metric(text, "parity_adapter_shadow_texts_total", outcome="match") == 3


def test_both_refusing_is_an_outcome_of_its_own() -> None:
    """A request that both sides refuse proves no difference."""
    made = config(mode="shadow", shadow=NOT_SLOWED)
    responses, text = shadow(made, always(400, b"{}"), always(422, b"{}"), [ONE])
    assert responses[0].status_code == 400
    assert metric(text, "parity_adapter_shadow_texts_total", outcome="refused_by_both") == 3


def test_requests_that_could_not_be_mapped_are_counted_before_the_flip() -> None:
    """What would be refused in mode `candidate` shows up in mode `shadow`, where it harms nobody."""
    made = config(mode="shadow", shadow=NOT_SLOWED)
    bodies = [b'{"texts": ["a"], "odd": 1}', b"{", b'{"texts": ["a"], "model": "other"}']
    responses, text = shadow(made, always(200, b"{}"), failing(AssertionError()), bodies)
    assert [one.status_code for one in responses] == [200, 200, 200]
    assert metric(text, "parity_adapter_shadow_requests_total", result="unmapped") == 3


def test_a_fault_of_the_comparison_reaches_no_caller_and_ends_nothing() -> None:
    """An unexpected exception while comparing is counted, and the next request is compared again."""
    failures: list[Exception] = [RuntimeError("unexpected")]
    gateway = served(hash_gateway("go"))

    async def respond(request: httpx.Request) -> httpx.Response:
        if failures:
            raise failures.pop()
        return await gateway.handle_async_request(request)

    made = config(mode="shadow", shadow=ShadowOptions(concurrency=1, busy_share=1.0))
    responses, text = shadow(made, served(hash_gateway("rust")), Scripted(respond), [ONE, ONE])
    assert [one.status_code for one in responses] == [200, 200]
    assert metric(text, "parity_adapter_shadow_requests_total", result="failed") == 1
    assert metric(text, "parity_adapter_shadow_requests_total", result="compared") == 1


@pytest.mark.parametrize(
    "budget", [ShadowOptions(concurrency=1, queue=2), ShadowOptions(concurrency=1, queue_bytes=1500)]
)
def test_a_candidate_that_hangs_fills_the_queue_and_delays_nobody(budget: ShadowOptions) -> None:
    """Requests beyond what the queue holds are dropped and counted; every caller gets its response meanwhile."""

    async def respond(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    async def flooded() -> tuple[list[int], str]:
        legacy = served(hash_gateway("rust", models={MODEL: 8}))
        async with adapter(config(mode="shadow", shadow=budget), legacy, Scripted(respond)) as client:
            statuses = [(await client.post("/ai/embed", content=ONE)).status_code for _ in range(10)]
            return statuses, (await client.get("/metrics")).text

    statuses, text = asyncio.run(flooded())
    assert statuses == [200] * 10
    assert metric(text, "parity_adapter_shadow_requests_total", result="dropped") >= 5


def test_the_rate_of_shadowing_has_a_budget() -> None:
    """Requests beyond the rate are not compared, and counted."""
    made = config(mode="shadow", shadow=ShadowOptions(requests_per_second=0.001, busy_share=1.0))
    _, text = shadow(made, served(hash_gateway("rust")), served(hash_gateway("go")), [ONE] * 4)
    assert metric(text, "parity_adapter_shadow_requests_total", result="compared") == 1
    assert metric(text, "parity_adapter_shadow_requests_total", result="over_budget") == 3


def test_health_says_who_responds() -> None:
    """`/health` names callers, mode and share, and no address."""

    async def health() -> Any:
        async with adapter(config(mode="share", share=12.5), always(), always()) as client:
            return (await client.get("/health")).json()

    assert asyncio.run(health()) == {"status": "ok", "callers": "legacy", "mode": "share", "share": 12.5}
