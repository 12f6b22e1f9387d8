"""The options of the flip: plain records that settings fill and this package reads.

Here belongs what may be set and its defaults, each written once. The checks of values belong to `settings.flip`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Literal

from parity_pipeline.core.flip_steps import FlipStep

HOURS: Final[Mapping[FlipStep, float]] = {
    FlipStep.SHADOW: 24.0,
    FlipStep.SHARE_1: 24.0,
    FlipStep.SHARE_10: 24.0,
    FlipStep.SHARE_50: 48.0,
    FlipStep.FLIP: 168.0,
}
"""Hours that each step lasts at least: a day each sees the daily cycle of the traffic, a week the weekly one."""


class Divide(StrEnum):
    """What decides which side gets a request while the traffic is shared."""

    BODY = "body"
    """The proxy: a hash of the whole request body."""
    TEXT = "text"
    """The adapter: a hash of each text, so that a batch is divided."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FlipOptions:
    """What has to hold before a step, and where the traffic passes.

    Attributes:
        dates: Newest dates that have to be a PASS, for each model and corpus.
        strength: Least that each PASS has to prove: `smoke` for hand-picked inputs, `sampled` for random ones, `proved` for
            those that prove the required bound.
        bound: Share of inputs, in (0, 1), that at most may still differ by each PASS; None for no demand.
        max_age_days: Days by which the newest date may be in the past.
        accepted: Checks that need not pass, by name: someone has looked at them.
        adapter: Whether the adapter is in the way, and has to be proved by a probe; None for whether the settings have a
            section for it or the sides speak different dialects.
        hours: Hours that each step lasts at least, in place of the default ones.
        listen: Host and port that the proxy listens on.
        divide: What decides which side gets a request.
    """

    dates: int = 3
    strength: Literal["smoke", "sampled", "proved"] = "sampled"
    bound: float | None = None
    max_age_days: int = 2
    accepted: tuple[str, ...] = ()
    adapter: bool | None = None
    hours: Mapping[FlipStep, float] = field(default_factory=dict[FlipStep, float])
    listen: str = "127.0.0.1:8080"
    divide: Divide = Divide.BODY

    def hours_of(self, step: FlipStep) -> float:
        """Return the hours that a step lasts at least; 0 for one that moves no traffic."""
        return self.hours.get(step, HOURS.get(step, 0.0))
