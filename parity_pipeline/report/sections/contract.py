"""The contract of both sides as a matrix: what each does with odd requests, and which differences a caller would notice.

Here belongs the layout. What differs, and what that means, belongs to `core.contract` and `core.contract_checks`.
"""

from collections.abc import Iterator, Mapping
from typing import Final

from parity_pipeline.core.checks import Check, CheckName
from parity_pipeline.core.contract.comparison import (
    ContractComparison,
    ContractDifference,
    Effect,
    limit_words,
    observed,
)
from parity_pipeline.core.contract.records import (
    BodyShape,
    ContractObservation,
    ContractRequest,
    ContractResponse,
    ContractResult,
)
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped, code, prose, table
from parity_pipeline.report.numbers import NOTHING

WORDS_SHOWN: Final = 80
"""Characters of an error's message that the matrix shows."""

_EFFECTS: Final[Mapping[Effect, str]] = {
    Effect.SILENT: "gets something else, with a success",
    Effect.ERROR: "gets an error in place of vectors",
    Effect.HANDLING: "sees another error or connection",
    Effect.ACCEPTED: "gets vectors in place of an error, or better ones",
}
"""What happens to a caller of the legacy side that sends such a request to the candidate."""


def contract(verdict: Verdict) -> list[str]:
    """Return the section as Markdown; nothing where contracts are switched off, or for a verdict of an earlier version."""
    checks = {one.name: one for one in verdict.checks if one.name in OF_CONTRACT}
    if not checks and verdict.contract is None:
        return []
    found = verdict.contract
    lines = ["## Contract", ""]
    if found is None:
        return [*lines, "Not measured: what either side does with odd requests was not observed for these lanes."]
    lines += ["What each side does with requests that callers send by mistake, or seldom.", ""]
    lines += _unknown(found)
    rows = list(_rows(found))
    if rows:
        lines += [*table(("Request", "Legacy", "Candidate", "ms", "A caller of the legacy side"), rows), ""]
    return [*lines, *_differences(found, checks)]


def _unknown(found: ContractComparison) -> list[str]:
    """Return why nothing is known of a side."""
    why = {side: observed(found.sides, side) for side in Side}
    described = [f"- {prose(f'Not measured for the {side} side: {words}.')}" for side, words in why.items() if words]
    return [*described, ""] if described else []


def _rows(found: ContractComparison) -> Iterator[tuple[str, ...]]:
    legacy, candidate = found.sides.legacy, found.sides.candidate
    for request in ContractRequest:
        one, two = (side.response(request) if side else None for side in (legacy, candidate))
        if one or two:
            yield (
                prose(request.value),
                _cell(one),
                _cell(two),
                f"{_time(one)} / {_time(two)}",
                _caller(found, request.value),
            )
    for subject, unit in (("largest body", "bytes"), ("largest batch", "texts")):
        limits = [_limit(side, unit) for side in (legacy, candidate)]
        if any(limits):
            yield subject, *(prose(one) if one else NOTHING for one in limits), NOTHING, _caller(found, subject)


def _limit(side: ContractObservation | None, unit: str) -> str:
    limit = None if side is None else side.body_limit if unit == "bytes" else side.batch_limit
    return "" if limit is None else limit_words(limit, unit)


def _cell(response: ContractResponse | None) -> str:
    """Return what a side did: status, form of the error and where its words are, or what the vectors show."""
    if response is None:
        return NOTHING
    if response.result is ContractResult.VECTORS and response.request is ContractRequest.NO_MODEL and response.model:
        return f"{prose(response.describe())}, {code(response.model)}"
    parts = [prose(response.describe())]
    if response.shape is BodyShape.JSON:
        parts.append(f"JSON {code(response.words_at)}" if response.words_at else "JSON without a message")
    elif response.shape:
        parts.append(prose(response.shape.value))
    words = f": {code(clipped(response.words, WORDS_SHOWN))}" if response.words else ""
    return ", ".join(parts) + words


def _time(response: ContractResponse | None) -> str:
    return NOTHING if response is None or response.milliseconds is None else f"{response.milliseconds:,.0f}"


def _caller(found: ContractComparison, subject: str) -> str:
    effects = [one.effect for one in found.differences if subject in one.subject.split(", ")]
    return prose("; ".join(dict.fromkeys(_EFFECTS[effect] for effect in effects))) if effects else NOTHING


def _differences(found: ContractComparison, checks: Mapping[CheckName, Check]) -> list[str]:
    """Return what a caller would notice, worst first, each with its check and severity."""
    if not (found.sides.legacy and found.sides.candidate) or any(observed(found.sides, side) for side in Side):
        return ["Without both sides nothing is compared."]
    if not found.differences:
        return ["No difference that a caller would notice."]
    order = list(Effect)
    ranked = sorted(found.differences, key=lambda one: order.index(one.effect))
    described = [f"- {_difference(one, checks)}" for one in ranked]
    return [f"A caller would notice {numbers.things(len(ranked), 'difference')}:", "", *described]


def _difference(one: ContractDifference, checks: Mapping[CheckName, Check]) -> str:
    check = checks.get(one.check)
    severity = f" ({check.severity})" if check else ""
    return prose(f"{one.check}{severity}: {one.words}. The caller {_EFFECTS[one.effect]}.")
