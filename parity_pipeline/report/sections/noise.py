"""How noisy each side is by itself, side by side: floors, stability experiments, what the noise explains.

Here belongs the layout; the worst row of each experiment is shown and never a mean. What noise leads to belongs to
`core.noise_floor`.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.noise_floor import NoiseFloor
from parity_pipeline.core.stability.records import Defect, ExperimentResult
from parity_pipeline.core.verdict import SideEvidence, Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.sections.diagnosis import documented

_UNKNOWN: Final = "not measured"
_NOTES: Final = 6
"""Notes of one side that are shown."""

_Tried = Mapping[str, ExperimentResult]
"""The experiments of one side by name."""


def noise(verdict: Verdict) -> list[str]:
    """Return floors and stability of both sides as Markdown; one line where none was measured."""
    floors = [side.floor for side in verdict.sides]
    tried = [_experiments(side) for side in verdict.sides]
    lines = ["## Noise of each side", ""]
    if not any(floors) and not any(tried):
        described = "neither side's repeatability is known, so no difference is attributed to noise"
        return [*lines, f"Not measured: {described}."]
    limit = verdict.threshold
    rows = [("noise floor, worst cosine", *(prose(_floor(floor, limit)) for floor in floors)), *_rows(tried, limit)]
    lines += table(("Worst pair of responses to one text", "Legacy", "Candidate"), rows)
    lines += ["", prose(explained(verdict))]
    notes = [row for side in verdict.sides for row in (*_defects(side), *_notes(side))]
    return [*lines, "", *table(("Side", "Note"), notes)] if notes else lines


def _experiments(side: SideEvidence) -> _Tried:
    return {one.name: one for one in side.stability.experiments} if side.stability else {}


def _rows(tried: list[_Tried], limit: float) -> list[tuple[str, ...]]:
    """Return a row per experiment; experiments with the same result on both sides share one."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for side in tried for name in side):
        cells = tuple(_experiment(side.get(name), limit) for side in tried)
        grouped.setdefault(cells, []).append(name)
    return [(prose(", ".join(names)), *map(prose, cells)) for cells, names in grouped.items()]


def _floor(floor: NoiseFloor | None, limit: float) -> str:
    if floor is None:
        return _UNKNOWN
    where = f" ({floor.worst_experiment})" if floor.worst_experiment else ""
    effort = f"{numbers.things(floor.samples, 'text')}, {numbers.things(floor.requests, 'request')}"
    return f"{numbers.cosine(floor.cosine, limit)}{where}; {effort}"


def _experiment(tried: ExperimentResult | None, limit: float) -> str:
    if tried is None:
        return _UNKNOWN
    described = [_worst(tried, limit)]
    if tried.affected_texts:
        described.append(f"{numbers.things(tried.affected_texts, 'text')} < {numbers.limit(limit)}")
    if tried.faults:
        described.append(numbers.things(len(tried.faults), "fault"))
    return "; ".join(described)


def _worst(tried: ExperimentResult, limit: float) -> str:
    if tried.worst is None:
        return _UNKNOWN
    if tried.bit_identical:
        return "identical"
    return numbers.cosine(1.0 - tried.worst, limit) + (f" ({tried.label})" if tried.label else "")


_Note = tuple[str, str]
"""A side and what is worth knowing of it, as cells."""


def _defects(side: SideEvidence) -> list[_Note]:
    """Return what went wrong in a side's experiments beside a distance."""
    if side.stability is None:
        return []
    # A defect that is among the findings stands above already, with the same words.
    findings = " ".join(finding.words for finding in side.stability.findings)
    return [
        (side.stability.side, prose(_defect(tried, defect)))
        for tried in side.stability.experiments
        for defect in tried.faults
        if defect.words not in findings
    ]


def _defect(tried: ExperimentResult, defect: Defect) -> str:
    parts = (tried.name, defect.label, documented(defect.cases))
    where = ", ".join(part for part in parts if part)
    return f"{where}: {defect.kind}, {numbers.count(defect.count)} times; {defect.words}."


def _notes(side: SideEvidence) -> list[_Note]:
    """Return what was not tried on a side, or had no response, and how much of that is left out."""
    if side.stability is None:
        return []
    name, notes = side.stability.side, side.stability.notes
    rest = len(notes) - _NOTES
    more = [(name, prose(f"{numbers.things(rest, 'more note')}."))] if rest > 0 else []
    return [*((name, prose(f"{note}.")) for note in notes[:_NOTES]), *more]


def explained(verdict: Verdict) -> str:
    """Return which differences the legacy side's own noise explains; raw text."""
    threshold = verdict.threshold
    if verdict.legacy.floor is None:
        return "The noise floor of the legacy side was not measured, so no difference is attributed to noise."
    since = verdict.floors.explained_from
    described = f"The legacy side's own noise explains a cosine of {numbers.cosine(since, threshold)} or more"
    if since >= threshold:
        return f"{described}, so it excuses no sample below the threshold of {numbers.limit(threshold)}."
    within = numbers.things(verdict.counts.apart.within_noise if verdict.counts.apart else 0, "sample")
    return f"{described}: {within} between it and the threshold of {numbers.limit(threshold)} prove nothing either way."
