"""The `parity` command: thin, no logic of its own.

Here belong the list of commands and what a ParityError and a signal become. Each command is in the module of its name, `up`,
`down`, `status` and `doctor` in `services`, `backfill` in `run`, `faults` in `demo`.
"""

import errno
import sys
import traceback
import warnings
from collections.abc import Mapping, Sequence
from importlib import import_module
from importlib.metadata import version
from typing import Annotated, Any, Final

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from parity_pipeline.cli.adapter import adapter
from parity_pipeline.cli.alerts import alerts
from parity_pipeline.cli.bundle import bundle
from parity_pipeline.cli.demo import demo, faults
from parity_pipeline.cli.flip import flip
from parity_pipeline.cli.run import backfill, run, stop_signals
from parity_pipeline.cli.services import doctor, down, status, up
from parity_pipeline.cli.terminal import print_error
from parity_pipeline.core.errors import ParityError

EXPECTED_WARNING = "Parameter `include_sources` of function `AssetSelection.all`"
"""Dagster's warning about its own use of a beta feature."""

WHEN_CALLED: Final[Mapping[str, tuple[str, str]]] = {
    "gate": (
        "gate",
        "Say whether a date passed, from the ledger alone: exit 0 PASS, 1 FAIL, 2 inconclusive, missing, too old or stale.",
    ),
    "show": ("show", "Print the stored reports of a date: paged on a terminal, as plain Markdown into a pipe."),
    "diff": (
        "show",
        "Print what changed between two dates, or between the last two verdicts on one, and which samples newly fail or pass.",
    ),
    "rejudge": (
        "rejudge",
        "Show what the verdicts of past dates would be under the settings of now; nothing is written without --write.",
    ),
    "prune": (
        "prune",
        "Show vectors, rankings and staging older than an age, and remove them with --delete; verdicts and reports stay.",
    ),
}
"""Commands whose modules are imported when they are called, with module and first line of help: they import much at once."""


class Commands(TyperGroup):
    """All commands; those of `WHEN_CALLED` have only their line of help until they are called or completed."""

    def __init__(self, **options: Any) -> None:
        """Add a stand-in for each command that is loaded later."""
        super().__init__(**options)
        for name, (_, line) in WHEN_CALLED.items():
            self.commands[name] = TyperCommand(name, help=line, rich_markup_mode=None)

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Load the command that is called."""
        if args and args[0] in WHEN_CALLED:
            self.commands[args[0]] = loaded(args[0])
        return super().resolve_command(ctx, args)


def loaded(name: str) -> TyperCommand:
    """Return a command of `WHEN_CALLED` with its options."""
    module = import_module(f"parity_pipeline.cli.{WHEN_CALLED[name][0]}")
    alone = typer.Typer(add_completion=False, rich_markup_mode=None)
    alone.command(name)(getattr(module, name))
    command = get_command(alone)
    command.name = name
    return command  # pyright: ignore[reportReturnType] - it is a single command


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
for command in (run, backfill, up, down, status, doctor, demo, faults):
    app.command()(command)
app.add_typer(adapter)
app.add_typer(alerts)
app.add_typer(bundle)
app.add_typer(flip)


def whole_tree() -> Any:
    """Return the whole command line with the options of every command, for the pages that list them."""
    found: Any = get_command(app)
    found.commands |= {name: loaded(name) for name in WHEN_CALLED}
    return found


def _print_version(given: bool) -> None:
    if given:
        typer.echo(f"parity_pipeline {version('parity_pipeline')}")
        raise typer.Exit


@app.callback()
def options(
    *,
    show_version: Annotated[
        bool, typer.Option("--version", is_eager=True, callback=_print_version, help="Print the version and end.")
    ] = False,
) -> None:
    """Compare two embedding gateways date by date, and say whether traffic may move from one to the other."""


@app.command()
def schema() -> None:
    """Print the JSON schema of parity.yaml, for an editor that completes and checks the file.

    \b
    Example:
      parity schema > parity.schema.json
    """
    from parity_pipeline.settings.schema import schema_text  # noqa: PLC0415 - takes most of a second

    typer.echo(schema_text(), nl=False)


def main() -> None:
    """Run the command; a ParityError becomes one message and exit code 2, a stop signal exit code 130."""
    warnings.filterwarnings("ignore", message=EXPECTED_WARNING)
    stop_signals.install()
    sys.exit(execute())


def full_disk(error: BaseException) -> str:
    """Return what to say of an error that stems from a full disk, "" of any other.

    Dagster's history is written by libraries that say so in their own ways, some of them below another error.
    """
    cause: BaseException | None = error
    while cause is not None:
        full = isinstance(cause, OSError) and cause.errno in {errno.ENOSPC, errno.EDQUOT}
        if full or "database or disk is full" in str(cause):
            remedy = "Free space, and run the command again: DAGSTER_HOME names another folder for it."
            return f"the disk is full: Dagster's history cannot be written. {remedy}"
        cause = cause.__cause__ or cause.__context__
    return ""


def execute(arguments: Sequence[str] | None = None) -> int | str | None:
    """Run the command with these arguments, those of the process where None, and return its exit code as `sys.exit` takes it.

    An error that nothing foresaw shows where it happened, and ends with 2: Python's own 1 would say FAIL.
    """
    try:
        app(arguments)
    except ParityError as error:
        print_error(str(error))
        return 2
    except SystemExit as ended:
        return ended.code
    except Exception as error:  # noqa: BLE001 - a defect must not read as a FAIL
        if words := full_disk(error):
            print_error(words)
        else:
            traceback.print_exc()
        return 2
    return 0


if __name__ == "__main__":
    main()
