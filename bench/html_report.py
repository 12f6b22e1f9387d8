"""Measure the pages of reports: what writing one adds to a run, how large they are, how long a browser takes to open them.

Here belongs the measurement alone. A report of many samples, two fifths of them failing, and an index of 365 dates of five
models are written by the product's own steps and opened in Chromium, several times each; the longest load counts.
"""

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.texts import sample_set
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, context_for, side_of
from parity_pipeline.report.html.index_page import render_index
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_pages import write_page
from parity_pipeline.steps.write_reports import write_report

FAULT = "truncate"
SECONDS = 2.0
MEGABYTES = 5.0

_FIRST = """
import sys, time
from pathlib import Path
import dagster, parity_pipeline.definitions
from parity_pipeline.steps.write_reports import write_report
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.page_evidence import embed_evidence
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.layout import Layout
import parity_pipeline.steps.write_reports as steps
folder = Path(sys.argv[1])
run = RunContext(layout=Layout(folder / "data", folder / "reports"), sources=(), thresholds=Thresholds(),
                 package_version="0", gateways={})
embed_evidence(run, read_verdict(run.layout.verdict(sys.argv[2], sys.argv[3])))
if sys.argv[4] == "markdown":
    steps.write_page = lambda *_, **__: None
start, cpu = time.perf_counter(), time.process_time()
write_report(run, sys.argv[2], sys.argv[3])
print(time.perf_counter() - start, time.process_time() - cpu)
"""
"""What a run pays: the first page of a process that has loaded Dagster, the steps and Parquet already, as a run has by then."""


def main() -> None:
    """Write, measure and open the pages, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--samples", type=int, default=10_000)
    parser.add_argument("--dates", type=int, default=365)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument(
        "--repeats", type=int, default=3, help="how often each page is opened, and each first page written"
    )
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        run, verdict = judged(Path(folder), options.samples)
        failing = verdict.counts.apart.different if verdict.counts.apart else 0
        print(f"{options.samples:,} samples, {failing:,} of them differ: {verdict.decision}")
        first_page(Path(folder), options.repeats)
        written = timed(lambda: write_page(run, verdict))
        print(f"{'a further page, written':<44} {written:7.3f} s")
        index = run.layout.html_index
        index.write_text(render_index(history(verdict, 1, options.models)), "utf-8")
        many = history(verdict, options.dates, options.models)
        pages = [path.name for path in index.parent.glob("*.html")]
        print(f"{'index, rendered':<44} {timed(lambda: render_index(many, pages=pages)):7.3f} s")
        index.write_text(render_index(many, pages=pages), "utf-8")
        opened([run.layout.html_report(DAY, MODEL), index], options.repeats)


def judged(folder: Path, samples: int) -> tuple[RunContext, Verdict]:
    """Return a run whose candidate cuts texts, its stored verdict written as Markdown and page."""
    sides = {side: side_of(side, SHAPES, FAULT if side is Side.CANDIDATE else "", Scope()) for side in Side}
    run = context_for(folder, sample_set(1, samples), sides)
    run_partition(run, DAY, MODEL, run_id="bench")
    return run, write_report(run, DAY, MODEL)[0]


def history(verdict: Verdict, dates: int, models: int) -> list[Verdict]:
    """Return verdicts as the ledger holds them: without rows, one per date and model."""
    short = replace(verdict, rows=())
    return [
        replace(short, date=(date(2026, 12, 31) - timedelta(days=day)).isoformat(), model=f"model-{model}")
        for day in range(dates)
        for model in range(models)
    ]


def timed(work: object) -> float:
    """Return the seconds that a call takes."""
    start = time.perf_counter()
    work()  # type: ignore[operator]
    return time.perf_counter() - start


def first_page(folder: Path, repeats: int) -> None:
    """Print what the first page of a process adds to its Markdown, imports included, in turn."""
    found: dict[str, list[tuple[float, float]]] = {"markdown": [], "both": []}
    for _ in range(repeats):
        for kind, times in found.items():
            command = [sys.executable, "-c", _FIRST, str(folder), DAY, MODEL, kind]
            done = subprocess.run(command, check=True, capture_output=True, text=True)  # noqa: S603 - this script's own
            wall, cpu = map(float, done.stdout.split()[-2:])
            times.append((wall, cpu))
    for place, unit in enumerate(("wall", "CPU")):
        least = {kind: min(one[place] for one in times) for kind, times in found.items()}
        print(f"{f'first page beside its Markdown, {unit}':<44} {least['both'] - least['markdown']:7.3f} s")


def opened(pages: Sequence[Path], repeats: int) -> None:
    """Print size and load time of each page, and whether both are within the limits."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415 - the figures above need no browser

    program = next(
        (found for name in ("chromium", "chromium-browser", "chrome") if (found := shutil.which(name))), None
    )
    if program is None:
        print("no Chromium on this machine, so nothing is opened")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox", "--disable-gpu"])
        for path in pages:
            loads: list[float] = []
            for _ in range(repeats):
                page = browser.new_page()
                page.goto(path.as_uri(), wait_until="load")
                loads.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000)
                page.close()
            size = path.stat().st_size / 1e6
            within = "within" if max(loads) < SECONDS and size < MEGABYTES else "NOT within"
            print(f"{path.name:<44} {max(loads):7.3f} s {size:7.2f} MB  {within} {SECONDS:g} s and {MEGABYTES:g} MB")
        browser.close()


if __name__ == "__main__":
    main()
