"""The very same text or request sent again: whether a side still returns the same vectors.

Here belong causes that no property of a text shows: what was in flight beside it, what came before it, chance. Sending
other texts belongs to `counterfactuals`, the same text in another spelling to `text_variants`.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.counterfactuals import RequestBudget, Suspect
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows, Vector
from parity_pipeline.core.diagnosis.text_split import CHANCE, chance_of
from parity_pipeline.core.metrics import Float64
from parity_pipeline.core.outcomes import Side

_SAME_SIZE: Final = 4.0
"""Largest ratio of a failing row's own 1 - cosine to the measured drift at which the two are of one size."""

_FEWEST: Final = 2
"""Rows of a request that have to come out otherwise before a side is said to have changed."""


def find_circumstances(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return what a failing text shows when it is sent again, alone: "batch, load or history", or "not deterministic".

    The first where a side now gives the other side's vector, the second where it gives neither that nor its own of
    before, and the same request twice gives two vectors.
    """
    rows = indices(waiting & context.low)
    if not context.same_width or not len(rows):
        return []
    for suspect in Suspect.both(context):
        good, last = _sent_alone(context, suspect, rows, budget)
        if last is None and good:
            return [_circumstance(context, suspect, rows, good)]
        if last is not None and pair_cosine(suspect.vectors[last[0]], last[1]) < context.threshold:
            chance = _unsteady(context, suspect, rows, budget)
            if chance:
                return chance
    return []


def _sent_alone(
    context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget
) -> tuple[dict[int, float], tuple[int, Vector] | None]:
    """Send a side up to three failing texts, each alone, until one does not get the other side's vector.

    Returns:
        Rows that got it, with the cosine; and the row that did not, with the vector that it got, or else with its own
        vector of before.
    """
    truth = context.legacy if suspect.side is Side.CANDIDATE else context.candidate
    good: dict[int, float] = {}
    for row in dict.fromkeys(int(rows[place]) for place in (0, len(rows) // 2, len(rows) - 1)):
        if not budget.allows(suspect.side):
            break
        vector = budget.embed(suspect.side, [context.text_of(row)])[0]
        if vector is None:
            return good, (row, suspect.vectors[row])
        cosine = pair_cosine(truth[row], vector)
        if cosine < context.near:
            return good, (row, vector)
        good[row] = cosine
    return good, None


def _circumstance(context: DiagnosisContext, suspect: Suspect, rows: Rows, good: dict[int, float]) -> FoundCause:
    words = (
        f"the {suspect.side} side returned the {suspect.other} side's vector for {len(good)} of {len(rows)} failing "
        "texts when each was sent again, alone: what fails depends on the batch, the load or what came before"
    )
    after = np.array(list(good.values()))
    evidence = context.evidence(list(good), lambda _: f"sent to the {suspect.side} side again, alone", after)
    return FoundCause(CauseName.CIRCUMSTANCES, words, Confidence.LIKELY, rows, evidence)


def _unsteady(context: DiagnosisContext, suspect: Suspect, rows: Rows, budget: RequestBudget) -> list[FoundCause]:
    """Send one request with the failing texts twice; texts with two different vectors are not deterministic."""
    picked = rows[: budget.texts].tolist()
    texts = [context.text_of(row) for row in picked]
    twice = _same(budget.embed(suspect.side, texts), budget.embed(suspect.side, texts))
    moved = twice < context.threshold
    strayed = [row for row, one in zip(picked, moved.tolist(), strict=True) if one]
    if not strayed:
        return []
    words = (
        f"the {suspect.side} side, sent one request with {len(picked)} failing texts twice, gave {len(strayed)} of "
        f"them two vectors: 1 - cosine up to {1 - twice[moved].min():.2g}"
    )
    evidence = context.evidence(
        strayed,
        lambda _: f"the {suspect.side} side's two responses to one request, compared with each other",
        twice[moved],
    )
    return [FoundCause(CauseName.NOT_DETERMINISTIC, words, Confidence.PROVEN, np.array(strayed, np.intp), evidence)]


def find_history(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return "history" where one request passed among those that failed, and sent again it fails as well.

    That passing rows stand together proves nothing, for a set may be sorted. That their request, sent again,
    gets other vectors than before, and the same other ones once more, shows that the state of the side has changed.
    """
    passed = _passed(context, waiting)
    if not len(passed) or not context.same_width:
        return []
    texts = [context.text_of(row) for row in passed.tolist()]
    for suspect in Suspect.both(context):
        if not budget.allows(suspect.side):
            continue
        now = budget.embed(suspect.side, texts)
        since = _same([suspect.vectors[row] for row in passed.tolist()], now)
        moved = context.passing[passed] & (since < context.threshold)
        if moved.sum() < _FEWEST:
            continue
        if (_same(now, budget.embed(suspect.side, texts))[moved] >= context.threshold).all():
            return [_history(context, suspect, waiting, passed[moved], since[moved])]
    return []


def _passed(context: DiagnosisContext, waiting: Mask) -> Rows:
    """Return the rows of the request that passed against all odds; empty where chance may have put them together."""
    batch = max(1, context.subject.batch_size)
    requests = context.ordinals // batch
    failing, passing = waiting & context.low, context.passing
    all_bad, all_fine = int(failing.sum()), int(passing.sum())
    kinds, sizes = np.unique(requests, return_counts=True)
    kinds = kinds[sizes == batch]  # a request that is not here as a whole cannot be sent again as it was
    chances = [
        chance_of(int(passing[own].sum()), int(failing[own].sum()), all_fine, all_bad) * len(kinds)
        for own in (requests == kind for kind in kinds.tolist())
    ]
    if not chances or min(chances) > CHANCE:
        return np.empty(0, np.intp)
    return np.flatnonzero(requests == kinds[int(np.argmin(chances))])


def _history(context: DiagnosisContext, suspect: Suspect, waiting: Mask, moved: Rows, since: Float64) -> FoundCause:
    with np.errstate(invalid="ignore"):
        of_its_size = 1.0 - context.cosine <= _SAME_SIZE * float(1.0 - since.min())
    rows = indices(waiting & context.low & of_its_size)
    words = (
        f"a request that passed among others that failed was sent to the {suspect.side} side again, twice: "
        f"{len(moved)} of its texts got other vectors than before, the same both times, 1 - cosine up to "
        f"{1 - since.min():.2g}; {len(rows)} failing samples fail by no more than that, so something in "
        "between changed the state of the side"
    )
    tried = f"the same request sent to the {suspect.side} side again, compared with its first response"
    evidence = context.evidence(moved.tolist(), lambda _: tried, since)
    return FoundCause(CauseName.HISTORY, words, Confidence.LIKELY, rows, evidence)


def _same(before: "list[Vector] | list[Vector | None]", after: "list[Vector | None]") -> Float64:
    """Return the cosine of each pair of vectors; NaN where one of them is missing."""
    return np.array(
        [
            np.nan if one is None or two is None else pair_cosine(one, two)
            for one, two in zip(before, after, strict=True)
        ],
        np.float64,
    )
