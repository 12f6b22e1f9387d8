"""The HTTP server around a demo gateway, and how any of the demo's servers is run.

Here belong Starlette and uvicorn. Embedding runs in worker threads, so that the event loop can still serve `/health`.
"""

import asyncio
from concurrent.futures import Executor, ThreadPoolExecutor
from typing import Final

import orjson
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.demo.gateway import Embed, JsonResponse, Shape, health, refusal, respond
from parity_pipeline.demo.request_parser import BODY_LIMIT

WORKERS: Final = 2
"""Threads that embed: tokenizing and writing JSON leave Python's lock only in part, so more give nothing."""

DRAIN_LIMIT: Final = 16 * BODY_LIMIT
"""Bytes of a body that are read and thrown away, so that a client with a large body sees the 413 and not a reset."""

SHUTDOWN_SECONDS: Final = 5
"""How long a stopping server waits for requests in flight."""


def build_app(shape: Shape, embed: Embed, workers: Executor | None = None) -> Starlette:
    """Return the application of one gateway.

    Args:
        shape: Which gateway.
        embed: Gives raw float32 vectors; called from worker threads.
        workers: Where it is called instead of in threads of this application.
    """
    pool = workers or ThreadPoolExecutor(WORKERS, thread_name_prefix="embed")

    async def embed_texts(request: Request) -> Response:
        body = await read_body(request)
        if body is None:
            return to_http(refusal(413, f"the body is larger than {BODY_LIMIT} bytes"))
        loop = asyncio.get_running_loop()
        return to_http(await loop.run_in_executor(pool, respond, shape, embed, body))

    async def show_health(_: Request) -> Response:
        return to_http(JsonResponse(200, orjson.dumps(health(shape))))

    return Starlette(
        routes=[
            Route(shape.path, embed_texts, methods=["POST"]),
            Route("/health", show_health, methods=["GET"]),
        ],
        exception_handlers={HTTPException: refuse},
    )


async def read_body(request: Request, limit: int = BODY_LIMIT) -> bytes | None:
    """Return the whole body, or None where it is larger than `limit` bytes."""
    parts: list[bytes] = []
    size = 0
    async for part in request.stream():
        size += len(part)
        if size <= limit:
            parts.append(part)
        else:
            parts.clear()
        if size > DRAIN_LIMIT:
            break
    return b"".join(parts) if size <= limit else None


def to_http(response: JsonResponse) -> Response:
    """Return a gateway's response as the server sends it."""
    return Response(response.body, response.status, media_type="application/json")


async def refuse(_: Request, error: Exception) -> Response:
    """Refuse an unknown path or a wrong method in JSON, with the headers that go with it."""
    if not isinstance(error, HTTPException):
        raise error
    response = to_http(refusal(error.status_code, error.detail))
    response.headers.update(error.headers or {})
    return response


def run_server(app: Starlette, *, host: str, port: int) -> int:
    """Serve until SIGTERM or SIGINT, requests in flight included, and return an exit code.

    Only warnings and errors are logged, to standard error.
    """
    import uvicorn  # noqa: PLC0415 - tests build the application without a server

    config = uvicorn.Config(
        app,
        host=host,
        port=port,
        log_config=None,
        log_level="warning",
        access_log=False,
        lifespan="off",
        ws="none",
        server_header=False,
        date_header=False,
        timeout_graceful_shutdown=SHUTDOWN_SECONDS,
    )
    server = uvicorn.Server(config)
    server.run()
    return 0 if server.started else 1
