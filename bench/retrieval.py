"""Measure comparing ranked lists against reading them: 100,000 queries with 100 results per side, in one process.

Here belongs the measurement alone. Rankings are written to a temporary folder in the form that lists are stored in (one row
per result), read in batches, and compared block by block: reading ends at the arrays that are compared.
Processor time of both is taken in the same pass, since a busy
machine makes the time of a clock on the wall a matter of luck; neither uses more than one thread.
"""

import argparse
import os
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.bands import Bands, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.tally import RetrievalTally

GROUP_QUERIES: Final = 5_000
"""Queries of one row group."""
BLOCK_QUERIES: Final = 1000
"""Queries compared at once: a matrix of 100 results is then 800 kB, and numpy has enough to do per call."""
SCHEMA: Final = pa.schema(
    {
        "query_id": pa.string(),
        "rank": pa.int32(),
        "document_id": pa.string(),
        "score": pa.float64(),
        "distance": pa.float64(),
        "metadata_hash": pa.uint64(),
    }
)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """What the rankings look like.

    Attributes:
        queries: Number of queries.
        results: Results per query and side.
        documents: Size of the corpus.
        kind: `approximate` (one in a hundred results missing), `equal`, `tied` (scores of two digits, ties shuffled), or
            `unrelated` (another order of other documents).
    """

    queries: int
    results: int
    documents: int
    kind: str


