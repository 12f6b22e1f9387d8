"""Where a side cuts a text: the limit found by asking for ever closer beginnings.

Here belongs the search with a few requests. A guess from the lengths of failing and passing texts belongs to `text_split`.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.counterfactuals import RequestBudget, Suspect
from parity_pipeline.core.diagnosis.records import CauseName, Confidence

_HOPELESS: Final = 0.5
"""Cosine of the best of some 60 beginnings below which no closer look is taken."""

_TOPS: Final = 3
"""Best cuts so far around which the last request looks."""

_SHORTEST: Final = 8
"""Characters below which a text is not searched."""


def find_cut(scene: DiagnosisContext, waiting: Mask, purse: RequestBudget) -> list[FoundCause]:
    """Return "text cut" where a beginning of a failing text alone, asked of the other side, gives the very same vector."""
    rows = sorted(indices(waiting & scene.low).tolist(), key=lambda row: -len(scene.text_of(row)))
    if not rows or not scene.same_width or len(scene.text_of(rows[0])) < _SHORTEST:
        return []
    example = rows[0]
    for suspect in Suspect.both(scene):
        limit = _limit(scene, suspect, example, purse)
        if limit is not None and purse.can_ask(suspect.other):
            finding = _proven(scene, suspect, limit, rows, purse)
            if finding:
                return [finding]
    return []


def _limit(scene: DiagnosisContext, suspect: Suspect, row: int, purse: RequestBudget) -> int | None:
    """Return the number of characters whose vector by the other side is the suspect's of the whole text; None for none.

    By and large the cosine rises up to the limit and falls behind it, so each request looks closer around the best of
    those before. From cut to cut it goes up and down, so the last one looks around the best few.
    """
    text = scene.text_of(row)
    end = step = len(text.rstrip())
    near: dict[int, float] = {}
    while step > 1 and purse.can_ask(suspect.other):
        cuts, step = _closer(near, step, end, purse.texts)
        if not cuts:
            break
        answers = purse.ask(suspect.other, [text[:cut] for cut in cuts])
        for cut, one in zip(cuts, answers, strict=True):
            near[cut] = 0.0 if one is None else pair_cosine(suspect.vectors[row], one)
        if max(near.values()) <= _HOPELESS:
            break
    best = max(near, key=lambda cut: near[cut], default=0)
    return best if near.get(best, 0.0) >= scene.near else None


def _closer(near: dict[int, float], step: int, end: int, most: int) -> tuple[list[int], int]:
    """Return the next cuts to ask for, and the largest distance between two of them and those asked before."""
    ranked = sorted(near, key=lambda cut: -near[cut])
    if near and 2 * step <= most:
        beside = (cut for top in ranked[:_TOPS] for cut in range(top - step + 1, top + step))
        return list(dict.fromkeys(cut for cut in beside if 0 < cut < end and cut not in near))[:most], 1
    low, high = (max(0, ranked[0] - step), min(end, ranked[0] + step)) if near else (0, end)
    cuts = np.unique(np.linspace(low, high, most + 2).astype(np.intp)[1:-1])
    cuts = cuts[(cuts > low) & (cuts < high)]
    return cuts.tolist(), int(np.diff(cuts, prepend=low).max(initial=1))


def _proven(
    scene: DiagnosisContext, suspect: Suspect, limit: int, rows: list[int], purse: RequestBudget
) -> FoundCause | None:
    """Ask the other side for the beginnings of all failing texts that are longer, as far as one request goes."""
    longer = [row for row in rows if len(scene.text_of(row)) > limit]
    picked = longer[: purse.texts]
    answers = purse.ask(suspect.other, [scene.text_of(row)[:limit] for row in picked])
    after = np.array(
        [
            0.0 if vector is None else pair_cosine(suspect.vectors[row], vector)
            for row, vector in zip(picked, answers, strict=True)
        ]
    )
    good = after >= scene.near
    restored = [row for row, kept in zip(picked, good.tolist(), strict=True) if kept]
    if not good[0]:
        return None
    everywhere = len(restored) > 1 and len(restored) >= 0.95 * len(picked)
    explained = longer if everywhere and len(longer) > len(picked) else restored
    head = scene.text_of(rows[0])[:limit]
    where = f"{limit} characters"
    if not everywhere:
        where += f" ({len(head.split())} words) of sample {scene.id_of(rows[0])}"
    words = (
        f"the {suspect.side} side reads no more than {where}: asked for the beginnings alone, the {suspect.other} side gives "
        f"its vector for {len(restored)} of {len(picked)} failing samples asked about"
    )
    evidence = scene.evidence(
        restored, lambda _: f"{suspect.other} asked for the first {limit} characters", after[good]
    )
    return FoundCause(CauseName.TRUNCATION, words, Confidence.PROVEN, np.array(sorted(explained), np.intp), evidence)
