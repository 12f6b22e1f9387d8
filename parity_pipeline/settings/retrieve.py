"""The `retrieve` section: query sources, what each partition searches, bands, and how both sides are requested.

Here belong the form of the section and the step from it to the records of other rooms. What a band, a waiver or a dialect
means belongs to the room whose dataclass is validated here; addresses, tokens and limits of a side to `sides`.
"""

from difflib import get_close_matches
from typing import Annotated, Any, Final, Literal, Self, cast

from pydantic import AfterValidator, BeforeValidator, Field, WrapValidator, field_validator, model_validator

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.errors import MetricInputError, SampleSourceError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands
from parity_pipeline.core.retrieval.checks import RetrievalCheckName, retrieval_settings_faults
from parity_pipeline.core.retrieval.compare import TIE_TOLERANCE, ComparisonRules
from parity_pipeline.core.retrieval.confirmation import ConfirmBudget
from parity_pipeline.core.retrieval.hazards import ALL, chosen_categories
from parity_pipeline.core.retrieval.measures import DEPTHS, RBO_PERSISTENCE
from parity_pipeline.core.retrieval.noise import NoiseBudget
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.records import IdMapping, Reported, ScoreScale
from parity_pipeline.core.retrieval.waivers import QueryWaiver, query_waiver_faults
from parity_pipeline.settings.fields import (
    PATH_OR_HAZARDS,
    REQUIRED_FOLDER,
    LocalPath,
    Name,
    Number,
    Positive,
    Strict,
    Validated,
    checked_url,
    distinct_names,
    known_names,
    named_by_key,
    one_kind,
    without_faults,
)
from parity_pipeline.settings.retrieve_bands import BandSettings
from parity_pipeline.storage.query_sources import QueryDefaults, QuerySourceSpec
from parity_pipeline.wire.retrieval_dialects import RETRIEVAL_DIALECTS, RetrievalDialect, retrieval_dialect_faults
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

BUILT_IN_RETRIEVAL: Final = {row.name: row for row in RETRIEVAL_DIALECTS}
"""The built-in retrieval dialects by name."""

_FIRST_PAGE: Final = 10
"""A depth that is always measured, since a measure of the set looks at it."""


def _known_categories(value: tuple[str, ...]) -> tuple[str, ...]:
    try:
        chosen_categories(value)
    except SampleSourceError as error:
        raise ValueError(f"{error.problem}. {error.remedy}") from None
    return value


QuerySettings = Annotated[
    QuerySourceSpec,
    Validated(
        path=LocalPath | None,
        required=REQUIRED_FOLDER,
        hazards=Annotated[
            tuple[str, ...],
            AfterValidator(_known_categories),
            Field(description="Categories of the built-in hazard queries, or `[all]`, in place of a path."),
        ],
        format=Literal["text", "jsonl", "csv", "parquet"] | None,
        sample=Positive | None,
        text=Name,
    ),
    WrapValidator(one_kind),
    PATH_OR_HAZARDS,
]

_known_checks = known_names(RetrievalCheckName, "a check of the retrieve probe")

QueryWaiverSettings = Annotated[
    QueryWaiver,
    Validated(
        id=Name,
        owner=Name,
        reason=Name,
        max_queries=Positive,
        queries=tuple[Name, ...],
        categories=tuple[Name, ...],
        corpora=tuple[Name, ...],
        checks=Annotated[tuple[RetrievalCheckName, ...], BeforeValidator(_known_checks)],
    ),
]

RetrievalChecks = Annotated[
    dict[RetrievalCheckName, CheckSeverity],
    BeforeValidator(_known_checks),
    AfterValidator(lambda value: without_faults(retrieval_settings_faults(value), value)),
]


def _usable(value: RetrievalDialect) -> RetrievalDialect:
    return without_faults(retrieval_dialect_faults(value), value)


def _not_built_in(value: dict[str, RetrievalDialect]) -> dict[str, RetrievalDialect]:
    if taken := sorted(set(value) & set(BUILT_IN_RETRIEVAL)):
        raise ValueError(f"{', '.join(taken)} is built in; choose another name")
    return value


_Dialect = Annotated[
    RetrievalDialect,
    Validated(
        path=Annotated[
            str,
            Field(
                pattern=r"^/",
                description="Path of the endpoint below the base URL; may hold `{corpus}`, `{corpora}` and `{model}`.",
            ),
        ],
        text_request=dict[str, Any] | None,
        vector_request=dict[str, Any] | None,
        id_field=Name,
        score_field=Name | None,
        corpus_field=Name | None,
        mode_field=Name | None,
    ),
    AfterValidator(_usable),
]

RetrievalDialects = Annotated[
    dict[str, _Dialect], BeforeValidator(named_by_key("retrieval_dialects")), AfterValidator(_not_built_in)
]

