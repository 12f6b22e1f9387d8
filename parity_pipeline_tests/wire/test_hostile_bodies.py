"""Bodies with status 200 that are not one vector per text, and values that look odd and are kept."""

import json
import math

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parity_pipeline.wire.decode import Decoder
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.retry_policy import rule_of
from parity_pipeline_tests.wire.fake_side import DIALECTS

RUST, OPENAI, LEGACY = DIALECTS["rust"], DIALECTS["openai"], DIALECTS["ollama-legacy"]


def item(index: object, vector: object = (1.0, 2.0)) -> dict[str, object]:
    """Return one element of an OpenAI-shaped response."""
    return {"index": index, "embedding": vector}


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        (b"", "not_json"),
        (b"{", "not_json"),
        (b'{"embeddings": [[1.0, 2.0], [3.0, ', "not_json"),
        (b'{"embeddings": [[1, 2], [3, 4]]} and more', "not_json"),
        (b'{"embeddings": [[1, 2], [3, 4]], "model": "\xff"}', "not_json"),
        (b"<html><title>Sign in</title></html>", "not_json"),
        (b"null", "no_vectors_field"),
        (b'"words"', "no_vectors_field"),
        (b"[]", "no_vectors_field"),
        (b'{"error": "busy"}', "no_vectors_field"),
        (b'{"embeddings": null}', "no_vectors_field"),
        (b'{"embeddings": {"0": [1]}}', "no_vectors_field"),
        (b'{"embeddings": "[[1, 2], [3, 4]]"}', "no_vectors_field"),
        (b'{"embeddings": []}', "wrong_count"),
        (b'{"embeddings": [[1, 2]]}', "wrong_count"),
        (b'{"embeddings": [[1, 2], [3, 4], [5, 6]]}', "wrong_count"),
        (b'{"embeddings": [1, 2]}', "not_numbers"),
        (b'{"embeddings": [[1, 2], null]}', "not_numbers"),
        (b'{"embeddings": [[1, "2"], [3, 4]]}', "not_numbers"),
        (b'{"embeddings": [[1, true], [3, 4]]}', "not_numbers"),
        (b'{"embeddings": [[1, [2]], [3, 4]]}', "not_numbers"),
        (b'{"embeddings": [[1, {}], [3, 4]]}', "not_numbers"),
        (b'{"embeddings": [[[1, 2]], [[3, 4]]]}', "not_numbers"),
        (b'{"embeddings": [[1, 2], [3]]}', "ragged"),
        (b'{"embeddings": [[1, 2], [null]]}', "ragged"),
        (b'{"embeddings": [[], []]}', "empty_vector"),
        (b'{"embeddings": [[1, 2], []]}', "empty_vector"),
        (b'{"embeddings": [[1, 2], [3, 4]], "embeddings": [[5, 6], [7, 8]]}', "duplicate_keys"),
        (b'{"embeddings": [[1, 2], [3, NaN]], "model": "a", "model": "b"}', "duplicate_keys"),
        (b"[" * 100_000 + b"]" * 100_000, "too_deep"),
        (b'{"a":' * 100_000 + b"1" + b"}" * 100_000, "too_deep"),
    ],
)
def test_each_hostile_body_has_its_kind(body: bytes, kind: str) -> None:
    """A 200 without exactly one vector per text is refused with the kind of its fault."""
    decoder = Decoder(RUST)
    with pytest.raises(MalformedResponse) as caught:
        decoder.decode(body, 2)
    assert caught.value.kind == kind
    assert rule_of(kind)
    assert decoder.decode(b'{"embeddings": [[1, 2], [3, 4]]}', 2).vectors.tolist() == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("items", "kind"),
    [
        ([item(0), item(0)], "bad_order"),
        ([item(1), item(2)], "bad_order"),
        ([item(0), item(-1)], "bad_order"),
        ([item(0), item(None)], "bad_order"),
        ([item(index) for index in (False, True)], "bad_order"),
        ([item("0"), item("1")], "bad_order"),
        ([item(0.0), item(1.0)], "bad_order"),
        ([item(0), {"embedding": [1.0, 2.0]}], "bad_order"),
        ([item(0), {"index": 1}], "not_numbers"),
        ([item(0), item(1, "AAAA")], "not_numbers"),
        ([item(0), item(1, [1.0])], "ragged"),
        ([item(0), [1.0, 2.0]], "not_numbers"),
        ([item(0)], "wrong_count"),
    ],
)
def test_positions_must_be_a_permutation(items: list[object], kind: str) -> None:
    """Where vectors state their position, each position occurs once; otherwise no vector is used."""
    with pytest.raises(MalformedResponse) as caught:
        Decoder(OPENAI).decode(json.dumps({"data": items}).encode(), 2)
    assert caught.value.kind == kind


def test_permuted_vectors_are_put_in_order() -> None:
    """Permuted vectors with positions are returned in the order of their texts, on both paths."""
    items = [item(2, [3, 3]), item(0, [1, 1]), item(1, [2, 2])]
    found = Decoder(OPENAI).decode(json.dumps({"data": items}).encode(), 3)
    assert found.vectors.tolist() == [[1, 1], [2, 2], [3, 3]]
    items[0]["embedding"] = [3, math.nan]
    slow = Decoder(OPENAI).decode(json.dumps({"data": items}).encode(), 3)
    assert slow.vectors[:, 0].tolist() == [1, 2, 3]
    assert math.isnan(slow.vectors[2, 1])


