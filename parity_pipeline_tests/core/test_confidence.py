import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate, stats

from parity_pipeline.core.confidence import (
    PRIOR_FAILURES,
    PRIOR_MATCHES,
    PooledBound,
    ShareBound,
    anytime_upper_bound,
    clean_needed,
    each_of,
    percent,
    upper_bound,
)
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline_tests.core.coverage import SEED, Row, categories, daily_draws, daily_looks, one_date

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


@pytest.mark.parametrize(("failures", "trials"), [(0, 1), (0, 40), (3, 40), (39, 40)])
def test_the_bound_is_where_the_mixed_likelihood_ratio_reaches_its_limit(failures: int, trials: int) -> None:
    """At the bound the likelihood, mixed over the prior by numeric integration, is 20 times that of the bound itself."""
    bound = anytime_upper_bound(failures, trials)

    def ratio(other: float) -> float:
        return (other / bound) ** failures * ((1 - other) / (1 - bound)) ** (trials - failures)

    # With other = u**(1 / a) the density a * other**(a - 1) of the prior Beta(a, 1) becomes constant.
    assert PRIOR_MATCHES == 1.0

    def mixed_over(place: float) -> float:
        return ratio(place ** (1 / PRIOR_FAILURES))

    mixed, _ = integrate.quad(mixed_over, 0, 1, epsabs=1e-10, limit=500)
    assert math.isclose(mixed, 1 / (1 - CONFIDENCE_LEVEL), rel_tol=1e-6)


@given(counts)
def test_the_bound_is_never_tighter_than_that_of_one_look(pair: tuple[int, int]) -> None:
    """Looking often costs something: the bound is at or above the exact one for one look, and within (0, 1]."""
    failures, trials = pair
    assert upper_bound(failures, trials) <= anytime_upper_bound(failures, trials) <= 1


@given(counts)
def test_the_bound_follows_the_evidence(pair: tuple[int, int]) -> None:
    """The bound rises with failures and never lies below what was seen."""
    failures, trials = pair
    bound = anytime_upper_bound(failures, trials)
    assert failures / trials <= bound
    assert failures == trials or anytime_upper_bound(failures + 1, trials) >= bound


def test_a_hundred_texts_a_night_become_three_thousand() -> None:
    """Thirty clean nights of a hundred texts allow 0.13 %, where one of them alone allows 3 %."""
    assert anytime_upper_bound(0, 3000) < 0.0013
    assert upper_bound(0, 100) > 0.029


def test_the_probability_of_ever_missing_is_below_five_per_cent() -> None:
    """Exactly, without simulation: looking after each of 120 trials, a bound is ever too low in at most 5 % of runs."""
    looks = 120
    for share in (0.002, 0.01, 0.1, 0.5):
        alive = np.array([1.0])
        for trials in range(1, looks + 1):
            alive = np.append(alive * (1 - share), 0.0) + np.append(0.0, alive * share)
            # Only counts well below the expected one can make the bound too low.
            for failures in range(trials + 1):
                if anytime_upper_bound(failures, trials) >= share:
                    break
                alive[failures] = 0.0
        assert alive.sum() >= CONFIDENCE_LEVEL


@pytest.mark.parametrize(("failures", "trials", "confidence"), [(-1, 5, 0.95), (6, 5, 0.95), (0, 5, 0.0), (0, 5, 1.0)])
def test_impossible_counts_have_no_anytime_bound(failures: int, trials: int, confidence: float) -> None:
    """Counts that cannot be are an error and not a bound."""
    with pytest.raises(MetricInputError, match="no bound"):
        anytime_upper_bound(failures, trials, confidence)


def test_nothing_drawn_has_no_anytime_bound() -> None:
    """Without a random sample every share is possible."""
    assert anytime_upper_bound(0, 0) == anytime_upper_bound(7, 7) == 1.0


def test_the_sentence_names_dates_samples_and_bound() -> None:
    """The sentence says what was pooled, what may fail, and that looking often does no harm."""
    pooled = PooledBound(dates=3, texts=300, failures=2, bound=0.04, since="2026-04-01", repeated=True)
    assert pooled.sentence() == (
        "Over 3 dates since 2026-04-01, 298 of 300 random samples of this candidate deployment are clean: at most 4 % of "
        "such inputs may fail, if results are repeatable, at 95 % confidence, however often this is looked at"
    )


def test_several_bounds_share_the_risk() -> None:
    """The risks of all categories sum to that of one bound."""
    assert math.isclose(4 * (1 - each_of(4)), 1 - CONFIDENCE_LEVEL)
    assert each_of(0) == each_of(1) == CONFIDENCE_LEVEL


def held_often(row: Row) -> bool:
    """Return whether the bound held in 95 % of the runs, less three standard deviations of the simulation."""
    return row.share >= CONFIDENCE_LEVEL - 3 * math.sqrt(CONFIDENCE_LEVEL * (1 - CONFIDENCE_LEVEL) / row.runs)


def test_the_bound_of_one_date_holds_behind_a_hand_picked_list() -> None:
    """Texts repeat and the failing ones are picked by hand too: the bound holds, and without their draws it would not."""
    for hot, failing, size in ((0.5, 0.0, 100), (0.0, 0.05, 60)):
        stated, lost = one_date(150, SEED, hot=hot, failing=failing, size=size)
        assert held_often(stated)
        assert not held_often(lost)


def test_the_bounds_of_all_categories_hold_at_once() -> None:
    """Of five categories none exceeds its bound in 95 % of the runs."""
    assert held_often(categories(150, SEED, failing=0.3, size=200)[0])


@pytest.mark.parametrize(("share", "size"), [(0.002, 100), (0.01, 100), (0.05, 100), (0.5, 20)])
def test_the_confidence_sequence_holds_at_every_daily_look(share: float, size: int) -> None:
    """It holds on all of 30 days in 95 % of 2,000 deployments, where a bound made for one look fails."""
    always, once = daily_looks(2000, SEED, share=share, size=size)
    assert held_often(always)
    assert share < 0.01 or not held_often(once)


def test_the_confidence_sequence_holds_for_repeated_texts() -> None:
    """It holds where nights draw the same texts again and a failing one is picked by hand too."""
    assert held_often(daily_draws(40, SEED, share=0.02, size=20)[0])
