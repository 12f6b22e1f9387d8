"""Which property of the texts separates the failing samples from the passing ones.

Here belongs the search for the fewest properties that (nearly) all of some failing samples share and (nearly) no
passing sample has. The properties themselves belong to `text_predicates`, proof by requests to `counterfactuals`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows
from parity_pipeline.core.diagnosis.text_predicates import MEASURES, PREDICATES, Measure, TextPredicate

CHANCE: Final = 1e-3
"""Largest probability of so good a separation by chance (hypergeometric, one-sided) at which a property is reported."""

PASSING_SHARE: Final = 0.1
"""Largest share of passing samples among those with a property at which it still separates."""

_TOUCHED: Final = 1e-6
"""1 - cosine up to which a sample counts as untouched whatever the others show."""

_ROUNDS: Final = 8
"""Properties that are reported for one comparison at most."""


@dataclass(frozen=True, slots=True)
class _Split:
    """A property and how it parts the samples.

    Attributes:
        cause: What it hints at.
        words: What the texts have.
        failing: Waiting rows that have it.
        passing: How many passing samples have it.
        chance: Probability of so many failing ones among those that have it.
        moved: How many passing samples have it and differ as well, too little to fail. `passing` excludes them.
    """

    cause: CauseName
    words: str
    failing: Rows
    passing: int
    chance: float
    moved: int = 0


def find_text_split(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return properties that separate waiting failing samples from the passing ones, the best first.

    A property on too few samples to exclude chance is reported, as possible, only beside a better one of the same
    cause: where a tokenizer is shown to differ, a lone text in another script that no passing sample has fits it.
    """
    left = indices(waiting & context.low)
    passing = indices(context.passing)
    if not len(passing):
        return []
    having = [(trait, _having(context, trait)) for trait in PREDICATES]
    found: list[FoundCause] = []
    for _ in range(_ROUNDS):
        named = {finding.name for finding in found}
        splits = [*_traits(context, having, left, passing), *_lengths(context, left, passing)]
        split = _best(splits, named)
        if split is None:
            break
        found.append(_finding(context, split, len(left), len(passing)))
        left = np.setdiff1d(left, split.failing)
    return found


def _having(context: DiagnosisContext, trait: TextPredicate) -> Mask:
    return np.array([trait.holds(text) for text in context.texts], np.bool_)


def _best(splits: Sequence[_Split], named: set[CauseName]) -> _Split | None:
    """Return the split least due to chance; of equal ones the first, for properties stand from rare to common."""
    clear = [split for split in splits if split.chance <= CHANCE]
    if clear:
        return min(clear, key=lambda split: split.chance)
    beside = [split for split in splits if split.cause in named and not split.passing]
    return min(beside, key=lambda split: split.chance, default=None)


def _traits(
    context: DiagnosisContext, having: Sequence[tuple[TextPredicate, Mask]], left: Rows, passing: Rows
) -> list[_Split]:
    splits: list[_Split] = []
    for trait, mask in having:
        failing = left[mask[left]]
        moved = _moved(context, passing, mask)
        fine = int(mask[passing].sum()) - moved
        if len(failing) and fine <= PASSING_SHARE * (len(failing) + fine):
            chance = chance_of(len(failing), fine, len(left), len(passing))
            splits.append(_Split(trait.cause, f"texts with {trait.words}", failing, fine, chance, moved))
    return splits


def _moved(context: DiagnosisContext, passing: Rows, mask: Mask) -> int:
    """Return how many passing samples with a property differ far more than those without it do."""
    lost = 1.0 - context.cosine[passing]
    without = lost[~mask[passing]]
    if not len(without):
        return 0
    return int((lost[mask[passing]] > max(_TOUCHED, 10.0 * float(np.median(without)))).sum())


def _lengths(context: DiagnosisContext, left: Rows, passing: Rows) -> list[_Split]:
    """Return for each measure the limit that separates best, corrected for the number of limits tried."""
    splits: list[_Split] = []
    for measure in MEASURES:
        lengths = np.array([measure.of(text) for text in context.texts], np.intp)
        best: _Split | None = None
        limits = np.unique(lengths[left])
        for limit in limits.tolist():
            failing, fine = left[lengths[left] >= limit], int((lengths[passing] >= limit).sum())
            if fine > PASSING_SHARE * (len(failing) + fine):
                continue
            chance = min(1.0, len(limits) * chance_of(len(failing), fine, len(left), len(passing)))
            if best is None or chance < best.chance:
                words = _limit_words(context, measure, limit, passing)
                best = _Split(CauseName.TRUNCATION, words, failing, fine, chance)
        if best is not None and best.chance <= CHANCE:
            splits.append(best)
    return splits


def _limit_words(context: DiagnosisContext, measure: Measure, limit: int, passing: Rows) -> str:
    """Return the limit with its boundary: the longest passing text below it, and the other measure of the same text."""
    below = [row for row in passing.tolist() if measure.of(context.text_of(row)) < limit]
    longest = max((measure.of(context.text_of(row)) for row in below), default=0)
    boundary = f"the longest passing text below has {longest}, so the limit is between"
    return f"texts of {limit} {measure.unit} or more ({boundary})"


def chance_of(failing: int, fine: int, all_failing: int, all_fine: int) -> float:
    """Return the probability of `failing` or more failing ones among `failing + fine` drawn blindly."""
    from scipy.stats import hypergeom  # noqa: PLC0415 - takes a second to import, and most dates have nothing to explain

    return float(hypergeom.sf(failing - 1, all_failing + all_fine, all_failing, failing + fine))


def _finding(context: DiagnosisContext, split: _Split, failing: int, passing: int) -> FoundCause:
    words = (
        f"{len(split.failing)} of {failing} failing and {split.passing} of {passing} passing samples are {split.words}"
    )
    if split.moved:
        words += f"; {split.moved} more that pass have it and differ too, too little to fail"
    clear = split.chance <= CHANCE
    evidence = context.evidence(split.failing.tolist(), lambda _: split.words)
    return FoundCause(split.cause, words, Confidence.LIKELY if clear else Confidence.POSSIBLE, split.failing, evidence)
