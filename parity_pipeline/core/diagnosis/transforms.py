"""One change for all rows: axes rolled, reordered or negated, an offset, a rotation, cut dimensions, another number format.

Here belong counterfactuals on the space itself. A change of coordinates is claimed only where it restores rows it was
not fitted on, or where a single row already cannot be chance. Rounding belongs to `precision`.
"""

from collections.abc import Callable
from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.context import (
    EXACT,
    DiagnosisContext,
    FoundCause,
    Mask,
    indices,
    pair_cosine,
    row_cosines,
    stored_matrix,
    unit_rows,
    vector_of,
)
from parity_pipeline.core.diagnosis.precision import common_direction
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows, Vector
from parity_pipeline.core.limits import UNIT_NORM_TOLERANCE
from parity_pipeline.core.measures import Float64, Matrix32
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
    cut = {_both_lengths(context, row) for row, pair in pairs.items() if _prefix_cosine(*pair) >= context.threshold}
    beside = [row for row in left if _both_lengths(context, row) in cut]
    if beside:
        found.append(_cut_as_well(context, beside))
        left = [row for row in left if row not in set(beside)]
    return [*found, _plain(context, left)] if left else found


def _both_lengths(context: DiagnosisContext, row: int) -> tuple[int, int]:
    return int(context.compared.legacy_dimension[row]), int(context.compared.candidate_dimension[row])


def _cut_as_well(context: DiagnosisContext, rows: list[int]) -> FoundCause:
    """Return the cause of rows whose lengths are those of rows that were cut, and whose numbers differ as well."""
    words = (
        f"{len(rows)} more samples have these lengths, {_lengths(context, rows)}, and the shorter vector is not the start of "
        "the longer one: something else changed them too"
    )
    evidence = context.evidence(rows, lambda row: _lengths(context, [row]))
    return FoundCause(CauseName.TRUNCATED_DIMENSIONS, words, Confidence.LIKELY, np.array(rows, np.intp), evidence)


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


FITTED: Final = 4000
"""Rows that a rotation is fitted and tried on."""

WIDEST: Final = 1536
"""Largest dimension for which a rotation is fitted: the decomposition takes three seconds there, and grows cubed."""

NARROWEST: Final = 16
"""Dimensions below which one row could match by chance under some order of its elements."""

FEWEST: Final = 8
"""Failing rows below which no offset and no rotation is fitted."""

_SAME_ELEMENTS: Final = 1e-5
"""Largest difference of sorted elements of unit vectors that hold the same numbers in another order.

Two unrelated vectors of 256 dimensions differ by 1e-2 there, float32 rounding by 1e-7.
"""


