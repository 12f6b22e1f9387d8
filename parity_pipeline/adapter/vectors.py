"""Vectors on their way through: the numbers as they were sent, and, where possible, the very bytes.

Here belong taking the rows out of a response without printing a number again, unit length, and joining rows of several
responses. Strict decoding belongs to `wire.decode`; what a response to a caller looks like to `caller_response`.
"""

import base64
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.adapter.refusals import ZERO_VECTOR
from parity_pipeline.wire.decode import Exact
from parity_pipeline.wire.gateway_errors import MalformedResponse

_OPEN: Final = b"["
_CLOSE: Final = b"]"

Numbers = NDArray[Any]
Buffer = bytes | memoryview


@dataclass(frozen=True, slots=True)
class RawRows:
    """The JSON arrays of vectors within the body that they came in.

    Attributes:
        body: The body.
        spans: Where each array begins and ends in it, in the order of the texts.
        array: Where the array around them begins and ends; None if something else is between them.
    """

    body: bytes | bytearray
    spans: Sequence[tuple[int, int]]
    array: tuple[int, int] | None = None

    def rows(self) -> list[Buffer]:
        """Return the arrays, not copied."""
        view = memoryview(self.body)
        return [view[first:last] for first, last in self.spans]

    def as_array(self) -> Buffer:
        """Return them as one array, not copied if they came as one."""
        if self.array is not None:
            return memoryview(self.body)[self.array[0] : self.array[1]]
        return b"[" + b",".join(self.rows()) + b"]"


@dataclass(frozen=True, slots=True)
class Vectors:
    """One vector per text, in the order of the texts, every number finite.

    Attributes:
        numbers: float64 or float32, shape (texts, dimension).
        raw: The same as JSON arrays, byte for byte as they were sent; None where they have to be written.
    """

    numbers: Numbers
    raw: RawRows | Sequence[Buffer] | None

    def __len__(self) -> int:
        """Return the number of vectors."""
        return len(self.numbers)

    @property
    def dimension(self) -> int:
        """Return the length of each vector."""
        return int(self.numbers.shape[1])

    def zeros(self) -> int:
        """Return how many vectors are zero."""
        return len(self) - int(np.count_nonzero(self.numbers.any(axis=1)))

    def unit(self, *, as_float32: bool = False) -> "Vectors":
        """Return the vectors divided by their L2 norm, in float64 or rounded to float32 after that.

        Raises:
            MalformedResponse: A vector is zero, which has no direction.
        """
        wide = self.numbers.astype(np.float64)
        largest = np.abs(wide).max(axis=1, keepdims=True)
        if not largest.all():
            raise MalformedResponse(ZERO_VECTOR, "a zero vector, which has no unit length")
        wide /= largest  # so that no square overflows, or vanishes
        wide /= np.sqrt(np.einsum("ij,ij->i", wide, wide))[:, None]
        return Vectors(wide.astype(np.float32) if as_float32 else wide, None)

    def json_rows(self) -> Sequence[Buffer]:
        """Return each vector as a JSON array."""
        if isinstance(self.raw, RawRows):
            return self.raw.rows()
        if self.raw is not None:
            return self.raw
        return [orjson.dumps(row, option=orjson.OPT_SERIALIZE_NUMPY) for row in np.ascontiguousarray(self.numbers)]

    def json_array(self) -> Buffer:
        """Return all vectors as one JSON array."""
        if isinstance(self.raw, RawRows):
            return self.raw.as_array()
        if self.raw is not None:
            return b"[" + b",".join(self.raw) + b"]"
        return orjson.dumps(np.ascontiguousarray(self.numbers), option=orjson.OPT_SERIALIZE_NUMPY)

    def base64_rows(self) -> list[str]:
        """Return each vector as base64 of little-endian float32.

        Raises:
            MalformedResponse: A number is beyond float32.
        """
        with np.errstate(over="ignore"):
            narrow = self.numbers.astype("<f4")
        if not np.isfinite(narrow).all():
            raise MalformedResponse("not_numbers", "a number beyond float32")
        return [base64.b64encode(row.tobytes()).decode("ascii") for row in narrow]


def vectors_of(exact: Exact, body: bytes | bytearray) -> Vectors:
    """Return the vectors of a response in the order of its texts.

    Args:
        exact: What was decoded of it.
        body: The response itself.

    Raises:
        MalformedResponse: A number is null, NaN or infinite.
    """
    numbers = exact.numbers
    if not np.isfinite(numbers).all():
        raise MalformedResponse("not_numbers", "null, NaN or an infinite number in a vector")
    raw = _raw_rows(body, len(numbers)) if numbers.dtype == np.float64 else None
    if exact.positions is not None and not np.array_equal(exact.positions, np.arange(len(numbers))):
        numbers = numbers[exact.positions]
        if raw is not None:
            raw = RawRows(body, [raw.spans[position] for position in exact.positions.tolist()])
    return Vectors(numbers, raw)


def _raw_rows(body: bytes | bytearray, rows: int) -> RawRows | None:
    """Return where the vectors of a decoded response are, or None where that is not certain.

    The decoder found `rows` arrays of numbers without arrays in them, and perhaps an array around them. If the body has no
    further bracket, not even in a string, the last `rows` opening ones and the first `rows` closing ones are theirs.
    """
    opening, closing = _places(body, _OPEN, rows + 2), _places(body, _CLOSE, rows + 2)
    around = len(opening) == rows + 1
    if len(opening) != len(closing) or not (around or len(opening) == rows == 1):
        return None
    if around and closing[0] < opening[1]:
        return None  # two arrays side by side: the vector of a single text and, say, a list of warnings
    spans = [(first, last + 1) for first, last in zip(opening[-rows:], closing[:rows], strict=True)]
    nested = around and b"{" not in body[opening[0] : opening[1]]
    return RawRows(body, spans, (opening[0], closing[-1] + 1) if nested else None)


def _places(body: bytes | bytearray, mark: bytes, most: int) -> list[int]:
    """Return where a byte occurs, at most so many places."""
    found: list[int] = []
    at = body.find(mark)
    while at >= 0 and len(found) < most:
        found.append(at)
        at = body.find(mark, at + 1)
    return found


def joined(parts: Sequence[Vectors]) -> Vectors:
    """Return the vectors of consecutive texts that came in several responses.

    Raises:
        MalformedResponse: They differ in length.
    """
    if len(parts) == 1:
        return parts[0]
    _check_dimensions(parts)
    # Where one part has to be written, the others keep their digits all the same.
    raw = None if all(part.raw is None for part in parts) else [row for part in parts for row in part.json_rows()]
    return Vectors(np.concatenate([part.numbers for part in parts]), raw)


def interleaved(parts: Sequence[tuple[Sequence[int], Vectors]]) -> Vectors:
    """Return the vectors of texts that were divided among several sides, in the order of the texts.

    Args:
        parts: Positions of texts, ascending, and their vectors; each position from 0 on in exactly one part.

    Raises:
        MalformedResponse: They differ in length.
    """
    order = np.argsort(np.concatenate([np.array(positions, np.intp) for positions, _ in parts]))
    both = joined([vectors for _, vectors in parts])
    rows = None if both.raw is None else both.json_rows()
    raw = None if rows is None else [rows[place] for place in order.tolist()]
    return Vectors(both.numbers[order], raw)


def _check_dimensions(parts: Sequence[Vectors]) -> None:
    lengths = {part.dimension for part in parts}
    if len(lengths) > 1:
        shown = " and ".join(map(str, sorted(lengths)))
        raise MalformedResponse("ragged", f"vectors of {shown} numbers for one request")
