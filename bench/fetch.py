"""How fast a lane is fetched, beside what it is compared with in the same run.

    python bench/fetch.py [decode] [canned] [slow] [memory] [--samples N]

`decode`: ways to read one answer of 32 x 768 float64 digits. `canned`: a fixed answer from nginx through to Parquet,
beside wrk's raw limit, a plain httpx + json client and the one-text-a-request loop. `slow`: a server that takes 50 ms
a batch. `memory`: peak memory at 10,000 and at 200,000 samples. Needs the programs nginx and wrk for `canned`.
"""

import argparse
import asyncio
import contextlib
import json
import os
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Callable, Generator, Iterator
from pathlib import Path

import httpx
import numpy as np
import orjson

from parity_pipeline.core.fetching import SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.embeddings import EmbeddingsWriter
from parity_pipeline.storage.staging import SegmentStaging
from parity_pipeline.wire.decode import Decoder
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.engine import LaneResult, fetch_lane
from parity_pipeline.wire.side import SideConfig

TEXTS, WIDTH = 32, 768
RUST = BUILT_IN[0]
NGINX = """
daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log crit;
events {{ worker_connections 256; }}
http {{
  access_log off; keepalive_requests 100000000; default_type application/json; tcp_nodelay on;
  client_body_temp_path {folder}/1; proxy_temp_path {folder}/2; fastcgi_temp_path {folder}/3;
  uwsgi_temp_path {folder}/4; scgi_temp_path {folder}/5;
  server {{
    listen 127.0.0.1:{port};
    location = /ai/embed {{ error_page 405 =200 /body.json; return 405; }}
    location = /one/embed {{ error_page 405 =200 /one.json; return 405; }}
    location / {{ root {folder}; }}
  }}
}}
"""


