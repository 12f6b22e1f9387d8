"""Columns from Python values and numpy arrays, and back: the same as pyarrow's own conversions, without pandas."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.storage import arrow_columns as columns

TEXTS = st.lists(st.none() | st.text(st.characters(codec="utf-8"), max_size=6), max_size=20)
FLOATS = st.lists(st.none() | st.floats(width=32, allow_nan=False), max_size=20)


@given(TEXTS)
def test_strings_are_those_of_pyarrow(values: list[str | None]) -> None:
    """Any text with UTF-8 is stored as pyarrow would, None as null, and no text as an empty string."""
    found = columns.strings(values)
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.string()))


@pytest.mark.parametrize("values", [[], [None], [None, None], ["", None], [None, "é", ""], ["a" * 9, "b"]])
def test_nulls_are_not_empty_strings(values: list[str | None]) -> None:
    """A row without a text and a row with the empty text stay different, in every mixture."""
    assert columns.utf8(values).to_pylist() == values


def test_a_lone_surrogate_is_an_error_or_spelled_out() -> None:
    """What has no UTF-8 is refused where texts are exact, and spelled out where they are only shown."""
    values = ["a", None, "\ud800é"]
    with pytest.raises(UnicodeEncodeError):
        columns.strings(values)
    assert columns.utf8(values).to_pylist() == ["a", None, "\\ud800é"]


@given(st.lists(st.none() | st.binary(max_size=6), max_size=20))
def test_bytes_are_those_of_pyarrow(values: list[bytes | None]) -> None:
    """Bytes of any kind come through, None as null."""
    assert columns.binary(values).equals(pa.array(values, pa.binary()))


@given(FLOATS)
def test_optional_numbers_are_those_of_pyarrow(values: list[float | None]) -> None:
    """None becomes null, and 0 stays 0."""
    found = columns.optional_numbers(values, pa.float32())
    found.validate(full=True)
    assert found.equals(pa.array(values, pa.float32()))


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        ([1, -2, 3], pa.int32()),
        (np.array([1, 2], np.int64), pa.int16()),
        (np.array([2**64 - 1, 0], np.uint64), pa.uint64()),
        (np.arange(10, dtype=np.int64)[::3], pa.int64()),
        (np.array([0.1, 1e300]), pa.float64()),
        (np.array([], np.int64), pa.int32()),
        ([], pa.float32()),
    ],
)
def test_numbers_are_those_of_pyarrow(values: Any, kind: Any) -> None:
    """Lists, arrays of the type, of another type, with strides and without a value give the same column."""
    found = columns.numbers(values, kind)
    found.validate(full=True)
    assert found.equals(pa.array(values, kind))


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("name", ["i4", "u8", "f4"])
def test_numbers_of_another_byte_order_stay_the_same_numbers(name: str, order: str) -> None:
    """What came from a machine or file of the other byte order is turned, and not stored as it lies in memory."""
    values = np.array([0, 1, 258], f"{order}{name}")
    for kind in (pa.int64(), pa.from_numpy_dtype(np.dtype(name))):
        if name != "f4" or kind == pa.float32():
            assert columns.numbers(values, kind).to_pylist() == [0, 1, 258]


def test_flags_in_a_column_of_numbers_are_ones_and_zeros() -> None:
    """A byte per flag is not taken for the bits that Arrow stores."""
    assert columns.numbers(np.array([False, True, True]), pa.int8()).to_pylist() == [0, 1, 1]


@pytest.mark.parametrize("values", [[70_000], [-32_769], np.array([2**40])])
def test_a_number_that_does_not_fit_is_refused(values: Any) -> None:
    """A number too large for its column is an error, and never another number."""
    with pytest.raises(pa.ArrowInvalid):
        columns.numbers(values, pa.int16())


def test_nan_becomes_null() -> None:
    """A measure that could not be taken is null in the file, so that no mean counts it."""
    assert columns.numbers_or_nan(np.array([1.5, np.nan]), pa.float64()).to_pylist() == [1.5, None]
    assert columns.numbers_or_nan(np.array([1.5]), pa.float64()).null_count == 0


@given(st.lists(st.lists(st.text("aé", max_size=3), max_size=3), max_size=6))
def test_lists_of_words_come_back(values: list[list[str]]) -> None:
    """Each row keeps its own words, an empty list among them."""
    assert columns.lists_of_words(values).to_pylist() == values


@given(st.lists(st.booleans(), max_size=20), st.integers(0, 9))
def test_flags_come_back_from_any_slice(values: list[bool], skipped: int) -> None:
    """Booleans are bits in the file, and a slice may begin within a byte."""
    column = columns.flags(values)
    assert column.equals(pa.array(values, pa.bool_()))
    assert columns.to_numpy(column.slice(skipped)).tolist() == values[skipped:]


@pytest.mark.parametrize("kind", [pa.float32(), pa.float64(), pa.int16(), pa.int64(), pa.uint64()])
def test_a_slice_with_chunks_and_nulls_is_read_as_pyarrow_reads_it(kind: Any) -> None:
    """Values come back in their type and place, and null as what the caller says."""
    column = pa.chunked_array([pa.array([1, None, 3], kind), pa.array([4, 5], kind)]).slice(1, 3)
    found = columns.to_numpy(column, null=9)
    assert (found.tolist(), found.dtype) == ([9, 3, 4], np.dtype(kind.to_pandas_dtype()))


def test_a_slice_of_one_array_begins_where_it_begins() -> None:
    """A slice shares the numbers of the whole array, of which it is only a part."""
    assert columns.to_numpy(pa.array([1, 2, 3, None, 5]).slice(1, 3), null=0).tolist() == [2, 3, 0]


def test_null_is_nan_where_nothing_else_is_said() -> None:
    """A measure that is null comes back as NaN; without a row there is an array without a value."""
    found = columns.to_numpy(pa.array([None, 1.0]))
    assert np.array_equal(found, [np.nan, 1.0], equal_nan=True)
    assert columns.to_numpy(pa.array([], pa.float64())).dtype == np.float64


def test_storing_and_reading_rows_does_not_import_pandas() -> None:
    """A run, which writes and reads many rows and no table for people, is spared 45 MiB and 0.4 s."""
    code = """
import sys
from pathlib import Path
from pathlib import Path
from tempfile import TemporaryDirectory
from parity_pipeline.core.samples import Sample
from parity_pipeline.storage.sample_set_files import SampleSetFile, write_sample_set
with TemporaryDirectory() as folder:
    path = Path(folder) / "a.parquet"
    write_sample_set(path, [Sample(text=text, category="c", source="s") for text in ("a", "é", "\\ud800")], sources=["s"])
    assert [block.texts for block in SampleSetFile(path).blocks()] == [["a", "é", "\\ud800"]]
sys.exit("pandas" in sys.modules)
"""
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_no_stored_table_is_converted_by_what_imports_pandas() -> None:
    """Every writer and reader of rows converts here: one call of pyarrow's own would import pandas into each run."""
    folder = Path(columns.__file__).parent
    calls = re.compile(r"\bpa\.(array|scalar|repeat)\(|\.(to_numpy|fill_null|empty_table|to_pandas)\(")
    assert [path.name for path in sorted(folder.glob("*.py")) if calls.search(path.read_text("utf-8"))] == []
