"""Fetches that continue from staging after an outage, a refusal or `kill -9`."""

import os
import signal
import socket
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Route

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline_tests.wire.fake_side import FakeSide, Fetched, fetch, side, vector_of

TEXTS = [f"text {number}" for number in range(200)]
POISON = "text 77"


def poisoned(texts: list[str], _number: int) -> httpx.Response | None:
    """Refuse requests that hold the poison text."""
    return httpx.Response(400, json={"error": "poison"}) if POISON in texts else None


def staged(fake: FakeSide, folder: Path, **settings: Any) -> Fetched:
    """Fetch with staging in a folder."""
    with SqliteStaging(folder) as staging:
        return fetch(fake, TEXTS, side(**settings), staging=staging)


def test_what_was_fetched_is_never_fetched_again(tmp_path: Path) -> None:
    """A second run over complete staging sends nothing, and has the same rows, echoes and observation."""
    first = staged(FakeSide(poisoned), tmp_path / "a")
    again = FakeSide(poisoned)
    second = staged(again, tmp_path / "a")
    assert again.requests == 0
    for column in ("ids", "status", "http_status", "errors", "request_ids", "latency_ms"):
        assert second.column(column) == first.column(column)
    assert second.vectors() == first.vectors()
    assert second.result.kept == len(TEXTS)
    for name in ("models_echoed", "status_counts", "observation", "requests", "fetched_from", "fetched_to"):
        assert getattr(second.result, name) == getattr(first.result, name)


def test_a_lane_resumes_after_an_outage(tmp_path: Path) -> None:
    """Rows of a lane that stopped are kept; the next run requests only what has no definite result."""
    down = FakeSide(lambda _texts, number: httpx.ConnectError("down") if number > 8 else None)
    first = staged(down, tmp_path / "a", attempts=1, stop_window=3)
    assert first.result.stopped_early
    back = FakeSide()
    second = staged(back, tmp_path / "a")
    assert second.is_complete(TEXTS)
    assert second.vectors() == [vector_of(text) for text in TEXTS]
    assert back.requested.keys() == {
        text for text, status in zip(TEXTS, first.column("status"), strict=True) if status is not RowStatus.OK
    }


def test_a_side_that_is_unusable_loses_nothing(tmp_path: Path) -> None:
    """A refused token in the middle ends the lane; what was fetched before is kept."""
    refused = FakeSide(lambda _texts, number: httpx.Response(401) if number > 5 else None)
    with pytest.raises(GatewayError):
        staged(refused, tmp_path / "a", concurrency=1)
    second = FakeSide()
    assert staged(second, tmp_path / "a").is_complete(TEXTS)
    assert second.requests == 15


def test_a_bisected_batch_is_resumed_within(tmp_path: Path) -> None:
    """Parts of a batch that were fetched before a kill are not sent again, though the batch was not finished."""
    with SqliteStaging(tmp_path / "a") as staging:
        whole = fetch(FakeSide(poisoned), TEXTS, side(), staging=staging)
        pieces = [staging.take(block.start) for block in whole.rows]
    with SqliteStaging(tmp_path / "b") as staging:
        for piece in pieces:
            if 70 <= piece.rows.start < 80 and piece.rows.start != 75:
                staging.put(piece)
    fake = FakeSide(poisoned)
    got = staged(fake, tmp_path / "b")
    assert got.is_complete(TEXTS)
    assert {text for body in fake.bodies for text in body["texts"]}.isdisjoint({"text 71", "text 79", POISON})
    assert got.vectors() == whole.vectors()


@contextmanager
def counting_gateway() -> Generator[tuple[str, Counter[str]]]:
    """Serve the rust dialect on loopback, counting how often each text is requested."""
    requested: Counter[str] = Counter()

    async def embed(request: Request) -> JSONResponse:
        texts = (await request.json())["texts"]
        requested.update(texts)
        if POISON in texts:
            return JSONResponse({"error": "poison"}, 400)
        return JSONResponse({"embeddings": [vector_of(text) for text in texts], "model": "m"})

    app = Starlette(routes=[Route("/ai/embed", embed, methods=["POST"])])
    listener = socket.create_server(("127.0.0.1", 0))
    server = uvicorn.Server(uvicorn.Config(app, log_level="critical", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}", requested
    finally:
        server.should_exit = True
        thread.join()
        listener.close()


FETCHER = """
import sys
from pathlib import Path
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline_tests.wire.fake_side import blocks, side
from parity_pipeline_tests.wire.test_resume import TEXTS
config = side(base_url=sys.argv[1], batch_texts=4, concurrency=2)
with SqliteStaging(Path(sys.argv[2])) as staging:
    fetch_lane(config, "m", blocks(TEXTS), lambda rows: print(rows.start, flush=True), staging=staging)
"""


def test_a_lane_recovers_from_kill_9_at_any_moment(tmp_path: Path) -> None:
    """A fetch killed with -9 again and again ends with the rows of an undisturbed one, and requests little twice."""
    dice = Random(3)  # noqa: S311 - moments to kill at, nothing secret
    kills = 0
    with counting_gateway() as (url, requested):
        while True:
            command = [sys.executable, "-c", FETCHER, url, str(tmp_path / "a")]
            with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as fetcher:
                assert fetcher.stdout
                fresh = iter(fetcher.stdout)
                old = len(TEXTS) if kills >= 4 else dice.randrange(10, 40) * (kills + 1)
                if next((line for line in fresh if int(line) >= old), None) is None:
                    break
                os.kill(fetcher.pid, signal.SIGKILL)
                kills += 1
        assert fetcher.wait() == 0
        first = dict(requested)
        with SqliteStaging(tmp_path / "a") as staging:
            again = FakeSide(poisoned)
            got = fetch(again, TEXTS, side(batch_texts=4), staging=staging)
    assert again.requests == 0
    assert got.is_complete(TEXTS)
    expected = fetch(FakeSide(poisoned), TEXTS, side(batch_texts=4))
    assert got.vectors() == expected.vectors()
    assert got.column("status") == expected.column("status")
    bisected = set(TEXTS[76:80])
    assert (
        sum(count - 1 for text, count in first.items() if text not in bisected) <= kills * 2 * 2 * 4
    )  # twice the requests in flight are being worked on
