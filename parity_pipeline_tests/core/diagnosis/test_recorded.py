"""Diagnoses of recorded vectors of six real servers: what is named, and that nothing is said against the rest."""

import numpy as np
import pytest

from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import (
    CauseName,
    Confidence,
    Diagnosis,
    DiagnosisInput,
    Experiment,
    ExperimentName,
)
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline_tests.core.builders import fetched, samples_of
from parity_pipeline_tests.core.diagnosis.recorded_sides import comparison
from parity_pipeline_tests.fakes.replay_gateway import recorded_texts, recorded_vectors

TEXTS = recorded_texts()
BLOCK = samples_of([text.text for text in TEXTS], categories=[text.category for text in TEXTS])


PAIRS = (
    ("torch-f32", "ggml-f32"),
    ("torch-f32", "ggml-q8_0"),
    ("torch-f32", "torch-int8"),
    ("torch-f32", "torch-bf16"),
    ("ggml-f32", "ggml-q8_0"),
    ("ggml-f32", "ggml-f32-raw-norm"),
)
"""The pairs of `data/README.md`."""


def lane(server: str) -> FetchedRows:
    """Return a server's recorded responses as a fetch would leave them."""
    vectors = recorded_vectors(server)
    rows = (vectors[text.text_id] for text in TEXTS)
    return fetched(BLOCK, [RowStatus.REFUSED if vector is None else vector.tolist() for vector in rows])


def diagnosis(legacy: str, candidate: str, *experiments: Experiment) -> Diagnosis:
    """Return the diagnosis of two recorded servers, stored vectors alone."""
    return diagnose(DiagnosisInput(samples=BLOCK, legacy=lane(legacy), candidate=lane(candidate)), experiments)


def counts(found: Diagnosis) -> dict[CauseName, int]:
    """Return how many failing samples each cause explains."""
    return {cause.name: cause.count for cause in found.causes}


def test_two_float32_servers() -> None:
    """Twelve texts and eight refusals are explained by length and tokenizer, and no passing text is named."""
    found = diagnosis("torch-f32", "ggml-f32")
    assert counts(found) == {
        CauseName.REFUSED_OVER_LENGTH: 8,
        CauseName.TOKENIZER: 7,
        CauseName.TRUNCATION: 5,
    }
    assert (found.failing, found.explained, found.unexplained) == (20, 20, ())
    named = [sample for cause in found.causes for sample in cause.samples]
    assert len(named) == len(set(named)) == 20
    tokenizer = next(cause for cause in found.causes if cause.name is CauseName.TOKENIZER)
    assert all(word in tokenizer.words for word in ("Hangul", "Devanagari", "more than 100 characters", "NFD"))
    cut = next(cause for cause in found.causes if cause.name is CauseName.TRUNCATION)
    assert "texts of 240 words or more" in cut.words
    assert "has 190" in cut.words


def test_eight_bit_weights() -> None:
    """Against an 8-bit server precision is named with its size, beside the twelve texts that differ anyway."""
    found = diagnosis("torch-f32", "ggml-q8_0")
    assert counts(found) == {
        CauseName.PRECISION: 21,
        CauseName.REFUSED_OVER_LENGTH: 8,
        CauseName.TOKENIZER: 7,
        CauseName.TRUNCATION: 5,
    }
    assert "8-bit weights" in found.causes[0].words
    assert counts(diagnosis("ggml-f32", "ggml-q8_0")) == {CauseName.PRECISION: 22}


@pytest.mark.parametrize(("legacy", "candidate"), PAIRS)
def test_hazards_beside_the_recorded_texts_hide_no_cause(legacy: str, candidate: str) -> None:
    """With follow-up queries or without, the causes of a pair are the same with every hazard beside the texts, and so is what they explain."""
    tried = [batched(candidate)] if candidate == "torch-int8" else []
    recorded = set(BLOCK.ids)
    for queried in (True, False) if candidate != "torch-int8" else (True,):
        found: list[dict[CauseName, Confidence]] = []
        for beside in (False, True):
            given, queries = comparison(legacy, candidate, beside=beside)
            named = diagnose(given, tried, queries if queried else None)
            found.append({cause.name: cause.confidence for cause in named.causes})
            assert not set(named.unexplained) & recorded
        assert found[0] == found[1]


