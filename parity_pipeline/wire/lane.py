"""One lane from its first request to its last row: plan batches, fetch them, write rows in order, stop when it must.

Here belongs the running of a lane. One batch belongs to `batch_fetcher`, the order of rows to `reorder_buffer`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from random import Random
from typing import Any, TypeVar

import httpx

from parity_pipeline.core.fetched_rows import Piece, SampleBlock, Staging
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.wire_drift import NOT_OBSERVED, WireObservation
from parity_pipeline.wire.batch_fetcher import CANARY_TEXT, BatchFetcher
from parity_pipeline.wire.client import Client, HttpResponse, RequestSender, SenderContext
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import Batch, RequestEncoder, encode_text, plan
from parity_pipeline.wire.gateway_errors import AttemptError, one_line
from parity_pipeline.wire.pacing import ConcurrencyLimiter, RateLimiter
from parity_pipeline.wire.progress import Progress, ProgressReporter
from parity_pipeline.wire.reorder_buffer import ReorderBuffer, Sink
from parity_pipeline.wire.row_builders import not_requested
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import observe, software

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneParts:
    """What a lane gets from its caller: the network, the clocks, the random numbers."""

    transport: httpx.AsyncBaseTransport
    clock: Callable[[], datetime]
    now: Callable[[], float]
    sleep: Callable[[float], Awaitable[None]]
    random: Random


class Lane:
    """The fetch of one sample set from one side."""

    def __init__(
        self,
        config: SideConfig,
        model: str,
        sink: Sink,
        parts: LaneParts,
        *,
        staging: Staging | None,
        progress: Callable[[Progress], None] | None,
        total: int | None,
    ) -> None:
        """Put the parts together; nothing is sent yet."""
        self._config = config
        self._parts = parts
        self._staging = staging
        self._deadline = parts.now() + config.lane_seconds if config.lane_seconds else float("inf")
        context = SenderContext(
            client=Client(config, parts.transport, parts.now),
            concurrency_limiter=ConcurrencyLimiter(config.concurrency, parts.now, adaptive=config.adaptive),
            rate_limiter=RateLimiter(config.requests_per_second, config.texts_per_second, parts.now, parts.sleep),
            sleep=parts.sleep,
            clock=parts.clock,
            seconds_left=lambda: self._deadline - parts.now(),
            now=parts.now,
            random=parts.random,
        )
        self._sender = RequestSender(config, model, context, self._on_response)
        self._fetcher = BatchFetcher(config, self._sender)
        self._buffer = ReorderBuffer(sink, staging, window=4 * config.concurrency + 8)
        # As many batches again are read, staged and written while `concurrency` requests are in flight.
        self._slots = asyncio.Semaphore(2 * config.concurrency)
        self._disk = ThreadPoolExecutor(1, "lane-disk")
        self._recent: deque[tuple[int, int]] = deque(maxlen=max(1, config.stop_window))
        self._reporter = ProgressReporter(config.side, progress, total, parts.now)
        before = dict(staging.recall()) if staging is not None else {}
        seen = before.get("observation")
        self._observation = _observation(seen) if seen else None
        self._software: dict[str, str] = before.get("server_headers", {})
        self._from: str = before.get("fetched_from", "")
        self._to: str = before.get("fetched_to", "")
        self._requests_before: int = before.get("requests", 0)
        self._retries_before: int = before.get("retries", 0)
        self._malformed_before: int = before.get("malformed_batches", 0)
        self._tokens_before: Counter[str] = Counter(before.get("tokens", {}))

    async def run(self, samples: Iterable[SampleBlock]) -> None:
        """Fetch all samples.

        Raises:
            GatewayError: The side cannot be used at all. `fetch_lane` lists the others.
        """
        self._from = self._from or self._stamp()
        with self._disk:
            async with asyncio.TaskGroup() as tasks:
                await self._start_all(samples, tasks)
            await self._fetcher.fetch_set_aside(self._place)
            if self._needs_default_model():
                await self._observe_default_model()
            await self._remember()
        self._report(finished=True)

    async def _start_all(self, samples: Iterable[SampleBlock], tasks: asyncio.TaskGroup) -> None:
        limit = 1 if self._config.dialect.one_text else self._config.batch_texts
        overhead = self._sender.encoder.overhead
        for batch in plan(samples, texts=limit, size=self._config.batch_bytes, overhead=overhead):
            parts = await self._on_disk(self._missing, batch) if self._is_kept(batch) else [batch]
            for part in parts:
                await self._buffer.room()
                await self._slots.acquire()
                self._check_deadline()
                if self._sender.stopped:
                    self._slots.release()
                    await self._place(not_requested(part, self._sender.stopped))
                else:
                    tasks.create_task(self._fetch(part))

    async def _on_disk(self, call: Callable[..., T], *arguments: Any) -> T:
        """Call what may wait for a disk in the one thread for it, so that a slow disk delays no request."""
        return await asyncio.get_running_loop().run_in_executor(self._disk, call, *arguments)

    def _is_kept(self, batch: Batch) -> bool:
        """Return whether an earlier run fetched any part of a batch."""
        staging = self._staging
        return staging is not None and any(staging.count_at(batch.start + index) for index in range(len(batch)))

    def _missing(self, batch: Batch) -> list[Batch]:
        """Return the parts of a batch that no earlier run fetched; note those that one did."""
        return list(self._unfetched(batch, self._staging)) if self._staging else [batch]

    def _unfetched(self, batch: Batch, staging: Staging) -> Iterator[Batch]:
        first, index = 0, 0
        while index < len(batch):
            count = staging.count_at(batch.start + index)
            if not count or index + count > len(batch):
                index += 1
                continue
            if first < index:
                yield batch.part(first, index)
            self._buffer.keep(batch.start + index, count)
            index += count
            first = index
        if first < len(batch):
            yield batch.part(first, len(batch))

    async def _fetch(self, batch: Batch) -> None:
        failed = 0

        async def place(piece: Piece) -> None:
            nonlocal failed
            failed += sum(status is RowStatus.FAILED for status in piece.rows.status)
            await self._place(piece)

        try:
            await self._fetcher.fetch(batch, place)
            if self._fetcher.has_set_aside:
                self._buffer.drop_window()
        finally:
            self._slots.release()
        self._recent.append((len(batch), failed))
        self._check_share()

    async def _place(self, piece: Piece) -> None:
        # Shielded: what was fetched is kept, even if the next response ends the lane.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._disk, self._buffer.place, piece))
        self._buffer.note_room()
        if self._reporter.due():
            await self._remember()
            self._report()

    def _check_share(self) -> None:
        rows, failed = (sum(column) for column in zip(*self._recent, strict=True))
        full = len(self._recent) == self._recent.maxlen
        if full and failed > self._config.stop_share * rows and not self._sender.stopped:
            share = f"{failed} of the last {rows} samples failed, more than {self._config.stop_share:.0%}"
            worst = self._sender.counters.errors_by_kind.most_common(1)
            self._sender.stopped = f"lane stopped early because {share}" + (f" (mostly {worst[0][0]})" if worst else "")

    def _check_deadline(self) -> None:
        if self._parts.now() >= self._deadline and not self._sender.stopped:
            self._sender.stopped = (
                f"lane stopped early because its deadline of {self._config.lane_seconds:g} s has passed"
            )

    def _on_response(self, response: HttpResponse, decoded: Decoded) -> None:
        self._to = self._stamp()
        if self._observation is None:
            dimension = decoded.vectors.shape[1]
            hide = self._config.without_secrets
            seen = observe(self._config.dialect, self._sender.encoder.fields, response.body, dimension)
            self._observation = replace(
                seen,
                response_fields=tuple(map(hide, seen.response_fields)),
                unknown_fields=tuple(map(hide, seen.unknown_fields)),
                usage_fields=tuple(map(hide, seen.usage_fields)),
            )
            self._software = {name: hide(value) for name, value in software(response.headers).items()}

    def _needs_default_model(self) -> bool:
        known = self._observation is not None and self._observation.default_model == NOT_OBSERVED
        field = self._config.dialect.model_field
        return known and field is not None and self._config.ask_default_model and not self._sender.stopped

    async def _observe_default_model(self) -> None:
        """Record the model of a response to a request that names none, or that the request was refused."""
        body = RequestEncoder(self._config.dialect, None).body([encode_text(CANARY_TEXT)])
        try:
            _, decoded = await self._sender.send(body, "default-model", 1, counted=False, own=True)
            found = one_line(decoded.model) or "not named"
        except AttemptError as error:
            found = f"refused (HTTP {error.http_status})" if error.http_status else NOT_OBSERVED
        if self._observation is not None:
            self._observation = replace(self._observation, default_model=found)

    def _stamp(self) -> str:
        return self._parts.clock().isoformat(timespec="milliseconds")

    def _report(self, *, finished: bool = False) -> None:
        counters = self._sender.counters
        self._reporter.report(
            self._buffer.done, self._buffer.kept, counters.retries, counters.errors_by_kind, finished=finished
        )

    async def _remember(self) -> None:
        if self._staging is None:
            return
        facts = self.facts()
        observation = asdict(self._observation) if self._observation else None
        kept = ("server_headers", "fetched_from", "fetched_to", "requests", "retries", "tokens")
        malformed = self._sender.counters.malformed_batches + self._malformed_before
        remembered = {
            "observation": observation,
            "malformed_batches": malformed,
            **{name: facts[name] for name in kept},
        }
        await self._on_disk(self._staging.remember, remembered)

    def _caveats(self) -> tuple[str, ...]:
        """Return what a person should know although the rows are right: malformed responses, and texts that hung."""
        hung = self._sender.hanging.caveats()
        count = self._sender.counters.malformed_batches + self._malformed_before
        if not count:
            return hung
        again = "their texts were sent again in smaller batches"
        return (f"{count} batches got malformed responses, even after a retry; {again}", *hung)

    def facts(self) -> Mapping[str, Any]:
        """Return the fields of `LaneResult`, without its duration."""
        counters = self._sender.counters
        return {
            "models_echoed": dict(self._buffer.models_echoed),
            "server_headers": dict(self._software),
            "fetched_from": self._from,
            "fetched_to": self._to or self._from,
            "requests": self._requests_before + counters.requests,
            "retries": self._retries_before + counters.retries,
            "status_counts": {status.value: self._buffer.status_counts[status] for status in RowStatus},
            "observation": self._observation or WireObservation(method_and_path=f"POST {self._config.dialect.path}"),
            "stopped_early": self._sender.stopped,
            "errors_by_kind": dict(counters.errors_by_kind),
            "latency": self._buffer.latency.summary(),
            "tokens": dict(self._tokens_before + counters.tokens),
            "kept": self._buffer.kept,
            "caveats": self._caveats(),
        }


def _observation(kept: Mapping[str, Any]) -> WireObservation:
    """Return the observation that an earlier run staged as JSON, with tuples for lists."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return WireObservation(**values)
