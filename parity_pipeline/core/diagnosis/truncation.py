"""Where a side cuts a text: the limit, found by requesting ever closer beginnings.

Here belongs the search with a few requests. A guess from the lengths of failing and passing texts belongs to
`text_split`.
"""

import re
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine
from parity_pipeline.core.diagnosis.counterfactuals import scrambled, untouched
from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.core.diagnosis.request_budget import RequestBudget, Suspect

_HOPELESS: Final = 0.5
"""Cosine of the best of some 60 beginnings below which no closer look is taken."""

_TOPS: Final = 3
"""Best cuts so far around which the last request looks."""

_BESIDE: Final = 8
"""Characters around a limit within which other beginnings may give the very same vector."""

_BESIDE_SHARE: Final = 0.02
"""The same as a share of the text."""

_EXAMPLES: Final = 3
"""Failing texts, the longest first, of which the limit is looked for."""

_SHORTEST: Final = 8
"""Characters below which a text is not searched."""


_LAST_SIGNS: Final = re.compile(r"\W+$")
"""White space and punctuation at the end of a text."""


def find_cut(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return "text cut" where the other side returns the very same vector for a beginning of a failing text."""
    rows = sorted(indices(waiting & context.low).tolist(), key=lambda row: -len(context.text_of(row)))
    if not rows or not context.same_width or context.vague or len(context.text_of(rows[0])) < _SHORTEST:
        return []
    # The longest text may fail for another reason, or repeat itself.
    for place, example in enumerate(rows[:_EXAMPLES]):
        if len(context.text_of(example)) < _SHORTEST:
            break
        for suspect in Suspect.both(context):
            limit, shown = _limit(context, suspect, example, budget)
            finding = _proven(context, suspect, limit, shown, rows[place:], budget) if limit else None
            if finding:
                return [finding]
    return []


def _limit(context: DiagnosisContext, suspect: Suspect, row: int, budget: RequestBudget) -> tuple[int, float]:
    """Return the number of characters whose vector by the other side is the suspect's of the whole text, and the cosine.

    The number is 0 where there is none.

    By and large the cosine rises up to the limit and falls behind it, so each request looks closer around the best of
    those before. From cut to cut it goes up and down, so the last one looks around the best few.
    """
    text = context.text_of(row)
    # Without its last signs a text is cut, or trimmed, or its punctuation is dropped: nothing distinguishes these.
    end = step = len(_LAST_SIGNS.sub("", text) or text.rstrip())
    near: dict[int, float] = {}
    while step > 1 and budget.allows(suspect.other):
        cuts, step = _closer(near, step, end, budget.texts)
        if not cuts:
            break
        vectors = budget.embed(suspect.other, [text[:cut] for cut in cuts])
        for cut, one in zip(cuts, vectors, strict=True):
            near[cut] = 0.0 if one is None else pair_cosine(suspect.vectors[row], one)
        if max(near.values()) <= _HOPELESS:
            break
    best = max(near, key=lambda cut: near[cut], default=0)
    elsewhere = [cosine for cut, cosine in near.items() if abs(cut - best) > max(_BESIDE, _BESIDE_SHARE * end)]
    # Of a text that repeats itself many beginnings are alike, and none of them says where it was cut.
    if near.get(best, 0.0) < context.near or max(elsewhere, default=0.0) >= context.near:
        return 0, 0.0
    return best, near[best]


def _closer(near: dict[int, float], step: int, end: int, most: int) -> tuple[list[int], int]:
    """Return the next cuts to request, and the largest distance between two of them and those tried before."""
    ranked = sorted(near, key=lambda cut: -near[cut])
    if near and 2 * step <= most:
        beside = (cut for top in ranked[:_TOPS] for cut in range(top - step + 1, top + step))
        return list(dict.fromkeys(cut for cut in beside if 0 < cut < end and cut not in near))[:most], 1
    low, high = (max(0, ranked[0] - step), min(end, ranked[0] + step)) if near else (0, end)
    cuts = np.unique(np.linspace(low, high, most + 2).astype(np.intp)[1:-1])
    cuts = cuts[(cuts > low) & (cuts < high)]
    return cuts.tolist(), int(np.diff(cuts, prepend=low).max(initial=1))


def _proven(
    context: DiagnosisContext, suspect: Suspect, limit: int, shown: float, rows: list[int], budget: RequestBudget
) -> FoundCause | None:
    """Request the beginnings of all longer failing texts from the other side, as far as one request goes."""
    longer = [row for row in rows if len(context.text_of(row)) > limit]
    picked = longer[: max(1, (budget.texts - 2) // 3)]
    whole_texts = [context.text_of(row) for row in picked]
    texts = [one for text in whole_texts for one in (text[:limit], text, untouched(text))]
    control = [scrambled(whole_texts[0]), scrambled(whole_texts[0])[:limit]]
    *vectors, plain, cut = budget.embed(suspect.other, [*texts, *control])
    if plain is not None and cut is not None and pair_cosine(plain, cut) >= context.near:
        return None  # another text of that length is not changed by the cut either
    cosines = [
        None if vector is None else pair_cosine(suspect.vectors[row], vector)
        for row, vector in zip(np.repeat(picked, 3).tolist(), vectors, strict=True)
    ]
    steady = [
        vector is not None and pair_cosine(suspect.truth[row], vector) >= context.threshold
        for row, vector in zip(picked, vectors[1::3], strict=True)
    ]
    confidence = Confidence.PROVEN
    if cosines[0] is None:
        # Nothing may be sent any more, or it was refused: the search itself has shown the one text that it looked at.
        picked, cosines, confidence, steady = longer[:1], [shown, None, None], Confidence.LIKELY, [True]
    after, whole, same = (np.array([one or 0.0 for one in cosines[place::3]]) for place in range(3))
    # Where the whole text gets another vector than in the comparison, its slot or its side's state changed.
    good = (after >= context.near) & (whole < context.threshold) & (same < context.near) & np.array(steady, np.bool_)
    restored = [row for row, kept in zip(picked, good.tolist(), strict=True) if kept]
    if not good[0]:
        return None
    everywhere = len(restored) > 1 and len(restored) >= 0.95 * len(picked)
    explained = longer if everywhere and len(longer) > len(picked) else restored
    head = context.text_of(rows[0])[:limit]
    where = f"{limit} characters"
    if not everywhere:
        where += f" ({len(head.split())} words) of sample {context.id_of(rows[0])}"
    words = (
        f"the {suspect.side} side reads no more than {where}: for the beginning alone the {suspect.other} side returns "
        f"the same vector, for {len(restored)} of {len(picked)} failing samples tried"
    )
    evidence = context.evidence(
        restored, lambda _: f"the {suspect.other} vector of the first {limit} characters", after[good]
    )
    return FoundCause(
        CauseName.TRUNCATION,
        words,
        confidence,
        np.array(sorted(explained), np.intp),
        evidence,
        side=suspect.side,
    )
