"""The settings: their form, their defaults, and what has to hold between them.

Here belong all of `parity.yaml` but its sides, and the step from it to the records of other rooms. What a waiver, a
threshold or a dialect means belongs to the room whose dataclass is validated here; reading the file to `loading`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Annotated, Final, Literal, Self, TypeVar
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator, field_validator, model_validator

from parity_pipeline.core.checks import OF_MEASURES, CheckName, CheckSettings, CheckSeverity, settings_faults
from parity_pipeline.core.contract.records import ContractBudget
from parity_pipeline.core.errors import MetricInputError, SampleSourceError
from parity_pipeline.core.hazards.corpus import ALL, chosen_sets
from parity_pipeline.core.limits import MIN_COMPARED_SHARE
from parity_pipeline.core.measures import NOTHING_FAILS, Measure, Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.waivers import Waiver, waiver_faults
from parity_pipeline.services.state import ServiceSpec
from parity_pipeline.settings.fields import (
    Name,
    Positive,
    Share,
    Strict,
    Validated,
    distinct_names,
    known_names,
    named_by_key,
    one_kind,
    without_faults,
)
from parity_pipeline.settings.sides import SideSettings
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import BUILT_IN, Dialect, dialect_faults
from parity_pipeline.wire.side_config import SideConfig, Soak

_BUILT_IN: Final = {row.name: row for row in BUILT_IN}

Accepted = TypeVar("Accepted")

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


DialectSettings = Annotated[
    Dialect,
    Validated(
        path=Annotated[str, Field(pattern=r"^/")],
        model_field=Name | None,
        order_field=Name | None,
        model_echo_field=Name | None,
        dimension_field=Name | None,
        usage_field=Name | None,
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
        hazards=Annotated[tuple[str, ...], AfterValidator(_known_sets)],
        format=Literal["text", "jsonl", "csv", "parquet"] | None,
        sample=Positive | None,
    ),
    WrapValidator(one_kind),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Stability(Budget):
    """Whether each side's repeatability is measured, and with how many requests.

    Attributes:
        enabled: Whether it is measured.
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
    Validated(requests=Annotated[int, Field(ge=0, le=1_000_000)], minutes=Annotated[float, Field(ge=0, le=1440)]),
    AfterValidator(_one_length),
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract(ContractBudget):
    """Whether each side's contract is observed, and with how many requests; on by default.

    Attributes:
        enabled: Whether it is observed.
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


class ScheduleSettings(Strict):
    """When the day's probe runs, in the time zone of the settings."""

    hour: int = Field(default=6, ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)


class Sides(Strict):
    """The two sides, by their part."""

    legacy: SideSettings
    candidate: SideSettings


