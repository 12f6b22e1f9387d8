"""The sections of the embed probe: thresholds, waivers, checks, sources, dialects, repeatability, contract, reproduction.

Here belongs the form of each section, over the dataclass of the room that it is about. How they hang together belongs to
`model`, the section of the other probe to `retrieve`.
"""

from dataclasses import dataclass
from typing import Annotated, Final, Literal

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator

from parity_pipeline.core.checks import CheckName, CheckSeverity, settings_faults
from parity_pipeline.core.contract.records import ContractBudget
from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.gateway_watch import GatewayChanges
from parity_pipeline.core.hazards.corpus import chosen_sets
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproduceBudget
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.settings.fields import (
    PATH_OR_HAZARDS,
    REQUIRED_FOLDER,
    LocalPath,
    Name,
    Positive,
    Validated,
    known_names,
    one_kind,
    one_of,
    without_faults,
)
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import BUILT_IN, Dialect, DigestLookup, dialect_faults
from parity_pipeline.wire.side_config import Soak

BUILT_IN_DIALECTS: Final = {row.name: row for row in BUILT_IN}
"""The built-in dialects by name."""

Limit = Annotated[float, Field(gt=0)]

ThresholdSettings = Annotated[
    Thresholds,
    Validated(
        cosine=Annotated[float, Field(gt=0, le=1)],
        norm_ratio=Limit,
        max_abs_delta_unit=Limit | None,
        max_abs_delta=Limit | None,
        max_abs_delta_relative=Limit | None,
    ),
]


_known_names = known_names(CheckName, "a check")


WaiverSettings = Annotated[
    Waiver,
    Validated(
        id=Name,
        owner=Name,
        reason=Name,
        max_samples=Positive,
        side=Literal["legacy", "candidate", "both"] | None,
        categories=tuple[Name, ...],
        samples=tuple[Name, ...],
        models=tuple[Name, ...],
        checks=Annotated[tuple[CheckName, ...], BeforeValidator(_known_names)],
    ),
]


ChecksSettings = Annotated[
    dict[CheckName, CheckSeverity],
    BeforeValidator(_known_names),
    AfterValidator(lambda value: without_faults(settings_faults(value), value)),
]


def _sendable(value: Dialect) -> Dialect:
    if faults := tuple(dialect_faults(value)):
        raise ValueError("; ".join(faults))
    return value


DigestSettings = Annotated[
    DigestLookup, Validated(path=Annotated[str, Field(pattern=r"^/")], name_field=Name, digest_field=Name)
]
"""Where a gateway lists its models with their digests."""


DialectSettings = Annotated[
    Dialect,
    Validated(
        path=Annotated[str, Field(pattern=r"^/")],
        model_field=Name | None,
        order_field=Name | None,
        model_echo_field=Name | None,
        dimension_field=Name | None,
        usage_field=Name | None,
        digest=DigestSettings | None,
    ),
    AfterValidator(_sendable),
]


def _known_sets(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        chosen_sets(value)
    except SampleSourceError as error:
        raise ValueError(f"{error.problem}. {error.remedy}") from None
    return value


SampleSettings = Annotated[
    SourceSpec,
    Validated(
        path=LocalPath | None,
        required=REQUIRED_FOLDER,
        hazards=Annotated[
            tuple[str, ...],
            AfterValidator(_known_sets),
            Field(description="Sets of the built-in hazard corpus, or `[all]`, in place of a path."),
        ],
        format=Literal["text", "jsonl", "csv", "parquet"] | None,
        sample=Positive | None,
    ),
    WrapValidator(one_kind),
    PATH_OR_HAZARDS,
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability(Budget):
    """Whether each side's repeatability is measured, and with how many requests.

    Attributes:
        enabled: Whether repeatability is measured, by `legacy/stability` and `candidate/stability`.
    """

    enabled: bool = True


StabilitySettings = Annotated[
    Stability,
    Validated(texts=Annotated[int, Field(ge=1, le=1000)], requests=Annotated[int, Field(ge=20, le=10_000)]),
]


def _one_length(value: Soak) -> Soak:
    if bool(value.requests) == bool(value.minutes):
        raise ValueError("set requests or minutes, exactly one of them")
    return value


SoakSettings = Annotated[
    Soak,
    Validated(
        requests=Annotated[int, Field(ge=0, le=1_000_000)],
        minutes=Annotated[float, Field(ge=0, le=1440, json_schema_extra={"unit": "minutes"})],
    ),
    AfterValidator(_one_length),
    one_of("requests", "minutes"),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(ContractBudget):
    """Whether each side's contract is observed, and with how many requests; on by default.

    Attributes:
        enabled: Whether what each side does with odd requests is observed.
    """

    enabled: bool = True


ContractSettings = Annotated[
    Contract,
    Validated(
        requests=Annotated[int, Field(ge=10, le=40)],
        window_tokens=Annotated[int, Field(ge=16, le=32_768)],
        limits=dict[Side, bool],
    ),
]


ReproduceSettings = Annotated[ReproduceBudget, Validated(requests=Annotated[int, Field(ge=0, le=1000)])]


GatewayChangesSettings = Annotated[
    GatewayChanges,
    Validated(
        interval_seconds=Annotated[int, Field(ge=30, le=86_400)],
        backfill_dates=Annotated[int, Field(ge=0, le=366)],
        drift_dates=Annotated[int, Field(ge=0, le=30)],
    ),
]
"""What is done about changes of a gateway."""
