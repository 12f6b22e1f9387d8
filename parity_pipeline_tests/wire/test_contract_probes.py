"""How a side's contract is observed: politely, over real connections where those matter, without its secrets."""

import json
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import replace
from typing import Any, Final

import pytest

from parity_pipeline.core.contract.records import (
    ContractBudget,
    ContractRequest,
    ContractResult,
    Handling,
)
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.contract_probes import MOST_WITHOUT_RESPONSE, observe_contract
from parity_pipeline.wire.contract_responses import WORDS_KEPT
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline_tests.fakes.contract_gateways import MODEL, ContractGateway, json_error
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.wire.contract_sides import BUDGET, LIMITS, config_of, observe
from parity_pipeline_tests.wire.raw_server import serving

Message = MutableMapping[str, Any]
SECRET: Final = "s3cret-t0ken-of-no-use"  # noqa: S105 - of no use anywhere


def served(gateway: Any, **more: Any) -> Handling:
    """Return what became of the connection to a gateway on a real port."""
    with serve(gateway) as url:
        config = config_of(Side.LEGACY, url, **more)
        run = observe_contract(config, MODEL, BUDGET, COSINE_THRESHOLD)
    response = run.observation.response(ContractRequest.AGAIN)
    assert response is not None
    return response.handling


@pytest.mark.parametrize(("keep_alive", "expected"), [(True, Handling.KEPT), (False, Handling.CLOSED)])
def test_a_connection_is_seen_to_be_kept_or_closed(*, keep_alive: bool, expected: Handling) -> None:
    """Over a real connection the second request shows whether the first one's was kept."""
    assert served(ContractGateway(keep_alive=keep_alive)) is expected


def test_a_connection_that_is_closed_without_notice_counts_as_closed() -> None:
    """A server that drops the connection behind its response, and never says so, is seen all the same."""
    body = b'{"data": [{"embedding": [1, 2, 3], "index": 0}], "model": "m"}'
    response = b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: %d\r\n\r\n" % len(body) + body
    with serving(response) as server:
        run = observe_contract(config_of(Side.LEGACY, server.url), MODEL, BUDGET, COSINE_THRESHOLD)
    again = run.observation.response(ContractRequest.AGAIN)
    assert again is not None
    assert again.handling is Handling.CLOSED


@pytest.mark.parametrize("dialect", BUILT_IN, ids=lambda dialect: dialect.name)
def test_every_dialect_can_be_observed(dialect: Dialect) -> None:
    """Each built-in dialect has its plain text, its odd elements and errors, within 40 requests."""
    gateway = hash_gateway(dialect)
    found = observe(Side.LEGACY, gateway.app, model="fake-32", dialect=dialect)
    assert found.unusable == ""
    assert found.requests <= BUDGET.requests
    requests = {one.request for one in found.responses}
    assert {ContractRequest.NULL_ELEMENT, ContractRequest.BAD_JSON, ContractRequest.LONG_TEXT} <= requests
    assert (ContractRequest.LARGE_BATCH in requests) is not dialect.one_text
    assert (ContractRequest.UNKNOWN_MODEL in requests) is (dialect.model_field is not None)
    assert not [one for one in found.responses if not one.measured]


def test_the_batch_has_four_times_the_texts_of_a_request() -> None:
    """The large batch follows the side's own size, and stays below 2,048 texts."""
    assert observe(Side.LEGACY, ContractGateway(), batch_texts=5).batch_texts == 20
    assert observe(Side.LEGACY, ContractGateway(), batch_texts=4000).batch_texts == 2048


def test_a_side_that_returns_no_vector_is_left_alone() -> None:
    """Without a vector for a plain text nothing else is sent, and the reason is kept."""
    gateway = ContractGateway()
    found = observe(Side.LEGACY, gateway, model="gone")
    assert gateway.requests == found.requests == 2
    assert "HTTP 404 model gone not found" in found.unusable
    assert found.responses == ()


@pytest.mark.parametrize("most", [10, 15])
def test_the_budget_is_kept(most: int) -> None:
    """No request is sent beyond the budget; what was left out says so."""
    gateway = ContractGateway()
    found = observe(Side.LEGACY, gateway, ContractBudget(requests=most, window_tokens=64))
    assert gateway.requests == found.requests == most
    left_out = [one for one in found.responses if not one.measured]
    assert left_out
    assert {one.words for one in left_out} == {f"not sent: the {most} requests are used up"}


