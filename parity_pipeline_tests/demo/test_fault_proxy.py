import asyncio
import json
import math
from typing import Any

import httpx
import numpy as np
import orjson
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.demo.fault_proxy import COMPANY_LOOKS, COMPANY_SECONDS, Memory, build_proxy
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import chosen
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline_tests.demo.support import BASE, ask, ask_all, candidate, embedder, legacy

DIALECTS = {dialect.name: dialect for dialect in BUILT_IN}
TEXTS = ["hello", "forklift operator with OSHA cert", "résumé: 12 yrs warehouse — pick/pack"]


def proxy(names: str, behind: Starlette, dialect: str = "go", **scope: Any) -> Starlette:
    """Return a proxy with faults in front of an application."""
    known = Scope(**scope)
    transport = httpx.ASGITransport(behind)
    return build_proxy(BASE, DIALECTS[dialect], chosen(names, known), known, transport=transport)


def embed(app: Starlette, texts: list[str] = TEXTS, model: str = "wordllama-256") -> httpx.Response:
    """Request vectors in the Go shape."""
    return ask(app, "POST", "/v1/embed", json={"texts": texts, "model": model})


def test_wrong_model_returns_vectors_of_another_model_and_echoes_the_requested_one() -> None:
    """The vectors are the other model's, and the response says otherwise."""
    response = embed(proxy("wrong-model", candidate(), other_models=("wordllama-64",))).json()
    assert response["model"] == "wordllama-256"
    assert np.array_equal(np.float32(response["vectors"]), embedder().embed("wordllama-64", TEXTS))


def test_noise_leaves_a_cosine_of_099() -> None:
    """Every vector has a cosine of 0.99 to the true one, through either dialect."""
    truth = embedder().embed("wordllama-256", TEXTS).astype(np.float64)
    body = {"texts": TEXTS, "model": "wordllama-256"}
    go = embed(proxy("noise", candidate())).json()["vectors"]
    rust = ask(proxy("noise", legacy(), "rust"), "POST", "/ai/embed", json=body).json()["embeddings"]
    for vectors in (np.array(go), np.array(rust)):
        norms = np.linalg.norm(vectors, axis=1) * np.linalg.norm(truth, axis=1)
        assert (vectors * truth).sum(axis=1) / norms == pytest.approx([0.99] * 3, abs=1e-9)


def test_drop_row_is_one_short() -> None:
    """Two vectors come for three texts, and one for one unless every response is to be short."""
    assert len(embed(proxy("drop-row", candidate())).json()["vectors"]) == 2
    assert len(embed(proxy("drop-row", candidate()), ["a"]).json()["vectors"]) == 1
    assert embed(proxy("drop-row", candidate(), every=True), ["a"]).json()["vectors"] == []


def test_position_corrupts_one_row_alone() -> None:
    """The rows out of scope come through with every digit."""
    true, faulty = (embed(app).json()["vectors"] for app in (candidate(), proxy("noise", candidate(), position=1)))
    assert [one == two for one, two in zip(true, faulty, strict=True)] == [True, False, True]


def test_text_faults_reach_the_gateway_behind() -> None:
    """The vectors are those of the changed texts."""
    response = embed(proxy("lower-case,prefix", candidate())).json()
    changed = ["search_document: " + text.lower() for text in TEXTS]
    assert np.array_equal(np.float32(response["vectors"]), embedder().embed("wordllama-256", changed))


def test_nan_is_written_as_nan_and_null_as_null() -> None:
    """The two spellings of a missing number are those of the two languages."""
    assert "NaN" in (response := embed(proxy("nan", candidate()))).text
    assert math.isnan(json.loads(response.text)["vectors"][0][0])
    assert embed(proxy("null", candidate())).json()["vectors"][0][0] is None


def test_replies_stand_in_for_the_gateway() -> None:
    """An HTML page comes with 200, an error with 500 where a text is hit, 400 for a long and 413 for a large one."""
    page = embed(proxy("html", candidate()))
    assert (page.status_code, page.headers["content-type"]) == (200, "text/html; charset=utf-8")
    assert embed(proxy("error-500", candidate())).status_code == 500
    assert embed(proxy("error-500", candidate(), rate=0)).status_code == 200
    assert embed(proxy("refuse-long", candidate(), characters=5), ["abcdef"]).status_code == 400
    assert embed(proxy("small-body", candidate()), ["a " * 40_000]).status_code == 413


def test_a_repeated_text_is_noticed() -> None:
    """The stale cache corrupts a text from its second request on."""
    app = proxy("stale-cache", candidate())
    first, second = (embed(app, [text]).json()["vectors"] for text in ("a", "a"))
    assert first == embed(candidate(), ["a"]).json()["vectors"]
    assert second != first


def test_a_refused_request_leaves_no_history() -> None:
    """Only a long text that was accepted changes the vectors of later short ones: no model saw a refused one."""
    app, long = proxy("history", candidate()), "long " * 200
    true = embed(candidate(), ["a"]).json()["vectors"]
    assert embed(app, [long, " "]).status_code == 400
    assert embed(app, ["a"]).json()["vectors"] == true
    assert embed(app, [long]).status_code == 200
    assert embed(app, ["a"]).json()["vectors"] != true


def test_requests_at_the_same_time_are_noticed() -> None:
    """Alone a batch is right; at the same time rows are swapped."""
    app = proxy("swap-under-load", candidate())
    true = embed(candidate()).json()["vectors"]
    assert embed(app).json()["vectors"] == true
    both = ask_all(app, [("POST", "/v1/embed", {"json": {"texts": TEXTS, "model": "wordllama-256"}})] * 2)
    assert all(response.json()["vectors"] == [*true[1:], true[0]] for response in both)


