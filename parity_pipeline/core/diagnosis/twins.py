"""Twins: two samples of the set of which one is an edit of the other.

Here belongs the strongest evidence there is without asking again: a side's vector of text A is the other side's vector
of text B, and B is A lower-cased, trimmed or otherwise edited.
"""

import numpy as np

from parity_pipeline.core.diagnosis.edits import EDITS, Edit, letters, skeleton
from parity_pipeline.core.diagnosis.records import Confidence, Evidence
from parity_pipeline.core.diagnosis.scene import Finding, Mask, Scene, counted, indices, pair_cosine
from parity_pipeline.core.outcomes import Side


def are_twins(one: str, other: str) -> bool:
    """Say whether two texts have the same words or letters but for case, accents and signs, or one begins or ends the other.

    >>> are_twins("Hello ", "hello "), are_twins("1.5 t", "15 t"), are_twins("Hello", "Goodbye")
    (True, True, False)
    """
    short, long = sorted((one, other), key=len)
    if short and (long.startswith(short) or long.endswith(short)):
        return True
    return skeleton(one) == skeleton(other) or letters(one) == letters(other) != ""


def find_twins(scene: Scene, waiting: Mask) -> list[Finding]:
    """Return a cause for each edit under which failing samples have the other side's vector of a twin."""
    if not scene.same_width:
        return []
    places: dict[str, int] = {}
    for row in indices(scene.passing | scene.low).tolist():
        places.setdefault(scene.text_of(row), row)
    rows: dict[tuple[Side, Edit], dict[int, Evidence]] = {}
    for row in indices(waiting & scene.low).tolist():
        for side in (Side.CANDIDATE, Side.LEGACY):
            told = _twin(scene, row, side, places)
            if told:
                edit, evidence = told
                rows.setdefault((side, edit), {})[row] = evidence
                break
    return [
        Finding(
            edit.cause,
            f"the {side} side gives {counted(len(found), 'failing sample')} the vector that the other side gives to the same "
            f"text once {edit.words}",
            Confidence.PROVEN,
            np.array(sorted(found), np.intp),
            [found[row] for row in sorted(found)],
        )
        for (side, edit), found in rows.items()
    ]


def _twin(scene: Scene, row: int, side: Side, places: dict[str, int]) -> tuple[Edit, Evidence] | None:
    """Return the slightest edit that leads from a row to a sample whose vector on the other side is the row's."""
    mine, other = (scene.candidate, scene.legacy) if side is Side.CANDIDATE else (scene.legacy, scene.candidate)
    for edit in EDITS:
        twin = places.get(edit.apply(scene.text_of(row)), row)
        if twin == row:
            continue
        after = pair_cosine(mine[row], other[twin])
        if after >= scene.near:
            tried = f"the other side's vector of its twin {scene.id_of(twin)}: {edit.words}"
            return edit, Evidence(sample=scene.id_of(row), tried=tried, before=float(scene.cosine[row]), after=after)
    return None
