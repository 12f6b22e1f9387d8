"""Find and replace what a dialect's field paths name, in JSON that has been read already.

Here belongs the little that the fault proxy needs to be ignorant of dialects. Strict decoding into arrays is the
wire's affair; what does not look as the dialect says is left as it came.
"""

from typing import Any, cast

from parity_pipeline.demo.fault_scope import Rows
from parity_pipeline.wire.dialects import Dialect

Json = dict[str, Any]


def texts_of(dialect: Dialect, request: Json) -> list[str] | None:
    """Return the texts of a request; None where they are not there or not all strings."""
    found = _at(request, dialect.texts_field)
    texts: list[object] = (
        [found] if dialect.one_text else cast("list[object]", found) if isinstance(found, list) else []
    )
    return cast("list[str]", texts) if texts and all(isinstance(text, str) for text in texts) else None


def put_texts(dialect: Dialect, request: Json, texts: list[str]) -> None:
    """Replace the texts of a request in which `texts_of` found some."""
    _put(request, dialect.texts_field, texts[0] if dialect.one_text else texts)


def model_of(dialect: Dialect, request: Json) -> str | None:
    """Return the model that a request names, if any."""
    found = _at(request, dialect.model_field) if dialect.model_field else None
    return found if isinstance(found, str) else None


def put_model(dialect: Dialect, request: Json, model: str) -> None:
    """Replace the model that a request names."""
    if dialect.model_field:
        _put(request, dialect.model_field, model)


def put_echo(dialect: Dialect, response: object, model: str) -> None:
    """Replace the model that a response names, where the dialect has such a field and the response fills it."""
    if dialect.model_echo_field and isinstance(_at(response, dialect.model_echo_field), str):
        _put(cast("Json", response), dialect.model_echo_field, model)


def rows_of(dialect: Dialect, response: object) -> Rows | None:
    """Return the vectors of a response in its order; None where the dialect's field does not hold arrays."""
    outer, inner = _split(dialect.vectors_field)
    found = _at(response, outer)
    if dialect.one_text and not inner:
        found = [found]
    if not isinstance(found, list):
        return None
    rows = [_at(item, inner) for item in cast("list[object]", found)]
    return cast("Rows", rows) if all(isinstance(row, list) for row in rows) else None


def with_rows(dialect: Dialect, response: object, rows: Rows) -> object:
    """Return the response with other vectors, as many as before or fewer."""
    outer, inner = _split(dialect.vectors_field)
    if inner:
        items = cast("list[Json]", _at(response, outer))[: len(rows)]
        for item, row in zip(items, rows, strict=True):
            _put(item, inner, row)
        return _replaced(response, outer, items)
    if dialect.one_text:
        return _replaced(response, outer, rows[0] if rows else [])
    return _replaced(response, outer, rows)


def _split(path: str) -> tuple[str, str]:
    """Split `data[].embedding` into what names the array and what names the field of each element."""
    outer, _, inner = path.partition("[]")
    return outer, inner.removeprefix(".")


def _at(value: object, path: str) -> object:
    for key in path.split(".") if path else ():
        if not isinstance(value, dict):
            return None
        value = cast("Json", value).get(key)
    return value


def _put(container: Json, path: str, value: object) -> None:
    *parents, leaf = path.split(".")
    for key in parents:
        container = cast("Json", container[key])
    container[leaf] = value


def _replaced(response: object, path: str, value: object) -> object:
    if not path:
        return value
    _put(cast("Json", response), path, value)
    return response
