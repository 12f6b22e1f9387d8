"""The retrieve section: what is accepted, what is refused in which words, and the records that come of it."""

import math
import re
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import Bands, Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.hazards import ALL
from parity_pipeline.core.retrieval.records import Reported
from parity_pipeline.core.retrieval.waivers import QueryWaiver
from parity_pipeline.settings.loading import load, validate
from parity_pipeline.settings.model import Settings
from parity_pipeline.settings.retrieve import RetrieveSettings, RetrieveSideSettings
from parity_pipeline.settings.retrieve_bands import BandSettings
from parity_pipeline_tests.settings.test_settings import minimal, written

ROOT = Path(__file__).parents[2]
WAIVER = {
    "id": "W",
    "owner": "ann@example.com",
    "reason": "known",
    "expires": "2026-12-31",
    "max_queries": 3,
    "outcomes": ["refused_differently"],
}
TOKEN = "tok-3b1f-never-shown"  # noqa: S105 - a planted one


def section(**changes: Any) -> dict[str, Any]:
    """Return settings with the smallest retrieve section that is accepted, and changes to it."""
    smallest = {"corpora": ["staff"], "legacy": {"dialect": "rust-hybrid"}, "candidate": {"dialect": "go-matrix"}}
    return {**minimal(), "retrieve": {**smallest, **changes}}


def loaded(folder: Path, **changes: Any) -> Settings:
    """Return settings with a retrieve section, read from a file in a folder."""
    return load(written(folder, section(**changes)), {})


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"corpora": []}, "retrieve.corpora"),
        ({"corpora": ["a", "A"]}, "share a file"),
        ({"corpora": [1]}, "name each corpus, or map each partition"),
        ({"corpora": {"all": []}}, "retrieve.corpora.all"),
        ({"corpora": {"all": ["a", "a"]}}, "'all' searches a twice"),
        ({"kk": 3}, r"retrieve.kk: unknown key; did you mean k\?"),
        ({"k": 0}, "retrieve.k"),
        ({"hazards": False}, "no query would be sent"),
        ({"queries": [{}]}, "needs a path or hazards, and not both"),
        ({"queries": [{"hazards": ["plian"]}]}, "retrieve.queries.0.hazards.*plian.*all, plain"),
        ({"queries": [{"path": "a", "pth": "b"}]}, "retrieve.queries.0.pth.*unknown key"),
        ({"filters": {"oslo": {"legacy": "x"}}}, "retrieve.filters.oslo.candidate: missing key"),
        ({"tie_tolerance": -1}, "retrieve.tie_tolerance"),
        ({"persistence": 1}, "retrieve.persistence"),
        ({"depths": []}, "retrieve.depths"),
        ({"depths": [0]}, "retrieve.depths.0"),
        ({"required_bound": 1}, "retrieve.required_bound"),
        ({"bands": {"query": {"overlp": [1, 0]}}}, "'overlp' is not a measure; did you mean overlap?"),
        ({"bands": {"query": {"overlap": [0.5, 0.9]}}}, "overlap: the limits 0.5 .* wrong way round"),
        ({"bands": {"set": {"mean_rbo": 1}}}, "retrieve.bands.set.mean_rbo"),
        ({"bands": {"query": {"rbo": [math.nan, 0]}}}, "retrieve.bands.query.rbo"),
        (
            {"bands": {"query": dict.fromkeys(one.value for one in QueryMeasure)}},
            "no query, or no set, could ever fail",
        ),
        ({"checks": {"candidate-outge": "warn"}}, "did you mean candidate-outage"),
        ({"checks": {"some-match": "warn"}}, "some-match: this check cannot be changed"),
        ({"checks": {"overlap": "warn"}}, "change retrieve.bands.query.overlap instead"),
        ({"checks": {"caveats": "warning"}}, "retrieve.checks.caveats"),
        ({"waivers": [{**WAIVER, "onwer": "x"}]}, "retrieve.waivers.0.onwer.*unknown key"),
        ({"waivers": [{**WAIVER, "max_queries": 0}]}, "retrieve.waivers.0.max_queries"),
        ({"waivers": [{**WAIVER, "outcomes": ["match"]}]}, "agree"),
        ({"waivers": [{**WAIVER, "outcomes": ["mismtch"]}]}, "retrieve.waivers.0.outcomes"),
        ({"waivers": [{**WAIVER, "checks": ["cavets"]}]}, "did you mean caveats"),
        ({"waivers": [{**WAIVER, "corpora": ["stuff"]}]}, "'W' names stuff, which is not a corpus; use one of staff"),
        ({"waivers": [WAIVER, WAIVER]}, "own id"),
        ({"noise": {"queries": -1}}, "retrieve.noise.queries"),
        ({"noise": {"querys": 1}}, "retrieve.noise.querys.*unknown key"),
        ({"confirm": {"times": 0}}, "retrieve.confirm.times"),
        ({"legacy": {"dialect": "rust-hybird"}}, "retrieve.legacy.dialect: .*did you mean rust-hybrid"),
        (
            {"legacy": {"dialect": "cobol"}},
            "use one of elasticsearch, go-matrix, .*\\. Else add it to retrieval_dialects",
        ),
        ({"legacy": {"dialect": "qdrant"}}, "retrieve.model: qdrant takes vectors alone"),
        ({"legacy": {"dialect": "go-matrix"}}, "both sides are requested at .*allow_same_origin"),
        ({"legacy": {"dialect": "rust-hybrid", "base_url": "host"}}, "retrieve.legacy.base_url.*not a valid URL"),
        ({"legacy": {"dialect": "rust-hybrid", "base_url": f"http://u:{TOKEN}@h"}}, "bearer_env"),
        ({"legacy": {"dialect": "rust-hybrid", "corpora": {"stuff": "x"}}}, "did you mean staff"),
        ({"legacy": {"dialect": "rust-hybrid", "ids": {"template": "x"}}}, "must contain {id}"),
        ({"legacy": {"dialect": "rust-hybrid", "ids": {"suffix": "x"}}}, "retrieve.legacy.ids.suffix.*unknown key"),
        ({"legacy": {"dialect": "rust-hybrid", "scores": {"reported": "cosin"}}}, "retrieve.legacy.scores.reported"),
        ({"legacy": {"dialect": "rust-hybrid", "scores": {"factor": 0}}}, "retrieve.legacy.scores.factor"),
        ({"legacy": {}}, "retrieve.legacy.dialect: missing key"),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, changes: dict[str, Any], words: str) -> None:
    """Each unusable value is refused with its key and a remedy, and never with a secret."""
    with pytest.raises(SettingsError, match=words) as caught:
        loaded(tmp_path, **changes)
    assert TOKEN not in str(caught.value)


