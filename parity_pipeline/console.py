"""What the `parity` command prints: verdict table, JSON document, status lines, progress bar.

Here belongs layout for a terminal. Nothing here decides anything; text from elsewhere is made visible and never read
as markup.
"""

import json
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from pathlib import Path

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from parity_pipeline.core.numerals import cosine_text
from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.report.escape import visible
from parity_pipeline.running import Ran
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.verdicts import verdict_to_json
from parity_pipeline.wire.progress import Progress as LaneProgress

COULD_NOT_RUN = "COULD NOT RUN"
_STYLES = {
    Decision.PASS.value: "bold green",
    Decision.PASS_WITH_WAIVERS.value: "bold green",
    Decision.FAIL.value: "bold red",
    Decision.INCONCLUSIVE.value: "bold yellow",
    COULD_NOT_RUN: "bold yellow",
}

Watch = Callable[[str, LaneProgress], None]


def verdict_table(results: Sequence[Ran]) -> Table:
    """Return a row a partition: date, model, verdict, matched samples, worst cosine, reason."""
    table = Table("date", "model", "verdict")
    table.add_column("matched", justify="right")
    table.add_column("worst cosine", justify="right")
    table.add_column("why")
    for one in results:
        decision = one.verdict.decision.value if one.verdict else COULD_NOT_RUN
        table.add_row(
            one.date,
            Text(visible(one.model)),
            Text(decision, style=_STYLES[decision]),
            _matched(one),
            _worst(one),
            Text("\n".join(visible(reason) for reason in _why(one))),
        )
    return table


def _matched(one: Ran) -> str:
    return f"{one.verdict.counts[Outcome.MATCH]:,}/{one.verdict.samples:,}" if one.verdict else "—"


def _worst(one: Ran) -> str:
    if one.verdict is None or one.verdict.worst_cosine is None:
        return "—"
    return cosine_text(one.verdict.worst_cosine, one.verdict.thresholds["cosine"])


def _why(one: Ran) -> Sequence[str]:
    found = (*one.verdict.reasons, *one.verdict.findings) if one.verdict else ()
    return (*found, *one.failures)


def results_json(results: Sequence[Ran], layout: Layout, exit_code: int) -> str:
    """Return all results as one JSON document: `{"exit_code", "results": [{"date", "model", "verdict", …}]}`."""
    rows = [
        {
            "date": one.date,
            "model": one.model,
            "decision": one.verdict.decision.value if one.verdict else None,
            "run_id": one.run_id,
            "failures": list(one.failures),
            "report": str(layout.report(one.date, one.model)) if one.verdict else None,
            "verdict": verdict_to_json(one.verdict) if one.verdict else None,
        }
        for one in results
    ]
    return json.dumps({"exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def written_files(results: Sequence[Ran], layout: Layout) -> list[Path]:
    """Return the reports of these results, and the summary, in the order they were written."""
    reports = [layout.report(one.date, one.model) for one in results if one.verdict]
    return [*reports, layout.summary] if reports else []


def shown_path(path: Path, folder: Path) -> str:
    """Return a path relative to the folder where it lies below it."""
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
