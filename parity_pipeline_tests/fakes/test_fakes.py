import asyncio
import errno
import socket
from typing import Any

import httpx
import numpy as np
import pytest

from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway, hash_vector
from parity_pipeline_tests.fakes.ports import free_port
from parity_pipeline_tests.fakes.replay_gateway import RECORDED_MODEL, recorded_texts, recorded_vectors, replay_gateway
from parity_pipeline_tests.fakes.serving import serve

REFUSED_ID = next(key for key, vector in recorded_vectors("ggml-f32").items() if vector is None)
TEXTS = {text.text_id: text.text for text in recorded_texts()}


def post(gateway: Gateway, body: Any) -> httpx.Response:
    """Send one request to a gateway in this process."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(gateway.app)
        async with httpx.AsyncClient(transport=transport, base_url="http://fake") as client:
            return await client.post(gateway.dialect.path, json=body)

    return asyncio.run(send())


def test_rust_shape_and_digits() -> None:
    """A gateway of the Rust shape writes its field names, and float64 digits where it should."""
    response = post(hash_gateway("rust", float64_digits=True), {"texts": ["a", "b"], "model": "fake-16"})
    body = response.json()
    assert set(body) == {"embeddings", "model", "dimensions"}
    assert body["dimensions"] == 16
    assert body["model"] == "fake-16"
    assert body["embeddings"][1] == hash_vector("b", "fake-16", 16).astype(np.float64).tolist()


def test_go_shape_and_digits() -> None:
    """A gateway of the Go shape writes the shortest digits of each float32."""
    response = post(hash_gateway("go", norm=13.0), {"texts": ["a"]})
    body = response.json()
    assert set(body) == {"vectors", "model", "dimension"}
    assert max(len(str(abs(number))) for number in body["vectors"][0]) <= 13
    assert np.linalg.norm(body["vectors"][0]) == pytest.approx(13.0, rel=1e-6)


def test_openai_shape() -> None:
    """A gateway of the OpenAI shape wraps each vector in an object with its index."""
    body = post(hash_gateway("openai"), {"input": ["a", "b"], "model": "fake-32"}).json()
    assert [entry["index"] for entry in body["data"]] == [0, 1]
    assert np.array_equal(np.array(body["data"][1]["embedding"], np.float32), hash_vector("b", "fake-32", 32))
    assert body["usage"]["prompt_tokens"] == 2


@pytest.mark.parametrize("dialect", BUILT_IN, ids=lambda dialect: dialect.name)
def test_every_built_in_dialect_is_spoken(dialect: Dialect) -> None:
    """Each row of the dialect table can be served, without a line of code for it."""
    texts: Any = "a" if dialect.one_text else ["a"]
    request = {dialect.texts_field: texts}
    if dialect.model_field:
        request[dialect.model_field] = "fake-32"
    assert post(hash_gateway(dialect), request).status_code == 200


def test_dialect_of_a_persons_own() -> None:
    """A row that is not built in is served too, nested paths, a bare array and base64 included."""
    nested = Dialect(name="x", path="/x", vectors_field="out.rows[].v", model_echo_field="meta.model", base64=True)
    body = post(hash_gateway(nested), {"texts": ["a"]}).json()
    assert body["meta"]["model"] == "fake-32"
    assert isinstance(body["out"]["rows"][0]["v"], str)
    bare = Dialect(name="y", path="/y", vectors_field="", model_field=None)
    assert len(post(hash_gateway(bare), {"texts": ["a", "b"]}).json()) == 2


@pytest.mark.parametrize("body", [[], {"texts": "a"}, {"texts": ["a", 5]}, {"texts": ["a"], "model": 5}, {}])
def test_bad_requests_are_refused(body: Any) -> None:
    """A request that is not of the dialect's shape is a 400 and counts no text."""
    gateway = hash_gateway()
    assert post(gateway, body).status_code == 400
    assert not gateway.texts


def test_unknown_and_missing_models() -> None:
    """An unknown model is a 404, a missing one a 400 where there is no default."""
    assert post(hash_gateway(), {"texts": ["a"], "model": "other"}).status_code == 404
    assert post(hash_gateway(default_model=None), {"texts": ["a"]}).status_code == 400


def test_counters_and_noise() -> None:
    """A gateway counts requests and embedded texts, and noise lowers the cosine as documented."""
    gateway = hash_gateway(noise=0.15, models={"wide": 768}, default_model="wide", refused={"bad"}, echo="liar")
    noisy = post(gateway, {"texts": ["a", "b"]}).json()
    assert post(gateway, {"texts": ["a", "bad"]}).status_code == 400
    assert (gateway.requests, gateway.batch_sizes, dict(gateway.texts)) == (2, [2, 2], {"a": 1, "b": 1})
    assert noisy["model"] == "liar"
    true = hash_vector("a", "wide", 768)
    seen = np.array(noisy["embeddings"][0])
    assert true @ seen / np.linalg.norm(seen) == pytest.approx(0.989, abs=0.01)


def test_replay_gives_the_recorded_numbers() -> None:
    """A replayed vector is bit-equal to the recorded one, through JSON and back."""
    body = post(replay_gateway("ggml-f32-raw-norm", "batched", "go"), {"texts": [TEXTS[3]]}).json()
    recorded = recorded_vectors("ggml-f32-raw-norm", "batched")[3]
    assert recorded is not None
    assert np.array_equal(np.array(body["vectors"][0], np.float32), recorded)
    assert body["model"] == RECORDED_MODEL


@pytest.mark.parametrize("status", [500, 400])
def test_replay_refuses_what_the_server_refused(status: int) -> None:
    """One refused text refuses the whole request with the chosen status and a JSON error."""
    gateway = replay_gateway("ggml-f32", refusal_status=status)
    response = post(gateway, {"texts": [TEXTS[0], TEXTS[REFUSED_ID]]})
    assert response.status_code == status
    assert response.json()["error"]["message"]
    assert post(replay_gateway("torch-f32"), {"texts": [TEXTS[REFUSED_ID]]}).status_code == 200


def test_replay_knows_only_its_recording() -> None:
    """A text that was never recorded is a 400."""
    assert post(replay_gateway("torch-f32"), {"texts": ["never seen"]}).status_code == 400


def test_serving_on_a_real_port() -> None:
    """An application is reachable on a free port inside the block, two of them at once, and gone behind it."""
    with serve(hash_gateway().app) as first, serve(hash_gateway("go").app) as second:
        assert first != second
        assert httpx.get(f"{first}/health").json() == {"status": "ok"}
        assert httpx.post(f"{second}/v1/embed", json={"texts": ["a"]}).status_code == 200
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{first}/health")


def test_a_free_port_is_kept_for_a_server() -> None:
    """Nobody listens on it, a socket that does not insist on it cannot have it, and a server that asks for it can."""
    port = free_port()
    with socket.socket() as caller, pytest.raises(ConnectionRefusedError):
        caller.connect(("127.0.0.1", port))
    with socket.socket() as other, pytest.raises(OSError) as refused:  # noqa: PT011 - the number says which
        other.bind(("127.0.0.1", port))
    assert refused.value.errno == errno.EADDRINUSE
    with socket.create_server(("127.0.0.1", port)) as server:
        assert server.getsockname()[1] == port
