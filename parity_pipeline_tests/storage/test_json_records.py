"""The one serialiser, shown on the record that has the most kinds of fields: what is not exactly that record is refused."""

import dataclasses
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.storage.json_records import RecordKind, json_text
from parity_pipeline_tests.core.builders import provenance

KIND = RecordKind(record=Provenance, name="provenance", remedy="Materialize that partition again.")
any_text = st.text(alphabet=st.characters(exclude_categories=()), max_size=20)


def stored(record: Provenance) -> dict[str, Any]:
    """Return a record as it comes back from a file."""
    return json.loads(json_text(record))


@given(st.dictionaries(any_text, st.integers(0, 9), max_size=3), any_text, st.sampled_from(Side))
def test_a_record_comes_back_equal(echoed: dict[str, int], label: str, side: Side) -> None:
    """Whatever the texts and keys are, lone surrogates included; what is written is one line of ASCII."""
    record = dataclasses.replace(provenance(side, echoed=echoed), label=label, doubts=(label,))
    text = json_text(record)
    back = KIND.read(text.encode(), "file")
    assert back == record
    assert (type(back.side), type(back.doubts), type(back.observation.request_fields)) == (Side, tuple, tuple)
    assert text.isascii()
    assert text.count("\n") == 1
    assert json_text(back) == text


@pytest.mark.parametrize("name", [one.name for one in dataclasses.fields(Provenance)])
@pytest.mark.parametrize("label", ["plain", "\ud800"])
def test_a_missing_field_is_refused(name: str, label: str) -> None:
    """A record of an old version, which lacks a field, is refused by name, with the file and the remedy."""
    value = stored(dataclasses.replace(provenance(), url=label, label=label))
    del value[name]
    with pytest.raises(ArtifactError, match=f"'{name}' is missing") as caught:
        KIND.of(value, "part.parquet")
    assert (caught.value.place, caught.value.remedy) == ("part.parquet", KIND.remedy)


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
        {"samples": "2"},
        {"samples": 2.0},
        {"samples": True},
        {"doubts": "none"},
        {"doubts": [1]},
        {"latency_ms": {"p50": float("nan")}},
        {"models_echoed": {"m": "1"}},
    ],
    ids=str,
)
@pytest.mark.parametrize("label", ["plain", "\ud800"])
def test_anything_else_is_refused(change: dict[str, Any], label: str) -> None:
    """An unknown field, word or type, or NaN, is refused as of another version, whatever text stands beside it."""
    value = {**stored(dataclasses.replace(provenance(), label=label)), **change}
    with pytest.raises(ArtifactError, match="another version"):
        KIND.of(value, "part.parquet")


def test_a_part_of_a_nested_record_is_refused() -> None:
    """An observation that lacks a field is refused, not filled up."""
    value = stored(provenance())
    del value["observation"]["number_format"]
    with pytest.raises(ArtifactError, match=r"'observation\.number_format' is missing"):
        KIND.of(value, "part.parquet")


@pytest.mark.parametrize("content", [b"null", b"[]", b'"text"', b"5", b"", b"{", b"\xff"])
def test_what_is_not_an_object_is_refused(content: bytes) -> None:
    """A document that is not a JSON object at all is refused in the same way."""
    with pytest.raises(ArtifactError, match=r"not a JSON object|not valid JSON"):
        KIND.read(content, "part.parquet")


def test_a_message_names_a_few_faults_and_no_foreign_letter() -> None:
    """A document of quite another form gives one readable line."""
    with pytest.raises(ArtifactError) as caught:
        KIND.of({"evil\u202e": 1, **{str(number): number for number in range(100)}}, "file")
    assert str(caught.value).isascii()
    assert "more)" in str(caught.value)
    assert len(str(caught.value)) < 400


def test_an_upgrade_that_breaks_is_an_error_of_the_document() -> None:
    """A document that no version wrote is refused with file and remedy, not with a bare error of Python."""

    def broken(value: dict[str, Any]) -> dict[str, Any]:
        return value["what no version wrote"]

    with pytest.raises(ArtifactError, match="cannot be read") as caught:
        dataclasses.replace(KIND, upgrade=broken).of({}, "file")
    assert caught.value.remedy == KIND.remedy
