"""`parity rejudge`: judge stored vectors and rankings again under the settings of now, without a request.

Here belong the options, the limits that replace those of the settings, and the table. Judging and keeping belong to
`steps.rejudge`.
"""

import os
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from parity_pipeline.cli.options import Config, FirstDay, LastDay, OnlyCorpora, OnlyModels
from parity_pipeline.cli.partition_args import EMBED, RETRIEVE, calendar_date, chosen_names, dates_between, today
from parity_pipeline.core.errors import ArtifactError, ParityError, SettingsError
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.core.verdict_changes import Subject, changes_between
from parity_pipeline.report.escape import visible
from parity_pipeline.report.numbers import things
from parity_pipeline.settings.loading import find_file, overridden, read_content, validate
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import AnyVerdict, probe_named
from parity_pipeline.steps.rejudge import Rejudgement, keep, without_network
from parity_pipeline.steps.rejudge import rejudge as rejudge_partition
from parity_pipeline.steps.write_reports import write_summary


def rejudge(
    first: FirstDay,
    last: LastDay,
    config: Config = None,
    models: OnlyModels = None,
    corpora: OnlyCorpora = None,
    thresholds: Annotated[
        list[str] | None,
        typer.Option(
            "--threshold",
            metavar="LIMIT",
            help="Limit in place of that of the settings: 0.995 for the cosine, or norm_ratio=0.01; repeat for several.",
        ),
    ] = None,
    *,
    write: Annotated[
        bool, typer.Option("--write", help="Keep what changed: verdict, ledger, report and summary.")
    ] = False,
    through_adapter: Annotated[
        bool, typer.Option("--through-adapter", help="Judge those that were fetched through the adapter.")
    ] = False,
) -> None:
    """Show what the verdicts of past dates would be under the settings of now; nothing is written without --write.

    \b
    Example:
      parity rejudge --from 2026-05-01 --to 2026-05-07 --threshold 0.995
    """
    settings = _settings(config, thresholds or ())
    if thresholds and corpora:
        remedy = "Change retrieve.bands in parity.yaml, then rejudge."
        raise SettingsError("thresholds are those of embeddings", place="--threshold/--corpus", remedy=remedy)
    days = dates_between(settings, calendar_date(first, "--from"), calendar_date(last, "--to"), today(settings))
    names = chosen_names(settings, models=models or (), corpora=corpora or ())
    if through_adapter or thresholds:
        names = {EMBED: names.get(EMBED, list(settings.models))}
    found = _judged(settings, names, days, write=write, through_adapter=through_adapter)
    if not found:
        remedy = "Choose other dates with --from and --to; `parity run` judges today."
        raise ArtifactError(f"no verdict is stored from {days[0]} to {days[-1]}", place="--from/--to", remedy=remedy)
    for line in _table(found):
        typer.echo(line)
    changed = sum(one.changed for one in found)
    kept = sum(bool(one.kept) for one in found)
    done = "written" if write else "would change; --write keeps them" if changed else "would change"
    note = f", {kept:,} kept as they are" if kept else ""
    typer.echo(f"{changed:,} of {things(len(found), 'verdict')} {done}{note}")


def _settings(config: Path | None, thresholds: Sequence[str]) -> Settings:
    """Return the settings with limits that a person gave in place of theirs.

    Raises:
        SettingsError: There is no such limit, or its value is not usable.
    """
    given = _limits(thresholds)
    path = find_file(config, os.environ, Path.cwd())
    content = read_content(path, os.environ)
    settings = validate(content, path, overridden(os.environ))
    if not given:
        return settings
    try:
        return validate({**content, "thresholds": {**content.get("thresholds", {}), **given}}, path)
    except SettingsError as error:
        # The file itself is usable, so these faults are those of the options.
        remedy = "docs/measures.md says what each limit is of."
        raise SettingsError("not usable", place="--threshold", faults=error.faults, remedy=remedy) from None


