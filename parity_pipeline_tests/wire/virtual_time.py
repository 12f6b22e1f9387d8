"""Hours in milliseconds: an event loop whose clock jumps to the next timer as soon as nothing else is to be done.

Here belongs this clock and a side that lives on it; no test. A thread that works for the loop (a staging on disk) holds the
clock, and so does nothing else.
"""

import asyncio
import selectors
from collections.abc import Awaitable, Callable, Sequence
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, Self

import httpx

from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.lane import Lane
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.wire.fake_side import NOON, FakeSide, Fetched, Time, blocks

if TYPE_CHECKING:
    from parity_pipeline.core.fetched_rows import FetchedRows


class _Selector(selectors.DefaultSelector):
    """Waits for what is real, and moves the clock instead of waiting for a timer."""

    def __init__(self) -> None:
        super().__init__()
        self.seconds = 0.0
        self.in_threads = 0

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or (self.in_threads and timeout > 0):
            return super().select(None)
        found = super().select(0)
        if not found:
            self.seconds += max(timeout, 0.0)
        return found


class VirtualLoop(asyncio.SelectorEventLoop):
    """An event loop on a clock of its own."""

    def __init__(self) -> None:
        """Start at 0 seconds."""
        self.clock = _Selector()
        super().__init__(self.clock)

    def time(self) -> float:
        """Return the seconds of the virtual clock."""
        return self.clock.seconds

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> asyncio.Future[Any]:
        """Hold the clock while a thread works."""
        self.clock.in_threads += 1
        future = super().run_in_executor(executor, func, *args)
        future.add_done_callback(self._release)
        return future

    def _release(self, _future: asyncio.Future[Any]) -> None:
        self.clock.in_threads -= 1


class VirtualTime(asyncio.DefaultEventLoopPolicy):
    """Puts every event loop of this thread on the virtual clock, one after the other, within a `with` block."""

    def __init__(self) -> None:
        """Start at 0 seconds."""
        super().__init__()
        self._loops: list[VirtualLoop] = []

    def __enter__(self) -> Self:
        """Replace the event loops."""
        # `asyncio.run` has no other public seam; the functions are deprecated from Python 3.14 on.
        asyncio.set_event_loop_policy(self)  # pyright: ignore[reportDeprecated]
        return self

    def __exit__(self, *_error: object) -> None:
        """Put the usual ones back."""
        asyncio.set_event_loop_policy(None)  # pyright: ignore[reportDeprecated]

    def new_event_loop(self) -> VirtualLoop:
        """Return a loop that starts where the one before ended."""
        self._loops.append(VirtualLoop())
        return self._loops[-1]

    def now(self) -> float:
        """Return the seconds that all loops took together."""
        return sum(loop.time() for loop in self._loops)


class Slow:
    """A side on the virtual clock: a correct response takes `seconds`, a text that hangs gets none.

    Attributes:
        fake: The side that responds.
    """

    def __init__(
        self,
        fake: FakeSide,
        hangs: Callable[[list[str]], bool] = lambda _texts: False,
        seconds: Callable[[list[str]], float] = lambda _texts: 0.05,
        *,
        trickles: bool = False,
    ) -> None:
        """Take the rules: whether a request hangs, and how long another one takes."""
        self.fake = fake
        self._hangs = hangs
        self._seconds = seconds
        self._trickles = trickles

    async def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond, or run into the read time-out; into the total one if bytes trickle."""
        response_or_error: httpx.Response | Exception
        try:
            response_or_error = self.fake(request)
        except httpx.TransportError as error:
            response_or_error = error
        texts = self.fake.bodies[-1]["texts"]
        if self._hangs(texts):
            await asyncio.sleep(100_000.0 if self._trickles else request.extensions["timeout"]["read"])
            raise httpx.ReadTimeout("no byte")
        await asyncio.sleep(self._seconds(texts))
        if isinstance(response_or_error, Exception):
            raise response_or_error
        return response_or_error


def fetch_in_virtual_time(
    respond: Callable[[httpx.Request], Awaitable[httpx.Response]],
    texts: Sequence[str],
    config: SideConfig,
    folder: Path | None = None,
) -> Fetched:
    """Fetch a lane on the virtual clock, through a staging if there is a folder for it."""
    rows: list[FetchedRows] = []

    async def run(staging: SqliteStaging | None) -> Fetched:
        loop = asyncio.get_running_loop()
        environment = LaneEnvironment(
            clock=lambda: NOON + timedelta(seconds=loop.time()),
            now=loop.time,
            sleep=asyncio.sleep,
            random=Random(1),  # noqa: S311 - the same jitter each time, nothing secret
        )
        lane = Lane(
            config,
            "m",
            rows.append,
            transport=httpx.MockTransport(respond),  # type: ignore[arg-type]
            environment=environment,
            staging=staging,
            progress=None,
            total=len(texts),
        )
        return Fetched(await lane.run(blocks(texts)), rows, Time(loop.time()))

    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        if folder is None:
            return runner.run(run(None))
        with SqliteStaging(folder) as staging:
            return runner.run(run(staging))
