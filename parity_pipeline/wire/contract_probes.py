"""Observe the contract of a side: send a few requests that callers may send by mistake, and read every response.

Here belong the order of the requests, their number, and what is requested further to understand a response. The legacy side
is live: the side's own limits on rates and concurrency hold, nothing is retried but the first plain text, and once
requests hang or the side asks for a pause, nothing more is sent.
"""

import asyncio
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

import httpx
import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.contract import handling
from parity_pipeline.core.contract.records import (
    REQUESTS_WITH_LIMITS,
    ContractBudget,
    ContractObservation,
    ContractRequest,
    ContractResponse,
    ContractResult,
    Handling,
    SizeLimit,
)
from parity_pipeline.wire.client import LaneEnvironment, SenderContext
from parity_pipeline.wire.contract_limits import LARGEST_BATCH, LARGEST_BODY, SMALLEST_BODY, find_limit
from parity_pipeline.wire.contract_requests import AFTER, ContractRequests, RawRequest
from parity_pipeline.wire.contract_responses import Reading, ResponseReader, not_measured
from parity_pipeline.wire.error_text import retry_after
from parity_pipeline.wire.fetch_lane import run_anywhere
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.request_headers import new_request_id
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

PATIENCE_SECONDS: Final = 30.0
"""Longest time for one response, where the side's own time-out is longer: a request that is made to fail is not worth
more of a live side."""

MOST_WITHOUT_RESPONSE: Final = 3
"""Requests without a response after which nothing more is sent. A connection that the side closes instead of reading the
request to its end is a response of a kind, such as to a body that is too large."""

_BROKEN: Final = ("reset", "truncated", "protocol_error")

LONGEST_PAUSE: Final = 5.0
"""Longest `Retry-After`, in seconds, that is waited for; after a longer one nothing more is sent."""

_ELEMENTS: Final = (
    ContractRequest.EMPTY_TEXT,
    ContractRequest.BLANK_TEXT,
    ContractRequest.NULL_ELEMENT,
    ContractRequest.NUMBER_ELEMENT,
)
_SURROGATE_SPELT: Final[Mapping[Handling, str]] = {
    Handling.AS_REPLACEMENT: "deliver\ufffdies to the dock",
    Handling.AS_LEFT_OUT: "deliveries to the dock",
}

Vector = NDArray[np.float32]


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRun:
    """Result of observing a side.

    Attributes:
        observation: What was observed.
        first: Time of the first request, ISO 8601 in UTC.
        last: Time of the last response, ISO 8601 in UTC.
    """

    observation: ContractObservation
    first: str
    last: str


def observe_contract(
    config: SideConfig,
    model: str,
    budget: ContractBudget,
    threshold: float,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    environment: LaneEnvironment | None = None,
) -> ContractRun:
    """Send the contract requests to one side and return what it did with them.

    Args:
        config: The side.
        model: The model of the partition.
        budget: What may be sent.
        threshold: Smallest cosine of two vectors that count as the same.
        transport: Replaces the network; whether the connection is kept is then only read from the headers.
        environment: Replaces the clocks, sleeping and chance.

    Raises:
        GatewayError: The certificates or the proxy of the side cannot be used.
    """
    config = config.for_model(model)
    reused: list[bool] = []
    network = transport or transport_for(config, reused)
    context = SenderContext.of(replace(config, adaptive=False), network, environment or LaneEnvironment())
    prober = _Prober(config, model, budget, threshold, _Sender(config, context, budget, reused))

    async def run() -> ContractRun:
        first = context.clock().isoformat(timespec="milliseconds")
        async with network:
            observation = await prober.observe()
        last = context.clock().isoformat(timespec="milliseconds")
        return ContractRun(observation=observation, first=first, last=last)

    return run_anywhere(run)


