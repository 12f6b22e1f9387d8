"""Two contracts against each other: what differs, what it means for a caller, and what was not measured."""

from dataclasses import replace

import pytest

from parity_pipeline.core.checks import Check, CheckName, CheckSeverity
from parity_pipeline.core.contract.comparison import (
    ContractComparison,
    ContractDifference,
    Effect,
    compare_contracts,
    effect_of,
    limit_words,
)
from parity_pipeline.core.contract.records import (
    ContractObservation,
    ContractOfSides,
    ContractRequest,
    ContractResponse,
    ContractResult,
    Handling,
    SizeLimit,
)
from parity_pipeline.core.contract_checks import OF_CONTRACT, contract_checks
from parity_pipeline.core.outcomes import Side
from parity_pipeline_tests.core.contract.observations import accepted, limit, refused, side_of

NULL = ContractRequest.NULL_ELEMENT
VECTORS = accepted(NULL, sent=3, vectors=3)
FEWER = replace(VECTORS, result=ContractResult.FEWER_VECTORS, vectors=2)
NONE = replace(VECTORS, result=ContractResult.NO_VECTORS, vectors=0)
UNUSABLE = replace(VECTORS, result=ContractResult.UNUSABLE, vectors=0)
REFUSED = refused(NULL)
FAILED = replace(REFUSED, result=ContractResult.FAILED, status=500)
SILENCE = replace(REFUSED, result=ContractResult.NO_RESPONSE, status=0)


@pytest.mark.parametrize(
    ("legacy", "candidate", "effect"),
    [
        (VECTORS, VECTORS, None),
        (VECTORS, FEWER, Effect.SILENT),
        (VECTORS, NONE, Effect.SILENT),
        (VECTORS, UNUSABLE, Effect.SILENT),
        (VECTORS, REFUSED, Effect.ERROR),
        (VECTORS, FAILED, Effect.ERROR),
        (VECTORS, SILENCE, Effect.ERROR),
        (FEWER, VECTORS, Effect.ACCEPTED),
        (FEWER, FEWER, None),
        (FEWER, replace(FEWER, vectors=1), Effect.SILENT),
        (NONE, REFUSED, Effect.ERROR),
        (UNUSABLE, REFUSED, Effect.ACCEPTED),
        (UNUSABLE, VECTORS, Effect.ACCEPTED),
        (REFUSED, VECTORS, Effect.ACCEPTED),
        (REFUSED, NONE, Effect.ACCEPTED),
        (REFUSED, UNUSABLE, Effect.SILENT),
        (REFUSED, FAILED, None),
        (REFUSED, SILENCE, Effect.ERROR),
        (SILENCE, VECTORS, Effect.ACCEPTED),
        (SILENCE, SILENCE, None),
    ],
)
def test_the_effect_on_a_caller(legacy: ContractResponse, candidate: ContractResponse, effect: Effect | None) -> None:
    """Every pair of results has its effect; two errors differ in form alone, which is compared by itself."""
    assert effect_of(legacy, candidate) is effect


@pytest.mark.parametrize(
    ("legacy", "candidate", "effect"),
    [
        (Handling.AS_EMPTY_TEXT, Handling.AS_EMPTY_TEXT, None),
        (Handling.AS_EMPTY_TEXT, Handling.ROW_LEFT_OUT, Effect.SILENT),
        (Handling.UNKNOWN, Handling.ROW_LEFT_OUT, None),
        (Handling.READ_WHOLE, Handling.CUT, Effect.SILENT),
        (Handling.ROWS_AS_ALONE, Handling.ROWS_DIFFER, Effect.SILENT),
        (Handling.ROWS_DIFFER, Handling.ROWS_AS_ALONE, Effect.ACCEPTED),
        (Handling.ROWS_AS_ALONE, Handling.ROWS_NEAR, Effect.HANDLING),
        (Handling.ROWS_NEAR, Handling.ROWS_DIFFER, Effect.SILENT),
        (Handling.KEPT, Handling.CLOSED, Effect.HANDLING),
    ],
)
def test_vectors_of_another_kind(legacy: Handling, candidate: Handling, effect: Effect | None) -> None:
    """Two successes differ by what their vectors are; what is unknown of a side is not compared."""
    assert effect_of(replace(VECTORS, handling=legacy), replace(VECTORS, handling=candidate)) is effect


