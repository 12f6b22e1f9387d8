"""Each built-in dialect against the request and response of its documentation, and the checks of the doctor."""

import json
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.doctor_request import check_connectivity
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline_tests.wire.fake_side import DIALECTS, FakeSide, blocks, side

if TYPE_CHECKING:
    from parity_pipeline.core.fetched_rows import FetchedRows

GOLDEN = Path(__file__).parent.parent / "golden" / "dialects"


def golden(name: str) -> dict[str, Any]:
    """Return the request and response that the dialect's documentation shows; its `page` names which."""
    return json.loads((GOLDEN / f"{name}.json").read_text())


@pytest.mark.parametrize("name", sorted(DIALECTS))
def test_a_dialect_follows_its_documentation(name: str) -> None:
    """The request is the documented one, and the documented response gives its vectors, model and usage."""
    case, requests = golden(name), list[httpx.Request]()

    def respond(request: httpx.Request) -> httpx.Response:
        requests.append(request)
        return httpx.Response(200, json=case["response"])

    rows: list[FetchedRows] = []
    result = fetch_lane(
        side(name), case["model"], blocks(case["texts"]), rows.append, transport=httpx.MockTransport(respond)
    )
    assert [json.loads(request.content) for request in requests] == [case["request"]]
    assert requests[0].url.path == DIALECTS[name].path
    assert requests[0].headers["content-type"] == "application/json"
    assert rows[0].values.reshape(len(rows[0]), -1).tolist() == case["vectors"]
    assert result.models_echoed == {case["model_echo"]: len(case["texts"])}
    assert result.tokens == case["usage"]
    assert result.observation.usage_fields == tuple(sorted(case["usage"]))


@pytest.mark.parametrize("name", sorted(set(DIALECTS) - {"tei"}))
def test_each_dialect_refuses_the_responses_of_others(name: str) -> None:
    """A response in another dialect is never accepted by chance: the dialect is reported as wrong."""
    for other in sorted({"rust", "go", "openai", "cohere"} - {name, name.partition("-")[0]}):
        if (DIALECTS[name].vectors_field, other) == ("embeddings", "rust"):
            continue
        response = httpx.Response(200, json=golden(other)["response"])
        found = check_connectivity(side(name), "m", transport=httpx.MockTransport(lambda _request, r=response: r))
        assert [check.ok for check in found.checks] == [True, True, False, None]


@pytest.mark.parametrize(
    ("response", "expected"),
    [
        (httpx.ConnectError("refused"), [False, None, None, None]),
        (httpx.Response(401), [True, False, None, None]),
        (httpx.Response(404), [True, True, False, None]),
        (httpx.Response(404, json={"error": "model 'm' not found"}), [True, True, True, False]),
        (httpx.Response(200, json={"data": []}), [True, True, False, None]),
        (httpx.Response(200, json={"embeddings": [[1.0]], "model": "other"}), [True, True, True, False]),
        (httpx.Response(200, json={"embeddings": [[1.0]], "model": "m:latest"}), [True, True, True, True]),
    ],
)
def test_the_doctor_names_the_first_check_that_fails(
    response: httpx.Response | Exception, expected: list[bool | None]
) -> None:
    """The doctor's four checks name the first that fails, with a remedy, and never raise."""
    fake = FakeSide(lambda _texts, _number: response)
    found = check_connectivity(side(), "m", transport=httpx.MockTransport(fake))
    assert [check.ok for check in found.checks] == expected
    assert all(bool(check.remedy) == (check.ok is False) for check in found.checks)
    assert found.ok == all(expected)


BARE = Dialect(name="bare", path="/embed", texts_field="", model_field=None, vectors_field="", model_echo_field=None)


