"""What the `parity` command prints of results: verdicts for people, a JSON document for machines.

Here belongs layout for a terminal. Nothing here decides anything; text from elsewhere has its control characters made
visible and is never read as markup. What is shown while a run goes on belongs to `progress`.
"""

import json
from collections.abc import Sequence
from dataclasses import asdict
from enum import Enum
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.padding import Padding
from rich.text import Text

from parity_pipeline.core.checks import CheckName, CheckSeverity
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

COULD_NOT_RUN = "COULD NOT RUN"
"""Stands in place of a verdict where none was recorded either."""
_STYLES = {
    Decision.PASS.value: "bold green",
    Decision.PASS_WITH_WAIVERS.value: "bold green",
    Decision.FAIL.value: "bold red",
    Decision.INCONCLUSIVE.value: "bold yellow",
    COULD_NOT_RUN: "bold yellow",
}

_REASONS: Final = 2
"""Reasons against a pass that are shown where there is no cause to show; the report has them all."""

_WARNINGS: Final = 1
"""Warnings that are shown; the report has them all."""

_NAME_COLUMNS: Final = 40
"""Widest column of names; a longer name moves the rest of its line to the right."""

_NARROW: Final = 72
"""Below this width nothing is aligned: date, name and verdict need the whole line."""


class Detail(Enum):
    """How much is printed of each result."""

    LINE = "line"
    """Its first line alone."""
    SHORT = "short"
    """What decided, and how much more the report has."""
    ALL = "all"
    """Every reason, finding and warning, and the id of the run."""


def print_results(console: Console, results: Sequence[PartitionResult], detail: Detail = Detail.SHORT) -> None:
    """Print each result: verdict, date, name and numbers on one line, the reasons below it, indented.

    The first line is never broken, so that a search for FAIL finds date and name too; in a narrow terminal the numbers move
    below it. Reasons are wrapped at the width of a terminal, and not at all where the output goes elsewhere.
    """
    narrow = console.is_terminal and console.width < _NARROW
    names = [_name(one) for one in results]
    verdicts = [_decision(one) for one in results]
    width = min(max(map(len, names), default=0), _NAME_COLUMNS), max(map(len, verdicts), default=0)
    for one, name, verdict in zip(results, names, verdicts, strict=True):
        matched, worst = (numbers.NOTHING, "could not run") if one.not_run else _numbers(one.verdict)
        rest = f" {one.date} {name}"
        if not narrow:
            tail = f"  {one.date}  {name:<{width[0]}}  {matched:>9}  {worst}"
            rest = f"{'':<{width[1] - len(verdict)}}{tail}".rstrip()
        line = Text.assemble((verdict, _STYLES[verdict]), rest)
        console.print(line, soft_wrap=True)
        if detail is not Detail.LINE:
            numbers_below = [f"{matched}, {worst}"] if narrow and one.verdict else []
            for text in (*numbers_below, *_why(one, detail)):
                _print_indented(console, visible(text))


def _print_indented(console: Console, text: str) -> None:
    if console.is_terminal:
        console.print(Padding(Text(text), (0, 0, 0, 2)))
    else:
        console.print(Text(f"  {text}"), soft_wrap=True)


def _decision(one: PartitionResult) -> str:
    recorded = one.verdict or one.not_run
    return recorded.decision.value if recorded else COULD_NOT_RUN


def _name(one: PartitionResult) -> str:
    return visible(one.name if one.probe is EMBED else f"{one.probe.name} {one.name}")


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


def _why(one: PartitionResult, detail: Detail) -> Sequence[str]:
    run = [f"run {one.run_id}"] if detail is Detail.ALL else []
    return (*(_verdict_lines(one.verdict, detail) if one.verdict else ()), *_failure_lines(one), *run)


def _failure_lines(one: PartitionResult) -> Sequence[str]:
    """Return why there is no verdict: first what the ledger, and so the summary, says of it, with what to do."""
    failure = one.not_run.not_run if one.not_run else None
    if failure is None:
        return one.failures
    # One line of the same error says no more; a longer one has the last lines of a log, or the errors of a bug.
    further = (text for text in one.failures if "\n" in text or failure.problem not in text)
    return (f"{failure.words}. {failure.remedy}".strip(), *further)


