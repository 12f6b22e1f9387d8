"""Vectors of different lengths: cut dimensions, and bytes read as another number format.

Here belongs what can be said of rows whose dimensions differ. Rows of one dimension belong to `transforms` and
`precision`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import DiagnosisContext, FoundCause, Mask, indices, pair_cosine, vector_of
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Vector
from parity_pipeline.core.metrics import Float64
from parity_pipeline.core.outcomes import Outcome

_Reading = Callable[[Vector], Float64]

_QUARTER: Final = 4
"""A base64 mix-up makes four numbers into one: four bytes are read as one float32."""


def _halves_as_float64(vector: Vector) -> Float64:
    return vector[: len(vector) // 2 * 2].astype("<f4").view("<f8").astype(np.float64)


def _float64_as_float32(vector: Vector) -> Float64:
    return vector.astype("<f8").view("<f4").astype(np.float64)


def _numbers_as_bytes(vector: Vector) -> Float64:
    with np.errstate(invalid="ignore"):
        narrow = vector[: len(vector) // _QUARTER * _QUARTER].astype(np.int64).astype(np.uint8)
    return narrow.view("<f4").astype(np.float64)


_READINGS: Final[tuple[tuple[str, _Reading], ...]] = (
    ("float32 numbers read as float64", _halves_as_float64),
    ("float64 numbers read as float32", _float64_as_float32),
    ("numbers cut to bytes and read as float32", _numbers_as_bytes),
)


def find_beginnings(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "dimensions cut" for rows of which one side's vector is the beginning of the other's."""
    cut = {row: _prefix_cosine(*pair) for row, pair in _pairs(context, waiting).items()}
    rows = [row for row, cosine in cut.items() if cosine >= context.threshold]
    return [_cut(context, rows, cut)] if rows else []


def find_dimensions(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return causes of rows whose two vectors differ in length and of which neither is the beginning of the other."""
    pairs = _pairs(context, waiting)
    found: list[FoundCause] = []
    left = [row for row, pair in pairs.items() if _prefix_cosine(*pair) < context.threshold]
    for said, reading in _READINGS:
        read = {row: _read_cosine(reading, *pairs[row]) for row in left}
        same = [row for row in left if read[row] >= context.threshold]
        if same:
            found.append(_reread(context, same, said, read))
            left = [row for row in left if row not in set(same)]
    return [*found, _plain(context, left)] if left else found


def _pairs(context: DiagnosisContext, waiting: Mask) -> dict[int, tuple[Vector, Vector]]:
    """Return both vectors of each waiting row whose dimensions differ."""
    rows = [row for row in indices(waiting).tolist() if context.compared.outcomes[row] is Outcome.DIMENSION_MISMATCH]
    return {row: (vector_of(context.subject.legacy, row), vector_of(context.subject.candidate, row)) for row in rows}


def _prefix_cosine(legacy: Vector, candidate: Vector) -> float:
    width = min(len(legacy), len(candidate))
    return pair_cosine(legacy[:width], candidate[:width])


def _read_cosine(reading: _Reading, legacy: Vector, candidate: Vector) -> float:
    return max(pair_cosine(reading(legacy), candidate), pair_cosine(reading(candidate), legacy))


def _lengths(context: DiagnosisContext, rows: list[int]) -> str:
    kinds = sorted(
        {(int(context.compared.legacy_dimension[r]), int(context.compared.candidate_dimension[r])) for r in rows}
    )
    return ", ".join(f"{left} against {right}" for left, right in kinds[:3])


def _cut(context: DiagnosisContext, rows: list[int], after: dict[int, float]) -> FoundCause:
    compared = context.compared
    shorter_candidate = compared.candidate_dimension[rows[0]] < compared.legacy_dimension[rows[0]]
    who, other = ("candidate", "legacy") if shorter_candidate else ("legacy", "candidate")
    whole, part = (
        (compared.legacy_norm, compared.candidate_norm)
        if shorter_candidate
        else (compared.candidate_norm, compared.legacy_norm)
    )
    kept = float(np.median(part[rows] / whole[rows]))
    norm = "" if abs(kept - 1.0) < 1e-6 else f", not normalised again (norms {kept:.3g} times the whole's)"
    words = (
        f"the {who} side's vectors of {len(rows)} samples are the first dimensions of the {other} side's: "
        f"{_lengths(context, rows)}{norm}"
    )
    cosines = np.array([after[row] for row in rows])
    evidence = context.evidence(rows, lambda _: "the first dimensions of the longer vector", cosines)
    return FoundCause(CauseName.TRUNCATED_DIMENSIONS, words, Confidence.PROVEN, np.array(rows, np.intp), evidence)


def _reread(context: DiagnosisContext, rows: list[int], said: str, after: dict[int, float]) -> FoundCause:
    words = f"the vectors of {len(rows)} samples are the other side's {said}: {_lengths(context, rows)}"
    cosines = np.array([after[row] for row in rows])
    evidence = context.evidence(rows, lambda _: said, cosines)
    return FoundCause(CauseName.REINTERPRETED_BYTES, words, Confidence.PROVEN, np.array(rows, np.intp), evidence)


def _plain(context: DiagnosisContext, rows: list[int]) -> FoundCause:
    compared = context.compared
    quarter = all(
        max(pair) == _QUARTER * min(pair)
        for pair in zip(
            compared.legacy_dimension[rows].tolist(), compared.candidate_dimension[rows].tolist(), strict=True
        )
    )
    words = f"{len(rows)} samples have vectors of other lengths, and neither is the start of the other: "
    words += _lengths(context, rows)
    if quarter:
        words += "; a quarter of the length is what base64 read as numbers leaves"
    name = CauseName.REINTERPRETED_BYTES if quarter else CauseName.DIMENSION
    evidence = context.evidence(rows, lambda row: _lengths(context, [row]))
    confidence = Confidence.LIKELY if quarter else Confidence.PROVEN
    return FoundCause(name, words, confidence, np.array(rows, np.intp), evidence)