def test_a_fault_of_load_holds_a_request_until_it_has_company() -> None:
    """Rows are swapped if another request comes a moment later; a lone request goes on after so many looks."""
    looks: list[float] = []
    later: list[asyncio.Task[httpx.Response]] = []
    body = {"texts": TEXTS, "model": "wordllama-256"}

    async def sleep(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == COMPANY_LOOKS + 3:
            later.append(asyncio.create_task(client.post("/v1/embed", json=body)))
        await asyncio.sleep(0)

    known = Scope()
    behind = httpx.ASGITransport(candidate())
    app = build_proxy(BASE, DIALECTS["go"], chosen("swap-under-load", known), known, transport=behind, sleep=sleep)
    client = httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE)

    async def both() -> tuple[list[Any], list[Any]]:
        alone = (await client.post("/v1/embed", json=body)).json()["vectors"]
        assert looks == [COMPANY_SECONDS] * COMPANY_LOOKS
        return alone, (await client.post("/v1/embed", json=body)).json()["vectors"]

    async def run() -> tuple[list[Any], list[Any]]:
        async with client:
            vectors = await both()
            await asyncio.gather(*later)
        return vectors

    alone, joined = asyncio.run(run())
    assert joined == [*alone[1:], alone[0]]
    assert COMPANY_LOOKS + 3 <= len(looks) < 2 * COMPANY_LOOKS


@pytest.mark.parametrize("fault", ["noise", "permute", "history"])
def test_other_faults_hold_nothing(fault: str) -> None:
    """Only what shows under load waits for it."""

    async def never(seconds: float) -> None:
        msg = f"waited {seconds} s"
        raise AssertionError(msg)

    known = Scope()
    behind = httpx.ASGITransport(candidate())
    app = build_proxy(BASE, DIALECTS["go"], chosen(fault, known), known, transport=behind, sleep=never)
    assert embed(app).status_code == 200


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"texts": []}', b'{"texts": [1]}', b'{"texts": ["a"], "model": "no"}', b'{"texts": [" "]}']
)
def test_what_cannot_be_corrupted_passes_unchanged(body: bytes) -> None:
    """A bad request gets the response of the gateway behind."""
    response = ask(proxy("noise", candidate()), "POST", "/v1/embed", content=body)
    own = ask(candidate(), "POST", "/v1/embed", content=body)
    assert (response.status_code, response.content) == (own.status_code, own.content)


def test_health_and_lone_surrogates_pass() -> None:
    """`/health` is the other's own, and an escaped lone surrogate arrives as it was sent: the gateway refuses it."""
    assert ask(proxy("noise", candidate()), "GET", "/health").json()["gateway"] == "demo candidate"
    body = b'{"texts": ["a\\ud800"]}'
    assert ask(proxy("trim", legacy(), "rust"), "POST", "/ai/embed", content=body).status_code == 400
    assert ask(proxy("trim", candidate()), "POST", "/v1/embed", content=body).status_code == 400
    assert ask(proxy("replace-surrogates", candidate()), "POST", "/v1/embed", content=body).status_code == 200


def test_openai_responses_are_corrupted_alike() -> None:
    """Where each vector stands in an object of its own, dropping a row drops the object."""

    async def embeddings(request: Request) -> Response:
        body = await request.json()
        data = [{"index": at, "embedding": [1.0, float(at)]} for at, _ in enumerate(body["input"])]
        return Response(orjson.dumps({"data": data, "model": body["model"]}), media_type="application/json")

    behind = Starlette(routes=[Route("/v1/embeddings", embeddings, methods=["POST"])])
    app = proxy("drop-row,raw-norm,wrong-model", behind, "openai", other_models=("other",))
    response = ask(app, "POST", "/v1/embeddings", json={"input": ["a", "b", "c"], "model": "asked"}).json()
    assert response == {
        "data": [{"index": 0, "embedding": [17.0, 0.0]}, {"index": 1, "embedding": [17.0, 17.0]}],
        "model": "asked",
    }


def test_a_dialect_of_one_text_is_corrupted_alike() -> None:
    """Where text and vector are not in arrays, faults find them too."""

    async def embedding(request: Request) -> Response:
        body = await request.json()
        return Response(orjson.dumps({"embedding": [1.0, float(len(body["prompt"]))]}), media_type="application/json")

    behind = Starlette(routes=[Route("/one", embedding, methods=["POST"])])
    dialect = Dialect(name="one", path="/one", texts_field="prompt", vectors_field="embedding", one_text=True)
    scope = Scope(characters=3)
    faults = chosen("truncate,raw-norm", scope)
    app = build_proxy(BASE, dialect, faults, scope, transport=httpx.ASGITransport(behind))
    assert ask(app, "POST", "/one", json={"prompt": "abcdef"}).json() == {"embedding": [17.0, 51.0]}


def test_a_gateway_that_is_down_is_502() -> None:
    """The proxy stays up and says so."""

    def refuse(request: httpx.Request) -> httpx.Response:
        msg = "nobody there"
        raise httpx.ConnectError(msg, request=request)

    app = build_proxy(BASE, DIALECTS["go"], (), Scope(), transport=httpx.MockTransport(refuse))
    assert embed(app).status_code == 502


def test_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    """The oldest texts are forgotten."""
    monkeypatch.setattr("parity_pipeline.demo.fault_proxy.REMEMBERED_TEXTS", 2)
    memory = Memory()
    memory.note(["a", "bb"])
    memory.note(["ccc"])
    assert (dict(memory.seen), memory.longest, memory.requests) == ({"bb": 1, "ccc": 1}, 3, 2)
