"""The stored comparison of one date and model: one row per sample, NaN stored as null.

Here belong its columns, writer and reader. What the numbers mean belongs to `core.compare`.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from parity_pipeline.core.measures import ComparedRows
from parity_pipeline.core.outcomes import GRADED, Outcome
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.arrow_columns import flags, numbers, numbers_or_nan, to_numpy, utf8
from parity_pipeline.storage.parquet_tables import StoredTable, TableKind, TableWriter

_REMEDY: Final = "Materialize parity again, or run that date again with `parity backfill`."
_GROUP_ROWS: Final = 8192
_MEASURES: Final = (
    "cosine",
    "legacy_norm",
    "candidate_norm",
    "norm_ratio",
    "max_abs_delta",
    "max_abs_delta_unit",
)

KIND: Final = TableKind(
    name="parity",
    version=4,
    header=ParityHeader,
    older={2: older_versions.parity_header, 3: older_versions.paired_sides, 4: older_versions.paired_sides},
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("sample_id", pa.string(), nullable=False),
            pa.field("category", pa.string(), nullable=False),
            pa.field("head", pa.string(), nullable=False),
            pa.field("outcome", pa.string(), nullable=False),
            pa.field("side", pa.string()),
            pa.field("legacy_dimension", pa.int32(), nullable=False),
            pa.field("candidate_dimension", pa.int32(), nullable=False),
            *(pa.field(name, pa.float64()) for name in _MEASURES),
            pa.field("identical", pa.bool_(), nullable=False),
            pa.field("legacy_error", pa.string()),
            pa.field("candidate_error", pa.string()),
            pa.field("drawn", pa.int32(), nullable=False),
        ]
    ),
    remedy=_REMEDY,
)

_GRADED_VERSION: Final = 2
_OUTCOME: Final = {outcome.value: outcome for outcome in Outcome if outcome not in GRADED}
_OUTCOME_2: Final = {**_OUTCOME, **dict.fromkeys((outcome.value for outcome in GRADED), Outcome.COMPARED)}
"""Version 2 stored the grade of a compared row, which depends on thresholds that may have changed since."""


class ParityWriter(TableWriter[ParityHeader]):
    """Write compared rows as they come, in order. A context manager: leaving without `finish` removes the file."""

    def __init__(self, temporary: Path) -> None:
        """Open the file at a draft path.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        super().__init__(temporary, KIND, _GROUP_ROWS)

    def add(self, rows: ComparedRows) -> None:
        r"""Take in the next rows. Lone surrogates in heads and errors are stored spelled out, as `\udxxx`.

        Raises:
            ArtifactError: The rows leave a gap or overlap what was added, or the disk does not take them.
        """
        self.count(rows.start, len(rows))
        if not len(rows):
            return
        columns = [
            numbers(np.arange(rows.start, rows.start + len(rows)), pa.int64()),
            utf8(rows.ids),
            utf8(rows.categories),
            utf8(rows.heads),
            utf8([outcome.value for outcome in rows.outcomes]),
            utf8(rows.sides),
            numbers(rows.legacy_dimension, pa.int32()),
            numbers(rows.candidate_dimension, pa.int32()),
            *(numbers_or_nan(getattr(rows, name), pa.float64()) for name in _MEASURES),
            flags(rows.identical),
            utf8(rows.legacy_errors),
            utf8(rows.candidate_errors),
            numbers(rows.drawn, pa.int32()),
        ]
        self.add_batch(pa.RecordBatch.from_arrays(columns, schema=KIND.schema))


class ParityFile(StoredTable[ParityHeader]):
    """Compared rows."""

    def __init__(self, path: Path) -> None:
        """Read the footer."""
        super().__init__(path, KIND)

    def blocks(self, rows: int = 4096) -> Iterator[ComparedRows]:
        """Yield consecutive rows in blocks of `rows`, the last one shorter; nulls of measures come back as NaN."""
        words = _OUTCOME_2 if self.version == _GRADED_VERSION else _OUTCOME
        for start, table in self.table_blocks(rows):
            plain = {name: table.column(name).to_pylist() for name in ("sample_id", "category", "head", "side")}
            yield ComparedRows(
                start=start,
                ids=plain["sample_id"],
                categories=plain["category"],
                heads=plain["head"],
                outcomes=self.members_of(table.column("outcome"), words, "outcome"),
                sides=plain["side"],
                legacy_dimension=to_numpy(table.column("legacy_dimension")),
                candidate_dimension=to_numpy(table.column("candidate_dimension")),
                **{name: to_numpy(table.column(name)) for name in _MEASURES},
                identical=to_numpy(table.column("identical")),
                legacy_errors=table.column("legacy_error").to_pylist(),
                candidate_errors=table.column("candidate_error").to_pylist(),
                drawn=to_numpy(table.column("drawn")),
            )
