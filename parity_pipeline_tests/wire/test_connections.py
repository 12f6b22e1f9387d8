"""HTTP/1.1 over real connections: how bodies end, and which connections are used again."""

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

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.wire.client import AttemptError, Client, HttpResponse, transport_for
from parity_pipeline.wire.side_config import SideConfig, Timeouts
from parity_pipeline_tests.wire.fake_side import side

KEPT = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nright"
TOKEN = "secret-token"  # noqa: S105 - of no use anywhere
WRONG = KEPT.replace(b"right", b"wrong")


class Server:
    """Answers each request of a connection with the next of the given bytes, and closes after the last.

    Attributes:
        url: Its address.
        connections: Connections that were opened.
        requests: The requests, whole.
        open: The connections, for what a test does to them.
    """

    def __init__(self, listener: socket.socket, answers: Sequence[bytes], tls: ssl.SSLContext | None = None) -> None:
        """Serve from a listening socket."""
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{listener.getsockname()[1]}"
        self.connections = 0
        self.requests: list[bytes] = []
        self.open: list[socket.socket] = []
        self._listener, self._answers, self._tls = listener, answers, tls
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                threading.Thread(target=self._answer, args=(connection,), daemon=True).start()

    def _answer(self, connection: socket.socket) -> None:
        with ExitStack() as stack, suppress(OSError):
            stack.enter_context(closing(connection))
            if self._tls:
                connection = stack.enter_context(closing(_shaken(connection, self._tls)))
            self.open.append(connection)
            for answer in self._answers:
                asked = b""
                while b"\r\n\r\n" not in asked or not asked.endswith(b"{}"):
                    part = connection.recv(65536)
                    if not part:
                        return
                    asked += part
                self.requests.append(asked)
                connection.sendall(answer)


def _shaken(connection: socket.socket, tls: ssl.SSLContext) -> ssl.SSLSocket:
    """Return the connection under TLS. One that is refused stays open until the client has read why."""
    with closing(connection.dup()) as raw:
        try:
            return tls.wrap_socket(connection, server_side=True)
        except ssl.SSLError:
            while raw.recv(65536):
                pass
            raise


@contextmanager
def serving(*answers: bytes, tls: ssl.SSLContext | None = None) -> Generator[Server]:
    """Run a server of such answers."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        yield Server(listener, answers, tls)
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

    async def reply(self, body: bytes = b"{}", *, seconds: float = 30.0) -> HttpResponse:
        """Return the response."""
        return await self._client.send(body, "id-1", seconds=seconds)

    async def body(self) -> bytes:
        """Return the body of the response."""
        return bytes((await self.reply()).body)

    async def trouble(self, body: bytes = b"{}", *, seconds: float = 30.0) -> AttemptError:
        """Return what went wrong."""
        with pytest.raises(AttemptError) as found:
            await self.reply(body, seconds=seconds)
        return found.value


def run(url: str, use: Callable[[Sender], Awaitable[None]], **settings: Any) -> None:
    """Call with a sender to an address, over one connection at a time."""
    config = side(base_url=url, concurrency=1, **settings)

    async def whole() -> None:
        async with transport_for(config) as transport:
            await use(Sender(config, transport))

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
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 60_000 + b"\r\ncontent-length: 5\r\n\r\nright", b"right"),
    ],
    ids=["length", "chunks", "interim", "empty", "no-content", "large", "large-header"],
)
def test_a_connection_is_used_again_after_a_whole_answer(answer: bytes, body: bytes) -> None:
    """Each way in which an answer can end leaves its connection ready for the next request."""
    with serving(answer, KEPT) as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == body
            assert await sender.body() == b"right"

        run(server.url, use)
        assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "answer",
    [
        KEPT.replace(b"1.1", b"1.0"),
        KEPT.replace(b"\r\n", b"\r\nConnection: Close\r\n", 1),
        b"HTTP/1.1 200 OK\r\n\r\nright",
        KEPT + WRONG,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nright\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nwrong",
    ],
    ids=["http-1.0", "close", "until-closed", "more-than-asked", "more-after-chunks"],
)
def test_a_connection_that_is_over_or_out_of_step_is_not(answer: bytes) -> None:
    """An answer nobody asked for is never taken for that of the next request."""
    with serving(answer) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                assert await sender.body() == b"right"

        run(server.url, use)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("answer", "kind", "words"),
    [
        (KEPT[:-1], "truncated", "received 4 of 5 bytes"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\nrig", "truncated", "not completed"),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nrig", "protocol_error", "chunk size"),
        (b"", "reset", "disconnected"),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "reset", "disconnected"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nright", "protocol_error", "Content-Length"),
        (b"HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nright", "protocol_error", "Content-Length"),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\nright",
            "protocol_error",
            "Content-Length",
        ),
        (b"HTTP/1.1 200 OK\r\nx: " + b"y" * 200_000, "protocol_error", "more than 65536 bytes"),
        (b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n", "protocol_error", "header"),
        (b"nonsense\r\n\r\n", "protocol_error", "Expected HTTP/"),
    ],
)
def test_an_answer_that_is_none_says_so(answer: bytes, kind: str, words: str) -> None:
    """What stops midway or is not HTTP has its kind and reason, and its connection is closed."""
    with serving(answer) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                trouble = await sender.trouble()
                assert trouble.kind == kind
                assert words.lower() in trouble.detail.lower()

        run(server.url, use)
        assert server.connections == 2


def until_arrived(connection: socket.socket) -> None:
    """Return once the client's kernel has acknowledged all that was sent, the end of the connection too."""
    while struct.unpack("i", fcntl.ioctl(connection, termios.TIOCOUTQ, b"\0" * 4))[0]:
        pass


