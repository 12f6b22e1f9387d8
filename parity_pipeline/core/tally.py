"""Take in compared blocks one after another and keep what a verdict needs: counts, worst rows, norms.

Here belongs the running account of a whole sample set, whose size does not grow with the set. What the account means
belongs to `verdict_builder`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import BOTH, proves_a_difference
from parity_pipeline.core.confirmation import Confirmation, Persistence
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import EXACT_UNIT, NEAR_UNIT, UNIT_NORM_TOLERANCE
from parity_pipeline.core.measures import ComparedRows, Float64, Measure, Thresholds, beyond, grade, values_of
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import GRADED, MUTUAL, Outcome, Severity, Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.waivers import WaiverAccount
from parity_pipeline.core.wire_drift import NormRange
from parity_pipeline.core.worst_rows import Excuses, JudgedRow, WorstRows

NOT_REQUESTED = "not requested again"
"""Mark of a failing row that was beyond the budget of a confirmation."""

Flags = NDArray[np.bool_]


def waivers_of(
    account: WaiverAccount, thresholds: Thresholds, rows: ComparedRows, off: Mapping[Measure, Flags]
) -> Sequence[str | None]:
    """Return the id of the waiver that takes each row of a graded block, and count it in the account.

    Args:
        account: The waivers of the model and date.
        thresholds: Which measures fail a sample.
        rows: The block.
        off: Rows beyond the limit of each measure, `thresholds.beyond` of the block.
    """
    if not account.concerned:
        return [None] * len(rows)
    fails = {measure: off[measure] for measure in off if thresholds.severity(measure) is Severity.FAIL}
    return [
        account.take(rows, index, {measure: bool(flags[index]) for measure, flags in fails.items()})
        for index in range(len(rows))
    ]


@dataclass(slots=True)
class MeasureTally:
    """Running result of one measure over the compared samples. Worst values are NaN where there is none.

    Attributes:
        off: Samples beyond the limit.
        failing: Those of them that are excused neither by a waiver nor by noise.
        waived: Those of them that a waiver took.
        worst: The worst value of all.
        worst_sample: Id of its sample, the first one in the set.
        unwaived_worst: The worst value of the samples that no waiver covers.
    """

    off: int = 0
    failing: int = 0
    waived: int = 0
    worst: float = math.nan
    worst_sample: str | None = None
    unwaived_worst: float = math.nan

    def add(self, measure: Measure, rows: ComparedRows, off: Flags, excused: Flags, waived: Flags) -> None:
        """Take in the compared rows of a block; `off`, `excused` and `waived` are flags of its rows."""
        values, compared = values_of(measure, rows), np.isfinite(rows.cosine)
        self.off += int((off & compared).sum())
        self.failing += int((off & compared & ~excused).sum())
        self.waived += int((off & compared & waived).sum())
        if compared.any():
            at = _worst_at(measure, values, compared)
            if math.isnan(self.worst) or _worse(measure, float(values[at]), self.worst):
                self.worst, self.worst_sample = float(values[at]), rows.ids[at]
        if (compared & ~waived).any():
            value = float(values[_worst_at(measure, values, compared & ~waived)])
            if math.isnan(self.unwaived_worst) or _worse(measure, value, self.unwaived_worst):
                self.unwaived_worst = value


def _worst_at(measure: Measure, values: Float64, among: Flags) -> int:
    candidates = np.flatnonzero(among)
    chosen = values[candidates]
    return int(candidates[chosen.argmin() if measure is Measure.COSINE else chosen.argmax()])


def _worse(measure: Measure, value: float, than: float) -> bool:
    return value < than if measure is Measure.COSINE else value > than


@dataclass(slots=True)
class NormTally:
    """Running account of the L2 norms of one side's finite, non-zero vectors, and whether they are of one kind.

    Attributes:
        low: Smallest norm; infinite where there is none.
        high: Largest norm; likewise.
        exact: Vectors of unit length to the rounding of float32, within `EXACT_UNIT`.
        unit: Vectors of unit length, within `UNIT_NORM_TOLERANCE`; those included.
        near: Vectors that may be rounded unit vectors, within `NEAR_UNIT` of 1 and not of unit length.
        below: Vectors that are shorter than those.
        above: Vectors that are longer.
    """

    low: float = math.inf
    high: float = -math.inf
    exact: int = 0
    unit: int = 0
    near: int = 0
    below: int = 0
    above: int = 0

    def add(self, norms: Float64, waived: Flags) -> None:
        """Take in norms, float64, shape (rows,); those that are NaN, infinite or 0 count for nothing.

        A waiver stands for all of a sample's difference, its norm included, so that waived rows only widen the range.
        """
        known = np.isfinite(norms) & (norms > 0)
        if not known.any():
            return
        real, counted = norms[known], norms[known & ~waived]
        self.low, self.high = min(self.low, float(real.min())), max(self.high, float(real.max()))
        off = np.abs(counted - 1.0)
        self.exact += int((off <= EXACT_UNIT).sum())
        unit, close = int((off <= UNIT_NORM_TOLERANCE).sum()), int((off <= NEAR_UNIT).sum())
        self.unit += unit
        self.near += close - unit
        self.below += int((counted < 1.0 - NEAR_UNIT).sum())
        self.above += int((counted > 1.0 + NEAR_UNIT).sum())

    @property
    def mixed(self) -> bool:
        """Return whether some vectors were normalised and others were not.

        Raw norms that happen to spread around 1 put far more vectors near 1 than at it, and rounding alone puts none
        far from it, so neither is a mixture.
        """
        return bool(self.others)

    @property
    def others(self) -> int:
        """Return how many vectors are of another kind than the unit ones; 0 where there is no mixture."""
        if self.exact == self.unit > _UNIT_BY_CHANCE:
            # Rounding that puts one vector off by more than the tolerance leaves hardly any other one exact.
            return self.near + self.below + self.above
        exact_by_chance = self.near + (_UNIT_BY_CHANCE if self.below and self.above else 0)
        clustered = self.unit > self.near + _UNIT_BY_CHANCE or self.exact > exact_by_chance
        return self.below + self.above if clustered else 0

    def range(self) -> NormRange:
        """Return the smallest and the largest norm."""
        known = math.isfinite(self.low)
        return NormRange(low=self.low if known else None, high=self.high if known else None)


_UNIT_BY_CHANCE: Final = 2
"""Vectors of raw norms that may be of unit length by chance though none other is near it: of 500 clean runs, one had two
among norms of 0.9991 to 4.48. Exact ones are more than chance where all other norms lie on one side of 1."""


@dataclass(slots=True)
class Tally:
    """Running account of a whole set, taken in block by block; its size does not grow with the set.

    Attributes:
        thresholds: What compared samples are graded against.
        floors: How noisy each side is by itself.
        waivers: The waivers of this model and date, and what they took.
        confirmation: What requesting failing rows again showed; None where nothing was requested.
        counts: Samples of each outcome, excused ones included.
        mutual: Those of `non_finite` and `zero_norm` in which both sides showed it.
        waived: Samples of each outcome that a waiver took.
        waived_mutual: Those of `mutual` that a waiver took.
        waived_by: Ids of the waivers that took samples of each outcome.
        within_noise: Mismatches no further off than the legacy side's own noise explains, waived ones left out.
        unconfirmed: Samples of each outcome that did not persist when they were requested again, and those that were not
            requested where none persists; without those that a waiver or noise takes.
        not_requested: Those of them that were not requested again.
        by_category: The counts per category.
        drawn_as: Of each sample, by its id, its draws per category where these are not all of its own category.
        drawn: Random draws of each outcome per category drawn from; a text counts as often as it was drawn.
        drawn_waived: Those that a waiver took, per category.
        drawn_texts: Samples that came from a random draw.
        draws_hash: Sum of the ids of all draws modulo 2**64, the same for the same draws in any order.
        measures: Running result of each measure that has a limit.
        identical: Compared samples whose two vectors are equal as float32.
        cosine_sum: Sum of all cosines, for the mean; the same to the last bit however the set was cut into blocks.
        norm_ratios: Smallest and largest norm ratio of the compared samples; infinite where there is none.
        norms_of: The norms of each side.
    """

    thresholds: Thresholds
    floors: NoiseFloors = field(default_factory=NoiseFloors)
    waivers: WaiverAccount = field(default_factory=WaiverAccount)
    confirmation: Confirmation | None = None
    drawn_as: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    waived: Counter[Outcome] = field(default_factory=Counter[Outcome])
    waived_mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    waived_by: dict[Outcome, set[str]] = field(default_factory=dict[Outcome, set[str]])
    within_noise: int = 0
    unconfirmed: Counter[Outcome] = field(default_factory=Counter[Outcome])
    not_requested: int = 0
    by_category: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    drawn: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    drawn_waived: Counter[str] = field(default_factory=Counter[str])
    drawn_texts: int = 0
    draws_hash: int = 0
    measures: dict[Measure, MeasureTally] = field(default_factory=dict[Measure, MeasureTally])
    identical: int = 0
    cosine_sum: float = 0.0
    norm_ratios: tuple[float, float] = (math.inf, -math.inf)
    norms_of: Mapping[Side, NormTally] = field(default_factory=lambda: {side: NormTally() for side in Side})
    _worst: WorstRows = field(default_factory=WorstRows)

    def __post_init__(self) -> None:
        """Name every measure that has a limit, so that one without a compared sample is seen too."""
        self.measures = {measure: MeasureTally() for measure in self.thresholds.limits()}

    @property
    def samples(self) -> int:
        """Return the number of samples taken in."""
        return self.counts.total()

    @property
    def compared(self) -> int:
        """Return the number of samples that have a cosine."""
        return sum(self.counts[outcome] for outcome in GRADED)

    def different(self, outcome: Outcome) -> int:
        """Return how many samples of an outcome prove a difference that nothing excuses."""
        noise = self.within_noise if outcome is Outcome.MISMATCH else 0
        mutual = self.mutual[outcome] - self.waived_mutual[outcome]
        return self.counts[outcome] - self.waived[outcome] - mutual - noise - self.unconfirmed[outcome]

    def add(self, rows: ComparedRows) -> None:
        """Grade the next block and take it in.

        Raises:
            MetricInputError: The block does not follow the last one: a sample would be counted twice, or never.
        """
        if rows.start != self.samples:
            problem = f"a block that starts at ordinal {rows.start} does not follow {self.samples} samples"
            raise MetricInputError(problem, remedy="Materialize parity again.")
        rows, off = grade(rows, self.thresholds), beyond(self.thresholds, rows)
        waivers = waivers_of(self.waivers, self.thresholds, rows, off)
        waived = np.array([waiver is not None for waiver in waivers], np.bool_)
        noise = self._noise_of(rows, off) & ~waived
        unconfirmed = [
            "" if waived[index] or noise[index] else self._unconfirmed(rows, index) for index in range(len(rows))
        ]
        for index in range(len(rows)):
            self._count(rows, index, waivers[index], unconfirmed[index])
            excuses = Excuses(waiver=waivers[index], within_noise=bool(noise[index]), unconfirmed=unconfirmed[index])
            self._worst.offer(rows, index, excuses)
        self.within_noise += int(noise.sum())
        for measure, tally in self.measures.items():
            tally.add(measure, rows, off[measure], waived | noise | np.array(unconfirmed, np.bool_), waived)
        self._measure(rows)
        self._widen(rows, waived)

    def _noise_of(self, rows: ComparedRows, off: Mapping[Measure, Flags]) -> Flags:
        """Return which mismatches are below the cosine threshold alone and explained by the legacy side's noise."""
        fails = [
            off[one] for one in off if one is not Measure.COSINE and self.thresholds.severity(one) is Severity.FAIL
        ]
        mismatch = np.array([outcome is Outcome.MISMATCH for outcome in rows.outcomes], np.bool_)
        explained = mismatch & self.floors.explains(rows.cosine)
        return explained & ~np.logical_or.reduce(fails) if fails else explained

    def _unconfirmed(self, rows: ComparedRows, index: int) -> str:
        """Return why a failing row does not count as a difference, a `Persistence` or `NOT_REQUESTED`; "" where it does."""
        found = self.confirmation
        if found is None or not proves_a_difference(rows, index):
            return ""
        repeated = next((row for row in found.rows if row.id == rows.ids[index]), None)
        if repeated is None:
            # Once one row persists, the rows beyond the budget count as before: nothing excuses them.
            return "" if found.count(Persistence.PERSISTENT) else NOT_REQUESTED
        return "" if repeated.found is Persistence.PERSISTENT else repeated.found.value

    def _count(self, rows: ComparedRows, index: int, waiver: str | None, unconfirmed: str) -> None:
        outcome, category, drawn = rows.outcomes[index], rows.categories[index], int(rows.drawn[index])
        mutual = outcome in MUTUAL and rows.sides[index] == BOTH
        self.counts[outcome] += 1
        self.by_category.setdefault(category, Counter())[outcome] += 1
        if mutual:
            self.mutual[outcome] += 1
        if waiver is not None:
            self.waived[outcome] += 1
            self.waived_by.setdefault(outcome, set()).add(waiver)
            self.waived_mutual[outcome] += int(mutual)
        if unconfirmed:
            self.unconfirmed[outcome] += 1
            self.not_requested += int(unconfirmed == NOT_REQUESTED)
        if drawn:
            self._count_draws(rows.ids[index], {category: drawn}, outcome, waived=waiver is not None)

    def _count_draws(self, identity: str, own: Mapping[str, int], outcome: Outcome, *, waived: bool) -> None:
        """Take in the draws of one sample, each under the category that it was drawn from."""
        self.drawn_texts += 1
        self.draws_hash = (self.draws_hash + sum(own.values()) * int(sample_id(identity), 16)) % 2**64
        for category, times in self.drawn_as.get(identity, own).items():
            self.drawn.setdefault(category, Counter())[outcome] += times
            self.drawn_waived[category] += times if waived else 0

    def _measure(self, rows: ComparedRows) -> None:
        measured = np.isfinite(rows.cosine)
        self.identical += int(rows.identical[measured].sum())
        # One addition after the other and not numpy's pairwise sum, whose last bit depends on the size of the block.
        self.cosine_sum = float(np.add.accumulate(np.append(self.cosine_sum, rows.cosine[measured]))[-1])

    def _widen(self, rows: ComparedRows, waived: Flags) -> None:
        self.norms_of[Side.LEGACY].add(rows.legacy_norm, waived)
        self.norms_of[Side.CANDIDATE].add(rows.candidate_norm, waived)
        ratios = rows.norm_ratio[np.isfinite(rows.cosine) & np.isfinite(rows.norm_ratio)]
        if len(ratios):
            low, high = self.norm_ratios
            self.norm_ratios = (min(low, float(ratios.min())), max(high, float(ratios.max())))

    def norms(self) -> tuple[NormRange, NormRange]:
        """Return the range of norms of the legacy and of the candidate side."""
        return self.norms_of[Side.LEGACY].range(), self.norms_of[Side.CANDIDATE].range()

    def shown_rows(self) -> tuple[JudgedRow, ...]:
        """Return at most REPORT_ROWS rows: all in their order, or, of a larger set, the worst of each outcome first.

        Each outcome gets its share in turn, so that a thousand refusals do not hide the one mismatch. What a waiver or
        noise excuses comes behind what does not.
        """
        return self._worst.shown(self.samples)
