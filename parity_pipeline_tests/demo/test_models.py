from pathlib import Path

import numpy as np
import pytest
import wordllama

from parity_pipeline.demo.models import _TOKEN_BLOCK, DIMENSIONS, _mean_of
from parity_pipeline_tests.demo.support import embedder

TEXTS = ["hello", "forklift operator with OSHA cert", "résumé: 12 yrs warehouse — pick/pack", "日本語 🙂", "x" * 3000]


@pytest.mark.parametrize("model", list(DIMENSIONS))
def test_vectors_are_those_of_the_package_at_that_width(model: str) -> None:
    """A model of the demo gives bit for bit what the package itself gives when loaded at that width."""
    package = Path(wordllama.__file__).parent
    loaded = wordllama.WordLlama.load(cache_dir=package, trunc_dim=DIMENSIONS[model], disable_download=True)
    own = np.concatenate([np.asarray(loaded.embed([text], norm=False)) for text in TEXTS])
    assert np.array_equal(embedder().embed(model, TEXTS), own)


def test_a_vector_does_not_depend_on_its_neighbours() -> None:
    """A text alone, in a batch, and in a reversed batch has the same vector."""
    batch = embedder().embed("wordllama-256", TEXTS)
    alone = np.concatenate([embedder().embed("wordllama-256", [text]) for text in TEXTS])
    back = embedder().embed("wordllama-256", TEXTS[::-1])[::-1]
    assert np.array_equal(batch, alone)
    assert np.array_equal(batch, back)


def test_a_text_of_many_blocks_has_the_mean_of_its_tokens() -> None:
    """Adding up in blocks gives the mean that adding up at once gives."""
    matrix = np.random.default_rng(1).standard_normal((50, 8)).astype(np.float32)
    ids = [int(token) for token in np.random.default_rng(2).integers(0, 50, 2 * _TOKEN_BLOCK + 7)]
    assert np.allclose(_mean_of(matrix, ids), matrix[ids].mean(axis=0, dtype=np.float64), atol=1e-7)


def test_the_narrow_model_points_elsewhere_but_starts_alike() -> None:
    """The narrow model's vector is the start of the wide one's."""
    wide, narrow = (embedder().embed(model, TEXTS) for model in ("wordllama-256", "wordllama-64"))
    assert np.array_equal(wide[:, :64], narrow)
