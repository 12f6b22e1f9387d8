"""Settings: what is accepted, what is refused, and in which words."""

import re
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Outcome, Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.settings.loading import RENAMED, find_file, load, named_config
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import Timeouts

WAIVER = {
    "id": "W",
    "owner": "ann@example.com",
    "reason": "known",
    "expires": "2026-12-31",
    "max_samples": 3,
    "outcomes": ["refused_by_candidate"],
}
CHECK_WAIVER = {"id": "W", "owner": "ann@example.com", "reason": "known", "expires": "2026-12-31"}
SIDE = {"label": "A", "base_url": "http://127.0.0.1:3100", "dialect": "rust"}
ROOT = Path(__file__).parents[2]
TOKEN = "tok-3b1f-never-shown"  # noqa: S105 - a planted one


def minimal() -> dict[str, Any]:
    """Return the smallest settings that are accepted."""
    side = SIDE
    return {
        "first_date": "2026-04-30",
        "models": ["m"],
        "samples": [{"path": "seed.txt"}],
        "sides": {"legacy": dict(side), "candidate": {**side, "label": "B", "dialect": "go"}},
    }


def written(folder: Path, content: Any) -> Path:
    """Write settings into a folder and return the file."""
    path = folder / "parity.yaml"
    path.write_text(content if isinstance(content, str) else yaml.safe_dump(content), "utf-8")
    return path


def with_value(place: str, value: Any) -> dict[str, Any]:
    """Return the minimal settings with one value set, by its dotted place."""
    content = minimal()
    level: Any = content
    *folders, last = place.split(".")
    for folder in folders:
        level = level.setdefault(folder, {})
    level[last] = value
    return content


