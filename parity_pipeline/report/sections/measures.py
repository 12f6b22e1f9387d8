"""What each measure came to, and the limits at which this date would have passed.

Here belong the table of measures, norms among them, and the one sentence about other limits, which never promises more
than a limit can change. Grading belongs to `core.thresholds`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from parity_pipeline.core.outcomes import PASSING, Decision, Measure, Outcome, Severity, Side
from parity_pipeline.core.thresholds import passing_text
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import NormRange
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose
from parity_pipeline.report.row_view import Names, named, names_of
from parity_pipeline.report.sentences import table

Found = Mapping[str, Mapping[str, Any]]

_NAMES: Final[Mapping[str, str]] = {
    Measure.COSINE: "cosine",
    Measure.NORM_RATIO: "norm ratio, distance from 1",
    Measure.MAX_ABS_DELTA_UNIT: "largest difference, unit vectors",
    Measure.MAX_ABS_DELTA: "largest difference, raw vectors",
    Measure.MAX_ABS_DELTA_RELATIVE: "largest difference, relative to the legacy norm",
}


def measures(verdict: Verdict) -> list[str]:
    """Return the table of measures, other limits, norms and identical pairs as Markdown."""
    names = names_of(verdict)
    rows = [_row(verdict, name, found, names) for name, found in measured(verdict).items()]
    head = ("Measure", "Limit", "Samples beyond", "Worst", "Would pass at")
    lines = ["## Measures", ""]
    lines += [*table(head, rows, right=(2,)), ""] if rows else []
    identical = f"{numbers.count(verdict.identical)} of {numbers.things(verdict.compared, 'compared pair')}"
    mean_cosine = numbers.cosine(verdict.mean_cosine, verdict.thresholds.get("cosine"))
    mean = f"Mean cosine {mean_cosine}, which decides nothing; identical as float32: {identical}."
    told = [passing_limit(verdict), *([mean] if verdict.compared else []), norms(verdict)]
    return [*lines, *(f"- {prose(one)}" for one in told)]


def measured(verdict: Verdict) -> Found:
    """Return what each measure came to; of a verdict of the first schema what its other fields tell."""
    if verdict.measures or not verdict.thresholds:
        return verdict.measures
    worst, off = verdict.worst_cosine, verdict.counts.get(Outcome.MISMATCH, 0)
    limit = verdict.thresholds.get("cosine")
    passes = passing_text(Measure.COSINE, worst, limit) if off and worst is not None and worst > 0 else None
    told = {
        Measure.COSINE: {"off": off, "failing": off, "worst": worst, "passing_limit": passes},
        Measure.NORM_RATIO: {"off": verdict.norms_differ, "failing": 0, "worst": None, "passing_limit": None},
    }
    return {name.value: {"limit": verdict.thresholds.get(name.value), **found} for name, found in told.items()}


def warns_only(verdict: Verdict, name: str) -> bool:
    """Tell whether samples beyond the limit of a measure are told and fail nothing."""
    default = Severity.WARN if name == Measure.NORM_RATIO else Severity.FAIL
    return verdict.severities.get(name, default) == Severity.WARN


def _row(verdict: Verdict, name: str, found: Mapping[str, Any], names: Names) -> Sequence[str]:
    off, worst, sample = int(found["off"]), found["worst"], found.get("worst_sample")
    warns = warns_only(verdict, name)
    excused = 0 if warns else off - int(found["failing"])
    # A worst of 0 was measured on every sample and belongs to none.
    who = f" ({named(str(sample), names).split(' ')[0]})" if sample and worst else ""
    return (
        prose(_NAMES.get(name, name)) + (" (warns only)" if warns else ""),
        prose(_limit(name, found["limit"])),
        numbers.count(off) + (f", {numbers.count(excused)} excused" if excused else ""),
        prose(_value(name, worst, found["limit"])) + who,
        prose(_would_pass(name, found, warns=warns)),
    )


def _limit(name: str, limit: float | None) -> str:
    if limit is None:
        return numbers.NOTHING
    return f"≥ {numbers.limit(limit)}" if name == Measure.COSINE else f"≤ {limit:g}"


def _value(name: str, value: float | None, limit: float | None) -> str:
    return numbers.cosine(value, limit) if name == Measure.COSINE else numbers.measure(value)


def _would_pass(name: str, found: Mapping[str, Any], *, warns: bool) -> str:
    """Return the limits at which no sample without an excuse would have been beyond this one."""
    passes, worst = found["passing_limit"], found["worst"]
    direction = "lower" if name == Measure.COSINE else "more"
    if worst is None:
        return numbers.NOTHING
    if passes is not None:
        return f"{passes} or {direction}"
    if found["off"]:
        return "none above 0" if found["failing"] and not warns else "as set: all are excused"
    if name not in _NAMES:
        return numbers.NOTHING
    return f"{passing_text(Measure(name), worst, found['limit'])} or {direction}" if worst else "any"


def passing_limit(verdict: Verdict) -> str:
    """Return at which limits this date would have passed, as far as limits alone would change the verdict; raw text."""
    found = {name: one for name, one in measured(verdict).items() if not warns_only(verdict, name)}
    if not any(one["worst"] is not None for one in found.values()):
        return "No threshold can be named at which this date would have passed: no cosine was measured."
    failing = {name: one for name, one in found.items() if one["failing"]}
    if verdict.decision in PASSING:
        return _passed(verdict, found)
    if not failing:
        return "No limit stands against this date; other reasons against a pass do, and another limit mends none."
    if any(one["passing_limit"] is None for one in failing.values()):
        return "No threshold above 0 would have let this date pass."
    limits = " and ".join(
        f"a {_short(name)} of {one['passing_limit']} or {'lower' if name == Measure.COSINE else 'more'}"
        for name, one in failing.items()
    )
    if verdict.decision == Decision.FAIL and _limits_alone(verdict, len(failing)):
        return f"This date would have passed at {limits}."
    return f"At {limits} no compared sample would be a mismatch, but other reasons against a pass would remain."


def _passed(verdict: Verdict, found: Found) -> str:
    reached = [
        f"any {_short(name)} {'up to' if name == Measure.COSINE else 'from'} "
        f"{passing_text(Measure(name), one['worst'], one['limit'])}"
        for name, one in found.items()
        if name in _NAMES and one["worst"] and not one["off"]
    ]
    waived = int(verdict.apart.get("waived", 0))
    but = f", with the same {numbers.things(waived, 'sample')} waived" if waived else ""
    if not reached:
        return "Every sample beyond a limit is waived, so the limits themselves need not move."
    return f"This date would have passed at {' and '.join(reached)}{but}."


def _short(name: str) -> str:
    return "threshold" if name == Measure.COSINE else f"limit of the {_NAMES.get(name, name)}"


def _limits_alone(verdict: Verdict, failing: int) -> bool:
    """Tell whether other limits alone would change the verdict.

    Each measure that fails samples is one reason, and waivers in use are a remark; any further reason is an outcome, a
    doubt or a bound that no limit mends.
    """
    remark = 1 if verdict.apart.get("waived") else 0
    return len(verdict.reasons) == failing + remark


def norms(verdict: Verdict) -> str:
    """Return what the norms of the two sides are, and between which values their ratio lies; raw text."""
    described = [f"{side}: {_norm_range(verdict.norms.get(side.value))}" for side in Side]
    told = f"L2 norms, {'; '.join(described)}"
    low, high = verdict.norm_ratios
    if low is None or high is None:
        return f"{told}."
    return f"{told}; ratios (candidate / legacy) from {numbers.measure(low)} to {numbers.measure(high)}."


def _norm_range(span: Sequence[float | None] | None) -> str:
    low, high = (None, None) if span is None else span
    return NormRange(low=low, high=high).describe()
