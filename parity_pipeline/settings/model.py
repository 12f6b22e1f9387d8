"""The settings: their form, their defaults, and what has to hold between them.

Here belong the whole of `parity.yaml`, what its sections must agree in, and the step from it to the records of other rooms.
The form of a section belongs to `embed`, `retrieve` and `sides`; reading the file to `loading`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Annotated, Literal, Self
from zoneinfo import available_timezones

from pydantic import AfterValidator, BeforeValidator, Field, field_validator, model_validator

from parity_pipeline.alerts.options import AlertOptions
from parity_pipeline.core.checks import OF_MEASURES, CheckSettings, CheckSeverity
from parity_pipeline.core.errors import MetricInputError, SettingsError
from parity_pipeline.core.gateway_watch import GatewayChanges
from parity_pipeline.core.hazards.corpus import ALL
from parity_pipeline.core.limits import MIN_COMPARED_SHARE
from parity_pipeline.core.measures import NOTHING_FAILS, Measure, Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproduceBudget
from parity_pipeline.core.retrieval.checks import RetrievalCheckSettings
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER
from parity_pipeline.core.waivers import waiver_faults
from parity_pipeline.flip.options import FlipOptions
from parity_pipeline.report.links import Links
from parity_pipeline.services.state import ServiceSpec
from parity_pipeline.settings.adapter import AdapterSettings
from parity_pipeline.settings.alerts import AlertSettings
from parity_pipeline.settings.embed import (
    BUILT_IN_DIALECTS,
    ChecksSettings,
    Contract,
    ContractSettings,
    DialectSettings,
    GatewayChangesSettings,
    ReproduceSettings,
    SampleSettings,
    SoakSettings,
    Stability,
    StabilitySettings,
    ThresholdSettings,
    WaiverSettings,
)
from parity_pipeline.settings.fields import (
    LocalPath,
    Name,
    Share,
    Strict,
    Validated,
    absolute,
    checked_url,
    distinct_names,
    known_dialect,
    named_by_key,
    without_faults,
)
from parity_pipeline.settings.flip import FlipSettings
from parity_pipeline.settings.retrieve import ALL_HAZARDS, BUILT_IN_RETRIEVAL, RetrievalDialects, RetrieveSettings
from parity_pipeline.settings.sides import Sides, SideSettings
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.retrieval_dialects import RetrievalDialect
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

Address = Annotated[str, AfterValidator(checked_url)]
LinkSettings = Annotated[Links, Validated(reports=Address, dagster=Address)]


class ScheduleSettings(Strict):
    """When the day's probe runs, in the time zone of the settings.

    Attributes:
        hour: Hour of the day, in `timezone`.
        minute: Minute of that hour.
    """

    hour: int = Field(default=6, ge=0, le=23)
    minute: int = Field(default=0, ge=0, le=59)


class RetentionSettings(Strict):
    """How long stored vectors and rankings are kept; verdicts, comparisons and reports always are.

    Attributes:
        vectors_days: Days for which vectors and rankings are kept; without it, for ever.
    """

    vectors_days: Annotated[int, Field(ge=1, le=36_500)] | None = None


class Settings(Strict):
    """All settings. Relative paths are relative to `root`, the folder of `file`, from which they came.

    `settings.through_adapter` makes those of a probe through the adapter; no file can ask for them.

    Attributes:
        first_date: First partition date, `YYYY-MM-DD`.
        timezone: IANA time zone in which a day begins and the schedule runs, such as `Europe/Oslo`.
        data_dir: Folder of Parquet files, verdicts and staging.
        reports_dir: Folder of reports, summary and ledger; meant to be tracked in git.
        state_dir: Folder of pids and logs of services, of locks, and of what alerts have sent.
        dagster_home: Folder of Dagster's history, unless `DAGSTER_HOME` is set.
        models: Models to request, one partition each; any name, slashes and colons included.
        samples: Where samples come from.
        hazards: Sample all built-in hazards too, after `samples`, unless a source there names sets of its own.
        thresholds: What each sample has to reach.
        required_bound: Largest share of inputs that may fail; randomly drawn samples have to prove it.
        waivers: Expected differences that someone takes responsibility for.
        checks: Severity of each check that is not to have its default one.
        min_compared_share: Smallest share of samples or queries that must be comparable, or the verdict is
            INCONCLUSIVE.
        allow_same_origin: Accept one address for both sides, to compare a gateway with itself.
        sides: The two sides.
        dialects: Your own dialects by name.
        retrieve: The retrieve probe; without this section there is none.
        retrieval_dialects: Your own retrieval dialects by name.
        stability: How the repeatability of each side is measured.
        soak: Go on with canaries after each lane.
        contract: What each side does with odd requests.
        reproduce: How the worst failing sample or query of a FAIL is made small.
        schedule: When the daily run starts.
        retention: How long vectors and rankings are kept.
        owners: Owners that Dagster shows: e-mail addresses or `team:name`.
        executor: `forkserver` takes a process per step and runs both lanes at once; worth it for long fetches.
        adapter: What `parity adapter serve` does.
        flip: What has to hold before traffic moves.
        links: Where people reach reports and the Dagster UI.
        alerts: Who is alerted of which changes of verdicts; `docs/alerts.md` explains it.
        gateway_changes: What is done about changes of a gateway.
    """

    root: Path = Field(default=Path(), exclude=True)
    file: Path | None = Field(default=None, exclude=True)
    through_adapter: bool = Field(default=False, exclude=True)
    first_date: date
    timezone: str = "UTC"
    data_dir: LocalPath = Path("data")
    reports_dir: LocalPath = Path("reports/cutover")
    state_dir: LocalPath = Path(".parity")
    dagster_home: LocalPath = Path(".dagster")
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
    retrieve: RetrieveSettings | None = None
    retrieval_dialects: RetrievalDialects = {}
    stability: StabilitySettings = Stability()
    soak: SoakSettings | None = None
    contract: ContractSettings = Contract()
    reproduce: ReproduceSettings = ReproduceBudget()
    schedule: ScheduleSettings = ScheduleSettings()
    retention: RetentionSettings = RetentionSettings()
    owners: Annotated[list[Annotated[str, Field(pattern=r"^(team:.+|[^@\s]+@[^@\s]+)$")]], Field(min_length=1)] = [
        "team:embedding-cutover"
    ]
    executor: Literal["in_process", "forkserver"] = "in_process"
    adapter: AdapterSettings | None = None
    flip: FlipSettings = FlipOptions()
    links: LinkSettings = Links()
    alerts: AlertSettings = AlertOptions()
    gateway_changes: GatewayChangesSettings = GatewayChanges()

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
        if taken := sorted(set(value) & set(BUILT_IN_DIALECTS)):
            raise ValueError(f"{', '.join(taken)} is built in; choose another name")
        return value

    @model_validator(mode="after")
    def _names_resolve(self) -> Self:
        for side in Side:
            known = {*self.dialects, *BUILT_IN_DIALECTS}
            if name := self.side(side).dialect:
                known_dialect(name, known, f"sides.{side}.dialect", "dialects")
        names = [service.name for side in Side for service in self.side(side).services]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"sides.*.services: two services are named {', '.join(twice)}; give each its own name")
        return self

    @model_validator(mode="after")
    def _retrieval_resolves(self) -> Self:
        if (section := self.retrieve) is None:
            return self
        for side in Side:
            name = section.side(side).dialect
            if name is None:
                if self.side(side).recorded:
                    continue
                raise ValueError(f"retrieve.{side}.dialect: missing key; add it")
            known = {*self.retrieval_dialects, *BUILT_IN_RETRIEVAL}
            known_dialect(name, known, f"retrieve.{side}.dialect", "retrieval_dialects")
            if self.retrieval_dialect(name).needs_vectors and section.model is None:
                raise ValueError(
                    f"retrieve.model: {name} takes vectors alone; name the model that embeds queries for it"
                )
        one, two = (self._retrieval_address(side) for side in Side)
        if one and one == two and not self.allow_same_origin:
            raise ValueError(
                f"retrieve.*.base_url: both sides are requested at {one}, which compares a gateway with itself; "
                "give each side its own address, or set allow_same_origin: true if that is meant"
            )
        return self

    def _retrieval_address(self, side: Side) -> str:
        own = self.retrieval().side(side)
        address = own.base_url or self.side(side).base_url
        return address.casefold() + self.retrieval_dialect(own.dialect).path if address and own.dialect else ""

    @model_validator(mode="after")
    def _two_addresses(self) -> Self:
        if any(self.side(side).missing() for side in Side):
            return self
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
        return self.sides.side(side)

    def path(self, value: Path) -> Path:
        """Return a path of the settings as an absolute one.

        Raises:
            SettingsError: It leads in a circle of links or to the home of nobody, or no file can have this name.
        """
        return absolute(self.root, value)

    def layout(self) -> Layout:
        """Return the folders of data and reports."""
        return Layout(
            data_dir=self.path(self.data_dir), reports_dir=self.path(self.reports_dir), probe=self.embed_probe
        )

    def keep_vectors(self) -> timedelta | None:
        """Return how long vectors and rankings are kept; None for ever."""
        days = self.retention.vectors_days
        return None if days is None else timedelta(days=days)

    @property
    def embed_probe(self) -> str:
        """Return the name of the probe of embeddings, as verdicts have it."""
        return EMBED_THROUGH_ADAPTER if self.through_adapter else EMBED

    def sources(self) -> tuple[SourceSpec, ...]:
        """Return the sample sources with absolute paths, and all hazards last unless a source names sets or none are wanted."""
        return self._absolute(self.samples, SourceSpec(hazards=(ALL,)) if self.hazards else None)

    def _absolute(self, sources: Sequence[SourceSpec], hazards: SourceSpec | None) -> tuple[SourceSpec, ...]:
        named = tuple(
            replace(source, path=None if source.path is None else self.path(source.path)) for source in sources
        )
        if hazards is None or any(source.hazards for source in sources):
            return named
        return (*named, hazards)

    def dialect(self, name: str) -> Dialect:
        """Return a dialect by name, the settings' own or a built-in one."""
        return self.dialects[name] if name in self.dialects else BUILT_IN_DIALECTS[name]

    def retrieval(self) -> RetrieveSettings:
        """Return the section of the retrieve probe.

        Raises:
            SettingsError: There is none.
        """
        if self.retrieve is None:
            remedy = "Add the section; docs/settings.md lists its keys."
            raise SettingsError("there is no retrieve probe", place="retrieve", remedy=remedy)
        return self.retrieve

    def retrieval_dialect(self, name: str) -> RetrievalDialect:
        """Return a retrieval dialect by name, the settings' own or a built-in one."""
        return self.retrieval_dialects[name] if name in self.retrieval_dialects else BUILT_IN_RETRIEVAL[name]

    def query_sources(self) -> tuple[SourceSpec, ...]:
        """Return the query sources with absolute paths, and all hazards last unless a source names some or none are wanted."""
        section = self.retrieval()
        return self._absolute(section.queries, ALL_HAZARDS if section.hazards else None)

    def qrels(self) -> Path | None:
        """Return the file of relevance labels; None where there is none."""
        return self.path(found) if (found := self.retrieval().qrels) else None

    def retrieval_check_settings(self) -> RetrievalCheckSettings:
        """Return what the settings say of the checks of the retrieve probe."""
        return RetrievalCheckSettings(
            severities=self.retrieval().checks,
            min_compared_share=self.min_compared_share,
            allow_same_origin=self.allow_same_origin,
        )

    def retrieval_side(self, side: Side, corpus: str, environ: Mapping[str, str]) -> RetrievalSide:
        """Return how one side is requested for the rankings of one corpus, its token taken from the environment.

        Raises:
            SettingsError: `bearer_env` names a variable that is not set, or is empty; there is no retrieve probe; or the
                side is a recording that does not say how it would be requested.
        """
        section = self.retrieval()
        own, config = section.side(side), self.side_config(side, environ).for_few_texts()
        if own.dialect is None:
            remedy = "If its gateway still runs, set it; else leave this to the other side."
            problem = "this side is a recording that names no dialect, and one is needed here"
            raise SettingsError(problem, place=f"retrieve.{side}.dialect", remedy=remedy)
        config = replace(config, base_url=own.base_url or config.base_url)
        return section.wire_side(side, corpus, config, self.retrieval_dialect(own.dialect))

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
            for service in (() if self.side(side).recorded else self.side(side).services)
        )

    def side_config(self, side: Side, environ: Mapping[str, str]) -> SideConfig:
        """Return what the wire needs to know of one side, its token taken from the environment.

        Raises:
            SettingsError: `bearer_env` names a variable that is not set, or is empty; or the side is a recording that
                names no gateway.
        """
        one = self.sides.gateway(side)
        return replace(one.config(side, self.dialect(one.dialect), environ, self.path), soak=self.soak)
