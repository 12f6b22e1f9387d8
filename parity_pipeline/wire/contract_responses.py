"""Responses to contract requests, read whatever they are: vectors, fewer vectors, errors in every form.

Here belongs the step from one HTTP response to a `ContractResponse` and its vectors. Foreign words are one line, cut,
and without the side's secrets.
"""

import json
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.contract.records import BodyShape, ContractRequest, ContractResponse, ContractResult, Handling
from parity_pipeline.wire.client import HttpResponse
from parity_pipeline.wire.contract_requests import RawRequest
from parity_pipeline.wire.decode import Decoded, Decoder, load_slowly
from parity_pipeline.wire.error_text import error_message, is_page, one_line
from parity_pipeline.wire.gateway_errors import AttemptError, MalformedResponse
from parity_pipeline.wire.json_path import FieldPath, is_array
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import observe

WORDS_KEPT: Final = 200
"""Characters of an error's message, or of a model name, that are kept."""

OVERLOADED: Final = (429, 503)
"""Statuses that say nothing about a request but that it came at a bad time."""

_READ_BYTES: Final = 65_536
_WORDS: Final = ("message", "error", "detail", "msg", "title", "reason")
_DEEPEST: Final = 4

Matrix = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Reading:
    """A response that was read.

    Attributes:
        response: What a report shows of it.
        vectors: float32, shape (texts, dimension); None where there are none.
    """

    response: ContractResponse
    vectors: Matrix | None = None

    def handled(self, handling: Handling) -> "Reading":
        """Return it with what the side made of the request."""
        return Reading(replace(self.response, handling=handling), self.vectors)


def not_measured(request: ContractRequest, why: str) -> Reading:
    """Return the reading of a request that was not sent."""
    return Reading(ContractResponse(request=request, result=ContractResult.NOT_MEASURED, words=why))


class ResponseReader:
    """Reads the responses of one side."""

    def __init__(self, config: SideConfig) -> None:
        """Prepare what all responses share."""
        self._config = config
        self._dialect = config.dialect
        self._decoder = Decoder(config.dialect)

    def without_response(self, raw: RawRequest, error: AttemptError) -> Reading:
        """Return the reading of a request that got no complete response."""
        return Reading(
            ContractResponse(
                request=raw.request,
                result=ContractResult.NO_RESPONSE,
                status=error.http_status or 0,
                words=self._masked(str(error)),
                milliseconds=None if error.latency_ms is None else round(error.latency_ms, 1),
                sent=raw.texts,
            )
        )

    def read(self, raw: RawRequest, http: HttpResponse) -> Reading:
        """Return the reading of a complete response."""
        facts = ContractResponse(
            request=raw.request,
            result=ContractResult.FAILED if http.status >= 500 else ContractResult.REFUSED,
            status=http.status,
            milliseconds=round(http.latency_ms, 1),
            sent=raw.texts,
        )
        if http.status in OVERLOADED:
            words = f"the side was overloaded (HTTP {http.status})"
            return Reading(replace(facts, result=ContractResult.NOT_MEASURED, words=words))
        if 200 <= http.status < 300:
            return self._success(raw, http, facts)
        return Reading(self._error(http, facts))

    def _success(self, raw: RawRequest, http: HttpResponse, facts: ContractResponse) -> Reading:
        if raw.base64 and (decoded := self._decoded(_base64(self._decoder, self._dialect), http, raw.texts)):
            return self._vectors(http, facts, decoded).handled(Handling.HONOURED)
        decoded = self._decoded(self._decoder, http, raw.texts)
        if decoded is None:
            count = self._count(http)
            if count == 0:
                return Reading(replace(facts, result=ContractResult.NO_VECTORS))
            decoded = self._decoded(self._decoder, http, count) if count else None
        if decoded is None:
            return Reading(self._error(http, replace(facts, result=ContractResult.UNUSABLE)))
        reading = self._vectors(http, facts, decoded)
        return reading.handled(Handling.IGNORED) if raw.base64 else reading

    def _decoded(self, decoder: Decoder, http: HttpResponse, count: int) -> Decoded | None:
        if not count:
            return None
        try:
            return decoder.decode(http.body, count)
        except MalformedResponse:
            return None

    def _count(self, http: HttpResponse) -> int | None:
        """Return the number of vectors in a response; None where it has no array of them."""
        try:
            found = FieldPath.parse(self._dialect.vectors_field).find(load_slowly(http.body))
        except MalformedResponse:
            return None
        return len(found) if is_array(found) else None

    def _vectors(self, http: HttpResponse, facts: ContractResponse, decoded: Decoded) -> Reading:
        rows, dimension = decoded.vectors.shape
        declared = observe(
            self._dialect, (), http.body, dimension, hide=self._config.without_secrets
        ).declared_dimension
        read = replace(
            facts,
            result=ContractResult.VECTORS if rows == facts.sent else ContractResult.FEWER_VECTORS,
            vectors=rows,
            dimension=dimension,
            model=self._masked(decoded.model),
            declared_dimension=declared if self._dialect.dimension_field else 0,
            usage=max(decoded.usage.values(), default=None),
        )
        return Reading(read, decoded.vectors)

    def _error(self, http: HttpResponse, facts: ContractResponse) -> ContractResponse:
        # Secrets are masked before the words are cut: half a secret would no longer be found.
        text = self._config.without_secrets(bytes(http.body[:_READ_BYTES]).decode("utf-8", "replace"))
        content_type = http.headers.get("content-type", "")
        shape, words_at = _form(text, content_type)
        words = "" if shape is BodyShape.EMPTY else error_message(text.encode(), content_type)
        return replace(facts, shape=shape, words_at=words_at, words=self._masked(words))

    def _masked(self, words: str) -> str:
        return one_line(self._config.without_secrets(words))[:WORDS_KEPT]


def _base64(decoder: Decoder, dialect: Any) -> Decoder:
    """Return a decoder for base64, which is only made for the one request that asks for it."""
    return decoder if dialect.base64 else Decoder(replace(dialect, base64=True))


def _form(text: str, content_type: str) -> tuple[BodyShape, str]:
    """Return what a body is, and the path of its message where it is JSON."""
    if not text.strip():
        return BodyShape.EMPTY, ""
    if is_page(text, content_type):
        return BodyShape.PAGE, ""
    try:
        document: object = json.loads(text)
    except (ValueError, RecursionError):
        return BodyShape.TEXT, ""
    return (
        (BodyShape.JSON, _path(document, _DEEPEST) or "") if isinstance(document, dict | list) else (BodyShape.JSON, "")
    )


def _path(value: Any, depth: int) -> str | None:
    """Return the path of the message in a document, such as `error.message`; None where it has none."""
    if isinstance(value, str):
        return ""
    if depth and isinstance(value, dict):
        for name in _WORDS:
            if value.get(name) and (rest := _path(value[name], depth - 1)) is not None:
                return name + (rest if rest.startswith("[") else f".{rest}" if rest else "")
    if depth and isinstance(value, list) and value and (rest := _path(value[0], depth - 1)) is not None:
        return f"[].{rest}" if rest else "[]"
    return None
