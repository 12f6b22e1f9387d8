"""Measure storing, reading and comparing ranked lists: 100,000 queries with 100 results per side, in one process.

Here belongs the measurement alone. Rankings are written to a temporary folder by the writer of a fetch, read back as they are
for a comparison, and compared block by block: reading ends at the arrays that are compared. Processor time of both is taken
in the same pass, since a busy machine makes the time of a clock on the wall a matter of luck; neither uses more than one
thread.
"""

import argparse
import os
import resource
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Final

import numpy as np

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.bands import Bands, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.provenance import FetchedRankings, RetrievalProvenance
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.storage.rankings_files import GROUP_QUERIES, RankingsFile, RankingsWriter

BLOCK_QUERIES: Final = 1000
"""Queries compared at once: a matrix of 100 results is then 800 kB, and numpy has enough to do per call."""


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
    print(
        "| rankings | write (CPU s) | size (MB) | read (CPU s) | compare (CPU s) | compare / read | peak (MiB) | matches |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for kind in options.kinds:
        shape = Shape(queries=options.queries, results=options.results, documents=options.documents, kind=kind)
        with tempfile.TemporaryDirectory() as folder:
            # In a process of its own, as a fetch is another step: the peak is then that of reading and comparing.
            with ProcessPoolExecutor(1, get_context("spawn")) as pool:
                written = pool.submit(write, Path(folder), shape).result()
            for _ in range(options.rounds):
                print(measured(Path(folder), shape, written), flush=True)


def write(folder: Path, shape: Shape) -> float:
    """Write the rankings of both sides, and return the processor time that the writers took, in seconds."""
    random = np.random.default_rng(20260430)
    names = np.array([f"workers/{number:07d}" for number in range(shape.documents)])
    taken = 0.0
    with (
        RankingsWriter(folder / "legacy.parquet", side=Side.LEGACY) as legacy,
        RankingsWriter(folder / "candidate.parquet", side=Side.CANDIDATE) as candidate,
    ):
        for start in range(0, shape.queries, GROUP_QUERIES):
            count = min(GROUP_QUERIES, shape.queries - start)
            left, right = lists_of(random, count, shape)
            for writer, (documents, scores) in ((legacy, left), (candidate, right)):
                block = fetched(start, names[documents], documents, scores)
                began = time.process_time()
                writer.add(block)
                taken += time.process_time() - began
        for side, writer in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)):
            writer.finish(provenance(side, shape))
    return taken


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


def fetched(start: int, names: Any, documents: Any, scores: Any) -> FetchedRankings:
    """Return lists as they come from the wire."""
    count = len(documents)
    hashes = (documents.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15) | np.uint64(1)).tolist()
    rows = zip(names.tolist(), scores.tolist(), hashes, strict=True)
    return FetchedRankings(
        start=start,
        rankings=[
            Ranking(
                query_id=f"query-{start + row:06d}",
                status=RowStatus.OK,
                ids=tuple(ids),
                scores=tuple(values),
                mode="hybrid",
                metadata=tuple(metadata),
            )
            for row, (ids, values, metadata) in enumerate(rows)
        ],
        http_status=[200] * count,
        errors=[None] * count,
        request_ids=[f"request-{start + row:06d}" for row in range(count)],
        latency_ms=[12.5] * count,
    )


def provenance(side: Side, shape: Shape) -> RetrievalProvenance:
    """Return a header that says nothing but the side and the number of queries."""
    return RetrievalProvenance(
        side=side,
        label="",
        url="",
        dialect="",
        date="2026-04-30",
        corpus="benchmark",
        query_set_hash="",
        queries=shape.queries,
        settings_hash="",
        package_version="",
        fetched_from="",
        fetched_to="",
        requests=shape.queries,
        retries=0,
        status_counts={},
    )


def measured(folder: Path, shape: Shape, written: float) -> str:
    """Read and compare both files, and return a row of the table."""
    reading = comparing = 0.0
    codebook, rules, bands = Codebook(), ComparisonRules(), Bands()
    tally = RetrievalTally(bands)
    files = [folder / f"{side}.parquet" for side in Side]
    left, right = (RankingsFile(path).lists(BLOCK_QUERIES) for path in files)
    start = 0
    while True:
        began = time.process_time()
        legacy, candidate = next(left, None), next(right, None)
        read = time.process_time()
        reading += read - began
        if legacy is None or candidate is None:
            break
        queries = queries_of(start, legacy, shape)
        tally.add(grade(compare(queries, legacy, candidate, codebook, rules), bands))
        start += len(queries)
        comparing += time.process_time() - read
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    size = sum(path.stat().st_size for path in files) / 1e6
    return (
        f"| {shape.kind} | {written:.2f} | {size:.0f} | {reading:.2f} | {comparing:.2f} | {comparing / reading:.2f} "
        f"| {peak:.0f} | {tally.agreeing:,} of {start:,} |"
    )


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
