"""The sensor that notices a change of a gateway, says what changed, and requests the dates of that lane again.

Here belongs the step from one round over the gateways to run requests, and the cursor between two rounds. What a round is
belongs to `steps.watch_gateways`. The sensor is off until somebody starts it, and requests nothing unless the settings name a
number of dates.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import dagster as dg
from pydantic import TypeAdapter, ValidationError

from parity_pipeline.core.gateway_watch import Watched, WatchEventKind
from parity_pipeline.defs.automation import refetch_job
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.watch_gateways import LaneEvent, Round, probe_of, watch_gateways
from parity_pipeline.storage.json_records import json_text

NAME: Final = "gateway_changes"
"""Name of the sensor."""

CHANGE_TAG: Final = "parity/gateway-change"
"""Tag of a run that a change has requested: what changed."""

TAG_CHARACTERS: Final = 200
"""Characters of that tag."""

_MEMORY: Final[TypeAdapter[dict[str, Watched]]] = TypeAdapter(dict[str, Watched])


def build_gateway_sensor(run: RunContext, jobs: Sequence[Any], *, first_date: str) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        run: What the steps share.
        jobs: The jobs that fetch one lane again, of all probes.
        first_date: The first date that has partitions, ISO 8601.
    """

    @dg.sensor(
        name=NAME,
        jobs=list(jobs),
        minimum_interval_seconds=run.gateway_changes.interval_seconds,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Look at both gateways by few requests; where one changed, say what, and fetch the newest dates of that lane "
            "again, as many as gateway_changes.backfill_dates says."
        ),
    )
    def gateway_changes(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        seen = watch_gateways(run, memory_of(context.cursor), first_date=first_date)
        for one in seen.events:
            _log(context, one)
        for problem in seen.problems:
            context.log.warning(problem)
        requests = [request for one in seen.events for request in requests_of(one)]
        skip = None if requests else dg.SkipReason(_reason(seen))
        return dg.SensorResult(run_requests=requests, cursor=cursor_of(seen.memory), skip_reason=skip)

    return gateway_changes


def memory_of(cursor: str | None) -> dict[str, Watched]:
    """Return what a cursor remembers; nothing for one that cannot be read, such as one of another version."""
    try:
        return _MEMORY.validate_json(cursor) if cursor else {}
    except ValidationError:
        return {}


def cursor_of(memory: Mapping[str, Watched]) -> str:
    """Return what is remembered as a cursor."""
    return json_text({key: asdict(one) for key, one in memory.items()}).strip()


def requests_of(event: LaneEvent) -> list[dg.RunRequest]:
    """Return one request per date of an event; the key of each is that of its change, so that none is started twice."""
    probe, side = probe_of(event.lane), event.lane[1]
    return [
        dg.RunRequest(
            run_key=f"{event.key}/{day}",
            job_name=refetch_job(side, probe),
            partition_key=make_key(day, event.lane[2], probe.dimension),
            tags={CHANGE_TAG: f"{side}: {'; '.join(event.event.words) or event.event.kind}"[:TAG_CHARACTERS]},
        )
        for day in event.dates
    ]


def _log(context: dg.SensorEvaluationContext, event: LaneEvent) -> None:
    if event.event.kind in (WatchEventKind.FIRST, WatchEventKind.UP):
        context.log.info(event.describe())
    else:
        context.log.warning(event.describe())


def _reason(seen: Round) -> str:
    said = [one.describe() for one in seen.events] + list(seen.problems)
    return "; ".join(said) or f"no change of {len(seen.memory)} lanes"
