"""Responses to callers, written by the row of their dialect.

Here belongs putting vectors, model, dimension and usage where a row has them. What a row cannot hold is left out, and what
is not known, such as usage that the other side does not state, too.
"""

from collections.abc import Mapping
from typing import Any

import orjson

from parity_pipeline.adapter.caller_wire import CallerWire
from parity_pipeline.adapter.vectors import Vectors
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.json_path import FieldPath

_KEEP = orjson.OPT_SERIALIZE_NUMPY


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
        content = self._content(vectors)
        if not self._dialect.vectors_field:
            return content
        document: dict[str, Any] = dict(self._wire.constants)
        _put(document, self._vectors.outer, orjson.Fragment(content))
        if self._dialect.model_echo_field and model is not None:
            _put(document, FieldPath.parse(self._dialect.model_echo_field).outer, model)
        if self._dialect.dimension_field:
            _put(document, FieldPath.parse(self._dialect.dimension_field).outer, vectors.dimension)
        if self._dialect.usage_field and tokens is not None:
            members = self._wire.usage_members
            usage = dict.fromkeys(members, tokens) if members else tokens
            _put(document, FieldPath.parse(self._dialect.usage_field).outer, usage)
        return orjson.dumps(document, option=_KEEP)

    def _content(self, vectors: Vectors) -> bytes:
        """Return what is at the row's vectors field, as JSON."""
        if self._vectors.items:
            return self._items(vectors)
        if self._dialect.base64:
            rows: Any = vectors.base64_rows()
            return orjson.dumps(rows[0] if self._dialect.one_text else rows)
        return vectors.json_rows()[0] if self._dialect.one_text else vectors.json_array()

    def _items(self, vectors: Vectors) -> bytes:
        leaves: list[Any] = (
            list(vectors.base64_rows())
            if self._dialect.base64
            else [orjson.Fragment(row) for row in vectors.json_rows()]
        )
        items: list[dict[str, Any]] = []
        for index, leaf in enumerate(leaves):
            item: dict[str, Any] = dict(self._wire.item_constants)
            if self._order is not None:
                _put(item, self._order, index)
            _put(item, self._vectors.inner, leaf)
            items.append(item)
        return orjson.dumps(items)


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
