import re
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import polars as pl
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError, MetricInputError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.compare import ComparisonRules, compare
from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Ranking, Reported
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.parquet_tables import METADATA_KEY
from parity_pipeline.storage.rankings_files import RankingsFile, RankingsWriter, paired_lists
from parity_pipeline_tests.storage.records import DATE
from parity_pipeline_tests.storage.retrieval_records import (
    NAN,
    fetched,
    make_compared,
    make_fetched,
    make_queries,
    make_ranking,
    make_retrieval_provenance,
    plain,
    same_lists,
    store_queries,
    store_rankings,
)

OK = RowStatus.OK


def _cut(sizes: list[int]) -> list[FetchedRankings]:
    starts = np.cumsum([0, *sizes]).tolist()
    return [make_fetched(start, size) for start, size in zip(starts, sizes, strict=False)]


def test_everything_comes_back(tmp_path: Path) -> None:
    """Each status, lists with and without scores and hashes, NaN, repeated ids, and what was said of a request."""
    block = FetchedRankings(
        start=0,
        rankings=[
            Ranking(query_id="a", status=OK, ids=("x", "y", "x"), scores=(0.5, NAN, -0.0), metadata=(0, 1, 2**64 - 1)),
            Ranking(query_id="b", status=OK, mode="lexical"),
            Ranking(query_id="c", status=OK, ids=("", "y\n\0'\"")),
            Ranking(query_id="", status=RowStatus.REFUSED, refusal="400 {error, message}"),
            Ranking(query_id="e", status=RowStatus.FAILED),
            Ranking(query_id="f", status=RowStatus.MALFORMED, ids=("kept",), scores=(1e308,)),
            Ranking(query_id="g", status=OK, ids=("z" * 1_000_000,), scores=(1.0,), mode=""),
        ],
        http_status=[200, 200, 200, 400, None, 200, 200],
        errors=[None, None, None, "no: résumé", "timeout", "not a list", None],
        request_ids=["r1", "r2", "r3", "r4", None, "r6", "r7"],
        latency_ms=[1.5, 0.0, 2.25, 1.0, None, 3.0, 4.0],
    )
    stored = store_rankings(tmp_path / "r.parquet", [block])
    assert [plain(one) for one in stored.blocks(10)] == [plain(block)]
    [lists] = stored.lists(10)
    assert same_lists(lists, RankedLists.of(block.rankings))
    assert stored.rows == 3 + 1 + 2 + 4


def test_words_without_utf8_do_not_end_the_lane(tmp_path: Path) -> None:
    """Lone surrogates in ids and in a server's words are spelled out, in blocks and lists alike."""
    ranking = Ranking(query_id="q", status=OK, ids=("a\ud800", "b"), scores=(1.0, 0.5), mode="m\udfff")
    stored = store_rankings(tmp_path / "r.parquet", [fetched([ranking])])
    [block] = stored.blocks()
    assert block.rankings[0].ids == ("a\\ud800", "b")
    assert block.rankings[0].mode == "m\\udfff"
    assert list(next(stored.lists()).vocabulary) == ["a\\ud800", "b"]


@pytest.mark.parametrize("reported", list(Reported))
def test_scores_and_distances_have_a_column_each(tmp_path: Path, reported: Reported) -> None:
    """What a side calls a distance is in `distance`, and both readers return it as reported."""
    stored = store_rankings(tmp_path / "r.parquet", [make_fetched(0, 20)], reported=reported)
    filled, empty = ("score", "distance") if reported in {Reported.SCORE, Reported.NOTHING} else ("distance", "score")
    table = pq.read_table(stored.path)
    assert table.column(empty).null_count == table.num_rows
    assert table.column(filled).null_count < table.num_rows
    assert [plain(one) for one in stored.blocks(20)] == [plain(make_fetched(0, 20))]
    assert same_lists(next(stored.lists(20)), RankedLists.of(make_fetched(0, 20).rankings))


@settings(max_examples=25, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 20), min_size=1, max_size=4),
    queries=st.integers(1, 30),
    results=st.integers(20, 120),
    rows=st.integers(1, 50),
)
def test_blocks_have_the_requested_size_whatever_was_added(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], queries: int, results: int, rows: int
) -> None:
    """Neither the blocks added nor the row groups show in what is read; row groups hold whole queries."""
    path = tmp_path_factory.mktemp("r") / "r.parquet"
    stored = store_rankings(path, _cut(sizes), group_queries=queries, group_rows=results)
    total = sum(sizes)
    expected = [make_fetched(start, min(rows, total - start)) for start in range(0, total, rows)]
    assert [plain(one) for one in stored.blocks(rows)] == [plain(one) for one in expected]
    lists = list(stored.lists(rows))
    assert len(lists) == len(expected)
    assert all(same_lists(one, RankedLists.of(other.rankings)) for one, other in zip(lists, expected, strict=True))
    groups = [set(table.column("ordinal").to_pylist()) for table in stored.groups(["ordinal"])]
    assert sum(map(len, groups)) == total
    assert all(len(group) <= queries for group in groups)


