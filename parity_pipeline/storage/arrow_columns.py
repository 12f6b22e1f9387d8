"""Columns of Parquet files from Python values and numpy arrays, and back, by Arrow's own buffers.

Here belong the conversions that every stored table shares. Which columns there are belongs to the module of its kind.

`pyarrow.array`, `pyarrow.scalar` and `Array.to_numpy` import pandas wherever it is installed, to see whether they were
given something of it. That is 0.4 s and 45 MiB of every command that reads or writes a row (docs/adr/0017). So arrays
are built from buffers here, and read by DLPack; both are public. The bytes of the files are the same.
"""

from collections.abc import Sequence, Sized
from typing import Any, Final, TypeVar, cast

import numpy as np
import pyarrow as pa
from numpy.typing import ArrayLike, NDArray

from parity_pipeline.storage.parquet_tables import Array, printable

Value = TypeVar("Value")

_LARGEST: Final = 2**31 - 1
"""Bytes that one string column can hold, by the offsets of Arrow's `string`."""


def utf8(values: Sequence[str | None]) -> Array:
    r"""Return a string column; lone surrogates, which have no UTF-8, become `\udxxx`, None becomes null."""
    try:
        return strings(values)
    except UnicodeEncodeError:
        return strings([None if value is None else printable(value) for value in values])


def strings(values: Sequence[str | None]) -> Array:
    """Return a string column; None becomes null.

    Raises:
        UnicodeEncodeError: A text has a lone surrogate.
    """
    if values.count(None) == len(values):
        return pa.nulls(len(values), pa.string())
    filled, null = _filled(values, "")
    joined = "".join(filled)
    if joined.isascii():
        return _variable(pa.string(), filled, null, joined.encode("ascii"))
    encoded = [value.encode() for value in filled]
    return _variable(pa.string(), encoded, null, b"".join(encoded))


def binary(values: Sequence[bytes | None]) -> Array:
    """Return a column of bytes; None becomes null."""
    filled, null = _filled(values, b"")
    return _variable(pa.binary(), filled, null, b"".join(filled))


def numbers(values: ArrayLike, kind: Any, *, null: NDArray[np.bool_] | None = None) -> Array:
    """Return a column of integers or floats, one per value, without a copy where the values have that type already.

    Args:
        values: Numbers, shape (n,).
        kind: The Arrow type: integer or float.
        null: Which of them are null, boolean, shape (n,); None for none.

    Raises:
        pyarrow.ArrowInvalid: A value does not fit the type.
    """
    given = np.ascontiguousarray(values)
    # A buffer has no byte order of its own, and flags are bits in Arrow: both would come out as other numbers.
    given = given.astype(np.uint8 if given.dtype.kind == "b" else given.dtype.newbyteorder("="), copy=False)
    wanted = np.dtype(kind.to_pandas_dtype())
    if not len(given) or given.dtype == wanted or given.dtype.kind == wanted.kind == "f":
        return _fixed(kind, given.astype(wanted, copy=False), null)
    return _fixed(pa.from_numpy_dtype(given.dtype), given, null).cast(kind)


def numbers_or_nan(values: NDArray[np.float64], kind: Any) -> Array:
    """Return a column of floats; NaN becomes null."""
    null = np.isnan(values)
    return numbers(values, kind, null=null if null.any() else None)


def optional_numbers(values: Sequence[float | None], kind: Any) -> Array:
    """Return a column of integers or floats; None becomes null.

    Raises:
        pyarrow.ArrowInvalid: A value does not fit the type.
    """
    filled, null = _filled(values, 0)
    return numbers(filled, kind, null=null)


def lists_of_words(values: Sequence[Sequence[str]]) -> Array:
    """Return a column of lists of strings.

    Raises:
        UnicodeEncodeError: A word has a lone surrogate.
    """
    offsets = np.cumsum([0, *map(len, values)])
    return pa.ListArray.from_arrays(numbers(offsets, pa.int32()), strings([word for words in values for word in words]))


def flags(values: ArrayLike) -> Array:
    """Return a column of booleans."""
    given = np.asarray(values, np.bool_)
    return pa.Array.from_buffers(pa.bool_(), len(given), [None, pa.py_buffer(_bits(given))])


def to_numpy(column: Array, null: float = np.nan) -> NDArray[Any]:
    """Return a column of integers, floats or booleans as an array, shape (n,), read-only where nothing had to be copied.

    Args:
        column: An array, or one with chunks.
        null: What stands for null. A column of integers that has nulls needs a whole number.
    """
    if not len(column):
        return np.empty(0, column.type.to_pandas_dtype())
    array = column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column
    if pa.types.is_boolean(array.type):
        return to_numpy(array.cast(pa.uint8()), null).astype(np.bool_)
    plain = pa.Array.from_buffers(array.type, len(array), [None, array.buffers()[1]], offset=array.offset)
    values = np.from_dlpack(plain)
    return np.where(to_numpy(array.is_null()), np.asarray(null, values.dtype), values) if array.null_count else values


def _filled(values: Sequence[Value | None], blank: Value) -> tuple[Sequence[Value], NDArray[np.bool_] | None]:
    """Return the values with a blank in the place of None, and where these places are; None where there is none."""
    if None not in values:
        return cast("Sequence[Value]", values), None
    null = np.fromiter((value is None for value in values), np.bool_, len(values))
    return [blank if value is None else value for value in values], null


def _variable(kind: Any, values: Sequence[Sized], null: NDArray[np.bool_] | None, joined: bytes) -> Array:
    if len(joined) > _LARGEST:
        raise pa.ArrowCapacityError(f"{len(joined)} bytes do not fit one column of a row group")
    offsets = np.zeros(len(values) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, values), np.int32, len(values)), out=offsets[1:])
    buffers = [_validity(null), pa.py_buffer(offsets), pa.py_buffer(joined)]
    return pa.Array.from_buffers(kind, len(values), buffers)


def _fixed(kind: Any, values: NDArray[Any], null: NDArray[np.bool_] | None) -> Array:
    return pa.Array.from_buffers(kind, len(values), [_validity(null), pa.py_buffer(values)])


def _validity(null: NDArray[np.bool_] | None) -> Any:
    """Return the bitmap of the values that are there; None where all are."""
    return None if null is None else pa.py_buffer(_bits(~null))


def _bits(values: NDArray[np.bool_]) -> NDArray[np.uint8]:
    return np.packbits(values, bitorder="little")
