"""Run an ASGI application on a free port of the loopback for the length of a `with` block.

Here belongs the real server around a fake. Tests that need no socket use `httpx.ASGITransport` and leave this alone.
"""

import socket
import threading
from collections.abc import Generator
from contextlib import contextmanager
from typing import Any, Final

import uvicorn

_STOP_SECONDS: Final = 60.0
"""Longest wait for the server to start or to end; it takes a tenth of a second, this is for a machine under load."""


class _Server(uvicorn.Server):
    """A server that says when it has started, and whether it ever did."""

    def __init__(self, config: uvicorn.Config) -> None:
        self.up = threading.Event()
        super().__init__(config)

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        self.up.set()


@contextmanager
def serve(app: Any) -> Generator[str]:
    """Serve an ASGI application in a thread and yield its base URL, such as `http://127.0.0.1:49152`.

    The port is the operating system's choice. When the block ends, open connections are closed and the thread is
    joined.

    Raises:
        RuntimeError: The server did not start or did not stop.
    """
    # asyncio switches Nagle's algorithm off only for sockets that name their protocol; with it a response takes 40 ms
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    listener.listen()
    config = uvicorn.Config(
        app, log_level="error", lifespan="off", ws="none", loop="asyncio", timeout_graceful_shutdown=1
    )
    server = _Server(config)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    try:
        if not server.up.wait(_STOP_SECONDS):
            raise RuntimeError("the fake server did not start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(_STOP_SECONDS)
        listener.close()
    if thread.is_alive():
        raise RuntimeError("the fake server did not stop")