@pytest.mark.parametrize(
    ("row", "words"),
    [
        ({"path": "x", "text_request": {"q": "{text}"}}, "retrieval_dialects.mine.path"),
        ({"path": "/x"}, "retrieval_dialects.mine.*it has no request"),
        ({"path": "/x", "text_request": {"q": "{text}"}, "name": "m"}, "named by its key in retrieval_dialects"),
        ({"path": "/x", "text_request": {"q": "{text}"}, "pathh": 1}, "retrieval_dialects.mine.pathh.*unknown key"),
    ],
)
def test_a_dialect_of_ones_own_is_checked(row: dict[str, Any], words: str) -> None:
    """A row that could send no query, or that says its name twice, is refused with its key."""
    with pytest.raises(SettingsError, match=words):
        validate(section() | {"retrieval_dialects": {"mine": row}}, Path("/x/parity.yaml"))


def test_a_built_in_dialect_cannot_be_replaced() -> None:
    """A name that means something already would silently mean something else."""
    row = {"path": "/x", "text_request": {"q": "{text}"}}
    with pytest.raises(SettingsError, match="go-matrix is built in"):
        validate(section() | {"retrieval_dialects": {"go-matrix": row}}, Path("/x/parity.yaml"))
    own = validate(section(legacy={"dialect": "mine"}) | {"retrieval_dialects": {"mine": row}}, Path("/x/parity.yaml"))
    assert own.retrieval_side(Side.LEGACY, "staff", {}).url.endswith("/x")


