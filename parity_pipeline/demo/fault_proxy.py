"""A proxy in front of any gateway that injects the given faults into what passes through.

Here belong the HTTP of it: forward, apply the faults, remember what stateful faults need to know; and finding and replacing
what a dialect's field paths name. Strict decoding into arrays belongs to `wire`: what does not look as the dialect says
is left as it came. What a fault does is in `fault_effects`.
"""

import asyncio
import json
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final, cast

import httpx
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.demo.fault_scope import Call, Rows, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.wire.dialects import Dialect
from parity_pipeline.wire.json_path import FieldPath

UPSTREAM_SECONDS: Final = 60.0
"""How long the gateway behind may be silent."""

REMEMBERED_TEXTS: Final = 100_000
"""Texts whose repetition is noticed; the oldest are forgotten."""

FIRST_REFUSAL: Final = 400
"""Smallest HTTP status of a refusal."""

COMPANY_LOOKS: Final = 30
"""How often a request is looked at for company at most, before a fault of load takes it to be alone."""

COMPANY_SECONDS: Final = 0.001
"""Seconds between two looks. A model takes longer over a request than a client takes to send the next one; a gateway
that responds at once would leave it to the scheduler whether two requests of one client ever meet."""

Json = dict[str, Any]

_METHODS: Final = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]
_OF_THIS_HOP: Final = frozenset(
    {"connection", "content-encoding", "content-length", "accept-encoding", "host", "keep-alive", "transfer-encoding"}
)


@dataclass(slots=True)
class Memory:
    """What the proxy knows of the requests before."""

    in_flight: list[Sequence[str]] = field(default_factory=list[Sequence[str]])
    requests: int = 0
    longest: int = 0
    seen: OrderedDict[str, int] = field(default_factory=OrderedDict[str, int])

    def leave(self, texts: Sequence[str]) -> None:
        """Take a request out of those in flight; equal texts of another request stay."""
        self.in_flight = [one for one in self.in_flight if one is not texts]

    def note(self, texts: Sequence[str]) -> None:
        """Remember a request and its texts; none where it was refused, for then no model and no cache saw them."""
        self.requests += 1
        self.longest = max(self.longest, *map(len, texts), 0)
        for text in texts:
            self.seen[text] = self.seen.get(text, 0) + 1
        while len(self.seen) > REMEMBERED_TEXTS:
            self.seen.popitem(last=False)


@dataclass(slots=True)
class Proxy:
    """A gateway with faults.

    Attributes:
        client: Reaches the gateway behind.
        dialect: The dialect of that gateway.
        faults: What goes wrong, in this order.
        scope: For which texts.
        memory: What came before.
        sleep: Waits.
    """

    client: httpx.AsyncClient
    dialect: Dialect
    faults: tuple[Fault, ...]
    scope: Scope
    memory: Memory = field(default_factory=Memory)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def pass_on(self, request: Request) -> Response:
        """Respond to one request: the embed endpoint with faults, anything else unchanged."""
        body = await request.body()
        embed = request.method == "POST" and request.url.path == self.dialect.path
        fields = _json_object(body) if embed else None
        texts = _texts_of(self.dialect, fields) if fields is not None else None
        if fields is None or texts is None:
            return _passed(await self._forward(request, body))
        self.memory.in_flight.append(texts)
        accepted = False
        try:
            response = await self._with_faults(request, body, fields, texts)
            accepted = response.status_code < FIRST_REFUSAL
        finally:
            self.memory.leave(texts)
            self.memory.note(texts if accepted else ())
        return response

    async def _with_faults(self, request: Request, body: bytes, fields: Json, texts: list[str]) -> Response:
        call = self._call(texts, len(body))
        for fault in self.faults:
            if fault.reply and (reply := fault.reply(call)):
                return Response(reply.body, reply.status, dict(reply.headers))
        requested_model = _model_of(self.dialect, fields)
        came = await self._forward(request, self._request_body(fields, call))
        if any(fault.in_company for fault in self.faults):
            await self._wait_for_company(call)
        # faults of concurrency depend on what others do meanwhile, so they are applied once the response is there
        return self._faulty(came, self._call(texts, len(body), call), requested_model)

    async def _wait_for_company(self, call: Call) -> None:
        """Hold a response until another request is in flight, for some 30 ms at most."""
        looks = 0
        while call.in_flight == len(self.memory.in_flight) == 1 and looks < COMPANY_LOOKS:
            await self.sleep(COMPANY_SECONDS)
            looks += 1

    def _call(self, texts: list[str], body_bytes: int, before: Call | None = None) -> Call:
        memory = self.memory
        beside = [text for other in memory.in_flight if other is not texts for text in other]
        return Call(
            texts=texts,
            hits=self.scope.hits(texts),
            scope=self.scope,
            body_bytes=body_bytes,
            in_flight=max(len(memory.in_flight), before.in_flight if before else 1),
            requests=memory.requests,
            longest=memory.longest,
            seen=[memory.seen.get(text, 0) for text in texts],
            beside=[*(before.beside if before else ()), *beside],
        )

    def _request_body(self, fields: Json, call: Call) -> bytes:
        texts = list(call.texts)
        model = _model_of(self.dialect, fields)
        for fault in self.faults:
            if change := fault.text:
                texts = [change(text, self.scope) if hit else text for text, hit in zip(texts, call.hits, strict=True)]
            if fault.model and model is not None:
                _put_model(self.dialect, fields, fault.model(model, self.scope))
        _put_texts(self.dialect, fields, texts)
        return json.dumps(fields).encode()  # escapes lone surrogates as they came, which orjson refuses to write

    def _faulty(self, came: httpx.Response, call: Call, requested_model: str | None) -> Response:
        try:
            content = orjson.loads(came.content)
        except ValueError:
            return _passed(came)
        rows = _rows_of(self.dialect, content)
        if not came.is_success or rows is None or len(rows) > len(call.texts):
            return _passed(came)
        for fault in self.faults:
            rows = fault.rows(rows, call) if fault.rows else rows
            if fault.model and requested_model is not None:
                _put_echo(self.dialect, content, requested_model)
        content = _with_rows(self.dialect, content, rows)
        literal = any(fault.literal_nan for fault in self.faults)
        return _passed(came, json.dumps(content).encode() if literal else orjson.dumps(content))

    async def _forward(self, request: Request, body: bytes) -> httpx.Response:
        try:
            return await self.client.request(
                request.method, _target(request), content=body, headers=_onward(request.headers)
            )
        except httpx.HTTPError as error:
            return httpx.Response(502, json={"error": f"the gateway behind did not respond: {type(error).__name__}"})