_IDS = st.text(max_size=6).map(lambda text: text.encode("utf-8", "replace").decode())


@st.composite
def _rankings(draw: st.DrawFn) -> Ranking:
    ids = tuple(draw(st.lists(_IDS, max_size=5)))
    numbers = st.lists(st.floats(width=64), min_size=len(ids), max_size=len(ids))
    hashes = st.lists(st.integers(1, 2**64 - 1), min_size=len(ids), max_size=len(ids))
    return Ranking(
        query_id=draw(_IDS),
        status=draw(st.sampled_from(RowStatus)),
        ids=ids,
        scores=tuple(draw(st.one_of(st.just([]), numbers))),
        mode=draw(st.none() | _IDS),
        metadata=tuple(draw(st.one_of(st.just([]), hashes))),
        refusal=draw(st.none() | _IDS),
    )


@settings(max_examples=60, deadline=None)
@given(rankings=st.lists(_rankings(), min_size=1, max_size=12), rows=st.integers(1, 13))
def test_any_rankings_come_back(tmp_path_factory: pytest.TempPathFactory, rankings: list[Ranking], rows: int) -> None:
    """Whatever ids, scores, hashes and words a side returns, both readers return the same."""
    stored = store_rankings(tmp_path_factory.mktemp("r") / "r.parquet", [fetched(rankings)], group_queries=4)
    assert [one for block in stored.blocks(rows) for one in plain(block)[1]] == plain(fetched(rankings))[1]
    expected = [RankedLists.of(rankings[start : start + rows]) for start in range(0, len(rankings), rows)]
    assert all(same_lists(one, other) for one, other in zip(stored.lists(rows), expected, strict=True))


def test_blocks_of_one_row_group_share_their_vocabulary(tmp_path: Path) -> None:
    """A codebook codes the documents of a row group once: the vocabulary is the very same object."""
    stored = store_rankings(tmp_path / "r.parquet", [make_fetched(0, 60)], group_queries=30)
    vocabularies = [id(lists.vocabulary) for lists in list(stored.lists(10))]
    assert [vocabularies.count(one) for one in vocabularies] == [3] * 6


def test_a_block_across_row_groups_compares_as_one_within(tmp_path: Path) -> None:
    """Two vocabularies in one block give the same measures as one."""
    files = [
        store_rankings(tmp_path / f"{side}.parquet", [make_fetched(0, 40, side)], side=side, group_queries=size)
        for side, size in ((Side.LEGACY, 7), (Side.CANDIDATE, 11))
    ]
    legacy, candidate = (next(one.lists(40)) for one in files)
    split = compare(QueryBlock.of(make_queries(40)), legacy, candidate, Codebook(), ComparisonRules())
    whole = make_compared(40)
    assert split.outcomes == whole.outcomes
    assert np.array_equal(split.measures.rbo, whole.measures.rbo)
    assert [split.lists.ids(side, 5) for side in Side] == [whole.lists.ids(side, 5) for side in Side]


def test_two_runs_with_the_same_rankings_write_the_same_bytes(tmp_path: Path) -> None:
    """The file depends on the rankings, not on how they arrived."""
    first = store_rankings(tmp_path / "a.parquet", [make_fetched(0, 300)], group_queries=70)
    second = store_rankings(tmp_path / "b.parquet", _cut([1, 99, 70, 0, 130]), group_queries=70)
    assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("start", [0, 4, 6])
def test_a_gap_or_an_overlap_is_refused(tmp_path: Path, start: int) -> None:
    """Rankings are never shifted in silence, and nothing is left behind."""
    with RankingsWriter(tmp_path / "draft", side=Side.LEGACY) as writer:
        writer.add(make_fetched(0, 5))
        with pytest.raises(ArtifactError, match=f"from ordinal {start} on were given where 5 comes next"):
            writer.add(make_fetched(start, 5))
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize("fields", [{"scores": (1.0,)}, {"metadata": (1, 2, 3)}])
def test_scores_that_are_not_one_per_id_are_refused(tmp_path: Path, fields: dict[str, Any]) -> None:
    """A score never moves to another document."""
    ranking = Ranking(query_id="q", status=OK, ids=("a", "b"), **fields)
    with (
        RankingsWriter(tmp_path / "draft", side=Side.LEGACY) as writer,
        pytest.raises(MetricInputError, match="'q' has 2 ids and another number"),
    ):
        writer.add(fetched([ranking]))


