"""What the `parity` command prints: verdict table, JSON document, progress bar.

Here belongs layout for a terminal. Nothing here decides anything; text from elsewhere has its control characters made
visible and is never read as markup.
"""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path

from rich import box
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from parity_pipeline.core.number_format import cosine_text
from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.runs.runner import PartitionResult
from parity_pipeline.storage.layout import Layout
from parity_pipeline.wire.progress import Progress as LaneProgress

COULD_NOT_RUN = "COULD NOT RUN"
_STYLES = {
    Decision.PASS.value: "bold green",
    Decision.PASS_WITH_WAIVERS.value: "bold green",
    Decision.FAIL.value: "bold red",
    Decision.INCONCLUSIVE.value: "bold yellow",
    COULD_NOT_RUN: "bold yellow",
}

_REASONS = 2
"""Reasons against a pass that the table shows where there is no cause to show; the report has them all."""

_MODEL_COLUMNS = 26
"""Width that leaves the reasons nearly half of 80 columns."""

Watch = Callable[[str, LaneProgress], None]


def verdict_table(results: Sequence[PartitionResult]) -> Table:
    """Return one row per partition: date and model, verdict, matched samples and worst cosine, why; fits 80 columns.

    The last column shows the first reasons, the first cause, waived samples, and how much more the report lists.
    Whatever kept a partition from running is shown in full.
    """
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("date, model", overflow="fold", max_width=_MODEL_COLUMNS)
    table.add_column("verdict", no_wrap=True)
    table.add_column("matched,\nworst", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for one in results:
        decision = one.verdict.decision.value if one.verdict else COULD_NOT_RUN
        table.add_row(
            Text(f"{one.date}\n{visible(one.model)}"),
            Text(decision, style=_STYLES[decision]),
            f"{_matched(one)}\n{_worst(one)}",
            Text("\n".join(visible(reason) for reason in _why(one))),
            end_section=True,
        )
    return table


def _matched(one: PartitionResult) -> str:
    return f"{one.verdict.counts.matched:,}/{one.verdict.counts.samples:,}" if one.verdict else "—"


def _worst(one: PartitionResult) -> str:
    if one.verdict is None or one.verdict.worst_cosine is None:
        return "—"
    return cosine_text(one.verdict.worst_cosine, one.verdict.threshold)


def _why(one: PartitionResult) -> Sequence[str]:
    return (*(_verdict_lines(one.verdict) if one.verdict else ()), *one.failures)


def _verdict_lines(verdict: Verdict) -> Sequence[str]:
    """Return the first reasons, what the samples would have caught, the cause, waivers, and what else the report lists."""
    # After the first one, the reasons of a pass are about waived and refused samples, which are counted here.
    cause = first_cause(verdict)
    shown = verdict.reasons[: 1 if cause or verdict.decision in PASSING else _REASONS]
    strength = [verdict.strength] if verdict.strength else []
    power = [verdict.power.words] if verdict.power else []
    lines = [*strength, *shown, *power, *([f"cause: {cause}"] if cause else [])]
    if waived := verdict.counts.samples_waived:
        lines.append(f"{waived:,} waived")
    findings = [finding for finding in verdict.findings if finding not in verdict.reasons]
    more = [things(len(verdict.reasons) - len(shown), "more reason"), things(len(findings), "finding")]
    if rest := [words for words in more if not words.startswith("0 ")]:
        lines.append(f"{' and '.join(rest)} in the report")
    return lines


def results_json(results: Sequence[PartitionResult], layout: Layout, exit_code: int) -> str:
    """Return all results as one JSON document: `{"exit_code", "results": [{"date", "model", "verdict", …}]}`."""
    rows = [
        {
            "date": one.date,
            "model": one.model,
            "decision": one.verdict.decision.value if one.verdict else None,
            "strength": one.verdict.strength if one.verdict else None,
            "run_id": one.run_id,
            "failures": list(one.failures),
            "report": str(layout.report(one.date, one.model)) if one.verdict else None,
            "verdict": asdict(one.verdict) if one.verdict else None,
        }
        for one in results
    ]
    return json.dumps({"exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def written_files(results: Sequence[PartitionResult], layout: Layout) -> list[Path]:
    """Return the reports of these results, and the summary, in the order they were written."""
    reports = [layout.report(one.date, one.model) for one in results if one.verdict]
    return [*reports, layout.summary] if reports else []


def shown_path(path: Path, folder: Path) -> str:
    """Return a path relative to the folder, where it is inside it."""
    return visible(str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path))


@contextmanager
def progress_bar(console: Console) -> Generator[Watch]:
    """Yield a function that shows a lane's progress as a bar; bars vanish at the end."""
    columns = (
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[detail]}", markup=False),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, transient=True) as bars:
        tasks: dict[str, TaskID] = {}

        def watch(name: str, progress: LaneProgress) -> None:
            if name not in tasks:
                tasks[name] = bars.add_task(visible(name), total=progress.total, detail="")
            detail = f"{progress.rate:,.0f} samples/s, {progress.retries:,} retries"
            bars.update(tasks[name], completed=progress.done, total=progress.total, detail=detail)
            if progress.finished:
                bars.remove_task(tasks.pop(name))

        yield watch
