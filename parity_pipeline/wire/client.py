"""One request and its response, within limits.

Here belong a request's headers, sending, reading and decompressing a body within the limits of a side, and `AttemptError`s for what goes wrong.
It uses httpx's transport and not its client: what the client adds (redirects, cookies, netrc, proxies from the environment,
a log line with the address) is what this product must not do. Connections belong to `transport`, retries to `batch_fetcher`.
"""

import asyncio
import zlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpx

from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import TRANSPORT_ERRORS, kind_and_detail

Now = Callable[[], float]

_BODY_PIECE: Final = 1024 * 1024
"""Largest request body in bytes that is sent as a whole; aiohttp warns about larger ones."""


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        body: The body, decompressed.
        latency_ms: Milliseconds from sending the request to having the whole body.
        request_id: The id of the request.
    """

    status: int
    headers: httpx.Headers
    body: bytes | bytearray
    latency_ms: float
    request_id: str


class Client:
    """Sends bodies to the one address of a side, with its headers, and nowhere else."""

    def __init__(self, config: SideConfig, transport: httpx.AsyncBaseTransport, now: Now) -> None:
        """Prepare what all requests share."""
        self._config = config
        self._transport = transport
        self._now = now
        self._url = httpx.URL(config.url)
        times = config.timeouts
        self._timeouts = {"connect": times.connect, "read": times.read, "write": times.write, "pool": times.pool}
        headers = {
            "accept": "application/json",
            "accept-encoding": "identity",  # decompressing costs more than loopback and a rack's network do
            "content-type": "application/json",
            "user-agent": "parity-pipeline",
            **{name.lower(): value for name, value in config.headers.items()},
        }
        if config.bearer_token:
            headers["authorization"] = f"Bearer {config.bearer_token}"
        self._headers = headers

    async def send(self, body: bytes, request_id: str, *, seconds: float) -> HttpResponse:
        """Send a body once and return the complete response, whatever its status.

        Args:
            body: The request body.
            request_id: Sent as `x-request-id`.
            seconds: Deadline from here to the last byte.

        Raises:
            AttemptError: No complete response arrived, or it is larger than allowed.
        """
        started = self._now()
        request = httpx.Request(
            "POST",
            self._url,
            headers={**self._headers, "x-request-id": request_id, "content-length": str(len(body))},
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
    def _as_attempt_error(self, request_id: str, seconds: float) -> Generator[None]:
        try:
            yield
        except TRANSPORT_ERRORS as error:
            kind, detail = kind_and_detail(error)
            raise AttemptError(kind, self._config.without_secrets(detail)[:200], request_id=request_id) from None
        except TimeoutError:
            detail = f"no complete response within {seconds:g} s"
            raise AttemptError("deadline", detail, request_id=request_id) from None

    async def _read(self, response: httpx.Response, request_id: str) -> bytes:
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
