"""Fetch the vectors of a sample set, or of a few texts, from one side: what other packages call.

Here belong these calls and their defaults. How a lane runs, and its result, belong to `lane`.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import TypeVar

import httpx
import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock, Staging
from parity_pipeline.core.samples import sample_id
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.lane import Lane, LaneResult
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

Result = TypeVar("Result")


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
    environment: LaneEnvironment | None = None,
) -> LaneResult:
    """Fetch each sample once and hand its row to the sink.

    Args:
        config: The side.
        model: The model of the partition.
        samples: Consecutive blocks from ordinal 0 on; read as they are needed.
        sink: Takes rows strictly in ordinal order, each sample exactly once. What it raises ends the fetch.
        staging: Keeps what was fetched until it is published; rows it holds from an earlier run are not fetched again.
        progress: Called with the progress, at most every `PROGRESS_SECONDS`, and at its end.
        total: Number of samples, where known, for the time left.
        transport: Replaces the network.
        environment: Replaces the clocks, sleeping and chance.

    Returns:
        The result. A lane that stopped early has FAILED rows for samples that it did not request, and says why.

    Raises:
        GatewayError: The side cannot be used at all: nothing listens, unknown model, other dialect, refused token.
        ArtifactError: The staging or the sink cannot write. What was staged stays, and the next run continues from there.
    """
    network = transport or transport_for(config)

    async def run() -> LaneResult:
        lane = Lane(
            config,
            model,
            sink,
            transport=network,
            environment=environment or LaneEnvironment(),
            staging=staging,
            progress=progress,
            total=total,
        )
        async with network:
            return await lane.run(samples)

    return run_anywhere(run)


def embed_texts(
    config: SideConfig, model: str, texts: Sequence[str], *, transport: httpx.AsyncBaseTransport | None = None
) -> Sequence[NDArray[np.float32] | None]:
    """Return one vector per text in the same order, None where the side returns none; texts may be repeated.

    A diagnosis uses it for its follow-up queries.

    Args:
        config: The side.
        model: The model of the partition.
        texts: The texts.
        transport: Replaces the network.

    Raises:
        GatewayError: The side cannot be used at all.
    """
    block = SampleBlock(0, [sample_id(text) for text in texts], list(texts), [""] * len(texts))
    fetched, _ = embed_rows(config, model, block, transport=transport)
    vectors: list[NDArray[np.float32] | None] = []
    for rows in fetched:
        spans = zip(rows.offsets[:-1], rows.offsets[1:], strict=True)
        vectors.extend(rows.values[low:high].copy() if high > low else None for low, high in spans)
    return vectors


def embed_rows(
    config: SideConfig, model: str, block: SampleBlock, *, transport: httpx.AsyncBaseTransport | None = None
) -> tuple[Sequence[FetchedRows], int]:
    """Return the rows of a block, in order, and the number of requests sent; no request is retried more than once.

    Requests are cut as in a lane, and as many are in flight. A confirmation uses it to repeat whole requests.

    Args:
        config: The side.
        model: The model of the partition.
        block: The texts, from ordinal 0 on.
        transport: Replaces the network.

    Raises:
        GatewayError: The side cannot be used at all.
    """
    fetched: list[FetchedRows] = []
    once = replace(config.for_few_texts(), attempts=2, adaptive=False)
    lane = fetch_lane(once, model, [block], fetched.append, total=len(block), transport=transport)
    return fetched, lane.requests


def run_anywhere(run: Callable[[], Awaitable[Result]]) -> Result:
    """Run a coroutine to its end, in a thread of its own if this one already has a loop.

    The task itself returns nothing: when asyncio restores the handler of Ctrl-C it computes the `repr` of the task, and so
    of its result. For some megabytes of vectors that took longer than fetching them.
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
