"""One sample as reports show it, and the worst of each kind.

Here belong the plain form of a compared row and a bounded choice of rows. Counting belongs to `tally`.
"""

import heapq
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.measures import ComparedRows
from parity_pipeline.core.outcomes import DIFFERENT, Outcome


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRow:
    """One sample as a report shows it. Measures are None where nothing was measured.

    Attributes:
        drawn: How often a random draw gave the text, 0 where it was picked.
        waiver: Id of the waiver that covers the row; None where none does.
        within_noise: Below the cosine threshold, and no further off than the legacy side's own noise explains.
        unconfirmed: Why the row does not count as a difference after it was requested again, such as `transient`; else "".
    """

    ordinal: int
    id: str
    category: str
    head: str
    outcome: Outcome
    side: str | None
    legacy_dimension: int
    candidate_dimension: int
    cosine: float | None
    legacy_norm: float | None
    candidate_norm: float | None
    norm_ratio: float | None
    max_abs_delta: float | None
    max_abs_delta_unit: float | None
    identical: bool
    legacy_error: str | None
    candidate_error: str | None
    drawn: int = 0
    waiver: str | None = None
    within_noise: bool = False
    unconfirmed: str = ""

    @property
    def excused(self) -> bool:
        """Return whether a waiver, noise or a repeat that agreed excuses the row."""
        return self.waiver is not None or self.within_noise or bool(self.unconfirmed)


@dataclass(frozen=True, slots=True, kw_only=True)
class Excuses:
    """Why a row that does not match does not count as a difference; the fields are those of `JudgedRow`."""

    waiver: str | None = None
    within_noise: bool = False
    unconfirmed: str = ""

    @property
    def any(self) -> bool:
        """Return whether anything excuses the row."""
        return self.waiver is not None or self.within_noise or bool(self.unconfirmed)


def row_of(rows: ComparedRows, index: int, excuses: Excuses) -> JudgedRow:
    """Return one row of a graded block in the form that reports and JSON use."""
    return JudgedRow(
        ordinal=rows.start + index,
        id=rows.ids[index],
        category=rows.categories[index],
        head=rows.heads[index],
        outcome=rows.outcomes[index],
        side=rows.sides[index],
        legacy_dimension=int(rows.legacy_dimension[index]),
        candidate_dimension=int(rows.candidate_dimension[index]),
        cosine=_number(rows.cosine[index]),
        legacy_norm=_number(rows.legacy_norm[index]),
        candidate_norm=_number(rows.candidate_norm[index]),
        norm_ratio=_number(rows.norm_ratio[index]),
        max_abs_delta=_number(rows.max_abs_delta[index]),
        max_abs_delta_unit=_number(rows.max_abs_delta_unit[index]),
        identical=bool(rows.identical[index]),
        legacy_error=rows.legacy_errors[index],
        candidate_error=rows.candidate_errors[index],
        drawn=int(rows.drawn[index]),
        waiver=excuses.waiver,
        within_noise=excuses.within_noise,
        unconfirmed=excuses.unconfirmed,
    )


def _number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


_Entry = tuple[float, int, JudgedRow]
KINDS = (
    *((outcome, excused) for excused in (False, True) for outcome in (*DIFFERENT, Outcome.MISSING)),
    (Outcome.REFUSED_BY_BOTH, False),
    (Outcome.MATCH, False),
)
"""Outcome and whether it is excused, in the order of the table: what fails comes first."""


@dataclass(slots=True)
class WorstRows:
    """The `limits.REPORT_ROWS` worst rows of each kind: smallest cosine first, then smallest ordinal."""

    _heaps: dict[tuple[Outcome, bool], list[_Entry]] = field(default_factory=dict[tuple[Outcome, bool], list[_Entry]])

    def offer(self, rows: ComparedRows, index: int, excuses: Excuses) -> None:
        """Keep a row if it is among the worst of its kind."""
        cosine = rows.cosine[index]
        badness = -float(cosine) if math.isfinite(cosine) else math.inf
        heap = self._heaps.setdefault((rows.outcomes[index], excuses.any), [])
        key = (badness, -(rows.start + index))
        if len(heap) < REPORT_ROWS:
            heapq.heappush(heap, (*key, row_of(rows, index, excuses)))
        elif key > heap[0][:2]:
            heapq.heapreplace(heap, (*key, row_of(rows, index, excuses)))

    def shown(self, samples: int) -> tuple[JudgedRow, ...]:
        """Return at most `limits.REPORT_ROWS` rows of a set of so many samples.

        All in their order where they fit; of a larger set the worst of each kind, each in its turn, so that a thousand
        refusals do not hide the one mismatch.
        """
        queues = [self._queue(kind) for kind in KINDS]
        if samples <= REPORT_ROWS:
            return tuple(sorted((row for queue in queues for row in queue), key=lambda row: row.ordinal))
        return tuple(row for taken in _shares(queues, REPORT_ROWS) for row in taken)

    def _queue(self, kind: tuple[Outcome, bool]) -> list[JudgedRow]:
        return [row for *_, row in sorted(self._heaps.get(kind, []), key=lambda one: (-one[0], -one[1]))]


def _shares(queues: Sequence[Sequence[JudgedRow]], room: int) -> list[Sequence[JudgedRow]]:
    """Return the head of each queue, taken one by one in turn until the room is full."""
    taken = [0] * len(queues)
    while room and any(count < len(queue) for count, queue in zip(taken, queues, strict=True)):
        for place, queue in enumerate(queues):
            if room and taken[place] < len(queue):
                taken[place] += 1
                room -= 1
    return [queue[:count] for count, queue in zip(taken, queues, strict=True)]
