"""The pieces that a batch ends in: with its vectors, with a trouble, or not asked for at all.

Here belongs the making of rows. What leads to them belongs to `batch_fetcher`.
"""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime
from random import Random
from typing import Final

import numpy as np
import tenacity

from parity_pipeline.core.fetched_rows import FetchedRows, Piece
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import Client, HttpResponse
from parity_pipeline.wire.decode import Decoded, Decoder
from parity_pipeline.wire.encode import Batch, RequestEncoder, encode_text
from parity_pipeline.wire.error_text import is_page, one_line, retry_after, server_words
from parity_pipeline.wire.gateway_errors import AttemptError, MalformedResponse, unusable
from parity_pipeline.wire.pacing import ConcurrencyLimiter, RateLimiter
from parity_pipeline.wire.progress import LaneCounters
from parity_pipeline.wire.retry_policy import OnExhausted, Rule, kind_of_status, rule_of
from parity_pipeline.wire.side_config import SideConfig


def piece_of(batch: Batch, reply: HttpResponse, decoded: Decoded) -> Piece:
    """Return the rows of a batch that was answered with its vectors."""
    rows, dimension = decoded.vectors.shape
    return Piece(
        FetchedRows(
            start=batch.start,
            ids=batch.ids,
            values=np.ascontiguousarray(decoded.vectors).reshape(-1),
            offsets=np.arange(rows + 1, dtype=np.int32) * np.int32(dimension),
            status=[RowStatus.OK] * rows,
            http_status=[reply.status] * rows,
            errors=[None] * rows,
            request_ids=[reply.request_id] * rows,
            latency_ms=[reply.latency_ms] * rows,
        ),
        decoded.model,
    )


def ended(batch: Batch, rule: Rule, trouble: AttemptError) -> Piece:
    """Return the rows of a batch that ends without vectors, in the way its rule says."""
    rows = FetchedRows.without_vectors(
        batch.as_block(),
        rule.ends_as,
        str(trouble)[:ERROR_CHARACTERS],
        http_status=trouble.http_status,
        request_id=trouble.request_id,
        latency_ms=trouble.latency_ms,
    )
    return Piece(rows)


def not_asked(batch: Batch, reason: str) -> Piece:
    """Return rows for samples that a stopped lane no longer asks for."""
    error = f"not asked: {reason}"[:ERROR_CHARACTERS]
    return Piece(FetchedRows.without_vectors(batch.as_block(), RowStatus.FAILED, error))


CANARY_TEXT: Final = "which model answers here"
"""A plain text no side has reason to refuse, asked when no batch was answered yet and one is in trouble."""
_FREE_RETRIES: Final = 100
"""Retries a lane has before `retry_share` is looked at: a share of a few requests means nothing."""


class LaneOverError(AttemptError):
    """A request that was not sent, for its lane stopped or came to its deadline while the request waited its turn."""


