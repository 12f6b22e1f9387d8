"""Evidence of many dates together: a bound on the share that fails, valid however often it is looked at.

Here belong the bound, its record in the verdict and the sentence that says it. The bound of one date alone belongs to
`confidence`, the choice of the dates to `steps.pool_dates`.
"""

import math
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.confidence import IF_REPEATABLE, percent
from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import CONFIDENCE_LEVEL

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
    if not (0 <= failures <= trials and 0.0 < confidence < 1.0):
        msg = f"there is no bound for {failures} failures in {trials} trials at a confidence of {confidence}"
        raise MetricInputError(msg, remedy="Give 0 <= failures <= trials and 0 < confidence < 1.")
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
