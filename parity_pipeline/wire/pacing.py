"""How many requests, how fast: limits on rates and on the number in flight, and latencies.

Here belong the limits and their measurements, without any HTTP. Clocks and sleeps are injected.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Final

import numpy as np

Now = Callable[[], float]
Sleep = Callable[[float], Awaitable[None]]

_FLAT: Final = 1.5
"""Latency counts as flat while it is below this multiple of the best one so far; beyond it the server is queueing."""
_CALM_SECONDS: Final = 1.0
"""Seconds after an overload within which others are ignored: one overload hits all requests in flight."""


class RateLimiter:
    """Spaces requests so that neither requests nor texts per second exceed their limits, and holds them on demand."""

    def __init__(self, requests: float | None, texts: float | None, now: Now, sleep: Sleep) -> None:
        """Take the limits in 1/s; None for no limit."""
        self._per_request = 1.0 / requests if requests else 0.0
        self._per_text = 1.0 / texts if texts else 0.0
        self._now = now
        self._sleep = sleep
        self._next = 0.0

    def hold(self, seconds: float) -> None:
        """Hold all requests for so many seconds: a `Retry-After` for one request is meant for all of them."""
        self._next = max(self._next, self._now() + seconds)

    async def turn(self, texts: int) -> None:
        """Wait until a request with so many texts may be sent."""
        now = self._now()
        slot = max(self._next, now)
        self._next = slot + max(self._per_request, self._per_text * texts)
        if slot > now:
            await self._sleep(slot - now)


class ConcurrencyLimiter:
    """Bounds the requests in flight; if adaptive, it finds the bound by itself."""

    def __init__(self, limit: int, now: Now, *, adaptive: bool) -> None:
        """Take the largest number in flight."""
        self._most = max(1, limit)
        self.limit = min(2, self._most) if adaptive else self._most
        self._adaptive = adaptive
        self._now = now
        self._in_flight = 0
        self._waiters: list[asyncio.Future[None]] = []
        self._best = float("inf")
        self._good = 0
        self._calm_until = 0.0

    async def __aenter__(self) -> None:
        """Wait for a free slot."""
        while self._in_flight >= self.limit:
            waiter = asyncio.get_running_loop().create_future()
            self._waiters.append(waiter)
            try:
                await waiter
            except asyncio.CancelledError:
                self._wake()
                raise
        self._in_flight += 1

    async def __aexit__(self, *_: object) -> None:
        """Free the slot."""
        self._in_flight -= 1
        self._wake()

    def on_success(self, milliseconds_per_text: float) -> None:
        """Count a response with vectors: allow one more in flight after as many as now succeeded at flat latency."""
        if not self._adaptive:
            return
        self._best = min(self._best, milliseconds_per_text)
        self._good = self._good + 1 if milliseconds_per_text <= self._best * _FLAT else 0
        if self._good >= self.limit and self.limit < self._most:
            self.limit, self._good = self.limit + 1, 0
            self._wake()

    def on_overload(self) -> None:
        """Count a 429 or 503: allow half as many in flight."""
        if self._adaptive and self._now() >= self._calm_until:
            self.limit, self._good = max(1, self.limit // 2), 0
            self._calm_until = self._now() + _CALM_SECONDS

    def _wake(self) -> None:
        free = self.limit - self._in_flight
        while free > 0 and self._waiters:
            waiter = self._waiters.pop(0)
            if not waiter.done():
                waiter.set_result(None)
                free -= 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Latency:
    """Milliseconds from sending a request to its whole body, over responses with vectors; None if there are none."""

    p50: float | None = None
    p95: float | None = None
    p99: float | None = None
    max: float | None = None


class LatencyHistogram:
    """Latencies in buckets 2 % wide, so that a million of them take 16 kB."""

    _GROWTH = 1.02
    _LOWEST = 0.01

    def __init__(self) -> None:
        """Start empty."""
        self._buckets = np.zeros(2048, np.int64)
        self._max = 0.0

    def add(self, milliseconds: float) -> None:
        """Add one latency."""
        ratio = max(milliseconds / self._LOWEST, 1.0)
        self._buckets[min(int(np.log(ratio) / np.log(self._GROWTH)), len(self._buckets) - 1)] += 1
        self._max = max(self._max, milliseconds)

    def summary(self) -> Latency:
        """Return the percentiles, each within 2 %, and the exact maximum."""
        total = int(self._buckets.sum())
        if not total:
            return Latency()
        cumulative = np.cumsum(self._buckets)
        found = [int(np.searchsorted(cumulative, np.ceil(share * total))) for share in (0.5, 0.95, 0.99)]
        p50, p95, p99 = (min(self._LOWEST * self._GROWTH ** (bucket + 0.5), self._max) for bucket in found)
        return Latency(p50=round(p50, 3), p95=round(p95, 3), p99=round(p99, 3), max=round(self._max, 3))
