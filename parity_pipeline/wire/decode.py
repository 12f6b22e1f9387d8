"""Responses to vectors: the bytes of a body straight into float32, or a named reason why not.

Here belongs the strict reading of a 200. A fast path reads what nearly every response looks like without making a Python
object of a number; whatever it is unsure of (NaN, Infinity, null) goes to the slow path by the standard library, which
decides. Neither guesses: vectors are accepted only if it is certain which text each belongs to.
"""

import base64
import binascii
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Final, cast

import numpy as np
import simdjson
from numpy.typing import NDArray

from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.json_path import FieldPath, Repeated, describe_fields, is_array

SLOW_BYTES: Final = 32 * 1024 * 1024
"""Largest body read this way: Python objects take up to twenty times the bytes of the JSON they stand for."""

_SAFE_DIGITS: Final = 20
"""Digits of any 64-bit number, such as a document id."""


def _integer(text: str) -> int | float:
    """Return an integer, or a float where it is so long that reading it exactly would only cost time."""
    return int(text) if len(text) <= _SAFE_DIGITS else float(text)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    return made if len(made) == len(pairs) else Repeated(made)


def load_slowly(body: bytes | bytearray) -> Any:
    """Return a JSON document as Python values; an object with duplicate keys is a `Repeated`.

    Raises:
        MalformedResponse: Not JSON, not UTF-8, nested too deep, or beyond `SLOW_BYTES`.
    """
    if len(body) > SLOW_BYTES:
        raise MalformedResponse("not_json", f"{len(body)} bytes that the fast reader refused")
    try:
        return json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_int=_integer)
    except RecursionError:
        pass
    except ValueError as error:
        raise MalformedResponse("not_json", _without_body(error)) from None
    raise MalformedResponse("too_deep", "nested deeper than any response has reason to be")


def _without_body(error: ValueError) -> str:
    """Return why a text is not valid JSON, without the text itself, which the exception holds."""
    if isinstance(error, json.JSONDecodeError):
        return f"{error.msg} at character {error.pos}"
    return str(error)[:200]


def vector_of(row: Sequence[Any]) -> NDArray[np.float64]:
    """Return one vector as float64; null becomes NaN.

    Raises:
        MalformedResponse: Something in it is neither a number nor null.
    """
    for value in row:
        if value is not None and type(value) is not float and type(value) is not int:
            raise MalformedResponse("not_numbers", f"{type(value).__name__} {str(value)[:40]!r} in a vector")
    return np.array([np.nan if value is None else value for value in row], np.float64)


def vector_of_base64(text: Any) -> NDArray[np.float32]:
    """Return one vector from base64 of little-endian float32.

    Raises:
        MalformedResponse: Not a string, not base64, or not a whole number of floats.
    """
    if not isinstance(text, str):
        raise MalformedResponse("bad_base64", f"{type(text).__name__} where base64 was requested")
    try:
        raw = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise MalformedResponse("bad_base64", f"{text[:40]!r} is not base64") from None
    if len(raw) % 4:
        raise MalformedResponse("bad_base64", f"{len(raw)} bytes are not a whole number of float32 values")
    return np.frombuffer(raw, "<f4")


Matrix = NDArray[Any]
_OPEN = ord("[")
_MOST_TOKENS = 2**53


@dataclass(frozen=True, slots=True)
class Decoded:
    """The content of a response.

    Attributes:
        vectors: float32, shape (texts, dimension), in the order of the texts.
        model: The model that the response names; "" if it names none.
        usage: Token counts that the response reports.
    """

    vectors: NDArray[np.float32]
    model: str = ""
    usage: Mapping[str, int] = field(default_factory=dict[str, int])


@dataclass(frozen=True, slots=True)
class Exact:
    """The content of a response before anything is rounded or put in order, for those who pass it on.

    Attributes:
        numbers: float64, shape (texts, dimension), in the order of the response; float32 where the vectors were base64.
        positions: The row of each text, shape (texts,); None where the dialect states no positions.
        model: The model that the response names; "" if it names none.
        usage: Token counts that the response reports.
    """

    numbers: Matrix
    positions: NDArray[np.intp] | None
    model: str
    usage: Mapping[str, int]


