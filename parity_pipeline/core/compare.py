"""Compare the rows of the two sides and give each sample exactly one outcome.

Here belongs the step from two fetched blocks to one compared block: measures, and outcomes that depend on no threshold.
Which compared rows match belongs to `measures`, what the outcomes of a whole set come to belongs to `verdict_builder`.
"""

from dataclasses import fields

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.limits import HEAD_CHARACTERS
from parity_pipeline.core.measures import ComparedRows, Matrix32, RowMeasures, measure_rows
from parity_pipeline.core.outcomes import DIFFERENT, MUTUAL, Outcome, RowStatus, Side

BOTH = "both"

Lengths = NDArray[np.int32]


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
    left, right = _vector_lengths(legacy), _vector_lengths(candidate)
    measured = _measured(legacy, candidate, left, right)
    found = _outcomes(legacy, candidate, (left, right), measured)
    with np.errstate(invalid="ignore", divide="ignore"):
        norm_ratio = measured.candidate_norm / measured.legacy_norm
    return ComparedRows(
        start=samples.start,
        ids=samples.ids,
        categories=samples.categories,
        heads=[text[:HEAD_CHARACTERS] for text in samples.texts],
        outcomes=[outcome for outcome, _ in found],
        sides=[side for _, side in found],
        legacy_dimension=left,
        candidate_dimension=right,
        cosine=measured.cosine,
        legacy_norm=measured.legacy_norm,
        candidate_norm=measured.candidate_norm,
        norm_ratio=norm_ratio,
        max_abs_delta=measured.max_abs_delta,
        max_abs_delta_unit=measured.max_abs_delta_unit,
        identical=measured.identical,
        legacy_errors=legacy.errors,
        candidate_errors=candidate.errors,
        drawn=np.array(samples.drawn, np.int32),
    )


def _measured(legacy: FetchedRows, candidate: FetchedRows, left: Lengths, right: Lengths) -> RowMeasures:
    """Return the measures of a block in which each row may have its own dimension, or none: NaN there."""
    result = RowMeasures.unmeasured(len(left))
    for dimension in np.unique(left[(left == right) & (left > 0)]):
        rows = np.flatnonzero((left == right) & (left == dimension))
        found = measure_rows(_matrix(legacy, rows, int(dimension)), _matrix(candidate, rows, int(dimension)))
        for field in fields(RowMeasures):
            getattr(result, field.name)[rows] = getattr(found, field.name)
    # A vector without a partner has a norm too: a reader of a dimension mismatch wants to see it.
    sides = ((legacy, left, result.legacy_norm), (candidate, right, result.candidate_norm))
    with np.errstate(invalid="ignore"):
        for side, lengths, norms in sides:
            for row in np.flatnonzero((left != right) & (lengths > 0)):
                vector = side.values[side.offsets[row] : side.offsets[row + 1]].astype(np.float64)
                norms[row] = np.sqrt(vector @ vector)
    return result


def _vector_lengths(side: FetchedRows) -> Lengths:
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


def _outcomes(
    legacy: FetchedRows, candidate: FetchedRows, lengths: tuple[Lengths, Lengths], measured: RowMeasures
) -> list[tuple[Outcome, str | None]]:
    """Return the outcome of each row. Most rows are two usable vectors, which is seen of all rows at once."""
    norms = np.array([measured.legacy_norm, measured.candidate_norm])
    plain = (lengths[0] == lengths[1]) & (lengths[0] > 0) & np.all(np.isfinite(norms) & (norms != 0.0), axis=0)
    found: list[tuple[Outcome, str | None]] = [(Outcome.COMPARED, None)] * len(plain)
    for row in np.flatnonzero(~plain).tolist():
        statuses = legacy.status[row], candidate.status[row]
        found[row] = _outcome(statuses, (lengths[0][row], lengths[1][row]), (norms[0, row], norms[1, row]))
    return found


def _outcome(
    statuses: tuple[RowStatus, RowStatus], lengths: tuple[int, int], norms: tuple[float, float]
) -> tuple[Outcome, str | None]:
    """Return the outcome of one row and the side it is about. The order of the questions is the order of certainty."""
    if lost := _who(*(_is_lost(status, int(length)) for status, length in zip(statuses, lengths, strict=True))):
        return Outcome.MISSING, lost
    if refused := _who(*(status is RowStatus.REFUSED for status in statuses)):
        return _REFUSED[refused], refused
    if lengths[0] != lengths[1]:
        return Outcome.DIMENSION_MISMATCH, BOTH
    if odd := _who(*(not np.isfinite(norm) for norm in norms)):
        return Outcome.NON_FINITE, odd
    if zero := _who(*(norm == 0.0 for norm in norms)):
        return Outcome.ZERO_NORM, zero
    return Outcome.COMPARED, None


def proves_a_difference(rows: ComparedRows, index: int) -> bool:
    """Return whether a graded row proves a difference; NaN or zeros on both sides prove nothing."""
    outcome = rows.outcomes[index]
    return outcome in DIFFERENT and not (outcome in MUTUAL and rows.sides[index] == BOTH)
