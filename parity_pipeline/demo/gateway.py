"""The two demo gateways: how they differ, as data, and the application that responds for either.

Here belong path, field names, norm, number format, cache, default model and handling of Unicode, and the reading of a
request, strict in the way of the gateway's language. Embedding runs in worker threads, so that the event loop can still
serve `/health`.
"""

import asyncio
import re
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final, cast

import numpy as np
import orjson
from numpy.typing import NDArray
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.demo.models import DIMENSIONS
from parity_pipeline.demo.retrieval import CandidateRetrieval, LegacyRetrieval
from parity_pipeline.demo.retrieval_faults import RetrievalFault

Vectors = NDArray[np.float32] | NDArray[np.float64]
Embed = Callable[[str, Sequence[str]], NDArray[np.float32]]

BODY_LIMIT: Final = 2 * 1024 * 1024
"""Largest request body in bytes: the default of axum, which the Rust gateway is built on."""

DRAIN_LIMIT: Final = 16 * BODY_LIMIT
"""Bytes of a body that are read and thrown away, so that a client with a large body sees the 413 and not a reset."""

TEXTS_LIMIT: Final = 256
"""Largest number of texts of one request; a choice of the demo."""

NAME_SHOWN: Final = 80
"""Characters of an unknown model's name that a refusal repeats."""

WORKERS: Final = 2
"""Threads that embed: tokenizing and writing JSON leave Python's lock only in part, so more give nothing."""