@pytest.mark.parametrize(
    ("change", "effect"),
    [
        ({}, None),
        ({"model": "n:latest"}, None),
        ({"model": "o"}, Effect.HANDLING),
        ({"dimension": 8}, Effect.SILENT),
    ],
)
def test_both_sides_use_another_model(change: dict[str, object], effect: Effect | None) -> None:
    """Two default models that are not the requested one differ by their dimension, or by their names."""
    one = accepted(ContractRequest.NO_MODEL, handling=Handling.OTHER_MODEL, model="n")
    assert effect_of(one, replace(one, **change)) is effect  # pyright: ignore[reportArgumentType] - fields by name


def _differences(legacy: ContractObservation, candidate: ContractObservation) -> tuple[ContractDifference, ...]:
    found = compare_contracts(ContractOfSides(legacy=legacy, candidate=candidate))
    assert found is not None
    return found.differences


@pytest.mark.parametrize("empty", [accepted(ContractRequest.EMPTY_TEXT), refused(ContractRequest.EMPTY_TEXT)])
def test_a_side_that_refuses_the_empty_text_cannot_take_another_for_it(empty: ContractResponse) -> None:
    """A vector of its own and that of the empty text differ only where both sides have one of the empty text."""
    legacy = side_of(Side.LEGACY, empty, replace(VECTORS, handling=Handling.VECTOR))
    candidate = side_of(Side.CANDIDATE, empty, replace(VECTORS, handling=Handling.AS_EMPTY_TEXT))
    found = [one.effect for one in _differences(legacy, candidate)]
    assert found == ([Effect.SILENT] if empty.result is ContractResult.VECTORS else [])


def test_errors_of_another_form_are_one_difference_for_all_requests() -> None:
    """One gateway's error form is one thing to change, however many requests show it."""
    requests = (ContractRequest.UNKNOWN_MODEL, ContractRequest.EMPTY_LIST)
    legacy = side_of(Side.LEGACY, *(refused(one) for one in requests))
    candidate = side_of(Side.CANDIDATE, *(refused(one, words_at="error.message") for one in requests))
    (found,) = _differences(legacy, candidate)
    assert (found.check, found.effect) == (CheckName.CONTRACT_ERRORS, Effect.HANDLING)
    assert found.words == (
        "unknown model, empty list: legacy HTTP 400, JSON with `error`; candidate HTTP 400, JSON with `error.message`"
    )


def test_other_words_and_times_are_not_a_difference() -> None:
    """People read the words of an error and programs its place; how long it took is shown and judged nowhere."""
    one = refused(NULL, words="this is not a text", milliseconds=1.0)
    two = refused(NULL, words="texts[1] must be a string", milliseconds=90.0)
    assert _differences(side_of(Side.LEGACY, one), side_of(Side.CANDIDATE, two)) == ()


def test_what_was_not_measured_is_compared_with_nothing() -> None:
    """A side that was overloaded shows no difference, and its check says that nothing was measured."""
    overloaded = replace(REFUSED, result=ContractResult.NOT_MEASURED, status=429)
    legacy = side_of(Side.LEGACY, VECTORS)
    candidate = side_of(Side.CANDIDATE, overloaded)
    found = compare_contracts(ContractOfSides(legacy=legacy, candidate=candidate))
    checks = {one.name: one for one in contract_checks(found)}
    assert checks[CheckName.CONTRACT_WRONG_ELEMENT].passed is None
    assert "null element" in checks[CheckName.CONTRACT_WRONG_ELEMENT].seen


