"""The `parity` command: thin, no logic of its own.

Here belong the commands, their options and their exit codes. What they do belongs to `runner`, `doctor`, `services`
and `demo`; what they print to `console`.
"""

import os
import sys
import warnings
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from parity_pipeline.cli.partition_args import calendar_date, chosen_models, dates_between, today
from parity_pipeline.cli.signals import StopSignals
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.report.escape import visible
from parity_pipeline.settings.loading import CONFIG_VARIABLE, find_file, load
from parity_pipeline.settings.model import Settings

EXPECTED_WARNING = "Parameter `include_sources` of function `AssetSelection.all`"
"""What Dagster says of its own call of its beta part."""

DATE_FORM = "YYYY-MM-DD"

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
output = Console(highlight=False)
stopping = StopSignals()

Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help=f"Settings file; else {CONFIG_VARIABLE}, else parity.yaml here or above."
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option("--model", metavar="NAME", help="A model of the settings; repeat for several. Default: all."),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdicts as one JSON document instead of a table.")]
Day = Annotated[str | None, typer.Option("--date", metavar=DATE_FORM, help="Date of the probe. Default: today.")]
Afresh = Annotated[
    bool, typer.Option("--afresh", help="Discard what unfinished fetches have left, as after a gateway was redeployed.")
]


def main() -> None:
    """Run the command; a ParityError becomes one message and exit code 2, a signal to stop exit code 130."""
    warnings.filterwarnings("ignore", message=EXPECTED_WARNING)
    stopping.install()
    try:
        app()
    except ParityError as error:
        errors.print("error: ", end="", style="bold red")
        errors.print(visible_lines(str(error)), markup=False)
        sys.exit(2)


def visible_lines(text: str) -> str:
    r"""Return a message whose lines stay lines and keep their indentation, and whose other control characters can be seen.

    >>> print(visible_lines("not usable\n  - a\x1b"))
    not usable
      - a⟨U+001B⟩
    """
    return "\n".join(_indented(line) for line in text.splitlines())


def _indented(line: str) -> str:
    content = line.lstrip(" ")
    return line[: len(line) - len(content)] + (visible(content) if content else "")


def _settings(config: Path | None) -> Settings:
    return load(find_file(config, os.environ, Path.cwd()), os.environ)


@app.command()
def run(
    config: Config = None, day: Day = None, models: Models = None, *, afresh: Afresh = False, as_json: AsJson = False
) -> None:
    """Judge one date: services up, samples, both lanes, verdict, report, services down."""
    settings = _settings(config)
    current = today(settings, datetime.now(UTC))
    chosen = calendar_date(day, "--date") if day else current
    days = dates_between(settings, chosen, chosen, current)
    pairs = [(one, model) for one in days for model in chosen_models(settings, models or [])]
    _run(settings, pairs, afresh=afresh, as_json=as_json)


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", metavar=DATE_FORM, help="First date.")],
    last: Annotated[str, typer.Option("--to", metavar=DATE_FORM, help="Last date, included.")],
    config: Config = None,
    side: Annotated[
        Side | None, typer.Option("--side", help="Fetch this lane alone again; the other one's stays.")
    ] = None,
    models: Models = None,
    *,
    redraw: Annotated[bool, typer.Option("--redraw", help="Draw the samples of each date again.")] = False,
    afresh: Afresh = False,
    as_json: AsJson = False,
) -> None:
    """Judge past dates again, with the samples they had."""
    settings = _settings(config)
    begin, end = calendar_date(first, "--from"), calendar_date(last, "--to")
    days = dates_between(settings, begin, end, today(settings, datetime.now(UTC)))
    pairs = [(one, model) for one in days for model in chosen_models(settings, models or [])]
    _run(settings, pairs, side=side, redraw=redraw, afresh=afresh, as_json=as_json)


def _run(
    settings: Settings,
    pairs: Sequence[tuple[str, str]],
    *,
    side: Side | None = None,
    redraw: bool = True,
    afresh: bool = False,
    as_json: bool = False,
) -> None:
    """Run partitions with services up, print what came of them, and exit with their code."""
    from parity_pipeline.services.bringing import running

    sides = (side,) if side else tuple(Side)
    state = settings.path(settings.state_dir)
    with running(settings.services(*sides), state, meanwhile=_load_dagster):
        from parity_pipeline.cli.console import progress_bar, results_json, shown_path, verdict_table, written_files
        from parity_pipeline.definitions import build_definitions, build_context
        from parity_pipeline.runs.instance import open_instance
        from parity_pipeline.runs.runner import exit_code, run_partitions

        with open_instance(settings) as instance, progress_bar(errors) as watch:
            definitions = build_definitions(settings, overrides={"probe": build_context(settings, watch=watch)})
            partitions = run_partitions(settings, definitions, instance, pairs, side=side, redraw=redraw, afresh=afresh)
            results = list(stopping.heeded(partitions))
    code = exit_code(results)
    if as_json:
        typer.echo(results_json(results, settings.layout(), code))
    else:
        output.print(verdict_table(results))
        for path in written_files(results, settings.layout()):
            output.print(f"wrote {shown_path(path, Path.cwd())}", markup=False, soft_wrap=True)
    raise typer.Exit(code)


