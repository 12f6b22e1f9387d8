"""Limits on rates and on requests in flight, fixed and adaptive."""

import asyncio
import json

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.pacing import ConcurrencyLimiter
from parity_pipeline_tests.wire.fake_side import FakeSide, Fetched, fetch, side, vector_of, vectors_response

TEXTS = [f"text {number}" for number in range(3000)]
CAPACITY = 5
FEW = TEXTS[:95]


class Overloaded:
    """A side that refuses requests beyond the number that it can handle at once.

    Attributes:
        most: Largest number of requests at once, refused ones included.
        refused: Requests refused.
    """

    def __init__(self, status: int) -> None:
        """Take the status to refuse with."""
        self._status = status
        self._here = 0
        self.most = 0
        self.refused = 0

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond after some turns of the loop, so that requests overlap."""
        self._here += 1
        self.most = max(self.most, self._here)
        overloaded = self._here > CAPACITY
        for _ in range(30):
            await asyncio.sleep(0)
        self._here -= 1
        if overloaded:
            self.refused += 1
            return httpx.Response(self._status)
        return vectors_response(json.loads(request.content)["texts"])


def fetch_from_overloaded(status: int, *, adaptive: bool) -> tuple[Overloaded, Fetched]:
    """Fetch with up to 16 requests in flight from a side that can handle five."""
    overloaded = Overloaded(status)
    config = side(concurrency=16, adaptive=adaptive, attempts=8, backoff_seconds=0.1, stop_share=1.0)
    return overloaded, fetch(overloaded, TEXTS, config)


@pytest.mark.parametrize("status", [429, 503])
def test_an_overloaded_side_gets_fewer_requests(status: int) -> None:
    """Adaptive concurrency rises to what a side can handle, falls when it is refused, and everything is fetched."""
    fixed, _ = fetch_from_overloaded(status, adaptive=False)
    adaptive, got = fetch_from_overloaded(status, adaptive=True)
    assert got.is_complete(TEXTS)
    assert set(got.column("status")) == {RowStatus.OK}
    assert got.vectors() == [vector_of(text) for text in TEXTS]
    assert fixed.most == 16
    assert CAPACITY < adaptive.most < fixed.most
    assert 0 < adaptive.refused < fixed.refused / 2


def test_adaptive_concurrency_rises_and_falls() -> None:
    """The number in flight rises while latency is flat and is halved by an overload."""
    seconds = 0.0
    limiter = ConcurrencyLimiter(8, lambda: seconds, adaptive=True)
    assert limiter.limit == 2
    for _ in range(2 + 3 + 4 + 5 + 6 + 7 + 50):
        limiter.on_success(10.0)
    assert limiter.limit == 8
    limiter.on_overload()
    limiter.on_overload()
    assert limiter.limit == 4
    for _ in range(100):
        limiter.on_success(100.0)
    assert limiter.limit == 4


def test_rates_are_limited() -> None:
    """Neither requests nor texts per second exceed their limits."""
    got = fetch(FakeSide(), FEW, side(texts_per_second=50.0))
    assert got.time.seconds >= len(FEW[10:]) / 50.0
    slow = fetch(FakeSide(), FEW, side(requests_per_second=2.0))
    assert slow.time.seconds >= 9 / 2.0
