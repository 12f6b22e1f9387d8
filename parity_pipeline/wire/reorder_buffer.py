"""Pieces: the rows that a batch ends with, made here, arriving in any order, leaving in the order of the samples.

Here belong their making, the reordering, the counts over what left, and where early pieces wait: in the staging if there is
one, else in memory within a bound. How a batch ends belongs to `batch_fetcher`, how pieces are kept on disk to `storage`.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows, Piece, Staging
from parity_pipeline.core.limits import ERROR_CHARACTERS
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.client import HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.pacing import LatencyHistogram
from parity_pipeline.wire.retry_policy import Rule

Sink = Callable[[FetchedRows], None]


class ReorderBuffer:
    """Hands rows to the sink strictly in ordinal order, without a gap.

    Attributes:
        done: Rows that arrived, handed on or not.
        kept: Rows kept from an earlier run.
        status_counts: Rows handed on, by status.
        models_echoed: Rows with vectors handed on, by the model that their response named.
        latency: Latencies of the responses with vectors that were handed on.
    """

    def __init__(self, sink: Sink, staging: Staging | None, *, window: int) -> None:
        """Start at ordinal 0.

        Args:
            sink: Takes the rows.
            staging: Holds early pieces; None to hold them in memory.
            window: Largest number of early pieces in memory.
        """
        self._sink = sink
        self._staging = staging
        self._window = window
        self._cursor = 0
        self._early: dict[int, Piece | None] = {}
        self._room = asyncio.Event()
        self._room.set()
        self.done = 0
        self.kept = 0
        self.status_counts: Counter[RowStatus] = Counter()
        self.models_echoed: Counter[str] = Counter()
        self.latency = LatencyHistogram()

    async def room(self) -> None:
        """Wait until another piece may be early."""
        await self._room.wait()

    def place(self, piece: Piece) -> None:
        """Take a piece that has just been fetched.

        Raises:
            ArtifactError: The staging or the sink cannot write.
        """
        start = piece.rows.start
        self.done += len(piece.rows)
        if self._staging is not None:
            self._staging.put(piece)
        if start == self._cursor:
            self._hand_on(piece)
            self._drain()
        else:
            self._early[start] = None if self._staging is not None else piece

    def keep(self, start: int, count: int) -> None:
        """Count a piece that an earlier run fetched and the staging holds."""
        self.done += count
        self.kept += count
        self._early[start] = None
        self._drain()

    def _drain(self) -> None:
        while self._cursor in self._early:
            piece = self._early.pop(self._cursor)
            if piece is None and self._staging is not None:
                piece = self._staging.take(self._cursor)
            if piece is not None:
                self._hand_on(piece)

    def _hand_on(self, piece: Piece) -> None:
        rows = piece.rows
        self._cursor = rows.start + len(rows)
        with_vectors = rows.status.count(RowStatus.OK)
        if with_vectors == len(rows):
            self.status_counts[RowStatus.OK] += with_vectors
        else:
            self.status_counts.update(rows.status)
        if with_vectors:
            self.models_echoed[piece.model_echo] += with_vectors
            if rows.latency_ms[0] is not None:
                self.latency.add(rows.latency_ms[0])
        self._sink(rows)

    def drop_window(self) -> None:
        """Let any number of pieces be early: those set aside for the end of the lane would hold back all others."""
        self._window = sys.maxsize
        self._room.set()

    def note_room(self) -> None:
        """Release or block `room`; call it in the thread of the loop after pieces were placed."""
        if self._staging is None and len(self._early) >= self._window:
            self._room.clear()
        else:
            self._room.set()


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
    return _failed(batch, rule.ends_as, str(error), error)


def without_definite_response(batch: Batch, error: AttemptError) -> Piece:
    """Return the rows of a batch that got no vectors because the side is down, which says nothing about its texts."""
    return _failed(batch, RowStatus.FAILED, f"no definite response: {error}", error)


def _failed(batch: Batch, status: RowStatus, message: str, error: AttemptError) -> Piece:
    rows = FetchedRows.without_vectors(
        batch.as_block(),
        status,
        message[:ERROR_CHARACTERS],
        http_status=error.http_status,
        request_id=error.request_id,
        latency_ms=error.latency_ms,
    )
    return Piece(rows)


def not_requested(batch: Batch, reason: str) -> Piece:
    """Return rows for samples of a stopped lane that were never sent."""
    error = f"not requested: {reason}"[:ERROR_CHARACTERS]
    return Piece(FetchedRows.without_vectors(batch.as_block(), RowStatus.FAILED, error))
