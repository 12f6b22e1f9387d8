"""`parity show` and `parity diff`: a stored report in the terminal, and what changed between two dates.

Here belong the options, the choice of dates and entries, and where text goes: to a pager on a terminal, as it is into a pipe.
What is said belongs to `report`, what is read to `reading` and `storage`.
"""

import os
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.markdown import Markdown

from parity_pipeline.cli import completion
from parity_pipeline.cli.options import DATE_FORM, Config, OnlyCorpora, OnlyModels
from parity_pipeline.cli.partition_args import EMBED, RETRIEVE, calendar_date, chosen_names, dates_between, today
from parity_pipeline.cli.terminal import output
from parity_pipeline.core.errors import ArtifactError, ParityError
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.core.verdict_changes import changes_between
from parity_pipeline.report.diff_lines import change_lines, input_lines
from parity_pipeline.report.escape import visible
from parity_pipeline.report.shell import option
from parity_pipeline.settings.loading import load_from_here
from parity_pipeline.settings.model import Settings
from parity_pipeline.storage import ledger
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.ledger import Key, LedgerEntry, key_of, moment_of, newest_entries

ThroughAdapter = Annotated[
    bool, typer.Option("--through-adapter", help="Those of the probe through the adapter, instead.")
]
Name = tuple[str, str]
"""A probe, and a model or corpus."""


def show(
    day: Annotated[
        str | None,
        typer.Argument(
            metavar=f"[{DATE_FORM}]", autocompletion=completion.dates, help="Default: the newest with a verdict."
        ),
    ] = None,
    config: Config = None,
    models: OnlyModels = None,
    corpora: OnlyCorpora = None,
    *,
    through_adapter: ThroughAdapter = False,
) -> None:
    """Print the stored reports of a date: paged on a terminal, as plain Markdown into a pipe.

    \b
    Examples:
      parity show
      parity show 2026-05-04 --model nomic-embed-text
    """
    settings = load_from_here(config)
    names = _names(settings, models, corpora, through_adapter=through_adapter)
    recorded = [key for key in _newest(settings) if (key[0], key[2]) in names]
    chosen = (
        calendar_date(day, "DATE").isoformat() if day is not None else max((key[1] for key in recorded), default=None)
    )
    there = [(probe, name) for probe, name in names if (probe, chosen, name) in recorded]
    if chosen is None or not there:
        raise _missing(settings, chosen, names, place="DATE")
    _print_reports([_report(settings.layout(), probe, chosen, name) for probe, name in there])


def diff(
    first: Annotated[
        str, typer.Argument(metavar="D1", autocompletion=completion.dates, help="Earlier date, YYYY-MM-DD.")
    ],
    second: Annotated[
        str | None,
        typer.Argument(
            metavar="[D2]",
            autocompletion=completion.dates,
            help="Later date. Without it: the last two verdicts on D1.",
        ),
    ] = None,
    config: Config = None,
    models: OnlyModels = None,
    corpora: OnlyCorpora = None,
    *,
    through_adapter: ThroughAdapter = False,
) -> None:
    """Print what changed between two dates, or between the last two verdicts on one, and which samples newly fail or pass.

    \b
    Example:
      parity diff 2026-05-03 2026-05-04
    """
    settings = load_from_here(config)
    names = _names(settings, models, corpora, through_adapter=through_adapter)
    days = [calendar_date(text, "D1/D2").isoformat() for text in (first, second or first)]
    entries = _entries(settings, names, days)
    pairs = {name: pair for name in names if (pair := _pair(entries.get(name, ()), days))}
    if not pairs:
        dates = {one.verdict.date for held in entries.values() for one in held}
        absent = [day for day in days if day not in dates]
        raise _missing(settings, (absent or days)[0], names, place="D1/D2", twice=not absent)
    for place, (name, pair) in enumerate(pairs.items()):
        if place:
            typer.echo()
        for line in _pair_lines(settings, name[0], pair, one_date=days[0] == days[1]):
            typer.echo(line)
    for probe, name in names:
        if (probe, name) not in pairs and entries[probe, name]:
            typer.echo(f"\n{probe} {visible(name)}: there are not two verdicts to compare")


def _names(
    settings: Settings, models: Sequence[str] | None, corpora: Sequence[str] | None, *, through_adapter: bool
) -> list[Name]:
    """Return the probes and names that are meant, in the order of the settings."""
    chosen = chosen_names(settings, models=models or (), corpora=corpora or ())
    if through_adapter:
        return [(EMBED_THROUGH_ADAPTER, name) for name in chosen.get(EMBED, settings.models)]
    return [(probe, name) for probe, of_probe in chosen.items() for name in of_probe]


