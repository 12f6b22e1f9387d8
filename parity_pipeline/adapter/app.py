"""The adapter as an ASGI application: `/health`, `/metrics`, and the embed endpoint of the callers' dialect.

Here belong the HTTP of it: reading a body within its limits, request ids, tokens of callers, errors in the callers' own shape,
counting and logging. Who gets a request, and how, belongs to `exchange`.
"""

import asyncio
import hmac
import logging
import time
from collections.abc import AsyncGenerator, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import datetime
from random import SystemRandom
from typing import Any, Final

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.adapter.call import Call, Reply
from parity_pipeline.adapter.caller_request import CallerPath
from parity_pipeline.adapter.config import AdapterConfig, Mode
from parity_pipeline.adapter.exchange import Exchange
from parity_pipeline.adapter.metrics import CONTENT_TYPE, Metrics
from parity_pipeline.adapter.refusals import Refusal, error_body
from parity_pipeline.adapter.request_log import log, usable_request_id
from parity_pipeline.adapter.shadow import Shadow
from parity_pipeline.adapter.traffic import WARNING, TrafficSample
from parity_pipeline.adapter.upstream import Upstream
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.client import utc_now
from parity_pipeline.wire.request_headers import new_request_id
from parity_pipeline.wire.transport import transport_for

TransportOf = Callable[[Side], httpx.AsyncBaseTransport]
Message = Mapping[str, Any]

_DRAINED: Final = 16
"""Times the body limit that is read and thrown away, so that a client sees the refusal and not a broken connection."""

_ID_HEADER: Final = "x-request-id"


def build_app(config: AdapterConfig, transport_of: TransportOf | None = None) -> Starlette:
    """Return the application.

    Args:
        config: What is served.
        transport_of: Replaces the network.
    """
    metrics = Metrics()
    endpoint = Endpoint(config, metrics, transport_of or (lambda side: transport_for(config.sides[side])))

    async def show_health(_: Request) -> Response:
        facts = {"status": "ok", "callers": config.callers, "mode": config.mode}
        facts |= {"share": config.share} if config.mode is Mode.SHARE else {}
        return Response(orjson.dumps(facts), media_type="application/json")

    async def show_metrics(_: Request) -> Response:
        return Response(await asyncio.to_thread(metrics.render), media_type=CONTENT_TYPE)

    return Starlette(
        routes=[
            Route("/health", show_health, methods=["GET"]),
            Route("/metrics", show_metrics, methods=["GET"]),
            Route("/{rest:path}", endpoint),
        ],
        lifespan=endpoint.lifespan,
    )


