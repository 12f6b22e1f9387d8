"""What the adapter costs, beside the gateway without it, in the same run.

    python bench/adapter.py [--seconds N] [--rounds N] [--gateway printing|slow]

The gateway prints the numbers of every response again, as any gateway has to, and computes nothing (`printing`), or takes 50 ms
per batch besides (`slow`). It, the adapter and the client are processes of their own. Throughput is that of batches of
32 x 768 with 4 in flight, p50 that of one text with one in flight. The rows take turns; a rate and a p50 are the best of their
rounds, a ratio is the median of the rounds, so that a busy moment of a shared machine affects both. CPU is the processor
time of the row's server per batch.
"""

import argparse
import asyncio
import contextlib
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Generator
from dataclasses import dataclass
from pathlib import Path

import aiohttp
import numpy as np
import orjson
import psutil
import yaml

TEXTS, WIDTH = 32, 768
SLOW_SECONDS = 0.05
IN_FLIGHT = 4
PARITY = "from parity_pipeline.cli.main import main; main()"


@dataclass(frozen=True)
class Row:
    """One way to ask.

    Attributes:
        name: What it is called.
        callers: Whose wire is spoken.
        mode: Mode of the adapter; "" for the gateway itself.
        normalise: Whether vectors are normalised.
        digits: Digits of numbers that the adapter writes.
    """

    name: str
    callers: str = "legacy"
    mode: str = ""
    normalise: bool = False
    digits: str = "float64"


ROWS = (
    Row("the candidate itself", callers="candidate"),
    Row("candidate", mode="candidate"),
    Row("candidate, normalised", mode="candidate", normalise=True),
    Row("candidate, normalised, float32", mode="candidate", normalise=True, digits="float32"),
    Row("legacy (relayed)", mode="legacy"),
    Row("shadow", mode="shadow"),
)


