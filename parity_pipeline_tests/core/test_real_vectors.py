"""The comparison against vectors of six real servers; the expected figures stand in `data/README.md`."""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.compare import compare
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import ComparedRows, Measure, Thresholds, grade
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus
from parity_pipeline.core.tally import NormTally, Tally
from parity_pipeline.core.verdict_builder import DecisionInputs
from parity_pipeline_tests.core.builders import decide, fetched, samples_of
from parity_pipeline_tests.fakes.replay_gateway import SERVERS, recorded_texts, recorded_vectors

CORE = frozenset(
    ["short", "len100w", "len128_256", "nfd", "emoji", "newline", "onechar", "dup", "code", "compat", "near"]
)
TEXTS = recorded_texts()
BLOCK = samples_of([text.text for text in TEXTS], categories=[text.category for text in TEXTS])


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """One row of the table in `data/README.md`, and which texts are below."""

    legacy: str
    candidate: str
    core_worst: float
    core_below: int
    below: int
    refused: Outcome | None
    categories: dict[str, int] | None = None


EXPECTED = (
    Expected(legacy="torch-f32", candidate="torch-bf16", core_worst=1.3e-4, core_below=0, below=0, refused=None),
    Expected(
        legacy="torch-f32",
        candidate="ggml-f32",
        core_worst=2.7e-6,
        core_below=0,
        below=12,
        refused=Outcome.REFUSED_BY_CANDIDATE,
        categories={"len256_512": 5, "nfc": 1, "cjk": 2, "script": 1, "longword": 3},
    ),
    Expected(
        legacy="torch-f32",
        candidate="ggml-q8_0",
        core_worst=1.9e-3,
        core_below=6,
        below=33,
        refused=Outcome.REFUSED_BY_CANDIDATE,
    ),
    Expected(legacy="torch-f32", candidate="torch-int8", core_worst=0.18, core_below=136, below=200, refused=None),
    Expected(
        legacy="ggml-f32",
        candidate="ggml-q8_0",
        core_worst=1.9e-3,
        core_below=7,
        below=22,
        refused=Outcome.REFUSED_BY_BOTH,
    ),
    Expected(
        legacy="ggml-f32",
        candidate="ggml-f32-raw-norm",
        core_worst=2.6e-7,
        core_below=0,
        below=4,
        refused=Outcome.REFUSED_BY_LEGACY,
        categories={"special_tok": 4},
    ),
)
IDS = [f"{row.legacy} to {row.candidate}" for row in EXPECTED]


def lane(server: str) -> FetchedRows:
    """Return a server's recorded responses as a fetch would leave them."""
    vectors = recorded_vectors(server)
    rows = (vectors[text.text_id] for text in TEXTS)
    return fetched(BLOCK, [RowStatus.REFUSED if vector is None else vector.tolist() for vector in rows])


def rows_of(expected: Expected) -> ComparedRows:
    """Return the comparison of a row of the table."""
    return grade(compare(BLOCK, lane(expected.legacy), lane(expected.candidate)), Thresholds())


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_core_texts(expected: Expected) -> None:
    """On the 136 core texts the worst cosine and the number below the threshold are those of the table."""
    rows = rows_of(expected)
    core = np.array([category in CORE for category in rows.categories])
    assert core.sum() == 136
    assert f"{1 - rows.cosine[core].min():.1e}" == f"{expected.core_worst:.1e}"
    assert sum(outcome is Outcome.MISMATCH for outcome, of in zip(rows.outcomes, core, strict=True) if of) == (
        expected.core_below
    )


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_all_texts(expected: Expected) -> None:
    """On all 200 texts the outcomes are those of the table: below, refused and by whom, and nothing else."""
    counts = Counter(rows_of(expected).outcomes)
    wanted = Counter({Outcome.MISMATCH: expected.below})
    if expected.refused:
        wanted[expected.refused] = 8
    wanted[Outcome.MATCH] = 200 - wanted.total()
    assert counts == wanted


@pytest.mark.parametrize("expected", [row for row in EXPECTED if row.categories], ids=lambda row: row.candidate)
def test_which_texts_are_below(expected: Expected) -> None:
    """The texts below the threshold are of the categories that the servers are known to differ in."""
    rows = rows_of(expected)
    below = zip(rows.categories, rows.outcomes, strict=True)
    assert dict(Counter(category for category, outcome in below if outcome is Outcome.MISMATCH)) == expected.categories


def test_other_scripts_are_named() -> None:
    """Of the texts that the tokenizers read differently three are Hangul and one is Hindi."""
    rows = rows_of(EXPECTED[1])
    below = [text.text for text, one in zip(TEXTS, rows.outcomes, strict=True) if one is Outcome.MISMATCH]
    assert sum(any("\uac00" <= sign <= "\ud7a3" for sign in text) for text in below) == 3
    assert sum(any("\u0900" <= sign <= "\u097f" for sign in text) for text in below) == 1


def test_special_tokens_are_named() -> None:
    """The four texts that the raw-norm server reads differently are those with a special token written out."""
    rows = rows_of(EXPECTED[5])
    below = [text.text for text, one in zip(TEXTS, rows.outcomes, strict=True) if one is Outcome.MISMATCH]
    for token in ("[SEP]", "[CLS]", "[MASK]", "[PAD]"):
        assert sum(token in text for text in below) == 1, token