def _newest(settings: Settings) -> Mapping[Key, LedgerEntry]:
    return newest_entries(ledger.entries(settings.layout().ledger))


def _entries(settings: Settings, names: Sequence[Name], days: Sequence[str]) -> Mapping[Name, Sequence[LedgerEntry]]:
    """Return the entries of these names on these dates, the last recorded one last."""
    found: dict[Name, list[LedgerEntry]] = {name: [] for name in names}
    for entry in ledger.entries(settings.layout().ledger):
        probe, day, name = key_of(entry.verdict)
        if (probe, name) in found and day in days:
            found[probe, name].append(entry)
    return {name: sorted(held, key=moment_of) for name, held in found.items()}


def _pair(entries: Sequence[LedgerEntry], days: Sequence[str]) -> tuple[LedgerEntry, LedgerEntry] | None:
    """Return the two entries to compare; None where there are not two."""
    if days[0] == days[1]:
        return (entries[-2], entries[-1]) if len(entries) > 1 else None
    one, two = (next((one for one in reversed(entries) if one.verdict.date == day), None) for day in days)
    return (one, two) if one and two else None


def _pair_lines(
    settings: Settings, probe: str, pair: tuple[LedgerEntry, LedgerEntry], *, one_date: bool
) -> Iterable[str]:
    # Reading comparisons takes what notebooks take; `show` does without.
    from parity_pipeline.reading.changed_inputs import changed_inputs  # noqa: PLC0415

    before, after = pair
    times = (before.recorded_at, after.recorded_at) if one_date else None
    yield from change_lines(changes_between(before.verdict, after.verdict), times=times)
    layout = _layout(settings.layout(), probe)
    near_tie = settings.retrieve.judged_bands().near_tie if settings.retrieve else None
    try:
        found = changed_inputs(layout, before.verdict, after.verdict, near_tie=near_tie)
    except ParityError as error:
        inputs = "queries" if probe == RETRIEVE else "samples"
        yield f"  {inputs} are not compared: {visible(error.problem)}"
        return
    yield from input_lines("newly failing", found.newly_failing, found.shared)
    yield from input_lines("newly passing", found.newly_passing, found.shared)
    if found.only_before or found.only_after:
        yield f"  in one of them alone: {found.only_before:,} earlier, {found.only_after:,} later"


def _layout(layout: Layout, probe: str) -> Layout:
    return Layout(
        data_dir=layout.data_dir,
        reports_dir=layout.reports_dir,
        probe=EMBED_THROUGH_ADAPTER if probe == EMBED_THROUGH_ADAPTER else EMBED,
    )


def _report(layout: Layout, probe: str, day: str, name: str) -> Path:
    """Return the report of a verdict.

    Raises:
        ArtifactError: It is not there.
    """
    path = layout.retrieval_report(day, name) if probe == RETRIEVE else _layout(layout, probe).report(day, name)
    if not path.is_file():
        remedy = f"Run `{_command(probe, day, name)}`, or restore it from version control."
        raise ArtifactError("the ledger has a verdict whose report is missing", place=str(path), remedy=remedy)
    return path


def _missing(
    settings: Settings, day: str | None, names: Sequence[Name], *, place: str, twice: bool = False
) -> ArtifactError:
    """Return the error for a date without a verdict, whose remedy is the command that judges it.

    Raises:
        SettingsError: No command judges that date.
    """
    if day is None:
        return ArtifactError("no verdict is recorded", place=place, remedy="Run `parity run`.")
    wanted = calendar_date(day, place)
    dates_between(settings, wanted, wanted, today(settings))
    listed = ", ".join(f"{probe} {name}" for probe, name in names)
    problem = f"{'there are not two verdicts' if twice else 'no verdict is recorded'} on {day}, {listed}"
    probe, name = names[0]
    return ArtifactError(problem, place=place, remedy=f"Run `{_command(probe, day.partition(' ')[0], name)}`.")


def _command(probe: str, day: str, name: str) -> str:
    named = option("--corpus" if probe == RETRIEVE else "--model", name)
    adapter = " --through-adapter" if probe == EMBED_THROUGH_ADAPTER else ""
    return f"parity backfill --from {day} --to {day} {named}{adapter}"


def _print_reports(paths: Sequence[Path]) -> None:
    texts = [path.read_bytes() for path in paths]
    if not sys.stdout.isatty():
        typer.echo(b"\n---\n\n".join(texts), nl=False)
        return
    # As git does: without it, less shows the codes of colours, and waits at the end of a report that fits the screen.
    os.environ.setdefault("LESS", "FRX")
    with output.pager(styles=True):
        for text in texts:
            output.print(Markdown(text.decode("utf-8", "replace"), hyperlinks=False))
