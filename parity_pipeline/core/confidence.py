"""How much clean samples prove: an upper bound on the share of inputs that differ, for one date and for many together.

Here belong both bounds, their records in the verdict, how many more samples would tighten them, and the sentences that
say so. Only texts drawn at random count: a hand-picked text speaks for itself alone. Which verdict a bound leads to
belongs to `verdict_builder`, the choice of the dates to `steps.pool_dates`.
"""

import math
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Self

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import BOUND_GOAL, CONFIDENCE_LEVEL
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import Outcome

IF_REPEATABLE: Final = ", if results are repeatable"
"""What a statement depends on where a text was drawn more often than it was requested: one result stands for several."""


def upper_bound(failures: int, trials: int, confidence: float = CONFIDENCE_LEVEL) -> float:
    """Return the one-sided Clopper-Pearson upper bound on a share: the largest one that the trials do not rule out.

    Whatever the true share is, the bound is at or above it in at least `confidence` of all random samples.

    Args:
        failures: Trials that failed, 0 to `trials`.
        trials: Independent random trials; 0 rules out nothing, and the bound is 1.
        confidence: In (0, 1).

    Returns:
        The bound in (0, 1].

    Raises:
        MetricInputError: Failures or trials that cannot be, or a confidence outside (0, 1).

    Source: Clopper and Pearson, "The use of confidence or fiducial limits", Biometrika 26 (1934). Samples drawn without
    replacement, or from several sources at once, only make it safer.

    >>> round(upper_bound(0, 5), 4), round(upper_bound(0, 2995), 6), upper_bound(0, 0)
    (0.4507, 0.001, 1.0)
    """
    _refuse_impossible(failures, trials, confidence)
    if failures == trials:
        return 1.0
    if not failures:
        # The closed form of the quantile below; clean sets need not wait for scipy.
        return -math.expm1(math.log1p(-confidence) / trials)
    from scipy import special  # noqa: PLC0415 - importing it takes longer than judging a set

    # The quantile of the beta distribution, as scipy.stats.beta.ppf, which takes seconds to import.
    return float(special.betaincinv(failures + 1, trials - failures, confidence))


def _refuse_impossible(failures: int, trials: int, confidence: float) -> None:
    if not (0 <= failures <= trials and 0.0 < confidence < 1.0):
        msg = f"there is no bound for {failures} failures in {trials} trials at a confidence of {confidence}"
        raise MetricInputError(msg, remedy="Give 0 <= failures <= trials and 0 < confidence < 1.")


def clean_needed(bound: float, confidence: float = CONFIDENCE_LEVEL, *, failures: int = 0, trials: int = 0) -> int:
    """Return how many more samples, all of them clean, bring the upper bound down to `bound`; 0 where it is there.

    Args:
        bound: The share to reach, in (0, 1).
        confidence: In (0, 1).
        failures: Trials that failed so far.
        trials: Trials so far; 0 gives the number needed in all.

    Raises:
        MetricInputError: A bound outside (0, 1), or what `upper_bound` refuses.

    >>> clean_needed(0.001), clean_needed(0.001, trials=5)
    (2995, 2990)
    """
    if not 0.0 < bound < 1.0:
        msg = f"no number of samples brings the bound down to {bound}"
        raise MetricInputError(msg, remedy="Ask for a share between 0 and 1, both excluded.")

    def reached(more: int) -> bool:
        return upper_bound(failures, trials + more, confidence) <= bound

    most = 1
    while not reached(most):
        most *= 2
    # The bound falls with every clean trial, so halving finds the first number that reaches it.
    return bisect_left(range(most), True, key=reached)  # noqa: FBT003 - what is looked for, not a flag


