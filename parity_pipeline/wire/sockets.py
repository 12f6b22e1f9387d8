"""Plain TCP connections for httpcore, on the loop's own sockets: less work for each read than its general backend does.

Here belongs httpcore's public interface for network backends, for addresses that begin with http. TLS and proxies keep
httpcore's own backend. What a connection speaks belongs to httpcore, which limits and deadlines to `client`.
"""

import asyncio
import socket
from collections.abc import AsyncIterator, Generator, Iterable
from contextlib import contextmanager, suppress
from typing import Any, Final, cast

import httpcore
import httpx

_EAGER_SECONDS: Final = 0.01
"""How long a connection may find bytes waiting at each read before other requests and deadlines get their turn."""

_HELD_BYTES: Final = 1 << 20
"""What is written is held until the request ends or this much has come together."""


class PlainStream(httpcore.AsyncNetworkStream):
    """One TCP connection. Reads and writes try the socket first and wait for it only where it is not ready."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected socket that does not block."""
        self._socket = connection
        self._since = 0.0
        self._unsent: list[bytes] = []

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ASYNC109 - httpcore's interface
        """Return the bytes that came, at most `max_bytes`; none where the server has closed.

        Raises:
            httpcore.ReadTimeout: No byte came in `timeout` seconds.
            httpcore.ReadError: The connection broke.
        """
        with _as_httpcore(httpcore.ReadTimeout, httpcore.ReadError):
            loop = asyncio.get_running_loop()
            if loop.time() - self._since > _EAGER_SECONDS:
                await asyncio.sleep(0)
                self._since = loop.time()
            with suppress(BlockingIOError, InterruptedError):
                return self._socket.recv(max_bytes)
            async with asyncio.timeout(timeout):
                received = await loop.sock_recv(self._socket, max_bytes)
            self._since = loop.time()
            return received

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ASYNC109 - httpcore's interface
        """Send all bytes, those of the head of a request together with the first of its body.

        httpcore writes head and body apart and ends each request with a write of nothing. Two packets for one request
        wake a server twice, and cost twice the system calls.

        Raises:
            httpcore.WriteTimeout: They were not taken in `timeout` seconds.
            httpcore.WriteError: The connection broke.
        """
        if buffer:
            self._unsent.append(buffer)
        if not self._unsent or (buffer and sum(map(len, self._unsent)) < _HELD_BYTES):
            return
        whole, self._unsent = b"".join(self._unsent), []
        loop = asyncio.get_running_loop()
        self._since = loop.time()
        with _as_httpcore(httpcore.WriteTimeout, httpcore.WriteError):
            sent = 0
            with suppress(BlockingIOError, InterruptedError):
                sent = self._socket.send(whole)
            if sent < len(whole):
                async with asyncio.timeout(timeout):
                    await loop.sock_sendall(self._socket, memoryview(whole)[sent:])

    async def aclose(self) -> None:
        """Close the connection."""
        self._socket.close()

    def get_extra_info(self, info: str) -> Any:
        """Return what httpcore asks of an idle connection: whether the server has closed it or spoken out of turn."""
        if info == "is_readable":
            return _is_readable(self._socket)
        return self._socket if info == "socket" else None


class PlainSockets(httpcore.AsyncNetworkBackend):
    """Opens plain TCP connections."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,  # noqa: ASYNC109 - httpcore's interface
        local_address: str | None = None,  # noqa: ARG002 - likewise
        socket_options: Iterable[Any] | None = None,  # noqa: ARG002 - likewise
    ) -> httpcore.AsyncNetworkStream:
        """Open a connection; all addresses of a name are tried.

        Raises:
            httpcore.ConnectTimeout: None was open in `timeout` seconds.
            httpcore.ConnectError: The name is unknown, or nobody listens.
        """
        with _as_httpcore(httpcore.ConnectTimeout, httpcore.ConnectError):
            connection = await _connected(host, port, timeout)
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        return PlainStream(connection)

    async def sleep(self, seconds: float) -> None:
        """Wait."""
        await asyncio.sleep(seconds)


class PlainTransport(httpx.AsyncBaseTransport):
    """httpx's transport seam over a pool of plain connections: HTTP/1.1, no TLS, no proxy."""

    def __init__(self, connections: int) -> None:
        """Prepare a pool of so many connections."""
        self._pool = httpcore.AsyncConnectionPool(
            max_connections=connections, max_keepalive_connections=connections, network_backend=PlainSockets()
        )

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send a request and return the answer's head; its body comes as it is read.

        Raises:
            httpx.TransportError: No answer came.
        """
        url = request.url
        asked = httpcore.Request(
            request.method,
            httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.content,
            extensions=request.extensions,
        )
        with _as_httpx():
            answer = await self._pool.handle_async_request(asked)
        return httpx.Response(answer.status, headers=answer.headers, stream=_Body(answer))

    async def aclose(self) -> None:
        """Close all connections."""
        with _as_httpx():
            await self._pool.aclose()


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        with _as_httpx():
            async for chunk in self._answer.aiter_stream():
                yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


async def _connected(host: str, port: int, seconds: float | None) -> socket.socket:
    """Return a connection to the first address that takes one; each gets its share of the time that is left.

    Raises:
        OSError: The name is unknown, or no address takes a connection in time.
    """
    loop = asyncio.get_running_loop()
    end = None if seconds is None else loop.time() + seconds
    async with asyncio.timeout_at(end):
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    for number, (family, kind, protocol, _, address) in enumerate(found):
        share = None if end is None else max(end - loop.time(), 0.0) / (len(found) - number)
        connection = socket.socket(family, kind, protocol)
        connection.settimeout(0)
        try:
            async with asyncio.timeout(share):
                await loop.sock_connect(connection, address)
        except BaseException as error:
            connection.close()
            if not isinstance(error, OSError) or number + 1 == len(found):
                raise
        else:
            return connection
    raise OSError(f"{host} has no address")


def _is_readable(connection: socket.socket) -> bool:
    """Return whether a read would not wait; a closed connection would not."""
    try:
        connection.recv(1, socket.MSG_PEEK)
    except (BlockingIOError, InterruptedError):
        return False
    except OSError:
        return True
    return True


@contextmanager
def _as_httpcore(late: type[Exception], broken: type[Exception]) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error


@contextmanager
def _as_httpx() -> Generator[None]:
    """Raise httpx's exception for httpcore's one of the same name."""
    try:
        yield
    except (
        httpcore.TimeoutException,
        httpcore.NetworkError,
        httpcore.ProtocolError,
        httpcore.UnsupportedProtocol,
    ) as error:
        raise cast("type[httpx.TransportError]", getattr(httpx, type(error).__name__))(str(error)) from error
