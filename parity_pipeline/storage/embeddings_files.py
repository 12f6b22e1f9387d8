"""The stored vectors of one side, date and model, and reading both sides beside their samples.

Here belong the columns, the writer, the reader and the zip by ordinal. What rows mean belongs to `core.fetched_rows`, what
two sides' rows come to belongs to `core.compare`.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final, cast

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.arrow_columns import flags, numbers, optional_numbers, to_numpy, utf8
from parity_pipeline.storage.parquet_tables import Batch, StoredTable, Table, TableKind, TableWriter
from parity_pipeline.storage.sample_set_files import SampleSetFile

_REMEDY: Final = "Materialize that side's embeddings again, or run that date again with `parity backfill`."

KIND: Final = TableKind(
    name="embeddings",
    version=2,
    header=Provenance,
    older={1: older_versions.provenance, 2: older_versions.provenance},
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("vector", pa.list_(pa.float32())),
            pa.field("dimension", pa.int32(), nullable=False),
            pa.field("status", pa.string(), nullable=False),
            pa.field("http_status", pa.int16()),
            pa.field("error", pa.string()),
            pa.field("request_id", pa.string()),
            pa.field("latency_ms", pa.float32()),
        ]
    ),
    remedy=_REMEDY,
    dense=("vector",),
)

_STATUS: Final = {status.value: status for status in RowStatus}


class EmbeddingsWriter(TableWriter[Provenance]):
    """Write one side's rows as they come, in ordinal order. A context manager: leaving without `finish` removes the file.

    The row groups hold `rows_per_group` rows whatever the sizes of the blocks added, so that two runs with the same
    rows write the same layout. Memory holds one row group and one block.
    """

    def __init__(self, temporary: Path, rows_per_group: int = 1024) -> None:
        """Open the file at a draft path.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        super().__init__(temporary, KIND, rows_per_group)
        self._blocks: list[FetchedRows] = []
        self._in_blocks = 0

    def add(self, rows: FetchedRows) -> None:
        """Take in the next rows. Their arrays are not copied at once, so they may not be changed afterwards.

        Raises:
            ArtifactError: The rows leave a gap or overlap what was added, or the disk does not take them.
        """
        self.count(rows.start, len(rows))
        if len(rows):
            self._blocks.append(rows)
            self._in_blocks += len(rows)
        if self._in_blocks >= self.rows_per_group:
            self._hand_on()

    def flush(self) -> None:
        """End the row group here, whatever it holds.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        self._hand_on()
        super().flush()

    def _hand_on(self) -> None:
        """Make columns of many blocks at once: of each alone, that takes longer than writing them."""
        if self._blocks:
            self.add_batch(_batch(self._blocks))
        self._blocks, self._in_blocks = [], 0


def _batch(blocks: Sequence[FetchedRows]) -> Batch:
    """Return the rows of consecutive blocks as columns."""
    dimensions = np.concatenate([rows.dimensions() for rows in blocks])
    offsets = np.zeros(len(dimensions) + 1, np.int32)
    np.cumsum(dimensions, out=offsets[1:])
    vectors = pa.ListArray.from_arrays(
        numbers(offsets, pa.int32()),
        numbers(np.concatenate([rows.values for rows in blocks]), pa.float32()),
        mask=flags(dimensions == 0),
    )

    def column(name: str) -> list[Any]:
        return [value for rows in blocks for value in getattr(rows, name)]

    start = blocks[0].start
    columns = [
        numbers(np.arange(start, start + len(dimensions)), pa.int64()),
        utf8(column("ids")),
        vectors,
        numbers(dimensions, pa.int32()),
        utf8([status.value for status in column("status")]),
        optional_numbers(column("http_status"), pa.int16()),
        utf8(column("errors")),
        utf8(column("request_ids")),
        optional_numbers(column("latency_ms"), pa.float32()),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=KIND.schema)


class EmbeddingsFile(StoredTable[Provenance]):
    """One side's rows; its header is what produced them."""

    def __init__(self, path: Path) -> None:
        """Read the footer."""
        super().__init__(path, KIND)

    def blocks(self, rows: int = 1024, stop: int | None = None) -> Iterator[FetchedRows]:
        """Yield consecutive rows in blocks of `rows`, the last one shorter; `stop` ends before that ordinal.

        Latencies come back as float32 numbers, all else exactly as it was added.
        """
        for start, table in self.table_blocks(rows, stop):
            yield self._fetched(start, table)

    def latency_ms(self) -> Iterator[NDArray[np.float32]]:
        """Yield the milliseconds of all rows with a response, float32, one array per row group."""
        for group in self.groups(["latency_ms"]):
            yield to_numpy(group.column("latency_ms").combine_chunks().drop_null())

    def _fetched(self, start: int, table: Table) -> FetchedRows:
        vectors = table.column("vector").combine_chunks()
        offsets = np.zeros(table.num_rows + 1, np.int32)
        np.cumsum(to_numpy(vectors.value_lengths(), null=0), out=offsets[1:])
        return FetchedRows(
            start=start,
            ids=table.column("sample_id").to_pylist(),
            values=to_numpy(vectors.flatten()),
            offsets=offsets,
            status=self.members_of(table.column("status"), _STATUS, "row status"),
            http_status=cast("Sequence[int | None]", table.column("http_status").to_pylist()),
            errors=cast("Sequence[str | None]", table.column("error").to_pylist()),
            request_ids=cast("Sequence[str | None]", table.column("request_id").to_pylist()),
            latency_ms=cast("Sequence[float | None]", table.column("latency_ms").to_pylist()),
        )


def paired_blocks(
    samples: SampleSetFile, legacy: EmbeddingsFile, candidate: EmbeddingsFile, rows: int = 1024
) -> Iterator[tuple[SampleBlock, FetchedRows, FetchedRows]]:
    """Yield the same samples of the set and of both sides, block by block, in order.

    A side with fewer rows than the set ends all three early: the samples seen then do not add up to
    `samples.header.samples`, which a verdict counts as INCONCLUSIVE.

    Args:
        samples: The sample set.
        legacy: The legacy side's rows; whether they were fetched for this set is for the caller to see first.
        candidate: The candidate's rows, likewise.
        rows: Samples of each block but the last.

    Raises:
        ArtifactError: A file is unusable, or has rows beyond the set's.
    """
    expected = samples.header.samples
    for side in (legacy, candidate):
        if side.rows > expected:
            problem = f"it holds {side.rows} rows for a set of {expected} samples"
            raise ArtifactError(problem, place=str(side.path), remedy=_REMEDY)
    stop = min(expected, legacy.rows, candidate.rows)
    yield from zip(samples.blocks(rows, stop), legacy.blocks(rows, stop), candidate.blocks(rows, stop), strict=True)