def main() -> None:
    """Write, read and compare each kind of rankings, and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("kinds", nargs="*", default=["approximate", "equal", "tied", "unrelated"])
    parser.add_argument("--queries", type=int, default=100_000)
    parser.add_argument("--results", type=int, default=100)
    parser.add_argument("--documents", type=int, default=20_000)
    parser.add_argument("--rounds", type=int, default=1)
    options = parser.parse_args()
    print(f"load average {os.getloadavg()[0]:.1f}, {os.cpu_count()} processors")
    print(f"{options.queries:,} queries, {options.results} results per side, {options.documents:,} documents\n")
    print("| rankings | read (CPU s) | compare (CPU s) | compare / read | peak memory (MiB) | matches |")
    print("|---|---|---|---|---|---|")
    for kind in options.kinds:
        shape = Shape(queries=options.queries, results=options.results, documents=options.documents, kind=kind)
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), shape)
            for _ in range(options.rounds):
                print(measured(Path(folder), shape), flush=True)


def write(folder: Path, shape: Shape) -> None:
    """Write the rankings of both sides."""
    random = np.random.default_rng(20260430)
    names = np.array([f"workers/{number:07d}" for number in range(shape.documents)])
    with (
        pq.ParquetWriter(folder / "legacy.parquet", SCHEMA) as legacy,
        pq.ParquetWriter(folder / "candidate.parquet", SCHEMA) as candidate,
    ):
        for start in range(0, shape.queries, GROUP_QUERIES):
            count = min(GROUP_QUERIES, shape.queries - start)
            left, right = lists_of(random, count, shape)
            for writer, (documents, scores) in ((legacy, left), (candidate, right)):
                writer.write_table(
                    table_of(start, names[documents], documents, scores), row_group_size=count * shape.results
                )


Lists = tuple[np.ndarray[Any, np.dtype[np.int64]], np.ndarray[Any, np.dtype[np.float64]]]


def lists_of(random: np.random.Generator, count: int, shape: Shape) -> tuple[Lists, Lists]:
    """Return documents and scores of both sides, shape (count, results): one result more is drawn, and one left out."""
    wide = shape.results + max(1, shape.results // 100)
    first = random.integers(0, shape.documents, (count, 1))
    # A step that shares no factor with the number of documents gives each list different ones.
    steps = 1 + 2 * 5 * random.integers(0, shape.documents // 40, (count, 1)) + 2
    documents = (first + steps * np.arange(wide)) % shape.documents
    scores = np.sort(random.random((count, wide)), axis=1)[:, ::-1]
    if shape.kind == "tied":
        scores = np.round(scores, 2)
    kept = np.argsort(np.argsort(random.random((count, wide)), axis=1) >= shape.results, axis=1, kind="stable")
    kept = kept[:, : shape.results]
    if shape.kind == "equal":
        kept = np.broadcast_to(np.arange(shape.results), kept.shape)
    right = np.take_along_axis(documents, kept, axis=1), np.take_along_axis(scores, kept, axis=1)
    if shape.kind == "tied":
        order = np.lexsort((random.random(right[1].shape), -right[1]), axis=1)
        right = np.take_along_axis(right[0], order, axis=1), np.take_along_axis(right[1], order, axis=1)
    if shape.kind == "unrelated":
        right = random.permuted(right[0], axis=1), right[1]
    return (documents[:, : shape.results], scores[:, : shape.results]), right


def table_of(start: int, names: Any, documents: Any, scores: Any) -> Any:
    """Return lists as one row per result."""
    count, results = documents.shape
    queries = np.repeat([f"query-{number:06d}" for number in range(start, start + count)], results)
    ranks = np.tile(np.arange(1, results + 1, dtype=np.int32), count)
    hashes = documents.ravel().astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)
    flat = scores.ravel()
    return pa.table([queries, ranks, names.ravel(), flat, 1.0 - flat, hashes], schema=SCHEMA)


def measured(folder: Path, shape: Shape) -> str:
    """Read and compare both files, and return a row of the table."""
    reading = comparing = 0.0
    codebook, rules, bands = Codebook(), ComparisonRules(), Bands()
    tally = RetrievalTally(bands)
    groups = row_groups(folder / "legacy.parquet"), row_groups(folder / "candidate.parquet")
    start = 0
    while True:
        began = time.process_time()
        pair = [next(one, None) for one in groups]
        if pair[0] is None or pair[1] is None:
            break
        in_blocks = list(zip(blocks(pair[0]), blocks(pair[1]), strict=True))
        read = time.process_time()
        reading += read - began
        for legacy, candidate in in_blocks:
            queries = queries_of(start, legacy, shape)
            tally.add(grade(compare(queries, legacy, candidate, codebook, rules), bands))
            start += len(queries)
        comparing += time.process_time() - read
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    clean = tally.agreeing
    ratio = comparing / reading
    return f"| {shape.kind} | {reading:.2f} | {comparing:.2f} | {ratio:.2f} | {peak:.0f} | {clean:,} of {start:,} |"


def row_groups(path: Path) -> Iterator[Any]:
    """Yield the row groups of a file, every column decoded; ids stay dictionaries, as they are stored."""
    with pq.ParquetFile(path, read_dictionary=["query_id", "document_id"]) as file:
        for number in range(file.num_row_groups):
            yield file.read_row_group(number, use_threads=False).combine_chunks()


def blocks(table: Any) -> Iterator[RankedLists]:
    """Yield the rankings of one side in blocks."""
    queries, documents = (only_chunk(table, name) for name in ("query_id", "document_id"))
    places = queries.indices.to_numpy()
    edges = np.concatenate([[0], np.flatnonzero(np.diff(places)) + 1, [len(places)]])
    ids = [queries.dictionary[int(place)].as_py() for place in places[edges[:-1]]]
    indices, vocabulary = documents.indices.to_numpy(), documents.dictionary.to_pylist()
    scores, hashes = (only_chunk(table, name).to_numpy() for name in ("score", "metadata_hash"))
    for start in range(0, len(ids), BLOCK_QUERIES):
        stop = min(start + BLOCK_QUERIES, len(ids))
        hits = slice(edges[start], edges[stop])
        yield RankedLists(
            query_ids=ids[start:stop],
            statuses=[RowStatus.OK] * (stop - start),
            offsets=edges[start : stop + 1] - edges[start],
            documents=indices[hits],
            vocabulary=vocabulary,
            reported=scores[hits],
            metadata=hashes[hits],
            modes=[None] * (stop - start),
            refusals=[None] * (stop - start),
        )


def only_chunk(table: Any, name: str) -> Any:
    """Return a column of a table whose chunks were combined."""
    return table.column(name).combine_chunks()


def queries_of(start: int, lists: RankedLists, shape: Shape) -> QueryBlock:
    """Return the queries of a block."""
    count = len(lists)
    return QueryBlock(
        start=start,
        ids=lists.query_ids,
        k=np.full(count, shape.results),
        categories=["random"] * count,
        filtered=np.zeros(count, np.bool_),
        corpora=np.ones(count, np.int64),
        drawn=np.ones(count, np.int64),
    )


if __name__ == "__main__":
    main()
