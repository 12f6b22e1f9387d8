"""Choose the rows that a diagnosis or a confirmation looks at, and take them out of streamed blocks.

Here belongs the bounded choice: failing rows, what stood in the same requests, and passing rows to set them against. A row is
requested again in the company it was first sent in: a permutation or a fault of load does not show on a text that is sent
alone. What the rows mean belongs to `diagnosis`, what their repeats show to `confirmation`.
"""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.measures import Matrix32

Ordinals = NDArray[np.int64]


FAILING: Final = 32
"""Largest number of failing rows that are requested again."""

REQUESTS: Final = 16
"""Largest number of requests in one repeat of one side that are chosen for their rows; see `_most_requests`."""

TEXTS: Final = 2 * FAILING
"""Texts that one repeat of one side may hold anyhow, so that small requests do not leave rows out."""


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


@dataclass(frozen=True, slots=True, kw_only=True)
class RepeatPlan:
    """What is requested again.

    Attributes:
        failing: Ordinals of the failing rows that are requested again, ascending.
        passing: Ordinals of the passing rows, likewise.
    """

    failing: tuple[int, ...]
    passing: tuple[int, ...]

    @property
    def rows(self) -> tuple[int, ...]:
        """Return the ordinals of all of them, ascending."""
        return tuple(sorted((*self.failing, *self.passing)))


def choose_repeats(
    failing: Sequence[int], not_passing: Collection[int], samples: int, *, batch: int, seed: str
) -> RepeatPlan:
    """Choose the rows, the same for the same seed.

    Args:
        failing: Ordinals of rows that prove a difference.
        not_passing: Ordinals of all rows that do not match, `failing` among them.
        samples: Rows of the whole set.
        batch: Texts of one request.
        seed: Decides which rows; the content hash of the sample set.
    """
    random = Random(f"confirm {seed}")  # noqa: S311 - a repeatable choice, nothing secret
    most, left = _most_requests(batch), list(failing)
    random.shuffle(left)
    requests: set[int] = set()
    chosen: list[int] = []
    for row in left:
        if len(chosen) < FAILING and len(requests | {row // batch}) <= most:
            requests.add(row // batch)
            chosen.append(row)
    passing = _passing(random, chosen, requests, not_passing, samples, batch)
    return RepeatPlan(failing=tuple(sorted(chosen)), passing=tuple(sorted(passing)))


def _most_requests(batch: int) -> int:
    """Return the largest number of requests that are chosen for their rows."""
    return max(REQUESTS, TEXTS // batch)


def _passing(
    random: Random, chosen: Sequence[int], requests: set[int], not_passing: Collection[int], samples: int, batch: int
) -> list[int]:
    """Return passing rows: of the requests that are sent anyhow, then of others where those have fewer than fail."""
    excluded = frozenset(not_passing)
    company = [
        row
        for request in sorted(requests)
        for row in range(request * batch, min(samples, (request + 1) * batch))
        if row not in excluded
    ]
    passing = random.sample(company, min(FAILING, len(company)))
    while chosen and len(passing) < len(chosen) and len(requests) < _most_requests(batch):
        # A few draws are enough: where hardly a row passes there is no company to be had.
        drawn = [random.randrange(samples) for _ in range(FAILING)]
        row = next((one for one in drawn if one not in excluded and one not in passing), None)
        if row is None:
            break
        requests.add(row // batch)
        passing.append(row)
    return passing


def whole_requests(rows: Sequence[int], samples: int, *, batch: int, in_flight: int) -> Ordinals:
    """Return the ordinals to send, ascending: the requests that held these rows, and those that were in flight with them.

    Args:
        rows: Ordinals of the chosen rows.
        samples: Rows of the whole set.
        batch: Texts of one request of this side.
        in_flight: Requests that the side is sent at the same time.
    """
    wanted = dict.fromkeys(sorted({row // batch for row in rows}))
    last = (samples - 1) // batch
    for request in list(wanted):
        # A few requests meet each other; only where there are fewer than were in flight are others sent along.
        near = (request + step * sign for step in range(1, in_flight) for sign in (1, -1))
        for other in near:
            if 0 <= other <= last and len(wanted) < in_flight:
                wanted[other] = None
    ordinals = np.concatenate([np.arange(one * batch, min(samples, (one + 1) * batch)) for one in sorted(wanted)])
    return ordinals.astype(np.int64)


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
