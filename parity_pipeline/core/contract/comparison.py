"""The contracts of both sides against each other: which differences a caller of the legacy side would notice, and how.

Here belong the record of a difference and the rules that find them, over observations of both sides. What a difference
means for the verdict belongs to `contract_checks`, its layout to `report.sections.contract`.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.contract.records import (
    ERRORS,
    SUCCESSES,
    BodyShape,
    ContractObservation,
    ContractOfSides,
    ContractRequest,
    ContractResponse,
    ContractResult,
    Handling,
    SizeLimit,
)
from parity_pipeline.core.outcomes import Side


class Effect(StrEnum):
    """What a difference means for a caller that works with the legacy side. Stored, so only ever added to."""

    SILENT = "silent"
    """It gets something else with a success: wrong or missing vectors, or an error that looks like none."""
    ERROR = "error"
    """It got vectors, and gets an error."""
    HANDLING = "handling"
    """It got an error and gets another one: another status, or words in another place; or the connection differs."""
    ACCEPTED = "accepted"
    """It got an error, or a worse response, and gets vectors."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractDifference:
    """One difference.

    Attributes:
        check: The check that it belongs to.
        subject: What it is about: the requests, joined by commas, or a limit.
        effect: What it means for a caller.
        legacy: What the legacy side did.
        candidate: What the candidate did.
    """

    check: CheckName
    subject: str
    effect: Effect
    legacy: str
    candidate: str

    @property
    def words(self) -> str:
        """Return the difference as a clause."""
        return f"{self.subject}: legacy {self.legacy}; candidate {self.candidate}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractComparison:
    """Both contracts, as a verdict holds them.

    Attributes:
        sides: What was observed.
        differences: What differs, in the order of the requests.
    """

    sides: ContractOfSides
    differences: tuple[ContractDifference, ...]


CHECK_OF: Final = {
    ContractRequest.AGAIN: CheckName.CONTRACT_CONNECTION,
    ContractRequest.UNKNOWN_MODEL: CheckName.CONTRACT_UNKNOWN_MODEL,
    ContractRequest.NO_MODEL: CheckName.CONTRACT_NO_MODEL,
    ContractRequest.EMPTY_LIST: CheckName.CONTRACT_EMPTY_LIST,
    ContractRequest.EMPTY_TEXT: CheckName.CONTRACT_BLANK_TEXT,
    ContractRequest.BLANK_TEXT: CheckName.CONTRACT_BLANK_TEXT,
    ContractRequest.NULL_ELEMENT: CheckName.CONTRACT_WRONG_ELEMENT,
    ContractRequest.NUMBER_ELEMENT: CheckName.CONTRACT_WRONG_ELEMENT,
    ContractRequest.LONE_SURROGATE: CheckName.CONTRACT_LONE_SURROGATE,
    ContractRequest.BAD_JSON: CheckName.CONTRACT_BAD_REQUEST,
    ContractRequest.WRONG_METHOD: CheckName.CONTRACT_BAD_REQUEST,
    ContractRequest.WRONG_CONTENT_TYPE: CheckName.CONTRACT_BAD_REQUEST,
    ContractRequest.LONG_TEXT: CheckName.CONTRACT_LONG_TEXT,
    ContractRequest.LARGE_BATCH: CheckName.CONTRACT_LARGE_BATCH,
    ContractRequest.DIMENSIONS: CheckName.CONTRACT_OPTIONS,
    ContractRequest.ENCODING_FORMAT: CheckName.CONTRACT_OPTIONS,
}
"""The check that each request belongs to. One plain text has none: without its vector nothing is observed."""

_RANK: Final = {
    ContractResult.VECTORS: 3,
    ContractResult.FEWER_VECTORS: 2,
    ContractResult.NO_VECTORS: 1,
    ContractResult.UNUSABLE: 0,
}
"""How much a success holds."""

_CONNECTION: Final = (Handling.KEPT, Handling.CLOSED)
_ROWS: Final = (Handling.ROWS_AS_ALONE, Handling.ROWS_NEAR, Handling.ROWS_DIFFER)


def compare_contracts(sides: ContractOfSides) -> ContractComparison | None:
    """Return both contracts and what differs; None where neither side was observed."""
    legacy, candidate = sides.legacy, sides.candidate
    if legacy is None and candidate is None:
        return None
    if legacy is None or candidate is None:
        return ContractComparison(sides=sides, differences=())
    return ContractComparison(sides=sides, differences=tuple(_differences(legacy, candidate)))


