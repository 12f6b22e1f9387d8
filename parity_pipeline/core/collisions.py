"""Collisions: distinct texts that a side gives one vector, and which of them the other side separates.

Here belong the scan of one side, and the comparison of its groups with the other side's vectors.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.core.outcomes import Side

SAME_DIRECTION: Final = 1e-6
"""Largest 1 - cosine at which two vectors are the same: what batching changed on float32 servers was 5e-7."""

APART: Final = 1e-4
"""Smallest 1 - cosine on the other side at which a collision is one side's alone, far above the first limit."""

GROUPS_LISTED: Final = 50
"""Groups that a result lists, the largest first; its counts say how many there are."""

MEMBERS_LISTED: Final = 20
"""Ids that one group lists."""

_BLOCK: Final = 256
"""Rows of one matrix product; against 4,000 rows its result takes at most 8 MB."""

_PARTS: Final = 8
"""Vectors of the other side that a group is compared with; this bounds the work on one huge group."""

NO_GROUP: Final = -1

Labels = NDArray[np.int32]
Rows = NDArray[np.intp]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Distinct texts with one vector.

    Attributes:
        ids: Ids of the first `MEMBERS_LISTED` texts.
        size: How many texts there are.
        apart: On a one-sided collision, how many distinct vectors the other side gives them; 1 otherwise.
    """

    ids: tuple[str, ...]
    size: int
    apart: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CollisionScan:
    """Result of scanning one side.

    Attributes:
        groups: Number of groups of texts that share a vector.
        texts: Number of texts in them.
        listed: The largest `GROUPS_LISTED` groups.
        labels: int32, shape (rows,): number of each row's group, `NO_GROUP` for a row that collides with none.
    """

    groups: int
    texts: int
    listed: tuple[Collision, ...]
    labels: Labels


@dataclass(frozen=True, slots=True, kw_only=True)
class OneSided:
    """Collisions of one side that the other side does not have.

    Attributes:
        side: The side on which texts collide.
        groups: Number of its groups that the other side separates.
        pairs: Number of pairs of texts in them that collide on this side alone.
        listed: The largest `GROUPS_LISTED` of these groups.
    """

    side: Side
    groups: int
    pairs: int
    listed: tuple[Collision, ...]


def scan(vectors: Matrix32, ids: Sequence[str], *, limit: float = SAME_DIRECTION) -> CollisionScan:
    """Find distinct texts whose vectors have the same direction.

    Args:
        vectors: float32, shape (rows, dimensions). Rows of zeros, NaN or infinity stand for no vector and collide with
            none.
        ids: Sample id of each row; rows of one id are one text and do not collide with each other.
        limit: Largest 1 - cosine of the same direction, in [1e-12, 1e-3]; below that float64 products are too coarse.

    Returns:
        The groups, in the order of their first rows. Rows that are the same through a third one share a group.

    Raises:
        MetricInputError: `ids` and `vectors` are not of one length, or the limit is out of its range.

    Every pair is compared, so the work grows with the square of the rows: ADR 16 has the figures for the
    4,000 that a diagnosis looks at.
    """
    if vectors.ndim != 2 or len(ids) != len(vectors) or not 1e-12 <= limit <= 1e-3:
        msg = f"cannot scan vectors of shape {vectors.shape} with {len(ids)} ids and limit {limit}"
        raise MetricInputError(msg, remedy="Give one id per row and a limit from 1e-12 to 0.001.")
    rows, directions = _directions(vectors)
    groups = _groups(directions, limit)
    labels: Labels = np.full(len(vectors), NO_GROUP, np.int32)
    found: list[Collision] = []
    for members in _members(groups):
        collision = _collision(rows[members], ids)
        if collision.size > 1:
            labels[rows[members]] = len(found)
            found.append(collision)
    texts = sum(group.size for group in found)
    return CollisionScan(groups=len(found), texts=texts, listed=_largest(found), labels=labels)


def one_sided(side: Side, own: CollisionScan, other: Matrix32, ids: Sequence[str], *, apart: float = APART) -> OneSided:
    """Return the collisions of one side whose texts the other side separates.

    Args:
        side: The side whose scan is given.
        own: Its scan.
        other: The other side's vectors of the same rows, float32, shape (rows, dimensions); rows without a usable
            vector are left out, for they prove nothing.
        ids: Sample id of each row.
        apart: Smallest 1 - cosine at which two texts count as separate.

    Raises:
        MetricInputError: The scan is not of these rows.
    """
    if len(own.labels) != len(other) or len(ids) != len(other):
        msg = f"a scan of {len(own.labels)} rows cannot be compared with {len(other)} rows"
        raise MetricInputError(msg, remedy="Scan and compare the same samples.")
    colliding = np.flatnonzero(own.labels != NO_GROUP)
    usable, directions = _directions(other[colliding])
    rows = colliding[usable]
    found: list[Collision] = []
    groups = pairs = 0
    for members in _members(own.labels[rows]):
        parts = _parts(directions[members], apart)
        split = _pairs(len(members)) - sum(_pairs(size) for size in parts)
        if split:
            groups, pairs = groups + 1, pairs + split
            found.append(_collision(rows[members], ids, apart=len(parts)))
    return OneSided(side=side, groups=groups, pairs=pairs, listed=_largest(found))


def _directions(vectors: Matrix32) -> tuple[Rows, NDArray[np.float64]]:
    """Return the rows that hold a vector, and these vectors with norm 1 in float64."""
    # Block by block, as float64 of all rows twice over would be most of what a diagnosis holds.
    blocks = (vectors[start : start + _BLOCK].astype(np.float64) for start in range(0, len(vectors), _BLOCK))
    norms = np.concatenate([np.zeros(0), *(np.linalg.norm(block, axis=1) for block in blocks)])
    rows = np.flatnonzero(np.isfinite(norms) & (norms > 0.0))
    return rows, vectors[rows] / norms[rows, None]


def _groups(directions: NDArray[np.float64], limit: float) -> Labels:
    """Return for each row the first row of its group, which is the row itself where nothing earlier is the same.

    A float32 product, whose error is below its number of terms times epsilon, singles out the rows that may have an
    earlier match; a float64 product of these decides.
    """
    labels: Labels = np.arange(len(directions), dtype=np.int32)
    rough = directions.astype(np.float32)
    screen = 1.0 - limit - (directions.shape[1] + 4) * float(np.finfo(np.float32).eps)
    for start in range(0, len(directions), _BLOCK):
        block = rough[start : start + _BLOCK]
        maybe = block @ rough[: start + len(block)].T >= screen
        maybe[:, start:] &= np.tri(len(block), k=-1, dtype=np.bool_)
        rows = np.flatnonzero(maybe.any(axis=1))
        same = (1.0 - directions[start + rows] @ directions[: start + len(block)].T <= limit) & maybe[rows]
        for row, earlier in zip(start + rows, same, strict=True):
            near = np.unique(labels[: len(earlier)][earlier])
            if len(near):
                labels[row] = near[0]
            if len(near) > 1:
                labels[np.isin(labels, near)] = near[0]
    return labels


def _members(labels: Labels) -> list[Rows]:
    """Return the rows of each label, in the order of the labels."""
    order = np.argsort(labels, kind="stable")
    starts = np.flatnonzero(np.diff(labels[order]))
    return np.split(order, starts + 1) if len(order) else []


def _collision(members: NDArray[np.intp], ids: Sequence[str], apart: int = 1) -> Collision:
    distinct: list[str] = list(dict.fromkeys(str(ids[row]) for row in members.tolist()))
    return Collision(ids=tuple(distinct[:MEMBERS_LISTED]), size=len(distinct), apart=apart)


def _largest(found: Sequence[Collision]) -> tuple[Collision, ...]:
    return tuple(sorted(found, key=lambda group: -group.size)[:GROUPS_LISTED])


def _parts(directions: NDArray[np.float64], apart: float) -> list[int]:
    """Return the sizes of the parts that one group falls into; what `_PARTS` comparisons leave counts as one each."""
    sizes: list[int] = []
    left = directions
    while len(left) and len(sizes) < _PARTS:
        near = 1.0 - left @ left[0] < apart
        sizes.append(int(near.sum()))
        left = left[~near]
    return [*sizes, *([1] * len(left))]


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
