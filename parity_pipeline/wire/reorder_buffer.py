"""Pieces arrive in any order and leave in the order of the samples.

Here belong the reordering, the counts over what left, and where early pieces wait: in the staging if there is one, else in
memory within a bound. How pieces are kept on disk belongs to `storage`.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable

from parity_pipeline.core.fetched_rows import FetchedRows, Piece, Staging
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.pacing import LatencyHistogram

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