def test_without_the_section_there_is_no_probe(tmp_path: Path) -> None:
    """Settings that do not name it have none, and reading its records says so."""
    found = load(written(tmp_path, minimal()), {})
    assert found.retrieve is None
    for ask in (found.query_sources, found.retrieval_check_settings, found.qrels, found.retrieval):
        with pytest.raises(SettingsError, match="there is no retrieve probe"):
            ask()


def test_the_defaults_are_those_of_the_records(tmp_path: Path) -> None:
    """A section that sets nothing compares and judges as the records do by themselves."""
    found = loaded(tmp_path).retrieval()
    assert (found.rules(), found.judged_bands()) == (ComparisonRules(), Bands())
    assert (found.k, found.searches("staff")) == (10, ("staff",))
    assert found.codebook("staff").legacy.changes_nothing


def test_the_section_becomes_records(tmp_path: Path) -> None:
    """Rules, id mappings, bands, waivers, budgets and check settings are what other rooms take."""
    settings = loaded(
        tmp_path,
        corpora={"everyone": ["staff", "contractors"]},
        comparable_scores=True,
        depths=[3],
        bands={"query": {"overlap": [0.8, None], "rbo": None}, "set": {"mean_tau_b": None}, "near_tie": 0.001},
        waivers=[{**WAIVER, "corpora": ["everyone"]}],
        checks={"refused-differently": "warn"},
        noise={"queries": 5},
        legacy={"dialect": "rust-hybrid", "mode": "hybrid"},
        candidate={
            "dialect": "go-matrix",
            "ids": {"prefix": "w/", "template": "{corpus}:{id}"},
            "scores": {"reported": "cosine_distance", "factor": 2.0},
        },
    )
    found = settings.retrieval()
    rules, bands = found.rules(), found.judged_bands()
    assert rules.modes == ((Side.LEGACY, "hybrid"),)
    assert (rules.candidate_scale.reported, rules.candidate_scale.factor) == (Reported.COSINE_DISTANCE, 2.0)
    assert rules.depths == (3, 10), "the first ten are always measured"
    assert found.codebook("everyone").candidate.apply("w/17") == "everyone:17"
    assert bands.query[QueryMeasure.OVERLAP] == Limits(0.8, -math.inf)
    assert QueryMeasure.RBO not in bands.query
    assert SetMeasure.MEAN_TAU_B not in bands.whole
    assert bands.query[QueryMeasure.TAU_B] == Bands().query[QueryMeasure.TAU_B]
    assert bands.near_tie == 0.001
    assert isinstance(found.waivers[0], QueryWaiver)
    assert (found.noise.queries, found.noise.repeats, found.confirm.queries) == (5, 2, 20)
    checks = settings.retrieval_check_settings()
    assert checks.severities == {RetrievalCheckName.REFUSED_DIFFERENTLY: CheckSeverity.WARN}
    assert found.query_defaults("everyone").searches == ("staff", "contractors")


def test_scores_of_a_side_that_reports_none_are_not_compared(tmp_path: Path) -> None:
    """Where one side reports nothing beside a document, only the order is compared."""
    silent = {"dialect": "go-matrix", "scores": {"reported": "nothing"}}
    assert not loaded(tmp_path, candidate=silent).retrieval().rules().comparable
    assert not loaded(tmp_path, comparable_scores=False).retrieval().rules().comparable


