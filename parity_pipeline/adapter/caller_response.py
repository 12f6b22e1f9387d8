"""Responses to callers, written by the row of their dialect.

Here belongs putting vectors, model, dimension and usage where a row has them. What a row cannot hold is left out, and what
is not known, such as usage that the other side does not state, too.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import orjson

from parity_pipeline.adapter.caller_wire import CallerWire
from parity_pipeline.adapter.vectors import Buffer, Vectors
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.json_path import FieldPath

_MARK: Final = b"\x00"
"""What stands for a leaf: a byte that no JSON holds, not even within a string."""

_LEAF: Final = orjson.Fragment(_MARK)


class ResponseWriter:
    """Writes responses of one row."""

    def __init__(self, dialect: Dialect, wire: CallerWire) -> None:
        """Parse the field paths once."""
        self._dialect = dialect
        self._wire = wire
        self._vectors = FieldPath.parse(dialect.vectors_field)
        self._order = FieldPath.parse(dialect.order_field).inner if dialect.order_field else None

    def write(self, vectors: Vectors, *, model: str | None, tokens: int | None) -> bytes:
        """Return the body of a response.

        Args:
            vectors: One per text, in the order of the texts.
            model: The model by the caller's name for it; None where the caller has none.
            tokens: Tokens of all texts; None where that is not known.

        Raises:
            MalformedResponse: The row has base64, and a number is beyond float32.
        """
        leaves = self._leaves(vectors)
        if not self._dialect.vectors_field:
            return bytes(leaves[0])
        document: dict[str, Any] = dict(self._wire.constants)
        _put(document, self._vectors.outer, self._items(len(leaves)) if self._vectors.items else _LEAF)
        if self._dialect.model_echo_field and model is not None:
            _put(document, FieldPath.parse(self._dialect.model_echo_field).outer, model)
        if self._dialect.dimension_field:
            _put(document, FieldPath.parse(self._dialect.dimension_field).outer, vectors.dimension)
        if self._dialect.usage_field and tokens is not None:
            members = self._wire.usage_members
            usage = dict.fromkeys(members, tokens) if members else tokens
            _put(document, FieldPath.parse(self._dialect.usage_field).outer, usage)
        return _filled(orjson.dumps(document), leaves)

    def _leaves(self, vectors: Vectors) -> Sequence[Buffer]:
        """Return the JSON of each vector where each has a place of its own, else that of all of them as the only leaf."""
        own = self._vectors.items or self._dialect.one_text
        if self._dialect.base64:
            rows = vectors.base64_rows()
            return [orjson.dumps(row) for row in rows] if own else [orjson.dumps(rows)]
        return vectors.json_rows() if own else [vectors.json_array()]

    def _items(self, count: int) -> list[dict[str, Any]]:
        """Return the elements that hold a vector each, with a mark in its place."""
        items: list[dict[str, Any]] = []
        for index in range(count):
            item: dict[str, Any] = dict(self._wire.item_constants)
            if self._order is not None:
                _put(item, self._order, index)
            _put(item, self._vectors.inner, _LEAF)
            items.append(item)
        return items


def _filled(document: bytes, leaves: Sequence[Buffer]) -> bytes:
    """Return a document with the leaves in the place of its marks: each is copied once, straight to where it belongs."""
    between = document.split(_MARK)
    pieces: list[Buffer] = [between[0]]
    for leaf, after in zip(leaves, between[1:], strict=True):
        pieces += (leaf, after)
    return b"".join(pieces)


def tokens_in(usage: Mapping[str, int], dialect: Dialect, wire: CallerWire) -> int | None:
    """Return the number of tokens that a side's response reports; None where it reports none."""
    last = FieldPath.parse(dialect.usage_field).outer[-1:] if dialect.usage_field else ()
    return next((usage[name] for name in (*wire.usage_members, *last) if name in usage), None)


def _put(document: dict[str, Any], fields: tuple[str, ...], value: Any) -> None:
    """Set a nested field, making the objects on the way."""
    *outer, last = fields
    for name in outer:
        document = document.setdefault(name, {})
    document[last] = value
