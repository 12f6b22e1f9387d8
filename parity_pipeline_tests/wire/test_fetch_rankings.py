"""A lane of queries: order, refusals, early ends, and a fetch that continues from staging."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.storage.staging import RankingsStaging
from parity_pipeline.wire.fetch_rankings import ask_rankings
from parity_pipeline.wire.gateway_errors import Aspect, UnusableSideError
from parity_pipeline_tests.wire.fake_retrieval import (
    FakeEndpoint,
    FetchedLists,
    fetch_lists,
    hits_response,
    queries,
    retrieval_side,
)

if TYPE_CHECKING:
    from parity_pipeline.wire.progress import Progress

REFUSALS = {
    "unknown corpus": httpx.Response(404, json={"error": "not_found", "message": "no index 'nowhere'"}),
    "bad filter": httpx.Response(400, json={"error": "bad_request", "message": "syntax error near 'WHER'"}),
    "forbidden corpus": httpx.Response(403, json={"reason": "security_exception"}),
    "too long": httpx.Response(413, json={"error": "too_large"}),
    "blank": httpx.Response(422, json={"detail": []}),
}


def refused(body: dict[str, Any], _number: int) -> httpx.Response | None:
    """Refuse the questions that are named after a refusal."""
    return REFUSALS.get(body["question"])


def test_a_thousand_queries_arrive_in_order() -> None:
    """However responses overtake each other, each query arrives once, in its place, with its own list."""
    dice, fake, wanted = Random(5), FakeEndpoint(), queries(1000)  # noqa: S311 - an order of responses, nothing secret

    async def respond(request: httpx.Request) -> httpx.Response:
        for _ in range(dice.randrange(40)):
            await asyncio.sleep(0)
        return fake(request)

    got = fetch_lists(respond, wanted, retrieval_side(concurrency=16))
    assert got.is_complete(wanted)
    assert [one.ids[2] for one in got.rankings] == [f"query {number}/2" for number in range(1000)]
    assert got.result.requests == len(fake.requests) == 1000
    assert got.result.modes == {"hybrid": 1000}


@pytest.mark.parametrize("first", [False, True])
@pytest.mark.parametrize("name", REFUSALS)
def test_one_refused_query_is_a_refusal_and_no_more(name: str, *, first: bool) -> None:
    """Whatever status a side says no with, and even if the refused query comes first, the others are fetched."""
    bad = Query(id="bad", text=name, k=1)
    wanted = [bad, *queries(5)] if first else [*queries(5), bad]
    got = fetch_lists(FakeEndpoint(refused), wanted, retrieval_side(concurrency=1))
    assert got.is_complete(wanted)
    assert got.result.status_counts == {"ok": 5, "refused": 1, "failed": 0, "malformed": 0}
    assert not got.result.stopped_early
    refusals = [one.refusal for one in got.rankings if one.status is RowStatus.REFUSED]
    fields = ", ".join(sorted(REFUSALS[name].json()))
    assert refusals == [f"{REFUSALS[name].status_code} {{{fields}}}"]


def test_the_first_check_is_a_plain_query() -> None:
    """When the first query fails, a query without a filter, in the corpora of the partition, shows that the side is up."""
    fake = FakeEndpoint(refused)
    bad = Query(id="bad", text="bad filter", k=100, filter="WHER", corpora=("nowhere",))
    got = fetch_lists(fake, [bad], retrieval_side())
    assert got.rankings[0].status is RowStatus.REFUSED
    assert fake.bodies[1] == {"question": "who can start tomorrow", "index": "staff", "top_k": 1}


@pytest.mark.parametrize(
    ("response", "words", "aspect"),
    [
        (httpx.ConnectError("refused"), "no connection", Aspect.REACHABLE),
        (httpx.ReadTimeout("slow"), "sends no response", Aspect.REACHABLE),
        (httpx.Response(404, json={"error": "x"}), "has no corpus 'staff' or no such path", Aspect.DIALECT),
        (httpx.Response(405), "no such path", Aspect.DIALECT),
        (httpx.Response(400, json={"error": "x"}), "refuses even a plain query of corpus 'staff'", Aspect.DIALECT),
        (httpx.Response(401), "refuses the credentials", Aspect.CREDENTIALS),
        (httpx.Response(403), "refuses the credentials", Aspect.CREDENTIALS),
        (httpx.Response(503), "returns only errors", Aspect.REACHABLE),
        (httpx.Response(302, headers={"location": "http://else.test/x?t=1"}), "http://else.test/x,", Aspect.REACHABLE),
        (httpx.Response(200, json={"hits": []}), "does not fit the retrieval dialect", Aspect.DIALECT),
    ],
)
def test_a_side_that_cannot_be_used_is_reported_at_once(
    response: httpx.Response | Exception, words: str, aspect: Aspect
) -> None:
    """A side that returns no ranking, not even for a plain query, ends the lane with its address and a remedy."""
    with pytest.raises(UnusableSideError) as caught:
        fetch_lists(FakeEndpoint(lambda _body, _number: response), queries(20), retrieval_side())
    assert words in str(caught.value)
    assert caught.value.aspect is aspect
    assert "http://side.test/vectors/hybrid" in caught.value.place
    assert caught.value.remedy


@pytest.mark.parametrize("status", [404, 500, 503])
def test_a_side_that_goes_down_stops_the_lane(status: int) -> None:
    """When even a query that had got its ranking gets none, the lane stops and no query counts as refused."""
    wanted = queries(300)
    fake = FakeEndpoint(lambda _body, number: httpx.Response(status) if number > 30 else None)
    got = fetch_lists(fake, wanted, retrieval_side())
    assert got.is_complete(wanted)
    assert got.result.status_counts == {"ok": 30, "refused": 0, "failed": 270, "malformed": 0}
    assert "a query that had got its ranking before got none either" in got.result.stopped_early
    assert len(fake.requests) < 60
    assert got.column("errors")[-1].startswith("not requested: lane stopped early because")


def test_a_lane_that_fails_too_much_stops_early() -> None:
    """Beyond the set share of failures the lane stops, though single queries still get their rankings."""
    wanted = queries(300)

    def respond(body: dict[str, Any], _number: int) -> httpx.Response | None:
        number = int(body["question"].split()[1])
        return httpx.Response(503) if number > 20 and number % 4 else None

    fake = FakeEndpoint(respond)
    got = fetch_lists(fake, wanted, retrieval_side(attempts=1, stop_window=10, concurrency=1))
    assert got.is_complete(wanted)
    assert "of the last 10 queries failed, more than 50%" in got.result.stopped_early
    assert len(fake.requests) < 100


def test_an_error_that_passes_costs_no_query() -> None:
    """Overload and broken responses are retried; a 500 that stays with one query is its refusal."""
    replies = {
        "query 1": [httpx.Response(503)],
        "query 2": [httpx.Response(200, content=b"{")],
        "query 3": [httpx.Response(500, json={"error": "x"})] * 9,
    }

    def respond(body: dict[str, Any], _number: int) -> httpx.Response | None:
        waiting = replies.get(body["question"], [])
        return waiting.pop() if waiting else None

    got = fetch_lists(FakeEndpoint(respond), queries(6), retrieval_side())
    assert got.column("status") == [RowStatus.REFUSED if number == 3 else RowStatus.OK for number in range(6)]
    assert got.rankings[3].refusal == "500 {error}"
    assert got.result.errors_by_kind["http_503"] == got.result.errors_by_kind["not_json"] == 1


def test_progress_counts_queries() -> None:
    """The log of a lane of queries calls them queries."""
    records: list[Progress] = []
    fetch_lists(FakeEndpoint(), queries(9), retrieval_side(), progress=records.append, total=9)
    assert records[-1].describe().startswith("legacy: 9 of 9 queries,")


def test_an_empty_query_set_sends_no_request() -> None:
    """Without queries nothing is sent, and there is no error; neither canaries nor a default model exist here."""
    fake = FakeEndpoint()
    assert fetch_lists(fake, [], retrieval_side()).result.requests == 0
    fetch_lists(fake, queries(4), retrieval_side(ask_default_model=True, canaries=True))
    assert len(fake.requests) == 4


def test_a_few_queries_are_sent_outside_a_lane() -> None:
    """Rankings come in the order of the queries, which may repeat, with the number of requests, one retry included."""
    fake = FakeEndpoint(lambda _body, number: httpx.Response(503) if number == 1 else None)
    wanted = [*queries(3), *queries(1)]
    side = retrieval_side(concurrency=1, backoff_seconds=0.0)
    rankings, requests = ask_rankings(side, wanted, transport=httpx.MockTransport(fake))
    assert [one.query_id for one in rankings] == ["id-0", "id-1", "id-2", "id-0"]
    assert all(one.status is RowStatus.OK for one in rankings)
    assert requests == len(fake.requests) == 5
    vectors = {"id-0": [0.5, 1.0]}
    fake = FakeEndpoint(lambda _body, _number: httpx.Response(200, json={"results": [{"id": 1, "distance": 0.0}]}))
    matrix = retrieval_side("go-matrix")
    rankings, _ = ask_rankings(matrix, queries(1), vectors=vectors, transport=httpx.MockTransport(fake))
    assert fake.bodies[0]["query_vector"] == [0.5, 1.0]
    assert rankings[0].scores == (0.0,)


@pytest.mark.parametrize("most", [0, 1, 3])
def test_no_more_requests_are_sent_than_a_lane_is_allowed(most: int) -> None:
    """Retries included: queries beyond them are FAILED and say why, and a side without any response is unusable."""
    fake = FakeEndpoint()
    side = retrieval_side(lane_requests=most)
    rankings, requests = ask_rankings(side, queries(5), transport=httpx.MockTransport(fake))
    assert requests == len(fake.requests) == most
    assert [one.status for one in rankings].count(RowStatus.OK) == most
    busy = FakeEndpoint(lambda _body, _number: httpx.Response(503))
    patient = retrieval_side(lane_requests=most, backoff_seconds=0.0)
    with suppress(GatewayError):
        ask_rankings(patient, queries(5), transport=httpx.MockTransport(busy))
    assert len(busy.requests) == most


def staged(fake: FakeEndpoint, folder: Path, wanted: list[Query], **changes: Any) -> FetchedLists:
    """Fetch with staging in a folder."""
    with RankingsStaging(folder) as staging:
        return fetch_lists(fake, wanted, retrieval_side(**changes), staging=staging)


MIXED = [*queries(20), *(Query(id=name, text=name, k=1) for name in REFUSALS), Query(id="none", text="none", k=1)]


def mixed(body: dict[str, Any], number: int) -> httpx.Response | None:
    """Refuse some questions, and find nothing for one."""
    return httpx.Response(200, json={"sources": []}) if body["question"] == "none" else refused(body, number)


def test_what_was_fetched_is_never_fetched_again(tmp_path: Path) -> None:
    """A second run over complete staging sends nothing, and has the same rows, modes and observation."""
    first = staged(FakeEndpoint(mixed), tmp_path / "a", MIXED)
    again = FakeEndpoint(mixed)
    second = staged(again, tmp_path / "a", MIXED)
    assert not again.requests
    assert second.rows == first.rows
    assert second.result.kept == len(MIXED)
    for name in ("modes", "observation", "status_counts", "requests", "fetched_from", "fetched_to", "caveats"):
        assert getattr(second.result, name) == getattr(first.result, name)


def test_a_lane_resumes_after_an_outage(tmp_path: Path) -> None:
    """Rows of a lane that stopped are kept; the next run asks only what has no definite result."""
    wanted = queries(50)
    down = FakeEndpoint(lambda _body, number: httpx.ConnectError("down") if number > 8 else None)
    first = staged(down, tmp_path / "a", wanted, attempts=1)
    assert first.result.stopped_early
    back = FakeEndpoint()
    second = staged(back, tmp_path / "a", wanted)
    assert second.is_complete(wanted)
    kept = {query.text for query, one in zip(wanted, first.rankings, strict=True) if one.status is RowStatus.OK}
    assert back.questions.keys() == {query.text for query in wanted} - kept


def test_a_refused_token_loses_nothing(tmp_path: Path) -> None:
    """A token that is refused in the middle ends the lane; what was fetched before is kept."""
    wanted = queries(20)
    for status in (401, 403):
        gone = FakeEndpoint(lambda _body, number, status=status: httpx.Response(status) if number > 5 else None)
        with pytest.raises(GatewayError):
            staged(gone, tmp_path / str(status), wanted, concurrency=1)
        back = FakeEndpoint()
        assert staged(back, tmp_path / str(status), wanted).is_complete(wanted)
        assert len(back.requests) == 15


@contextmanager
def counting_gateway() -> Generator[tuple[str, Counter[str]]]:
    """Serve the rust-hybrid dialect on loopback, counting how often each question is sent."""
    wanted: Counter[str] = Counter()

    async def hybrid(request: Request) -> Response:
        body = await request.json()
        wanted[body["question"]] += 1
        return Response(hits_response(body).content, media_type="application/json")

    app = Starlette(routes=[Route("/vectors/hybrid", hybrid, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", wanted
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


FETCHER = """
import sys
from pathlib import Path
from parity_pipeline.storage.staging import RankingsStaging
from parity_pipeline.wire.fetch_rankings import fetch_rankings
from parity_pipeline_tests.wire.fake_retrieval import queries, query_blocks, retrieval_side
side = retrieval_side(base_url=sys.argv[1])
with RankingsStaging(Path(sys.argv[2])) as staging:
    fetch_rankings(side, query_blocks(queries(200)), lambda rows: print(rows.start, flush=True), staging=staging)
