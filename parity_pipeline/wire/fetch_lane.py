"""Fetch the vectors of a sample set from one side: the door of this room.

Here belong the call that others make, its result and its defaults. What happens inside belongs to `lane`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import TypeVar

import httpx

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock, Staging
from parity_pipeline.core.wire_drift import WireObservation
from parity_pipeline.wire.lane import Lane, LaneParts
from parity_pipeline.wire.pacing import Latency
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneResult:
    """What a fetch came to beside its rows. Counts of rows cover what an earlier run had settled too.

    Attributes:
        models_echoed: Rows with vectors, by the model their answer named; "" where it named none.
        server_headers: Response headers that say what software answered.
        fetched_from: Time of the first request, ISO 8601 in UTC.
        fetched_to: Time of the last answer, ISO 8601 in UTC.
        requests: Requests sent, retries included.
        retries: Requests sent again.
        status_counts: Rows by `RowStatus`, every one named.
        observation: What the wire looked like.
        stopped_early: Why the lane gave up before its end; "" where it did not.
        errors_by_kind: Attempts without vectors, by kind of `policy.RULES`.
        latency: Percentiles over answers with vectors.
        tokens: Tokens the side says it used, by its own field name.
        kept: Rows that an earlier run had settled and that were not asked for again.
        doubts: Reasons why even good vectors prove less than they seem to.
        seconds: How long the fetch took.
    """

    models_echoed: Mapping[str, int]
    server_headers: Mapping[str, str]
    fetched_from: str
    fetched_to: str
    requests: int
    retries: int
    status_counts: Mapping[str, int]
    observation: WireObservation
    stopped_early: str
    errors_by_kind: Mapping[str, int]
    latency: Latency
    tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    kept: int = 0
    doubts: tuple[str, ...] = ()
    seconds: float = 0.0


def utc_now() -> datetime:
    """Return the time now in UTC."""
    return datetime.now(UTC)


def fetch_lane(
    config: SideConfig,
    model: str,
    samples: Iterable[SampleBlock],
    sink: Callable[[FetchedRows], None],
    *,
    staging: Staging | None = None,
    progress: Callable[[Progress], None] | None = None,
    total: int | None = None,
    transport: httpx.AsyncBaseTransport | None = None,
    clock: Callable[[], datetime] = utc_now,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Random | None = None,
) -> LaneResult:
    """Fetch each sample once and hand its row to the sink.

    Args:
        config: The side.
        model: The model of the partition.
        samples: Consecutive blocks from ordinal 0 on; read as they are needed.
        sink: Takes rows strictly in ordinal order, each sample exactly once. What it raises ends the fetch.
        staging: Keeps what was fetched until it is published; rows it holds from an earlier run are not fetched again.
        progress: Told where the fetch stands, at most every `PROGRESS_SECONDS`, and at its end.
        total: Number of samples, where known, for the time left.
        transport: Replaces the network.
        clock: The time of day.
        now: Monotonic seconds.
        sleep: Waits.
        random: Jitter and request ids.

    Returns:
        What it came to. A lane that stopped early has FAILED rows for what it did not ask, and says why.

    Raises:
        GatewayError: The side cannot be used at all: nothing listens, unknown model, other dialect, refused token.
        ArtifactError: The staging or the sink cannot write. What was staged stays, and the next run goes on from there.
    """
    parts = LaneParts(
        transport=transport or transport_for(config),
        clock=clock,
        now=now,
        sleep=sleep,
        random=random or SystemRandom(),
    )

    async def run() -> LaneResult:
        began = now()
        lane = Lane(config, model, sink, parts, staging=staging, progress=progress, total=total)
        async with parts.transport:
            await lane.run(samples)
        return LaneResult(**lane.facts(), seconds=now() - began)

    return run_anywhere(run)


def run_anywhere(run: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine to its end, in a thread of its own where this one already has a loop.

    The task itself returns nothing: putting back the handler of Ctrl-C, asyncio asks for the `repr` of the task, and so
    of its result. For some megabytes of vectors that took longer than asking for them.
    """

    def start() -> Result:
        results: list[Result] = []

        async def keep() -> None:
            results.append(await run())

        asyncio.run(keep())
        return results[0]

    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return _unwrapped(start)
    with ThreadPoolExecutor(1, "fetch-lane") as pool:
        return _unwrapped(pool.submit(start).result)


def _unwrapped(call: Callable[[], Result]) -> Result:
    """Return the result, or raise the one exception that ended it: a task group wraps what its tasks raise."""
    try:
        return call()
    except BaseExceptionGroup as group:
        raise _foremost(group) from None


def _foremost(group: BaseExceptionGroup[BaseException]) -> BaseException:
    flat: list[BaseException] = []
    todo: list[BaseException] = [group]
    while todo:
        one = todo.pop(0)
        if isinstance(one, BaseExceptionGroup):
            todo += one.exceptions
        else:
            flat.append(one)
    return next((one for one in flat if isinstance(one, ParityError)), flat[0])