NoiseSettings = Annotated[
    NoiseBudget, Validated(queries=Annotated[int, Field(ge=0, le=1000)], repeats=Annotated[int, Field(ge=1, le=20)])
]
ConfirmSettings = Annotated[
    ConfirmBudget, Validated(queries=Annotated[int, Field(ge=0, le=1000)], times=Annotated[int, Field(ge=1, le=20)])
]


class IdSettings(Strict):
    """How a side's document ids are spelled in the space that both sides are compared in.

    Attributes:
        prefix: Removed from the front of document ids.
        template: What an id becomes before both sides are compared, with `{id}` and `{corpus}`.
    """

    prefix: str = ""
    template: str = "{id}"

    @field_validator("template")
    @classmethod
    def _keeps_ids_apart(cls, value: str) -> str:
        try:
            IdMapping(template=value)
        except MetricInputError as error:
            raise ValueError(f"{error.problem}. {error.remedy}") from None
        return value


ScaleSettings = Annotated[
    ScoreScale, Validated(factor=Annotated[float, Field(gt=0, allow_inf_nan=False)], offset=Number)
]


class FilterSettings(Strict):
    """One filter as each side spells it: a string, a mapping, or whatever its endpoint takes.

    Attributes:
        legacy: As the legacy side spells it.
        candidate: As the candidate spells it.
    """

    legacy: Any
    candidate: Any


class RetrieveSideSettings(Strict):
    """How one side is requested for rankings. Its headers, token, timeouts and limits are those of `sides`.

    Attributes:
        dialect: Name of a retrieval dialect, built in or one of yours; required unless the side is a recording.
        base_url: Address of retrieval, where it is not that of the side.
        corpora: This side's names of corpora and partitions, such as `{everyone: all_staff}`.
        ids: How document ids of both sides are brought into one form.
        scores: How scores of both sides are brought into one form.
        mode: Mode that responses must report, such as `hybrid`; a response that reports none is accepted.
    """

    dialect: Name | None = None
    base_url: Name | None = None
    corpora: dict[str, Name] = {}
    ids: IdSettings = IdSettings()
    scores: ScaleSettings = ScoreScale()
    mode: Name | None = None

    @field_validator("base_url")
    @classmethod
    def _http(cls, value: str | None) -> str | None:
        return None if value is None else checked_url(value).rstrip("/")


_Corpora = Annotated[list[Name], Field(min_length=1)]
_Searched = Annotated[dict[Name, Annotated[tuple[Name, ...], Field(min_length=1)]], Field(min_length=1)]


def _searches(value: Any) -> Any:
    """Return a mapping from each partition to what it searches; a list names partitions that search themselves."""
    if isinstance(value, list | tuple):
        names = cast("list[Any]", list(value))
        if not all(isinstance(name, str) for name in names):
            raise ValueError("name each corpus, or map each partition to a list of the corpora that it searches")
        return {name: [name] for name in distinct_names(names)}
    return value


