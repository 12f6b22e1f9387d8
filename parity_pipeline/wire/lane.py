"""One lane from its first request to its last row: plan batches, fetch them, write rows in order, stop when it must.

Here belongs the running of a lane. One batch belongs to `batch_fetcher`, the order of rows to `reorder_buffer`.
"""

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field, replace
from typing import Any, TypeVar

import httpx

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.fetched_rows import Piece, SampleBlock, Staging
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.wire_drift import NOT_OBSERVED, WireObservation
from parity_pipeline.wire.batch_fetcher import CANARY_TEXT, BatchFetcher
from parity_pipeline.wire.client import HttpResponse, LaneEnvironment, RequestSender, SenderContext
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import Batch, RequestEncoder, encode_text, plan
from parity_pipeline.wire.gateway_errors import AttemptError, deadline_passed, one_line, too_many_failed
from parity_pipeline.wire.lane_canaries import LaneCanaries
from parity_pipeline.wire.pacing import Latency
from parity_pipeline.wire.progress import Progress, ProgressReporter
from parity_pipeline.wire.reorder_buffer import ReorderBuffer, Sink, not_requested
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import observe, software

T = TypeVar("T")


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneResult:
    """Result of a fetch beside its rows. Counts of rows include those kept from an earlier run.

    Attributes:
        models_echoed: Rows with vectors, by the model that their response named; "" if it named none.
        server_headers: Response headers that name the server's software.
        fetched_from: Time of the first request, ISO 8601 in UTC.
        fetched_to: Time of the last response, ISO 8601 in UTC.
        requests: Requests sent, retries included.
        retries: Requests sent again.
        status_counts: Rows by `RowStatus`, every one named.
        observation: What the responses looked like.
        stopped_early: Why the lane stopped before its end; "" if it did not.
        errors_by_kind: Attempts without vectors, by kind of `retry_policy.RULES`.
        latency: Percentiles over responses with vectors.
        tokens: Tokens that the side reports, by its own field name.
        kept: Rows kept from an earlier run and not requested again.
        caveats: Reasons why even good vectors prove less than they seem to.
        canaries: What the same request showed at the start, middle and end.
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
    caveats: tuple[str, ...] = ()
    canaries: CanaryRecord = field(default_factory=CanaryRecord)
    seconds: float = 0.0


class Lane:
    """The fetch of one sample set from one side."""

    def __init__(
        self,
        config: SideConfig,
        model: str,
        sink: Sink,
        *,
        transport: httpx.AsyncBaseTransport,
        environment: LaneEnvironment,
        staging: Staging | None,
        progress: Callable[[Progress], None] | None,
        total: int | None,
    ) -> None:
        """Put the lane together; nothing is sent yet."""
        self._config = config = config.for_model(model)
        self._environment = environment
        self._staging = staging
        context = SenderContext.of(config, transport, environment)
        self._sender = RequestSender(config, model, context, self._on_response)
        self._fetcher = BatchFetcher(config, self._sender)
        self._buffer = ReorderBuffer(sink, staging, window=4 * config.concurrency + 8)
        # As many batches again are read, staged and written while `concurrency` requests are in flight.
        self._slots = asyncio.Semaphore(2 * config.concurrency)
        self._disk = ThreadPoolExecutor(1, "lane-disk")
        self._total = total
        self._recent: deque[tuple[int, int]] = deque(maxlen=max(1, config.stop_window))
        self._reporter = ProgressReporter(config.side, progress, total, environment.now)
        before = dict(staging.recall()) if staging is not None else {}
        self._canaries = LaneCanaries(config, self._sender, self._fetcher.note_good, before.get("canaries", {}))
        self._canaries_from_start = self._canaries.was_staged
        self._canaries_planned = ["start", "middle"] if config.canaries else []
        seen = before.get("observation")
        self._observation = _observation(seen) if seen else None
        self._software: dict[str, str] = before.get("server_headers", {})
        self._from: str = before.get("fetched_from", "")
        self._to: str = before.get("fetched_to", "")
        self._requests_before: int = before.get("requests", 0)
        self._retries_before: int = before.get("retries", 0)
        self._malformed_before: int = before.get("malformed_batches", 0)
        self._tokens_before: Counter[str] = Counter(before.get("tokens", {}))

    async def run(self, samples: Iterable[SampleBlock]) -> LaneResult:
        """Fetch all samples.

        Raises:
            GatewayError: The side cannot be used at all. `fetch_lane` lists the others.
        """
        began = self._environment.now()
        self._from = self._from or self._stamp()
        with self._disk:
            async with asyncio.TaskGroup() as tasks:
                await self._start_all(samples, tasks)
            await self._fetcher.fetch_set_aside(self._place)
            await self._send_last_canaries()
            if self._needs_default_model():
                await self._observe_default_model()
            await self._remember()
        self._report(finished=True)
        return replace(self._result(), seconds=self._environment.now() - began)

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
                    self._send_due_canary(part.start, tasks)
                    tasks.create_task(self._fetch(part))

    def _send_due_canary(self, start: int, tasks: asyncio.TaskGroup) -> None:
        """Send a canary beside the batches where one is due: before the first of them and in the middle of the lane."""
        due = self._canaries_planned[:1]
        if due == ["start"] or (due == ["middle"] and self._total is not None and 2 * start >= self._total):
            self._canaries_planned.pop(0)
            tasks.create_task(self._send_canary(start))

    async def _send_canary(self, start: int) -> None:
        if await self._canaries.send(start):
            await self._remember()

    async def _send_last_canaries(self) -> None:
        """Send a canary after the last sample, and those of a soak, if this run requested anything."""
        if not self._sender.counters.requests or self._sender.stopped:
            return
        if self._config.canaries:
            await self._canaries.send(self._buffer.done)
        await self._canaries.soak(self._buffer.done)

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
            errors = self._sender.counters.errors_by_kind
            self._sender.stopped = too_many_failed(failed, rows, self._config.stop_share, errors)

    def _check_deadline(self) -> None:
        seconds = self._config.lane_seconds
        if seconds and self._sender.context.seconds_left() <= 0 and not self._sender.stopped:
            self._sender.stopped = deadline_passed(seconds)

    def _on_response(self, response: HttpResponse, decoded: Decoded) -> None:
        self._to = self._stamp()
        if self._observation is None:
            dimension = decoded.vectors.shape[1]
            hide = self._config.without_secrets
            fields = self._sender.encoder.fields
            self._observation = observe(self._config.dialect, fields, response.body, dimension, hide=hide)
            self._software = software(response.headers, hide)

    def _needs_default_model(self) -> bool:
        known = self._observation is not None and self._observation.default_model == NOT_OBSERVED
        field = self._config.dialect.model_field
        return known and field is not None and self._config.ask_default_model and not self._sender.stopped

    async def _observe_default_model(self) -> None:
        """Record the model of a response to a request that names none, or that the request was refused."""
        body = RequestEncoder(self._config.dialect, None).body([encode_text(CANARY_TEXT)])
        try:
            _, decoded = await self._sender.send(body, 1, counted=False)
            found = one_line(decoded.model) or "not named"
        except AttemptError as error:
            found = f"refused (HTTP {error.http_status})" if error.http_status else NOT_OBSERVED
        if self._observation is not None:
            self._observation = replace(self._observation, default_model=found)

    def _stamp(self) -> str:
        return self._environment.clock().isoformat(timespec="milliseconds")

    def _report(self, *, finished: bool = False) -> None:
        counters = self._sender.counters
        self._reporter.report(
            self._buffer.done, self._buffer.kept, counters.retries, counters.errors_by_kind, finished=finished
        )

    async def _remember(self) -> None:
        if self._staging is None:
            return
        result = self._result()
        remembered = {
            "observation": asdict(self._observation) if self._observation else None,
            "canaries": self._canaries.staged(),
            "malformed_batches": self._sender.counters.malformed_batches + self._malformed_before,
            "server_headers": result.server_headers,
            "fetched_from": result.fetched_from,
            "fetched_to": result.fetched_to,
            "requests": result.requests,
            "retries": result.retries,
            "tokens": result.tokens,
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

    def _result(self) -> LaneResult:
        """Return the result so far, without its duration."""
        counters = self._sender.counters
        return LaneResult(
            models_echoed=dict(self._buffer.models_echoed),
            server_headers=dict(self._software),
            fetched_from=self._from,
            fetched_to=self._to or self._from,
            requests=self._requests_before + counters.requests,
            retries=self._retries_before + counters.retries,
            status_counts={status.value: self._buffer.status_counts[status] for status in RowStatus},
            observation=self._observation or WireObservation(method_and_path=f"POST {self._config.dialect.path}"),
            stopped_early=self._sender.stopped,
            errors_by_kind=dict(counters.errors_by_kind),
            latency=self._buffer.latency.summary(),
            tokens=dict(self._tokens_before + counters.tokens),
            kept=self._buffer.kept,
            caveats=self._caveats(),
            canaries=self._canaries.record(from_start=self._canaries_from_start or not self._buffer.kept),
        )


def _observation(kept: Mapping[str, Any]) -> WireObservation:
    """Return the observation that an earlier run staged as JSON, with tuples for lists."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return WireObservation(**values)
