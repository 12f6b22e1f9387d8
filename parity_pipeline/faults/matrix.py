"""Run every trial of the fault matrix by the steps of a real run, in this process.

Here belongs one trial, from its faults to a row of the table. Texts, sides, affected texts and what counts as right
have modules of their own; `page` writes the document.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.expected_causes import Trial, trials
from parity_pipeline.faults.texts import beginning, sample_set, scope_for
from parity_pipeline.faults.trial_run import (
    ALIKE,
    COULD_NOT_RUN,
    SHAPES,
    Judged,
    context_for,
    fetch_clean_sides,
    judge_faulty,
    judged,
    side_of,
)
from parity_pipeline.steps.context import RunContext

SEED: Final = 27_182
"""Seed of texts and faults: none that the diagnosis was made with."""

SIZES: Final = (5, 50, 500)
"""Sample-set sizes; the page shows the smallest one that reveals a fault."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table.

    Attributes:
        trial: What was tried.
        judged: What the product said of the largest set.
        named: Causes named there that the clean comparison does not name, in the order of `CauseName`.
        needed: Smallest set that shows it; None where none does.
        right: Whether the cause was named rightly.
        false: Causes that were called proven, wrongly.
    """

    trial: Trial
    judged: Judged
    named: tuple[CauseName, ...]
    needed: int | None
    right: bool
    false: frozenset[CauseName] = frozenset()

    @property
    def detected(self) -> bool:
        """Return whether the largest set shows it."""
        return self.needed is not None


@dataclass
class Matrix:
    """All trials on the sets of one seed, in a folder of its own; the clean sides run once for each size.

    Attributes:
        folder: Where the runs keep their files.
        seed: Seed of texts and faults.
        block: The largest set.
    """

    folder: Path
    seed: int = SEED
    block: SampleBlock = field(init=False)
    _clean_runs: dict[tuple[bool, int], RunContext] = field(default_factory=dict[tuple[bool, int], RunContext])
    _clean: dict[tuple[bool, int], Judged] = field(default_factory=dict[tuple[bool, int], Judged])

    def __post_init__(self) -> None:
        """Make the largest set."""
        self.block = sample_set(self.seed, SIZES[-1])

    def lines(self, chosen: Sequence[Trial] = (), show: Callable[[Line], None] = lambda _: None) -> list[Line]:
        """Return one line per trial, all of them where none is chosen; `show` is called with each when it is known."""
        found: list[Line] = []
        for trial in chosen or trials():
            found.append(self.line(trial))
            show(found[-1])
        return found

    def line(self, trial: Trial) -> Line:
        """Run one trial on the largest set, and on smaller ones until one shows it."""
        scope = scope_for(trial, self.block, self.seed)
        largest = self._judged(trial, scope, SIZES[-1])
        clean = self.clean(SIZES[-1], alike=_alike(trial))
        sizes = SIZES[-1:] if trial.lone else SIZES
        needed = next((size for size in sizes if self._shows(trial, scope, size, largest)), None)
        named = tuple(cause for cause in CauseName if cause in largest.causes - clean.causes)
        return Line(
            trial=trial,
            judged=largest,
            named=named,
            needed=needed,
            right=is_right(trial, largest, clean),
            false=proven_wrongly(trial, largest, clean),
        )

    def clean(self, size: int, *, alike: bool) -> Judged:
        """Return what the product says of the sides without a fault."""
        if (alike, size) not in self._clean:
            self._clean[alike, size] = judged(self._clean_run(size, alike=alike))
        return self._clean[alike, size]

    def _shows(self, trial: Trial, scope: Scope, size: int, largest: Judged) -> bool:
        found = largest if size == SIZES[-1] else self._judged(trial, scope, size)
        return found.differs(self.clean(size, alike=_alike(trial)))

    def _judged(self, trial: Trial, scope: Scope, size: int) -> Judged:
        """Return what the product says of one clean side and one with the faults of a trial."""
        shapes = ALIKE if _alike(trial) else SHAPES
        sides = {side: side_of(side, shapes, "", Scope(seed=self.seed)) for side in Side}
        sides[trial.side] = side_of(trial.side, shapes, ",".join(trial.faults), scope)
        with TemporaryDirectory(dir=self.folder) as folder:
            run = context_for(Path(folder), beginning(self.block, size), sides)
            clean = self._clean_run(size, alike=_alike(trial))
            return judge_faulty(run, trial.side, clean, warm=any(one.warm for one in trial.wanted))

    def _clean_run(self, size: int, *, alike: bool) -> RunContext:
        """Return the run on both sides without a fault, which are fetched the first time."""
        if (alike, size) not in self._clean_runs:
            shapes = ALIKE if alike else SHAPES
            sides = {side: side_of(side, shapes, "", Scope(seed=self.seed)) for side in Side}
            run = context_for(self.folder / f"clean-{size}-{alike}", beginning(self.block, size), sides)
            fetch_clean_sides(run)
            self._clean_runs[alike, size] = run
        return self._clean_runs[alike, size]


def _alike(trial: Trial) -> bool:
    return any(one.alike for one in trial.wanted)


def is_right(trial: Trial, found: Judged, clean: Judged) -> bool:
    """Say whether each fault of a trial is named and nothing else is; a norm that changed along may be named."""
    wanted = trial.wanted
    if found.verdict == COULD_NOT_RUN:
        return any(one.error and one.error in found.message for one in wanted)
    named = found.causes - clean.causes
    # Where no sample differs, what fails the candidate is a finding of its repeatability.
    if not named and (found.verdict != Decision.FAIL or found.findings - clean.findings):
        return any(one.error in found.errors - clean.errors for one in wanted if one.error)
    return all(bool(named & one.causes) or not one.causes for one in wanted) and named <= trial.allowed


def proven_wrongly(trial: Trial, found: Judged, clean: Judged) -> frozenset[CauseName]:
    """Return the causes that are called proven and are none that the faults of a trial have."""
    return found.proven - clean.proven - trial.allowed
