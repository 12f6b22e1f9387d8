import re
import threading
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray
from starlette.applications import Starlette

from parity_pipeline.demo.gateway import BODY_LIMIT, CANDIDATE, LEGACY, SHAPES, TEXTS_LIMIT, Shape, build_app
from parity_pipeline.demo.models import DIMENSIONS, VectorCache
from parity_pipeline_tests.demo.support import app_of, ask, ask_all, candidate, embedder, legacy

TEXTS = ["hello", "forklift operator with OSHA cert", "résumé: 12 yrs warehouse — pick/pack"]
shapes = pytest.mark.parametrize("shape", [LEGACY, CANDIDATE], ids=lambda shape: shape.name)


def test_legacy_returns_unit_vectors_with_float64_digits() -> None:
    """The legacy gateway's vectors have norm 1 in float64, and its response has the three fields of the Rust shape."""
    response = ask(legacy(), "POST", "/ai/embed", json={"texts": TEXTS, "model": "wordllama-256"})
    body = response.json()
    assert list(body) == ["embeddings", "model", "dimensions"]
    assert (body["model"], body["dimensions"]) == ("wordllama-256", 256)
    vectors = np.array(body["embeddings"])
    assert vectors.shape == (3, 256)
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < 1e-15
    assert not np.array_equal(vectors, vectors.astype(np.float32))


def test_candidate_returns_raw_vectors_with_float32_digits() -> None:
    """The candidate's vectors are the model's own, written in the fewest digits that a float32 needs."""
    response = ask(candidate(), "POST", "/v1/embed", json={"texts": TEXTS, "model": "wordllama-256"})
    body = response.json()
    assert list(body) == ["vectors", "model", "dimension"]
    assert (body["model"], body["dimension"]) == ("wordllama-256", 256)
    vectors = np.array(body["vectors"], dtype=np.float32)
    assert np.array_equal(vectors, embedder().embed("wordllama-256", TEXTS))
    assert np.linalg.norm(vectors, axis=1).min() > 1.5
    digits = [len(number.lstrip("0")) for number in re.findall(r"0\.(\d+)", response.text)]
    assert max(digits) <= 9


def test_the_two_sides_agree_in_direction() -> None:
    """For the same text and model the cosine between the sides is 1."""
    body = {"texts": TEXTS, "model": "wordllama-64"}
    one = np.array(ask(legacy(), "POST", "/ai/embed", json=body).json()["embeddings"])
    two = np.array(ask(candidate(), "POST", "/v1/embed", json=body).json()["vectors"])
    cosines = (one * two).sum(axis=1) / np.linalg.norm(two, axis=1)
    assert cosines.min() > 1 - 1e-6


def test_default_models_differ() -> None:
    """A request without a model, or with null, gets the vectors of another model on each side."""
    models = [
        ask(app_of(shape), "POST", shape.path, json={"texts": ["a"], **more}).json()["model"]
        for shape in (LEGACY, CANDIDATE)
        for more in ({}, {"model": None})
    ]
    assert models == ["wordllama-64", "wordllama-64", "wordllama-256", "wordllama-256"]


@shapes
@pytest.mark.parametrize(
    ("body", "status", "words"),
    [
        (b"", 400, "not valid JSON"),
        (b"{", 400, "not valid JSON"),
        (b'{"texts": ["a"], "x": NaN}', 400, "not valid JSON"),
        (b"[" * 100_000, 400, "not valid JSON"),
        (b"[]", 400, "not a JSON object"),
        (b"{}", 400, "`texts` is missing"),
        (b'{"texts": "a"}', 400, "`texts` is not an array"),
        (b'{"texts": []}', 400, "`texts` is empty"),
        (b'{"texts": ["a", 1]}', 400, "`texts[1]` is not a string"),
        (b'{"texts": ["a", null]}', 400, "`texts[1]` is not a string"),
        (b'{"texts": ["a", ""]}', 400, "`texts[1]` is empty"),
        ('{"texts": ["\u2003\\n"]}'.encode(), 400, "`texts[0]` is blank"),
        (b'{"texts": ["a"], "model": 3}', 400, "`model` is not a string"),
        (b'{"texts": ["a"], "model": "nomic-embed-text"}', 404, "unknown model 'nomic-embed-text'"),
        (b'{"texts": ["a"], "model": "\\u001b[31m"}', 404, "unknown model '\\x1b[31m'"),
        (b'{"texts": [' + b'"a",' * TEXTS_LIMIT + b'"a"]}', 413, "the limit is 256"),
        (b'{"texts": ["' + b"a" * BODY_LIMIT + b'"]}', 413, "the body is larger"),
    ],
)
def test_bad_requests_are_refused_with_a_reason(shape: Shape, body: bytes, status: int, words: str) -> None:
    """Every bad request has a 4xx, and a JSON error that says what is wrong."""
    response = ask(app_of(shape), "POST", shape.path, content=body)
    assert response.status_code == status
    assert words in response.json()["error"].replace("\x1b", "\\x1b")