def test_the_provenance_comes_back(tmp_path: Path) -> None:
    """The header holds the whole record, wire observation and noise included."""
    header = make_retrieval_provenance(Side.CANDIDATE, 3)
    assert store_rankings(tmp_path / "r.parquet", [make_fetched(0, 3)], header=header).header == header


def test_an_empty_lane_has_no_blocks(tmp_path: Path) -> None:
    """A lane without a query is a file without rows."""
    stored = store_rankings(tmp_path / "r.parquet", [])
    assert (stored.rows, list(stored.blocks()), list(stored.lists())) == (0, [], [])


def test_a_block_of_no_queries_is_refused(tmp_path: Path) -> None:
    """Reading in blocks of zero would never end."""
    stored = store_rankings(tmp_path / "r.parquet", [make_fetched(0, 3)])
    with pytest.raises(ValueError, match="1 query or more"):
        list(stored.lists(0))


def test_latencies_stream_once_per_query(tmp_path: Path) -> None:
    """A query counts once, however many results it has; one without a response does not."""
    stored = store_rankings(tmp_path / "r.parquet", [make_fetched(0, 70)], group_queries=16)
    arrays = list(stored.latency_ms())
    assert (len(arrays), {array.dtype for array in arrays}) == (5, {np.dtype(np.float32)})
    assert np.concatenate(arrays).tolist() == [12.5] * 60


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_torn_file_is_refused(tmp_path: Path, share: float) -> None:
    """A file cut anywhere is damaged, never shorter."""
    stored = store_rankings(tmp_path / "r.parquet", [make_fetched(0, 200)])
    stored.path.write_bytes(stored.path.read_bytes()[: int(stored.path.stat().st_size * share)])
    with pytest.raises(ArtifactError, match="rankings file is damaged") as caught:
        RankingsFile(stored.path)
    assert (
        caught.value.remedy == "Materialize that side's rankings again, or run that date again with `parity backfill`."
    )


@pytest.mark.parametrize("ordinals", [[1, 2], [0, 2], [0, 1, 0]])
def test_queries_out_of_order_are_refused(tmp_path: Path, ordinals: list[int]) -> None:
    """A query that is missing or split in the file is never taken for another one."""
    stored = store_rankings(tmp_path / "r.parquet", [fetched([make_ranking(n) for n in range(2)])])
    metadata = {METADATA_KEY: pq.read_metadata(stored.path).metadata[METADATA_KEY]}
    table = pq.read_table(stored.path).take([ordinal * 5 for ordinal in (0, 1, 0)][: len(ordinals)])
    table = table.set_column(0, table.schema.field("ordinal"), [ordinals]).replace_schema_metadata(metadata)
    pq.write_table(table, stored.path)
    with pytest.raises(ArtifactError, match="queries out of order from ordinal 0 on"):
        list(RankingsFile(stored.path).lists())


def _filled(folder: Path) -> Layout:
    layout = Layout(folder / "data", folder / "reports")
    for side in Side:
        reported = Reported.SCORE if side is Side.LEGACY else Reported.COSINE_DISTANCE
        for corpus in ("org/staff:1", "plain"):
            path = layout.rankings(side, DATE, corpus)
            store_rankings(path, [make_fetched(0, 9, side)], side=side, reported=reported, group_queries=4)
    return layout


ROWS = sum(max(1, len(make_ranking(n).ids)) for n in range(9))
COLUMNS = ["query_id", "side", "rank", "document_id", "score", "distance", "metadata_hash", "date", "corpus"]


def _rows(query: str) -> list[Any]:
    with duckdb.connect() as connection:
        return connection.execute(query).fetchall()


