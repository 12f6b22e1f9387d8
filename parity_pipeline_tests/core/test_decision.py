import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, RowStatus
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict_builder import DecisionInputs
from parity_pipeline_tests.core.builders import Row, compared, decide

ONE: Row = [1.0, 0.0]
NAN: Row = [math.nan, 1.0]
ZERO: Row = [0.0, 0.0]
REFUSED, FAILED = RowStatus.REFUSED, RowStatus.FAILED

MATCH: tuple[Row, Row] = (ONE, ONE)
PROVES_A_DIFFERENCE: dict[str, tuple[tuple[Row, Row], str]] = {
    "dimension mismatch": ((ONE, [1.0]), "different dimensions"),
    "mismatch": ((ONE, [0.0, 1.0]), "compared samples < 0.9990, the worst 0.000000"),
    "NaN of the legacy side": ((NAN, ONE), "NaN or infinity on one side alone"),
    "NaN of the candidate": ((ONE, NAN), "NaN or infinity on one side alone"),
    "zero of the legacy side": ((ZERO, ONE), "zero vectors on one side alone"),
    "zero of the candidate": ((ONE, ZERO), "zero vectors on one side alone"),
    "refused by the candidate": ((ONE, REFUSED), "refused by the candidate and embedded by the legacy side"),
    "refused by the legacy side": ((REFUSED, ONE), "refused by the legacy side and embedded by the candidate"),
}
PROVES_NOTHING: dict[str, tuple[tuple[Row, Row], str]] = {
    "missing of the candidate": ((ONE, FAILED), "no usable vector from one side or both"),
    "missing of the legacy side": ((FAILED, ONE), "no usable vector from one side or both"),
    "NaN of both": ((NAN, NAN), "NaN or infinity on both sides"),
    "zero of both": ((ZERO, ZERO), "zero vectors on both sides"),
}
AGREES: dict[str, tuple[tuple[Row, Row], str]] = {
    "match": (MATCH, "samples ≥ 0.9990"),
    "refused by both": ((REFUSED, REFUSED), "refused by both sides"),
}
ALL = PROVES_A_DIFFERENCE | PROVES_NOTHING | AGREES


def judged(
    pairs: list[tuple[Row, Row]],
    *,
    expected: int | None = None,
    faults: tuple[str, ...] = (),
    caveats: tuple[str, ...] = (),
    thresholds: Thresholds | None = None,
) -> tuple[Decision, str]:
    """Return the decision on some pairs and its reasons as one text."""
    tally = Tally(thresholds or Thresholds())
    tally.add(compared(pairs))
    wanted = len(pairs) if expected is None else expected
    decision, reasons = decide(tally, DecisionInputs(expected=wanted, pairing_faults=faults, caveats=caveats))
    assert reasons, "every decision has a reason"
    return decision, "; ".join(reasons)


@pytest.mark.parametrize("name", PROVES_A_DIFFERENCE)
@pytest.mark.parametrize("matches", [0, 1, 3000])
def test_one_difference_fails(name: str, matches: int) -> None:
    """One sample that proves a difference is a FAIL, alone and among 3,000 matches, and its reason counts it."""
    pair, words = PROVES_A_DIFFERENCE[name]
    decision, said = judged([pair, *[MATCH] * matches])
    assert decision is Decision.FAIL
    assert words in said
    assert said.startswith("1/")


@pytest.mark.parametrize("name", PROVES_NOTHING)
@pytest.mark.parametrize("matches", [0, 1, 3000])
def test_one_sample_without_evidence_is_inconclusive(name: str, matches: int) -> None:
    """One sample that proves nothing forbids a PASS, alone and among 3,000 matches, and its reason counts it."""
    pair, words = PROVES_NOTHING[name]
    decision, said = judged([pair, *[MATCH] * matches])
    assert decision is Decision.INCONCLUSIVE
    assert words in said


def test_matches_pass() -> None:
    """Matches alone are a PASS in the words of the first report."""
    assert judged([MATCH] * 5) == (Decision.PASS, "5/5 samples ≥ 0.9990")


def test_mutual_refusals_pass_and_are_named() -> None:
    """A text that both sides refuse is not a difference, but a PASS says how many there were."""
    assert judged([MATCH, MATCH, (REFUSED, REFUSED), (REFUSED, REFUSED)]) == (
        Decision.PASS,
        "2/2 samples ≥ 0.9990; 2/4 samples are refused by both sides",
    )


@pytest.mark.parametrize(("matches", "refused"), [(32, 288), (1, 2), (159, 161)])
def test_too_small_a_share_compared_is_inconclusive(matches: int, refused: int) -> None:
    """Texts that both sides refuse prove nothing where they are most of the set, as when two back ends have died."""
    decision, reasons = judged([*[MATCH] * matches, *[(REFUSED, REFUSED)] * refused])
    assert decision is Decision.INCONCLUSIVE
    assert reasons.startswith(
        f"only {matches} of {matches + refused} samples were compared, {refused} are refused by both"
    )
    assert "at least 50 % have to be" in reasons


