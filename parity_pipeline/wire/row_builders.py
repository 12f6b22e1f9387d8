"""The rows of a batch, by how it ended.

Here belong these constructors of pieces. Which of them applies belongs to `batch_fetcher`.
"""

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows, Piece
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.retry_policy import Rule


def with_vectors(batch: Batch, response: HttpResponse, decoded: Decoded) -> Piece:
    """Return the rows of a batch whose response holds its vectors."""
    rows, dimension = decoded.vectors.shape
    return Piece(
        FetchedRows(
            start=batch.start,
            ids=batch.ids,
            values=np.ascontiguousarray(decoded.vectors).reshape(-1),
            offsets=np.arange(rows + 1, dtype=np.int32) * np.int32(dimension),
            status=[RowStatus.OK] * rows,
            http_status=[response.status] * rows,
            errors=[None] * rows,
            request_ids=[response.request_id] * rows,
            latency_ms=[response.latency_ms] * rows,
        ),
        decoded.model,
    )


def without_vectors(batch: Batch, rule: Rule, error: AttemptError) -> Piece:
    """Return the rows of a batch that ends without vectors, with the status of its rule."""
    rows = FetchedRows.without_vectors(
        batch.as_block(),
        rule.ends_as,
        str(error)[:ERROR_CHARACTERS],
        http_status=error.http_status,
        request_id=error.request_id,
        latency_ms=error.latency_ms,
    )
    return Piece(rows)


def without_definite_response(batch: Batch, error: AttemptError) -> Piece:
    """Return the rows of a batch that got no vectors because the side is down, which says nothing about its texts."""
    rows = FetchedRows.without_vectors(
        batch.as_block(),
        RowStatus.FAILED,
        f"no definite response: {error}"[:ERROR_CHARACTERS],
        http_status=error.http_status,
        request_id=error.request_id,
        latency_ms=error.latency_ms,
    )
    return Piece(rows)


def not_requested(batch: Batch, reason: str) -> Piece:
    """Return rows for samples of a stopped lane that were never sent."""
    error = f"not requested: {reason}"[:ERROR_CHARACTERS]
    return Piece(FetchedRows.without_vectors(batch.as_block(), RowStatus.FAILED, error))
