"""Norms that differ while directions agree.

Here belongs the remark on normalisation: it makes no sample fail under cosine similarity, and can reorder every ranking
of an inner-product index.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.core.diagnosis.scene import EXACT, Finding, Scene, indices
from parity_pipeline.core.limits import UNIT_NORM_TOLERANCE
from parity_pipeline.core.metrics import Float64

MOST: Final = 0.5
"""Share of the passing samples from which on differing norms are a matter of the sides and not of single texts."""

CONSTANT_SPREAD: Final = 1e-3
"""Largest relative spread of the norm ratios at which the scale is called one constant factor."""


def find_norms(scene: Scene) -> list[Finding]:
    """Return a remark where norms differ on rows whose direction agrees; empty otherwise."""
    compared = scene.compared
    with np.errstate(invalid="ignore"):
        strays = np.abs(compared.norm_ratio - 1.0) > scene.subject.thresholds.norm_ratio
    rows = indices(scene.passing & strays)
    if len(rows) < MOST * int(scene.passing.sum()):
        # A text that a side edited a little has another norm too, and another direction with it.
        rows = rows[1.0 - scene.cosine[rows] <= EXACT]
    if not len(rows):
        return []
    ratio = compared.norm_ratio[rows]
    kinds = [_kind(norms[rows]) for norms in (compared.legacy_norm, compared.candidate_norm)]
    constant = float(np.ptp(ratio)) <= CONSTANT_SPREAD * float(ratio.mean())
    scale = f"one factor of {ratio.mean():.4g}" if constant else f"factors from {ratio.min():.4g} to {ratio.max():.4g}"
    words = (
        f"{len(rows)} of {int(scene.passing.sum())} samples of equal direction have norms that differ by {scale}: "
        f"legacy {kinds[0]}, candidate {kinds[1]}"
    )
    evidence = scene.evidence(
        rows.tolist(), lambda row: f"norms {compared.legacy_norm[row]:.6g} and {compared.candidate_norm[row]:.6g}"
    )
    return [Finding(CauseName.NORMALISATION, words, Confidence.PROVEN, rows, evidence)]


def _kind(norms: Float64) -> str:
    if float(np.abs(norms - 1.0).max()) <= UNIT_NORM_TOLERANCE:
        return "unit vectors"
    return f"raw, {norms.min():.4g} to {norms.max():.4g}"