def build_proxy(
    upstream: str,
    dialect: Dialect,
    faults: tuple[Fault, ...],
    scope: Scope,
    *,
    transport: httpx.AsyncBaseTransport | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
) -> Starlette:
    """Return the proxy as an application.

    Args:
        upstream: Base URL of the gateway behind.
        dialect: Where its texts, model and vectors are; base64 vectors cannot be changed and pass as they are.
        faults: What goes wrong.
        scope: For which texts.
        transport: Another way to reach the gateway behind than the network.
        sleep: Waits.
    """
    client = httpx.AsyncClient(base_url=upstream, timeout=UPSTREAM_SECONDS, trust_env=False, transport=transport)
    proxy = Proxy(client, dialect, faults, scope, sleep=sleep)
    return Starlette(routes=[Route("/{path:path}", proxy.pass_on, methods=_METHODS)])


def _target(request: Request) -> str:
    return request.url.path + (f"?{request.url.query}" if request.url.query else "")


def _onward(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() not in _OF_THIS_HOP}


def _passed(came: httpx.Response, body: bytes | None = None) -> Response:
    """Return a response with another body, or with its own."""
    return Response(came.content if body is None else body, came.status_code, _onward(came.headers))


def _json_object(body: bytes) -> Json | None:
    """Return a request body as an object; None where it is none. Escaped lone surrogates are kept."""
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        return None
    return cast("Json", value) if isinstance(value, dict) else None


def _texts_of(dialect: Dialect, request: Json) -> list[str] | None:
    """Return the texts of a request; None where they are not there or not all strings."""
    found = _at(request, dialect.texts_field)
    texts: list[object] = [found] if dialect.one_text else found if isinstance(found, list) else []
    return cast("list[str]", texts) if texts and all(isinstance(text, str) for text in texts) else None


def _put_texts(dialect: Dialect, request: Json, texts: list[str]) -> None:
    """Replace the texts of a request in which `_texts_of` found some."""
    _put(request, dialect.texts_field.split("."), texts[0] if dialect.one_text else texts)


def _model_of(dialect: Dialect, request: Json) -> str | None:
    """Return the model that a request names, if any."""
    found = _at(request, dialect.model_field) if dialect.model_field else None
    return found if isinstance(found, str) else None


def _put_model(dialect: Dialect, request: Json, model: str) -> None:
    """Replace the model that a request names."""
    if dialect.model_field:
        _put(request, dialect.model_field.split("."), model)


def _put_echo(dialect: Dialect, response: object, model: str) -> None:
    """Replace the model that a response names, where the dialect has such a field and the response fills it."""
    if dialect.model_echo_field and isinstance(_at(response, dialect.model_echo_field), str):
        _put(response, dialect.model_echo_field.split("."), model)


def _rows_of(dialect: Dialect, response: object) -> Rows | None:
    """Return the vectors of a response in its order; None where the dialect's field does not hold arrays."""
    path = FieldPath.parse(dialect.vectors_field)
    found = path.find(response)
    if dialect.one_text and not path.items:
        found = [found]
    if not isinstance(found, list):
        return None
    rows = [path.find_in(item) for item in cast("list[object]", found)]
    return rows if all(isinstance(row, list) for row in rows) else None


def _with_rows(dialect: Dialect, response: object, rows: Rows) -> object:
    """Return the response with other vectors, as many as before or fewer."""
    path = FieldPath.parse(dialect.vectors_field)
    value: object = (rows[0] if rows else []) if dialect.one_text else rows
    if path.items:
        value = items = path.find(response)[: len(rows)]
        for item, row in zip(items, rows, strict=True):
            _put(item, path.inner, row)
    if not path.outer:
        return value
    _put(response, path.outer, value)
    return response


def _at(value: object, path: str) -> Any:
    return FieldPath.parse(path).find(value)


def _put(container: Any, fields: Sequence[str], value: object) -> None:
    for key in fields[:-1]:
        container = container[key]
    container[fields[-1]] = value
