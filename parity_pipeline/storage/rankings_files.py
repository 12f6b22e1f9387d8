"""The stored ranked lists of one side, date and corpus: one row per result, and one per query without any.

Here belong the columns, the writer and the readers. What a ranking is belongs to `core.retrieval.records`; cutting lists
into blocks of queries belongs to `ranking_blocks`.

Every row repeats what is known of its query, so that DuckDB, Polars and pandas need no second file. Parquet stores such
repeats in next to nothing. Row groups hold whole queries.
"""

from collections.abc import Iterator, Sequence
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from parity_pipeline.core.errors import ArtifactError, MetricInputError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.provenance import FetchedRankings, QueriesBlock, RetrievalProvenance
from parity_pipeline.core.retrieval.ranked_lists import NOT_NAMED, Ints, RankedLists
from parity_pipeline.core.retrieval.records import Ranking, Reported
from parity_pipeline.storage import older_versions
from parity_pipeline.storage.arrow_columns import numbers, optional_numbers, to_numpy, utf8
from parity_pipeline.storage.parquet_tables import Array, Batch, StoredTable, Table, TableKind, TableWriter
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.ranking_blocks import cut_fetched, cut_lists, part

_REMEDY: Final = "Materialize that side's rankings again, or run that date again with `parity backfill`."

GROUP_QUERIES: Final = 5_000
"""Queries of a row group: of a hundred results each, a group takes some 30 MB when it is read."""
GROUP_ROWS: Final = 1_000_000
"""Rows after which a row group ends before its queries are full."""

_WORD: Final = pa.dictionary(pa.int32(), pa.string())

KIND: Final = TableKind(
    name="rankings",
    version=1,
    header=RetrievalProvenance,
    older={1: older_versions.rankings_header},
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("query_id", _WORD, nullable=False),
            pa.field("side", _WORD, nullable=False),
            pa.field("rank", pa.int32()),
            pa.field("document_id", _WORD),
            pa.field("score", pa.float64()),
            pa.field("distance", pa.float64()),
            pa.field("metadata_hash", pa.uint64(), nullable=False),
            pa.field("status", _WORD, nullable=False),
            pa.field("mode", _WORD),
            pa.field("refusal", _WORD),
            pa.field("hit_corpora", pa.int32()),
            pa.field("http_status", pa.int16()),
            pa.field("error", _WORD),
            pa.field("request_id", _WORD),
            pa.field("latency_ms", pa.float32()),
        ]
    ),
    remedy=_REMEDY,
    dictionary_bytes=64 * 1024 * 1024,
)

_STATUS: Final = {status.value: status for status in RowStatus}
_OF_LISTS: Final = (
    *("ordinal", "query_id", "rank", "document_id", "score", "distance", "metadata_hash", "status", "mode", "refusal"),
    "hit_corpora",
)


class RankingsWriter(TableWriter[RetrievalProvenance]):
    """Write one side's rankings as they come, in ordinal order. A context manager: leaving without `finish` removes the file.

    Row groups end after `GROUP_QUERIES` queries, or after the query that brings `GROUP_ROWS` rows, whatever the sizes of
    the blocks added. Memory holds one row group and one block.
    """

    def __init__(
        self,
        temporary: Path,
        *,
        side: Side,
        reported: Reported = Reported.SCORE,
        group_queries: int = GROUP_QUERIES,
        group_rows: int = GROUP_ROWS,
    ) -> None:
        """Open the file at a draft path.

        Args:
            temporary: The path.
            side: The side; every row names it.
            reported: Whether the side reports scores or distances: they are stored in a column of that name.
            group_queries: Most queries of a row group.
            group_rows: Rows from which on a row group takes no further query.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        # A row group ends where this class says so, and never in the middle of a query.
        super().__init__(temporary, KIND, 2**31 - 1)
        self._side, self._reported = side, reported
        self._limits = group_queries, group_rows
        self._group = _Held()

    def add(self, block: FetchedRankings) -> None:
        """Take in the next queries.

        Raises:
            ArtifactError: They leave a gap or overlap what was added, or the disk does not take them.
            MetricInputError: Scores or metadata that are neither none nor one per id.
        """
        self.count(block.start, len(block))
        for row, one in enumerate(block.rankings):
            if any(len(values) not in {0, len(one.ids)} for values in (one.scores, one.metadata)):
                msg = f"the ranking of query {one.query_id!r} has {len(one.ids)} ids and another number of scores or hashes"
                raise MetricInputError(msg, remedy="Give one per id, or none at all.")
            found = block.http_status[row], block.errors[row], block.request_ids[row], block.latency_ms[row]
            self._hold(block.start + row, one, found)

    def _hold(self, ordinal: int, one: Ranking, found: tuple[Any, ...]) -> None:
        held = self._group
        held.rankings.append(one)
        held.found.append(found)
        held.rows += max(1, len(one.ids))
        if len(held.rankings) >= self._limits[0] or held.rows >= self._limits[1]:
            self._hand_on(ordinal + 1)

    def flush(self) -> None:
        """End the row group here, whatever it holds.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        if self._group.rankings:
            self._hand_on(self.rows)
        super().flush()

    def _hand_on(self, stop: int) -> None:
        held, self._group = self._group, _Held()
        self.add_batch(_batch(stop - len(held.rankings), held, self._side, self._reported))
        super().flush()


