"""The flip of the demo by a real nginx, under load: shadow, 10 % share, flip, roll back, and no failed request.

    python bench/flip_nginx.py [--rate N] [--texts N] [--seconds N] [--keep-alive]

The demo's gateways, two adapters, nginx and the client are processes of their own, on free ports and in a temporary folder.
The configurations are those that `parity flip plan --proxy nginx --write DIR` writes, each put in place by `nginx -s reload`
while the load goes on. nginx's own log says which side each text went to. A request fails if it has no response, or any other
than HTTP 200 with one vector. Every request is a connection of its own, unless `--keep-alive` is given: a client that reuses
connections has to send a request again if its connection was closed before the response (RFC 9112, section 9.5).
"""

import argparse
import asyncio
import contextlib
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
import psutil
import yaml

MODEL = "wordllama-64"
PARITY = "from parity_pipeline.cli.main import main; main()"
STEPS = ("1-shadow", "3-share-10", "5-flip", "0-roll-back")
IN_FLIGHT = 128
MAIN = """\
user root;
worker_processes 2;
daemon off;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 1024; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    log_format way '$http_x_request_id $parity_target $status';
    access_log {folder}/access.log way;
    include {folder}/parity.conf;
}}
"""


def free_ports(count: int) -> int:
    """Return the first of some ports in a row that nothing listens on."""
    while True:
        with socket.create_server(("127.0.0.1", 0)) as one:
            first = int(one.getsockname()[1])
        with contextlib.suppress(OSError), contextlib.ExitStack() as held:
            for port in range(first, first + count):
                held.enter_context(socket.create_server(("127.0.0.1", port)))
            return first


@contextlib.contextmanager
def process(command: list[str], port: int, log: Path, folder: Path) -> Generator[subprocess.Popen[bytes]]:
    """Run a server until the block ends, and yield it when it listens; it is stopped by its own pid."""
    environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
    with (
        log.open("wb") as stream,
        subprocess.Popen(command, stdout=stream, stderr=stream, cwd=folder, env=environment) as server,  # noqa: S603 - its own servers
    ):
        try:
            while True:
                if server.poll() is not None:
                    raise RuntimeError(f"{command}: {log.read_text()}")
                with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
                    break
                time.sleep(0.05)
            yield server
        finally:
            server.send_signal(signal.SIGQUIT if command[0].endswith("nginx") else signal.SIGTERM)


def write_settings(folder: Path, legacy: int, candidate: int, adapter: int, listen: int) -> None:
    """Write the settings of the demo with these ports."""
    content = {
        "first_date": "2026-01-01",
        "models": [MODEL],
        "samples": [{"path": "none.txt"}],
        "sides": {
            "legacy": {"label": "legacy", "base_url": f"http://127.0.0.1:{legacy}", "dialect": "rust"},
            "candidate": {"label": "candidate", "base_url": f"http://127.0.0.1:{candidate}", "dialect": "go"},
        },
        "adapter": {"port": adapter, "log_requests": False},
        "flip": {"listen": f"127.0.0.1:{listen}"},
    }
    (folder / "parity.yaml").write_text(yaml.safe_dump(content))


