"""A side of pure functions for the tests of stability: texts to vectors, distorted by a rule that a test writes.

Here belong the driver and the vectors; no test.
"""

from collections.abc import Callable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.analysis import analyse
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import Limits, Plan, make_plan
from parity_pipeline.core.stability.records import Budget, ExperimentResult, Response, Stability, Step, Texts

Rows = NDArray[np.float32]
Distortion = Callable[[Step, Texts, Rows], Rows | Response]

LIMITS: Final = Limits(batch_texts=64, batch_bytes=1_000_000, concurrency=8)
AMPLE: Final = Budget(texts=200, requests=10_000)
SAMPLES: Final = tuple(f"order {number} of {'some ' * number}crates" for number in range(1, 9))
THRESHOLD: Final = 0.999


def vector(text: str, model: str = "m", width: int = 24) -> Rows:
    """Return the vector that stands for a text: about orthogonal to those of others, but near with another ending."""
    heads = [(text.partition(" (ref ")[0], 1.0), (text, 0.2)]
    parts = [weight * _noise(f"{model} {part}", width) for part, weight in heads]
    return np.sum(parts, axis=0).astype(np.float32)


def _noise(seed: str, width: int) -> NDArray[np.float64]:
    raw = np.random.default_rng(int(sample_id(seed), 16)).standard_normal(width)
    return raw / np.linalg.norm(raw)


def strayed(rows: Rows, seed: object = 0, length: float = 0.15) -> Rows:
    """Return rows with noise of a length that 0.15 leaves a cosine of about 0.989; the seed decides its direction."""
    noise = np.array([_noise(f"{seed} {row}", rows.shape[1]) for row in range(len(rows))])
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return (rows + length * norms * noise).astype(np.float32)


def strayed_texts(request: Texts) -> Rows:
    """Return other vectors of the texts, the same each time."""
    return np.array([strayed(vector(text)[None], text)[0] for text in request])


def honest(_step: Step, _request: Texts, rows: Rows) -> Rows:
    """Distort nothing."""
    return rows


def plan_of(samples: Sequence[str] = SAMPLES, limits: Limits = LIMITS, budget: Budget = AMPLE) -> Plan:
    """Return a plan over the samples under a standing salt."""
    return make_plan(samples, salt="salt", limits=limits, budget=budget)


def stability_of(plan: Plan, distort: Distortion, side: Side = Side.LEGACY) -> Stability:
    """Carry out a plan against a side that returns `vector`, distorted by the rule."""
    dialogue = conduct(plan, THRESHOLD)
    sent = 0
    try:
        step = next(dialogue)
        while True:
            sent += len(step.requests)
            step = dialogue.send([_response(distort, step, request) for request in step.requests])
    except StopIteration as end:
        return analyse(plan, end.value, side, requests=sent)


def _response(distort: Distortion, step: Step, request: Texts) -> Response:
    made = distort(step, request, np.array([vector(text) for text in request]))
    return made if isinstance(made, Response) else Response(status=RowStatus.OK, vectors=made)


def tried(
    distort: Distortion = honest,
    *,
    samples: Sequence[str] = SAMPLES,
    limits: Limits = LIMITS,
    side: Side = Side.LEGACY,
) -> Stability:
    """Try a side with an ample budget."""
    return stability_of(plan_of(samples, limits), distort, side)


def experiment(stability: Stability, name: str) -> ExperimentResult:
    """Return one experiment by name."""
    return next(one for one in stability.experiments if one.name == name)


def found(stability: Stability) -> list[str]:
    """Return the names of the experiments that found something."""
    return [finding.experiment for finding in stability.findings]
