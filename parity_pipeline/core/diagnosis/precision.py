"""Small differences on all rows: rounding of vectors or weights, or another version of the runtime.

Here belongs separating the tail of a general noise from samples that differ for a reason of their own. The noise of
a side against itself belongs to `instability`.
"""

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, stored_matrix, unit_rows
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows
from parity_pipeline.core.limits import METRIC_BLOCK_ROWS
from parity_pipeline.core.measures import Float64, Matrix32

FEWEST: Final = 8
"""Measured samples below which nothing is said about a general noise."""

TAIL: Final = 8.0
"""How many times the lower quartile of 1 - cosine a sample may be and still be the noise's own tail.

Between an 8-bit and a 32-bit server the quartile was 3.6e-4, the worst such sample 1.9e-3, and the next cause began at
2.7e-2.
"""

WIDEST_SPREAD: Final = 8.0
"""Largest ratio of the ninth to the first decile of 1 - cosine at which the differences of all rows are one noise."""

DIRECTED: Final = 0.35
"""Share of the residuals' power in one direction from which on they are not rounding: recorded roundings had at most
0.14, a prefix before every text 0.99."""

LARGEST: Final = 0.3
"""Largest lower quartile of 1 - cosine that is still called noise: an int8 server with runtime ranges had 0.05."""

_BANDS: Final[tuple[tuple[float, str], ...]] = (
    (1.5e-5, "of the size of float16 or of float32 sums in another order"),
    (1.5e-4, "of the size of bfloat16 arithmetic (recorded: 5e-5, worst 1.3e-4)"),
    (3e-3, "of the size of 8-bit weights (recorded for q8_0: 4.5e-4, worst 1.9e-3)"),
    (
        LARGEST,
        (
            "larger than 8-bit weights give: int8 arithmetic with ranges set at run time, 4-bit weights, another "
            "version, or a side that is not steady"
        ),
    ),
)
"""Upper end of the median 1 - cosine, and what it is the size of. Recorded on 200 texts and six servers."""

WIDE: Final = 32
"""Elements of a vector from which on it lies on a grid by intent: the probability by chance is 0.004 ** 31."""

_GRID_TOLERANCE: Final = 2e-3
"""Largest distance of an element from its grid, in steps."""


