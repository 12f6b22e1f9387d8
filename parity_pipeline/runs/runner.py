"""Run partitions in this process, with the same definitions and the same Dagster instance as the UI.

Here belongs what `parity run` and `parity backfill` do. What they print belongs to `cli.console`.
"""

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import cache
from itertools import product
from multiprocessing import forkserver, set_forkserver_preload
from pathlib import Path
from typing import Final
from uuid import uuid4

import dagster as dg

from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.definitions import PRELOADED, build_context, probe_assets, whole_job
from parity_pipeline.defs.automation import asset_key
from parity_pipeline.defs.killed_runs import PARTITION_TAG
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.runs.instance import open_logs, open_run_log
from parity_pipeline.runs.run_lock import command_lock
from parity_pipeline.runs.unjudged import record_unjudged
from parity_pipeline.settings.loading import CONFIG_VARIABLE
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.probes import EMBED, AnyVerdict, Probe

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
"""Run configuration that keeps Dagster's event log out of the terminal; the instance still stores it."""

STEP_SERVER_LOG: Final = "forkserver.log"
"""File in the state folder that takes what processes of steps print before and after their step."""

STDERR: Final = 2

EXIT_PASS, EXIT_FAIL, EXIT_INCONCLUSIVE = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class PartitionResult:
    """Result of running one partition.

    Attributes:
        date: Partition date, ISO 8601.
        name: Name of the model, or of the corpus.
        run_id: Dagster's run id.
        verdict: The verdict of this run; None where it failed before.
        failures: Messages of the steps that failed.
        probe: The probe that was run.
        not_run: The verdict by which the ledger says why there is no other one; None where the run was judged, or where
            nothing was recorded.
    """

    date: str
    name: str
    run_id: str
    verdict: AnyVerdict | None
    failures: tuple[str, ...] = ()
    probe: Probe = EMBED
    not_run: AnyVerdict | None = None


def exit_code(results: Iterable[PartitionResult]) -> int:
    """Return 0 when every partition passed, 1 when any failed, 2 for anything else.

    That is: one is inconclusive or did not run, none ran, or a step broke beside a pass, such as the summary for want of room
    or of a ledger that can be read: who reads the summary would not see that pass.
    """
    results = list(results)
    decisions = [one.verdict.decision if one.verdict else Decision.INCONCLUSIVE for one in results]
    if Decision.FAIL in decisions:
        return EXIT_FAIL
    passed = bool(decisions) and all(decision in PASSING for decision in decisions)
    passed = passed and not any(one.failures for one in results)
    return EXIT_PASS if passed else EXIT_INCONCLUSIVE


def run_partitions(
    settings: Settings,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    pairs: Iterable[tuple[str, str]],
    *,
    probe: Probe = EMBED,
    side: Side | None = None,
    redraw: bool = True,
    discard_staging: bool = False,
) -> Iterator[PartitionResult]:
    """Run a probe's job for each pair of date and model or corpus, one run per pair, and yield its result.

    Args:
        settings: Of the project.
        definitions: Built for these settings.
        instance: Where Dagster keeps its history.
        pairs: ISO 8601 dates, and names of models or corpora.
        probe: The probe.
        side: Fetch only this lane again and keep the other one's file.
        redraw: Draw the samples or queries again. Otherwise only a partition without them draws them.
        discard_staging: First discard what unfinished fetches of these lanes have staged.

    Raises:
        ArtifactError: Another run is using what would be discarded; nothing was run.
    """
    layout, pairs, assets = settings.layout(), list(pairs), probe_assets(settings, probe)
    run = build_context(settings)
    if discard_staging:
        discard_staged(layout.staging, pairs, (side,) if side else tuple(Side), probe)
    execute = _forked if settings.executor == "forkserver" and settings.file else _in_process
    if execute is _forked:
        os.environ[CONFIG_VARIABLE] = str(settings.file)
        start_step_server(settings.path(settings.state_dir) / STEP_SERVER_LOG)
    with open_logs(instance), command_lock(instance, run) as tags:
        for day, name in pairs:
            drawn = probe.inputs_path(layout, day, name).exists() and not redraw
            selection = assets.keys(inputs=not drawn, sides=(side,) if side else tuple(Side))
            key = make_key(day, name, probe.dimension)
            run_id, events = execute(definitions, instance, probe, key, selection, tags)
            judged = any(
                one.is_step_materialization and one.asset_key == asset_key(probe.verdict_asset) for one in events
            )
            # A side that is down fails all its steps with the same message.
            failures = tuple(dict.fromkeys(_failures(events)))
            yield PartitionResult(
                date=day,
                name=name,
                run_id=run_id,
                verdict=probe.read_verdict(probe.verdict_path(layout, day, name)) if judged else None,
                failures=failures,
                probe=probe,
                not_run=None if judged else record_unjudged(run, probe, day, name, run_id=run_id, events=events),
            )


