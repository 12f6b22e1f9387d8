"""Run partitions in this process, with the same definitions and the same Dagster instance as the UI.

Here belongs what `parity run` and `parity backfill` do. What they print belongs to `console`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from uuid import uuid4

import dagster as dg

from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.definitions import whole_job
from parity_pipeline.defs.automation import JOB_NAME
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.runs.instance import run_log, shared_logs
from parity_pipeline.runs.run_lock import at_work
from parity_pipeline.settings.loading import CONFIG_VARIABLE
from parity_pipeline.settings.model import Settings
from parity_pipeline.storage.staging import SqliteStaging, staging_folder
from parity_pipeline.storage.verdict_files import read_verdict

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps Dagster's event log out of the terminal; the instance still stores it."""

PARTITION_TAG = "dagster/partition"
"""Tag by which Dagster knows a run's partition."""

EXIT_PASS, EXIT_FAIL, EXIT_INCONCLUSIVE = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class PartitionResult:
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


def exit_code(results: Iterable[PartitionResult]) -> int:
    """Return 0 when every partition passed, 1 when any failed, 2 when any is inconclusive or did not run, or none ran."""
    decisions = [one.verdict.decision if one.verdict else Decision.INCONCLUSIVE for one in results]
    if Decision.FAIL in decisions:
        return EXIT_FAIL
    passed = bool(decisions) and all(decision in PASSING for decision in decisions)
    return EXIT_PASS if passed else EXIT_INCONCLUSIVE


def selection_for(side: Side | None, *, redraw: bool, snapshot: bool, stability: bool) -> list[dg.AssetKey]:
    """Return the assets of one partition to materialize.

    Args:
        side: Fetch this lane alone again; both where None.
        redraw: Draw the samples again.
        snapshot: The partition has a stored sample set.
        stability: Each lane that is fetched is tried against itself as well.
    """
    samples = [] if snapshot and not redraw else [["samples"]]
    of_a_lane = ("embeddings", "stability") if stability else ("embeddings",)
    lanes = [[lane.value, name] for lane in Side if side in (None, lane) for name in of_a_lane]
    return [
        dg.AssetKey(path)
        for path in (*samples, *lanes, ["parity"], ["diagnosis"], ["verdict"], ["report"], ["summary"])
    ]


def run_partitions(
    settings: Settings,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pairs: Iterable[tuple[str, str]],
    *,
    side: Side | None = None,
    redraw: bool = True,
    afresh: bool = False,
) -> Iterator[PartitionResult]:
    """Run the job for each pair of date and model, one run a pair, and yield what became of it.

    Args:
        settings: Of the project.
        definitions: Made for these settings.
        instance: Where Dagster keeps its history.
        pairs: ISO 8601 dates and model names.
        side: Fetch this lane alone again; the other one's file stays.
        redraw: Draw the samples again. Else a partition keeps those it has, and one that has none draws them.
        afresh: Discard first what unfinished fetches of these lanes have left.

    Raises:
        ArtifactError: Another run has what is to be discarded; nothing was run.
    """
    layout, pairs = settings.layout(), list(pairs)
    if afresh:
        discard_staged(layout.staging, pairs, (side,) if side else tuple(Side))
    execute = _forked if settings.executor == "forkserver" and settings.file else _in_process
    with shared_logs(instance), at_work(instance) as marks:
        for day, model in pairs:
            snapshot = layout.samples(day, model).exists()
            selection = selection_for(side, redraw=redraw, snapshot=snapshot, stability=settings.stability.enabled)
            work = _Work(key=make_key(day, model), selection=selection, marks=marks, file=settings.file)
            outcome = execute(definitions, instance, work)
            verdict = read_verdict(layout.verdict(day, model)) if outcome.judged else None
            yield PartitionResult(
                date=day, model=model, run_id=outcome.run_id, verdict=verdict, failures=outcome.failures
            )


def discard_staged(root: Path, pairs: Iterable[tuple[str, str]], sides: Iterable[Side]) -> None:
    """Discard what is staged for these dates, models and sides, of whatever sample set and request shape.

    Raises:
        ArtifactError: Another run is fetching one of them.
    """
    for (day, model), side in product(pairs, tuple(sides)):
        any_set = staging_folder(root, side=side, model=model, date=day, sample_set_hash="", settings_hash="")
        for folder in sorted(one for one in any_set.parent.glob("*") if one.is_dir()):
            with SqliteStaging(folder) as staging:
                staging.discard()


@dataclass(frozen=True, kw_only=True)
class _Work:
    """One run to do: its partition, its assets, the marks of this process, the settings file."""

    key: dg.MultiPartitionKey
    selection: list[dg.AssetKey]
    marks: Mapping[str, str]
    file: Path | None


@dataclass(frozen=True, kw_only=True)
class _Outcome:
    """What Dagster said of one run."""

    run_id: str
    judged: bool
    failures: tuple[str, ...]

    @classmethod
    def of(cls, run_id: str, events: Sequence[dg.DagsterEvent]) -> "_Outcome":
        judged = any(event.is_step_materialization and event.asset_key == dg.AssetKey("verdict") for event in events)
        # a side that is down fails all its steps with the same words
        return cls(run_id=run_id, judged=judged, failures=tuple(dict.fromkeys(_failures(events))))


def _in_process(definitions: dg.Definitions, instance: dg.DagsterInstance, work: _Work) -> _Outcome:
    """Run in this process, one step after the other."""
    job = definitions.resolve_job_def(JOB_NAME)
    run_id = str(uuid4())
    with run_log(instance, run_id):
        result = job.execute_in_process(
            partition_key=work.key,
            asset_selection=work.selection,
            instance=instance,
            run_config=QUIET,
            tags=dict(work.marks),
            raise_on_error=False,
            run_id=run_id,
        )
    return _Outcome.of(result.run_id, result.all_events)


def _forked(_definitions: dg.Definitions, instance: dg.DagsterInstance, work: _Work) -> _Outcome:
    """Run each step in a process of its own, both lanes at the same time; those processes load the file again."""
    os.environ[CONFIG_VARIABLE] = str(work.file)
    tags = {**work.marks, PARTITION_TAG: str(work.key)}
    tags |= {f"{PARTITION_TAG}/{dimension}": value for dimension, value in work.key.keys_by_dimension.items()}
    job = dg.reconstructable(whole_job)
    with dg.execute_job(job, instance, run_config=QUIET, tags=tags, asset_selection=work.selection) as result:
        return _Outcome.of(result.run_id, result.all_events)


def _failures(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    """Yield the message of each step that failed, without a stack trace: the run's page in the UI has it."""
    for event in events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause if data.error and data.error.cause else data.error
        yield described or (error.message.strip() if error else f"{event.step_key} failed")
