"""One request and its response: sending within limits, decoding, counting.

Here belong reading and decompressing a body within the limits of a side, `AttemptError`s for what goes wrong, and a single
attempt of a lane with the state that all its attempts share. It uses httpx's transport and not its client: what the client
adds (redirects, cookies, netrc, proxies from the environment, a log line with the address) is what this product must not
do. What is sent beside a body belongs to `request_headers`, connections to `transport`, retries to `batch_fetcher`.
"""

import asyncio
import math
import time
import zlib
from collections.abc import AsyncIterator, Callable, Generator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random, SystemRandom
from typing import Final, Generic

import httpx

from parity_pipeline.core.fetched_rows import RowsT
from parity_pipeline.wire.codec import Codec, DecodedT, HttpResponse
from parity_pipeline.wire.error_text import error_message, error_shape, is_page, one_line, retry_after
from parity_pipeline.wire.gateway_errors import AttemptError, LaneOverError, MalformedResponse
from parity_pipeline.wire.outage_or_hang import HangingTexts
from parity_pipeline.wire.pacing import ConcurrencyLimiter, Now, RateLimiter, Sleep
from parity_pipeline.wire.progress import LaneCounters
from parity_pipeline.wire.request_headers import RequestHeaders, new_request_id
from parity_pipeline.wire.retry_policy import kind_of_status
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import TRANSPORT_ERRORS, kind_and_detail

_BODY_PIECE: Final = 1024 * 1024
"""Largest request body in bytes that is sent as a whole; aiohttp warns about larger ones."""


