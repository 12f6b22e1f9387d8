import dataclasses
import json
import math
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.storage.evidence_files import read_verdict, write_verdict
from parity_pipeline_tests.storage.records import make_verdict

Change = Callable[[dict[str, Any]], object]


ODD: list[tuple[Change, str]] = [
    (lambda value: value.update(schema=5), "schema 5, this parity_pipeline reads 1 to 4"),
    (lambda value: value.update(schema=True), "schema True"),
    (lambda value: value.update(schema=None), "schema None"),
    (lambda value: value.pop("schema"), "schema None"),
    (lambda value: value.update(schema=2), "unknown fields: 'apart'"),
    (lambda value: value.update(schema=3), "unknown fields: 'checks'"),
    (lambda value: value.update(findings={}), "'findings' Input should be a valid array"),
    (lambda value: value.update(more=1), "'more' is unknown"),
    (lambda value: value.update(decision="MAYBE"), "'decision' Input should be 'PASS'"),
    (lambda value: value.update(rows=None), "'rows' Input should be a valid array"),
    (lambda value: value["counts"].update(identical="5"), "'counts.identical' Input should be a valid integer"),
    (lambda value: value["counts"].update(identical=True), "'counts.identical' Input should be a valid integer"),
    (lambda value: value["counts"]["outcomes"].update({"mat\u202ech": 5}), r"mat\\u202ech.* Input should be"),
    (lambda value: value["legacy"]["provenance"].update(old=1), "'legacy.provenance.old' is unknown"),
    (
        lambda value: value["measures"][0].update(worst=math.nan),
        "'measures.0.worst' Input should be a finite number",
    ),
    (lambda value: value["legacy"]["floor"].update(worst=3.0), "was not measured"),
    (lambda value: value["legacy"]["floor"].update(side="candidate", samples=0), "was not measured"),
]


def changed(tmp_path: Path, change: Change) -> Path:
    """Store a verdict, change its JSON, and return its path."""
    path = tmp_path / "v.json"
    write_verdict(path, make_verdict())
    value = json.loads(path.read_bytes())
    change(value)
    path.write_text(json.dumps(value))
    return path


def test_a_verdict_comes_back_equal(tmp_path: Path) -> None:
    """What was judged is what is read, every nested record, enum and tuple, lone surrogates of texts included."""
    write_verdict(tmp_path / "new" / "v.json", make_verdict())
    found = read_verdict(tmp_path / "new" / "v.json")
    assert found == make_verdict()
    assert found.rows[0].head.endswith("\ud800")
    assert (found.decision, type(found.decision), found.schema) == (Decision.PASS, Decision, SCHEMA_VERSION)
    assert all(isinstance(name, Outcome) for name in found.counts.outcomes)


def test_the_same_verdict_has_the_same_bytes(tmp_path: Path) -> None:
    """Keys are sorted, the text is ASCII, and the order things were counted in does not show."""
    verdict = make_verdict()
    other = dict(reversed(list(verdict.counts.outcomes.items())))
    write_verdict(tmp_path / "a.json", verdict)
    write_verdict(tmp_path / "b.json", make_verdict(counts=dataclasses.replace(verdict.counts, outcomes=other)))
    content = (tmp_path / "a.json").read_bytes()
    assert content == (tmp_path / "b.json").read_bytes()
    assert content.isascii()
    assert content.endswith(b"}\n")


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_nan_is_never_stored(tmp_path: Path, value: float) -> None:
    """JSON has no NaN, and a reader in another language must not choke on ours."""
    with pytest.raises(ArtifactError, match="NaN or infinity"):
        write_verdict(tmp_path / "a.json", make_verdict(mean_cosine=value))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(("change", "says"), ODD)
def test_odd_verdicts_are_refused(tmp_path: Path, change: Change, says: str) -> None:
    """Another schema, odd fields, types and numbers, at any depth, are errors that name field, file and remedy."""
    path = changed(tmp_path, change)
    with pytest.raises(ArtifactError, match=says) as caught:
        read_verdict(path)
    assert (caught.value.place, caught.value.remedy) == (
        str(path),
        "Materialize verdict again, or run that date again with `parity backfill`.",
    )
    assert str(caught.value).isascii()


