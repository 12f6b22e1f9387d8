"""What callers get where there are no vectors: the shape, the status, and never a guess."""

import asyncio
import json
import logging
from typing import Any

import aiohttp
import httpx
import pytest

from parity_pipeline.adapter.caller_wire import STATUSES, CallerWire
from parity_pipeline.adapter.refusals import Refusal, error_body
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline_tests.adapter.support import (
    MODEL,
    Scripted,
    adapter,
    always,
    ask,
    config,
    failing,
    metric,
    options,
)

TEXT = "a text that nobody must see"
TOKEN = "tok-9d2c-never-shown"  # noqa: S105 - a planted one
GOOD = json.dumps({"vectors": [[1.0, 2.0], [3.0, 4.0]], "model": MODEL}).encode()


@pytest.mark.parametrize(
    ("dialect", "shape"),
    [
        ("rust", {"error": str}),
        ("ollama", {"error": str}),
        ("cohere", {"message": str}),
        ("tei", {"error": str, "error_type": str}),
    ],
)
def test_an_error_has_the_shape_of_the_callers_dialect(dialect: str, shape: dict[str, type]) -> None:
    """Each dialect's errors have its own fields."""
    response = ask(config(dialect, "go"), ["a"], candidate=always(500, b"oops"))
    assert response.status_code == 502
    assert {name: type(value) for name, value in response.json().items()} == shape


def test_an_openai_error_is_an_object_with_a_type() -> None:
    """Clients of OpenAI read message and type within `error`."""
    error = ask(config("openai", "go"), ["a"], candidate=always(400, b"")).json()["error"]
    assert error["type"] == "invalid_request_error"
    assert set(error) == {"message", "type", "param", "code"}
    assert ask(config("openai", "go"), ["a"], candidate=always(502, b"")).json()["error"]["type"] == "server_error"


def test_a_shape_of_the_settings_is_filled_in() -> None:
    """Placeholders are replaced at any depth, and the status is a number where it stands alone."""
    wire = CallerWire(error_body={"errors": [{"text": "E: {message}", "code": "{status}", "kind": "{type}"}]})
    status, body = error_body(wire, Refusal("refused", "no {type}"))
    assert status == 400
    assert json.loads(body) == {"errors": [{"text": "E: no {type}", "code": 400, "kind": "invalid_request"}]}


@pytest.mark.parametrize(
    ("status", "expected"),
    [
        (400, 400),
        (401, 502),
        (403, 502),
        (404, 502),
        (408, 504),
        (413, 413),
        (422, 400),
        (429, 429),
        (500, 502),
        (503, 503),
        (504, 504),
        (301, 502),
        (204, 502),
    ],
)
def test_a_status_of_the_other_side_becomes_one_of_the_callers(status: int, expected: int) -> None:
    """A refusal stays a refusal and a failure a failure; none becomes a 200."""
    response = ask(config(), ["a"], candidate=always(status, b'{"error": "x"}'))
    assert response.status_code == expected


def test_the_wait_that_the_other_side_asks_for_is_passed_on() -> None:
    """A `Retry-After` reaches the caller."""
    side = always(429, b"{}", **{"retry-after": "7"})
    assert ask(config(), ["a"], candidate=side).headers["retry-after"] == "7"


def test_credentials_of_the_caller_that_are_refused_are_the_callers_matter() -> None:
    """A 401 passes where the caller's own token was passed on, and only there."""
    made = config(options=options(passed_headers=("Authorization",)))
    headers = {"authorization": f"Bearer {TOKEN}"}
    side = always(401, b"{}")
    assert ask(made, ["a"], candidate=side, headers=headers).status_code == 401
    assert side.requests[0].headers["authorization"] == f"Bearer {TOKEN}"
    assert ask(config(), ["a"], candidate=always(401, b"{}"), headers=headers).status_code == 502


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"no json",
        b'{"vectors": [[1.0, 2.0], [3.0',
        b'{"embeddings": [[1.0], [2.0]]}',
        b'{"vectors": [[1.0, 2.0]], "model": "fake-32"}',
        b'{"vectors": [[1.0], [2.0], [3.0]]}',
        b'{"vectors": [[1.0], [2.0, 3.0]]}',
        b'{"vectors": [[1.0], []]}',
        b'{"vectors": [[1.0], [null]]}',
        b'{"vectors": [[1.0], [NaN]]}',
        b'{"vectors": [[1.0], [1e999]]}',
        b'{"vectors": [[1.0], ["2"]]}',
        b'{"vectors": [[1.0], [[2.0]]]}',
        b'{"vectors": null}',
        b'{"vectors": [[1.0], [2.0]], "vectors": [[3.0], [4.0]]}',
        b'{"vectors": [[1.0], [2.0]], "model": "another"}',
        b"<html><title>502</title></html>",
    ],
)
def test_a_response_that_is_not_one_vector_per_text_is_a_failure(body: bytes) -> None:
    """Short, long, torn, ragged, not finite, of another model: all are 502 and nothing is made up."""
    response = ask(config(), ["a", "b"], candidate=always(200, body))
    assert response.status_code == 502
    assert set(response.json()) == {"error"}


