"""A server that sends given bytes over real connections, plain or TLS, and a sender of requests to it.

Here belong what the tests of `client` and `transport` share; no test.
"""

import asyncio
import fcntl
import socket
import ssl
import struct
import termios
import threading
import time
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import ExitStack, closing, contextmanager, suppress
from typing import Any

import httpx
import pytest

from parity_pipeline.wire.client import Client, HttpResponse
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.transport import transport_for
from parity_pipeline_tests.wire.fake_side import side

KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nright"
TOKEN = "secret-token"  # noqa: S105 - of no use anywhere
WRONG = KEPT.replace(b"right", b"wrong")


class Server:
    """Sends the next of the given responses for each request of a connection, and closes it after the last.

    Attributes:
        url: Its address.
        connections: Connections that were opened.
        requests: The complete requests.
        open: The connections, so that a test can close or write to them.
    """

    def __init__(self, listener: socket.socket, responses: Sequence[bytes], tls: ssl.SSLContext | None = None) -> None:
        """Serve from a listening socket."""
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: list[socket.socket] = []
        self._listener, self._responses, self._tls = listener, responses, tls
        self._received = threading.Condition()
        threading.Thread(target=self._serve, daemon=True).start()

    def has_received(self, requests: int) -> bool:
        """Wait until so many requests were received; return False if they never are."""
        with self._received:
            return self._received.wait_for(lambda: len(self.requests) >= requests, timeout=30)

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._respond, args=(connection,), daemon=True).start()

    def _respond(self, connection: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(closing(connection))
            if self._tls:
                connection = stack.enter_context(closing(_wrapped(connection, self._tls)))
            self.open.append(connection)
            for response in self._responses:
                request = _received(connection)
                if not request:
                    return
                with self._received:
                    self.requests.append(request)
                    self._received.notify_all()
                connection.sendall(response)


def _received(connection: socket.socket) -> bytes:
    """Return the next request with its body; empty if the client closes before its end."""
    request, end = b"", 0
    while not end or len(request) < end:
        part = connection.recv(65536)
        if not part:
            return b""
        request += part
        head, blank_line, _ = request.partition(b"\r\n\r\n")
        if blank_line and not end:
            lengths = [line[15:] for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
            end = len(head) + len(blank_line) + int(lengths[0])
    return request


def _wrapped(connection: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the connection with TLS. After a failed handshake it stays open until the client has read why."""
    with closing(connection.dup()) as raw:
        try:
            return tls.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            while raw.recv(65536):
                pass
            raise


@contextmanager
def serving(*responses: bytes, tls: ssl.SSLContext | None = None) -> Generator[Server]:
    """Run a server that sends these responses."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Server(listener, responses, tls)
        listener.shutdown(socket.SHUT_RDWR)


@contextmanager
def silent() -> Generator[str]:
    """Listen and never read a byte; what is connected waits in the queue."""
    with closing(socket.create_server(("127.0.0.1", 0), backlog=1)) as listener:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


class Sender:
    """Sends `{}` or another body to the side that it was made for."""

    def __init__(self, config: SideConfig, transport: httpx.AsyncBaseTransport) -> None:
        """Make a client."""
        self._client = Client(config, transport, time.monotonic)

    async def response(self, body: bytes = b"{}", *, seconds: float = 30.0) -> HttpResponse:
        """Return the response."""
        return await self._client.send(body, "id-1", seconds=seconds)

    async def body(self) -> bytes:
        """Return the body of the response."""
        return bytes((await self.response()).body)

    async def error(self, body: bytes = b"{}", *, seconds: float = 30.0) -> AttemptError:
        """Return the error of the attempt."""
        with pytest.raises(AttemptError) as found:
            await self.response(body, seconds=seconds)
        return found.value


def run(url: str, use: Callable[[Sender], Awaitable[None]], **settings: Any) -> None:
    """Call a function with a sender to an address, over one connection at a time."""
    config = side(base_url=url, concurrency=1, **settings)

    async def send() -> None:
        async with transport_for(config) as transport:
            await use(Sender(config, transport))

    asyncio.run(send())


def until_arrived(connection: socket.socket) -> None:
    """Return once the client's kernel has acknowledged all that was sent, the end of the connection too."""
    while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]:
        pass


def hang_up(connection: socket.socket) -> None:
    """Close for writing, and return once the client's kernel knows, so that there is no race."""
    connection.shutdown(socket.SHUT_WR)
    until_arrived(connection)
