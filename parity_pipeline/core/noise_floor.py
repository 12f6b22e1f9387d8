"""The noise floor of each side: how much its responses to one text differ, and what that explains.

Here belong the record of a side's measured stability, and the rule that compares a difference with it.
How stability is measured belongs to the asset that does, which decision it leads to belongs to `verdict_builder`.

Angles decide, because angles add up and cosines do not. Every vector of a side was seen within the angle `a` of
its vector for the text alone, so two of its vectors lie at most `2 a` apart (triangle inequality on the sphere).

The outcome of one sample, `T` being the cosine threshold and `E` the cosine of twice the legacy floor's angle:

    cosine >= T                                   match
    cosine < T, legacy floor not measured         fails
    cosine < T, cosine < E                        fails: worse than the legacy side's own noise explains
    cosine < T, cosine >= E                       within the noise: no match, and no proof against the candidate
    beyond another limit that fails a sample      fails: the floor is one of directions and explains nothing else

The decision on a whole set, the first line that holds:

    1  any sample fails                                                FAIL
    2  the candidate is so unstable that one of its own vectors must
       be below T                                                      FAIL
    3  the legacy floor is below T                                     INCONCLUSIVE
    4  any sample is within the noise                                  INCONCLUSIVE
    5  the candidate's floor is below T                                INCONCLUSIVE
    6  else                                                            as without floors

So a legacy side at 0.95 does not excuse a candidate at 0.2, and a clean comparison does not excuse a side that is
not repeatable. Line 2 needs more than one text, and half of them (`Stability.lone_stray`): one response in a thousand
that strays affects one text, and either side may have it. It also needs a measured legacy floor: two vectors of the
candidate further apart than both could be from vectors of the legacy side that are themselves within its noise
(`2 t + 2 a`, `t` the threshold's angle). The
candidate's own noise explains nothing away: callers get that noise too.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.measures import Float64
from parity_pipeline.core.number_format import cosine_text, limit_text
from parity_pipeline.core.outcomes import Side

_NOTHING_EXPLAINED: Final = math.inf
"""Cosine from which on noise explains a difference where none was measured: no cosine gets there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloor:
    """How far one side's responses to the same texts differ. The worst pair counts, never a mean.

    Attributes:
        side: Which side.
        worst: 1 - cosine of the worst pair of a vector and the same text's vector alone, in [0, 2].
        by_experiment: The same of each experiment, such as `repeat`, `batch of 32` or `concurrency 8`.
        samples: Distinct texts sent, 1 or more.
        requests: Requests sent.
        worst_sample: Id of the text of the worst pair; None where all pairs are equal.
        worst_experiment: The experiment of the worst pair; "" likewise.
    """

    side: Side
    worst: float
    by_experiment: Mapping[str, float]
    samples: int
    requests: int
    worst_sample: str | None = None
    worst_experiment: str = ""

    def __post_init__(self) -> None:
        """Refuse a floor that nothing was measured for: it would read as a perfectly stable side.

        Raises:
            MetricInputError: No text, no experiment, a distance that is none, or a worst that is not the worst.
        """
        distances = [self.worst, *self.by_experiment.values()]
        sound = all(math.isfinite(one) and 0.0 <= one <= 2.0 for one in distances)
        if not (sound and self.samples > 0 and self.by_experiment and self.worst == max(self.by_experiment.values())):
            msg = f"the noise floor of the {self.side} side was not measured"
            raise MetricInputError(msg, remedy=f"Materialize {self.side}/stability again.")

    @property
    def cosine(self) -> float:
        """Return the cosine of the worst pair, in [-1, 1]."""
        return 1.0 - self.worst

    @property
    def angle(self) -> float:
        """Return the angle of the worst pair in radians, in [0, pi]."""
        return _angle(self.cosine)


def floor_of(side: Side, pairs: Mapping[str, Mapping[str, float]], *, requests: int) -> NoiseFloor:
    """Return the floor of a side from the cosines of each text's vectors with its vector alone.

    Args:
        side: Which side.
        pairs: Experiment, then sample id, to the smallest cosine of that text in it, in [-1, 1].
        requests: Requests sent.

    Raises:
        MetricInputError: No pair, or a cosine that is none: without evidence there is no floor.
    """
    every = [(1.0 - cosine, sample, name) for name, cosines in pairs.items() for sample, cosine in cosines.items()]
    by_experiment = {
        name: max((1.0 - one for one in cosines.values()), default=math.nan) for name, cosines in pairs.items()
    }
    worst, sample, experiment = max(every, key=lambda one: one[0], default=(math.nan, "", ""))
    return NoiseFloor(
        side=side,
        worst=worst,
        by_experiment=by_experiment,
        samples=len({sample for cosines in pairs.values() for sample in cosines}),
        requests=requests,
        worst_sample=sample if worst > 0 else None,
        worst_experiment=experiment if worst > 0 else "",
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseFloors:
    """The noise floors of both sides; None where none was measured."""

    legacy: NoiseFloor | None = None
    candidate: NoiseFloor | None = None

    def __post_init__(self) -> None:
        """Refuse floors in each other's place.

        Raises:
            MetricInputError: A floor was measured on the other side.
        """
        for side, floor in ((Side.LEGACY, self.legacy), (Side.CANDIDATE, self.candidate)):
            if floor is not None and floor.side is not side:
                msg = f"the floor given as {side} was measured on the {floor.side} side"
                raise MetricInputError(msg, remedy=f"Materialize {side}/stability again.")

    @property
    def explained_from(self) -> float:
        """Return the smallest cosine that the legacy side's own noise explains; infinite where none was measured."""
        if self.legacy is None:
            return _NOTHING_EXPLAINED
        cosine = self.legacy.cosine
        return 2 * cosine * cosine - 1 if cosine > 0 else -1.0

    def explains(self, cosine: Float64) -> NDArray[np.bool_]:
        """Return which cosines the legacy side's own noise explains; NaN is never explained. Shape (rows,)."""
        return cosine >= self.explained_from

    def instability_proof(self, threshold: float) -> str:
        """Return why the candidate's floor alone proves a difference; "" where it does not."""
        if self.legacy is None or self.candidate is None:
            return ""
        if not self.candidate.angle > 2 * _angle(threshold) + 2 * self.legacy.angle:
            return ""
        return (
            f"two responses of the candidate to one text differ so much ({_text(self.candidate, threshold)}) that at least "
            f"one must be < {limit_text(threshold)} to the legacy side, whose own stay within {_text(self.legacy)}"
        )

    def instability_of(self, threshold: float) -> dict[Side, str]:
        """Return, for each side whose own responses to one text do not reach the threshold, that they do not; legacy first."""
        return {
            floor.side: f"the {floor.side} side is not repeatable: its noise floor is {_text(floor, threshold)} < {limit_text(threshold)}"
            for floor in (self.legacy, self.candidate)
            if floor is not None and not floor.cosine >= threshold
        }


def _angle(cosine: float) -> float:
    return math.acos(min(1.0, max(-1.0, cosine)))


def _text(floor: NoiseFloor, threshold: float | None = None) -> str:
    """Return a floor as a cosine with its experiment, such as `0.950000 (batch of 32)`."""
    number = cosine_text(floor.cosine, threshold)
    return f"{number} ({floor.worst_experiment})" if floor.worst_experiment else number
