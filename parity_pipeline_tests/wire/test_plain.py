"""HTTP/1.1 over plain connections: how bodies end, and which connections are used again."""

import asyncio
import socket
import threading
from collections.abc import Awaitable, Callable, Generator, Sequence
from contextlib import closing, contextmanager, suppress

import httpx
import pytest

from parity_pipeline.wire.client import transport_for
from parity_pipeline.wire.plain import PlainTransport
from parity_pipeline_tests.wire.fake_side import side

KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nright"


class Server:
    """Answers each request of a connection with the next of the given bytes, and closes after the last.

    Attributes:
        url: Its address.
        connections: Connections that were opened.
        requests: The requests, whole.
    """

    def __init__(self, listener: socket.socket, answers: Sequence[bytes]) -> None:
        """Serve from a listening socket."""
        self.url = f"http://127.0.0.1:{listener.getsockname()[1]}/embed"
        self.connections = 0
        self.requests: list[bytes] = []
        self._listener, self._answers = listener, answers
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with closing(connection), suppress(OSError):
            for answer in self._answers:
                asked = b""
                while b"\r\n\r\n" not in asked or not asked.endswith(b"{}"):
                    part = connection.recv(65536)
                    if not part:
                        return
                    asked += part
                self.requests.append(asked)
                connection.sendall(answer)


@contextmanager
def serving(*answers: bytes) -> Generator[Server]:
    """Run a server of such answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Server(listener, answers)
        listener.shutdown(socket.SHUT_RDWR)


def asked(url: str, **times: float) -> httpx.Request:
    """Return a request."""
    return httpx.Request("POST", url, content=b"{}", extensions={"timeout": times})


async def body_of(transport: PlainTransport, url: str, **times: float) -> bytes:
    """Send a request and return the body of the answer."""
    response = await transport.handle_async_request(asked(url, **times))
    try:
        return await response.aread()
    finally:
        await response.aclose()


def run(use: Callable[[PlainTransport], Awaitable[None]], connections: int = 1) -> None:
    """Call with a transport."""

    async def whole() -> None:
        async with PlainTransport(connections) as transport:
            await use(transport)

    asyncio.run(whole())


@pytest.mark.parametrize(
    ("answer", "body"),
    [
        (KEPT, b"right"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n3\r\nrig\r\n2\r\nht\r\n0\r\n\r\n", b"right"),
        (b"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 100 Continue\r\n\r\n" + KEPT, b"right"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", b""),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b""),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1000000\r\n\r\n" + b"x" * 1_000_000, b"x" * 1_000_000),
    ],
    ids=["length", "chunks", "interim", "empty", "no-content", "large"],
)
def test_a_connection_is_used_again_after_a_whole_answer(answer: bytes, body: bytes) -> None:
    """Each way in which an answer can end leaves its connection ready for the next request."""
    with serving(answer, KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            assert await body_of(transport, server.url) == body
            assert await body_of(transport, server.url) == b"right"

        run(use)
        assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [
        KEPT.replace(b"1.1", b"1.0"),
        KEPT.replace(b"\r\n", b"\r\nConnection: Close\r\n", 1),
        b"HTTP/1.1 200 OK\r\n\r\nright",
        KEPT + b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nwrong",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nright\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nwrong",
    ],
    ids=["http-1.0", "close", "until-closed", "more-than-asked", "more-after-chunks"],
)
def test_a_connection_that_is_over_or_out_of_step_is_not(answer: bytes) -> None:
    """An answer nobody asked for is never taken for that of the next request."""
    with serving(answer) as server:

        async def use(transport: PlainTransport) -> None:
            for _ in range(2):
                assert await body_of(transport, server.url) == b"right"

        run(use)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (KEPT[:-1], "received 4 bytes, expected 5"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nrig", "without sending complete message body"),
        (b"", "without sending a response"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "without sending"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nright", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nright", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, "too long"),
        (b"nonsense\r\n\r\n", "illegal status line"),
    ],
)
def test_an_answer_that_is_none_says_so(answer: bytes, words: str) -> None:
    """What stops midway or is no HTTP is a protocol error, and its connection is closed."""
    with serving(answer) as server:

        async def use(transport: PlainTransport) -> None:
            for _ in range(2):
                with pytest.raises(httpx.RemoteProtocolError, match=words):
                    await body_of(transport, server.url)

        run(use)
        assert server.connections == 2


def test_an_idle_connection_that_the_server_closed_is_not_used() -> None:
    """A request after the server has hung up goes over a new connection."""
    with serving(KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            for _ in range(3):
                assert await body_of(transport, server.url) == b"right"
                await asyncio.to_thread(threading.active_count)  # the server closes in a thread of its own

        run(use)
        assert len(server.requests) == 3


def test_waiting_for_a_connection_has_its_own_timeout() -> None:
    """With all connections in use, a request waits as long as it may; a connection given up is one for the next."""
    with serving(KEPT, KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            held = await transport.handle_async_request(asked(server.url))
            with pytest.raises(httpx.PoolTimeout):
                await transport.handle_async_request(asked(server.url, pool=0.01))
            await held.aclose()
            assert await body_of(transport, server.url, pool=5.0) == b"right"

        run(use)
        assert server.connections == 2, "a body that was not read must not be left for the next request"


def test_a_request_that_is_given_up_frees_its_connection() -> None:
    """Cancelling while the server is silent leaves room for the next request."""
    with serving(b"", KEPT) as silent, serving(KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.05):
                    await body_of(transport, silent.url)
            assert await body_of(transport, server.url, pool=5.0) == b"right"

        run(use)


def test_a_request_is_written_in_one_piece() -> None:
    """Head and body leave together, with the length that a server needs."""
    with serving(KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            await body_of(transport, server.url)

        run(use)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        lines = head.lower().split(b"\r\n")
        assert lines[0] == b"post /embed http/1.1"
        assert {b"content-length: 2", b"host: " + server.url.split("/")[2].encode()} <= set(lines)
        assert body == b"{}"


def test_a_header_that_would_be_two_is_refused() -> None:
    """A line break in a header is an error of ours and is not sent."""
    with serving(KEPT) as server:

        async def use(transport: PlainTransport) -> None:
            request = httpx.Request("POST", server.url, content=b"{}", headers={"x-a": "1\r\nx-b: 2"})
            with pytest.raises(httpx.LocalProtocolError):
                await transport.handle_async_request(request)
            assert await body_of(transport, server.url, pool=5.0) == b"right"

        run(use)
        assert len(server.requests) == 1


def test_only_plain_addresses_go_this_way() -> None:
    """TLS and proxies keep httpx's own transport."""
    assert isinstance(transport_for(side()), PlainTransport)
    for other in (side(base_url="https://a.test"), side(proxy="http://p.test:1")):
        assert not isinstance(transport_for(other), PlainTransport)
