import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.measures import Measure, Thresholds
from parity_pipeline.core.noise_floor import NoiseFloor, NoiseFloors, floor_of
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs
from parity_pipeline_tests.core.builders import Row, compared, decide

ONE: Row = [1.0, 0.0]
DOUBLE: Row = [2.0, 0.0]


def at(cosine: float) -> tuple[Row, Row]:
    """Return a pair with about this cosine."""
    return ONE, [cosine, math.sqrt(1.0 - cosine * cosine)]


def measured(side: Side, cosine: float | None) -> NoiseFloor | None:
    """Return a floor with this worst cosine; None for one that was not measured."""
    return None if cosine is None else floor_of(side, {"repeat": {"a": 1.0}, "batch of 32": {"b": cosine}}, requests=9)


def floors(legacy: float | None, candidate: float | None) -> NoiseFloors:
    """Return both floors from their worst cosines."""
    return NoiseFloors(legacy=measured(Side.LEGACY, legacy), candidate=measured(Side.CANDIDATE, candidate))


def decided(
    cosines: list[float], found: NoiseFloors, thresholds: Thresholds | None = None
) -> tuple[Decision, str, Tally]:
    """Return the decision on samples with these cosines under some floors, its reasons and the tally."""
    tally = Tally(thresholds or Thresholds(), floors=found)
    tally.add(compared([at(cosine) for cosine in cosines]))
    decision, reasons = decide(tally, DecisionInputs(expected=len(cosines)))
    return decision, "; ".join(reasons), tally


LEGACY = (None, 1.0, 0.9999, 0.9995, 0.95, 0.3)
CANDIDATE = (None, 1.0, 0.9999, 0.998, 0.9, 0.2)
SAMPLES = ([1.0], [0.9985], [0.97], [0.85], [0.2], [1.0, 0.9985], [1.0, 0.2])


@pytest.mark.parametrize(("legacy", "candidate", "cosines"), list(itertools.product(LEGACY, CANDIDATE, SAMPLES)))
def test_the_truth_table(legacy: float | None, candidate: float | None, cosines: list[float]) -> None:
    """Every combination of floors and samples comes to the line of the table that holds first."""
    angle = {value: math.acos(value) for value in (*LEGACY, *CANDIDATE) if value is not None}
    explained = math.inf if legacy is None else math.cos(min(math.pi, 2 * angle[legacy]))
    below = [cosine for cosine in cosines if cosine < COSINE_THRESHOLD]
    fails = any(cosine < explained for cosine in below)
    proof = (
        legacy is not None
        and candidate is not None
        and angle[candidate] > 2 * math.acos(COSINE_THRESHOLD) + 2 * angle[legacy]
    )
    unstable = any(floor is not None and floor < COSINE_THRESHOLD for floor in (legacy, candidate))
    decision, _, tally = decided(cosines, floors(legacy, candidate))
    if fails or proof:
        assert decision is Decision.FAIL
    elif unstable or below:
        assert decision is Decision.INCONCLUSIVE
    else:
        assert decision is Decision.PASS
    assert tally.within_noise == sum(cosine >= explained for cosine in below)


@pytest.mark.parametrize(
    ("legacy", "candidate", "cosines", "expected", "says"),
    [
        (0.95, None, [0.2] * 5, Decision.FAIL, "5/5 compared samples < 0.9990, the worst 0.2"),
        (
            0.95,
            None,
            [1.0] * 5,
            Decision.INCONCLUSIVE,
            "the legacy side is not repeatable: its noise floor is 0.95",
        ),
        (0.95, None, [0.9] * 5, Decision.INCONCLUSIVE, "5/5 compared samples < 0.9990 differ no more than"),
        (0.9999999, None, [0.99], Decision.FAIL, "1/1 compared samples < 0.9990"),
        (1.0, 0.9, [1.0] * 5, Decision.FAIL, "two responses of the candidate to one text differ so much (0.9"),
        (1.0, 0.998, [1.0] * 5, Decision.INCONCLUSIVE, "the candidate side is not repeatable"),
        (None, 0.9, [1.0] * 5, Decision.INCONCLUSIVE, "the candidate side is not repeatable"),
        (None, 0.9, [0.95], Decision.FAIL, "1/1 compared samples < 0.9990"),
        (None, None, [1.0], Decision.PASS, "1/1 samples ≥ 0.9990"),
    ],
)
def test_the_cases_that_people_ask_about(
    legacy: float | None, candidate: float | None, cosines: list[float], expected: Decision, says: str
) -> None:
    """Noise of the legacy side never excuses what it cannot explain, and noise of the candidate excuses nothing."""
    decision, said, _ = decided(cosines, floors(legacy, candidate))
    assert decision is expected
    assert says in said


