"""All responses to one text, side by side: how far apart they lie, and whether the sides differ by more than each scatters.

Here belong the record, the step from fetched rows to it, distances of responses, and the test. What follows from all of that
belongs to `confirmation`.

The test permutes the labels of the sides. Its statistic is the mean distance between the sides less the mean distance
within them: the energy statistic of Szekely and Rizzo, "Energy statistics: a class of statistics based on distances"
(2013), here of 1 - cosine.
"""

import math
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import combinations
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import BOTH, compare, proves_a_difference
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import ComparedRows, Float64, Thresholds, grade
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side

Response = NDArray[np.float32] | str
"""One response to a text: its vector, or a word for what came in its place."""

_APART: Final = 2.0
"""Distance of two responses of which one has no direction or another dimension: as far as two vectors can be."""

Flags = NDArray[np.bool_]


Pair = tuple[FetchedRows, FetchedRows]
"""What the legacy side and the candidate gave for the same texts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Responses:
    """All responses to one text, those of the legacy side first, of each side the stored one first.

    Attributes:
        id: Id of the sample.
        fails: Whether the stored row proves a difference.
        apart: `distances` of the responses, shape (n, n).
        of_legacy: How many of them are of the legacy side.
        failed: Per repeat, whether the pair fails too.
        lacking: Why a repeat has no usable response; "" where each has one.
    """

    id: str
    fails: bool
    apart: Float64
    of_legacy: int
    failed: Sequence[bool]
    lacking: str = ""

    @property
    def across(self) -> Float64:
        """Return the distances of the pairs between the sides, shape (legacy, candidate)."""
        return self.apart[: self.of_legacy, self.of_legacy :]

    def own(self, side: Side) -> Float64:
        """Return the distances of the responses of one side, shape (responses, responses)."""
        of_side = slice(self.of_legacy) if side is Side.LEGACY else slice(self.of_legacy, None)
        return self.apart[of_side, of_side]

    def within(self, side: Side) -> Float64:
        """Return the distances of the pairs within a side, shape (pairs,)."""
        part = self.own(side)
        return part[np.triu_indices(len(part), 1)]

    def strays(self, side: Side, limit: float) -> int:
        """Return how many responses of a side lie beyond the limit of its middle one."""
        part = self.own(side)
        return int((part[part.sum(axis=1).argmin()] > limit).sum())

    def strayed(self) -> Side:
        """Return the side whose stored response lies further from its own repeats."""
        return max(Side, key=lambda side: float(np.median(self.own(side)[0, 1:])))

    def p_value(self) -> float:
        """Return the p-value of the permutation test; small where the sides differ by more than each scatters."""
        return permutation_p_value(self.apart, self.of_legacy)


def responses_of(
    texts: SampleBlock, pairs: Sequence[Pair], failing: Collection[str], thresholds: Thresholds
) -> list[Responses]:
    """Return the responses to each text.

    Args:
        texts: The texts, numbered from 0.
        pairs: The stored rows of exactly these texts, then those of each repeat.
        failing: Ids of the texts whose stored row proves a difference.
        thresholds: When a pair fails.

    Raises:
        MetricInputError: Rows are not these texts.
    """
    graded = [grade(compare(texts, *pair), thresholds) for pair in pairs]
    return [
        Responses(
            id=texts.ids[row],
            fails=texts.ids[row] in failing,
            apart=distances([_response(pair[side], row) for side in (0, 1) for pair in pairs]),
            of_legacy=len(pairs),
            failed=[proves_a_difference(rows, row) for rows in graded[1:]],
            lacking=next((why for rows in graded[1:] if (why := _lacking(rows, row))), ""),
        )
        for row in range(len(texts))
    ]


def _response(rows: FetchedRows, row: int) -> Response:
    if rows.status[row] is not RowStatus.OK:
        return rows.status[row].value
    return rows.values[rows.offsets[row] : rows.offsets[row + 1]]


def _lacking(rows: ComparedRows, row: int) -> str:
    """Return why a repeat neither matches nor proves a difference, with the side's words; "" where it does.

    A text that both sides refuse now, or return zeros for, does not show that the stored difference was a stray one.
    """
    outcome = rows.outcomes[row]
    if outcome is Outcome.MATCH or proves_a_difference(rows, row):
        return ""
    if rows.sides[row] == BOTH:
        why = f"neither side gave a usable response ({outcome.value.replace('_', ' ')})"
    else:
        why = f"the {rows.sides[row]} side gave no usable response"
    words = rows.legacy_errors[row] or rows.candidate_errors[row]
    return f"{why}: {words}" if words else why


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
