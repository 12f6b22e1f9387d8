"""The very same text or request asked again: whether a side still answers as it did.

Here belong causes that no property of a text shows: what was in flight beside it, what came before it, chance. Asking for
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
"""How many times the drift that was seen a failing row's own 1 - cosine may be and still be of its size."""

_FEWEST: Final = 2
"""Rows of a request that have to come out otherwise before a side is said to have changed."""


def find_circumstances(scene: DiagnosisContext, waiting: Mask, purse: RequestBudget) -> list[FoundCause]:
    """Return what a failing text asked again, alone, shows: "batch, load or history", or "not deterministic".

    The first where a side now gives the other side's vector, the second where it gives neither that nor its own of
    before, and the same request twice gives two answers.
    """
    rows = indices(waiting & scene.low)
    if not scene.same_width or not len(rows):
        return []
    for suspect in Suspect.both(scene):
        good, last = _asked_alone(scene, suspect, rows, purse)
        if last is None and good:
            return [_circumstance(scene, suspect, rows, good)]
        if last is not None and pair_cosine(suspect.vectors[last[0]], last[1]) < scene.threshold:
            chance = _unsteady(scene, suspect, rows, purse)
            if chance:
                return chance
    return []


def _asked_alone(
    scene: DiagnosisContext, suspect: Suspect, rows: Rows, purse: RequestBudget
) -> tuple[dict[int, float], tuple[int, Vector] | None]:
    """Ask a side for up to three failing texts, each alone, until one does not get the other side's vector.

    Returns:
        Rows that got it, with the cosine; and the row that did not, with what it got; its own vector of before where that is nothing.
    """
    truth = scene.legacy if suspect.side is Side.CANDIDATE else scene.candidate
    good: dict[int, float] = {}
    for row in dict.fromkeys(int(rows[place]) for place in (0, len(rows) // 2, len(rows) - 1)):
        if not purse.can_ask(suspect.side):
            break
        vector = purse.ask(suspect.side, [scene.text_of(row)])[0]
        if vector is None:
            return good, (row, suspect.vectors[row])
        cosine = pair_cosine(truth[row], vector)
        if cosine < scene.near:
            return good, (row, vector)
        good[row] = cosine
    return good, None


def _circumstance(scene: DiagnosisContext, suspect: Suspect, rows: Rows, good: dict[int, float]) -> FoundCause:
    words = (
        f"the {suspect.side} side, asked for {len(good)} of {len(rows)} failing texts again, each alone, gave the "
        f"{suspect.other} side's vector: what fails depends on the batch, the load or what came before"
    )
    after = np.array(list(good.values()))
    evidence = scene.evidence(list(good), lambda _: f"{suspect.side} asked again, alone", after)
    return FoundCause(CauseName.CIRCUMSTANCES, words, Confidence.LIKELY, rows, evidence)


def _unsteady(scene: DiagnosisContext, suspect: Suspect, rows: Rows, purse: RequestBudget) -> list[FoundCause]:
    """Send one request with the failing texts twice; those whose two answers differ are answered by chance."""
    picked = rows[: purse.texts].tolist()
    texts = [scene.text_of(row) for row in picked]
    twice = _same(purse.ask(suspect.side, texts), purse.ask(suspect.side, texts))
    moved = twice < scene.threshold
    strayed = [row for row, one in zip(picked, moved.tolist(), strict=True) if one]
    if not strayed:
        return []
    words = (
        f"the {suspect.side} side, sent one request with {len(picked)} failing texts twice, gave {len(strayed)} of them two "
        f"vectors: 1 - cosine up to {1 - twice[moved].min():.2g}"
    )
    evidence = scene.evidence(
        strayed, lambda _: f"the {suspect.side} side's two answers to one request, against each other", twice[moved]
    )
    return [FoundCause(CauseName.NOT_DETERMINISTIC, words, Confidence.PROVEN, np.array(strayed, np.intp), evidence)]


def find_history(scene: DiagnosisContext, waiting: Mask, purse: RequestBudget) -> list[FoundCause]:
    """Return "history" where one request passed among those that failed, and sent again it fails as well.

    That passing rows stand together proves nothing, for a set may be sorted. That their request, sent again, is answered
    otherwise than before, and once more in this other way, shows a side that is in another state since.
    """
    passed = _passed(scene, waiting)
    if not len(passed) or not scene.same_width:
        return []
    texts = [scene.text_of(row) for row in passed.tolist()]
    for suspect in Suspect.both(scene):
        if not purse.can_ask(suspect.side):
            continue
        now = purse.ask(suspect.side, texts)
        since = _same([suspect.vectors[row] for row in passed.tolist()], now)
        moved = scene.passing[passed] & (since < scene.threshold)
        if moved.sum() < _FEWEST:
            continue
        if (_same(now, purse.ask(suspect.side, texts))[moved] >= scene.threshold).all():
            return [_history(scene, suspect, waiting, passed[moved], since[moved])]
    return []


def _passed(scene: DiagnosisContext, waiting: Mask) -> Rows:
    """Return the rows of the request that passed against all odds; empty where chance may have put them together."""
    batch = max(1, scene.subject.batch_size)
    requests = scene.ordinals // batch
    failing, passing = waiting & scene.low, scene.passing
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


def _history(scene: DiagnosisContext, suspect: Suspect, waiting: Mask, moved: Rows, since: Float64) -> FoundCause:
    with np.errstate(invalid="ignore"):
        of_its_size = 1.0 - scene.cosine <= _SAME_SIZE * float(1.0 - since.min())
    rows = indices(waiting & scene.low & of_its_size)
    words = (
        f"the {suspect.side} side, sent again a request that passed among others that failed, gives {len(moved)} of its texts "
        f"other vectors than then, twice the same ones: 1 - cosine up to {1 - since.min():.2g}; {len(rows)} failing samples fail "
        "by no more than that, so something that came in between changed how it answers"
    )
    tried = f"{suspect.side} sent the same request again, against its answer then"
    evidence = scene.evidence(moved.tolist(), lambda _: tried, since)
    return FoundCause(CauseName.HISTORY, words, Confidence.LIKELY, rows, evidence)


def _same(before: "list[Vector] | list[Vector | None]", after: "list[Vector | None]") -> Float64:
    """Return the cosine of each pair of answers; NaN where one of them is missing."""
    return np.array(
        [
            np.nan if one is None or two is None else pair_cosine(one, two)
            for one, two in zip(before, after, strict=True)
        ],
        np.float64,
    )