OnAnswer = Callable[[HttpResponse, Decoded], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class BatchContext:
    """What asking takes from outside, so that tests can stand in for it.

    Attributes:
        client: Sends one body.
        gate: Bounds what is in flight.
        pacer: Bounds the rate.
        sleep: Waits so many seconds.
        clock: The time now, with a time zone.
        seconds_left: Seconds until the lane's deadline.
        random: Jitter and request ids.
    """

    client: Client
    gate: ConcurrencyLimiter
    pacer: RateLimiter
    sleep: Callable[[float], Awaitable[None]]
    clock: Callable[[], datetime]
    seconds_left: Callable[[], float]
    random: Random


class BatchFetcher:
    """Settles batches of one lane.

    Attributes:
        counts: What was sent and met so far.
        stopped: Why nothing more is to be sent; "" while asking goes on.
    """

    def __init__(self, config: SideConfig, model: str, around: BatchContext, on_answer: OnAnswer) -> None:
        """Prepare what all batches share."""
        self._config = config
        self._asked = config.asked_name(model)
        self.shape = RequestEncoder(config.dialect, self._asked)
        self._around = around
        self._on_answer = on_answer
        self._decoder = Decoder(config.dialect)
        self._run = f"{around.random.getrandbits(32):08x}"
        self._canary_lock = asyncio.Lock()
        self._canary_done = False
        self.counts = LaneCounters()
        self.stopped = ""

    async def settle(self, batch: Batch) -> AsyncIterator[Piece]:
        """Yield pieces that together hold each sample of the batch once, in ascending order.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        waiting = [batch]
        while waiting:
            part = waiting.pop()
            if self.stopped:
                yield not_asked(part, self.stopped)
                continue
            try:
                yield await self._ask(part)
            except LaneOverError as over:
                yield not_asked(part, over.detail)
            except AttemptError as trouble:
                rule = rule_of(trouble.kind)
                await self._judge_side(rule, trouble)
                if rule.then is OnExhausted.SPLIT and len(part) > 1:
                    self.counts.malformed_batches += rule.ends_as is RowStatus.MALFORMED
                    middle = (len(part) + 1) // 2
                    waiting += [part.part(middle, len(part)), part.part(0, middle)]
                else:
                    yield ended(part, rule, trouble)

    async def _ask(self, batch: Batch) -> Piece:
        """Return the rows of a batch, after as many attempts as its troubles are worth.

        Raises:
            Trouble: The last one.
        """
        body = self.shape.body(batch.texts)
        attempt = 0

        async def once() -> Piece:
            nonlocal attempt
            attempt += 1
            self.counts.retries += attempt > 1
            request_id = f"{self._run}-{batch.start}-{len(batch)}-{attempt}"
            reply, decoded = await self.send(body, request_id, len(batch))
            return piece_of(batch, reply, decoded)

        # Nearly every batch is answered at once; for those, looking at how to retry would take longer than asking.
        first: AttemptError | None = None
        try:
            return await once()
        except AttemptError as trouble:
            first = trouble

        async def again() -> Piece:
            nonlocal first
            if first is not None:
                trouble, first = first, None
                raise trouble
            return await once()

        retrying = tenacity.AsyncRetrying(
            retry=tenacity.retry_if_exception(self._worth_retrying),
            stop=self._stop,
            wait=self._wait,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(again)

    async def send(
        self, body: bytes, request_id: str, texts: int, *, counted: bool = True
    ) -> tuple[HttpResponse, Decoded]:
        """Send a body once and read its answer.

        Args:
            body: The request body.
            request_id: Its id.
            texts: Texts in it.
            counted: Whether an answer without vectors is a trouble of the lane.

        Raises:
            Trouble: There are no vectors in what came.
        """
        around = self._around
        try:
            async with around.gate:
                await around.pacer.turn(texts)
                self._check_lane()
                self.counts.requests += 1
                seconds = min(self._config.timeouts.total, max(around.seconds_left(), 0.001))
                reply = await around.client.send(body, request_id, seconds=seconds)
            self.counts.http_answers += 1
            await asyncio.sleep(0)  # the next request leaves before this answer is read
            decoded = self._without_secrets(self._read(reply, texts))
        except LaneOverError:
            raise
        except AttemptError as trouble:
            self._note(trouble, counted=counted)
            raise
        self.counts.answered += 1
        self.counts.tokens.update(decoded.usage)
        around.gate.answered(reply.latency_ms / texts)
        self._on_answer(reply, decoded)
        return reply, decoded

    def _check_lane(self) -> None:
        """Send nothing more for a lane that is over.

        Raises:
            LaneOverError: It is.
        """
        if self.stopped or self._around.seconds_left() <= 0:
            raise LaneOverError("deadline", self.stopped or "the lane's deadline has passed")

    def _without_secrets(self, decoded: Decoded) -> Decoded:
        """Blot secrets out of the names in an answer: a server may repeat what it was sent anywhere."""
        if not self._config.secrets:
            return decoded
        hide = self._config.without_secrets
        usage = {hide(name): count for name, count in decoded.usage.items()}
        return replace(decoded, model=hide(decoded.model), usage=usage)

    def _read(self, reply: HttpResponse, texts: int) -> Decoded:
        content_type = reply.headers.get("content-type", "")
        if reply.status != 200:
            kind = kind_of_status(reply.status)
            words = server_words(reply.body, content_type)
            if kind == "redirect":
                words = f"it redirects to {_without_query(reply.headers.get('location', ''))}, which is not followed"
            raise self._trouble(reply, kind, words)
        try:
            return self._decoder.decode(reply.body, texts)
        except MalformedResponse as found:
            detail = found.detail
            if is_page(bytes(reply.body[:200]).decode("utf-8", "replace"), content_type):
                detail = server_words(reply.body, content_type)
            elif "json" not in content_type:
                detail += f" (content type {content_type[:60]!r})"
            raise self._trouble(reply, found.kind, detail) from None

    def _trouble(self, reply: HttpResponse, kind: str, detail: str) -> AttemptError:
        return AttemptError(
            kind,
            one_line(self._config.without_secrets(detail)),
            http_status=reply.status,
            retry_after=retry_after(reply.headers, self._around.clock()),
            latency_ms=reply.latency_ms,
            request_id=reply.request_id,
        )

    def _note(self, trouble: AttemptError, *, counted: bool) -> None:
        if counted:
            self.counts.troubles[trouble.kind] += 1
        if trouble.http_status in (429, 503):
            self._around.gate.overloaded()
        if trouble.retry_after:
            self._around.pacer.hold(min(trouble.retry_after, self._config.retry_seconds))

    def _worth_retrying(self, error: BaseException) -> bool:
        allowed = max(_FREE_RETRIES, self._config.retry_share * self.counts.requests)
        passes = isinstance(error, AttemptError) and not isinstance(error, LaneOverError)
        return passes and not self.stopped and self.counts.retries < allowed

    def _stop(self, state: tenacity.RetryCallState) -> bool:
        trouble = state.outcome.exception() if state.outcome else None
        attempts = rule_of(trouble.kind).attempts if isinstance(trouble, AttemptError) else 1
        most = self._config.attempts if attempts is None else min(attempts, self._config.attempts)
        too_long = state.idle_for + self._wait(state, mean=True) > self._config.retry_seconds
        return state.attempt_number >= most or too_long

    def _wait(self, state: tenacity.RetryCallState, *, mean: bool = False) -> float:
        """Return the seconds before the next attempt: full jitter around a doubling mean, or what the server asked."""
        trouble = state.outcome.exception() if state.outcome else None
        asked = trouble.retry_after if isinstance(trouble, AttemptError) else None
        middle = min(self._config.backoff_seconds * 2 ** (state.attempt_number - 1), self._config.backoff_max_seconds)
        own = middle if mean else self._around.random.uniform(0.5, 1.5) * middle
        return max(own, asked or 0.0)

    async def _sleep(self, seconds: float) -> None:
        await self._around.sleep(min(seconds, max(self._around.seconds_left(), 0.0)))

    async def _judge_side(self, rule: Rule, trouble: AttemptError) -> None:
        """Find out, while no batch was answered yet, whether the trouble is the batch's or the side's.

        Raises:
            GatewayError: It is the side's.
        """
        if rule.then is OnExhausted.STOP:
            raise unusable(self._config, self._asked, trouble)
        async with self._canary_lock:
            if self.counts.answered or self._canary_done or self.stopped:
                return
            self._canary_done = True
            try:
                await self.send(self.shape.body([encode_text(CANARY_TEXT)]), f"{self._run}-canary", 1)
            except AttemptError as again:
                raise unusable(self._config, self._asked, again) from None


def _without_query(location: str) -> str:
    """Return the target of a redirect without what may be a ticket in its query."""
    return location.partition("?")[0].partition("#")[0] or "nowhere"
