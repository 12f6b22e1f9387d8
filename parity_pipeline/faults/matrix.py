"""Run the whole matrix of faults through the real engine, the real judgement and the real diagnosis, in this process.

Here belongs one trial from its faults to a row of the table. Texts, sides, hits and what counts as right stand in
modules of their own; `page` writes it down.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.affected_texts import scope_for
from parity_pipeline.faults.expected_causes import Trial, trials
from parity_pipeline.faults.in_process_sides import ALIKE, SHAPES, InProcess, side_of
from parity_pipeline.faults.pair import COULD_NOT_RUN, Judged, Pair, SideResults, ask_side
from parity_pipeline.faults.texts import beginning, sample_set

SEED: Final = 27_182
"""Seed of texts and faults: none that the diagnosis was made with."""

SIZES: Final = (5, 50, 500)
"""Sample-set sizes, of which the smallest that shows a fault is told."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """One row of the table.

    Attributes:
        trial: What was tried.
        seen: What the product said of the largest set.
        named: Causes named there that the clean comparison does not name, in the order of `CauseName`.
        needed: Smallest set that shows it; None where none does.
        right: Whether the cause was named rightly.
    """

    trial: Trial
    seen: Judged
    named: tuple[CauseName, ...]
    needed: int | None
    right: bool

    @property
    def detected(self) -> bool:
        """Return whether the largest set shows it."""
        return self.needed is not None


@dataclass
class Matrix:
    """All trials on the sets of one seed; what the clean sides look like is looked up once."""

    seed: int = SEED
    block: SampleBlock = field(init=False)
    _clean: dict[tuple[bool, int], Judged] = field(default_factory=dict[tuple[bool, int], Judged])
    _steady: dict[tuple[Side, bool, int], SideResults] = field(
        default_factory=dict[tuple[Side, bool, int], SideResults]
    )

    def __post_init__(self) -> None:
        """Make the largest set."""
        self.block = sample_set(self.seed, SIZES[-1])

    def lines(self, chosen: Sequence[Trial] = (), tell: Callable[[Line], None] = lambda _: None) -> list[Line]:
        """Return a line a trial, all of them where none is chosen; `tell` is called with each when it is known."""
        found: list[Line] = []
        for trial in chosen or trials():
            found.append(self.line(trial))
            tell(found[-1])
        return found

    def line(self, trial: Trial) -> Line:
        """Run one trial on the largest set, and on smaller ones until one shows it."""
        scope = scope_for(trial, self.block, self.seed)
        largest = self._seen(trial, scope, SIZES[-1])
        clean = self.clean(SIZES[-1], alike=_alike(trial))
        sizes = SIZES[-1:] if trial.lone else SIZES
        needed = next((size for size in sizes if self._shows(trial, scope, size, largest)), None)
        named = tuple(cause for cause in CauseName if cause in largest.told - clean.told)
        return Line(trial=trial, seen=largest, named=named, needed=needed, right=is_right(trial, largest, clean))

    def clean(self, size: int, *, alike: bool) -> Judged:
        """Return what the product says of the sides without a fault."""
        if (alike, size) not in self._clean:
            pair = Pair(
                legacy=self._sound(Side.LEGACY, alike=alike), candidate=self._sound(Side.CANDIDATE, alike=alike)
            )
            asked = tuple(self._asked(side, size, alike=alike) for side in Side)
            self._clean[alike, size] = pair.judged(beginning(self.block, size), (asked[0], asked[1]))
        return self._clean[alike, size]

    def _shows(self, trial: Trial, scope: Scope, size: int, largest: Judged) -> bool:
        seen = largest if size == SIZES[-1] else self._seen(trial, scope, size)
        return seen.differs(self.clean(size, alike=_alike(trial)))

    def _seen(self, trial: Trial, scope: Scope, size: int) -> Judged:
        """Return what the product says of one sound side and one with the faults of a trial."""
        block, alike = beginning(self.block, size), _alike(trial)
        spoilt = side_of(trial.side, ALIKE if alike else SHAPES, ",".join(trial.faults), scope)
        other = Side.LEGACY if trial.side is Side.CANDIDATE else Side.CANDIDATE
        sides = {trial.side: spoilt, other: self._sound(other, alike=alike)}
        try:
            if any(one.warm for one in trial.wanted):
                spoilt.fetch(block)
            asked = {trial.side: ask_side(spoilt, block), other: self._asked(other, size, alike=alike)}
        except GatewayError as error:
            return Judged(verdict=COULD_NOT_RUN, message=str(error))
        pair = Pair(legacy=sides[Side.LEGACY], candidate=sides[Side.CANDIDATE])
        return pair.judged(block, (asked[Side.LEGACY], asked[Side.CANDIDATE]))

    def _sound(self, side: Side, *, alike: bool) -> InProcess:
        return side_of(side, ALIKE if alike else SHAPES, "", Scope(seed=self.seed))

    def _asked(self, side: Side, size: int, *, alike: bool) -> SideResults:
        """Return what asking a side without a fault comes to, asked once for each size."""
        if (side, alike, size) not in self._steady:
            self._steady[side, alike, size] = ask_side(self._sound(side, alike=alike), beginning(self.block, size))
        return self._steady[side, alike, size]


def _alike(trial: Trial) -> bool:
    return any(one.alike for one in trial.wanted)


def is_right(trial: Trial, seen: Judged, clean: Judged) -> bool:
    """Say whether each fault of a trial is named and nothing else is; a norm that changed along may be told."""
    wanted = trial.wanted
    if seen.verdict == COULD_NOT_RUN:
        return any(one.error and one.error in seen.message for one in wanted)
    named = seen.told - clean.told
    if not named and seen.verdict != Decision.FAIL:
        return any(one.error in seen.errors - clean.errors for one in wanted if one.error)
    allowed = frozenset[CauseName]().union(*(one.causes | one.beside for one in wanted), {CauseName.NORMALISATION})
    return all(bool(named & one.causes) or not one.causes for one in wanted) and named <= allowed
