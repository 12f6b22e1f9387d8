"""The repeatability heat map: what each experiment on each side showed, part by part, on one scale.

Here belong the scale and its words. Measuring belongs to `core.stability`, what follows for the verdict to `core.noise_floor`.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.stability.records import TESTED, ExperimentResult
from parity_pipeline.core.verdict import SideEvidence, Verdict
from parity_pipeline.report import numbers

_NOISE: Final = 1e-6
"""1 - cosine up to which a difference is what rounding of float32 and float16 leaves."""

LEVELS: Final = {
    "same": "identical",
    "rounding": "within 0.000001 of 1",
    "small": "at or above the threshold",
    "large": "below the threshold",
    "broken": "another fault than a distance",
    "unknown": "not measured",
}
"""Class of each level in the stylesheet, and what it means; from the best to the worst."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One part of an experiment on one side: what it was, its worst cosine as text, and the level."""

    label: str
    value: str
    level: str


@dataclass(frozen=True, slots=True)
class HeatRow:
    """One experiment: its name, and the cells of each side."""

    name: str
    legacy: tuple[Cell, ...]
    candidate: tuple[Cell, ...]


def heat_rows(verdict: Verdict) -> list[HeatRow]:
    """Return a row per experiment in the order in which they are made; empty where none was made on either side."""
    sides = [_experiments(side) for side in verdict.sides]
    limit = verdict.threshold
    return [
        HeatRow(name, *(tuple(_cells(side.get(name), limit)) for side in sides))
        for name in TESTED
        if any(name in side for side in sides)
    ]


def _experiments(side: SideEvidence) -> dict[str, ExperimentResult]:
    return {one.name: one for one in side.stability.experiments} if side.stability else {}


def _cells(tried: ExperimentResult | None, limit: float) -> Iterator[Cell]:
    if tried is None or (tried.worst is None and not tried.faults):
        yield Cell("", LEVELS["unknown"], "unknown")
        return
    parts = dict(tried.by_label) or ({"all": tried.worst} if tried.worst is not None else {})
    for label, worst in parts.items():
        # Each part's own rows are not counted; of an experiment whose rows are all equal each part is.
        same = tried.bit_identical
        yield Cell(label, "identical" if same else numbers.cosine(1.0 - worst, limit), _level(worst, limit, same=same))
    for fault in tried.faults:
        yield Cell(fault.label, f"{fault.kind}, {numbers.things(fault.count, 'time')}", "broken")


def _level(worst: float, limit: float, *, same: bool) -> str:
    if same:
        return "same"
    if not 1.0 - worst >= limit:
        return "large"
    return "rounding" if worst <= _NOISE else "small"