def _load_dagster() -> None:
    """Import what takes longest, while services start in processes of their own."""
    import_module("parity_pipeline.runs.runner")
    import_module("parity_pipeline.definitions")


@app.command()
def up(config: Config = None) -> None:
    """Start the services of both sides that do not answer yet, and wait until they do."""
    from parity_pipeline.services.bringing import up as bring_up

    settings = _settings(config)
    for one in bring_up(settings.services(), settings.path(settings.state_dir)):
        state = f"started, pid {one.pid}" if one.started else "was up already, left alone"
        output.print(f"{one.name}: {state} ({one.health_url})", markup=False, soft_wrap=True)


@app.command()
def down(config: Config = None) -> None:
    """Stop the services that `parity up` started, and no others."""
    from parity_pipeline.services.bringing import down as bring_down

    settings = _settings(config)
    stopped = bring_down(None, settings.path(settings.state_dir))
    output.print(f"stopped: {', '.join(stopped)}" if stopped else "nothing of ours was running", markup=False)


@app.command()
def status(config: Config = None) -> None:
    """Say of each service whether it answers, and whether it is ours. Exit 0 when all answer, else 2."""
    from parity_pipeline.services.bringing import status as look

    settings = _settings(config)
    found = look(settings.services(), settings.path(settings.state_dir))
    for one in found:
        state = "answers" if one.healthy else "does not answer"
        strange = "not started by us" if one.healthy else "none of ours; `parity up` starts it"
        whose = f"ours, pid {one.pid}, log {one.log}" if one.ours else strange
        output.print(f"{one.name}: {state}, {whose} ({one.health_url})", markup=False, soft_wrap=True)
    if not all(one.healthy for one in found):
        raise typer.Exit(2)


@app.command()
def doctor(config: Config = None) -> None:
    """Check settings, folders, samples, and each side: reachable, dialect, models. Exit 0 or 2."""
    from parity_pipeline.cli.doctor import examine

    settings = _settings(config)
    findings = list(examine(settings, os.environ, today_of(settings)))
    for one in findings:
        mark, style = ("ok  ", "green") if one.good else ("FAIL", "bold red")
        output.print(mark, style=style, end=" ")
        remedy = "" if one.good or not one.remedy else f" → {one.remedy}"
        output.print(visible(f"{one.subject}: {one.text}{remedy}"), markup=False, soft_wrap=True)
    if not all(one.good for one in findings):
        raise typer.Exit(2)


@app.command()
def demo(
    config: Config = None,
    fault: Annotated[
        str | None, typer.Option("--fault", help="Put a gateway with this fault before the candidate.")
    ] = None,
) -> None:
    """Run the main job on the embedded gateways, or show what a fault looks like, in a folder of its own."""
    from parity_pipeline.demo.fault_settings import fault_settings

    settings = _settings(config)
    if fault:
        settings = fault_settings(settings, fault)
        os.environ.pop("DAGSTER_HOME", None)  # a fault's runs stay out of the real history
    day = today_of(settings)
    _run(settings, [(day, model) for model in settings.models])


@app.command()
def faults(
    page: Annotated[Path, typer.Option("--page", help="Where the table is written.")] = Path("docs/faults.md"),
) -> None:
    """Run every fault the demo can fake in process, and write what is said of it. Exit 0 when all are detected, else 1."""
    from parity_pipeline.faults.matrix import Matrix
    from parity_pipeline.faults.page import document, summary, told
    from parity_pipeline.storage.atomic import publish_text

    lines = Matrix().lines(tell=lambda line: output.print(told(line), markup=False, soft_wrap=True))
    publish_text(page, document(lines))
    output.print(f"{summary(lines)}\nwrote {visible(str(page))}", markup=False, soft_wrap=True)
    if not all(line.detected for line in lines):
        raise typer.Exit(1)


def today_of(settings: Settings) -> str:
    """Return today's ISO 8601 date in the time zone of the settings."""
    return today(settings, datetime.now(UTC)).isoformat()