class Endpoint:
    """Responds to everything but `/health` and `/metrics`."""

    def __init__(self, config: AdapterConfig, metrics: Metrics, transport_of: TransportOf) -> None:
        """Keep what all requests share; `lifespan` opens the network."""
        self._config = config
        self._metrics = metrics
        self._transport_of = transport_of
        self._path = CallerPath(config.path)
        self._random = SystemRandom()
        self._in_flight = 0
        self._id_header = (config.sides[config.callers].request_id_header or _ID_HEADER).lower()
        self._traffic: TrafficSample | None = None
        self._shadow: Shadow | None = None
        self._exchange: Exchange | None = None

    @asynccontextmanager
    async def lifespan(self, _app: Any) -> AsyncGenerator[None]:
        """Open connections and start what runs beside the requests; stop it when the last one has its response."""
        config = self._config
        transports = {side: self._transport_of(side) for side in Side}
        upstreams = {side: self._upstream(side, transports[side]) for side in Side}
        self._exchange = Exchange(config, upstreams, self._metrics)
        flusher: asyncio.Task[None] | None = None
        if config.mode is Mode.SHADOW:
            self._shadow = Shadow(config, self._exchange, self._metrics)
            self._shadow.start()
        if config.traffic.enabled:
            log(WARNING.format(folder=config.traffic_dir), level=logging.WARNING)
            self._traffic = TrafficSample(
                config.traffic, config.traffic_dir, lambda: datetime.now(config.timezone), self._random
            )
            flusher = asyncio.create_task(self._flush_repeatedly(self._traffic))
        log("started", callers=config.callers, mode=config.mode)
        try:
            yield
        finally:
            if self._shadow:
                await self._shadow.stop()
            if flusher and self._traffic:
                flusher.cancel()
                with suppress(asyncio.CancelledError):
                    await flusher
                await self._flush(self._traffic)
            for transport in transports.values():
                await transport.aclose()
            log("stopped")

    @property
    def shadow(self) -> Shadow | None:
        """Return what compares, in mode `shadow`, while the application runs."""
        return self._shadow

    def _upstream(self, side: Side, transport: httpx.AsyncBaseTransport) -> Upstream:
        requests, seconds = self._metrics.upstream_requests, self._metrics.upstream_seconds.labels(side)

        def on_request(result: str, taken: float) -> None:
            requests.labels(side, result).inc()
            seconds.observe(taken)

        return Upstream(
            self._config.sides[side],
            transport,
            accept_echo=self._config.accept_echo.get(side, ()),
            on_request=on_request,
            today=utc_now,
        )

    async def _flush_repeatedly(self, traffic: TrafficSample) -> None:
        while True:
            await asyncio.sleep(self._config.traffic.flush_seconds)
            await self._flush(traffic)

    async def _flush(self, traffic: TrafficSample) -> None:
        for draw in traffic.due():
            try:
                await asyncio.to_thread(draw.write)
            except ArtifactError:
                log("the sample of the traffic cannot be written", level=logging.ERROR, folder=str(draw.path.parent))

    async def __call__(self, scope: Message, receive: Callable[[], Any], send: Callable[[Message], Any]) -> None:
        """Respond to one request."""
        started = time.perf_counter()
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        request_id = usable_request_id(headers.get(self._id_header)) or new_request_id(self._random)
        kind, cause, reply, call = "ok", "", None, None
        self._in_flight += 1
        self._metrics.in_flight.inc()
        try:
            call = await self._call(scope, headers, request_id, receive)
            reply = await self._respond(call)
        except Refusal as refusal:
            kind, cause = refusal.kind, refusal.cause
            reply = self._refused(refusal)
        except Exception:  # noqa: BLE001 - a fault of this program is an error in the callers' own shape too
            log("a request failed", level=logging.ERROR, exc_info=True, request_id=request_id)
            kind = "internal"
            reply = self._refused(Refusal("internal", "the adapter failed"))
        finally:
            self._in_flight -= 1
            self._metrics.in_flight.dec()
        await self._send(reply, request_id, send)
        taken = time.perf_counter() - started
        self._metrics.requests.labels(reply.status, kind).inc()
        self._metrics.seconds.observe(taken)
        if call is not None:
            self._afterwards(call, reply)
        if self._config.log_requests:
            facts: dict[str, Any] = {"cause": cause} if cause else {}
            log(
                "request",
                request_id=request_id,
                status=reply.status,
                kind=kind,
                sides=list(reply.sides),
                texts=reply.texts,
                bytes_in=len(call.body) if call else 0,
                bytes_out=len(reply.body),
                ms=round(taken * 1000, 3),
                **facts,
            )

    async def _call(self, scope: Message, headers: dict[str, str], request_id: str, receive: Callable[[], Any]) -> Call:
        """Return a request that gets a response, whole.

        Raises:
            Refusal: It may not: another path or method, no valid token, too large, too slow.
        """
        path, query = scope["raw_path"].decode("latin-1"), scope["query_string"].decode("latin-1")
        known, path_model = self._path.model(path, query)
        if not known:
            raise Refusal("not_found", "there is no such path")
        if scope["method"] != "POST":
            raise Refusal("method_not_allowed", "this path takes POST")
        self._check_token(headers)
        if self._in_flight > self._config.max_in_flight:
            raise Refusal("overloaded", "too many requests are in flight", retry_after=1.0)
        timeouts = self._config.sides[self._config.other].timeouts
        deadline = time.monotonic() + timeouts.total
        body = await self._body(headers, receive, timeouts.read)
        return Call(body, headers, f"{path}?{query}" if query else path, path_model, request_id, deadline)

    def _check_token(self, headers: Mapping[str, str]) -> None:
        token = self._config.caller_token
        if token is not None:
            given = headers.get("authorization", "")
            if not hmac.compare_digest(given.encode("latin-1"), f"Bearer {token}".encode()):
                raise Refusal("unauthorized", "a valid bearer token is missing")

    async def _body(self, headers: Mapping[str, str], receive: Callable[[], Any], seconds: float) -> bytes:
        limit = self._config.options.max_body_bytes
        parts, size, more = list[bytes](), 0, True
        stated = headers.get("content-length", "")
        if stated.isdecimal() and int(stated) > limit * _DRAINED:
            raise _too_large(limit)
        try:
            async with asyncio.timeout(seconds):
                while more and size <= limit * _DRAINED:
                    message = await receive()
                    if message["type"] == "http.disconnect":
                        raise Refusal("bad_request", "the request was not complete")
                    part = message.get("body", b"")
                    size += len(part)
                    more = message.get("more_body", False)
                    if size > limit:
                        parts.clear()
                    else:
                        parts.append(part)
        except TimeoutError:
            raise Refusal("slow_request", f"the request was not complete within {seconds:g} s") from None
        if size > limit:
            raise _too_large(limit)
        return parts[0] if len(parts) == 1 else b"".join(parts)

    async def _respond(self, call: Call) -> Reply:
        if self._exchange is None:
            raise Refusal("overloaded", "the adapter is not ready")
        return await self._exchange.respond(call)

    def _refused(self, refusal: Refusal) -> Reply:
        status, body = error_body(self._config.wire, refusal)
        headers = [("content-type", "application/json"), *refusal.headers.items()]
        if refusal.kind in ("slow_request", "body_too_large"):
            headers.append(("connection", "close"))  # what is left of the body must not be read as the next request
        if refusal.kind == "method_not_allowed":
            headers.append(("allow", "POST"))
        return Reply(status, body, headers, (refusal.side,) if refusal.side else ())

    async def _send(self, reply: Reply, request_id: str, send: Callable[[Message], Any]) -> None:
        kept = [(name, value) for name, value in reply.headers if name != self._id_header]
        headers = [*kept, ("content-length", str(len(reply.body))), (self._id_header, request_id)]
        raw = [(name.encode("latin-1"), value.encode("latin-1", "replace")) for name, value in headers]
        await send({"type": "http.response.start", "status": reply.status, "headers": raw})
        await send({"type": "http.response.body", "body": bytes(reply.body)})

    def _afterwards(self, call: Call, reply: Reply) -> None:
        """Do what no caller waits for: offer the request to the shadow, and its texts to the sample of the traffic."""
        if self._shadow:
            self._shadow.offer(call, reply)
        if self._traffic and self._exchange:
            try:
                texts = self._exchange.reader.read(call.body, call.path_model).texts
            except Refusal:
                return
            kept = self._traffic.take(texts)
            self._metrics.sampled.labels("kept").inc(kept)
            self._metrics.sampled.labels("passed over").inc(len(texts) - kept)


def _too_large(limit: int) -> Refusal:
    return Refusal("body_too_large", f"the body is larger than {limit} bytes")