def hang_up(connection: socket.socket) -> None:
    """Close for writing, and return once the client's kernel knows: then it is no race."""
    connection.shutdown(socket.SHUT_WR)
    until_arrived(connection)


def test_an_idle_connection_that_the_server_closed_is_not_used() -> None:
    """A request after the server has hung up goes over a new connection, also where the loop has had no turn since."""
    with serving(KEPT, KEPT) as server:

        async def use(sender: Sender) -> None:
            for number in range(3):
                assert await sender.body() == b"right"
                hang_up(server.open[number])

        run(server.url, use)
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.parametrize("turns", [0, 5], ids=["busy-loop", "idle-loop"])
def test_an_idle_connection_on_which_the_server_spoke_is_not_used(turns: int) -> None:
    """A response that comes unasked between two requests is never taken for that of the second."""
    with serving(KEPT, KEPT) as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"
            server.open[0].sendall(WRONG)
            until_arrived(server.open[0])
            for _ in range(turns):
                await asyncio.sleep(0)
            assert await sender.body() == b"right"

        run(server.url, use)
        assert (server.connections, len(server.requests)) == (2, 2)


def test_a_request_is_never_sent_twice_behind_the_lane() -> None:
    """A connection that breaks after the request is a reset for the lane to judge; the transport asks nothing again."""
    with serving(KEPT, b"") as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"
            assert (await sender.trouble()).kind == "reset"

        run(server.url, use)
        assert len(server.requests) == 2


def test_waiting_for_a_connection_has_its_own_timeout() -> None:
    """With all connections in use, a request waits as long as it may; a connection given up makes room for the next."""
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000
    with serving(large) as server:
        config = side(base_url=server.url, concurrency=1, timeouts=Timeouts(pool=0.3))

        async def use() -> None:
            async with transport_for(config) as transport:
                held = await transport.handle_async_request(httpx.Request("POST", server.url, content=b"{}"))
                assert (await Sender(config, transport).trouble()).kind == "connect_timeout"
                await held.aclose()
                assert (await Sender(config, transport).reply()).status == 200

        asyncio.run(use())
        assert server.connections == 2, "a body that was not read must not be left for the next request"


