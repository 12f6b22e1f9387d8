"""`parity prune`: remove vectors and rankings that are older than a set age; verdicts stay.

Here belong the options and what is printed. What may go belongs to `steps.prune_vectors`.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from itertools import groupby
from typing import Annotated
from zoneinfo import ZoneInfo

import typer
from rich.filesize import decimal

from parity_pipeline.cli.options import Config
from parity_pipeline.cli.partition_args import age
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.settings.loading import load_from_here
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.prune_vectors import STAGING, OldFile, find_old, remove


def prune(
    config: Config = None,
    older_than: Annotated[
        str | None,
        typer.Option("--older-than", metavar="TIME", help="Age, such as 90d. Default: retention.vectors_days."),
    ] = None,
    *,
    delete: Annotated[bool, typer.Option("--delete", help="Remove it; without this, only show it.")] = False,
) -> None:
    """Show vectors, rankings and staging older than an age, and remove them with --delete; verdicts and reports stay.

    \b
    Example:
      parity prune --older-than 90d
    """
    from parity_pipeline.definitions import build_context  # noqa: PLC0415 - imports Dagster

    settings = load_from_here(config)
    limit = age(older_than, "--older-than") if older_than is not None else _limit(settings)
    found = find_old(build_context(settings), limit, datetime.now(ZoneInfo(settings.timezone)))
    for line in _lines(found.old):
        typer.echo(line)
    for line in _lines(found.kept):
        typer.echo(f"kept for a side that is a recording: {line}")
    files = things(len(found.old), "file")
    if delete:
        typer.echo(f"freed {decimal(remove(found.old))} in {files}")
    else:
        typer.echo(f"would free {decimal(found.bytes)} in {files}" + ("; --delete removes them" if found.old else ""))


def _limit(settings: Settings) -> timedelta:
    """Return the age by the settings.

    Raises:
        SettingsError: They keep everything.
    """
    limit = settings.keep_vectors()
    if limit is None:
        remedy = "Set retention.vectors_days in parity.yaml, or give --older-than 90d."
        raise SettingsError("the settings keep all vectors", place="retention.vectors_days", remedy=remedy)
    return limit


def _lines(found: Sequence[OldFile]) -> list[str]:
    """Return one line per partition, and one for all that is staged."""
    lines = list[str]()
    ordered = sorted(found, key=lambda one: (one.probe, one.name, one.date, one.side != Side.LEGACY))
    for (probe, name, day), group in groupby(ordered, key=lambda one: (one.probe, one.name, one.date)):
        files = list(group)
        size = decimal(sum(one.bytes for one in files))
        if files[0].side == STAGING:
            lines.append(f"{things(len(files), 'unfinished fetch', 'unfinished fetches')}, {size}")
        else:
            lines.append(f"{probe} {visible(name)}, {day}: {' and '.join(one.side for one in files)}, {size}")
    return lines