class _Unsure(Exception):  # noqa: N818 - not an error, but a change of path
    """The fast path is unsure; the slow one decides."""


class Decoder:
    """Reads the responses of one dialect. Not for several threads at once: it reuses one parser's memory."""

    def __init__(self, dialect: Dialect) -> None:
        """Prepare the paths of the dialect."""
        self._dialect = dialect
        self._vectors = FieldPath.parse(dialect.vectors_field)
        self._order = FieldPath.parse(dialect.order_field) if dialect.order_field else None
        self._echo = FieldPath.parse(dialect.model_echo_field) if dialect.model_echo_field else None
        self._usage = FieldPath.parse(dialect.usage_field) if dialect.usage_field else None
        self._parser = simdjson.Parser()

    def decode(self, body: bytes | bytearray, count: int) -> Decoded:
        """Return the vectors of a response to `count` texts.

        Null, NaN and infinities become NaN and infinite values; numbers beyond float32 become infinite.

        Raises:
            MalformedResponse: It does not hold exactly one vector per text; names a kind of `retry_policy.RULES`.
        """
        found = self.decode_exactly(body, count)
        matrix = found.numbers if found.positions is None else found.numbers[found.positions]
        with np.errstate(over="ignore"):
            vectors = matrix.astype(np.float32, copy=False)
        return Decoded(vectors, found.model, found.usage)

    def decode_exactly(self, body: bytes | bytearray, count: int) -> Exact:
        """Return the same numbers as they were sent, not rounded to float32 and in the order of the response.

        Raises:
            MalformedResponse: It does not hold exactly one vector per text; names a kind of `retry_policy.RULES`.
        """
        # A traceback would keep the parser's memory in use, so a reason leaves the fast path as plain values.
        reason: tuple[str, str] | None = None
        try:
            return self._fast(body, count)
        except _Unsure:
            pass
        except MalformedResponse as found:
            reason = (found.kind, found.detail)
        if reason is not None:
            raise MalformedResponse(*reason)
        return self._assemble(load_slowly(body), count, _slow_matrix)

    def _fast(self, body: bytes | bytearray, count: int) -> Exact:
        try:
            document = self._parser.parse(body)
        except (ValueError, RuntimeError):
            raise _Unsure from None
        bare = not self._vectors.outer and not self._dialect.one_text
        if bare and isinstance(document, simdjson.Array) and len(document) != count:
            raise _wrong_count(count, len(document))
        return self._assemble(document, count, partial(_fast_matrix, _brackets(body, most=count + 2)))

    def _assemble(self, document: Any, count: int, matrix_of: Callable[[Any], Matrix]) -> Exact:
        found = self._vectors.find(document)
        if not is_array(found):
            where = f"no array at {self._dialect.vectors_field!r}: {describe_fields(document)}"
            raise MalformedResponse("no_vectors_field", where)
        single = self._dialect.one_text and not self._vectors.items and not (len(found) and is_array(found[0]))
        rows = [found] if single else found
        if len(rows) != count:
            raise _wrong_count(count, len(rows))
        items = list(rows) if self._vectors.items else None
        if items is not None:
            rows = [self._vectors.find_in(item) for item in items]
        if self._dialect.base64:
            _check_lengths([len(row) if isinstance(row, str) else 1 for row in rows])
            matrix: Matrix = np.stack([vector_of_base64(row) for row in rows])
        else:
            matrix = matrix_of(rows)
        positions = None if items is None or self._order is None else _positions(self._order, items)
        return Exact(matrix, positions, self._model(document), self._tokens(document))

    def _model(self, document: Any) -> str:
        echoed = self._echo.find(document) if self._echo else ""
        return echoed if isinstance(echoed, str) else ""

    def _tokens(self, document: Any) -> dict[str, int]:
        if self._usage is None:
            return {}
        usage = self._usage.find(document)
        members = usage.items() if hasattr(usage, "items") else [(self._usage.outer[-1], usage)]
        return {str(key): int(value) for key, value in members if _is_count(value)}