@cache
def start_step_server(log: Path) -> None:
    """Start once what the processes of steps are forked from, with its standard error in a file.

    Each of them says there that it has begun, by a logger of Dagster's that no configuration of a run reaches: in the
    terminal that would stand between progress and verdicts. What a step itself prints is captured by Dagster.
    """
    set_forkserver_preload(["__main__", *PRELOADED])
    with ExitStack() as afterwards:
        with suppress(OSError):  # where no such file can be written, the terminal has it all
            log.parent.mkdir(parents=True, exist_ok=True)
            # Appended to, so that another command of the same folder, which empties it too, leaves no hole in it.
            file, terminal = afterwards.enter_context(log.open("ab")), os.dup(STDERR)
            file.truncate(0)
            afterwards.callback(os.close, terminal)
            afterwards.callback(os.dup2, terminal, STDERR)
            os.dup2(file.fileno(), STDERR)
        forkserver.ensure_running()


def discard_staged(root: Path, pairs: Iterable[tuple[str, str]], sides: Iterable[Side], probe: Probe = EMBED) -> None:
    """Discard what a probe has staged for these dates, models or corpora, and sides, for any set and request settings.

    Raises:
        ArtifactError: Another run is fetching one of them.
    """
    for (day, name), side in product(pairs, tuple(sides)):
        for one in probe.staged(root, side, name, day):
            with one as staging:
                staging.discard()


def _in_process(
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    probe: Probe,
    key: dg.MultiPartitionKey,
    selection: Sequence[dg.AssetKey],
    tags: Mapping[str, str],
) -> tuple[str, Sequence[dg.DagsterEvent]]:
    """Run all steps in this process, one after the other; return the id of the run and its events."""
    job = definitions.resolve_job_def(probe.job)
    run_id = str(uuid4())
    with open_run_log(instance, run_id):
        result = job.execute_in_process(
            partition_key=key,
            asset_selection=list(selection),
            instance=instance,
            run_config=QUIET,
            tags=dict(tags),
            raise_on_error=False,
            run_id=run_id,
        )
    return run_id, result.all_events


def _forked(
    _definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    probe: Probe,
    key: dg.MultiPartitionKey,
    selection: Sequence[dg.AssetKey],
    tags: Mapping[str, str],
) -> tuple[str, Sequence[dg.DagsterEvent]]:
    """Run each step in a process of its own, both lanes at the same time; each process loads the settings again."""
    of_key = {f"{PARTITION_TAG}/{dimension}": value for dimension, value in key.keys_by_dimension.items()}
    all_tags = {**tags, PARTITION_TAG: str(key), **of_key}
    job = dg.build_reconstructable_job(whole_job.__module__, whole_job.__name__, reconstructable_args=(probe.name,))
    with dg.execute_job(job, instance, run_config=QUIET, tags=all_tags, asset_selection=list(selection)) as result:
        return result.run_id, result.all_events


def _failures(events: Sequence[dg.DagsterEvent]) -> Iterator[str]:
    """Yield the message of each step that failed, without the stack trace, which the UI shows."""
    for event in events:
        if not event.is_step_failure:
            continue
        data = event.step_failure_data
        described = data.user_failure_data.description if data.user_failure_data else None
        error = data.error.cause if data.error and data.error.cause else data.error
        yield described or (error.message.strip() if error else f"{event.step_key} failed")
