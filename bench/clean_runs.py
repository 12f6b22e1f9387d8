"""Judge clean gateways again and again, with noise up to the limits of arithmetic, and count wrong alarms.

Run: `.venv/bin/python -m bench.clean_runs [--runs 300]`. Nothing is sent anywhere: both sides live in this process.
A run that FAILs is a wrong alarm; a run that is INCONCLUSIVE has to say why.
"""

import argparse
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from random import Random

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import compare
from parity_pipeline.core.decision import DecisionInputs, decide
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.thresholds import Thresholds
from parity_pipeline.demo.app import build_app
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.in_process_sides import SHAPES, AtOnce, InProcess, embedder, side_of
from parity_pipeline.faults.texts import beginning, block_of, sample_set

Matrix = NDArray[np.float32]

NOISES = (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 5e-5, 1e-4)
"""1 - cosine that a side's answers stray by each time: from none to twice what bfloat16 showed at its worst."""

WIDE_NOISES = (3e-4, 6e-4, 1.2e-3)
"""Noise around and beyond the threshold, where a PASS may not be had and a FAIL would blame the wrong thing."""

SIZES = (5, 23, 60, 120)
BATCHES = (1, 4, 16, 32, 64)
FLOOR_SHARE = 0.5
"""A side's answers stray by at most this share of the noise's angle around the true vector: two of one text are then at
most the whole angle apart, as are two of different sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One clean run."""

    seed: int
    legacy_noise: float
    candidate_noise: float
    size: int
    batch: int
    corpus: str


def cases(runs: int, seed: int) -> list[Case]:
    """Return so many runs; one in ten has noise around the threshold, on both sides alike."""
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


def texts_of(case: Case) -> SampleBlock:
    """Return the samples of a run."""
    whole = sample_set(case.seed, 500)
    kinds = {"traffic": [False], "hazards": [True], "mixed": [False, True]}[case.corpus]
    rows = [row for row, kind in enumerate(whole.categories) if kind.startswith("hazard/") in kinds]
    chosen = [row for row in rows if len(whole.texts[row]) < 3000]
    block = block_of([whole.texts[row] for row in chosen], [whole.categories[row] for row in chosen])
    return beginning(block, case.size)


def noisy(
    embed: Callable[[str, Sequence[str]], Matrix], noise: float, seed: int
) -> Callable[[str, Sequence[str]], Matrix]:
    """Return an embedder whose answers for one text lie at most so far apart, in 1 - cosine, and differ each time."""
    generator = np.random.default_rng(seed)
    largest = np.tan(FLOOR_SHARE * np.arccos(1.0 - noise)) if noise else 0.0

    def answer(model: str, texts: Sequence[str]) -> Matrix:
        rows = embed(model, texts).astype(np.float64)
        if not noise:
            return rows.astype(np.float32)
        side = generator.standard_normal(rows.shape)
        sizes = np.linalg.norm(rows, axis=1, keepdims=True)
        unit = rows / np.where(sizes > 0, sizes, 1.0)
        side -= unit * np.einsum("ij,ij->i", side, unit)[:, None]
        side /= np.linalg.norm(side, axis=1, keepdims=True)
        return (rows + side * sizes * largest * generator.uniform(0.0, 1.0, (len(rows), 1))).astype(np.float32)

    return answer


def sides_of(case: Case) -> tuple[InProcess, InProcess]:
    """Return the two gateways of a run: the demo's own, with noise and without the cache that would hide it."""
    found: list[InProcess] = []
    for place, (side, noise) in enumerate(zip(Side, (case.legacy_noise, case.candidate_noise), strict=True)):
        made = side_of(side, SHAPES, "", Scope(seed=case.seed))
        app = build_app(SHAPES[side], noisy(embedder().embed, noise, case.seed + place), AtOnce())
        found.append(replace(made, app=app, config=replace(made.config, batch_texts=case.batch)))
    return found[0], found[1]


def judged(case: Case) -> tuple[Decision, tuple[str, ...]]:
    """Return the verdict on a run, with the noise floors of both sides, and its reasons."""
    block, sides = texts_of(case), sides_of(case)
    lanes = [side.fetch(block) for side in sides]
    floors = NoiseFloors(
        **{str(side.config.side): side.tried(block.texts, Budget(texts=6, requests=40)).floor for side in sides}
    )
    tally = Tally(Thresholds(), floors=floors)
    tally.add(compare(block, lanes[0].rows, lanes[1].rows))
    return decide(
        tally, DecisionInputs(expected=len(block), doubts=[doubt for one in lanes for doubt in one.lane.doubts])
    )


def main(show: Callable[[str], None] = print) -> int:
    """Print the table; the exit code is 1 where a clean run failed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=300)
    parser.add_argument("--seed", type=int, default=40_000)
    options = parser.parse_args()
    counts: dict[float, Counter[str]] = {}
    reasons: Counter[str] = Counter()
    for case in cases(options.runs, options.seed):
        decision, why = judged(case)
        counts.setdefault(max(case.legacy_noise, case.candidate_noise), Counter())[decision.value] += 1
        if decision is not Decision.PASS:
            reasons[f"{decision.value}: {_kind(why[0])}"] += 1
    names = [Decision.PASS.value, Decision.INCONCLUSIVE.value, Decision.FAIL.value]
    show(f"| {'noise up to':>11} | " + " | ".join(f"{name:>12}" for name in names) + " |")
    for noise, found in sorted(counts.items()):
        show(f"| {noise:>11.1e} | " + " | ".join(f"{found[name]:>12}" for name in names) + " |")
    for reason, count in reasons.most_common():
        show(f"{count} times {reason}")
    failed = sum(found[Decision.FAIL.value] for found in counts.values())
    show(f"{options.runs} clean runs: {failed} FAIL")
    return 1 if failed else 0


def _kind(reason: str) -> str:
    """Return a reason without its numbers, so that equal ones are counted together."""
    return "".join("#" if sign.isdigit() else sign for sign in reason)


if __name__ == "__main__":
    raise SystemExit(main())
