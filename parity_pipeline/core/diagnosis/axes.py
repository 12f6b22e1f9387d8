"""One change of coordinates for all rows: axes rolled, reversed, reordered or negated, an offset, a rotation.

Here belong counterfactuals on the space itself. A change of coordinates is claimed only where it restores rows it was
not fitted on, or where a single row already cannot be chance.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Rows
from parity_pipeline.core.diagnosis.scene import Finding, Mask, Scene, indices, row_cosines, stored_matrix, unit_rows
from parity_pipeline.core.metrics import Float64, Matrix32

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


def find_axes(scene: Scene, waiting: Mask) -> list[Finding]:
    """Return changes of coordinates that restore failing rows."""
    rows = indices(waiting & scene.low)
    if not len(rows) or not scene.same_width or scene.legacy.shape[1] < NARROWEST:
        return []
    found: list[Finding] = []
    for search in (_rolled, _reordered):
        finding = search(scene, rows) if len(rows) else None
        if finding:
            found.append(finding)
            rows = np.setdiff1d(rows, finding.rows)
    whole = len(rows) >= max(FEWEST, 0.9 * int((scene.low | scene.passing).sum()))
    finding = (_offset(scene, rows) or _rotation(scene, rows)) if whole else None
    return [*found, finding] if finding else found


def _finding(scene: Scene, name: CauseName, words: str, rows: Rows, after: Float64) -> Finding:
    """Return the finding on those rows whose cosine reaches the threshold after the change."""
    kept = after >= scene.threshold
    told = f"{int(kept.sum())} samples match once {words}"
    evidence = scene.evidence(rows[kept].tolist(), lambda _: words, after[kept])
    return Finding(name, told, Confidence.PROVEN, rows[kept], evidence)


def _rolled(scene: Scene, rows: Rows) -> Finding | None:
    """Try every circular shift of the elements, their reverse and their negation; one row is enough."""
    legacy = scene.legacy[rows[:FITTED]].astype(np.float64)
    candidate = scene.candidate[rows[:FITTED]].astype(np.float64)
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
            continue  # elements in their place are no change, and rounding alone lifts a row over the threshold
        after = np.abs(after)
        count = int((after >= scene.threshold).sum())
        if count > best[0]:
            places = f"moved {shift} places on" if shift else "taken in place"
            best = (count, f"the candidate's elements are {places}{said}{sign}", after)
    count, words, after = best
    return _finding(scene, CauseName.REORDERED_AXES, words, rows[:FITTED], after) if count else None


def _reordered(scene: Scene, rows: Rows) -> Finding | None:
    """Try whether the candidate holds the legacy's numbers in another order, with or without their signs."""
    legacy, candidate = np.abs(scene.legacy[rows[:FITTED]]), np.abs(scene.candidate[rows[:FITTED]])
    gap = np.abs(np.sort(legacy, axis=1) - np.sort(candidate, axis=1)).max(axis=1)
    first = int(gap.argmin())
    if gap[first] > _SAME_ELEMENTS:
        return None
    source = np.empty(legacy.shape[1], np.intp)
    source[np.argsort(legacy[first])] = np.argsort(candidate[first])
    turned = scene.candidate[rows[:FITTED]][:, source]
    signs = np.where(turned[first] * scene.legacy[rows[first]] < 0, np.float32(-1), np.float32(1))
    after = row_cosines(scene.legacy[rows[:FITTED]], turned * signs)
    negated = int((signs < 0).sum())
    moved = int((source != np.arange(len(source))).sum())
    words = f"the candidate's axes are put in another order ({moved} of {len(source)} moved, {negated} negated)"
    return _finding(scene, CauseName.REORDERED_AXES, words, rows[:FITTED], after)


def _halves(rows: Rows) -> tuple[Rows, Rows]:
    return rows[::2], rows[1::2]


def _offset(scene: Scene, rows: Rows) -> Finding | None:
    """Try whether the vectors as they came, or their unit vectors, differ by one constant vector."""
    fitted, tried = _halves(rows)
    stored = stored_matrix(scene.subject.legacy), stored_matrix(scene.subject.candidate)
    for kind, (legacy, candidate) in (("", stored), (" of unit vectors", (scene.legacy, scene.candidate))):
        offset = (candidate[fitted].astype(np.float64) - legacy[fitted]).mean(axis=0)
        after = row_cosines(legacy[tried], candidate[tried] - offset)
        if float((after >= scene.threshold).mean()) >= 0.9:
            everywhere = row_cosines(legacy[rows], candidate[rows] - offset)
            words = (
                f"one constant offset{kind} of length {float(np.linalg.norm(offset)):.4g}, fitted on half of them, is taken "
                "off the candidate's vectors"
            )
            return _finding(scene, CauseName.OFFSET, words, rows, everywhere)
    return None


def _rotation(scene: Scene, rows: Rows) -> Finding | None:
    """Try whether one rotation, fitted on half of the rows, restores the other half (orthogonal Procrustes).

    Source: Schönemann, "A generalized solution of the orthogonal Procrustes problem", Psychometrika 31 (1966).
    """
    rows = rows[:FITTED]
    fitted, tried = _halves(rows)
    if scene.legacy.shape[1] > WIDEST:
        return None
    turn = _procrustes(scene.candidate[fitted], scene.legacy[fitted])
    after = row_cosines(scene.legacy[tried], scene.candidate[tried] @ turn)
    if float((after >= scene.threshold).mean()) < 0.9:
        return None
    everywhere = row_cosines(scene.legacy[rows], scene.candidate[rows] @ turn)
    words = (
        f"one rotation, fitted on {len(fitted)} of them, is applied to the candidate's vectors "
        f"(it restores {int((after >= scene.threshold).sum())} of the {len(tried)} it was not fitted on)"
    )
    return _finding(scene, CauseName.ROTATED_SPACE, words, rows, everywhere)


def _procrustes(source: Matrix32, target: Matrix32) -> Matrix32:
    """Return the orthogonal matrix that turns the rows of `source` nearest to those of `target`."""
    left, _, right = np.linalg.svd(unit_rows(source).astype(np.float64).T @ unit_rows(target).astype(np.float64))
    return (left @ right).astype(np.float32)
