"""The checks that a verdict was decided over: those that did not pass first, and what nothing was measured for.

Here belongs their layout. What each one looks at, and what it means, belongs to `core.checks`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.checks import GROUND, Check, CheckName, CheckSeverity, of_side
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.side_checks import EXPERIMENTS
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.escape import prose
from parity_pipeline.report.numbers import NOTHING
from parity_pipeline.report.sentences import table

_ORDER: Final = tuple(CheckSeverity)


def checks(verdict: Verdict) -> list[str]:
    """Return the table of what did not pass, and the names of what did; nothing for a verdict of an earlier version."""
    if not verdict.checks:
        return []
    against = sorted(
        (one for one in verdict.checks if one.passed is False),
        key=lambda one: (bool(one.waived_by), _ORDER.index(one.severity)),
    )
    lines = ["## Checks", ""]
    if against:
        head = ("Check", "Severity", "Seen", "What to do")
        lines += [*table(head, map(_row, against)), ""]
    passed = [one.name.value for one in verdict.checks if one.passed]
    return [*lines, prose(f"Passed: {', '.join(passed)}.")] if passed else lines[:-1]


def _row(one: Check) -> Sequence[str]:
    severity = f"waived by {one.waived_by}" if one.waived_by else one.severity.value
    remedy = prose(one.remedy) if one.remedy and not one.waived_by else NOTHING
    return prose(one.name.value), prose(severity), prose(one.seen), remedy


def unmeasured(verdict: Verdict) -> str:
    """Return in one line what nothing was measured for; "" where all was, or where nothing could be. Raw text.

    A side whose repeatability was not measured is one thing and not a dozen.
    """
    if any(one.stands for one in verdict.checks if one.name in GROUND):
        return ""
    names = [one.name for one in verdict.checks if one.passed is None]
    shown: list[str] = []
    for side in Side:
        whole = {of_side(side, subject) for subject in (*EXPERIMENTS.values(), "foreign-vectors", "noise-floor")}
        if whole <= set(names):
            shown.append(f"repeatability of the {side} side")
            names = [name for name in names if name not in whole]
    shown += [name.value for name in names if name is not CheckName.COMPARED_SHARE]
    return f"Nothing was measured for: {', '.join(shown)}." if shown else ""