def find_partial_noise(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "precision", as possible, where a part of the samples differs by one size in directions of no relation.

    That is what one of several replicas with another precision or version looks like. It comes last: what any property
    of the texts explains is none of it.
    """
    rows = indices(waiting & context.low)
    if not context.same_width or not context.passing.any():
        return []
    for limit in (LARGEST, _SMALLER):
        near = rows[1.0 - context.cosine[rows] <= limit]
        if len(near) >= max(FEWEST, _NEARLY_ALL * len(rows)) and _undirected(context, near):
            finding = _growing(context, near) or _even(context, near)
            if finding:
                return [finding]
    return []


_SMALLER: Final = 0.05
"""Largest 1 - cosine that is looked at where the noise is less than that of all rows below `LARGEST`.

A few rows may be hit by another fault as well, which takes them far from where the noise would leave them.
"""

_NEARLY_ALL: Final = 0.7
"""Share of the waiting rows that has to differ by little before the rest is left to other causes."""

_GROWING: Final = 0.8
"""Rank correlation of 1 - cosine and words from which on a difference is said to grow with the length of a text."""


def _growing(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Return the cause of rows of which longer texts differ by more, by the ranks of both (Spearman)."""
    lost = 1.0 - context.cosine[rows]
    lengths = np.array([len(context.text_of(row).split()) for row in rows.tolist()])
    if lengths.min() == lengths.max() or np.corrcoef(_ranks(lengths), _ranks(lost))[0, 1] < _GROWING:
        return None
    words = (
        f"{len(rows)} failing samples differ by more the longer their texts are (1 - cosine {_span(lost)}), in directions "
        "that have nothing in common: noise that grows with the length, as another context size or another precision of "
        "positions makes it on a part of the rows"
    )
    return _noise_of(context, rows, words)


def _even(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Return the cause of rows that differ by one size."""
    lost = 1.0 - context.cosine[rows]
    low, high = np.quantile(lost, [0.1, 0.9])
    if high > WIDEST_SPREAD * low:
        return None
    words = (
        f"{len(rows)} failing samples differ by about as much (1 - cosine {_span(lost)}) in directions that have nothing in "
        f"common, and nothing sets their texts apart from those of {int(context.passing.sum())} passing ones: noise on a part "
        "of the rows, as one of several replicas with another precision or version makes it"
    )
    return _noise_of(context, rows, words)


def _noise_of(context: DiagnosisContext, rows: Rows, words: str) -> FoundCause:
    median = float(np.median(1.0 - context.cosine[rows]))
    evidence = context.evidence(rows.tolist(), lambda _: f"median 1 - cosine of these samples {median:.2g}")
    return FoundCause(CauseName.PRECISION, words, Confidence.POSSIBLE, rows, evidence)


def _ranks(values: NDArray[np.generic]) -> Float64:
    """Return the mean rank of each value; equal values have one rank."""
    _, places, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts - 1) / 2.0)[places]


@dataclass(frozen=True, slots=True)
class _Noise:
    """The general difference of the rows: quartile and median of 1 - cosine, and the largest that it explains."""

    median: float
    limit: float


def find_precision(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "precision" where the failing samples are the tail of a difference that all samples have."""
    measured = indices((context.passing | (context.low & waiting)) & context.typical)
    rows = indices(waiting & context.low)
    if len(measured) < FEWEST or not len(rows) or not context.same_width:
        return []
    noise = _general_noise(context, measured)
    if noise is None:
        return []
    rows = rows[1.0 - context.cosine[rows] <= noise.limit]
    if not len(rows) or not _undirected(context, rows):
        return []
    size = next((said for limit, said in _BANDS if noise.median <= limit), _BANDS[-1][1])
    grids = _grids(context, rows)
    words = (
        f"{len(rows)} failing samples (1 - cosine {_span(1.0 - context.cosine[rows])}) are the tail of a difference "
        f"that all {len(measured)} samples have: median {noise.median:.2g}, {size}{grids}"
    )
    confidence = Confidence.LIKELY if noise.median <= _BANDS[-2][0] else Confidence.POSSIBLE
    evidence = context.evidence(rows.tolist(), lambda _: f"median 1 - cosine of all samples {noise.median:.2g}")
    return [FoundCause(CauseName.PRECISION, words, confidence, rows, evidence)]


def _general_noise(context: DiagnosisContext, measured: Rows) -> _Noise | None:
    """Return the noise that the bulk of the samples shares; None where the bulk agrees or differs too unevenly."""
    lost = np.sort(1.0 - context.cosine[measured])
    quartile = float(np.quantile(lost, 0.25))
    limit = TAIL * quartile
    within = lost[lost <= limit]
    low, high = np.quantile(within, [0.1, 0.9])
    shared = len(within) >= 0.6 * len(lost)
    if limit <= 1.0 - context.threshold or quartile > LARGEST or not shared or high > WIDEST_SPREAD * low:
        return None
    return _Noise(median=float(np.median(within)), limit=limit)


def _undirected(context: DiagnosisContext, rows: Rows) -> bool:
    """Say whether the residuals point anywhere: those of a prefix, an offset or another pooling share a direction."""
    return common_direction(context.legacy[rows[:1000]], context.candidate[rows[:1000]]) < DIRECTED


def common_direction(legacy: Matrix32, candidate: Matrix32) -> float:
    """Return the share, in [0, 1], of the residuals' power in one direction; 0 for fewer than `FEWEST` distinct rows.

    A residual is what is left of a candidate's unit vector beside the legacy's direction, made a unit vector itself.
    """
    wide = legacy.astype(np.float64), candidate.astype(np.float64)
    along = np.einsum("ij,ij->i", *wide)[:, None]
    # Equal texts and equal vectors would count one residual several times.
    residuals = np.unique(unit_rows(wide[1] - along * wide[0]).round(5), axis=0).astype(np.float64)
    if len(residuals) < FEWEST:
        return 0.0
    # Of few rows one direction always holds a share of one in their number; that share says nothing.
    power = np.linalg.svd(residuals, compute_uv=False) ** 2
    return float(max(0.0, power[0] / power.sum() - 1.0 / len(residuals)))


def _span(lost: Float64) -> str:
    return f"{lost.min():.2g} to {lost.max():.2g}"


def _grids(context: DiagnosisContext, rows: Rows) -> str:
    """Return words on the number format that a side's stored numbers betray; "" where they betray none."""
    sides = (("legacy", context.subject.legacy), ("candidate", context.subject.candidate))
    grids = [(side, grid_of(stored_matrix(vectors)[rows[:50]])) for side, vectors in sides]
    return "".join(f"; the {side} side's numbers lie on a grid of {grid}" for side, grid in grids if grid)


def find_grids(context: DiagnosisContext) -> list[FoundCause]:
    """Return an observation on the rows that one side alone writes on the coarse grid of 8-bit integers or fewer.

    A cosine hardly shows it, and a row of `WIDE` elements never lies on such a grid by chance.
    """
    sides = (("legacy", context.subject.legacy), ("candidate", context.subject.candidate))
    on = {side: _on_grid(stored_matrix(vectors)) for side, vectors in sides}
    found: list[FoundCause] = []
    for side, other in (("legacy", "candidate"), ("candidate", "legacy")):
        rows = indices(on[side] & ~on[other] & context.passing)
        if len(rows):
            words = (
                f"the {side} side's numbers of {len(rows)} samples that pass lie on a grid of 8-bit integers, "
                f"the {other} side's do not"
            )
            evidence = context.evidence(rows.tolist(), lambda _: "as stored")
            found.append(FoundCause(CauseName.PRECISION, words, Confidence.LIKELY, rows, evidence))
    return found


def _on_grid(matrix: Matrix32) -> Mask:
    """Say of each row whether its elements are whole multiples of a 127th of the largest one."""
    if matrix.shape[1] < WIDE:
        return np.zeros(len(matrix), np.bool_)
    on = np.zeros(len(matrix), np.bool_)
    for start in range(0, len(matrix), METRIC_BLOCK_ROWS):  # of all rows at once it holds four times the matrix
        block = matrix[start : start + METRIC_BLOCK_ROWS]
        steps = np.abs(block).max(axis=1).astype(np.float64)
        scaled = block / np.where(steps > 0, steps, 1.0)[:, None] * 127
        near = np.abs(scaled - np.round(scaled)).max(axis=1) <= _GRID_TOLERANCE
        on[start : start + METRIC_BLOCK_ROWS] = (steps > 0) & near
    return on


def grid_of(matrix: Matrix32) -> str:
    """Return which coarse number format all rows are written in: "int4", "int8", "bfloat16", "float16" or "".

    Args:
        matrix: float32, shape (rows, dimensions), as the vectors came.
    """
    if not matrix.size:
        return ""
    steps = np.abs(matrix).max(axis=1)
    for levels, name in ((7, "int4"), (127, "int8")):
        scaled = matrix / np.where(steps > 0, steps, 1.0)[:, None] * levels
        if float(np.abs(scaled - np.round(scaled)).max()) <= _GRID_TOLERANCE * levels / 8:
            return name
    if not (matrix.astype("<f4").view("<u4") & 0xFFFF).any():
        return "bfloat16"
    with np.errstate(over="ignore"):
        return "float16" if (matrix.astype(np.float16).astype(np.float32) == matrix).all() else ""
