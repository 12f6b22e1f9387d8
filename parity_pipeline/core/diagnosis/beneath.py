"""What else is wrong with rows that changed places: the comparison as it looks with every vector back on its text.

Here belongs putting rows right. Finding who moved belongs to `order`, what is left to the finders of every other cause.
"""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from parity_pipeline.core.diagnosis.records import CauseName, Rows
from parity_pipeline.core.diagnosis.scene import Finding, Mask, Scene
from parity_pipeline.core.fetching import FetchedRows


def put_right(scene: Scene, found: Sequence[Finding]) -> tuple[Scene, Mask] | None:
    """Return the comparison with moved rows put right, and which rows of it still fail; None where none does.

    Args:
        scene: The comparison as it came.
        found: What was found in it; permuted rows say whose vectors they hold.
    """
    moved = next((one for one in found if one.name is CauseName.PERMUTED_ROWS and one.sources is not None), None)
    if moved is None or moved.sources is None:
        return None
    order = np.arange(scene.size)
    order[moved.sources] = moved.rows
    righted = Scene(replace(scene.subject, candidate=_in_order(scene.subject.candidate, order)))
    own = np.zeros(scene.size, np.bool_)
    own[moved.sources] = True
    # a row that passed as it came has no cause, wherever its vector belongs
    left = righted.low & own & scene.failing
    return (righted, left) if left.any() else None


def _in_order(side: FetchedRows, order: Rows) -> FetchedRows:
    """Return the rows of a side with the answers in another order; the ids stay."""
    rows = order.tolist()
    values = [side.values[side.offsets[row] : side.offsets[row + 1]] for row in rows]
    return replace(
        side,
        values=np.concatenate([np.empty(0, np.float32), *values]),
        offsets=np.concatenate([[0], np.cumsum(side.dimensions()[order])]).astype(np.int32),
        status=[side.status[row] for row in rows],
        http_status=[side.http_status[row] for row in rows],
        errors=[side.errors[row] for row in rows],
        request_ids=[side.request_ids[row] for row in rows],
        latency_ms=[side.latency_ms[row] for row in rows],
    )
