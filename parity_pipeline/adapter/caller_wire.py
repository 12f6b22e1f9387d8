"""What callers of a dialect see beyond its row: errors, statuses, and fields that are always the same, as rows of data.

Here belong the record and a row for each built-in dialect. The row of a dialect itself, which the probe sends requests by,
is in `wire.dialects`; writing an error by a row belongs to `refusals`, a response to `caller_response`.

Sources: the API references of OpenAI (errors, embeddings), Ollama (embed), Cohere (embed v2), and the OpenAPI document of
text-embeddings-inference; the rows `rust` and `go` are those of the gateways this product was written for.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Final

from parity_pipeline.wire.dialects import MODEL_IN_PATH, Dialect

STATUSES: Final[Mapping[str, int]] = MappingProxyType(
    {
        "bad_request": 400,
        "refused": 400,
        "unauthorized": 401,
        "forbidden": 403,
        "not_found": 404,
        "unknown_model": 404,
        "method_not_allowed": 405,
        "slow_request": 408,
        "body_too_large": 413,
        "too_many_texts": 413,
        "rate_limited": 429,
        "internal": 500,
        "upstream_failed": 502,
        "upstream_malformed": 502,
        "overloaded": 503,
        "upstream_timeout": 504,
    }
)
"""HTTP status of each kind of refusal, unless a row says otherwise."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CallerWire:
    """What callers of a dialect see beyond its row.

    Attributes:
        error_body: JSON of an error; `{message}`, `{type}` and `{status}` in its strings are filled in, and a string that
            is `{status}` alone becomes the number.
        client_error: `{type}` of an error that the caller can do something about.
        server_error: `{type}` of any other.
        statuses: HTTP statuses by kind of refusal that differ from `STATUSES`.
        constants: Further response fields, always the same.
        item_constants: Further fields of each element that holds a vector.
        usage_members: Members of the usage field that hold the number of tokens; empty where it is that number itself.
        one_string: A single string is accepted in place of a list of texts.
        defaults: Request fields with the value that leaving them out has, by the API's own reference.
    """

    error_body: Any = field(default_factory=lambda: {"error": "{message}"})
    client_error: str = "invalid_request"
    server_error: str = "server_error"
    statuses: Mapping[str, int] = field(default_factory=dict[str, int])
    constants: Mapping[str, Any] = field(default_factory=dict[str, Any])
    item_constants: Mapping[str, Any] = field(default_factory=dict[str, Any])
    usage_members: tuple[str, ...] = ()
    one_string: bool = False
    defaults: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def status(self, kind: str) -> int:
        """Return the HTTP status of a kind of refusal."""
        return self.statuses.get(kind, STATUSES[kind])


PLAIN: Final = CallerWire()
"""For a dialect without a row: `{"error": message}` with the usual statuses."""

_OPENAI: Final = CallerWire(
    error_body={"error": {"message": "{message}", "type": "{type}", "param": None, "code": None}},
    client_error="invalid_request_error",
    constants={"object": "list"},
    item_constants={"object": "embedding"},
    usage_members=("prompt_tokens", "total_tokens"),
    one_string=True,
    defaults={"encoding_format": "float"},
)

CALLER_WIRES: Final[Mapping[str, CallerWire]] = MappingProxyType(
    {
        "rust": PLAIN,
        "go": PLAIN,
        "openai": _OPENAI,
        "openai-base64": _OPENAI,
        "ollama": CallerWire(one_string=True, defaults={"truncate": True}),
        "ollama-legacy": PLAIN,
        "tei": CallerWire(
            error_body={"error": "{message}", "error_type": "{type}"},
            client_error="Validation",
            server_error="Backend",
            statuses={"bad_request": 422, "refused": 422, "unknown_model": 422, "too_many_texts": 422},
            one_string=True,
            defaults={"normalize": True, "truncate": False},
        ),
        "cohere": CallerWire(error_body={"message": "{message}"}, usage_members=("input_tokens",)),
    }
)
"""By name of the dialect."""


def names_models(dialect: Dialect) -> bool:
    """Return whether a request of a dialect says which model is wanted."""
    return dialect.model_field is not None or MODEL_IN_PATH in dialect.path
