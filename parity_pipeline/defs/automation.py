"""Automation: the job that judges one date and model, and its daily schedule.

Here belong jobs and schedules. One partition a run, since a check loses its partition in a run over a range.
"""

from typing import Final

import dagster as dg

JOB_NAME: Final = "parity_run"
SCHEDULE_NAME: Final = "parity_daily"


def build_automation(hour: int, minute: int) -> dg.Definitions:
    """Return the job over all assets, and the schedule that runs it once a day and model, for the day that has begun.

    Args:
        hour: Hour of the day, 0 to 23, in the time zone of the partitions.
        minute: Minute of that hour.
    """
    job = dg.define_asset_job(
        JOB_NAME,
        selection=dg.AssetSelection.all(),
        description="Probe both sides for one date and model, judge, report, and renew the summary.",
    )
    schedule = dg.build_schedule_from_partitioned_job(
        job,
        name=SCHEDULE_NAME,
        hour_of_day=hour,
        minute_of_hour=minute,
        description="Judge every model once a day.",
    )
    return dg.Definitions(jobs=[job], schedules=[schedule])