@shapes
def test_as_many_texts_as_allowed_are_embedded(shape: Shape) -> None:
    """The largest batch gets all its vectors."""
    body = ask(app_of(shape), "POST", shape.path, json={"texts": ["a"] * TEXTS_LIMIT}).json()
    assert len(body.get("vectors", body.get("embeddings"))) == TEXTS_LIMIT


@shapes
@pytest.mark.parametrize(("method", "path", "status"), [("GET", None, 405), ("POST", "/nothing", 404)])
def test_wrong_method_and_path_are_refused_in_json(shape: Shape, method: str, path: str | None, status: int) -> None:
    """A wrong method is 405 and an unknown path 404, both as JSON."""
    response = ask(app_of(shape), method, path or shape.path)
    assert response.status_code == status
    assert response.json()["error"]


@shapes
@pytest.mark.parametrize("text", [b'"a\\ud800b"', b'"\\udc00\\ud800"', b'"a\xff"'])
def test_invalid_unicode_is_refused_by_both(shape: Shape, text: bytes) -> None:
    """Both respond with 400 to a lone surrogate and to invalid UTF-8; a gateway that does not is a fault of its own."""
    response = ask(app_of(shape), "POST", shape.path, content=b'{"texts": [' + text + b"]}")
    assert response.status_code == 400


@shapes
def test_health_names_the_models(shape: Shape) -> None:
    """`GET /health` responds with 200 and names every model."""
    response = ask(app_of(shape), "GET", "/health")
    assert (response.status_code, response.json()["models"]) == (200, list(DIMENSIONS))
    assert SHAPES[shape.name] is shape


def test_a_repeat_does_not_reach_the_candidates_model() -> None:
    """The cache calls the model once for each text and model, and returns the same vector again."""
    calls: list[tuple[str, tuple[str, ...]]] = []

    def embed(model: str, texts: Sequence[str]) -> NDArray[np.float32]:
        calls.append((model, tuple(texts)))
        return np.array([[len(text), len(model)] for text in texts], dtype=np.float32)

    cache = VectorCache(embed, capacity=3)
    first = cache.embed("m", ["a", "bb", "a"])
    assert np.array_equal(cache.embed("m", ["a", "bb", "a"]), first)
    cache.embed("other", ["a"])
    cache.embed("m", ["a", "ccc"])  # "bb" is the one used longest ago
    cache.embed("m", ["bb"])
    assert calls == [("m", ("a", "bb")), ("other", ("a",)), ("m", ("ccc",)), ("m", ("bb",))]
    assert len(cache) == 3


def test_health_responds_while_the_model_works() -> None:
    """A request that embeds does not keep the event loop from serving `/health`."""
    release = threading.Event()

    def slow(model: str, texts: Sequence[str]) -> NDArray[np.float32]:
        assert release.wait(30)
        return np.zeros((len(texts), DIMENSIONS[model]), dtype=np.float32)

    def statuses(app: Starlette) -> list[int]:
        async def health_then_release(scope: object, receive: object, send: object) -> None:
            await app(scope, receive, send)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]
            if scope["path"] == "/health":  # type: ignore[index]  # pyright: ignore[reportIndexIssue]
                release.set()

        both = [("POST", "/ai/embed", {"json": {"texts": ["a"]}}), ("GET", "/health", {})]
        return [response.status_code for response in ask_all(health_then_release, both)]  # pyright: ignore[reportArgumentType]

    assert statuses(build_app(LEGACY, slow)) == [200, 200]
