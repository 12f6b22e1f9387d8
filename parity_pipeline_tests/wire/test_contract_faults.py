"""Every documented fault of limits, errors and odd requests: one gateway against another that differs in it alone."""

from collections.abc import Mapping
from typing import Any, Final

import pytest

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.contract.comparison import Effect
from parity_pipeline.core.contract.records import REQUESTS, REQUESTS_WITH_LIMITS
from parity_pipeline.core.contract_checks import contract_checks
from parity_pipeline_tests.fakes.contract_gateways import ContractGateway, flat_error, no_body, page_error, text_error
from parity_pipeline_tests.wire.contract_sides import BUDGET, LIMITS, compare

Traits = Mapping[str, Any]
_NONE: Final[Traits] = {}

FAULTS: Final[Mapping[str, tuple[Traits, Traits, CheckName, Effect]]] = {
    "unknown model falls back": ({}, {"unknown_model": "m"}, CheckName.CONTRACT_UNKNOWN_MODEL, Effect.ACCEPTED),
    "unknown model no longer falls back": (
        {"unknown_model": "other"}, {}, CheckName.CONTRACT_UNKNOWN_MODEL, Effect.ERROR,
    ),
    "unknown model falls back to another": (
        {"unknown_model": "m"}, {"unknown_model": "other"}, CheckName.CONTRACT_UNKNOWN_MODEL, Effect.SILENT,
    ),
    "another default model": ({}, {"default_model": "other"}, CheckName.CONTRACT_NO_MODEL, Effect.SILENT),
    "no default model": ({}, {"default_model": None}, CheckName.CONTRACT_NO_MODEL, Effect.ERROR),
    "empty list accepted": ({}, {"empty_list": "accepted"}, CheckName.CONTRACT_EMPTY_LIST, Effect.ACCEPTED),
    "empty list refused": ({"empty_list": "accepted"}, {}, CheckName.CONTRACT_EMPTY_LIST, Effect.ERROR),
    "blank text refused": ({"empty_text": "vector"}, {}, CheckName.CONTRACT_BLANK_TEXT, Effect.ERROR),
    "blank text accepted": ({}, {"empty_text": "vector"}, CheckName.CONTRACT_BLANK_TEXT, Effect.ACCEPTED),
    "blank text is a zero vector": (
        {"empty_text": "vector"}, {"empty_text": "zero"}, CheckName.CONTRACT_BLANK_TEXT, Effect.SILENT,
    ),
    "blank text left out": (
        {"empty_text": "vector"}, {"empty_text": "left out"}, CheckName.CONTRACT_BLANK_TEXT, Effect.SILENT,
    ),
    "null taken for the empty text": ({}, {"null": "empty"}, CheckName.CONTRACT_WRONG_ELEMENT, Effect.ACCEPTED),
    "null left out": ({"null": "empty"}, {"null": "left out"}, CheckName.CONTRACT_WRONG_ELEMENT, Effect.SILENT),
    "number accepted": ({}, {"numbers": True}, CheckName.CONTRACT_WRONG_ELEMENT, Effect.ACCEPTED),
    "lone surrogate refused": ({"surrogate": "replaced"}, {}, CheckName.CONTRACT_LONE_SURROGATE, Effect.ERROR),
    "lone surrogate replaced": ({}, {"surrogate": "replaced"}, CheckName.CONTRACT_LONE_SURROGATE, Effect.ACCEPTED),
    "lone surrogate left out": (
        {"surrogate": "replaced"}, {"surrogate": "left out"}, CheckName.CONTRACT_LONE_SURROGATE, Effect.SILENT,
    ),
    "content type refused": ({"any_type": True}, {}, CheckName.CONTRACT_BAD_REQUEST, Effect.ERROR),
    "wrong method is 404": ({}, {"wrong_method": 404}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "unknown model is 400": ({}, {"error_status": {404: 400}}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "bad JSON is 500": ({}, {"error_status": {400: 500}}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "errors as a web page": ({}, {"error": page_error}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "errors as text": ({}, {"error": text_error}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "errors in another field": ({}, {"error": flat_error}, CheckName.CONTRACT_ERRORS, Effect.HANDLING),
    "errors without a body": (
        {}, {"error": no_body}, CheckName.CONTRACT_ERRORS, Effect.HANDLING,
    ),
    "errors with status 200": (
        {}, {"error_status": {400: 200, 404: 200, 422: 200}}, CheckName.CONTRACT_UNKNOWN_MODEL, Effect.SILENT,
    ),
    "long text cut": ({}, {"window": 50}, CheckName.CONTRACT_LONG_TEXT, Effect.SILENT),
    "long text no longer cut": ({"window": 50}, {}, CheckName.CONTRACT_LONG_TEXT, Effect.SILENT),
    "long text refused": (
        {"window": 50}, {"window": 50, "refuse_over_window": True}, CheckName.CONTRACT_LONG_TEXT, Effect.ERROR,
    ),
    "batch cap as 400": ({}, {"batch_limit": 64, "batch_status": 400}, CheckName.CONTRACT_LARGE_BATCH, Effect.ERROR),
    "batch cap as 422": ({}, {"batch_limit": 100, "batch_status": 422}, CheckName.CONTRACT_LARGE_BATCH, Effect.ERROR),
    "batch cut silently": ({}, {"batch_limit": 100, "batch_status": 0}, CheckName.CONTRACT_LARGE_BATCH, Effect.SILENT),
    "rows of a large batch moved": ({}, {"batch_shift": True}, CheckName.CONTRACT_LARGE_BATCH, Effect.SILENT),
    "dimensions ignored": ({}, {"dimensions": "ignored"}, CheckName.CONTRACT_OPTIONS, Effect.SILENT),
    "dimensions not normalised again": ({}, {"dimensions": "cut"}, CheckName.CONTRACT_OPTIONS, Effect.SILENT),
    "dimensions refused": ({}, {"dimensions": "refused"}, CheckName.CONTRACT_OPTIONS, Effect.ERROR),
    "base64 ignored": ({}, {"base64": False}, CheckName.CONTRACT_OPTIONS, Effect.HANDLING),
    "wrong dimension stated": ({}, {"declared_dimension": 768}, CheckName.CONTRACT_DECLARATIONS, Effect.SILENT),
    "usage not stated": ({}, {"usage": False}, CheckName.CONTRACT_DECLARATIONS, Effect.HANDLING),
    "usage of one token for all": ({}, {"usage": None}, CheckName.CONTRACT_DECLARATIONS, Effect.SILENT),
}  # fmt: skip
"""By name: traits of the legacy side, traits of the candidate, and the check and effect that must come out."""

LIMIT_FAULTS: Final[Mapping[str, tuple[Traits, Traits, Effect, str]]] = {
    "smaller body": ({}, {"body_limit": 2_000_000}, Effect.ERROR, "2,000,000 bytes, then HTTP 413"),
    "body of a power of two": ({}, {"body_limit": 65_536}, Effect.ERROR, "65,536 bytes, then HTTP 413"),
    "larger body": ({"body_limit": 65_536}, {}, Effect.ACCEPTED, "8,388,608 bytes and more"),
    "smaller batch": ({}, {"batch_limit": 1000, "batch_status": 400}, Effect.ERROR, "1,000 texts, then HTTP 400"),
    "batch cut silently": (
        {}, {"batch_limit": 300, "batch_status": 0}, Effect.SILENT, "300 texts, then HTTP 200 with 300 vectors",
    ),
    "another status": (
        {"batch_limit": 1000}, {"batch_limit": 1000, "batch_status": 422}, Effect.HANDLING, "1,000 texts, then HTTP 422",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_each_difference_is_found(name: str) -> None:
    """The fault is reported under its check with its effect on a caller, within the requests that a live side is sent."""
    legacy, candidate, check, effect = FAULTS[name]
    sides = ContractGateway(**legacy), ContractGateway(**candidate)
    found = compare(*sides)
    assert (check, effect) in {(one.check, one.effect) for one in found.differences}
    assert all(side.requests <= REQUESTS for side in sides)


@pytest.mark.parametrize("name", FAULTS)
def test_only_what_breaks_a_caller_silently_fails(name: str) -> None:
    """The severity of the check follows the effect; a default model warns, since verdicts are about named models."""
    legacy, candidate, check, effect = FAULTS[name]
    found = {one.name: one for one in contract_checks(compare(ContractGateway(**legacy), ContractGateway(**candidate)))}
    fails = effect is Effect.SILENT and check is not CheckName.CONTRACT_NO_MODEL
    assert found[check].passed is False
    assert found[check].severity is (CheckSeverity.FAIL if fails else CheckSeverity.WARN)
    assert found[check].remedy


@pytest.mark.parametrize("name", LIMIT_FAULTS)
def test_each_limit_is_found_exactly(name: str) -> None:
    """The search ends at the very byte or text, and says what comes then, within its number of requests."""
    legacy, candidate, effect, words = LIMIT_FAULTS[name]
    sides = ContractGateway(**legacy), ContractGateway(**candidate)
    found = [one for one in compare(*sides, LIMITS).differences if one.check is CheckName.CONTRACT_LIMITS]
    assert [(one.effect, one.candidate) for one in found] == [(effect, words)]
    assert all(side.requests <= REQUESTS_WITH_LIMITS for side in sides)


_ALIKE: Final[Mapping[str, Traits]] = {
    "strict": {},
    "every trait": {
        "unknown_model": "other", "default_model": "other", "empty_list": "accepted", "empty_text": "zero",
        "null": "left out", "numbers": True, "surrogate": "replaced", "any_type": True, "window": 50,
        "batch_limit": 100, "batch_status": 0, "declared_dimension": 5, "usage": None, "dimensions": "cut",
        "base64": False, "keep_alive": False, "error": page_error, "error_status": {400: 200},
    },
    "rows moved": {"batch_shift": True, "empty_text": "vector", "null": "empty"},
}  # fmt: skip


@pytest.mark.parametrize("name", _ALIKE)
def test_identical_sides_differ_in_nothing(name: str) -> None:
    """Two gateways with the same traits, however odd, show no difference, and every check of them passes."""
    found = compare(ContractGateway(**_ALIKE[name]), ContractGateway(**_ALIKE[name]), LIMITS)
    assert found.differences == ()
    assert [one for one in contract_checks(found) if not one.passed] == []


@pytest.mark.parametrize("candidate", [_NONE, {"noise": 0.5}], ids=["one side", "both sides"])
def test_a_side_that_is_not_repeatable_is_not_blamed(candidate: Traits) -> None:
    """Vectors of a side that differ by themselves show nothing of what it does with a request, so nothing is said."""
    found = compare(ContractGateway(noise=0.5), ContractGateway(**candidate), BUDGET)
    assert found.differences == ()
