"""Measure the repeatability of a side: send exactly the requests that a plan names, as many at once as it says.

Here belongs one request as one call: the texts given, in the order given, never cut, merged or split; an error is a result
too. Which requests are sent belongs to `core.stability`. A fetch of rows belongs to `fetch_lane`.
"""

import asyncio
from collections.abc import Generator, Sequence
from dataclasses import dataclass, replace
from typing import Final, Generic, TypeVar

import httpx

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.stability.records import Response, Step, Texts
from parity_pipeline.wire.client import LaneEnvironment, RequestSender, SenderContext
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.embed_codec import EmbedCodec
from parity_pipeline.wire.encode import encode_text
from parity_pipeline.wire.fetch_lane import run_anywhere
from parity_pipeline.wire.gateway_errors import AttemptError, unusable
from parity_pipeline.wire.outage_or_hang import CANARY_TEXT
from parity_pipeline.wire.retry_policy import OnExhausted, Rule, rule_of
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

ATTEMPTS: Final = 2
"""Times one request is sent at most, the second time only after an error that may pass: an experiment that a single 503 can
end proves nothing, and one that is retried for minutes is no longer the one that was planned. An error that would count as
a defect of the side is sent as often as in a lane instead, until one has stayed: a truncated body must not fail a side."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRun(Generic[Result]):
    """Result of a dialogue.

    Attributes:
        result: What the dialogue returned.
        requests: Requests sent, retries included.
        first: Time of the first request, ISO 8601 in UTC.
        last: Time of the last response, ISO 8601 in UTC.
    """

    result: Result
    requests: int
    first: str
    last: str


def run_experiments(
    config: SideConfig,
    model: str,
    dialogue: Generator[Step, Sequence[Response], Result],
    *,
    most: int,
    transport: httpx.AsyncBaseTransport | None = None,
    environment: LaneEnvironment | None = None,
) -> ExperimentRun[Result]:
    """Send the requests of each step that a dialogue yields, and its responses back to it, until it returns.

    The side's limits on rates and concurrency, its timeouts and its deadline hold as in a fetch. A request beyond `most`
    or the deadline is not sent, and its response is FAILED.

    Args:
        config: The side.
        model: The model of the partition.
        dialogue: Yields steps; is sent one response per request in their order.
        most: Largest number of requests, retries included.
        transport: Replaces the network.
        environment: Replaces the clocks, sleeping and chance.

    Raises:
        GatewayError: The side cannot be used at all: nothing listens, unknown model, other dialect, refused token.
    """
    config = config.for_model(model)
    network = transport or transport_for(config)
    context = SenderContext.of(replace(config, adaptive=False), network, environment or LaneEnvironment())

    async def run() -> ExperimentRun[Result]:
        first = context.clock().isoformat(timespec="milliseconds")
        sender = _Sender(config, model, context, most)
        async with network:
            result = await sender.conduct(dialogue)
        last = context.clock().isoformat(timespec="milliseconds")
        return ExperimentRun(result=result, requests=sender.requests, first=first, last=last)

    return run_anywhere(run)


class _Sender:
    """Sends the requests of one dialogue."""

    def __init__(self, config: SideConfig, model: str, context: SenderContext, most: int) -> None:
        self._config = config
        self._model = config.requested_name(model)
        self._context = context
        self._most = most
        self._requests = RequestSender(config, EmbedCodec(config, model), context, _ignored)
        self._one_stayed = False
        self.requests = 0

    async def conduct(self, dialogue: Generator[Step, Sequence[Response], Result]) -> Result:
        try:
            step = next(dialogue)
            while True:
                step = dialogue.send(await self._responses(step))
        except StopIteration as end:
            return end.value

    async def _responses(self, step: Step) -> list[Response]:
        slots = asyncio.Semaphore(min(step.at_once, self._config.concurrency))

        async def in_slot(request: Texts) -> Response:
            async with slots:
                return await self._response(request)

        async with asyncio.TaskGroup() as tasks:
            sent = [tasks.create_task(in_slot(request)) for request in step.requests]
        return [task.result() for task in sent]

    async def _response(self, request: Texts) -> Response:
        """Return the response to a request.

        Raises:
            GatewayError: Every request so far failed, and one for a plain text does too.
        """
        body = self._requests.codec.body([encode_text(text) for text in request])
        sent = 0
        while True:
            sent += 1
            if why := self._exhausted():
                return Response(status=RowStatus.FAILED, words=why)
            try:
                return Response(status=RowStatus.OK, vectors=(await self._send(body, len(request))).vectors)
            except AttemptError as error:
                rule = rule_of(error.kind)
                if sent >= self._attempts(rule):
                    self._one_stayed |= rule.ends_as is not RowStatus.FAILED
                    await self._check_side(error)
                    return Response(status=rule.ends_as, words=str(error)[:ERROR_CHARACTERS])
                await self._wait(error)

    def _attempts(self, rule: Rule) -> int:
        """Return how often a request is sent that ends in such an error."""
        if rule.attempts != 1 and rule.ends_as is not RowStatus.FAILED and not self._one_stayed:
            return self._config.attempts
        return 1 if rule.attempts is not None else min(ATTEMPTS, self._config.attempts)

    def _exhausted(self) -> str:
        if self.requests >= self._most:
            return f"not requested: the {self._most} requests are used up"
        return "not requested: the side's deadline has passed" if self._context.seconds_left() <= 0 else ""

    async def _send(self, body: bytes, texts: int) -> Decoded:
        self.requests += 1
        _, decoded = await self._requests.send(body, texts)
        return decoded

    async def _wait(self, error: AttemptError) -> None:
        requested = min(error.retry_after or 0.0, self._config.retry_seconds)
        backoff = self._context.random.uniform(0.5, 1.5) * self._config.backoff_seconds
        await self._context.sleep(max(0.0, min(max(requested, backoff), self._context.seconds_left())))

    async def _check_side(self, error: AttemptError) -> None:
        if rule_of(error.kind).on_exhausted is OnExhausted.STOP:
            raise unusable(self._config, self._model, error)
        if self._requests.counters.with_vectors or self._exhausted():
            return
        try:
            await self._send(self._requests.codec.body([encode_text(CANARY_TEXT)]), 1)
        except AttemptError as canary_error:
            raise unusable(self._config, self._model, canary_error) from None


def _ignored(_response: HttpResponse, _decoded: Decoded) -> None:
    """Ignore the response beside its vectors: a fetch observes it for the report of wire drift."""
