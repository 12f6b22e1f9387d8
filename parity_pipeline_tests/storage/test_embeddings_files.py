from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter, paired_blocks
from parity_pipeline_tests.storage.records import (
    as_plain,
    make_provenance,
    make_rows,
    make_samples,
    store_rows,
    store_samples,
)


def _cut(sizes: list[int]) -> list[FetchedRows]:
    starts = np.cumsum([0, *sizes])
    return [make_rows(int(start), size) for start, size in zip(starts, sizes, strict=False)]


def test_every_column_comes_back(tmp_path: Path) -> None:
    """Vectors bit for bit, NaN and infinity too, and each status with what was said."""
    bits = np.array([0x7FC00001, 0xFF800000, 0x80000000, 0x3F800001, 1], np.uint32).view(np.float32)
    rows = FetchedRows(
        start=0,
        ids=["a", "b", "c", "d"],
        values=bits,
        offsets=np.array([0, 3, 3, 3, 5], np.int32),
        status=[RowStatus.OK, RowStatus.FAILED, RowStatus.MALFORMED, RowStatus.OK],
        http_status=[200, None, 200, 200],
        errors=[None, "timeout", "r\u00e9sum\u00e9", None],
        request_ids=["r1", None, "r2", "r3"],
        latency_ms=[1.5, None, 2.25, 0.0],
    )
    [found] = store_rows(tmp_path / "e.parquet", [rows]).blocks(10)
    assert as_plain(found) == as_plain(rows)
    column = pq.read_table(tmp_path / "e.parquet").column("vector")
    assert column.is_null().to_pylist() == [False, True, True, False]


def test_a_server_s_lone_surrogate_does_not_end_the_lane(tmp_path: Path) -> None:
    """An error text without UTF-8 is spelled out."""
    block = SampleBlock(0, ["a"], ["t"], ["c"])
    rows = FetchedRows.without_vectors(block, RowStatus.REFUSED, "bad \ud800", http_status=400)
    [found] = store_rows(tmp_path / "e.parquet", [rows]).blocks()
    assert found.errors == ["bad \\ud800"]


@settings(max_examples=40, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 40), min_size=1, max_size=12),
    group=st.integers(1, 50),
    rows=st.integers(1, 120),
)
def test_blocks_have_the_requested_size_whatever_was_added(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], group: int, rows: int
) -> None:
    """Neither the blocks added nor the row groups show in what is read."""
    stored = store_rows(tmp_path_factory.mktemp("e") / "e.parquet", _cut(sizes), group)
    total = sum(sizes)
    found = list(stored.blocks(rows=rows))
    assert [block.start for block in found] == list(range(0, total, rows))
    assert [as_plain(block) for block in found] == [
        as_plain(make_rows(start, min(rows, total - start))) for start in range(0, total, rows)
    ]
    groups = pq.read_metadata(stored.path)
    assert [groups.row_group(at).num_rows for at in range(groups.num_row_groups)] == [
        min(group, total - start) for start in range(0, total, group)
    ]


def test_two_runs_with_the_same_rows_write_the_same_bytes(tmp_path: Path) -> None:
    """The file depends on the rows, not on how requests were cut; vectors wide enough to fill several pages."""
    first = store_rows(tmp_path / "a.parquet", [make_rows(0, 2100, 768)], 2048)
    second = store_rows(
        tmp_path / "b.parquet", [make_rows(at, min(32, 2100 - at), 768) for at in range(0, 2100, 32)], 2048
    )
    assert first.rows == second.rows == 2100
    assert first.path.read_bytes() == second.path.read_bytes()


@pytest.mark.parametrize("start", [0, 4, 6])
def test_a_gap_or_an_overlap_is_refused(tmp_path: Path, start: int) -> None:
    """Rows are never shifted in silence, and nothing is left behind."""
    with EmbeddingsWriter(tmp_path / "draft") as writer:
        writer.add(make_rows(0, 5))
        with pytest.raises(ArtifactError, match=f"from ordinal {start} on were given where 5 comes next"):
            writer.add(make_rows(start, 5))
    assert not (tmp_path / "draft").exists()


def test_the_provenance_comes_back(tmp_path: Path) -> None:
    """The footer written at the end holds the whole record, wire observation included."""
    path = tmp_path / "e.parquet"
    echoed = {"": 1, "m\ud800🦀": 2}
    provenance = make_provenance(Side.CANDIDATE, 3, models_echoed=echoed, doubts=("a doubt",))
    with EmbeddingsWriter(path) as writer:
        writer.add(make_rows(0, 3))
        writer.finish(provenance)
    assert EmbeddingsFile(path).header == provenance


def test_vectors_have_no_dictionary_and_no_statistics(tmp_path: Path) -> None:
    """Vector columns write three times faster without both; the other columns have them."""
    path = store_rows(tmp_path / "e.parquet", [make_rows(0, 20)]).path
    group = pq.read_metadata(path).row_group(0)
    columns = {group.column(at).path_in_schema: group.column(at) for at in range(group.num_columns)}
    vector = columns["vector.list.element"]
    assert (vector.has_dictionary_page, vector.is_stats_set) == (False, False)
    assert columns["status"].has_dictionary_page
    assert columns["ordinal"].is_stats_set


def test_latencies_stream_without_the_rows_that_have_none(tmp_path: Path) -> None:
    """Rows without a response have no latency, and none is made up."""
    stored = store_rows(tmp_path / "e.parquet", [make_rows(0, 70)], 16)
    arrays = list(stored.latency_ms())
    assert len(arrays) == 5
    assert all(array.dtype == np.float32 for array in arrays)
    assert np.concatenate(arrays).tolist() == [12.5] * 60


def test_paired_blocks_are_the_same_samples(tmp_path: Path) -> None:
    """The three are zipped by ordinal whatever their row groups."""
    samples = store_samples(tmp_path / "s.parquet", make_samples(100))
    legacy = store_rows(tmp_path / "l.parquet", [make_rows(0, 100)], 7)
    candidate = store_rows(tmp_path / "c.parquet", [make_rows(0, 100)], 64)
    blocks = list(paired_blocks(samples, legacy, candidate, rows=32))
    assert [(left.start, len(left), len(right)) for _, left, right in blocks] == [
        (0, 32, 32),
        (32, 32, 32),
        (64, 32, 32),
        (96, 4, 4),
    ]
    assert all(list(block.ids) == list(left.ids) == list(right.ids) for block, left, right in blocks)


@pytest.mark.parametrize("short", [0, 1, 32, 50, 99])
def test_a_short_side_ends_all_three_at_its_count(tmp_path: Path, short: int) -> None:
    """The samples seen do not add up to the set's, so the verdict cannot be PASS."""
    samples = store_samples(tmp_path / "s.parquet", make_samples(100))
    legacy = store_rows(tmp_path / "l.parquet", [make_rows(0, 100)])
    candidate = store_rows(tmp_path / "c.parquet", [make_rows(0, short)])
    blocks = list(paired_blocks(samples, legacy, candidate, rows=32))
    assert [sum(len(block[at]) for block in blocks) for at in range(3)] == [short] * 3
    assert samples.header.samples == 100


def test_rows_beyond_the_set_are_refused(tmp_path: Path) -> None:
    """More rows than samples is damage, not a longer pass."""
    samples = store_samples(tmp_path / "s.parquet", make_samples(10))
    legacy = store_rows(tmp_path / "l.parquet", [make_rows(0, 10)])
    candidate = store_rows(tmp_path / "c.parquet", [make_rows(0, 11)])
    with pytest.raises(ArtifactError, match="11 rows for a set of 10"):
        list(paired_blocks(samples, legacy, candidate))
