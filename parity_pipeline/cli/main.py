"""The `parity` command: thin, no logic of its own.

Here belong the commands, their options and exit codes, and what is written to stderr. What they do belongs to `runs`, `doctor`, `services`,
`faults` and `demo`; what they print to `console`.
"""

import os
import sys
import warnings
from collections.abc import Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import date
from importlib import import_module
from itertools import chain, product
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Annotated, Final

import typer
from rich.console import Console

from parity_pipeline.cli.adapter import adapter
from parity_pipeline.cli.alerts import alerts
from parity_pipeline.cli.bundle import bundle
from parity_pipeline.cli.flip import flip
from parity_pipeline.cli.gate import gate
from parity_pipeline.cli.partition_args import calendar_date, chosen_names, dates_between, today
from parity_pipeline.cli.prune import prune
from parity_pipeline.cli.rejudge import rejudge
from parity_pipeline.cli.show import diff, show
from parity_pipeline.cli.signals import StopSignals
from parity_pipeline.core.errors import ParityError, ServiceError, SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.report.escape import visible, visible_lines
from parity_pipeline.settings.loading import CONFIG_VARIABLE, load_from_here
from parity_pipeline.settings.model import Settings

EXPECTED_WARNING = "Parameter `include_sources` of function `AssetSelection.all`"
"""Dagster's warning about its own use of a beta feature."""

DATE_FORM = "YYYY-MM-DD"

RENAMED_OPTIONS: Final[Mapping[str, str]] = {"--afresh": "--discard-staging"}
"""Options that were renamed, old to new; the old one still works and gives a warning."""

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)
app.add_typer(adapter)
app.add_typer(alerts)
app.add_typer(bundle)
app.add_typer(flip)
for command in (gate, show, diff, rejudge, prune):
    app.command()(command)
output = Console(highlight=False)
errors = Console(stderr=True, highlight=False, soft_wrap=True)
stop_signals = StopSignals()


def deprecated_option(option: typer.CallbackParam, given: bool) -> bool:
    """Warn that an option was renamed, where it is given."""
    if given:
        old = option.opts[0]
        errors.print(f"warning: {old} is deprecated; write {RENAMED_OPTIONS[old]} instead", markup=False)
    return given


Config = Annotated[
    Path | None,
    typer.Option(
        "--config", metavar="FILE", help=f"Settings file; else {CONFIG_VARIABLE}, else parity.yaml here or above."
    ),
]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        metavar="NAME",
        help="Judge embeddings of this model alone; repeat the option for several. Default: all.",
    ),
]
Corpora = Annotated[
    list[str] | None,
    typer.Option(
        "--corpus",
        metavar="NAME",
        help="Judge retrieval from this corpus alone; repeat the option for several. Default: all.",
    ),
]
Probes = Annotated[
    list[str] | None,
    typer.Option(
        "--probe",
        metavar="NAME",
        help="embed or retrieve; repeat the option for both. Default: those of --model and --corpus; without these, all.",
    ),
]
AsJson = Annotated[bool, typer.Option("--json", help="Print the verdicts as one JSON document instead of a table.")]
Day = Annotated[str | None, typer.Option("--date", metavar=DATE_FORM, help="Partition date. Default: today.")]
DiscardStaging = Annotated[
    bool,
    typer.Option(
        "--discard-staging", help="Discard what unfinished fetches have staged, such as after a gateway was redeployed."
    ),
]
ThroughAdapter = Annotated[
    bool,
    typer.Option(
        "--through-adapter",
        help="Probe embeddings through the adapter in front of the candidate, as callers will see it.",
    ),
]
Afresh = Annotated[bool, typer.Option("--afresh", hidden=True, callback=deprecated_option)]


def main() -> None:
    """Run the command; a ParityError becomes one message and exit code 2, a stop signal exit code 130."""
    warnings.filterwarnings("ignore", message=EXPECTED_WARNING)
    stop_signals.install()
    try:
        app()
    except ParityError as error:
        errors.print("error: ", end="", style="bold red")
        errors.print(visible_lines(str(error)), markup=False)
        sys.exit(2)


@app.command()
def run(
    config: Config = None,
    day: Day = None,
    models: Models = None,
    corpora: Corpora = None,
    probes: Probes = None,
    *,
    through_adapter: ThroughAdapter = False,
    discard_staging: DiscardStaging = False,
    afresh: Afresh = False,
    as_json: AsJson = False,
) -> None:
    """Judge one date: start services, fetch both lanes, write verdict and report, stop services."""
    with _settings_of_run(load_from_here(config), through_adapter=through_adapter) as settings:
        chosen = calendar_date(day, "--date") if day else today(settings)
        names = chosen_names(settings, probes=probes or (), models=models or (), corpora=corpora or ())
        _run(
            settings,
            _partitions(settings, chosen, chosen, names),
            redraw=not through_adapter,
            discard_staging=discard_staging or afresh,
            as_json=as_json,
        )