def test_a_body_that_is_too_large_is_not_left_for_the_next_request() -> None:
    """The rest of a body that was given up is thrown away with its connection."""
    with serving(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n", KEPT) as server:

        async def use(sender: Sender) -> None:
            assert (await sender.trouble()).kind == "too_large"
            assert (await sender.trouble()).kind == "too_large"

        run(server.url, use, response_bytes=6)
        assert server.connections == 2


def test_a_request_that_is_given_up_frees_its_connection() -> None:
    """A deadline while the server is silent leaves room for the next request."""
    with silent() as url:

        async def use(sender: Sender) -> None:
            for _ in range(3):
                assert (await sender.trouble(seconds=0.02)).kind == "deadline"

        run(url, use, timeouts=Timeouts(pool=1.0))


def test_silence_is_a_timeout() -> None:
    """No byte of the response in time, and a request that nobody takes, each have their own name."""
    with silent() as url:

        async def read(sender: Sender) -> None:
            assert (await sender.trouble()).kind == "read_timeout"

        async def write(sender: Sender) -> None:
            assert (await sender.trouble(b"x" * 50_000_000)).kind == "write_timeout"

        run(url, read, timeouts=Timeouts(read=0.02))
        run(url, write, timeouts=Timeouts(write=0.02))


def test_no_connection_is_a_connect_error() -> None:
    """A refused connection and an unknown name are both said as that, with their address."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    for host in (f"127.0.0.1:{port}", "no-such-host.invalid:80"):

        async def use(sender: Sender, host: str = host) -> None:
            trouble = await sender.trouble()
            assert trouble.kind == "connect_error"
            assert host in trouble.detail

        run(f"http://{host}", use)


def test_a_connection_that_nobody_takes_is_a_connect_timeout() -> None:
    """A server whose queue is full costs the connect timeout and not the deadline."""
    with silent() as url, ExitStack() as filled:
        for _ in range(4):  # the queue holds two; what comes after gets no reply
            waiting = filled.enter_context(closing(socket.socket()))
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", int(url.rpartition(":")[2])))

        async def use(sender: Sender) -> None:
            assert (await sender.trouble()).kind == "connect_timeout"

        run(url, use, timeouts=Timeouts(connect=0.05))


@pytest.mark.parametrize("size", [2, 3_000_000])
def test_a_request_is_what_a_server_needs(size: int) -> None:
    """One head with the length, the id and the token, no chunks, and the body as it is, also a large one."""
    with serving(KEPT) as server:

        async def use(sender: Sender) -> None:
            assert bytes((await sender.reply(b"x" * (size - 2) + b"{}")).body) == b"right"

        run(server.url, use, bearer_token=TOKEN)
        head, _, body = server.requests[0].partition(b"\r\n\r\n")
        first, *lines = head.lower().split(b"\r\n")
        assert first == b"post /ai/embed http/1.1"
        assert sorted(lines) == sorted(
            [
                b"host: " + server.url[7:].encode(),
                b"accept: application/json",
                b"accept-encoding: identity",
                b"content-type: application/json",
                b"user-agent: parity-pipeline",
                b"authorization: bearer secret-token",
                b"x-request-id: id-1",
                b"content-length: %d" % size,
            ]
        )
        assert body == b"x" * (size - 2) + b"{}"


@pytest.mark.parametrize("value", ["1\r\nx-b: 2", "1\nx-b: 2", "1\0"])
def test_a_header_that_would_be_two_is_refused(value: str) -> None:
    """A line break in a header is an error of ours and is not sent."""
    with serving(KEPT) as server:

        async def use(sender: Sender) -> None:
            assert (await sender.trouble()).kind == "protocol_error"

        run(server.url, use, headers={"x-a": value})
        assert server.requests == []


def test_cookies_are_not_kept() -> None:
    """What a server sets is not sent back: each request stands for itself."""
    with serving(KEPT.replace(b"\r\n", b"\r\nset-cookie: a=b; path=/\r\n", 1), KEPT) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                await sender.body()

        run(server.url.replace("127.0.0.1", "localhost"), use)  # aiohttp's jar keeps no cookies of bare addresses
        assert len(server.requests) == 2
        assert b"cookie" not in server.requests[1].lower()


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_redirects_are_not_followed(status: int) -> None:
    """A redirect is a response like another, and its target hears nothing."""
    with serving(KEPT) as target:
        moved = f"HTTP/1.1 {status} Moved\r\nlocation: {target.url}\r\ncontent-length: 0\r\n\r\n"
        with serving(moved.encode()) as server:

            async def use(sender: Sender) -> None:
                assert (await sender.reply()).status == status

            run(server.url, use)
        assert target.connections == 0


def test_the_environment_names_no_proxy_and_no_password(monkeypatch: pytest.MonkeyPatch, tmp_path: Any) -> None:
    """Proxies and passwords come from the settings alone."""
    netrc = tmp_path / "netrc"
    netrc.write_text("default login someone password something\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with serving(KEPT) as proxy, serving(KEPT) as server:
        for name in ("http_proxy", "HTTP_PROXY", "all_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, proxy.url)

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"

        run(server.url, use)
        assert proxy.connections == 0
        assert b"authorization" not in server.requests[0].lower()


def test_a_proxy_of_the_settings_is_used() -> None:
    """A plain request goes to the proxy with the whole address and its credentials, which no message holds."""
    with serving(KEPT, b"HTTP/1.1 407 No\r\ncontent-length: 0\r\n\r\n", b"HTTP/1.1 200 someone\r\n") as proxy:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"
            assert (await sender.reply()).status == 407
            assert "something" not in (await sender.trouble()).detail

        run("http://side.invalid:81", use, proxy=proxy.url.replace("//", "//someone:something@"))
        head = proxy.requests[0].lower().split(b"\r\n\r\n")[0].split(b"\r\n")
        assert head[0] == b"post http://side.invalid:81/ai/embed http/1.1"
        assert {b"host: side.invalid:81", b"proxy-authorization: basic c29tzw9uztpzb21ldghpbmc="} <= set(head)


@pytest.mark.parametrize("proxy", ["socks5://127.0.0.1:1", "ftp://127.0.0.1:1", "http://", "nonsense"])
def test_a_proxy_that_is_none_is_said(proxy: str) -> None:
    """A proxy that cannot be used is an error before a request is sent, without its address."""
    with pytest.raises(GatewayError, match="the proxy address cannot be used"):
        transport_for(side(proxy=proxy))


def test_a_token_that_the_server_repeats_is_blotted_out() -> None:
    """What is wrong with a response is said without the token, also where the response holds it."""
    with serving(b"secret-token secret-token\r\n\r\n") as server:

        async def use(sender: Sender) -> None:
            trouble = await sender.trouble()
            assert trouble.kind == "protocol_error"
            assert "secret" not in trouble.detail

        run(server.url, use, bearer_token=TOKEN)
