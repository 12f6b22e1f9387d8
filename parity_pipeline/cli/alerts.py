"""`parity alerts`: try the channels, and send what is new without Dagster's daemon.

Here belong the options and what is printed. What is news and how it is sent belongs to `core.alerts` and `alerts`.
"""

import os
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Final

import typer

from parity_pipeline.cli.options import Config
from parity_pipeline.cli.terminal import new_console
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.suggestions import meant
from parity_pipeline.report.escape import visible
from parity_pipeline.settings.loading import load_from_here

if TYPE_CHECKING:
    from parity_pipeline.settings.model import Settings

alerts = typer.Typer(
    name="alerts", help="Try the channels of alerts, and send what is new.", no_args_is_help=True, rich_markup_mode=None
)
output = new_console(soft_wrap=True)

_NONE: Final = "Add the section alerts with a channel; docs/alerts.md shows its form."


@alerts.command("test")
def trial(
    config: Config = None,
    channels: Annotated[
        list[str] | None,
        typer.Option("--channel", metavar="NAME", help="Only this one; repeat the option for several."),
    ] = None,
) -> None:
    """Send a test message to each channel. Exit 0 if all take it, else 2.

    \b
    Example:
      parity alerts test --channel team
    """
    from uuid import uuid4  # noqa: PLC0415 - see main

    from parity_pipeline.alerts.delivery import Letter, deliver  # noqa: PLC0415
    from parity_pipeline.alerts.errors import DeliveryError  # noqa: PLC0415
    from parity_pipeline.report.alert_text import trial_text  # noqa: PLC0415

    settings, failed = _settings(config), False
    known = {one.name: one for one in settings.alerts.channels}
    if unknown := [name for name in channels or () if name not in known]:
        problem = f"there is no channel {', '.join(unknown)}"
        raise SettingsError(problem, place="--channel", remedy=meant(unknown, known, f"Use one of {', '.join(known)}."))
    for name in channels or known:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        letter = Letter(id=uuid4().hex[:24], kind=None, at=at, text=trial_text(name), addresses={})
        try:
            deliver(known[name], letter, os.environ)
        except DeliveryError as error:
            failed = True
            output.print("FAIL", style="bold red", end=" ")
            output.print(visible(f"{name} ({known[name].kind}): {error.text}"), markup=False)
        else:
            output.print("ok  ", style="green", end=" ")
            output.print(visible(f"{name} ({known[name].kind}): sent"), markup=False)
    if failed:
        raise typer.Exit(2)


@alerts.command()
def send(config: Config = None) -> None:
    """Send what is new, as the sensor does: for cron, or where no daemon runs. Exit 0, or 2 if a channel fails.

    \b
    Example:
      parity alerts send
    """
    from parity_pipeline.alerts.announce import announce  # noqa: PLC0415 - see main
    from parity_pipeline.settings.alerts import alert_context  # noqa: PLC0415

    found = announce(alert_context(_settings(config), os.environ))
    output.print(visible(found.words()), markup=False)
    if found.failed:
        raise typer.Exit(2)


def _settings(config: "Config") -> "Settings":
    settings = load_from_here(config)
    if not settings.alerts.channels:
        raise SettingsError("no channel is set", place="alerts.channels", remedy=_NONE)
    return settings
