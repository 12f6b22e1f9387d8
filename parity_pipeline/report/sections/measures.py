"""The result of each measure, and the limits at which this date would have passed.

Here belong the table of measures, norms among them, and the one sentence about other limits, which never promises more
than a limit can change. Grading belongs to `core.measures`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from parity_pipeline.core.discrimination import background_words
from parity_pipeline.core.measures import Measure, passing_text
from parity_pipeline.core.outcomes import PASSING, Decision, Severity
from parity_pipeline.core.verdict import MeasureResult, Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.view import Names, named, names_of

_NAMES: Final[Mapping[Measure, str]] = {
    Measure.COSINE: "cosine",
    Measure.NORM_RATIO: "norm ratio, distance from 1",
    Measure.MAX_ABS_DELTA_UNIT: "largest difference, unit vectors",
    Measure.MAX_ABS_DELTA: "largest difference, raw vectors",
    Measure.MAX_ABS_DELTA_RELATIVE: "largest difference, relative to the legacy norm",
}


def measures(verdict: Verdict) -> list[str]:
    """Return the table of measures, other limits, norms and identical pairs as Markdown."""
    names, compared = names_of(verdict), verdict.counts.compared
    head = ("Measure", "Limit", "Samples beyond", "Worst", "Would pass at")
    lines = ["## Measures", "", *table(head, [_row(one, names) for one in verdict.measures], right=(2,)), ""]
    identical = f"{numbers.count(verdict.counts.identical)} of {numbers.things(compared, 'compared pair')}"
    mean = f"Mean cosine {numbers.cosine(verdict.mean_cosine, verdict.threshold)} (informational); identical as float32: {identical}."
    different = background_words(verdict.background)
    facts = [passing_limit(verdict), different, *([mean] if compared else []), norms(verdict)]
    return [*lines, *(f"- {prose(one)}" for one in facts if one)]


def _row(one: MeasureResult, names: Names) -> Sequence[str]:
    warns = one.severity is Severity.WARN
    excused = 0 if warns else one.beyond - one.failing
    # A worst of 0 was measured on every sample and belongs to none.
    who = f" ({named(one.worst_sample, names).split(' ')[0]})" if one.worst_sample and one.worst else ""
    return (
        prose(_NAMES[one.measure]) + (" (warns only)" if warns else ""),
        prose(_limit(one)),
        numbers.count(one.beyond) + (f", {numbers.count(excused)} excused" if excused else ""),
        prose(_value(one)) + who,
        prose(_would_pass(one)),
    )


def _limit(one: MeasureResult) -> str:
    return f"≥ {numbers.limit(one.limit)}" if one.measure is Measure.COSINE else f"≤ {one.limit:g}"


def _value(one: MeasureResult) -> str:
    return numbers.cosine(one.worst, one.limit) if one.measure is Measure.COSINE else numbers.measure(one.worst)


def _would_pass(one: MeasureResult) -> str:
    """Return the limits at which no sample without an excuse would have been beyond this one."""
    direction = "lower" if one.measure is Measure.COSINE else "more"
    if one.worst is None:
        return numbers.NOTHING
    if one.passing_limit is not None:
        return f"{one.passing_limit} or {direction}"
    if one.beyond:
        return "none above 0" if one.failing and one.severity is Severity.FAIL else "as set: all are excused"
    return f"{passing_text(one.measure, one.worst, one.limit)} or {direction}" if one.worst else "any"


def passing_limit(verdict: Verdict) -> str:
    """Return at which limits this date would have passed, as far as limits alone would change the verdict; raw text."""
    found = [one for one in verdict.measures if one.severity is Severity.FAIL]
    if not any(one.worst is not None for one in found):
        return "No threshold can be named at which this date would have passed: no cosine was measured."
    failing = [one for one in found if one.failing]
    if verdict.decision in PASSING:
        return _passed(verdict, found)
    if not failing:
        return "No limit stands against this date; other reasons against a pass do, and another limit fixes none."
    if any(one.passing_limit is None for one in failing):
        return "No threshold above 0 would have let this date pass."
    limits = " and ".join(
        f"a {_short(one)} of {one.passing_limit} or {'lower' if one.measure is Measure.COSINE else 'more'}"
        for one in failing
    )
    if verdict.decision is Decision.FAIL and _limits_alone(verdict, len(failing)):
        return f"This date would have passed at {limits}."
    return f"At {limits} no compared sample would be a mismatch, but other reasons against a pass would remain."


def _passed(verdict: Verdict, found: Sequence[MeasureResult]) -> str:
    reached = [
        f"any {_short(one)} {'up to' if one.measure is Measure.COSINE else 'from'} "
        f"{passing_text(one.measure, one.worst, one.limit)}"
        for one in found
        if one.worst and not one.beyond
    ]
    waived = verdict.counts.samples_waived
    but = f", with the same {numbers.things(waived, 'sample')} waived" if waived else ""
    if not reached:
        why = "excused" if verdict.counts.apart and verdict.counts.apart.unconfirmed else "waived"
        return f"Every sample beyond a limit is {why}, so the limits themselves need not move."
    return f"This date would have passed at {' and '.join(reached)}{but}."


def _short(one: MeasureResult) -> str:
    return "threshold" if one.measure is Measure.COSINE else f"limit of the {_NAMES[one.measure]}"


def _limits_alone(verdict: Verdict, failing: int) -> bool:
    """Return whether other limits alone would change the verdict.

    Each measure that fails samples is one reason, and waivers in use are another; any further reason is an outcome, a
    caveat or a bound that no limit fixes.
    """
    waived = 1 if verdict.counts.samples_waived else 0
    return len(verdict.reasons) == failing + waived


def norms(verdict: Verdict) -> str:
    """Return what the norms of the two sides are, and between which values their ratio lies; raw text."""
    described = [f"{side.provenance.side}: {side.norms.describe()}" for side in verdict.sides]
    ranges = f"L2 norms, {'; '.join(described)}"
    if verdict.norm_ratios is None:
        return f"{ranges}."
    low, high = verdict.norm_ratios
    return f"{ranges}; ratios (candidate / legacy) from {numbers.measure(low)} to {numbers.measure(high)}."
