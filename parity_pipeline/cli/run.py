"""`parity run` and `parity backfill`: judge dates while services are up, print the results, exit with their code.

Here belong the options of these commands. Running partitions belongs to `runs`, the layout of the results to `console`.
"""

import os
import sys
import time
from collections.abc import Generator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, nullcontext
from dataclasses import dataclass
from datetime import date
from importlib import import_module
from itertools import chain, product
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from parity_pipeline.cli.options import (
    Afresh,
    AsJson,
    Config,
    Corpora,
    Day,
    DiscardStaging,
    FirstDay,
    LastDay,
    Models,
    Probes,
    Quiet,
    ThroughAdapter,
    Verbose,
)
from parity_pipeline.cli.partition_args import EMBED, calendar_date, chosen_names, dates_between, today
from parity_pipeline.cli.signals import StopSignals
from parity_pipeline.cli.terminal import output, print_error
from parity_pipeline.core.errors import ParityError, ServiceError, SettingsError
from parity_pipeline.core.outcomes import Side

if TYPE_CHECKING:
    from parity_pipeline.runs.runner import PartitionResult
    from parity_pipeline.settings.model import Settings
    from parity_pipeline.steps.probes import Probe
    from parity_pipeline.storage.layout import Layout
    from parity_pipeline.wire.progress_pipe import Watch

stop_signals = StopSignals()

