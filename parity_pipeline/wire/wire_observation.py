"""What a side's responses look like: fields, types, number format, the server's software.

Here belong observations of one real response for the catalogue of wire drift. Nothing here affects a row.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import simdjson

from parity_pipeline.core.wire_drift import NOT_OBSERVED, WireObservation
from parity_pipeline.wire.decode import load_slowly
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.json_path import FieldPath, is_array, is_object

SERVER_HEADERS: Final = ("server", "via", "x-powered-by", "x-served-by", "x-model-version", "x-version")
_DIGITS_READ: Final = 262_144
_FLOAT32_DIGITS: Final = 9
_WHOLE_BODY: Final = "(whole answer)"
_NUMBER = re.compile(rb"-?(\d+)(?:\.(\d+))?(?:[eE][+-]?\d+)?")


def observe(
    dialect: Dialect,
    request_fields: Sequence[str],
    body: bytes | bytearray,
    dimension: int,
    *,
    hide: Callable[[str], str],
) -> WireObservation:
    """Return what one response with vectors looks like; the default model is left unobserved.

    Args:
        dialect: The dialect of the request.
        request_fields: Fields that were sent.
        body: The body of the response.
        dimension: Length of its vectors.
        hide: Masks the secrets of a side; called before anything is cut.
    """
    path = f"POST {dialect.path}"
    try:
        document = _document(body)
    except MalformedResponse:
        return WireObservation(method_and_path=path, request_fields=tuple(request_fields), dimension=dimension)
    members = document if is_object(document) else {_WHOLE_BODY: document}
    read = _fields_read(dialect)
    named = {one_line(hide(name))[:80]: type_name(value) for name, value in members.items()}
    typed = {name: f"{name}: {kind}" for name, kind in named.items()}
    return WireObservation(
        method_and_path=path,
        request_fields=tuple(request_fields),
        response_fields=tuple(sorted(typed.values())),
        unknown_fields=tuple(sorted(text for name, text in typed.items() if name not in read)),
        number_format="base64 of float32" if dialect.base64 else number_format(_vector_text(body)),
        dimension=dimension,
        usage_fields=_usage_fields(dialect, document, hide),
        declared_dimension=_declared(dialect, document),
    )


def _document(body: bytes | bytearray) -> Any:
    """Return the parsed body, if possible without making an object of each number.

    Raises:
        MalformedResponse: It is not valid JSON.
    """
    try:
        return simdjson.Parser().parse(body)
    except (ValueError, RuntimeError):
        return load_slowly(body)


def _fields_read(dialect: Dialect) -> set[str]:
    paths = (dialect.vectors_field, dialect.model_echo_field, dialect.dimension_field, dialect.usage_field)
    roots = {FieldPath.parse(path).outer[:1] for path in paths if path is not None}
    return {root[0] if root else _WHOLE_BODY for root in roots}


def _declared(dialect: Dialect, document: Any) -> int:
    """Return the dimension that a response states; 0 where it states none that is a whole number above 0."""
    if dialect.dimension_field is None:
        return 0
    try:
        value = FieldPath.parse(dialect.dimension_field).find(document)
    except MalformedResponse:
        return 0
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _usage_fields(dialect: Dialect, document: Any, hide: Callable[[str], str]) -> tuple[str, ...]:
    if dialect.usage_field is None:
        return ()
    usage = FieldPath.parse(dialect.usage_field).find(document)
    if is_object(usage):
        return tuple(sorted(one_line(hide(str(name))) for name in usage))
    return (dialect.usage_field,) if isinstance(usage, int) else ()


def type_name(value: Any) -> str:
    """Return the JSON type of a value, such as `array of number`."""
    if is_array(value):
        return f"array of {type_name(value[0])}" if len(value) else "array"
    names = {bool: "boolean", str: "string", int: "number", float: "number", type(None): "null"}
    return names.get(type(value), "object")


def _vector_text(body: bytes | bytearray) -> bytes:
    """Return the text of the first vector, found as the first array of the body that begins with a number."""
    found = re.search(rb"\[\s*(-?\d[^\[\]\"{}]*)", body[:_DIGITS_READ])
    return found.group(1) if found else b""


def number_format(text: bytes) -> str:
    """Return the precision of the numbers: `float64 digits`, `float32 digits` or `integers`.

    Nine significant digits distinguish any two float32; a writer that uses more than that writes float64.
    """
    numbers = list(_NUMBER.finditer(text))
    if not numbers:
        return NOT_OBSERVED
    if not any(match.group(2) or b"e" in match.group().lower() for match in numbers):
        return "integers"
    digits = max(len((match.group(1) + (match.group(2) or b"")).strip(b"0")) for match in numbers)
    return "float64 digits" if digits > _FLOAT32_DIGITS else "float32 digits"


def software(headers: Mapping[str, str], hide: Callable[[str], str], version: str | None = None) -> dict[str, str]:
    """Return the response headers that name the server's software, and the one that states its version, if any.

    `hide` masks secrets before anything is cut.
    """
    names = SERVER_HEADERS if version is None else (*SERVER_HEADERS, version)
    return {name: one_line(hide(headers[name]))[:200] for name in names if name in headers}
