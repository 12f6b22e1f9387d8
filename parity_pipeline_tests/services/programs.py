"""Small real programs for the tests of services, and specs that run them."""

import socket
from pathlib import Path

import psutil

from parity_pipeline.services.state import ServiceSpec

SERVER = """
import os, socket, sys
print("serving with", os.environ.get("SERVICE_TOKEN"), flush=True)
if "stubborn" in sys.argv:
    import signal
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
if "parent" in sys.argv:
    import subprocess
    wait = [sys.executable, "-c", "import signal; signal.pause()"]
    children = [subprocess.Popen(wait, start_new_session=True), subprocess.Popen(wait)]
    print("children", *(child.pid for child in children), flush=True)
if "orphan" in sys.argv:
    import subprocess
    forget = "import subprocess, sys; print('orphan', subprocess.Popen(sys.argv[1:], env={}).pid, flush=True)"
    wait = [sys.executable, "-c", "import signal; signal.pause()"]
    subprocess.run([sys.executable, "-c", forget, *wait], check=True)
listener = socket.create_server(("127.0.0.1", int(sys.argv[1])))
while True:
    connection, _ = listener.accept()
    status = connection.recv(4096).split()[1][1:].decode()
    connection.sendall(f"HTTP/1.1 {status} X\\r\\nLocation: /200\\r\\nContent-Length: 0\\r\\n\\r\\n".encode())
    connection.close()
"""
"""Responds to `/200` with 200 and so on; imports little, because a test waits for it."""


def free_port() -> int:
    """Return a port that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def server(folder: Path, name: str = "one", *words: str, path: str = "/200", **more: object) -> ServiceSpec:
    """Return a service that responds on a free port.

    `stubborn` ignores SIGTERM, `parent` has two children, `orphan` a grandchild without parent and environment.
    """
    port = free_port()
    command = ("python", "-c", SERVER, str(port), *words)
    return ServiceSpec(name=name, command=command, cwd=folder, health_url=f"http://127.0.0.1:{port}{path}", **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def script(folder: Path, code: str, **more: object) -> ServiceSpec:
    """Return a service that runs some Python and never responds."""
    url = f"http://127.0.0.1:{free_port()}/health"
    return ServiceSpec(name="script", command=("python", "-c", code), cwd=folder, health_url=url, **more)  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def alive(pid: int | None) -> bool:
    """Return whether a process runs; one that only waits to be cleared away does not."""
    try:
        return pid is not None and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False
