"""Is a side up? A text that it must be able to embed is sent again when an error may be an outage.

Here belongs this question. What an error without an outage means belongs to `retry_policy`; the reasons are in ADR 22.
"""

import asyncio
from collections.abc import Awaitable, Callable
from enum import StrEnum

from parity_pipeline.wire.gateway_errors import AttemptError, LaneOverError
from parity_pipeline.wire.progress import LaneCounters
from parity_pipeline.wire.retry_policy import OnExhausted, rule_of


class Health(StrEnum):
    """The state of a side after an error."""

    UP = "up"
    """It returned vectors for a request that was sent after the one with the error."""
    CAME_BACK = "came back"
    """It was down after the request with the error, and is up again: the request is worth another one."""
    DOWN = "down"
    """Not even a text that it embedded before gets a vector."""


class SideHealth:
    """Distinguishes an outage from a text that breaks a side.

    Requests are compared by their number in the order of sending, so that no clock is involved: a side that returned
    vectors for a later request was up, and needs no canary.

    Attributes:
        known_good: The canary, a text that got its vector, as a JSON string; b"" while there is none.
    """

    def __init__(
        self,
        counters: LaneCounters,
        send_canary: Callable[[bytes], Awaitable[object]],
        wait: Callable[[int], Awaitable[None]],
    ) -> None:
        """Take the counters, what sends a known good text once, and what waits after so many failed attempts."""
        self._counters = counters
        self._send_canary = send_canary
        self._wait = wait
        self._lock = asyncio.Lock()
        self._last_down = 0
        self.known_good = b""

    async def after(self, error: AttemptError, attempts: int) -> tuple[Health, AttemptError | None]:
        """Return the state of the side after an error, and how the canary failed if it is down.

        Raises:
            AttemptError: The canary's credentials are refused.
        """
        async with self._lock:
            if self._counters.last_good <= error.number and (failed := await self._canary_error(error, attempts)):
                return Health.DOWN, failed
        return Health.CAME_BACK if self._last_down > error.number else Health.UP, None

    async def _canary_error(self, error: AttemptError, attempts: int) -> AttemptError | None:
        """Send the canary until it, or any other later request, gets vectors; else return its last error."""
        for attempt in range(1, attempts + 1):
            try:
                await self._send_canary(self.known_good)
                break
            except LaneOverError as over:
                return over
            except AttemptError as failed:
                self._last_down = max(self._last_down, failed.number)
                then = rule_of(failed.kind).on_exhausted
                if then is OnExhausted.STOP:
                    raise
                if self._counters.last_good > error.number:
                    break
                if attempt == attempts or then is OnExhausted.ISOLATE:
                    return failed
                await self._wait(attempt)
        return None