class _Sender:
    """Sends raw requests within the side's limits and the budget.

    Attributes:
        requests: Requests sent.
        most: Most requests that may be sent.
        stopped: Why nothing more is sent; "" while the side responds.
    """

    def __init__(
        self, config: SideConfig, context: SenderContext, budget: ContractBudget, reused: Sequence[bool]
    ) -> None:
        self._context = context
        self._reused = reused
        self._seconds = min(config.timeouts.total, PATIENCE_SECONDS)
        self._reader = ResponseReader(config)
        self._without_response = 0
        self._closes = False
        self.requests = 0
        self.most = budget.requests
        self.stopped = ""

    async def send(self, raw: RawRequest) -> Reading:
        """Send a request once and read its response; NOT_MEASURED where it may not be sent any more."""
        async with self._context.concurrency_limiter:
            await self._context.rate_limiter.turn(max(1, raw.texts))
            if why := self._refusal():
                return not_measured(raw.request, why)
            self.requests += 1
            identity = new_request_id(self._context.random)
            try:
                http = await self._context.client.send(
                    raw.body, identity, seconds=self._seconds, method=raw.method, content_type=raw.content_type
                )
            except AttemptError as error:
                self._without_response += error.kind not in _BROKEN
                if self._without_response >= MOST_WITHOUT_RESPONSE:
                    self.stopped = f"not sent: {self._without_response} requests got no response"
                return self._reader.without_response(raw, error)
        if http.status >= 400:
            self._pause(retry_after(http.headers, self._context.clock()))
        self._closes = "close" in http.headers.get("connection", "").lower()
        return self._reader.read(raw, http)

    def connection(self) -> Handling:
        """Return what is known of the connection of the newest request: closed after it, reused for it, or neither."""
        if self._closes or (len(self._reused) > 1 and not self._reused[-1]):
            return Handling.CLOSED
        return Handling.KEPT if self._reused and self._reused[-1] else Handling.UNKNOWN

    def _refusal(self) -> str:
        if self.stopped:
            return self.stopped
        return f"not sent: the {self.most} requests are used up" if self.requests >= self.most else ""

    def _pause(self, seconds: float | None) -> None:
        if seconds is None:
            return
        if seconds > LONGEST_PAUSE:
            self.stopped = f"not sent: the side asks for a pause of {seconds:g} s"
        else:
            self._context.rate_limiter.hold(seconds)


