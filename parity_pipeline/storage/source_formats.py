"""Read the files that sample and query sources name (text, JSONL, CSV, Parquet), as one stream of records.

Here belongs what a format means: where a record ends, which line or row it is, which fields it has, and what makes a file
unusable. Which files a source means, and what becomes of a record, belong to `sources` and `query_sources`.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any, Final, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.storage.parquet_tables import first_line

SURROGATE_COLUMN: Final = "text_surrogatepass"
"""Binary column of a stored sample set: the exact text where it holds lone surrogates, else null."""

_BATCH_ROWS: Final = 1024
_MARK: Final = b"\xef\xbb\xbf"


class SourceRecord(NamedTuple):
    """One sample or query of a file.

    Attributes:
        line: Line it begins on, or row of a Parquet file, from 1.
        text: The text.
        category: Its category; None where the file says none.
        more: Those of `Fields.more` that the record has, as the format gives them: unchecked, and strings in CSV.
    """

    line: int
    text: str
    category: str | None
    more: Mapping[str, object] = MappingProxyType({})


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """Which fields of a record are read.

    Attributes:
        text: Name of the field or column that holds the text.
        more: Names of further ones, which a record may lack.
    """

    text: str = "text"
    more: tuple[str, ...] = ()


_SAMPLE: Final = Fields()


def read_text(path: Path, _: Fields = _SAMPLE) -> Iterator[SourceRecord]:
    r"""Yield one record per line. Lines end at `\n` or `\r\n` alone; the last newline does not begin a further one."""
    for number, line in _lines(path):
        text = line.removesuffix("\n")
        yield SourceRecord(number, text.removesuffix("\r") if len(text) < len(line) else text, None)


def read_jsonl(path: Path, fields: Fields = _SAMPLE) -> Iterator[SourceRecord]:
    r"""Yield one record per line: an object with `text` and perhaps `category`, or a string. Blank lines are passed over.

    A lone surrogate written as an escape (`"\ud800"`) is kept in the text.
    """
    for number, line in _lines(path):
        if not line.strip(" \t\r\n"):
            continue
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise source_fault(path, number, f"invalid JSON ({first_line(error)})", "Fix this line.") from error
        yield _json_record(path, number, value, fields)


def _json_record(path: Path, number: int, value: object, fields: Fields) -> SourceRecord:
    if isinstance(value, str):
        return SourceRecord(number, value, None)
    found = cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
    if fields.text not in found:
        raise _missing(path, number, list(found), fields)
    text, category = found[fields.text], found.get("category")
    if not isinstance(text, str) or not isinstance(category, str | None):
        problem = f"`{fields.text}` or `category` is not a string"
        raise source_fault(path, number, problem, "Write both as JSON strings.")
    return SourceRecord(number, text, category, _more(found, fields))


def _more(found: Mapping[str, object], fields: Fields) -> Mapping[str, object]:
    return {name: found[name] for name in fields.more if name in found}


def read_csv(path: Path, fields: Fields = _SAMPLE) -> Iterator[SourceRecord]:
    """Yield the records of a CSV file with a header. Blank lines are not records; write `""` for an empty text.

    A record with more or fewer fields than the header is refused: a comma without quotes would cut a text unseen.
    """
    # The standard reader refuses fields beyond 131,072 characters; a sample may be longer, and the limit is global.
    csv.field_size_limit(sys.maxsize)
    reader = csv.reader((line for _, line in _lines(path)), strict=True)
    header: list[str] | None = None
    begins = 1
    for row in _csv_rows(path, reader):
        if header is None:
            header = row
            _require_text(path, header, fields)
        elif row:
            if len(row) != len(header):
                problem = f"this record has {len(row)} fields, the header {len(header)}"
                raise source_fault(path, begins, problem, "Quote texts that hold commas or newlines.")
            found = dict(zip(header, row, strict=True))
            yield SourceRecord(begins, found[fields.text], found.get("category"), _more(found, fields))
        begins = reader.line_num + 1
    if header is None:
        raise _missing(path, 1, [], fields)


def _csv_rows(path: Path, reader: Any) -> Iterator[list[str]]:
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise source_fault(
                path, reader.line_num, f"invalid CSV ({first_line(error)})", "Fix its quotes."
            ) from error
        if row is None:
            return
        yield row


def read_parquet(path: Path, fields: Fields = _SAMPLE) -> Iterator[SourceRecord]:
    """Yield one record per row of a Parquet file with a string column `text` and perhaps `category`."""
    try:
        with pq.ParquetFile(str(path)) as file:
            names = file.schema_arrow.names
            _require_text(path, names, fields)
            _require_strings(path, file.schema_arrow, fields)
            columns = [name for name in (fields.text, "category", SURROGATE_COLUMN, *fields.more) if name in names]
            first = 1
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
                yield from _batch_records(path, first, batch, fields)
                first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise source_fault(
            path, 0, f"this is not a readable Parquet file ({first_line(error)})", "Write it again."
        ) from error


def _batch_records(path: Path, first: int, batch: Any, fields: Fields) -> Iterator[SourceRecord]:
    try:
        texts, categories, exact = (_values(batch, name) for name in (fields.text, "category", SURROGATE_COLUMN))
        more = {name: _values(batch, name) for name in fields.more if name in batch.schema.names}
    except UnicodeDecodeError as error:
        problem = f"invalid UTF-8 in one of {batch.num_rows} rows from this one on"
        raise source_fault(path, first, problem, "Write the texts as UTF-8.") from error
    for row, (text, category, raw) in enumerate(zip(texts, categories, exact, strict=True), start=first):
        if text is None:
            problem = f"`{fields.text}` is null"
            raise source_fault(path, row, problem, 'Write "" for an empty text, or drop that row.')
        given = {name: values[row - first] for name, values in more.items()}
        yield SourceRecord(row, raw.decode("utf-8", "surrogatepass") if raw is not None else text, category, given)


def _values(batch: Any, name: str) -> list[Any]:
    return batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows


def _require_strings(path: Path, schema: Any, fields: Fields) -> None:
    for name in (fields.text, "category"):
        kind = schema.field(name).type if name in schema.names else pa.string()
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            raise source_fault(
                path, 0, f"column `{name}` is of type {kind}, not a string", "Write it as a string column."
            )


def _require_text(path: Path, columns: Sequence[str], fields: Fields) -> None:
    if fields.text not in columns:
        raise _missing(path, 1, columns, fields)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, its newline included. A byte order mark at the start is not text."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, _text(path, number, line)
    except OSError as error:
        raise source_fault(
            path, 0, f"cannot read it: {error.strerror}", "Check the path and its permissions."
        ) from error


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return (line.removeprefix(_MARK) if number == 1 else line).decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"invalid UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line"
        raise source_fault(path, number, problem, "Convert the file to UTF-8.") from error


def _missing(path: Path, line: int, columns: Sequence[str], fields: Fields) -> SampleSourceError:
    there = ", ".join(repr(name) for name in columns) or "none"
    problem = f"there is no `{fields.text}`; there are: {there}"
    return source_fault(path, line, problem, f"Name the text `{fields.text}`.")


def source_fault(path: Path, line: int, problem: str, remedy: str) -> SampleSourceError:
    """Return the error for one line or row of a file, from 1; 0 for the whole file."""
    return SampleSourceError(problem, place=f"{path}:{line}" if line else str(path), remedy=remedy)


READERS: Final[Mapping[str, Callable[[Path, Fields], Iterator[SourceRecord]]]] = {
    "text": read_text,
    "jsonl": read_jsonl,
    "csv": read_csv,
    "parquet": read_parquet,
}

FORMAT_OF_SUFFIX: Final[Mapping[str, str]] = {
    ".txt": "text",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".csv": "csv",
    ".parquet": "parquet",
}
