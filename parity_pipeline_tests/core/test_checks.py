"""Checks: each piece of evidence by name, what it means for the decision, and what settings and waivers make of it."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.checks import (
    ALWAYS,
    OF_SAMPLES,
    Check,
    CheckName,
    CheckSettings,
    CheckSeverity,
    decision_of,
    description,
    settings_faults,
)
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Outcome, RowStatus, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.stability.records import Response, StabilityOfSides, Step, Texts
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs, checks_of, decide_over
from parity_pipeline.core.waivers import Waiver, account_for, waiver_faults
from parity_pipeline_tests.core.builders import Row, compared, provenance
from parity_pipeline_tests.core.check_cases import CASES, CheckState, checks_in, decision_over
from parity_pipeline_tests.core.stability.scripted_side import (
    Distortion,
    Rows,
    honest,
    strayed,
    tried,
    vector,
)

DAY = date(2026, 4, 30)
UNIT: Row = [1.0, 0.0]
MATCH: tuple[Row, Row] = (UNIT, UNIT)
FAIL, INCONCLUSIVE, WARN = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE, CheckSeverity.WARN
SIDES = (provenance(Side.LEGACY, echoed={"m": 2}), provenance(Side.CANDIDATE, echoed={"m": 2}))


def named(name: str) -> Waiver:
    """Return a waiver of one check."""
    return Waiver(id="W-9", owner="o", reason="r", expires=DAY, checks=(CheckName(name),))


def judged(
    *,
    pairs: Sequence[tuple[Row, Row]] = (MATCH, MATCH),
    sides: tuple[Provenance, Provenance] = SIDES,
    stability: StabilityOfSides | None = None,
    waivers: Sequence[Waiver] = (),
    **settings: Any,
) -> tuple[Decision, dict[str, Check]]:
    """Return the decision on some pairs and evidence, and the checks by name."""
    known = stability or StabilityOfSides()
    account = account_for(waivers, model="m", day=DAY, today=DAY)
    tally = Tally(Thresholds(), floors=known.floors, waivers=account)
    tally.add(compared(pairs))
    inputs = DecisionInputs(expected=len(pairs), sides=sides, stability=known, settings=CheckSettings(**settings))
    checks = checks_of(tally, inputs)
    return decide_over(checks, tally)[0], {one.name.value: one for one in checks}


def nan_in_batches(_step: Step, request: Texts, rows: Rows) -> Rows:
    """Return NaN in the last row of every batch, and the right vector for each text alone."""
    if len(request) > 1:
        rows[-1] = np.nan
    return rows


def swapped_in_batches(_step: Step, request: Texts, rows: Rows) -> Rows:
    """Return for the first two texts of a batch each other's vectors."""
    return rows[[1, 0, *range(2, len(request))]] if len(request) > 1 else rows


def dropped_in_batches(_step: Step, request: Texts, rows: Rows) -> Rows | Response:
    """Return one vector too few for every batch."""
    return Response(status=RowStatus.MALFORMED, words="3 vectors for 4 texts") if len(request) > 2 else rows


def refused_in_batches(_step: Step, request: Texts, rows: Rows) -> Rows | Response:
    """Refuse batches, and no text alone."""
    return Response(status=RowStatus.REFUSED, words="HTTP 500") if len(request) > 2 else rows


def stale_cache(_step: Step, request: Texts, _rows: Rows) -> Rows:
    """Return another model's vectors from a cache for known texts, and the right ones for new texts."""
    return np.array([vector(text, "m" if "(ref " in text else "another") for text in request])


def noisy(step: Step, request: Texts, rows: Rows) -> Rows:
    """Stray a little, in each experiment another way: below the threshold, and too little to prove a difference."""
    return strayed(rows, f"{step.experiment} {len(request)}", length=0.05)


DEFECTS: Mapping[str, tuple[Distortion, str]] = {
    "NaN in batches": (nan_in_batches, "batch-sizes"),
    "rows swapped in batches": (swapped_in_batches, "batch-sizes"),
    "rows dropped in company": (dropped_in_batches, "batch-sizes"),
    "refused in company": (refused_in_batches, "batch-sizes"),
    "a stale cache of another model": (stale_cache, "foreign-vectors"),
}