class Client:
    """Sends bodies to the one address of a side, with its headers, and nowhere else."""

    def __init__(self, config: SideConfig, transport: httpx.AsyncBaseTransport, now: Now) -> None:
        """Prepare what all requests share."""
        self._config = config
        self._transport = transport
        self._now = now
        self._url = httpx.URL(config.url)
        self._base = config.base_url.rstrip("/")
        times = config.timeouts
        self._timeouts = {"connect": times.connect, "read": times.read, "write": times.write, "pool": times.pool}
        self._headers = RequestHeaders(config)

    async def send(
        self,
        body: bytes,
        new_id: str,
        *,
        seconds: float,
        method: str = "POST",
        content_type: str | None = None,
        path: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> HttpResponse:
        """Send a body once and return the complete response, whatever its status.

        Args:
            body: The request body.
            new_id: The id of the request, where the side is sent one.
            seconds: Deadline from here to the last byte.
            method: HTTP method.
            content_type: Replaces the content type of the side's requests; None for that one.
            path: Replaces the path below the base URL; None for the address of the side.
            headers: Further headers of this request, names in lower case; they replace those of the side.

        Raises:
            AttemptError: No complete response arrived, or it is larger than allowed.
        """
        started = self._now()
        request_id = self._headers.sent_id(new_id)
        typed = {} if content_type is None else {"content-type": content_type}
        request = httpx.Request(
            method,
            self._url if path is None else httpx.URL(self._base + path),
            headers=self._headers.of(body, request_id, {**(headers or {}), **typed}),
            content=body if len(body) <= _BODY_PIECE else _in_pieces(body),
            extensions={"timeout": self._timeouts},
        )
        with self._as_attempt_error(request_id, seconds):
            async with asyncio.timeout(seconds):
                response = await self._transport.handle_async_request(request)
                try:
                    content = await self._read(response, request_id)
                finally:
                    await response.aclose()
        return HttpResponse(
            response.status_code, response.headers, content, (self._now() - started) * 1000.0, request_id
        )

    @contextmanager
    def _as_attempt_error(self, request_id: str | None, seconds: float) -> Generator[None]:
        try:
            yield
        except TRANSPORT_ERRORS as error:
            kind, detail = kind_and_detail(error)
            raise AttemptError(kind, self._config.without_secrets(detail)[:200], request_id=request_id) from None
        except TimeoutError:
            detail = f"no complete response within {seconds:g} s"
            raise AttemptError("deadline", detail, request_id=request_id) from None

    async def _read(self, response: httpx.Response, request_id: str | None) -> bytes:
        limit = self._config.response_bytes
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise AttemptError("protocol_error", "a response that cannot be streamed", request_id=request_id)
        stated = response.headers.get("content-length", "")
        chunks, size = list[bytes](), int(stated) if stated.isdecimal() else 0
        if size <= limit:
            size = 0
            async for chunk in stream:
                size += len(chunk)
                if size > limit:
                    break
                chunks.append(chunk)
        if size > limit:
            detail = f"more than {limit} bytes"
            raise AttemptError("too_large", detail, http_status=response.status_code, request_id=request_id)
        content = chunks[0] if len(chunks) == 1 else b"".join(chunks)
        encoding = response.headers.get("content-encoding", "identity").strip().lower()
        if encoding in ("", "identity"):
            return content
        try:
            return _decompressed(content, encoding, limit)
        except AttemptError as error:
            error.http_status, error.request_id = response.status_code, request_id
            raise


async def _in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """Yield a body piece by piece."""
    for start in range(0, len(body), _BODY_PIECE):
        yield body[start : start + _BODY_PIECE]


def _decompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """Return a gzip or deflate body, never holding more than the limit.

    Raises:
        AttemptError: Another encoding, broken or unfinished data, or more than the limit.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AttemptError("bad_encoding", f"content encoding {encoding[:40]!r}, which was not requested")
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = engine.decompress(data, limit + 1)
    except zlib.error as error:
        raise AttemptError("bad_encoding", f"broken {encoding}: {error}") from None
    if len(plain) > limit:
        raise AttemptError("too_large", f"more than {limit} bytes after decompression")
    if not engine.eof:
        raise AttemptError("bad_encoding", f"truncated {encoding} data")
    return plain


_TURNS_BEFORE_DECODING: Final = 2
"""Turns of the event loop in which the next request is sent before a response is decoded: in the first it gets its
connection, in the second aiohttp writes it (from Python 3.12 on, already in the first)."""


def utc_now() -> datetime:
    """Return the time now in UTC."""
    return datetime.now(UTC)


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneEnvironment:
    """What the outside world does for a lane, but for the network; tests pass their own.

    Attributes:
        clock: The time of day, with a time zone.
        now: Monotonic seconds.
        sleep: Waits so many seconds.
        random: Jitter and request ids.
    """

    clock: Callable[[], datetime] = utc_now
    now: Now = time.monotonic
    sleep: Sleep = asyncio.sleep
    random: Random = field(default_factory=SystemRandom)


@dataclass(frozen=True, slots=True, kw_only=True)
class SenderContext(LaneEnvironment):
    """What all requests of a lane share.

    Attributes:
        client: Sends one body.
        concurrency_limiter: Bounds the requests in flight.
        rate_limiter: Bounds the rate.
        seconds_left: Seconds until the lane's deadline.
    """

    client: Client
    concurrency_limiter: ConcurrencyLimiter
    rate_limiter: RateLimiter
    seconds_left: Callable[[], float]

    @classmethod
    def of(
        cls, config: SideConfig, transport: httpx.AsyncBaseTransport, environment: LaneEnvironment
    ) -> "SenderContext":
        """Return the limits of a side, and a deadline of its lane that begins now."""
        now, sleep = environment.now, environment.sleep
        deadline = now() + config.lane_seconds if config.lane_seconds else math.inf
        return cls(
            client=Client(config, transport, now),
            concurrency_limiter=ConcurrencyLimiter(config.concurrency, now, adaptive=config.adaptive),
            rate_limiter=RateLimiter(config.requests_per_second, config.texts_per_second, now, sleep),
            seconds_left=lambda: deadline - now(),
            clock=environment.clock,
            now=now,
            sleep=sleep,
            random=environment.random,
        )


class RequestSender(Generic[DecodedT, RowsT]):
    """Sends the requests of one lane.

    Attributes:
        codec: Builds request bodies and reads responses.
        context: What all requests share.
        counters: Requests, responses and errors so far.
        hanging: What is known about texts without a response.
        stopped: Why nothing more is to be sent; "" while the lane goes on.
    """

    def __init__(
        self,
        config: SideConfig,
        codec: Codec[DecodedT, RowsT],
        context: SenderContext,
        on_response: Callable[[HttpResponse, DecodedT], None],
    ) -> None:
        """Prepare what all requests share."""
        self._config = config
        self.codec = codec
        self.context = self._context = context
        self._on_response = on_response
        self.counters = LaneCounters()
        self.hanging = HangingTexts(read=config.timeouts.read, total=config.timeouts.total)
        self.stopped = ""

    async def send(
        self, body: bytes, texts: int, *, patient: bool = True, counted: bool = True, path: str | None = None
    ) -> tuple[HttpResponse, DecodedT]:
        """Send a body once and decode the response.

        Args:
            body: The request body.
            texts: Inputs in it.
            patient: Whether the request has the whole time-out of the side.
            counted: Whether errors and tokens count as those of the lane: its own requests about the side do not.
            path: The path of the request, as the codec returns it.

        Raises:
            AttemptError: The response, if any, holds no results.
        """
        context, number, seconds, allowed, sent = self._context, 0, 0.0, 0.0, 0.0
        try:
            async with context.concurrency_limiter:
                await context.rate_limiter.turn(texts)
                self._check_lane()
                self.counters.requests += 1
                number = self.counters.requests
                allowed = min(self._config.timeouts.total, max(context.seconds_left(), 0.001))
                seconds = allowed if patient else min(allowed, self.hanging.patience(texts))
                sent = context.now()
                new_id = new_request_id(context.random)
                response = await context.client.send(body, new_id, seconds=seconds, path=path)
            self.counters.responses += 1
            for _ in range(_TURNS_BEFORE_DECODING):
                await asyncio.sleep(0)
            decoded = self._decode(response, texts)
        except LaneOverError:
            raise
        except AttemptError as error:
            error.number, error.seconds = number, seconds
            # Given up by this lane's patience, before the side's time-out: no error of the side.
            given_up = error.kind == "deadline" and seconds < allowed and context.now() - sent >= 0.9 * seconds
            self._note(error, counted=counted and not given_up)
            raise
        self.counters.with_vectors += 1
        self.counters.last_good = max(self.counters.last_good, number)
        if counted:
            self.counters.tokens.update(decoded.usage)
        context.concurrency_limiter.on_success(response.latency_ms / texts)
        self._on_response(response, decoded)
        return response, decoded

    def _check_lane(self) -> None:
        """Let nothing more be sent for a lane that is over.

        Raises:
            LaneOverError: It is.
        """
        if self.stopped or self._context.seconds_left() <= 0:
            raise LaneOverError("deadline", self.stopped or "the lane's deadline has passed")
        most = self._config.lane_requests
        if most is not None and self.counters.requests >= most:
            raise LaneOverError("deadline", f"the {most} requests of the lane are used up")

    def _decode(self, response: HttpResponse, texts: int) -> DecodedT:
        content_type = response.headers.get("content-type", "")
        if response.status != 200:
            kind = kind_of_status(response.status)
            message = error_message(response.body, content_type, self._config.without_secrets)
            if kind == "redirect":
                target = _without_query(response.headers.get("location", ""))
                message = f"it redirects to {target}, which is not followed"
            raise self._error(response, kind, message)
        try:
            return self.codec.decode(response.body, texts)
        except MalformedResponse as malformed:
            detail = malformed.detail
            if is_page(bytes(response.body[:200]).decode("utf-8", "replace"), content_type):
                detail = error_message(response.body, content_type, self._config.without_secrets)
            elif "json" not in content_type:
                detail += f" (content type {content_type[:60]!r})"
            raise self._error(response, malformed.kind, detail) from None

    def _error(self, response: HttpResponse, kind: str, detail: str) -> AttemptError:
        hide = self._config.without_secrets
        return AttemptError(
            kind,
            one_line(hide(detail)),
            http_status=response.status,
            retry_after=retry_after(response.headers, self._context.clock()),
            latency_ms=response.latency_ms,
            request_id=response.request_id,
            shape="" if response.status == 200 else error_shape(response.status, response.body, hide),
        )

    def _note(self, error: AttemptError, *, counted: bool) -> None:
        if counted:
            self.counters.errors_by_kind[error.kind] += 1
        if error.http_status in (429, 503):
            self._context.concurrency_limiter.on_overload()
        if error.retry_after:
            self._context.rate_limiter.hold(min(error.retry_after, self._config.retry_seconds))


def _without_query(location: str) -> str:
    """Return the target of a redirect without its query, which may hold a ticket."""
    return location.partition("?")[0].partition("#")[0] or "nowhere"