@pytest.mark.parametrize("indices", [[0, 0], [1, 2], [0], [None, 1]])
def test_positions_that_are_not_a_permutation_are_a_failure(indices: list[Any]) -> None:
    """Rows whose positions leave a guess are refused."""
    rows = [{"index": index, "embedding": [1.0, 2.0]} for index in indices]
    body = json.dumps({"data": rows, "model": MODEL}).encode()
    assert ask(config("rust", "openai"), ["a", "b"], candidate=always(200, body)).status_code == 502


def test_a_zero_vector_cannot_be_normalised_and_is_otherwise_passed_on_and_counted() -> None:
    """The adapter makes no zero vector, and none into something else."""
    body = json.dumps({"vectors": [[0.0, 0.0], [3.0, 4.0]], "model": MODEL}).encode()
    assert ask(config(options=options(normalise=True)), ["a", "b"], candidate=always(200, body)).status_code == 502

    async def counted() -> tuple[Any, float]:
        async with adapter(config(), always(), always(200, body)) as client:
            response = await client.post("/ai/embed", content=b'{"texts": ["a", "b"]}')
            text = (await client.get("/metrics")).text
            return response.json()["embeddings"], metric(text, "parity_adapter_zero_vectors_total", side="candidate")

    assert asyncio.run(counted()) == ([[0.0, 0.0], [3.0, 4.0]], 1.0)


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (httpx.ConnectError("refused"), 502),
        (httpx.ReadTimeout("slow"), 504),
        (httpx.WriteTimeout("slow"), 504),
        (httpx.PoolTimeout("busy"), 503),
        (aiohttp.ClientPayloadError("torn"), 502),
        (aiohttp.ServerDisconnectedError(), 502),
        (httpx.RemoteProtocolError("noise"), 502),
    ],
)
def test_a_side_that_fails_is_a_failure_in_the_callers_shape(error: Exception, status: int) -> None:
    """Killed, slow, torn: each is an error of the callers' dialect, never vectors."""
    response = ask(config(), ["a"], candidate=failing(error))
    assert response.status_code == status
    assert set(response.json()) == {"error"}


def test_a_slow_side_ends_at_the_deadline() -> None:
    """A side that never ends its response costs a caller the time-out and no more."""

    async def respond(_: httpx.Request) -> httpx.Response:
        await asyncio.Event().wait()
        raise AssertionError

    made = config(side={"timeouts": Timeouts(total=0.05)})
    assert ask(made, ["a"], candidate=Scripted(respond)).status_code == 504


def test_a_connection_that_breaks_is_tried_once_more_and_not_twice() -> None:
    """A server that closes an idle connection just as a request arrives costs no caller an error."""
    failures: list[Exception] = [aiohttp.ServerDisconnectedError()]

    async def respond(_: httpx.Request) -> httpx.Response:
        if failures:
            raise failures.pop()
        return httpx.Response(200, content=GOOD)

    assert ask(config(), ["a", "b"], candidate=Scripted(respond)).status_code == 200
    side = failing(aiohttp.ServerDisconnectedError())
    assert ask(config(), ["a", "b"], candidate=side).status_code == 502
    assert len(side.requests) == 2


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"", 400),
        (b"{", 400),
        (b"[]", 400),
        (b"{}", 400),
        (b'{"texts": []}', 400),
        (b'{"texts": [1]}', 400),
        (b'{"texts": [null]}', 400),
        (b'{"texts": {"a": 1}}', 400),
        (b'{"texts": ["a"], "texts": ["b"]}', 400),
        (b'{"texts": ["a"], "dimensions": 8}', 400),
        (b'{"texts": ["a"], "model": 3}', 400),
        (b'{"texts": ["a"], "model": "unknown"}', 404),
        (b"[" * 100_000, 400),
        (b'\xff{"texts": ["a"]}', 400),
    ],
)
def test_what_cannot_be_mapped_is_refused(body: bytes, status: int) -> None:
    """No side gets a request for what the adapter cannot translate for certain."""
    response = ask(config(), [], body=body)
    assert response.status_code == status
    assert set(response.json()) == {"error"}


def test_a_request_without_a_model_and_without_a_default_is_refused() -> None:
    """The candidate's own default is never used by accident."""
    assert ask(config(default_model=None), [], body=b'{"texts": ["a"]}').status_code == 400


def test_fields_may_be_passed_on_or_left_out_by_the_settings() -> None:
    """A further field takes the way that the settings name, for the values that they name."""
    made = config(
        "openai",
        "go",
        options=options(
            passed_fields={"dimensions": "width"}, ignored_fields={"user": (), "encoding_format": ("float",)}
        ),
    )
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    body = b'{"input": ["a"], "dimensions": 8, "user": "u", "encoding_format": "float"}'
    assert ask(made, [], body=body, candidate=side).status_code == 200
    assert json.loads(side.requests[0].content) == {"texts": ["a"], "model": MODEL, "width": 8}
    assert ask(made, [], body=b'{"input": ["a"], "encoding_format": "hex"}').status_code == 400


