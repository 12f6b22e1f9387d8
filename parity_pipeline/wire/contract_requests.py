"""The requests that show a side's contract, as data: bodies, methods and content types built from a dialect.

Here belong the bytes that are sent. Sending them belongs to `contract_probes`, reading the responses to
`contract_responses`.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from parity_pipeline.core.contract.records import ContractRequest
from parity_pipeline.wire.encode import RequestEncoder, encode_text
from parity_pipeline.wire.side_config import SideConfig

BEFORE: Final = "forklift operator on the night shift"
"""The plain text, and the one before an odd element."""

AFTER: Final = "warehouse associate near Aurora"
"""The text after an odd element."""

SURROGATE: Final = "deliver\ud83dies to the dock"
"""A text with half a surrogate pair."""

NO_SUCH_MODEL: Final = "parity-no-such-model"
"""A model that no gateway has."""

MOST_BATCH_TEXTS: Final = 2048
"""Most texts of one request, whatever `batch_texts` is."""

_ODD: Final[Mapping[ContractRequest, bytes]] = {
    ContractRequest.EMPTY_TEXT: b'""',
    ContractRequest.BLANK_TEXT: b'"   "',
    ContractRequest.NULL_ELEMENT: b"null",
    ContractRequest.NUMBER_ELEMENT: b"5",
}
"""Elements that stand where a text is expected, as JSON."""

_DIMENSION_FIELDS: Final[Mapping[str, str]] = {
    "/v1/embeddings": "dimensions",
    "/api/embed": "dimensions",
    "/v2/embed": "output_dimension",
}
"""The request field for the dimension, by the path of the endpoints that document one."""

_WITH_ENCODING: Final = ("/v1/embeddings",)
"""Paths of the endpoints that document `encoding_format`."""

_TRADES: Final = ("welder", "picker", "loader", "driver", "packer", "sorter", "cleaner", "clerk")
_SHIFTS: Final = ("day", "night", "early", "late", "weekend", "holiday", "split", "relief")
_HEAD: Final = ("order", "dock", "pallet", "truck", "invoice", "label", "crate", "gate")
_TAILS: Final = (
    ("violin", "sonata", "choir", "tenor", "melody", "opera", "fugue", "waltz"),
    ("glacier", "granite", "meadow", "canyon", "tundra", "lagoon", "volcano", "prairie"),
)


@dataclass(frozen=True, slots=True, kw_only=True)
class RawRequest:
    """One request as it is sent.

    Attributes:
        request: Which one it is.
        body: Its body.
        texts: Elements in it.
        method: HTTP method.
        content_type: Content type; None for that of the side's requests.
        base64: Whether vectors are first looked for as base64.
    """

    request: ContractRequest
    body: bytes
    texts: int
    method: str = "POST"
    content_type: str | None = None
    base64: bool = False


class ContractRequests:
    """Builds the requests of one side and model."""

    def __init__(self, config: SideConfig, model: str, window_tokens: int) -> None:
        """Prepare what the requests share.

        Args:
            config: The side.
            model: The model, by this side's name for it.
            window_tokens: The long text has twice as many words.
        """
        self._dialect = config.dialect
        self._model = model
        self._window = window_tokens
        self._encoder = RequestEncoder(config.dialect, model)
        self._batch = 0 if config.dialect.one_text else min(4 * config.batch_texts, MOST_BATCH_TEXTS)
        self._step = config.batch_texts
        self._default_model = config.ask_default_model

    def of(self, request: ContractRequest, *texts: str) -> RawRequest:
        """Return a usual request for these texts."""
        return RawRequest(request=request, body=self._body(texts), texts=len(texts))

    def plain(self) -> RawRequest:
        """Return the request for one plain text."""
        return self.of(ContractRequest.PLAIN, BEFORE)

    def odd(self) -> Iterator[RawRequest]:
        """Yield the requests that show their result by themselves, those that the dialect can express."""
        if self._dialect.model_field is not None:
            yield self._with_model(ContractRequest.UNKNOWN_MODEL, NO_SUCH_MODEL)
            if self._default_model:
                yield self._with_model(ContractRequest.NO_MODEL, None)
        if not self._dialect.one_text:
            yield self.of(ContractRequest.EMPTY_LIST)
        yield from (self._element(request, element) for request, element in _ODD.items())
        yield self.of(ContractRequest.LONE_SURROGATE, SURROGATE)
        body = self._body([BEFORE])
        yield RawRequest(request=ContractRequest.BAD_JSON, body=body[:-2], texts=1)
        yield RawRequest(request=ContractRequest.WRONG_METHOD, body=b"", texts=1, method="GET")
        yield RawRequest(request=ContractRequest.WRONG_CONTENT_TYPE, body=body, texts=1, content_type="text/plain")

    def options(self, dimension: int) -> Iterator[RawRequest]:
        """Yield the requests for fewer dimensions and for base64, where the dialect's endpoint documents them."""
        path, extra = self._dialect.path, self._dialect.extra_fields
        if (name := _DIMENSION_FIELDS.get(path)) and name not in extra:
            yield self._with_fields(ContractRequest.DIMENSIONS, {name: dimension})
        if path in _WITH_ENCODING and "encoding_format" not in extra:
            request = self._with_fields(ContractRequest.ENCODING_FORMAT, {"encoding_format": "base64"})
            yield replace(request, base64=True)

    def long_texts(self) -> tuple[RawRequest, RawRequest]:
        """Return the requests for two texts of twice the window in words, that differ in their second halves."""
        halves = [" ".join(words[place % len(words)] for place in range(self._window)) for words in (_HEAD, *_TAILS)]
        one, other = (self.of(ContractRequest.LONG_TEXT, f"{halves[0]} {tail}") for tail in halves[1:])
        return one, other

    def batch_texts(self, count: int | None = None) -> list[str]:
        """Return the distinct short texts of a batch, by default of the large one."""
        number = self._batch if count is None else count
        return [
            f"{_SHIFTS[place // len(_TRADES) % len(_SHIFTS)]} {_TRADES[place % len(_TRADES)]} {place}"
            for place in range(number)
        ]

    def batch_places(self) -> list[int]:
        """Return which texts of the large batch are sent alone as well: around the multiples of `batch_texts`."""
        step, last = self._step, self._batch - 1
        return sorted(place for place in {0, step - 1, step, 2 * step, 3 * step, last} if 0 <= place <= last)

    def padded(self, size: int) -> RawRequest:
        """Return the plain request with a body of so many bytes, filled with blanks that JSON ignores."""
        body = self._body([BEFORE])
        filled = body[:-1] + b" " * max(0, size - len(body)) + body[-1:]
        return RawRequest(request=ContractRequest.PLAIN, body=filled, texts=1)

    def _body(self, texts: tuple[str, ...] | list[str]) -> bytes:
        return self._encoder.body([encode_text(text) for text in texts])

    def _element(self, request: ContractRequest, element: bytes) -> RawRequest:
        if self._dialect.one_text:
            return RawRequest(request=request, body=self._encoder.body([element]), texts=1)
        body = self._encoder.body([encode_text(BEFORE), element, encode_text(AFTER)])
        return RawRequest(request=request, body=body, texts=3)

    def _with_model(self, request: ContractRequest, model: str | None) -> RawRequest:
        body = RequestEncoder(self._dialect, model).body([encode_text(BEFORE)])
        return RawRequest(request=request, body=body, texts=1)

    def _with_fields(self, request: ContractRequest, fields: Mapping[str, Any]) -> RawRequest:
        dialect = replace(self._dialect, extra_fields={**self._dialect.extra_fields, **fields})
        body = RequestEncoder(dialect, self._model).body([encode_text(BEFORE)])
        return RawRequest(request=request, body=body, texts=1)