def test_duckdb_reads_the_folder(tmp_path: Path) -> None:
    """One query over the folder has side, date and corpus by their own names, and joins the sides by document."""
    _filled(tmp_path)
    files = f"read_parquet('{tmp_path}/data/retrieve/rankings/**/*.parquet', hive_partitioning = true)"
    counts = _rows(f"SELECT side, corpus, count(*), count(rank) FROM {files} GROUP BY ALL ORDER BY ALL")  # noqa: S608 - a path of this test
    hits = sum(len(make_ranking(n).ids) for n in range(9))
    assert counts == [
        (side, corpus, ROWS, hits) for side in ("candidate", "legacy") for corpus in ("org/staff:1", "plain")
    ]
    joined = f"""
        SELECT count(*) FROM {files} l JOIN {files} c USING (query_id, corpus, document_id)
        WHERE l.side = 'legacy' AND c.side = 'candidate' AND corpus = 'plain' AND l.metadata_hash > 9223372036854775807
    """  # noqa: S608 - a path of this test
    assert _rows(joined) == [(hits - 1,)]


def test_the_documented_query_finds_what_only_one_side_returned(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The SQL of docs/query-sets.md runs on the folder as it lies, and finds the documents that differ."""
    documented = (Path(__file__).parents[2] / "docs" / "query-sets.md").read_text("utf-8")
    [query] = re.findall(r"```sql\n(.*?)```", documented, re.DOTALL)
    _filled(tmp_path)
    monkeypatch.chdir(tmp_path)
    assert _rows(query) == [("d5-3", 2)]


def test_pandas_reads_the_folder(tmp_path: Path) -> None:
    """Pandas finds every column, the side once, and hashes to the last bit: a null among them would make them floats."""
    _filled(tmp_path)
    frame = pd.read_parquet(tmp_path / "data" / "retrieve" / "rankings")
    assert len(frame) == 4 * ROWS
    assert set(COLUMNS) <= set(frame.columns)
    assert sorted(frame["side"].astype(str).unique()) == ["candidate", "legacy"]
    assert 2**64 - 1 in frame["metadata_hash"].to_list()


def test_polars_reads_the_folder(tmp_path: Path) -> None:
    """Polars scans the folder, documents as strings."""
    _filled(tmp_path)
    frame = pl.scan_parquet(tmp_path / "data/retrieve/rankings/**/*.parquet", hive_partitioning=True).collect()
    assert set(COLUMNS) <= set(frame.columns)
    assert frame.filter(pl.col("document_id").cast(pl.String) == "d0-0").height == 4


def test_paired_lists_are_the_same_queries(tmp_path: Path) -> None:
    """The three are zipped by ordinal whatever their row groups."""
    queries = store_queries(tmp_path / "q.parquet", make_queries(100))
    sides = [
        store_rankings(tmp_path / f"{side}.parquet", [make_fetched(0, 100, side)], side=side, group_queries=size)
        for side, size in ((Side.LEGACY, 7), (Side.CANDIDATE, 64))
    ]
    blocks = list(paired_lists(queries, sides[0], sides[1], rows=32))
    assert [(block.start, len(left), len(right)) for block, left, right in blocks] == [
        (0, 32, 32),
        (32, 32, 32),
        (64, 32, 32),
        (96, 4, 4),
    ]
    assert all(
        [one.id for one in block.queries] == list(left.query_ids) == list(right.query_ids)
        for block, left, right in blocks
    )


@pytest.mark.parametrize("short", [0, 1, 32, 50, 99])
def test_a_short_side_ends_all_three_at_its_count(tmp_path: Path, short: int) -> None:
    """The queries seen do not add up to the set's, so the verdict cannot be PASS."""
    queries = store_queries(tmp_path / "q.parquet", make_queries(100))
    whole = store_rankings(tmp_path / "l.parquet", [make_fetched(0, 100)])
    part = store_rankings(tmp_path / "c.parquet", [make_fetched(0, short)])
    for sides in ((whole, part), (part, whole)):
        blocks = list(paired_lists(queries, *sides, rows=32))
        assert sum(len(block) for block, _, _ in blocks) == short
        assert all(len(block) == len(left) == len(right) for block, left, right in blocks)


@pytest.mark.parametrize(("count", "beyond"), [(95, 96), (96, 101), (96, 150), (1, 2)])
def test_a_side_with_queries_beyond_the_set_is_refused(tmp_path: Path, count: int, beyond: int) -> None:
    """Rankings of another set are never compared with this one's."""
    queries = store_queries(tmp_path / "q.parquet", make_queries(count))
    whole = store_rankings(tmp_path / "l.parquet", [make_fetched(0, queries.rows)])
    long = store_rankings(tmp_path / "c.parquet", [make_fetched(0, beyond)])
    for sides in ((whole, long), (long, whole)):
        with pytest.raises(ArtifactError, match="queries than the"):
            list(paired_lists(queries, *sides, rows=32))
