"""The comparison as the finders of causes see it: unit vectors, masks and the rows that wait for a cause.

Here belongs what every finder needs and the finding that it returns. What a finder looks for belongs to its own module.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.compare import compare
from parity_pipeline.core.diagnosis.records import (
    CASES,
    EVIDENCE_LISTED,
    IDS_LISTED,
    Cause,
    CauseName,
    Confidence,
    DiagnosisInput,
    Evidence,
    Rows,
)
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX
from parity_pipeline.core.limits import METRIC_BLOCK_ROWS
from parity_pipeline.core.measures import ComparedRows, Float64, Matrix32, grade
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side

EXACT: Final = 1e-5
"""Largest 1 - cosine at which vectors of two servers of one precision are the same: recorded medians are below 1e-6."""

CLEAR: Final = 10.0
"""How many times further than a match an unrelated text has to be, before a match says which text was read."""

CROWD: Final = 0.05
"""Share of the other texts that may be as near as that to half of the texts."""

ENOUGH: Final = 20
"""Samples other than hazards, below which hazards count like any other."""

_SEEN: Final = 300
"""Rows that are compared with each other for that."""

Mask = NDArray[np.bool_]

FINE = frozenset({Outcome.MATCH, Outcome.REFUSED_BY_BOTH})
"""Outcomes that need no cause."""


@dataclass(frozen=True, slots=True)
class FoundCause:
    """A cause as its finder returns it: rows as indices, all of the evidence.

    Attributes:
        name: The cause.
        words: What was found.
        confidence: How sure.
        rows: The rows it explains, ascending.
        evidence: Evidence rows.
        cases: Case numbers, where they are fewer than those of the name.
        sources: For moved rows, the row whose vector each one holds; else None.
        side: The side at fault; None where nothing shows which one is.
    """

    name: CauseName
    words: str
    confidence: Confidence
    rows: Rows
    evidence: Sequence[Evidence] = ()
    cases: tuple[int, ...] = ()
    sources: Rows | None = None
    side: Side | None = None


class DiagnosisContext:
    """One comparison, worked up once for all finders. Rows are indices into the subject's samples."""

    def __init__(self, subject: DiagnosisInput) -> None:
        """Compare the two sides and take the rows apart.

        Raises:
            MetricInputError: A side's rows are not the samples of the subject.
        """
        self.subject = subject
        self.texts = subject.samples.texts
        self.ids = subject.samples.ids
        self.size = len(subject.samples)
        self.compared: ComparedRows = grade(
            compare(subject.samples, subject.legacy, subject.candidate), subject.thresholds
        )
        self.threshold = subject.thresholds.cosine
        self.cosine: Float64 = self.compared.cosine
        outcomes = np.array([outcome.value for outcome in self.compared.outcomes], dtype=np.str_)
        self.failing: Mask = ~np.isin(outcomes, [outcome.value for outcome in FINE])
        self.low: Mask = outcomes == Outcome.MISMATCH.value
        self.passing: Mask = outcomes == Outcome.MATCH.value

    def text_of(self, row: int) -> str:
        """Return the text of a row."""
        return self.texts[row]

    def id_of(self, row: int) -> str:
        """Return the sample id of a row."""
        return self.ids[row]

    @cached_property
    def legacy(self) -> Matrix32:
        """The legacy side's unit vectors, float32, shape (rows, its usual dimension); zeros where there is none."""
        return unit_rows(stored_matrix(self.subject.legacy))

    @cached_property
    def candidate(self) -> Matrix32:
        """The same of the candidate."""
        return unit_rows(stored_matrix(self.subject.candidate))

    @cached_property
    def ordinals(self) -> NDArray[np.intp]:
        """Place of each row in the order they were sent."""
        given = self.subject.ordinals
        return np.arange(self.size) if given is None else np.array(given, np.intp)

    @property
    def same_width(self) -> bool:
        """Say whether the usual dimensions of the two sides agree."""
        return self.legacy.shape[1] == self.candidate.shape[1]

    @cached_property
    def near(self) -> float:
        """Smallest cosine at which a changed text or vector counts as the very same one.

        The threshold alone would not do: leaving out one comma of a long text changes less than it allows. What the
        passing samples show of the two sides' own noise is allowed for, ten times.
        """
        fine = 1.0 - self.cosine[self.passing]
        if not len(fine):
            return self.threshold
        return max(self.threshold, 1.0 - max(EXACT, 10.0 * float(np.median(fine))))

    @cached_property
    def truthful(self) -> Mask:
        """Rows that have a vector of the usual dimension on both sides."""
        return np.any(self.legacy, axis=1) & np.any(self.candidate, axis=1)

    @cached_property
    def typical(self) -> Mask:
        """Rows on which a rule is looked for: all but the hazards, where there are enough of them; else all rows.

        Hazards are made to be odd in every way at once, so that a rule of ordinary texts need not hold among them.
        """
        plain = np.array([not one.startswith(CATEGORY_PREFIX) for one in self.subject.samples.categories], np.bool_)
        measured = plain & (self.passing | self.failing)
        enough = int((measured & self.failing).sum()) > 0 and int(measured.sum()) >= ENOUGH
        return plain if enough else np.ones(self.size, np.bool_)

    @cached_property
    def unrelated(self) -> float:
        """Largest cosine of a text that has nothing to do with a row, at which the two are still distinguished."""
        return 1.0 - CLEAR * (1.0 - self.near)

    @cached_property
    def vague(self) -> bool:
        """Say whether different texts of a side are so alike that a match says nothing about which text was read.

        Half of the texts have more than `CROWD` of all others closer than a change of text may be.
        """
        return any(self._is_vague(matrix) for matrix in (self.legacy, self.candidate))

    def _is_vague(self, matrix: Matrix32) -> bool:
        rows = np.flatnonzero(matrix.any(axis=1))
        rows = rows[:: max(1, len(rows) // _SEEN)]
        if len(rows) < 3:
            return False
        units = np.unique(matrix[rows], axis=0).astype(np.float64)
        if len(units) < 2:
            return True
        near = units @ units.T >= self.unrelated
        others = near.sum(axis=1) - 1
        return float(np.median(others)) >= max(1.0, CROWD * (len(units) - 1))

    def evidence(
        self, rows: Sequence[int], tried: Callable[[int], str], after: Float64 | None = None
    ) -> list[Evidence]:
        """Return evidence on the first rows.

        Args:
            rows: The rows.
            tried: Words for a row.
            after: Cosine after the change, one per row of `rows`.
        """
        return [
            Evidence(
                sample=self.ids[row],
                tried=tried(row),
                before=_number(self.cosine[row]),
                after=None if after is None else _number(after[place]),
            )
            for place, row in enumerate(list(rows)[:EVIDENCE_LISTED])
        ]

    def to_cause(self, finding: FoundCause) -> Cause:
        """Return the finding as a bounded record with ids in place of rows."""
        return Cause(
            name=finding.name,
            words=finding.words,
            confidence=finding.confidence,
            count=len(finding.rows),
            samples=tuple(self.id_of(row) for row in finding.rows[:IDS_LISTED].tolist()),
            evidence=tuple(finding.evidence[:EVIDENCE_LISTED]),
            cases=finding.cases or CASES[finding.name],
            side=finding.side,
        )


def counted(count: int, what: str) -> str:
    """Return a number with its noun, such as "1 row" or "2 rows"."""
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def indices(mask: Mask) -> Rows:
    """Return the rows of a mask, ascending."""
    return np.flatnonzero(mask)


def stored_matrix(side: FetchedRows) -> Matrix32:
    """Return a side's vectors as they came, zeros for rows without one, of another length, or not finite.

    The width is the length that most rows have; 0 columns where no row has a vector.
    """
    lengths = side.dimensions() * np.array([status is RowStatus.OK for status in side.status], np.bool_)
    kinds, counts = np.unique(lengths[lengths > 0], return_counts=True)
    width = int(kinds[counts.argmax()]) if len(kinds) else 0
    matrix = np.zeros((len(side), width), np.float32)
    rows = np.flatnonzero((lengths == width) & (lengths > 0))
    for start in range(0, len(rows), METRIC_BLOCK_ROWS):  # the places of all numbers take twice as much as the numbers
        block = rows[start : start + METRIC_BLOCK_ROWS]
        matrix[block] = side.values[side.offsets[:-1][block][:, None] + np.arange(width)]
    matrix[~np.isfinite(matrix).all(axis=1)] = 0.0
    return matrix


def vector_of(side: FetchedRows, row: int) -> NDArray[np.float32]:
    """Return the vector of one row, of whatever length it came."""
    return side.values[side.offsets[row] : side.offsets[row + 1]]


def unit_rows(matrix: NDArray[np.floating]) -> Matrix32:
    """Return the rows divided by their L2 norms, float32; rows of zeros stay."""
    units = np.empty(matrix.shape, np.float32)
    for start in range(0, len(matrix), METRIC_BLOCK_ROWS):  # float64 of all rows at once is four times the result
        wide = matrix[start : start + METRIC_BLOCK_ROWS].astype(np.float64)
        norms = np.sqrt(np.einsum("ij,ij->i", wide, wide))
        units[start : start + METRIC_BLOCK_ROWS] = wide / np.where(norms > 0, norms, 1.0)[:, None]
    return units


def row_cosines(left: NDArray[np.floating], right: NDArray[np.floating]) -> Float64:
    """Return the cosine of each row of two matrices of one shape, float64; 0 where a row is zero."""
    one, two = left.astype(np.float64), right.astype(np.float64)
    dots = np.einsum("ij,ij->i", one, two)
    sizes = np.sqrt(np.einsum("ij,ij->i", one, one) * np.einsum("ij,ij->i", two, two))
    return dots / np.where(sizes > 0, sizes, np.inf)


def pair_cosine(left: NDArray[np.floating], right: NDArray[np.floating]) -> float:
    """Return the cosine of two vectors; 0 where their lengths differ, one is zero or holds NaN."""
    if left.shape != right.shape or not left.size:
        return 0.0
    value = float(row_cosines(left[None], right[None])[0])
    return value if np.isfinite(value) else 0.0


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
