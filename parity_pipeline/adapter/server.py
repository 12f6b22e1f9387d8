"""The adapter's server: uvicorn with time limits for clients that connect and send nothing, in one process or several.

Here belong the options of the server and its protocol. The application belongs to `app`; reading the settings in each process to
the command line.
"""

import asyncio
import os
import socket
from contextlib import suppress
from tempfile import TemporaryDirectory
from typing import Any, Final

import uvicorn
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from parity_pipeline.adapter.metrics import WORKERS_VARIABLE
from parity_pipeline.core.errors import ServiceError

HEAD_SECONDS: Final = 15.0
"""Longest time from opening a connection, or from the first byte of a later request, to the end of the request's head."""

IDLE_SECONDS: Final = 75
"""How long an idle connection is kept: longer than the 60 s for which nginx keeps one, so that nginx closes first."""

WORKER_SECONDS: Final = 60
"""How long a worker may take to start, or to say that it is alive. With uvicorn's own 5 s, a restart by SIGHUP is given up on a
busy machine, since a worker imports numpy, and a worker that is still starting counts as hung."""


class PatientProtocol(HttpToolsProtocol):
    """uvicorn's protocol with a limit on the time that a request's head takes, which uvicorn lacks."""

    _head_timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # pyright: ignore[reportIncompatibleMethodOverride] - uvicorn's own signature
        """Start the clock of the first request."""
        super().connection_made(transport)
        self._start_clock()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        super().connection_lost(exc)

    def on_message_begin(self) -> None:
        """Start the clock of a further request."""
        super().on_message_begin()
        if self._head_timer is None:
            self._start_clock()

    def on_headers_complete(self) -> None:
        """Stop the clock: from here on the application's own limits hold."""
        self._stop_clock()
        super().on_headers_complete()

    def _start_clock(self) -> None:
        self._head_timer = self.loop.call_later(HEAD_SECONDS, self.transport.close)

    def _stop_clock(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None


def _try_address(host: str, port: int) -> None:
    """Listen for a moment: uvicorn itself ends with its own exit code, and says nothing of what to do."""
    try:
        family, *_, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)[0]
        socket.create_server(address[:2], family=family).close()
    except OSError as error:
        problem = f"cannot be listened on: {error.strerror}"
        remedy = "Stop the process that uses it, or name another address: --port, --host."
        raise ServiceError(problem, place=f"{host}:{port}", remedy=remedy) from error


def serve(app: Any, *, host: str, port: int, workers: int = 1, shutdown_seconds: int = 30) -> int:
    """Serve until SIGTERM or SIGINT, requests in flight included, and return an exit code.

    Args:
        app: The application; for several workers the place of a function that builds it, as `module:function`.
        host: Address to listen on.
        port: TCP port.
        workers: Processes.
        shutdown_seconds: How long requests in flight may take once the server is to stop.

    Raises:
        ServiceError: The address cannot be listened on, such as a port that another process uses.
    """
    _try_address(host, port)
    options: dict[str, Any] = {
        "host": host,
        "port": port,
        "factory": isinstance(app, str),
        "http": PatientProtocol,
        "ws": "none",
        "log_config": None,
        "access_log": False,
        "proxy_headers": False,
        "server_header": False,
        "date_header": False,
        "timeout_keep_alive": IDLE_SECONDS,
        "timeout_graceful_shutdown": shutdown_seconds,
        "timeout_worker_healthcheck": WORKER_SECONDS,
    }
    if workers == 1:
        server = uvicorn.Server(uvicorn.Config(app, **options))
        with suppress(KeyboardInterrupt):  # uvicorn raises the signal again once nothing is in flight
            server.run()
        return 0 if server.started else 1
    with TemporaryDirectory(prefix="parity-adapter-") as folder:
        os.environ[WORKERS_VARIABLE] = folder
        uvicorn.run(app, workers=workers, **options)
    return 0
