"""The stored form of a side's stability."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.noise_floor import floor_of
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import (
    Defect,
    DefectKind,
    ExperimentResult,
    Finding,
    Origin,
    Stability,
    StabilityRecord,
)
from parity_pipeline.storage.stability_files import read_stability, write_stability

Change = Callable[[dict[str, Any]], object]


CHANGES: list[Change] = [
    lambda whole: whole.update(schema=2),
    lambda whole: whole.update(schema=True),
    lambda whole: whole.pop("origin"),
    lambda whole: whole.update(more=1),
    lambda whole: whole["origin"].pop("date"),
    lambda whole: whole["origin"].update(date=5),
    lambda whole: whole["stability"].update(more=1),
    lambda whole: whole["stability"].update(side="middle"),
    lambda whole: whole["stability"].update(requests=True),
    lambda whole: whole["stability"].update(experiments=None),
    lambda whole: whole["stability"]["experiments"][0].update(rows=1.5),
    lambda whole: whole["stability"]["experiments"][0]["faults"][0].update(kind="unheard of"),
    lambda whole: whole["stability"]["floor"].update(worst=float(3)),
    lambda whole: whole["stability"].update(floor=[]),
]


def a_record(*, measured: bool = True) -> StabilityRecord:
    """Return a record with every field filled, or one of a side that nothing was measured of."""
    origin = Origin(
        date="2026-05-01", model="m", url="http://side.test/embed", sample_set_hash="aa", settings_hash="bb",
        package_version="1", first="2026-05-01T06:00:00Z", last="2026-05-01T06:00:01Z",
    )  # fmt: skip
    fault = Defect(
        kind=DefectKind.SWAPPED, label="batch of 8", words="row 1 \u202e", count=2, samples=("s1", "s2"), cases=(1,)
    )
    one = ExperimentResult(
        name="batch-sizes", worst=0.25, label="batch of 8", level=8, worst_sample="s1", by_label={"batch of 8": 0.25},
        identical=3, rows=8, affected=("s1", "s2"), affected_texts=2, faults=(fault,), permutation=(1, 0), requests=4,
        left_out=("batch of 64: more than batch_texts (32)",),
    )  # fmt: skip
    stability = Stability(
        side=Side.CANDIDATE,
        threshold=0.999,
        experiments=(one,) if measured else (ExperimentResult(name="repeats", worst=None, by_label={}),),
        floor=floor_of(Side.CANDIDATE, {"batch of 8": {"s1": 0.75}}, requests=4) if measured else None,
        findings=(Finding("batch-sizes", "rows swapped"),),
        notes=("note",),
        texts={"s1": "sample"},
        requests=4,
    )
    return StabilityRecord(origin=origin, stability=stability)


@pytest.mark.parametrize("measured", [True, False])
def test_a_record_comes_back_as_it_was(tmp_path: Path, *, measured: bool) -> None:
    """Every field survives, and the same record writes the same bytes, ASCII alone."""
    record = a_record(measured=measured)
    for name in ("one", "two"):
        write_stability(tmp_path / name, record)
    assert read_stability(tmp_path / "one") == record
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()
    assert (tmp_path / "one").read_bytes().isascii()


@pytest.mark.parametrize("change", CHANGES)
def test_another_schema_is_refused_with_place_and_remedy(tmp_path: Path, change: Change) -> None:
    """What this version did not write is never half-read."""
    path = tmp_path / "stability.json"
    write_stability(path, a_record())
    whole = json.loads(path.read_text("utf-8"))
    change(whole)
    path.write_text(json.dumps(whole), "utf-8")
    with pytest.raises(ArtifactError, match="aterialize") as caught:
        read_stability(path)
    assert caught.value.place == str(path)


@pytest.mark.parametrize("content", [b"", b"[]", b"{", b"\xff", b"[" * 100_000])
def test_a_damaged_or_missing_file_is_refused(tmp_path: Path, content: bytes) -> None:
    """Damage is told as such, and so is a file that is not there."""
    path = tmp_path / "stability.json"
    path.write_bytes(content)
    for place in (path, tmp_path / "none"):
        with pytest.raises(ArtifactError, match="that side's stability again"):
            read_stability(place)
