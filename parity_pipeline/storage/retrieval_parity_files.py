"""The stored comparison of one date and corpus: one row per query, no limit applied, null where nothing was measured.

Here belong its columns, writer and reader. What the numbers mean belongs to `core.retrieval.measures`.

Rankings are not stored again: what is read back can be graded and tallied, and its lists are empty. Who shows or explains
single queries compares the stored rankings again (`rankings_files.paired_lists`), which takes about as long as reading them.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from parity_pipeline.core.retrieval.alignment import Alignment, PaddedLists
from parity_pipeline.core.retrieval.compare import ComparedLists, ComparedQueries, Spelling
from parity_pipeline.core.retrieval.measures import QueryMeasures
from parity_pipeline.core.retrieval.outcomes import GRADED, NOT_COMPARED, RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalParityHeader
from parity_pipeline.core.retrieval.ranked_lists import NOT_NAMED, QueryBlock
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.arrow_columns import flags, numbers, numbers_or_nan, to_numpy, utf8
from parity_pipeline.storage.parquet_tables import StoredTable, Table, TableKind, TableWriter

_REMEDY: Final = "Materialize retrieve/parity again, or run that date again with `parity backfill`."
_GROUP_ROWS: Final = 8192

_NUMBERS: Final = ("overlap", "top_1", "rbo", "tau_b", "score_delta", "inversion_gap")
"""Measures stored as float64."""
_COUNTS: Final = ("rank_change", "common", "paired", "missing", "extra", "inversions", "metadata")
"""Measures stored as int64."""
_LISTS: Final = ("legacy_results", "candidate_results", "legacy_repeats", "candidate_repeats")
_ORDER: Final = ("legacy_unordered", "candidate_unordered")

KIND: Final = TableKind(
    name="retrieval parity",
    version=1,
    header=RetrievalParityHeader,
    older={1: older_versions.retrieval_parity_header},
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("query_id", pa.string(), nullable=False),
            pa.field("category", pa.string(), nullable=False),
            pa.field("k", pa.int64(), nullable=False),
            pa.field("filtered", pa.bool_(), nullable=False),
            pa.field("corpora", pa.int64(), nullable=False),
            pa.field("drawn", pa.int64(), nullable=False),
            pa.field("outcome", pa.string(), nullable=False),
            pa.field("side", pa.string()),
            *(pa.field(name, pa.int64(), nullable=False) for name in _LISTS),
            *(pa.field(name, pa.bool_(), nullable=False) for name in _ORDER),
            *(pa.field(name, pa.float64()) for name in _NUMBERS),
            *(pa.field(name, pa.int64(), nullable=False) for name in _COUNTS),
            pa.field("overlap_at", pa.list_(pa.float64()), nullable=False),
        ]
    ),
    remedy=_REMEDY,
)

_OUTCOME: Final = {outcome.value: outcome for outcome in RetrievalOutcome if outcome not in GRADED}


class RetrievalParityWriter(TableWriter[RetrievalParityHeader]):
    """Write compared queries as they come, in order. A context manager: leaving without `finish` removes the file."""

    def __init__(self, temporary: Path) -> None:
        """Open the file at a draft path.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        super().__init__(temporary, KIND, _GROUP_ROWS)

    def add(self, rows: ComparedQueries) -> None:
        """Take in the next queries, as `core.retrieval.compare` returns them: without a grade.

        Raises:
            ArtifactError: The rows leave a gap or overlap what was added, or the disk does not take them.
        """
        self.count(rows.queries.start, len(rows))
        if not len(rows):
            return
        start, found, queries = rows.queries.start, rows.measures, rows.queries
        outcomes = [RetrievalOutcome.COMPARED if one in GRADED else one for one in rows.outcomes]
        # A mean that somebody takes over a column must not count lists that nobody gave as equal or different ones.
        unmeasured = np.array([one in NOT_COMPARED for one in outcomes], np.bool_)
        flat, depths = np.where(unmeasured[:, None], np.nan, found.overlap_at).ravel(), len(rows.depths)
        at_depths = numbers_or_nan(flat, pa.float64())
        columns = [
            numbers(np.arange(start, start + len(rows)), pa.int64()),
            utf8(queries.ids),
            utf8(queries.categories),
            numbers(queries.k, pa.int64()),
            flags(queries.filtered),
            numbers(queries.corpora, pa.int64()),
            numbers(queries.drawn, pa.int64()),
            utf8([outcome.value for outcome in outcomes]),
            utf8(rows.sides),
            *(numbers(getattr(rows, name), pa.int64()) for name in _LISTS),
            *(flags(getattr(rows, name)) for name in _ORDER),
            *(numbers_or_nan(np.where(unmeasured, np.nan, getattr(found, name)), pa.float64()) for name in _NUMBERS),
            *(numbers(getattr(found, name), pa.int64()) for name in _COUNTS),
            pa.ListArray.from_arrays(numbers(np.arange(len(rows) + 1, dtype=np.int32) * depths, pa.int32()), at_depths),
        ]
        self.add_batch(pa.RecordBatch.from_arrays(columns, schema=KIND.schema))


