"""The contract of one side: how it responds to requests that a caller may send by mistake, or once in a while.

Here belong the closed set of those requests, the records of the responses and of the limits that were searched for, and
what the settings say of both. Sending belongs to `wire.contract_probes`, setting two sides against each other to
`comparison`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import Side

REQUESTS: Final = 40
"""Most requests to one side for its contract, the search for limits left out: the legacy side is live."""

REQUESTS_WITH_LIMITS: Final = 120
"""Most requests to one side for its contract and its limits together."""

WINDOW_TOKENS: Final = 2048
"""Context window, in tokens, that the long text goes beyond: that of `nomic-embed-text` v1; v2 has 512."""


class ContractRequest(StrEnum):
    """Every kind of request, in the order of the report. The spelling is stored, so a name is only ever added."""

    PLAIN = "one text"
    AGAIN = "the same text again"
    UNKNOWN_MODEL = "unknown model"
    NO_MODEL = "no model"
    EMPTY_LIST = "empty list"
    EMPTY_TEXT = "empty text"
    BLANK_TEXT = "blank text"
    NULL_ELEMENT = "null element"
    NUMBER_ELEMENT = "number element"
    LONE_SURROGATE = "lone surrogate"
    BAD_JSON = "bad JSON"
    WRONG_METHOD = "wrong method"
    WRONG_CONTENT_TYPE = "wrong content type"
    LONG_TEXT = "long text"
    LARGE_BATCH = "large batch"
    DIMENSIONS = "dimensions"
    ENCODING_FORMAT = "encoding format"


class ContractResult(StrEnum):
    """What a side did with a request, as far as a caller sees it at once."""

    VECTORS = "vectors"
    """A success with one vector per text."""
    FEWER_VECTORS = "fewer vectors"
    """A success with another number of vectors than of texts, none left out."""
    NO_VECTORS = "no vectors"
    """A success with an empty array where vectors are."""
    UNUSABLE = "unusable"
    """A success whose body holds no usable vectors, such as an error in a response with status 200."""
    REFUSED = "refused"
    """A status below 500 that is not a success."""
    FAILED = "failed"
    """A status from 500 on."""
    NO_RESPONSE = "no response"
    """The request was sent, and no complete response came."""
    NOT_MEASURED = "not measured"
    """The request was not sent, or the side was overloaded: this says nothing about the contract."""


SUCCESSES: Final = (
    ContractResult.VECTORS,
    ContractResult.FEWER_VECTORS,
    ContractResult.NO_VECTORS,
    ContractResult.UNUSABLE,
)
ERRORS: Final = (ContractResult.REFUSED, ContractResult.FAILED)


class Handling(StrEnum):
    """What a side made of an accepted request, seen from its vectors alone. Stored like `ContractRequest`."""

    UNKNOWN = ""
    """Nothing to say, or the side is not repeatable enough to say it."""
    VECTOR = "a vector of its own"
    REQUESTED_MODEL = "the vector of the requested model"
    OTHER_MODEL = "another vector than with the model"
    ROW_LEFT_OUT = "its row is left out"
    NEIGHBOURS_DIFFER = "the vectors beside it differ"
    ZERO_VECTOR = "a zero vector"
    NOT_A_NUMBER = "NaN"
    AS_EMPTY_TEXT = "the vector of the empty text"
    AS_REPLACEMENT = "the vector of U+FFFD in its place"
    AS_LEFT_OUT = "the vector of the text without it"
    CUT = "cut: its second half changes nothing"
    READ_WHOLE = "read beyond its first half"
    ROWS_AS_ALONE = "rows as of the texts alone"
    ROWS_NEAR = "rows near those of the texts alone, below the threshold"
    ROWS_DIFFER = "rows of other texts"
    KEPT = "the connection is kept"
    CLOSED = "the connection is closed"
    HONOURED = "honoured"
    HONOURED_NOT_UNIT = "honoured, no longer of unit length"
    IGNORED = "ignored"


class BodyShape(StrEnum):
    """What the body of a response without vectors is."""

    NONE = ""
    """It was a response with vectors, or there was none."""
    JSON = "JSON"
    TEXT = "text"
    PAGE = "web page"
    EMPTY = "empty body"


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractResponse:
    """The response to one request.

    Attributes:
        request: The request.
        result: What the side did with it.
        status: HTTP status; 0 where none came.
        handling: What was made of an accepted request.
        shape: What the body of an error is.
        words_at: Path of the message in the JSON of an error, such as `error.message`; "" where it has none.
        words: The message of an error, one line without secrets; for NOT_MEASURED and NO_RESPONSE the reason.
        milliseconds: From sending the request to having the whole response; None where none came.
        sent: Texts in the request.
        vectors: Vectors in the response.
        dimension: Numbers of each vector; 0 where none came.
        model: The model that the response names; "" if it names none.
        declared_dimension: The dimension that the response states; 0 if it states none.
        usage: Tokens that the response states; None if it states none.
    """

    request: ContractRequest
    result: ContractResult
    status: int = 0
    handling: Handling = Handling.UNKNOWN
    shape: BodyShape = BodyShape.NONE
    words_at: str = ""
    words: str = ""
    milliseconds: float | None = None
    sent: int = 0
    vectors: int = 0
    dimension: int = 0
    model: str = ""
    declared_dimension: int = 0
    usage: int | None = None

    @property
    def measured(self) -> bool:
        """Return whether it says anything about the contract."""
        return self.result is not ContractResult.NOT_MEASURED

    def describe(self) -> str:
        """Return in words what the side did, such as `HTTP 400` or `HTTP 200, 32 vectors for 128 texts`."""
        by_result = {
            ContractResult.VECTORS: self.handling.value,
            ContractResult.FEWER_VECTORS: f"{self.vectors} vectors for {self.sent} texts",
            ContractResult.NO_VECTORS: "no vectors",
            ContractResult.UNUSABLE: f"an error in place of vectors, as {self.shape}" if self.shape else "no vectors",
        }
        if self.result in (ContractResult.NO_RESPONSE, ContractResult.NOT_MEASURED):
            return self.result.value
        rest = by_result.get(self.result, "")
        return f"HTTP {self.status}, {rest}" if rest else f"HTTP {self.status}"


@dataclass(frozen=True, slots=True, kw_only=True)
class SizeLimit:
    """Where the search for a limit ended.

    Attributes:
        accepted: Largest size that got its vectors; 0 where none did.
        rejected: Smallest size that did not; 0 where none was found up to the largest that was sent.
        result: What the side did with that one; VECTORS where there is none.
        status: Its HTTP status; 0 where none came.
        vectors: Vectors in its response.
        words: Its message.
    """

    accepted: int
    rejected: int
    result: ContractResult
    status: int
    vectors: int
    words: str

    @property
    def exact(self) -> bool:
        """Return whether the limit lies between two neighbouring sizes."""
        return self.rejected == self.accepted + 1


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractObservation:
    """What was observed of one side.

    Attributes:
        side: The side.
        responses: One response per request that the side's dialect can express, in the order of `ContractRequest`.
        batch_texts: Texts of the large batch; 0 where the dialect takes one text.
        body_limit: Limit of the body in bytes; None where it was not searched for.
        batch_limit: Limit of the texts of a request; likewise.
        requests: Requests sent.
        unusable: Why nothing was observed, such as that even a plain text gets no vector; "" where something was.
    """

    side: Side
    responses: tuple[ContractResponse, ...]
    batch_texts: int
    body_limit: SizeLimit | None
    batch_limit: SizeLimit | None
    requests: int
    unusable: str = ""

    def response(self, request: ContractRequest) -> ContractResponse | None:
        """Return the response to a request; None where it was not part of the plan."""
        return next((one for one in self.responses if one.request is request), None)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOrigin:
    """Where an observation comes from.

    Attributes:
        date: Partition date, ISO 8601.
        model: Model of the partition.
        url: URL that requests were sent to.
        settings_hash: `SideConfig.settings_hash`: what shaped the requests.
        package_version: Version of parity_pipeline.
        first: Time of the first request, ISO 8601 in UTC.
        last: Time of the last response, ISO 8601 in UTC.
    """

    date: str
    model: str
    url: str
    settings_hash: str
    package_version: str
    first: str
    last: str

    def before(self, moment: str) -> bool:
        """Return whether the first request was sent before a moment, ISO 8601 with a zone."""
        return datetime.fromisoformat(self.first) < datetime.fromisoformat(moment)


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractRecord:
    """What is stored of one side, date and model."""

    origin: ContractOrigin
    observation: ContractObservation


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractOfSides:
    """The contract of both sides, where it was observed for the lanes at hand.

    Attributes:
        legacy: That of the legacy side; None where it was not observed.
        candidate: That of the candidate; likewise.
        stale: Sides that were observed before the lane at hand was fetched, which says nothing about that lane.
    """

    legacy: ContractObservation | None = None
    candidate: ContractObservation | None = None
    stale: tuple[Side, ...] = ()

    def of(self, side: Side) -> ContractObservation | None:
        """Return the observation of one side."""
        return self.legacy if side is Side.LEGACY else self.candidate


@dataclass(frozen=True, slots=True, kw_only=True)
class ContractBudget:
    """What observing the contract of a side may send.

    Attributes:
        enabled: Whether what each side does with odd requests is observed at all.
        requests: Most requests to one side, the search for limits left out.
        window_tokens: Context window that the long text goes beyond; it has twice as many words.
        limits: Whether the limits of a side are searched for: bodies of up to 8 MB, batches of up to 2,048 texts.
    """

    enabled: bool = False
    requests: int = REQUESTS
    window_tokens: int = WINDOW_TOKENS
    limits: Mapping[Side, bool] = field(default_factory=dict[Side, bool])