@dataclass
class Load:
    """Requests that go on while configurations change.

    Attributes:
        url: Where they go.
        rate: Requests per second that are begun.
        sent: How many were begun.
        failed: What failed, in words.
        taken: Seconds of each request that did not.
        texts: Texts to send, each with the id by which nginx logs it.
    """

    url: str
    rate: float
    texts: Iterator[tuple[str, str]]
    keep_alive: bool = False
    sent: int = 0
    failed: list[str] = field(default_factory=list[str])
    taken: list[float] = field(default_factory=list[float])
    stopped: bool = False

    async def run(self) -> None:
        """Send until stopped, each at its time, whatever became of those before."""
        connector = aiohttp.TCPConnector(limit=IN_FLIGHT, force_close=not self.keep_alive)
        async with aiohttp.ClientSession(connector=connector, timeout=aiohttp.ClientTimeout(30)) as session:
            due = time.perf_counter()
            async with asyncio.TaskGroup() as group:
                while not self.stopped:
                    name, text = next(self.texts)
                    group.create_task(self._one(session, name, text))
                    self.sent += 1
                    due += 1 / self.rate
                    await asyncio.sleep(max(0.0, due - time.perf_counter()))

    async def _one(self, session: aiohttp.ClientSession, name: str, text: str) -> None:
        started = time.perf_counter()
        try:
            body = {"texts": [text], "model": MODEL}
            async with session.post(self.url, json=body, headers={"x-request-id": name}) as response:
                content = await response.json(content_type=None)
                if response.status != 200 or len(content["embeddings"]) != 1:
                    self.failed.append(f"{name}: HTTP {response.status}")
        except (aiohttp.ClientError, TimeoutError, ValueError, KeyError, TypeError) as error:
            self.failed.append(f"{name}: {type(error).__name__} {error}")
        else:
            self.taken.append(time.perf_counter() - started)


class Named:
    """Texts of the load: distinct ones, and the same again."""

    def __init__(self) -> None:
        """Begin with phase 0."""
        self.phase, self.number, self.again = 0, 0, 0

    def __iter__(self) -> Iterator[tuple[str, str]]:
        """Yield an id of phase, number and turn, and its text."""
        while True:
            number = self.number % self.again if self.again else self.number
            yield f"{self.phase}-{number}-{self.number // self.again if self.again else 0}", f"worker number {number}"
            self.number += 1

    def begin(self, phase: int, again: int = 0) -> None:
        """Begin a phase, in which the first `again` texts come again and again; 0 for no repetition."""
        self.phase, self.number, self.again = phase, 0, again


def reload(folder: Path, step: str, master: psutil.Process) -> None:
    """Put the configuration of a step in place; return when every worker serves by it."""
    old = {one.pid for one in master.children()}
    shutil.copyfile(folder / "routing" / "nginx" / f"{step}.conf", folder / "parity.conf")
    nginx(folder, "-t")
    nginx(folder, "-s", "reload")
    while old & {one.pid for one in master.children()}:
        time.sleep(0.02)


def nginx(folder: Path, *arguments: str) -> None:
    """Call nginx with the configuration of this folder."""
    command = [str(shutil.which("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf"), *arguments]
    subprocess.run(command, check=True, capture_output=True)  # noqa: S603 - nginx itself


def ways(folder: Path, phase: int) -> dict[str, list[str]]:
    """Return the sides that each text of a phase went to, by its number."""
    found: dict[str, list[str]] = {}
    for line in (folder / "access.log").read_text().splitlines():
        name, way, _ = line.split()
        of, _, rest = name.partition("-")
        if of == str(phase):
            found.setdefault(rest.partition("-")[0], []).append(way.removeprefix("parity_"))
    return found


async def flip(folder: Path, master: psutil.Process, load: Load, named: Named, texts: int, seconds: float) -> None:
    """Go through the steps while the load goes on, and print what happened at each."""
    task = asyncio.create_task(load.run())
    print("| step | requests | failed | per second | p50 ms | p99 ms | at the candidate |")
    print("|---|---:|---:|---:|---:|---:|---|")
    await asyncio.sleep(2)
    for phase, step in enumerate(STEPS, start=1):
        await asyncio.to_thread(reload, folder, step, master)
        # Requests of the phase before are on their way; those of this one all begin after the change.
        sent, failed, taken, started = load.sent, len(load.failed), len(load.taken), time.perf_counter()
        named.begin(phase)
        wanted = texts if step == "3-share-10" else int(seconds * load.rate)
        await reached(named, wanted, task)
        if step == "3-share-10":
            named.begin(phase, again=min(1000, texts))
            await reached(named, 3 * min(1000, texts), task)
        passed = time.perf_counter() - started
        of = sorted(load.taken[taken:])
        p50, p99 = (1000 * one for one in (statistics.median(of), of[int(0.99 * len(of))]))
        count = load.sent - sent
        await asyncio.sleep(0.5)
        print(
            f"| {step} | {count:,} | {len(load.failed) - failed} | {count / passed:.0f} | {p50:.1f} | {p99:.1f} "
            f"| {words(ways(folder, phase))} |",
            flush=True,
        )
    load.stopped = True
    await task
    print(f"\n{load.sent:,} requests in all, {len(load.failed)} failed {load.failed[:3] or ''}")


async def reached(named: Named, number: int, task: asyncio.Task[None]) -> None:
    """Return when that many texts of the phase were sent, or the load has broken."""
    while named.number < number and not task.done():  # noqa: ASYNC110 - a bench may look every 0.1 s
        await asyncio.sleep(0.1)


def words(found: dict[str, list[str]]) -> str:
    """Return the share of the texts at the candidate, and how many went more than one way."""
    sides = Counter(way[0] for way in found.values())
    both = sum(len(set(way)) > 1 for way in found.values())
    again = sum(len(way) > 1 for way in found.values())
    share = sides["candidate"] / max(1, len(found))
    return f"{share:.2%} of {len(found):,} texts; {both} of {again:,} repeated ones went both ways"


def shadowed(port: int) -> str:
    """Return what the shadow adapter counted."""
    import urllib.request  # noqa: PLC0415 - one request to a server of this bench

    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=30) as response:
        lines = response.read().decode().splitlines()
    kept = [
        line for line in lines if line.startswith(("parity_adapter_shadow_requests_", "parity_adapter_shadow_texts_"))
    ]
    return "\n".join(line for line in kept if "_total{" in line)


