"""The server's protocol: a client that connects and does not send a whole head is not kept."""

from socket import create_server
from typing import Any

import pytest
import uvicorn
from uvicorn.server import ServerState

from parity_pipeline.adapter.server import HEAD_SECONDS, PatientProtocol, serve
from parity_pipeline.core.errors import ServiceError


class Timer:
    """A timer that a test lets go off."""

    def __init__(self, seconds: float, act: Any) -> None:
        """Keep what is due when."""
        self.seconds, self.act, self.cancelled = seconds, act, False

    def cancel(self) -> None:
        """Forget it."""
        self.cancelled = True


class Loop:
    """An event loop of which only the timers are there."""

    def __init__(self) -> None:
        """Begin without timers."""
        self.timers: list[Timer] = []

    def call_later(self, seconds: float, act: Any) -> Timer:
        """Keep a timer."""
        self.timers.append(Timer(seconds, act))
        return self.timers[-1]


class Transport:
    """A connection that only remembers whether it was closed."""

    def __init__(self) -> None:
        """Begin open."""
        self.closed = False

    def get_extra_info(self, _name: str) -> None:
        """Know nothing."""

    def close(self) -> None:
        """Close."""
        self.closed = True

    def is_closing(self) -> bool:
        """Return whether it is closed."""
        return self.closed


async def unused(_scope: Any, _receive: Any, _send: Any) -> None:
    """Be the application that no test gets to."""


def connected() -> tuple[PatientProtocol, Loop, Transport]:
    """Return a protocol on a fresh connection."""
    config = uvicorn.Config(unused, interface="asgi3", ws="none", log_config=None)
    loop, transport = Loop(), Transport()
    protocol = PatientProtocol(config, ServerState(), {}, loop)  # type: ignore[arg-type]
    protocol.connection_made(transport)  # type: ignore[arg-type]
    return protocol, loop, transport


def test_a_client_that_sends_no_whole_head_is_disconnected() -> None:
    """The clock starts with the connection, and bytes that trickle in do not set it back."""
    protocol, loop, transport = connected()
    for byte in b"POST /ai/embed HTT":
        protocol.data_received(bytes([byte]))
    (timer,) = loop.timers
    assert (timer.seconds, timer.cancelled) == (HEAD_SECONDS, False)
    timer.act()
    assert transport.closed


def test_a_connection_that_is_lost_leaves_no_timer() -> None:
    """A client that goes away takes its timer with it."""
    protocol, loop, _ = connected()
    protocol.connection_lost(None)
    assert all(timer.cancelled for timer in loop.timers)


def test_a_port_that_is_taken_is_named() -> None:
    """A port that another process uses ends the start with its address and what to do, in one process and in several."""
    with create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        for workers in (1, 2):
            with pytest.raises(ServiceError, match=f"127.0.0.1:{port}: cannot be listened on.*--port") as caught:
                serve(unused, host="127.0.0.1", port=port, workers=workers)
            assert "in use" in caught.value.problem
