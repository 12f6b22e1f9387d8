"""`parity up`, `down`, `status` and `doctor`: the services of both sides, and whether a run has all that it needs.

Here belong the options, the exit codes and what is printed. Processes belong to `services`, the checks to `doctor`.
"""

import os
from collections.abc import Mapping
from typing import Final

import typer

from parity_pipeline.cli.options import Config
from parity_pipeline.cli.terminal import output
from parity_pipeline.report.escape import visible

_NO_SERVICES: Final = "neither side has services in the settings, so there is nothing to start; see `parity doctor`"


def up(config: Config = None) -> None:
    """Start the services of both sides that are not healthy yet, and wait until they are healthy.

    \b
    Example:
      parity up --config staging.yaml
    """
    from parity_pipeline.services.supervisor import up as bring_up
    from parity_pipeline.settings.loading import load_from_here

    settings = load_from_here(config)
    found = bring_up(settings.services(), settings.path(settings.state_dir))
    if not found:
        output.print(_NO_SERVICES, markup=False, soft_wrap=True)
    for one in found:
        state = f"started, pid {one.pid}" if one.started else "already running, left alone"
        output.print(f"{one.name}: {state} ({one.health_url})", markup=False, soft_wrap=True)


def down(config: Config = None) -> None:
    """Stop the services that `parity up` started, and no others.

    \b
    Example:
      parity down
    """
    from parity_pipeline.services.supervisor import down as bring_down
    from parity_pipeline.settings.loading import load_from_here

    settings = load_from_here(config)
    stopped = bring_down(settings.path(settings.state_dir))
    output.print(
        f"stopped: {', '.join(stopped)}" if stopped else "nothing was running that `parity up` had started",
        markup=False,
        soft_wrap=True,
    )


def status(config: Config = None) -> None:
    """Show whether each service is healthy, and whether `parity up` started it. Exit 0 when all are, else 2.

    \b
    Example:
      parity status
    """
    from parity_pipeline.services.supervisor import status as look
    from parity_pipeline.settings.loading import load_from_here

    settings = load_from_here(config)
    found = look(settings.services(), settings.path(settings.state_dir))
    if not found:
        output.print(_NO_SERVICES, markup=False, soft_wrap=True)
    for one in found:
        state = "healthy" if one.healthy else "not healthy"
        foreign = "not started by `parity up`" if one.healthy else "not running; `parity up` starts it"
        origin = f"started by `parity up`, pid {one.pid}, log {one.log}" if one.pid else foreign
        output.print(f"{one.name}: {state}, {origin} ({one.health_url})", markup=False, soft_wrap=True)
    if not all(one.healthy for one in found):
        raise typer.Exit(2)


def doctor(config: Config = None) -> None:
    """Check settings, folders, samples, and each side: reachable, dialect, models. Exit 0 or 2.

    \b
    Example:
      parity doctor --config staging.yaml
    """
    from parity_pipeline.cli.doctor import run_checks
    from parity_pipeline.cli.partition_args import today
    from parity_pipeline.settings.loading import load_from_here

    settings = load_from_here(config)
    checks = list(run_checks(settings, os.environ, today(settings).isoformat()))
    for one in checks:
        mark, style = _MARKS[one.ok]
        output.print(mark, style=style, end=" ")
        remedy = "" if one.ok or not one.remedy else f" → {one.remedy}"
        output.print(visible(f"{one.subject}: {one.text}{remedy}"), markup=False, soft_wrap=True)
    if not all(one.ok for one in checks):
        raise typer.Exit(2)


_MARKS: Final[Mapping[bool | None, tuple[str, str]]] = {
    True: ("ok  ", "green"),
    False: ("FAIL", "bold red"),
    None: ("-   ", ""),
}
"""How a check of `parity doctor` begins, and its style: it holds, it does not, it was not made."""
