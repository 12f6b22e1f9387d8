"""What a lane sent and met, as plain numbers.

Here belongs what is counted. What counts as what belongs to `batch_fetcher`.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from parity_pipeline.core.outcomes import Side


@dataclass(slots=True)
class LaneCounters:
    """What a lane sent and met.

    Attributes:
        requests: Requests sent, retries included.
        retries: Requests sent again.
        answered: Answers with vectors.
        http_answers: Answers of any kind.
        tokens: Tokens the side says it used, by its own field.
        troubles: Attempts without vectors, by kind.
        malformed_batches: Batches of several texts that stayed malformed and were asked again in halves.
    """

    requests: int = 0
    retries: int = 0
    answered: int = 0
    http_answers: int = 0
    tokens: Counter[str] = field(default_factory=Counter[str])
    troubles: Counter[str] = field(default_factory=Counter[str])
    malformed_batches: int = 0


PROGRESS_SECONDS: Final = 1.0
"""Seconds between two records, so that telling them costs nothing beside fetching."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Progress:
    """Where a lane stands.

    Attributes:
        side: The lane.
        done: Samples settled, those of an earlier run included.
        total: Samples of the set; None where it is not known.
        kept: Samples that an earlier run had settled.
        rate: Samples settled a second by this run.
        retries: Requests sent again.
        errors_by_kind: Attempts without vectors, by kind.
        seconds_left: Estimate from the rate; None where it cannot be told.
        finished: This is the lane's last record.
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

    def describe(self) -> str:
        """Return one line for a log."""
        of = f" of {self.total}" if self.total is not None else ""
        errors = ", ".join(f"{count} {kind}" for kind, count in sorted(self.errors_by_kind.items()))
        left = f", {self.seconds_left:.0f} s left" if self.seconds_left is not None and not self.finished else ""
        kept = f", {self.kept} kept from an earlier run" if self.kept else ""
        return f"{self.side}: {self.done}{of} samples, {self.rate:.0f}/s, {self.retries} retries{kept}{left}" + (
            f"; {errors}" if errors else ""
        )


class ProgressReporter:
    """Tells where a lane stands, not too often."""

    def __init__(
        self, side: Side, tell: Callable[[Progress], None] | None, total: int | None, now: Callable[[], float]
    ) -> None:
        """Start the clock."""
        self._side = side
        self._tell = tell
        self._total = total
        self._now = now
        self._began = self._last = now()

    def due(self) -> bool:
        """Return whether it is time for another record, and take it as told."""
        if self._now() - self._last < PROGRESS_SECONDS:
            return False
        self._last = self._now()
        return True

    def tell(self, done: int, kept: int, retries: int, errors: Mapping[str, int], *, finished: bool = False) -> None:
        """Hand on a record."""
        if self._tell is None:
            return
        seconds = self._now() - self._began
        rate = (done - kept) / seconds if seconds > 0 else 0.0
        left = None if self._total is None or rate <= 0 else max(self._total - done, 0) / rate
        self._tell(
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
            )
        )
