"""Compare the rows of the two sides and give each sample exactly one outcome.

Here belongs the step from two fetched blocks to one compared block: measures, and outcomes that depend on no threshold.
Which compared rows match belongs to `measures`, what the outcomes of a whole set come to belongs to `decision`.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.measures import ComparedRows, Float64, Matrix32, measure_rows
from parity_pipeline.core.outcomes import Outcome, RowStatus, Side

BOTH = "both"


def compare(samples: SampleBlock, legacy: FetchedRows, candidate: FetchedRows) -> ComparedRows:
    """Compare the same samples of both sides.

    Args:
        samples: The samples, in the order of their set.
        legacy: What the legacy side made of exactly these samples.
        candidate: What the candidate made of them.

    Returns:
        One outcome per sample. Rows in which both sides gave finite, non-zero vectors of one dimension are `COMPARED`;
        they alone have a cosine.

    Raises:
        MetricInputError: A side's rows are not these samples in this order.
    """
    for side, rows in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)):
        if rows.start != samples.start or list(rows.ids) != list(samples.ids):
            msg = f"the {side} rows are not the samples of the set from ordinal {samples.start} on"
            raise MetricInputError(msg, remedy=f"Materialize {side}/embeddings again.")
    measured = _Measured.of(legacy, candidate)
    found = [_outcome(row, legacy, candidate, measured) for row in range(len(samples))]
    return ComparedRows(
        start=samples.start,
        ids=samples.ids,
        categories=samples.categories,
        heads=[text[:HEAD_CHARACTERS] for text in samples.texts],
        outcomes=[outcome for outcome, _ in found],
        sides=[side for _, side in found],
        legacy_dimension=measured.legacy_dimension,
        candidate_dimension=measured.candidate_dimension,
        cosine=measured.cosine,
        legacy_norm=measured.legacy_norm,
        candidate_norm=measured.candidate_norm,
        norm_ratio=measured.norm_ratio,
        max_abs_delta=measured.max_abs_delta,
        max_abs_delta_unit=measured.max_abs_delta_unit,
        identical=measured.identical,
        legacy_errors=legacy.errors,
        candidate_errors=candidate.errors,
        drawn=np.array(samples.drawn, np.int32),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class _Measured:
    """The measures of a block in which each row may have its own dimension, or none."""

    legacy_dimension: NDArray[np.int32]
    candidate_dimension: NDArray[np.int32]
    cosine: Float64
    legacy_norm: Float64
    candidate_norm: Float64
    max_abs_delta: Float64
    max_abs_delta_unit: Float64
    identical: NDArray[np.bool_]

    @classmethod
    def of(cls, legacy: FetchedRows, candidate: FetchedRows) -> "_Measured":
        rows = len(legacy)
        left, right = _vector_lengths(legacy), _vector_lengths(candidate)
        result = cls(
            legacy_dimension=left,
            candidate_dimension=right,
            cosine=np.full(rows, np.nan),
            legacy_norm=np.full(rows, np.nan),
            candidate_norm=np.full(rows, np.nan),
            max_abs_delta=np.full(rows, np.nan),
            max_abs_delta_unit=np.full(rows, np.nan),
            identical=np.zeros(rows, np.bool_),
        )
        result._fill_pairs(legacy, candidate)
        result._fill_norms(legacy, candidate)
        return result

    @property
    def norm_ratio(self) -> Float64:
        with np.errstate(invalid="ignore", divide="ignore"):
            return self.candidate_norm / self.legacy_norm

    def _fill_pairs(self, legacy: FetchedRows, candidate: FetchedRows) -> None:
        paired = (self.legacy_dimension == self.candidate_dimension) & (self.legacy_dimension > 0)
        for dimension in np.unique(self.legacy_dimension[paired]):
            rows = np.flatnonzero(paired & (self.legacy_dimension == dimension))
            measures = measure_rows(_matrix(legacy, rows, int(dimension)), _matrix(candidate, rows, int(dimension)))
            self.cosine[rows] = measures.cosine
            self.legacy_norm[rows], self.candidate_norm[rows] = measures.legacy_norm, measures.candidate_norm
            self.max_abs_delta[rows] = measures.max_abs_delta
            self.max_abs_delta_unit[rows] = measures.max_abs_delta_unit
            self.identical[rows] = measures.identical

    def _fill_norms(self, legacy: FetchedRows, candidate: FetchedRows) -> None:
        """Give a norm to vectors without a partner too: a reader of a dimension mismatch wants to see it."""
        alone = self.legacy_dimension != self.candidate_dimension
        sides = (
            (legacy, self.legacy_dimension, self.legacy_norm),
            (candidate, self.candidate_dimension, self.candidate_norm),
        )
        with np.errstate(invalid="ignore"):
            for side, lengths, norms in sides:
                for row in np.flatnonzero(alone & (lengths > 0)):
                    vector = side.values[side.offsets[row] : side.offsets[row + 1]].astype(np.float64)
                    norms[row] = float(np.sqrt(vector @ vector))


def _vector_lengths(side: FetchedRows) -> NDArray[np.int32]:
    """Return the length of each row's vector; 0 for a row that is not OK, whose numbers, if any, prove nothing."""
    usable = np.array([status is RowStatus.OK for status in side.status], np.bool_)
    return np.where(usable, side.dimensions(), np.int32(0)).astype(np.int32, copy=False)


def _matrix(side: FetchedRows, rows: NDArray[np.intp], dimension: int) -> Matrix32:
    """Return the vectors of some rows of one dimension as a (rows, dimension) matrix; a view for all rows."""
    if len(rows) == len(side):
        return side.values.reshape(-1, dimension)
    return side.values[side.offsets[rows][:, None] + np.arange(dimension)]


def _who(legacy: bool, candidate: bool) -> str | None:
    if legacy and candidate:
        return BOTH
    return Side.LEGACY.value if legacy else Side.CANDIDATE.value if candidate else None


def _is_lost(status: RowStatus, length: int) -> bool:
    """Say whether a row is neither a vector nor a definite no; an empty vector is none, whatever its status says."""
    return status is not RowStatus.REFUSED and length <= 0


_REFUSED = {
    BOTH: Outcome.REFUSED_BY_BOTH,
    Side.LEGACY.value: Outcome.REFUSED_BY_LEGACY,
    Side.CANDIDATE.value: Outcome.REFUSED_BY_CANDIDATE,
}


def _outcome(row: int, legacy: FetchedRows, candidate: FetchedRows, measured: _Measured) -> tuple[Outcome, str | None]:
    """Return the outcome of one row and the side it is about. The order of the questions is the order of certainty."""
    statuses = (legacy.status[row], candidate.status[row])
    lengths = (measured.legacy_dimension[row], measured.candidate_dimension[row])
    lost = _who(*(_is_lost(status, int(length)) for status, length in zip(statuses, lengths, strict=True)))
    refused = _who(*(status is RowStatus.REFUSED for status in statuses))
    if lost:
        return Outcome.MISSING, lost
    if refused:
        return _REFUSED[refused], refused
    if lengths[0] != lengths[1]:
        return Outcome.DIMENSION_MISMATCH, BOTH
    norms = (measured.legacy_norm[row], measured.candidate_norm[row])
    if odd := _who(*(not np.isfinite(norm) for norm in norms)):
        return Outcome.NON_FINITE, odd
    if zero := _who(*(norm == 0.0 for norm in norms)):
        return Outcome.ZERO_NORM, zero
    return Outcome.COMPARED, None
