"""The mapping that the adapter makes, as a page for those who change callers instead of putting it in front of them.

Here belongs the page, made of the same rows and options that requests are mapped by, so that it cannot say anything else.
"""

import json
from collections.abc import Iterator
from typing import Any

from parity_pipeline.adapter.caller_request import ignored_fields
from parity_pipeline.adapter.caller_wire import CALLER_WIRES, PLAIN, STATUSES, CallerWire, names_models
from parity_pipeline.adapter.config import AdapterConfig
from parity_pipeline.adapter.refusals import Refusal, error_body
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.side_config import SideConfig

_NOTHING = "—"


def mapping_page(config: AdapterConfig) -> str:
    """Return the page as Markdown."""
    ours, theirs = config.sides[config.callers], config.sides[config.other]
    lead = (
        f"How a request to the {config.callers} gateway becomes one to the {config.other} gateway, as "
        "`parity adapter serve` does it."
    )
    return "\n".join(
        [
            f"# From {_code(ours.dialect.name)} to {_code(theirs.dialect.name)}",
            "",
            lead,
            "",
            *_requests(config, ours, theirs),
            "",
            *_models(config),
            "",
            *_responses(config, ours.dialect, theirs.dialect),
            "",
            *_errors(config),
            "",
        ]
    )


def _table(head: tuple[str, ...], rows: Iterator[tuple[str, ...]]) -> list[str]:
    return [_row(head), "|" + "---|" * len(head), *map(_row, rows)]


def _row(cells: tuple[str, ...]) -> str:
    return "| " + " | ".join(cells) + " |"


def _code(value: object) -> str:
    """Return a value as code in a table; a backtick or a bar of a name would end either."""
    text = " ".join(str(value).split()).replace("`", "'").replace("|", "\\|")
    return f"`{text}`" if text else _NOTHING


def _json(value: Any) -> str:
    return _code(json.dumps(value, ensure_ascii=False))


def _requests(config: AdapterConfig, ours: SideConfig, theirs: SideConfig) -> list[str]:
    options = config.options

    def rows() -> Iterator[tuple[str, ...]]:
        one, two = ours.dialect, theirs.dialect
        yield "address", _code(f"POST {ours.url}"), _code(f"POST {theirs.url}")
        yield "texts", _texts(one, config.wire), _texts(two, CALLER_WIRES.get(two.name, PLAIN))
        yield "model", _model(one), _model(two)
        for row in config.dialects:
            for name, value in row.extra_fields.items():
                yield "further field", f"{_code(name)}: {_json(value)}", _NOTHING
        for name, value in two.extra_fields.items():
            yield "further field", _NOTHING, f"{_code(name)}: {_json(value)}"
        for name, other in options.passed_fields.items():
            yield "passed on", _code(name), _code(other)
        for name, values in ignored_fields(options, config.wire).items():
            yield "left out", _code(name) + (f" if {', '.join(map(_json, values))}" if values else ""), _NOTHING
        for name in options.passed_headers:
            yield "header", _code(name.lower()), _code(name.lower())
        yield "texts per request", str(options.max_texts), "1" if two.one_text else str(theirs.batch_texts)
        yield "bytes per request", str(options.max_body_bytes), str(theirs.batch_bytes)

    lead = "Any further request field is refused: what has no counterpart is never left out by guess."
    return ["## Requests", "", lead, "", *_table(("", str(config.callers), str(config.other)), rows())]


def _texts(dialect: Dialect, wire: CallerWire) -> str:
    name = _code(dialect.texts_field) if dialect.texts_field else "the whole body"
    kind = "one string" if dialect.one_text else "an array of strings"
    return f"{name}, {kind}" + (", or one string" if wire.one_string else "")


def _model(dialect: Dialect) -> str:
    if dialect.model_field:
        return _code(dialect.model_field)
    return "in the path" if names_models(dialect) else "cannot be named"


def _models(config: AdapterConfig) -> list[str]:
    default = _code(config.default_model) if config.default_model else "none, such a request is refused"
    pairs = ((_code(name), _code(other)) for name, other in config.models.items())
    return [
        "## Models",
        "",
        f"The model of a request that names none: {default}. A model that is not in the table is refused.",
        "",
        *_table((str(config.callers), str(config.other)), pairs),
    ]


def _responses(config: AdapterConfig, ours: Dialect, theirs: Dialect) -> list[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for label, one, two in (
            ("vectors", ours.vectors_field or "(whole body)", theirs.vectors_field or "(whole body)"),
            ("position", ours.order_field, theirs.order_field),
            ("model", ours.model_echo_field, theirs.model_echo_field),
            ("dimension", ours.dimension_field, theirs.dimension_field),
            ("usage", ours.usage_field, theirs.usage_field),
        ):
            yield label, _code(one or ""), _code(two or "")
        yield "numbers", _numbers(ours), _numbers(theirs)

    unit = "divided by their L2 norm in float64" if config.options.normalise else "passed on as they are"
    digits = " and written with the digits of float32" if config.options.digits == "float32" else ""
    lead = f"Vectors are {unit}{digits}. The order is that of the texts."
    return ["## Responses", "", lead, "", *_table(("", str(config.callers), str(config.other)), rows())]


def _numbers(dialect: Dialect) -> str:
    return "base64 of little-endian float32" if dialect.base64 else "JSON numbers"


def _errors(config: AdapterConfig) -> list[str]:
    def rows() -> Iterator[tuple[str, ...]]:
        for kind in STATUSES:
            status, body = error_body(config.wire, Refusal(kind, "…"))
            yield kind.replace("_", " "), str(status), _code(body.decode())

    return ["## Errors", "", *_table(("kind", "status", "body"), rows())]
