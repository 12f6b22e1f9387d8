"""Resources: what the assets are handed, as plain objects of the other rooms.

Here belong the records that the composition root fills and that tests replace by fakes. No asset reads settings, the
environment or a clock on its own.
"""

from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetching import FetchedRows, SampleBlock, Staging
from parity_pipeline.core.grading import Thresholds
from parity_pipeline.core.stability.records import Answer, Budget, Step
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.engine import LaneResult, fetch_lane
from parity_pipeline.wire.experiments import Conducted, run_experiments
from parity_pipeline.wire.few import ask_few
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.side import SideConfig

Result = TypeVar("Result")


class Gateway(Protocol):
    """One side as the assets use it."""

    @property
    def config(self) -> SideConfig:
        """Return how the side is asked."""
        ...

    def fetch(
        self,
        model: str,
        samples: Iterable[SampleBlock],
        sink: Callable[[FetchedRows], None],
        *,
        staging: Staging | None,
        progress: Callable[[Progress], None],
        total: int,
    ) -> LaneResult:
        """Fetch the vectors of all samples in order; `wire.engine.fetch_lane` says more."""
        ...

    def try_out(
        self, model: str, dialogue: Generator[Step, Sequence[Answer], Result], *, most: int
    ) -> Conducted[Result]:
        """Send the requests that a dialogue asks for; `wire.experiments.run_experiments` says more."""
        ...

    def ask(self, model: str, texts: Sequence[str]) -> Sequence[NDArray[np.float32] | None]:
        """Return a vector a text, None where there is none; for a few texts, out of the lane."""
        ...


@dataclass(frozen=True)
class HttpGateway:
    """A side behind HTTP. Its configuration, token included, is made when it is first asked and not when loaded."""

    make_config: Callable[[], SideConfig]

    @property
    def config(self) -> SideConfig:
        """Return how the side is asked.

        Raises:
            SettingsError: Its token is not in the environment.
        """
        return self.make_config()

    def fetch(
        self,
        model: str,
        samples: Iterable[SampleBlock],
        sink: Callable[[FetchedRows], None],
        *,
        staging: Staging | None,
        progress: Callable[[Progress], None],
        total: int,
    ) -> LaneResult:
        """Fetch the vectors of all samples in order."""
        return fetch_lane(self.config, model, samples, sink, staging=staging, progress=progress, total=total)

    def try_out(
        self, model: str, dialogue: Generator[Step, Sequence[Answer], Result], *, most: int
    ) -> Conducted[Result]:
        """Send the requests that a dialogue asks for."""
        return run_experiments(self.config, model, dialogue, most=most)

    def ask(self, model: str, texts: Sequence[str]) -> Sequence[NDArray[np.float32] | None]:
        """Return a vector a text, None where there is none; for a few texts, out of the lane."""
        return ask_few(self.config, model, texts)


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What every asset of one project shares.

    Attributes:
        layout: Where data and reports lie.
        sources: Where samples come from.
        thresholds: What a sample has to reach.
        models: All models of the settings.
        waivers: Expected differences, in the order of the settings.
        required_bound: Share of inputs, in (0, 1), that at most may fail, to be proved; None asks for no proof.
        package_version: Version that is running.
        now: The clock; aware datetimes in UTC.
        stability: How much a side is asked to be tried against itself.
        watch: Called with the lane's name and its progress, for a person who waits; None where nobody does.
    """

    layout: Layout
    sources: Sequence[SourceSpec]
    thresholds: Thresholds
    package_version: str
    models: Sequence[str] = ()
    waivers: Sequence[Waiver] = ()
    required_bound: float | None = None
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stability: Budget = field(default_factory=Budget)
    watch: Callable[[str, Progress], None] | None = None

    def paced(self, seconds: float) -> Callable[[], bool]:
        """Return a function that says yes at most once in so many seconds, by the clock of this probe."""
        last = [self.now()]

        def due() -> bool:
            current = self.now()
            if (current - last[0]).total_seconds() < seconds:
                return False
            last[0] = current
            return True

        return due