def canned(rows: int) -> bytes:
    """Return an answer of the rust dialect with unit vectors in float64 digits."""
    vectors = np.random.default_rng(0).normal(size=(rows, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return json.dumps({"embeddings": vectors.tolist(), "model": "m", "dimensions": WIDTH}).encode()


def blocks(samples: int) -> Iterator[SampleBlock]:
    """Yield so many samples."""
    for start in range(0, samples, 1024):
        ordinals = range(start, min(start + 1024, samples))
        names = [f"{ordinal:016x}" for ordinal in ordinals]
        yield SampleBlock(start, names, [f"text {name}" for name in names], ["bench"] * len(names))


def fetch(url: str, samples: int, folder: Path, *, staged: bool = True, concurrency: int = 4) -> LaneResult:
    """Fetch through to Parquet; the provenance in the file's footer is left out."""
    config = SideConfig(side=Side.LEGACY, label="bench", base_url=url, dialect=RUST, concurrency=concurrency)
    staging = SegmentStaging(folder / "staging") if staged else contextlib.nullcontext()
    with staging as kept, EmbeddingsWriter(folder / "rows.parquet") as writer:
        result = fetch_lane(config, "m", blocks(samples), writer.add, staging=kept)
        if kept is not None:
            kept.discard()
    return result


def timed(call: Callable[[], object]) -> tuple[float, float]:
    """Return seconds on the wall and on the processor."""
    wall, processor = time.perf_counter(), time.process_time()
    call()
    return time.perf_counter() - wall, time.process_time() - processor


def row(name: str, samples: int, seconds: tuple[float, float], base: float | None = None) -> float:
    """Print one line, and return the vectors per processor second."""
    wall, processor = seconds
    rate = samples / processor
    ratio = f"{rate / base:6.1f}x" if base else ""
    print(f"{name:44} {samples / wall:9.0f} /s wall {rate:9.0f} /s cpu {ratio}")
    return rate


def bench_decode() -> None:
    """Print milliseconds an answer for each way to read it."""
    body = canned(TEXTS)
    decoder = Decoder(RUST)

    def by_list(load: Callable[[bytes], dict[str, list[list[float]]]]) -> Callable[[], object]:
        return lambda: np.array(load(body)["embeddings"], np.float32)

    ways = {
        "json, list, numpy": by_list(json.loads),
        "orjson, list, numpy": by_list(orjson.loads),
        "simdjson into a buffer, strict (this engine)": lambda: decoder.decode(body, TEXTS),
    }
    for name, way in ways.items():
        best = min(timed(way)[1] for _ in range(40))
        print(f"{name:44} {best * 1e3:9.2f} ms an answer of {TEXTS} x {WIDTH}")


@contextlib.contextmanager
def nginx(folder: Path) -> Generator[str]:
    """Run nginx with the canned answers."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]
    (folder / "body.json").write_bytes(canned(TEXTS))
    (folder / "one.json").write_bytes(canned(1))
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder, port=port))
    program = shutil.which("nginx", path=f"{os.environ['PATH']}:/usr/sbin") or "nginx"
    with subprocess.Popen([program, "-c", str(folder / "nginx.conf")], stderr=subprocess.DEVNULL) as server:  # noqa: S603 - a bench starts its own server
        try:
            while True:
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
            yield f"http://127.0.0.1:{port}"
        finally:
            server.terminate()


def plain_client(url: str, samples: int) -> None:
    """Fetch as a first script with httpx would: four tasks, json, lists."""

    async def run() -> None:
        todo = iter(range(samples // TEXTS))
        async with httpx.AsyncClient(trust_env=False) as client:

            async def work() -> None:
                for number in todo:
                    body = {"texts": [f"text {number}"] * TEXTS, "model": "m"}
                    response = await client.post(f"{url}/ai/embed", json=body)
                    found = response.json()["embeddings"]
                    if len(found) != TEXTS:
                        raise ValueError(number)

            await asyncio.gather(*(work() for _ in range(4)))

    asyncio.run(run())


def plain_loop(url: str, samples: int) -> None:
    """Ask for one text after the other, as a shell loop does, less the start of a process each."""
    for number in range(samples):
        body = json.dumps({"texts": [f"text {number}"], "model": "m"}).encode()
        with urllib.request.urlopen(urllib.request.Request(f"{url}/one/embed", body)) as response:  # noqa: S310 - loopback
            json.load(response)


def bench_canned(samples: int) -> None:
    """Print the rates against a fixed answer; all of this process on one core."""
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as url:
        folder = Path(name)
        if shutil.which("wrk"):
            script = folder / "post.lua"
            script.write_text('wrk.method="POST"; wrk.body="{}"')
            command = ["wrk", "-t1", "-c4", "-d3", "-s", str(script), f"{url}/ai/embed"]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - see nginx
            raw = next(float(line.split()[1]) for line in said.splitlines() if line.startswith("Requests/sec"))
            print(f"{'wrk, body thrown away':44} {raw * TEXTS:9.0f} /s wall")
        fetch(url, 3200, folder)  # first use of each library is no part of a rate
        base = row(
            "plain httpx + json + lists, no Parquet", samples // 8, timed(lambda: plain_client(url, samples // 8))
        )
        row("one text a request, urllib + json", samples // 32, timed(lambda: plain_loop(url, samples // 32)), base)
        row("engine to Parquet, staged", samples, timed(lambda: fetch(url, samples, folder)), base)
        row("engine to Parquet", samples, timed(lambda: fetch(url, samples, folder, staged=False)), base)


def serve_slowly(seconds: float) -> None:
    """Serve the canned answer after a wait, until killed; print the port."""
    body = canned(TEXTS)
    head = f"HTTP/1.1 200 OK\r\ncontent-length: {len(body)}\r\n\r\n".encode()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                length = next(line for line in asked.lower().split(b"\r\n") if line.startswith(b"content-length:"))
                await reader.readexactly(int(length[15:]))
                await asyncio.sleep(seconds)
                writer.write(head + body)

    async def run() -> None:
        server = await asyncio.start_server(serve, "127.0.0.1", 0)
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()

    asyncio.run(run())


@contextlib.contextmanager
def slow_gateway() -> Generator[str]:
    """Run a server that takes 50 ms a batch in a process of its own."""
    command = [sys.executable, __file__, "serve"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:  # noqa: S603 - itself
        try:
            yield f"http://127.0.0.1:{server.stdout.readline().strip() if server.stdout else ''}"
        finally:
            server.terminate()


def bench_slow(samples: int) -> None:
    """Print the share of the ideal rate against a server that takes 50 ms a batch, eight requests in flight."""
    with tempfile.TemporaryDirectory() as name, slow_gateway() as url:
        fetch(url, 320, Path(name))
        wall, _ = timed(lambda: fetch(url, samples, Path(name), concurrency=8))
        ideal = -(-samples // TEXTS // 8) * 0.05
        print(f"{'50 ms a batch, 8 in flight':44} {samples / wall:9.0f} /s wall, {ideal / wall:.1%} of the ideal rate")


def bench_memory() -> None:
    """Print the peak memory of a fetch by the number of samples, each in a process of its own."""
    with tempfile.TemporaryDirectory() as name, nginx(Path(name)) as url:
        for samples in (9_984, 200_000):
            command = [sys.executable, __file__, "peak", url, str(samples)]
            said = subprocess.run(command, capture_output=True, text=True, check=True).stdout  # noqa: S603 - itself
            print(f"{f'peak memory, {samples} samples':44} {int(said) / 1024:9.0f} MB")


def main() -> None:
    """Run what the command line names."""
    if sys.argv[1:2] == ["peak"]:
        with tempfile.TemporaryDirectory() as name:
            fetch(sys.argv[2], int(sys.argv[3]), Path(name))
        print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
        return
    if sys.argv[1:2] == ["serve"]:
        serve_slowly(0.05)
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("parts", nargs="*", default=["decode", "canned", "slow"])
    parser.add_argument("--samples", type=int, default=32_000)
    asked = parser.parse_args()
    parts: dict[str, Callable[[], None]] = {
        "decode": bench_decode,
        "slow": lambda: bench_slow(asked.samples // 4),
        "memory": bench_memory,
        "canned": lambda: bench_canned(asked.samples),  # last: it keeps to one core from then on
    }
    for part, run in parts.items():
        if part in asked.parts:
            run()


if __name__ == "__main__":
    main()
