"""Two faults at a time, drawn at random, each on its own share of the texts.

Here belong drawing the pairs and judging one by the steps of a real run. A pair is right where both faults are named; that a
wrong cause is called proven, or that a pair passes, is wrong whatever else is named.

A pair is set aside and another one drawn where the side cannot be used from the start and the error names one of its faults:
without a single vector nothing can separate two faults. How many were set aside is part of the figures. Where the error
names neither fault the pair counts, as missed. A pair of which one fault changes no vector is not drawn.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, cycle
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import PASSING, Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.expected_causes import EXPECTED, Trial
from parity_pipeline.faults.matrix import proven_wrongly
from parity_pipeline.faults.texts import CHARACTERS, FAULT, sample_set, touched
from parity_pipeline.faults.trial_run import (
    ALIKE,
    COULD_NOT_RUN,
    OTHER_MODEL,
    SHAPES,
    Judged,
    context_for,
    fetch_clean_sides,
    judge_faulty,
    judged,
    layered_side,
    side_of,
)
from parity_pipeline.steps.context import RunContext

TEXTS: Final = 200
"""Samples of one run."""

SHARE: Final = 0.15
"""Share of the texts that each fault hits, so that some are hit by one, some by the other and some by both."""

OF_FEW: Final = frozenset(
    {
        "replace-surrogates",
        "shift-after-blank",
        "capitals-collapse",
        "unicode-nfc",
        "trim",
        "newline-to-space",
        "strip-accents",
    }
)
"""Faults that leave most texts as they are: they hit every text, so that some are changed."""

WHOLE: Final = frozenset({"unit-norm", "raw-norm"})
"""Faults of every vector that leave the directions as they are, so that they hide nothing."""

HARMLESS: Final = WHOLE | {"int8"}
"""Faults that leave every sample above the threshold: two of them pass, and rightly."""

LEFT_OUT: Final = frozenset({"wrong-model", "small-body", "batch-cap", "too-many"})
"""Faults of whole requests: they leave too little of a run for a second one to show.

One text that is hit takes all others of its request with it for good: `too-many` leaves 190 of 200 samples without a vector.
"""

UNREADABLE: Final = frozenset({"nan"})
"""Faults that leave a body no other fault can read: they stand outermost, or the second one would not be there at all."""

SAME: Final = frozenset({frozenset({"unit-norm", "raw-norm"}), frozenset({"nan", "null"})})
"""Pairs that are one fault, or undo each other."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mixture:
    """Two faults before one side.

    Attributes:
        faults: Their names; the first stands next to the gateway.
        seed: Decides which texts each of them hits.
        side: The side.
    """

    faults: tuple[str, str]
    seed: int
    side: Side

    @property
    def trial(self) -> Trial:
        """Return the pair as a row of the matrix, which says what counts as right."""
        return Trial(faults=self.faults, side=self.side)


@dataclass(frozen=True, slots=True, kw_only=True)
class MixtureLine:
    """What came out of one mixture.

    Attributes:
        mixture: The pair.
        verdict: The decision, or `COULD_NOT_RUN`.
        named: Causes that the clean sides do not have.
        missed: Faults of the pair that are not named.
        false: Causes that were called proven, wrongly.
    """

    mixture: Mixture
    verdict: str
    named: frozenset[CauseName]
    missed: tuple[str, ...]
    false: frozenset[CauseName]

    @property
    def both(self) -> bool:
        """Return whether both faults are named."""
        return not self.missed

    @property
    def inseparable(self) -> bool:
        """Return whether the side cannot be used from the start, and the error names one of the two faults."""
        return self.verdict == COULD_NOT_RUN and set(self.missed) < set(self.mixture.faults)

    @property
    def certified(self) -> bool:
        """Return whether the pair passed although one of its faults takes samples below the threshold."""
        return self.verdict in {one.value for one in PASSING} and not HARMLESS.issuperset(self.mixture.faults)