def serve_gateway(port: int, seconds: float) -> None:
    """Serve both wires at once: the legacy's path with float64 digits, the candidate's with those of float32."""
    import uvicorn  # noqa: PLC0415 - a process of its own

    vectors = np.random.default_rng(0).normal(size=(TEXTS, WIDTH))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    narrow = (vectors * 3).astype(np.float32)

    async def app(scope: dict[str, object], receive: object, send: object) -> None:
        body, more = b"", True
        while more:
            message = await receive()  # type: ignore[operator]
            body += message.get("body", b"")
            more = message.get("more_body", False)
        count = len(orjson.loads(body)["texts"])
        if seconds:
            await asyncio.sleep(seconds)
        legacy = scope["path"] == "/ai/embed"
        fields = {"embeddings" if legacy else "vectors": (vectors if legacy else narrow)[:count], "model": "m"}
        content = orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)
        headers = [(b"content-length", b"%d" % len(content)), (b"content-type", b"application/json")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})  # type: ignore[operator]
        await send({"type": "http.response.body", "body": content})  # type: ignore[operator]

    uvicorn.run(app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", ws="none")  # type: ignore[arg-type]


def free_port() -> int:
    """Return a port that nothing listens on."""
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as one:
        return one.getsockname()[1]


@contextlib.contextmanager
def process(command: list[str], port: int, log: Path) -> Generator[psutil.Process]:
    """Run a server until it is no longer needed, and yield it when it listens."""
    with log.open("wb") as stream, subprocess.Popen(command, stderr=stream) as server:  # noqa: S603 - a bench starts its servers
        try:
            while True:
                if server.poll() is not None:
                    raise RuntimeError(log.read_text())
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield psutil.Process(server.pid)
        finally:
            server.terminate()


def settings(row: Row, gateway: int) -> str:
    """Return the settings of a row's adapter."""
    url = f"http://127.0.0.1:{gateway}"
    options = {"normalise": row.normalise, "digits": row.digits}
    return yaml.safe_dump(
        {
            "first_date": "2026-01-01",
            "models": ["m"],
            "samples": [{"path": "none.txt"}],
            "sides": {
                "legacy": {"label": "L", "base_url": url, "dialect": "rust"},
                "candidate": {"label": "C", "base_url": url, "dialect": "go"},
            },
            "adapter": {"mode": row.mode or "candidate", "log_requests": False, "callers": {"legacy": options}},
        }
    )


async def ask(url: str, seconds: float, texts: int, in_flight: int) -> list[float]:
    """Return the seconds of each request with a response within some seconds."""
    body = orjson.dumps(
        {"texts": [f"text number {number}, of no great length" for number in range(texts)], "model": "m"}
    )
    taken: list[float] = []
    end = time.perf_counter() + seconds

    async def one(session: aiohttp.ClientSession) -> None:
        while (started := time.perf_counter()) < end:
            async with session.post(url, data=body) as response:
                await response.read()
                if response.status != 200:
                    raise RuntimeError(await response.text())
            taken.append(time.perf_counter() - started)

    connector = aiohttp.TCPConnector(limit=in_flight)
    async with aiohttp.ClientSession(connector=connector, read_bufsize=2**18) as session:
        await asyncio.gather(*(one(session) for _ in range(in_flight)))
    return taken


def main() -> None:
    """Measure all rows in turn and print them."""
    parser = argparse.ArgumentParser(description="What the adapter costs.")
    parser.add_argument("--seconds", type=float, default=1.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--gateway", choices=("printing", "slow"), default="printing")
    parser.add_argument("--serve", type=int, help=argparse.SUPPRESS)
    options = parser.parse_args()
    seconds = SLOW_SECONDS if options.gateway == "slow" else 0.0
    if options.serve:
        serve_gateway(options.serve, seconds)
        return
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as running:
        place, gateway = Path(folder), free_port()
        command = [sys.executable, __file__, "--gateway", options.gateway, "--serve", str(gateway)]
        served = running.enter_context(process(command, gateway, place / "gateway.log"))
        urls: dict[Row, tuple[str, psutil.Process]] = {}
        for number, row in enumerate(ROWS):
            if not row.mode:
                urls[row] = f"http://127.0.0.1:{gateway}/v1/embed", served
                continue
            port, file = free_port(), place / f"{number}.yaml"
            file.write_text(settings(row, gateway))
            command = [sys.executable, "-c", PARITY, "adapter", "serve", "--config", str(file), "--port", str(port)]
            served = running.enter_context(process(command, port, place / f"{number}.log"))
            urls[row] = f"http://127.0.0.1:{port}/ai/embed", served
        measure(urls, options.seconds, options.rounds)


def cpu(server: psutil.Process) -> float:
    """Return the seconds of processor time that a process has used."""
    times = server.cpu_times()
    return times.user + times.system


def measure(urls: dict[Row, tuple[str, psutil.Process]], seconds: float, rounds: int) -> None:
    """Ask in turn and print medians, and ratios to the first row of the same round."""
    rates: dict[Row, list[float]] = {row: [] for row in urls}
    middles: dict[Row, list[float]] = {row: [] for row in urls}
    work: dict[Row, list[float]] = {row: [] for row in urls}
    for url, _ in urls.values():
        asyncio.run(ask(url, 0.2, TEXTS, 1))
    # The latency comes first: a server that has just used a processor for a second is made to wait by the scheduler.
    for _ in range(rounds):
        for row, (url, _) in urls.items():
            middles[row].append(statistics.median(asyncio.run(ask(url, seconds, 1, 1))) * 1000)
    for _ in range(rounds):
        for row, (url, server) in urls.items():
            before = cpu(server)
            batches = len(asyncio.run(ask(url, seconds, TEXTS, IN_FLIGHT)))
            work[row].append((cpu(server) - before) / batches * 1000)
            rates[row].append(batches / seconds)
    first = next(iter(urls))
    print(f"{os.cpu_count()} cores; batches of {TEXTS} x {WIDTH}, {IN_FLIGHT} in flight; one text, one in flight")
    print(f"{'':32} {'batches/s':>10} {'ratio':>7} {'CPU ms':>8} {'p50 ms':>8} {'more':>7}")
    for row in urls:
        ratio = statistics.median(mine / base for mine, base in zip(rates[row], rates[first], strict=True))
        rate, middle, more = max(rates[row]), min(middles[row]), min(middles[row]) - min(middles[first])
        print(f"{row.name:32} {rate:10.0f} {ratio:7.2f} {statistics.median(work[row]):8.2f} {middle:8.2f} {more:+7.2f}")


if __name__ == "__main__":
    main()