def of_sides(legacy: Distortion, candidate: Distortion) -> StabilityOfSides:
    """Return what trying two such sides shows."""
    one, two = (tried(distort, side=side) for side, distort in zip(Side, (legacy, candidate), strict=True))
    return StabilityOfSides(legacy=one, candidate=two)


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_the_candidate_alone_fails_it(defect: str) -> None:
    """What the candidate does wrong by itself is never a PASS, however well the fetched samples agree."""
    distort, subject = DEFECTS[defect]
    decision, checks = judged(stability=of_sides(honest, distort))
    assert decision is Decision.FAIL
    found = checks[f"candidate-{subject}"]
    assert (found.passed, found.severity, found.side) == (False, FAIL, Side.CANDIDATE)
    assert found.remedy
    assert all(one.passed is not False for name, one in checks.items() if name.startswith("legacy"))


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_defect_of_the_legacy_side_blames_nobody_else(defect: str) -> None:
    """A reference that is unreliable gives INCONCLUSIVE, also where the candidate shows the very same."""
    distort, subject = DEFECTS[defect]
    for candidate in (honest, distort):
        decision, checks = judged(stability=of_sides(distort, candidate))
        assert decision is Decision.INCONCLUSIVE
        assert checks[f"legacy-{subject}"].severity is INCONCLUSIVE


def test_another_defect_than_the_legacy_sides_still_fails() -> None:
    """NaN on the legacy side excuses no swapped rows of the candidate."""
    assert judged(stability=of_sides(nan_in_batches, swapped_in_batches))[0] is Decision.FAIL


def test_a_candidate_that_is_noisy_fails_by_proof_alone() -> None:
    """Its own noise below the threshold is INCONCLUSIVE, as before, until it proves a difference."""
    decision, checks = judged(stability=of_sides(honest, noisy))
    assert decision is Decision.INCONCLUSIVE
    assert (checks["candidate-noise-floor"].passed, checks["candidate-noise-floor"].severity) == (False, INCONCLUSIVE)
    decision, checks = judged(stability=of_sides(honest, lambda step, _, rows: strayed(rows, step.experiment, 0.5)))
    assert (decision, checks["candidate-noise-floor"].severity) == (Decision.FAIL, FAIL)


def test_every_experiment_is_a_check_of_its_own() -> None:
    """Two sides that are repeatable pass every check of repeatability; untried ones were measured for none."""
    _, checks = judged(stability=of_sides(honest, honest))
    subjects = ("repeats", "batch-sizes", "order", "load", "equal-lengths", "history", "salted", "foreign-vectors")
    mine = [f"{side}-{subject}" for side in Side for subject in (*subjects, "noise-floor", "floor-measured")]
    assert all(checks[name].passed for name in mine)
    _, untried = judged()
    assert {untried[name].passed for name in mine if not name.endswith("measured")} == {None}


@pytest.mark.parametrize("side", Side)
def test_unit_and_raw_vectors_on_one_side_are_a_mixture(side: Side) -> None:
    """A single raw row among unit ones fails the candidate, though its direction is right, and makes the legacy side unreliable."""
    raw: Row = [13.0, 0.0]
    odd: tuple[Row, Row] = (UNIT, raw) if side is Side.CANDIDATE else (raw, UNIT)
    decision, checks = judged(pairs=[*[MATCH] * 60, odd])
    assert decision is (Decision.FAIL if side is Side.CANDIDATE else Decision.INCONCLUSIVE)
    assert (
        checks[f"{side}-norm-consistency"].seen
        == f"the {side} side mixes 60 unit vectors with 1 of other norms (1 to 13)"
    )
    both = judged(pairs=[*[MATCH] * 60, (raw, raw)])
    assert both[0] is Decision.INCONCLUSIVE


@pytest.mark.parametrize("norm", [1.02, 0.97, 1.0011, 13.0])
def test_a_lone_row_off_the_unit_norm_is_a_mixture(norm: float) -> None:
    """Where all others are of unit length to the rounding of float32, one row near it was not normalised either."""
    decision, checks = judged(
        pairs=[*[(UNIT, [1.0 + place * 1e-7, 0.0]) for place in range(-30, 30)], (UNIT, [norm, 0.0])]
    )
    assert decision is Decision.FAIL
    assert "mixes 60 unit vectors with 1 of other norms" in checks["candidate-norm-consistency"].seen


def test_a_lone_unit_row_among_raw_ones_is_a_mixture() -> None:
    """One row of exactly unit length among raw norms that are all far above it was normalised."""
    decision, _ = judged(pairs=[(UNIT, [norm, 0.0]) for norm in (12.5, 13.9, 1.0, 14.2)])
    assert decision is Decision.FAIL