@dataclass(frozen=True, slots=True, kw_only=True)
class ShareBound:
    """What the random samples of one category, or of all, allow to be said of the inputs they were drawn from.

    A trial is one random draw, unless both sides refused its text. It is clean where the outcome is a match; a
    difference, a waived one and one without evidence are not, since each of them may be an input that fails.

    Attributes:
        category: The category; None for all together, each source in the proportion it was drawn in.
        trials: Random draws that count.
        failures: Those of them that are not clean.
        waived: Those of the failures that a waiver covers.
        confidence: In (0, 1), of this bound alone. Those of the categories are so high that all of them together hold
            at the usual confidence, `each_of`.
        bound: Largest share of such inputs that may fail.
        unwaived_bound: Largest share of such inputs that may fail without a waiver.
    """

    category: str | None
    trials: int
    failures: int
    waived: int
    confidence: float
    bound: float
    unwaived_bound: float

    @classmethod
    def of(
        cls,
        category: str | None,
        drawn: Mapping[Outcome, int],
        waived: int = 0,
        confidence: float = CONFIDENCE_LEVEL,
    ) -> Self:
        """Return the bound that the outcomes of random draws allow.

        Args:
            category: The category; None for all together.
            drawn: Random draws of each outcome. A text refused by both sides is none that either can fail on.
            waived: Those that a waiver covers.
            confidence: In (0, 1).
        """
        trials = sum(count for outcome, count in drawn.items() if outcome is not Outcome.REFUSED_BY_BOTH)
        failures = trials - drawn.get(Outcome.MATCH, 0)
        return cls(
            category=category,
            trials=trials,
            failures=failures,
            waived=waived,
            confidence=confidence,
            bound=upper_bound(failures, trials, confidence),
            unwaived_bound=upper_bound(failures - waived, trials, confidence),
        )

    def needed(self, bound: float) -> int:
        """Return how many more clean random samples bring the share that fails without a waiver down to `bound`."""
        return clean_needed(bound, self.confidence, failures=self.failures - self.waived, trials=self.trials)

    def sentence(self, goal: float = BOUND_GOAL, *, sure: str = "", repeated: bool = False) -> str:
        """Say what is known, and how many more clean samples would bring the bound down to `goal`.

        Categories are foreign text and not named in here.

        Args:
            goal: Share of inputs, in (0, 1).
            sure: How sure it is; "" for this bound's own confidence.
            repeated: Whether a text was drawn more often than it was requested.

        >>> ShareBound.of(None, {Outcome.MATCH: 5}).sentence()
        '5 of 5 random samples are clean: at most 45.1 % of such inputs may fail, at 95 % confidence; 2,990 more clean samples (2,995 in all) would make it 0.1 %'
        """
        if not self.trials:
            return "no random sample was compared, so nothing is known about other inputs"
        clean = self.trials - self.failures
        share = f"at most {percent(self.bound)} of such inputs may fail{IF_REPEATABLE if repeated else ''}"
        sure = sure or f"at {percent(self.confidence)} confidence"
        words = f"{clean:,} of {self.trials:,} random samples are clean: {share}, {sure}"
        if self.waived:
            words += f"; without the {self.waived:,} waived ones at most {percent(self.unwaived_bound)}"
        more = self.needed(goal)
        if not more:
            return words
        return f"{words}; {more:,} more clean samples ({self.trials + more:,} in all) would make it {percent(goal)}"


def each_of(several: int, confidence: float = CONFIDENCE_LEVEL) -> float:
    """Return the confidence of each of several bounds with which all of them hold at once at `confidence`.

    Source: the inequality of Bonferroni, as used by Dunn, "Multiple comparisons among means", Journal of the American
    Statistical Association 56 (1961). It asks nothing of how the bounds depend on each other.

    >>> round(each_of(5), 6), each_of(1)
    (0.99, 0.95)
    """
    return confidence if several <= 1 else 1.0 - (1.0 - confidence) / several


def required_bound_words(
    proven: ShareBound, required: float, one: str = "sample", several: str = "samples"
) -> tuple[bool, str]:
    """Return whether random inputs prove a required bound, and what they prove, a clause without a full stop.

    Args:
        proven: Of all random inputs together.
        required: Share of inputs, in (0, 1), that at most may fail.
        one: What one of them is called.
        several: What several of them are called.
    """
    if proven.unwaived_bound <= required:
        seen = f"at most {percent(proven.unwaived_bound)} of such inputs may fail, {percent(required)} are allowed"
        return True, seen
    more = proven.needed(required)
    allowed = f"at most {percent(required)} are allowed"
    if not proven.trials:
        seen = f"no {one} was drawn at random, and {allowed}: {more:,} clean random {several} are needed"
    else:
        clean = f"{proven.trials - proven.failures:,} of {proven.trials:,} random {several} are clean"
        found = f"{clean}, so up to {percent(proven.unwaived_bound)} of such inputs may fail, and {allowed}"
        seen = f"{found}: {more:,} more clean random {several} are needed"
    return False, seen


