"""Refusals: every way in which a caller gets no vectors, with one sentence, a kind, and the callers' own shape of an error.

    Refusal       what a caller gets instead of vectors; its kind is a key of `caller_wire.STATUSES`

Here belong the exception, the step from a side's failure to it, and its JSON. No sentence repeats a text, a token or, unless
the settings ask for it, what a side said, for a side may repeat what it was sent.
"""

import re
from collections.abc import Mapping
from dataclasses import KW_ONLY, dataclass
from typing import Any, Final, cast

import orjson

from parity_pipeline.adapter.caller_wire import CallerWire
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.retry_policy import rule_of

WRONG_MODEL: Final = "wrong_model"
"""Kind of a response that names another model than the one that was requested."""

ZERO_VECTOR: Final = "zero_vector"
"""Kind of a response with a vector that has no unit length."""

_SERVER_ERROR: Final = 500
_PLACEHOLDER: Final = re.compile(r"\{(message|type|status)\}")


def row_status(kind: str) -> RowStatus:
    """Return what a kind of failure says of a text: the kinds of `retry_policy.RULES`, and the two of this package."""
    return RowStatus.MALFORMED if kind in (WRONG_MODEL, ZERO_VECTOR) else rule_of(kind).ends_as


@dataclass(eq=False, repr=False)
class Refusal(Exception):  # noqa: N818 - what a caller gets, not a fault of this program
    """A request that gets no vectors.

    Attributes:
        kind: A key of `caller_wire.STATUSES`.
        message: One sentence for the caller.
        cause: A kind of `retry_policy.RULES` where a side failed, for metrics and logs; "" otherwise.
        side: The side that failed; None where none did.
        retry_after: Seconds that the side wants a caller to wait; None where it did not.
    """

    kind: str
    message: str
    _: KW_ONLY
    cause: str = ""
    side: Side | None = None
    retry_after: float | None = None

    def __str__(self) -> str:
        return f"{self.kind}: {self.message}"

    @property
    def headers(self) -> dict[str, str]:
        """Return the response headers of this refusal."""
        return {} if self.retry_after is None else {"retry-after": f"{self.retry_after:.0f}"}


_KINDS: Final[Mapping[str, str]] = {
    "http_401": "upstream_failed",
    "http_403": "upstream_failed",
    "http_404": "upstream_failed",
    "http_405": "upstream_failed",
    "http_407": "upstream_failed",
    "http_408": "upstream_timeout",
    "http_413": "body_too_large",
    "http_425": "overloaded",
    "http_429": "rate_limited",
    "http_503": "overloaded",
    "http_504": "upstream_timeout",
    "http_400": "refused",
    "http_422": "refused",
    "http_4xx": "refused",
    "read_timeout": "upstream_timeout",
    "write_timeout": "upstream_timeout",
    "deadline": "upstream_timeout",
    "pool_timeout": "overloaded",
}
"""Kinds of `retry_policy.RULES` to kinds of refusal; a response that holds no vectors is malformed, the rest failed."""

_CREDENTIALS: Final[Mapping[str, str]] = {"http_401": "unauthorized", "http_403": "forbidden"}
"""The same where the credentials were the caller's own."""

_SENTENCES: Final[Mapping[str, str]] = {
    "refused": "the gateway refused this request",
    "unauthorized": "the gateway does not accept these credentials",
    "forbidden": "the gateway does not allow this with these credentials",
    "body_too_large": "the request is too large for the gateway",
    "rate_limited": "the gateway receives too many requests",
    "overloaded": "the gateway is overloaded",
    "upstream_timeout": "the gateway did not respond in time",
    "upstream_malformed": "the gateway's response does not hold exactly one usable vector per text",
    "upstream_failed": "the gateway could not be used",
}


def refusal_of(error: AttemptError, side: Side, *, own_credentials: bool, words: str = "") -> Refusal:
    """Return what a caller gets for a side's failure.

    Args:
        error: The attempt that returned no vectors.
        side: The side.
        own_credentials: Whether the side got the caller's own credentials.
        words: What the side said, secrets masked, to be repeated; "" for nothing.
    """
    malformed = row_status(error.kind) is RowStatus.MALFORMED
    kind = _KINDS.get(error.kind, "upstream_malformed" if malformed else "upstream_failed")
    if own_credentials:
        kind = _CREDENTIALS.get(error.kind, kind)
    message = f"{_SENTENCES[kind]} ({error.kind})" + (f": {words}" if words else "")
    return Refusal(kind, message, cause=error.kind, side=side, retry_after=error.retry_after)


def error_body(wire: CallerWire, refusal: Refusal) -> tuple[int, bytes]:
    """Return status and JSON of a refusal in the callers' own shape."""
    status = wire.status(refusal.kind)
    type_ = wire.server_error if status >= _SERVER_ERROR else wire.client_error
    return status, orjson.dumps(_filled(wire.error_body, {"message": refusal.message, "type": type_, "status": status}))


def _filled(template: Any, values: Mapping[str, Any]) -> Any:
    """Return a JSON value with the placeholders in its strings replaced."""
    if isinstance(template, str):
        alone = _PLACEHOLDER.fullmatch(template)
        return values[alone[1]] if alone else _PLACEHOLDER.sub(lambda found: str(values[found[1]]), template)
    if isinstance(template, Mapping):
        return {key: _filled(value, values) for key, value in cast("Mapping[str, Any]", template).items()}
    if isinstance(template, list | tuple):
        return [_filled(value, values) for value in cast("list[Any]", template)]
    return template
