"""Canaries of a lane: how two of them are compared, which changes are kept, and what a change means for the verdict."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from parity_pipeline.core.canaries import Canary, CanaryChange, CanaryRecord, lowest_cosine, strongest
from parity_pipeline.core.checks import Check, CheckSettings, decision_of
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.side_checks import lane_checks
from parity_pipeline.core.tally import NormTally
from parity_pipeline_tests.core.builders import provenance

SIDES = (provenance(Side.LEGACY), provenance(Side.CANDIDATE))


def judged(sides: tuple[Provenance, Provenance]) -> tuple[Decision, dict[str, Check]]:
    """Return the decision over the checks of two lanes, and these by name."""
    norms = {side: NormTally() for side in Side}
    checks = tuple(lane_checks(sides, norms, CheckSettings(), threshold=0.999))
    return decision_of(checks)[0], {check.name.value: check for check in checks}


def watched(side: Side, **found: Any) -> tuple[Provenance, Provenance]:
    """Return two lanes, one of which has these canaries."""
    known: dict[str, Any] = {"sent": 3, "compared": 2, "lowest": 1.0, **found}
    record = CanaryRecord(**known)
    legacy, candidate = (replace(lane, canaries=record) if lane.side is side else lane for lane in SIDES)
    return legacy, candidate


BEFORE = Canary(sample=1024, request=40, sent="2026-04-30T00:00:00Z", model="m", latency_ms=10.0)
AFTER = replace(BEFORE, sample=2048, request=80, model="m-2", headers={"server": "b"}, latency_ms=90.0)


@pytest.mark.parametrize("side", Side)
@pytest.mark.parametrize(("cosine", "size"), [(0.12, "cosine 0.120000"), (None, "no cosine")])
def test_a_canary_that_changed_makes_a_lane_one_of_two_states(side: Side, cosine: float | None, size: str) -> None:
    """Rows from before and after a change are of two states: INCONCLUSIVE, with the place and what else changed."""
    change = CanaryChange(before=BEFORE, after=AFTER, cosine=cosine)
    decision, checks = judged(watched(side, changed=1, changes=(change,), lowest=cosine))
    assert decision is Decision.INCONCLUSIVE
    assert checks[f"{side}-canaries"].seen == (
        f"the canary of the {side} side changed between sample 1,024 and 2,048 ({size}); at the same time changed: "
        "the model named, m to m-2; the header server, none to b; the latency, 10 to 90 ms"
    )


def test_a_change_that_reaches_the_threshold_is_reported_as_a_number() -> None:
    """Canaries that differ less than samples may are of one state, and the check says how close they stayed."""
    change = CanaryChange(before=BEFORE, after=AFTER, cosine=0.9995)
    decision, checks = judged(watched(Side.CANDIDATE, changed=1, changes=(change,), lowest=0.9995))
    assert (decision, checks["candidate-canaries"].passed) == (Decision.PASS, True)
    assert checks["candidate-canaries"].seen == "3 canaries, cosine 0.999500 or more"


@pytest.mark.parametrize(
    ("found", "seen"),
    [
        ({"sent": 0, "compared": 0, "lowest": None}, "no canary was sent"),
        ({"sent": 3, "compared": 0, "lowest": None}, "fewer than two canaries got vectors"),
        ({"from_start": False}, "not measured: the lane was resumed without the canary of its start"),
    ],
)
def test_canaries_that_were_not_compared_claim_nothing(found: dict[str, Any], seen: str) -> None:
    """A lane without canaries, or resumed without its first, was not measured, and is judged by the rest."""
    decision, checks = judged(watched(Side.LEGACY, **found))
    assert decision is Decision.PASS
    assert (checks["legacy-canaries"].passed, checks["legacy-canaries"].seen) == (None, seen)


@pytest.mark.parametrize(("times", "expected"), [(2, Decision.PASS), (3, Decision.INCONCLUSIVE)])
def test_canaries_that_get_no_vectors_any_more_are_a_change(times: int, expected: Decision) -> None:
    """Three in a row without vectors are not chance; the check names the requests and the side's own words."""
    bad = replace(AFTER, error="http_500: out of memory")
    decision, checks = judged(watched(Side.CANDIDATE, lost=times, last_good=BEFORE, first_bad=bad))
    assert decision is expected
    assert ("3 times in a row between request 40 and 80" in checks["candidate-canaries"].seen) == (times == 3)
    assert ("out of memory" in checks["candidate-canaries"].seen) == (times == 3)


@pytest.mark.parametrize(
    ("before", "after", "expected"),
    [
        ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [0.0, 2.0]], 1.0),
        ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [1.0, 0.0]], 0.0),
        ([[1.0, 0.0]], [[1.0, 0.0, 0.0]], None),
        ([[1.0, 0.0]], [[0.0, 0.0]], None),
        ([[1.0, 0.0]], [[np.nan, 0.0]], None),
        ([[np.nan, 0.0]], [[np.nan, 0.0]], 1.0),
        ([[0.0, 0.0]], [[0.0, 0.0]], 1.0),
    ],
)
def test_the_worst_text_of_a_canary_counts(
    before: list[list[float]], after: list[list[float]], expected: float | None
) -> None:
    """The cosine of two canaries is the smallest of their texts; what has none, a zero vector or NaN, is a change."""
    assert lowest_cosine(np.array(before, np.float32), np.array(after, np.float32)) == expected


def test_the_strongest_changes_are_kept_in_their_order() -> None:
    """Changes without a cosine are the strongest, then those with the lowest, and they stay in the order of time."""
    cosines = [0.9, None, 0.5, 0.8, -0.2, 0.99, 0.7]
    changes = [CanaryChange(before=BEFORE, after=AFTER, cosine=cosine) for cosine in cosines]
    assert [change.cosine for change in strongest(changes)] == [None, 0.5, 0.8, -0.2, 0.7]
