"""What to do about each kind of error: one table, one row per kind, with the reason.

Here belong the table and the mapping from an HTTP status to a kind. Waiting and sending belong to `batch_fetcher`.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import RowStatus


class OnExhausted(StrEnum):
    """What to do with a batch once its retries, if any, are used up."""

    SPLIT = "split"
    """Send its halves, down to single texts, so that an error of one text does not cost its neighbours."""
    ISOLATE = "isolate"
    """Send its texts in parts, suspects last and alone, so that a text that hangs does not cost its neighbours."""
    GIVE_UP = "give up"
    """End all its samples the same way: the error says nothing about a single text."""
    STOP = "stop"
    """Stop the lane with a `GatewayError`: every other request would fail too."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """One row of the table.

    Attributes:
        kind: Name of the error, as messages and counts show it.
        attempts: Largest number of attempts; None for the side's own setting, 1 for no retry.
        on_exhausted: What to do with the batch then.
        ends_as: Status of a single sample with this error, or of all samples of a batch that was given up.
        reason: Why.
        may_be_outage: Whether a canary must show that the side is up before anything is concluded.
    """

    kind: str
    attempts: int | None
    on_exhausted: OnExhausted
    ends_as: RowStatus
    reason: str
    may_be_outage: bool = False

    @property
    def blames_a_text(self) -> bool:
        """Return whether the error, once the side is known to be up, comes from one of the texts.

        A batch is then sent once more and divided without further waits. What is left alone waits for the end of the
        lane, so that the waits of all such texts are one.
        """
        return self.may_be_outage and self.on_exhausted is OnExhausted.SPLIT


_OUTAGES: Final = (424, 500, 502, 503, 504)


def _status(status: int, attempts: int | None, on_exhausted: OnExhausted, ends_as: RowStatus, reason: str) -> Rule:
    return Rule(
        kind=f"http_{status}",
        attempts=attempts,
        on_exhausted=on_exhausted,
        ends_as=ends_as,
        reason=reason,
        may_be_outage=status in _OUTAGES,
    )


def _transport(kind: str, reason: str, *, hangs: bool = False) -> Rule:
    return Rule(
        kind=kind,
        attempts=1 if hangs else None,
        on_exhausted=OnExhausted.ISOLATE if hangs else OnExhausted.GIVE_UP,
        ends_as=RowStatus.FAILED,
        reason=reason,
        may_be_outage=True,
    )


def _malformed(kind: str, reason: str) -> Rule:
    return Rule(kind=kind, attempts=2, on_exhausted=OnExhausted.SPLIT, ends_as=RowStatus.MALFORMED, reason=reason)


_SPLIT, _GIVE_UP, _STOP = OnExhausted.SPLIT, OnExhausted.GIVE_UP, OnExhausted.STOP
_REFUSED, _FAILED = RowStatus.REFUSED, RowStatus.FAILED

RULES: Final[tuple[Rule, ...]] = (
    _status(400, 1, _SPLIT, _REFUSED, "a definite no, to one of the texts or to their number"),
    _status(401, 1, _STOP, _FAILED, "the token is missing or wrong for every request"),
    _status(403, 1, _STOP, _FAILED, "the token may not do this, whatever the text"),
    _status(404, 1, _GIVE_UP, _FAILED, "the endpoint or the model is gone; no text is to blame"),
    _status(405, 1, _GIVE_UP, _FAILED, "the endpoint is another one; no text is to blame"),
    _status(407, 1, _STOP, _FAILED, "the proxy wants credentials for every request"),
    _status(408, None, _GIVE_UP, _FAILED, "the server did not get the request in time; sending again may help"),
    _status(413, 1, _SPLIT, _REFUSED, "the body is too large; half of it may not be"),
    _status(422, 1, _SPLIT, _REFUSED, "a definite no, to one of the texts or to their number"),
    _status(424, None, _SPLIT, _REFUSED, "text-embeddings-inference says so of a failed inference; treated as a 500"),
    _status(425, None, _GIVE_UP, _FAILED, "the server asks to send again later"),
    _status(429, None, _GIVE_UP, _FAILED, "too many requests; the status means to send again later"),
    _status(500, None, _SPLIT, _REFUSED, "may pass; if it stays, a text that breaks the server is searched for"),
    _status(501, 1, _GIVE_UP, _FAILED, "the server cannot do this at all"),
    _status(502, None, _GIVE_UP, _FAILED, "a gateway could not reach what is behind it"),
    _status(503, None, _GIVE_UP, _FAILED, "the server is overloaded or starting"),
    _status(504, None, _GIVE_UP, _FAILED, "what is behind the gateway was too slow"),
    Rule(
        kind="redirect",
        attempts=1,
        on_exhausted=_GIVE_UP,
        ends_as=_FAILED,
        reason="a redirect is never followed: texts and token would go to an address nobody configured",
    ),
    Rule(kind="http_4xx", attempts=1, on_exhausted=_SPLIT, ends_as=_REFUSED, reason="a definite no"),
    Rule(
        kind="http_other",
        attempts=None,
        on_exhausted=_GIVE_UP,
        ends_as=_FAILED,
        reason="a status that says nothing about the texts",
    ),
    _transport("connect_error", "no connection; the server may be restarting"),
    _transport("tls_error", "a certificate that is not trusted, or no TLS; the server may be about to get a new one"),
    _transport("connect_timeout", "no connection in time"),
    _transport("read_timeout", "no byte of the response in time; again would take as long", hangs=True),
    _transport("write_timeout", "the server read no byte of the request in time"),
    _transport("pool_timeout", "no free connection in time"),
    _transport("deadline", "the response was not complete in time, however steadily it trickled", hangs=True),
    _transport("reset", "the connection broke"),
    _transport("truncated", "the body stopped midway"),
    _transport("protocol_error", "the response is not HTTP"),
    _malformed("not_json", "not JSON, or truncated JSON; a single text shows whether it stays"),
    _malformed("no_vectors_field", "JSON without vectors where the dialect has them"),
    _malformed("wrong_count", "not one vector per text: the text of each vector would be a guess, so none is used"),
    _malformed("bad_order", "positions that are not 0 to n - 1 once each: the text of each vector would be a guess"),
    _malformed("ragged", "vectors of different lengths in one response"),
    _malformed("empty_vector", "a vector without numbers"),
    _malformed("not_numbers", "a value other than a number or null in a vector"),
    _malformed("bad_base64", "a vector that is not base64 of whole float32 numbers"),
    _malformed("duplicate_keys", "a field that occurs twice: which one counts is a guess"),
    _malformed("too_deep", "nested deeper than any response has reason to be"),
    _malformed("too_large", "more bytes than `response_bytes` allows; the response for fewer texts is shorter"),
    _malformed("bad_encoding", "a content encoding that was not requested, or broken compression"),
)


def _refused_if_up(status: int, reason: str) -> Rule:
    return Rule(
        kind=f"http_{status}",
        attempts=1,
        on_exhausted=_GIVE_UP,
        ends_as=_REFUSED,
        reason=reason,
        may_be_outage=True,
    )


RETRIEVAL_RULES: Final[tuple[Rule, ...]] = (
    _refused_if_up(403, "the token may not search this corpus; if it may search none any more, a canary shows it"),
    _refused_if_up(404, "no such corpus or index; if the endpoint itself is gone, a canary shows it"),
    _malformed("no_results_field", "JSON without a list of results where the dialect has it"),
    _malformed("bad_result", "a result that is not an object"),
    _malformed("bad_id", "a result whose document id is neither a string nor an integer"),
    _malformed("bad_score", "a score that is neither a finite number nor null"),
)
"""What differs for a retrieval request: each query names its own corpora, so a status about one corpus says nothing of the
side. A canary, a query that got its ranking before, distinguishes the two."""

_BY_KIND: Final = {rule.kind: rule for rule in RULES}
_FOR_RETRIEVAL: Final = {**_BY_KIND, **{rule.kind: rule for rule in RETRIEVAL_RULES}}


def rule_of(kind: str) -> Rule:
    """Return the row of a kind.

    Raises:
        KeyError: No row has this kind.
    """
    return _BY_KIND[kind]


def retrieval_rule_of(kind: str) -> Rule:
    """Return the row of a kind for a retrieval request.

    Raises:
        KeyError: No row has this kind.
    """
    return _FOR_RETRIEVAL[kind]


def kind_of_status(status: int) -> str:
    """Return the kind of an HTTP status other than 200."""
    named = f"http_{status}"
    if named in _BY_KIND:
        return named
    if 300 <= status < 400:
        return "redirect"
    return "http_4xx" if 400 <= status < 500 else "http_other"