@pytest.mark.parametrize("expected", EXPECTED, ids=IDS)
def test_decision_and_reasons(expected: Expected) -> None:
    """Only the pair without a mismatch or a one-sided refusal passes; the others fail with their counts named."""
    tally = Tally(Thresholds())
    tally.add(rows_of(expected))
    decision, reasons = decide(tally, DecisionInputs(expected=200))
    listed = "; ".join(reasons)
    if expected.below:
        assert decision is Decision.FAIL
        assert f"{expected.below}/{tally.compared} compared samples < 0.9990" in listed
    else:
        assert decision is Decision.PASS
        assert reasons == ("200/200 samples ≥ 0.9990",)
    if expected.refused in {Outcome.REFUSED_BY_CANDIDATE, Outcome.REFUSED_BY_LEGACY}:
        assert "8/200 samples are refused" in listed


def test_raw_norms_are_reported() -> None:
    """Raw norms against unit vectors change no cosine, and the norms and their difference are reported."""
    tally = Tally(Thresholds())
    tally.add(rows_of(EXPECTED[5]))
    legacy, candidate = tally.norms()
    assert legacy.describe() == "unit vectors"
    assert candidate.describe() == "raw, 1.24 to 8.83"
    assert tally.measures[Measure.NORM_RATIO].off == tally.compared == 192


@pytest.mark.parametrize(
    ("server", "worst"),
    [
        ("torch-f32", 8.6e-13),
        ("torch-bf16", 1.1e-4),
        ("torch-int8", 0.12),
        ("ggml-f32", 5.3e-7),
        ("ggml-q8_0", 4.0e-4),
        ("ggml-f32-raw-norm", 1.2e-7),
    ],
)
def test_alone_against_batched(server: str, worst: float) -> None:
    """Each server against itself, alone against batched, strays as far as was recorded."""
    alone, batched = recorded_vectors(server), recorded_vectors(server, "batched")
    kept = [key for key, vector in alone.items() if vector is not None]
    left = [RowStatus.REFUSED if vector is None else vector.tolist() for vector in map(alone.get, kept)]
    right = [RowStatus.REFUSED if vector is None else vector.tolist() for vector in map(batched.get, kept)]
    block = samples_of([f"text {key}" for key in kept])
    rows = compare(block, fetched(block, left), fetched(block, right))
    assert f"{1 - rows.cosine.min():.1e}" == f"{worst:.1e}"


def test_every_server_is_recorded() -> None:
    """The recording holds 200 texts for each server, and the same eight refusals on both llama.cpp ones."""
    refused = {server: {key for key, one in recorded_vectors(server).items() if one is None} for server in SERVERS}
    assert all(len(recorded_vectors(server)) == 200 for server in SERVERS)
    assert refused["ggml-f32"] == refused["ggml-q8_0"]
    assert {server: len(keys) for server, keys in refused.items()} == dict.fromkeys(SERVERS, 0) | {
        "ggml-f32": 8,
        "ggml-q8_0": 8,
    }


def bfloat16(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
    """Round to bfloat16: the upper half of a float32, rounded to even."""
    bits = vectors.astype(np.float32).view(np.uint32)
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF0000).astype(np.uint32).view(np.float32).astype(np.float64)


def integers(bits: int) -> Callable[[NDArray[np.float64]], NDArray[np.float64]]:
    """Return the rounding to whole multiples of the largest number of each row, with so many bits and a sign."""

    def rounded(vectors: NDArray[np.float64]) -> NDArray[np.float64]:
        step = np.abs(vectors).max(axis=1, keepdims=True) / (2 ** (bits - 1) - 1)
        return np.round(vectors / step) * step

    return rounded


ROUNDINGS: Mapping[str, Callable[[NDArray[np.float64]], NDArray[np.float64]]] = {
    "float32": lambda vectors: vectors.astype(np.float32).astype(np.float64),
    "float16": lambda vectors: vectors.astype(np.float16).astype(np.float64),
    "bfloat16": bfloat16,
    "int8": integers(8),
    "int4": integers(4),
    **{f"{digits} digits": partial(np.round, decimals=digits) for digits in (2, 3, 4, 5, 6)},
}


@pytest.mark.parametrize("rounding", ROUNDINGS)
@pytest.mark.parametrize("server", SERVERS)
def test_rounded_unit_vectors_are_one_kind(server: str, rounding: str) -> None:
    """Unit vectors of a recorded server are of one kind, however coarsely they were rounded."""
    recorded = np.array([vector for vector in recorded_vectors(server).values() if vector is not None], np.float64)
    unit = recorded / np.linalg.norm(recorded, axis=1, keepdims=True)
    norms = NormTally()
    norms.add(np.linalg.norm(ROUNDINGS[rounding](unit), axis=1), np.zeros(len(unit), np.bool_))
    assert not norms.mixed


@pytest.mark.parametrize("server", SERVERS)
def test_norms_as_recorded_are_of_one_kind_until_one_row_is_off(server: str) -> None:
    """Each recorded server returns norms of one kind; one row at 1.02 among unit rows is noticed, and raw norms may spread."""
    norms = np.array([np.linalg.norm(row) for row in recorded_vectors(server).values() if row is not None], np.float64)
    as_recorded, with_one_off = NormTally(), NormTally()
    as_recorded.add(norms, np.zeros(len(norms), np.bool_))
    with_one_off.add(np.append(norms, 1.02), np.zeros(len(norms) + 1, np.bool_))
    assert not as_recorded.mixed
    assert with_one_off.mixed is (server != "ggml-f32-raw-norm")
