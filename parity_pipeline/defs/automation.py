"""Automation: per probe the job that judges one partition, the two that fetch one lane again, and the daily schedule.

Here belong jobs and schedules. One partition per run, since a check loses its partition in a run over a range. A schedule of
Dagster starts one job, so each probe has its own; all tick at the same time of the day, which is `schedule` in the settings. That a
day has one run is also assumed by `asset_factory.freshness`, by `partitions` and by `core.alerts`.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

import dagster as dg

from parity_pipeline.core.outcomes import Side
from parity_pipeline.steps.probes import EMBED, Probe

SUMMARY: Final = dg.AssetKey("summary")
"""The one asset that every probe's run makes again."""


def asset_key(name: str) -> dg.AssetKey:
    """Return the key of an asset by the name that its probe's row has for it, such as `retrieve/verdict`."""
    return dg.AssetKey(name.split("/"))


def refetch_job(side: Side, probe: Probe = EMBED) -> str:
    """Return the name of the job that fetches one lane again."""
    return f"{side.value}_again" if probe is EMBED else f"{side.value}_{probe.name}_again"


@dataclass(frozen=True, kw_only=True)
class ProbeAssets:
    """The assets of one probe that the settings ask for.

    Attributes:
        probe: The probe.
        off: Those of its assets per side that the settings switch off.
    """

    probe: Probe
    off: Collection[str] = ()

    def keys(self, *, inputs: bool = True, sides: Sequence[Side] = tuple(Side)) -> list[dg.AssetKey]:
        """Return the keys of the assets of a run, in the order of the chain.

        Args:
            inputs: Whether what both sides are sent is made again.
            sides: Sides that are fetched again.
        """
        found = [asset_key(self.probe.inputs)] if inputs else []
        found += [dg.AssetKey([side.value, name]) for side in sides for name in self.of_side]
        return [*found, *map(asset_key, self.probe.after_sides), SUMMARY]

    @property
    def of_side(self) -> tuple[str, ...]:
        """Return the assets that each side has."""
        return tuple(name for name in self.probe.of_side if name not in self.off)


_OTHER_VERDICT: Final = " Where Dagster warns that the verdict of the other probe is not materialized, confirm: the summary needs only one of them."


def build_automation(hour: int, minute: int, probes: Sequence[ProbeAssets]) -> dg.Definitions:
    """Return the jobs of these probes, and for each a schedule that runs it once per day and model or corpus.

    Args:
        hour: Hour of the day, 0 to 23, in the time zone of the partitions.
        minute: Minute of that hour.
        probes: The probes that the settings ask for, each with its assets.
    """
    return dg.Definitions.merge(*(_automation(hour, minute, one, several=len(probes) > 1) for one in probes))


def _automation(hour: int, minute: int, assets: ProbeAssets, *, several: bool) -> dg.Definitions:
    probe = assets.probe
    whole = dg.define_asset_job(
        probe.job,
        selection=dg.AssetSelection.assets(*assets.keys()),
        description=(
            f"Probe both sides for one date and {probe.dimension}, judge, report, and renew the summary."
            + (_OTHER_VERDICT if several else "")
        ),
    )
    again = [
        dg.define_asset_job(
            refetch_job(side, probe),
            selection=dg.AssetSelection.assets(*assets.keys(inputs=False, sides=[side])),
            description=(
                f"Fetch the {side.value} lane again and judge, with the {probe.inputs.rpartition('/')[2]} and the other "
                f"lane as they were: for a backfill of past dates after that gateway changed."
            ),
        )
        for side in Side
    ]
    schedule = dg.build_schedule_from_partitioned_job(
        whole,
        name=probe.schedule,
        hour_of_day=hour,
        minute_of_hour=minute,
        description=(
            f"Judge every {probe.dimension} once a day, for the day that has begun: one run per {probe.dimension}."
        ),
    )
    return dg.Definitions(jobs=[whole, *again], schedules=[schedule])
