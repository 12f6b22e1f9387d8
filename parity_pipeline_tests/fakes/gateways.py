"""Small in-memory gateways for tests: a deterministic embedding made of hashes, behind any dialect.

Here belong the Starlette application that all fakes share, its counters, and the embedding that needs no model. Vectors
recorded from real servers belong to `replay_gateway`; running an application on a port belongs to `serving`.
"""

import hashlib
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from parity_pipeline.wire.dialects import Dialect
from parity_pipeline_tests.fakes.shapes import (
    BadRequestError,
    Vector,
    dialect_named,
    read_request,
    write_response,
)

Embed = Callable[[str, str], Vector]
"""Returns the vector of a text under a model, or raises `RefusalError`."""

FAKE_MODELS: Final[Mapping[str, int]] = {"fake-32": 32, "fake-16": 16}
"""The models that a fake gateway has by default, with their dimensions."""


class RefusalError(Exception):
    """A gateway's refusal of one text, with the HTTP status of the whole response."""

    def __init__(self, status: int, message: str) -> None:
        """Keep the status beside the message."""
        self.status = status
        self.message = message
        super().__init__(message)


@dataclass(slots=True)
class Gateway:
    """A fake gateway: `app` is the ASGI application, the rest is what a test looks at afterwards.

    Attributes:
        dialect: The shape it speaks.
        models: Names it knows; any other gets a 404.
        default_model: The one it takes when a request names none; None refuses such a request with 400.
        embed: Where its vectors come from.
        float64_digits: Whether numbers are written with the digits of a float64.
        echo: Name to echo in place of the model that was used; None echoes the truth.
        requests: Requests to the embed endpoint, refused ones included.
        texts: How often a vector was returned for each text.
        batch_sizes: Texts in each request, in the order of arrival.
        app: The ASGI application.
    """

    dialect: Dialect
    models: Collection[str]
    default_model: str | None
    embed: Embed
    float64_digits: bool = False
    echo: str | None = None
    requests: int = 0
    texts: Counter[str] = field(default_factory=Counter[str])
    batch_sizes: list[int] = field(default_factory=list[int])
    app: Starlette = field(init=False)

    def __post_init__(self) -> None:
        """Build the application."""
        routes = [
            Route("/health", _health, methods=["GET"]),
            Route(self.dialect.path, self._respond, methods=["POST"]),
        ]
        self.app = Starlette(routes=routes)

    async def _respond(self, request: Request) -> Response:
        self.requests += 1
        try:
            return self._embedded(await request.body())
        except BadRequestError as error:
            return _error(400, str(error))
        except RefusalError as error:
            return _error(error.status, error.message)

    def _embedded(self, body: bytes) -> Response:
        texts, named = read_request(self.dialect, body)
        self.batch_sizes.append(len(texts))
        model = named or self.default_model
        if model is None:
            raise BadRequestError("model is missing")
        if model not in self.models:
            raise RefusalError(404, f"model {model!r} not found")
        vectors = [self.embed(text, model) for text in texts]
        self.texts.update(texts)
        written = write_response(self.dialect, vectors, self.echo or model, float64_digits=self.float64_digits)
        return Response(written, media_type="application/json")


async def _health(_request: Request) -> Response:
    return JSONResponse({"status": "ok"})


def _error(status: int, message: str) -> Response:
    return JSONResponse({"error": {"code": status, "message": message}}, status_code=status)


def hash_vector(text: str, model: str, dimension: int) -> Vector:
    """Return a unit vector that is a function of text and model alone: float32, shape (dimension,).

    Different texts are about orthogonal, as random directions are.
    """
    digest = hashlib.sha256(f"{model}\x00{text}".encode("utf-8", "surrogatepass")).digest()
    raw = np.random.default_rng(int.from_bytes(digest[:8])).standard_normal(dimension)
    return (raw / np.sqrt(raw @ raw)).astype(np.float32)


def hash_gateway(
    dialect: str | Dialect = "rust",
    *,
    models: Mapping[str, int] = FAKE_MODELS,
    default_model: str | None = "fake-32",
    norm: float = 1.0,
    noise: float = 0.0,
    refused: Collection[str] = (),
    float64_digits: bool = False,
    echo: str | None = None,
) -> Gateway:
    """Return a gateway whose vectors are `hash_vector` times `norm`; it responds at once.

    Args:
        dialect: A built-in dialect's name, or a row.
        models: Dimension of each known model.
        default_model: Taken when a request names none; None refuses such a request.
        norm: L2 norm of its vectors.
        noise: Length of an orthogonal-like error on each unit vector; 0.15 gives a cosine of about 0.989.
        refused: Texts for which a whole request is refused with 400.
        float64_digits: Write numbers as a server in Rust does.
        echo: Name to echo in place of the model used.
    """

    def embed(text: str, model: str) -> Vector:
        if text in refused:
            raise RefusalError(400, "this text is refused")
        dimension = models[model]
        vector = hash_vector(text, model, dimension)
        if noise:
            vector = vector + np.float32(noise) * hash_vector(text, f"{model} noise", dimension)
        return (np.float32(norm) * vector).astype(np.float32)

    return Gateway(
        dialect=dialect_named(dialect),
        models=tuple(models),
        default_model=default_model,
        embed=embed,
        float64_digits=float64_digits,
        echo=echo,
    )
