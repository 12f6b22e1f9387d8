"""Requesting failing rows again: which rows, what the repeats show, and what that means for a verdict."""

import math
from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.confirmation import (
    REPEATS,
    Confirmation,
    Persistence,
    confirm,
    stray_findings,
    unconfirmed_reasons,
)
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus, Side
from parity_pipeline.core.repeated_responses import distances, permutation_p_value, responses_of
from parity_pipeline.core.tally import NOT_REQUESTED, Tally
from parity_pipeline.core.verdict_builder import DecisionInputs, counted_apart
from parity_pipeline_tests.core.builders import Row, compared, decide, fetched, samples_of

Vector = list[float]
PLAIN = Thresholds()


def off(cosine: float, axis: int = 1) -> Vector:
    """Return a vector with this cosine to the true one, the first axis; of another axis for another direction."""
    vector = [0.0] * 16
    vector[axis], vector[0] = math.sqrt(1 - cosine**2), cosine
    return vector


TRUE = off(1.0)
STRAY, WRONG = off(0.995), off(0.5)


def arrays(vectors: Sequence[Vector]) -> list[NDArray[np.float32]]:
    """Return vectors as they come off the wire."""
    return [np.array(vector, np.float32) for vector in vectors]


def found_for(
    *rows: tuple[Sequence[Row], Sequence[Row]], not_requested: int = 0, compared_rows: int = 100, passing: int = 0
) -> Confirmation:
    """Return the confirmation of rows, each with the responses of both sides, the stored one first.

    The last `passing` of them are rows that did not fail.
    """
    texts = samples_of([f"text {place}" for place in range(len(rows))])

    def pair(time: int) -> tuple[FetchedRows, FetchedRows]:
        return fetched(texts, [row[0][time] for row in rows]), fetched(texts, [row[1][time] for row in rows])

    failing = texts.ids[: len(rows) - passing]
    responses = responses_of(texts, [pair(time) for time in range(REPEATS + 1)], failing, PLAIN)
    return confirm(
        responses,
        threshold=PLAIN.cosine,
        compared=compared_rows,
        not_requested=not_requested,
        requests=(8, 9),
        adjust=adjusted,
    )


def adjusted(p_values: Sequence[float]) -> Sequence[float]:
    """Return what Benjamini and Hochberg make of p-values, as `scipy.stats.false_discovery_control` does."""
    order = np.argsort(p_values)[::-1]
    ranked = np.array(p_values)[order] * len(p_values) / np.arange(len(p_values), 0, -1)
    result = np.empty(len(p_values))
    result[order] = np.minimum.accumulate(np.minimum(ranked, 1.0))
    return result.tolist()


def all_of(row: Row) -> list[Row]:
    """Return the same response each time."""
    return [row] * (REPEATS + 1)


def once(stored: Row, again: Row) -> list[Row]:
    """Return a stored response and others in the repeats."""
    return [stored, *[again] * REPEATS]


@pytest.mark.parametrize("wrong", [STRAY, WRONG, [0.0] * 16, [math.nan] * 16, off(0.5)[:8], RowStatus.REFUSED])
def test_a_difference_that_comes_back_each_time_is_persistent(wrong: Row) -> None:
    """A wrong direction, zeros, NaN, another dimension and a refusal: each persists without a test when it is exact."""
    row = found_for((all_of(TRUE), all_of(wrong))).rows[0]
    assert (row.found, row.failed, row.p_value, row.strayed) == (Persistence.PERSISTENT, REPEATS, None, None)


