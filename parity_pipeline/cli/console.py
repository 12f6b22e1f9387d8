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
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.runs.runner import PartitionResult
from parity_pipeline.steps.probes import EMBED, AnyVerdict
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
    """Return one row per partition: date and model or corpus, verdict, what matched and the worst, why; fits 80 columns.

    The last column shows the first reasons, the first cause, what was waived, and how much more the report lists.
    Whatever kept a partition from running is shown in full.
    """
    other = [one.probe for one in results if one.probe is not EMBED]
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("date, model or corpus" if other else "date, model", overflow="fold", max_width=_MODEL_COLUMNS)
    table.add_column("verdict", no_wrap=True)
    table.add_column("matched,\nworst or mean" if other else "matched,\nworst", justify="right", no_wrap=True)
    table.add_column("why", overflow="fold")
    for one in results:
        decision = one.verdict.decision.value if one.verdict else COULD_NOT_RUN
        probe = "" if one.probe is EMBED else f"{one.probe.name} "
        table.add_row(
            Text(f"{one.date}\n{probe}{visible(one.name)}"),
            Text(decision, style=_STYLES[decision]),
            "\n".join(_numbers(one.verdict)),
            Text("\n".join(visible(reason) for reason in _why(one))),
            end_section=True,
        )
    return table


def _numbers(verdict: AnyVerdict | None) -> tuple[str, str]:
    """Return how many samples or queries match, and the number that says how far the worst are apart."""
    if verdict is None:
        return numbers.NOTHING, numbers.NOTHING
    if isinstance(verdict, RetrievalVerdict):
        overlap = verdict.value(SetMeasure.MEAN_OVERLAP)
        found = numbers.NOTHING if overlap is None else f"overlap {overlap:.3f}"
        return f"{verdict.counts.agreeing:,}/{verdict.counts.queries:,}", found
    worst = verdict.worst_cosine
    cosine = numbers.NOTHING if worst is None else cosine_text(worst, verdict.threshold)
    return f"{verdict.counts.matched:,}/{verdict.counts.samples:,}", cosine


def _why(one: PartitionResult) -> Sequence[str]:
    return (*(_verdict_lines(one.verdict) if one.verdict else ()), *one.failures)


def _verdict_lines(verdict: AnyVerdict) -> Sequence[str]:
    """Return the first reasons, what the inputs would have caught, the cause, waivers, and what else the report lists."""
    # After the first one, the reasons of a pass are about waived and refused inputs, which are counted here.
    cause, power, waived = _said(verdict)
    shown = verdict.reasons[: 1 if cause or verdict.decision in PASSING else _REASONS]
    strength = [verdict.strength] if verdict.strength else []
    lines = [*strength, *shown, *power, *([f"cause: {cause}"] if cause else [])]
    if waived:
        lines.append(f"{waived:,} waived")
    findings = [finding for finding in verdict.findings if finding not in verdict.reasons]
    more = [things(len(verdict.reasons) - len(shown), "more reason"), things(len(findings), "finding")]
    if rest := [words for words in more if not words.startswith("0 ")]:
        lines.append(f"{' and '.join(rest)} in the report")
    return lines


def _said(verdict: AnyVerdict) -> tuple[str, Sequence[str], int]:
    """Return the first cause, what the inputs would have caught, and how many of them were waived."""
    if isinstance(verdict, RetrievalVerdict):
        cause = verdict.causes[0] if verdict.causes else None
        power = [verdict.power.sentence()] if verdict.power else []
        return f"{cause.name} ({cause.confidence})" if cause else "", power, verdict.counts.waived_queries
    power = [verdict.power.words] if verdict.power else []
    return first_cause(verdict), power, verdict.counts.samples_waived


def results_json(results: Sequence[PartitionResult], layout: Layout, exit_code: int) -> str:
    """Return all results as one JSON document: `{"exit_code", "results": [{"probe", "date", "model", "verdict", …}]}`."""
    rows = [
        {
            "probe": one.probe.name,
            "date": one.date,
            one.probe.dimension: one.name,
            "decision": one.verdict.decision.value if one.verdict else None,
            "strength": one.verdict.strength if one.verdict else None,
            "run_id": one.run_id,
            "failures": list(one.failures),
            "report": str(one.probe.report_path(layout, one.date, one.name)) if one.verdict else None,
            "verdict": asdict(one.verdict) if one.verdict else None,
        }
        for one in results
    ]
    return json.dumps({"exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def written_files(results: Sequence[PartitionResult], layout: Layout) -> list[Path]:
    """Return the reports of these results, and the summary, in the order they were written."""
    reports = [one.probe.report_path(layout, one.date, one.name) for one in results if one.verdict or one.not_run]
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
            detail = f"{progress.rate:,.0f} /s, {progress.retries:,} retries"
            bars.update(tasks[name], completed=progress.done, total=progress.total, detail=detail)
            if progress.finished:
                bars.remove_task(tasks.pop(name))

        yield watch
