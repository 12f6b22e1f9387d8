"""The stored form of a side's stability, of a confirmation and of a diagnosis."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.core.confirmation import Confirmation
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import Origin, StabilityRecord
from parity_pipeline.storage.evidence_files import (
    read_confirmation,
    read_diagnosis,
    read_stability,
    write_confirmation,
    write_diagnosis,
    write_stability,
)
from parity_pipeline_tests.storage.records import (
    make_confirmation,
    make_diagnosis,
    make_header,
    make_provenance,
    make_stability,
)

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
    return StabilityRecord(origin=origin, stability=make_stability(measured=measured))


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
    """Damage is reported as such, and so is a file that is not there."""
    path = tmp_path / "stability.json"
    path.write_bytes(content)
    for place in (path, tmp_path / "none"):
        with pytest.raises(ArtifactError, match="that side's stability again"):
            read_stability(place)


@pytest.mark.parametrize("found", [make_diagnosis(), None])
def test_a_diagnosis_comes_back_for_the_batches_it_was_made_from(tmp_path: Path, found: Diagnosis | None) -> None:
    """Every record survives; for other batches or thresholds, or where there is no file, there is no diagnosis."""
    path, header = tmp_path / "d.json", make_header()
    assert read_diagnosis(path, header) is None
    write_diagnosis(path, found, header, Thresholds())
    assert read_diagnosis(path, header) == found
    assert read_diagnosis(path, header, Thresholds()) == found
    assert read_diagnosis(path, header, Thresholds(cosine=0.95)) is None
    assert path.read_bytes().isascii()
    later = replace(header.sides[0], fetched_to="2026-04-30T09:00:00Z")
    assert read_diagnosis(path, make_header(sides=(later, make_provenance(Side.CANDIDATE)))) is None


def test_a_diagnosis_of_the_first_schema_is_read(tmp_path: Path) -> None:
    """An empty object, which said that no diagnosis was made, is none."""
    path, header = tmp_path / "d.json", make_header()
    write_diagnosis(path, None, header, Thresholds())
    whole = json.loads(path.read_bytes())
    path.write_text(json.dumps({"identity": whole["identity"], "schema": 1, "diagnosis": {}}))
    assert read_diagnosis(path, header) is None


def test_a_diagnosis_that_does_not_name_its_thresholds_is_read_and_used_for_no_verdict(tmp_path: Path) -> None:
    """A file of schema 2 is still read, its causes without a side, but no verdict under known thresholds takes it over."""
    path, header = tmp_path / "d.json", make_header()
    write_diagnosis(path, make_diagnosis(), header, Thresholds())
    whole = json.loads(path.read_bytes())
    for cause in whole["diagnosis"]["causes"]:
        del cause["side"]
    path.write_text(json.dumps({"identity": whole["identity"], "schema": 2, "diagnosis": whole["diagnosis"]}))
    held = read_diagnosis(path, header)
    assert held is not None
    assert [cause.side for cause in held.causes] == [None] * len(held.causes)
    assert read_diagnosis(path, header, Thresholds()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"schema": 4},
        {"schema": 2},
        {"thresholds": 5},
        {"schema": True},
        {"diagnosis": {}},
        {"identity": {}},
        {"more": 1},
    ],
)
def test_an_odd_diagnosis_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """What no version wrote is an error with file and remedy."""
    path = tmp_path / "d.json"
    write_diagnosis(path, make_diagnosis(), make_header(), Thresholds())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    with pytest.raises(ArtifactError, match="Materialize diagnosis again") as caught:
        read_diagnosis(path, make_header())
    assert caught.value.place == str(path)


@pytest.mark.parametrize("found", [make_confirmation(), None])
def test_a_confirmation_comes_back_for_its_lanes_and_thresholds(tmp_path: Path, found: Confirmation | None) -> None:
    """Every record survives; for other lanes or thresholds, or where there is no file, there is no confirmation."""
    path, header, limits = tmp_path / "c.json", make_header(), Thresholds()
    assert read_confirmation(path, header, limits) is None
    write_confirmation(path, found, header, limits)
    assert read_confirmation(path, header, limits) == found
    later = make_provenance(fetched_to="2026-05-02T00:00:00Z")
    other = make_header(sides=(later, make_provenance(Side.CANDIDATE)))
    assert read_confirmation(path, other, limits) is None
    assert read_confirmation(path, header, replace(limits, cosine=0.9)) is None


@pytest.mark.parametrize("change", [{"schema": 2}, {"confirmation": {}}, {"thresholds": {}}, {"more": 1}])
def test_an_odd_confirmation_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    """A file that is not exactly a confirmation is an error with a remedy, and excuses nothing."""
    path = tmp_path / "c.json"
    write_confirmation(path, make_confirmation(), make_header(), Thresholds())
    path.write_text(json.dumps({**json.loads(path.read_bytes()), **change}))
    with pytest.raises(ArtifactError, match="Materialize confirmation again"):
        read_confirmation(path, make_header(), Thresholds())
