"""Responses that no transport handler can return: bytes on a real loopback connection."""

import gzip
import json
import socket
import threading
import zlib
from collections.abc import Callable, Generator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.side_config import Timeouts
from parity_pipeline_tests.wire.fake_side import blocks, side, vector_of

TEXTS = ["first", "second", "third"]
Script = Callable[[socket.socket], None]


def good(texts: list[str]) -> bytes:
    """Return a correct response."""
    body = json.dumps({"embeddings": [vector_of(text) for text in texts]}).encode()
    return _http(body)


def _http(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        "HTTP/1.1 200 OK",
        "connection: close",
        f"content-length: {len(body) if length is None else length}",
        *headers,
        "",
        "",
    ]
    return "\r\n".join(lines).encode() + body


@contextmanager
def serving(script: Script | bytes) -> Generator[str]:
    """Serve one request per connection: correctly, but by the script for a batch that holds `second`."""
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=_respond, args=(connection, script), daemon=True).start()

    thread = threading.Thread(target=serve, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        thread.join()


def _respond(connection: socket.socket, script: Script | bytes) -> None:
    with closing(connection):
        received = b""
        while b"\r\n\r\n" not in received:
            received += connection.recv(65536)
        head, _, body = received.partition(b"\r\n\r\n")
        length = next(int(line[15:]) for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:"))
        while len(body) < length:
            body += connection.recv(65536)
        texts = json.loads(body)["texts"]
        try:
            if "second" not in texts:
                connection.sendall(good(texts))
            elif isinstance(script, bytes):
                connection.sendall(script)
            else:
                script(connection)
        except OSError:
            return


def fetch(script: Script | bytes, **settings: Any) -> tuple[LaneResult, list[FetchedRows]]:
    """Fetch three texts one by one from a server that follows the script for the second."""
    rows: list[FetchedRows] = []
    with serving(script) as url:
        config = side(base_url=url, batch_texts=1, concurrency=1, attempts=1, **settings)
        return fetch_lane(config, "m", blocks(TEXTS), rows.append), rows


def trickle(connection: socket.socket) -> None:
    """Send a byte now and then, for ever."""
    connection.sendall(_http(b"", length=1000))
    stop = threading.Event()
    while not stop.wait(0.02):
        connection.sendall(b" ")


def endless(connection: socket.socket) -> None:
    """Send chunks for ever."""
    connection.sendall(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
    while True:
        connection.sendall(b"10000\r\n" + b"1" * 65536 + b"\r\n")


def interim(connection: socket.socket) -> None:
    """Send interim responses for ever, each there when it is read."""
    while True:
        connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n" * 5000)


BOMB = gzip.compress(b" " * 5_000_000, 1, mtime=0)
CUT = gzip.compress(b"[1]" * 99, mtime=0)[:-9]


@pytest.mark.parametrize(
    ("script", "kind", "status"),
    [
        (good(["second"])[:-20], "truncated", RowStatus.FAILED),
        (b"HTTP/1.1 200 OK\r\ncontent-le", "reset", RowStatus.FAILED),
        (b"", "reset", RowStatus.FAILED),
        (b"SSH-2.0-OpenSSH_9\r\n\r\n", "protocol_error", RowStatus.FAILED),
        (trickle, "deadline", RowStatus.FAILED),
        (interim, "deadline", RowStatus.FAILED),
        (endless, "too_large", RowStatus.MALFORMED),
        (_http(b"", length=1_000_001), "too_large", RowStatus.MALFORMED),
        (_http(b"", length=10**25), "protocol_error", RowStatus.FAILED),
        (_http(BOMB, "content-encoding: gzip"), "too_large", RowStatus.MALFORMED),
        (_http(b"\x1f\x8bbroken", "content-encoding: gzip"), "bad_encoding", RowStatus.MALFORMED),
        (_http(BOMB[:-9], "content-encoding: gzip"), "too_large", RowStatus.MALFORMED),
        (_http(CUT, "content-encoding: gzip"), "bad_encoding", RowStatus.MALFORMED),
        (_http(b"x", "content-encoding: br"), "bad_encoding", RowStatus.MALFORMED),
    ],
)
def test_each_broken_connection_has_its_kind(script: Script | bytes, kind: str, status: RowStatus) -> None:
    """A broken response ends in one row with its kind, within its deadline, and its neighbours are fetched."""
    timeouts = Timeouts(total=1.0) if kind == "deadline" else Timeouts()
    result, rows = fetch(script, timeouts=timeouts, response_bytes=1_000_000)
    assert [block.status[0] for block in rows] == [RowStatus.OK, status, RowStatus.OK]
    assert (rows[1].errors[0] or "").startswith(f"{kind}: ")
    assert result.errors_by_kind == {kind: 1}


def test_compressed_responses_are_read() -> None:
    """An unrequested compression is read, gzip as well as deflate."""
    for encoding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        body = pack(json.dumps({"embeddings": [vector_of("second")]}).encode())
        _, rows = fetch(_http(body, f"content-encoding: {encoding}"))
        assert rows[1].values.tolist() == vector_of("second")


def test_a_dead_gateway_is_reported_with_its_address() -> None:
    """A refused connection ends the lane with the address and what to do."""
    with closing(socket.socket()) as bound:  # and not listening: nobody else can get the port meanwhile
        bound.bind(("127.0.0.1", 0))
        port = bound.getsockname()[1]
        with pytest.raises(GatewayError, match=rf"127\.0\.0\.1:{port}.*Start the service"):
            fetch_lane(side(base_url=f"http://127.0.0.1:{port}", attempts=1), "m", blocks(TEXTS), lambda _rows: None)


def test_an_unreadable_ca_bundle_is_reported(tmp_path: Any) -> None:
    """A CA bundle or client certificate that cannot be read is named with its remedy."""
    (tmp_path / "ca.pem").write_text("no certificate")
    config = side(base_url="https://127.0.0.1:1", ca_bundle=tmp_path / "ca.pem")
    with pytest.raises(GatewayError, match=r"ca\.pem are readable PEM files"):
        fetch_lane(config, "m", blocks(TEXTS), lambda _rows: None)
