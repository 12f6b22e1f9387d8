import json
import math
from dataclasses import MISSING
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import SCHEMA_VERSION, Verdict
from parity_pipeline.storage.verdict_files import (
    _SINCE_2,
    _TYPES,
    read_verdict,
    verdict_from_json,
    verdict_to_json,
    write_verdict,
)
from parity_pipeline_tests.storage.records import make_verdict


def test_a_verdict_comes_back_equal(tmp_path: Path) -> None:
    """What was judged is what is read, lone surrogates of a sample's head included."""
    write_verdict(tmp_path / "new" / "v.json", make_verdict())
    found = read_verdict(tmp_path / "new" / "v.json")
    assert found == make_verdict()
    assert found.decision is Decision.PASS


def test_the_same_verdict_has_the_same_bytes(tmp_path: Path) -> None:
    """Keys are sorted, the text is ASCII, and the order things were counted in does not show."""
    write_verdict(tmp_path / "a.json", make_verdict())
    write_verdict(tmp_path / "b.json", make_verdict(counts={"mismatch": 0, "match": 5}))
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


def test_every_field_of_a_verdict_has_a_type() -> None:
    """A field added to the verdict has to be named here, or files would be refused."""
    assert set(_TYPES) == set(Verdict.__dataclass_fields__)


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"schema": 3}, "schema 3, this parity_pipeline reads 1 and 2"),
        ({"schema": True}, "schema True"),
        ({"schema": 1}, "unknown fields: 'apart'"),
        ({"findings": {}}, "wrong type: findings"),
        ({"schema": None}, "schema None"),
        ({"more": 1}, "unknown fields: 'more'"),
        ({"decision": "MAYBE"}, "wrong type: decision"),
        ({"samples": "5"}, "wrong type: samples"),
        ({"samples": True}, "wrong type: samples"),
        ({"rows": None}, "wrong type: rows"),
    ],
)
def test_odd_verdicts_are_refused(change: dict[str, Any], says: str) -> None:
    """Another schema, odd fields and odd types are errors with their place."""
    with pytest.raises(ArtifactError, match=says) as caught:
        verdict_from_json({**verdict_to_json(make_verdict()), **change}, "v.json:3")
    assert caught.value.place == "v.json:3"


def test_a_missing_field_is_refused() -> None:
    """A verdict without its counts is none."""
    value = verdict_to_json(make_verdict())
    del value["counts"]
    with pytest.raises(ArtifactError, match="'counts'"):
        verdict_from_json(value, "v.json")


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
    value = {**verdict_to_json(make_verdict()), "worst_cosine": 1}
    (tmp_path / "v.json").write_text(json.dumps(value))
    assert read_verdict(tmp_path / "v.json").worst_cosine == 1.0


FIRST_SCHEMA = (
    '{"by_category":{"seed":{"match":5}},"compared":5,"counts":{"match":5},"date":"2026-04-30","decision":"PASS",'
    '"drift":[],"endpoint":"embed","identical":0,"mean_cosine":1.0,"model":"m","norms":{"legacy":[1.0,1.0]},'
    '"norms_differ":5,"package_version":"0.1.0","reasons":["5/5"],"rows":[],"sample_set":{"hash":"ab"},"samples":5,'
    '"schema":1,"sides":{},"thresholds":{"cosine":0.5},"worst_cosine":1.0,"worst_sample":"a"}'
)
"""A verdict as the first schema stored it."""


def test_a_verdict_of_the_first_schema_is_read() -> None:
    """What it did not know comes back empty, what it said comes back as it was, and it is stored anew as it is read."""
    found = verdict_from_json(json.loads(FIRST_SCHEMA), "v.json")
    assert (found.decision, found.samples, found.thresholds) == (Decision.PASS, 5, {"cosine": 0.5})
    assert (found.confidence, found.floors, found.waived, found.norm_ratios) == ((), {}, {}, (None, None))
    assert found.schema == SCHEMA_VERSION
    assert verdict_from_json(verdict_to_json(found), "v.json") == found


def test_what_the_first_schema_lacks_has_a_default() -> None:
    """Every later field has a default, and no field of the first schema needs one."""
    known = set(json.loads(FIRST_SCHEMA))
    assert known == set(_TYPES) - _SINCE_2
    for name in _SINCE_2:
        one = Verdict.__dataclass_fields__[name]
        assert one.default is not MISSING or one.default_factory is not MISSING


def test_a_pass_with_waivers_comes_back(tmp_path: Path) -> None:
    """The word of the decision is stored as people read it."""
    write_verdict(tmp_path / "v.json", make_verdict(decision=Decision.PASS_WITH_WAIVERS, waived={"W-1": 2}))
    assert '"PASS WITH WAIVERS"' in (tmp_path / "v.json").read_text()
    assert read_verdict(tmp_path / "v.json").decision is Decision.PASS_WITH_WAIVERS