@pytest.mark.parametrize(
    ("one", "two", "effect"),
    [
        (limit(100, 101), limit(100, 101), None),
        (limit(100), limit(100), None),
        (limit(100, 101), limit(50, 51), Effect.ERROR),
        (limit(100), limit(50, 51), Effect.ERROR),
        (limit(50, 51), limit(100, 101), Effect.ACCEPTED),
        (limit(100, 101), limit(100, 101, status=400), Effect.HANDLING),
        (limit(100), limit(50, 51, result=ContractResult.FEWER_VECTORS, status=200, vectors=50), Effect.SILENT),
        (limit(50, 51), limit(50, 51, result=ContractResult.FEWER_VECTORS, status=200), Effect.SILENT),
    ],
)
def test_limits(one: SizeLimit, two: SizeLimit, effect: Effect | None) -> None:
    """A smaller limit is an error for a caller, one that cuts silently is worse, and a larger one harms nobody."""
    found = _differences(side_of(Side.LEGACY, batch_limit=one), side_of(Side.CANDIDATE, batch_limit=two))
    assert [(each.check, each.effect) for each in found] == ([(CheckName.CONTRACT_LIMITS, effect)] if effect else [])


def test_the_words_of_limits() -> None:
    """A limit is named with what comes beyond it; one that the search did not reach exactly says so."""
    assert limit_words(limit(2_097_152, 2_097_153), "bytes") == "2,097,152 bytes, then HTTP 413"
    assert limit_words(limit(8), "texts") == "8 texts and more"
    assert limit_words(limit(8, 16), "texts") == "8 texts, then HTTP 413 (rejected from 16 on at the latest)"


@pytest.mark.parametrize(
    ("change", "subject"),
    [({"declared_dimension": 8}, "dimension"), ({"usage": 1, "sent": 3}, "usage"), ({"model": "n"}, "model")],
)
def test_a_response_that_does_not_hold_what_it_states(change: dict[str, object], subject: str) -> None:
    """Model, dimension and usage of every response are compared with its content; the legacy side may do the same."""
    good, bad = accepted(NULL, usage=3), replace(accepted(NULL, usage=3), **change)  # pyright: ignore[reportArgumentType]
    found = _differences(side_of(Side.LEGACY, good), side_of(Side.CANDIDATE, bad))
    assert [(one.subject, one.effect) for one in found] == [(subject, Effect.SILENT)]
    assert _differences(side_of(Side.LEGACY, bad), side_of(Side.CANDIDATE, bad)) == ()


def _checks(found: ContractComparison | None) -> dict[CheckName, Check]:
    return {one.name: one for one in contract_checks(found)}


@pytest.mark.parametrize(
    ("sides", "words"),
    [
        (ContractOfSides(), "it was not observed"),
        (ContractOfSides(legacy=side_of(Side.LEGACY), stale=(Side.CANDIDATE,)), "before the fetch"),
        (
            ContractOfSides(legacy=side_of(Side.LEGACY), candidate=side_of(Side.CANDIDATE, unusable="it is down")),
            "it is down",
        ),
    ],
)
def test_a_contract_that_is_not_known_is_not_measured(sides: ContractOfSides, words: str) -> None:
    """Without both sides every check says that nothing was measured and why; none passes and none fails."""
    checks = _checks(compare_contracts(sides))
    assert set(checks) == set(OF_CONTRACT) - {CheckName.CONTRACT_OPTIONS, CheckName.CONTRACT_LIMITS}
    assert {one.passed for one in checks.values()} == {None}
    assert {one.severity for one in checks.values()} == {CheckSeverity.WARN}
    assert all(words in one.seen for one in checks.values())


def test_a_check_that_neither_dialect_can_express_is_left_out() -> None:
    """An endpoint without options, or with one text, has no check of them; limits have one where both were searched."""
    sides = (side_of(Side.LEGACY, VECTORS), side_of(Side.CANDIDATE, VECTORS))
    checks = _checks(compare_contracts(ContractOfSides(legacy=sides[0], candidate=sides[1])))
    assert CheckName.CONTRACT_WRONG_ELEMENT in checks
    assert not {CheckName.CONTRACT_OPTIONS, CheckName.CONTRACT_LIMITS, CheckName.CONTRACT_LARGE_BATCH} & set(checks)