def mixtures(seed: int) -> Iterator[Mixture]:
    """Yield random pairs of different faults, all of them once before any comes twice; one in five is legacy's."""
    random = Random(seed)  # noqa: S311 - repeatable pairs, nothing secret
    names = [name for name in EXPECTED if name not in LEFT_OUT]
    pairs = [pair for pair in combinations(names, 2) if frozenset(pair) not in SAME]
    random.shuffle(pairs)
    for place, (one, other) in enumerate(cycle(pairs)):
        turned = random.random() >= 0.5
        side = Side.LEGACY if random.random() < 0.2 else Side.CANDIDATE
        faults = (other, one) if (turned or one in UNREADABLE) and other not in UNREADABLE else (one, other)
        yield Mixture(faults=faults, seed=seed + 7919 * (place + 1), side=side)


class Mixtures:
    """Judges mixtures on the texts of one seed; the clean sides run once."""

    def __init__(self, folder: Path, seed: int) -> None:
        """Make the texts.

        Args:
            folder: Where the runs keep their files.
            seed: Of the texts.
        """
        self._folder = folder
        self._seed = seed
        self._block = sample_set(seed, TEXTS)
        self._clean_runs: dict[bool, tuple[RunContext, Judged]] = {}

    def line(self, mixture: Mixture) -> MixtureLine:
        """Return what the product says of one mixture."""
        trial = mixture.trial
        alike = any(one.alike for one in trial.wanted)
        clean_run, clean = self._clean(alike=alike)
        shapes = ALIKE if alike else SHAPES
        sides = {side: side_of(side, shapes, "", Scope(seed=self._seed)) for side in Side}
        sides[mixture.side] = layered_side(mixture.side, shapes, _layers(mixture), seed=self._seed)
        with TemporaryDirectory(dir=self._folder) as folder:
            run = context_for(Path(folder), self._block, sides)
            found = judge_faulty(run, mixture.side, clean_run, warm=any(one.warm for one in trial.wanted))
        named = found.causes - clean.causes
        return MixtureLine(
            mixture=mixture,
            verdict=found.verdict,
            named=named,
            missed=tuple(name for name in mixture.faults if not _is_named(name, named, found)),
            false=proven_wrongly(trial, found, clean),
        )

    def without_effect(self, mixture: Mixture) -> tuple[str, ...]:
        """Return the faults of a pair that edit texts and change the vector of none that they hit: nothing could name them."""
        block = self._block
        return tuple(name for name, scope in _layers(mixture) if FAULT[name].text and not _changes(name, block, scope))

    def _clean(self, *, alike: bool) -> tuple[RunContext, Judged]:
        if alike not in self._clean_runs:
            shapes = ALIKE if alike else SHAPES
            sides = {side: side_of(side, shapes, "", Scope(seed=self._seed)) for side in Side}
            run = context_for(self._folder / f"clean-{alike}", self._block, sides)
            fetch_clean_sides(run)
            self._clean_runs[alike] = run, judged(run)
        return self._clean_runs[alike]


def _layers(mixture: Mixture) -> Sequence[tuple[str, Scope]]:
    return [
        (
            name,
            Scope(
                seed=mixture.seed + place,
                rate=1.0 if name in WHOLE | OF_FEW else SHARE,
                every=True,
                other_models=(OTHER_MODEL,),
                characters=CHARACTERS,
            ),
        )
        for place, name in enumerate(mixture.faults)
    ]


def _changes(name: str, block: SampleBlock, scope: Scope) -> bool:
    hits = scope.hits(block.texts)
    return any(hit and touched(FAULT[name], place, block, scope) for place, hit in enumerate(hits))


def _is_named(name: str, named: frozenset[CauseName], found: Judged) -> bool:
    """Return whether a fault is named: by a cause, or by the kind of failure where it leaves nothing to compare."""
    expected = EXPECTED[name]
    if expected.error in found.errors or expected.is_said_in(found.message):
        return True
    return found.verdict != COULD_NOT_RUN and bool(named & expected.causes)


def summary(lines: Sequence[MixtureLine]) -> str:
    """Return the figures in one line, those of the pairs that can be separated."""
    counted = [line for line in lines if not line.inseparable]
    both = sum(line.both for line in counted)
    share = f"{both} of {len(counted)} ({both / max(1, len(counted)):.0%})"
    passed = sum(line.certified for line in lines)
    false = sum(len(line.false) for line in lines)
    aside = f"set aside, since the side cannot be used from the start: {len(lines) - len(counted)}"
    return f"both named: {share}; certified: {passed}; called proven wrongly: {false}; {aside}"