@given(st.floats(0.9, 1.0), st.floats(0.0, 1.0), st.integers(0, 2**32 - 1))
def test_noise_within_the_floor_is_never_a_fail(floor: float, share: float, seed: int) -> None:
    """Two sides with the same truth, each straying by no more than the floor's angle, never come to FAIL."""
    generator, limit = np.random.default_rng(seed), math.acos(floor)
    turns = generator.uniform(-limit * share, limit * share, (8, 2)) * (1 - 1e-6)
    pairs: list[tuple[Row, Row]] = [
        ([math.cos(one), math.sin(one)], [math.cos(other), math.sin(other)]) for one, other in turns.tolist()
    ]
    tally = Tally(Thresholds(), floors=floors(floor, floor))
    tally.add(compared(pairs))
    assert decide(tally, DecisionInputs(expected=8))[0] is not Decision.FAIL


@given(st.lists(st.floats(-1.0, 1.0), min_size=1, max_size=8), st.floats(-1.0, 1.0))
def test_a_floor_never_makes_a_pass(cosines: list[float], legacy: float) -> None:
    """Knowing the legacy side's noise turns no other verdict into PASS, and a PASS stays or becomes INCONCLUSIVE."""
    without, _, _ = decided(cosines, NoiseFloors())
    decision, _, _ = decided(cosines, floors(legacy, None))
    assert decision is not Decision.PASS or without is Decision.PASS
    assert decision is not Decision.FAIL or without is Decision.FAIL


def test_noise_of_directions_explains_no_length() -> None:
    """A sample beyond a limit on norms fails, however noisy the legacy side's directions are."""
    thresholds = Thresholds(warn_only=())
    tally = Tally(thresholds, floors=floors(0.5, None))
    tally.add(compared([(ONE, DOUBLE), (ONE, [1.8, 0.9])]))
    assert tally.within_noise == 0
    assert decide(tally, DecisionInputs(expected=2))[0] is Decision.FAIL
    assert tally.measures[Measure.NORM_RATIO].failing == 2


def test_a_floor_names_its_worst_pair() -> None:
    """The worst of all pairs counts, and its experiment and text are known."""
    found = floor_of(Side.LEGACY, {"repeat": {"a": 1.0, "b": 0.99}, "shuffled": {"a": 0.999, "c": 1.0}}, requests=12)
    assert (found.worst_sample, found.worst_experiment, found.samples, found.requests) == ("b", "repeat", 3, 12)
    assert math.isclose(found.worst, 0.01)
    assert math.isclose(found.by_experiment["shuffled"], 0.001)


@pytest.mark.parametrize(
    "pairs", [{}, {"repeat": {}}, {"repeat": {"a": math.nan}}, {"repeat": {"a": 1.0}, "shuffled": {}}]
)
def test_an_experiment_without_evidence_is_not_a_floor(pairs: dict[str, dict[str, float]]) -> None:
    """Nothing measured must not read as a perfectly stable side."""
    with pytest.raises(MetricInputError, match="was not measured"):
        floor_of(Side.LEGACY, pairs, requests=1)


def test_floors_do_not_change_sides() -> None:
    """A floor of the candidate never stands for that of the legacy side."""
    with pytest.raises(MetricInputError, match="given as legacy was measured on the candidate side"):
        NoiseFloors(legacy=measured(Side.CANDIDATE, 0.9))
