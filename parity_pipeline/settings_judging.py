"""Settings of the judgement: limits of each measure, waivers, and the proof that is asked for.

Here belong the forms of `thresholds` and `waivers` and the step from them to the core's records. What they mean belongs
to `core.grading` and `core.waivers`.
"""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, model_validator

from parity_pipeline.core.grading import Thresholds
from parity_pipeline.core.outcomes import Measure, Outcome
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.settings_side import Name, Positive, Strict

Limit = Annotated[float, Field(gt=0)]


class ThresholdSettings(Strict):
    """What a sample has to reach; a measure without a limit is not judged."""

    cosine: Annotated[float, Field(gt=0, le=1)] = Thresholds().cosine
    norm_ratio: Limit = Thresholds().norm_ratio
    max_abs_delta_unit: Limit | None = None
    max_abs_delta: Limit | None = None
    max_abs_delta_relative: Limit | None = None
    warn_only: tuple[Measure, ...] = Thresholds().warn_only

    @model_validator(mode="after")
    def _something_fails(self) -> "ThresholdSettings":
        self.limits()
        return self

    def limits(self) -> Thresholds:
        """Return the thresholds as the core takes them."""
        return Thresholds(
            cosine=self.cosine,
            norm_ratio=self.norm_ratio,
            max_abs_delta_unit=self.max_abs_delta_unit,
            max_abs_delta=self.max_abs_delta,
            max_abs_delta_relative=self.max_abs_delta_relative,
            warn_only=self.warn_only,
        )


class WaiverSettings(Strict):
    """One expected difference; the fields are those of `core.waivers.Waiver`."""

    id: Name
    owner: Name
    reason: Name
    expires: date
    max_samples: Positive
    outcomes: tuple[Outcome, ...] = ()
    measures: dict[Measure, float] = {}
    side: Literal["legacy", "candidate", "both"] | None = None
    categories: tuple[Name, ...] = ()
    samples: tuple[Name, ...] = ()
    head: str = ""
    models: tuple[Name, ...] = ()
    first_date: date | None = None
    last_date: date | None = None

    def waiver(self) -> Waiver:
        """Return the waiver as the core takes it."""
        return Waiver(
            id=self.id,
            owner=self.owner,
            reason=self.reason,
            expires=self.expires,
            max_samples=self.max_samples,
            outcomes=self.outcomes,
            measures=self.measures,
            side=self.side,
            categories=self.categories,
            samples=self.samples,
            head=self.head,
            models=self.models,
            first_date=self.first_date,
            last_date=self.last_date,
        )
