from dataclasses import replace

import pytest

from parity_pipeline.core.wire_drift import NOT_OBSERVED, NormRange, WireObservation, wire_drift

UNIT = NormRange(low=0.9999999, high=1.0000001)
RAW = NormRange(low=12.507687, high=13.978468)
UNKNOWN = NormRange(low=None, high=None)
RUST = WireObservation(
    method_and_path="POST /ai/embed",
    request_fields=("model", "texts"),
    response_fields=("dimensions: number", "embeddings: array of array of number", "model: string"),
    number_format="float64 digits",
    dimension=768,
    default_model="nomic-embed-text",
)
GO = WireObservation(
    method_and_path="POST /v1/embed",
    request_fields=("model", "texts"),
    response_fields=("dimension: number", "model: string", "vectors: array of array of number"),
    number_format="float32 digits",
    dimension=768,
    default_model="refused (HTTP 400)",
)


def test_the_catalogue_sets_both_side_by_side() -> None:
    """Every field of the catalogue holds what each side showed, and whether it is the same."""
    rows = {row.field: row for row in wire_drift(RUST, GO, UNIT, RAW)}
    assert list(rows) == [
        "URL",
        "request fields",
        "response fields",
        "number format",
        "dimension",
        "L2 norm",
        "default model",
    ]
    assert [row.same for row in rows.values()] == [False, True, False, False, True, False, False]
    assert (rows["URL"].legacy, rows["URL"].candidate) == ("POST /ai/embed", "POST /v1/embed")
    assert rows["request fields"].legacy == "model, texts"
    assert (rows["L2 norm"].legacy, rows["L2 norm"].candidate) == ("unit vectors", "raw, 12.51 to 13.98")
    assert rows["URL"].same is False


def test_a_side_against_itself() -> None:
    """A side does not drift from itself."""
    assert all(row.same for row in wire_drift(RUST, RUST, RAW, RAW))


def test_what_was_not_observed_is_neither_same_nor_different() -> None:
    """Where a side showed nothing, nothing is claimed, also where both showed nothing."""
    nothing = WireObservation()
    for row in (*wire_drift(RUST, nothing, UNIT, UNKNOWN), *wire_drift(nothing, nothing, UNKNOWN, UNKNOWN)):
        assert row.same is None
        assert row.candidate == NOT_OBSERVED


@pytest.mark.parametrize(
    ("low", "high", "words"),
    [
        (1.0, 1.0, "unit vectors"),
        (0.9991, 1.0009, "unit vectors"),
        (0.99, 1.0, "raw, 0.99 to 1.00"),
        (1.0, 1.002, "raw, 1.00 to 1.00"),
        (12.507687, 13.978468, "raw, 12.51 to 13.98"),
        (1234.5, 1e6, "raw, 1234.50 to 1000000.00"),
        (0.0031, 0.00412, "raw, 0.0031 to 0.00412"),
        (None, None, NOT_OBSERVED),
    ],
)
def test_norms_in_words(low: float | None, high: float | None, words: str) -> None:
    """Norms are shown as unit vectors within one part in a thousand, else as a range that can be read."""
    assert NormRange(low=low, high=high).describe() == words


def test_small_norms_are_distinguished() -> None:
    """Two sides with different norms far below 1 are not called the same for want of decimals."""
    rows = wire_drift(RUST, RUST, NormRange(low=0.001, high=0.002), NormRange(low=0.003, high=0.004))
    assert {row.field: row.same for row in rows}["L2 norm"] is False


def test_two_names_for_the_model_of_the_partition_are_one_default_model() -> None:
    """Where each side shows its own name of the model that was requested, the defaults are the same; else they are not."""
    other = replace(GO, default_model="nomic-v1.5")
    names = ("nomic-embed-text", "nomic-v1.5")
    assert {row.field: row.same for row in wire_drift(RUST, other, UNIT, UNIT, names)}["default model"] is True
    assert {row.field: row.same for row in wire_drift(RUST, other, UNIT, UNIT)}["default model"] is False
    assert {row.field: row.same for row in wire_drift(RUST, GO, UNIT, UNIT, names)}["default model"] is False
