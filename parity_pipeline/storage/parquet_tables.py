"""Parquet files of one kind: written in row groups of a fixed size, opened only if they are whole and of this version.

Here belong what sample sets, embeddings and compared rows share: the header in the file's key-value metadata, cutting
rows again into groups or blocks, and the words for a file that is missing, damaged, foreign or of another schema. Which
columns there are belongs to the module of its kind.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Generic, Self, TypeAlias, TypeVar, cast

import pyarrow as pa
import pyarrow.parquet as pq

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.atomic import discard, write_errors
from parity_pipeline.storage.json_records import Json, RecordKind, json_text

# pyarrow is compiled and ships no types; these names say what is meant.
Array: TypeAlias = Any
Batch: TypeAlias = Any
Schema: TypeAlias = Any
Table: TypeAlias = Any

METADATA_KEY: Final = b"parity_pipeline"

Header = TypeVar("Header")


@dataclass(frozen=True, slots=True, kw_only=True)
class TableKind(Generic[Header]):
    """What all files of one kind have in common.

    Attributes:
        name: Stored in each file and compared on opening.
        version: Raised when a reader of the old form would misread the new one.
        header: The record in the file's metadata.
        older: Earlier versions whose files are still read, each with what turns its header into one of this version.
        schema: The columns.
        remedy: What a person does when such a file is missing or unusable.
        dense: Columns stored without dictionary, statistics and compression: vectors gain nothing from them and write
            three times faster without.
    """

    name: str
    version: int
    schema: Schema
    header: type[Header]
    remedy: str
    dense: Sequence[str] = ()
    older: Mapping[int, Callable[[Json], Json]] = field(default_factory=dict[int, Callable[[Json], Json]])

    def column_paths(self) -> dict[str, bool]:
        """Return the Parquet path of each column and whether it is dense."""
        return {
            f"{one.name}.list.element" if pa.types.is_list(one.type) else one.name: one.name in self.dense
            for one in self.schema
        }


def package_version() -> str:
    """Return the version of parity_pipeline that runs."""
    return version("parity_pipeline")


def utf8(values: Sequence[str | None]) -> Array:
    r"""Return a string column; lone surrogates, which have no UTF-8, become `\udxxx`."""
    try:
        return pa.array(values, pa.string())
    except UnicodeEncodeError:
        return pa.array([None if value is None else printable(value) for value in values], pa.string())


def printable(text: str) -> str:
    r"""Return the text with lone surrogates spelled out as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode()


class TableWriter(Generic[Header]):
    """Write one file at a draft path. A context manager: leaving it without `finish` removes the file.

    Row groups hold exactly `rows_per_group` rows whatever the sizes of the batches added, so the bytes of a file depend
    on its rows alone. At most one row group and one batch are held in memory.
    """

    def __init__(self, temporary: Path, kind: TableKind[Header], rows_per_group: int) -> None:
        """Open the file.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        self.rows = 0
        self._temporary, self._kind, self._rows_per_group = temporary, kind, rows_per_group
        self._pending: list[Batch] = []
        self._held = 0
        self._finished = False
        paths = kind.column_paths()
        options: dict[str, Any] = {
            "use_dictionary": [path for path, dense in paths.items() if not dense],
            "write_statistics": [path for path, dense in paths.items() if not dense],
            "compression": {path: "NONE" if dense else "ZSTD" for path, dense in paths.items()},
            "write_page_checksum": True,
        }
        with write_errors(temporary):
            self._writer = pq.ParquetWriter(str(temporary), kind.schema, **options)

    def add(self, batch: Batch) -> None:
        """Take in the next rows and write every row group they fill. The arrays may not change until then.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        self._pending.append(batch)
        self._held += batch.num_rows
        self.rows += batch.num_rows
        if self._held < self._rows_per_group:
            return
        table = pa.Table.from_batches(self._pending, self._kind.schema)
        whole = self._held - self._held % self._rows_per_group
        for start in range(0, whole, self._rows_per_group):
            self._write(table.slice(start, self._rows_per_group))
        self._pending = table.slice(whole).to_batches()
        self._held -= whole

    def flush(self) -> None:
        """End the row group here."""
        if self._held:
            self._write(pa.Table.from_batches(self._pending, self._kind.schema))
        self._pending, self._held = [], 0

    def finish(self, header: Header) -> None:
        """Write what is left, the header and the footer, and close the file.

        Raises:
            ArtifactError: The disk or folder does not take it, or a number of the header is NaN.
        """
        content = {"kind": self._kind.name, "version": self._kind.version, "header": asdict(cast("Any", header))}
        text = json_text(content).rstrip("\n")
        self.flush()
        with write_errors(self._temporary):
            self._writer.add_key_value_metadata({METADATA_KEY: text})
            self._writer.close()
        self._finished = True

    def _write(self, table: Table) -> None:
        # One chunk a column: pages would else end where the added batches did.
        with write_errors(self._temporary):
            self._writer.write_table(table.combine_chunks(), row_group_size=self._rows_per_group)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self._finished:
            with suppress(OSError, pa.ArrowException):
                self._writer.close()
            discard(self._temporary)


