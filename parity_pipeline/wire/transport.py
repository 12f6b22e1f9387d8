"""The network below `client`: aiohttp's connections behind httpx's transport seam, for plain and TLS connections alike.

Here belongs everything that depends on aiohttp: the connection pool, timeouts that aiohttp lacks, proxies, TLS, and the
mapping of foreign exceptions to kinds of `retry_policy`. Requests and responses belong to `client`.
"""

import asyncio
import os
import select
import ssl
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

_IDLE_SECONDS: Final = 5.0
"""How long an idle connection is trusted; a firewall in between may have dropped it silently. As in httpx."""

_LARGEST_HEADER: Final = 64 * 1024
"""Bytes of a status line or of one header beyond which a response is refused. Some gateways pass on headers larger than
aiohttp's own 8 kB."""

_READ_BYTES: Final = 256 * 1024
"""Bytes of a body that are buffered before aiohttp stops reading: as many as the event loop reads from a socket at once."""


class _WriteTimeoutError(aiohttp.SocketTimeoutError):
    """The server did not read the request in time."""


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
"""The first match counts. aiohttp's own come first: httpx-aiohttp maps some of them wrongly, a connection that the server
closed to `ConnectTimeout`, and keeps the original as the cause."""

TRANSPORT_ERRORS: Final = (httpx.TransportError, aiohttp.ClientError, ValueError)
"""What a transport raises; `kind_and_detail` explains each of them."""


def kind_and_detail(error: Exception) -> tuple[str, str]:
    """Return a kind of `retry_policy.RULES` and one line of text for what a transport raised."""
    origin = _origin(error)
    kind = next((kind for family, kind in _KINDS if isinstance(origin, family)), "reset")
    return kind, _message(origin) or type(origin).__name__


def _origin(error: Exception) -> Exception:
    """Return the exception that httpx-aiohttp mapped, or the one of OpenSSL that aiohttp did."""
    cause = error.__cause__
    if isinstance(error, httpx.TransportError) and isinstance(cause, Exception):
        error, cause = cause, cause.__cause__
    return cause if isinstance(cause, ssl.SSLError) and not isinstance(error, aiohttp.ClientSSLError) else error


def _message(error: Exception) -> str:
    """Return the message of an exception as one line, without the partial head that aiohttp adds to a disconnect."""
    if isinstance(error, aiohttp.ServerDisconnectedError):
        return "the server disconnected without sending a response"
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError):
        reason = (
            error.certificate_error if isinstance(error, aiohttp.ClientConnectorCertificateError) else error.os_error
        )
        message = getattr(reason, "verify_message", "") or getattr(reason, "reason", "") or str(reason)
        return one_line(f"{error.host}:{error.port}: {message}")
    if isinstance(error, aiohttp.ClientConnectorError):
        # aiohttp's own words name TLS, "ssl:default", of an http:// address too, and repeat the address as a tuple.
        number = None if isinstance(error, aiohttp.ClientConnectorDNSError) else error.os_error.errno
        reason = os.strerror(number) if number else error.os_error.strerror or str(error.os_error)
        return one_line(f"{error.host}:{error.port}: {reason}")
    return one_line(str(error))


def transport_for(config: SideConfig, reused: list[bool] | None = None) -> httpx.AsyncBaseTransport:
    """Return a transport for one side: HTTP/1.1, verified TLS, as many connections as requests in flight.

    Args:
        config: The side.
        reused: Gets an entry per request that gets its connection: whether that one was used before.

    Raises:
        GatewayError: The CA bundle, the client certificate or the proxy address cannot be used.
    """
    context = _tls(config)
    proxy = _proxy(config.proxy, config.base_url) if config.proxy else None

    def session() -> aiohttp.ClientSession:
        return aiohttp.ClientSession(
            connector=_Connector(config.timeouts, config.concurrency, context, reused),
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
    """Return the TLS settings of a side; without https they load no certificates and trust none.

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


class _Connector(aiohttp.TCPConnector):
    """aiohttp's pool, with a check of an idle connection before it is used again."""

    def __init__(
        self,
        timeouts: Timeouts,
        connections: int,
        context: ssl.SSLContext,
        reused: list[bool] | None,
    ) -> None:
        """Limit the number of connections."""
        resolver = _Resolver(timeouts.connect)
        super().__init__(limit=connections, keepalive_timeout=_IDLE_SECONDS, ssl=context, resolver=resolver)
        self._known: WeakSet[Any] = WeakSet()
        self._reused = reused

    async def connect(
        self,
        req: aiohttp.ClientRequest,
        traces: list[Any],
        timeout: aiohttp.ClientTimeout,  # noqa: ASYNC109 - aiohttp's signature
    ) -> Connection:
        """Return a connection, never an idle one that was closed or on which the server sent something unrequested.

        aiohttp would use either: it notices that an idle connection was closed only when its loop reads from it, and
        takes an unrequested response for that of the next request.
        """
        while True:
            connection = await super().connect(req, traces, timeout)
            protocol = connection.protocol
            if protocol not in self._known:
                self._known.add(protocol)
                self._note(reused=False)
                return connection
            if protocol is not None and not protocol.should_close and not _is_readable(protocol.transport):
                self._note(reused=True)
                return connection
            connection.close()

    def _note(self, *, reused: bool) -> None:
        if self._reused is not None:
            self._reused.append(reused)


def _is_readable(transport: asyncio.Transport | None) -> bool:
    """Return whether there is anything to read from an idle connection: bytes, or its end."""
    if transport is None:
        return True
    poll = select.poll()
    poll.register(transport.get_extra_info("socket"), select.POLLIN)
    return bool(poll.poll(0))


class _Resolver(aiohttp.ThreadedResolver):
    """The system's name resolution within the connect timeout; aiohttp does not apply it there."""

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
            protocol, transport, sent = conn.protocol, conn.transport, False
            try:
                async with asyncio.timeout(seconds):
                    await super().write_bytes(writer, conn, content_length)
                sent = True
            except TimeoutError:
                if protocol is not None:
                    protocol.set_exception(_WriteTimeoutError(f"the request was not sent within {seconds:g} s"))
            finally:
                if transport is not None and not sent:
                    transport.abort()  # closing it, as aiohttp does, would wait until the server has read the rest

    return _Request