@pytest.mark.parametrize(
    "norms",
    [
        [12.5, 13.9, 13.0, 14.2],
        [1.0, 1.0, 1.0, 1.0],
        [0.9985, 1.0004, 1.002, 0.9999, 1.01, 0.995],
        [0.6, 0.8, 0.97, 1.0, 1.03, 1.2, 1.4],
        [0.5, 1.0, 2.0],
        [0.9991, 1.0003, 1.026, 1.0596, 1.078, 2.0, 4.1, 4.48],
        [1.0003, 1.0596, 1.078, 2.0, 4.1, 4.48],
    ],
)
def test_norms_of_one_kind_pass(norms: list[float]) -> None:
    """Raw norms may spread, around 1 too, and rounded unit vectors stray a little: a side of one kind passes."""
    decision, checks = judged(pairs=[(UNIT, [norm, 0.0]) for norm in norms])
    assert decision is Decision.PASS
    assert checks["candidate-norm-consistency"].passed


@pytest.mark.parametrize("side", Side)
def test_a_declared_dimension_is_that_of_the_vectors(side: Side) -> None:
    """A side that declares another dimension than it returns is wrong about itself; one that declares none was not measured."""

    def declaring(which: Side, number: int) -> Provenance:
        lane = SIDES[0] if which is Side.LEGACY else SIDES[1]
        return replace(lane, observation=replace(lane.observation, declared_dimension=number))

    lanes = tuple(declaring(one, 512 if one is side else 768) for one in Side)
    decision, checks = judged(sides=(lanes[0], lanes[1]))
    assert decision is (Decision.FAIL if side is Side.CANDIDATE else Decision.INCONCLUSIVE)
    assert checks[f"{side}-declared-dimension"].seen.endswith("declares the dimension 512 and returns vectors of 768")
    assert judged()[1][f"{side}-declared-dimension"].passed is None


def test_one_address_on_both_sides_proves_nothing() -> None:
    """A gateway compared with itself is INCONCLUSIVE, and a warning where the settings say that it is meant."""
    same = (SIDES[0], replace(SIDES[1], url=SIDES[0].url))
    decision, checks = judged(sides=same)
    assert decision is Decision.INCONCLUSIVE
    assert "allow_same_origin" in checks["same-origin"].remedy
    decision, checks = judged(sides=same, allow_same_origin=True)
    assert (decision, checks["same-origin"].stands, checks["same-origin"].severity) == (Decision.PASS, True, WARN)


@pytest.mark.parametrize(
    ("echo", "accepted", "expected"),
    [
        ("M", (), Decision.INCONCLUSIVE),
        ("M", ("M",), Decision.PASS),
        ("m-2026-01-01", ("m-2026-*",), Decision.PASS),
        ("m-2025-01-01", ("m-2026-*",), Decision.INCONCLUSIVE),
        ("m[1]", ("m[1]",), Decision.PASS),
        ("m:latest", (), Decision.PASS),
    ],
)
def test_an_echo_can_be_accepted_by_name(echo: str, accepted: tuple[str, ...], expected: Decision) -> None:
    """Another case, a dated version or any other name counts as the model where the settings say so; the remedy says how."""
    sides = (SIDES[0], replace(SIDES[1], models_echoed={echo: 2}))
    decision, checks = judged(sides=sides, accept_echo={Side.CANDIDATE: accepted})
    assert decision is expected
    assert "sides.candidate.accept_echo" in checks["candidate-model-echo"].remedy


def test_a_side_that_names_no_model_was_not_measured() -> None:
    """Without an echo nothing is known of the model, for or against it."""
    sides = (SIDES[0], replace(SIDES[1], models_echoed={"": 2}))
    decision, checks = judged(sides=sides)
    assert (decision, checks["candidate-model-echo"].passed) == (Decision.PASS, None)


def test_requests_that_the_candidate_alone_finds_too_large() -> None:
    """Callers of the legacy side may send such requests; where both sides refuse them it is parity, and a warning."""
    legacy, candidate = (replace(lane, errors_by_kind={"http_413": 2}) for lane in SIDES)
    decision, checks = judged(sides=(SIDES[0], candidate))
    assert decision is Decision.INCONCLUSIVE
    assert "sides.candidate.batch_bytes" in checks["candidate-request-size"].remedy
    for sides in ((legacy, candidate), (legacy, SIDES[1])):
        assert judged(sides=sides)[0] is Decision.PASS


@pytest.mark.parametrize("side", Side)
def test_a_lane_that_gave_up_is_an_outage(side: Side) -> None:
    """A lane that stopped early is INCONCLUSIVE, whatever its rows say."""
    lanes = tuple(
        replace(lane, stopped_early="lane stopped early because the last batches failed" if lane.side is side else "")
        for lane in SIDES
    )
    decision, checks = judged(sides=(lanes[0], lanes[1]))
    assert decision is Decision.INCONCLUSIVE
    assert checks[f"{side}-outage"].seen == f"the {side} lane stopped early because the last batches failed"


