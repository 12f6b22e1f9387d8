"""Take in compared blocks one after another and keep what a verdict needs: counts, worst rows, norms.

Here belongs the running account of a whole sample set, whose size does not grow with the set. What the account means
belongs to `decision`.
"""

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import BOTH, ComparedRows
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.metrics import Float64
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import GRADED, Measure, Outcome, Severity
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.thresholds import Thresholds, beyond, grade, values_of
from parity_pipeline.core.waivers import WaiverAccount
from parity_pipeline.core.wire_drift import NormRange
from parity_pipeline.core.worst_rows import JudgedRow, WorstRows

MUTUAL = (Outcome.NON_FINITE, Outcome.ZERO_NORM)
"""Outcomes that prove a difference when one side shows them, and nothing when both do."""

Flags = NDArray[np.bool_]


@dataclass(slots=True)
class MeasureTally:
    """Running result of one measure over the compared samples. Worst values are NaN where there is none.

    Attributes:
        off: Samples beyond the limit.
        failing: Those of them that are excused neither by a waiver nor by noise.
        worst: The worst value of all.
        worst_sample: Id of its sample, the first one in the set.
        unwaived_worst: The worst value of the samples that no waiver covers.
    """

    off: int = 0
    failing: int = 0
    worst: float = math.nan
    worst_sample: str | None = None
    unwaived_worst: float = math.nan

    def add(self, measure: Measure, rows: ComparedRows, off: Flags, excused: Flags, waived: Flags) -> None:
        """Take in the compared rows of a block; `off`, `excused` and `waived` are flags of its rows."""
        values, compared = values_of(measure, rows), np.isfinite(rows.cosine)
        self.off += int((off & compared).sum())
        self.failing += int((off & compared & ~excused).sum())
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
class Tally:
    """Running account of a whole set, taken in block by block; its size does not grow with the set.

    Attributes:
        thresholds: What compared samples are graded against.
        floors: How noisy each side is by itself.
        waivers: The waivers of this model and date, and what they took.
        counts: Samples of each outcome, excused ones included.
        mutual: Those of `non_finite` and `zero_norm` in which both sides showed it.
        waived: Samples of each outcome that a waiver took.
        waived_mutual: Those of `mutual` that a waiver took.
        within_noise: Mismatches no further off than the legacy side's own noise explains, waived ones left out.
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
    """

    thresholds: Thresholds
    floors: NoiseFloors = field(default_factory=NoiseFloors)
    waivers: WaiverAccount = field(default_factory=WaiverAccount)
    drawn_as: Mapping[str, Mapping[str, int]] = field(default_factory=dict[str, Mapping[str, int]])
    counts: Counter[Outcome] = field(default_factory=Counter[Outcome])
    mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    waived: Counter[Outcome] = field(default_factory=Counter[Outcome])
    waived_mutual: Counter[Outcome] = field(default_factory=Counter[Outcome])
    within_noise: int = 0
    by_category: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    drawn: dict[str, Counter[Outcome]] = field(default_factory=dict[str, Counter[Outcome]])
    drawn_waived: Counter[str] = field(default_factory=Counter[str])
    drawn_texts: int = 0
    draws_hash: int = 0
    measures: dict[Measure, MeasureTally] = field(default_factory=dict[Measure, MeasureTally])
    identical: int = 0
    cosine_sum: float = 0.0
    norm_ratios: tuple[float, float] = (math.inf, -math.inf)
    _worst: WorstRows = field(default_factory=WorstRows)
    _low: tuple[float, float] = (math.inf, math.inf)
    _high: tuple[float, float] = (-math.inf, -math.inf)

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

    @property
    def norms_differ(self) -> int:
        """Return the number of compared samples whose norm ratio leaves the tolerance."""
        return self.measures[Measure.NORM_RATIO].off

    def different(self, outcome: Outcome) -> int:
        """Return how many samples of an outcome prove a difference that nothing excuses."""
        noise = self.within_noise if outcome is Outcome.MISMATCH else 0
        mutual = self.mutual[outcome] - self.waived_mutual[outcome]
        return self.counts[outcome] - self.waived[outcome] - mutual - noise

    def add(self, rows: ComparedRows) -> None:
        """Grade the next block and take it in.

        Raises:
            MetricInputError: The block does not follow the last one: a sample would be counted twice, or never.
        """
        if rows.start != self.samples:
            problem = f"a block that starts at ordinal {rows.start} does not follow {self.samples} samples"
            raise MetricInputError(problem, remedy="Materialize parity again.")
        rows, off = grade(rows, self.thresholds), beyond(self.thresholds, rows)
        waivers = self._waivers_of(rows, off)
        waived = np.array([waiver is not None for waiver in waivers], np.bool_)
        noise = self._noise_of(rows, off) & ~waived
        for index in range(len(rows)):
            self._count(rows, index, waivers[index])
            self._worst.offer(rows, index, waiver=waivers[index], within_noise=bool(noise[index]))
        self.within_noise += int(noise.sum())
        for measure, tally in self.measures.items():
            tally.add(measure, rows, off[measure], waived | noise, waived)
        self._measure(rows)
        self._widen(rows)

    def _waivers_of(self, rows: ComparedRows, off: Mapping[Measure, Flags]) -> Sequence[str | None]:
        fails = {measure: off[measure] for measure in off if self.thresholds.severity(measure) is Severity.FAIL}
        return [
            self.waivers.take(rows, index, {measure: bool(flags[index]) for measure, flags in fails.items()})
            if self.waivers.concerned
            else None
            for index in range(len(rows))
        ]

    def _noise_of(self, rows: ComparedRows, off: Mapping[Measure, Flags]) -> Flags:
        """Tell which mismatches are below the cosine threshold alone and explained by the legacy side's noise."""
        fails = [
            off[one] for one in off if one is not Measure.COSINE and self.thresholds.severity(one) is Severity.FAIL
        ]
        mismatch = np.array([outcome is Outcome.MISMATCH for outcome in rows.outcomes], np.bool_)
        explained = mismatch & self.floors.explains(rows.cosine)
        return explained & ~np.logical_or.reduce(fails) if fails else explained

    def _count(self, rows: ComparedRows, index: int, waiver: str | None) -> None:
        outcome, category, drawn = rows.outcomes[index], rows.categories[index], int(rows.drawn[index])
        mutual = outcome in MUTUAL and rows.sides[index] == BOTH
        self.counts[outcome] += 1
        self.by_category.setdefault(category, Counter())[outcome] += 1
        if mutual:
            self.mutual[outcome] += 1
        if waiver is not None:
            self.waived[outcome] += 1
            self.waived_mutual[outcome] += int(mutual)
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

    def _widen(self, rows: ComparedRows) -> None:
        for place, norms in enumerate((rows.legacy_norm, rows.candidate_norm)):
            real = norms[np.isfinite(norms) & (norms > 0)]
            if len(real):
                low, high = list(self._low), list(self._high)
                low[place], high[place] = min(low[place], float(real.min())), max(high[place], float(real.max()))
                self._low, self._high = (low[0], low[1]), (high[0], high[1])
        ratios = rows.norm_ratio[np.isfinite(rows.cosine) & np.isfinite(rows.norm_ratio)]
        if len(ratios):
            low, high = self.norm_ratios
            self.norm_ratios = (min(low, float(ratios.min())), max(high, float(ratios.max())))

    def norms(self) -> tuple[NormRange, NormRange]:
        """Return the range of norms of the legacy and of the candidate side."""
        ranges = [
            NormRange(low=low if math.isfinite(low) else None, high=high if math.isfinite(high) else None)
            for low, high in zip(self._low, self._high, strict=True)
        ]
        return ranges[0], ranges[1]

    def worst_cosine(self) -> JudgedRow | None:
        """Return the sample with the smallest cosine, excused or not; None where none was measured."""
        return self._worst.worst_cosine()

    def shown_rows(self) -> tuple[JudgedRow, ...]:
        """Return at most REPORT_ROWS rows: all in their order, or, of a larger set, the worst of each outcome first.

        Each outcome gets its share in turn, so that a thousand refusals do not hide the one mismatch. What a waiver or
        noise excuses comes behind what does not.
        """
        return self._worst.shown(self.samples)