@pytest.mark.parametrize(
    ("dialect", "body", "status"),
    [
        ("openai", b'{"input": ["a"], "encoding_format": "float"}', 200),
        ("ollama", b'{"input": ["a"], "truncate": true}', 200),
        ("ollama", b'{"input": ["a"], "truncate": 1}', 400),
        ("ollama", b'{"input": ["a"], "truncate": false}', 400),
        ("tei", b'{"inputs": ["a"], "normalize": true}', 200),
        ("tei", b'{"inputs": ["a"], "normalize": false}', 422),
    ],
)
def test_a_field_with_its_documented_default_is_as_good_as_none(dialect: str, body: bytes, status: int) -> None:
    """Callers may write out what leaving a field out means; any other value is refused."""
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    assert ask(config(dialect, "go"), [], body=body, candidate=side).status_code == status


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/ai/embed", 405),
        ("POST", "/elsewhere", 404),
        ("POST", "/ai/embed/", 404),
        ("POST", "/ai/embed?x=1", 404),
    ],
)
def test_other_paths_and_methods_are_refused_in_the_callers_shape(method: str, path: str, status: int) -> None:
    """What is not the embed endpoint has an error of the dialect too."""

    async def one() -> httpx.Response:
        async with adapter(config(), always(), always()) as client:
            return await client.request(method, path, content=b"{}")

    response = asyncio.run(one())
    assert response.status_code == status
    assert set(response.json()) == {"error"}


def test_callers_need_the_token_where_there_is_one() -> None:
    """Without the adapter's token there is a 401, and the token goes to no side."""
    made = config(caller_token=TOKEN, options=options(passed_headers=("authorization",)))
    side = always(200, GOOD)
    assert ask(made, ["a", "b"], candidate=side).status_code == 401
    assert ask(made, ["a", "b"], headers={"authorization": "Bearer wrong"}).status_code == 401
    right = ask(made, ["a", "b"], candidate=side, headers={"authorization": f"Bearer {TOKEN}"})
    assert right.status_code == 200
    assert "authorization" not in side.requests[0].headers


def test_texts_and_tokens_are_nowhere_but_on_the_wire(caplog: pytest.LogCaptureFixture) -> None:
    """No error, metric or log line holds a text, a token or a model's name of a caller, even if a side repeats them."""
    repeated = f'{{"error": "bad text: {TEXT}, {TOKEN}"}}'.encode()
    made = config(
        options=options(passed_headers=("x-key",)), log_requests=True, side={"bearer_token": TOKEN, "headers": {}}
    )

    async def all_of_it() -> str:
        seen = ""
        for side in (always(400, repeated), always(200, repeated), failing(httpx.ConnectError(TEXT + TOKEN))):
            async with adapter(made, always(), side) as client:
                headers = {"x-key": TOKEN, "x-request-id": TEXT}
                for body in (
                    json.dumps({"texts": [TEXT]}),
                    json.dumps({"texts": [TEXT], "model": TEXT}),
                    json.dumps({TEXT: 1}),
                ):
                    response = await client.post("/ai/embed", content=body.encode(), headers=headers)
                    seen += response.text + str(response.headers)
                seen += (await client.get("/metrics")).text + (await client.get("/health")).text
        return seen

    with caplog.at_level(logging.DEBUG):
        seen = asyncio.run(all_of_it())
    logged = "".join(str(vars(record)) for record in caplog.records if record.name.startswith("parity_pipeline"))
    assert logged
    for secret in (TEXT, TOKEN):
        assert secret not in seen
        assert secret not in logged


def test_the_words_of_a_side_are_repeated_only_on_request_and_without_secrets() -> None:
    """`upstream_messages` passes on what a side said, its token masked."""
    side = always(400, f'{{"error": "too long {TOKEN}"}}'.encode())
    made = config(upstream_messages=True, side={"bearer_token": TOKEN})
    said = ask(made, ["a"], candidate=side).json()["error"]
    assert "too long ***" in said
    assert TOKEN not in said


def test_a_fault_of_the_adapter_is_an_error_in_the_callers_shape(caplog: pytest.LogCaptureFixture) -> None:
    """An unexpected exception is a 500 of the dialect, and its message, which may hold anything, is not logged."""
    with caplog.at_level(logging.DEBUG, logger="parity_pipeline.adapter"):
        response = ask(config(), ["a"], candidate=failing(RuntimeError(TEXT)))
    assert response.status_code == 500
    assert set(response.json()) == {"error"}
    from parity_pipeline.adapter.request_log import JsonLines

    lines = [JsonLines().format(record) for record in caplog.records]
    assert any("RuntimeError" in line for line in lines)
    assert not any(TEXT in line for line in lines)


def test_every_kind_of_refusal_has_a_status() -> None:
    """The table of statuses holds errors only."""
    assert all(400 <= status <= 599 for status in STATUSES.values())
