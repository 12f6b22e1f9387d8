"""The rows that faults are simulated on: a bounded part of a sample set with its texts and vectors.

Here belong choosing them while the blocks stream by, and what a fault asks about them. What a fault does belongs to
`faults`.
"""

import heapq
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.power.text_edits import least_shift

Vector = NDArray[np.float32]

ROWS: Final = 2_048
"""Rows of a larger set that are looked at, evenly spread; all rows of a smaller one. 13 MB for two sides of 768 dimensions."""

HAZARDS: Final = 1_024
"""Hazards beyond those rows: each is there to exercise a fault."""

LONGEST: Final = 32
"""Longest texts beyond those rows."""

MOST: Final = 64
"""Rows that a fault is shown on at most: 61 of 64 are the 95 % that one row of the set must reach."""

FEW: Final = 16
"""Rows that a fault is shown on which changes them all alike."""

REQUEST: Final = 32
"""Rows within which an order is changed, the usual number of texts in a request."""

_BACKGROUND: Final = 32
"""Other texts that a background is taken from."""


@dataclass(frozen=True, slots=True)
class Row:
    """One sample with what both sides made of it."""

    ordinal: int
    id: str
    text: str
    category: str
    drawn: int
    legacy: Vector | None
    candidate: Vector | None
    statuses: tuple[RowStatus, RowStatus]


@dataclass(slots=True)
class RowsSample:
    """Collects the rows while the blocks stream by; its size does not grow with the set.

    Attributes:
        samples: Samples of the whole set.
        without: Ids of samples that are left out.
    """

    samples: int
    without: Collection[str] = ()
    _rows: list[Row] = field(default_factory=list[Row])
    _hazards: int = 0
    _longest: list[tuple[int, int, Row]] = field(default_factory=list[tuple[int, int, Row]])

    def add(self, block: SampleBlock, legacy: FetchedRows, candidate: FetchedRows) -> None:
        """Take in the next block of samples with the rows of both sides."""
        chosen = np.unique(np.linspace(0, self.samples - 1, min(ROWS, self.samples)).astype(np.int64))
        low, high = np.searchsorted(chosen, [block.start, block.start + len(block)])
        wanted = {int(ordinal) - block.start for ordinal in chosen[low:high]}
        for place, identity in enumerate(block.ids):
            if identity in self.without:
                continue
            if place in wanted:
                self._rows.append(_row(place, block, legacy, candidate))
            elif self._hazards < HAZARDS and block.categories[place].startswith(CATEGORY_PREFIX):
                self._rows.append(_row(place, block, legacy, candidate))
                self._hazards += 1
            else:
                self._offer(place, block, legacy, candidate)

    def _offer(self, place: int, block: SampleBlock, legacy: FetchedRows, candidate: FetchedRows) -> None:
        length = len(block.texts[place])
        if len(self._longest) < LONGEST or length > self._longest[0][0]:
            entry = (length, block.start + place, _row(place, block, legacy, candidate))
            (heapq.heappush if len(self._longest) < LONGEST else heapq.heappushpop)(self._longest, entry)

    def rows(self) -> "Rows":
        """Return the rows taken in, in the order of the set."""
        return Rows(sorted((*self._rows, *(row for _, _, row in self._longest)), key=lambda row: row.ordinal))


def _row(place: int, block: SampleBlock, legacy: FetchedRows, candidate: FetchedRows) -> Row:
    return Row(
        ordinal=block.start + place,
        id=block.ids[place],
        text=block.texts[place],
        category=block.categories[place],
        drawn=block.drawn[place],
        legacy=_vector(legacy, place),
        candidate=_vector(candidate, place),
        statuses=(legacy.status[place], candidate.status[place]),
    )


def _vector(side: FetchedRows, place: int) -> Vector | None:
    """Return a copy of a row's vector, so that the block is not kept; None for a row without one."""
    vector = side.values[side.offsets[place] : side.offsets[place + 1]]
    return vector.copy() if side.status[place] is RowStatus.OK and len(vector) else None