@pytest.mark.parametrize("side", list(Side))
@pytest.mark.parametrize("stray", [STRAY, [0.0] * 16, RowStatus.REFUSED])
def test_a_stored_response_that_strayed_is_transient_and_its_side_is_named(side: Side, stray: Row) -> None:
    """The repeats agree with each other, so the stored response of one side stands apart from its own."""
    strayed, steady = once(stray, TRUE), all_of(TRUE)
    found = found_for((strayed, steady) if side is Side.LEGACY else (steady, strayed))
    assert (found.rows[0].found, found.rows[0].strayed, found.rows[0].failed) == (Persistence.TRANSIENT, side, 0)
    strays = {one.side: one.strays for one in found.sides}
    assert strays == {side: 1, next(one for one in Side if one is not side): 0}


def test_a_row_that_cannot_be_requested_again_stays_persistent() -> None:
    """A repeat without a usable response speaks for nobody, and the reason is kept."""
    row = found_for((all_of(TRUE), [WRONG, TRUE, TRUE, RowStatus.FAILED, TRUE])).rows[0]
    assert row.found is Persistence.PERSISTENT
    assert row.why == "could not be requested again: the candidate side gave no usable response: failed: said so"
    assert (row.between, row.p_value) == (None, None)


@pytest.mark.parametrize("odd", [RowStatus.REFUSED, RowStatus.FAILED, [0.0] * 16, [math.nan] * 16])
def test_what_both_sides_withhold_in_a_repeat_excuses_nothing(odd: Row) -> None:
    """Refusals, failures, zeros or NaN on both sides do not show that the stored difference was a stray one."""
    row = found_for((once(TRUE, odd), once(WRONG, odd))).rows[0]
    assert row.found is Persistence.PERSISTENT
    assert row.why.startswith("could not be requested again: neither side gave a usable response")


def scattered(seed: int, cosine: float, around: Vector | None = None) -> list[Vector]:
    """Return five responses that lie around a vector in random directions, each with this cosine to it."""
    generator = np.random.default_rng(seed)
    middle, rows = np.array(around or TRUE), list[Vector]()
    for _ in range(REPEATS + 1):
        side = generator.standard_normal(16)
        side -= middle * (side @ middle)
        rows.append((cosine * middle + np.sqrt(1 - cosine**2) * side / np.linalg.norm(side)).tolist())
    return rows


def test_a_legacy_side_that_scatters_as_far_explains_the_difference() -> None:
    """Two sides with the same scatter below the threshold differ by nothing else, and none of 20 such rows persists."""
    found = found_for(*[(scattered(2 * seed, 0.99), scattered(2 * seed + 1, 0.99)) for seed in range(20)])
    assert {row.found for row in found.rows} == {Persistence.EXPLAINED}
    assert all(row.p_value is not None for row in found.rows)


def test_a_difference_beyond_the_scatter_persists_by_the_test() -> None:
    """Both sides scatter, and the candidate scatters around another vector: the smallest p-value, and persistent."""
    row = found_for((scattered(1, 0.999), scattered(2, 0.999, around=off(0.9)))).rows[0]
    assert row.found is Persistence.PERSISTENT
    assert row.p_value == pytest.approx(1 / 126)


def test_one_stray_of_the_legacy_side_explains_no_exact_difference() -> None:
    """The median of the legacy side's own distances counts: one stray repeat hides nothing."""
    legacy: list[Row] = [TRUE, TRUE, off(0.9, 3), TRUE, TRUE]
    assert found_for((legacy, all_of(off(0.985)))).rows[0].found is Persistence.PERSISTENT


def test_a_candidate_that_scatters_alone_persists() -> None:
    """The legacy side repeats itself, so nothing explains a candidate that strays each time."""
    row = found_for((all_of(TRUE), scattered(3, 0.99))).rows[0]
    assert (row.found, row.failed) == (Persistence.PERSISTENT, REPEATS)


@pytest.mark.parametrize(
    ("again", "found"), [(1, Persistence.TRANSIENT), (2, Persistence.PERSISTENT), (3, Persistence.PERSISTENT)]
)
def test_a_difference_that_comes_back_now_and_then(again: int, found: Persistence) -> None:
    """In fewer than half of the repeats it is transient, in half of them or more it persists."""
    candidate: list[Row] = [off(0.9, 2 + place) if place <= again else TRUE for place in range(REPEATS + 1)]
    row = found_for((all_of(TRUE), candidate)).rows[0]
    assert (row.found, row.failed) == (found, again)