class _Prober:
    """Observes one side: what is sent, in which order, and what its vectors show."""

    def __init__(
        self, config: SideConfig, model: str, budget: ContractBudget, threshold: float, sender: _Sender
    ) -> None:
        self._config = config
        self._budget = budget
        self._threshold = threshold
        self._sender = sender
        self._requests = ContractRequests(config, config.requested_name(model), budget.window_tokens)
        self._readings: dict[ContractRequest, Reading] = {}
        self._repeatable = False

    async def observe(self) -> ContractObservation:
        """Send everything and return the observation."""
        plain = await self._plain()
        if plain.vectors is None:
            why = f"even a plain text gets no vector: {plain.response.describe()} {plain.response.words}".strip()
            return self._observation(None, None, why)
        await self._again(plain.vectors[0])
        await self._keep(self._requests.odd())
        await self._keep(self._requests.options(max(1, plain.response.dimension // 2)))
        if self._repeatable:
            await self._understand(plain.vectors[0])
        await self._long_text()
        await self._large_batch()
        body, batch = await self._limits() if self._budget.limits.get(self._config.side) else (None, None)
        return self._observation(body, batch, "")

    async def _plain(self) -> Reading:
        reading = await self._sender.send(self._requests.plain())
        if reading.vectors is None:
            # The only retry: without this vector nothing else can be understood.
            reading = await self._sender.send(self._requests.plain())
        self._readings[ContractRequest.PLAIN] = reading
        return reading

    async def _again(self, plain: Vector) -> None:
        """Send the plain text again, on the same connection if it was kept."""
        before = self._sender.connection()
        again = await self._sender.send(replace(self._requests.plain(), request=ContractRequest.AGAIN))
        if again.response.result is ContractResult.NO_RESPONSE:
            # A server that closes without announcing it may do so while the next request is on its way.
            again = await self._sender.send(replace(self._requests.plain(), request=ContractRequest.AGAIN))
        self._repeatable = again.vectors is not None and handling.alike(again.vectors[0], plain, self._threshold)
        after = Handling.CLOSED if before is Handling.CLOSED else self._sender.connection()
        self._readings[ContractRequest.AGAIN] = again.handled(after) if again.response.measured else again

    async def _keep(self, requests: Iterable[RawRequest]) -> None:
        """Send requests at the same time, within the side's limit, and keep their readings."""
        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(self._sender.send(raw)) for raw in requests]
        self._readings |= {task.result().response.request: task.result() for task in sent}

    async def _vector(self, text: str) -> Vector | None:
        """Return the vector of one text alone."""
        reading = await self._sender.send(self._requests.of(ContractRequest.PLAIN, text))
        return None if reading.vectors is None else reading.vectors[0]

    def _handle(self, request: ContractRequest, found: Handling) -> None:
        self._readings[request] = self._readings[request].handled(found)

    def _rows(self, request: ContractRequest) -> NDArray[np.float32] | None:
        reading = self._readings.get(request)
        return None if reading is None else reading.vectors

    async def _understand(self, plain: Vector) -> None:
        for request in (ContractRequest.UNKNOWN_MODEL, ContractRequest.NO_MODEL):
            if (rows := self._rows(request)) is not None:
                self._handle(request, handling.of_model(rows[0], plain, self._threshold))
        if (rows := self._rows(ContractRequest.DIMENSIONS)) is not None:
            requested = max(1, len(plain) // 2)
            self._handle(ContractRequest.DIMENSIONS, handling.of_dimensions(rows[0], plain, requested))
        await self._elements(plain)
        await self._surrogate()

    async def _elements(self, plain: Vector) -> None:
        """Find out what became of odd elements: the row in the middle, and those beside it."""
        found = {request: rows for request in _ELEMENTS if (rows := self._rows(request)) is not None}
        after = await self._vector(AFTER) if found and not self._config.dialect.one_text else plain
        if after is None:
            return
        empty = self._empty(found)
        for request, rows in found.items():
            of_empty = None if request is ContractRequest.EMPTY_TEXT else empty
            if len(rows) == 1:
                self._handle(request, handling.of_row(rows[0], of_empty, self._threshold))
            elif len(rows) in (2, 3):
                self._handle(request, handling.of_element(rows, plain, after, of_empty, self._threshold))

    def _empty(self, found: Mapping[ContractRequest, NDArray[np.float32]]) -> Vector | None:
        """Return the vector of the empty text; None where it has none."""
        rows = found.get(ContractRequest.EMPTY_TEXT)
        return None if rows is None or len(rows) == 2 else rows[len(rows) // 2]

    async def _surrogate(self) -> None:
        """Find out which text half a surrogate pair was taken for."""
        rows = self._rows(ContractRequest.LONE_SURROGATE)
        if rows is None:
            return
        spelt = {found: await self._vector(text) for found, text in _SURROGATE_SPELT.items()}
        known = {found: vector for found, vector in spelt.items() if vector is not None}
        self._handle(ContractRequest.LONE_SURROGATE, handling.of_surrogate(rows[0], known, self._threshold))

    async def _long_text(self) -> None:
        """Send a long text, and if it is accepted another one that differs in its second half."""
        first, second = self._requests.long_texts()
        one = await self._sender.send(first)
        self._readings[ContractRequest.LONG_TEXT] = one
        if one.vectors is None or not self._repeatable:
            return
        other = await self._sender.send(second)
        if other.vectors is not None:
            found = handling.of_long_text(one.vectors[0], other.vectors[0], self._threshold)
            self._handle(ContractRequest.LONG_TEXT, found)

    async def _large_batch(self) -> None:
        """Send a large batch, and some of its texts alone. Alone first: a batch must not fill a cache with its own rows."""
        texts = self._requests.batch_texts()
        if not texts:
            return
        alone = {place: await self._vector(texts[place]) for place in self._requests.batch_places()}
        batch = await self._sender.send(self._requests.of(ContractRequest.LARGE_BATCH, *texts))
        self._readings[ContractRequest.LARGE_BATCH] = batch
        if batch.response.result is ContractResult.VECTORS and batch.vectors is not None and self._repeatable:
            known = {place: vector for place, vector in alone.items() if vector is not None}
            found = handling.of_batch(batch.vectors, known, self._threshold)
            self._handle(ContractRequest.LARGE_BATCH, found)

    async def _limits(self) -> tuple[SizeLimit | None, SizeLimit | None]:
        """Search for the largest body and the largest batch, one request after another."""
        self._sender.most = max(self._sender.most, REQUESTS_WITH_LIMITS)

        async def body(size: int) -> ContractResponse:
            return (await self._sender.send(self._requests.padded(size))).response

        async def batch(size: int) -> ContractResponse:
            raw = self._requests.of(ContractRequest.LARGE_BATCH, *self._requests.batch_texts(size))
            return (await self._sender.send(raw)).response

        of_body = await find_limit(body, smallest=SMALLEST_BODY, largest=LARGEST_BODY)
        if self._config.dialect.one_text:
            return of_body, None
        return of_body, await find_limit(batch, smallest=1, largest=LARGEST_BATCH)

    def _observation(self, body: SizeLimit | None, batch: SizeLimit | None, unusable: str) -> ContractObservation:
        order = {request: place for place, request in enumerate(ContractRequest)}
        found = sorted(self._readings.items(), key=lambda item: order[item[0]])
        return ContractObservation(
            side=self._config.side,
            responses=tuple(reading.response for _, reading in found) if not unusable else (),
            batch_texts=len(self._requests.batch_texts()),
            body_limit=body,
            batch_limit=batch,
            requests=self._sender.requests,
            unusable=unusable,
        )
