"""HTTP/1.1 over real connections: how bodies end, which connections are used again, and timeouts."""

import asyncio
import socket
from contextlib import ExitStack, closing
from dataclasses import replace
from datetime import datetime
from itertools import count

import httpx
import pytest

from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline.wire.transport import transport_for
from parity_pipeline_tests.wire.fake_side import NOON, blocks, side
from parity_pipeline_tests.wire.raw_server import KEPT, WRONG, Sender, hang_up, run, serving, silent, until_arrived


@pytest.mark.parametrize(
    ("response", "body"),
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
def test_a_connection_is_used_again_after_a_complete_response(response: bytes, body: bytes) -> None:
    """Each way in which a response can end leaves its connection ready for the next request."""
    with serving(response, KEPT) as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == body
            assert await sender.body() == b"right"

        run(server.url, use)
        assert (server.connections, len(server.requests)) == (1, 2)


@pytest.mark.parametrize(
    "response",
    [
        KEPT.replace(b"1.1", b"1.0"),
        KEPT.replace(b"\r\n", b"\r\nConnection: Close\r\n", 1),
        b"HTTP/1.1 200 OK\r\n\r\nright",
        KEPT + WRONG,
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nright\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\nwrong",
    ],
    ids=["http-1.0", "close", "until-closed", "more-than-requested", "more-after-chunks"],
)
def test_a_connection_that_is_over_or_out_of_step_is_not(response: bytes) -> None:
    """An unrequested response is never taken for that of the next request."""
    with serving(response) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                assert await sender.body() == b"right"

        run(server.url, use)
        assert server.connections == 2


@pytest.mark.parametrize(
    ("response", "kind", "words"),
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
def test_an_invalid_response_has_a_kind_and_a_reason(response: bytes, kind: str, words: str) -> None:
    """A response that is cut off or is not HTTP has its kind and reason, and its connection is closed."""
    with serving(response) as server:

        async def use(sender: Sender) -> None:
            for _ in range(2):
                error = await sender.error()
                assert error.kind == kind
                assert words.lower() in error.detail.lower()

        run(server.url, use)
        assert server.connections == 2


def test_an_idle_connection_that_the_server_closed_is_not_used() -> None:
    """A request after the server has hung up goes over a new connection, also if the loop has not run since."""
    with serving(KEPT, KEPT) as server:

        async def use(sender: Sender) -> None:
            for number in range(3):
                assert await sender.body() == b"right"
                hang_up(server.open[number])

        run(server.url, use)
        assert (server.connections, len(server.requests)) == (3, 3)


@pytest.mark.parametrize("turns", [0, 5], ids=["busy-loop", "idle-loop"])
def test_an_idle_connection_with_an_unrequested_response_is_not_used(turns: int) -> None:
    """A response that arrives unrequested between two requests is never taken for that of the second."""
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
    """A connection that breaks after the request is a reset, which the lane may retry; the transport sends nothing again."""
    with serving(KEPT, b"") as server:

        async def use(sender: Sender) -> None:
            assert await sender.body() == b"right"
            assert (await sender.error()).kind == "reset"

        run(server.url, use)
        assert len(server.requests) == 2


def test_waiting_for_a_connection_has_its_own_timeout() -> None:
    """With all connections in use, a request waits until its timeout; a connection given up makes room for the next."""
    large = b"HTTP/1.1 200 OK\r\ncontent-length: 2000000\r\n\r\n" + b"x" * 2_000_000
    with serving(large) as server:
        config = side(base_url=server.url, concurrency=1, timeouts=Timeouts(pool=0.3))

        async def use() -> None:
            async with transport_for(config) as transport:
                held = await transport.handle_async_request(httpx.Request("POST", server.url, content=b"{}"))
                assert (await Sender(config, transport).error()).kind == "connect_timeout"
                await held.aclose()
                patient = replace(config, timeouts=Timeouts())
                assert (await Sender(patient, transport).response()).status == 200

        asyncio.run(use())
        assert server.connections == 2, "a body that was not read must not be left for the next request"


def test_a_body_that_is_too_large_is_not_left_for_the_next_request() -> None:
    """The rest of an abandoned body is discarded with its connection."""
    with serving(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n9\r\n123456789\r\n", KEPT) as server:

        async def use(sender: Sender) -> None:
            assert (await sender.error()).kind == "too_large"
            assert (await sender.error()).kind == "too_large"

        run(server.url, use, response_bytes=6)
        assert server.connections == 2


def test_a_request_that_is_given_up_frees_its_connection() -> None:
    """A deadline while the server is silent leaves room for the next request."""
    with silent() as url:

        async def use(sender: Sender) -> None:
            for _ in range(3):
                assert (await sender.error(seconds=0.02)).kind == "deadline"

        run(url, use, timeouts=Timeouts(pool=1.0))


def test_silence_is_a_timeout() -> None:
    """No byte of the response in time, and a request that nobody reads, each have their own kind."""
    with silent() as url:

        async def read(sender: Sender) -> None:
            assert (await sender.error()).kind == "read_timeout"

        async def write(sender: Sender) -> None:
            assert (await sender.error(b"x" * 50_000_000)).kind == "write_timeout"

        run(url, read, timeouts=Timeouts(read=0.02))
        run(url, write, timeouts=Timeouts(write=0.02))


def test_a_refused_connection_is_a_connect_error() -> None:
    """A port on which nobody listens is reported as that, with its address; TLS is not mentioned."""
    with closing(socket.socket()) as bound:  # and not listening: nobody else can get the port meanwhile
        bound.bind(("127.0.0.1", 0))
        host = f"127.0.0.1:{bound.getsockname()[1]}"

        async def use(sender: Sender) -> None:
            error = await sender.error()
            assert error.kind == "connect_error"
            assert error.detail == f"{host}: Connection refused"

        run(f"http://{host}", use)


def test_an_unknown_name_is_a_connect_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name without an address is reported as that, with the name."""

    def unknown(*_arguments: object, **_options: object) -> None:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    monkeypatch.setattr(socket, "getaddrinfo", unknown)  # so that no test waits for a name server

    async def use(sender: Sender) -> None:
        error = await sender.error()
        assert error.kind == "connect_error"
        assert error.detail == "no-such-host.invalid:80: Name or service not known"

    run("http://no-such-host.invalid:80", use)


def test_a_connection_that_nobody_accepts_is_a_connect_timeout() -> None:
    """A server whose queue is full costs the connect timeout and not the deadline."""
    with silent() as url, ExitStack() as filled:
        for _ in range(4):  # the queue holds two; later connections get no reply
            waiting = filled.enter_context(closing(socket.socket()))
            waiting.settimeout(0)
            waiting.connect_ex(("127.0.0.1", int(url.rpartition(":")[2])))

        async def use(sender: Sender) -> None:
            assert (await sender.error()).kind == "connect_timeout"

        run(url, use, timeouts=Timeouts(connect=0.05))


def test_the_next_request_is_sent_before_a_response_is_decoded() -> None:
    """A server never waits while a response is decoded, also with one request in flight."""
    body = b'{"embeddings": [[1.0, 2.0]]}'
    response = b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%s" % (len(body), body)
    sent: list[bool] = []
    with serving(response, response, response) as server:
        calls = count()

        def clock() -> datetime:
            if next(calls) == 1:  # the first call is that of the lane's start, the second follows the first decoding
                sent.append(server.has_received(2))
            return NOON

        config = side(base_url=server.url, batch_texts=1, concurrency=1)
        fetch_lane(config, "m", blocks(["a", "b", "c"]), lambda _rows: None, environment=LaneEnvironment(clock=clock))
    assert sent == [True]
