import json
import math
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage.verdicts import (
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
        ({"schema": 2}, "schema 2, this parity_pipeline reads 1"),
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