@pytest.mark.parametrize(
    ("place", "value", "words"),
    [
        ("modles", ["m"], "modles: unknown key"),
        ("models", [], "models"),
        ("models", ["m", "m"], "named twice"),
        ("models", ["Model", "model"], "share a file"),
        ("timezone", "Mars/Base", "not an IANA time zone"),
        ("thresholds.cosine", 1.5, r"thresholds.cosine \(is 1.5\)"),
        ("thresholds.cosine", 0, "thresholds.cosine"),
        ("sides.legacy.dialect", "cobol", "not known; use one of"),
        ("sides.legacy.base_url", "127.0.0.1:3100", "not a valid URL"),
        ("sides.legacy.base_url", "http://host:port", "not a valid URL"),
        ("sides.legacy.base_url", "http://h/?a=b", "query"),
        ("sides.legacy.base_url", f"http://user:{TOKEN}@h", "bearer_env"),
        ("sides.legacy.bearer_env", TOKEN, "sides.legacy.bearer_env"),
        ("sides.legacy.timeouts.read", 0, "sides.legacy.timeouts.read"),
        ("sides.legacy.headers", {"x-key": [TOKEN]}, "sides.legacy.headers"),
        ("dialects.rust", {"path": "/x"}, "built in"),
        ("dialects.mine", {"path": "x"}, "dialects.mine.path"),
        ("dialects.mine", {"path": "/x", "name": "other"}, "mine: remove the key name"),
        ("dialects.mine", {"path": "/x", "pathh": "/y"}, "dialects.mine.pathh.*unknown key"),
        (
            "dialects.mine",
            {"path": "/x", "texts_field": ""},
            r"dialects.mine.*set model_field: null.*/x\?model={model}",
        ),
        (
            "dialects.mine",
            {"path": "/x", "texts_field": "", "model_field": None, "extra_fields": {"dimensions": 8}},
            r"dialects.mine.*no other fields.*extra_fields.*/x\?dimensions=…",
        ),
        ("dialects.mine", {"path": "/x/{name}"}, "dialects.mine.*braces only as {model}"),
        ("dialects.mine", "/x", "dialects.mine.*expected a YAML mapping"),
        ("thresholds.cosin", 0.9, r"thresholds.cosin: unknown key; did you mean cosine\?"),
        ("stability.texts", 0, r"stability.texts \(is 0\)"),
        ("stability.reqests", 40, "stability.reqests.*unknown key"),
        ("sides.legacy.timeouts.reed", 5, "sides.legacy.timeouts.reed.*unknown key"),
        ("samples", [{"path": "a.txt", "pth": "b"}], "samples.0.pth.*unknown key"),
        ("waivers", [{**WAIVER, "onwer": "x"}], "waivers.0.onwer.*unknown key"),
        ("waivers", [{**WAIVER, "max_samples": 0}], r"waivers.0.max_samples \(is 0\)"),
        ("first_date", "yesterday", "first_date"),
        ("owners", ["nobody"], "owners"),
        ("required_bound", 1.0, "required_bound"),
        ("thresholds.warn_only", ["cosine", "norm_ratio"], "thresholds"),
        ("waivers", [{"id": "W"}], "waivers.0.owner"),
        ("waivers", [{**CHECK_WAIVER, "checks": ["candidate-lod"]}], "did you mean candidate-load"),
        ("waivers", [{**CHECK_WAIVER, "checks": ["cosine"]}], "cosine, which counts samples"),
        ("waivers", [{**CHECK_WAIVER, "checks": ["pairing"]}], "pairing, which no waiver covers"),
        ("waivers", [{**CHECK_WAIVER, "outcomes": ["mismatch"]}], "set max_samples to 1 or more"),
        ("checks", {"candidate-lod": "warn"}, "checks.*'candidate-lod' is not a check; did you mean candidate-load"),
        ("checks", {"candidate-load": "warning"}, "checks.candidate-load"),
        ("checks", {"some-match": "warn"}, "some-match: this check cannot be changed"),
        ("checks", {"cosine": "warn"}, "no measure fails a sample"),
        ("checks", {"cosine": "inconclusive", "norm-ratio": "fail"}, "no measure fails a sample"),
        ("thresholds", {"max_abs_delta_unit": 2.0, "warn_only": ["cosine"]}, "thresholds.*no measure fails a sample"),
        ("thresholds.warn_only", ["cosine"], "thresholds.*no measure fails a sample"),
        ("min_compared_share", 1.5, "min_compared_share"),
        ("sides.candidate", {**SIDE, "base_url": "HTTP://127.0.0.1:3100/"}, "allow_same_origin"),
        ("waivers", [{**WAIVER, "outcomes": ["match"]}], "agree"),
        ("waivers", [WAIVER, WAIVER], "own id"),
        ("samples", [{}], "samples.0.*needs a path or hazards, and not both"),
        ("samples", [{"path": "a.txt", "hazards": ["sql"]}], "needs a path or hazards, and not both"),
        ("samples", [{"hazards": []}], "samples.0.hazards.*no hazard set is named"),
        ("samples", [{"hazards": ["sqll"]}], "samples.0.hazards.*no hazard set 'sqll'.*all, blanks, case-pairs"),
        (
            "samples",
            [{"hazards": ["sql"], "sample": 5, "category": "x"}],
            "category, sample can only be set for files",
        ),
    ],
)
def test_a_fault_names_its_key(tmp_path: Path, place: str, value: Any, words: str) -> None:
    """Each unusable value is refused with its key and a remedy, and never with a secret."""
    with pytest.raises(SettingsError, match=words) as caught:
        load(written(tmp_path, with_value(place, value)), {})
    assert TOKEN not in str(caught.value)
    assert str(tmp_path) in str(caught.value)


def test_all_faults_are_named_at_once(tmp_path: Path) -> None:
    """Two faults are two lines, so that both can be fixed at once."""
    content = with_value("models", [])
    del content["first_date"]
    with pytest.raises(SettingsError) as caught:
        load(written(tmp_path, content), {})
    assert len(caught.value.faults) == 2


@pytest.mark.parametrize("text", ["a: [", "- a list", "", "models: [a]\nmodels: [b]\n", "\x00"])
def test_a_file_without_a_mapping_is_refused(tmp_path: Path, text: str) -> None:
    """Invalid YAML, a list, an empty file and a duplicate key are refused with the file's name."""
    with pytest.raises(SettingsError, match=r"parity\.yaml"):
        load(written(tmp_path, text), {})


def test_a_variable_overrides_a_key(tmp_path: Path) -> None:
    """`PARITY__A__B` sets a.b, as YAML; an unknown one is refused like an unknown key."""
    path = written(tmp_path, minimal())
    found = load(path, {"PARITY__THRESHOLDS__COSINE": "0.99", "PARITY__MODELS": "[x, y]", "PARITY_CONFIG": "ignored"})
    assert (found.thresholds.cosine, found.models) == (0.99, ["x", "y"])
    with pytest.raises(SettingsError, match=r"thresholds.cosin \(set by PARITY__THRESHOLDS__COSIN\): unknown key"):
        load(path, {"PARITY__THRESHOLDS__COSIN": "0.99"})