@pytest.mark.parametrize("pairs", [[], [(REFUSED, REFUSED)] * 3, [(FAILED, FAILED)], [(NAN, NAN), (ZERO, ZERO)]])
def test_nothing_compared_never_passes(pairs: list[tuple[Row, Row]]) -> None:
    """Where no sample was compared the verdict is INCONCLUSIVE and says so, an empty set included."""
    decision, said = judged(pairs)
    assert decision is Decision.INCONCLUSIVE
    assert "no sample was compared" in said


@pytest.mark.parametrize(("first", "second"), list(itertools.combinations(ALL, 2)))
def test_every_two_outcomes(first: str, second: str) -> None:
    """Of two kinds of samples beside a match: any difference fails, else anything unproven is inconclusive."""
    decision, said = judged([MATCH, ALL[first][0], ALL[second][0]])
    if {first, second} & set(PROVES_A_DIFFERENCE):
        assert decision is Decision.FAIL
    elif {first, second} & set(PROVES_NOTHING):
        assert decision is Decision.INCONCLUSIVE
    else:
        assert decision is Decision.PASS
    for name in {first, second} - set(AGREES) - {"mismatch"}:
        assert ALL[name][1] in said


@given(st.lists(st.sampled_from(sorted(ALL)), max_size=12), st.booleans(), st.booleans(), st.integers(-2, 2))
def test_pass_needs_everything(names: list[str], fault: bool, caveat: bool, off: int) -> None:
    """PASS if and only if enough was compared, all agree, the counts add up, and there is no fault and no caveat."""
    decision, _ = judged(
        [ALL[name][0] for name in names],
        expected=len(names) + off,
        faults=("a fault",) if fault else (),
        caveats=("a caveat",) if caveat else (),
    )
    enough = 2 * names.count("match") >= len(names) > 0
    clean = not fault and not caveat and off == 0 and enough and set(names) <= set(AGREES)
    assert (decision is Decision.PASS) == clean
    provable = not fault and off == 0 and bool(set(names) & set(PROVES_A_DIFFERENCE))
    assert (decision is Decision.FAIL) == provable


def test_pairing_faults_outweigh_all() -> None:
    """Batches that may not be paired prove nothing, not even a difference; every fault is named."""
    decision, said = judged([PROVES_A_DIFFERENCE["mismatch"][0]], faults=("one", "two"))
    assert (decision, said) == (Decision.INCONCLUSIVE, "one; two")


@pytest.mark.parametrize("expected", [0, 4, 6, 100])
def test_counts_that_do_not_add_up(expected: int) -> None:
    """Fewer or more outcomes than samples is INCONCLUSIVE and names both numbers."""
    decision, said = judged([MATCH] * 5, expected=expected)
    assert decision is Decision.INCONCLUSIVE
    assert f"5 of {expected}" in said


def test_a_caveat_forbids_a_pass_and_not_a_fail() -> None:
    """A caveat turns a PASS into INCONCLUSIVE, and stands beside the reasons of a FAIL."""
    assert judged([MATCH], caveats=("wrong model",)) == (Decision.INCONCLUSIVE, "wrong model")
    decision, said = judged([MATCH, (ONE, [0.0, 1.0])], caveats=("wrong model",))
    assert decision is Decision.FAIL
    assert said.endswith("wrong model")


def test_the_thresholds_of_the_tally_decide() -> None:
    """The same compared rows pass under one limit and fail under another: nothing was graded before."""
    rows = compared([(ONE, [0.9, math.sqrt(0.19)])])
    decisions: list[Decision] = []
    for limit in (0.5, 0.999):
        tally = Tally(Thresholds(cosine=limit))
        tally.add(rows)
        decisions.append(decide(tally, DecisionInputs(expected=1))[0])
    assert decisions == [Decision.PASS, Decision.FAIL]


def test_reasons_come_worst_first() -> None:
    """Differences come before missing evidence, and those before caveats."""
    pairs = [MATCH, (ONE, FAILED), (ONE, [0.0, 1.0]), (ONE, [1.0])]
    _, said = judged(pairs, caveats=("a caveat",))
    places = [said.index(words) for words in ("different dimensions", "compared samples <", "no usable", "a caveat")]
    assert places == sorted(places)


def test_a_cosine_just_below_its_limit_reads_below_it() -> None:
    """A worst cosine that misses the limit by a ten-millionth is not printed as the limit."""
    cosine = 0.999 - 1e-7
    _, said = judged([(ONE, [cosine, math.sqrt(1 - cosine**2)])])
    assert "< 0.9990, the worst 0.998999" in said
