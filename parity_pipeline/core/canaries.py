"""Canaries of a lane: the same request at its start, middle and end, and whether it got the same vectors each time.

Here belong the record of what was seen, how two of them are compared, and the words for a change. Sending them belongs to
`wire.lane_canaries`, what a change means for the verdict to `side_checks`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.measures import Matrix32, measure_rows
from parity_pipeline.core.number_format import cosine_text

SAME: Final = 1e-4
"""Largest 1 - cosine at which two canaries count as the same, dimensionless.

Origin: float16 and other batches differ by less; the smallest change of a model's weights or precision by more.
"""

CHANGES_KEPT: Final = 5
"""Changes that are kept, those with the lowest cosines: a side that is not repeatable changes with each canary."""

LOST: Final = 3
"""Canaries in a row without vectors, after one that had them, from which on that is a change. Fewer may be chance."""

_SLOWER: Final = 3.0
"""Ratio of two latencies from which on they are another level."""
_SLOWER_MS: Final = 20.0
"""Milliseconds by which they then differ at least."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Canary:
    """One canary request.

    Attributes:
        sample: Samples that the lane had begun to request before.
        request: Requests that the lane had sent before.
        sent: When, ISO 8601 in UTC.
        error: Why it got no vectors; "" if it got them.
        model: The model that the response named; "" if it named none.
        headers: Response headers that name the server's software.
        latency_ms: Milliseconds of the response; None without one.
    """

    sample: int
    request: int
    sent: str
    error: str = ""
    model: str = ""
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    latency_ms: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryChange:
    """Two canaries, one after the other, with other vectors.

    Attributes:
        before: The last one with the vectors of before.
        after: The first one with others.
        cosine: Smallest cosine of the two vectors of one text; None where they have no cosine or another dimension.
    """

    before: Canary
    after: Canary
    cosine: float | None

    def describe(self) -> str:
        """Return when the vectors changed, by how much, and what else did at that moment."""
        one, two = self.before, self.after
        unit, low, high = ("sample", one.sample, two.sample)
        if low == high:
            unit, low, high = ("request", one.request, two.request)
        size = "no cosine" if self.cosine is None else f"cosine {cosine_text(self.cosine)}"
        beside = "; ".join(self.beside()) or "nothing else that was looked at"
        return f"between {unit} {low:,} and {high:,} ({size}); at the same time changed: {beside}"

    def beside(self) -> Iterator[str]:
        """Yield what else changed: the model that is named, the server's headers, the level of the latency."""
        one, two = self.before, self.after
        if one.model != two.model:
            yield f"the model named, {one.model or 'none'} to {two.model or 'none'}"
        for name in sorted({*one.headers, *two.headers}):
            old, new = one.headers.get(name, "none"), two.headers.get(name, "none")
            if old != new:
                yield f"the header {name}, {old} to {new}"
        if one.latency_ms is not None and two.latency_ms is not None:
            low, high = sorted((one.latency_ms, two.latency_ms))
            if high >= _SLOWER * low and high - low >= _SLOWER_MS:
                yield f"the latency, {one.latency_ms:.0f} to {two.latency_ms:.0f} ms"


@dataclass(frozen=True, slots=True, kw_only=True)
class CanaryRecord:
    """What the canaries of one lane showed.

    Attributes:
        sent: Canary requests, without those that were sent again.
        compared: Those whose vectors were compared with earlier ones.
        from_start: Whether the first one was sent before anything else; false where a lane went on without its own.
        lowest: Smallest cosine of a canary with the one that it was compared with; None where none was.
        changed: Changes.
        changes: Those of them with the lowest cosines, at most `CHANGES_KEPT`, in the order in which they came.
        lost: Longest run of canaries without vectors after one that had them.
        last_good: The last canary before that run; None where there is none.
        first_bad: The first of that run; None where there is none.
    """

    sent: int = 0
    compared: int = 0
    from_start: bool = True
    lowest: float | None = None
    changed: int = 0
    changes: tuple[CanaryChange, ...] = ()
    lost: int = 0
    last_good: Canary | None = None
    first_bad: Canary | None = None

    def beyond(self, threshold: float) -> tuple[CanaryChange, ...]:
        """Return the changes that are kept and do not reach a cosine."""
        return tuple(one for one in self.changes if one.cosine is None or not one.cosine >= threshold)


def lowest_cosine(before: Matrix32, after: Matrix32) -> float | None:
    """Return the smallest cosine of two responses to the same texts; None where one text has none.

    Args:
        before: float32, shape (texts, dimension).
        after: The same; another shape has no cosine. Equal numbers have the cosine 1, whatever they are.
    """
    if before.shape != after.shape:
        return None
    if np.array_equal(before, after, equal_nan=True):
        return 1.0
    found = float(measure_rows(before, after).cosine.min())
    return None if np.isnan(found) else found


def strongest(changes: Sequence[CanaryChange]) -> tuple[CanaryChange, ...]:
    """Return the changes with the lowest cosines, in the order in which they were given."""
    ranked = sorted(range(len(changes)), key=lambda at: (changes[at].cosine is not None, changes[at].cosine or 0.0, at))
    return tuple(changes[at] for at in sorted(ranked[:CHANGES_KEPT]))
