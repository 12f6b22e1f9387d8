"""One request, one reply: httpx's transport with limits around it.

Here belong sending, reading a body within limits, and the mapping of foreign exceptions to kinds of `retry_policy`. It works
on httpx's transport and not on its client: what the client adds (redirects, cookies, netrc, proxies from the
environment, a log line with the address) is what this product must not do. Retries belong to `lane`.
"""

import asyncio
import ssl
import zlib
from collections.abc import Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import httpcore
import httpx

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.plain import PlainTransport
from parity_pipeline.wire.side_config import SideConfig

Now = Callable[[], float]


class AttemptError(Exception):
    """One attempt that brought no vectors.

    Attributes:
        kind: A kind of `policy.RULES`.
        detail: What happened, with the server's words where there are any; no secrets.
        http_status: Status of the answer; None where none came.
        retry_after: Seconds that the server asked to wait; None where it did not.
        latency_ms: Milliseconds until the answer was whole; None where none came.
        request_id: The id of the attempt.
    """

    def __init__(
        self,
        kind: str,
        detail: str,
        *,
        http_status: int | None = None,
        retry_after: float | None = None,
        latency_ms: float | None = None,
        request_id: str | None = None,
    ) -> None:
        """Keep the facts."""
        self.kind = kind
        self.detail = detail
        self.http_status = http_status
        self.retry_after = retry_after
        self.latency_ms = latency_ms
        self.request_id = request_id
        super().__init__(f"{kind}: {detail}")


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A whole answer.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        body: The body, decompressed.
        latency_ms: Milliseconds from sending the request to having its whole body.
        request_id: The id it was asked under.
    """

    status: int
    headers: httpx.Headers
    body: bytes | bytearray
    latency_ms: float
    request_id: str


_KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.ReadTimeout, "read_timeout"),
    (httpx.WriteTimeout, "write_timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.ConnectError, "connect_error"),
    (httpx.ProxyError, "connect_error"),
    (httpx.UnsupportedProtocol, "connect_error"),
    (httpx.RemoteProtocolError, "protocol_error"),
    (httpx.LocalProtocolError, "protocol_error"),
    (httpx.NetworkError, "reset"),
)


_READ_BYTES: Final = 256 * 1024
"""Most bytes of TLS or of a proxy taken at once: an answer of 0.5 MB then comes in three reads, where httpcore's own 64 kB
takes nine. More saves little, and all that one read brings is parsed before a deadline can end it."""


def transport_for(config: SideConfig) -> httpx.AsyncBaseTransport:
    """Return a transport for one side: HTTP/1.1, verified TLS, as many connections as requests in flight.

    Raises:
        GatewayError: The CA bundle, the client certificate or the proxy address cannot be used.
    """
    files = config.ca_bundle or config.client_cert
    if config.base_url.lower().startswith("http://") and config.proxy is None and not files:
        return PlainTransport(config.concurrency)
    # There is no parameter for it; it is one number for the process, and harmless to other users of httpcore.
    setattr(httpcore.AsyncHTTP11Connection, "READ_NUM_BYTES", _READ_BYTES)  # noqa: B010 - declared as the literal 65536
    try:
        context = ssl.create_default_context(cafile=str(config.ca_bundle) if config.ca_bundle else None)
        if config.client_cert:
            context.load_cert_chain(config.client_cert)
    except OSError as error:
        files = ", ".join(str(path) for path in (config.ca_bundle, config.client_cert) if path)
        problem = f"the CA bundle or client certificate cannot be used ({type(error).__name__})"
        remedy = f"Check that {files} are readable PEM files, the certificate with its key."
        raise GatewayError(problem, place=config.base_url, remedy=remedy) from None
    limits = httpx.Limits(max_connections=config.concurrency, max_keepalive_connections=config.concurrency)
    try:
        return httpx.AsyncHTTPTransport(
            verify=context, http1=True, http2=False, limits=limits, trust_env=False, proxy=config.proxy
        )
    except (ValueError, httpx.InvalidURL):
        remedy = "Set it to http://host:port."
        raise GatewayError("the proxy address cannot be used", place=config.base_url, remedy=remedy) from None


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
        """Send a body once and return the whole answer, whatever its status.

        Args:
            body: The request body.
            request_id: Sent as `x-request-id`.
            seconds: Deadline from here to the last byte.

        Raises:
            Trouble: No whole answer came, or it is larger than allowed.
        """
        started = self._now()
        request = httpx.Request(
            "POST",
            self._url,
            headers={**self._headers, "x-request-id": request_id},
            content=body,
            extensions={"timeout": self._timeouts},
        )
        with self._as_trouble(request_id, seconds):
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
    def _as_trouble(self, request_id: str, seconds: float) -> Generator[None]:
        try:
            yield
        except TimeoutError:
            raise AttemptError("deadline", f"no whole answer within {seconds:g} s", request_id=request_id) from None
        except httpx.TransportError as error:
            kind = next((kind for family, kind in _KINDS if isinstance(error, family)), "reset")
            text = str(error)
            if kind == "protocol_error" and ("without sending" in text or "incomplete" in text or "closed" in text):
                kind = "truncated" if "body" in text else "reset"
            detail = self._config.without_secrets(text)[:200] or type(error).__name__
            raise AttemptError(kind, detail, request_id=request_id) from None

    async def _read(self, response: httpx.Response, request_id: str) -> bytes:
        limit = self._config.response_bytes
        stream = response.stream
        if not isinstance(stream, httpx.AsyncByteStream):
            raise AttemptError("protocol_error", "an answer that cannot be read as it comes", request_id=request_id)
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
        except AttemptError as found:
            found.http_status, found.request_id = response.status_code, request_id
            raise


def _decompressed(data: bytes, encoding: str, limit: int) -> bytes:
    """Return a gzip or deflate body, never holding more than the limit.

    Raises:
        Trouble: Another encoding, broken or unfinished data, or more than the limit.
    """
    if encoding not in ("gzip", "x-gzip", "deflate"):
        raise AttemptError("bad_encoding", f"content encoding {encoding[:40]!r}, which was not asked for")
    engine = zlib.decompressobj(wbits=zlib.MAX_WBITS | 32)
    try:
        plain = engine.decompress(data, limit + 1)
    except zlib.error as error:
        raise AttemptError("bad_encoding", f"broken {encoding}: {error}") from None
    if len(plain) > limit:
        raise AttemptError("too_large", f"more than {limit} bytes after decompression")
    if not engine.eof:
        raise AttemptError("bad_encoding", f"{encoding} data that stop midway")
    return plain