def main() -> None:
    """Start everything, flip, roll back, and stop everything."""
    parser = argparse.ArgumentParser(description="The flip of the demo by nginx.")
    parser.add_argument("--rate", type=float, default=200.0, help="requests per second")
    parser.add_argument("--texts", type=int, default=10_000, help="distinct texts while 10 %% are shared")
    parser.add_argument("--seconds", type=float, default=8.0, help="how long each other step lasts")
    parser.add_argument("--keep-alive", action="store_true", help="reuse connections")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="flip-nginx-") as name, contextlib.ExitStack() as running:
        folder = Path(name)
        first = free_ports(8)
        legacy, candidate, listen, adapter = first, first + 1, first + 2, first + 3
        write_settings(folder, legacy, candidate, adapter, listen)

        def start(label: str, port: int, *command: str) -> subprocess.Popen[bytes]:
            return running.enter_context(process([*command], port, folder / f"{label}.log", folder))

        def parity(*arguments: str) -> list[str]:
            return [sys.executable, "-c", PARITY, *arguments]

        environment = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[1])}
        plan = parity("flip", "plan", "--proxy", "nginx", "--write", str(folder / "routing"))
        subprocess.run(plan, cwd=folder, env=environment, check=True, capture_output=True)  # noqa: S603 - the command itself
        for side, port in (("legacy", legacy), ("candidate", candidate)):
            start(side, port, sys.executable, "-m", "parity_pipeline.demo", side, "--port", str(port), "--warm-up")
        for mode, port in (("candidate", adapter), ("shadow", adapter + 1)):
            start(f"adapter-{mode}", port, *parity("adapter", "serve", "--mode", mode, "--port", str(port)))
        (folder / "nginx.conf").write_text(MAIN.format(folder=folder))
        shutil.copyfile(folder / "routing" / "nginx" / "0-roll-back.conf", folder / "parity.conf")
        command = [str(shutil.which("nginx")), "-p", str(folder), "-c", str(folder / "nginx.conf")]
        server = start("nginx", listen, *command)
        named = Named()
        load = Load(f"http://127.0.0.1:{listen}/ai/embed", given.rate, iter(named), keep_alive=given.keep_alive)
        print(f"load average before: {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores\n")
        asyncio.run(flip(folder, psutil.Process(server.pid), load, named, given.texts, given.seconds))
        print(f"\nshadow adapter:\n{shadowed(adapter + 1)}\n\nnginx's log of errors:")
        print((folder / "error.log").read_text() or "(empty)")
        if load.failed:
            raise SystemExit(1)


if __name__ == "__main__":
    main()
