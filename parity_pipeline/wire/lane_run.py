"""The run of any lane: take batches, fetch them side by side, hand rows on in order, stop when it must, resume.

Here belongs what all probes share of a lane. What is sent and read belongs to a `codec`; what a probe sends beside its
batches and says in its result belongs to `lane` (embed) and `retrieval_lane`. One batch belongs to `batch_fetcher`, the
order of rows to `reorder_buffer`.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, fields
from typing import Any, Generic, Protocol, TypeVar

import httpx

from parity_pipeline.core.fetched_rows import RowsT, SettledRows, StagingOf
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.batch_fetcher import BatchFetcher
from parity_pipeline.wire.client import LaneEnvironment, RequestSender, SenderContext
from parity_pipeline.wire.codec import Codec, DecodedT, HttpResponse, not_requested
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import deadline_passed, too_many_failed
from parity_pipeline.wire.pacing import Latency
from parity_pipeline.wire.progress import Progress, ProgressReporter
from parity_pipeline.wire.reorder_buffer import ReorderBuffer
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import software

T = TypeVar("T")
SeenT_contra = TypeVar("SeenT_contra", contravariant=True)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneTotals:
    """Result of a lane of any probe beside its rows. Counts of rows include those kept from an earlier run.

    Attributes:
        server_headers: Response headers that name the server's software.
        fetched_from: Time of the first request, ISO 8601 in UTC.
        fetched_to: Time of the last response, ISO 8601 in UTC.
        requests: Requests sent, retries included.
        retries: Requests sent again.
        status_counts: Rows by `RowStatus`, every one named.
        stopped_early: Why the lane stopped before its end; "" if it did not.
        errors_by_kind: Attempts without results, by kind of `retry_policy.RULES`.
        latency: Percentiles over responses with results.
        kept: Rows kept from an earlier run and not requested again.
        caveats: Reasons why even good rows prove less than they seem to.
        seconds: How long the fetch took.
    """

    server_headers: Mapping[str, str]
    fetched_from: str
    fetched_to: str
    requests: int
    retries: int
    status_counts: Mapping[str, int]
    stopped_early: str
    errors_by_kind: Mapping[str, int]
    latency: Latency
    kept: int = 0
    caveats: tuple[str, ...] = ()
    seconds: float = 0.0

    def named(self) -> dict[str, Any]:
        """Return the totals by name, for the result of a probe."""
        return {field.name: getattr(self, field.name) for field in fields(LaneTotals)}


class LaneHooks(Protocol[SeenT_contra]):
    """What a probe does in a lane beside fetching its batches."""

    def before(self, start: int, tasks: asyncio.TaskGroup) -> None:
        """Send what is due beside the batch from ordinal `start` on."""
        ...

    async def after_rows(self) -> None:
        """Send what is due after the last row."""
        ...

    def on_response(self, response: HttpResponse, decoded: SeenT_contra) -> None:
        """Observe a response with results."""
        ...

    def facts(self) -> Mapping[str, Any]:
        """Return plain JSON values that the next run of the lane needs, beside those of `LaneRun`."""
        ...


class LaneRun(Generic[DecodedT, RowsT]):
    """The fetch of one sample set or query set from one side.

    Attributes:
        facts_before: What an earlier run of the lane staged as facts; empty where there was none.
        sender: Sends the lane's requests.
        fetcher: Fetches its batches.
        buffer: Hands on its rows.
        total: Number of rows, where known.
    """

    def __init__(
        self,
        config: SideConfig,
        codec: Codec[DecodedT, RowsT],
        sink: Callable[[RowsT], None],
        hooks: LaneHooks[DecodedT],
        *,
        transport: httpx.AsyncBaseTransport,
        environment: LaneEnvironment,
        staging: StagingOf[RowsT] | None,
        progress: Callable[[Progress], None] | None,
        total: int | None,
    ) -> None:
        """Put the lane together; nothing is sent yet."""
        self._config = config
        self._codec = codec
        self._hooks = hooks
        self._environment = environment
        self._staging = staging
        self.total = total
        context = SenderContext.of(config, transport, environment)
        self.sender = RequestSender(config, codec, context, self._on_response)
        self.fetcher = BatchFetcher(config, self.sender)
        self.buffer = ReorderBuffer(sink, staging, window=4 * config.concurrency + 8)
        # As many batches again are read, staged and written while `concurrency` requests are in flight.
        self._slots = asyncio.Semaphore(2 * config.concurrency)
        self._disk = ThreadPoolExecutor(1, "lane-disk")
        self._recent: deque[tuple[int, int]] = deque(maxlen=max(1, config.stop_window))
        self._reporter = ProgressReporter(config.side, progress, total, environment.now, rows=codec.words.rows)
        self.facts_before = before = dict(staging.recall()) if staging is not None else {}
        self._software: dict[str, str] | None = before.get("server_headers") or None
        self._from: str = before.get("fetched_from", "")
        self._to: str = before.get("fetched_to", "")
        self._requests_before: int = before.get("requests", 0)
        self._retries_before: int = before.get("retries", 0)
        self._malformed_before: int = before.get("malformed_batches", 0)

    async def run(self, batches: Iterable[Batch]) -> float:
        """Fetch all batches and return the seconds that it took.

        Raises:
            GatewayError: The side cannot be used at all. `fetch_lane` lists the others.
        """
        began = self._environment.now()
        self._from = self._from or self._stamp()
        self._report()  # whoever waits sees at once what a slow side is working on
        with self._disk:
            async with asyncio.TaskGroup() as tasks:
                await self._start_all(batches, tasks)
            await self.fetcher.fetch_set_aside(self._place)
            await self._hooks.after_rows()
            await self.remember()
        self._report(finished=True)
        return self._environment.now() - began

    async def _start_all(self, batches: Iterable[Batch], tasks: asyncio.TaskGroup) -> None:
        for batch in batches:
            parts = await self._on_disk(self._missing, batch) if self._is_kept(batch) else [batch]
            for part in parts:
                await self.buffer.room()
                await self._slots.acquire()
                self._check_deadline()
                reason = self.sender.stopped or self._codec.unsendable(part)
                if reason:
                    self._slots.release()
                    await self._place(not_requested(self._codec, part, reason))
                else:
                    self._hooks.before(part.start, tasks)
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

    def _unfetched(self, batch: Batch, staging: StagingOf[RowsT]) -> Iterator[Batch]:
        first, index = 0, 0
        while index < len(batch):
            count = staging.count_at(batch.start + index)
            if not count or index + count > len(batch):
                index += 1
                continue
            if first < index:
                yield batch.part(first, index)
            self.buffer.keep(batch.start + index, count)
            index += count
            first = index
        if first < len(batch):
            yield batch.part(first, len(batch))

    async def _fetch(self, batch: Batch) -> None:
        failed = 0

        async def place(piece: SettledRows[RowsT]) -> None:
            nonlocal failed
            failed += sum(status is RowStatus.FAILED for status in piece.rows.status)
            await self._place(piece)

        try:
            await self.fetcher.fetch(batch, place)
            if self.fetcher.has_set_aside:
                self.buffer.drop_window()
        finally:
            self._slots.release()
        self._recent.append((len(batch), failed))
        self._check_share()

    async def _place(self, piece: SettledRows[RowsT]) -> None:
        # Shielded: what was fetched is kept, even if the next response ends the lane.
        await asyncio.shield(asyncio.get_running_loop().run_in_executor(self._disk, self.buffer.place, piece))
        self.buffer.note_room()
        if self._reporter.due():
            await self.remember()
            self._report()

    def _check_share(self) -> None:
        rows, failed = (sum(column) for column in zip(*self._recent, strict=True))
        full = len(self._recent) == self._recent.maxlen
        if full and failed > self._config.stop_share * rows and not self.sender.stopped:
            errors = self.sender.counters.errors_by_kind
            self.sender.stopped = too_many_failed(failed, rows, self._config.stop_share, errors, self._codec.words)

    def _check_deadline(self) -> None:
        seconds = self._config.lane_seconds
        if seconds and self.sender.context.seconds_left() <= 0 and not self.sender.stopped:
            self.sender.stopped = deadline_passed(seconds)

    def _on_response(self, response: HttpResponse, decoded: DecodedT) -> None:
        self._to = self._stamp()
        if self._software is None:
            self._software = software(response.headers, self._config.without_secrets, self._config.version_header)
        self._hooks.on_response(response, decoded)

    def _stamp(self) -> str:
        return self._environment.clock().isoformat(timespec="milliseconds")

    def _report(self, *, finished: bool = False) -> None:
        counters = self.sender.counters
        self._reporter.report(
            self.buffer.done, self.buffer.kept, counters.retries, counters.errors_by_kind, finished=finished
        )

    async def remember(self) -> None:
        """Stage the facts of the lane so far."""
        if self._staging is None:
            return
        totals = self.totals()
        remembered = {
            **self._hooks.facts(),
            "malformed_batches": self.sender.counters.malformed_batches + self._malformed_before,
            "server_headers": self._software,
            "fetched_from": totals.fetched_from,
            "fetched_to": totals.fetched_to,
            "requests": totals.requests,
            "retries": totals.retries,
        }
        await self._on_disk(self._staging.remember, remembered)

    def _caveats(self) -> tuple[str, ...]:
        """Return what a person should know although the rows are right: malformed responses, and inputs that hung."""
        words = self._codec.words
        hung = self.sender.hanging.caveats(words)
        count = self.sender.counters.malformed_batches + self._malformed_before
        if not count:
            return hung
        again = f"their {words.inputs} were sent again in smaller batches"
        return (f"{count} batches got malformed responses, even after a retry; {again}", *hung)

    def totals(self, *, seconds: float = 0.0) -> LaneTotals:
        """Return the totals so far; the caller states the duration."""
        counters, counted = self.sender.counters, self.buffer.status_counts
        return LaneTotals(
            server_headers=dict(self._software or {}),
            fetched_from=self._from,
            fetched_to=self._to or self._from,
            requests=self._requests_before + counters.requests,
            retries=self._retries_before + counters.retries,
            status_counts={status.value: counted[status] for status in RowStatus},
            stopped_early=self.sender.stopped,
            errors_by_kind=dict(counters.errors_by_kind),
            latency=self.buffer.latency.summary(),
            kept=self.buffer.kept,
            caveats=self._caveats(),
            seconds=seconds,
        )
