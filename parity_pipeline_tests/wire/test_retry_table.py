"""Every row of the retry table, waits and budgets, and a gateway whose requests fail at random."""

import json
from pathlib import Path
from random import Random

import aiohttp
import httpx
import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.retry_policy import RULES, OnExhausted, kind_of_status, rule_of
from parity_pipeline_tests.wire.fake_side import FakeSide, fetch, side, vector_of, vectors_response

TEXTS = [f"text {number}" for number in range(30)]
MANY = [f"text {number}" for number in range(4000)]
POISON = "text 13"
PLANTED = "planted-secret"

RETRIED = (408, 424, 425, 429, 500, 502, 503, 504)
BISECTED = (400, 409, 413, 422)


def error_response(status: int) -> httpx.Response:
    """Return a response with this status and a message."""
    return httpx.Response(status, json={"error": {"message": f"said {status}"}})


@pytest.mark.parametrize("status", RETRIED)
def test_an_error_that_passes_is_retried(status: int) -> None:
    """A request with a status that may pass is sent again, and nothing of it is left in the rows."""
    fake = FakeSide(lambda _texts, number: error_response(status) if number == 2 else None)
    got = fetch(fake, TEXTS, side())
    assert got.is_complete(TEXTS)
    assert set(got.column("status")) == {RowStatus.OK}
    assert (got.result.retries, got.result.requests) == (1, 4)
    assert got.result.errors_by_kind == {f"http_{status}": 1}


@pytest.mark.parametrize("status", BISECTED)
def test_a_refusal_is_attributed_to_its_text(status: int) -> None:
    """A 4xx for a batch is bisected until the poison text is alone; its neighbours are fetched."""
    fake = FakeSide(lambda texts, _number: error_response(status) if POISON in texts else None)
    got = fetch(fake, TEXTS, side())
    assert got.is_complete(TEXTS)
    refused = [index for index, found in enumerate(got.column("status")) if found is not RowStatus.OK]
    assert refused == [13]
    assert got.column("status")[13] is RowStatus.REFUSED
    assert got.column("http_status")[13] == status
    assert f"said {status}" in got.column("errors")[13]
    assert [vector for vector in got.vectors() if vector] == [vector_of(text) for text in TEXTS if text != POISON]


@pytest.mark.parametrize("status", [424, 500])
def test_a_500_that_stays_is_bisected_after_its_retries(status: int) -> None:
    """A text that breaks the server is found and is refused; it is retried before it is blamed."""
    fake = FakeSide(lambda texts, _number: error_response(status) if POISON in texts else None)
    got = fetch(fake, TEXTS, side(attempts=2))
    assert got.column("status").count(RowStatus.REFUSED) == 1
    assert fake.requested[POISON] == 2 + 1 + 1 + 2  # among ten, five and two texts, then alone


@pytest.mark.parametrize("status", [404, 405, 408, 425, 429, 501, 502, 503, 504, 302, 599, 204])
def test_what_says_nothing_about_a_text_ends_as_failed(status: int) -> None:
    """An error that stays and has nothing to do with the text makes FAILED rows, which say nothing about vectors."""
    fake = FakeSide(lambda texts, _number: error_response(status) if POISON in texts else None)
    got = fetch(fake, TEXTS, side())
    assert got.is_complete(TEXTS)
    assert got.column("status")[10:20] == [RowStatus.FAILED] * 10
    assert got.column("status").count(RowStatus.OK) == 20


@pytest.mark.parametrize(
    ("error", "kind"),
    [
        (httpx.ConnectError("x"), "connect_error"),
        (httpx.ConnectTimeout("x"), "connect_timeout"),
        (httpx.ReadTimeout("x"), "read_timeout"),
        (httpx.WriteTimeout("x"), "write_timeout"),
        (httpx.PoolTimeout("x"), "pool_timeout"),
        (httpx.ReadError("x"), "reset"),
        (httpx.WriteError("x"), "reset"),
        (aiohttp.ServerDisconnectedError(), "reset"),
        (aiohttp.ClientOSError(104, "Connection reset by peer"), "reset"),
        (aiohttp.ClientPayloadError("Response payload is not completed"), "truncated"),
        (aiohttp.SocketTimeoutError("x"), "read_timeout"),
        (aiohttp.ConnectionTimeoutError("x"), "connect_timeout"),
        (httpx.RemoteProtocolError("illegal status line"), "protocol_error"),
        (TimeoutError(), "deadline"),
    ],
)
def test_a_broken_connection_is_retried_then_failed(error: Exception, kind: str) -> None:
    """Each way in which a connection breaks has its kind, passes if it passes, and ends as FAILED if it stays.

    A time-out costs its own text alone; the others cost their batch.
    """
    once = fetch(FakeSide(lambda _texts, number: error if number == 2 else None), TEXTS, side())
    assert set(once.column("status")) == {RowStatus.OK}
    assert once.result.errors_by_kind == {kind: 1}
    stays = fetch(FakeSide(lambda texts, _number: error if POISON in texts else None), TEXTS, side())
    hangs = rule_of(kind).on_exhausted is OnExhausted.ISOLATE
    failed = [index for index, status in enumerate(stays.column("status")) if status is RowStatus.FAILED]
    assert failed == ([13] if hangs else list(range(10, 20)))
    assert stays.column("errors")[13].startswith(kind)


