"""Measure what a run needs for many samples, 10,000 against 100,000 in one go: wall, CPU, peak memory, bytes on disk.

Here belongs the measurement alone: `parity run` as a process of its own, against the demo's gateways. Only the standard
library is imported, since a process that is started begins with the peak memory of its starter.
"""

import argparse
import json
import os
import re
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

PARITY = str(Path(sys.executable).with_name("parity"))
WORDS = [
    "forklift",
    "operator",
    "warehouse",
    "nurse",
    "welder",
    "driver",
    "night",
    "shift",
    "Aurora",
    "Joliet",
    "certified",
    "picker",
    "packer",
    "loader",
]
MODEL = "wordllama-256"


@dataclass(frozen=True, kw_only=True)
class Row:
    """One run: seconds, MiB, and what the verdict said."""

    samples: int
    wall: float
    cpu: float
    peak: float
    gateways: tuple[float, ...]
    disk: float
    decision: str


def main() -> None:
    """Run each number of samples once and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("samples", type=int, nargs="*", default=[10_000, 100_000], help="numbers of samples to run")
    parser.add_argument("--model", default=MODEL)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, model {options.model}")
    print(
        "| samples | verdict | wall s | CPU s | samples/s | peak MiB of parity | peak MiB of the gateways | data MiB |"
    )
    print("|---:|---|---:|---:|---:|---:|---:|---:|")
    rows: list[Row] = []
    for count in options.samples:
        with tempfile.TemporaryDirectory(prefix="parity-memory-") as name:
            rows.append(measure(Path(name), count, options.model))
        print(table_row(rows[-1]), flush=True)
    if len(rows) > 1:
        small, large = rows[0], rows[-1]
        times, memory = large.samples / small.samples, large.peak / small.peak
        print(f"{times:g} times the samples: {large.cpu / small.cpu:.1f} times the CPU, {memory:.2f} times the memory")


def table_row(row: Row) -> str:
    """Return one row of the table."""
    gateways = " / ".join(f"{one:.0f}" for one in row.gateways)
    figures = f"{row.wall:.1f} | {row.cpu:.1f} | {row.samples / row.wall:,.0f} | {row.peak:.0f}"
    return f"| {row.samples:,} | {row.decision} | {figures} | {gateways} | {row.disk:.1f} |"


def measure(folder: Path, count: int, model: str) -> Row:
    """Bring the gateways up, run one date and model over so many samples, and return what it took."""
    config = write_project(folder, count, [model])
    environ = environment()
    with ExitStack() as afterwards:
        afterwards.callback(call, ["down"], config, environ)
        started = call(["up"], config, environ)
        pids = [int(pid) for pid in re.findall(r"pid (\d+)", started)]
        began = time.perf_counter()
        with (folder / "out.json").open("wb") as out:
            child = subprocess.Popen([PARITY, "run", "--json", "--config", str(config)], stdout=out, env=environ)  # noqa: S603 - the project's own command
            _, _, used = os.wait4(child.pid, 0)
        wall = time.perf_counter() - began
        gateways = tuple(peak_of(pid) for pid in pids)
    results = json.loads((folder / "out.json").read_text("utf-8"))["results"]
    disk = sum(path.stat().st_size for path in (folder / "data").rglob("*") if path.is_file())
    return Row(
        samples=count,
        wall=wall,
        cpu=used.ru_utime + used.ru_stime,
        peak=used.ru_maxrss / 1024,
        gateways=gateways,
        disk=disk / 2**20,
        decision=str(results[0]["decision"]),
    )


def environment() -> dict[str, str]:
    """Return the environment of a measured command: its own Dagster home and settings, and bytecode that is kept.

    Without bytecode each command compiles all modules of the package again, which takes longer than importing them.
    """
    left_out = {"DAGSTER_HOME", "PARITY_CONFIG", "PYTHONDONTWRITEBYTECODE"}
    return {name: value for name, value in os.environ.items() if name not in left_out}


def call(arguments: Sequence[str], config: Path, environ: dict[str, str]) -> str:
    """Run one `parity` command and return its output."""
    command = [PARITY, *arguments, "--config", str(config)]
    return subprocess.run(command, env=environ, check=True, capture_output=True, text=True).stdout  # noqa: S603 - as above


def peak_of(pid: int) -> float:
    """Return the peak memory of a running process in MiB; NaN where the system does not report it."""
    try:
        status = Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return float("nan")
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) / 1024 if found else float("nan")


def write_project(folder: Path, count: int, models: Sequence[str], **settings: object) -> Path:
    """Write a settings file and so many different short texts into a folder, and return the file; `settings` are further keys."""
    with (folder / "texts.txt").open("w", encoding="utf-8") as file:
        for number in range(count):
            chosen = [WORDS[(number // len(WORDS) ** place) % len(WORDS)] for place in range(4)]
            file.write(f"{' '.join(chosen)} {number}\n")
    sides = {
        side: {"label": f"demo {side}", "base_url": f"http://127.0.0.1:{port}", "dialect": dialect, "services": [{
            "name": f"memory-{side}",
            "command": [sys.executable, "-m", "parity_pipeline.demo", side, "--port", str(port)],
            "health_url": f"http://127.0.0.1:{port}/health",
        }]}
        for side, dialect, port in zip(("legacy", "candidate"), ("rust", "go"), free_ports(2), strict=True)
    }  # fmt: skip
    content = {
        "first_date": "2026-04-30",
        "models": list(models),
        "samples": [{"path": "texts.txt"}],
        "sides": sides,
        **settings,
    }
    config = folder / "parity.yaml"
    config.write_text(json.dumps(content), "utf-8")  # JSON is YAML
    return config


def free_ports(count: int) -> list[int]:
    """Return different ports that were free a moment ago."""
    with ExitStack() as held:
        sockets = [held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)]
        return [int(one.getsockname()[1]) for one in sockets]


if __name__ == "__main__":
    main()
