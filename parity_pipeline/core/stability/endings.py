"""Canaries that a cache holds from another model: a swap of models that repeats cannot show.

A cache that kept its vectors over a change of the model answers a fixed text with the old model's vector and a text it
never saw with the new one's. Both stay as they are when asked again. But a long text and the same text with a short new
ending lie close together within one model, and are as good as orthogonal across two. Here belongs that one comparison.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.metrics import Matrix32, measure_rows
from parity_pipeline.core.samples import sample_id
from parity_pipeline.core.stability.records import Fault, FaultKind, Texts

_FAR: Final = 0.3
"""Cosine below which a text and the same text with a new ending are taken to be of two models. Vectors of different
models are as good as orthogonal; an ending of a dozen characters moves a text of 60 and more far less within one."""

_NEAR: Final = 0.7
"""Smallest cosine of a text with two new endings at which this model is known to be moved little by an ending."""


def foreign_fault(endings: tuple[Texts, Texts, Texts], known: Mapping[Texts, Matrix32]) -> Fault | None:
    """Return the fault of texts that lie far from themselves with a new ending; None where there is none.

    Args:
        endings: The texts, and the same with two new endings, in the same order.
        known: Request, to its kept vectors, float32, shape (texts, dimensions). Texts without vectors are passed over.
    """
    vectors = {text: rows[place : place + 1] for texts, rows in known.items() for place, text in enumerate(texts)}
    whole = [texts for texts in zip(*endings, strict=True) if all(text in vectors for text in texts)]
    far = tuple(texts[0] for texts in whole if _foreign(*(vectors[text] for text in texts)))
    if not far:
        return None
    return Fault(
        kind=FaultKind.OTHER_SPACE,
        label="new endings",
        words=f"{len(far)} of {len(whole)} fixed texts lie far from the same text with a new ending",
        count=len(far),
        samples=tuple(map(sample_id, far)),
        cases=(28,),
    )


def _foreign(plain: Matrix32, first: Matrix32, second: Matrix32) -> bool:
    if first.shape != second.shape or not _cosine(first, second) >= _NEAR:
        return False
    return plain.shape != first.shape or _cosine(plain, first) < _FAR


def _cosine(one: Matrix32, two: Matrix32) -> float:
    return float(measure_rows(one, two).cosine[0])