async def _slow_down(_scope: Message, _receive: Any, send: Callable[[Message], Awaitable[None]]) -> None:
    await send({"type": "http.response.start", "status": 429, "headers": [(b"retry-after", b"60")]})
    await send({"type": "http.response.body", "body": b""})


class After:
    """A gateway that turns into another application after some requests."""

    def __init__(self, requests: int, other: Any) -> None:
        """Take the number of requests, and what responds then."""
        self.left, self.other, self.gateway, self.requests = requests, other, ContractGateway(), 0

    async def __call__(self, scope: Message, receive: Any, send: Any) -> None:
        """Respond to one request."""
        self.requests += 1
        self.left -= 1
        await (self.gateway if self.left >= 0 else self.other)(scope, receive, send)


def test_a_side_that_asks_for_a_long_pause_is_sent_nothing_more() -> None:
    """A `Retry-After` of a minute ends it: what is in flight comes back, and nothing follows."""
    gateway = After(4, _slow_down)
    found = observe(Side.LEGACY, gateway, concurrency=2)
    assert gateway.requests <= 6
    reasons = {one.words for one in found.responses if not one.measured}
    assert reasons == {"the side was overloaded (HTTP 429)", "not sent: the side asks for a pause of 60 s"}


async def _hang(_scope: Message, _receive: Any, _send: Any) -> None:
    raise TimeoutError


def test_a_side_that_hangs_is_sent_few_requests_more() -> None:
    """After three requests without a response nothing more is sent."""
    gateway = After(4, _hang)
    found = observe(Side.LEGACY, gateway, concurrency=1)
    assert gateway.requests == 4 + MOST_WITHOUT_RESPONSE
    results = [one.result for one in found.responses]
    assert results.count(ContractResult.NO_RESPONSE) == MOST_WITHOUT_RESPONSE
    assert ContractResult.NOT_MEASURED in results


def test_secrets_and_long_words_are_not_kept() -> None:
    """A side that repeats its token in an error, at any place and length, leaves no part of it in the record."""

    def echo(status: int, words: str) -> tuple[bytes, str]:
        return json_error(status, "x" * (WORDS_KEPT - 10) + SECRET + words)

    found = observe(Side.LEGACY, ContractGateway(error=echo), bearer_token=SECRET)
    words = [one.words for one in found.responses if one.words]
    assert words
    assert all(len(one) <= WORDS_KEPT and SECRET[:5] not in one for one in words)


def test_the_default_model_is_only_requested_where_the_side_allows_it() -> None:
    """`observe_default_model: false` keeps a request without a model from loading another model."""
    found = observe(Side.LEGACY, ContractGateway(), ask_default_model=False)
    assert found.response(ContractRequest.NO_MODEL) is None


def test_the_headers_of_the_side_go_with_every_request() -> None:
    """Odd requests carry the side's headers and token too; only a content type is replaced."""
    seen: list[dict[str, str]] = []
    gateway = ContractGateway()

    async def application(scope: Message, receive: Any, send: Any) -> None:
        seen.append({name.decode(): value.decode() for name, value in scope["headers"]})
        await gateway(scope, receive, send)

    observe(Side.LEGACY, application, bearer_token=SECRET, headers={"x-tenant": "a"})
    assert {(one["x-tenant"], one["authorization"]) for one in seen} == {("a", f"Bearer {SECRET}")}
    assert {one["content-type"] for one in seen} == {"application/json", "text/plain"}
    assert len({one["x-request-id"] for one in seen}) == len(seen)


def test_limits_are_only_searched_for_where_they_are_switched_on() -> None:
    """The search belongs to one side at a time, and is off by default."""
    only = replace(LIMITS, limits={Side.CANDIDATE: True})
    legacy = observe(Side.LEGACY, ContractGateway(batch_limit=500), only)
    candidate = observe(Side.CANDIDATE, ContractGateway(batch_limit=500), only)
    assert (legacy.body_limit, legacy.batch_limit) == (None, None)
    assert candidate.batch_limit is not None
    assert (candidate.batch_limit.accepted, candidate.batch_limit.exact) == (500, True)


def test_the_words_of_an_error_have_their_place() -> None:
    """The path of the message is kept: it is what a program reads."""

    def nested(status: int, words: str) -> tuple[bytes, str]:
        return json.dumps({"detail": [{"loc": ["body"], "msg": words}], "code": status}).encode(), "application/json"

    found = observe(Side.LEGACY, ContractGateway(error=nested)).response(ContractRequest.UNKNOWN_MODEL)
    assert found is not None
    assert (found.status, found.words_at, found.words) == (
        404, "detail[].msg", "model parity-no-such-model not found",
    )  # fmt: skip