def _limits(thresholds: Sequence[str]) -> dict[str, float]:
    """Return the limits that a person gave, by measure.

    Raises:
        SettingsError: There is no such measure, its value is not a number, or it has two.
    """
    limits: dict[str, float] = {}
    for given in thresholds:
        name, found, value = given.rpartition("=")
        measure = _measure(name if found else Measure.COSINE.value)
        if measure in limits:
            raise SettingsError(f"{measure} has two limits", place="--threshold", remedy="Leave one out.")
        limits[measure] = _number(value)
    return limits


def _measure(name: str) -> str:
    known = [one.value for one in Measure]
    wanted = name.strip().replace("-", "_")
    if wanted not in known:
        remedy = f"Use one of {', '.join(known)}."
        raise SettingsError(f"{name!r} is not a measure with a limit", place="--threshold", remedy=remedy)
    return wanted


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        remedy = "Write a number such as 0.995, or a measure with one, such as norm_ratio=0.01."
        raise SettingsError(f"{text!r} is not a number", place="--threshold", remedy=remedy) from None


def _judged(
    settings: Settings,
    names: Mapping[str, Sequence[str]],
    days: Sequence[str],
    *,
    write: bool,
    through_adapter: bool,
) -> list[Rejudgement]:
    """Judge every partition that has a verdict again, and keep those that changed with --write."""
    from parity_pipeline.definitions import build_context  # noqa: PLC0415 - imports Dagster
    from parity_pipeline.settings.through_adapter import NOWHERE  # noqa: PLC0415
    from parity_pipeline.settings.through_adapter import through_adapter as derived  # noqa: PLC0415

    own = derived(settings, {}, NOWHERE) if through_adapter else settings
    run = without_network(build_context(own))
    found = list[Rejudgement]()
    for probe in (probe_named(EMBED_THROUGH_ADAPTER if through_adapter else name) for name in names):
        of_probe = names[RETRIEVE if probe.name == RETRIEVE else EMBED]
        found += [one for day in days for name in of_probe if (one := rejudge_partition(run, probe, day, name))]
    if write and (changed := [one for one in found if one.changed]):
        _keep_all(run, changed)
    return found


def _keep_all(run: RunContext, changed: Iterable[Rejudgement]) -> None:
    """Keep the verdicts, and write the summary, also of those before one that cannot be kept."""
    try:
        for one in changed:
            keep(run, one)
    except ParityError:
        # The error of the verdict is the one to show.
        with suppress(ParityError):
            write_summary(run)
        raise
    write_summary(run)


def _table(found: Sequence[Rejudgement]) -> Iterable[str]:
    """Yield one line per verdict: what it is about, its decision and the one that it would be, and what else differs."""
    rows = [
        (one.date, f"{one.probe.name} {visible(one.name)}", _decisions(one), "; ".join(_notes(one))) for one in found
    ]
    widths = [max(len(row[place]) for row in rows) for place in range(3)]
    for row in rows:
        yield "  ".join([*(f"{text:<{width}}" for text, width in zip(row[:3], widths, strict=True)), row[3]]).rstrip()


def _decisions(one: Rejudgement) -> str:
    if one.after is None or one.after.decision is one.before.decision or not one.changed:
        return str(one.before.decision)
    return f"{one.before.decision} → {one.after.decision}"


def _notes(one: Rejudgement) -> Iterable[str]:
    if one.after is None:
        yield f"kept: {one.kept}"
        return
    if not one.changed:
        yield "unchanged"
        return
    found = changes_between(one.before, one.after)
    for change in found.of(Subject.MATCHING, Subject.AGREEMENT, Subject.RULE, Subject.WAIVED):
        yield f"{visible(change.what)} {visible(change.before)} → {visible(change.after)}"
    if _explained(one.before) and not _explained(one.after):
        yield "causes and repeats were found under other limits and do not count"


def _explained(verdict: AnyVerdict) -> bool:
    return bool(getattr(verdict, "diagnosis", None) or verdict.confirmation)
