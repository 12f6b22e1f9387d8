from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.parquet_tables import METADATA_KEY, StoredTable, TableKind, TableWriter

SCHEMA = pa.schema([pa.field("ordinal", pa.int64(), nullable=False), pa.field("word", pa.string())])


@dataclass(frozen=True, slots=True, kw_only=True)
class Header:
    """The header of the files of these tests."""

    words: tuple[str | None, ...] = ("a", None, "\ud800")
    count: int = 1


KIND = TableKind(name="thing", version=3, header=Header, schema=SCHEMA, remedy="Materialize thing again.")


def _kind(**changes: Any) -> TableKind[Header]:
    values: dict[str, Any] = {"name": "thing", "version": 3, "schema": SCHEMA, "header": Header, "remedy": KIND.remedy}
    return TableKind(**{**values, **changes})


def _batch(start: int, count: int) -> Any:
    return pa.RecordBatch.from_arrays([list(range(start, start + count)), ["w" * 40] * count], schema=SCHEMA)


def _write(path: Path, kind: TableKind[Header] = KIND, rows: int = 100, header: Header | None = None) -> Path:
    with TableWriter(path, kind, 30) as writer:
        writer.add_batch(pa.RecordBatch.from_arrays(list(_batch(0, rows).columns), schema=kind.schema))
        writer.finish(header or Header())
    return path


def test_the_header_and_the_rows_come_back(tmp_path: Path) -> None:
    """The header is JSON in the metadata, lone surrogates included."""
    table = StoredTable(_write(tmp_path / "a.parquet"), KIND)
    assert (table.header, table.rows) == (Header(), 100)
    assert [group.num_rows for group in table.groups()] == [30, 30, 30, 10]
    assert [start for start, _ in table.table_blocks(40, stop=90)] == [0, 40, 80]
    assert [block.num_rows for _, block in table.table_blocks(40, stop=90)] == [40, 40, 10]


def test_leaving_without_finish_leaves_no_file(tmp_path: Path) -> None:
    """An exception or a forgotten finish never leaves something that looks like a result."""
    path = tmp_path / "a.parquet"
    with TableWriter(path, KIND, 10) as writer:
        writer.add_batch(_batch(0, 25))
        assert path.exists()
    assert not path.exists()


@pytest.mark.parametrize(
    ("kind", "says"),
    [
        (_kind(version=2), "schema version 2, this parity_pipeline reads 3"),
        (_kind(schema=pa.schema([("ordinal", pa.int64()), ("term", pa.string())])), "schema version"),
        (_kind(name="other"), "not written by parity_pipeline as such a file"),
    ],
)
def test_another_schema_or_kind_is_refused(tmp_path: Path, kind: TableKind[Header], says: str) -> None:
    """A file of another version is never read as if it were of this one."""
    _write(tmp_path / "a.parquet", kind)
    with pytest.raises(ArtifactError, match=says) as caught:
        StoredTable(tmp_path / "a.parquet", KIND)
    assert (caught.value.place, caught.value.remedy) == (str(tmp_path / "a.parquet"), KIND.remedy)


@pytest.mark.parametrize("metadata", [None, b"", b"{", b"[]", b'{"kind": "thing"}', b"\xff"])
def test_a_foreign_parquet_file_is_refused(tmp_path: Path, metadata: bytes | None) -> None:
    """A Parquet file of somebody else is not taken for ours."""
    schema = SCHEMA if metadata is None else SCHEMA.with_metadata({METADATA_KEY: metadata})
    pq.write_table(_batch(0, 3).cast(schema).schema.empty_table(), tmp_path / "a.parquet")
    with pytest.raises(ArtifactError, match="not written by parity_pipeline"):
        StoredTable(tmp_path / "a.parquet", KIND)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    """Missing differs from damaged."""
    with pytest.raises(ArtifactError, match="is not there"):
        StoredTable(tmp_path / "a.parquet", KIND)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.9, 0.999])
def test_a_truncated_file_is_refused(tmp_path: Path, share: float) -> None:
    """A file cut anywhere is damaged, never shorter."""
    path = tmp_path / "a.parquet"
    _write(path)
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ArtifactError, match="damaged or not a Parquet"):
        StoredTable(path, KIND)


def test_a_flipped_byte_is_seen(tmp_path: Path) -> None:
    """Pages carry checksums: bit rot in the rows is damage, not another vector."""
    path = tmp_path / "a.parquet"
    table = StoredTable(_write(path, rows=3000), KIND)
    content = bytearray(path.read_bytes())
    chunk = pq.read_metadata(path).row_group(0).column(0)
    content[chunk.dictionary_page_offset + chunk.total_compressed_size - 3] ^= 0x55
    path.write_bytes(content)
    with pytest.raises(ArtifactError, match="damaged in row group 0"):
        list(table.groups())


def test_a_file_replaced_after_its_header_was_read_is_refused(tmp_path: Path) -> None:
    """The header of one file is never judged with the rows of another."""
    path = tmp_path / "a.parquet"
    table = StoredTable(_write(path), KIND)
    assert table.rows == 100
    _write(path, header=Header(count=2))
    with pytest.raises(ArtifactError, match="was replaced"):
        list(table.groups())


def test_rows_out_of_order_are_refused(tmp_path: Path) -> None:
    """The ordinals in the file have to be the positions of its rows."""
    with TableWriter(tmp_path / "a.parquet", KIND, 30) as writer:
        writer.add_batch(_batch(5, 10))
        writer.finish(Header())
    with pytest.raises(ArtifactError, match="out of order"):
        list(StoredTable(tmp_path / "a.parquet", KIND).table_blocks(4))


def test_a_full_disk_is_an_artifact_error_without_a_file(tmp_path: Path) -> None:
    """A disk that fills up midway ends in an error with the remedy, and no half file stays."""
    import resource

    path = tmp_path / "a.parquet"
    words = pa.array([f"{number:064x}" for number in range(40_000)])
    batch = pa.RecordBatch.from_arrays([pa.array(range(40_000)), words], schema=SCHEMA)
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (5000, hard))
    try:
        with TableWriter(path, KIND, 1000) as writer, pytest.raises(ArtifactError, match="cannot write") as caught:
            writer.add_batch(batch)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert caught.value.remedy
    assert not path.exists()


def test_a_file_of_an_older_version_is_read(tmp_path: Path) -> None:
    """A version that is still read has its header brought up to date; one that is not is refused."""
    _write(tmp_path / "a.parquet", _kind(version=2))

    def counted_on(header: dict[str, Any]) -> dict[str, Any]:
        return {**header, "count": header["count"] + 1}

    upgraded = _kind(older={2: counted_on})
    table = StoredTable(tmp_path / "a.parquet", upgraded)
    assert (table.header, table.version) == (Header(count=2), 2)
    _write(tmp_path / "b.parquet", _kind(version=1))
    with pytest.raises(ArtifactError, match="schema version 1, this parity_pipeline reads 2 and 3"):
        StoredTable(tmp_path / "b.parquet", upgraded)
