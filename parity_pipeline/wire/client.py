"""One request, one reply: aiohttp behind httpx's transport seam, with limits around it.

Here belong sending, reading a body within limits, and the mapping of foreign exceptions to kinds of `retry_policy`. It works
on httpx's transport and not on its client: what the client adds (redirects, cookies, netrc, proxies from the
environment, a log line with the address) is what this product must not do. Retries belong to `lane`.
"""

import asyncio
import select
import ssl
import zlib
from collections.abc import AsyncIterator, Callable, Generator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Final
from weakref import WeakSet

import aiohttp
import httpx
from aiohttp.abc import AbstractStreamWriter, ResolveResult
from aiohttp.connector import Connection
from httpx_aiohttp import AiohttpTransport

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.side_config import SideConfig, Timeouts

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


_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is trusted; what stands between may have forgotten it without a word. As in httpx."""

_LARGEST_HEADER: Final = 64 * 1024
"""Bytes of a status line or of one header beyond which a response is refused. Some gateways pass on headers larger than
aiohttp's own 8 kB."""

_READ_BYTES: Final = 256 * 1024
"""Bytes of a body that wait before aiohttp stops reading: as many as the event loop takes from a socket at once."""

_BODY_PIECE: Final = 1024 * 1024
"""Largest request body that is sent as a whole; aiohttp warns about larger ones."""


class _WriteTimeoutError(aiohttp.SocketTimeoutError):
    """The server did not take the request in time."""


_KINDS: Final[tuple[tuple[type[Exception], str], ...]] = (
    (_WriteTimeoutError, "write_timeout"),
    (aiohttp.SocketTimeoutError, "read_timeout"),
    (aiohttp.ServerTimeoutError, "connect_timeout"),
    (aiohttp.ClientSSLError, "tls_error"),
    (ssl.SSLError, "tls_error"),
    (aiohttp.ClientConnectorError, "connect_error"),
    (aiohttp.ClientHttpProxyError, "connect_error"),
    (aiohttp.InvalidURL, "connect_error"),
    (aiohttp.ClientPayloadError, "truncated"),
    (aiohttp.ClientConnectionError, "reset"),
    (aiohttp.ClientError, "protocol_error"),
    (ValueError, "protocol_error"),
    (httpx.ConnectTimeout, "connect_timeout"),
    (httpx.ReadTimeout, "read_timeout"),
    (httpx.WriteTimeout, "write_timeout"),
    (httpx.PoolTimeout, "pool_timeout"),
    (httpx.ConnectError, "connect_error"),
    (httpx.ProxyError, "connect_error"),
    (httpx.UnsupportedProtocol, "connect_error"),
    (httpx.ProtocolError, "protocol_error"),
    (httpx.TransportError, "reset"),
)
"""The first that fits counts. aiohttp's own come first: httpx-aiohttp names some of them wrongly, a connection that the
server closed a `ConnectTimeout`, and keeps the original as the cause."""


class _Connector(aiohttp.TCPConnector):
    """aiohttp's pool, which looks at an idle connection before it is used again."""

    def __init__(self, timeouts: Timeouts, connections: int, context: ssl.SSLContext) -> None:
        """Keep at most so many connections."""
        resolver = _Resolver(timeouts.connect)
        super().__init__(limit=connections, keepalive_timeout=_IDLE_SECONDS, ssl=context, resolver=resolver)
        self._known: WeakSet[Any] = WeakSet()

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Return a connection, never an idle one that was closed or on which the server spoke out of turn.

        aiohttp would use either: it learns that an idle connection was closed only when its loop comes to read it, and
        takes a response that nobody asked for as that of the next request.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol not in self._known:
                self._known.add(protocol)
                return connection
            if protocol is not None and not protocol.should_close and not _has_news(protocol.transport):
                return connection
            connection.close()


def _has_news(transport: asyncio.Transport | None) -> bool:
    """Return whether there is anything to read from an idle connection: bytes, or its end."""
    if transport is None:
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


class _Resolver(aiohttp.ThreadedResolver):
    """The system's name resolution within the connect timeout, of which aiohttp leaves it out."""

    def __init__(self, seconds: float) -> None:
        """Keep the timeout."""
        super().__init__()
        self._seconds = seconds

    async def resolve(self, host: str, *arguments: Any, **options: Any) -> list[ResolveResult]:
        """Return the addresses of a name."""
        async with asyncio.timeout(self._seconds):
            return await super().resolve(host, *arguments, **options)


