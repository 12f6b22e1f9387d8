"""What a sample set would have caught: each fault is applied to the stored rows and judged by the code of the verdict.

Here belongs the way from rows and faults to `Power`. The rows are in `rows`, the faults in `faults`; comparing, grading,
counting and deciding are those of every verdict: `compare`, `Tally` and `verdict_builder`.

A fault counts as caught if the changed rows, among a few unchanged ones, are not a pass while the same rows without it are. One that
hits rows by chance counts if it would have hit one that shows it with 95 % probability.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.compare import compare
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.number_format import cosine_text, percent
from parity_pipeline.core.outcomes import DIFFERENT, PASSING, RowStatus
from parity_pipeline.core.power.changes import Change, Changes
from parity_pipeline.core.power.faults import ALL, FAULTS, ONE, Fault
from parity_pipeline.core.power.records import FaultResult, Power, SimulatedFault
from parity_pipeline.core.power.rows import MOST, Rows, Vector, spread
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs, checks_of, decide_over

_NORMS: Final = 0.1
"""Share by which a norm changes where it is the norms that a fault changes."""

_NEAR: Final = 4.0
"""A fault whose worst sample has a quarter of the distance that the threshold allows may take another one beyond it."""

_UNCHANGED: Final = 8
"""Unchanged rows that changed ones are judged among."""


@dataclass(frozen=True, kw_only=True)
class Judge:
    """The code of the verdict, over some rows of the set.

    Attributes:
        make_tally: Returns an empty tally with the thresholds, noise floors and waivers of the verdict.
        inputs: What the verdict knew beside the rows.
        excused: Ids of rows that differed once and not again: they are left out, since a simulated fault stays.
    """

    make_tally: Callable[[], Tally]
    inputs: DecisionInputs
    excused: frozenset[str] = frozenset()

    def judge(self, rows: Rows, places: Sequence[int], changes: Changes) -> "Judged":
        """Judge the rows at these places, some of them changed."""
        block = SampleBlock(
            0,
            [rows.rows[place].id for place in places],
            [rows.rows[place].text for place in places],
            [rows.rows[place].category for place in places],
        )
        legacy = [(rows.rows[place].legacy, rows.rows[place].statuses[0]) for place in places]
        candidate = [
            _changed(changes[place]) if place in changes else (rows.rows[place].candidate, rows.rows[place].statuses[1])
            for place in places
        ]
        tally = self.make_tally()
        tally.add(compare(block, _fetched(block, legacy), _fetched(block, candidate)))
        settings = replace(self.inputs.settings, min_compared_share=0.0)
        inputs = replace(self.inputs, expected=len(places), required_bound=None, settings=settings)
        checks = checks_of(tally, inputs)
        return Judged(
            passed=decide_over(checks, tally)[0] in PASSING,
            checks=tuple(checks),
            different=sum(tally.different(outcome) for outcome in DIFFERENT),
            worst=tally.measures[Measure.COSINE].worst,
            threshold=tally.thresholds.cosine,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """Result of judging some rows.

    Attributes:
        passed: Whether they are a pass.
        checks: Every check.
        different: Rows that prove a difference.
        worst: Smallest cosine; NaN where nothing was compared.
        threshold: Cosine threshold.
    """

    passed: bool
    checks: tuple[Check, ...]
    different: int
    worst: float
    threshold: float

    def stands(self, *severities: CheckSeverity) -> list[str]:
        """Return the names of the checks of these severities that did not pass."""
        return [one.name.value for one in self.checks if one.stands and one.severity in severities]


def _changed(vector: Vector | None) -> tuple[Vector | None, RowStatus]:
    return vector, RowStatus.REFUSED if vector is None else RowStatus.OK


def _fetched(block: SampleBlock, rows: Sequence[tuple[Vector | None, RowStatus]]) -> FetchedRows:
    """Return rows as one side returned them."""
    vectors = [vector if vector is not None else np.zeros(0, np.float32) for vector, _ in rows]
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum([len(vector) for vector in vectors], out=offsets[1:])
    nothing = [None] * len(rows)
    return FetchedRows(
        start=0,
        ids=block.ids,
        values=np.concatenate(vectors) if vectors else np.zeros(0, np.float32),
        offsets=offsets,
        status=[status for _, status in rows],
        http_status=nothing,
        errors=nothing,
        request_ids=nothing,
        latency_ms=nothing,
    )


@dataclass
class Simulation:
    """Faults on the rows of a set that passed.

    Attributes:
        rows: The rows that are looked at.
        judge: The code of the verdict.
        samples: Samples of the whole set.
    """

    rows: Rows
    judge: Judge
    samples: int

    def power(self, faults: Sequence[Fault] = FAULTS) -> Power:
        """Return the result of each fault; no fault is caught on rows that do not pass without it."""
        threshold = self.judge.make_tally().thresholds.cosine
        changes = [fault.change(self.rows, threshold) for fault in faults]
        touched = {place for change in changes for place in change.rows}
        before = self.judge.judge(self.rows, self._places(touched), {})
        found = tuple(self._simulated(*pair, before) for pair in zip(faults, changes, strict=True))
        return Power(
            caught=sum(one.result is FaultResult.CAUGHT for one in found),
            unsure=sum(one.result is FaultResult.UNSURE for one in found),
            simulated=len(found),
            looked_at=len(self.rows),
            samples=self.samples,
            faults=found,
        )

    def _simulated(self, fault: Fault, change: Change, before: Judged) -> SimulatedFault:
        """Return the result of one fault, given the same and other rows without any fault."""
        if not change.rows:
            return _result(fault, change, *_untouched(fault, change))
        found = self.judge.judge(self.rows, self._places(change.rows), change.rows)
        if not before.passed:
            return _result(
                fault,
                change,
                FaultResult.UNSURE,
                "these samples do not pass where they are judged apart from the others",
            )
        if found.passed:
            return _result(fault, change, *self._missed(change, found))
        chance = self._chance(fault, found.different / len(change.rows))
        if chance < CONFIDENCE_LEVEL:
            return _result(fault, change, *_by_chance(chance))
        seen = found.stands(CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE)
        return _result(fault, change, FaultResult.CAUGHT, ", ".join(seen))

    def _places(self, changed: Collection[int]) -> list[int]:
        """Return the places of changed rows among a few of unchanged ones, in the order of the set."""
        others = [place for place in spread(self.rows.usable, MOST) if place not in changed]
        return sorted({*changed, *others[:_UNCHANGED]})

    def _chance(self, fault: Fault, showing: float) -> float:
        """Return the probability that a fault which hits rows by chance hits one that shows it; 1 for one that hits all."""
        if fault.share == ALL:
            return 1.0
        if fault.share == ONE:
            return showing
        usable = len(self.rows.usable) / max(1, len(self.rows)) * self.samples
        return 1.0 - (1.0 - fault.share * showing) ** usable

    def _changes_norms(self, change: Change) -> bool:
        pairs = [(vector, self.rows.vectors[place]) for place, vector in change.rows.items() if vector is not None]
        norms = [(float(np.linalg.norm(new)), float(np.linalg.norm(old))) for new, old in pairs]
        return any(abs(new - old) > _NORMS * old for new, old in norms)

    def _missed(self, change: Change, found: Judged) -> tuple[FaultResult, str]:
        """Return the result of a fault under which the rows still pass, and why: the first reason that holds."""
        near = len(change.rows) < self.samples and _NEAR * (1.0 - found.worst) > 1.0 - found.threshold
        norms = CheckName.NORM_RATIO in found.stands(CheckSeverity.WARN) and self._changes_norms(change)
        within = f"it stays within every limit, the worst cosine is {cosine_text(found.worst)}"
        reasons = (
            (change.ignored, FaultResult.MISSED, f"the model ignores it, as {_pairs(change.ignored)} of samples show"),
            (change.unknown, FaultResult.UNSURE, _NO_PAIR),
            (change.assumed, FaultResult.UNSURE, "the samples that it changes may move too little"),
            (near, FaultResult.UNSURE, f"the worst of {len(change.rows)} samples is near the limit"),
            (norms, FaultResult.MISSED, "only norms change, and norm-ratio only warns"),
            (found.worst < 1.0, FaultResult.MISSED, within),
            (True, FaultResult.MISSED, "the samples that it changes have the same vector"),
        )
        return next((result, words) for holds, result, words in reasons if holds)


def _pairs(count: int) -> str:
    return f"{count} pair{'s' * (count > 1)}"


def _result(fault: Fault, change: Change, result: FaultResult, why: str) -> SimulatedFault:
    return SimulatedFault(name=fault.name, words=fault.words, result=result, why=why, assumed=change.assumed)


_NO_PAIR: Final = "no two samples show whether the model sees it"


def _untouched(fault: Fault, change: Change) -> tuple[FaultResult, str]:
    """Return the result of a fault of which no changed row is known."""
    return (FaultResult.UNSURE, _NO_PAIR) if change.unknown else (FaultResult.MISSED, f"no sample {fault.lacks}")


def _by_chance(chance: float) -> tuple[FaultResult, str]:
    """Return the result of a fault that may hit no row that shows it."""
    result = FaultResult.MISSED if chance < 1.0 - CONFIDENCE_LEVEL else FaultResult.UNSURE
    return result, f"it hits a row that shows it with a probability of {percent(chance)}"
