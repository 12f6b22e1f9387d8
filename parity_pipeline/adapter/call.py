"""A caller's request as it arrived, and the response that it gets.

Here belong the two records and which headers may pass in either direction. Reading the body by a dialect belongs to
`caller_request`.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.outcomes import Side

_OF_THIS_HOP: Final = frozenset(
    {
        "connection",
        "keep-alive",
        "proxy-authenticate",
        "proxy-authorization",
        "proxy-connection",
        "te",
        "trailer",
        "transfer-encoding",
        "upgrade",
        "host",
        "content-length",
        "content-encoding",
        "accept-encoding",
        "expect",
    }
)
"""Headers that speak of one connection or of the form of one body; RFC 9110, section 7.6.1."""

_OF_THIS_SERVER: Final = _OF_THIS_HOP | {"date", "server"}


@dataclass(frozen=True, slots=True)
class Call:
    """A request of a caller.

    Attributes:
        body: The whole body.
        headers: Its headers, names in lower case.
        target: Path and query as they were sent, percent-encoded.
        path_model: The model that the path names; None where it names none.
        request_id: Its id.
        deadline: When its response has to be complete, by the clock of `time.monotonic`.
    """

    body: bytes
    headers: Mapping[str, str]
    target: str
    path_model: str | None
    request_id: str
    deadline: float

    def some_headers(self, names: Iterable[str]) -> dict[str, str]:
        """Return the headers of some names that the call has."""
        return {name: self.headers[name] for name in map(str.lower, names) if name in self.headers}

    def end_to_end_headers(self) -> dict[str, str]:
        """Return the headers that are meant for the gateway and not for this hop."""
        return {name: value for name, value in self.headers.items() if name not in _OF_THIS_HOP}


@dataclass(frozen=True, slots=True)
class Reply:
    """The response that a caller gets.

    Attributes:
        status: HTTP status.
        body: The body.
        headers: Headers beside length and request id.
        sides: The sides that got a request.
        texts: Number of texts; 0 where they were not read.
    """

    status: int
    body: bytes | bytearray
    headers: Sequence[tuple[str, str]] = (("content-type", "application/json"),)
    sides: Sequence[Side] = ()
    texts: int = 0


def passed_back(headers: Sequence[tuple[str, str]]) -> list[tuple[str, str]]:
    """Return the headers of a side's response that a caller gets where the response is relayed."""
    return [(name.lower(), value) for name, value in headers if name.lower() not in _OF_THIS_SERVER]
