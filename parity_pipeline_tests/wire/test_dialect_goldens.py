"""Each built-in dialect against the request and response of its documentation, and the checks of the doctor."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.connectivity import check_connectivity
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