@pytest.mark.parametrize("old", RENAMED)
def test_an_old_spelling_works_with_a_warning(tmp_path: Path, capsys: pytest.CaptureFixture[str], old: str) -> None:
    """A renamed key still sets its value, from the file or a variable; stderr names file, key and new spelling."""
    path = written(tmp_path, with_value(old, value=False))
    side = Side(old.split(".")[1])
    assert not load(path, {}).side_config(side, {}).ask_default_model
    warning = f"warning: {path}: {old} is deprecated; write {RENAMED[old]} instead\n"
    assert capsys.readouterr() == ("", warning)
    variable = f"PARITY__{old.upper().replace('.', '__')}"
    assert not load(written(tmp_path, minimal()), {variable: "false"}).side_config(side, {}).ask_default_model
    assert capsys.readouterr() == ("", warning)


@pytest.mark.parametrize("old", RENAMED)
def test_both_spellings_are_refused(tmp_path: Path, old: str) -> None:
    """Two spellings of one key, which might disagree, are an error that names both."""
    content = with_value(old, value=True)
    content["sides"][old.split(".")[1]][RENAMED[old].rpartition(".")[2]] = False
    with pytest.raises(SettingsError, match=f"{old} and {RENAMED[old]} are the same key"):
        load(written(tmp_path, content), {})


def test_records_of_other_rooms_are_what_settings_hold(tmp_path: Path) -> None:
    """Waivers, thresholds, dialects, timeouts and the budget are the dataclasses that the other rooms take."""
    content = minimal() | {"waivers": [WAIVER], "dialects": {"mine": {"path": "/x"}}}
    found = load(written(tmp_path, content), {})
    assert found.thresholds == Thresholds()
    assert found.waivers == [
        Waiver(
            id="W",
            owner="ann@example.com",
            reason="known",
            expires=date(2026, 12, 31),
            max_samples=3,
            outcomes=(Outcome.REFUSED_BY_CANDIDATE,),
        )
    ]
    assert found.dialect("mine") == Dialect(name="mine", path="/x")
    assert found.side_config(Side.LEGACY, {}).timeouts == Timeouts()
    assert isinstance(found.stability, Budget)
    assert (found.stability.texts, found.stability.requests) == (Budget().texts, Budget().requests)


def test_relative_paths_are_relative_to_the_file(tmp_path: Path) -> None:
    """Where data is stored does not depend on the working folder."""
    (tmp_path / "deep").mkdir()
    found = load(written(tmp_path / "deep", with_value("data_dir", "../elsewhere")), {})
    assert found.layout().data_dir == tmp_path / "elsewhere"
    assert found.sources()[0].path == tmp_path / "deep" / "seed.txt"


def test_hazards_are_a_source_without_a_path(tmp_path: Path) -> None:
    """Hazard sets are passed on by name, beside a file or alone; the folder of the settings does not matter to them."""
    found = load(written(tmp_path, with_value("samples", [{"path": "seed.txt"}, {"hazards": ["all"]}])), {})
    file, hazards = found.sources()
    assert (file.path, file.hazards) == (tmp_path / "seed.txt", ())
    assert (hazards.path, hazards.hazards) == (None, ("all",))


def test_a_token_comes_from_its_variable_and_shows_nowhere(tmp_path: Path) -> None:
    """The token is in the configuration of its side and in no repr; a missing variable is named with its key."""
    found = load(written(tmp_path, with_value("sides.legacy.bearer_env", "LEGACY_TOKEN")), {})
    side = found.side_config(Side.LEGACY, {"LEGACY_TOKEN": TOKEN})
    assert side.bearer_token == TOKEN
    assert TOKEN not in repr(side) + repr(found)
    with pytest.raises(SettingsError, match=r"sides.legacy.bearer_env: the environment variable LEGACY_TOKEN"):
        found.side_config(Side.LEGACY, {})


def test_secrets_of_headers_and_services_show_nowhere(tmp_path: Path) -> None:
    """Header values and a service's environment are masked wherever settings are printed."""
    content = with_value("sides.legacy.headers", {"x-api-key": TOKEN})
    health = "http://127.0.0.1:1/health"
    content["sides"]["legacy"]["services"] = [
        {"name": "a", "command": ["x"], "env": {"K": TOKEN}, "health_url": health}
    ]
    found = load(written(tmp_path, content), {})
    assert found.side_config(Side.LEGACY, {}).headers == {"x-api-key": TOKEN}
    assert TOKEN not in repr(found) + repr(found.side_config(Side.LEGACY, {})) + repr(found.services())
    assert TOKEN not in found.model_dump_json()


