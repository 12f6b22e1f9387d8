"""Vectors of another model: of one whose vectors are known, or of one that is not.

Here belong requests to known models, the comparison with them, and the last resort for whole spaces that have nothing
in common. A rotated or otherwise related space belongs to `transforms`.
"""

from collections.abc import Sequence
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import (
    DiagnosisContext,
    FoundCause,
    Mask,
    indices,
    pair_cosine,
    row_cosines,
    unit_rows,
    vector_of,
)
from parity_pipeline.core.diagnosis.records import Ask, CauseName, Confidence
from parity_pipeline.core.measures import Float64, Matrix32
from parity_pipeline.core.outcomes import Outcome, Side

FAR: Final = 0.9
"""Median cosine below which two sides do not share a space. Other poolings of one model had less (case 16)."""

FEW: Final = 8
"""Rows below which nothing is said about a whole space."""

_COMPARED: Final = 400
"""Rows whose mutual similarities are compared, so that 80,000 pairs say whether two spaces see alike."""


def known_vectors(ask: Ask, texts: Sequence[str], rows: Sequence[int], size: int) -> Matrix32 | None:
    """Return the vectors of another model for some samples, for `DiagnosisInput.known`; None where it gives nothing.

    Args:
        ask: Sends texts to that model of a side.
        texts: The texts of those samples.
        rows: Their rows among all samples, one per text.
        size: Number of all samples.

    Returns:
        float32, shape (size, dimensions), as wide as the widest vector; zeros in all other rows.
    """
    vectors = ask(texts) if len(texts) else []
    width = max((len(vector) for vector in vectors if vector is not None), default=0)
    matrix = np.zeros((size, width), np.float32)
    for row, vector in zip(rows, vectors, strict=True):
        if vector is not None and len(vector) == width:
            matrix[row] = vector
    return matrix if width else None


def find_known_model(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return a cause for each known model whose vectors are on failing rows of a side."""
    usable = np.array(
        [outcome in {Outcome.MISMATCH, Outcome.DIMENSION_MISMATCH} for outcome in context.compared.outcomes], np.bool_
    )
    left = waiting & usable
    found: list[FoundCause] = []
    for side, rows_of in ((Side.CANDIDATE, context.subject.candidate), (Side.LEGACY, context.subject.legacy)):
        for name, matrix in sorted(context.subject.known.items()):
            known = unit_rows(matrix)
            after = {row: pair_cosine(vector_of(rows_of, row), known[row]) for row in indices(left).tolist()}
            same = [row for row, cosine in after.items() if cosine >= context.threshold]
            if same:
                found.append(_known(context, side, name, same, np.array([after[row] for row in same])))
                left[same] = False
    return found


def _known(context: DiagnosisContext, side: Side, name: str, rows: list[int], after: Float64) -> FoundCause:
    words = f"the {side} side's vectors of {len(rows)} samples are those of {name}"
    evidence = context.evidence(rows, lambda _: f"the vector of {name}", after)
    return FoundCause(CauseName.WRONG_MODEL, words, Confidence.PROVEN, np.array(rows, np.intp), evidence)


def find_other_space(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "another model or pooling" where nearly all samples fail, far off, and no simpler cause was found."""
    rows = indices(waiting & context.low)
    measured = int((context.low | context.passing).sum())
    if len(rows) < max(FEW, 0.9 * measured) or float(np.median(context.cosine[rows])) >= FAR:
        return []
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