class Rows:
    """Rows of a set that passed, as the candidate returned them; places count from 0 within these rows.

    Attributes:
        rows: The rows.
        texts: Their texts.
        vectors: The candidate's vectors, None where it gave none.
        usable: Places at which both sides gave a vector of the most frequent dimension of these rows.
        refused: Places that both sides refuse.
    """

    def __init__(self, rows: Sequence[Row]) -> None:
        """Sort the places out."""
        self.rows = rows
        self.texts = [row.text for row in rows]
        widths = [len(row.candidate) for row in rows if row.candidate is not None]
        width = max(set(widths), key=widths.count, default=0)
        self.usable = [
            place for place, row in enumerate(rows) if _width(row.legacy) == _width(row.candidate) == width > 0
        ]
        self._vectors = {place: vector for place in self.usable if (vector := rows[place].candidate) is not None}
        self.refused = [place for place, row in enumerate(rows) if set(row.statuses) == {RowStatus.REFUSED}]

    def __len__(self) -> int:
        """Return the number of rows."""
        return len(self.rows)

    @property
    def vectors(self) -> Mapping[int, Vector]:
        """Return the candidate's vector at each usable place."""
        return self._vectors

    @property
    def known(self) -> Collection[int]:
        """Return the usable places as a set."""
        return self._vectors.keys()

    @cached_property
    def place_of(self) -> Mapping[str, int]:
        """Return the place of each text."""
        return {text: place for place, text in enumerate(self.texts)}

    def requests(self, *, every: bool = False) -> list[list[int]]:
        """Return runs of places as long as a request: usable places of at most `MOST`, or every run of all places."""
        places = list(range(len(self))) if every else self.usable
        runs = [places[at : at + REQUEST] for at in range(0, len(places), REQUEST)]
        most = MOST // REQUEST
        if every or len(runs) <= most:
            return runs
        return spread(runs, most)

    def edited(self, edit: Callable[[str], str], longest: int | None) -> Iterator[tuple[int, str]]:
        """Yield the usable places whose texts an edit changes, with what becomes of them; None takes texts of any length."""
        for place in self.usable:
            text = self.texts[place]
            if (longest is None or len(text) <= longest) and (edited := edit(text)) != text:
                yield place, edited

    def apart(self, place: int, other: int) -> float:
        """Return 1 - cosine of two usable rows."""
        left, right = self._unit(place), self._unit(other)
        return float(max(0.0, 1.0 - left @ right))

    def moved(self, place: int, vector: Vector) -> float:
        """Return 1 - cosine of a usable row and another vector in its place."""
        return float(max(0.0, 1.0 - self._unit(place) @ _unit(vector)))

    def middle(self, place: int, other: int) -> Vector:
        """Return the direction between those of two usable rows, with the norm of the first."""
        norm = np.linalg.norm(self._vectors[place].astype(np.float64))
        return (norm * _unit(self._unit(place) + self._unit(other))).astype(np.float32)

    def background(self, place: int) -> float | None:
        """Return the median cosine of a row to those of other texts; None where there is no other."""
        others = [at for at, source in enumerate(self._sources) if source != place]
        return float(np.median(self._others[others] @ self._unit(place))) if others else None

    def least_shift(self, place: int, edited: str) -> float:
        """Return how far an edit moves the vector of a row at least, as 1 - cosine; see `text_edits.least_shift`."""
        return least_shift(self.texts[place], edited, self.background(place))

    def strayed(self, place: int, shift: float) -> Vector:
        """Return the vector of a row moved so far, as 1 - cosine, in a direction of chance; the same one for 0."""
        vector = self._vectors[place].astype(np.float64)
        norm = float(np.linalg.norm(vector))
        if not shift > 0 or not norm > 0 or len(vector) == 1:
            return self._vectors[place]
        unit = vector / norm
        noise = np.random.default_rng(place).standard_normal(len(vector))
        noise -= unit * (noise @ unit)
        noise /= np.linalg.norm(noise)
        cosine = 1.0 - shift
        return (norm * (cosine * unit + np.sqrt(1.0 - cosine * cosine) * noise)).astype(np.float32)

    @cached_property
    def _sources(self) -> list[int]:
        return spread(self.usable, _BACKGROUND)

    @cached_property
    def _others(self) -> NDArray[np.float64]:
        return np.array([self._unit(place) for place in self._sources])

    def _unit(self, place: int) -> NDArray[np.float64]:
        return _unit(self._vectors[place])


def _unit(vector: NDArray[Any]) -> NDArray[np.float64]:
    wide = vector.astype(np.float64)
    norm = float(np.linalg.norm(wide))
    return wide / norm if norm > 0 else wide


Item = TypeVar("Item")


def spread(items: Sequence[Item], most: int) -> list[Item]:
    """Return at most so many items, evenly spread."""
    if len(items) <= most:
        return list(items)
    return [items[at] for at in np.linspace(0, len(items) - 1, most).astype(int).tolist()]


def _width(vector: Vector | None) -> int:
    return 0 if vector is None else len(vector)