def _fields(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Return the path of every field of every record in a verdict; keys of mappings are not fields."""
    if dataclasses.is_dataclass(value):
        names = [one.name for one in dataclasses.fields(value)]
        below = [place for name in names for place in _fields(getattr(value, name), (*path, name))]
        return [*((*path, name) for name in names), *below]
    if isinstance(value, tuple):
        return [place for number, one in enumerate(value[:1]) for place in _fields(one, (*path, number))]
    return []


_SINCE_0_2: Mapping[tuple[str | int, ...], str | CanaryRecord | Fingerprint | None] = {
    ("pooled",): None,
    ("power",): None,
    ("contract",): None,
    ("random", "draws_hash"): "",
    ("legacy", "provenance", "canaries"): CanaryRecord(),
    ("candidate", "provenance", "canaries"): CanaryRecord(),
    ("not_run",): None,
    ("min_compared_share",): None,
    ("checks", 0, "by_default"): None,
    ("legacy", "provenance", "fingerprint"): Fingerprint(),
    ("candidate", "provenance", "fingerprint"): Fingerprint(),
    ("legacy", "provenance", "recorded"): "",
    ("candidate", "provenance", "recorded"): "",
    ("legacy", "provenance", "recorded_unproved"): "",
    ("candidate", "provenance", "recorded_unproved"): "",
}
"""Fields that the first verdicts of schema 3 and 4 do not have, and what they are read as."""


@pytest.mark.parametrize("path", _SINCE_0_2, ids=lambda path: ".".join(map(str, path)))
def test_a_verdict_without_what_came_later_is_read(tmp_path: Path, path: tuple[str | int, ...]) -> None:
    """A verdict from before dates were pooled, canaries sent or rules stored comes back whole, and claims none of it."""

    def cut(value: Any) -> None:
        for name in path[:-1]:
            value = value[name]
        del value[path[-1]]

    found: Any = read_verdict(changed(tmp_path, cut))
    for name in path:
        found = found[name] if isinstance(name, int) else getattr(found, name)
    assert found == _SINCE_0_2[path]


@pytest.mark.parametrize(
    "path", sorted(set(_fields(make_verdict())) - set(_SINCE_0_2), key=str), ids=lambda path: ".".join(map(str, path))
)
def test_a_missing_field_is_refused(tmp_path: Path, path: tuple[Any, ...]) -> None:
    """No record at any depth is filled up with a default: a verdict that lacks a field was written by another version."""

    def cut(value: Any) -> None:
        for name in path[:-1]:
            value = value[name]
        del value[path[-1]]

    with pytest.raises(ArtifactError, match="schema None" if path == ("schema",) else "is missing") as caught:
        read_verdict(changed(tmp_path, cut))
    assert str(path[-1]) in str(caught.value) or path == ("schema",)


@pytest.mark.parametrize("content", [None, b"", b"{", b"[]", b"\xff", b"[" * 100_000])
def test_a_missing_or_damaged_verdict_is_named(tmp_path: Path, content: bytes | None) -> None:
    """Nothing but a whole verdict is read as one."""
    if content is not None:
        (tmp_path / "v.json").write_bytes(content)
    with pytest.raises(ArtifactError) as caught:
        read_verdict(tmp_path / "v.json")
    assert caught.value.place == str(tmp_path / "v.json")


def test_numbers_of_json_stay_numbers(tmp_path: Path) -> None:
    """A cosine of exactly 1 stored by another JSON writer as an integer is still read."""
    found = read_verdict(changed(tmp_path, lambda value: value["measures"][0].update(worst=1)))
    assert found.worst_cosine == 1.0


def test_a_pass_with_waivers_comes_back(tmp_path: Path) -> None:
    """The word of the decision is stored as people read it."""
    write_verdict(tmp_path / "v.json", make_verdict(decision=Decision.PASS_WITH_WAIVERS))
    assert '"PASS WITH WAIVERS"' in (tmp_path / "v.json").read_text()
    assert read_verdict(tmp_path / "v.json").decision is Decision.PASS_WITH_WAIVERS


def test_what_the_first_schema_did_not_know_claims_nothing() -> None:
    """A verdict of schema 1 has no noise, bound, cause or simulated faults, and is stored again as one of this version."""
    folder = Path(__file__).parents[1] / "data" / "written_by_0_1" / "first_schema" / "fail"
    found: Verdict = read_verdict(folder / "verdict.json")
    assert (found.diagnosis, found.power, found.norm_ratios, found.counts.apart) == (None, None, None, None)
    assert (found.random.bounds, found.random.texts, found.random.required_bound) == ((), 0, None)
    assert [(side.floor, side.stability) for side in found.sides] == [(None, None)] * 2
    assert [one.severity.value for one in found.measures] == ["fail", "warn"]
    assert (found.measures[0].beyond, found.measures[0].failing, found.measures[0].passing_limit) == (3, 3, "0.819560")


def test_a_verdict_of_the_first_schema_is_stored_again(tmp_path: Path) -> None:
    """Written again, it is a verdict of this version and says the same."""
    folder = Path(__file__).parents[1] / "data" / "written_by_0_1" / "first_schema" / "pass"
    found = read_verdict(folder / "verdict.json")
    write_verdict(tmp_path / "v.json", found)
    assert json.loads((tmp_path / "v.json").read_bytes())["schema"] == SCHEMA_VERSION
    assert read_verdict(tmp_path / "v.json") == found


def test_cases_by_category_of_an_early_verdict_are_left_out(tmp_path: Path) -> None:
    """An early verdict of this schema listed cases by category and simulated no fault; it is read without both."""

    def earlier(value: dict[str, Any]) -> None:
        value["coverage"] = {"exercised": [1, 7], "missing": [{"number": 2, "title": "x", "why": "needs y"}]}
        del value["power"]

    assert read_verdict(changed(tmp_path, earlier)) == make_verdict(power=None)


def test_a_verdict_of_the_third_schema_is_read(tmp_path: Path) -> None:
    """A verdict from before there were checks comes back with none, and claims no declared dimension."""

    def earlier(value: dict[str, Any]) -> None:
        value.update(schema=3)
        del value["checks"]
        for side in ("legacy", "candidate"):
            del value[side]["provenance"]["observation"]["declared_dimension"]

    found = read_verdict(changed(tmp_path, earlier))
    assert found == dataclasses.replace(make_verdict(), checks=())