def pairs(
    legacy: ContractObservation, candidate: ContractObservation
) -> Iterator[tuple[ContractResponse, ContractResponse]]:
    """Yield the responses to each request that both sides got and that say something."""
    for one in legacy.responses:
        other = candidate.response(one.request)
        if other is not None and one.measured and other.measured:
            yield one, other


def _differences(legacy: ContractObservation, candidate: ContractObservation) -> Iterator[ContractDifference]:
    found = tuple(pairs(legacy, candidate))
    for one, two in found:
        check, effect = CHECK_OF.get(one.request), effect_of(one, two)
        if check and effect and _comparable(one, two, (legacy, candidate)):
            yield ContractDifference(
                check=check,
                subject=one.request.value,
                effect=effect,
                legacy=one.describe(),
                candidate=two.describe(),
            )
    yield from _errors(found)
    yield from _declarations(legacy, candidate)
    yield from _limits(legacy, candidate)


def _comparable(
    one: ContractResponse, two: ContractResponse, sides: tuple[ContractObservation, ContractObservation]
) -> bool:
    """Return whether both sides could show the same: only one that embeds the empty text can treat another as that."""
    if {one.handling, two.handling} != {Handling.VECTOR, Handling.AS_EMPTY_TEXT}:
        return True
    empty = [side.response(ContractRequest.EMPTY_TEXT) for side in sides]
    return all(one is not None and one.result is ContractResult.VECTORS for one in empty)


def effect_of(legacy: ContractResponse, candidate: ContractResponse) -> Effect | None:
    """Return what another response to one request means for a caller; None where it is the same but for its error."""
    one, two = legacy.result, candidate.result
    if one is ContractResult.NO_RESPONSE:
        return None if two is one else Effect.ACCEPTED
    if two is ContractResult.NO_RESPONSE:
        return Effect.ERROR
    if one in ERRORS:
        return _after_error(two)
    if two in ERRORS:
        return Effect.ACCEPTED if one is ContractResult.UNUSABLE else Effect.ERROR
    return _between_successes(legacy, candidate)


def _after_error(two: ContractResult) -> Effect | None:
    """Return what a response means where the legacy side returned an error."""
    if two in ERRORS:
        return None
    return Effect.SILENT if two is ContractResult.UNUSABLE else Effect.ACCEPTED


def _between_successes(legacy: ContractResponse, candidate: ContractResponse) -> Effect | None:
    one, two = legacy.result, candidate.result
    if one is not two:
        return Effect.SILENT if _RANK[two] < _RANK[one] else Effect.ACCEPTED
    if one is ContractResult.FEWER_VECTORS:
        return None if candidate.vectors == legacy.vectors else Effect.SILENT
    if one is not ContractResult.VECTORS:
        return None
    if legacy.handling is candidate.handling is Handling.OTHER_MODEL:
        return _of_models(legacy, candidate)
    effect = _of_handling(legacy.handling, candidate.handling)
    # A caller that decodes base64 does not take numbers for it.
    encoded = legacy.request is ContractRequest.ENCODING_FORMAT
    return Effect.HANDLING if effect and encoded else effect


def _of_models(legacy: ContractResponse, candidate: ContractResponse) -> Effect | None:
    """Return whether two models that were not requested are different ones: by dimension, or by the names they go by."""
    if legacy.dimension != candidate.dimension:
        return Effect.SILENT
    names = [one.model.removesuffix(":latest") for one in (legacy, candidate)]
    return Effect.HANDLING if all(names) and names[0] != names[1] else None


def _of_handling(one: Handling, two: Handling) -> Effect | None:
    if one is two or Handling.UNKNOWN in (one, two):
        return None
    if two in _CONNECTION:
        return Effect.HANDLING
    if one in _ROWS and two in _ROWS:
        # Rows that are nearer to those of the texts alone harm nobody who gets them.
        better = _ROWS.index(two) < _ROWS.index(one)
        return Effect.ACCEPTED if better else Effect.SILENT if two is Handling.ROWS_DIFFER else Effect.HANDLING
    return Effect.SILENT


def _errors(found: Sequence[tuple[ContractResponse, ContractResponse]]) -> Iterator[ContractDifference]:
    """Yield where both sides return errors that a program can distinguish, each pair of forms once."""
    alike: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
    for one, two in found:
        forms = (error_form(one), error_form(two))
        if one.result in ERRORS and two.result in ERRORS and forms[0] != forms[1]:
            alike[forms].append(one.request.value)
    for (legacy, candidate), requests in alike.items():
        yield ContractDifference(
            check=CheckName.CONTRACT_ERRORS,
            subject=", ".join(requests),
            effect=Effect.HANDLING,
            legacy=legacy,
            candidate=candidate,
        )