def test_a_floor_from_before_the_fetch_is_none() -> None:
    """A stale noise floor is not measured: a gap of the reference where floors are measured, else a warning."""
    stale = StabilityOfSides(stale=(Side.LEGACY,))
    decision, checks = judged(stability=stale)
    assert (decision, checks["legacy-floor-measured"].severity) == (Decision.PASS, WARN)
    decision, checks = judged(stability=stale, floors_expected=True)
    assert (decision, checks["legacy-floor-measured"].severity) == (Decision.INCONCLUSIVE, INCONCLUSIVE)
    assert "before the fetch" in checks["legacy-floor-measured"].seen
    assert "no other run of it at the same time" in checks["legacy-floor-measured"].remedy
    assert checks["candidate-floor-measured"].severity is WARN


def test_a_severity_of_the_settings_replaces_the_default() -> None:
    """A finding can be made to warn, and what only warns can be made to count."""
    found = of_sides(honest, nan_in_batches)
    decision, checks = judged(stability=found, severities={CheckName.CANDIDATE_BATCH_SIZES: WARN})
    assert (decision, checks["candidate-batch-sizes"].stands) == (Decision.PASS, True)
    assert judged(severities={CheckName.CANDIDATE_FLOOR_MEASURED: INCONCLUSIVE})[0] is Decision.INCONCLUSIVE
    assert judged(severities={CheckName.CANDIDATE_FLOOR_MEASURED: FAIL})[0] is Decision.FAIL


def test_the_compared_share_is_a_setting() -> None:
    """Whoever sends texts that are meant to be refused sets the share that still has to be compared."""
    pairs: list[tuple[Row, Row]] = [MATCH, *[(RowStatus.REFUSED, RowStatus.REFUSED)] * 9]
    assert judged(pairs=pairs)[0] is Decision.INCONCLUSIVE
    assert judged(pairs=pairs, min_compared_share=0.1)[0] is Decision.PASS


def test_a_waiver_names_a_check() -> None:
    """A finding that someone takes responsibility for is a PASS WITH WAIVERS until its day, and the waiver is not called idle."""
    found = of_sides(honest, nan_in_batches)
    decision, checks = judged(stability=found, waivers=[named("candidate-batch-sizes")])
    assert decision is Decision.PASS_WITH_WAIVERS
    assert (checks["candidate-batch-sizes"].passed, checks["candidate-batch-sizes"].waived_by) == (False, "W-9")
    late = replace(named("candidate-batch-sizes"), expires=date(2026, 4, 29))
    assert judged(stability=found, waivers=[late])[0] is Decision.FAIL
    assert judged(stability=found, waivers=[named("candidate-load")])[0] is Decision.FAIL


@pytest.mark.parametrize("name", sorted({*ALWAYS, *OF_SAMPLES}))
def test_no_waiver_names_a_check_without_a_number(name: str) -> None:
    """Checks that count samples are waived by outcome with a largest number, and what a verdict stands on never."""
    assert waiver_faults([named(name)])


def test_the_ground_of_a_verdict_cannot_be_changed() -> None:
    """No severity is accepted for what every verdict stands on."""
    assert all(settings_faults({name: WARN}) for name in ALWAYS)
    assert not settings_faults(dict.fromkeys(set(CheckName) - ALWAYS, WARN))


def test_waived_samples_name_their_waiver() -> None:
    """The check of an outcome says which waivers took all of its samples."""
    waiver = Waiver(id="W", owner="o", reason="r", expires=DAY, max_samples=1, outcomes=(Outcome.REFUSED_BY_CANDIDATE,))
    refused: tuple[Row, Row] = (UNIT, RowStatus.REFUSED)
    decision, checks = judged(pairs=[MATCH, refused], waivers=[waiver])
    assert (decision, checks["refused-by-candidate"].waived_by) == (Decision.PASS_WITH_WAIVERS, "W")
    decision, checks = judged(pairs=[MATCH, MATCH, refused, refused], waivers=[waiver])
    assert (decision, checks["refused-by-candidate"].waived_by) == (Decision.FAIL, "")


def test_every_check_says_what_it_looks_at() -> None:
    """No check is without a description, and no two of them share one."""
    assert len({description(name) for name in CheckName}) == len(CheckName)


@given(st.lists(st.sampled_from(CASES), max_size=6))
def test_the_decision_is_that_of_the_worst_check(cases: list[CheckState]) -> None:
    """Only a check that did not pass and is not waived counts, fail before inconclusive, and a warning never."""
    decision, _ = decision_of(checks_in(Check, CheckName.CAVEATS, cases))
    assert decision is decision_over(cases)
