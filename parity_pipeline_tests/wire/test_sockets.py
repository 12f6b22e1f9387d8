import asyncio
import socket
from collections.abc import Awaitable, Callable
from contextlib import closing

import httpx
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline.wire.sockets import Connection, connect
from parity_pipeline_tests.wire.test_raw_sockets import fetch


def on_a_connection(use: Callable[[Connection, socket.socket], Awaitable[None]]) -> None:
    """Call with both ends of a loopback connection."""

    async def run() -> None:
        with closing(socket.create_server(("127.0.0.1", 0))) as listener:
            connection = await connect("127.0.0.1", listener.getsockname()[1], seconds=5)
            server, _ = listener.accept()
            with closing(server):
                await use(connection, server)
                connection.close()

    asyncio.run(run())


def test_bytes_go_and_come() -> None:
    """What is written arrives, more than a socket takes at once too; what the server sends is read; its end is b''."""

    async def use(connection: Connection, server: socket.socket) -> None:
        sent = bytes(range(256)) * 40_000
        writing = asyncio.create_task(connection.write(sent, 5))
        received = b""
        while len(received) < len(sent):
            received += await asyncio.to_thread(server.recv, 1 << 20)
        await writing
        assert received == sent
        assert connection.is_quiet()
        server.sendall(b"answer")
        assert await connection.read(1000, 5) == b"answer"
        server.sendall(b"more")
        buffer = bytearray(6)
        assert await connection.read_into(memoryview(buffer)[1:], 5) == 4
        assert bytes(buffer) == b"\0more\0"
        server.close()
        assert await connection.read(1000, 5) == b""
        assert await connection.read_into(memoryview(buffer), 5) == 0
        assert not connection.is_quiet()

    on_a_connection(use)


def test_silence_is_a_timeout() -> None:
    """A read without a byte, and a write that nobody takes, end after their time with httpx's exceptions."""

    async def use(connection: Connection, server: socket.socket) -> None:
        with pytest.raises(httpx.ReadTimeout):
            await connection.read(1000, 0.01)
        with pytest.raises(httpx.ReadTimeout):
            await connection.read_into(memoryview(bytearray(10)), 0.01)
        with pytest.raises(httpx.WriteTimeout):
            await connection.write(b"x" * 50_000_000, 0.05)
        server.close()
        with pytest.raises(httpx.ReadError):
            await connection.read(1000, 5)

    on_a_connection(use)


def test_nobody_listening_is_a_connect_error() -> None:
    """A refused connection and an unknown name have httpx's name for it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    for host in ("127.0.0.1", "no-such-host.invalid"):
        with pytest.raises(httpx.ConnectError):
            asyncio.run(connect(host, port, seconds=5))


def test_a_server_that_never_pauses_starves_no_deadline() -> None:
    """Interim answers without end, each there when it is read, end with the deadline: reads let the loop have its turn."""

    def interim(connection: socket.socket) -> None:
        while True:
            connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)

    result, rows = fetch(interim, timeouts=Timeouts(total=0.5))
    assert [block.status[0] for block in rows] == [RowStatus.OK, RowStatus.FAILED, RowStatus.OK]
    assert result.errors_by_kind == {"deadline": 1}
