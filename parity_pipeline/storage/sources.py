"""Read the sample sources that settings name (text, JSONL, CSV, Parquet), as one stream of samples.

Here belong which files a source means for a date, their order, the draw from them, and what a format means: where a sample
ends, which line or row it is, and what makes a file unusable. The built-in hazard texts belong to `core.hazards`.
"""

import csv
import json
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pyarrow as pa
import pyarrow.parquet as pq

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.hazards.corpus import CORPUS_VERSION, hazard_samples
from parity_pipeline.core.samples import DrawCounts, Sample, draw
from parity_pipeline.storage.parquet_tables import first_line

SURROGATE_COLUMN: Final = "text_surrogatepass"
"""Binary column of a stored sample set: the exact text where it holds lone surrogates, else null."""

_BATCH_ROWS: Final = 1024
_MARK: Final = b"\xef\xbb\xbf"


class SourceRecord(NamedTuple):
    """One sample of a file.

    Attributes:
        line: Line it begins on, or row of a Parquet file, from 1.
        text: The text.
        category: Its category; None where the file says none.
    """

    line: int
    text: str
    category: str | None


def read_text(path: Path) -> Iterator[SourceRecord]:
    r"""Yield one sample per line. Lines end at `\n` or `\r\n` alone; the last newline does not begin a further sample."""
    for number, line in _lines(path):
        text = line.removesuffix("\n")
        yield SourceRecord(number, text.removesuffix("\r") if len(text) < len(line) else text, None)


def read_jsonl(path: Path) -> Iterator[SourceRecord]:
    r"""Yield one sample per line: an object with `text` and perhaps `category`, or a string. Blank lines are passed over.

    A lone surrogate written as an escape (`"\ud800"`) is kept in the text.
    """
    for number, line in _lines(path):
        if not line.strip(" \t\r\n"):
            continue
        try:
            value: object = json.loads(line)
        except (ValueError, RecursionError) as error:
            raise _fault(path, number, f"invalid JSON ({first_line(error)})", "Fix this line.") from error
        yield _json_record(path, number, value)


def _json_record(path: Path, number: int, value: object) -> SourceRecord:
    if isinstance(value, str):
        return SourceRecord(number, value, None)
    fields = cast("Mapping[str, object]", value) if isinstance(value, dict) else {}
    if "text" not in fields:
        raise _missing(path, number, list(fields))
    text, category = fields["text"], fields.get("category")
    if not isinstance(text, str) or not isinstance(category, str | None):
        raise _fault(path, number, "`text` or `category` is not a string", "Write both as JSON strings.")
    return SourceRecord(number, text, category)


