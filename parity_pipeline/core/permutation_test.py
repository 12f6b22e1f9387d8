"""An exact permutation test of whether two sides' responses to one text differ by more than each side scatters.

Here belong distances of responses and the test. What follows from its p-value belongs to `confirmation`.

The test permutes the labels of the sides. Its statistic is the mean distance between the sides less the mean distance
within them: the energy statistic of Szekely and Rizzo, "Energy statistics: a class of statistics based on distances"
(2013), here of 1 - cosine.
"""

import math
from collections.abc import Sequence
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.measures import Float64

Response = NDArray[np.float32] | str
"""One response to a text: its vector, or a word for what came in its place."""

_APART: Final = 2.0
"""Distance of two responses of which one has no direction or another dimension: as far as two vectors can be."""

Flags = NDArray[np.bool_]


def distances(responses: Sequence[Response]) -> Float64:
    """Return 1 - cosine of each pair of responses, shape (n, n); 0 for the same word, 2 for things that do not compare.

    >>> one, other = np.array([1, 0], np.float32), np.array([0, 2], np.float32)
    >>> distances([one, other, "refused", "refused"])[0].tolist(), float(distances(["refused", "refused"])[0, 1])
    ([0.0, 1.0, 2.0, 2.0], 0.0)
    """
    kinds = [_kind(one) for one in responses]
    apart = np.array([[0.0 if one == other else _APART for other in kinds] for one in kinds])
    for kind in {one for one in kinds if isinstance(one, int)}:
        at = [place for place, one in enumerate(kinds) if one == kind]
        rows = np.array([responses[place] for place in at], np.float64)
        rows /= np.linalg.norm(rows, axis=1, keepdims=True)
        apart[np.ix_(at, at)] = np.clip(1.0 - rows @ rows.T, 0.0, 2.0)
    np.fill_diagonal(apart, 0.0)
    return apart


def _kind(response: Response) -> int | str:
    """Return the dimension of a vector with a direction, else a word."""
    if isinstance(response, str):
        return response
    norm = float(np.linalg.norm(response.astype(np.float64)))
    if not math.isfinite(norm):
        return f"not finite, {len(response)}"
    return len(response) if norm > 0 else f"zero, {len(response)}"


def permutation_p_value(apart: Float64, first: int) -> float:
    """Return the exact p-value of the energy statistic over all ways to deal the labels of two sides.

    Args:
        apart: Distances of all responses, shape (n, n), symmetric.
        first: How many of them, from the first on, are of one side; the others are of the other one.

    With five responses per side there are 252 ways, of which each and its mirror image give the same statistic.
    """
    deals = _deals(len(apart), first)
    found = _statistic(apart, deals)
    return float((found >= found[0] - 1e-12).mean())


@cache
def _deals(count: int, first: int) -> Flags:
    """Return all ways to choose so many responses, the true one first; shape (ways, count)."""
    ways = [*combinations(range(count), first)]
    flags = np.zeros((len(ways), count), np.bool_)
    for row, way in enumerate(ways):
        flags[row, list(way)] = True
    return flags


def _statistic(apart: Float64, deals: Flags) -> Float64:
    one, other = deals.astype(np.float64), (~deals).astype(np.float64)
    sizes = one.sum(axis=1), other.sum(axis=1)
    between = np.einsum("wi,ij,wj->w", one, apart, other) / (sizes[0] * sizes[1])
    within = [
        np.einsum("wi,ij,wj->w", side, apart, side) / np.maximum(size * (size - 1), 1)
        for side, size in zip((one, other), sizes, strict=True)
    ]
    return between - (within[0] + within[1]) / 2
