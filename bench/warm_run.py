"""Measure a warm `parity run` of two models with few texts, in turn with `import dagster`: six times as long is the bar.

Run: `.venv/bin/python bench/warm_run.py [--rounds 5]`; a minute or two. Services are up, the Dagster home exists, and one
run that is not counted came before. So this is what every command costs, whatever the number of samples. Beside other
work on the same cores only the ratio of processor time says something (docs/adr/0017).
"""

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from memory import PARITY, call, environment, write_project

MODELS = ("wordllama-256", "wordllama-64")
TEXTS = 5
MOST = 6.0
"""Times `import dagster` that the run may take, by docs/adr/0017."""


@dataclass(frozen=True, kw_only=True)
class Took:
    """One command: seconds, and MiB at its peak."""

    wall: float
    processor: float
    peak: float


def main() -> None:
    """Run the rounds and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    rounds: int = parser.parse_args().rounds
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors, {TEXTS} texts, {len(MODELS)} models")
    with tempfile.TemporaryDirectory(prefix="parity-warm-") as name, ExitStack() as afterwards:
        config, environ = write_project(Path(name), TEXTS, MODELS, hazards=False), environment()
        afterwards.callback(call, ["down"], config, environ)
        call(["up"], config, environ)
        run = [PARITY, "run", "--json", "--config", str(config)]
        imported = [sys.executable, "-c", "import dagster"]
        for command in (imported, run):
            measure(command, environ)
        pairs = [(measure(imported, environ), measure(run, environ)) for _ in range(rounds)]
    print("| command | wall s | processor s | peak MiB |\n|---|---:|---:|---:|")
    for place, label in enumerate(("`import dagster`", "`parity run`")):
        print(table_row(label, [pair[place] for pair in pairs]))
    walls = statistics.median(run.wall / one.wall for one, run in pairs)
    ratio = statistics.median(run.processor / one.processor for one, run in pairs)
    print(
        f"`parity run` takes {walls:.1f} times the wall clock and {ratio:.1f} times the processor time; {MOST:g} is the bar"
    )


def table_row(label: str, taken: Sequence[Took]) -> str:
    """Return one row of the table: medians."""
    median = (statistics.median(values) for values in zip(*((one.wall, one.processor) for one in taken), strict=True))
    wall, processor = median
    return f"| {label} | {wall:.2f} | {processor:.2f} | {max(one.peak for one in taken):.0f} |"


def measure(command: Sequence[str], environ: dict[str, str]) -> Took:
    """Run a command and return what it took; its output is discarded."""
    began = time.perf_counter()
    child = subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)  # noqa: S603 - the project's own command, or this interpreter
    _, status, used = os.wait4(child.pid, 0)
    wall = time.perf_counter() - began
    if status:
        sys.exit(f"{' '.join(command)} ended with status {os.waitstatus_to_exitcode(status)}")
    return Took(wall=wall, processor=used.ru_utime + used.ru_stime, peak=used.ru_maxrss / 1024)


if __name__ == "__main__":
    main()
