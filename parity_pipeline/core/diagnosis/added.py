"""One thing mixed into every text: what differs points in the same direction on all rows.

Here belongs the signature of a prefix, seen without asking. Proving which prefix belongs to `asking`.
"""

from typing import Final

import numpy as np

from parity_pipeline.core.diagnosis.precision import FEWEST, common_direction
from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.core.diagnosis.scene import Finding, Mask, Scene, indices

ONE_DIRECTION: Final = 0.7
"""Share of the residuals' power in one direction from which on all rows got the same thing mixed in.

A prefix before 184 texts of a static model had 0.99, roundings on real servers at most 0.14, another model 0.02.
"""


def find_added(scene: Scene, waiting: Mask) -> list[Finding]:
    """Return "prefix" where the differences of the waiting rows share one direction."""
    rows = indices(waiting & scene.low)
    if len(rows) < FEWEST or not scene.same_width:
        return []
    picked = rows[:1000]
    share = common_direction(scene.legacy[picked], scene.candidate[picked])
    if share < ONE_DIRECTION:
        return []
    lengths = np.array([len(scene.text_of(row)) for row in rows], np.float64)
    short = lengths <= np.median(lengths)
    lost = 1.0 - scene.cosine[rows]
    words = (
        f"what differs on {len(rows)} samples lies {share:.0%} in one direction, as if one thing were put before each text: "
        f"median 1 - cosine {np.median(lost[short]):.2g} on the shorter half, {np.median(lost[~short] if (~short).any() else lost):.2g} "
        "on the longer"
    )
    evidence = scene.evidence(rows.tolist(), lambda row: f"{len(scene.text_of(row))} characters")
    return [Finding(CauseName.PREFIX, words, Confidence.LIKELY, rows, evidence)]
