"""The stored query set of one date and corpus: a snapshot that backfills read again.

Here belong its columns, its header and its reader. Where queries come from belongs to `query_sources`, how a text without UTF-8
is stored to `input_sets`.
"""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Final

import numpy as np
import pyarrow as pa

from parity_pipeline.core.errors import ArtifactError, SampleSourceError
from parity_pipeline.core.retrieval.provenance import QueriesBlock, QuerySetIdentity
from parity_pipeline.core.retrieval.query_set import QueryCount, SourcedQuery, content, unique_queries
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.storage.arrow_columns import lists_of_words, numbers, utf8
from parity_pipeline.storage.input_sets import GROUP_ROWS, SetProgress, exact_texts, text_columns
from parity_pipeline.storage.parquet_tables import Batch, StoredTable, TableKind, TableWriter
from parity_pipeline.storage.source_formats import SURROGATE_COLUMN

_REMEDY: Final = "Materialize retrieve/queries again, or draw that date again with `parity backfill --redraw`."


@dataclass(frozen=True, slots=True, kw_only=True)
class QuerySetHeader:
    """What is known of a stored query set without reading its rows.

    Attributes:
        hash: Content hash over ids, what is sent, and categories, 64 hex digits.
        queries: Number of queries, 1 or more.
        duplicates_dropped: Queries left out because their id had come before with the same content.
        blank: Queries whose text is empty or only white space.
        longest_characters: Length of the longest text.
        largest_k: Most results that a query requests.
        filtered: Queries with a filter.
        categories: Queries of each category.
        corpora: Queries that search each corpus.
        drawn: Queries that a random draw gave; the others were only picked.
        sources: What the queries were read from.
        package_version: Version of parity_pipeline that wrote the set.
    """

    hash: str
    queries: int
    duplicates_dropped: int
    blank: int
    longest_characters: int
    largest_k: int
    filtered: int
    categories: dict[str, int]
    corpora: dict[str, int]
    drawn: int
    sources: tuple[str, ...]
    package_version: str

    def identity(self) -> QuerySetIdentity:
        """Return which query set this is, for a comparison and a verdict."""
        return QuerySetIdentity(
            hash=self.hash,
            queries=self.queries,
            sources=self.sources,
            duplicates_dropped=self.duplicates_dropped,
        )


KIND: Final = TableKind(
    name="query set",
    version=1,
    header=QuerySetHeader,
    schema=pa.schema(
        [
            pa.field("ordinal", pa.int64(), nullable=False),
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("k", pa.int32(), nullable=False),
            pa.field("filter", pa.string()),
            pa.field("corpora", pa.list_(pa.string()), nullable=False),
            pa.field("category", pa.string(), nullable=False),
            pa.field("source", pa.string(), nullable=False),
            pa.field("drawn", pa.int32(), nullable=False),
            pa.field(SURROGATE_COLUMN, pa.binary()),
        ]
    ),
    remedy=_REMEDY,
)


@dataclass(slots=True)
class _Progress(SetProgress[SourcedQuery, SourcedQuery]):
    corpora: Counter[str] = field(default_factory=Counter[str])
    blank: int = 0
    filtered: int = 0
    largest_k: int = 0

    def add(self, one: SourcedQuery) -> None:
        query = one.query
        self.hold(one, query.text, query.category, query.drawn)
        self.digest.add(query.id, content(query), query.category)
        self.corpora.update(query.corpora)
        self.blank += not query.text.strip()
        self.filtered += query.filter is not None
        self.largest_k = max(self.largest_k, query.k)

    def batch(self, start: int, rows: Sequence[SourcedQuery]) -> Batch:
        queries = [one.query for one in rows]
        text, exact = text_columns([query.text for query in queries])
        columns = [
            numbers(np.arange(start, start + len(queries)), pa.int64()),
            utf8([query.id for query in queries]),
            text,
            numbers([query.k for query in queries], pa.int32()),
            utf8([query.filter for query in queries]),
            lists_of_words([query.corpora for query in queries]),
            utf8([query.category for query in queries]),
            utf8([one.source for one in rows]),
            numbers([query.drawn for query in queries], pa.int32()),
            exact,
        ]
        return pa.RecordBatch.from_arrays(columns, schema=KIND.schema)


def write_query_set(temporary: Path, queries: Iterable[SourcedQuery], *, sources: Sequence[str]) -> QuerySetHeader:
    """Write the queries, each once, in order, as a stream: memory holds one row group and some 300 bytes per query.

    Args:
        temporary: A draft path; removed when this fails.
        queries: The queries, duplicates included.
        sources: What they were read from, for the header.

    Returns:
        The header that was stored.

    Raises:
        SampleSourceError: There is no query, two different ones have one id, or reading one failed.
        ArtifactError: The disk or folder does not take the file.
    """
    seen, count = _Progress(), QueryCount()
    with TableWriter(temporary, KIND, GROUP_ROWS) as writer:
        seen.write(writer, unique_queries(queries, count))
        if not seen.digest.count:
            problem = "the query sources hold no query that this partition sends"
            remedy = "Put a query into a source of `retrieve.queries`, or name corpora that the partition searches."
            raise SampleSourceError(problem, place=", ".join(sources), remedy=remedy)
        header = QuerySetHeader(
            hash=seen.digest.hexdigest(),
            queries=seen.digest.count,
            duplicates_dropped=count.duplicates,
            blank=seen.blank,
            longest_characters=seen.longest,
            largest_k=seen.largest_k,
            filtered=seen.filtered,
            categories=dict(sorted(seen.categories.items())),
            corpora=dict(sorted(seen.corpora.items())),
            drawn=seen.drawn,
            sources=tuple(sources),
            package_version=version("parity_pipeline"),
        )
        writer.finish(header)
    return header


class QuerySetFile(StoredTable[QuerySetHeader]):
    """A stored query set."""

    def __init__(self, path: Path) -> None:
        """Read the footer.

        Raises:
            ArtifactError: As every `StoredTable`, or the header counts other queries than there are rows.
        """
        super().__init__(path, KIND)
        if self.header.queries != self.rows:
            problem = f"its header counts {self.header.queries} queries, the file has {self.rows}"
            raise ArtifactError(problem, place=str(self.path), remedy=_REMEDY)

    def blocks(self, rows: int = 1024, stop: int | None = None) -> Iterator[QueriesBlock]:
        """Yield consecutive queries in blocks of `rows`, the last one shorter; `stop` ends before that ordinal."""
        for start, table in self.table_blocks(rows, stop):
            plain = {name: table.column(name).to_pylist() for name in table.column_names}
            texts = exact_texts(plain["text"], plain[SURROGATE_COLUMN])
            columns = (plain[name] for name in ("id", "k", "filter", "corpora", "category", "drawn"))
            yield QueriesBlock(
                start,
                [
                    Query(
                        id=identity,
                        text=text,
                        k=k,
                        filter=spelled,
                        corpora=tuple(corpora),
                        category=category,
                        drawn=drawn,
                    )
                    for text, identity, k, spelled, corpora, category, drawn in zip(texts, *columns, strict=True)
                ],
            )
