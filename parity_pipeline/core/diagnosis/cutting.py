"""Where a side cuts a text: the limit found by asking for ever closer beginnings.

Here belongs the search with a few requests. A guess from the lengths of failing and passing texts belongs to `texts`.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.asking import Purse, Suspect
from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.core.diagnosis.scene import Finding, Mask, Scene, indices, pair_cosine

UNCHANGED: Final = 1e-5
"""Largest 1 - cosine of two beginnings that a side is taken to read as the same tokens; recorded noise was 5e-7."""

_PROBES: Final = 32
"""Beginnings of one request: three requests find the character among 30,000."""

_SHORTEST: Final = 8
"""Characters below which a text is not searched."""


def find_cut(scene: Scene, waiting: Mask, purse: Purse) -> list[Finding]:
    """Return "text cut" where editing the tail of a failing text changes nothing on one side and the head restores it."""
    rows = sorted(indices(waiting & scene.low).tolist(), key=lambda row: -len(scene.texts[row]))
    if not rows or not scene.same_width or len(scene.texts[rows[0]]) < _SHORTEST:
        return []
    example = rows[0]
    for suspect in Suspect.both(scene):
        limit = _limit(scene, suspect, example, purse)
        if limit is not None and purse.can_ask(suspect.other):
            finding = _proven(scene, suspect, limit, rows, purse)
            if finding:
                return [finding]
    return []


def _limit(scene: Scene, suspect: Suspect, row: int, purse: Purse) -> int | None:
    """Return the fewest characters of the text that give the suspect's vector of all of it; None where all count."""
    text = scene.texts[row]
    low, high = 0, len(text)  # the beginning of `low` characters differs, that of `high` does not
    probes = min(_PROBES, purse.texts)
    while high - low > 1:
        if not purse.can_ask(suspect.side):
            return None
        cuts = np.unique(np.linspace(low, high, probes + 2).astype(np.intp)[1:-1])
        cuts = cuts[(cuts > low) & (cuts < high)]
        answers = purse.ask(suspect.side, [text[:cut] for cut in cuts.tolist()])
        same = [
            cut
            for cut, vector in zip(cuts.tolist(), answers, strict=True)
            if vector is not None and 1.0 - pair_cosine(suspect.vectors[row], vector) <= UNCHANGED
        ]
        if high == len(text) and not same:
            return None
        high = min(same, default=high)
        low = max((cut for cut in cuts.tolist() if cut < high), default=low)
    return high


def _proven(scene: Scene, suspect: Suspect, limit: int, rows: list[int], purse: Purse) -> Finding | None:
    """Ask the other side for the beginnings of all failing texts that are longer, as far as one request goes."""
    longer = [row for row in rows if len(scene.texts[row]) > limit]
    picked = longer[: purse.texts]
    answers = purse.ask(suspect.other, [scene.texts[row][:limit] for row in picked])
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
    head = scene.texts[rows[0]][:limit]
    where = f"{limit} characters"
    if not everywhere:
        where += f" ({len(head.split())} words) of sample {scene.ids[rows[0]]}"
    words = (
        f"the {suspect.side} side reads no more than {where}: asked for the beginnings alone, the {suspect.other} side gives "
        f"its vector for {len(restored)} of {len(picked)} failing samples asked about"
    )
    evidence = scene.evidence(
        restored, lambda _: f"{suspect.other} asked for the first {limit} characters", after[good]
    )
    return Finding(CauseName.TRUNCATION, words, Confidence.PROVEN, np.array(sorted(explained), np.intp), evidence)
