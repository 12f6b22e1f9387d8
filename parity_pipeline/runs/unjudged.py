"""Dates that a command was to judge and could not: recorded as INCONCLUSIVE, whatever kept them from being run.

Here belongs what no asset can record itself: services that did not start, so that there was no run, and a step whose
process ended without an exception of its own. How it is recorded belongs to `steps.record_failure`; a step's own exception
to `defs.failed_runs`.
"""

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Final

import dagster as dg

from parity_pipeline.core.errors import ParityError, ServiceError
from parity_pipeline.core.run_failure import failure_of
from parity_pipeline.definitions import build_context
from parity_pipeline.defs.killed_runs import failure_of_run, interrupted
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, AnyVerdict, Probe, probe_named
from parity_pipeline.steps.record_failure import record_failure

SERVICES: Final = "services"
"""The step that fails where a service of a side does not start."""


def record_services(
    settings: Settings, partitions: Mapping[str, Sequence[tuple[str, str]]], error: ServiceError
) -> None:
    """Record for every partition of a command that its services did not start.

    A disk that does not take it is passed over: the command shows the error itself.

    Args:
        settings: Of the project.
        partitions: By the name of a probe: ISO 8601 dates with names of models or corpora.
        error: Why the services did not start.
    """
    run, failure = build_context(settings), failure_of(error, SERVICES)
    for probe, pairs in partitions.items():
        named = probe_named(settings.embed_probe if probe == EMBED.name else probe)
        for day, name in pairs:
            with suppress(ParityError):
                record_failure(run, named, day, name, failure, run_id="")


def record_unjudged(
    run: RunContext,
    probe: Probe,
    day: str,
    name: str,
    *,
    run_id: str,
    events: Sequence[dg.DagsterEvent],
) -> AnyVerdict | None:
    """Return the verdict that says why a run gave no other one, recorded now where no step has recorded it.

    Returns:
        The verdict; None where nothing failed, where the run was interrupted, or where nothing can be recorded.
    """
    failed = [event for event in events if event.is_step_failure]
    if not failed or any(map(interrupted, failed)):
        return None
    try:
        recorded = record_failure(run, probe, day, name, failure_of_run(run_id, events), run_id=run_id)
        found = recorded or probe.read_verdict(probe.verdict_path(run.layout, day, name))
    except ParityError:
        # The command shows the failure itself; a disk that takes nothing takes no record of it either.
        return None
    # A run whose verdict is in the ledger, and whose file the disk did not take, has left the file of an earlier run.
    return found if found.not_run else None
