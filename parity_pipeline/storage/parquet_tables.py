"""Parquet files of one kind: written in row groups of a fixed size, opened only if they are whole and of this version.

Here belong what sample sets, embeddings and compared rows share: the header in the file's key-value metadata, cutting
rows again into groups or blocks, and the words for a file that is missing, damaged, foreign or of another schema. Which
columns there are belongs to the module of its kind.
"""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, field
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
Member = TypeVar("Member")


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
        dictionary_bytes: Size from which on a column's dictionary is given up within a row group; Parquet's own default.
    """

    name: str
    version: int
    schema: Schema
    header: type[Header]
    remedy: str
    dense: Sequence[str] = ()
    dictionary_bytes: int = 1024 * 1024
    older: Mapping[int, Callable[[Json], Json]] = field(default_factory=dict[int, Callable[[Json], Json]])


def printable(text: str) -> str:
    r"""Return the text with lone surrogates spelled out as `\udxxx`."""
    return text.encode("utf-8", "backslashreplace").decode()


def first_line(error: BaseException) -> str:
    """Return the first line of what a library says of a file, or the error's name where it says nothing."""
    return (str(error).splitlines() or [type(error).__name__])[0]


class TableWriter(Generic[Header]):
    """Write one file at a draft path. A context manager: leaving it without `finish` removes the file.

    Row groups hold exactly `rows_per_group` rows whatever the sizes of the batches added, so the bytes of a file depend
    on its rows alone. At most one row group and one batch are held in memory.

    Attributes:
        rows: Rows counted by `count`, which is the ordinal that comes next.
        rows_per_group: Rows of each row group but the last, unless `flush` ends one earlier.
    """

    def __init__(self, temporary: Path, kind: TableKind[Header], rows_per_group: int) -> None:
        """Open the file.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        self.rows = 0
        self._temporary, self._kind, self.rows_per_group = temporary, kind, rows_per_group
        self._pending: list[Batch] = []
        self._held = 0
        self._finished = False
        paths = {
            f"{one.name}.list.element" if pa.types.is_list(one.type) else one.name: one.name for one in kind.schema
        }
        sparse = [path for path, name in paths.items() if name not in kind.dense]
        options: dict[str, Any] = {
            "use_dictionary": sparse,
            "write_statistics": sparse,
            "compression": {path: "ZSTD" if path in sparse else "NONE" for path in paths},
            "write_page_checksum": True,
            "dictionary_pagesize_limit": kind.dictionary_bytes,
        }
        with write_errors(temporary):
            self._writer = pq.ParquetWriter(str(temporary), kind.schema, **options)

    def count(self, start: int, rows: int) -> None:
        """Count rows that are about to be added.

        Raises:
            ArtifactError: They leave a gap or overlap what was counted before.
        """
        if start != self.rows:
            problem = f"rows from ordinal {start} on were given where {self.rows} comes next"
            raise ArtifactError(problem, place=str(self._temporary), remedy="Report this as a bug.")
        self.rows += rows

    def add_batch(self, batch: Batch) -> None:
        """Take in the next rows and write every row group they fill. The arrays may not change until then.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        self._pending.append(batch)
        self._held += batch.num_rows
        if self._held < self.rows_per_group:
            return
        table = pa.Table.from_batches(self._pending, self._kind.schema)
        whole = self._held - self._held % self.rows_per_group
        for start in range(0, whole, self.rows_per_group):
            self._write(table.slice(start, self.rows_per_group))
        self._pending = table.slice(whole).to_batches()
        self._held -= whole

    def flush(self) -> None:
        """End the row group here, whatever it holds.

        Raises:
            ArtifactError: The disk or folder does not take it.
        """
        if self._held:
            self._write(pa.Table.from_batches(self._pending, self._kind.schema))
        self._pending, self._held = [], 0

    def finish(self, header: Header) -> None:
        """Write what is left, the header and the footer, and close the file, which is then ready to be published.

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
            self._writer.write_table(table.combine_chunks(), row_group_size=self.rows_per_group)

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
    """A file of one kind. Its footer is read once, when this is made; its rows with each iteration. It is never kept open.

    Making it and every iteration raise ArtifactError when the file is missing, damaged, foreign, of another schema, or
    was replaced since: the header of one file must not be judged with the rows of another.

    Attributes:
        path: Where it lies.
        kind: What it is.
        rows: Number of rows.
        version: Version of the kind that it was written with.
        header: What was given to `TableWriter.finish`.
    """

    def __init__(self, path: Path, kind: TableKind[Header]) -> None:
        """Read the footer."""
        self.path: Final = path
        self.kind: Final = kind
        with self._open() as file:
            self._footer: Final = self._check(file)
        text, rows = self._footer
        content = json.loads(text)
        self.rows: Final = rows
        self.version: Final[int] = content["version"]
        headers = RecordKind(
            record=kind.header,
            name=f"{kind.name} file's header",
            remedy=kind.remedy,
            upgrade=kind.older.get(self.version, dict),
        )
        self.header: Final = headers.of(content["header"], str(path))

    def groups(self, columns: Sequence[str] | None = None) -> Iterator[Table]:
        """Yield the row groups in order, all columns or some."""
        with self._open() as file:
            if self._check(file) != self._footer:
                raise self._fault("was replaced while it was read")
            for group in range(file.num_row_groups):
                try:
                    table = file.read_row_group(group, columns=columns, use_threads=False)
                except (OSError, pa.ArrowException) as error:
                    raise self._fault(f"is damaged in row group {group}: {first_line(error)}") from error
                yield table

    def table_blocks(self, rows: int, stop: int | None = None) -> Iterator[tuple[int, Table]]:
        """Yield the first row number and the rows of consecutive blocks, cut again from the row groups.

        Args:
            rows: Rows of each block but the last, 1 or more.
            stop: Where to end; None for the end of the file.

        Yields:
            Tables of one chunk a column, with an `ordinal` column that was seen to count up from the row number.
        """
        if rows < 1:
            raise ValueError(f"a block has 1 row or more, not {rows}")
        start, pool = 0, None
        end = self.rows if stop is None else min(stop, self.rows)
        for group in self.groups():
            pool = pa.concat_tables([pool, group]) if pool else group
            while start < end and pool.num_rows >= min(rows, end - start):
                size = min(rows, end - start)
                yield start, self._in_order(start, pool.slice(0, size).combine_chunks())
                pool = pool.slice(size)
                start += size
            if start == end:
                return

    def members_of(self, column: Array, known: Mapping[str, Member], name: str) -> list[Member]:
        """Return what the words of a column stand for.

        Raises:
            ArtifactError: It holds another word than those known.
        """
        try:
            return [known[word] for word in column.to_pylist()]
        except KeyError as error:
            problem = f"it holds the {name} {error}, which this parity_pipeline does not know"
            raise ArtifactError(problem, place=str(self.path), remedy=self.kind.remedy) from error

    def _in_order(self, start: int, table: Table) -> Table:
        ordinals = table.column("ordinal")
        if (ordinals[0].as_py(), ordinals[-1].as_py()) != (start, start + table.num_rows - 1):
            raise self._fault(f"has rows out of order from row {start} on")
        return table

    def _open(self) -> pq.ParquetFile:
        try:
            return pq.ParquetFile(str(self.path), page_checksum_verification=True)
        except FileNotFoundError as error:
            raise self._fault("is not there") from error
        except (OSError, pa.ArrowException) as error:
            raise self._fault(f"is damaged or not a Parquet file: {first_line(error)}") from error

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
