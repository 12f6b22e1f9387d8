"""One embedder for all tests of the demo, and a way to send requests to an application without a network."""

import asyncio
from functools import cache
from typing import Any

import httpx
from starlette.applications import Starlette

from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, Shape, build_app
from parity_pipeline.demo.models import Embedder, VectorCache

BASE = "http://gateway.test"


@cache
def embedder() -> Embedder:
    """Return the one embedder; loading it takes 0.3 s."""
    return Embedder()


def app_of(shape: Shape) -> Starlette:
    """Return a fresh gateway of the shape."""
    embed = VectorCache(embedder().embed).embed if shape.cached else embedder().embed
    return build_app(shape, embed)


def legacy() -> Starlette:
    """Return a fresh legacy gateway."""
    return app_of(LEGACY)


def candidate() -> Starlette:
    """Return a fresh candidate gateway."""
    return app_of(CANDIDATE)


def ask(app: Starlette, method: str, path: str, **how: Any) -> httpx.Response:
    """Send one request to an application and return its response."""
    return ask_all(app, [(method, path, how)])[0]


def ask_all(app: Starlette, requests: list[tuple[str, str, dict[str, Any]]]) -> list[httpx.Response]:
    """Send requests to an application at the same time and return the responses in order."""

    async def send() -> list[httpx.Response]:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url=BASE) as client:
            return await asyncio.gather(*(client.request(method, path, **how) for method, path, how in requests))

    return asyncio.run(send())