def test_the_smallest_p_value_is_one_in_126() -> None:
    """Five responses per side can be dealt in 252 ways, each with its mirror image; equal responses have a p-value of 1."""
    apart = distances(arrays([TRUE] * 5 + [WRONG] * 5))
    assert permutation_p_value(apart, 5) == pytest.approx(1 / 126)
    assert permutation_p_value(distances(arrays([TRUE] * 10)), 5) == 1.0


def test_the_p_value_holds_its_level_without_a_difference() -> None:
    """Where both sides are drawn from one distribution, p-values at or below 5 % come in about 5 % of the rows."""
    low = 0
    for seed in range(400):
        responses = [*scattered(2 * seed, 0.99), *scattered(2 * seed + 1, 0.99)]
        low += permutation_p_value(distances(arrays(responses)), 5) <= 0.05
    assert low <= 32


def test_the_rate_of_a_side_counts_the_lane_and_every_repeat() -> None:
    """One stray of 100 compared rows, and one in the repeats of a passing row, with the interval around the share."""
    passing: list[Row] = [TRUE, TRUE, STRAY, TRUE, TRUE]
    found = found_for((all_of(TRUE), once(STRAY, TRUE)), (all_of(TRUE), passing), passing=1)
    assert (found.candidate.strays, found.candidate.responses) == (2, 108)
    assert (found.legacy.strays, found.legacy.low, found.passing) == (0, 0.0, 1)
    assert found.candidate.low < found.candidate.share < found.candidate.high
    # From binomtest of scipy.stats: 2 of 108, exact.
    assert (found.candidate.low, found.candidate.high) == pytest.approx((0.0022506, 0.0652965), abs=1e-6)


def judged(found: Confirmation | None, *, samples: int = 300) -> tuple[Decision, tuple[str, ...], Tally]:
    """Return the verdict on a set whose first rows fail, as many as were requested again or were left out."""
    failing = len(found.rows) + found.not_requested if found else 1
    tally = Tally(PLAIN, confirmation=found)
    tally.add(compared([(TRUE, WRONG)] * failing + [(TRUE, TRUE)] * samples))
    return *decide(tally, DecisionInputs(expected=tally.samples)), tally


TRANSIENT_CANDIDATE = (all_of(TRUE), once(STRAY, TRUE))
TRANSIENT_LEGACY = (once(STRAY, TRUE), all_of(TRUE))
LASTING = (all_of(TRUE), all_of(WRONG))


def test_a_persistent_difference_fails_whatever_else_strays() -> None:
    """One row that persists among transient ones is a FAIL, and it alone is counted."""
    decision, reasons, tally = judged(found_for(TRANSIENT_LEGACY, TRANSIENT_LEGACY, LASTING))
    assert decision is Decision.FAIL
    assert reasons[0].startswith("1/303 compared samples < 0.9990")
    apart = counted_apart(tally)
    assert (apart.different, apart.unconfirmed, apart.matched) == (1, 2, 300)


def test_a_candidate_that_alone_strays_cannot_pass() -> None:
    """The legacy side strayed in none of as many responses: the candidate is not repeatable."""
    decision, reasons, _ = judged(found_for(TRANSIENT_CANDIDATE, compared_rows=301))
    assert decision is Decision.INCONCLUSIVE
    assert reasons[0].startswith("the candidate is not repeatable: the candidate side strayed from itself in 1 of 305")


