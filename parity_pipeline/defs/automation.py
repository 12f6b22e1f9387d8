"""Automation: the job that judges one date and model, the two that fetch one lane again, and the daily schedule.

Here belong jobs and schedules. One partition a run, since a check loses its partition in a run over a range.
"""

from typing import Final

import dagster as dg

from parity_pipeline.core.outcomes import Side

JOB_NAME: Final = "parity_run"
SCHEDULE_NAME: Final = "parity_daily"


def refetch_job(side: Side) -> str:
    """Return the name of the job that fetches one lane again."""
    return f"{side.value}_again"


def build_automation(hour: int, minute: int, *, stability: bool, contract: bool) -> dg.Definitions:
    """Return the jobs, and the schedule that runs the first once a day and model, for the day that has begun.

    Args:
        hour: Hour of the day, 0 to 23, in the time zone of the partitions.
        minute: Minute of that hour.
        stability: Whether there are stability assets, which belong to fetching a lane again: another gateway is another
            noise floor.
        contract: Whether there are contract assets, likewise.
    """
    of_a_lane = ("embeddings", *(["stability"] if stability else []), *(["contract"] if contract else []))
    whole = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        description="Probe both sides for one date and model, judge, report, and renew the summary.",
    )
    again = [
        dg.define_asset_job(
            refetch_job(side),
            selection=dg.AssetSelection.assets(*([side.value, name] for name in of_a_lane)).downstream(),
            description=(
                f"Fetch the {side.value} lane again and judge, with the samples and the other lane as they were: "
                f"for a backfill of past dates after that gateway changed."
            ),
        )
        for side in Side
    ]
    schedule = dg.build_schedule_from_partitioned_job(
        whole,
        name=SCHEDULE_NAME,
        hour_of_day=hour,
        minute_of_hour=minute,
        description="Judge every model once a day, for the day that has begun: one run per model.",
    )
    return dg.Definitions(jobs=[whole, *again], schedules=[schedule])
