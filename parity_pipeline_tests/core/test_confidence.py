import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from parity_pipeline.core.confidence import ShareBound, clean_needed, percent, upper_bound
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import Outcome

counts = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


@given(counts, st.floats(0.5, 0.999))
def test_the_bound_is_scipys(pair: tuple[int, int], confidence: float) -> None:
    """The bound equals scipy's exact one-sided interval of the binomial test."""
    failures, trials = pair
    exact = stats.binomtest(failures, trials, alternative="less").proportion_ci(confidence, method="exact")
    # scipy searches for its root: at 0 of 2,343 and 0.5 it is 1.0e-9 off the closed form, which is what stands here.
    assert math.isclose(upper_bound(failures, trials, confidence), exact.high, rel_tol=1e-8)


@pytest.mark.parametrize("share", [0.0005, 0.001, 0.01, 0.05, 0.3, 0.9])
@pytest.mark.parametrize("trials", [5, 59, 500, 3000])
def test_the_stated_bound_holds_in_19_of_20(share: float, trials: int) -> None:
    """Of 10,000 simulated gateways with this true failing share, at least 95 % lie at or below their stated bound."""
    failures = np.random.default_rng(20260430).binomial(trials, share, 10_000)
    bounds = {count: upper_bound(count, trials) for count in set(failures.tolist())}
    held = sum(share <= bounds[count] for count in failures.tolist())
    # 0.95 is a floor of the true coverage; three standard deviations of 10,000 simulations are 0.0065.
    assert held / 10_000 >= 0.95 - 0.0065
    assert (
        stats.binom.cdf([count for count, bound in bounds.items() if bound < share], trials, share).max(initial=0)
        <= 0.05
    )


def test_the_coverage_is_proven_for_every_share() -> None:
    """Exactly, without simulation: the probability of a bound below the true share never exceeds 5 %."""
    for trials in (1, 5, 60, 400):
        bounds = np.array([upper_bound(count, trials) for count in range(trials + 1)])
        for share in np.linspace(0.001, 0.999, 401):
            below = np.flatnonzero(bounds < share)
            assert stats.binom.pmf(below, trials, share).sum() <= 0.05 + 1e-12


def test_the_figures_of_the_report() -> None:
    """Five clean samples allow 45 %, 2,995 allow 0.1 %, and 2,994 do not."""
    assert math.isclose(upper_bound(0, 5), 1 - 0.05 ** (1 / 5))
    assert upper_bound(0, 2995) <= 0.001 < upper_bound(0, 2994)
    assert (clean_needed(0.001), clean_needed(0.001, trials=5), clean_needed(0.001, trials=2995)) == (2995, 2990, 0)


@given(st.floats(0.001, 0.9), st.floats(0.5, 0.99), counts.filter(lambda pair: pair[0] < 50))
def test_what_is_needed_is_enough_and_no_more(bound: float, confidence: float, pair: tuple[int, int]) -> None:
    """So many more clean samples reach the bound, and one fewer does not."""
    failures, trials = pair
    more = clean_needed(bound, confidence, failures=failures, trials=trials)
    assert upper_bound(failures, trials + more, confidence) <= bound
    assert more == 0 or upper_bound(failures, trials + more - 1, confidence) > bound


@given(counts)
def test_more_failures_never_lower_the_bound(pair: tuple[int, int]) -> None:
    """The bound rises with failures, falls with clean trials, and never lies below what was seen."""
    failures, trials = pair
    bound = upper_bound(failures, trials)
    assert failures / trials <= bound <= 1
    assert upper_bound(failures, trials + 1) <= bound
    assert failures == trials or upper_bound(failures + 1, trials) >= bound


def test_nothing_drawn_rules_out_nothing() -> None:
    """Without a random sample every share is possible, and the sentence says so."""
    assert upper_bound(0, 0) == 1.0
    for drawn in ({}, {Outcome.REFUSED_BY_BOTH: 7}):
        share = ShareBound.of(None, drawn)
        assert (share.trials, share.bound) == (0, 1.0)
        assert "no random sample was compared" in share.sentence()


@pytest.mark.parametrize(("failures", "trials", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 5, 0.0), (0, 5, 1.0)])
def test_impossible_counts_are_refused(failures: int, trials: int, confidence: float) -> None:
    """Counts that cannot be are an error and not a bound."""
    with pytest.raises(MetricInputError, match="no bound"):
        upper_bound(failures, trials, confidence)


@pytest.mark.parametrize("bound", [0.0, 1.0, -1.0, math.nan])
def test_an_unreachable_bound_is_refused(bound: float) -> None:
    """No number of samples proves a share of nothing."""
    with pytest.raises(MetricInputError, match="no number"):
        clean_needed(bound)


@pytest.mark.parametrize("outcome", sorted(set(Outcome) - {Outcome.MATCH, Outcome.REFUSED_BY_BOTH}))
def test_only_a_match_is_clean(outcome: Outcome) -> None:
    """A random sample that differs, or whose evidence is missing, never makes the bound smaller than a failure would."""
    share = ShareBound.of("traffic", {Outcome.MATCH: 99, outcome: 1, Outcome.REFUSED_BY_BOTH: 5})
    assert (share.trials, share.failures, share.bound) == (100, 1, upper_bound(1, 100))


def test_waived_samples_are_counted_and_named() -> None:
    """The bound counts waived failures; beside it stands the one without them."""
    share = ShareBound.of(None, {Outcome.MATCH: 98, Outcome.MISMATCH: 2}, waived=2)
    assert (share.bound, share.unwaived_bound) == (upper_bound(2, 100), upper_bound(0, 100))
    assert "98 of 100" in share.sentence()
    assert "without the 2 waived ones at most 2.96 %" in share.sentence()


def test_the_sentence_says_how_many_more() -> None:
    """The sentence names the bound, the confidence and both numbers, those missing and those in all."""
    sentence = ShareBound.of(None, {Outcome.MATCH: 5}).sentence()
    assert sentence.startswith(
        "5 of 5 random samples are clean: at most 45.1 % of such inputs may fail, at 95 % confidence"
    )
    assert sentence.endswith("2,990 more clean samples (2,995 in all) would make it 0.1 %")
    assert (
        ShareBound.of(None, {Outcome.MATCH: 2995})
        .sentence()
        .endswith("at most 0.1 % of such inputs may fail, at 95 % confidence")
    )
    assert ShareBound.of(None, {Outcome.MATCH: 5}).sentence(0.5).endswith("at 95 % confidence")


@given(st.floats(1e-9, 1.0))
def test_a_printed_share_never_promises_too_much(share: float) -> None:
    """The printed per cent are at or above the share, and less than one per cent of it above."""
    printed = float(percent(share).removesuffix(" %")) / 100
    assert share * (1 - 1e-12) <= printed <= share * 1.011