def test_the_file_is_found_from_option_variable_and_folder(tmp_path: Path) -> None:
    """--config before PARITY_CONFIG before the nearest parity.yaml at or above the working folder."""
    (tmp_path / "below").mkdir()
    (tmp_path / "other").mkdir()
    here, other = written(tmp_path, minimal()), written(tmp_path / "other", minimal())
    assert find_file(None, {}, tmp_path / "below") == here
    assert find_file(None, {"PARITY_CONFIG": str(other)}, tmp_path) == other
    assert find_file(here, {"PARITY_CONFIG": str(other)}, tmp_path) == here
    with pytest.raises(SettingsError, match="no such settings file"):
        find_file(tmp_path / "missing.yaml", {}, tmp_path)


@pytest.mark.parametrize("path", sorted([ROOT / "parity.yaml", *(ROOT / "docs" / "examples").glob("*.yaml")]))
def test_the_files_that_ship_are_accepted(path: Path) -> None:
    """The default and every example load."""
    found = load(path, {})
    assert found.models
    assert {found.side(side).dialect for side in Side} <= {"rust", "go", "openai", "mine"}


def test_checks_are_set_by_name(tmp_path: Path) -> None:
    """Severities, the share, accepted echoes and waivers of checks reach what judges; a measure that warns fails no sample."""
    content: dict[str, Any] = minimal() | {
        "checks": {"candidate-load": "warn", "norm-ratio": "fail"},
        "min_compared_share": 0.2,
        "waivers": [{**CHECK_WAIVER, "checks": ["candidate-load"]}],
    }
    content["sides"]["candidate"]["accept_echo"] = ["M", "m-2026-*"]
    found = load(written(tmp_path, content), {})
    judged = found.check_settings()
    assert judged.severities[CheckName.CANDIDATE_LOAD] is CheckSeverity.WARN
    assert (judged.min_compared_share, judged.floors_expected) == (0.2, True)
    assert judged.accept_echo == {Side.LEGACY: (), Side.CANDIDATE: ("M", "m-2026-*")}
    assert found.judged_thresholds().warn_only == ()
    assert found.waivers[0].checks == (CheckName.CANDIDATE_LOAD,)


def test_the_page_of_checks_lists_every_check() -> None:
    """Whoever sets a severity or writes a waiver finds each name in the documentation."""
    page = (ROOT / "docs" / "checks.md").read_text("utf-8").partition("## The retrieve probe")[0]
    for name in CheckName:
        of_side = re.sub(r"^(legacy|candidate)-", "…-", name.value)
        assert f"| `{name.value}` |" in page or f"| `{of_side}` |" in page


def test_one_address_is_accepted_where_it_is_meant(tmp_path: Path) -> None:
    """A gateway may be compared with itself on purpose, and two paths of one host are two addresses."""
    content = minimal()
    content["sides"]["candidate"] = dict(SIDE)
    assert load(written(tmp_path, content | {"allow_same_origin": True}), {}).check_settings().allow_same_origin
    content["sides"]["candidate"]["dialect"] = "go"
    assert not load(written(tmp_path, content), {}).allow_same_origin


@pytest.mark.parametrize(
    ("changes", "sets"),
    [
        ({}, [(), ("all",)]),
        ({"hazards": False}, [()]),
        ({"samples": [{"path": "seed.txt"}, {"hazards": ["blanks"]}]}, [(), ("blanks",)]),
        ({"samples": [{"hazards": ["all"]}]}, [("all",)]),
    ],
)
def test_all_hazards_are_sampled_unless_a_person_says_otherwise(
    tmp_path: Path, changes: dict[str, Any], sets: list[tuple[str, ...]]
) -> None:
    """Settings that name no hazard set get all of them last; naming some, or `hazards: false`, decides otherwise."""
    settings = load(written(tmp_path, {**minimal(), **changes}), {})
    assert [tuple(source.hazards) for source in settings.sources()] == sets


def test_a_command_names_the_settings_file_where_it_would_not_find_it(tmp_path: Path) -> None:
    """`parity.yaml` here or above is found; any other file is named, relative to the folder that one is in."""
    here = tmp_path / "project" / "deep"
    here.mkdir(parents=True)
    found, other = tmp_path / "project" / "parity.yaml", tmp_path / "staging.yaml"
    for path in (found, other):
        path.touch()
    assert named_config(found, here) == ""
    assert named_config(None, here) == ""
    assert named_config(other, here) == "../../staging.yaml"
    assert named_config(other, tmp_path) == "staging.yaml"
    (here / "parity.yaml").touch()
    assert named_config(found, here) == "../parity.yaml"
