"""Gateways that differ in their contract: in limits, errors, odd elements, declarations and connections.

Here belongs the ASGI application around one table of traits. Vectors come from `hash_vector`, so that each text has its own.
A gateway without a trait is a strict one: it refuses what is wrong, in JSON, and embeds the rest.
"""

import base64
import json
import re
from collections.abc import Awaitable, Callable, MutableMapping
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np

from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.shapes import Vector

Message = MutableMapping[str, Any]
DIMENSION: Final = 32
SURROGATE: Final = re.compile("[\ud800-\udfff]")
MODEL: Final = "m"
MODELS: Final = (MODEL, "other")


class RefusedError(Exception):
    """A request that is refused, with its status."""

    def __init__(self, status: int, words: str) -> None:
        """Keep status and words."""
        self.status = status
        self.words = words
        super().__init__(words)


@dataclass(kw_only=True)
class ContractGateway:
    """One gateway of the dialect `openai`, which also states a dimension.

    Attributes:
        error: Makes the body of an error and its content type from a status and words.
        error_status: Replaces statuses of errors.
        unknown_model: What an unknown model does: None refuses with 404, else the model that is used for it.
        default_model: What a request without a model uses; None refuses it.
        empty_list: What an empty list does: None refuses it with 400.
        empty_text: What an empty or blank text does: "refused", "vector", "zero", "left out".
        null: The same for null: "refused", "empty" (taken for the empty text), "left out".
        numbers: Whether a number is accepted as its digits.
        surrogate: "refused", "replaced" by U+FFFD, "left out".
        wrong_method: Status of another method than POST.
        any_type: Whether any content type is accepted.
        window: Words that are read of a text; 0 for all of them.
        refuse_over_window: Whether a longer text is refused instead of cut.
        body_limit: Largest body in bytes; 0 for none.
        batch_limit: Largest number of texts; 0 for none.
        batch_status: Status of a batch that is too large; 0 returns as many vectors as fit.
        batch_shift: Whether the rows of a batch of more than 32 texts are moved by one.
        declared_dimension: States this dimension; 0 for the right one.
        usage: Whether token usage is stated; None states 1 token for whatever is sent.
        dimensions: What `dimensions` does: "honoured" (of unit length), "cut" (not), "ignored", "refused".
        base64: Whether `encoding_format` is honoured.
        keep_alive: Whether it keeps the connection; otherwise it says `connection: close`.
        noise: Length of an error that differs with every request.
        requests: Requests so far.
    """

    error: Callable[[int, str], tuple[bytes, str]] = field(default_factory=lambda: json_error)
    error_status: dict[int, int] = field(default_factory=dict[int, int])
    unknown_model: str | None = None
    default_model: str | None = MODEL
    empty_list: str = "refused"
    empty_text: str = "refused"
    null: str = "refused"
    numbers: bool = False
    surrogate: str = "refused"
    wrong_method: int = 405
    any_type: bool = False
    window: int = 0
    refuse_over_window: bool = False
    body_limit: int = 0
    batch_limit: int = 0
    batch_status: int = 413
    batch_shift: bool = False
    declared_dimension: int = 0
    usage: bool | None = True
    dimensions: str = "honoured"
    base64: bool = True
    keep_alive: bool = True
    noise: float = 0.0
    requests: int = 0

    async def __call__(
        self,
        scope: Message,
        receive: Callable[[], Awaitable[Message]],
        send: Callable[[Message], Awaitable[None]],
    ) -> None:
        """Respond to one request."""
        self.requests += 1
        body, more = b"", True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        headers = {name.decode().lower(): value.decode() for name, value in scope["headers"]}
        try:
            status, content, kind = 200, self._respond(scope["method"], headers, body), "application/json"
        except RefusedError as refused:
            status = self.error_status.get(refused.status, refused.status)
            content, kind = self.error(refused.status, refused.words)
        extra = [] if self.keep_alive else [(b"connection", b"close")]
        start = [(b"content-type", kind.encode()), (b"content-length", str(len(content)).encode()), *extra]
        await send({"type": "http.response.start", "status": status, "headers": start})
        await send({"type": "http.response.body", "body": content})

    def _respond(self, method: str, headers: dict[str, str], body: bytes) -> bytes:
        if method != "POST":
            raise RefusedError(self.wrong_method, "wrong method")
        if not self.any_type and "json" not in headers.get("content-type", ""):
            raise RefusedError(415, "wrong content type")
        if self.body_limit and len(body) > self.body_limit:
            raise RefusedError(413, "the body is too large")
        try:
            request = json.loads(body)
        except ValueError:
            raise RefusedError(400, "this is not JSON") from None
        model = self._model(request)
        texts = self._texts(request["input"])
        vectors = [self._vector(text, model) for text in texts]
        if self.batch_shift and len(vectors) > 32:
            vectors = [*vectors[1:], vectors[0]]
        return self._written(request, vectors, model)

    def _model(self, request: dict[str, Any]) -> str:
        model = request.get("model", self.default_model)
        if model is None:
            raise RefusedError(400, "model is missing")
        if model in MODELS:
            return str(model)
        if self.unknown_model is None:
            raise RefusedError(404, f"model {model} not found")
        return self.unknown_model

    def _texts(self, elements: list[Any]) -> list[str]:
        if not elements and self.empty_list == "refused":
            raise RefusedError(400, "input is empty")
        if self.batch_limit and len(elements) > self.batch_limit:
            if self.batch_status:
                raise RefusedError(self.batch_status, "the batch is too large")
            elements = elements[: self.batch_limit]
        found = [self._text(element) for element in elements]
        return [text for text in found if text is not None]

    def _text(self, element: Any) -> str | None:
        if element is None:
            return self._odd(self.null, "")
        if not isinstance(element, str):
            return str(element) if self.numbers else self._odd("refused", "")
        if not element.strip():
            return self._odd(self.empty_text, element)
        if SURROGATE.search(element):
            if self.surrogate == "refused":
                raise RefusedError(400, "this is not Unicode")
            return SURROGATE.sub("\ufffd" if self.surrogate == "replaced" else "", element)
        words = element.split()
        if self.window and len(words) > self.window:
            if self.refuse_over_window:
                raise RefusedError(400, f"more than {self.window} tokens")
            return " ".join(words[: self.window])
        return element

    def _odd(self, what: str, text: str) -> str | None:
        if what == "refused":
            raise RefusedError(422, "an element is not a text")
        return None if what == "left out" else text

    def _vector(self, text: str, model: str) -> Vector:
        if self.empty_text == "zero" and not text.strip():
            return np.zeros(DIMENSION, np.float32)
        error = np.float32(self.noise) * hash_vector(str(self.requests), "noise", DIMENSION)
        return (hash_vector(text, model, DIMENSION) + error).astype(np.float32)

    def _written(self, request: dict[str, Any], vectors: list[Vector], model: str) -> bytes:
        wanted = request.get("dimensions")
        if wanted is not None and self.dimensions == "refused":
            raise RefusedError(400, "dimensions is not supported")
        if wanted is not None and self.dimensions in ("honoured", "cut"):
            vectors = [vector[:wanted] for vector in vectors]
            if self.dimensions == "honoured":
                vectors = [(vector / np.linalg.norm(vector)).astype(np.float32) for vector in vectors]
        as_base64 = request.get("encoding_format") == "base64" and self.base64
        leaves = [encoded(vector) if as_base64 else vector.tolist() for vector in vectors]
        response: dict[str, Any] = {
            "data": [{"embedding": leaf, "index": place} for place, leaf in enumerate(leaves)],
            "model": model,
            "dimension": self.declared_dimension or (len(vectors[0]) if vectors else 0),
        }
        if self.usage is not False:
            response["usage"] = {"prompt_tokens": 1 if self.usage is None else 2 * len(vectors)}
        return json.dumps(response).encode()


def encoded(vector: Vector) -> str:
    """Return a vector as base64 of little-endian float32."""
    return base64.b64encode(vector.astype("<f4").tobytes()).decode()


def json_error(_status: int, words: str) -> tuple[bytes, str]:
    """Return an error as JSON, `error.message`."""
    return json.dumps({"error": {"message": words}}).encode(), "application/json"


def flat_error(_status: int, words: str) -> tuple[bytes, str]:
    """Return an error as JSON with the words in `error`."""
    return json.dumps({"error": words}).encode(), "application/json"


def text_error(_status: int, words: str) -> tuple[bytes, str]:
    """Return an error as plain text."""
    return words.encode(), "text/plain"


def no_body(_status: int, _words: str) -> tuple[bytes, str]:
    """Return an error without a body."""
    return b"", "text/plain"


def page_error(status: int, words: str) -> tuple[bytes, str]:
    """Return an error as a web page."""
    return f"<!doctype html><title>{status} {words}</title><p>{words}</p>".encode(), "text/html"
