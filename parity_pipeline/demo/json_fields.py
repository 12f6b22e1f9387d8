"""Find and replace what a dialect's field paths name, in JSON that has been read already.

Here belongs the little that the fault proxy needs to be ignorant of dialects. Strict decoding into arrays is the
wire's affair; what does not look as the dialect says is left as it came.
"""

from collections.abc import Sequence
from typing import Any, cast

from parity_pipeline.demo.fault_scope import Rows
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.json_path import FieldPath

Json = dict[str, Any]


def texts_of(dialect: Dialect, request: Json) -> list[str] | None:
    """Return the texts of a request; None where they are not there or not all strings."""
    found = _at(request, dialect.texts_field)
    texts: list[object] = [found] if dialect.one_text else found if isinstance(found, list) else []
    return cast("list[str]", texts) if texts and all(isinstance(text, str) for text in texts) else None


def put_texts(dialect: Dialect, request: Json, texts: list[str]) -> None:
    """Replace the texts of a request in which `texts_of` found some."""
    _put(request, dialect.texts_field.split("."), texts[0] if dialect.one_text else texts)


def model_of(dialect: Dialect, request: Json) -> str | None:
    """Return the model that a request names, if any."""
    found = _at(request, dialect.model_field) if dialect.model_field else None
    return found if isinstance(found, str) else None


def put_model(dialect: Dialect, request: Json, model: str) -> None:
    """Replace the model that a request names."""
    if dialect.model_field:
        _put(request, dialect.model_field.split("."), model)


def put_echo(dialect: Dialect, response: object, model: str) -> None:
    """Replace the model that a response names, where the dialect has such a field and the response fills it."""
    if dialect.model_echo_field and isinstance(_at(response, dialect.model_echo_field), str):
        _put(response, dialect.model_echo_field.split("."), model)


def rows_of(dialect: Dialect, response: object) -> Rows | None:
    """Return the vectors of a response in its order; None where the dialect's field does not hold arrays."""
    path = FieldPath.parse(dialect.vectors_field)
    found = path.find(response)
    if dialect.one_text and not path.items:
        found = [found]
    if not isinstance(found, list):
        return None
    rows = [path.find_in(item) for item in cast("list[object]", found)]
    return rows if all(isinstance(row, list) for row in rows) else None


def with_rows(dialect: Dialect, response: object, rows: Rows) -> object:
    """Return the response with other vectors, as many as before or fewer."""
    path = FieldPath.parse(dialect.vectors_field)
    value: object = (rows[0] if rows else []) if dialect.one_text else rows
    if path.items:
        value = items = path.find(response)[: len(rows)]
        for item, row in zip(items, rows, strict=True):
            _put(item, path.inner, row)
    if not path.outer:
        return value
    _put(response, path.outer, value)
    return response


def _at(value: object, path: str) -> Any:
    return FieldPath.parse(path).find(value)


def _put(container: Any, fields: Sequence[str], value: object) -> None:
    for key in fields[:-1]:
        container = container[key]
    container[fields[-1]] = value
