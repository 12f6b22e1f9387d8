"""Choose the rows that a diagnosis looks at, and take them out of streamed blocks.

Here belongs the bounded choice: failing rows with what stood in the same requests, and passing rows to set them
against. What the rows mean belongs to `diagnosis`.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import Matrix32

Ordinals = NDArray[np.int64]


@dataclass(slots=True)
class FailingRows:
    """Collect the ordinals of failing rows, at most `limit`, evenly over the set.

    When there are too many, every other one is let go and from then on only every second, fourth, … is taken, so that
    a fault in the second half of a set shows as well as one in the first.

    Attributes:
        limit: Largest number that is kept, 2 or more.
        total: How many there are, kept or not.
        ordinals: The kept ones, ascending.
    """

    limit: int
    total: int = 0
    ordinals: list[int] = field(default_factory=list[int])
    _stride: int = 1

    def add(self, ordinal: int) -> None:
        """Take in the next failing row; ordinals come in ascending order."""
        if self.total % self._stride == 0:
            self.ordinals.append(ordinal)
        self.total += 1
        if len(self.ordinals) > self.limit:
            self.ordinals = self.ordinals[::2]
            self._stride *= 2


def chosen_rows(failing: Sequence[int], samples: int, *, batch: int, limit: int) -> Ordinals:
    """Return the ordinals to look at, ascending, at most `limit`: all rows where they fit.

    Else three parts, each with its share: the failing rows, the rows that were sent in the same requests as the first
    of them (a permutation shows only among those), and passing rows spread evenly over the set.

    Args:
        failing: Ordinals of failing rows, ascending.
        samples: Rows of the whole set.
        batch: Rows of one request.
        limit: Largest number to return.
    """
    if samples <= limit:
        return np.arange(samples, dtype=np.int64)
    kept = np.array(failing[: limit // 2], np.int64)
    requests = np.unique(kept // batch)[: max(1, limit // (4 * batch))]
    neighbours = (requests[:, None] * batch + np.arange(batch)).ravel()
    known = np.union1d(kept, neighbours[neighbours < samples])[:limit]
    spread = np.linspace(0, samples - 1, limit - len(known)).astype(np.int64)
    return np.union1d(known, spread)


@dataclass(slots=True)
class PickedSamples:
    """The chosen samples, collected block by block."""

    chosen: Ordinals
    ids: list[str] = field(default_factory=list[str])
    texts: list[str] = field(default_factory=list[str])
    categories: list[str] = field(default_factory=list[str])

    def add(self, block: SampleBlock) -> None:
        """Take in the next block."""
        for row in _rows_in(self.chosen, block.start, len(block)):
            self.ids.append(block.ids[row])
            self.texts.append(block.texts[row])
            self.categories.append(block.categories[row])

    def block(self) -> SampleBlock:
        """Return the chosen samples, numbered from 0."""
        return SampleBlock(0, self.ids, self.texts, self.categories)


def picked_rows(chosen: Ordinals, blocks: Iterable[FetchedRows]) -> FetchedRows:
    """Return the chosen rows of one side, numbered from 0.

    Args:
        chosen: Ordinals, ascending.
        blocks: All rows of the side, in order.
    """
    parts = [_part(block, rows) for block in blocks if (rows := _rows_in(chosen, block.start, len(block)))]
    offsets = np.zeros(sum(len(part) for part in parts) + 1, np.int32)
    np.cumsum(np.concatenate([np.empty(0, np.int32), *(part.dimensions() for part in parts)]), out=offsets[1:])
    return FetchedRows(
        start=0,
        ids=[one for part in parts for one in part.ids],
        values=np.concatenate([np.empty(0, np.float32), *(part.values for part in parts)]),
        offsets=offsets,
        status=[one for part in parts for one in part.status],
        http_status=[one for part in parts for one in part.http_status],
        errors=[one for part in parts for one in part.errors],
        request_ids=[one for part in parts for one in part.request_ids],
        latency_ms=[one for part in parts for one in part.latency_ms],
    )


def _part(block: FetchedRows, rows: Sequence[int]) -> FetchedRows:
    """Return some rows of a block, numbered from 0, copied: a view would keep the whole block in memory."""
    offsets = np.zeros(len(rows) + 1, np.int32)
    np.cumsum(block.dimensions()[rows], out=offsets[1:])
    values = [block.values[block.offsets[row] : block.offsets[row + 1]] for row in rows]
    return FetchedRows(
        start=0,
        ids=[block.ids[row] for row in rows],
        values=np.concatenate(values),
        offsets=offsets,
        status=[block.status[row] for row in rows],
        http_status=[block.http_status[row] for row in rows],
        errors=[block.errors[row] for row in rows],
        request_ids=[block.request_ids[row] for row in rows],
        latency_ms=[block.latency_ms[row] for row in rows],
    )


def matrix_of(rows: FetchedRows, dimension: int) -> Matrix32:
    """Return the vectors of a dimension as a (rows, dimension) matrix; a row of zeros where there is none."""
    matrix = np.zeros((len(rows), dimension), np.float32)
    for row in np.flatnonzero(rows.dimensions() == dimension):
        matrix[row] = rows.values[rows.offsets[row] : rows.offsets[row + 1]]
    return matrix


def _rows_in(chosen: Ordinals, start: int, count: int) -> list[int]:
    """Return which rows of a block are chosen."""
    low, high = np.searchsorted(chosen, [start, start + count])
    return [int(ordinal) - start for ordinal in chosen[low:high]]
