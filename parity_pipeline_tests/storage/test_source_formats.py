from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.storage.source_formats import SourceRecord, read_csv, read_jsonl, read_parquet, read_text


def _file(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.write_bytes(content)
    return path


def test_text_lines_are_kept_as_they_are(tmp_path: Path) -> None:
    """Only newlines separate; empty lines, blanks, U+2028, lone CR and long lines are samples."""
    long = "x" * 300_000
    content = f"a\r\n\n  b \u2028\x0b\x85c\rd\n{long}\n".encode()
    texts = [record.text for record in read_text(_file(tmp_path, "a.txt", content))]
    assert texts == ["a", "", "  b \u2028\x0b\x85c\rd", long]


def test_a_last_line_without_newline_counts(tmp_path: Path) -> None:
    """The final newline does not begin a further sample, and its absence loses none."""
    assert list(read_text(_file(tmp_path, "a.txt", b"\xef\xbb\xbfa\nb"))) == [
        SourceRecord(1, "a", None),
        SourceRecord(2, "b", None),
    ]
    assert list(read_text(_file(tmp_path, "b.txt", b""))) == []
    assert list(read_text(_file(tmp_path, "c.txt", b"\n"))) == [SourceRecord(1, "", None)]


@pytest.mark.parametrize(("name", "reader"), [("a.txt", read_text), ("a.jsonl", read_jsonl), ("a.csv", read_csv)])
def test_invalid_utf8_names_file_and_line(tmp_path: Path, name: str, reader: object) -> None:
    """A person finds the bad byte without a hex editor."""
    path = _file(tmp_path, name, b'"text"\n"ok"\n"b\xff"\n')
    with pytest.raises(SampleSourceError, match=r"byte 0xff at position 3") as caught:
        list(reader(path))  # type: ignore[operator]
    assert caught.value.place == f"{path}:3"


def test_jsonl_takes_objects_and_strings(tmp_path: Path) -> None:
    """Objects with text and category, bare strings, lone surrogates; blank lines are not samples."""
    content = b'{"text": "a", "category": "c", "more": 1}\n"b"\n\n{"text": "\\ud800", "category": null}\r\n'
    assert list(read_jsonl(_file(tmp_path, "a.jsonl", content))) == [
        SourceRecord(1, "a", "c"),
        SourceRecord(2, "b", None),
        SourceRecord(4, "\ud800", None),
    ]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (b"{", "invalid JSON"),
        (b"[" * 100_000, "invalid JSON"),
        (b"1" * 5000, "invalid JSON"),
        (b'{"txt": "a", "b\\n": 1}', r"there are: 'txt', 'b\\n'"),
        (b'["a"]', "there are: none"),
        (b'{"text": 1}', "not a string"),
        (b'{"text": "a", "category": 1}', "not a string"),
    ],
)
def test_a_bad_jsonl_line_names_file_and_line(tmp_path: Path, line: bytes, says: str) -> None:
    """Each way a line can be wrong is an error with its place."""
    path = _file(tmp_path, "a.jsonl", b'"ok"\n' + line + b"\n")
    with pytest.raises(SampleSourceError, match=says) as caught:
        list(read_jsonl(path))
    assert caught.value.place == f"{path}:2"
    assert caught.value.remedy


def test_csv_reads_quoted_newlines_and_long_fields(tmp_path: Path) -> None:
    """Records begin on the line they begin on, and no field is too long."""
    long = "y" * 200_000
    content = f'\ufefftext,category\r\n"a,\nb",c\r\n\r\n{long},\r\n"",d\r\n'.encode()
    assert list(read_csv(_file(tmp_path, "a.csv", content))) == [
        SourceRecord(2, "a,\nb", "c"),
        SourceRecord(5, long, ""),
        SourceRecord(6, "", "d"),
    ]


@pytest.mark.parametrize(
    ("content", "place", "says"),
    [
        (b"id,txt\n1,a\n", 1, "there are: 'id', 'txt'"),
        (b"", 1, "there are: none"),
        (b"text,n\nNeed 5, in Aurora,1\n", 2, "3 fields, the header 2"),
        (b'text\n"open\n', 2, "invalid CSV"),
    ],
)
def test_a_bad_csv_names_file_and_line(tmp_path: Path, content: bytes, place: int, says: str) -> None:
    """A missing column, a text cut by a comma and an open quote are errors, never shorter samples."""
    path = _file(tmp_path, "a.csv", content)
    with pytest.raises(SampleSourceError, match=says) as caught:
        list(read_csv(path))
    assert caught.value.place == f"{path}:{place}"


@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_parquet_string_columns_of_all_kinds_are_read(tmp_path: Path, kind: Any) -> None:
    """Row numbers run on over row groups, and a null category is none."""
    table = pa.table({"text": pa.array(["a", "", "c"]).cast(kind), "category": ["x", None, "z"], "n": [1, 2, 3]})
    pq.write_table(table, tmp_path / "a.parquet", row_group_size=2)
    assert list(read_parquet(tmp_path / "a.parquet")) == [
        SourceRecord(1, "a", "x"),
        SourceRecord(2, "", None),
        SourceRecord(3, "c", "z"),
    ]


@pytest.mark.parametrize(
    ("table", "says"),
    [
        (pa.table({"txt": ["a"]}), "there are: 'txt'"),
        (pa.table({"text": [1]}), "of type int64"),
        (pa.table({"text": ["a", None]}), "null"),
        (pa.table({"text": pa.array([b"a\xff"]).view(pa.string())}), "invalid UTF-8"),
    ],
)
def test_a_bad_parquet_source_says_why(tmp_path: Path, table: Any, says: str) -> None:
    """Columns that exist are named, nulls and invalid UTF-8 are errors."""
    pq.write_table(table, tmp_path / "a.parquet")
    with pytest.raises(SampleSourceError, match=says):
        list(read_parquet(tmp_path / "a.parquet"))


def test_a_file_that_is_not_parquet_is_named(tmp_path: Path) -> None:
    """A wrong suffix ends in an error of the product."""
    with pytest.raises(SampleSourceError, match="not a readable Parquet"):
        list(read_parquet(_file(tmp_path, "a.parquet", b"text")))