@pytest.mark.parametrize(
    ("vectors_field", "order_field", "response"),
    [
        ("", None, [[1.0, 2.0], [3.0, 4.0]]),
        ("[]", None, [[1.0, 2.0], [3.0, 4.0]]),
        ("[].embedding", None, [{"embedding": [1.0, 2.0]}, {"embedding": [3.0, 4.0]}]),
        ("[].e", "[].index", [{"e": [3.0, 4.0], "index": 1}, {"e": [1.0, 2.0], "index": 0}]),
        ("data", None, {"data": [[1.0, 2.0], [3.0, 4.0]]}),
    ],
)
def test_a_bare_array_is_a_request_and_a_response(vectors_field: str, order_field: str | None, response: Any) -> None:
    """The body is the list of texts itself, and vectors are found in a response that is an array, of objects too."""
    dialect = replace(BARE, vectors_field=vectors_field, order_field=order_field)
    bodies: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=response)

    rows: list[FetchedRows] = []
    network = httpx.MockTransport(respond)
    result = fetch_lane(side(dialect), "m", blocks(["a", 'b"\\']), rows.append, transport=network)
    assert bodies == [["a", 'b"\\']]
    assert rows[0].values.reshape(2, 2).tolist() == [[1.0, 2.0], [3.0, 4.0]]
    assert result.observation.request_fields == ("(whole body)",)


def test_a_bare_text_is_a_request() -> None:
    """Where an endpoint takes one text, the body is that text as a JSON string."""
    bodies: list[Any] = []

    def respond(request: httpx.Request) -> httpx.Response:
        bodies.append(json.loads(request.content))
        return httpx.Response(200, json=[1.0, 2.0])

    rows: list[FetchedRows] = []
    network = httpx.MockTransport(respond)
    fetch_lane(side(replace(BARE, one_text=True)), "m", blocks(["a", "b"]), rows.append, transport=network)
    assert bodies == ["a", "b"]
    assert [block.values.tolist() for block in rows] == [[1.0, 2.0]] * 2


def test_a_bare_array_with_a_wrong_number_of_vectors_is_malformed() -> None:
    """An array at the root is held to one vector per text like any other."""
    network = httpx.MockTransport(lambda _request: httpx.Response(200, json=[[1.0, 2.0]]))
    found = check_connectivity(side(BARE), "m", transport=network)
    assert found.ok
    rows: list[FetchedRows] = []
    fetch_lane(side(BARE, attempts=1), "m", blocks(["a", "b"]), rows.append, transport=network)
    assert [block.status for block in rows] == [[RowStatus.OK], [RowStatus.OK]]  # each alone, after both together


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/embed?model={model}&n=true", "/embed?model=me%2Fgroß%20%26%20co&n=true"),
        ("/models/{model}/embed", "/models/me/groß%20%26%20co/embed"),
    ],
)
def test_the_model_may_stand_in_the_path(path: str, expected: str) -> None:
    """`{model}` in a dialect's path or query is the side's own name of the model, quoted."""
    dialect, urls = replace(BARE, path=path), list[str]()

    def respond(request: httpx.Request) -> httpx.Response:
        urls.append(str(request.url))
        return httpx.Response(200, json=[[1.0, 2.0]])

    config = side(dialect, model_names={"m": "me/groß & co"})
    fetch_lane(config, "m", blocks(["a"]), lambda _rows: None, transport=httpx.MockTransport(respond))
    assert httpx.URL(urls[0]) == httpx.URL("http://side.test" + expected)
    assert check_connectivity(config, "m", transport=httpx.MockTransport(respond)).ok
    assert urls[1] == urls[0]


def test_one_text_dialects_send_one_text() -> None:
    """The older Ollama endpoint gets one text per request, whatever the batch size says."""

    def respond(request: httpx.Request) -> httpx.Response:
        return httpx.Response(200, json={"embedding": [float(len(json.loads(request.content)["prompt"])), 1.0]})

    rows: list[FetchedRows] = []
    fetch_lane(
        side("ollama-legacy"), "m", blocks(["a", "bb", "ccc"]), rows.append, transport=httpx.MockTransport(respond)
    )
    assert [block.values[0] for block in rows] == [1.0, 2.0, 3.0]
    assert all(block.status == [RowStatus.OK] for block in rows)
