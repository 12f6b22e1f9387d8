"""Runs that fail: an asset that raises leaves INCONCLUSIVE with its reason in the ledger, the report and the summary.

Here belongs the step from an asset's exception to `steps.record_failure`, which does the recording. It is part of every
asset's body and no hook of a job, so that a run that a person starts by selecting assets in the UI is covered too, and so
is each process of an executor. A run that was not to give a verdict, such as one of a single lane, records nothing.
"""

from collections.abc import Callable, Iterable, Iterator
from functools import wraps
from inspect import isgeneratorfunction
from typing import Any, cast

import dagster as dg

from parity_pipeline.core.run_failure import failure_of
from parity_pipeline.defs.partitions import split_key
from parity_pipeline.defs.verdict_metadata import tag_verdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, EMBED_BEHIND_ADAPTER, Probe
from parity_pipeline.steps.record_failure import record_failure

Body = Callable[[dg.AssetExecutionContext, RunContext], Any]
"""What an asset does."""


def recorded(body: Callable[..., Any], probe: Probe) -> Callable[..., Any]:
    """Return the body of an asset that records its exception, which it raises all the same.

    Args:
        body: The body, of a context and what the steps share; it may yield results.
        probe: The probe that it belongs to.
    """
    inner = cast("Body", body)
    if isgeneratorfunction(body):

        @wraps(body)
        def yielding(context: dg.AssetExecutionContext, run: RunContext) -> Iterator[Any]:
            try:
                yield from cast("Iterable[Any]", inner(context, run))
            except Exception as error:
                _record(context, run, probe, error)
                raise

        return yielding

    @wraps(body)
    def returning(context: dg.AssetExecutionContext, run: RunContext) -> Any:
        # What interrupts a run is not an Exception, and is not recorded: it says nothing about the sides.
        try:
            return inner(context, run)
        except Exception as error:
            _record(context, run, probe, error)
            raise

    return returning


def step_selected(run: dg.DagsterRun, probe: Probe) -> bool:
    """Return whether a run executes the step of the verdict: a re-execution of the steps that failed may leave it out."""
    return run.step_keys_to_execute is None or probe.verdict_asset.replace("/", "__") in run.step_keys_to_execute


def _record(context: dg.AssetExecutionContext, run: RunContext, probe: Probe, error: Exception) -> None:
    """Record why this step failed, where the run was to give a verdict; what keeps that from being recorded is logged."""
    selected = context.job_def.asset_layer.selected_asset_keys
    if dg.AssetKey(probe.verdict_asset.split("/")) not in selected or not step_selected(context.run, probe):
        return
    cause = error.__cause__ if isinstance(error, dg.Failure) and error.__cause__ else error
    step = " and ".join(key.to_user_string() for key in sorted(context.selected_asset_keys))
    held = EMBED_BEHIND_ADAPTER if probe is EMBED and run.probe == EMBED_BEHIND_ADAPTER.name else probe
    try:
        day, name = split_key(context.partition_key, probe.dimension)
        verdict = record_failure(run, held, day, name, failure_of(cause, step), run_id=context.run.run_id)
    except Exception:
        # Whatever it is, the step's own error is what a person has to see first.
        context.log.exception("this failure could not be recorded")
        return
    if verdict is not None:
        tag_verdict(context, verdict.decision)
        context.log.warning("recorded as %s: %s", verdict.decision.value, verdict.reasons[0])
