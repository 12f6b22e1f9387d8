"""The wire drift of retrieval: what differs between the two sides' requests and responses beside the lists.

Here belongs the table that sets two observations side by side. What is observed belongs to `provenance`, observing it to
`wire`; the row and its form are those of `core.wire_drift`.
"""

from typing import Final

from parity_pipeline.core.retrieval.provenance import RetrievalObservation
from parity_pipeline.core.wire_drift import DriftRow, drift_row, listed_names

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
