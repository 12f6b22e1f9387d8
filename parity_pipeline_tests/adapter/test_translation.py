"""Requests and responses between dialects, each direction by the rows alone."""

import asyncio
import base64
import json
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline_tests.adapter.support import (
    MODEL,
    OWN,
    adapter,
    always,
    ask,
    config,
    options,
    request_body,
    served,
    vectors_in,
)
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.shapes import dialect_named

PAIRS = [
    ("rust", "go"),
    ("go", "rust"),
    ("openai", "tei"),
    ("tei", "openai"),
    ("ollama", "openai"),
    ("openai", "ollama"),
    (OWN, "go"),
    ("rust", OWN),
    ("cohere", "openai"),
    ("openai", "cohere"),
    ("rust", "openai-base64"),
]
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30), min_size=1, max_size=9)


def direct(dialect: Dialect, gateway: Any, texts: list[str]) -> list[Any]:
    """Return what a gateway itself returns for some texts."""

    async def one() -> bytes:
        async with httpx.AsyncClient(transport=served(gateway), base_url="http://gateway.test") as client:
            response = await client.post(dialect.path, content=request_body(dialect, texts))
            return response.content

    return vectors_in(dialect, asyncio.run(one()))


@pytest.mark.parametrize(("callers", "other"), PAIRS, ids=str)
@settings(max_examples=12, deadline=None)
@given(texts=TEXTS, float64_digits=st.booleans(), most=st.integers(1, 5))
def test_vectors_are_the_other_sides_own_to_the_last_bit(
    callers: str | Dialect, other: str | Dialect, texts: list[str], float64_digits: bool, most: int
) -> None:
    """Whatever the two dialects and however the batch is divided, each text gets the other side's very number."""
    gateway = hash_gateway(other, norm=3.0, float64_digits=float64_digits)
    made = config(callers, other, side={"batch_texts": most})
    response = ask(made, texts, candidate=served(gateway))
    assert response.status_code == 200
    mine, theirs = made.dialects[0], dialect_named(other)
    expected = direct(theirs, hash_gateway(other, norm=3.0, float64_digits=float64_digits), texts)
    if theirs.base64:
        # What came as float32 is written with the digits of float32.
        raw = [np.frombuffer(base64.b64decode(row), "<f4") for row in expected]
        found = [np.array(row, np.float32) for row in vectors_in(mine, response.content)]
        assert all(np.array_equal(one, two) for one, two in zip(found, raw, strict=True))
    else:
        assert vectors_in(mine, response.content) == expected
    assert sum(gateway.batch_sizes) == len(texts)
    assert max(gateway.batch_sizes) <= most


@pytest.mark.parametrize(
    ("legacy", "candidate"), [("rust", "go"), ("openai", "tei"), ("ollama", "openai"), (OWN, "go")]
)
def test_the_way_back_is_the_same_in_the_other_direction(legacy: str | Dialect, candidate: str | Dialect) -> None:
    """Callers of the candidate's wire get the legacy's vectors once the mode is `legacy`."""
    gateway = hash_gateway(legacy, float64_digits=True)
    made = config(legacy, candidate, callers=Side.CANDIDATE, mode="legacy")
    texts = ["one", "two", "three"]
    response = ask(made, texts, legacy=served(gateway))
    expected = direct(dialect_named(legacy), gateway, texts)
    assert vectors_in(made.dialects[0], response.content) == expected


@settings(max_examples=25, deadline=None)
@given(texts=TEXTS, norm=st.floats(1e-6, 1e6), digits=st.sampled_from(["float64", "float32"]))
def test_normalised_vectors_have_unit_length_and_the_same_direction(texts: list[str], norm: float, digits: str) -> None:
    """With `normalise`, each vector is the other side's divided by its norm, to 1e-7."""
    gateway = hash_gateway("go", norm=norm)
    response = ask(config(options=options(normalise=True, digits=digits)), texts, candidate=served(gateway))
    found = np.array(vectors_in(dialect_named("rust"), response.content))
    raw = np.array(direct(dialect_named("go"), gateway, texts))
    expected = raw / np.linalg.norm(raw, axis=1, keepdims=True)
    assert np.abs(found - expected).max() < 1e-7
    assert np.abs(np.linalg.norm(found, axis=1) - 1).max() < 1e-6


@pytest.mark.parametrize("scale", [1e-300, 1e300])
def test_no_norm_overflows_or_vanishes(scale: float) -> None:
    """Numbers whose squares leave the range of float64 are normalised all the same."""
    body = json.dumps({"vectors": [[3 * scale, 4 * scale]], "model": MODEL}).encode()
    response = ask(config(options=options(normalise=True)), ["a"], candidate=always(200, body))
    assert np.allclose(vectors_in(dialect_named("rust"), response.content), [[0.6, 0.8]], atol=1e-12)


def test_fields_stand_where_the_callers_dialect_has_them() -> None:
    """Model, dimension, usage and constant fields are those of the callers' row."""
    usage = {"prompt_eval_count": 7}
    body = json.dumps({"embeddings": [[1.0, 2.0]], "model": MODEL, **usage}).encode()
    openai = ask(config("openai", "ollama"), ["a"], candidate=always(200, body)).json()
    assert openai == {
        "object": "list",
        "data": [{"object": "embedding", "index": 0, "embedding": [1.0, 2.0]}],
        "model": MODEL,
        "usage": {"prompt_tokens": 7, "total_tokens": 7},
    }
    rust = ask(config("rust", "ollama"), ["a"], candidate=always(200, body)).json()
    assert rust == {"embeddings": [[1.0, 2.0]], "model": MODEL, "dimensions": 2}
    assert ask(config("tei", "ollama"), ["a"], candidate=always(200, body)).json() == [[1.0, 2.0]]


