"""Texts that hang: how long a batch may take, which texts of it are suspects, which are not worth a request.

Here belongs what is learned from lengths and latencies, without any HTTP. Sending belongs to `batch_fetcher`. The
reasons are in ADR 22.

A text hangs if a request for it alone exceeds the side's time-outs. The shorter patience with first requests only
decides when a batch is divided, and which texts are set aside for the end; no text is given up because of it.
"""

import math
from collections import deque
from collections.abc import Sequence
from typing import Final

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

    def caveats(self) -> tuple[str, ...]:
        """Return what a person should know about the texts that hung or were not requested."""
        if not self.hung:
            return ()
        found = [f"{len(self.hung)} texts hung: no response within the time-outs, while others got their vectors"]
        if self.skipped:
            found.append(
                f"{self.skipped} texts were not requested with the whole time-out: "
                "at least as long as the shortest of those that hung"
            )
        if self.unproven:
            reason = (
                f"the {self.seconds:g} s for texts that may hang were used up, and their length does not predict them"
            )
            found.append(f"{self.unproven} texts were not requested with the whole time-out: {reason}")
        return tuple(found)
