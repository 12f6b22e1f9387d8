"""Collisions: distinct texts with the same vector within one side, and pairs that collide on one side only.

Here belong the scan and the comparison of two scans. A collision counts only against the other side's: a model without
capitals has case pairs collide on every correct server.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.metrics import Matrix32
from parity_pipeline.core.outcomes import Side

SAME_DIRECTION: Final = 1e-6
"""Largest 1 - cosine at which two vectors are the same: what batching changed on float32 servers was 5e-7."""

APART: Final = 1e-4
"""Smallest 1 - cosine on the other side at which a collision is one side's alone, far above the first limit."""

GROUPS_LISTED: Final = 50
"""Groups that a result lists, the largest first; its counts say how many there are."""

MEMBERS_LISTED: Final = 20
"""Ids that one group lists."""

_TABLES: Final = 6
"""Hash tables. A pair at the limit is missed by one table with probability 0.2, by all with 1e-4."""

_COORDINATES: Final = 8
"""Random projections that one table's key is rounded from."""

_CELL: Final = 0.06
"""Side of a cell in standard deviations of a projection; two vectors at the limit differ by 0.0014 of them."""

_BLOCK: Final = 4096
"""Rows that are widened at a time: 4,096 x 768 float64 take 25 MB."""

_PARTS: Final = 8
"""Vectors of the other side that a group is compared with: it bounds the work on one huge group."""

NO_GROUP: Final = -1

Labels = NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Collision:
    """Distinct texts with one vector.

    Attributes:
        ids: Ids of the first `MEMBERS_LISTED` texts.
        size: How many texts there are.
        apart: On a one-sided collision into how many vectors the other side tells them apart; 1 otherwise.
    """

    ids: tuple[str, ...]
    size: int
    apart: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class CollisionScan:
    """What one side's scan came to.

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
        groups: Number of its groups that the other side tells apart.
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
        limit: Largest 1 - cosine of the same direction, in (0, 1e-3].

    Returns:
        The groups. Rows that are the same through a third one share a group.

    Raises:
        MetricInputError: `ids` and `vectors` are not of one length, or the limit is out of its range.

    Near-linear: rows are hashed by rounded random projections in `_TABLES` tables, and neighbours in a bucket are
    verified in float64; equal vectors are never missed, a pair right at the limit with probability 1e-4. 100,000 rows
    of 768 dimensions take a few seconds and, beside the vectors' own 307 MB, about 150 MB.
    """
    if vectors.ndim != 2 or len(ids) != len(vectors) or not 0.0 < limit <= 1e-3:
        msg = f"cannot scan vectors of shape {vectors.shape} with {len(ids)} ids and limit {limit}"
        raise MetricInputError(msg, remedy="Give one id a row and a limit in (0, 0.001].")
    norms = _norms(vectors)
    usable = np.flatnonzero(np.isfinite(norms) & (norms > 0.0))
    labels: Labels = np.full(len(vectors), NO_GROUP, np.int32)
    if len(usable):
        labels[usable] = _components(vectors, norms, usable, limit)
    return _scanned(labels, ids)


