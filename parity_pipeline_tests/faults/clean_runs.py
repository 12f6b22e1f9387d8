"""Runs of two sides of which neither is wrong: none of them may FAIL, and none may be INCONCLUSIVE without need.

Here belong the cases, judging one case by the steps of a run, and whether its verdict is due. What happens to the sides
belongs to `clean_sides`; counting verdicts belongs to the caller.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from pathlib import Path
from random import Random
from typing import Final

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.gateway import build_app
from parity_pipeline.faults.texts import TRAFFIC, beginning, block_of, sample_set, traffic
from parity_pipeline.faults.trial_run import ALIKE, DAY, MODEL, SHAPES, AtOnce, context_for, embedder, in_process
from parity_pipeline.steps.context import Gateway
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline_tests.faults.clean_sides import (
    Embed,
    UnreliableNetwork,
    noisy,
    refusals,
    restarts,
    shifted,
    straying,
    transient_errors,
)


class Kind(StrEnum):
    """What happens in a clean run."""

    NOISE = "noise of both sides"
    RESTARTS = "restarts while fetching"
    ERRORS = "errors that pass"
    STRAYS = "one software on both sides, 1 stray vector in 2,000"
    REFUSALS = "both sides refuse the same texts"
    SHIFT = "all vectors shifted, inside the gate"


_TURNS: Final = (
    Kind.NOISE,
    Kind.RESTARTS,
    Kind.ERRORS,
    Kind.STRAYS,
    Kind.REFUSALS,
    Kind.NOISE,
    Kind.RESTARTS,
    Kind.ERRORS,
    Kind.STRAYS,
    Kind.SHIFT,
)
"""Kinds by turns: of ten runs, two of each of the first four."""

_WIDE_TURN: Final = 20
"""The turn of thirty in which the noise lies around the threshold."""

NOISES: Final = (0.0, 1e-9, 1e-7, 1e-6, 1e-5, 5e-5, 1e-4)
"""Largest 1 - cosine between two vectors of one text: from none to twice the worst that bfloat16 showed."""

WIDE_NOISES: Final = (3e-4, 6e-4, 1.2e-3)
"""Noise around and beyond the threshold, where a PASS is out of reach and a FAIL would blame the wrong thing."""

SHIFTS: Final = (1e-5, 1e-4, 5e-4, 8e-4)
"""1 - cosine of the shift: up to four fifths of what the threshold allows."""

LITTLE_NOISE: Final = (0.0, 1e-9, 1e-7, 1e-6)
"""What leaves a shift inside the gate."""

ERROR_SHARES: Final = (0.02, 0.05, 0.1, 0.2)
LONGEST_RESTARTS: Final = (1, 3, 8, 20)
"""Requests that one restart costs at most: from less than one request's attempts to more than all in flight have."""

REFUSED_SHARES: Final = (0.02, 0.1, 0.3)
REFUSED_AS: Final = (400, 422, 500)

SIZES: Final = (5, 23, 60, 120)
STRAY_SIZE: Final = 2000
"""Texts of a run with strays, so that about one of each side strays."""

BATCHES: Final = (1, 4, 16, 32, 64)

LONGEST: Final = 3000
"""Characters; longer texts only cost time."""

BUDGET: Final = Budget(texts=6, requests=40)
"""Small enough for hundreds of runs, and still measures the noise floor of both sides."""

RUN_ID: Final = "clean run"

_LOST: Final = frozenset(
    {
        CheckName.MISSING,
        CheckName.LEGACY_OUTAGE,
        CheckName.CANDIDATE_OUTAGE,
        CheckName.COMPARED_SHARE,
        CheckName.SOME_MATCH,
        CheckName.CAVEATS,
        CheckName.LEGACY_FLOOR_MEASURED,
    }
)
"""What a side leaves open that was down for longer than requests are retried."""

_UNREPEATABLE: Final = frozenset(
    {
        CheckName.CONFIRMATION,
        CheckName.WITHIN_NOISE,
        *(name for name in CheckName if name.endswith(("-noise-floor", "-repeats", "-batch-sizes", "-order", "-load"))),
        *(name for name in CheckName if name.endswith(("-equal-lengths", "-history", "-salted", "-canaries"))),
    }
)
"""What a side shows whose own responses to one text differ."""

_DUE: Final[Mapping[Kind, frozenset[CheckName]]] = {
    Kind.NOISE: _UNREPEATABLE,
    Kind.RESTARTS: _LOST,
    Kind.ERRORS: _LOST,
    Kind.STRAYS: _UNREPEATABLE,
    Kind.REFUSALS: frozenset(),
    Kind.SHIFT: frozenset(),
}
"""The checks that may be INCONCLUSIVE in a run of each kind."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One clean run.

    Attributes:
        seed: Decides the texts, the noise, and when something happens.
        legacy_noise: Largest 1 - cosine between two vectors of one text on the legacy side.
        candidate_noise: The same on the candidate side.
        size: Number of texts.
        batch: Texts in one request.
        corpus: "traffic", "hazards" or "mixed".
        kind: What happens.
        hit: Which sides restart or have errors that pass.
    """

    seed: int
    legacy_noise: float
    candidate_noise: float
    size: int
    batch: int
    corpus: str
    kind: Kind = Kind.NOISE
    hit: tuple[Side, ...] = tuple(Side)

    @property
    def noise(self) -> float:
        """Return the larger noise."""
        return max(self.legacy_noise, self.candidate_noise)


