"""The check of the mode that a side is held to: what fails it, and where nothing was measured for it."""

from collections.abc import Sequence
from dataclasses import replace

import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline_tests.core.retrieval.builders import Pair, in_order
from parity_pipeline_tests.core.retrieval.judging import LANES, SAME, TEN, by_name, judged

HYBRID = ComparisonRules(modes=((Side.CANDIDATE, "hybrid"),))
WITH_MODE: Pair = (in_order(TEN), in_order(TEN, mode="lexical"))


def test_a_side_in_another_mode_fails_however_rare() -> None:
    """One response of a thousand in another mode fails the set, since the compared path is then not the one users see."""
    verdict = judged([SAME] * 999 + [WITH_MODE], rules=HYBRID)
    assert verdict.decision is Decision.FAIL
    assert (
        verdict.reasons[0] == "1/1000 queries (0.1 %) have a response in another mode than agreed, and none is allowed"
    )


@pytest.mark.parametrize(
    ("held", "modes", "passed", "seen"),
    [
        ((), {"hybrid": 9}, None, "no side is held to a mode"),
        ((Side.CANDIDATE,), {"": 9}, None, "no side that is held to a mode reports one"),
        ((Side.LEGACY,), {"hybrid": 9}, None, "no side that is held to a mode reports one"),
        ((Side.CANDIDATE,), {"": 8, "hybrid": 1}, True, "0/9 queries"),
        (None, {}, True, "0/9 queries"),
    ],
)
def test_a_mode_that_nobody_could_see_was_not_measured(
    held: Sequence[Side] | None, modes: dict[str, int], passed: bool | None, seen: str
) -> None:
    """`wrong-mode` passes only where a side is held to a mode and its responses report one; the verdict stays a PASS."""
    sides = (LANES[0], replace(LANES[1], modes=modes))
    verdict = judged([SAME] * 9, sides=sides, inputs={"held": held})
    found = by_name(verdict)["wrong-mode"]
    assert found.passed is passed
    assert found.seen.startswith(seen)
    assert verdict.decision is Decision.PASS


def test_another_mode_fails_whatever_lanes_say_of_modes() -> None:
    """A query that was seen in another mode counts, also where the lane's own counts of modes are empty."""
    verdict = judged([SAME] * 999 + [WITH_MODE], rules=HYBRID, inputs={"held": (Side.CANDIDATE,)})
    assert by_name(verdict)["wrong-mode"].passed is False