def test_non_finite_values_are_kept() -> None:
    """null, NaN and infinities, and numbers beyond float32, become values to compare, not errors."""
    body = b'{"embeddings": [[null, NaN, Infinity], [-Infinity, 1e999, 1e300]]}'
    found = Decoder(RUST).decode(body, 2).vectors
    np.testing.assert_array_equal(found, [[np.nan, np.nan, np.inf], [-np.inf, np.inf, np.inf]])


def test_integers_and_huge_integers_are_numbers() -> None:
    """A writer that drops `.0`, as some do for 0 and 1, and integers beyond 64 bits are read as numbers."""
    body = b'{"embeddings": [[0, -1, 18446744073709551615, 1234567890123456789012345678901234567890]]}'
    found = Decoder(RUST).decode(body, 1).vectors
    np.testing.assert_array_equal(found, np.array([[0, -1, 18446744073709551615, np.inf]], np.float32))
    digits = b'{"embeddings": [[' + b"9" * 100_000 + b"]]}"
    assert Decoder(RUST).decode(digits, 1).vectors[0, 0] == np.inf


def test_arrays_beside_the_vectors_do_no_harm() -> None:
    """A list of warnings, or brackets in a string, change nothing about the vectors."""
    body = b'{"warnings": ["[[", ["x"]], "embeddings": [[1, 2], [3, 4]], "model": "[m]"}'
    found = Decoder(RUST).decode(body, 2)
    assert found.vectors.tolist() == [[1, 2], [3, 4]]
    assert found.model == "[m]"


def test_a_model_that_is_not_a_string_is_ignored() -> None:
    """An echo of another type is not a name."""
    assert Decoder(RUST).decode(b'{"embeddings": [[1]], "model": 3}', 1).model == ""


def test_one_text_dialects_take_one_flat_vector() -> None:
    """The older Ollama endpoint returns one flat array; two vectors for one text are refused."""
    assert Decoder(LEGACY).decode(b'{"embedding": [1, 2]}', 1).vectors.tolist() == [[1, 2]]
    for body, kind in ((b'{"embedding": [[1], [2]]}', "wrong_count"), (b'{"embedding": []}', "empty_vector")):
        with pytest.raises(MalformedResponse) as caught:
            Decoder(LEGACY).decode(body, 1)
        assert caught.value.kind == kind


VALUES = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=4)
ROWS = st.lists(st.floats(width=32) | st.none() | VALUES, max_size=4)
LOOSE = st.recursive(VALUES | st.lists(ROWS, max_size=4), lambda inner: st.lists(inner, max_size=4), max_leaves=12)
BODIES = st.one_of(
    st.dictionaries(st.sampled_from(["embeddings", "data", "embedding", "model"]), LOOSE).map(json.dumps),
    st.lists(st.builds(item, VALUES, LOOSE), max_size=3).map(lambda items: json.dumps({"data": items})),
    st.lists(ROWS, min_size=1, max_size=3).map(lambda rows: json.dumps({"embeddings": rows})),
    LOOSE.map(json.dumps),
)


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=BODIES, count=st.integers(1, 3), cut=st.integers(0, 60), name=st.sampled_from(sorted(DIALECTS)))
def test_no_body_is_accepted_in_part(text: str, count: int, cut: int, name: str) -> None:
    """For any body, each decoder returns exactly one vector per text or a kind of the table, and nothing else."""
    decoder = Decoder(DIALECTS[name])
    for body in (text.encode(), text.encode()[: len(text) - cut]):
        try:
            found = decoder.decode(body, count)
        except MalformedResponse as refused:
            rule_of(refused.kind)  # raises for a kind without a row
        else:
            assert found.vectors.dtype == np.float32
            assert found.vectors.shape[0] == count
            assert found.vectors.shape[1] > 0


@settings(max_examples=100, deadline=None)
@given(
    rows=st.integers(1, 4).flatmap(
        lambda width: st.lists(st.lists(st.floats(), min_size=width, max_size=width), min_size=1, max_size=4)
    )
)
def test_both_paths_read_the_same_numbers(rows: list[list[float]]) -> None:
    """What the fast path reads is what Python reads, to the bit of the float32."""
    with np.errstate(over="ignore"):
        expected = np.array(rows, np.float64).astype(np.float32)
    found = Decoder(RUST).decode(json.dumps({"embeddings": rows}).encode(), len(rows)).vectors
    np.testing.assert_array_equal(found, expected)


def test_a_large_hostile_body_is_refused_early() -> None:
    """A body of many empty arrays is refused by its count before anything is made of it."""
    body = b'{"embeddings": [' + b"[]," * 1_000_000 + b"[]]}"
    with pytest.raises(MalformedResponse) as caught:
        Decoder(RUST).decode(body, 2)
    assert caught.value.kind == "wrong_count"


@pytest.mark.parametrize(
    ("body", "texts", "words"),
    [
        (b'{"embeddings": [[1, 2]]}', 2, "1 vector for 2 texts"),
        (b'{"embeddings": [[1, 2], [3, 4]]}', 1, "2 vectors for 1 text"),
    ],
)
def test_a_wrong_count_is_stated(body: bytes, texts: int, words: str) -> None:
    """Both numbers are named, one of something in the singular."""
    with pytest.raises(MalformedResponse) as caught:
        Decoder(RUST).decode(body, texts)
    assert words in str(caught.value)
