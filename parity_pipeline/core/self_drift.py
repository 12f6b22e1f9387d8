"""Self-drift: the vectors of one side today against the vectors of the same texts from the same side on earlier dates.

Here belong the record, the comparison of blocks, and the sentence. Reading the blocks belongs to `steps.compare_dates`, what a
drift means for the verdict to `drift_checks` below. It sends nothing: only what is stored is compared.

A text is the same by its content hash. Of large sets the texts with the smallest hashes are compared, which is the same choice on
every date.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.canaries import SAME
from parity_pipeline.core.checks import Check, CheckSeverity, of_side
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.fingerprint import MOST_NOISE, NOISE_FACTOR
from parity_pipeline.core.measures import Matrix32, measure_rows
from parity_pipeline.core.number_format import cosine_text
from parity_pipeline.core.outcomes import RowStatus, Side

OF_DRIFT: Final = tuple(of_side(side, "drift") for side in Side)
"""The checks of drift; a side without an earlier date has none."""

TEXTS: Final = 4096
"""Texts of one date that are compared at most: 12 MB of vectors of 768 numbers."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DriftFromDate:
    """One side against itself on one earlier date.

    Attributes:
        date: The earlier partition date, ISO 8601.
        fetched_to: When the last response of that date came, ISO 8601.
        texts: Same texts that have a vector both times.
        moved: Those of them whose vectors differ by more than rounding and noise explain.
        worst: Smallest cosine of a text; None where none was measured.
        worst_sample: Id of that text.
    """

    date: str
    fetched_to: str
    texts: int
    moved: int
    worst: float | None
    worst_sample: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class SelfDrift:
    """One side against itself on earlier dates.

    Attributes:
        side: The side.
        fetched_from: When the lane of today began, ISO 8601.
        explained: 1 - cosine that rounding and the side's noise explain.
        dates: Earlier dates, the one fetched last first; those without a same text are left out.
    """

    side: Side
    fetched_from: str
    explained: float
    dates: tuple[DriftFromDate, ...] = ()

    @property
    def drifted(self) -> DriftFromDate | None:
        """Return the last fetched date that the vectors of today differ from; None where they differ from none."""
        return next((one for one in self.dates if one.moved), None)

    @property
    def since(self) -> str:
        """Return the day on which the first fetch with the vectors of today began or ended; "" without a drift."""
        same = self.fetched_from
        for one in self.dates:
            if one.moved:
                return same[:10]
            same = one.fetched_to
        return ""

    def describe(self) -> str:
        """Return what was seen, a clause without a full stop."""
        found = self.drifted
        if found is None:
            compared = ", ".join(f"{one.date} ({one.texts} same texts)" for one in self.dates)
            return f"same vectors as on {compared}" if self.dates else "no earlier date with a same text is stored"
        size = "no cosine" if found.worst is None else f"worst cosine {cosine_text(found.worst)}"
        return (
            f"the {self.side} drifted since {self.since}: {size} on {found.moved} of {found.texts} same texts, "
            f"against the vectors of {found.date}"
        )


@dataclass(slots=True)
class KeptVectors:
    """The vectors of one lane by text, those of the smallest hashes.

    Attributes:
        limit: Texts that are kept.
        rows: float32 vector by sample id.
    """

    limit: int = TEXTS
    rows: dict[str, Matrix32] = field(default_factory=dict[str, Matrix32])

    def add(self, block: FetchedRows) -> None:
        """Take in the next rows of the lane."""
        for identity, vector in _vectors(block):
            self.rows[identity] = vector.copy()  # a view would keep its whole block
        if len(self.rows) > 2 * self.limit:
            self._trim()

    def finished(self) -> Mapping[str, Matrix32]:
        """Return the vectors that are kept."""
        self._trim()
        return self.rows

    def _trim(self) -> None:
        self.rows = {identity: self.rows[identity] for identity in sorted(self.rows)[: self.limit]}


def _vectors(block: FetchedRows) -> Iterator[tuple[str, Matrix32]]:
    spans = zip(block.offsets[:-1], block.offsets[1:], strict=True)
    for identity, status, (low, high) in zip(block.ids, block.status, spans, strict=True):
        if status is RowStatus.OK and high > low:
            yield identity, block.values[low:high]


def drift_from(
    today: Mapping[str, Matrix32], earlier: Iterable[FetchedRows], *, date: str, fetched_to: str, explained: float
) -> DriftFromDate:
    """Return how far the vectors of today are from those of an earlier date.

    Args:
        today: Vector by sample id.
        earlier: The rows of the earlier date, block by block.
        date: The earlier date, ISO 8601.
        fetched_to: When its last response came.
        explained: 1 - cosine that rounding and noise explain.
    """
    texts = moved = 0
    worst: float | None = None
    worst_sample: str | None = None
    for block in earlier:
        same = [(identity, vector) for identity, vector in _vectors(block) if identity in today]
        for identity, cosine in _cosines(today, same):
            texts += 1
            moved += cosine is None or not 1.0 - cosine <= explained
            if cosine is not None and (worst is None or cosine < worst):
                worst, worst_sample = cosine, identity
    return DriftFromDate(
        date=date, fetched_to=fetched_to, texts=texts, moved=moved, worst=worst, worst_sample=worst_sample
    )


def _cosines(today: Mapping[str, Matrix32], same: Sequence[tuple[str, Matrix32]]) -> Iterator[tuple[str, float | None]]:
    """Yield the cosine of each text; None for another dimension, NaN, or a zero vector on one date alone."""
    fitting = [(identity, old) for identity, old in same if old.shape == today[identity].shape]
    yield from ((identity, None) for identity, old in same if old.shape != today[identity].shape)
    dimensions = {old.shape[0] for _, old in fitting}
    for dimension in sorted(dimensions):
        group = [(identity, old) for identity, old in fitting if old.shape[0] == dimension]
        before = np.stack([old for _, old in group])
        after = np.stack([today[identity] for identity, _ in group])
        equal = np.array([np.array_equal(one, two, equal_nan=True) for one, two in zip(before, after, strict=True)])
        cosines = np.where(equal, 1.0, measure_rows(before, after).cosine)
        for (identity, _), cosine in zip(group, cosines, strict=True):
            yield identity, float(cosine) if np.isfinite(cosine) else None


def explained_by(floor: float | None) -> float:
    """Return the 1 - cosine that rounding and a side's noise explain; `floor` is that of its worst pair of responses."""
    return max(SAME, NOISE_FACTOR * min(floor or 0.0, MOST_NOISE))


def drift_checks(drift: Sequence[SelfDrift]) -> Iterator[Check]:
    """Yield one check per side that has an earlier date with a same text; by default it warns.

    That the sides differ from each other is what fails a verdict. That one differs from itself says when something changed.
    """
    for one in drift:
        if not one.dates:
            continue
        yield Check(
            name=of_side(one.side, "drift"),
            severity=CheckSeverity.WARN,
            passed=one.drifted is None,
            seen=one.describe(),
            remedy="Find out what was deployed then; verdicts on earlier dates are about what was there before.",
            side=one.side,
        )
