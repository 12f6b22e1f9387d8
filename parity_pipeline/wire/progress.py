"""Counters and progress records of a lane.

Here belongs what is counted and how it is reported. What counts as an error belongs to `batch_fetcher`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from parity_pipeline.core.outcomes import Side


@dataclass(slots=True)
class LaneCounters:
    """Requests, responses and errors of a lane.

    Attributes:
        requests: Requests sent, retries included.
        retries: Requests sent again.
        with_vectors: Responses with vectors, or with rankings in a lane of queries.
        responses: Responses of any kind.
        tokens: Tokens that the side reports, by its own field.
        errors_by_kind: Attempts without results, by kind.
        last_good: Number of the last request, in the order of sending, that got results.
        malformed_batches: Batches of several texts that stayed malformed and were sent again in halves.
    """

    requests: int = 0
    retries: int = 0
    with_vectors: int = 0
    responses: int = 0
    tokens: Counter[str] = field(default_factory=Counter[str])
    errors_by_kind: Counter[str] = field(default_factory=Counter[str])
    last_good: int = 0
    malformed_batches: int = 0


PROGRESS_SECONDS: Final = 1.0
"""Seconds between two records, so that reporting costs little compared with fetching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """The progress of a lane.

    Attributes:
        side: The lane.
        done: Samples fetched or failed, those of an earlier run included.
        total: Samples of the set; None if unknown.
        kept: Samples kept from an earlier run.
        rate: Samples per second of this run.
        retries: Requests sent again.
        errors_by_kind: Attempts without vectors, by kind.
        seconds_left: Estimate from the rate; None if there is no rate or no total.
        finished: This is the lane's last record.
        rows: What the lane calls its rows.
    """

    side: Side
    done: int
    total: int | None
    kept: int
    rate: float
    retries: int
    errors_by_kind: Mapping[str, int]
    seconds_left: float | None
    finished: bool = False
    rows: str = "samples"

    def describe(self) -> str:
        """Return one line for a log."""
        of = f" of {self.total}" if self.total is not None else ""
        errors = ", ".join(f"{count} {kind}" for kind, count in sorted(self.errors_by_kind.items()))
        left = f", {self.seconds_left:.0f} s left" if self.seconds_left is not None and not self.finished else ""
        kept = f", {self.kept} kept from an earlier run" if self.kept else ""
        return f"{self.side}: {self.done}{of} {self.rows}, {self.rate:.0f}/s, {self.retries} retries{kept}{left}" + (
            f"; {errors}" if errors else ""
        )


class ProgressReporter:
    """Reports the progress of a lane, not too often."""

    def __init__(
        self,
        side: Side,
        on_progress: Callable[[Progress], None] | None,
        total: int | None,
        now: Callable[[], float],
        *,
        rows: str,
    ) -> None:
        """Start the clock; `rows` is what the lane calls its rows."""
        self._rows = rows
        self._side = side
        self._on_progress = on_progress
        self._total = total
        self._now = now
        self._began = self._last = now()

    def due(self) -> bool:
        """Return whether it is time for another record, and take it as made."""
        if self._now() - self._last < PROGRESS_SECONDS:
            return False
        self._last = self._now()
        return True

    def report(self, done: int, kept: int, retries: int, errors: Mapping[str, int], *, finished: bool = False) -> None:
        """Make a record and pass it on."""
        if self._on_progress is None:
            return
        seconds = self._now() - self._began
        rate = (done - kept) / seconds if seconds > 0 else 0.0
        left = None if self._total is None or rate <= 0 else max(self._total - done, 0) / rate
        self._on_progress(
            Progress(
                side=self._side,
                done=done,
                total=self._total,
                kept=kept,
                rate=rate,
                retries=retries,
                errors_by_kind=dict(errors),
                seconds_left=left,
                finished=finished,
                rows=self._rows,
            )
        )
