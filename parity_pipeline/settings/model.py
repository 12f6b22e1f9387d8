"""Settings of the judgement: limits of each measure, waivers, and the proof that is asked for.

Here belong the forms of `thresholds` and `waivers` and the step from them to the core's records. What they mean belongs
to `core.thresholds` and `core.waivers`.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Final, Literal, Self
from zoneinfo import available_timezones

from pydantic import Field, field_validator, model_validator

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards.corpus import chosen_sets
from parity_pipeline.core.outcomes import Measure, Outcome, Side
from parity_pipeline.core.slugs import slug
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.thresholds import Thresholds
from parity_pipeline.core.waivers import Waiver, waiver_faults
from parity_pipeline.services.spec import ServiceSpec
from parity_pipeline.settings.sides import Name, Positive, SideSettings, Strict
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.side_config import SideConfig

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


_BUILT_IN: Final = {row.name: row for row in BUILT_IN}


class DialectSettings(Strict):
    """A person's own dialect; the fields are those of `wire.dialects.Dialect`."""

    path: Annotated[str, Field(pattern=r"^/")]
    texts_field: Name = "texts"
    model_field: Name | None = "model"
    vectors_field: str = "embeddings"
    order_field: Name | None = None
    model_echo_field: Name | None = "model"
    dimension_field: Name | None = None
    usage_field: Name | None = None
    extra_fields: dict[str, Any] = {}
    one_text: bool = False
    base64: bool = False


class SampleSettings(Strict):
    """One source of samples: a file, a folder, a folder with a sub-folder a date, or built-in hazard sets."""

    path: Path | None = None
    hazards: list[str] = []
    category: str = ""
    format: Literal["text", "jsonl", "csv", "parquet"] | None = None
    per_date: bool = False
    sample: Positive | None = None
    seed: int = 0
    required: bool = True

    @field_validator("hazards")
    @classmethod
    def _known_sets(cls, value: list[str]) -> list[str]:
        try:
            chosen_sets(value)
        except SampleSourceError as error:
            raise ValueError(f"{error.problem}. {error.remedy}") from None
        return value

    @model_validator(mode="after")
    def _one_kind(self) -> Self:
        if (self.path is None) == (not self.hazards):
            raise ValueError("name a path or hazards, exactly one of them, for each source")
        if self.hazards and (idle := sorted(self.model_fields_set - {"path", "hazards"})):
            raise ValueError(f"{', '.join(idle)} says something about files; hazards are read from none, leave it out")
        return self


class ScheduleSettings(Strict):
    """When the day's probe runs, in the time zone of the settings."""

    hour: int = Field(default=6, ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)


class StabilitySettings(Strict):
    """Whether and how much each side is tried against itself."""

    enabled: bool = True
    texts: Annotated[int, Field(ge=1, le=1000)] = Budget().texts
    requests: Annotated[int, Field(ge=20, le=10_000)] = Budget().requests

    def budget(self) -> Budget:
        """Return the budget as the core takes it."""
        return Budget(texts=self.texts, requests=self.requests)


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
    thresholds: ThresholdSettings = ThresholdSettings()
    required_bound: Annotated[float, Field(gt=0, lt=1)] | None = None
    waivers: list[WaiverSettings] = []
    sides: Sides
    dialects: dict[str, DialectSettings] = {}
    stability: StabilitySettings = StabilitySettings()
    schedule: ScheduleSettings = ScheduleSettings()
    owners: Annotated[list[Annotated[str, Field(pattern=r"^(team:.+|[^@\s]+@[^@\s]+)$")]], Field(min_length=1)] = [
        "team:embedding-cutover"
    ]
    executor: Literal["in_process", "forkserver"] = "in_process"

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, value: str) -> str:
        if value not in available_timezones():
            raise ValueError(f"{value!r} is no time zone; name one of the IANA database, such as Europe/Berlin or UTC")
        return value

    @field_validator("models")
    @classmethod
    def _distinct(cls, value: list[str]) -> list[str]:
        names: dict[str, str] = {}
        for name in value:
            folded = slug(name).casefold()
            if folded in names:
                twin = names[folded]
                same = "is named twice" if twin == name else f"and {twin!r} would share a file on some file systems"
                raise ValueError(f"{name!r} {same}; keep one of them")
            names[folded] = name
        return value

    @field_validator("waivers")
    @classmethod
    def _usable(cls, value: list[WaiverSettings]) -> list[WaiverSettings]:
        if faults := waiver_faults([one.waiver() for one in value]):
            raise ValueError("; ".join(faults))
        return value

    @field_validator("dialects")
    @classmethod
    def _not_built_in(cls, value: dict[str, DialectSettings]) -> dict[str, DialectSettings]:
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

    def side(self, side: Side) -> SideSettings:
        """Return the settings of one side."""
        return self.sides.legacy if side is Side.LEGACY else self.sides.candidate

    def path(self, value: Path) -> Path:
        """Return a path of the settings as an absolute one."""
        return (self.root / value.expanduser()).resolve()

    def layout(self) -> Layout:
        """Return where data and reports lie."""
        return Layout(data_dir=self.path(self.data_dir), reports_dir=self.path(self.reports_dir))

    def limits(self) -> Thresholds:
        """Return the thresholds as the core takes them."""
        return self.thresholds.limits()

    def all_waivers(self) -> tuple[Waiver, ...]:
        """Return the waivers as the core takes them."""
        return tuple(one.waiver() for one in self.waivers)

    def sources(self) -> tuple[SourceSpec, ...]:
        """Return the sample sources with absolute paths."""
        return tuple(
            SourceSpec(
                path=None if source.path is None else self.path(source.path),
                hazards=tuple(source.hazards),
                category=source.category,
                format=source.format,
                per_date=source.per_date,
                sample=source.sample,
                seed=source.seed,
                required=source.required,
            )
            for source in self.samples
        )

    def dialect(self, name: str) -> Dialect:
        """Return a dialect by name, a person's own or a built-in one."""
        if name in self.dialects:
            return Dialect(name=name, **self.dialects[name].model_dump())
        return _BUILT_IN[name]

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
        """Return one side as the wire asks it, its token taken from the environment.

        Raises:
            SettingsError: `bearer_env` names a variable that is not set, or is empty.
        """
        one = self.side(side)
        return one.config(side, self.dialect(one.dialect), environ, self.path)
