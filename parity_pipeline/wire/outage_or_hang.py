"""Is a side up, and is it a text that hangs? What a lane learns of its side while it fetches.

Here belong the canary that is sent again when an error may be an outage, and what is learned from lengths and latencies
about texts that hang: how long a batch may take, which texts of it are suspects, which are not worth a request. Sending
belongs to `batch_fetcher`, errors without an outage to `retry_policy`, the sentence for a side that is down to
`gateway_errors`, its remedy to `core.side_checks`. The reasons are in ADR 22.

A text hangs if a request for it alone exceeds the side's time-outs. The shorter patience with first requests only
decides when a batch is divided, and which texts are set aside for the end; no text is given up because of it.
"""

import asyncio
import math
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from enum import StrEnum
from typing import Final

from parity_pipeline.wire.gateway_errors import AttemptError, LaneOverError, LaneWords
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


CANARY_TEXT: Final = "which model is this"
"""A plain text that no side has reason to refuse, sent when an attempt fails before any batch got its vectors."""
PROOFS: Final = 3
"""Texts that must have hung alone before others like them are not requested. One may be chance, and each costs a whole
time-out; three are sent side by side."""
_PATIENCE_SHARE: Final = 1 / 6
"""Share of the read time-out that any first request may take: 10 of 60 s. In the end a text has its whole time-out."""
_PATIENCE_FACTOR: Final = 10.0
"""A first request may take so many times what its texts would at the slowest recent rate."""
_RECENT: Final = 32
"""Responses with vectors that the slowest recent rate is taken over, so that a cold start is forgotten."""
_ENOUGH: Final = 64
"""Texts with vectors from which on every longer text is a suspect: two batches show what lengths a side can take."""
_SUSPECT_SHARE: Final = (0.25, 0.5)
"""Largest share of a batch that is suspect for its length alone, after no vain division and after one; then all."""


class HangingTexts:
    """What is known about the texts that hang. Lengths are bytes of the texts as they are sent.

    Attributes:
        hung: Lengths of the texts that hung alone.
        skipped: Texts that were not requested because they are like those that hung.
        unproven: Texts that were not requested because the time for texts that may hang was used up.
        longest_good: Length of the longest text that got a vector.
    """

    def __init__(self, *, read: float, total: float) -> None:
        """Take the side's time-outs in seconds."""
        self._least = min(read, total) * _PATIENCE_SHARE
        self._total = total
        self._rates: deque[float] = deque(maxlen=_RECENT)
        self._suspect_from = math.inf
        self._good = 0
        self._slow_alone: list[int] = []
        self.hung: list[int] = []
        self.skipped = 0
        self.unproven = 0
        self.longest_good = 0

    @property
    def seconds(self) -> float:
        """Return how long the texts that may hang are requested at most, in seconds."""
        return PROOFS * self._total

    def patience(self, texts: int) -> float:
        """Return the seconds that the first request for so many texts may take."""
        expected = max(self._rates, default=0.0) * texts
        return min(self._total, max(self._least, _PATIENCE_FACTOR * expected))

    def note_vectors(self, texts: Sequence[bytes], seconds: float) -> None:
        """Learn from a response with vectors."""
        self._rates.append(seconds / len(texts))
        self._good += len(texts)
        self.longest_good = max(self.longest_good, *map(len, texts))

    def note_slow(self, texts: Sequence[bytes]) -> None:
        """Learn from a request that timed out: if length is the reason, then its longest text hangs."""
        self._suspect_from = min(self._suspect_from, max(map(len, texts)))
        if len(texts) == 1:
            self._slow_alone.append(len(texts[0]))

    def note_hung(self, text: bytes) -> None:
        """Learn that a text alone exceeded the time-outs of the side."""
        self.hung.append(len(text))

    def is_predicted(self, text: bytes) -> bool:
        """Return whether a text would hang: it is as long as several that did, and no text so long got a vector."""
        return self._is_like(self.hung, text)

    def is_hopeless_at_first(self, text: bytes) -> bool:
        """Return whether a text would exceed the patience with a first request, by the same reasoning."""
        return self._is_like(self._slow_alone, text)

    def is_unproven(self, text: bytes) -> bool:
        """Return whether a text is longer than any that got a vector."""
        return len(text) > self.longest_good

    def _is_like(self, known: Sequence[int], text: bytes) -> bool:
        return len(known) >= PROOFS and len(text) >= min(known) > self.longest_good

    def suspects(self, texts: Sequence[bytes], divided: int) -> set[int]:
        """Return the indices of the texts to send last and alone.

        Args:
            texts: The texts of one batch.
            divided: How often the batch was divided already and timed out nevertheless.
        """
        if math.isinf(self._suspect_from):
            return set()
        if divided >= len(_SUSPECT_SHARE):
            return set(range(len(texts)))
        by_length = sorted(range(len(texts)), key=lambda index: -len(texts[index]))
        longest = set(by_length[: max(1, int(len(texts) * _SUSPECT_SHARE[divided]))])
        unproven = {index for index in by_length if self.is_unproven(texts[index])}
        if self._good >= _ENOUGH:
            return unproven
        return {index for index in unproven if index in longest or len(texts[index]) >= self._suspect_from}

    def caveats(self, words: LaneWords) -> tuple[str, ...]:
        """Return what a person should know about the texts that hung or were not requested."""
        if not self.hung:
            return ()
        found = [
            f"{len(self.hung)} {words.inputs} hung: no response within the time-outs, while others got their {words.results}"
        ]
        if self.skipped:
            found.append(
                f"{self.skipped} {words.inputs} were not requested with the whole time-out: "
                "at least as long as the shortest of those that hung"
            )
        if self.unproven:
            reason = (
                f"the {self.seconds:g} s for {words.inputs} that may hang were used up, "
                "and their length does not predict them"
            )
            found.append(f"{self.unproven} {words.inputs} were not requested with the whole time-out: {reason}")
        return tuple(found)