def one_sided(side: Side, own: CollisionScan, other: Matrix32, ids: Sequence[str], *, apart: float = APART) -> OneSided:
    """Return the collisions of one side whose texts the other side tells apart.

    Args:
        side: The side whose scan is given.
        own: Its scan.
        other: The other side's vectors of the same rows, float32, shape (rows, dimensions); rows without a usable
            vector are left out, for they prove nothing.
        ids: Sample id of each row.
        apart: Smallest 1 - cosine at which two texts count as told apart.

    Raises:
        MetricInputError: The scan is not of these rows.
    """
    if len(own.labels) != len(other) or len(ids) != len(other):
        msg = f"a scan of {len(own.labels)} rows cannot be compared with {len(other)} rows"
        raise MetricInputError(msg, remedy="Scan and compare the same samples.")
    norms = _norms(other)
    rows = np.flatnonzero((own.labels != NO_GROUP) & np.isfinite(norms) & (norms > 0.0))
    order = rows[np.argsort(own.labels[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(own.labels[order], prepend=-2))
    found: list[Collision] = []
    groups = pairs = 0
    for members in np.split(order, starts[1:]) if len(order) else []:
        parts = _parts(other, norms, members, apart)
        split = _pairs(len(members)) - sum(_pairs(size) for size in parts)
        if split:
            groups, pairs = groups + 1, pairs + split
            found.append(_collision(members, ids, apart=len(parts)))
    return OneSided(side=side, groups=groups, pairs=pairs, listed=_largest(found))


def _norms(vectors: Matrix32) -> NDArray[np.float64]:
    """Return the L2 norms, float64; of a row with NaN or infinity, NaN or infinity."""
    norms = np.empty(len(vectors))
    with np.errstate(invalid="ignore"):
        for start in range(0, len(vectors), _BLOCK):
            wide = vectors[start : start + _BLOCK].astype(np.float64)
            norms[start : start + _BLOCK] = np.sqrt(np.einsum("ij,ij->i", wide, wide))
    return norms


def _components(vectors: Matrix32, norms: NDArray[np.float64], usable: NDArray[np.intp], limit: float) -> Labels:
    """Return the group of each usable row, any number for a row alone."""
    keys = _projections(vectors, norms, usable)
    labels: Labels = np.arange(len(usable), dtype=np.int32)
    for table in range(_TABLES):
        own = keys[:, table * _COORDINATES : (table + 1) * _COORDINATES]
        left, right = _neighbours(_hashed(own, table), own[:, 0])
        fresh = labels[left] != labels[right]
        left, right = left[fresh], right[fresh]
        same = _gaps(vectors, norms, usable[left], usable[right]) <= limit
        labels = _joined(labels, left[same], right[same])
    return labels


def _projections(vectors: Matrix32, norms: NDArray[np.float64], usable: NDArray[np.intp]) -> Matrix32:
    """Return random projections of the unit vectors, scaled to a standard deviation near 1."""
    width = vectors.shape[1]
    directions = np.random.default_rng(20260430).standard_normal((width, _TABLES * _COORDINATES))
    keys = np.empty((len(usable), _TABLES * _COORDINATES), np.float32)
    for start in range(0, len(usable), _BLOCK):
        rows = usable[start : start + _BLOCK]
        keys[start : start + _BLOCK] = (vectors[rows] / norms[rows][:, None]) @ directions
    return keys


def _hashed(keys: Matrix32, table: int) -> NDArray[np.uint64]:
    """Return one number a row for the cell its projections lie in."""
    shift = np.random.default_rng(table).random(keys.shape[1])
    cells = np.floor(keys / _CELL + shift).astype(np.int64).view(np.uint64)
    factors = np.random.default_rng(table + 1000).integers(1, 2**63, keys.shape[1], dtype=np.uint64) | np.uint64(1)
    return (cells * factors).sum(axis=1, dtype=np.uint64)


def _neighbours(hashes: NDArray[np.uint64], along: NDArray[np.float32]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Return pairs to verify: each row of a bucket with the one before it along a projection, and with the first."""
    order = np.lexsort((along, hashes))
    same = hashes[order][1:] == hashes[order][:-1]
    before, after = order[:-1][same], order[1:][same]
    starts = np.flatnonzero(np.concatenate([[True], ~same]))
    first = order[np.repeat(starts, np.diff(np.append(starts, len(order))))]
    further = first != order
    return np.concatenate([before, first[further]]), np.concatenate([after, order[further]])


def _gaps(
    vectors: Matrix32, norms: NDArray[np.float64], left: NDArray[np.intp], right: NDArray[np.intp]
) -> NDArray[np.float64]:
    """Return 1 - cosine of pairs of rows, float64, as half the squared chord, which does not cancel."""
    gaps = np.empty(len(left))
    for start in range(0, len(left), _BLOCK):
        one, two = left[start : start + _BLOCK], right[start : start + _BLOCK]
        chord = vectors[one] / norms[one][:, None] - vectors[two] / norms[two][:, None]
        gaps[start : start + _BLOCK] = np.einsum("ij,ij->i", chord, chord) / 2.0
    return gaps


def _joined(labels: Labels, left: NDArray[np.intp], right: NDArray[np.intp]) -> Labels:
    """Return the labels after the groups of each pair became one."""
    if not len(left):
        return labels
    from scipy.sparse import coo_array  # noqa: PLC0415 - takes long to import, and most sets have no pair to join
    from scipy.sparse.csgraph import connected_components  # noqa: PLC0415

    count = int(labels.max()) + 1
    graph = coo_array((np.ones(len(left), np.int8), (labels[left], labels[right])), shape=(count, count))
    return connected_components(graph, directed=False)[1][labels].astype(np.int32)


def _scanned(labels: Labels, ids: Sequence[str]) -> CollisionScan:
    """Drop groups of one text, number the others, and list the largest."""
    rows = np.flatnonzero(labels != NO_GROUP)
    order = rows[np.argsort(labels[rows], kind="stable")]
    starts = np.flatnonzero(np.diff(labels[order], prepend=-2))
    kept: Labels = np.full(len(labels), NO_GROUP, np.int32)
    found: list[Collision] = []
    for members in np.split(order, starts[1:]) if len(order) else []:
        distinct = len(members) > 1 and len({ids[row] for row in members.tolist()}) > 1
        if distinct:
            kept[members] = len(found)
            found.append(_collision(members, ids))
    return CollisionScan(
        groups=len(found), texts=sum(group.size for group in found), listed=_largest(found), labels=kept
    )


def _collision(members: NDArray[np.intp], ids: Sequence[str], apart: int = 1) -> Collision:
    distinct: list[str] = list(dict.fromkeys(str(ids[row]) for row in members.tolist()))
    return Collision(ids=tuple(distinct[:MEMBERS_LISTED]), size=len(distinct), apart=apart)


def _largest(found: Sequence[Collision]) -> tuple[Collision, ...]:
    return tuple(sorted(found, key=lambda group: -group.size)[:GROUPS_LISTED])


def _parts(other: Matrix32, norms: NDArray[np.float64], members: NDArray[np.intp], apart: float) -> list[int]:
    """Return the sizes of the parts that the other side tells a group apart into, the first `_PARTS` exactly, what is left as one each."""
    sizes: list[int] = []
    left = members
    while len(left) and len(sizes) < _PARTS:
        near = _gaps(other, norms, np.full(len(left), left[0]), left) < apart
        sizes.append(int(near.sum()))
        left = left[~near]
    return [*sizes, *([1] * len(left))]


def _pairs(size: int) -> int:
    return size * (size - 1) // 2
