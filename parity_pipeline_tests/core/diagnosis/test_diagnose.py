"""What holds of every diagnosis: known models, budgets, bounds, and sides that cannot be reached."""

import dataclasses
from collections.abc import Sequence

import numpy as np

from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.precision import grid_of
from parity_pipeline.core.diagnosis.records import (
    CASES,
    EVIDENCE_LISTED,
    IDS_LISTED,
    CauseName,
    FollowUpQueries,
    Vector,
)
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, hashed, inquiry, narrow, real, subject

TEXTS = corpus(120)
FAULT = {fault.name: fault for fault in FAULTS}


def test_a_known_model_is_named() -> None:
    """Vectors of another model of the side are recognised on every row or on a single one."""
    for rate in (1.0, 0.02):
        side = FaultySide(real, (FAULT["wrong-model"],), Scope(rate=rate, other_models=("other",)), other=narrow)
        side.other = hashed
        others = {("other", one): FaultySide(hashed).ask() for one in Side}
        found = diagnose(subject(TEXTS, side), inquiry=dataclasses.replace(inquiry(side), others=others))
        assert [cause.name for cause in found.causes] == [CauseName.WRONG_MODEL]
        assert " samples tried are those of 'other' of the " in found.causes[0].words
        assert found.explained == found.failing > 0


def test_a_known_model_that_is_the_beginning_of_the_other_is_reported_as_both() -> None:
    """Where a cut vector and another model's are the same numbers, neither is kept back, on every row or on a few."""
    for rate in (1.0, 0.02):
        side = FaultySide(real, (FAULT["quarter-width"],), Scope(rate=rate))
        others = {("other", one): FaultySide(narrow).ask() for one in Side}
        found = diagnose(subject(TEXTS, side), inquiry=dataclasses.replace(inquiry(side), others=others))
        assert {cause.name for cause in found.causes} == {CauseName.WRONG_MODEL, CauseName.TRUNCATED_DIMENSIONS}
        assert {cause.count for cause in found.causes} == {found.failing} != {0}


def test_every_cause_has_its_cases() -> None:
    """Each name carries documented failure modes, each of the 34."""
    assert set(CASES) == set(CauseName)
    assert all(cases and all(1 <= case <= 34 for case in cases) for cases in CASES.values())


def test_records_are_bounded() -> None:
    """Ids and evidence are cut, the count is not."""
    (cause,) = diagnose(subject(TEXTS, FaultySide(real, (FAULT["zero-vector"],)))).causes
    assert (cause.count, len(cause.samples), len(cause.evidence)) == (120, IDS_LISTED, EVIDENCE_LISTED)


def test_the_budget_is_kept() -> None:
    """No more requests are sent than allowed, and none holds more texts than allowed."""
    side = FaultySide(real, (FAULT["noise"],), Scope(rate=0.05))
    sizes: list[int] = []

    def ask(texts: Sequence[str]) -> list[Vector | None]:
        sizes.append(len(texts))
        return [None] * len(texts)

    found = diagnose(subject(TEXTS, side), inquiry=FollowUpQueries(legacy=ask, candidate=ask, requests=5, texts=10))
    assert found.requests_used == len(sizes) <= 5
    assert max(sizes) <= 10


def test_a_side_that_cannot_be_reached_does_no_harm() -> None:
    """Requests that fail leave the diagnosis of the stored vectors."""

    def ask(texts: Sequence[str]) -> list[Vector | None]:
        raise GatewayError(f"unreachable with {len(texts)} texts")

    side = FaultySide(real, (FAULT["lower-case"],))
    found = diagnose(subject(TEXTS, side), inquiry=FollowUpQueries(legacy=ask, candidate=ask))
    assert {cause.name for cause in found.causes} == {CauseName.CASE}


def test_clean_sides_get_no_request() -> None:
    """Where nothing fails no request is sent."""
    side = FaultySide(real)
    assert diagnose(subject(TEXTS, side), inquiry=inquiry(side)).requests_used == 0


def test_rotated_rows_are_reported_with_their_step_and_swaps_as_such() -> None:
    """The pattern of a permutation is reported."""
    turned = diagnose(subject(TEXTS, FaultySide(real, (FAULT["permute"],))))
    assert "the rows of each request are rotated by 1" in turned.causes[0].words

    def swapped(texts: Sequence[str]) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
        rows = hashed(texts)
        rows[[0, 1]] = rows[[1, 0]]
        return rows

    given = subject(TEXTS[:30], FaultySide(swapped), FaultySide(hashed))
    assert (
        "2 rows of 30 hold the legacy side's vector of another row: 1 swap of two rows"
        in diagnose(given).causes[0].words
    )


def test_number_grids() -> None:
    """Coarse number formats are recognised by their grid, float32 is none."""
    vectors = hashed(TEXTS[:20])
    step = np.abs(vectors).max(axis=1, keepdims=True)
    assert grid_of(vectors) == ""
    assert grid_of(vectors.astype(np.float16).astype(np.float32)) == "float16"
    assert grid_of((vectors.view(np.uint32) & np.uint32(0xFFFF0000)).view(np.float32)) == "bfloat16"
    assert grid_of((np.round(vectors / step * 127) * (step / 127)).astype(np.float32)) == "int8"
    assert grid_of((np.round(vectors / step * 7) * (step / 7)).astype(np.float32)) == "int4"
    assert grid_of(np.empty((0, 4), np.float32)) == ""
