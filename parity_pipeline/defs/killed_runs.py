"""Runs that ended before their verdict and that no step could record: their process was killed, or they never started.

Here belongs what Dagster's log says of such a run, the dates that it leaves without a verdict, and the sensor that looks after
runs of the UI and the daemon. How a failure is recorded belongs to `steps.record_failure`, a step's own exception to
`failed_runs`, and a command that was killed to `runs.run_lock`.

A run that a person terminated is none of these. One that was interrupted without such a wish is: Dagster counts it as failed.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Final

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.defs.automation import asset_key, refetch_job
from parity_pipeline.defs.failed_runs import step_selected
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.verdict_metadata import VERDICT_TAG
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import PROBES, AnyVerdict, Probe
from parity_pipeline.steps.record_failure import record_failure

NAME: Final = "killed_runs"
"""Name of the sensor."""

SECONDS: Final = 30
"""Shortest time between two looks: Dagster notices that a process has ended within a second."""

KILLED_COMMAND: Final = "The command that executed this run was killed. Fetched data is kept; run the date again."
"""The message by which a run whose command was killed is marked as failed."""

PARTITION_TAG: Final = "dagster/partition"
"""Dagster's tag for the partition of a run."""

RANGE_TAGS: Final = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")
"""Dagster's tags for the first and the last partition of a run over several."""

_REMEDY: Final = "Look at the log of the run, and run the date again; what was fetched is kept."
_INTERRUPTS: Final = frozenset({"KeyboardInterrupt", "DagsterExecutionInterruptedError"})
_CRASHED: Final = "ChildProcessCrashException"
"""How Dagster reports that the process of a step ended by itself, as when the system had no memory left."""

_ENDED: Final = re.compile(
    r"(?:Run execution process for|child process for step) \S+ ((?:was terminated|unexpectedly exited) [^.]*)\."
)
"""What the code server, or the executor, writes into the log of a run when it finds a process ended."""

_TOO_LONG: Final = "Canceling due to exceeding maximum runtime"
"""What the daemon writes before it ends a run for its age."""

_NOT_OF_THE_RUN: Final = frozenset(
    {dg.DagsterEventType.RUN_FAILURE, dg.DagsterEventType.RUN_CANCELING, dg.DagsterEventType.ENGINE_EVENT}
)
"""Events that others may write into the log of a run, long after its process has ended."""

_STEP_ENDS: Final = frozenset(
    {
        dg.DagsterEventType.STEP_SUCCESS,
        dg.DagsterEventType.STEP_FAILURE,
        dg.DagsterEventType.STEP_SKIPPED,
        dg.DagsterEventType.STEP_UP_FOR_RETRY,
    }
)


def killed_run_sensor(run: RunContext, partitions: Mapping[str, dg.PartitionsDefinition]) -> dg.SensorDefinition:
    """Return the sensor. It is on from the start: what it is for is that nothing goes unnoticed.

    Args:
        run: What the steps share.
        partitions: By the name of a probe: the partitions of its assets.
    """

    @dg.run_failure_sensor(
        name=NAME,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=(
            "Record a run that ended without a verdict because its process was killed, or because it never started: "
            "INCONCLUSIVE with the reason, for each of its dates."
        ),
    )
    def sensor(context: dg.RunFailureSensorContext) -> None:
        # An error makes this tick red, and Dagster's cursor moves on: no run is tried twice.
        for verdict in record_run(run, context.instance, context.dagster_run, partitions):
            context.log.warning("recorded %s as %s: %s", verdict.date, verdict.decision.value, verdict.reasons[0])

    return sensor


def record_run(
    run: RunContext,
    instance: dg.DagsterInstance,
    failed: dg.DagsterRun,
    partitions: Mapping[str, dg.PartitionsDefinition],
) -> list[AnyVerdict]:
    """Record each date of a failed run that the run was to judge and that has neither a line of it nor a newer verdict.

    Args:
        run: What the steps share.
        instance: Where the log of the run is.
        failed: The run, which has ended.
        partitions: By the name of a probe: the partitions of its assets, for a run over several.

    Returns:
        What was recorded.

    Raises:
        ParityError: The disk does not take it, or the ledger is damaged.
    """
    # A probe through the adapter has the assets of the plain one; as which of them it is kept, `run` knows.
    probe = next((one for one in PROBES.values() if wants_verdict(failed, one)), None)
    logged = instance.all_logs(failed.run_id) if probe else []
    events = [one.dagster_event for one in logged if one.dagster_event]
    if probe is None or terminated(events):
        return []
    failure = failure_of_run(failed.run_id, events)
    alive = _last_sign_of_life(logged)
    pairs = _pairs(failed, probe, partitions)
    kept = (
        record_failure(run, probe, day, name, failure, run_id=failed.run_id, unless_since=alive) for day, name in pairs
    )
    recorded = [one for one in kept if one is not None]
    if recorded:
        instance.add_run_tags(failed.run_id, {VERDICT_TAG: recorded[0].decision.value})
    return recorded