def error_form(response: ContractResponse) -> str:
    """Return what a program can read of an error, such as ``HTTP 400, JSON with `error.message` ``."""
    if response.shape is BodyShape.JSON:
        where = f"JSON with `{response.words_at}`" if response.words_at else "JSON without a message"
        return f"HTTP {response.status}, {where}"
    return f"HTTP {response.status}, {response.shape or 'no body'}"


def _declarations(legacy: ContractObservation, candidate: ContractObservation) -> Iterator[ContractDifference]:
    one, two = declaration_faults(legacy), declaration_faults(candidate)
    for subject, words in two.items():
        if subject not in one:
            yield ContractDifference(
                check=CheckName.CONTRACT_DECLARATIONS,
                subject=subject,
                effect=Effect.SILENT,
                legacy="states what its responses hold",
                candidate=words,
            )
    stated = (_stated(legacy), _stated(candidate))
    for subject in sorted(stated[0] - stated[1]):
        yield ContractDifference(
            check=CheckName.CONTRACT_DECLARATIONS,
            subject=subject,
            effect=Effect.HANDLING,
            legacy="is stated in its responses",
            candidate="is not stated",
        )


def declaration_faults(side: ContractObservation) -> dict[str, str]:
    """Return what a side's responses state that they do not hold, by subject."""
    found: dict[str, str] = {}
    named = {one.model for one in _with_model(side) if one.model}
    if len(named) > 1:
        found["model"] = f"names {len(named)} models in responses to requests for one"
    for one in side.responses:
        if one.declared_dimension and one.dimension and one.declared_dimension != one.dimension:
            found["dimension"] = (
                f"states the dimension {one.declared_dimension} beside vectors of {one.dimension} ({one.request})"
            )
        if one.usage is not None and one.result is ContractResult.VECTORS and one.usage < one.sent:
            found["usage"] = f"states a token count of {one.usage} for {one.sent} texts ({one.request})"
    return found


def _with_model(side: ContractObservation) -> Iterator[ContractResponse]:
    """Yield the responses to requests for the model."""
    apart = (ContractRequest.NO_MODEL, ContractRequest.UNKNOWN_MODEL)
    return (one for one in side.responses if one.request not in apart and one.result in SUCCESSES)


def _stated(side: ContractObservation) -> set[str]:
    plain = side.response(ContractRequest.PLAIN)
    if plain is None:
        return set()
    facts = {"model": bool(plain.model), "dimension": bool(plain.declared_dimension), "usage": plain.usage is not None}
    return {name for name, there in facts.items() if there}


def _limits(legacy: ContractObservation, candidate: ContractObservation) -> Iterator[ContractDifference]:
    limits = (
        ("largest body", "bytes", legacy.body_limit, candidate.body_limit),
        ("largest batch", "texts", legacy.batch_limit, candidate.batch_limit),
    )
    for subject, unit, one, two in limits:
        if one is not None and two is not None and (effect := _limit_effect(one, two)):
            yield ContractDifference(
                check=CheckName.CONTRACT_LIMITS,
                subject=subject,
                effect=effect,
                legacy=limit_words(one, unit),
                candidate=limit_words(two, unit),
            )


def _limit_effect(one: SizeLimit, two: SizeLimit) -> Effect | None:
    if (one.accepted, one.rejected, one.status, one.result) == (two.accepted, two.rejected, two.status, two.result):
        return None
    if two.accepted < one.accepted:
        return Effect.SILENT if two.result in SUCCESSES else Effect.ERROR
    if two.accepted > one.accepted:
        return Effect.ACCEPTED
    return Effect.SILENT if two.result in SUCCESSES and one.result not in SUCCESSES else Effect.HANDLING


def limit_words(limit: SizeLimit, unit: str) -> str:
    """Return a limit in words, such as `2,097,152 bytes, then HTTP 413`."""
    if not limit.rejected:
        return f"{limit.accepted:,} {unit} and more"
    beyond = f"HTTP {limit.status}" if limit.status else limit.result.value
    short = f" with {limit.vectors:,} vectors" if limit.result is ContractResult.FEWER_VECTORS else ""
    upper = "" if limit.exact else f" (rejected from {limit.rejected:,} on at the latest)"
    return f"{limit.accepted:,} {unit}, then {beyond}{short}{upper}"


def observed(sides: ContractOfSides, side: Side) -> str:
    """Return why nothing is known of a side; "" where something is."""
    found = sides.of(side)
    if found is not None:
        return found.unusable
    if side in sides.stale:
        return "it was observed before the fetch that it would belong to"
    return "it was not observed"