def read_csv(path: Path) -> Iterator[SourceRecord]:
    """Yield one sample per record of a CSV file with a header. Blank lines are not records; write `""` for an empty text.

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
            _require_text(path, header)
        elif row:
            if len(row) != len(header):
                problem = f"this record has {len(row)} fields, the header {len(header)}"
                raise _fault(path, begins, problem, "Quote texts that hold commas or newlines.")
            fields = dict(zip(header, row, strict=True))
            yield SourceRecord(begins, fields["text"], fields.get("category"))
        begins = reader.line_num + 1
    if header is None:
        raise _missing(path, 1, [])


def _csv_rows(path: Path, reader: Any) -> Iterator[list[str]]:
    while True:
        try:
            row = next(reader, None)
        except csv.Error as error:
            raise _fault(path, reader.line_num, f"invalid CSV ({first_line(error)})", "Fix its quotes.") from error
        if row is None:
            return
        yield row


def read_parquet(path: Path) -> Iterator[SourceRecord]:
    """Yield one sample per row of a Parquet file with a string column `text` and perhaps `category`."""
    try:
        with pq.ParquetFile(str(path)) as file:
            names = file.schema_arrow.names
            _require_text(path, names)
            _require_strings(path, file.schema_arrow)
            columns = [name for name in ("text", "category", SURROGATE_COLUMN) if name in names]
            first = 1
            for batch in file.iter_batches(batch_size=_BATCH_ROWS, columns=columns, use_threads=False):
                yield from _batch_records(path, first, batch)
                first += batch.num_rows
    except (OSError, pa.ArrowException) as error:
        raise _fault(
            path, 0, f"this is not a readable Parquet file ({first_line(error)})", "Write it again."
        ) from error


def _batch_records(path: Path, first: int, batch: Any) -> Iterator[SourceRecord]:
    try:
        texts, categories, exact = (_values(batch, name) for name in ("text", "category", SURROGATE_COLUMN))
    except UnicodeDecodeError as error:
        problem = f"invalid UTF-8 in one of {batch.num_rows} rows from this one on"
        raise _fault(path, first, problem, "Write the texts as UTF-8.") from error
    for row, (text, category, raw) in enumerate(zip(texts, categories, exact, strict=True), start=first):
        if text is None:
            raise _fault(path, row, "`text` is null", 'Write "" for an empty text, or drop that row.')
        yield SourceRecord(row, raw.decode("utf-8", "surrogatepass") if raw is not None else text, category)


def _values(batch: Any, name: str) -> list[Any]:
    return batch.column(name).to_pylist() if name in batch.schema.names else [None] * batch.num_rows


def _require_strings(path: Path, schema: Any) -> None:
    for name in ("text", "category"):
        kind = schema.field(name).type if name in schema.names else pa.string()
        kind = kind.value_type if pa.types.is_dictionary(kind) else kind
        if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
            raise _fault(path, 0, f"column `{name}` is of type {kind}, not a string", "Write it as a string column.")


def _require_text(path: Path, columns: Sequence[str]) -> None:
    if "text" not in columns:
        raise _missing(path, 1, columns)


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield number and text of each line, its newline included. A byte order mark at the start is not text."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                yield number, _text(path, number, line)
    except OSError as error:
        raise _fault(path, 0, f"cannot read it: {error.strerror}", "Check the path and its permissions.") from error


def _text(path: Path, number: int, line: bytes) -> str:
    try:
        return (line.removeprefix(_MARK) if number == 1 else line).decode("utf-8")
    except UnicodeDecodeError as error:
        problem = f"invalid UTF-8: byte 0x{line[error.start]:02x} at position {error.start + 1} of the line"
        raise _fault(path, number, problem, "Convert the file to UTF-8.") from error


def _missing(path: Path, line: int, columns: Sequence[str]) -> SampleSourceError:
    there = ", ".join(repr(name) for name in columns) or "none"
    return _fault(path, line, f"there is no `text`; there are: {there}", "Name the text `text`.")


def _fault(path: Path, line: int, problem: str, remedy: str) -> SampleSourceError:
    return SampleSourceError(problem, place=f"{path}:{line}" if line else str(path), remedy=remedy)


READERS: Final[Mapping[str, Callable[[Path], Iterator[SourceRecord]]]] = {
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


@dataclass(frozen=True, kw_only=True)
class SourceSpec:
    """One sample source: a path or hazard sets, exactly one of them.

    Attributes:
        path: A file, or a folder of which all files are read, sorted by path; names that begin with `.` or `_` are
            passed over.
        category: Category of samples whose file names none; "" for the file's stem, or, where `per_date`, the name of
            the folder `path`.
        format: `text`, `jsonl`, `csv` or `parquet`; None to go by the suffix.
        per_date: `path` holds folders `date=YYYY-MM-DD`, and only that date's is read.
        sample: How many samples to draw at random, duplicates not yet dropped; None for all. The same seed, date and
            files draw the same samples. Only samples of such a draw let a verdict speak for inputs it has not seen, and
            then for inputs of this source; a text that another source holds too counts as drawn all the same.
        seed: Seed of the draw, beside the date.
        required: Whether a per-date source without a folder for the date is an error; else it gives nothing and
            `absent_sources` names it.
        hazards: Names of built-in hazard sets, `core.hazards.corpus.SETS` or `all`, in place of a path. Their salted
            texts go by the date; the other attributes do not matter.
    """

    path: Path | None = None
    category: str = ""
    format: str | None = None
    per_date: bool = False
    sample: int | None = None
    seed: int = 0
    required: bool = True
    hazards: Sequence[str] = ()

    @property
    def name(self) -> str:
        """Return what a reader knows the source by: the file's or folder's name, or `hazards:` and the version."""
        return f"hazards:{CORPUS_VERSION}" if self.path is None else self.path.name


def read_sources(specs: Sequence[SourceSpec], date: str) -> Iterator[Sample]:
    """Yield the samples of all sources in order, duplicates included, as a stream; only random draws are held.

    A sample's source is `file:line`, the file as seen from the folder that holds the source's path, or that of
    `core.hazards.corpus.hazard_samples`.

    Args:
        specs: The sources.
        date: Partition date, YYYY-MM-DD.

    Raises:
        SampleSourceError: A source is missing, empty of files, or unreadable; names file and line. Or a hazard set is
            unknown, or a source has neither or both of path and hazards.
    """
    # All draws come first: a text counts as drawn wherever it stands, also in an earlier list that someone picked.
    counts, drawn = DrawCounts(), dict[int, list[Sample]]()
    for place, spec in enumerate(specs):
        if spec.sample is not None and not spec.hazards:
            drawn[place] = draw(_read_one(spec, date), spec.sample, f"{spec.seed}:{date}")
            counts.add(drawn[place])
    before = 0
    for place, spec in enumerate(specs):
        samples = drawn.pop(place) if place in drawn else _read_whole(spec, date, before)
        for sample in counts.mark(samples):
            yield sample
            before += 1


def _read_whole(spec: SourceSpec, date: str, before: int) -> Iterable[Sample]:
    """Read all that a source without a draw gives for a date, behind so many samples of other sources."""
    if spec.hazards and spec.path is None:
        return hazard_samples(spec.hazards, salt=date, before=before)
    return _read_one(spec, date)


def absent_sources(specs: Sequence[SourceSpec], date: str) -> list[str]:
    """Return the folders of the per-date sources that have none for this date, as `name/date=YYYY-MM-DD`."""
    return [_label(spec, _base(spec, date)) for spec in specs if spec.per_date and not _base(spec, date).is_dir()]


def _path(spec: SourceSpec) -> Path:
    if spec.path is None or spec.hazards:
        problem = "a sample source needs a path or hazards, and not both"
        raise SampleSourceError(problem, place="samples", remedy="Fix it in parity.yaml.")
    return spec.path


def _base(spec: SourceSpec, date: str) -> Path:
    path = _path(spec)
    return path / f"date={date}" if spec.per_date else path


def _label(spec: SourceSpec, path: Path) -> str:
    """Return a path as seen from the folder that holds the source: the same on every machine."""
    root = _path(spec)
    return (Path(root.resolve().name) / path.relative_to(root)).as_posix()


def _read_one(spec: SourceSpec, date: str) -> Iterator[Sample]:
    for path in _files(spec, date):
        label = _label(spec, path)
        category = spec.category or (_path(spec).resolve().name if spec.per_date else path.stem)
        for line, text, own in READERS[_format(spec, path)](path):
            yield Sample(text=text, category=own or category, source=f"{label}:{line}")


def _files(spec: SourceSpec, date: str) -> list[Path]:
    base = _base(spec, date)
    if spec.per_date and not base.is_dir():
        if not spec.required:
            return []
        remedy = "Put that date's files there, or set `required: false` for this source."
        raise SampleSourceError(f"there is no folder for {date}", place=str(base), remedy=remedy)
    if base.is_file():
        return [base]
    if not base.is_dir():
        raise SampleSourceError("there is no such sample file", place=str(base), remedy="Fix the path in parity.yaml.")
    found = [path for path in base.rglob("*") if path.is_file() and not _hidden(path.relative_to(base))]
    if not found:
        raise SampleSourceError("this folder holds no file", place=str(base), remedy="Put sample files there.")
    return sorted(found, key=lambda path: path.relative_to(base).as_posix())


def _hidden(path: Path) -> bool:
    return any(part.startswith((".", "_")) for part in path.parts)


def _format(spec: SourceSpec, path: Path) -> str:
    name = spec.format if spec.format is not None else FORMAT_OF_SUFFIX.get(path.suffix.lower())
    if name is None or name not in READERS:
        problem = f"format {name!r} is unknown" if name else f"the suffix {path.suffix!r} names no format"
        remedy = f"Set `format` to one of {', '.join(READERS)}, or move the file out of the source."
        raise SampleSourceError(problem, place=str(path), remedy=remedy)
    return name
