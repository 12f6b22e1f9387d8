"""How noisy each side is by itself, side by side: floors, stability experiments, what the noise explains.

Here belongs the layout; the worst row of each experiment is shown and never a mean. What noise leads to belongs to
`core.noise_floor`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.noise_floor import NoiseFloor, NoiseFloors
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.cause_summary import documented
from parity_pipeline.report.escape import prose
from parity_pipeline.report.sections.headline import stability_findings
from parity_pipeline.report.sentences import table

_UNKNOWN: Final = "not measured"
_NOTES: Final = 6
"""Notes of one side that are shown."""

_Tried = Mapping[str, Mapping[str, Any]]
"""The experiments of one side by name."""


def noise(verdict: Verdict) -> list[str]:
    """Return floors and stability of both sides as Markdown; one line where none was measured."""
    floors = {side: verdict.floors.get(side.value) for side in Side}
    tried = {side: _experiments(verdict.stability.get(side.value) or {}) for side in Side}
    lines = ["## Noise of each side", ""]
    if not any(floors.values()) and not any(tried.values()):
        told = "neither side was tried against itself, so none of the differences is put down to noise"
        return [*lines, f"Not measured: {told}."]
    limit = verdict.thresholds.get("cosine")
    rows = [("noise floor, worst cosine", *(prose(_floor(floors[side], limit)) for side in Side))]
    rows += _rows(tried, limit)
    lines += table(("Worst pair of answers for one text", "Legacy", "Candidate"), rows)
    told = [prose(explained(verdict))]
    for side in Side:
        findings = " ".join(stability_findings(verdict, side))
        # A fault that is among the findings stands above already, with the same words.
        told += [_fault(side, name, one) for name, one in _faults(tried[side]) if str(one["words"]) not in findings]
    notes = [note for side in Side for note in _notes(side, verdict.stability.get(side.value) or {})]
    return [*lines, "", *(f"- {one}" for one in (*told, *notes))]


def _rows(tried: Mapping[Side, _Tried], limit: float | None) -> list[tuple[str, ...]]:
    """Return a row an experiment; experiments that came to the same on both sides share one."""
    grouped: dict[tuple[str, ...], list[str]] = {}
    for name in dict.fromkeys(name for side in Side for name in tried[side]):
        cells = tuple(_experiment(tried[side].get(name), limit) for side in Side)
        grouped.setdefault(cells, []).append(name)
    return [(prose(", ".join(names)), *map(prose, cells)) for cells, names in grouped.items()]


def _experiments(stability: Mapping[str, Any]) -> _Tried:
    return {str(one["name"]): one for one in stability.get("experiments") or ()}


def _floor(floor: Mapping[str, Any] | None, limit: float | None) -> str:
    if floor is None:
        return _UNKNOWN
    where = f" ({floor['worst_experiment']})" if floor.get("worst_experiment") else ""
    asked = f"{numbers.things(int(floor['samples']), 'text')}, {numbers.things(int(floor['requests']), 'request')}"
    return f"{numbers.cosine(1.0 - floor['worst'], limit)}{where}; {asked}"


def _experiment(tried: Mapping[str, Any] | None, limit: float | None) -> str:
    if tried is None:
        return _UNKNOWN
    told = [_worst(tried, limit)]
    if affected := _affected(tried):
        told.append(f"{numbers.things(affected, 'text')} < {numbers.limit(limit)}")
    if faults := len(tried.get("faults") or ()):
        told.append(f"{numbers.things(faults, 'fault')}")
    return "; ".join(told)


def _worst(tried: Mapping[str, Any], limit: float | None) -> str:
    worst = tried.get("worst")
    if worst is None:
        return _UNKNOWN
    rows = int(tried.get("rows") or 0)
    if rows and int(tried.get("identical") or 0) == rows:
        return "identical"
    level = f"at {tried['size_at_worst']}" if tried.get("size_at_worst") else ""
    where = str(tried.get("label") or level)
    return numbers.cosine(1.0 - worst, limit) + (f" ({where})" if where else "")


def _affected(tried: Mapping[str, Any]) -> int:
    known = tried.get("affected_texts")
    return len(tried.get("affected") or ()) if known is None else int(known)


def _faults(tried: _Tried) -> list[tuple[str, Mapping[str, Any]]]:
    return [(name, fault) for name, one in tried.items() for fault in one.get("faults") or ()]


def _fault(side: Side, name: str, fault: Mapping[str, Any]) -> str:
    cases = documented(fault.get("cases"))
    where = ", ".join(part for part in (str(side), name, str(fault.get("label") or ""), cases) if part)
    return prose(f"{where}: {fault['kind']}, {numbers.count(int(fault.get('count') or 0))} times; {fault['words']}.")


def _notes(side: Side, stability: Mapping[str, Any]) -> list[str]:
    notes: Sequence[str] = stability.get("notes") or ()
    shown = [prose(f"{side}: {note}.") for note in notes[:_NOTES]]
    rest = len(notes) - len(shown)
    return [*shown, *([prose(f"{side}: {numbers.things(rest, 'more note')}.")] if rest > 0 else [])]


def explained(verdict: Verdict) -> str:
    """Return which differences the legacy side's own noise explains; raw text."""
    legacy, threshold = verdict.floors.get(Side.LEGACY), verdict.thresholds.get("cosine")
    if not legacy or threshold is None:
        return "The noise floor of the legacy side was not measured, so none of the differences is put down to noise."
    try:
        since = NoiseFloors(legacy=NoiseFloor.from_json(legacy, "the verdict")).explained_from
    except ParityError:
        return "The noise floor of the legacy side cannot be read, so what it explains is not known."
    told = f"The legacy side's own noise explains a cosine of {numbers.cosine(since, threshold)} or more"
    if since >= threshold:
        return f"{told}, so it excuses no sample below the threshold of {numbers.limit(threshold)}."
    within = numbers.things(int(verdict.apart.get("within_noise", 0)), "sample")
    return f"{told}: {within} between it and the threshold of {numbers.limit(threshold)} prove nothing either way."
