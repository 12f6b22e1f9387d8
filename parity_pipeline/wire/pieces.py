"""The pieces that a batch ends in: with its vectors, with a trouble, or not asked for at all.

Here belongs the making of rows. What leads to them belongs to `asking`.
"""

import numpy as np

from parity_pipeline.core.fetching import FetchedRows, Piece
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import Reply, Trouble
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.policy import Rule


def piece_of(batch: Batch, reply: Reply, decoded: Decoded) -> Piece:
    """Return the rows of a batch that was answered with its vectors."""
    rows, dimension = decoded.vectors.shape
    return Piece(
        FetchedRows(
            start=batch.start,
            ids=batch.ids,
            values=np.ascontiguousarray(decoded.vectors).reshape(-1),
            offsets=np.arange(rows + 1, dtype=np.int32) * np.int32(dimension),
            status=[RowStatus.OK] * rows,
            http_status=[reply.status] * rows,
            errors=[None] * rows,
            request_ids=[reply.request_id] * rows,
            latency_ms=[reply.latency_ms] * rows,
        ),
        decoded.model,
    )


def ended(batch: Batch, rule: Rule, trouble: Trouble) -> Piece:
    """Return the rows of a batch that ends without vectors, in the way its rule says."""
    rows = FetchedRows.without_vectors(
        batch.as_block(),
        rule.ends_as,
        str(trouble)[:ERROR_CHARACTERS],
        http_status=trouble.http_status,
        request_id=trouble.request_id,
        latency_ms=trouble.latency_ms,
    )
    return Piece(rows)


def not_asked(batch: Batch, reason: str) -> Piece:
    """Return rows for samples that a stopped lane no longer asks for."""
    error = f"not asked: {reason}"[:ERROR_CHARACTERS]
    return Piece(FetchedRows.without_vectors(batch.as_block(), RowStatus.FAILED, error))
