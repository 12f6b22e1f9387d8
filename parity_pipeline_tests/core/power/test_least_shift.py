"""What is assumed of edited texts, against real vectors: nearly every edit of words moves a vector by more."""

import unicodedata
from collections.abc import Callable, Sequence
from itertools import combinations

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.power.text_edits import PREFIX, drop_special_tokens, least_shift, profile_cosine
from parity_pipeline.demo.models import DIMENSIONS
from parity_pipeline.faults.texts import hazards, traffic
from parity_pipeline.faults.trial_run import embedder
from parity_pipeline_tests.fakes.replay_gateway import recorded_texts, recorded_vectors

Vectors = NDArray[np.float64]


def units(vectors: Sequence[NDArray[np.float32]]) -> Vectors:
    """Return the vectors with length 1; a zero vector stays."""
    wide = np.array(vectors, np.float64)
    lengths = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(lengths > 0, lengths, 1.0)


def backgrounds(vectors: Vectors) -> NDArray[np.float64]:
    """Return the median cosine of each vector to some of the others."""
    others = vectors[:: max(1, len(vectors) // 64)]
    return np.median(vectors @ others.T, axis=1)


def words_of(text: str) -> str:
    """Return what every model sees of a text: its letters and digits without case and accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text).casefold() if sign.isalnum())


@pytest.mark.parametrize("server", ["torch-f32", "ggml-f32"])
def test_texts_of_other_words_are_farther_apart_on_real_servers(server: str) -> None:
    """No pair of recorded texts that share most of their trigrams, and not their words, is closer than what is assumed."""
    texts, found = recorded_texts(), recorded_vectors(server)
    places = [place for place in range(len(texts)) if found[place] is not None]
    vectors = units([vector for place in places if (vector := found[place]) is not None])
    words = [words_of(texts[place].text) for place in places]
    others, pairs = backgrounds(vectors), 0
    for left, right in combinations(range(len(places)), 2):
        text, other = texts[places[left]].text, texts[places[right]].text
        if words[left] != words[right] and profile_cosine(text, other) > 0.5:
            pairs += 1
            assert 1.0 - vectors[left] @ vectors[right] > least_shift(text, other, float(others[left])), (text, other)
    assert pairs > 200


def cut(text: str) -> str:
    """Return the first 100 characters."""
    return text[:100]


@pytest.mark.parametrize("model", DIMENSIONS)
@pytest.mark.parametrize("edit", [PREFIX.__add__, drop_special_tokens, cut], ids=["prefix", "special tokens", "cut"])
@pytest.mark.parametrize("threshold", [0.99, 0.999, 0.9999])
def test_edits_of_words_move_the_demo_models_as_far(model: str, edit: Callable[[str], str], threshold: float) -> None:
    """Of the edits that are assumed to leave a threshold, 98 of 100 do, in the demo's models and on texts of all kinds."""
    texts = [*traffic(300, 3), *(text for _, text in hazards(3))]
    texts = [text for text in texts if edit(text) != text and edit(text).strip()]
    before, after = (units(list(embedder().embed(model, given))) for given in (texts, [edit(text) for text in texts]))
    shifts = 1.0 - np.einsum("ij,ij->i", before, after)
    others = backgrounds(before).tolist()
    assumed = np.array([least_shift(text, edit(text), other) for text, other in zip(texts, others, strict=True)])
    counted = assumed > 1.0 - threshold
    assert counted.any()
    assert (shifts[counted] > 1.0 - threshold).mean() >= 0.98
