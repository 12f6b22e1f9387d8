import dataclasses
import json
from typing import Any

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance, echo_fault, pairing_faults
from parity_pipeline_tests.core.builders import provenance

HASH = "a" * 64


def stored(record: Provenance) -> dict[str, Any]:
    """Return a record as it comes back from a file."""
    return json.loads(json.dumps(record.to_json()))


@pytest.mark.parametrize("side", Side)
def test_json_round_trip(side: Side) -> None:
    """A record comes back from JSON equal to what was written, tuples and enumerations included."""
    record = provenance(side, echoed={"": 1, "m\ud800🦀": 1})
    back = Provenance.from_json(stored(record), "file")
    assert back == record
    assert back.side is side
    assert back.ok_rows == 2
    assert stored(back) == stored(record)


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Provenance)])
def test_a_missing_field_is_refused(name: str) -> None:
    """A record of an old version, which lacks a field, is refused by name, with the file and the remedy."""
    value = stored(provenance())
    del value[name]
    with pytest.raises(ArtifactError, match=name) as caught:
        Provenance.from_json(value, "part.parquet")
    assert caught.value.place == "part.parquet"
    assert caught.value.remedy


@pytest.mark.parametrize(
    "change",
    [
        {"old_field": 1},
        {"side": "control"},
        {"side": None},
        {"observation": None},
        {"observation": []},
        {"observation": {}},
        {"observation": {"old": 1}},
    ],
    ids=str,
)
def test_anything_else_is_refused(change: dict[str, Any]) -> None:
    """An unknown field, side or observation is refused as of another version, and is no bare error of Python."""
    with pytest.raises(ArtifactError, match="another version"):
        Provenance.from_json({**stored(provenance()), **change}, "part.parquet")


def test_a_part_of_the_observation_is_refused() -> None:
    """An observation that lacks a field is refused, not filled up."""
    value = stored(provenance())
    del value["observation"]["number_format"]
    with pytest.raises(ArtifactError, match="number_format"):
        Provenance.from_json(value, "part.parquet")


@pytest.mark.parametrize("value", [None, [], "text", 5])
def test_what_is_no_object_is_refused(value: Any) -> None:
    """A record that is no JSON object at all is refused in the same way."""
    with pytest.raises(ArtifactError, match="no object"):
        Provenance.from_json(value, "part.parquet")


def test_batches_that_may_be_paired() -> None:
    """Two lanes of one date, model and sample set have no fault."""
    assert pairing_faults(provenance(), provenance(Side.CANDIDATE), HASH) == ()


def test_every_pairing_fault_is_collected() -> None:
    """Swapped sides, both stale hashes, another model and another date are all named at once, with the remedy."""
    legacy = provenance(Side.CANDIDATE, sample_set_hash="c" * 64)
    candidate = provenance(Side.LEGACY, sample_set_hash="d" * 64, model="n\n", date="2026-05-01")
    faults = pairing_faults(legacy, candidate, HASH)
    told = "\n".join(faults)
    assert len(faults) == 6
    for words in (
        "given as legacy was fetched from the candidate side",
        "given as candidate was fetched from the legacy side",
        "materialize legacy/embeddings again",
        "materialize candidate/embeddings again",
        "model 'm', candidate 'n\\n'",
        "dated 2026-04-30, candidate 2026-05-01",
    ):
        assert words in told


@pytest.mark.parametrize("stale", Side)
def test_one_stale_lane_is_named(stale: Side) -> None:
    """A lane fetched for another sample set is the one that is named."""
    hashes = {side: "c" * 64 if side is stale else HASH for side in Side}
    faults = pairing_faults(
        provenance(sample_set_hash=hashes[Side.LEGACY]),
        provenance(Side.CANDIDATE, sample_set_hash=hashes[Side.CANDIDATE]),
        HASH,
    )
    assert len(faults) == 1
    assert faults[0].startswith(f"{stale} was fetched")


@pytest.mark.parametrize(
    ("asked", "echoed", "fault"),
    [
        ("m", {}, False),
        ("m", {"": 5}, False),
        ("m", {"m": 5}, False),
        ("m", {"m:latest": 5}, False),
        ("m:latest", {"m": 5}, False),
        ("m:latest", {"m:latest": 5, "": 1}, False),
        ("m", {"other": 5}, True),
        ("m", {"m": 5, "other": 1}, True),
        ("m", {"M": 5}, True),
        ("m", {"m:q4_0": 5}, True),
        ("m:q4_0", {"m:latest": 5}, True),
        ("m", {"m:latest:latest": 5}, True),
    ],
)
def test_echoed_models(asked: str, echoed: dict[str, int], *, fault: bool) -> None:
    """Only a name other than the one asked for is a fault; `:latest` is no difference, silence is no evidence."""
    assert bool(echo_fault(provenance(asked=asked, echoed=echoed))) == fault


def test_an_echo_fault_names_both() -> None:
    """The fault names the side, the model asked for, the one used and for how many rows, escaped."""
    told = echo_fault(provenance(Side.CANDIDATE, echoed={"evil\n\u202e": 3, "m": 2}))
    assert told == "candidate was asked for model 'm' and says it used 'evil\\n\\u202e' (3 rows)"


def test_many_echoed_names_stay_one_line() -> None:
    """A server that names a new model each time, or a very long one, cannot flood a reason."""
    told = echo_fault(provenance(echoed={f"{place:04}" + "x" * 10_000: place for place in range(1, 1000)}))
    assert len(told) < 1000
    assert "'0999" in told
    assert told.endswith("and 996 more")
