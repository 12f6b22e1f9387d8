"""What is said of a key or value of the settings that cannot be used: one line, what is wrong and what to do.

Here belong these sentences, by the type of error that pydantic gives, and what a misspelt key was meant to be. No sentence of
pydantic's reaches a person, and no value that may be a secret. Where the file is and how it is read belongs to `loading`.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Final, cast

from parity_pipeline.core.suggestions import did_you_mean

UNKNOWN_KEY: Final = "unknown key"

SECRET_KEYS: Final = ("headers", "env", "bearer_env", "token_env", "tokens", "proxy", "channels")
"""Keys whose values are not shown: a person may have written the token itself."""

_LIST: Final = "expected a list; write it as [a, b]"
_MAPPING: Final = "expected a YAML mapping; write key: value on lines below it"
_TEXT: Final = "expected text; write it in quotes"
_WHOLE: Final = "expected a whole number; write one, such as 8"
_NUMBER: Final = "expected a number; write one, such as 0.5"
_TRUTH: Final = "expected true or false; write one of them"
_DATE: Final = "expected a date; write it as YYYY-MM-DD, such as 2026-05-04"

_WORDS: Final[Mapping[str, str]] = {
    "missing": "missing key; add it",
    "model_type": _MAPPING,
    "dict_type": _MAPPING,
    "list_type": _LIST,
    "tuple_type": _LIST,
    "string_type": _TEXT,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "int_parsing_size": _WHOLE,
    "float_type": _NUMBER,
    "float_parsing": _NUMBER,
    "finite_number": _NUMBER,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "path_type": "expected a path; write it in quotes",
    "greater_than": "must be more than {gt}; raise it",
    "greater_than_equal": "must be at least {ge}; raise it",
    "less_than": "must be less than {lt}; lower it",
    "less_than_equal": "must be at most {le}; lower it",
    "too_short": "must name at least {min_length}; add to it, or remove the key",
    "string_too_short": "is empty; write a value, or remove the key",
    "string_too_long": "has more than {max_length} characters; shorten it",
    "literal_error": "is not one of its values; use {expected}",
    "enum": "is not one of its values; use {expected}",
}
"""Sentences by pydantic's type of error; what is in braces is taken from its context."""

_VARIABLE: Final = (
    "must be the name of an environment variable, and not the token; export the token, and write its variable's name"
)
_PATTERNS: Final[Mapping[str, str]] = {
    "bearer_env": _VARIABLE,
    "token_env": _VARIABLE,
    "tokens": _VARIABLE,
    "owners": "is neither a team nor an e-mail address; write team:name or name@example.com",
    "name": "may have letters, digits, dots, dashes and underscores, and begins with a letter or digit; rename it",
    "path": "must begin with a slash; write it as /path",
    "request_id_header": "is not the name of an HTTP header; write one, such as X-Request-ID",
}
"""Sentences for a text of the wrong form, by the last named key."""

_OTHERWISE: Final = "cannot be used; docs/settings.md shows its form"


def fault_line(
    error: Mapping[str, Any], content: Mapping[str, Any], schema: Callable[[], Mapping[str, Any]], variable: str = ""
) -> str:
    """Return one line: key, value where it may be shown, what is wrong and what to do.

    Args:
        error: One of pydantic's `ValidationError.errors()`.
        content: What was validated.
        schema: Returns the JSON schema of the settings, for names of keys; called for an unknown key alone.
        variable: Environment variable that has set the key; "" where the file has.
    """
    place: Sequence[int | str] = error["loc"]
    kind, words = str(error["type"]), _words(error)
    name = dotted(place) + (f" (set by {variable})" if variable else "")
    if kind == "extra_forbidden":
        near = did_you_mean(str(place[-1]), keys_at(schema(), place[:-1]))
        return f"{name}: {UNKNOWN_KEY}; {near or 'check its spelling'}"
    if kind == "value_error":
        # Of the whole file: the message itself begins with the key.
        return f"{name}: {words}" if place else words
    value = value_at(content, place)
    hidden = any(part in SECRET_KEYS for part in place)
    shown = f" (is {value!r})" if isinstance(value, str | int | float | bool) and not hidden else ""
    return f"{name}{shown}: {words}"


def dotted(place: Sequence[int | str]) -> str:
    """Return a place as the documentation writes it, such as `sides.legacy.services.0.name`."""
    return ".".join(str(part) for part in place) or "settings"


def _words(error: Mapping[str, Any]) -> str:
    kind, context = str(error["type"]), dict(error.get("ctx") or {})
    if kind == "value_error":
        return str(error["msg"]).removeprefix("Value error, ")
    if kind == "string_pattern_mismatch":
        named = [part for part in error["loc"] if isinstance(part, str)]
        return next((_PATTERNS[part] for part in reversed(named) if part in _PATTERNS), _OTHERWISE)
    if kind.startswith("date"):
        return _DATE
    if kind in ("literal_error", "enum"):
        expected = [one.strip("'") for one in str(context.get("expected", "")).replace(" or ", ", ").split(", ")]
        return f"is not one of its values; {did_you_mean(str(error.get('input', '')), expected)}"
    numbers = {name: f"{value:g}" for name, value in context.items() if isinstance(value, int | float)}
    return _WORDS.get(kind, _OTHERWISE).format(**context | numbers)


def value_at(content: Any, place: Sequence[int | str]) -> Any:
    """Return the value at a place in nested mappings and lists; None where there is none."""
    value = content
    for part in place:
        if isinstance(value, dict):
            value = cast("dict[Any, Any]", value).get(part)
        elif isinstance(value, list) and isinstance(part, int) and part < len(cast("list[Any]", value)):
            value = cast("list[Any]", value)[part]
        else:
            return None
    return value


def keys_at(schema: Mapping[str, Any], place: Sequence[int | str]) -> list[str]:
    """Return the names of the keys that a place of the settings can have.

    Args:
        schema: A JSON schema, with `$defs`.
        place: Keys and positions from the top.
    """
    found = [schema]
    for part in place:
        found = [below for one in found for below in _below(one, part, schema)]
    return [name for one in found for name in one.get("properties", {})]


def _below(node: Mapping[str, Any], part: int | str, schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the schemas of what may be below one, references and alternatives resolved."""
    if isinstance(part, int):
        children = [*node.get("prefixItems", []), node.get("items")]
    else:
        children = [node.get("properties", {}).get(part) or node.get("additionalProperties")]
    for child in children:
        if isinstance(child, dict):
            yield from _resolved(cast("dict[str, Any]", child), schema)


def _resolved(node: Mapping[str, Any], schema: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    if "$ref" in node:
        yield from _resolved(schema["$defs"][str(node["$ref"]).rpartition("/")[2]], schema)
        return
    alternatives = [*node.get("anyOf", []), *node.get("oneOf", []), *node.get("allOf", [])]
    for one in alternatives:
        yield from _resolved(one, schema)
    if not alternatives:
        yield node
