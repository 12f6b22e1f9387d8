"""Rows that hold the vector of another text.

Here belongs finding them among known vectors. Which responses are searched belongs to `observations`.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.metrics import Float64, Matrix32
from parity_pipeline.core.stability.records import Texts


@dataclass(frozen=True, slots=True, kw_only=True)
class MisplacedRow:
    """A row that equals another text's vector.

    Attributes:
        row: Its position in the request, from 0.
        text: The text that stands there.
        holds: The text whose vector it equals.
        cosine: To that vector.
        own: To its own text's vector; 0 where that is not known.
    """

    row: int
    text: str
    holds: str
    cosine: float
    own: float


@dataclass(frozen=True, slots=True, kw_only=True)
class MisplacedRows:
    """The misplaced rows of one response.

    Attributes:
        within: Those that hold the vector of another text of the request.
        beyond: Those that hold that of a text of another request.
        order: For each row the position of the text whose vector it holds, where every row holds that of exactly one
            text of the request and not all of their own; empty otherwise.
    """

    within: tuple[MisplacedRow, ...]
    beyond: tuple[MisplacedRow, ...]
    order: tuple[int, ...]


def misplaced_rows(request: Texts, vectors: Matrix32, known: Mapping[str, Matrix32], threshold: float) -> MisplacedRows:
    """Find the rows that another text's known vector fits better than their own, and at least to the threshold.

    Args:
        request: The texts of the request.
        vectors: Its vectors, float32, shape (texts, dimensions).
        known: Text to its vector, float32, shape (dimensions,); those of other widths are passed over.
        threshold: Cosine from which on a vector is taken for that of a text.
    """
    names = [text for text, vector in known.items() if vector.shape == vectors.shape[1:]]
    if not names:
        return MisplacedRows(within=(), beyond=(), order=())
    cosines = _unit(vectors) @ _unit(np.array([known[text] for text in names], np.float32)).T
    place = {text: index for index, text in enumerate(names)}
    own = np.array([cosines[row, place[text]] if text in place else 0.0 for row, text in enumerate(request)])
    best = cosines.argmax(axis=1)
    top = cosines[np.arange(len(request)), best]
    odd = (top >= threshold) & (top > own) & (own < threshold)
    found = [
        MisplacedRow(row=row, text=text, holds=names[best[row]], cosine=float(top[row]), own=float(own[row]))
        for row, text in enumerate(request)
        if odd[row]
    ]
    return MisplacedRows(
        within=tuple(one for one in found if one.holds in request),
        beyond=tuple(one for one in found if one.holds not in request),
        order=_order(request, [names[index] for index in best], top >= threshold),
    )


def _order(request: Texts, holds: list[str], sure: NDArray[np.bool_]) -> tuple[int, ...]:
    position = {text: index for index, text in enumerate(request)}
    order = tuple(position.get(text, -1) for text in holds)
    every = bool(sure.all()) and sorted(order) == list(range(len(request)))
    return order if every and order != tuple(range(len(request))) else ()


def _unit(rows: Matrix32) -> Float64:
    """Return the rows divided by their norms; rows without a direction as zeros, which nothing is close to."""
    wide = rows.astype(np.float64)
    wide[~np.isfinite(wide).all(axis=1)] = 0.0
    norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return wide / np.where(norms > 0, norms, 1.0)[:, None]