def _brackets(body: bytes | bytearray, most: int) -> int:
    """Return how often `[` occurs in a body, at most `most`. Finding one after another is faster than counting all."""
    found, at = 0, body.find(_OPEN)
    while at >= 0 and found < most:
        found, at = found + 1, body.find(_OPEN, at + 1)
    return found


def _is_count(value: Any) -> bool:
    """Return whether a value is a number of tokens; Cohere documents its counts as numbers that may have a point."""
    return type(value) in (int, float) and 0 <= value < _MOST_TOKENS and value == int(value)


def _wrong_count(texts: int, vectors: int) -> MalformedResponse:
    found, sent = ("vector" if vectors == 1 else "vectors"), ("text" if texts == 1 else "texts")
    return MalformedResponse("wrong_count", f"{vectors} {found} for {texts} {sent}")


def _check_lengths(lengths: list[int]) -> int:
    """Return the one length that all vectors have.

    Raises:
        MalformedResponse: A vector is empty, or lengths differ.
    """
    low, high = min(lengths), max(lengths)
    if low == 0:
        raise MalformedResponse("empty_vector", f"vector {lengths.index(0)} of {len(lengths)} is empty")
    if low != high:
        raise MalformedResponse("ragged", f"vectors of {low} to {high} numbers in one response")
    return low


def _positions(order: FieldPath, items: list[Any]) -> NDArray[np.intp]:
    """Return the order of the rows from the positions that they state.

    Raises:
        MalformedResponse: The positions are not 0 to n - 1, once each.
    """
    stated = [order.find_in(item) for item in items]
    if any(type(value) is not int for value in stated) or sorted(stated) != list(range(len(items))):
        shown = ", ".join(str(value)[:20] if isinstance(value, (int, float, str)) else "none" for value in stated[:8])
        raise MalformedResponse("bad_order", f"the positions of {len(items)} vectors are {shown}")
    return np.argsort(np.array(stated, np.intp))


def _slow_matrix(rows: Any) -> Matrix:
    for row in rows:
        if not isinstance(row, list):
            raise MalformedResponse("not_numbers", f"{type(row).__name__} where a vector was expected")
    _check_lengths([len(row) for row in rows])
    return np.stack([vector_of(row) for row in rows])


def _fast_matrix(brackets: int, rows: Any) -> Matrix:
    """Return the numbers of simdjson arrays, through their buffers, as float64, shape (rows, dimension).

    Args:
        brackets: How often `[` occurs in the body, which is once per vector and once for their array, or more.
        rows: The vectors.

    Raises:
        _Unsure: A row is not an array, or holds something other than numbers.
        MalformedResponse: A row is empty, or lengths differ.
    """
    lengths: list[int] = []
    for row in rows:
        if not isinstance(row, simdjson.Array):
            raise _Unsure
        lengths.append(len(row))
    if not lengths:
        raise _Unsure
    dimension = _check_lengths(lengths)
    _refuse_nested(brackets, rows, len(lengths))
    try:
        if isinstance(rows, simdjson.Array):
            flat = np.frombuffer(rows.as_buffer(of_type="d"))
        else:
            flat = np.concatenate([np.frombuffer(row.as_buffer(of_type="d")) for row in rows])
    except (TypeError, ValueError):
        raise _Unsure from None
    if len(flat) != dimension * len(lengths):
        raise _Unsure
    return flat.reshape(len(lengths), dimension)


def _refuse_nested(brackets: int, rows: Any, count: int) -> None:
    """Leave arrays within a vector to the slow path: the buffer would flatten `[1, [2]]` to two numbers.

    The arrays of the body are counted. If there are more than the vectors need, for example in a list of warnings, each
    vector is checked by itself.
    """
    if brackets <= count + 1:
        return
    if any(cast("bytes", row.mini).count(b"[") != 1 for row in list(rows)):
        raise _Unsure