@app.command()
def backfill(
    first: Annotated[str, typer.Option("--from", metavar=DATE_FORM, help="First date.")],
    last: Annotated[str, typer.Option("--to", metavar=DATE_FORM, help="Last date, included.")],
    config: Config = None,
    side: Annotated[
        Side | None,
        typer.Option("--side", help="Fetch only this lane again and keep what was fetched from the other side."),
    ] = None,
    models: Models = None,
    corpora: Corpora = None,
    probes: Probes = None,
    *,
    redraw: Annotated[bool, typer.Option("--redraw", help="Draw the samples or queries of each date again.")] = False,
    through_adapter: ThroughAdapter = False,
    discard_staging: DiscardStaging = False,
    afresh: Afresh = False,
    as_json: AsJson = False,
) -> None:
    """Judge past dates again, with the samples and queries they had."""
    if redraw and through_adapter:
        remedy = "Leave --redraw out, or run `parity backfill --redraw` without the adapter first."
        raise SettingsError("the samples are those of the probe without the adapter", place="--redraw", remedy=remedy)
    with _settings_of_run(load_from_here(config), through_adapter=through_adapter) as settings:
        names = chosen_names(settings, probes=probes or (), models=models or (), corpora=corpora or ())
        partitions = _partitions(settings, calendar_date(first, "--from"), calendar_date(last, "--to"), names)
        _run(settings, partitions, side=side, redraw=redraw, discard_staging=discard_staging or afresh, as_json=as_json)