def unjudged_lines(results: Sequence[PartitionResult]) -> list[str]:
    """Return one line per date that could not be judged, with why and what to do, for whoever prints no reasons."""
    unjudged = [one for one in results if one.verdict is None]
    unknown = "could not run; the log of run {} says why"
    whys = [next(filter(None, _failure_lines(one)), unknown.format(one.run_id)) for one in unjudged]
    return [f"{one.date} {_name(one)}: {why.splitlines()[0]}" for one, why in zip(unjudged, whys, strict=True)]


def _verdict_lines(verdict: AnyVerdict, detail: Detail) -> Sequence[str]:
    """Return strength, first reasons, what the inputs would have caught, cause, waivers, warnings, what else the report has."""
    # After the first one, the reasons of a pass are about waived and refused inputs, which are counted here.
    cause, power, waived = _said(verdict)
    everything = detail is Detail.ALL
    few = 1 if cause or verdict.decision in PASSING else _REASONS
    shown = verdict.reasons if everything else verdict.reasons[:few]
    strength = [f"strength: {verdict.strength}"] if verdict.strength else []
    lines = [*strength, *shown, *power, *([f"cause: {cause}"] if cause else [])]
    if waived:
        lines.append(f"{waived:,} waived")
    warnings = _warnings(verdict)
    listed = warnings if everything else warnings[:_WARNINGS]
    lines += [f"warning: {one}" for one in listed]
    findings = [finding for finding in verdict.findings if finding not in verdict.reasons]
    if everything:
        return [*lines, *(f"finding: {one}" for one in findings)]
    more = [
        things(len(verdict.reasons) - len(shown), "more reason"),
        things(len(warnings) - len(listed), "more warning"),
        things(len(findings), "finding"),
    ]
    if rest := [words for words in more if not words.startswith("0 ")]:
        lines.append(f"{_listed(rest)} in the report")
    return lines


def _listed(parts: Sequence[str]) -> str:
    """Return parts as English lists them, `a, b and c`."""
    return " and ".join([*([", ".join(parts[:-1])] if parts[:-1] else []), parts[-1]])


def _warnings(verdict: AnyVerdict) -> list[str]:
    """Return what the checks that only warn have seen, that of norms first: it bears on every index that both sides share."""
    found = [one for one in verdict.checks if one.stands and one.severity is CheckSeverity.WARN]
    found.sort(key=lambda one: one.name.value != CheckName.NORM_RATIO.value)
    return [one.seen for one in found]


def _said(verdict: AnyVerdict) -> tuple[str, Sequence[str], int]:
    """Return the first cause, what the inputs would have caught, and how many of them were waived."""
    if isinstance(verdict, RetrievalVerdict):
        cause = verdict.causes[0] if verdict.causes else None
        power = [verdict.power.sentence()] if verdict.power else []
        return f"{cause.name} ({cause.confidence})" if cause else "", power, verdict.counts.waived_queries
    power = [verdict.power.words] if verdict.power else []
    return first_cause(verdict), power, verdict.counts.samples_waived


def results_json(results: Sequence[PartitionResult], layout: Layout, exit_code: int) -> str:
    """Return all results as one JSON document: `{"exit_code", "results": [{"probe", "date", "model", "verdict", …}]}`.

    The verdict of a date that could not be run is the recorded one, INCONCLUSIVE with the reason in `not_run`.
    """
    held = [(one, one.verdict or one.not_run) for one in results]
    rows = [
        {
            "probe": one.probe.name,
            "date": one.date,
            one.probe.dimension: one.name,
            "decision": verdict.decision.value if verdict else None,
            "strength": verdict.strength if verdict else None,
            "run_id": one.run_id,
            "failures": list(one.failures),
            "report": str(one.probe.report_path(layout, one.date, one.name)) if verdict else None,
            "verdict": asdict(verdict) if verdict else None,
        }
        for one, verdict in held
    ]
    return json.dumps({"exit_code": exit_code, "results": rows}, ensure_ascii=True, indent=2)


def written_files(results: Sequence[PartitionResult], layout: Layout) -> list[Path]:
    """Return the reports of these results, the summary, and the page that leads to all pages, in the order of reading."""
    reports = [one.probe.report_path(layout, one.date, one.name) for one in results if one.verdict or one.not_run]
    return [*reports, layout.summary, layout.html_index] if reports else []


def shown_path(path: Path, folder: Path) -> str:
    """Return a path relative to the folder, where it is inside it."""
    return visible(str(path.relative_to(folder)) if path.is_relative_to(folder) else str(path))
