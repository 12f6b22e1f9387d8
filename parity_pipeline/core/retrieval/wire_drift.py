"""What one side's wire looked like during a fetch of rankings, and the table that sets both sides beside each other.

Here belong the record and the drift of requests and responses beside the lists. Observing belongs to `wire`; the row and its
form are those of `core.wire_drift`.
"""

from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.wire_drift import NOT_OBSERVED, DriftRow, drift_row, listed_names


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalObservation:
    """What one side's wire looked like during one fetch of rankings.

    Attributes:
        method_and_path: Such as `POST /vectors/hybrid`.
        request_fields: Fields of requests that returned rankings, sorted.
        response_fields: Top-level fields of the responses as `name: type`, sorted.
        result_fields: Fields of a result, likewise.
        unknown_fields: Fields of a response or a result that the dialect does not read.
        modes: The modes that responses report, sorted; empty where they say nothing.
        reported: What stands beside a document, such as `score` or `cosine_distance`, as the settings say.
        takes: What the dialect sends: `text`, `vector`, or both.
    """

    method_and_path: str = NOT_OBSERVED
    request_fields: tuple[str, ...] = ()
    response_fields: tuple[str, ...] = ()
    result_fields: tuple[str, ...] = ()
    unknown_fields: tuple[str, ...] = ()
    modes: tuple[str, ...] = ()
    reported: str = NOT_OBSERVED
    takes: str = NOT_OBSERVED


_ROWS: Final = (
    ("URL", "method_and_path"),
    ("what the dialect takes", "takes"),
    ("request fields", "request_fields"),
    ("response fields", "response_fields"),
    ("fields of a result", "result_fields"),
    ("fields that are not read", "unknown_fields"),
    ("mode reported", "modes"),
    ("reported beside a document", "reported"),
)
"""What each row is called, and the field of an observation that it shows; its order is that of a request's way."""

_NOTHING: Final = {"unknown_fields": "none", "modes": "none reported"}
"""What an empty field says that is not simply unseen."""


def retrieval_drift(legacy: RetrievalObservation, candidate: RetrievalObservation) -> tuple[DriftRow, ...]:
    """Return the wire drift of one date and corpus.

    Args:
        legacy: What the legacy side showed.
        candidate: What the candidate showed.
    """
    return tuple(drift_row(what, _shown(legacy, field), _shown(candidate, field)) for what, field in _ROWS)


def _shown(observed: RetrievalObservation, field: str) -> str:
    """Return a field in words. A lane that got no response has not shown that there is nothing."""
    value: str | tuple[str, ...] = getattr(observed, field)
    if isinstance(value, str):
        return value
    if not value and observed.response_fields and field in _NOTHING:
        return _NOTHING[field]
    return listed_names(value)