def test_usage_that_is_not_known_is_left_out() -> None:
    """No number of tokens is made up for a side that reports none."""
    body = json.dumps({"vectors": [[1.0, 2.0]], "model": MODEL}).encode()
    assert "usage" not in ask(config("openai", "go"), ["a"], candidate=always(200, body)).json()


def test_positions_put_rows_in_order() -> None:
    """Rows that come in another order than the texts are put in order by their positions."""
    rows = [{"index": 1, "embedding": [1.5, 1]}, {"index": 0, "embedding": [0.25, 0]}]
    body = json.dumps({"data": rows, "model": MODEL}).encode()
    response = ask(config("rust", "openai"), ["a", "b"], candidate=always(200, body))
    assert response.json()["embeddings"] == [[0.25, 0], [1.5, 1]]


@pytest.mark.parametrize(
    "body",
    [
        '{"vectors": [[0.1, 2], [1e-3,4]], "model": "fake-32", "warnings": []}',
        '{"note": "[", "vectors": [[0.1, 2], [1e-3,4]], "model": "fake-32", "end": "]"}',
        '{"warnings": [[1]], "vectors": [ [0.1,2.0] ,[0.001,4]]}',
    ],
)
def test_further_arrays_are_not_taken_for_vectors(body: str) -> None:
    """Brackets elsewhere in a response, in strings or in lists, mislead nobody."""
    response = ask(config(), ["a", "b"], candidate=always(200, body.encode()))
    assert response.json()["embeddings"] == [[0.1, 2], [0.001, 4]]


@pytest.mark.parametrize("body", ['{"embedding":[0.5],"warnings":[]}', '{"warnings":[1],"embedding":[0.5]}'])
def test_the_vector_of_a_single_text_is_found_beside_another_list(body: str) -> None:
    """A response without an array around its one vector is read right, whatever list stands beside it."""
    response = ask(config("rust", "ollama-legacy"), ["a"], candidate=always(200, body.encode()))
    assert response.json()["embeddings"] == [[0.5]]


def test_an_endpoint_for_one_text_gets_one_request_per_text() -> None:
    """A batch becomes single requests where the other side takes no batches, and is joined in order."""
    gateway = hash_gateway("ollama-legacy")
    response = ask(config("rust", "ollama-legacy"), ["a", "b", "c"], candidate=served(gateway))
    assert gateway.batch_sizes == [1, 1, 1]
    assert len(response.json()["embeddings"]) == 3


def test_the_base64_form_of_a_request_is_understood() -> None:
    """The OpenAI client for Python asks for base64 by default, and gets it."""
    made = config("openai", "go")
    body = json.dumps({"input": ["a"], "model": MODEL, "encoding_format": "base64"}).encode()
    side = always(200, json.dumps({"vectors": [[0.1, -2.5]], "model": MODEL}).encode())
    found = ask(made, [], body=body, candidate=side).json()["data"][0]["embedding"]
    assert np.frombuffer(base64.b64decode(found), "<f4").tolist() == np.array([0.1, -2.5], np.float32).tolist()


def test_the_default_model_is_inserted_and_names_are_mapped() -> None:
    """A request without a model asks for the legacy's default, by the candidate's name for it."""
    made = replace(config(), models={MODEL: "candidate-name"})
    side = always(200, json.dumps({"vectors": [[1.0]], "model": "candidate-name"}).encode())
    response = ask(made, [], body=b'{"texts": ["a"]}', candidate=side)
    assert json.loads(side.requests[0].content)["model"] == "candidate-name"
    assert response.json()["model"] == MODEL


def test_a_model_in_the_path_is_found_and_put_there() -> None:
    """Rows with `{model}` in their path work on either side."""
    row = Dialect(name="deep", path="/m/{model}/vec?v=1", model_field=None, model_echo_field=None)
    side = always(200, b'{"embeddings": [[1.0]]}')
    response = ask(config("rust", row), ["a"], candidate=side)
    assert response.status_code == 200
    assert side.requests[0].url.raw_path == b"/m/fake-32/vec?v=1"

    async def called() -> list[int]:
        made = config(row, "rust")
        async with adapter(made, always(500), always(200, b'{"embeddings": [[1.0]]}')) as client:
            targets = ("/m/fake-32/vec?v=1", "/m/fake-32/vec", "/m/fake-32/vec?v=2", "/m/other/vec?v=1")
            return [(await client.post(one, content=b'{"texts":["a"]}')).status_code for one in targets]

    assert asyncio.run(called()) == [200, 404, 404, 404]


def test_a_single_string_is_a_list_of_one_where_the_dialect_takes_both() -> None:
    """OpenAI's `input` may be a string; the rust gateway's `texts` may not."""
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    assert ask(config("openai", "go"), [], body=b'{"input": "a"}', candidate=side).status_code == 200
    assert ask(config("rust", "go"), [], body=b'{"texts": "a"}').status_code == 400


def test_a_lone_surrogate_reaches_the_other_side() -> None:
    """Half a surrogate pair is passed on as its escape; what it means is the gateway's decision."""
    side = always(200, json.dumps({"vectors": [[1.0]], "model": MODEL}).encode())
    assert ask(config(), [], body=b'{"texts": ["\\ud800"]}', candidate=side).status_code == 200
    assert b"\\ud800" in side.requests[0].content


def test_every_built_in_dialect_has_a_row_for_its_callers() -> None:
    """No built-in dialect falls back to the plain form of errors by accident."""
    from parity_pipeline.adapter.caller_wire import CALLER_WIRES

    assert set(CALLER_WIRES) == {row.name for row in BUILT_IN}
