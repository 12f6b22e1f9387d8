"""Vectors recorded from six real servers, each text alone against the same text in a batch of 32."""

import numpy as np
import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.stability.analysis import stable_faults
from parity_pipeline.core.stability.plan import Limits
from parity_pipeline.core.stability.records import Response, Stability, Step, Texts
from parity_pipeline_tests.core.stability.scripted_side import THRESHOLD, Rows, experiment, found, plan_of, stability_of
from parity_pipeline_tests.fakes.replay_gateway import RECORDED_DIMENSION, recorded_texts, recorded_vectors

REFUSED = Response(status=RowStatus.REFUSED, words="http_500: the input is too large to process")


def replayed(server: str) -> Stability:
    """Try a recorded server with all its texts; what was never recorded gets one fixed vector."""
    by_text = {text.text: text.text_id for text in recorded_texts()}
    alone, batched = recorded_vectors(server), recorded_vectors(server, "batched")
    other = np.ones(RECORDED_DIMENSION, np.float32)

    def replay(_step: Step, request: Texts, _rows: Rows) -> Rows | Response:
        recording = alone if len(request) == 1 else batched
        rows = [recording[by_text[text]] if text in by_text else other for text in request]
        return REFUSED if any(row is None for row in rows) else np.array(rows, np.float32)

    plan = plan_of(tuple(by_text), Limits(batch_texts=32, batch_bytes=10**7, concurrency=1))
    return stability_of(plan, replay)


@pytest.mark.parametrize(
    ("server", "worst"),
    [
        ("torch-f32", 8.6e-13),
        ("torch-bf16", 1.1e-4),
        ("ggml-f32", 5.3e-7),
        ("ggml-q8_0", 4.0e-4),
        ("ggml-f32-raw-norm", 1.2e-7),
    ],
)
def test_a_recorded_server_that_batches_hardly_move_has_its_floor_and_no_finding(server: str, worst: float) -> None:
    """The floor is the worst of the known figures, seen in a batch; a refused text costs only itself."""
    stability = replayed(server)
    assert stability.findings == ()
    assert stability.floor is not None
    assert stability.floor.worst == pytest.approx(worst, rel=0.05)
    assert stability.floor.worst_experiment.startswith("batch of")
    assert not experiment(stability, "batch-sizes").bit_identical
    assert stable_faults(stability, THRESHOLD) == ()


def test_the_batch_effect_of_a_quantized_server_is_found() -> None:
    """torch-int8: other texts of a batch change a vector by up to 0.12, for almost every text."""
    stability = replayed("torch-int8")
    one = experiment(stability, "batch-sizes")
    assert found(stability) == ["batch-sizes"]
    assert one.worst == pytest.approx(0.12, abs=0.005)
    assert one.affected_texts > 100
    assert stability.floor is not None
    assert stability.floor.worst == one.worst
