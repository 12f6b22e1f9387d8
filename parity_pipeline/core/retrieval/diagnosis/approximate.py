"""What an approximate index loses: holes that are filled from further down, other ones for each query.

Here belongs the rule that names a badly tuned index. Documents that are missing for every query, because the index does not
hold them, belong to `index_content`.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.diagnosis.picture import (
    COARSE_TIE,
    NEARLY_ALL,
    SUPPORT,
    WIDESPREAD,
    Claim,
    Picture,
)

USUAL_LOSS: Final = 0.01
"""Share of results, in [0, 1], that an approximate index loses when it is tuned as usual: no cause to name."""
_LEAST_KEPT: Final = 0.35
"""Smallest share of results that lists with holes keep; an index that loses more is not tuned badly but broken."""
_SHORT: Final = 5
"""Results of a list that an approximate index may lose altogether."""


def approximate_index(picture: Picture) -> Claim | None:
    """Claim holes that an approximate index leaves, where they are more than usual."""
    cases = [case for case in picture.left if case.holes]
    counts = picture.evidence.counts
    total, lost = int(counts.legacy.sum()), picture.scaled(cases, lambda case: case.missing)
    if len(picture.left) == len(picture.differing):
        # Where nothing else is the matter, holes of queries that agree well enough count too.
        foreign = [case for case in picture.left if case.apart and len(case.legacy) > _SHORT]
        lost = int(counts.missed.sum()) - picture.scaled(foreign, lambda case: case.missing)
    usual = USUAL_LOSS * total
    if len(cases) < SUPPORT or lost <= usual + 4.0 * np.sqrt(usual * (1.0 - USUAL_LOSS)):
        return None
    deeper = sum(case.extra > 0 for case in cases)
    turned = [case for case in picture.left if case.compared and not case.holes and not case.gap <= COARSE_TIE]
    kept = 1.0 - sum(case.missing for case in cases) / sum(len(case.legacy) for case in cases)
    if deeper < NEARLY_ALL * len(cases) or len(turned) > 0.2 * len(cases) or kept < _LEAST_KEPT:
        return None
    if not _at_random(picture):
        return None
    nothing = [case for case in picture.left if case.apart and len(case.legacy) <= _SHORT]
    # One or two long lists that keep nothing are stray queries; more of them are regions of a graph that are not reached.
    deep = [case for case in picture.left if case.apart and len(case.legacy) > _SHORT and not case.better_extras]
    if picture.share_differing() >= WIDESPREAD and SUPPORT <= len(deep) <= len(cases) / 2:
        nothing += [case for case in deep if case.comparable]
    return Claim(
        name=RetrievalCauseName.APPROXIMATE_INDEX,
        proven=False,
        side="candidate",
        cases=cases + nothing,
        evidence=(
            f"{lost / total:.1%} of the legacy results are missing, and the places are filled from further down",
            "common documents have the same order and scores",
            "most documents that are missing for one query are returned for others",
        ),
        remedy="Raise the effort of the candidate's search (`ef`, `nprobe`, candidates) or of building its index.",
    )


def _at_random(picture: Picture) -> bool:
    """Return whether documents that are missed for one query are returned for others, about as often as those that are not.

    An index that lacks documents never returns them, so that a set too small to show that it does says nothing.
    """
    counts = picture.evidence.counts
    missed = counts.missed > 0
    kept = (counts.legacy > 0) & ~missed
    if not (missed.any() and kept.any()):
        return False
    # The query that did not miss it is one more chance to be seen.
    usual = float((counts.candidate[kept] >= 2).mean())
    return float((counts.candidate[missed] >= 1).mean()) >= 0.4 * usual > 0.0