PRIOR_FAILURES: Final = 0.1
"""First parameter of the beta prior; small, since the shares that a gateway is expected to fail on lie near 0.

Origin: of 3,000 clean samples 0.128 % remain (0.366 % with the uniform prior, 0.1 % with a single look).
"""
PRIOR_MATCHES: Final = 1.0
"""Second parameter of the beta prior."""

_HALVINGS: Final = 60
"""Steps of the bisection: (0, 1) is cut to 2**-60, finer than a float64 near 1."""


def anytime_upper_bound(failures: int, trials: int, confidence: float = CONFIDENCE_LEVEL) -> float:
    """Return an upper bound on a share that holds at every look at once, not at one planned look alone.

    With probability at least `confidence`, no bound of the whole sequence, over all trials to come, is ever below the
    true share. Whoever looks nightly, and stops or switches on what is seen, may still trust it.

    Args:
        failures: Trials that failed so far, 0 to `trials`.
        trials: Random trials so far; 0 rules out nothing, and the bound is 1.
        confidence: In (0, 1).

    Returns:
        The bound in (0, 1].

    Raises:
        MetricInputError: Failures or trials that cannot be, or a confidence outside (0, 1).

    Source: the beta-binomial mixture of Robbins, "Statistical methods related to the law of the iterated logarithm",
    Annals of Mathematical Statistics 41 (1970), in the form of Howard, Ramdas, McAuliffe and Sekhon, "Time-uniform,
    nonparametric, nonasymptotic confidence sequences", Annals of Statistics 49 (2021). For the true share p the mixed
    likelihood ratio B(a + s, b + n - s) / B(a, b) / (p**s (1 - p)**(n - s)) is a martingale that starts at 1, so by
    Ville's inequality it ever reaches 1 / (1 - confidence) with probability at most 1 - confidence. The bound is the
    largest p at which it has not. Drawing without replacement within a look only makes it safer: the ratio is a mixture
    of exponentials in s and therefore convex (Hoeffding, Journal of the American Statistical Association 58 (1963)).

    >>> round(anytime_upper_bound(0, 3000), 5), anytime_upper_bound(0, 0)
    (0.00128, 1.0)
    """
    _refuse_impossible(failures, trials, confidence)
    if failures == trials:
        return 1.0
    from scipy import special  # noqa: PLC0415 - importing it takes longer than judging a set

    matches = trials - failures
    mixed = float(special.betaln(PRIOR_FAILURES + failures, PRIOR_MATCHES + matches))
    limit = mixed - float(special.betaln(PRIOR_FAILURES, PRIOR_MATCHES)) + math.log1p(-confidence)
    # The likelihood falls from the observed share on, so halving finds where it has become too small.
    low, high = failures / trials, 1.0
    for _ in range(_HALVINGS):
        middle = (low + high) / 2
        likelihood = float(special.xlogy(failures, middle) + special.xlog1py(matches, -middle))
        low, high = (middle, high) if likelihood > limit else (low, middle)
    return high


@dataclass(frozen=True, slots=True, kw_only=True)
class PooledBound:
    """What the random samples of several dates prove together of one deployment of the candidate.

    Attributes:
        dates: Dates pooled, the verdict's own included; 2 or more.
        texts: Random draws of these dates that count, each one trial.
        failures: Those of them that are not clean, waived ones included.
        bound: Largest share of such inputs that may fail, `anytime_upper_bound`.
        since: The first of these dates, ISO 8601.
        repeated: Whether a text was drawn more than once on one date, and therefore requested fewer times than drawn.
        confidence: In (0, 1), of all looks together.
    """

    dates: int
    texts: int
    failures: int
    bound: float
    since: str
    repeated: bool
    confidence: float = CONFIDENCE_LEVEL

    def sentence(self) -> str:
        """Say what the dates show together.

        >>> PooledBound(dates=30, texts=3000, failures=0, bound=0.00128, since="2026-04-01", repeated=False).sentence()
        'Over 30 dates since 2026-04-01, 3,000 of 3,000 random samples of this candidate deployment are clean: at most 0.128 % of such inputs may fail, at 95 % confidence, however often this is looked at'
        """
        clean = (
            f"{self.texts - self.failures:,} of {self.texts:,} random samples of this candidate deployment are clean"
        )
        share = f"at most {percent(self.bound)} of such inputs may fail{IF_REPEATABLE if self.repeated else ''}"
        sure = f"at {percent(self.confidence)} confidence, however often this is looked at"
        return f"Over {self.dates:,} dates since {self.since}, {clean}: {share}, {sure}"
