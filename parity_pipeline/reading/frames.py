"""Stored Parquet tables as typed tables of pandas.

Here belong the types of columns, which do not depend on the values or on there being any, and vectors as a matrix. Which
file is read belongs to `history`; files of earlier versions are read by `storage`.

Text columns are `string`, whole numbers that may be missing `Int64` and the like, both with `pd.NA`; measures are float64
with NaN. Texts of samples and queries are plain Python strings, as a lone surrogate has no other form.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pandas as pd
import pyarrow as pa

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import GRADED, Outcome
from parity_pipeline.storage.embeddings_files import EmbeddingsFile
from parity_pipeline.storage.parquet_tables import Schema, StoredTable, Table
from parity_pipeline.storage.source_formats import SURROGATE_COLUMN

Frame = pd.DataFrame
# pandas has no complete types; this is one of its extension types.
_STRING: Final[Any] = pd.StringDtype()
_TYPES: Final[Mapping[Any, Any]] = {
    pa.string(): _STRING,
    pa.int16(): pd.Int16Dtype(),
    pa.int32(): pd.Int32Dtype(),
    pa.int64(): pd.Int64Dtype(),
}


def of_tables(schema: Schema, files: Iterable[tuple[Mapping[str, str], StoredTable[Any]]]) -> Frame:
    """Return the rows of files of one kind, one file below the other.

    Args:
        schema: The columns of that kind.
        files: What each file is about, as columns that come first, such as its date and model; and the file.

    Raises:
        ArtifactError: A file is damaged, or is replaced while it is read.
    """
    frames = [_with_columns(about, _frame(_whole(schema, file))) for about, file in files]
    return pd.concat(frames, ignore_index=True) if frames else _frame(_plain(schema.empty_table()))


def keyed(frame: Frame, keys: Sequence[str]) -> Frame:
    """Return a table that has these columns, first and with their types, also where it has no row."""
    for place, key in enumerate(keys):
        if key not in frame:
            frame.insert(place, key, _constant(key, "", 0))
    return frame


def _with_columns(about: Mapping[str, str], frame: Frame) -> Frame:
    for place, (name, value) in enumerate(about.items()):
        frame.insert(place, name, _constant(name, value, len(frame)))
    return frame


def _constant(name: str, value: str, rows: int) -> Any:
    if name == "date":
        return pd.Series([pd.Timestamp(value)] * rows, dtype="datetime64[ns]")
    return pd.Series([value] * rows, dtype=_STRING)


def _whole(schema: Schema, file: StoredTable[Any]) -> Table:
    tables = [_plain(group) for group in file.groups()]
    return pa.concat_tables(tables) if tables else _plain(schema.empty_table())


def _plain(table: Table) -> Table:
    """Return a table with words in place of numbers that stand for them: each row group has numbers of its own."""
    fields = [
        pa.field(one.name, one.type.value_type) if pa.types.is_dictionary(one.type) else one.remove_metadata()
        for one in table.schema
    ]
    return table.cast(pa.schema([pa.field(one.name, one.type) for one in fields]))


def _frame(table: Table) -> Frame:
    exact: list[bytes | None] | None = None
    if SURROGATE_COLUMN in table.column_names:
        exact = table.column(SURROGATE_COLUMN).to_pylist()
        table = table.drop_columns([SURROGATE_COLUMN])
    frame: Frame = table.to_pandas(types_mapper=_TYPES.get)
    if exact is not None:
        texts: list[str] = table.column("text").to_pylist()
        found = [
            text if raw is None else raw.decode("utf-8", "surrogatepass")
            for text, raw in zip(texts, exact, strict=True)
        ]
        frame["text"] = pd.Series(found, dtype=object)
    if "outcome" in frame:
        # An early version stored the grade of a compared sample, which depends on limits that may have changed since.
        frame["outcome"] = frame["outcome"].replace(
            dict.fromkeys((one.value for one in GRADED), Outcome.COMPARED.value)
        )
    return frame


def of_vectors(file: EmbeddingsFile) -> Frame:
    """Return the rows of one side, the vector of each as a float32 array of shape (dimension,), None where there is none.

    Raises:
        ArtifactError: The file is damaged.
    """
    frame = of_tables(file.kind.schema, [({}, file)])
    empty = (frame["dimension"] == 0).to_numpy(dtype=bool)
    frame["vector"] = pd.Series(
        [None if none else vector for vector, none in zip(frame["vector"], empty, strict=True)], dtype=object
    )
    return frame


def of_matrix(file: EmbeddingsFile) -> Frame:
    """Return the vectors of one side as one matrix: float32, shape (samples, dimension), indexed by sample id.

    Rows are in the order of the sample set; a sample without a vector has a row of NaN.

    Raises:
        ArtifactError: The file is damaged, or its vectors have more than one dimension.
    """
    dimensions = _dimensions(file)
    if len(dimensions) > 1:
        listed = ", ".join(map(str, sorted(dimensions)))
        problem = f"its vectors have more than one dimension: {listed}"
        raise ArtifactError(problem, place=str(file.path), remedy="Leave as_matrix out to get one array per sample.")
    width = next(iter(dimensions), 0)
    matrix = np.full((file.rows, width), np.nan, np.float32)
    ids = list[str]()
    for block in file.blocks():
        found = block.dimensions() > 0
        vectors = np.reshape(block.values, (np.count_nonzero(found), width))
        matrix[block.start : block.start + len(block)][found] = vectors
        ids += block.ids
    return pd.DataFrame(matrix, index=pd.Index(ids, dtype=_STRING, name="sample_id"), copy=False)


def _dimensions(file: EmbeddingsFile) -> set[int]:
    found = set[int]()
    for group in file.groups(["dimension"]):
        found |= set(group.column("dimension").unique().to_pylist())
    return found - {0}
