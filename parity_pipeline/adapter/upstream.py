"""One side as the adapter asks it: texts to vectors within a deadline, or a named failure. Never a guess, never a cache.

Here belong dividing the texts of a caller among requests, joining the responses in order, and the checks that every
response has to pass. Headers, limits and timeouts of a request belong to `wire.client`, strict decoding to `wire.decode`.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from typing import Any, Final, TypeVar

import httpx

from parity_pipeline.adapter.refusals import WRONG_MODEL
from parity_pipeline.adapter.vectors import Vectors, joined, vectors_of
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.wire.client import Client, HttpResponse
from parity_pipeline.wire.decode import Decoder, Exact
from parity_pipeline.wire.dialects import MODEL_IN_PATH
from parity_pipeline.wire.encode import RequestEncoder, plan
from parity_pipeline.wire.error_text import error_message, retry_after
from parity_pipeline.wire.gateway_errors import AttemptError, MalformedResponse
from parity_pipeline.wire.retry_policy import kind_of_status
from parity_pipeline.wire.side_config import SideConfig

Result = TypeVar("Result")

OnRequest = Callable[[str, float], None]
"""Called after each request with its result, `ok` or a kind of `retry_policy.RULES`, and its seconds."""

_SENT_AGAIN: Final = ("reset",)
"""Kinds after which a request is sent once more: a server that closes an idle connection just as a request arrives. A
second request for the same vectors changes nothing at a gateway."""

_MOST_MODELS: Final = 256
"""Models whose prepared requests are kept."""


@dataclass(frozen=True, slots=True)
class RequestContext:
    """What goes with the texts of one caller.

    Attributes:
        request_id: The id of the caller's request.
        deadline: When the response has to be complete, by the clock of `time.monotonic`.
        headers: Further headers, names in lower case.
        fields: Further request fields, by this side's names.
    """

    request_id: str
    deadline: float
    headers: Mapping[str, str] = field(default_factory=dict[str, str])
    fields: Mapping[str, Any] = field(default_factory=dict[str, Any])

    def seconds_left(self) -> float:
        """Return the seconds until the deadline, never less than a thousandth."""
        return max(self.deadline - time.monotonic(), 0.001)


@dataclass(frozen=True, slots=True)
class Embedded:
    """The vectors of one caller's texts.

    Attributes:
        vectors: One per text, in the order of the texts.
        usage: Token counts summed over all responses; only those that all of them report.
    """

    vectors: Vectors
    usage: Mapping[str, int]


class Upstream:
    """One side."""

    def __init__(
        self,
        config: SideConfig,
        transport: httpx.AsyncBaseTransport,
        *,
        accept_echo: Sequence[str] = (),
        on_request: OnRequest = lambda _result, _seconds: None,
        today: Callable[[], Any],
    ) -> None:
        """Keep what all requests share.

        Args:
            config: The side, its batch limits and connections.
            transport: Its network.
            accept_echo: Globs of names that it may report in place of the model that was requested.
            on_request: Called after each request.
            today: The time of day, for a `Retry-After` that is a date.
        """
        self.config = config
        self._transport = transport
        self._accept_echo = accept_echo
        self._on_request = on_request
        self._today = today
        self._decoder = Decoder(config.dialect)
        self._relay = Client(config, transport, time.monotonic)
        self._prepared: dict[str | None, tuple[Client, RequestEncoder]] = {}

    async def embed(self, texts: Sequence[str], model: str | None, context: RequestContext) -> Embedded:
        """Return the vectors of some texts.

        Args:
            texts: One or more.
            model: The model by this side's name; None to name none.
            context: What goes with them.

        Raises:
            AttemptError: The side returned no vectors, or not exactly one per text.
        """
        client, encoder = self._prepare(model)
        if context.fields:
            named = replace(self.config.dialect, extra_fields={**self.config.dialect.extra_fields, **context.fields})
            encoder = RequestEncoder(named, model)
        samples = SampleBlock(0, [""] * len(texts), texts, [""] * len(texts))
        most = 1 if self.config.dialect.one_text else self.config.batch_texts
        batches = list(plan([samples], texts=most, size=self.config.batch_bytes, overhead=encoder.overhead))
        parts = await all_of([self._ask(client, encoder.body(one.texts), len(one), model, context) for one in batches])
        try:
            return Embedded(joined([one for one, _ in parts]), _summed([usage for _, usage in parts]))
        except MalformedResponse as malformed:
            raise AttemptError(malformed.kind, malformed.detail, request_id=context.request_id) from None

    async def relay(self, target: str, body: bytes, context: RequestContext) -> HttpResponse:
        """Send a body as it is and return the response as it is, whatever its status.

        Args:
            target: Path and query, percent-encoded.
            body: The body.
            context: What goes with it.

        Raises:
            AttemptError: No complete response arrived.
        """
        response = await self._send(self._relay, body, context, path=target)
        self._count("ok" if response.status == 200 else kind_of_status(response.status), response)
        return response

    async def _send(
        self, client: Client, body: bytes, context: RequestContext, path: str | None = None
    ) -> HttpResponse:
        """Send a body; once more after a connection broke."""
        for last in (False, True):
            started = time.monotonic()
            try:
                return await client.send(
                    body, context.request_id, seconds=context.seconds_left(), headers=context.headers, path=path
                )
            except AttemptError as error:
                self._on_request(error.kind, time.monotonic() - started)
                if last or error.kind not in _SENT_AGAIN:
                    raise
        raise AssertionError  # the loop returns or raises

    def _count(self, result: str, response: HttpResponse) -> None:
        self._on_request(result, response.latency_ms / 1000)

    def _prepare(self, model: str | None) -> tuple[Client, RequestEncoder]:
        found = self._prepared.get(model)
        if found is None:
            config = self.config.for_model(model or "")
            found = Client(config, self._transport, time.monotonic), RequestEncoder(config.dialect, model)
            if len(self._prepared) < _MOST_MODELS:
                self._prepared[model] = found
        return found

    async def _ask(
        self, client: Client, body: bytes, texts: int, model: str | None, context: RequestContext
    ) -> tuple[Vectors, Mapping[str, int]]:
        """Send one request and return the vectors and the usage of its response."""
        response = await self._send(client, body, context)
        try:
            found = self._checked(response, texts, model, context)
        except AttemptError as error:
            self._count(error.kind, response)
            raise
        self._count("ok", response)
        return found

    def _checked(
        self, response: HttpResponse, texts: int, model: str | None, context: RequestContext
    ) -> tuple[Vectors, Mapping[str, int]]:
        kind, detail = "", ""
        if response.status != 200:
            kind = kind_of_status(response.status)
            detail = error_message(response.body, response.headers.get("content-type", ""), self._hide(context))
        else:
            try:
                exact = self._decoder.decode_exactly(response.body, texts)
                self._check_echo(exact, model)
                return vectors_of(exact, response.body), exact.usage
            except MalformedResponse as malformed:
                # The decoder's detail may hold words of the side, so they take the same way as those of an error.
                kind, detail = malformed.kind, self._hide(context)(malformed.detail)
        raise AttemptError(
            kind,
            detail,
            http_status=response.status,
            retry_after=retry_after(response.headers, self._today()),
            latency_ms=response.latency_ms,
            request_id=context.request_id,
        )

    def _hide(self, context: RequestContext) -> Callable[[str], str]:
        """Return what masks the secrets of the side and the caller's headers."""
        values = {name: value for name, value in context.headers.items() if name != "content-type"}
        return replace(self.config, headers={**self.config.headers, **values}).without_secrets

    def _check_echo(self, exact: Exact, model: str | None) -> None:
        """Refuse vectors of another model than the one that was requested.

        Raises:
            MalformedResponse: The side reports another one.
        """
        dialect = self.config.dialect
        named = dialect.model_field is not None or MODEL_IN_PATH in dialect.path
        if not exact.model or model is None or not named:
            return
        same = exact.model.removesuffix(":latest") == model.removesuffix(":latest")
        if not same and not any(fnmatchcase(exact.model, pattern) for pattern in self._accept_echo):
            raise MalformedResponse(WRONG_MODEL, "vectors of another model than the one that was requested")


async def all_of(tasks: Sequence[Coroutine[Any, Any, Result]]) -> list[Result]:
    """Return the results of some coroutines in their order; the first failure cancels the others and is raised alone."""
    if len(tasks) == 1:
        return [await tasks[0]]
    try:
        async with asyncio.TaskGroup() as group:
            running = [group.create_task(one) for one in tasks]
    except BaseExceptionGroup as several:
        raise several.exceptions[0] from None
    return [one.result() for one in running]


def _summed(usages: Sequence[Mapping[str, int]]) -> dict[str, int]:
    names = set(usages[0]).intersection(*usages[1:])
    return {name: sum(usage[name] for usage in usages) for name in names}
