"""Measure what summary and index cost over many stored verdicts, against reading the ledger alone in the same process.

Here belongs the measurement alone. The lines are those of two real runs, a clean one and one whose candidate cuts texts, with
other dates, models, cosines, noise floors and states of the gateways; nothing of them is kept from one round to the next.
"""

import argparse
import json
import os
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import date, timedelta
from pathlib import Path
from random import Random
from statistics import median
from typing import Any, TypeVar

from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import Lane, LaneStates, Placement, place
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.texts import sample_set
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, context_for, side_of
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_reports import write_summary_of
from parity_pipeline.storage import ledger
from parity_pipeline.storage.gateways import add_state
from parity_pipeline.storage.json_records import json_text

Result = TypeVar("Result")

SECONDS = 2.0
"""Most CPU that summary and index may take."""
SAMPLES = 200
FIRST = date(2021, 1, 1)
FAILING = 0.1
"""Share of the verdicts that fail."""
DATES_PER_STATE = 180
"""Dates after which a gateway is replaced, on either side in turn."""


def main() -> None:
    """Write a ledger, read it and write summary and index in turn, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--dates", type=int, default=2000)
    parser.add_argument("--models", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    with tempfile.TemporaryDirectory() as folder:
        run = stored_history(Path(folder), options.dates, options.models)
        size = run.layout.ledger.stat().st_size / 2**20
        print(f"{options.dates * options.models:,} verdicts, {size:,.0f} MiB, {FAILING:.0%} of them FAIL")
        measured(run, options.rounds)


def measured(run: RunContext, rounds: int) -> None:
    """Print what each takes, and whether summary and index are within the limit."""
    found: list[tuple[float, float]] = []
    for number in range(1, rounds + 1):
        verdicts, reading = cpu_of(lambda: ledger.newest(run.layout.ledger))
        # The first round imports what draws the page.
        _, writing = cpu_of(lambda verdicts=verdicts: write_summary_of(run, verdicts))
        found.append((reading, writing))
        print(f"round {number}: ledger alone {reading:6.2f} s of CPU, summary and index {writing:6.2f} s")
    most = max(writing for _, writing in found)
    within = "within" if most <= SECONDS else "NOT within"
    share = median(writing / reading for reading, writing in found)
    print(f"summary and index: {most:.2f} s at most, {within} {SECONDS:g} s, {share:.2f} of reading the ledger")
    for path in (run.layout.summary, run.layout.html_index):
        print(f"{path.name:<12} {path.stat().st_size / 1e6:6.2f} MB")


def cpu_of(work: Callable[[], Result]) -> tuple[Result, float]:
    """Return what a call returns, and its seconds of processor time; waiting for other processes does not count."""
    start = time.process_time()
    result = work()
    return result, time.process_time() - start


def stored_history(folder: Path, dates: int, models: int) -> RunContext:
    """Return a run whose ledger holds a verdict per date and model, and whose gateways were replaced now and then."""
    clean, run = judged(folder / "clean", ""), judged(folder / "cut", "truncate")
    lines = [json.loads(one.layout.ledger.read_text("ascii").splitlines()[-1]) for one in (clean, run)]
    run.layout.gateways.unlink(missing_ok=True)
    states = {
        (f"model-{number}", side): recorded_states(run, number, side, dates)
        for number in range(models)
        for side in Side
    }
    with run.layout.ledger.open("w", encoding="ascii") as file:
        file.writelines(changed_lines(lines[0], lines[1], dates, models, states))
    return run


def judged(folder: Path, fault: str) -> RunContext:
    """Return a run with one verdict, under a candidate with a fault."""
    sides = {side: side_of(side, SHAPES, fault if side is Side.CANDIDATE else "", Scope()) for side in Side}
    run = context_for(folder, sample_set(1, SAMPLES), sides)
    run_partition(run, DAY, MODEL, run_id="bench")
    return run


def recorded_states(run: RunContext, number: int, side: Side, dates: int) -> list[str]:
    """Record the states of one lane, and return the id of that of each date."""
    lane: Lane = ("embed", side, f"model-{number}")
    found: list[str] = []
    for first in range(0, dates, DATES_PER_STATE):
        seen_at = f"{FIRST + timedelta(days=first)}T05:00:00+00:00"
        seen = Fingerprint(version=f"{side} {first // DATES_PER_STATE // 2 if side is Side.LEGACY else first}")

        def placed(states: LaneStates, seen: Fingerprint = seen, seen_at: str = seen_at) -> Placement:
            return place(states, seen, lane=lane, seen_at=seen_at, seen_by="fetch")

        found += [add_state(run.layout.gateways, lane, placed).fingerprint.state] * DATES_PER_STATE
    return found[:dates]


def changed_lines(
    clean: dict[str, Any], cut: dict[str, Any], dates: int, models: int, states: dict[tuple[str, Side], list[str]]
) -> Iterator[str]:
    """Yield the ledger's lines, the oldest date first."""
    generator = Random(1)  # noqa: S311 - figures that look measured
    for number in range(dates):
        day = FIRST + timedelta(days=number)
        for model in range(models):
            line = cut if generator.random() < FAILING else clean
            verdict: dict[str, Any] = {**line["verdict"], "date": day.isoformat(), "model": f"model-{model}"}
            cosine, *others = verdict["measures"]
            worst = cosine["worst"] * (1 - 1e-5 * generator.random())
            verdict["measures"] = [{**cosine, "worst": worst}, *others]
            for side in Side:
                verdict[side] = on_date(verdict[side], day, states[f"model-{model}", side][number], generator)
            yield json_text({**line, "recorded_at": f"{day}T06:00:00+00:00", "verdict": verdict})


def on_date(side: dict[str, Any], day: date, state: str, generator: Random) -> dict[str, Any]:
    """Return what a verdict says of a side, as of another date, state and noise floor."""
    lane = side["provenance"]
    times = {name: f"{day}T{lane[name][11:]}" for name in ("fetched_from", "fetched_to")}
    lane = {**lane, **times, "date": day.isoformat(), "fingerprint": {**lane["fingerprint"], "state": state}}
    worst = 1e-7 * generator.random()
    floor = {**side["floor"], "worst": worst, "by_experiment": {**side["floor"]["by_experiment"], "repeat": worst}}
    return {**side, "provenance": lane, "floor": floor}


if __name__ == "__main__":
    main()
