"""What a probe gives to the fetch engine: how its inputs become requests, and responses become its rows.

Here belong the protocol of a codec and the records that it shares with the engine. The engine (`client`, `batch_fetcher`,
`lane_run`, `reorder_buffer`, `outage_or_hang`) sends, retries, divides, stops and resumes without knowing what it fetches.
Codecs: `embed_codec` and `retrieval_codec`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

import httpx

from parity_pipeline.core.fetched_rows import RowsT, SettledRows
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.wire.encode import Batch
from parity_pipeline.wire.gateway_errors import AttemptError, LaneWords, UnusableSideError
from parity_pipeline.wire.retry_policy import Rule


@dataclass(frozen=True, slots=True)
class HttpResponse:
    """A complete response.

    Attributes:
        status: HTTP status.
        headers: Response headers.
        body: The body, decompressed.
        latency_ms: Milliseconds from sending the request to having the whole body.
        request_id: The id of the request; None where none was sent.
    """

    status: int
    headers: httpx.Headers
    body: bytes | bytearray
    latency_ms: float
    request_id: str | None


class DecodedResponse(Protocol):
    """What the engine reads of a decoded response."""

    @property
    def usage(self) -> Mapping[str, int]:
        """Return the token counts that the response reports."""
        ...


DecodedT = TypeVar("DecodedT", bound=DecodedResponse)


class Codec(Protocol[DecodedT, RowsT]):
    """Turns the inputs of one probe into requests, and responses into its rows, for one side.

    An input is bytes that only the codec reads; the engine compares lengths. A batch holds one or more.
    """

    @property
    def words(self) -> LaneWords:
        """Return what sentences about a lane call its inputs and results."""
        ...

    @property
    def plain_input(self) -> bytes:
        """Return an input that no side has reason to refuse: sent when an attempt fails before any batch succeeded."""
        ...

    def path_of(self, inputs: Sequence[bytes]) -> str | None:
        """Return the path of a request for some inputs, below the base URL; None for the address of the side."""
        ...

    def body(self, inputs: Sequence[bytes]) -> bytes:
        """Return the body of a request for some inputs."""
        ...

    def decode(self, body: bytes | bytearray, count: int) -> DecodedT:
        """Return the content of a response with status 200 to so many inputs, with the secrets of the side masked.

        Raises:
            MalformedResponse: It does not hold exactly one result per input.
        """
        ...

    def with_results(self, batch: Batch, response: HttpResponse, decoded: DecodedT) -> SettledRows[RowsT]:
        """Return the rows of a batch whose response holds its results."""
        ...

    def without_results(
        self, batch: Batch, status: RowStatus, message: str, error: AttemptError | None = None
    ) -> SettledRows[RowsT]:
        """Return the rows of a batch that ends without results.

        Args:
            batch: The inputs.
            status: Their status.
            message: Why, any length.
            error: How the last attempt failed; None where nothing was sent.
        """
        ...

    def rule(self, kind: str) -> Rule:
        """Return what to do about a kind of error.

        Raises:
            KeyError: No row has this kind.
        """
        ...

    def unsendable(self, batch: Batch) -> str:
        """Return why a batch cannot be sent at all; "" where it can."""
        ...

    def unusable(self, error: AttemptError) -> UnusableSideError:
        """Return the error for a side that returns no result for the plain input."""
        ...


def not_requested(codec: Codec[DecodedT, RowsT], batch: Batch, reason: str) -> SettledRows[RowsT]:
    """Return rows for inputs that were never sent."""
    return codec.without_results(batch, RowStatus.FAILED, f"not requested: {reason}")


def without_definite_response(codec: Codec[DecodedT, RowsT], batch: Batch, error: AttemptError) -> SettledRows[RowsT]:
    """Return the rows of a batch that got no results because the side is down, which says nothing about its inputs."""
    return codec.without_results(batch, RowStatus.FAILED, f"no definite response: {error}", error)
