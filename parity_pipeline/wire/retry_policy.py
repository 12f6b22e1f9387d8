"""What to do about each kind of trouble: one table, one row a kind, with the reason.

Here belong the table and the mapping from an HTTP status to a kind. Waiting and sending belong to `lane`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import RowStatus


class OnExhausted(StrEnum):
    """What to do with a batch once its retries, if any, are used up."""

    SPLIT = "split"
    """Ask for its halves, down to single texts, so that one text's trouble does not cost its neighbours."""
    GIVE_UP = "give up"
    """End all its samples the same way: the trouble says nothing about a single text."""
    STOP = "stop"
    """Stop the lane with a `GatewayError`: no request will fare better."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table.

    Attributes:
        kind: Name of the trouble, as errors and counts show it.
        attempts: Largest number of attempts; None for the side's own setting, 1 for no retry.
        then: What follows for a batch.
        ends_as: Status of a sample that is alone with this trouble, or whose batch was given up.
        reason: Why.
    """

    kind: str
    attempts: int | None
    then: OnExhausted
    ends_as: RowStatus
    reason: str


def _status(status: int, attempts: int | None, then: OnExhausted, ends_as: RowStatus, reason: str) -> Rule:
    return Rule(kind=f"http_{status}", attempts=attempts, then=then, ends_as=ends_as, reason=reason)


def _transport(kind: str, reason: str) -> Rule:
    return Rule(kind=kind, attempts=None, then=OnExhausted.GIVE_UP, ends_as=RowStatus.FAILED, reason=reason)


def _malformed(kind: str, reason: str) -> Rule:
    return Rule(kind=kind, attempts=2, then=OnExhausted.SPLIT, ends_as=RowStatus.MALFORMED, reason=reason)


_SPLIT, _GIVE_UP, _STOP = OnExhausted.SPLIT, OnExhausted.GIVE_UP, OnExhausted.STOP
_REFUSED, _FAILED = RowStatus.REFUSED, RowStatus.FAILED

RULES: Final[tuple[Rule, ...]] = (
    _status(400, 1, _SPLIT, _REFUSED, "a definite no, to one of the texts or to their number"),
    _status(401, 1, _STOP, _FAILED, "the token is missing or wrong for every request"),
    _status(403, 1, _STOP, _FAILED, "the token may not do this, whatever the text"),
    _status(404, 1, _GIVE_UP, _FAILED, "the endpoint or the model is gone; no text is to blame"),
    _status(405, 1, _GIVE_UP, _FAILED, "the endpoint is another one; no text is to blame"),
    _status(407, 1, _STOP, _FAILED, "the proxy wants credentials for every request"),
    _status(408, None, _GIVE_UP, _FAILED, "the server did not get the request in time; sending again may do"),
    _status(413, 1, _SPLIT, _REFUSED, "the body is too large; half of it may not be"),
    _status(422, 1, _SPLIT, _REFUSED, "a definite no, to one of the texts or to their number"),
    _status(424, None, _SPLIT, _REFUSED, "text-embeddings-inference says so of a failed inference; treated as a 500"),
    _status(425, None, _GIVE_UP, _FAILED, "the server asks to send again later"),
    _status(429, None, _GIVE_UP, _FAILED, "too many requests; asking later is what the status means"),
    _status(500, None, _SPLIT, _REFUSED, "may pass; if it stays, a text that breaks the server is looked for"),
    _status(501, 1, _GIVE_UP, _FAILED, "the server cannot do this at all"),
    _status(502, None, _GIVE_UP, _FAILED, "a gateway could not reach what is behind it"),
    _status(503, None, _GIVE_UP, _FAILED, "the server is overloaded or starting"),
    _status(504, None, _GIVE_UP, _FAILED, "what is behind the gateway was too slow"),
    Rule(
        kind="redirect",
        attempts=1,
        then=_GIVE_UP,
        ends_as=_FAILED,
        reason="a redirect is never followed: texts and token would go to an address nobody configured",
    ),
    Rule(kind="http_4xx", attempts=1, then=_SPLIT, ends_as=_REFUSED, reason="a definite no"),
    Rule(kind="http_other", attempts=None, then=_GIVE_UP, ends_as=_FAILED, reason="no status that settles anything"),
    _transport("connect_error", "no connection; the server may be restarting"),
    _transport("tls_error", "a certificate that is not trusted, or no TLS; the server may be about to get a new one"),
    _transport("connect_timeout", "no connection in time"),
    _transport("read_timeout", "no byte of the answer in time"),
    _transport("write_timeout", "the server took no byte of the request in time"),
    _transport("pool_timeout", "no free connection in time"),
    _transport("deadline", "the whole answer did not come in time, however steadily it trickled"),
    _transport("reset", "the connection broke"),
    _transport("truncated", "the body stopped midway"),
    _transport("protocol_error", "the answer is not HTTP"),
    _malformed("not_json", "not JSON, or JSON cut short; a text alone shows whether it stays"),
    _malformed("no_vectors_field", "JSON without vectors where the dialect has them"),
    _malformed("wrong_count", "not one vector a text: which text a vector belongs to is a guess, so none is taken"),
    _malformed("bad_order", "positions that are not 0 to n - 1 once each: which vector is whose is a guess"),
    _malformed("ragged", "vectors of different lengths in one answer"),
    _malformed("empty_vector", "a vector without numbers"),
    _malformed("not_numbers", "something else than a number or null in a vector"),
    _malformed("bad_base64", "a vector that is not base64 of whole float32 numbers"),
    _malformed("duplicate_keys", "a field that comes twice: which one counts is a guess"),
    _malformed("too_deep", "nested deeper than any answer has reason to be"),
    _malformed("too_large", "more bytes than `response_bytes` allows; the answer for fewer texts is shorter"),
    _malformed("bad_encoding", "a content encoding that was not asked for, or broken compression"),
)

_BY_KIND: Final = {rule.kind: rule for rule in RULES}


def rule_of(kind: str) -> Rule:
    """Return the row of a kind.

    Raises:
        KeyError: No row has this kind.
    """
    return _BY_KIND[kind]


def kind_of_status(status: int) -> str:
    """Return the kind of an HTTP status other than 200."""
    named = f"http_{status}"
    if named in _BY_KIND:
        return named
    if 300 <= status < 400:
        return "redirect"
    return "http_4xx" if 400 <= status < 500 else "http_other"
