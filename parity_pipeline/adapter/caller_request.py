"""Callers' requests, read by the rows of their dialect: which texts, which model, which further fields.

Here belongs the strict reading of a request. What has no counterpart on the other side is refused by name and never left out
by guess: a field that was dropped, such as `dimensions`, would change vectors without anyone noticing.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final, cast
from urllib.parse import parse_qsl, unquote

from parity_pipeline.adapter.caller_wire import CallerWire
from parity_pipeline.adapter.config import CallerOptions
from parity_pipeline.adapter.refusals import Refusal
from parity_pipeline.wire.decode import load_slowly
from parity_pipeline.wire.dialects import MODEL_IN_PATH, Dialect
from parity_pipeline.wire.gateway_errors import MalformedResponse
from parity_pipeline.wire.json_path import Repeated

_NAME_SHOWN: Final = 40
"""Characters of an unknown field's name that a refusal repeats."""


@dataclass(frozen=True, slots=True)
class CallerRequest:
    """What a caller asks for.

    Attributes:
        texts: The texts, one or more; may hold lone surrogates.
        model: The model by the caller's name for it; None where none is named.
        dialect: The row of the callers' dialect that the response has to follow.
        passed: Fields for the other side, by its names for them.
    """

    texts: Sequence[str]
    model: str | None
    dialect: Dialect
    passed: Mapping[str, Any]


class CallerPath:
    """The path of a dialect, as a pattern that finds the model in it."""

    def __init__(self, path: str) -> None:
        """Compile the path of a dialect, which may hold `{model}` and a query."""
        bare, _, query = path.partition("?")
        self._pattern = re.compile(re.escape(bare).replace(re.escape(MODEL_IN_PATH), "(?P<model>.+)"))
        self._query = dict(parse_qsl(query, keep_blank_values=True))

    def model(self, path: str, query: str) -> tuple[bool, str | None]:
        """Return whether a request is to this path, and the model that it names there.

        Args:
            path: The path as it was sent, percent-encoded.
            query: The query as it was sent.
        """
        found = self._pattern.fullmatch(path)
        if found is None:
            return False, None
        model = unquote(found["model"]) if "model" in found.groupdict() else None
        if not self._query:
            return not query, model
        sent = parse_qsl(query, keep_blank_values=True)
        if len(sent) != len(self._query) or set(dict(sent)) != set(self._query):
            return False, None
        for name, value in sent:
            if self._query[name] == MODEL_IN_PATH:
                model = value
            elif self._query[name] != value:
                return False, None
        return True, model


class RequestReader:
    """Reads the bodies of callers."""

    def __init__(self, dialects: Sequence[Dialect], options: CallerOptions, wire: CallerWire) -> None:
        """Keep the rows of the callers' dialect, the first one for requests without further fields that set them apart."""
        self._dialects = dialects
        self._options = options
        self._one_string = wire.one_string if options.one_string is None else options.one_string
        self._ignored = ignored_fields(options, wire)

    def read(self, body: bytes, path_model: str | None) -> CallerRequest:
        """Return what a caller asks for.

        Args:
            body: The request body.
            path_model: The model that the path names; None where it names none.

        Raises:
            Refusal: The body is not of the callers' dialect, or holds what has no counterpart on the other side.
        """
        try:
            document = load_slowly(body)
        except MalformedResponse as error:
            words = "nested too deep" if error.kind == "too_deep" else "not valid JSON"
            raise Refusal("bad_request", f"the body is {words}") from None
        first = self._dialects[0]
        if not first.texts_field:
            return CallerRequest(self._texts(first, document), path_model, first, {})
        if isinstance(document, Repeated):
            raise Refusal("bad_request", "the body has a field twice")
        if not isinstance(document, dict):
            raise Refusal("bad_request", "the body is not a JSON object")
        fields = dict(cast("dict[str, Any]", document))
        if first.texts_field not in fields:
            raise Refusal("bad_request", f"the field `{first.texts_field}` is missing")
        texts = self._texts(first, fields.pop(first.texts_field))
        model = self._model(fields, path_model)
        passed = self._passed(fields)
        return CallerRequest(texts, model, self._row(fields), passed)

    def _texts(self, dialect: Dialect, value: Any) -> list[str]:
        name = f"`{dialect.texts_field}`" if dialect.texts_field else "the body"
        if dialect.one_text or (self._one_string and isinstance(value, str)):
            value = [value]
        if not isinstance(value, list):
            raise Refusal("bad_request", f"{name} is not an array of strings")
        items = cast("list[Any]", value)
        if not items:
            raise Refusal("bad_request", f"{name} is empty")
        if len(items) > self._options.max_texts:
            message = f"{name} has {len(items)} texts, the limit is {self._options.max_texts}"
            raise Refusal("too_many_texts", message)
        for index, item in enumerate(items):
            if not isinstance(item, str):
                raise Refusal("bad_request", f"{name} holds something other than a string at position {index}")
        return items

    def _model(self, fields: dict[str, Any], path_model: str | None) -> str | None:
        name = self._dialects[0].model_field
        value = fields.pop(name, None) if name else None
        if value is None:
            return path_model
        if not isinstance(value, str):
            raise Refusal("bad_request", f"the field `{name}` is not a string")
        if path_model is not None and path_model != value:
            raise Refusal("bad_request", "the path and the body name two models")
        return value

    def _passed(self, fields: dict[str, Any]) -> dict[str, Any]:
        """Take the fields that are passed on or ignored out of `fields`, and return the former by their new names."""
        found: dict[str, Any] = {}
        for name, other in self._options.passed_fields.items():
            if name in fields:
                found[other] = fields.pop(name)
        for name, values in self._ignored.items():
            if name in fields and (not values or any(_same(fields[name], one) for one in values)):
                del fields[name]
        return found

    def _row(self, fields: Mapping[str, Any]) -> Dialect:
        """Return the row whose further fields are exactly those that are left."""
        for row in self._dialects:
            if dict(row.extra_fields) == fields:
                return row
        known = {name for row in self._dialects for name in row.extra_fields}
        unknown = [name for name in fields if name not in known]
        name = (unknown or list(fields) or sorted(known))[0]
        shown = name[:_NAME_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
        if unknown:
            raise Refusal("bad_request", f"the field `{shown}` has no counterpart at the gateway")
        raise Refusal("bad_request", f"the field `{shown}` has a value that this endpoint does not support")


def _same(one: Any, two: Any) -> bool:
    """Return whether two JSON values are the same; Python takes true for 1."""
    return type(one) is type(two) and one == two


def ignored_fields(options: CallerOptions, wire: CallerWire) -> dict[str, tuple[Any, ...]]:
    """Return the request fields that are left out, each with the values for which that is right; none mean any."""
    found: dict[str, tuple[Any, ...]] = {name: (value,) for name, value in wire.defaults.items()}
    for name, values in options.ignored_fields.items():
        found[name] = (*values, *found.get(name, ())) if values else ()
    return found


def rows_of_callers(own: Dialect, others: Sequence[Dialect]) -> tuple[Dialect, ...]:
    """Return the rows that callers of a dialect may follow: its own, and others that differ in their further fields alone.

    The OpenAI client for Python asks for base64 by default, so that its requests follow another row than
    the one a probe of the same gateway uses.
    """
    return (
        own,
        *(
            row
            for row in others
            if row.extra_fields != own.extra_fields
            and replace(row, name=own.name, extra_fields=own.extra_fields, base64=own.base64) == own
        ),
    )