class _Held:
    """Queries of the row group that is being filled."""

    def __init__(self) -> None:
        self.rankings: list[Ranking] = []
        self.found: list[tuple[Any, ...]] = []
        self.rows = 0


def _batch(start: int, held: _Held, side: Side, reported: Reported) -> Batch:
    """Return consecutive queries as columns, one row per result, and one for a query without any."""
    rankings = held.rankings
    hits = np.array([len(one.ids) for one in rankings], np.int64)
    lengths = np.maximum(hits, 1)
    rows = np.repeat(np.arange(len(rankings), dtype=np.int32), lengths)
    ends = np.cumsum(lengths)
    ranks = np.arange(1, len(rows) + 1, dtype=np.int64) - np.repeat(ends - lengths, lengths)
    none = np.repeat(hits == 0, lengths)
    scores = optional_numbers(
        list(chain.from_iterable(one.scores or (None,) * max(1, len(one.ids)) for one in rankings)), pa.float64()
    )
    empty = pa.nulls(len(rows), pa.float64())
    distance = reported not in {Reported.SCORE, Reported.NOTHING}
    http_status, errors, request_ids, latency = (list(column) for column in zip(*held.found, strict=True))

    hashes = chain.from_iterable(one.metadata or (0,) * max(1, len(one.ids)) for one in rankings)
    places = numbers(rows, pa.int32())

    def each(values: Sequence[str | None]) -> Array:
        """Return one value per query as a column of words: the dictionary holds each query's value once."""
        words = utf8(values).dictionary_encode()
        return pa.DictionaryArray.from_arrays(words.indices.take(places), words.dictionary)

    columns = [
        numbers(start + rows.astype(np.int64), pa.int64()),
        each([one.query_id for one in rankings]),
        each([side.value] * len(rankings)),
        numbers(ranks, pa.int32(), null=none),
        utf8(list(chain.from_iterable(one.ids or (None,) for one in rankings))).dictionary_encode(),
        empty if distance else scores,
        scores if distance else empty,
        numbers(np.fromiter(hashes, np.uint64, len(rows)), pa.uint64()),
        each([one.status.value for one in rankings]),
        each([one.mode for one in rankings]),
        each([one.refusal for one in rankings]),
        optional_numbers([one.hit_corpora for one in rankings], pa.int32()).take(places),
        optional_numbers(http_status, pa.int16()).take(places),
        each(errors),
        each(request_ids),
        optional_numbers(latency, pa.float32()).take(places),
    ]
    return pa.RecordBatch.from_arrays(columns, schema=KIND.schema)


