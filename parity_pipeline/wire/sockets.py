"""Plain TCP connections on the loop's own sockets: no layer between a read and the bytes.

Here belong opening, reading and writing with their timeouts, and httpx's exceptions for what goes wrong. What is said
over a connection belongs to `plain`.
"""

import asyncio
import socket
from collections.abc import Generator
from contextlib import contextmanager, suppress
from typing import Final

import httpx

_EAGER_SECONDS: Final = 0.01
"""How long a connection may find bytes waiting at each read before other requests and deadlines get their turn."""


class Connection:
    """One TCP connection. Reads and writes try the socket first and wait for it only where it is not ready."""

    def __init__(self, connection: socket.socket) -> None:
        """Take a connected socket that does not block."""
        self._socket = connection
        self._loop = asyncio.get_running_loop()
        self._since = 0.0

    async def read(self, most: int, seconds: float | None) -> bytes:
        """Return the bytes that came, at most so many; none where the server has closed.

        Raises:
            httpx.ReadTimeout: No byte came in `seconds`.
            httpx.ReadError: The connection broke.
        """
        with _named(httpx.ReadTimeout, httpx.ReadError):
            await self._take_turns()
            with suppress(BlockingIOError, InterruptedError):
                return self._socket.recv(most)
            async with asyncio.timeout(seconds):
                received = await self._loop.sock_recv(self._socket, most)
            self._since = self._loop.time()
            return received

    async def read_into(self, buffer: memoryview, seconds: float | None) -> int:
        """Fill a buffer from its beginning with what came, and return how much; 0 where the server has closed.

        Raises:
            httpx.ReadTimeout: No byte came in `seconds`.
            httpx.ReadError: The connection broke.
        """
        with _named(httpx.ReadTimeout, httpx.ReadError):
            await self._take_turns()
            with suppress(BlockingIOError, InterruptedError):
                return self._socket.recv_into(buffer)
            async with asyncio.timeout(seconds):
                received = await self._loop.sock_recv_into(self._socket, buffer)
            self._since = self._loop.time()
            return received

    async def write(self, data: bytes, seconds: float | None) -> None:
        """Send all bytes.

        Raises:
            httpx.WriteTimeout: They were not taken in `seconds`.
            httpx.WriteError: The connection broke.
        """
        self._since = self._loop.time()
        with _named(httpx.WriteTimeout, httpx.WriteError):
            sent = 0
            with suppress(BlockingIOError, InterruptedError):
                sent = self._socket.send(data)
            if sent < len(data):
                async with asyncio.timeout(seconds):
                    await self._loop.sock_sendall(self._socket, memoryview(data)[sent:])

    def is_quiet(self) -> bool:
        """Return whether an idle connection is as it was left: not closed, and nothing said out of turn."""
        try:
            self._socket.recv(1, socket.MSG_PEEK)
        except (BlockingIOError, InterruptedError):
            return True
        except OSError:
            return False
        return False

    def close(self) -> None:
        """Close the connection; once more does no harm."""
        self._socket.close()

    async def _take_turns(self) -> None:
        if self._loop.time() - self._since > _EAGER_SECONDS:
            await asyncio.sleep(0)
            self._since = self._loop.time()


async def connect(host: str, port: int, seconds: float | None) -> Connection:
    """Open a connection; all addresses of a name are tried, each with its share of the time that is left.

    Raises:
        httpx.ConnectTimeout: None was open in `seconds`.
        httpx.ConnectError: The name is unknown, or nobody listens.
    """
    with _named(httpx.ConnectTimeout, httpx.ConnectError):
        connection = await _connected(host, port, seconds)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return Connection(connection)


async def _connected(host: str, port: int, seconds: float | None) -> socket.socket:
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


@contextmanager
def _named(late: type[httpx.TransportError], broken: type[httpx.TransportError]) -> Generator[None]:
    try:
        yield
    except TimeoutError as error:
        raise late(str(error)) from error
    except OSError as error:
        raise broken(str(error)) from error