@contextmanager
def _settings_of_run(settings: Settings, *, through_adapter: bool) -> Generator[Settings]:
    """Yield the settings as they are, or those of a probe through the adapter, of which one command runs at a time."""
    if not through_adapter:
        yield settings
        return
    from filelock import FileLock, Timeout

    from parity_pipeline.settings.through_adapter import ADDRESS_VARIABLE, SERVICE
    from parity_pipeline.settings.through_adapter import through_adapter as derived

    found = derived(settings, os.environ)
    state = settings.path(settings.state_dir)
    state.mkdir(parents=True, exist_ok=True)
    lock = FileLock(state / f"{SERVICE}.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        # The adapter is one service by name: a second command would replace that of the first.
        remedy = "Wait for the other command to end."
        raise ParityError("another command runs a probe through the adapter", place=str(state), remedy=remedy) from None
    with lock:
        os.environ.pop("DAGSTER_HOME", None)  # keeps these runs out of the history of the plain probe
        os.environ[ADDRESS_VARIABLE] = found.sides.candidate.base_url
        yield found


Partitions = Mapping[str, Sequence[tuple[str, str]]]
"""By the name of a probe: ISO 8601 dates with names of models or corpora."""


def _partitions(settings: Settings, first: date, last: date, names: Mapping[str, Sequence[str]]) -> Partitions:
    """Return each date from `first` to `last` with each of the names of each probe."""
    days = dates_between(settings, first, last, today(settings))
    return {probe: list(product(days, of_probe)) for probe, of_probe in names.items()}


def _run(
    settings: Settings,
    partitions: Partitions,
    *,
    side: Side | None = None,
    redraw: bool = True,
    discard_staging: bool = False,
    as_json: bool = False,
) -> None:
    """Run partitions while services are up, print the results, and exit with their code."""
    from parity_pipeline.services.supervisor import running

    sides = (side,) if side else tuple(Side)
    state = settings.path(settings.state_dir)
    with ExitStack() as services:
        try:
            services.enter_context(running(settings.services(*sides), state, meanwhile=_load_dagster))
        except ServiceError as error:
            from parity_pipeline.runs.unjudged import record_services

            record_services(settings, partitions, error)
            raise
        from parity_pipeline.cli.console import progress_bar, results_json, shown_path, verdict_table, written_files
        from parity_pipeline.definitions import build_context, build_definitions
        from parity_pipeline.runs.instance import open_instance
        from parity_pipeline.runs.runner import discard_staged, exit_code, run_partitions
        from parity_pipeline.steps.probes import EMBED, PROBES, probe_named

        with open_instance(settings) as instance, progress_bar(errors) as watch:
            definitions = build_definitions(settings, context=build_context(settings, watch=watch))
            # Of every probe before the first one runs: whatever is in use is then reported before anything is fetched.
            for probe, pairs in partitions.items() if discard_staging else ():
                discard_staged(settings.layout().staging, pairs, sides, PROBES[probe])
            results = list(
                stop_signals.until_stopped(
                    chain.from_iterable(
                        run_partitions(
                            settings,
                            definitions,
                            instance,
                            pairs,
                            probe=probe_named(settings.embed_probe if probe == EMBED.name else probe),
                            side=side,
                            redraw=redraw,
                        )
                        for probe, pairs in partitions.items()
                    )
                )
            )
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
    """Start the services of both sides that are not healthy yet, and wait until they are healthy."""
    from parity_pipeline.services.supervisor import up as bring_up

    settings = load_from_here(config)
    for one in bring_up(settings.services(), settings.path(settings.state_dir)):
        state = f"started, pid {one.pid}" if one.started else "already running, left alone"
        output.print(f"{one.name}: {state} ({one.health_url})", markup=False, soft_wrap=True)


@app.command()
def down(config: Config = None) -> None:
    """Stop the services that `parity up` started, and no others."""
    from parity_pipeline.services.supervisor import down as bring_down

    settings = load_from_here(config)
    stopped = bring_down(settings.path(settings.state_dir))
    output.print(
        f"stopped: {', '.join(stopped)}" if stopped else "nothing was running that `parity up` had started",
        markup=False,
    )


@app.command()
def status(config: Config = None) -> None:
    """Show whether each service is healthy, and whether `parity up` started it. Exit 0 when all are, else 2."""
    from parity_pipeline.services.supervisor import status as look

    settings = load_from_here(config)
    found = look(settings.services(), settings.path(settings.state_dir))
    for one in found:
        state = "healthy" if one.healthy else "not healthy"
        foreign = "not started by `parity up`" if one.healthy else "not running; `parity up` starts it"
        origin = f"started by `parity up`, pid {one.pid}, log {one.log}" if one.pid else foreign
        output.print(f"{one.name}: {state}, {origin} ({one.health_url})", markup=False, soft_wrap=True)
    if not all(one.healthy for one in found):
        raise typer.Exit(2)


@app.command()
def doctor(config: Config = None) -> None:
    """Check settings, folders, samples, and each side: reachable, dialect, models. Exit 0 or 2."""
    from parity_pipeline.cli.doctor import run_checks

    settings = load_from_here(config)
    checks = list(run_checks(settings, os.environ, today(settings).isoformat()))
    for one in checks:
        mark, style = ("ok  ", "green") if one.ok else ("FAIL", "bold red")
        output.print(mark, style=style, end=" ")
        remedy = "" if one.ok or not one.remedy else f" → {one.remedy}"
        output.print(visible(f"{one.subject}: {one.text}{remedy}"), markup=False, soft_wrap=True)
    if not all(one.ok for one in checks):
        raise typer.Exit(2)


@app.command()
def schema() -> None:
    """Print the JSON schema of parity.yaml, for an editor that completes and checks the file."""
    from parity_pipeline.settings.schema import schema_text

    typer.echo(schema_text(), nl=False)


@app.command()
def demo(
    config: Config = None,
    fault: Annotated[
        str | None, typer.Option("--fault", help="Put a proxy with this fault in front of the candidate.")
    ] = None,
) -> None:
    """Run the main job on the demo gateways, or show what a fault looks like, in a folder of its own."""
    from parity_pipeline.demo.demo_settings import fault_settings

    settings = load_from_here(config)
    if fault:
        settings = fault_settings(settings, fault)
        os.environ.pop("DAGSTER_HOME", None)  # keeps a fault's runs out of the real history
    current = today(settings)
    _run(settings, _partitions(settings, current, current, chosen_names(settings)))


@app.command()
def faults(
    page: Annotated[Path, typer.Option("--page", help="File to write the table to.")] = Path("docs/faults.md"),
) -> None:
    """Run every fault of the demo and of an adapter in process, and write the verdicts. Exit 0 if all are detected, else 1."""
    from parity_pipeline.faults.adapter_faults import AdapterFaults, adapter_row, section
    from parity_pipeline.faults.matrix import Matrix, document, summary, terminal_row
    from parity_pipeline.faults.retrieval_matrix import RetrievalMatrix, retrieval_row, retrieval_summary
    from parity_pipeline.faults.retrieval_matrix import section as retrieval_section
    from parity_pipeline.storage.atomic import publish_text

    with TemporaryDirectory(prefix="parity-faults-") as folder:
        lines = Matrix(Path(folder)).lines(
            show=lambda line: output.print(terminal_row(line), markup=False, soft_wrap=True)
        )
        rankings = RetrievalMatrix(Path(folder) / "retrieval")
        searches = rankings.lines(show=lambda line: output.print(retrieval_row(line), markup=False, soft_wrap=True))
        retrieval = retrieval_section(searches, rankings.clean())
        adapter_faults = AdapterFaults(Path(folder))
        adapter_lines = adapter_faults.lines(
            show=lambda line: output.print(adapter_row(line), markup=False, soft_wrap=True)
        )
        adapter = section(adapter_lines, adapter_faults.sound()[1])
    publish_text(page, f"{document(lines)}\n{retrieval}\n{adapter}")
    output.print(
        f"{summary(lines)}\n{retrieval_summary(searches)}\nwrote {visible(str(page))}", markup=False, soft_wrap=True
    )
    if not (all(line.detected for line in (*lines, *searches)) and all(line.right for line in adapter_lines)):
        raise typer.Exit(1)


if __name__ == "__main__":
    main()