"""


def test_a_lane_recovers_from_kill_9_at_any_moment(tmp_path: Path) -> None:
    """A fetch killed with -9 twice ends with the rows of an undisturbed one, and sends twice only what was in flight."""
    dice, kills, wanted = Random(3), 0, queries(200)  # noqa: S311 - moments to kill at, nothing secret
    with counting_gateway() as (url, requested):
        while True:
            command = [sys.executable, "-c", FETCHER, url, str(tmp_path / "a")]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as fetcher:
                assert fetcher.stdout
                old = len(wanted) if kills >= 2 else dice.randrange(20, 60) * (kills + 1)
                if next((line for line in fetcher.stdout if int(line) >= old), None) is None:
                    break
                os.kill(fetcher.pid, signal.SIGKILL)
                kills += 1
        assert fetcher.wait() == 0
        twice = sum(requested.values()) - len(requested)
    again = FakeEndpoint()
    with RankingsStaging(tmp_path / "a") as staging:
        got = fetch_lists(again, wanted, retrieval_side(), staging=staging)
    assert not again.requests
    assert got.is_complete(wanted)
    assert got.rankings == fetch_lists(FakeEndpoint(), wanted, retrieval_side()).rankings
    assert kills == 2
    assert twice <= kills * 2 * 2  # twice the requests in flight are being worked on


def test_a_changed_side_is_another_staging() -> None:
    """What is staged for one spelling of the corpora is not taken for another: the hash in the folder's name differs."""
    plain = retrieval_side()
    assert replace(plain, corpora={"staff": "staff_v2"}).settings_hash() != plain.settings_hash()
