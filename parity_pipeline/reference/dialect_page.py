"""The reference of dialects, from their rows: what is where, with an example of both bodies.

Here belong the tables of the embed and the retrieval dialects. The rows belong to `wire`, the bodies to `example_bodies`.
"""

import json
from collections.abc import Iterable, Mapping
from typing import Any, Final, cast

from parity_pipeline.reference import example_bodies as examples
from parity_pipeline.reference.blocks import WIDTH, table
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.retrieval_dialects import RETRIEVAL_DIALECTS, RetrievalDialect

KIND: Final = "dialects"

_KEY_CHARACTERS: Final = 16
"""Characters of a line that are kept for the key before a value, and the comma behind it."""

_BEARER: Final = "`Authorization: Bearer` with the token that `bearer_env` names"
_HEADERS: Final[Mapping[str, str]] = {
    "qdrant": "header `api-key`, in `headers`; none by default",
    "opensearch": "header `Authorization: Basic …`, in `headers`",
    "elasticsearch": "header `Authorization: ApiKey …`, in `headers`",
}
"""How servers of a dialect are usually authenticated, where that is not a bearer token."""

_LIMITS: Final[Mapping[str, str]] = {
    "openai": "; the public API takes at most 2,048 texts",
    "openai-base64": "; the public API takes at most 2,048 texts",
    "tei": "; a server takes 32 texts by default (`--max-client-batch-size`)",
    "cohere": "; the public API takes at most 96 texts",
}
"""What the servers' own documentation says of the size of a request."""


def dialect_sections(probe: str) -> str:
    """Return a section per built-in dialect of a probe, `embed` or `retrieve`."""
    if probe == "embed":
        return "\n\n".join(_embed_section(row) for row in BUILT_IN)
    return "\n\n".join(_retrieval_section(row) for row in RETRIEVAL_DIALECTS)


def _embed_section(row: Dialect) -> str:
    texts = "the whole body" if not row.texts_field else f"`{row.texts_field}`"
    form = "base64 of little-endian float32" if row.base64 else "arrays of numbers"
    facts = (
        ("path", f"`POST {row.path}`"),
        ("request: texts", f"{texts}, {'one string' if row.one_text else 'an array of strings'}"),
        ("request: model", _field(row.model_field, "none: the server has one model")),
        (
            "request: further fields",
            ", ".join(f"`{name}: {json.dumps(value)}`" for name, value in row.extra_fields.items()),
        ),
        ("response: vectors", f"{_field(row.vectors_field or None, 'the whole response')}, {form}"),
        ("response: order", _field(row.order_field, "that of the texts")),
        ("response: model", _field(row.model_echo_field, "not named")),
        ("response: dimension", _field(row.dimension_field, "not stated")),
        ("response: token usage", _field(row.usage_field, "not stated")),
        (
            "limits",
            "one text per request" if row.one_text else f"`batch_texts`, `batch_bytes`{_LIMITS.get(row.name, '')}",
        ),
        ("credentials", _HEADERS.get(row.name, _BEARER)),
    )
    return _section(row.name, facts, examples.embed_request(row), examples.embed_response(row))


def _retrieval_section(row: RetrievalDialect) -> str:
    facts = (
        ("path", f"`POST {row.path}`"),
        ("request", f"by {' or '.join(row.takes.split(', '))}"),
        ("response: results", _field(row.results_field or None, "the whole response")),
        ("response: document id, score", f"{_field(row.id_field, '')}, {_field(row.score_field, 'no score')}"),
        ("response: corpus of a result", _field(row.corpus_field, "not named")),
        ("response: metadata of a result", _field(row.metadata_field or None, "the result itself")),
        ("response: mode", _field(row.mode_field, "not named")),
        ("limits", "one query per request, `k` results"),
        ("credentials", _HEADERS.get(row.name, _BEARER)),
    )
    return _section(row.name, facts, examples.retrieval_request(row), examples.retrieval_response(row))


def _section(name: str, facts: Iterable[tuple[str, str]], request: Any, response: Any) -> str:
    rows = [[what, said] for what, said in facts if said]
    bodies = "\n\n".join(f"{what}:\n\n{_body(body)}" for what, body in (("Request", request), ("Response", response)))
    return f"### {name}\n\n{table([name, ''], rows)}\n\n{bodies}"


def _field(path: str | None, otherwise: str) -> str:
    return otherwise if path is None else f"`{path}`"


def _body(value: Any) -> str:
    """Return a body as a fenced block."""
    return f"```json\n{_laid_out(value, '')}\n```"


def _laid_out(value: Any, indent: str) -> str:
    """Return JSON on one line where that fits the page, else a line per member or element."""
    line = json.dumps(value)
    inner = f"{indent}  "
    if len(indent) + len(line) <= WIDTH - _KEY_CHARACTERS or not isinstance(value, (dict, list)):
        return line
    if isinstance(value, list):
        elements = ",\n".join(inner + _laid_out(one, inner) for one in cast("list[Any]", value))
        return f"[\n{elements}\n{indent}]"
    members = cast("dict[str, Any]", value).items()
    lines = ",\n".join(f"{inner}{json.dumps(name)}: {_laid_out(one, inner)}" for name, one in members)
    return f"{{\n{lines}\n{indent}}}"