class Settings(Strict):
    """All settings. Relative paths are relative to `root`, the folder of `file`, from which they came."""

    root: Path = Field(default=Path(), exclude=True)
    file: Path | None = Field(default=None, exclude=True)
    first_date: date
    timezone: str = "UTC"
    data_dir: Path = Path("data")
    reports_dir: Path = Path("reports/cutover")
    state_dir: Path = Path(".parity")
    dagster_home: Path = Path(".dagster")
    models: Annotated[list[Name], Field(min_length=1)]
    samples: Annotated[list[SampleSettings], Field(min_length=1)]
    hazards: bool = True
    thresholds: ThresholdSettings = Thresholds()
    required_bound: Annotated[float, Field(gt=0, lt=1)] | None = None
    waivers: Annotated[
        list[WaiverSettings], AfterValidator(lambda value: without_faults(waiver_faults(value), value))
    ] = []
    checks: ChecksSettings = {}
    min_compared_share: Share = MIN_COMPARED_SHARE
    allow_same_origin: bool = False
    sides: Sides
    dialects: Annotated[dict[str, DialectSettings], BeforeValidator(named_by_key("dialects"))] = {}
    stability: StabilitySettings = Stability()
    soak: SoakSettings | None = None
    contract: ContractSettings = Contract()
    schedule: ScheduleSettings = ScheduleSettings()
    owners: Annotated[list[Annotated[str, Field(pattern=r"^(team:.+|[^@\s]+@[^@\s]+)$")]], Field(min_length=1)] = [
        "team:embedding-cutover"
    ]
    executor: Literal["in_process", "forkserver"] = "in_process"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is not an IANA time zone; name one, such as Europe/Berlin or UTC")
        return value

    @field_validator("models")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        return distinct_names(value)

    @field_validator("dialects")
    @classmethod
    def _not_built_in(cls, value: dict[str, Dialect]) -> dict[str, Dialect]:
        if taken := sorted(set(value) & set(_BUILT_IN)):
            raise ValueError(f"{', '.join(taken)} is built in; choose another name")
        return value

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for side in Side:
            name = self.side(side).dialect
            if name not in self.dialects and name not in _BUILT_IN:
                known = ", ".join(sorted({*self.dialects, *_BUILT_IN}))
                raise ValueError(
                    f"sides.{side}.dialect: {name!r} is not known; use one of {known}, or add it to dialects"
                )
        names = [service.name for side in Side for service in self.side(side).services]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sides.*.services: two services are named {', '.join(twice)}; give each its own name")
        return self

    @model_validator(mode="after")
    def _two_addresses(self) -> Self:
        one, two = (self.side(side).base_url.casefold() + self.dialect(self.side(side).dialect).path for side in Side)
        if one == two and not self.allow_same_origin:
            raise ValueError(
                f"sides.*.base_url: both sides are {self.sides.legacy.base_url}, which compares a gateway with itself; "
                "give each side its own address, or set allow_same_origin: true if that is meant"
            )
        return self

    @model_validator(mode="after")
    def _something_fails(self) -> Self:
        try:
            self.judged_thresholds()
        except MetricInputError as error:
            raise ValueError(f"thresholds.warn_only, checks: {error.problem}. {error.remedy}") from None
        return self

    def judged_thresholds(self) -> Thresholds:
        """Return the thresholds, with what `checks` says of measures.

        Raises:
            MetricInputError: No measure could fail a sample.
        """
        severities = {OF_MEASURES[name]: found for name, found in self.checks.items() if name in OF_MEASURES}
        only_warned = dict.fromkeys(self.thresholds.warn_only, CheckSeverity.WARN) | severities
        warn_only = tuple(measure for measure in Measure if only_warned.get(measure) is CheckSeverity.WARN)
        found = replace(self.thresholds, warn_only=warn_only)
        if all(severities.get(one) in (CheckSeverity.WARN, CheckSeverity.INCONCLUSIVE) for one in found.failing):
            raise MetricInputError(NOTHING_FAILS, remedy="Let the cosine fail, or another measure.")
        return found

    def check_settings(self) -> CheckSettings:
        """Return what the settings say of checks."""
        return CheckSettings(
            severities=self.checks,
            min_compared_share=self.min_compared_share,
            allow_same_origin=self.allow_same_origin,
            accept_echo={side: tuple(self.side(side).accept_echo) for side in Side},
            floors_expected=self.stability.enabled,
            contract_expected=self.contract.enabled,
        )

    def side(self, side: Side) -> SideSettings:
        """Return the settings of one side."""
        return self.sides.legacy if side is Side.LEGACY else self.sides.candidate

    def path(self, value: Path) -> Path:
        """Return a path of the settings as an absolute one."""
        return (self.root / value.expanduser()).resolve()

    def layout(self) -> Layout:
        """Return the folders of data and reports."""
        return Layout(data_dir=self.path(self.data_dir), reports_dir=self.path(self.reports_dir))

    def sources(self) -> tuple[SourceSpec, ...]:
        """Return the sample sources with absolute paths, and all hazards last unless a source names sets or none are wanted."""
        named = tuple(
            replace(source, path=None if source.path is None else self.path(source.path)) for source in self.samples
        )
        covered = not self.hazards or any(source.hazards for source in self.samples)
        return named if covered else (*named, SourceSpec(hazards=(ALL,)))

    def dialect(self, name: str) -> Dialect:
        """Return a dialect by name, the settings' own or a built-in one."""
        return self.dialects[name] if name in self.dialects else _BUILT_IN[name]

    def services(self, *sides: Side) -> tuple[ServiceSpec, ...]:
        """Return the services of the given sides, of both where none is given, in the order of the file."""
        return tuple(
            ServiceSpec(
                name=service.name,
                command=tuple(service.command),
                cwd=self.path(service.cwd),
                env={name: value.get_secret_value() for name, value in service.env.items()},
                health_url=service.health_url,
                startup_timeout=service.startup_timeout,
            )
            for side in sides or Side
            for service in self.side(side).services
        )

    def side_config(self, side: Side, environ: Mapping[str, str]) -> SideConfig:
        """Return what the wire needs to know of one side, its token taken from the environment.

        Raises:
            SettingsError: `bearer_env` names a variable that is not set, or is empty.
        """
        one = self.side(side)
        return replace(one.config(side, self.dialect(one.dialect), environ, self.path), soak=self.soak)
