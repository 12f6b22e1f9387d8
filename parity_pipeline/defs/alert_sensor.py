"""The sensor of alerts: it looks at the ledger every minute, and has what is new sent.

Here belongs what Dagster sees of alerts: when they are looked for, and what a tick shows. It is off until someone switches it
on. What is news, and what was announced, is decided without Dagster (`alerts.announce`).
"""

from collections.abc import Callable
from typing import Final

import dagster as dg

from parity_pipeline.alerts.announce import Round

NAME: Final = "parity_alerts"
SECONDS: Final = 60
"""Shortest time between two looks."""


def alert_sensor(announce: Callable[[], Round]) -> dg.SensorDefinition:
    """Return the sensor.

    Args:
        announce: Sends what is new, and returns what it did. It keeps its own state, so that the sensor needs no cursor.
    """

    @dg.sensor(
        name=NAME,
        minimum_interval_seconds=SECONDS,
        default_status=dg.DefaultSensorStatus.STOPPED,
        description=(
            "Send alerts on a failing date, on its recovery, on missing evidence and on a verdict that does not come, "
            "once per change, to the channels of the section `alerts` of parity.yaml."
        ),
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SkipReason:
        found = announce()
        if found.failed:
            # A tick that failed is red on the page Automation; what could not be sent is kept and tried again.
            raise dg.Failure(found.words(), allow_retries=False)
        context.log.info(found.words())
        return dg.SkipReason(found.words())

    return sensor
