"""A lane from its first request to its last row: order, limits, early ends, and what it reports."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING

import httpx
import pytest

from parity_pipeline.core.errors import ArtifactError, GatewayError
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.fetch_lane import fetch_lane, run_anywhere
from parity_pipeline_tests.wire.fake_side import FakeSide, Fetched, blocks, fetch, side, vector_of, vectors_response

if TYPE_CHECKING:
    from parity_pipeline.wire.progress import Progress

PLANTED = "planted-token"
TEXTS = [f"text {number}" for number in range(95)]


def shuffled(fake: Callable[[httpx.Request], httpx.Response]) -> Callable[[httpx.Request], object]:
    """Let responses overtake each other, by a seeded number of turns of the loop."""
    dice = Random(5)  # noqa: S311 - an order of responses, nothing secret

    async def respond(request: httpx.Request) -> httpx.Response:
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
        return fake(request)

    return respond


@pytest.mark.parametrize("concurrency", [1, 3, 16])
def test_rows_arrive_in_order_whatever_overtakes(concurrency: int) -> None:
    """The sink gets each sample once, in ordinal order without a gap, with its own vector."""
    got = fetch(shuffled(FakeSide()), TEXTS, side(concurrency=concurrency))
    assert got.is_complete(TEXTS)
    assert got.vectors() == [vector_of(text) for text in TEXTS]


def test_no_more_requests_are_in_flight_than_allowed() -> None:
    """`concurrency` bounds the requests in flight."""
    in_flight, most = 0, 0

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal in_flight, most
        in_flight += 1
        most = max(most, in_flight)
        for _ in range(10):
            await asyncio.sleep(0)
        in_flight -= 1
        return vectors_response(json.loads(request.content)["texts"])

    fetch(respond, TEXTS, side(concurrency=4))
    assert most == 4


def test_samples_are_read_as_they_are_needed() -> None:
    """While its first batch is stuck, a lane does not read and hold the whole sample set."""
    read = 0

    def counted() -> object:
        nonlocal read
        for block in blocks([f"t{number}" for number in range(3000)], size=10):
            read += len(block)
            yield block

    first = True

    async def respond(request: httpx.Request) -> httpx.Response:
        nonlocal first
        if first:
            first = False
            for _ in range(400):
                await asyncio.sleep(0)
            assert read < 1000
        return vectors_response(json.loads(request.content)["texts"])

    rows: list[FetchedRows] = []
    fetch_lane(side(), "m", counted(), rows.append, transport=httpx.MockTransport(respond))  # type: ignore[arg-type]
    assert sum(len(block) for block in rows) == 3000


def test_batches_keep_to_their_bytes() -> None:
    """No body of several texts is longer than `batch_bytes`; a longer text goes alone."""
    texts = ["x" * size for size in (10, 100, 1000, 5, 400, 400, 3, 9)]
    fake = FakeSide()
    got = fetch(fake, texts, side(batch_bytes=520))
    assert got.is_complete(texts)
    assert [len(body["texts"]) for body in fake.bodies if len(json.dumps(body, separators=(",", ":"))) > 520] == [1]


def test_any_text_survives_the_request() -> None:
    """Quotes, control characters, emoji and lone surrogates arrive as they are."""
    texts = ['"\\', "a\nb\x00", "résumé — 🚧", "\ud800", "", " "]
    fake = FakeSide()
    fetch(lambda request: _length_response(fake, request), texts, side())
    assert fake.bodies[0]["texts"] == texts


def _length_response(fake: FakeSide, request: httpx.Request) -> httpx.Response:
    body = json.loads(request.content)
    fake.bodies.append(body)
    return httpx.Response(200, json={"embeddings": [[float(len(text)), 1.0] for text in body["texts"]]})


def test_a_lane_that_fails_too_much_stops_early() -> None:
    """Beyond the set share of failures the lane stops, keeps what it has, and says so for the rest."""
    texts = [f"t{number}" for number in range(1000)]
    fake = FakeSide(lambda _texts, number: httpx.Response(503) if number > 30 else None)
    got = fetch(fake, texts, side(attempts=1, stop_window=5))
    assert got.is_complete(texts)
    assert "stopped early" in got.result.stopped_early
    assert got.result.status_counts["ok"] == 300
    assert fake.requests < 40
    assert got.column("errors")[-1].startswith("not requested: lane stopped early because")
    assert got.column("status")[-1] is RowStatus.FAILED


def test_a_lane_keeps_to_its_deadline() -> None:
    """After its deadline a lane sends no more; what is not requested is FAILED and says why."""
    texts = [f"t{number}" for number in range(100)]
    fake = FakeSide()
    got = fetch(fake, texts, side(concurrency=1, requests_per_second=1.0, lane_seconds=4.5))
    assert got.is_complete(texts)
    assert "deadline of 4.5 s" in got.result.stopped_early
    assert fake.requests == 5
    assert got.result.status_counts["ok"] == 50


@pytest.mark.parametrize(
    ("response", "words"),
    [
        (httpx.ConnectError("refused"), "no connection"),
        (httpx.ReadTimeout("slow"), "sends no response"),
        (httpx.Response(404, json={"error": "model not found"}), "has no model 'm'"),
        (httpx.Response(400, json={"detail": "unknown model"}), "refuses even a plain text"),
        (httpx.Response(503), "returns only errors"),
        (httpx.Response(302, headers={"location": "http://else.test/x?ticket=1"}), "http://else.test/x,"),
        (httpx.Response(200, json={"vectors": [[1.0]]}), "the fields vectors"),
        (httpx.Response(200, html="<html><title>Sign&nbsp;in</title>"), "Sign in"),
    ],
)
def test_a_side_that_cannot_be_used_is_reported_at_once(response: httpx.Response | Exception, words: str) -> None:
    """A side that returns no vector, not even for a plain text, ends the lane with its address and a remedy."""
    with pytest.raises(GatewayError) as caught:
        fetch(FakeSide(lambda _texts, _number: response), TEXTS, side())
    assert words in str(caught.value)
    assert "http://side.test/ai/embed" in caught.value.place
    assert caught.value.remedy


def test_token_counts_hold_the_samples_and_nothing_of_the_product_s_own() -> None:
    """A request for the default model, and a plain text sent to find out whether a side works, cost no sample's tokens."""

    def respond(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        if "text 0" in body["input"] and len(body["input"]) > 1:
            return httpx.Response(400, json={"error": "no"})
        rows = [{"embedding": [0.5, 1.0], "index": place} for place, _ in enumerate(body["input"])]
        return httpx.Response(200, json={"data": rows, "model": "m", "usage": {"total_tokens": len(rows)}})

    assert fetch(respond, TEXTS, side("openai", ask_default_model=True)).result.tokens == {"total_tokens": len(TEXTS)}


def test_the_response_is_observed() -> None:
    """The observation holds path, fields with types, number format, dimension, software and default model."""

    def respond(request: httpx.Request) -> httpx.Response:
        body = json.loads(request.content)
        rows = [[0.12345678901234, 0.5] for _ in body["texts"]]
        content = {"embeddings": rows, "model": body.get("model", "v1"), "dimensions": 2, "cached": False}
        return httpx.Response(200, json=content, headers={"server": "axum", "set-cookie": "planted"})

    seen = fetch(respond, TEXTS, side(ask_default_model=True)).result
    assert seen.observation.method_and_path == "POST /ai/embed"
    assert seen.observation.request_fields == ("model", "texts")
    assert "embeddings: array of array of number" in seen.observation.response_fields
    assert seen.observation.unknown_fields == ("cached: boolean",)
    assert seen.observation.number_format == "float64 digits"
    assert (seen.observation.dimension, seen.observation.default_model) == (2, "v1")
    assert seen.server_headers == {"server": "axum"}
    assert seen.models_echoed == {"m": 95}
    assert seen.fetched_from == "2026-04-30T12:00:00.000+00:00"
    refused = FakeSide(lambda _texts, number: httpx.Response(400) if number == 11 else None)
    without = fetch(refused, TEXTS, side(ask_default_model=True)).result
    assert without.observation.default_model == "refused (HTTP 400)"
    assert without.errors_by_kind == {}


def test_no_secret_leaves() -> None:
    """Tokens and header values are sent with the request, and are in no row, result or repr."""
    config = side(bearer_token=PLANTED, headers={"X-Key": "planted-key"}, proxy="http://u:planted-proxy@p")
    echo = httpx.Response(400, json={"error": "bad token planted-token, key planted-key"})
    fake = FakeSide(lambda texts, _number: echo if "text 3" in texts else None)
    got = fetch(fake, TEXTS, config)
    assert fake.headers[0]["authorization"] == "Bearer planted-token"
    assert fake.headers[0]["x-key"] == "planted-key"
    everything = f"{got.rows} {got.result} {config!r}"
    assert "***" in everything
    assert "planted" not in everything


def test_progress_ends_with_everything() -> None:
    """The last record counts every sample, and says how many retries there were."""
    records: list[Progress] = []
    fake = FakeSide(lambda _texts, number: httpx.Response(503) if number == 2 else None)
    fetch(fake, TEXTS, side(requests_per_second=1.0), progress=records.append, total=len(TEXTS))
    assert (records[-1].done, records[-1].total, records[-1].retries, records[-1].finished) == (95, 95, 1, True)
    assert 2 <= len(records) <= 15
    assert records[-2].seconds_left is not None
    assert "retries; 1 http_503" in records[-1].describe()


def test_a_sink_that_cannot_write_ends_the_lane() -> None:
    """What the sink raises is raised as it is."""

    def full(_rows: FetchedRows) -> None:
        raise ArtifactError("no space left", place="data", remedy="Free some.")

    with pytest.raises(ArtifactError, match="no space left"):
        fetch_lane(side(), "m", blocks(TEXTS), full, transport=httpx.MockTransport(FakeSide()))


def test_a_lane_runs_inside_a_running_loop() -> None:
    """The call also works from a coroutine, as in a notebook."""

    async def inside() -> Fetched:
        return fetch(FakeSide(), TEXTS, side())

    assert asyncio.run(inside()).is_complete(TEXTS)


def test_an_empty_sample_set_sends_no_request() -> None:
    """Without samples nothing is sent, and there is no error."""
    fake = FakeSide()
    assert fetch(fake, [], side()).result.requests == 0


def test_settings_hash_covers_what_affects_a_request() -> None:
    """Address, dialect, model and batches change the hash; a token or a timeout does not."""
    plain = side()
    assert plain.settings_hash("m") == replace(plain, bearer_token=PLANTED, attempts=9).settings_hash("m")
    for other in (replace(plain, base_url="http://b"), replace(plain, batch_texts=3), side("go")):
        assert other.settings_hash("m") != plain.settings_hash("m")
    assert plain.settings_hash("n") != plain.settings_hash("m")


class Counting:
    """A result that counts how often its `repr` is computed."""

    reprs = 0

    def __repr__(self) -> str:
        """Count."""
        self.reprs += 1
        return "counting"


async def result() -> Counting:
    """Return the result."""
    return Counting()


def test_a_result_is_handed_over_without_its_repr() -> None:
    """The repr of megabytes of vectors takes longer than fetching them; asyncio computes that of a task."""
    assert run_anywhere(result).reprs == 0


def test_a_caller_with_a_loop_gets_the_result_too() -> None:
    """Inside a running loop, the coroutine runs in a thread of its own."""

    async def caller() -> Counting:
        return run_anywhere(result)

    assert isinstance(asyncio.run(caller()), Counting)


def test_the_one_error_of_a_task_group_comes_out_as_itself() -> None:
    """A failure inside a group of tasks reaches the caller as the product's own error."""

    async def failing() -> None:
        async with asyncio.TaskGroup() as group:
            group.create_task(asyncio.sleep(60))
            group.create_task(refuse())

    async def refuse() -> None:
        raise GatewayError("no such model")

    with pytest.raises(GatewayError, match="no such model"):
        run_anywhere(failing)
