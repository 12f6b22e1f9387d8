"""Field paths: where a value is in a response, such as `data[].embedding`.

Here belong parsing a path and walking it, over simdjson's values as well as over those of `json_fallback`.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final

import simdjson

from parity_pipeline.wire.gateway_errors import MalformedResponse

MISSING: Final = object()
_SHOWN_FIELDS: Final = 12


class Repeated(dict[str, Any]):
    """An object with duplicate keys."""


def is_array(value: object) -> bool:
    """Return whether a value is a JSON array."""
    return isinstance(value, (list, simdjson.Array))


def is_object(value: object) -> bool:
    """Return whether a value is a JSON object."""
    return isinstance(value, (dict, simdjson.Object))


@dataclass(frozen=True, slots=True)
class FieldPath:
    """A parsed path.

    Attributes:
        outer: Fields from the root down to an array or value.
        items: The rest applies to each element of that array.
        inner: Fields from an element down.
    """

    outer: tuple[str, ...]
    items: bool
    inner: tuple[str, ...]

    @classmethod
    def parse(cls, text: str) -> "FieldPath":
        """Parse a path such as `embeddings.float` or `data[].embedding`; "" is the root itself."""
        outer, mark, inner = text.partition("[]")
        inner = inner.strip(".")
        return cls(_fields(outer), bool(mark and inner), _fields(inner))

    def find(self, document: Any) -> Any:
        """Return the value at the outer part, or MISSING.

        Raises:
            MalformedResponse: An object on the way has duplicate keys.
        """
        return _walk(document, self.outer)

    def find_in(self, item: Any) -> Any:
        """Return the value at the inner part of one element, or MISSING.

        Raises:
            MalformedResponse: An object on the way has duplicate keys.
        """
        return _walk(item, self.inner)


def _fields(text: str) -> tuple[str, ...]:
    return tuple(part for part in text.split(".") if part)


def _walk(value: Any, fields: Iterable[str]) -> Any:
    for name in fields:
        if not is_object(value):
            return MISSING
        keys = list(value.keys())
        if isinstance(value, Repeated) or len(set(keys)) != len(keys):
            raise MalformedResponse("duplicate_keys", f"a field occurs twice beside {name!r}")
        if name not in keys:
            return MISSING
        value = value[name]
    if isinstance(value, Repeated):
        raise MalformedResponse("duplicate_keys", "a field occurs twice")
    return value


def describe_fields(document: Any) -> str:
    """Describe a response for a person who wonders why it holds no vectors."""
    if is_object(document):
        names = [str(name)[:40] for name in document.keys()]  # noqa: SIM118 - simdjson objects iterate over keys alike
        shown = ", ".join(names[:_SHOWN_FIELDS]) + (" …" if len(names) > _SHOWN_FIELDS else "")
        return f"the response has the fields {shown}" if names else "the response is an empty object"
    if is_array(document):
        return f"the response is an array of {len(document)}"
    return f"the response is {str(document)[:60]!r}"
