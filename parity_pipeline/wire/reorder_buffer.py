"""Pieces: the rows that a batch ends with, arriving in any order, leaving in the order of the samples or queries.

Here belong the reordering, the counts over what left, and where early pieces wait: in the staging if there is one, else in
memory within a bound. The rows of a piece are made by a `codec`, how a batch ends belongs to `batch_fetcher`, how pieces
are kept on disk to `storage`.
"""

import asyncio
import sys
from collections import Counter
from collections.abc import Callable
from typing import Generic

from parity_pipeline.core.fetched_rows import RowsT, SettledRows, StagingOf
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.pacing import LatencyHistogram


class ReorderBuffer(Generic[RowsT]):
    """Hands rows to the sink strictly in ordinal order, without a gap.

    Attributes:
        done: Rows that arrived, handed on or not.
        kept: Rows kept from an earlier run.
        status_counts: Rows handed on, by status.
        models_echoed: Rows with results handed on, by the model that their response named.
        latency: Latencies of the responses with results that were handed on.
    """

    def __init__(self, sink: Callable[[RowsT], None], staging: StagingOf[RowsT] | None, *, window: int) -> None:
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
        self._early: dict[int, SettledRows[RowsT] | None] = {}
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

    def place(self, piece: SettledRows[RowsT]) -> None:
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

    def _hand_on(self, piece: SettledRows[RowsT]) -> None:
        rows = piece.rows
        self._cursor = rows.start + len(rows)
        statuses = rows.status
        good = statuses.count(RowStatus.OK)
        if good == len(rows):
            self.status_counts[RowStatus.OK] += good
        else:
            self.status_counts.update(statuses)
        if good:
            self.models_echoed[piece.model_echo] += good
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