class RetrievalParityFile(StoredTable[RetrievalParityHeader]):
    """Compared queries."""

    def __init__(self, path: Path) -> None:
        """Read the footer."""
        super().__init__(path, KIND)

    def blocks(self, rows: int = 4096) -> Iterator[ComparedQueries]:
        """Yield consecutive queries in blocks of `rows`, the last one shorter, ready to be graded and tallied.

        Nulls of measures come back as NaN: what could not be measured, and all of a query that a side gave no list for.
        Lists are empty, so that nothing can be shown or attributed by them.
        """
        for start, table in self.table_blocks(rows):
            yield self._compared(start, table)

    def _compared(self, start: int, table: Table) -> ComparedQueries:
        arrays = {
            name: to_numpy(table.column(name))
            for name in ("k", "filtered", "corpora", "drawn", *_LISTS, *_ORDER, *_NUMBERS, *_COUNTS)
        }
        at_depths = to_numpy(table.column("overlap_at").combine_chunks().flatten())
        depths = self.header.depths
        return ComparedQueries(
            queries=QueryBlock(
                start=start,
                ids=table.column("query_id").to_pylist(),
                k=arrays["k"],
                categories=table.column("category").to_pylist(),
                filtered=arrays["filtered"],
                corpora=arrays["corpora"],
                drawn=arrays["drawn"],
            ),
            outcomes=self.members_of(table.column("outcome"), _OUTCOME, "outcome"),
            sides=table.column("side").to_pylist(),
            **{name: arrays[name] for name in (*_LISTS, *_ORDER)},
            measures=QueryMeasures(
                overlap_at=at_depths.reshape(table.num_rows, len(depths)),
                **{name: arrays[name] for name in (*_NUMBERS, *_COUNTS)},
            ),
            depths=depths,
            comparable=self.header.comparable,
            lists=_no_lists(table.num_rows),
        )


def _no_lists(rows: int) -> ComparedLists:
    """Return the lists of queries of which none has a result."""
    none = np.zeros(rows, np.int64)
    matrix = np.zeros((rows, 0), np.int64)
    flags = np.zeros((rows, 0), np.bool_)
    lists = PaddedLists(lengths=none, codes=matrix, scores=np.zeros((rows, 0)), cut=np.zeros(rows, np.bool_))
    aligned = Alignment(
        legacy=none,
        candidate=none,
        place=matrix,
        partner=matrix,
        rank=matrix,
        legacy_group=matrix,
        candidate_group=matrix,
        paired=flags,
        ties=np.zeros(rows, np.bool_),
    )
    spelling = Spelling(np.zeros(0, np.int64), [])
    unknown = np.full(rows, NOT_NAMED, np.int64)
    return ComparedLists(
        legacy=lists,
        candidate=lists,
        aligned=aligned,
        legacy_ids=spelling,
        candidate_ids=spelling,
        hit_corpora=(unknown, unknown),
    )
