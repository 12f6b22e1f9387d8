"""Shadowing: the candidate is sent what the legacy has responded to, and both are compared; no caller waits for it.

Here belong the bounded queue, the budget, and the counts. A request is put into the queue after its caller has the response;
if the queue is full, it is dropped and counted. Comparing is done by the functions of a probe (`core.compare`,
`core.measures`), in a thread of its own.
"""

import asyncio
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from parity_pipeline.adapter.call import Call, Reply
from parity_pipeline.adapter.caller_request import CallerRequest
from parity_pipeline.adapter.config import AdapterConfig
from parity_pipeline.adapter.exchange import Exchange
from parity_pipeline.adapter.metrics import Metrics
from parity_pipeline.adapter.refusals import Refusal, row_status
from parity_pipeline.adapter.request_log import log
from parity_pipeline.adapter.vectors import Vectors
from parity_pipeline.core.compare import compare
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import ComparedRows, grade
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.wire.decode import Decoder
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.pacing import Sleep
from parity_pipeline.wire.retry_policy import kind_of_status

_SECONDS: Final = 30.0
"""Longest time that one shadowed request may take."""


@dataclass(frozen=True, slots=True)
class Shadowed:
    """A request with its response that waits to be compared.

    Attributes:
        call: The caller's request.
        reply: What the caller got.
    """

    call: Call
    reply: Reply

    def __len__(self) -> int:
        """Return the bytes that it holds."""
        return len(self.call.body) + len(self.reply.body)


class Shadow:
    """Compares both sides on what callers send."""

    def __init__(
        self, config: AdapterConfig, exchange: Exchange, metrics: Metrics, sleep: Sleep = asyncio.sleep
    ) -> None:
        """Keep what all comparisons share; `start` begins them."""
        self._sleep = sleep
        self._config = config
        self._exchange = exchange
        self._metrics = metrics
        self._queue: asyncio.Queue[Shadowed] = asyncio.Queue(config.shadow.queue)
        self._bytes = 0
        self._next = 0.0
        self._busy = 0.0
        self._decoders = {id(row): Decoder(row) for row in config.dialects}
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="shadow")
        self._workers: list[asyncio.Task[None]] = []

    def start(self) -> None:
        """Begin to compare."""
        self._workers = [asyncio.create_task(self._work()) for _ in range(self._config.shadow.concurrency)]

    async def stop(self) -> None:
        """Stop comparing; what still waits is dropped."""
        for worker in self._workers:
            worker.cancel()
        for worker in self._workers:
            with suppress(asyncio.CancelledError):
                await worker
        self._count("dropped", self._queue.qsize())
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def drained(self) -> None:
        """Wait until everything that was offered is compared."""
        await self._queue.join()

    def offer(self, call: Call, reply: Reply) -> None:
        """Take a request with its response, or drop it at once if there is no room for it or no budget."""
        one = Shadowed(call, reply)
        options = self._config.shadow
        now = time.monotonic()
        if options.requests_per_second is not None and now < self._next:
            self._count("over_budget")
        elif self._queue.full() or self._bytes + len(one) > options.queue_bytes:
            self._count("dropped")
        else:
            self._next = max(self._next, now) + 1 / options.requests_per_second if options.requests_per_second else 0.0
            self._bytes += len(one)
            self._queue.put_nowait(one)

    def _count(self, result: str, number: int = 1) -> None:
        self._metrics.shadow_requests.labels(result).inc(number)

    async def _work(self) -> None:
        while True:
            one = await self._queue.get()
            before = self._busy
            try:
                self._count(await self._compare(one))
            except Exception:  # noqa: BLE001 - a comparison that fails must never end the others
                self._count("failed")
                log("a comparison failed", level=40, exc_info=True, request_id=one.call.request_id)
            finally:
                self._bytes -= len(one)
                self._queue.task_done()
            await self._sleep((self._busy - before) * (1 / self._config.shadow.busy_share - 1))

    async def _compare(self, one: Shadowed) -> str:
        """Send one request to the candidate and count the outcomes."""
        try:
            request = self._exchange.reader.read(one.call.body, one.call.path_model)
            self._exchange.model_for(self._config.other, request)
        except Refusal:
            return "unmapped"
        call = replace(one.call, deadline=time.monotonic() + _SECONDS)
        candidate: Vectors | Refusal
        try:
            found = await self._exchange.embed(Side.CANDIDATE, call, request, range(len(request.texts)))
            candidate = found.vectors
        except Refusal as refusal:
            candidate = refusal
        loop = asyncio.get_running_loop()
        rows, seconds = await loop.run_in_executor(self._thread, self._timed, one.reply, request, candidate)
        self._busy += seconds
        for outcome in rows.outcomes:
            self._metrics.shadow_texts.labels(outcome.value).inc()
        for cosine in rows.cosine[np.isfinite(rows.cosine)].tolist():
            self._metrics.shadow_distance.observe(max(1.0 - cosine, 0.0))
        return "compared"

    def _timed(self, reply: Reply, request: CallerRequest, candidate: Vectors | Refusal) -> tuple[ComparedRows, float]:
        """Return the graded rows, and the seconds of processor time that they took."""
        started = time.thread_time()
        rows = self._judge(reply, request, candidate)
        return rows, time.thread_time() - started

    def _judge(self, reply: Reply, request: CallerRequest, candidate: Vectors | Refusal) -> ComparedRows:
        """Return the graded rows of one request, compared as a probe compares them."""
        texts = request.texts
        block = SampleBlock(0, [sample_id(text) for text in texts], list(texts), [""] * len(texts))
        legacy = self._legacy_rows(block, reply, request)
        return grade(compare(block, legacy, _rows(block, candidate)), self._config.thresholds)

    def _legacy_rows(self, block: SampleBlock, reply: Reply, request: CallerRequest) -> FetchedRows:
        if reply.status != 200:
            return FetchedRows.without_vectors(block, row_status(kind_of_status(reply.status)), "no vectors")
        try:
            found = self._decoders[id(request.dialect)].decode(reply.body, len(block))
        except MalformedResponse as malformed:
            return FetchedRows.without_vectors(block, RowStatus.MALFORMED, malformed.kind)
        return _rows(block, Vectors(found.vectors, None))


def _rows(block: SampleBlock, found: Vectors | Refusal) -> FetchedRows:
    """Return a side's result as a probe's rows."""
    if isinstance(found, Refusal):
        return FetchedRows.without_vectors(block, row_status(found.cause) if found.cause else RowStatus.FAILED, "")
    with np.errstate(over="ignore"):
        values = np.ascontiguousarray(found.numbers, np.float32).reshape(-1)
    nothing = [None] * len(block)
    return FetchedRows(
        start=0,
        ids=block.ids,
        values=values,
        offsets=np.arange(len(block) + 1, dtype=np.int32) * np.int32(found.dimension),
        status=[RowStatus.OK] * len(block),
        http_status=nothing,
        errors=nothing,
        request_ids=nothing,
        latency_ms=nothing,
    )
