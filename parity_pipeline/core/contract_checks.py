"""The checks of the contract: one per kind of request, of errors, of declarations and of limits.

Here belongs the step from differences to checks. A difference warns, unless a caller would get wrong vectors, or an error
that looks like a success, without noticing: that fails (docs/adr/0025).
"""

from collections.abc import Iterator, Sequence
from typing import Final

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.contract.comparison import (
    CHECK_OF,
    ContractComparison,
    ContractDifference,
    Effect,
    observed,
    pairs,
)
from parity_pipeline.core.contract.records import ContractObservation, ContractOfSides, ContractRequest
from parity_pipeline.core.outcomes import Side

_ONLY_WARN: Final = (CheckName.CONTRACT_NO_MODEL, CheckName.CONTRACT_BAD_REQUEST)
"""Silent differences that only warn: a verdict is about requests that name their model, and says so; and no caller that
works sends invalid JSON or another method."""

_WHERE_POSSIBLE: Final = (CheckName.CONTRACT_OPTIONS, CheckName.CONTRACT_LIMITS)
"""Checks that are left out where a dialect has no such option, or no side's limits were searched for."""

OF_CONTRACT: Final = tuple(name for name in CheckName if name.value.startswith("contract-"))
"""Every check of the contract, in their order."""

REMEDIES: Final = {
    Effect.SILENT: "Change the candidate, or every caller that relies on it, before the traffic moves.",
    Effect.ERROR: "Find the callers that send such requests; change them, or the candidate.",
    Effect.HANDLING: "Check what callers read of an error or expect of a connection.",
    Effect.ACCEPTED: "Check that no caller relies on the refusal.",
}
"""What to do about a difference, by its effect."""


def contract_checks(found: ContractComparison | None) -> Iterator[Check]:
    """Yield the checks of the contract.

    Args:
        found: Both contracts; None where neither was observed.
    """
    sides = found.sides if found else ContractOfSides()
    missing = tuple(
        f"the contract of the {side} side is not known: {why}" for side in Side if (why := observed(sides, side))
    )
    for name in OF_CONTRACT:
        if missing or found is None:
            if name not in _WHERE_POSSIBLE:
                yield _check(name, passed=None, seen="; ".join(missing))
        elif (checked := _checked(name, found)) is not None:
            yield checked


def _check(name: CheckName, *, passed: bool | None, seen: str, differences: Sequence[ContractDifference] = ()) -> Check:
    effects = [one.effect for one in differences]
    silent = Effect.SILENT in effects and name not in _ONLY_WARN
    worst = next((effect for effect in Effect if effect in effects), None)
    return Check(
        name=name,
        severity=CheckSeverity.FAIL if silent else CheckSeverity.WARN,
        passed=passed,
        seen=seen,
        remedy=REMEDIES[worst] if worst else "",
    )


def _checked(name: CheckName, found: ContractComparison) -> Check | None:
    """Return one check of two contracts that are known; None where there was nothing to compare for it."""
    differences = [one for one in found.differences if one.check is name]
    if differences:
        return _check(
            name, passed=False, seen=f"contract, {'; '.join(one.words for one in differences)}", differences=differences
        )
    legacy, candidate = found.sides.legacy, found.sides.candidate
    if legacy is None or candidate is None:
        return None
    if name is CheckName.CONTRACT_LIMITS:
        return (
            _check(name, passed=True, seen="the limits of both sides are the same")
            if _searched(legacy, candidate)
            else None
        )
    requests = [request for request, check in CHECK_OF.items() if check is name]
    if not requests:
        return _check(name, passed=True, seen="nothing that a caller would notice")
    return _of_requests(name, requests, legacy, candidate)


def _searched(legacy: ContractObservation, candidate: ContractObservation) -> bool:
    return all(side.body_limit or side.batch_limit for side in (legacy, candidate))


def _of_requests(
    name: CheckName, requests: Sequence[ContractRequest], legacy: ContractObservation, candidate: ContractObservation
) -> Check | None:
    """Return the check of requests that show no difference; None where the dialects cannot express them on both sides."""
    known = [request for request in requests if legacy.response(request) and candidate.response(request)]
    if not known:
        return None
    same = [one for one, _ in pairs(legacy, candidate) if one.request in known]
    if not same:
        return _check(name, passed=None, seen=f"no definite response to: {', '.join(known)}")
    return _check(name, passed=True, seen="; ".join(f"{one.request}: {one.describe()}" for one in same))