class RankingsFile(StoredTable[RetrievalProvenance]):
    """One side's rankings; its header is what produced them, and `rows` counts rows, of which a query has one per result."""

    def __init__(self, path: Path) -> None:
        """Read the footer."""
        super().__init__(path, KIND)

    def blocks(self, rows: int = 1000) -> Iterator[FetchedRankings]:
        """Yield consecutive queries in blocks of `rows`, the last one shorter.

        Latencies come back as float32 numbers, all else exactly as it was added. Only lone surrogates in texts are
        spelled out, and hashes that are all 0 come back as none.

        Raises:
            ArtifactError: The file is unusable.
        """
        return cut_fetched((self._fetched(table, edges) for table, edges in self._queries(None)), rows)

    def lists(self, rows: int = 1000) -> Iterator[RankedLists]:
        """Yield the lists of consecutive queries in blocks of `rows`, the last one shorter, without a loop over results.

        The vocabulary is that of the row group, and one object for all blocks within it. A block that spans row groups
        has the vocabularies of both, which may share documents.

        Raises:
            ArtifactError: The file is unusable.
        """
        return cut_lists((self._lists(table, edges) for table, edges in self._queries(_OF_LISTS)), rows)

    def latency_ms(self) -> Iterator[NDArray[np.float32]]:
        """Yield the milliseconds of all queries with a response, float32, one array per row group."""
        for table, edges in self._queries(("ordinal", "latency_ms")):
            yield to_numpy(_each(table, "latency_ms", edges).drop_null())

    def _queries(self, columns: Sequence[str] | None) -> Iterator[tuple[Table, Ints]]:
        """Yield the rows of each row group, and where in them each query begins and the last one ends.

        The groups were seen to hold each query once, in order.
        """
        start = 0
        for group in self.groups(columns):
            table = group.combine_chunks()
            ordinals = to_numpy(table.column("ordinal"))
            edges = np.concatenate([[0], np.flatnonzero(np.diff(ordinals)) + 1, [len(ordinals)]]).astype(np.int64)
            if not np.array_equal(ordinals[edges[:-1]], np.arange(start, start + len(edges) - 1)):
                problem = f"this {KIND.name} file has queries out of order from ordinal {start} on"
                raise ArtifactError(problem, place=str(self.path), remedy=_REMEDY)
            yield table, edges
            start += len(edges) - 1

    def _lists(self, table: Table, edges: Ints) -> RankedLists:
        documents = _only(table, "document_id")
        hashes = _only(table, "metadata_hash")
        hit = to_numpy(_only(table, "rank").is_valid())
        offsets = edges
        places = to_numpy(documents.indices, null=0)
        values = to_numpy(_reported(table)), to_numpy(hashes)
        if not hit.all():
            offsets = np.concatenate([[0], np.cumsum(hit, dtype=np.int64)])[edges]
            places, values = places[hit], (values[0][hit], values[1][hit])
        return RankedLists(
            query_ids=_each(table, "query_id", edges).to_pylist(),
            statuses=self.members_of(_each(table, "status", edges), _STATUS, "row status"),
            offsets=offsets,
            documents=places,
            vocabulary=documents.dictionary.to_pylist(),
            reported=values[0],
            metadata=values[1],
            modes=_each(table, "mode", edges).to_pylist(),
            refusals=_each(table, "refusal", edges).to_pylist(),
            hit_corpora=to_numpy(_each(table, "hit_corpora", edges), null=NOT_NAMED).astype(np.int64),
        )

    def _fetched(self, table: Table, edges: Ints) -> FetchedRankings:
        places = edges.tolist()
        ranks = table.column("rank").to_pylist()
        documents = table.column("document_id").to_pylist()
        scores = _reported(table).to_pylist()
        hashes = table.column("metadata_hash").to_pylist()
        ids, modes, refusals, corpora = (
            _each(table, name, edges).to_pylist() for name in ("query_id", "mode", "refusal", "hit_corpora")
        )
        statuses = self.members_of(_each(table, "status", edges), _STATUS, "row status")

        def given(values: list[Any], row: int) -> tuple[Any, ...]:
            """Return one value per result of a query; none where it has no results, or none of them a value."""
            first, end = places[row], places[row + 1]
            return () if ranks[first] is None or values[first] is None else tuple(values[first:end])

        return FetchedRankings(
            start=table.column("ordinal")[0].as_py(),
            rankings=[
                Ranking(
                    query_id=identity,
                    status=statuses[row],
                    ids=given(documents, row),
                    scores=given(scores, row),
                    mode=modes[row],
                    # No list of documents hashes to zeros alone.
                    metadata=found if any(found := given(hashes, row)) else (),
                    refusal=refusals[row],
                    hit_corpora=corpora[row],
                )
                for row, identity in enumerate(ids)
            ],
            http_status=_each(table, "http_status", edges).to_pylist(),
            errors=_each(table, "error", edges).to_pylist(),
            request_ids=_each(table, "request_id", edges).to_pylist(),
            latency_ms=_each(table, "latency_ms", edges).to_pylist(),
        )


def _only(table: Table, name: str) -> Array:
    """Return a column as one array; its chunks were combined before."""
    return table.column(name).combine_chunks()


def _reported(table: Table) -> Array:
    """Return what the side reports of each result: only one of the two columns of a file has values."""
    scores = _only(table, "score")
    return _only(table, "distance") if scores.null_count == len(scores) else scores


def _each(table: Table, name: str, edges: Ints) -> Array:
    """Return one value per query of a column that repeats it."""
    return _only(table, name).take(numbers(edges[:-1], pa.int64()))


def paired_lists(
    queries: QuerySetFile, legacy: RankingsFile, candidate: RankingsFile, rows: int = 1000
) -> Iterator[tuple[QueriesBlock, RankedLists, RankedLists]]:
    """Yield the same queries of the set and of both sides, block by block, in order.

    A side with fewer queries than the set ends all three early: the queries seen then do not add up to those of the set,
    which a verdict counts as INCONCLUSIVE.

    Args:
        queries: The query set.
        legacy: The legacy side's rankings; whether they were fetched for this set is for the caller to see first.
        candidate: The candidate's, likewise.
        rows: Queries of each block but the last.

    Raises:
        ArtifactError: A file is unusable, or has queries beyond the set's.
    """
    sides = legacy.lists(rows), candidate.lists(rows)
    for block in queries.blocks(rows):
        found = [next(lists, None) for lists in sides]
        for file, lists in zip((legacy, candidate), found, strict=True):
            if lists is not None and len(lists) > len(block):
                raise _beyond(file, queries)
        shortest = min(0 if lists is None else len(lists) for lists in found)
        left, right = found
        if left is None or right is None or not shortest:
            return
        if shortest < len(block):
            yield QueriesBlock(block.start, block.queries[:shortest]), part(left, 0, shortest), part(right, 0, shortest)
            return
        yield block, left, right
    for file, lists in zip((legacy, candidate), sides, strict=True):
        if next(lists, None) is not None:
            raise _beyond(file, queries)


def _beyond(file: RankingsFile, queries: QuerySetFile) -> ArtifactError:
    problem = f"it holds more queries than the {queries.header.queries} of their set"
    return ArtifactError(problem, place=str(file.path), remedy=_REMEDY)