def cases(runs: int, seed: int, kinds: tuple[Kind, ...] = _TURNS) -> list[Case]:
    """Return this many cases, their kinds by turns; some have noise around the threshold, the same on both sides."""
    random = Random(seed)  # noqa: S311 - repeatable runs, nothing secret
    found: list[Case] = []
    for run in range(runs):
        kind = kinds[run % len(kinds)]
        wide = kind is Kind.NOISE and run % 30 == _WIDE_TURN
        noises = WIDE_NOISES if wide else LITTLE_NOISE if kind is Kind.SHIFT else NOISES
        legacy = random.choice(noises)
        found.append(
            Case(
                seed=seed + 7919 * run,
                kind=kind,
                legacy_noise=legacy,
                candidate_noise=legacy if wide else random.choice(noises),
                size=STRAY_SIZE if kind is Kind.STRAYS else random.choice(SIZES),
                batch=32 if kind is Kind.STRAYS else random.choice(BATCHES),
                corpus="traffic" if kind is Kind.STRAYS else random.choice(("mixed", "traffic", "hazards")),
                hit=random.choice(((Side.LEGACY,), (Side.CANDIDATE,), tuple(Side))),
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


def open_checks(verdict: Verdict) -> tuple[CheckName, ...]:
    """Return the checks that keep a verdict from being a pass."""
    return tuple(one.name for one in verdict.checks if one.stands and one.severity is not CheckSeverity.WARN)


def is_due(case: Case, verdict: Verdict) -> bool:
    """Return whether a clean run passes, or is INCONCLUSIVE for what happened in it and nothing else.

    Noise far below the threshold does not excuse anything.
    """
    if verdict.decision in PASSING:
        return True
    quiet = case.kind is Kind.NOISE and case.noise < min(WIDE_NOISES)
    return verdict.decision is Decision.INCONCLUSIVE and not quiet and _DUE[case.kind].issuperset(open_checks(verdict))


def texts_of(case: Case) -> SampleBlock:
    """Return the samples of a case."""
    if case.kind is Kind.STRAYS:
        return block_of(traffic(case.size, case.seed), [TRAFFIC] * case.size)
    whole = sample_set(case.seed, 500)
    kinds = {"traffic": [False], "hazards": [True], "mixed": [False, True]}[case.corpus]
    rows = [row for row, category in enumerate(whole.categories) if category.startswith("hazard/") in kinds]
    chosen = [row for row in rows if len(whole.texts[row]) < LONGEST]
    block = block_of([whole.texts[row] for row in chosen], [whole.categories[row] for row in chosen])
    return beginning(block, case.size)


def sides_of(case: Case) -> Mapping[Side, Gateway]:
    """Return the demo's gateways with what a case does to them, and without the cache that would hide noise."""
    shapes = ALIKE if case.kind is Kind.STRAYS else SHAPES
    return {side: _side(case, side, build_app(shapes[side], _embed(case, side), AtOnce())) for side in Side}


def _embed(case: Case, side: Side) -> Embed:
    noise = case.legacy_noise if side is Side.LEGACY else case.candidate_noise
    embed = noisy(embedder().embed, noise, case.seed + _place(side))
    if case.kind is Kind.STRAYS:
        return straying(embed, case.seed + 2 + _place(side))
    if case.kind is Kind.SHIFT and side is Side.CANDIDATE:
        return shifted(embed, Random(case.seed).choice(SHIFTS), case.seed)  # noqa: S311 - repeatable, nothing secret
    return embed


def _side(case: Case, side: Side, app: object) -> Gateway:
    label = f"{SHAPES[side].name} gateway of the demo: {case.kind}"
    gateway = in_process(side, app, label=label, seed=case.seed, batch_texts=case.batch)
    random = Random(case.seed)  # noqa: S311 - repeatable runs, nothing secret
    if case.kind is Kind.REFUSALS:
        texts = texts_of(case).texts
        refused = random.sample(texts, math.ceil(random.choice(REFUSED_SHARES) * len(texts)))
        rule = refusals(frozenset(refused), random.choice(REFUSED_AS))
    elif case.kind is Kind.ERRORS and side in case.hit:
        rule = transient_errors(random.choice(ERROR_SHARES), case.seed + _place(side))
    elif case.kind is Kind.RESTARTS and side in case.hit:
        rule = restarts(random.choice(LONGEST_RESTARTS), case.seed + _place(side))
    else:
        return gateway
    inner = gateway.transport
    return replace(gateway, transport=lambda: UnreliableNetwork(inner(), rule)) if inner else gateway


def _place(side: Side) -> int:
    return tuple(Side).index(side)
