"""The exchange of one caller's request for a response: relayed to the callers' own side, or translated for the other one.

Here belong which side gets a request in which mode, the mapping of models, and the two ways to send it. A request to the callers' own side is
relayed byte for byte, in both directions, so that putting the adapter in front of a side changes nothing. Everything else is
translated by two rows of the dialect table, and refused where it cannot be.
"""

from collections.abc import Mapping, Sequence

from parity_pipeline.adapter.call import Call, Reply, passed_back
from parity_pipeline.adapter.caller_request import CallerRequest, RequestReader
from parity_pipeline.adapter.caller_response import ResponseWriter, tokens_in
from parity_pipeline.adapter.caller_wire import CALLER_WIRES, PLAIN, names_models
from parity_pipeline.adapter.config import AdapterConfig, Mode
from parity_pipeline.adapter.metrics import Metrics
from parity_pipeline.adapter.refusals import Refusal, refusal_of
from parity_pipeline.adapter.share import divided
from parity_pipeline.adapter.upstream import Embedded, RequestContext, Upstream, all_of
from parity_pipeline.adapter.vectors import Vectors, interleaved
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.gateway_errors import AttemptError, MalformedResponse

Part = tuple[Side, Sequence[int]]
"""A side, and the positions of the texts that it is to embed."""


