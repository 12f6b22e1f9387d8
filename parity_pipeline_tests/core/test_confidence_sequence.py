import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import integrate

from parity_pipeline.core.confidence import (
    PRIOR_FAILURES,
    PRIOR_MATCHES,
    PooledBound,
    anytime_upper_bound,
    each_of,
    upper_bound,
)
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline_tests.core.coverage import SEED, Row, categories, daily_draws, daily_looks, one_date

counts = st.integers(1, 5000).flatmap(lambda trials: st.tuples(st.integers(0, trials), st.just(trials)))


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
def test_impossible_counts_are_refused(failures: int, trials: int, confidence: float) -> None:
    """Counts that cannot be are an error and not a bound."""
    with pytest.raises(MetricInputError, match="no bound"):
        anytime_upper_bound(failures, trials, confidence)


def test_nothing_drawn_rules_out_nothing() -> None:
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
