"""The two demo gateways as data, and the response of either to one request body.

Here belongs how the two differ: path, field names, norm, number format, cache, default model, handling of Unicode.
It takes bytes and returns bytes; the HTTP server around it is `app`.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import numpy as np
import orjson
from numpy.typing import NDArray

from parity_pipeline.demo.models import DIMENSIONS
from parity_pipeline.demo.request_parser import RefusalError, read_request

Vectors = NDArray[np.float32] | NDArray[np.float64]
Embed = Callable[[str, Sequence[str]], NDArray[np.float32]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one gateway looks like from outside.

    Attributes:
        name: How the command line calls it.
        path: Path of the embed endpoint.
        vectors_field: Response field of the vectors.
        dimension_field: Response field of their width.
        default_model: Used for a request that names no model.
        unit_vectors: Vectors are normalised in float64 and written with float64 digits; else raw, with float32 digits.
        cached: The vector of a repeated text comes from a cache.
    """

    name: str
    path: str
    vectors_field: str
    dimension_field: str
    default_model: str
    unit_vectors: bool
    cached: bool


LEGACY: Final = Shape(
    name="legacy",
    path="/ai/embed",
    vectors_field="embeddings",
    dimension_field="dimensions",
    default_model="wordllama-64",
    unit_vectors=True,
    cached=False,
)
CANDIDATE: Final = Shape(
    name="candidate",
    path="/v1/embed",
    vectors_field="vectors",
    dimension_field="dimension",
    default_model="wordllama-256",
    unit_vectors=False,
    cached=True,
)
SHAPES: Final[Mapping[str, Shape]] = MappingProxyType({shape.name: shape for shape in (LEGACY, CANDIDATE)})


@dataclass(frozen=True, slots=True)
class JsonResponse:
    """One HTTP response.

    Attributes:
        status: HTTP status.
        body: JSON.
    """

    status: int
    body: bytes


def refusal(status: int, reason: str) -> JsonResponse:
    """Return the response to a request that is refused: `{"error": reason}`."""
    return JsonResponse(status, orjson.dumps({"error": reason}))


def health(shape: Shape) -> dict[str, Any]:
    """Return the body of `GET /health`."""
    return {
        "status": "ok",
        "gateway": f"demo {shape.name}",
        "models": list(DIMENSIONS),
        "default_model": shape.default_model,
    }


def unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the rows divided by their L2 norm, all in float64; a zero row stays zero."""
    wide = vectors.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(norms > 0, norms, 1.0)


def respond(shape: Shape, embed: Embed, body: bytes) -> JsonResponse:
    """Return the response to one embed request.

    Args:
        shape: Which gateway this is.
        embed: Gives raw float32 vectors for a model and texts, from the model or from a cache in front of it.
        body: The request body.
    """
    try:
        request = read_request(body, models=DIMENSIONS, default_model=shape.default_model)
    except RefusalError as refused:
        return refusal(refused.status, refused.reason)
    raw = embed(request.model, request.texts)
    vectors: Vectors = unit(raw) if shape.unit_vectors else raw
    fields = {shape.vectors_field: vectors, "model": request.model, shape.dimension_field: DIMENSIONS[request.model]}
    return JsonResponse(200, orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY))