CLOCK_SECONDS: Final = 1.0
"""Seconds by which the time of a file may lie before that of the process that wrote it."""


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
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge one date: start services, fetch both lanes, write verdict and report, stop services.

    Exit 0 where all pass, 1 where any fails, 2 where any is inconclusive or could not run.

    \b
    Examples:
      parity run
      parity run --date 2026-05-04 --model nomic-embed-text
      parity run --probe retrieve --corpus staff
      parity run --json > verdicts.json
    """
    from parity_pipeline.settings.loading import load_from_here

    printing = Printing(as_json=as_json, quiet=quiet, verbose=verbose)
    with settings_of_run(load_from_here(config), through_adapter=through_adapter) as settings:
        chosen = calendar_date(day, "--date") if day is not None else today(settings)
        names = chosen_names(settings, probes=probes or (), models=models or (), corpora=corpora or ())
        judge(
            settings,
            partitions_of(settings, chosen, chosen, names),
            redraw=not through_adapter,
            discard_staging=discard_staging or afresh,
            printing=printing,
        )


def backfill(
    first: FirstDay,
    last: LastDay,
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
    quiet: Quiet = False,
    verbose: Verbose = False,
) -> None:
    """Judge past dates again, with the samples and queries they had.

    \b
    Examples:
      parity backfill --from 2026-04-30 --to 2026-05-06
      parity backfill --from 2026-04-30 --to 2026-05-06 --side candidate
      parity backfill --from 2026-05-04 --to 2026-05-04 --redraw --quiet
    """
    if redraw and through_adapter:
        remedy = "Leave --redraw out, or run `parity backfill --redraw` without the adapter first."
        raise SettingsError("the samples are those of the probe without the adapter", place="--redraw", remedy=remedy)
    from parity_pipeline.settings.loading import load_from_here

    printing = Printing(as_json=as_json, quiet=quiet, verbose=verbose)
    with settings_of_run(load_from_here(config), through_adapter=through_adapter) as settings:
        names = chosen_names(settings, probes=probes or (), models=models or (), corpora=corpora or ())
        partitions = partitions_of(settings, calendar_date(first, "--from"), calendar_date(last, "--to"), names)
        judge(
            settings, partitions, side=side, redraw=redraw, discard_staging=discard_staging or afresh, printing=printing
        )


@contextmanager
def settings_of_run(settings: "Settings", *, through_adapter: bool) -> "Generator[Settings]":
    """Yield the settings as they are, or those of a probe through the adapter, of which one command runs at a time."""
    if not through_adapter:
        yield settings
        return
    from filelock import FileLock, Timeout

    from parity_pipeline.settings.through_adapter import ADDRESS_VARIABLE, SERVICE
    from parity_pipeline.settings.through_adapter import through_adapter as derived

    found = derived(settings, os.environ)
    state = settings.path(settings.state_dir)
    lock = FileLock(state / f"{SERVICE}.lock")
    try:
        state.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout:
        # The adapter is one service by name: a second command would replace that of the first.
        remedy = "Wait for the other command to end."
        raise ParityError("another command runs a probe through the adapter", place=str(state), remedy=remedy) from None
    except OSError as error:
        problem, remedy = f"cannot be written to: {error.strerror}", "Set state_dir in parity.yaml to another folder."
        raise ParityError(problem, place=str(state), remedy=remedy) from error
    with lock:
        os.environ.pop("DAGSTER_HOME", None)  # keeps these runs out of the history of the plain probe
        os.environ[ADDRESS_VARIABLE] = found.sides.candidate.base_url
        yield found


Partitions = Mapping[str, Sequence[tuple[str, str]]]
"""By the name of a probe: ISO 8601 dates with names of models or corpora."""


def partitions_of(settings: "Settings", first: date, last: date, names: Mapping[str, Sequence[str]]) -> Partitions:
    """Return each date from `first` to `last` with each of the names of each probe."""
    days = dates_between(settings, first, last, today(settings))
    return {probe: list(product(days, of_probe)) for probe, of_probe in names.items()}


@dataclass(frozen=True, slots=True, kw_only=True)
class Printing:
    """What a run prints.

    Attributes:
        as_json: One JSON document on standard output.
        quiet: One line per verdict, and no progress.
        verbose: Everything that is known.
    """

    as_json: bool = False
    quiet: bool = False
    verbose: bool = False

    def __post_init__(self) -> None:
        """Refuse options of which one undoes the other.

        Raises:
            SettingsError: Quiet and verbose at once.
        """
        if self.quiet and self.verbose:
            raise SettingsError(
                "one asks for less, the other for more", place="--quiet/--verbose", remedy="Leave one out."
            )

    @property
    def bars(self) -> bool:
        """Return whether bars may be shown on a terminal: beside a JSON document only where that goes elsewhere."""
        return not self.quiet and not (self.as_json and sys.stdout.isatty())

    @property
    def lines(self) -> bool:
        """Return whether plain lines of progress may be written; whoever wants JSON reads a log by machine."""
        return not self.quiet and (self.verbose or not self.as_json)


def judge(
    settings: "Settings",
    partitions: Partitions,
    *,
    side: Side | None = None,
    redraw: bool = True,
    discard_staging: bool = False,
    printing: Printing,
) -> None:
    """Run partitions while services are up, print the results, and exit with their code."""
    from parity_pipeline.services.supervisor import running

    begun = time.time()
    sides = (side,) if side else tuple(Side)
    state = settings.path(settings.state_dir)
    with ExitStack() as services:
        services.enter_context(_stopped_in_words())
        try:
            services.enter_context(running(settings.services(*sides), state, meanwhile=_load_dagster))
        except ServiceError as error:
            from parity_pipeline.runs.unjudged import record_services

            record_services(settings, partitions, error)
            raise
        from parity_pipeline.cli.progress import showing_progress
        from parity_pipeline.definitions import build_context, build_definitions
        from parity_pipeline.runs.instance import open_instance
        from parity_pipeline.runs.runner import discard_staged, exit_code, run_partitions
        from parity_pipeline.steps.probes import PROBES, probe_named

        shown = showing_progress(bars=printing.bars, lines=printing.lines, verbose=printing.verbose)
        with open_instance(settings) as instance, shown as watch, _reading(settings, watch):
            definitions = build_definitions(settings, context=build_context(settings, watch=watch))
            # Of every probe before the first one runs: whatever is in use is then reported before anything is fetched.
            for probe, pairs in partitions.items() if discard_staging else ():
                discard_staged(settings.layout().staging, pairs, sides, PROBES[probe])
            unpaired = [
                one
                for probe, pairs in partitions.items()
                for one in _unpaired(settings.layout(), PROBES[probe], pairs, side)
            ]
            absent = {(one.probe.name, one.date, one.name) for one in unpaired}
            results = unpaired + list(
                stop_signals.until_stopped(
                    chain.from_iterable(
                        run_partitions(
                            settings,
                            definitions,
                            instance,
                            [pair for pair in pairs if (probe, *pair) not in absent],
                            probe=probe_named(settings.embed_probe if probe == EMBED else probe),
                            side=side,
                            redraw=redraw,
                        )
                        for probe, pairs in partitions.items()
                    )
                )
            )
    code = exit_code(results)
    _print(results, settings.layout(), code, printing, begun)
    raise typer.Exit(code)


def _reading(settings: "Settings", watch: "Watch | None") -> AbstractContextManager[None]:
    """Return what shows the progress of steps that run in processes of their own, of all probes of this command.

    The server that they are forked from is started once, with the environment of that time.
    """
    from parity_pipeline.wire.progress_pipe import reading_progress

    return reading_progress(watch) if watch and settings.executor == "forkserver" else nullcontext()


@contextmanager
def _stopped_in_words() -> "Generator[None]":
    """Say of a stop signal what it leaves, once services are stopped; an exit code alone would leave a person to guess."""
    try:
        yield
    except KeyboardInterrupt:
        typer.echo("stopped: what was fetched is kept, and the next run of that date goes on from there", err=True)
        raise


def _unpaired(
    layout: "Layout", probe: "Probe", pairs: Sequence[tuple[str, str]], side: Side | None
) -> "list[PartitionResult]":
    """Return a result for each partition of which one lane is to be fetched and the other one never was: nothing is sent."""
    from parity_pipeline.runs.runner import PartitionResult

    if side is None:
        return []
    other = Side.CANDIDATE if side is Side.LEGACY else Side.LEGACY
    lane = layout.embeddings if probe.name == EMBED else layout.rankings
    problem = f"this date was never fetched from the {other} side, so there is nothing to judge against"
    results = list[PartitionResult]()
    for day, name in pairs:
        if not lane(other, day, name).exists():
            remedy = f"Fetch both sides first: `parity backfill --from {day} --to {day}` without --side."
            failures = (f"{problem}. {remedy}",)
            results.append(
                PartitionResult(date=day, name=name, run_id="", verdict=None, probe=probe, failures=failures)
            )
    return results


def _print(results: "Sequence[PartitionResult]", layout: "Layout", code: int, printing: Printing, begun: float) -> None:
    from parity_pipeline.cli.console import (
        Detail,
        print_results,
        results_json,
        shown_path,
        unjudged_lines,
        written_files,
    )

    if printing.as_json:
        typer.echo(results_json(results, layout, code))
        return
    detail = Detail.LINE if printing.quiet else Detail.ALL if printing.verbose else Detail.SHORT
    print_results(output, results, detail)
    for line in unjudged_lines(results) if printing.quiet else ():
        print_error(line)
    written = () if printing.quiet else written_files(results, layout)
    # A full disk took what is stored, but no page; a damaged ledger leaves the summary of before.
    for path in (path for path in written if path.is_file() and path.stat().st_mtime >= begun - CLOCK_SECONDS):
        output.print(f"wrote {shown_path(path, Path.cwd())}", markup=False, soft_wrap=True)


def _load_dagster() -> None:
    """Import what takes longest, while services start in processes of their own."""
    import_module("parity_pipeline.runs.runner")
    import_module("parity_pipeline.definitions")