def find_transform(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return changes of coordinates that restore failing rows."""
    rows = indices(waiting & context.low)
    if not len(rows) or not context.same_width or context.legacy.shape[1] < NARROWEST:
        return []
    found: list[FoundCause] = []
    for search in (_rolled, _reordered):
        finding = search(context, rows) if len(rows) else None
        if finding:
            found.append(finding)
            rows = np.setdiff1d(rows, finding.rows)
    measured = int(((context.low | context.passing) & context.typical).sum())
    whole = int(context.typical[rows].sum()) >= max(FEWEST, 0.9 * measured)
    finding = (_offset(context, rows) or _rotation(context, rows)) if whole else None
    return [*found, finding] if finding else found


def _finding(context: DiagnosisContext, name: CauseName, words: str, rows: Rows, after: Float64) -> FoundCause:
    """Return the finding on those rows whose cosine reaches the threshold after the change."""
    kept = after >= context.threshold
    found = f"{int(kept.sum())} samples match once {words}"
    evidence = context.evidence(rows[kept].tolist(), lambda _: words, after[kept])
    return FoundCause(name, found, Confidence.PROVEN, rows[kept], evidence)


def _rolled(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Try every circular shift of the elements, their reverse and their negation; one row is enough."""
    legacy = context.legacy[rows[:FITTED]].astype(np.float64)
    candidate = context.candidate[rows[:FITTED]].astype(np.float64)
    width = legacy.shape[1]
    spectrum = np.fft.rfft(legacy, axis=1)
    best: tuple[int, str, Float64] = (0, "", np.empty(0))
    for said, mirrored in (("", candidate), (" and reversed", candidate[:, ::-1])):
        match = np.fft.irfft(spectrum * np.conj(np.fft.rfft(mirrored, axis=1)), n=width, axis=1)
        size = np.abs(match).mean(axis=0) if len(rows) >= FEWEST else np.abs(match).max(axis=0)
        shift = int(size.argmax())
        turned = np.roll(mirrored, shift, axis=1)
        after = row_cosines(legacy, turned)
        sign = "" if np.median(after) > 0 else " and negated"
        if not (shift or said or sign):
            continue  # elements in their place change nothing, and rounding alone lifts a row over the threshold
        after = np.abs(after)
        count = int((after >= context.threshold).sum())
        if count > best[0]:
            places = f"moved {shift} places on" if shift else "taken in place"
            best = (count, f"the candidate's elements are {places}{said}{sign}", after)
    count, words, after = best
    return _finding(context, CauseName.REORDERED_AXES, words, rows[:FITTED], after) if count else None


def _reordered(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Try whether the candidate holds the legacy's numbers in another order, with or without their signs."""
    legacy, candidate = np.abs(context.legacy[rows[:FITTED]]), np.abs(context.candidate[rows[:FITTED]])
    gap = np.abs(np.sort(legacy, axis=1) - np.sort(candidate, axis=1)).max(axis=1)
    first = int(gap.argmin())
    if gap[first] > _SAME_ELEMENTS:
        return None
    source = np.empty(legacy.shape[1], np.intp)
    source[np.argsort(legacy[first])] = np.argsort(candidate[first])
    turned = context.candidate[rows[:FITTED]][:, source]
    signs = np.where(turned[first] * context.legacy[rows[first]] < 0, np.float32(-1), np.float32(1))
    after = row_cosines(context.legacy[rows[:FITTED]], turned * signs)
    negated = int((signs < 0).sum())
    moved = int((source != np.arange(len(source))).sum())
    words = f"the candidate's axes are put in another order ({moved} of {len(source)} moved, {negated} negated)"
    return _finding(context, CauseName.REORDERED_AXES, words, rows[:FITTED], after)


def _halves(rows: Rows) -> tuple[Rows, Rows]:
    return rows[::2], rows[1::2]


def _offset(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Try whether the vectors as they came, or their unit vectors, differ by one constant vector."""
    fitted, tried = _halves(rows)
    stored = stored_matrix(context.subject.legacy), stored_matrix(context.subject.candidate)
    for kind, (legacy, candidate) in (("", stored), (" of unit vectors", (context.legacy, context.candidate))):
        offset = (candidate[fitted].astype(np.float64) - legacy[fitted]).mean(axis=0)
        after = row_cosines(legacy[tried], candidate[tried] - offset)
        if float((after >= context.threshold).mean()) >= 0.9:
            everywhere = row_cosines(legacy[rows], candidate[rows] - offset)
            words = (
                f"one constant offset{kind} of length {float(np.linalg.norm(offset)):.4g}, fitted on half of them, is "
                "taken off the candidate's vectors"
            )
            return _finding(context, CauseName.OFFSET, words, rows, everywhere)
    return None


def _rotation(context: DiagnosisContext, rows: Rows) -> FoundCause | None:
    """Try whether one rotation, fitted on half of the rows, restores the other half (orthogonal Procrustes).

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
    """
    rows = rows[:FITTED]
    fitted, tried = _halves(rows)
    if context.legacy.shape[1] > WIDEST:
        return None
    turn = _procrustes(context.candidate[fitted], context.legacy[fitted])
    after = row_cosines(context.legacy[tried], context.candidate[tried] @ turn)
    if float((after >= context.threshold).mean()) < 0.9:
        return None
    everywhere = row_cosines(context.legacy[rows], context.candidate[rows] @ turn)
    words = (
        f"one rotation, fitted on {len(fitted)} of them, is applied to the candidate's vectors "
        f"(it restores {int((after >= context.threshold).sum())} of the {len(tried)} it was not fitted on)"
    )
    return _finding(context, CauseName.ROTATED_SPACE, words, rows, everywhere)


def _procrustes(source: Matrix32, target: Matrix32) -> Matrix32:
    """Return the orthogonal matrix that turns the rows of `source` nearest to those of `target`."""
    left, _, right = np.linalg.svd(unit_rows(source).astype(np.float64).T @ unit_rows(target).astype(np.float64))
    return (left @ right).astype(np.float32)


ONE_DIRECTION: Final = 0.7
"""Share of the residuals' power in one direction from which on all rows got the same thing mixed in.

A prefix before 184 texts of a static model had 0.99, roundings on real servers at most 0.14, another model 0.02.
"""


def find_shared_direction(context: DiagnosisContext, waiting: Mask) -> list[FoundCause]:
    """Return "one direction added" where the differences of the waiting rows share one direction.

    That is what a prefix looks like to a model that averages words. A prefix itself is named only after a request with it.
    """
    rows = indices(waiting & context.low)
    if len(rows) < FEWEST or not context.same_width:
        return []
    picked = rows[:1000]
    share = common_direction(context.legacy[picked], context.candidate[picked])
    if share < ONE_DIRECTION:
        return []
    lengths = np.array([len(context.text_of(row)) for row in rows], np.float64)
    short = lengths <= np.median(lengths)
    lost = 1.0 - context.cosine[rows]
    words = (
        f"what differs on {len(rows)} samples lies {share:.0%} in one direction, as if one thing were added to each "
        f"text or left out of it, such as a prefix that was not among those tried: median 1 - cosine {np.median(lost[short]):.2g} on the shorter half, "
        f"{np.median(lost[~short] if (~short).any() else lost):.2g} on the longer"
    )
    evidence = context.evidence(rows.tolist(), lambda row: f"{len(context.text_of(row))} characters")
    return [FoundCause(CauseName.ADDED_DIRECTION, words, Confidence.LIKELY, rows, evidence)]


MOST: Final = 0.5
"""Share of the passing samples from which on differing norms are a matter of the sides and not of single texts."""

CONSTANT_SPREAD: Final = 1e-3
"""Largest relative spread of the norm ratios at which the scale is called one constant factor."""


def find_norms(context: DiagnosisContext) -> list[FoundCause]:
    """Return an observation where norms differ on rows whose direction agrees; empty otherwise."""
    compared = context.compared
    with np.errstate(invalid="ignore"):
        strays = np.abs(compared.norm_ratio - 1.0) > context.subject.thresholds.norm_ratio
    rows = indices(context.passing & strays)
    if len(rows) < MOST * int(context.passing.sum()):
        # A text that a side edited a little has another norm too, and another direction with it.
        rows = rows[1.0 - context.cosine[rows] <= EXACT]
    if not len(rows):
        return []
    ratio = compared.norm_ratio[rows]
    kinds = [_kind(norms[rows]) for norms in (compared.legacy_norm, compared.candidate_norm)]
    constant = float(np.ptp(ratio)) <= CONSTANT_SPREAD * float(ratio.mean())
    scale = f"one factor of {ratio.mean():.4g}" if constant else f"factors from {ratio.min():.4g} to {ratio.max():.4g}"
    words = (
        f"{len(rows)} of {int(context.passing.sum())} samples of equal direction have norms that differ by {scale}: "
        f"legacy {kinds[0]}, candidate {kinds[1]}"
    )
    evidence = context.evidence(
        rows.tolist(), lambda row: f"norms {compared.legacy_norm[row]:.6g} and {compared.candidate_norm[row]:.6g}"
    )
    return [FoundCause(CauseName.NORMALISATION, words, Confidence.PROVEN, rows, evidence)]


def _kind(norms: Float64) -> str:
    if float(np.abs(norms - 1.0).max()) <= UNIT_NORM_TOLERANCE:
        return "unit vectors"
    return f"raw, {norms.min():.4g} to {norms.max():.4g}"
