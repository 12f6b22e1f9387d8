import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing

import httpcore
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import transport_for
from parity_pipeline.wire.side import Timeouts
from parity_pipeline.wire.sockets import PlainSockets, PlainTransport
from parity_pipeline_tests.wire.fake_side import side
from parity_pipeline_tests.wire.test_raw_sockets import fetch


def on_a_connection(use: Callable[[httpcore.AsyncNetworkStream, socket.socket], Awaitable[None]]) -> None:
    """Call with both ends of a loopback connection."""

    async def run() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            stream = await PlainSockets().connect_tcp("127.0.0.1", listener.getsockname()[1], timeout=5)
            server, _ = listener.accept()
            with closing(server):
                await use(stream, server)
                await stream.aclose()

    asyncio.run(run())


def test_bytes_go_and_come() -> None:
    """What is written arrives, more than a socket takes at once too; what the server sends is read; its end is b''."""

    async def use(stream: httpcore.AsyncNetworkStream, server: socket.socket) -> None:
        sent = bytes(range(256)) * 40_000
        writing = asyncio.create_task(stream.write(sent, timeout=5))
        received = b""
        while len(received) < len(sent):
            received += await asyncio.to_thread(server.recv, 1 << 20)
        await writing
        assert received == sent
        await stream.write(b"", timeout=5)
        assert stream.get_extra_info("is_readable") is False
        server.sendall(b"answer")
        assert await stream.read(1000, timeout=5) == b"answer"
        server.close()
        assert await stream.read(1000, timeout=5) == b""
        assert stream.get_extra_info("is_readable") is True

    on_a_connection(use)


def test_silence_is_a_timeout() -> None:
    """A read without a byte, and a write that nobody takes, end after their time with httpcore's exceptions."""

    async def use(stream: httpcore.AsyncNetworkStream, server: socket.socket) -> None:
        with pytest.raises(httpcore.ReadTimeout):
            await stream.read(1000, timeout=0.01)
        with pytest.raises(httpcore.WriteTimeout):
            await stream.write(b"x" * 50_000_000, timeout=0.05)
        server.close()
        with pytest.raises(httpcore.ReadError):
            await stream.read(1000, timeout=5)

    on_a_connection(use)


def test_nobody_listening_is_a_connect_error() -> None:
    """A refused connection and an unknown name have httpcore's name for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    for host in ("127.0.0.1", "no-such-host.invalid"):
        with pytest.raises(httpcore.ConnectError):
            asyncio.run(PlainSockets().connect_tcp(host, port, timeout=5))


def test_a_server_that_never_pauses_starves_no_deadline() -> None:
    """Interim answers without end, each there when it is read, end with the deadline: reads let the loop have its turn."""

    def interim(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)

    result, rows = fetch(interim, timeouts=Timeouts(total=0.5))
    assert [block.status[0] for block in rows] == [RowStatus.OK, RowStatus.FAILED, RowStatus.OK]
    assert result.errors_by_kind == {"deadline": 1}


def test_only_plain_addresses_go_this_way() -> None:
    """TLS and proxies keep httpcore's own backend."""
    assert isinstance(transport_for(side()), PlainTransport)
    for other in (side(base_url="https://a.test"), side(proxy="http://p.test:1")):
        assert not isinstance(transport_for(other), PlainTransport)