class Exchange:
    """Responds to callers of one side's wire."""

    def __init__(self, config: AdapterConfig, upstreams: Mapping[Side, Upstream], metrics: Metrics) -> None:
        """Prepare reading and writing by the callers' rows."""
        self._config = config
        self._upstreams = upstreams
        self._metrics = metrics
        self.reader = RequestReader(config.dialects, config.options, config.wire)
        self._writers = [(row, ResponseWriter(row, config.wire)) for row in config.dialects]

    async def respond(self, call: Call) -> Reply:
        """Respond to one request, as the mode says.

        Raises:
            Refusal: There are no vectors.
        """
        if self._config.mode is Mode.SHARE:
            return await self._shared(call)
        return await self._by_side(call, Side.CANDIDATE if self._config.mode is Mode.CANDIDATE else Side.LEGACY)

    async def _by_side(self, call: Call, side: Side) -> Reply:
        """Respond by one side alone.

        Raises:
            Refusal: There are no vectors.
        """
        if side is self._config.callers:
            return await self.relay(call, "mode")
        request = self.reader.read(call.body, call.path_model)
        return await self._translated(call, request, [(side, range(len(request.texts)))])

    async def _shared(self, call: Call) -> Reply:
        """Respond by the candidate for a share of the texts, and by the legacy for the rest.

        Raises:
            Refusal: There are no vectors.
        """
        config = self._config
        try:
            request = self.reader.read(call.body, call.path_model)
            self.model_for(config.other, request)
        except Refusal:
            # Texts that cannot be read have no hash. The callers' own side understands what the adapter does not.
            return await self.relay(call, "unmapped")
        legacy, candidate = divided(request.texts, config.share)
        parts = [(side, at) for side, at in ((Side.LEGACY, legacy), (Side.CANDIDATE, candidate)) if at]
        if len(parts) == 1 and parts[0][0] is config.callers:
            return await self.relay(call, "share", texts=len(request.texts))
        return await self._translated(call, request, parts)

    async def relay(self, call: Call, reason: str, *, texts: int = 0) -> Reply:
        """Pass a request to the callers' own side as it came, and its response back as it came.

        Raises:
            Refusal: No complete response arrived.
        """
        side = self._config.callers
        upstream = self._upstreams[side]
        context = RequestContext(call.request_id, call.deadline, self._headers(side, call.end_to_end_headers()))
        self._metrics.relayed.labels(reason).inc()
        try:
            response = await upstream.relay(call.target, call.body, context)
        except AttemptError as error:
            raise self._refusal(error, side, call) from None
        return Reply(response.status, response.body, passed_back(response.headers.multi_items()), (side,), texts)

    async def _translated(self, call: Call, request: CallerRequest, parts: Sequence[Part]) -> Reply:
        """Respond by the sides that the parts name, in the form of the request's row."""
        embedded = await all_of([self.embed(side, call, request, at) for side, at in parts])
        found = [(at, side, one) for (side, at), one in zip(parts, embedded, strict=True)]
        try:
            vectors = (
                found[0][2].vectors if len(found) == 1 else interleaved([(at, one.vectors) for at, _, one in found])
            )
            writer = next(writer for row, writer in self._writers if row is request.dialect)
            model = request.model if request.model is not None else self._config.default_model
            body = writer.write(vectors, model=model, tokens=self._tokens(found))
        except MalformedResponse as malformed:
            error = AttemptError(malformed.kind, malformed.detail, request_id=call.request_id)
            raise self._refusal(error, parts[-1][0], call) from None
        for at, side, one in found:
            self._metrics.texts.labels(side).inc(len(at))
            if zeros := one.vectors.zeros():
                self._metrics.zero_vectors.labels(side).inc(zeros)
        return Reply(200, body, sides=tuple(side for side, _ in parts), texts=len(request.texts))

    async def embed(self, side: Side, call: Call, request: CallerRequest, at: Sequence[int]) -> Embedded:
        """Return a side's vectors for the texts at some positions, as these callers are to get them.

        Raises:
            Refusal: There are none.
        """
        model = self.model_for(side, request)
        foreign = side is not self._config.callers
        texts = request.texts if len(at) == len(request.texts) else [request.texts[position] for position in at]
        passed = call.some_headers(self._config.options.passed_headers) if foreign else call.end_to_end_headers()
        headers = self._headers(side, passed)
        context = RequestContext(call.request_id, call.deadline, headers, request.passed if foreign else {})
        try:
            found = await self._upstreams[side].embed(texts, model, context)
            return Embedded(self._finished(found.vectors), found.usage) if foreign else found
        except MalformedResponse as malformed:
            error = AttemptError(malformed.kind, malformed.detail, request_id=call.request_id)
            raise self._refusal(error, side, call) from None
        except AttemptError as error:
            raise self._refusal(error, side, call) from None

    def model_for(self, side: Side, request: CallerRequest) -> str | None:
        """Return a side's name for the model that a caller wants; None where that side's requests name none.

        Raises:
            Refusal: No model is named and there is no default, or the model has no counterpart.
        """
        config = self._config
        name = request.model if request.model is not None else config.default_model
        if side is config.callers:
            return name
        if name is None:
            raise Refusal("bad_request", "the request names no model, and there is no default one")
        if name not in config.models:
            raise Refusal("unknown_model", "the gateway has no counterpart of the model that was named")
        return config.models[name] if names_models(config.sides[side].dialect) else None

    def _finished(self, vectors: Vectors) -> Vectors:
        options = self._config.options
        narrow = options.digits == "float32"
        if options.normalise:
            return vectors.unit(as_float32=narrow)
        return Vectors(vectors.numbers.astype("<f4"), None) if narrow else vectors

    def _tokens(self, found: Sequence[tuple[Sequence[int], Side, Embedded]]) -> int | None:
        """Return the tokens of all parts; None unless every side reports them."""
        total = 0
        for _, side, embedded in found:
            dialect = self._config.sides[side].dialect
            wire = self._config.wire if side is self._config.callers else CALLER_WIRES.get(dialect.name, PLAIN)
            tokens = tokens_in(embedded.usage, dialect, wire)
            if tokens is None:
                return None
            total += tokens
        return total

    def _headers(self, side: Side, passed: Mapping[str, str]) -> dict[str, str]:
        """Return the headers of a request to a side: the caller's, but never a credential beside the side's own."""
        token = self._config.sides[side].bearer_token
        kept = dict(passed)
        if token or self._config.caller_token:
            kept.pop(
                "authorization", None
            )  # the caller's token is for this adapter, or the side gets the configured one
        name = (self._config.sides[side].request_id_header or "").lower()
        kept.pop(name, None)
        return kept

    def _refusal(self, error: AttemptError, side: Side, call: Call) -> Refusal:
        config = self._config
        own = "authorization" in call.headers and not (config.sides[side].bearer_token or config.caller_token)
        if side is not config.callers:
            own = own and "authorization" in map(str.lower, config.options.passed_headers)
        return refusal_of(error, side, own_credentials=own, words=error.detail if config.upstream_messages else "")