def wants_verdict(run: dg.DagsterRun, probe: Probe) -> bool:
    """Return whether a run was to give a verdict of this probe."""
    if run.asset_selection is None:
        wanted = run.job_name in {probe.job, *(refetch_job(side, probe) for side in Side)}
    else:
        wanted = asset_key(probe.verdict_asset) in run.asset_selection
    return wanted and step_selected(run, probe)


def terminated(events: Iterable[dg.DagsterEvent]) -> bool:
    """Return whether a person wished a run to end; what the daemon ends for its age has such an event too."""
    requested = [event.message or "" for event in events if event.event_type is dg.DagsterEventType.RUN_CANCELING]
    return bool(requested) and not any(message.startswith(_TOO_LONG) for message in requested)


def failure_of_run(run_id: str, events: Sequence[dg.DagsterEvent]) -> RunFailure:
    """Return why a run ended before its verdict.

    Only words of this product are shown, and Dagster's of a process that ended: those of any other error may hold a secret.
    """
    failed = next((event for event in events if event.is_step_failure), None)
    if failed and not _of_a_process(failed):
        return _failure_of_step(failed)
    return RunFailure(
        step=" and ".join(_unfinished(events)) or "the run",
        problem=_end(events),
        place=f"run {run_id.partition('-')[0]}",
        remedy=_REMEDY,
    )


def _failure_of_step(event: dg.DagsterEvent) -> RunFailure:
    data, errors = event.step_failure_data, _errors(event)
    described = data.user_failure_data.description if data.user_failure_data else None
    kind = errors[-1] if errors else "Exception"
    words = described or f"unexpected {kind}, whose text is in the log of the run"
    return RunFailure(step=_step_name(event), problem=" ".join(words.split()).rstrip("."), kind=kind)


def interrupted(event: dg.DagsterEvent) -> bool:
    """Return whether a step failed since it was interrupted."""
    return not _INTERRUPTS.isdisjoint(_errors(event))


def _of_a_process(event: dg.DagsterEvent) -> bool:
    """Return whether a step failed since its process ended, and not since it raised."""
    return interrupted(event) or _CRASHED in _errors(event)


def _errors(event: dg.DagsterEvent) -> list[str]:
    """Return the name of the exception of a failed step, and of what caused it, each after its consequence."""
    found: list[str] = []
    error = event.step_failure_data.error
    while error is not None:
        found.append(error.cls_name or "Exception")
        error = error.cause
    return found


def _step_name(event: dg.DagsterEvent) -> str:
    return (event.step_key or "a step").replace("__", "/")


def _unfinished(events: Iterable[dg.DagsterEvent]) -> list[str]:
    """Return the steps that had begun and were not ended by themselves, in the order in which they began."""
    begun: dict[str, None] = {}
    for event in events:
        if event.event_type is dg.DagsterEventType.STEP_START:
            begun[_step_name(event)] = None
        elif event.event_type in _STEP_ENDS and not (event.is_step_failure and _of_a_process(event)):
            begun.pop(_step_name(event), None)
    return list(begun)


def _end(events: Sequence[dg.DagsterEvent]) -> str:
    """Return how the process of a run ended, a clause without a full stop."""
    messages = [event.message or "" for event in events]
    if ended := next((match for message in messages if (match := _ENDED.search(message))), None):
        return f"its process {ended[1]}"
    if KILLED_COMMAND in messages:
        return "the command that executed it was killed"
    if any(message.startswith(_TOO_LONG) for message in messages):
        return "it did not end in the time that dagster.yaml allows, or its process had gone"
    if any(event.is_step_failure and interrupted(event) for event in events):
        return "it was interrupted, and nobody had terminated it in the UI"
    return "it ended without a verdict, for the reason that is in its log"


def _last_sign_of_life(logged: Sequence[dg.EventLogEntry]) -> datetime:
    """Return when the process of a run wrote into its log for the last time; the beginning of the log where it never did."""
    own = [
        one.timestamp for one in logged if not one.dagster_event or one.dagster_event.event_type not in _NOT_OF_THE_RUN
    ]
    return datetime.fromtimestamp(max(own, default=min((one.timestamp for one in logged), default=0.0)), UTC)


def _pairs(
    run: dg.DagsterRun, probe: Probe, partitions: Mapping[str, dg.PartitionsDefinition]
) -> list[tuple[str, str]]:
    """Return dates and names of the partitions of a run: one, or those of a range."""
    if key := run.tags.get(PARTITION_TAG):
        return [split_key(key, probe.dimension)]
    first, last = (run.tags.get(tag) for tag in RANGE_TAGS)
    if not first or not last or probe.name not in partitions:
        return []
    keys = partitions[probe.name].get_partition_keys_in_range(dg.PartitionKeyRange(first, last))
    return [split_key(key, probe.dimension) for key in keys]
