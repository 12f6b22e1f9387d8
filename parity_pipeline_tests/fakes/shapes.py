"""JSON shapes of fake gateways: a request read and a response written as any row of the dialect table says.

Here belongs the server's half of a dialect, written apart from `parity_pipeline.wire` on purpose: a mistake of the
client must not be made twice. Which vectors are returned belongs to `gateways` and `replay_gateway`.
"""

import base64
from collections.abc import Sequence
from typing import Any, cast

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.wire.dialects import BUILT_IN, Dialect

Vector = NDArray[np.float32]


class BadRequestError(Exception):
    """A request body that is not of the dialect's shape."""


def dialect_named(name: str | Dialect) -> Dialect:
    """Return the built-in dialect of a name; a row of one's own passes through."""
    if isinstance(name, Dialect):
        return name
    return next(row for row in BUILT_IN if row.name == name)


def read_request(dialect: Dialect, body: bytes) -> tuple[list[str], str | None]:
    """Return the texts and the model that a request asks for; the model is None where none is named.

    Raises:
        BadRequestError: The body is not a JSON object, or its texts are not the strings that the dialect sends.
    """
    try:
        value = orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise BadRequestError("the body is not JSON") from error
    texts = _take(value, dialect.texts_field)
    texts = [texts] if dialect.one_text else texts
    if not isinstance(texts, list) or not all(isinstance(text, str) for text in cast("list[Any]", texts)):
        raise BadRequestError(f"{dialect.texts_field} is not what this endpoint takes")
    model = _take(value, dialect.model_field) if dialect.model_field else None
    if model is not None and not isinstance(model, str):
        raise BadRequestError(f"{dialect.model_field} is not a string")
    return cast("list[str]", texts), model


def write_response(dialect: Dialect, vectors: Sequence[Vector], model: str, *, float64_digits: bool) -> bytes:
    """Return the body of the response.

    Args:
        dialect: The shape.
        vectors: float32, one per text; a NaN or an infinity is written as null.
        model: The model to echo, where the dialect has a field for it.
        float64_digits: Write all the digits that the float32 value has as a float64, as a server in Rust does.
    """
    leaves = [_leaf(dialect, vector, float64_digits=float64_digits) for vector in vectors]
    if not dialect.vectors_field:
        return _dump(leaves)
    body: dict[str, Any] = {}
    alone = dialect.one_text and "[]" not in dialect.vectors_field
    _put(body, dialect.vectors_field, leaves[0] if alone else leaves)
    if dialect.order_field:
        _put(body, dialect.order_field, list(range(len(leaves))))
    if dialect.model_echo_field:
        _put(body, dialect.model_echo_field, model)
    if dialect.dimension_field:
        _put(body, dialect.dimension_field, len(vectors[0]) if vectors else 0)
    if dialect.usage_field:
        _put(body, dialect.usage_field, {"prompt_tokens": len(leaves), "total_tokens": len(leaves)})
    return _dump(body)


def _leaf(dialect: Dialect, vector: Vector, *, float64_digits: bool) -> Any:
    if dialect.base64:
        return base64.b64encode(vector.astype("<f4").tobytes()).decode()
    return np.ascontiguousarray(vector, np.float64 if float64_digits else np.float32)


def _dump(value: Any) -> bytes:
    return orjson.dumps(value, option=orjson.OPT_SERIALIZE_NUMPY)


def _take(value: Any, path: str) -> Any:
    """Return what stands at a dotted path of a request, None where nothing does."""
    for name in path.split("."):
        if not isinstance(value, dict):
            raise BadRequestError("the body is not the object that this endpoint takes")
        value = cast("dict[str, Any]", value).get(name)
    return value


def _put(into: dict[str, Any], path: str, value: Any) -> None:
    """Set a field path; behind `[]` the value is a list with one entry for each element."""
    head, each, tail = path.partition("[]")
    *parents, last = head.split(".")
    for name in parents:
        into = into.setdefault(name, {})
    if not each or not tail:
        into[last] = value
        return
    items: list[dict[str, Any]] = into.setdefault(last, [{} for _ in value])
    for item, entry in zip(items, value, strict=True):
        _put(item, tail.removeprefix("."), entry)