def test_retry_after_is_honoured_in_seconds_and_as_a_date() -> None:
    """No request is sent before the time that a server names, neither the same one nor another."""
    for value in ("17", "Thu, 30 Apr 2026 12:00:17 GMT"):
        response = httpx.Response(429, headers={"retry-after": value})
        fake = FakeSide(lambda _texts, number, response=response: response if number == 1 else None)
        got = fetch(fake, TEXTS, side(concurrency=1))
        assert max(got.time.slept) == 17.0
        assert set(got.column("status")) == {RowStatus.OK}


def test_a_retry_after_beyond_the_budget_ends_the_request() -> None:
    """No request waits longer than `retry_seconds`, whatever a server requests."""
    response = httpx.Response(429, headers={"retry-after": "86400"})
    fake = FakeSide(lambda texts, _number: response if POISON in texts else None)
    got = fetch(fake, TEXTS, side(concurrency=1, retry_seconds=60.0))
    assert got.column("status")[10:20] == [RowStatus.FAILED] * 10
    assert max(got.time.slept) <= 60.0


def test_waits_double_and_are_jittered() -> None:
    """Waits between attempts grow twofold around their mean, within half of it."""
    fake = FakeSide(lambda texts, number: error_response(503) if "text 0" in texts and number > 1 else None)
    got = fetch(fake, ["first", *TEXTS], side(concurrency=1, batch_texts=1, attempts=4, backoff_seconds=1.0))
    for wait, mean in zip(got.time.slept[:3], (1.0, 2.0, 4.0), strict=True):
        assert mean / 2 <= wait <= mean * 1.5


def test_retries_are_a_share_of_the_requests() -> None:
    """A lane may retry a share of its requests beyond the first hundred, so that a failing side is not flooded."""
    texts = [f"t{number}" for number in range(300)]
    fake = FakeSide(lambda _texts, number: error_response(503) if number % 2 == 0 else None)
    config = side(batch_texts=1, retry_share=0.0, attempts=3, stop_share=1.0)
    got = fetch(fake, texts, config)
    assert got.result.retries == 100
    assert got.is_complete(texts)


@pytest.mark.parametrize("status", [401, 403, 407])
def test_a_refused_token_stops_the_lane(status: int) -> None:
    """A token that is refused stops the lane at once, and is not in the message."""
    fake = FakeSide(lambda _texts, number: error_response(status) if number > 1 else None)
    with pytest.raises(GatewayError) as caught:
        fetch(fake, TEXTS, side(bearer_token=PLANTED, concurrency=1))
    assert PLANTED not in str(caught.value)
    assert fake.requests == 2


def test_the_table_has_one_row_per_kind_with_a_reason() -> None:
    """Each kind of error has one row, a reason, and a valid status at its end."""
    assert len({rule.kind for rule in RULES}) == len(RULES)
    for rule in RULES:
        assert rule.reason
        assert rule.ends_as is not RowStatus.OK
        assert rule.on_exhausted is not OnExhausted.SPLIT or rule.ends_as in (RowStatus.REFUSED, RowStatus.MALFORMED)
    for status in range(201, 600):
        assert rule_of(kind_of_status(status))


def test_an_incomplete_response_is_never_used() -> None:
    """A batch with a missing vector is sent again, then split: no text gets a vector that might not be its own."""
    fake = FakeSide(lambda texts, _number: vectors_response(texts[1:]) if POISON in texts and len(texts) > 1 else None)
    got = fetch(fake, TEXTS, side())
    assert got.vectors() == [vector_of(text) for text in TEXTS]
    assert got.result.caveats
    lone = fetch(FakeSide(lambda texts, _n: vectors_response(texts[1:]) if POISON in texts else None), TEXTS, side())
    assert [index for index, found in enumerate(lone.column("status")) if found is RowStatus.MALFORMED] == [13]


def unreliable(seed: int) -> FakeSide:
    """Return a side with 5 % 500, 5 % 429, 2 % dropped, 1 % truncated and 1 % incomplete responses."""
    dice = Random(seed)  # noqa: S311 - the same errors each time, nothing secret

    def respond(texts: list[str], _number: int) -> httpx.Response | Exception | None:
        roll = dice.random()
        errors: list[tuple[float, httpx.Response | Exception]] = [
            (0.05, httpx.Response(500, text="oops")),
            (0.10, httpx.Response(429, headers={"retry-after": "1"})),
            (0.12, httpx.ReadError("dropped")),
            (0.13, httpx.Response(200, content=json.dumps({"embeddings": [vector_of(texts[0])]})[:-5])),
            (0.14, vectors_response(texts[: len(texts) // 2])),
        ]
        return next((response for below, response in errors if roll < below), None)

    return FakeSide(respond)


def test_an_unreliable_gateway_loses_nothing(tmp_path: Path) -> None:
    """However requests fail at random, each sample ends once: with its own vector, or with a named error."""
    for seed in range(3):
        with SqliteStaging(tmp_path / str(seed)) as staging:
            got = fetch(unreliable(seed), MANY, side(attempts=5, concurrency=8), staging=staging)
        assert got.is_complete(MANY)
        for text, status, vector, error in zip(
            MANY, got.column("status"), got.vectors(), got.column("errors"), strict=True
        ):
            if status is RowStatus.OK:
                assert (vector, error) == (vector_of(text), None)
            else:
                assert vector == []
                assert rule_of(error.partition(":")[0]).ends_as is status
        assert got.result.status_counts["ok"] >= 0.99 * len(MANY)
        assert not got.result.stopped_early
        assert got.result.errors_by_kind.keys() == {"http_500", "http_429", "reset", "not_json", "wrong_count"}