@pytest.mark.parametrize("rows", [(TRANSIENT_LEGACY,), (TRANSIENT_LEGACY, TRANSIENT_CANDIDATE)])
def test_strays_of_the_legacy_side_or_of_both_alike_may_pass_with_a_warning(
    rows: tuple[tuple[Sequence[Row], Sequence[Row]], ...],
) -> None:
    """Below one percent, and with repeats that all agree, the reference is sound enough; the finding names the side."""
    found = found_for(*rows, compared_rows=300)
    decision, reasons, tally = judged(found)
    assert decision is Decision.PASS
    assert any("differed once, and not when they were requested again" in one for one in reasons)
    finding = stray_findings(found, tally.unconfirmed.total())[0]
    assert "strayed on the legacy side" in finding
    assert "at 95 % confidence" in finding


def test_strays_of_one_percent_do_not_pass() -> None:
    """A legacy side that strays in one response of a hundred cannot serve as the reference."""
    decision, reasons, _ = judged(found_for(*[TRANSIENT_LEGACY] * 4, compared_rows=300))
    assert decision is Decision.INCONCLUSIVE
    assert "at most 1 % is allowed" in reasons[0]


def test_a_candidate_that_strays_far_more_often_does_not_pass() -> None:
    """Nine strays against one are not luck."""
    decision, reasons, _ = judged(found_for(TRANSIENT_LEGACY, *[TRANSIENT_CANDIDATE] * 9, compared_rows=9000))
    assert decision is Decision.INCONCLUSIVE
    assert reasons[0].startswith("the candidate strays more often than the legacy side")


def test_repeats_that_do_not_all_agree_do_not_pass() -> None:
    """A row that fails again now and then is not put aside."""
    legacy: list[Row] = [TRUE, TRUE, TRUE, STRAY, TRUE]
    candidate: list[Row] = [STRAY, TRUE, TRUE, TRUE, TRUE]
    decision, reasons, _ = judged(found_for((legacy, candidate), compared_rows=9000))
    assert decision is Decision.INCONCLUSIVE
    assert "the repeats do not all agree" in reasons[0]


def test_what_the_legacy_side_explains_is_inconclusive() -> None:
    """A reference that scatters below the threshold proves nothing for the candidate, and nothing against it."""
    decision, reasons, _ = judged(found_for((scattered(1, 0.99), scattered(2, 0.99)), compared_rows=9000))
    assert decision is Decision.INCONCLUSIVE
    assert "explained by the legacy side's own scatter" in reasons[0]


def test_failing_rows_beyond_the_budget_cannot_pass_and_do_not_fail_by_themselves() -> None:
    """Where none of the requested rows persists, the others are open; where one does, they count as differences."""
    decision, reasons, tally = judged(found_for(TRANSIENT_LEGACY, not_requested=2, compared_rows=9000))
    assert decision is Decision.INCONCLUSIVE
    assert reasons[0] == "2 failing samples are not requested again; none of the 1 that were fails persistently"
    assert [row.unconfirmed for row in tally.shown_rows()[:3]].count(NOT_REQUESTED) in (0, 2)
    decision, reasons, _ = judged(found_for(LASTING, not_requested=2))
    assert decision is Decision.FAIL
    assert reasons[0].startswith("3/303 compared samples < 0.9990")


def test_without_a_confirmation_every_difference_fails() -> None:
    """A verdict on lanes that nothing was requested again for is as it was."""
    assert judged(None)[0] is Decision.FAIL
    assert unconfirmed_reasons(None, 1, 0) == ()
    assert stray_findings(None, 1) == ()


def test_a_waiver_or_noise_is_not_counted_twice() -> None:
    """The counts of a set sum to its samples, transient rows among them."""
    _, _, tally = judged(found_for(TRANSIENT_LEGACY, TRANSIENT_CANDIDATE))
    apart = counted_apart(tally)
    counted = (
        apart.matched, apart.different, apart.waived, apart.within_noise, apart.without_evidence, apart.refused_by_both,
        apart.unconfirmed,
    )  # fmt: skip
    assert sum(counted) == tally.samples
    assert tally.counts[Outcome.MISMATCH] == 2