_SURROGATES = re.compile("[\ud800-\udfff]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Shape:
    """What one gateway looks like from outside.

    Attributes:
        name: How the command line calls it.
        path: Path of the embed endpoint.
        retrieve_path: Path of the retrieval endpoint.
        vectors_field: Response field of the vectors.
        dimension_field: Response field of their width.
        default_model: Used for a request that names no model.
        unit_vectors: Vectors are normalised in float64 and written with float64 digits; else raw, with float32 digits.
        cached: The vector of a repeated text comes from a cache.
    """

    name: str
    path: str
    retrieve_path: str
    vectors_field: str
    dimension_field: str
    default_model: str
    unit_vectors: bool
    cached: bool


LEGACY: Final = Shape(
    name="legacy",
    path="/ai/embed",
    retrieve_path="/vectors/hybrid",
    vectors_field="embeddings",
    dimension_field="dimensions",
    default_model="wordllama-64",
    unit_vectors=True,
    cached=False,
)
CANDIDATE: Final = Shape(
    name="candidate",
    path="/v1/embed",
    retrieve_path="/v1/matrix/retrieve",
    vectors_field="vectors",
    dimension_field="dimension",
    default_model="wordllama-256",
    unit_vectors=False,
    cached=True,
)
SHAPES: Final[Mapping[str, Shape]] = MappingProxyType({shape.name: shape for shape in (LEGACY, CANDIDATE)})


def build_app(
    shape: Shape,
    embed: Embed,
    workers: Executor | None = None,
    *,
    faults: Sequence[RetrievalFault] = (),
    seed: int = 0,
    warm_up: bool = False,
    build: str = "1",
) -> Starlette:
    """Return the application of one gateway.

    Args:
        shape: Which gateway.
        embed: Gives raw float32 vectors; called from worker threads.
        workers: Where it is called instead of in threads of this application.
        faults: What goes wrong in retrieval; of the candidate alone.
        seed: Decides which queries some of these faults hit, and every shuffle.
        warm_up: Build the indexes of retrieval with the first request for `/health`, and not with the first retrieval request.
        build: The version that `/version` states.
    """
    pool = workers or ThreadPoolExecutor(WORKERS, thread_name_prefix="embed")

    async def embed_texts(request: Request) -> Response:
        body = await _read_body(request)
        return _json(await asyncio.get_running_loop().run_in_executor(pool, _respond, shape, embed, body))

    retrieval = LegacyRetrieval(embed) if shape.name == "legacy" else CandidateRetrieval(embed, faults, seed)
    to_build = [retrieval.build] if warm_up else []

    async def retrieve(request: Request) -> Response:
        body = await _read_body(request)
        return _json(await asyncio.get_running_loop().run_in_executor(pool, retrieval.respond, body))

    async def show_health(_: Request) -> Response:
        if to_build:
            pool.submit(to_build.pop())
        facts = {
            "status": "ok",
            "gateway": f"demo {shape.name}",
            "models": list(DIMENSIONS),
            "default_model": shape.default_model,
        }
        return _json(orjson.dumps(facts))

    async def show_version(_: Request) -> Response:
        return _json(orjson.dumps({"version": build}))

    return Starlette(
        routes=[
            Route("/version", show_version, methods=["GET"]),
            Route(shape.path, embed_texts, methods=["POST"]),
            Route(shape.retrieve_path, retrieve, methods=["POST"]),
            Route("/health", show_health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: _refuse},
    )


def _json(body: bytes, status: int = 200) -> Response:
    return Response(body, status, media_type="application/json")


async def _refuse(_: Request, error: Exception) -> Response:
    """Respond to what is refused, an unknown path or a wrong method too: `{"error": reason}`, and the headers with it."""
    if not isinstance(error, HTTPException):
        raise error
    response = _json(orjson.dumps({"error": error.detail}), error.status_code)
    response.headers.update(error.headers or {})
    return response


async def _read_body(request: Request) -> bytes:
    """Return the whole body; an HTTPException with status 413 for one that is larger than `BODY_LIMIT`."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= BODY_LIMIT:
            parts.append(part)
        else:
            parts.clear()
        if size > DRAIN_LIMIT:
            break
    if size > BODY_LIMIT:
        raise HTTPException(413, f"the body is larger than {BODY_LIMIT} bytes")
    return b"".join(parts)


def _respond(shape: Shape, embed: Embed, body: bytes) -> bytes:
    """Return the body of the response to one embed request."""
    texts, model = _read_request(body, shape.default_model)
    raw = embed(model, texts)
    vectors: Vectors = _unit(raw) if shape.unit_vectors else raw
    fields = {shape.vectors_field: vectors, "model": model, shape.dimension_field: DIMENSIONS[model]}
    return orjson.dumps(fields, option=orjson.OPT_SERIALIZE_NUMPY)


def _unit(vectors: NDArray[np.float32]) -> NDArray[np.float64]:
    """Return the rows divided by their L2 norm, all in float64; a zero row stays zero."""
    wide = vectors.astype(np.float64)
    norms = np.linalg.norm(wide, axis=1, keepdims=True)
    return wide / np.where(norms > 0, norms, 1.0)


def _read_request(body: bytes, default_model: str) -> tuple[list[str], str]:
    """Return the texts of a request, none blank and none with a lone surrogate, and a known model.

    Raises:
        HTTPException: With one sentence for the client, and status 413 for a batch that is too large, 404 for an unknown
            model, 400 for anything else, such as invalid UTF-8 or a lone surrogate, which real gateways treat
            differently (failure mode 21): the demo's two treat it alike, and `--fault replace-surrogates` shows the
            difference.
    """
    try:
        fields: object = orjson.loads(body)
    except ValueError:
        raise HTTPException(400, "the body is not valid JSON") from None
    if not isinstance(fields, dict):
        raise HTTPException(400, "the body is not a JSON object")
    given = cast("dict[str, Any]", fields)
    return _read_texts(given.get("texts")), _read_model(given.get("model"), default_model)


def _read_texts(texts: object) -> list[str]:
    if not isinstance(texts, list):
        raise HTTPException(400, "`texts` is missing" if texts is None else "`texts` is not an array")
    items = cast("list[object]", texts)
    if not items:
        raise HTTPException(400, "`texts` is empty")
    if len(items) > TEXTS_LIMIT:
        raise HTTPException(413, f"`texts` has {len(items)} items, the limit is {TEXTS_LIMIT}")
    return [_read_text(index, item) for index, item in enumerate(items)]


def _read_text(index: int, item: object) -> str:
    if not isinstance(item, str):
        raise HTTPException(400, f"`texts[{index}]` is not a string")
    if not item.strip():
        raise HTTPException(400, f"`texts[{index}]` is {'blank' if item else 'empty'}")
    return item if item.isascii() else _SURROGATES.sub("\N{REPLACEMENT CHARACTER}", item)


def _read_model(model: object, default_model: str) -> str:
    if model is None:
        return default_model
    if not isinstance(model, str):
        raise HTTPException(400, "`model` is not a string")
    if model not in DIMENSIONS:
        shown = model[:NAME_SHOWN].encode("ascii", "backslashreplace").decode("ascii")
        raise HTTPException(404, f"unknown model '{shown}'; there are {', '.join(DIMENSIONS)}")
    return model
