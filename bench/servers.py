"""The servers of the benchmarks: nginx with a fixed response, over HTTP and HTTPS, and a gateway that takes its time.

Here belongs starting and ending them. What is measured belongs to the benchmark that uses them.
"""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Generator
from pathlib import Path

import numpy as np
import trustme

TEXTS, WIDTH = 32, 768
SLOW_SECONDS = 0.05

_NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; default_type application/json; tcp_nodelay on;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port}; listen 127.0.0.1:{tls_port} ssl;
    ssl_certificate {folder}/server.pem; ssl_certificate_key {folder}/server.pem;
    location = /ai/embed {{ error_page 405 =200 /body.json; return 405; }}
    location = /one/embed {{ error_page 405 =200 /one.json; return 405; }}
    location / {{ root {folder}; }}
  }}
}}
"""


def canned(rows: int) -> bytes:
    """Return a response of the rust dialect with unit vectors in float64 digits."""
    vectors = np.random.default_rng(0).normal(size=(rows, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return json.dumps({"embeddings": vectors.tolist(), "model": "m", "dimensions": WIDTH}).encode()


def program(name: str) -> str | None:
    """Return where a program is, also where it is not on the path of users; None where it is not installed."""
    return shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")


def wrk(url: str, folder: Path, connections: int) -> float | None:
    """Return the requests per second that wrk reaches at an address, bodies thrown away; None without wrk."""
    found = program("wrk")
    if found is None:
        print("wrk is not installed (Debian package wrk): the raw limit is left out")
        return None
    script = folder / "post.lua"
    script.write_text('wrk.method="POST"; wrk.body="{}"')
    command = [found, "-t1", f"-c{connections}", "-d3", "-s", str(script), f"{url}/ai/embed"]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - found on the path
    return next(float(line.split()[1]) for line in said.splitlines() if line.startswith("Requests/sec"))


@contextlib.contextmanager
def nginx(folder: Path) -> Generator[tuple[str, str]]:
    """Run nginx with fixed responses, and yield its http:// and its https:// URL, whose authority is in `ca.pem`."""
    with contextlib.ExitStack() as taken:
        ports = [
            taken.enter_context(contextlib.closing(socket.create_server(("127.0.0.1", 0)))).getsockname()[1]
            for _ in range(2)
        ]
    port, tls_port = ports
    (folder / "body.json").write_bytes(canned(TEXTS))
    (folder / "one.json").write_bytes(canned(1))
    authority = trustme.CA()
    authority.cert_pem.write_to_path(folder / "ca.pem")
    authority.issue_cert("127.0.0.1").private_key_and_cert_chain_pem.write_to_path(folder / "server.pem")
    (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, port=port, tls_port=tls_port))
    command = [program("nginx") or "nginx", "-c", str(folder / "nginx.conf")]
    with subprocess.Popen(command, stderr=subprocess.DEVNULL) as server:  # noqa: S603 - a bench starts its own server
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
            yield f"http://127.0.0.1:{port}", f"https://127.0.0.1:{tls_port}"
        finally:
            server.terminate()


def serve_slowly() -> None:
    """Print the port, and serve the fixed response after a wait until killed, with one thread per connection."""
    body = canned(TEXTS)
    response = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body

    def serve(connection: socket.socket) -> None:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        received = b""
        with contextlib.suppress(ConnectionError), connection:
            while part := connection.recv(65536):
                ready = time.perf_counter() + SLOW_SECONDS
                received += part
                head, _, rest = received.partition(b"\r\n\r\n")
                length = next(
                    (line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")), b""
                )
                if length and len(rest) >= int(length[15:]):
                    received = b""
                    time.sleep(ready - time.perf_counter())
                    connection.sendall(response)

    with socket.create_server(("127.0.0.1", 0)) as listener:
        print(listener.getsockname()[1], flush=True)
        while True:
            threading.Thread(target=serve, args=(listener.accept()[0],), daemon=True).start()


@contextlib.contextmanager
def slow_gateway() -> Generator[str]:
    """Run a server that takes 50 ms per batch in a process of its own, and yield its address."""
    command = [sys.executable, __file__]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - itself
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip() if server.stdout else ''}"
        finally:
            server.terminate()


if __name__ == "__main__":
    serve_slowly()
