"""Checks in every state, and the decision that the rule of every probe makes of them."""

import itertools
from collections.abc import Callable
from enum import StrEnum
from typing import Final, TypeAlias, TypeVar

from parity_pipeline.core.checks import CheckSeverity, JudgedCheck
from parity_pipeline.core.outcomes import Decision

CheckState: TypeAlias = tuple[CheckSeverity, bool | None, str]
"""Severity, whether it passed, and the waiver that covers it if it did not; "" for none."""

CheckT = TypeVar("CheckT", bound=JudgedCheck)

CASES: Final[list[CheckState]] = list(itertools.product(CheckSeverity, (True, False, None), ("", "W")))


def checks_in(kind: Callable[..., CheckT], name: StrEnum, cases: list[CheckState]) -> list[CheckT]:
    """Return checks of one name in these states."""
    return [
        kind(name=name, severity=severity, passed=passed, seen="x", waived_by=waiver if passed is False else "")
        for severity, passed, waiver in cases
    ]


def decision_over(cases: list[CheckState]) -> Decision:
    """Return the decision over checks, fail before inconclusive; a warning and a waived check never count."""
    standing = {severity for severity, passed, waiver in cases if passed is False and not waiver}
    if CheckSeverity.FAIL in standing:
        return Decision.FAIL
    if CheckSeverity.INCONCLUSIVE in standing:
        return Decision.INCONCLUSIVE
    waived = any(waiver and passed is False for _, passed, waiver in cases)
    return Decision.PASS_WITH_WAIVERS if waived else Decision.PASS