def _request_class(seconds: float) -> type[aiohttp.ClientRequest]:
    """Return aiohttp's request with the write timeout that it lacks."""

    class _Request(aiohttp.ClientRequest):
        async def write_bytes(
            self, writer: AbstractStreamWriter, conn: Connection, content_length: int | None = None
        ) -> None:
            protocol, transport, taken = conn.protocol, conn.transport, False
            try:
                async with asyncio.timeout(seconds):
                    await super().write_bytes(writer, conn, content_length)
                taken = True
            except TimeoutError:
                if protocol is not None:
                    protocol.set_exception(_WriteTimeoutError(f"the request was not taken within {seconds:g} s"))
            finally:
                if transport is not None and not taken:
                    transport.abort()  # closing it, as aiohttp does, would wait for the server to take the rest

    return _Request


def transport_for(config: SideConfig) -> httpx.AsyncBaseTransport:
    """Return a transport for one side: HTTP/1.1, verified TLS, as many connections as requests in flight.

    Raises:
        GatewayError: The CA bundle, the client certificate or the proxy address cannot be used.
    """
    context = _tls(config)
    proxy = _proxy(config.proxy, config.base_url) if config.proxy else None

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(config.timeouts, config.concurrency, context),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            request_class=_request_class(config.timeouts.write),
            read_bufsize=_READ_BYTES,
            max_line_size=_LARGEST_HEADER,
            max_field_size=_LARGEST_HEADER,
        )

    return AiohttpTransport(verify=context, trust_env=False, proxy=proxy, client=session)


def _proxy(address: str, place: str) -> httpx.Proxy:
    """Return a proxy, its credentials among the headers: aiohttp deprecates the way in which httpx-aiohttp passes them.

    Raises:
        GatewayError: The address cannot be used.
    """
    try:
        proxy = httpx.Proxy(address)
    except (ValueError, httpx.InvalidURL):
        proxy = None
    if proxy is None or proxy.url.scheme not in ("http", "https") or not proxy.url.host:
        raise GatewayError("the proxy address cannot be used", place=place, remedy="Set it to http://host:port.")
    if proxy.auth:
        # aiohttp sends this one to the proxy alone, as `proxy-authorization`, for plain and for TLS requests.
        proxy.headers["authorization"] = aiohttp.encode_basic_auth(*proxy.auth)
        proxy = httpx.Proxy(proxy.url, headers=proxy.headers)
    return proxy


def _tls(config: SideConfig) -> ssl.SSLContext:
    """Return what servers are verified against; nothing is loaded, and nobody trusted, where no TLS is spoken.

    Raises:
        GatewayError: The CA bundle or the client certificate cannot be used.
    """
    files = [path for path in (config.ca_bundle, config.client_cert) if path]
    if not files and not any(url.lower().startswith("https:") for url in (config.base_url, config.proxy or "")):
        return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    try:
        context = ssl.create_default_context(cafile=str(config.ca_bundle) if config.ca_bundle else None)
        if config.client_cert:
            context.load_cert_chain(config.client_cert)
    except OSError as error:
        problem = f"the CA bundle or client certificate cannot be used ({type(error).__name__})"
        remedy = f"Check that {', '.join(map(str, files))} are readable PEM files, the certificate with its key."
        raise GatewayError(problem, place=config.base_url, remedy=remedy) from None
    return context


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
            AttemptError: No whole answer came, or it is larger than allowed.
        """
        started = self._now()
        request = httpx.Request(
            "POST",
            self._url,
            headers={**self._headers, "x-request-id": request_id, "content-length": str(len(body))},
            content=body if len(body) <= _BODY_PIECE else _in_pieces(body),
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
        except (httpx.TransportError, aiohttp.ClientError, ValueError) as error:
            origin = _origin(error)
            kind = next((kind for family, kind in _KINDS if isinstance(origin, family)), "reset")
            detail = self._config.without_secrets(_words(origin))[:200] or type(origin).__name__
            raise AttemptError(kind, detail, request_id=request_id) from None
        except TimeoutError:
            raise AttemptError("deadline", f"no whole answer within {seconds:g} s", request_id=request_id) from None

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


def _origin(error: Exception) -> Exception:
    """Return what aiohttp met before httpx-aiohttp renamed it, and OpenSSL before aiohttp did."""
    cause = error.__cause__
    if isinstance(error, httpx.TransportError) and isinstance(cause, Exception):
        error, cause = cause, cause.__cause__
    return cause if isinstance(cause, ssl.SSLError) and not isinstance(error, aiohttp.ClientSSLError) else error


def _words(error: Exception) -> str:
    """Return what an exception says, in one line; not the half of a head that aiohttp attaches to a disconnect."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server disconnected without sending a response"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        reason = (
            error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
        )
        words = getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or str(reason)
        return one_line(f"{error.host}:{error.port}: {words}")
    return one_line(str(error))


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
