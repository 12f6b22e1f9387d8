"""Limits on what callers send, and how a large batch is divided and joined."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx
import pytest

from parity_pipeline.adapter.config import AdapterConfig
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline_tests.adapter.support import MODEL, Scripted, adapter, always, ask, config, options, running


def numbered(requests: int) -> Scripted:
    """Return a candidate whose vector of a text is its number, and which responds to so many requests, the last one first."""
    waiting: list[asyncio.Event] = []

    async def respond(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["texts"]
        waiting.append(asyncio.Event())
        mine = len(waiting) - 1
        if len(waiting) == requests:
            waiting[-1].set()
        await waiting[mine].wait()
        if mine:
            waiting[mine - 1].set()
        return httpx.Response(200, json={"vectors": [[float(text), 1.0] for text in texts], "model": MODEL})

    return Scripted(respond)


def test_a_divided_batch_is_joined_in_order() -> None:
    """However the requests to the other side overtake each other, each text gets its own vector."""
    side = numbered(10)
    texts = [str(number) for number in range(95)]
    response = ask(config(side={"batch_texts": 10}), texts, candidate=side)
    assert [row[0] for row in response.json()["embeddings"]] == [float(text) for text in texts]
    assert [len(json.loads(one.content)["texts"]) for one in side.requests] == [10] * 9 + [5]


def test_a_batch_is_divided_by_bytes_too() -> None:
    """No request to the other side is larger than its limit, unless a single text is."""
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    response = ask(config(side={"batch_bytes": 200}), ["x" * 150, "y" * 150, "z" * 500], candidate=side)
    assert response.status_code == 200
    assert len(side.requests) == 3


def test_one_failed_part_fails_the_whole_batch() -> None:
    """A batch of which a part has no vectors has none: a caller never gets fewer vectors than texts."""

    async def respond(request: httpx.Request) -> httpx.Response:
        texts = json.loads(request.content)["texts"]
        if "3" in texts:
            return httpx.Response(503, json={})
        return httpx.Response(200, json={"vectors": [[1.0] for _ in texts], "model": MODEL})

    texts = [str(number) for number in range(6)]
    assert ask(config(side={"batch_texts": 2}), texts, candidate=Scripted(respond)).status_code == 503


def test_parts_of_different_dimensions_are_a_failure() -> None:
    """Two parts whose vectors differ in length are not joined."""

    async def respond(request: httpx.Request) -> httpx.Response:
        text = json.loads(request.content)["texts"][0]
        return httpx.Response(200, json={"vectors": [[1.0] * (1 + int(text))], "model": MODEL})

    assert ask(config(side={"batch_texts": 1}), ["0", "1"], candidate=Scripted(respond)).status_code == 502


@pytest.mark.parametrize(("texts", "status"), [(4, 200), (5, 413)])
def test_the_number_of_texts_has_a_limit(texts: int, status: int) -> None:
    """A request with more texts than allowed is refused and divided by nobody."""
    body = json.dumps({"vectors": [[1.0]] * texts, "model": MODEL}).encode()
    made = config(options=options(max_texts=4))
    assert ask(made, ["a"] * texts, candidate=always(200, body)).status_code == status


@pytest.mark.parametrize(("size", "status"), [(1000, 200), (1001, 413), (100_000, 413)])
def test_the_body_has_a_limit(size: int, status: int) -> None:
    """A body larger than allowed is refused in the callers' shape, before it is parsed."""
    body = b'{"texts": ["a"]}'.ljust(size)
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    response = ask(config(options=options(max_body_bytes=1000)), [], body=body, candidate=side)
    assert response.status_code == status
    assert status == 200 or set(response.json()) == {"error"}


def test_a_body_without_an_end_is_not_held() -> None:
    """A body that states no length is read up to sixteen times its limit, and never kept beyond the limit."""
    pieces = iter([b"x" * 500] * 1000)
    sent = asyncio.run(exchanged(config(options=options(max_body_bytes=1000)), lambda: next(pieces)))
    assert sent[0]["status"] == 413
    assert (b"connection", b"close") in sent[0]["headers"]
    assert len(list(pieces)) > 900


def test_a_body_that_does_not_arrive_is_given_up() -> None:
    """A client that sends its body too slowly gets a 408 when its time is over."""
    made = config(side={"timeouts": Timeouts(read=0.05)})
    assert asyncio.run(exchanged(made, None))[0]["status"] == 408


async def exchanged(made: AdapterConfig, piece: Callable[[], bytes] | None) -> list[dict[str, Any]]:
    """Return what the application sends to a client that sends pieces without end, or, if None, nothing."""
    sent: list[dict[str, Any]] = []

    async def receive() -> dict[str, Any]:
        if piece is None:
            await asyncio.Event().wait()
            return {"type": "http.disconnect"}
        return {"type": "http.request", "body": piece(), "more_body": True}

    async def send(message: Any) -> None:
        sent.append(message)

    scope = {"type": "http", "method": "POST", "path": "/ai/embed", "raw_path": b"/ai/embed", "query_string": b""}
    async with running(made, always(), always()) as app:
        await app({**scope, "headers": [], "root_path": ""}, receive, send)
    return sent


def test_requests_in_flight_have_a_limit() -> None:
    """A request beyond the limit is refused at once and waits for nobody."""
    go, there = asyncio.Event(), asyncio.Event()

    async def respond(_: httpx.Request) -> httpx.Response:
        there.set()
        await go.wait()
        return httpx.Response(200, json={"vectors": [[1.0]], "model": MODEL})

    async def both() -> list[int]:
        async with adapter(config(max_in_flight=1), always(), Scripted(respond)) as client:
            first = asyncio.create_task(client.post("/ai/embed", content=b'{"texts": ["a"]}'))
            await there.wait()
            second = await client.post("/ai/embed", content=b'{"texts": ["a"]}')
            go.set()
            return [(await first).status_code, second.status_code]

    assert asyncio.run(both()) == [200, 503]


def test_request_ids_are_passed_through_or_made() -> None:
    """A caller's id reaches the side and comes back; one that could break a log line is replaced."""

    async def ids(given: str | None) -> tuple[str, str]:
        side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
        async with adapter(config(), always(), side) as client:
            headers = {} if given is None else {"x-request-id": given}
            response = await client.post("/ai/embed", content=b'{"texts": ["a"]}', headers=headers)
            return side.requests[0].headers["x-request-id"], response.headers["x-request-id"]

    assert asyncio.run(ids("abc-1")) == ("abc-1", "abc-1")
    for given in (None, "x y", "x" * 65):
        sent, came = asyncio.run(ids(given))
        assert sent == came
        assert sent != given