@pytest.mark.parametrize("beside", [False, True])
def test_the_server_s_own_words_stand_beside_a_refusal(*, beside: bool) -> None:
    """Texts over the window are refused over a length, on the side that refuses them, in its own words."""
    given, queries = comparison("torch-f32", "ggml-f32", beside=beside)
    refused = next(one for one in diagnose(given, (), queries).causes if one.name is CauseName.REFUSED_OVER_LENGTH)
    assert "“input (604 tokens) is too large to process. increase the physical batch size" in refused.words
    assert refused.side is Side.CANDIDATE


def test_what_fails_alone_as_well_is_not_blamed_on_company() -> None:
    """An int8 server whose batches change vectors differs on each text alone: that is its arithmetic, not the batch."""
    given, queries = comparison("torch-f32", "torch-int8", beside=False)
    found = diagnose(given, [batched("torch-int8")], queries)
    assert counts(found) == {CauseName.PRECISION: 200}
    assert "ranges set at run time" in found.causes[0].words
    assert [one.name for one in found.remarks] == [CauseName.BATCH_SIZE]


def test_bfloat16_passes_silently() -> None:
    """Where nothing fails nothing is named, although the vectors are rounded."""
    found = diagnosis("torch-f32", "torch-bf16")
    assert (found.causes, found.remarks, found.failing) == ((), (), 0)


def test_raw_norms_and_special_tokens() -> None:
    """The four texts with a special token are named, and the norms are reported as an observation."""
    found = diagnosis("ggml-f32", "ggml-f32-raw-norm")
    assert counts(found) == {CauseName.REFUSED_OVER_LENGTH: 8, CauseName.SPECIAL_TOKENS: 4}
    (norms,) = found.remarks
    assert norms.name is CauseName.NORMALISATION
    assert "legacy unit vectors, candidate raw, 1.24 to 8.832" in norms.words


def test_int8_with_ranges_at_run_time() -> None:
    """From vectors alone it may be precision; with batches tried it is the batch."""
    alone = diagnosis("torch-f32", "torch-int8")
    assert [(cause.name, cause.confidence) for cause in alone.causes] == [(CauseName.PRECISION, Confidence.POSSIBLE)]
    found = diagnosis("torch-f32", "torch-int8", batched("torch-int8"))
    assert found.causes[0].name is CauseName.BATCH_SIZE
    assert found.causes[0].count >= 190
    assert "at 32" in found.causes[0].words


@pytest.mark.parametrize("server", ["torch-f32", "torch-bf16", "ggml-f32", "ggml-q8_0"])
def test_batches_that_change_nothing_are_not_a_cause(server: str) -> None:
    """A side that batches move by less than the threshold allows gets no batch effect."""
    assert CauseName.BATCH_SIZE not in counts(diagnosis("torch-f32", server, batched(server)))


def batched(server: str) -> Experiment:
    """Return the experiment of a server alone and in batches of 32."""
    alone, together = recorded_vectors(server), recorded_vectors(server, "batched")
    lost: dict[str, float] = {}
    for text, sample in zip(TEXTS, BLOCK.ids, strict=True):
        one, two = alone[text.text_id], together[text.text_id]
        if one is not None and two is not None:
            wide = one.astype(np.float64), two.astype(np.float64)
            lost[sample] = float(1 - wide[0] @ wide[1] / np.linalg.norm(wide[0]) / np.linalg.norm(wide[1]))
    return Experiment(
        side=Side.CANDIDATE,
        name=ExperimentName.ALONE_VS_BATCH,
        worst=max(lost.values()),
        size_at_worst=32,
        affected=[sample for sample, one in lost.items() if one > 1e-3],
    )
