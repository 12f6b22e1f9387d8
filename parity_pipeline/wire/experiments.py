"""Try a side against itself: send exactly the requests that a plan names, as many at once as it says.

Here belongs one request as one call: the texts given, in the order given, never cut, merged or bisected; what comes back
without vectors is an answer too. Which requests are sent belongs to `core.stability`. A fetch of rows belongs to `fetch_lane`.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from dataclasses import dataclass
from datetime import datetime
from random import Random, SystemRandom
from typing import Final, Generic, TypeVar

import httpx

from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.stability.records import Response, Step, Texts
from parity_pipeline.wire.batch_fetcher import CANARY_TEXT, BatchContext, BatchFetcher
from parity_pipeline.wire.client import Client, HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import encode_text
from parity_pipeline.wire.fetch_lane import run_anywhere, utc_now
from parity_pipeline.wire.gateway_errors import AttemptError, unusable
from parity_pipeline.wire.pacing import ConcurrencyLimiter, RateLimiter
from parity_pipeline.wire.retry_policy import OnExhausted, rule_of
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for

ATTEMPTS: Final = 2
"""Times one request is sent at most, the second time only for a trouble that may pass: an experiment that a single 503 spoils
proves nothing, and one that is retried for minutes is no longer the one that was planned."""

Result = TypeVar("Result")


@dataclass(frozen=True, slots=True, kw_only=True)
class ExperimentRun(Generic[Result]):
    """What a dialogue came to.

    Attributes:
        result: What it returned.
        requests: Requests sent, retries included.
        first: Time of the first request, ISO 8601 in UTC.
        last: Time of the last answer, ISO 8601 in UTC.
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
    clock: Callable[[], datetime] = utc_now,
    now: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    random: Random | None = None,
) -> ExperimentRun[Result]:
    """Send each step that a dialogue yields and send it the answers, until it returns.

    The side's caps on rates, its concurrency, its timeouts and its deadline hold as in a fetch. A request beyond `most` or
    the deadline is not sent and answered as FAILED.

    Args:
        config: The side.
        model: The model of the partition.
        dialogue: Yields steps, is sent one answer a request in their order.
        most: Largest number of requests, retries included.
        transport: Replaces the network.
        clock: The time of day.
        now: Monotonic seconds.
        sleep: Waits.
        random: Jitter and request ids.

    Raises:
        GatewayError: The side cannot be used at all: nothing listens, unknown model, other dialect, refused token.
    """
    network = transport or transport_for(config)
    deadline = now() + config.lane_seconds if config.lane_seconds else float("inf")
    around = BatchContext(
        client=Client(config, network, now),
        gate=ConcurrencyLimiter(config.concurrency, now, adaptive=False),
        pacer=RateLimiter(config.requests_per_second, config.texts_per_second, now, sleep),
        sleep=sleep,
        clock=clock,
        seconds_left=lambda: deadline - now(),
        random=random or SystemRandom(),
    )

    async def run() -> ExperimentRun[Result]:
        first = clock().isoformat(timespec="milliseconds")
        sender = _Sender(config, model, around, most)
        async with network:
            result = await sender.conduct(dialogue)
        last = clock().isoformat(timespec="milliseconds")
        return ExperimentRun(result=result, requests=sender.requests, first=first, last=last)

    return run_anywhere(run)


class _Sender:
    """Sends the requests of one dialogue."""

    def __init__(self, config: SideConfig, model: str, around: BatchContext, most: int) -> None:
        self._config = config
        self._asked = config.asked_name(model)
        self._around = around
        self._most = most
        self._asker = BatchFetcher(config, model, around, _unheard)
        self._run = f"{around.random.getrandbits(32):08x}"
        self.requests = 0

    async def conduct(self, dialogue: Generator[Step, Sequence[Response], Result]) -> Result:
        try:
            step = next(dialogue)
            while True:
                step = dialogue.send(await self._answers(step))
        except StopIteration as end:
            return end.value

    async def _answers(self, step: Step) -> list[Response]:
        places = asyncio.Semaphore(min(step.at_once, self._config.concurrency))
        async with asyncio.TaskGroup() as tasks:
            asked = [tasks.create_task(self._in_place(request, places)) for request in step.requests]
        return [task.result() for task in asked]

    async def _in_place(self, request: Texts, places: asyncio.Semaphore) -> Response:
        async with places:
            return await self._answer(request)

    async def _answer(self, request: Texts) -> Response:
        """Return what came for a request.

        Raises:
            GatewayError: It is in trouble, and nothing but trouble came so far, not for a plain text either.
        """
        body = self._asker.shape.body([encode_text(text) for text in request])
        left = min(ATTEMPTS, self._config.attempts)
        while True:
            left -= 1
            if why := self._spent():
                return Response(status=RowStatus.FAILED, words=why)
            try:
                return Response(status=RowStatus.OK, vectors=(await self._send(body, len(request))).vectors)
            except AttemptError as trouble:
                rule = rule_of(trouble.kind)
                if not left or rule.attempts is not None:
                    await self._judge_side(trouble)
                    return Response(status=rule.ends_as, words=str(trouble)[:ERROR_CHARACTERS])
                await self._wait(trouble)

    def _spent(self) -> str:
        if self.requests >= self._most:
            return f"not asked: the {self._most} requests are used up"
        return "not asked: the side's deadline has passed" if self._around.seconds_left() <= 0 else ""

    async def _send(self, body: bytes, texts: int) -> Decoded:
        self.requests += 1
        _, decoded = await self._asker.send(body, f"{self._run}-try-{self.requests}", texts)
        return decoded

    async def _wait(self, trouble: AttemptError) -> None:
        asked = min(trouble.retry_after or 0.0, self._config.retry_seconds)
        own = self._around.random.uniform(0.5, 1.5) * self._config.backoff_seconds
        await self._around.sleep(max(0.0, min(max(asked, own), self._around.seconds_left())))

    async def _judge_side(self, trouble: AttemptError) -> None:
        if rule_of(trouble.kind).then is OnExhausted.STOP:
            raise unusable(self._config, self._asked, trouble)
        if self._asker.counts.answered:
            return
        try:
            await self._send(self._asker.shape.body([encode_text(CANARY_TEXT)]), 1)
        except AttemptError as again:
            raise unusable(self._config, self._asked, again) from None


def _unheard(_reply: HttpResponse, _decoded: Decoded) -> None:
    """Make nothing of an answer beside its vectors: what the wire looks like is told by a fetch."""
