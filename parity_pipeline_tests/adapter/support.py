"""An adapter in memory between fake gateways, and clients that speak a dialect to it.

Here belong the fakes of these tests; no test.
"""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Coroutine, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import httpx
import orjson
from starlette.applications import Starlette

from parity_pipeline.adapter.app import build_app
from parity_pipeline.adapter.caller_request import rows_of_callers
from parity_pipeline.adapter.caller_wire import CALLER_WIRES, PLAIN
from parity_pipeline.adapter.config import AdapterConfig, CallerOptions, Mode
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.json_path import FieldPath
from parity_pipeline.wire.side_config import SideConfig, Timeouts
from parity_pipeline_tests.fakes.gateways import Gateway
from parity_pipeline_tests.fakes.shapes import dialect_named

MODEL = "fake-32"
OWN = Dialect(
    name="own",
    path="/own/vectors",
    texts_field="inputs",
    model_field="engine",
    vectors_field="result.rows[].values.dense",
    order_field="result.rows[].at",
    model_echo_field="used.engine",
    dimension_field="used.width",
    extra_fields={"kind": "dense"},
)
"""A row such as settings may have: every field has a name of its own, most of them nested."""

Respond = Callable[[httpx.Request], Coroutine[Any, Any, httpx.Response]]


@dataclass
class Scripted(httpx.AsyncBaseTransport):
    """A side whose responses a test writes.

    Attributes:
        respond: Returns or raises what becomes of a request.
        requests: What was sent.
    """

    respond: Respond
    requests: list[httpx.Request] = field(default_factory=list[httpx.Request])

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        await request.aread()
        self.requests.append(request)
        return await self.respond(request)


def always(status: int = 200, body: bytes = b"", **headers: str) -> Scripted:
    """Return a side with one response."""

    async def respond(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, content=body, headers={"content-type": "application/json", **headers})

    return Scripted(respond)


def failing(error: Exception) -> Scripted:
    """Return a side from which no response arrives."""

    async def respond(_: httpx.Request) -> httpx.Response:
        raise error

    return Scripted(respond)


def served(gateway: Gateway) -> httpx.AsyncBaseTransport:
    """Return the network to a fake gateway."""
    return httpx.ASGITransport(gateway.app)


def config(
    legacy: str | Dialect = "rust", candidate: str | Dialect = "go", *, callers: Side = Side.LEGACY, **changes: Any
) -> AdapterConfig:
    """Return an adapter between two dialects, in mode `candidate`, with one model that both sides know by one name.

    Args:
        legacy: The legacy's dialect.
        candidate: The candidate's.
        callers: Whose wire is spoken.
        changes: Fields of the configuration, and `side`, a mapping of changes to both sides.
    """
    rows = {Side.LEGACY: dialect_named(legacy), Side.CANDIDATE: dialect_named(candidate)}
    more: dict[str, Any] = {"timeouts": Timeouts(total=5.0, read=5.0), **changes.pop("side", {})}
    sides = {
        side: SideConfig(side=side, label=side, base_url=f"http://{side}.test", dialect=row, **more)
        for side, row in rows.items()
    }
    own = rows[callers]
    made = AdapterConfig(
        callers=callers,
        dialects=rows_of_callers(own, BUILT_IN),
        wire=CALLER_WIRES.get(own.name, PLAIN),
        sides=sides,
        models={MODEL: MODEL},
        default_model=MODEL,
        log_requests=False,
    )
    changes["mode"] = Mode(changes.get("mode", Mode.CANDIDATE))
    return replace(made, **changes)


def options(**changes: Any) -> CallerOptions:
    """Return what holds for callers."""
    return CallerOptions(**changes)


@asynccontextmanager
async def adapter(
    made: AdapterConfig, legacy: httpx.AsyncBaseTransport, candidate: httpx.AsyncBaseTransport
) -> AsyncGenerator[httpx.AsyncClient]:
    """Run an adapter between two networks, and yield a client of it."""
    async with running(made, legacy, candidate) as app, client_of(app) as client:
        yield client


@asynccontextmanager
async def client_of(app: Starlette) -> AsyncGenerator[httpx.AsyncClient]:
    """Yield a client of a running adapter."""
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://adapter.test", timeout=30
    ) as client:
        yield client


@asynccontextmanager
async def running(
    made: AdapterConfig, legacy: httpx.AsyncBaseTransport, candidate: httpx.AsyncBaseTransport
) -> AsyncGenerator[Starlette]:
    """Run an adapter between two networks, and yield the application."""
    networks = {Side.LEGACY: legacy, Side.CANDIDATE: candidate}
    app = build_app(made, networks.__getitem__)
    async with app.router.lifespan_context(app):
        yield app


def request_body(dialect: Dialect, texts: Sequence[str], model: str | None = MODEL) -> bytes:
    """Return a request of a dialect, written apart from the product."""
    value: Any = texts[0] if dialect.one_text else list(texts)
    if not dialect.texts_field:
        return orjson.dumps(value)
    named = {dialect.model_field: model} if dialect.model_field and model is not None else {}
    return orjson.dumps({dialect.texts_field: value, **named, **dialect.extra_fields})


def vectors_in(dialect: Dialect, body: bytes) -> list[Any]:
    """Return the vectors of a response in the order of its positions, numbers as Python floats, base64 as it came."""
    document = json.loads(body)
    path = FieldPath.parse(dialect.vectors_field)
    found: Any = document
    for name in path.outer:
        found = found[name]
    if not path.items:
        return [found] if dialect.one_text else found
    order = FieldPath.parse(dialect.order_field).inner if dialect.order_field else ()
    assert not order or [deep(item, order) for item in found] == list(range(len(found)))
    return [deep(item, path.inner) for item in found]


def deep(item: Any, fields: Sequence[str]) -> Any:
    """Return a nested field."""
    for name in fields:
        item = item[name]
    return item


def ask(
    made: AdapterConfig,
    texts: Sequence[str],
    *,
    legacy: httpx.AsyncBaseTransport | None = None,
    candidate: httpx.AsyncBaseTransport | None = None,
    body: bytes | None = None,
    headers: Mapping[str, str] | None = None,
) -> httpx.Response:
    """Return the response to one request of the callers' first row.

    Args:
        made: The adapter.
        texts: The texts.
        legacy: The legacy's network; one that fails the test where it gets a request, if None.
        candidate: Likewise.
        body: Sent in place of a request with the texts.
        headers: Further headers.
    """
    unused = failing(AssertionError("this side must not be context"))

    async def one() -> httpx.Response:
        async with adapter(made, legacy or unused, candidate or unused) as client:
            content = request_body(made.dialects[0], texts) if body is None else body
            return await client.post(made.path, content=content, headers=dict(headers or {}))

    return asyncio.run(one())


def metric(text: str, name: str, **labels: str) -> float:
    """Return the value of a metric in the text format; 0 where it is not there."""
    for line in text.splitlines():
        head, _, value = line.rpartition(" ")
        if head.partition("{")[0] == name and all(f'{key}="{one}"' in head for key, one in labels.items()):
            return float(value)
    return 0.0
