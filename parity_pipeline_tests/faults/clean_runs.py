"""Runs of two sides without a fault, with noise up to the limits of arithmetic: none of them may FAIL.

Here belong the cases, gateways with noise, and judging one case by the steps of a run. Counting verdicts belongs to the
caller: a FAIL is a false alarm, and an INCONCLUSIVE has to give its reason.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.gateway import build_app
from parity_pipeline.faults.texts import beginning, block_of, sample_set
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, AtOnce, context_for, embedder, in_process
from parity_pipeline.steps.context import Gateway
from parity_pipeline.steps.run_partition import run_partition

Matrix = NDArray[np.float32]
Embed = Callable[[str, Sequence[str]], Matrix]

NOISES: Final = (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 5e-5, 1e-4)
"""Largest 1 - cosine between two vectors of one text: from none to twice the worst that bfloat16 showed."""

WIDE_NOISES: Final = (3e-4, 6e-4, 1.2e-3)
"""Noise around and beyond the threshold, where a PASS is out of reach and a FAIL would blame the wrong thing."""

SIZES: Final = (5, 23, 60, 120)
BATCHES: Final = (1, 4, 16, 32, 64)

LONGEST: Final = 3000
"""Characters; longer texts only cost time."""

BUDGET: Final = Budget(texts=6, requests=40)
"""Small enough for hundreds of runs, and still measures the noise floor of both sides."""

RUN_ID: Final = "clean run"

FLOOR_SHARE: Final = 0.5
"""Largest share of the noise's angle between a vector and the true one. Two vectors of one text, of one or both
sides, are then at most the whole angle apart."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One clean run.

    Attributes:
        seed: Decides the texts and the noise.
        legacy_noise: Largest 1 - cosine between two vectors of one text on the legacy side.
        candidate_noise: The same on the candidate side.
        size: Number of texts.
        batch: Texts in one request.
        corpus: "traffic", "hazards" or "mixed".
    """

    seed: int
    legacy_noise: float
    candidate_noise: float
    size: int
    batch: int
    corpus: str


def cases(runs: int, seed: int) -> list[Case]:
    """Return this many cases; one in ten has noise around the threshold, the same on both sides."""
    random = Random(seed)  # noqa: S311 - repeatable runs, nothing secret
    found: list[Case] = []
    for run in range(runs):
        wide = run % 10 == 9
        legacy = random.choice(WIDE_NOISES if wide else NOISES)
        found.append(
            Case(
                seed=seed + 7919 * run,
                legacy_noise=legacy,
                candidate_noise=legacy if wide else random.choice(NOISES),
                size=random.choice(SIZES),
                batch=random.choice(BATCHES),
                corpus=random.choice(("mixed", "traffic", "hazards")),
            )
        )
    return found


def judged(case: Case, folder: Path) -> Verdict:
    """Run one case by the steps of the product, the repeatability of both sides included, and return its verdict.

    Args:
        case: What is run.
        folder: An empty folder for the files of this run.
    """
    run = replace(context_for(folder, texts_of(case), sides_of(case)), stability=BUDGET)
    return run_partition(run, DAY, MODEL, run_id=RUN_ID)


def texts_of(case: Case) -> SampleBlock:
    """Return the samples of a case."""
    whole = sample_set(case.seed, 500)
    kinds = {"traffic": [False], "hazards": [True], "mixed": [False, True]}[case.corpus]
    rows = [row for row, category in enumerate(whole.categories) if category.startswith("hazard/") in kinds]
    chosen = [row for row in rows if len(whole.texts[row]) < LONGEST]
    block = block_of([whole.texts[row] for row in chosen], [whole.categories[row] for row in chosen])
    return beginning(block, case.size)


def sides_of(case: Case) -> Mapping[Side, Gateway]:
    """Return the demo's gateways with the noise of a case, and without the cache that would hide it."""
    noises = {Side.LEGACY: case.legacy_noise, Side.CANDIDATE: case.candidate_noise}
    found: dict[Side, Gateway] = {}
    for place, (side, noise) in enumerate(noises.items()):
        app = build_app(SHAPES[side], noisy(embedder().embed, noise, case.seed + place), AtOnce())
        label = f"{SHAPES[side].name} gateway of the demo, with noise"
        found[side] = in_process(side, app, label=label, seed=case.seed, batch_texts=case.batch)
    return found


def noisy(embed: Embed, noise: float, seed: int) -> Embed:
    """Return an embedder that adds fresh noise to each vector.

    Args:
        embed: Returns the true vectors, float32 of shape (n, d).
        noise: Largest 1 - cosine between two vectors of one text; 0 for none.
        seed: Of the noise.
    """
    generator = np.random.default_rng(seed)
    largest = np.tan(FLOOR_SHARE * np.arccos(1.0 - noise)) if noise else 0.0

    def embed_with_noise(model: str, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts).astype(np.float64)
        if not noise:
            return rows.astype(np.float32)
        across = generator.standard_normal(rows.shape)
        norms = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = rows / np.where(norms > 0, norms, 1.0)
        across -= unit * np.einsum("ij,ij->i", across, unit)[:, None]
        across /= np.linalg.norm(across, axis=1, keepdims=True)
        return (rows + across * norms * largest * generator.uniform(0.0, 1.0, (len(rows), 1))).astype(np.float32)

    return embed_with_noise