def test_a_side_is_configured_as_sides_and_section_say_together(tmp_path: Path) -> None:
    """Token and limits are those of `sides`; dialect, corpora, filters, model and metadata those of the section."""
    content = section(
        corpora={"everyone": ["staff", "contractors"]},
        filters={"oslo": {"legacy": "city = 'Oslo'", "candidate": {"city": "Oslo"}}},
        model="m",
        metadata=["role"],
        legacy={"dialect": "rust-hybrid", "corpora": {"everyone": "all_staff"}, "base_url": "http://other:1/"},
    )
    content["sides"]["legacy"] |= {"bearer_env": "TOKEN", "concurrency": 9, "model_names": {"m": "their-m"}}
    found = load(written(tmp_path, content), {})
    legacy = found.retrieval_side(Side.LEGACY, "everyone", {"TOKEN": TOKEN})
    assert (legacy.url, legacy.config.bearer_token, legacy.config.concurrency) == (
        "http://other:1/vectors/hybrid",
        TOKEN,
        9,
    )
    assert (legacy.searches, legacy.corpora) == (("staff", "contractors"), {"everyone": "all_staff"})
    assert (legacy.filters, legacy.model, legacy.metadata) == ({"oslo": "city = 'Oslo'"}, "their-m", ("role",))
    embed_requests = (legacy.config.canaries, legacy.config.ask_default_model, legacy.config.soak)
    assert embed_requests == (False, False, None)
    candidate = found.retrieval_side(Side.CANDIDATE, "everyone", {})
    assert (candidate.filters, candidate.model, candidate.reported) == ({"oslo": {"city": "Oslo"}}, "m", "score")
    assert candidate.url == "http://127.0.0.1:3100/v1/matrix/retrieve"
    assert TOKEN not in repr(legacy)
    with pytest.raises(SettingsError, match=r"sides.legacy.bearer_env"):
        found.retrieval_side(Side.LEGACY, "everyone", {})


@pytest.mark.parametrize(
    ("changes", "sets"),
    [
        ({"queries": [{"path": "q.jsonl"}]}, [(), (ALL,)]),
        ({"queries": [{"path": "q.jsonl"}], "hazards": False}, [()]),
        ({"queries": [{"path": "q.jsonl"}, {"hazards": ["plain"]}]}, [(), ("plain",)]),
        ({}, [(ALL,)]),
    ],
)
def test_hazards_are_sent_unless_a_person_says_otherwise(
    tmp_path: Path, changes: dict[str, Any], sets: list[tuple[str, ...]]
) -> None:
    """Sources get absolute paths, and all hazards come last unless a source names some or none are wanted."""
    found = loaded(tmp_path, **changes)
    assert [tuple(source.hazards) for source in found.query_sources()] == sets
    assert all(source.path in (None, tmp_path / "q.jsonl") for source in found.query_sources())


def test_labels_are_relative_to_the_file(tmp_path: Path) -> None:
    """Where relevance labels lie does not depend on the working folder."""
    assert loaded(tmp_path, qrels="labels.txt").qrels() == tmp_path / "labels.txt"
    assert loaded(tmp_path).qrels() is None


def test_one_gateway_may_be_compared_with_itself(tmp_path: Path) -> None:
    """One address for both sides is accepted where settings say that it is meant."""
    content = section(legacy={"dialect": "go-matrix"}) | {"allow_same_origin": True}
    assert load(written(tmp_path, content), {}).retrieval_check_settings().allow_same_origin


def test_a_variable_overrides_a_key_of_the_section(tmp_path: Path) -> None:
    """`PARITY__RETRIEVE__K` sets retrieve.k."""
    assert load(written(tmp_path, section()), {"PARITY__RETRIEVE__K": "3"}).retrieval().k == 3


def test_the_pages_of_settings_and_checks_list_every_key_and_check() -> None:
    """Whoever writes the section finds each key, measure and check in the documentation."""
    page = (ROOT / "docs" / "settings.md").read_text("utf-8")
    part = page[page.index("## The retrieve probe") :]
    forms = (RetrieveSettings, RetrieveSideSettings, BandSettings)
    for key in [key for form in forms for key in form.model_fields]:
        assert re.search(rf"^- `retrieve\.((legacy|bands)\.)?{key}` \(", part, re.MULTILINE), key
    checks = (ROOT / "docs" / "checks.md").read_text("utf-8").partition("## The retrieve probe")[2]
    for name in RetrievalCheckName:
        of_side = re.sub(r"^(legacy|candidate)-", "…-", name.value)
        assert f"| `{name.value}` |" in checks or f"| `{of_side}` |" in checks, name
    for measure in (*QueryMeasure, *SetMeasure):
        assert f"`{measure.value}`" in part, measure