class RetrieveSettings(Strict):
    """The retrieve probe. Without this section there is none.

    Attributes:
        corpora: Names, one partition each, such as `[staff]`; or what each searches: `{everyone: [staff,
            contractors]}`.
        queries: Where queries come from.
        hazards: Send all built-in hazard queries too, unless a source names categories of its own.
        k: Results requested where a query names no number.
        filters: Filters by name, as each side spells them; a filter that is not named here is sent as it is.
        model: Model that queries are embedded with, for dialects that take vectors and for attribution.
        qrels: File of relevance labels, in TREC form: `query 0 document relevance`.
        metadata: Metadata fields that must be equal, such as `[role, city]`.
        comparable_scores: A score means the same on both sides, after `scores`.
        tie_tolerance: Score difference up to which two documents may stand in any order.
        persistence: p of rank-biased overlap.
        depths: Depths at which overlap is measured too; 10 always is.
        bands: Limits of measures.
        required_bound: Largest share of queries that may differ; randomly drawn queries have to prove it.
        waivers: Expected differences of queries that someone takes responsibility for.
        checks: Severity of each check of this probe that is not to have its default one.
        noise: Queries that each side gets again, to measure its noise.
        confirm: Differing queries that both sides get again.
        legacy: How rankings are requested from the legacy side; for a recording, how they are read.
        candidate: How rankings are requested from the candidate, likewise.
    """

    corpora: Annotated[_Searched, BeforeValidator(_searches, json_schema_input_type=_Searched | _Corpora)]
    queries: list[QuerySettings] = []
    hazards: bool = True
    k: Annotated[int, Field(ge=1, le=10_000)] = 10
    filters: dict[Name, FilterSettings] = {}
    model: Name | None = None
    qrels: LocalPath | None = None
    metadata: tuple[Name, ...] = ()
    comparable_scores: bool = True
    tie_tolerance: Annotated[float, Field(ge=0, allow_inf_nan=False)] = TIE_TOLERANCE
    persistence: Annotated[float, Field(gt=0, lt=1)] = RBO_PERSISTENCE
    depths: Annotated[tuple[Positive, ...], Field(min_length=1)] = DEPTHS
    bands: BandSettings = BandSettings()
    required_bound: Annotated[float, Field(gt=0, lt=1)] | None = None
    waivers: Annotated[
        list[QueryWaiverSettings], AfterValidator(lambda value: without_faults(query_waiver_faults(value), value))
    ] = []
    checks: RetrievalChecks = {}
    noise: NoiseSettings = NoiseBudget()
    confirm: ConfirmSettings = ConfirmBudget()
    legacy: RetrieveSideSettings = RetrieveSideSettings()
    candidate: RetrieveSideSettings = RetrieveSideSettings()

    @field_validator("corpora")
    @classmethod
    def _distinct(cls, value: dict[str, tuple[str, ...]]) -> dict[str, tuple[str, ...]]:
        distinct_names(list(value))
        for name, searched in value.items():
            if twice := sorted({one for one in searched if searched.count(one) > 1}):
                raise ValueError(f"{name!r} searches {', '.join(twice)} twice; name each corpus once")
        return value

    @model_validator(mode="after")
    def _some_queries(self) -> Self:
        if not self.queries and not self.hazards:
            raise ValueError("no query would be sent: name a source in queries, or set hazards: true")
        return self

    @model_validator(mode="after")
    def _known_waived_corpora(self) -> Self:
        for waiver in self.waivers:
            if unknown := sorted(set(waiver.corpora) - set(self.corpora)):
                raise ValueError(
                    f"waivers: {waiver.id!r} names {', '.join(unknown)}, which is not a corpus; "
                    f"use one of {', '.join(self.corpora)}"
                )
        return self

    @model_validator(mode="after")
    def _known_spelled_corpora(self) -> Self:
        known = sorted({*self.corpora, *(name for searched in self.corpora.values() for name in searched)})
        for side in Side:
            if unknown := sorted(set(self.side(side).corpora) - set(known)):
                near = get_close_matches(unknown[0], known, n=1)
                meant = f"did you mean {near[0]}?" if near else f"use one of {', '.join(known)}"
                raise ValueError(f"{side}.corpora: {unknown[0]!r} is neither a corpus nor searched; {meant}")
        return self

    def side(self, side: Side) -> RetrieveSideSettings:
        """Return the settings of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate

    def searches(self, corpus: str) -> tuple[str, ...]:
        """Return the corpora that a partition searches."""
        return self.corpora[corpus]

    def spelled(self, side: Side) -> dict[str, Any]:
        """Return the filters as a side spells them, by name."""
        return {name: getattr(spelled, side.value) for name, spelled in self.filters.items()}

    def query_defaults(self, corpus: str) -> QueryDefaults:
        """Return what a partition says of queries that say nothing themselves."""
        return QueryDefaults(searches=self.searches(corpus), k=self.k, filters=tuple(self.filters))

    def rules(self) -> ComparisonRules:
        """Return what makes the lists of both sides comparable. Overlap of the first ten is always measured."""
        silent = any(self.side(side).scores.reported is Reported.NOTHING for side in Side)
        return ComparisonRules(
            legacy_scale=self.legacy.scores,
            candidate_scale=self.candidate.scores,
            comparable=self.comparable_scores and not silent,
            tie_tolerance=self.tie_tolerance,
            persistence=self.persistence,
            depths=tuple(sorted({*self.depths, _FIRST_PAGE})),
            modes=tuple((side, mode) for side in Side if (mode := self.side(side).mode) is not None),
        )

    def codebook(self, corpus: str) -> Codebook:
        """Return a codebook that maps both sides' ids for one partition, to be used for all of its blocks."""
        legacy, candidate = (
            IdMapping(prefix=one.ids.prefix, template=one.ids.template, corpus=corpus)
            for one in (self.legacy, self.candidate)
        )
        return Codebook(legacy, candidate)

    def judged_bands(self) -> Bands:
        """Return the limits that queries and sets are judged by."""
        return self.bands.bands()

    def wire_side(self, side: Side, corpus: str, config: SideConfig, dialect: RetrievalDialect) -> RetrievalSide:
        """Return how one side is requested for the rankings of one partition.

        Args:
            side: The side.
            corpus: The partition.
            config: The side's address, token and limits.
            dialect: The row that `dialect` names.
        """
        own = self.side(side)
        return RetrievalSide(
            config=config,
            dialect=dialect,
            corpus=corpus,
            searches=self.searches(corpus),
            corpora=own.corpora,
            filters=self.spelled(side),
            model=None if self.model is None else config.requested_name(self.model),
            metadata=self.metadata,
            reported=own.scores.reported.value,
            address_key=f"retrieve.{side}.base_url" if own.base_url else "",
        )


ALL_HAZARDS: Final = QuerySourceSpec(hazards=(ALL,))
"""The source of all built-in hazard queries, sent after the others unless a source names some."""
