"""Run partitions in this process, with the same definitions and the same Dagster instance as the UI.

Here belongs what `parity run` and `parity backfill` do. What they print belongs to `console`.
"""

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg

from parity_pipeline.core.errors import ParityError, SettingsError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.defs.automation import JOB_NAME
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.settings import Settings
from parity_pipeline.storage.verdicts import read_verdict

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps Dagster's event log out of the terminal; the instance still stores it."""

EXIT_PASS, EXIT_FAIL, EXIT_INCONCLUSIVE = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class Ran:
    """What became of one partition.

    Attributes:
        date: Partition date, ISO 8601.
        model: Model name.
        run_id: Dagster's run id.
        verdict: The verdict of this run; None where it did not get that far.
        failures: Why it did not; empty where it did.
    """

    date: str
    model: str
    run_id: str
    verdict: Verdict | None
    failures: tuple[str, ...] = ()


def exit_code(results: Iterable[Ran]) -> int:
    """Return 0 when every partition passed, 1 when any failed, 2 when any is inconclusive or did not run, or none ran."""
    decisions = [one.verdict.decision if one.verdict else Decision.INCONCLUSIVE for one in results]
    if Decision.FAIL in decisions:
        return EXIT_FAIL
    passed = bool(decisions) and all(decision is Decision.PASS for decision in decisions)
    return EXIT_PASS if passed else EXIT_INCONCLUSIVE


def today(settings: Settings, now: datetime) -> date:
    """Return the day it is at `now`, an aware datetime, in the time zone of the settings."""
    return now.astimezone(ZoneInfo(settings.timezone)).date()


def dates_between(settings: Settings, first: date, last: date, current: date) -> list[str]:
    """Return the ISO 8601 dates from `first` to `last`, both included.

    Raises:
        SettingsError: They are in the wrong order, before the first date of the settings, or in the future.
    """
    if first > last:
        raise SettingsError(f"{first} is after {last}", place="--from/--to", remedy="Swap them.")
    if first < settings.first_date:
        raise SettingsError(
            f"{first} is before the first date, {settings.first_date}",
            place="date",
            remedy="Choose a later date, or set first_date in parity.yaml.",
        )
    if last > current:
        raise SettingsError(f"{last} is in the future; today is {current}", place="date", remedy="Choose a past date.")
    return [(first + timedelta(days=day)).isoformat() for day in range((last - first).days + 1)]


def chosen_models(settings: Settings, names: Sequence[str]) -> list[str]:
    """Return the models to run: those named, or all.

    Raises:
        SettingsError: A name is none of the settings' models.
    """
    if unknown := [name for name in names if name not in settings.models]:
        raise SettingsError(
            f"{', '.join(unknown)} is not among the models {', '.join(settings.models)}",
            place="--model",
            remedy="Choose one of them, or add it to models in parity.yaml.",
        )
    return list(names) or list(settings.models)


def selection_for(side: Side | None, *, redraw: bool, snapshot: bool) -> list[dg.AssetKey]:
    """Return the assets of one partition to materialize.

    Args:
        side: Fetch this lane alone again; both where None.
        redraw: Draw the samples again.
        snapshot: The partition has a stored sample set.
    """
    samples = [] if snapshot and not redraw else [["samples"]]
    lanes = [[lane.value, "embeddings"] for lane in Side if side in (None, lane)]
    return [dg.AssetKey(path) for path in (*samples, *lanes, ["parity"], ["verdict"], ["report"], ["summary"])]


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Return the Dagster instance that the UI uses: that of `DAGSTER_HOME`, else of `dagster_home` in the settings.

    A home that has no `dagster.yaml` gets ours.

    Raises:
        ParityError: The folder cannot be made or read.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or settings.path(settings.dagster_home)).resolve()
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            template = files("parity_pipeline.defs").joinpath("dagster.yaml").read_text("utf-8")
            (home / "dagster.yaml").write_text(template, "utf-8")
    except OSError as error:
        raise ParityError(
            f"Dagster's folder is not writable: {error.strerror}", place=str(home), remedy="Set DAGSTER_HOME elsewhere."
        ) from error
    return dg.DagsterInstance.from_config(str(home))


def run_partitions(
    settings: Settings,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pairs: Iterable[tuple[str, str]],
    *,
    side: Side | None = None,
    redraw: bool = True,
) -> Iterator[Ran]:
    """Run the job for each pair of date and model, one run a pair, and yield what became of it.

    With `redraw` false, a partition keeps the samples it has; one that has none draws them. With `side`, that lane
    alone is fetched again and the other one's file stays.
    """
    job = definitions.resolve_job_def(JOB_NAME)
    layout = settings.layout()
    for day, model in pairs:
        result = job.execute_in_process(
            partition_key=make_key(day, model),
            asset_selection=selection_for(side, redraw=redraw, snapshot=layout.samples(day, model).exists()),
            instance=instance,
            run_config=QUIET,
            raise_on_error=False,
        )
        judged = result.success or _materialized(result, "verdict")
        verdict = read_verdict(layout.verdict(day, model)) if judged else None
        yield Ran(date=day, model=model, run_id=result.run_id, verdict=verdict, failures=tuple(_failures(result)))


def _materialized(result: dg.ExecuteInProcessResult, name: str) -> bool:
    events = result.get_asset_materialization_events()
    return any(event.asset_key == dg.AssetKey(name) for event in events)


def _failures(result: dg.ExecuteInProcessResult) -> Iterator[str]:
    """Yield the message of each step that failed, without a stack trace: the run's page in the UI has it."""
    for event in result.filter_events(lambda event: event.is_step_failure):
        data = event.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause if data.error and data.error.cause else data.error
        yield described or (error.message.strip() if error else f"{event.step_key} failed")
