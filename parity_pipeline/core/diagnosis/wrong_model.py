"""Vectors of another model: of one whose vectors are known, or of one that is not.

Here belong requests to known models, the comparison with them, and the last resort for whole spaces that have nothing
in common. A rotated or otherwise related space belongs to `transforms`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import (
    DiagnosisContext,
    FoundCause,
    Mask,
    indices,
    pair_cosine,
    row_cosines,
    vector_of,
)
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows, Vector
from parity_pipeline.core.diagnosis.request_budget import RequestBudget
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.outcomes import Outcome, Side

FAR: Final = 0.9
"""Median cosine below which two sides do not share a space. Other poolings of one model had less (case 16)."""

FEW: Final = 8
"""Rows below which nothing is said about a whole space."""

_COMPARED: Final = 400
"""Rows whose mutual similarities are compared, so that 80,000 pairs say whether two spaces see alike."""


_KNOWN_TEXTS: Final = 8
"""Failing texts that are sent to another model, to recognise it."""

_KNOWN_PASSING: Final = 4
"""Passing texts that are sent beside them: a second name for the model of the partition gives their very vectors."""

_PART: Final = 3
"""Of how many parts of the budget other models get one."""


def find_known_model(context: DiagnosisContext, waiting: Mask, budget: RequestBudget) -> list[FoundCause]:
    """Return a cause for each other model, by its name on either side, whose vectors are on failing rows of a side.

    A second name for the model of the partition does not count as another model. One that a side gives under both names is named only
    where the other side, too, gives it other vectors than it gives for the model of the partition.
    """
    usable = np.array(
        [outcome in {Outcome.MISMATCH, Outcome.DIMENSION_MISMATCH} for outcome in context.compared.outcomes], np.bool_
    )
    left = indices(waiting & usable & ~(context.low & (context.cosine >= FAR)))
    if not len(left) or not budget.others:
        return []
    rows = left[:: -(-len(left) // _KNOWN_TEXTS)].tolist()
    passing = indices(context.passing)[:_KNOWN_PASSING].tolist()
    sent = [*rows, *passing]
    texts = [context.text_of(row) for row in sent]
    most = max(1, budget.left // _PART)
    found: list[FoundCause] = []
    # What is refused as a whole is sent in halves, which must not take the requests of all other causes.
    kept_back, budget.kept_back = budget.kept_back, max(budget.kept_back, budget.left - most)
    for name, side in budget.others[:most]:
        vectors = dict(zip(sent, budget.embed((name, side), texts), strict=True))
        for finding in _known(context, (name, side), vectors, rows, left):
            found.append(finding)
            left = np.setdiff1d(left, finding.rows)
            rows = [row for row in rows if row in left]
    budget.kept_back = kept_back
    return found


def _known(
    context: DiagnosisContext,
    model: tuple[str, Side],
    vectors: Mapping[int, Vector | None],
    rows: Sequence[int],
    left: Rows,
) -> list[FoundCause]:
    found: list[FoundCause] = []
    sides = ((Side.CANDIDATE, context.subject.candidate), (Side.LEGACY, context.subject.legacy))
    for side, own in sides:
        known = {row: vector for row, vector in vectors.items() if vector is not None}
        after = {row: pair_cosine(vector_of(own, row), known[row]) for row in rows if row in known}
        same = [row for row, cosine in after.items() if cosine >= context.threshold]
        if not same or (model[1] is side and not _other_on_passing(context, own, known, rows)):
            continue
        explained = left if len(same) == len(after) > 1 else np.array(same, np.intp)
        words = (
            f"the {side} side's vectors of {len(same)} of {len(after)} samples tried are those of {model[0]!r} of the "
            f"{model[1]} side"
        )
        cosines = np.array([after[row] for row in same])
        evidence = context.evidence(same, lambda _: f"the vector of {model[0]!r} of the {model[1]} side", cosines)
        found.append(FoundCause(CauseName.WRONG_MODEL, words, Confidence.PROVEN, explained, evidence, side=side))
        break
    return found


def _other_on_passing(
    context: DiagnosisContext, own: FetchedRows, known: Mapping[int, Vector], rows: Sequence[int]
) -> bool:
    """Say whether a side gives passing texts other vectors under the other name: else it is a second name of one model."""
    cosines = [pair_cosine(vector_of(own, row), vector) for row, vector in known.items() if row not in rows]
    return bool(cosines) and max(cosines) < context.threshold


def find_strange_space(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "another model or pooling" where a text is as far from its own vector as from any other text's.

    That is measured against the background of the space: in an anisotropic one all texts lie near each other.
    """
    rows = _whole(context, waiting)
    if not len(rows):
        return []
    picked = rows[:_COMPARED]
    cosines = context.legacy[picked].astype(np.float64) @ context.candidate[picked].T
    own, others = cosines.diagonal(), cosines[~np.eye(len(picked), dtype=np.bool_)]
    if float(np.median(own)) > float(np.quantile(others, _BACKGROUND)):
        return []
    words = (
        f"{len(rows)} samples are as far from their own vector of the other side (median cosine {np.median(own):.3f}) as "
        f"from that of any other text (median {np.median(others):.3f}): the two sides share no space"
    )
    evidence = context.evidence(rows.tolist(), lambda _: "as stored")
    return [FoundCause(CauseName.OTHER_SPACE, words, Confidence.LIKELY, rows, evidence)]


_BACKGROUND: Final = 0.9
"""Quantile of the cosines of different texts that a text's own cosine has to exceed where two sides share a space."""


def _whole(context: DiagnosisContext, waiting: Mask) -> Rows:
    """Return the waiting rows where nearly all samples fail, far off; else none."""
    rows = indices(waiting & context.low)
    typical = rows[context.typical[rows]]
    measured = int(((context.low | context.passing) & context.typical).sum())
    whole = context.same_width and len(typical) >= max(FEW, 0.9 * measured)
    return rows if whole and float(np.median(context.cosine[typical])) < FAR else np.empty(0, np.intp)


def find_other_space(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "another model or pooling" where nearly all samples fail, far off, and no simpler cause was found."""
    rows = _whole(context, waiting)
    if not len(rows):
        return []
    measured = int((context.low | context.passing).sum())
    alike = _likeness(context.legacy[rows[:_COMPARED]], context.candidate[rows[:_COMPARED]])
    relation = (
        "the two sides still see the same texts as near to each other, so it is a relative of the model or its pooling"
        if alike > 0.5
        else "which texts are near to each other differs too, so it is more than a change of coordinates"
    )
    words = (
        f"{len(rows)} of {measured} samples point elsewhere (median cosine {np.median(context.cosine[rows]):.3f}) and "
        f"no single change of the vectors brings them back; {relation} (correlation of similarities {alike:.2f})"
    )
    evidence = context.evidence(rows.tolist(), lambda _: "as stored")
    return [FoundCause(CauseName.OTHER_SPACE, words, Confidence.LIKELY, rows, evidence)]


def _likeness(legacy: Matrix32, candidate: Matrix32) -> float:
    """Return the correlation of the two sides' mutual similarities, in [-1, 1]; 0 where one side has no spread."""
    upper = np.triu_indices(len(legacy), 1)
    one, two = (legacy @ legacy.T)[upper], (candidate @ candidate.T)[upper]
    centred = (one - one.mean())[None], (two - two.mean())[None]
    return float(row_cosines(*centred)[0])