class StoredTable(Generic[Header]):
    """A file of one kind, opened for each read and never kept open.

    All methods raise ArtifactError when the file is missing, damaged, foreign, of another schema, or was replaced since
    its header was first read: the header of one file must not be judged with the rows of another.
    """

    def __init__(self, path: Path, kind: TableKind[Header]) -> None:
        """Remember the path; nothing is opened yet."""
        self.path, self.kind = path, kind
        self._footer: tuple[str, int] | None = None
        self._header: Header | None = None

    @property
    def exists(self) -> bool:
        """Say whether there is a file, usable or not."""
        return self.path.is_file()

    @property
    def rows(self) -> int:
        """Return the number of rows."""
        return self._known_footer()[1]

    @property
    def header(self) -> Header:
        """Return what was given to `TableWriter.finish`."""
        if self._header is None:
            content = json.loads(self._known_footer()[0])
            kind = RecordKind(
                record=self.kind.header,
                name=f"{self.kind.name} file's header",
                remedy=self.kind.remedy,
                upgrade=self.kind.older.get(content["version"], dict),
            )
            self._header = kind.of(content["header"], str(self.path))
        return self._header

    @property
    def version(self) -> int:
        """Return the version of the file's kind that it was written with."""
        return json.loads(self._known_footer()[0])["version"]

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the row groups in order, all columns or some."""
        footer = self._known_footer()
        with self._open() as file:
            if self._check(file) != footer:
                raise self._fault("was replaced while it was read")
            for group in range(file.num_row_groups):
                try:
                    table = file.read_row_group(group, columns=columns, use_threads=False)
                except (OSError, pa.ArrowException) as error:
                    raise self._fault(f"is damaged in row group {group}: {_first_line(error)}") from error
                yield table

    def blocks(self, rows: int, stop: int | None = None) -> Iterator[tuple[int, Table]]:
        """Yield the first row number and the rows of consecutive blocks, cut again from the row groups.

        Args:
            rows: Rows of each block but the last, 1 or more.
            stop: Where to end; None for the end of the file.

        Yields:
            Tables of one chunk a column, with an `ordinal` column that was seen to count up from the row number.
        """
        if rows < 1:
            raise ValueError(f"a block has 1 row or more, not {rows}")
        start, pool = 0, self.kind.schema.empty_table()
        end = self.rows if stop is None else min(stop, self.rows)
        for group in self.groups():
            pool = pa.concat_tables([pool, group])
            while start < end and pool.num_rows >= min(rows, end - start):
                size = min(rows, end - start)
                yield start, self._in_order(start, pool.slice(0, size).combine_chunks())
                pool = pool.slice(size)
                start += size
            if start == end:
                return

    def _in_order(self, start: int, table: Table) -> Table:
        ordinals = table.column("ordinal")
        if (ordinals[0].as_py(), ordinals[-1].as_py()) != (start, start + table.num_rows - 1):
            raise self._fault(f"has rows out of order from row {start} on")
        return table

    def _known_footer(self) -> tuple[str, int]:
        if self._footer is None:
            with self._open() as file:
                self._footer = self._check(file)
        return self._footer

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(str(self.path), page_checksum_verification=True)
        except FileNotFoundError as error:
            raise self._fault("is not there") from error
        except (OSError, pa.ArrowException) as error:
            raise self._fault(f"is damaged or not a Parquet file: {_first_line(error)}") from error

    def _check(self, file: pq.ParquetFile) -> tuple[str, int]:
        """Return the header as text and the number of rows of a file of this kind and version."""
        text = cast("bytes", (file.metadata.metadata or {}).get(METADATA_KEY, b"")).decode("utf-8", "replace")
        found = _parsed(text)
        if found.get("kind") != self.kind.name or not isinstance(found.get("header"), dict):
            raise self._fault("was not written by parity_pipeline as such a file")
        readable = list(dict.fromkeys((*self.kind.older, self.kind.version)))
        if found.get("version") not in readable or not file.schema_arrow.equals(self.kind.schema):
            listed = ", ".join(map(str, readable[:-1]))
            numbers = f"{listed} and {readable[-1]}" if listed else str(readable[-1])
            raise self._fault(f"has schema version {found.get('version')!r}, this parity_pipeline reads {numbers}")
        return text, file.metadata.num_rows

    def _fault(self, problem: str) -> ArtifactError:
        return ArtifactError(f"this {self.kind.name} file {problem}", place=str(self.path), remedy=self.kind.remedy)


def _parsed(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
    except ValueError:
        return {}
    return value if isinstance(value, dict) else {}


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0]
