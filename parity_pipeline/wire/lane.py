"""The embed probe's lane: texts in batches, canaries beside them, and the result of a fetch of vectors.

Here belongs what only a lane of vectors sends, observes and reports. How any lane runs belongs to `lane_run`, a batch to
`batch_fetcher`, the order of rows to `reorder_buffer`.
"""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from typing import Any

import httpx

from parity_pipeline.core.canaries import CanaryRecord
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock, Staging
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.wire_drift import NOT_OBSERVED, WireObservation
from parity_pipeline.wire.canary_request import stated
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.embed_codec import EmbedCodec
from parity_pipeline.wire.encode import RequestEncoder, encode_text, plan
from parity_pipeline.wire.error_text import one_line
from parity_pipeline.wire.gateway_errors import AttemptError
from parity_pipeline.wire.lane_canaries import LaneCanaries
from parity_pipeline.wire.lane_run import LaneRun, LaneTotals
from parity_pipeline.wire.outage_or_hang import CANARY_TEXT
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import observe


@dataclass(frozen=True, slots=True, kw_only=True)
class LaneResult(LaneTotals):
    """Result of a fetch of vectors beside its rows.

    Attributes:
        models_echoed: Rows with vectors, by the model that their response named; "" if it named none.
        observation: What the responses looked like.
        tokens: Tokens that the side reports, by its own field name.
        canaries: What the same request showed at the start, middle and end.
        fingerprint: What the side showed of itself in the responses: model named, headers, canary vectors.
    """

    models_echoed: Mapping[str, int]
    observation: WireObservation
    tokens: Mapping[str, int] = field(default_factory=dict[str, int])
    canaries: CanaryRecord = field(default_factory=CanaryRecord)
    fingerprint: Fingerprint = field(default_factory=Fingerprint)


class Lane:
    """The fetch of one sample set from one side."""

    def __init__(
        self,
        config: SideConfig,
        model: str,
        sink: Callable[[FetchedRows], None],
        *,
        transport: httpx.AsyncBaseTransport,
        environment: LaneEnvironment,
        staging: Staging | None,
        progress: Callable[[Progress], None] | None,
        total: int | None,
    ) -> None:
        """Put the lane together; nothing is sent yet."""
        self._config = config = config.for_model(model)
        self._codec = EmbedCodec(config, model)
        self._run = LaneRun(
            config,
            self._codec,
            sink,
            self,
            transport=transport,
            environment=environment,
            staging=staging,
            progress=progress,
            total=total,
        )
        self._sender = self._run.sender
        before = self._run.facts_before
        self._canaries = LaneCanaries(config, self._sender, self._run.fetcher.note_good, before.get("canaries", {}))
        self._canaries_from_start = self._canaries.was_staged
        self._canaries_planned = ["start", "middle"] if config.canaries else []
        seen = before.get("observation")
        self._observation = _observation(seen) if seen else None
        self._tokens_before: Counter[str] = Counter(before.get("tokens", {}))

    async def run(self, samples: Iterable[SampleBlock]) -> LaneResult:
        """Fetch all samples.

        Raises:
            GatewayError: The side cannot be used at all. `fetch_lane` lists the others.
        """
        limit = 1 if self._config.dialect.one_text else self._config.batch_texts
        overhead = self._codec.encoder.overhead
        seconds = await self._run.run(plan(samples, texts=limit, size=self._config.batch_bytes, overhead=overhead))
        return self._result(seconds)

    def before(self, start: int, tasks: asyncio.TaskGroup) -> None:
        """Send a canary beside the batches where one is due: before the first of them and in the middle of the lane."""
        due, total = self._canaries_planned[:1], self._run.total
        if due == ["start"] or (due == ["middle"] and total is not None and 2 * start >= total):
            self._canaries_planned.pop(0)
            tasks.create_task(self._send_canary(start))

    async def _send_canary(self, start: int) -> None:
        if await self._canaries.send(start):
            await self._run.remember()

    async def after_rows(self) -> None:
        """Send a canary after the last sample, those of a soak, and a request for the default model."""
        await self._send_last_canaries()
        if self._needs_default_model():
            await self._observe_default_model()

    async def _send_last_canaries(self) -> None:
        """Send a canary after the last sample, and those of a soak, if this run requested anything."""
        if not self._sender.counters.requests or self._sender.stopped:
            return
        if self._config.canaries:
            await self._canaries.send(self._run.buffer.done)
        await self._canaries.soak(self._run.buffer.done)

    def on_response(self, response: HttpResponse, decoded: Decoded) -> None:
        """Observe the first response with vectors."""
        if self._observation is None:
            dimension = decoded.vectors.shape[1]
            hide = self._config.without_secrets
            fields = self._codec.encoder.fields
            self._observation = observe(self._config.dialect, fields, response.body, dimension, hide=hide)

    def _needs_default_model(self) -> bool:
        known = self._observation is not None and self._observation.default_model == NOT_OBSERVED
        field = self._config.dialect.model_field
        return known and field is not None and self._config.ask_default_model and not self._sender.stopped

    async def _observe_default_model(self) -> None:
        """Record the model of a response to a request that names none, or that the request was refused."""
        body = RequestEncoder(self._config.dialect, None).body([encode_text(CANARY_TEXT)])
        try:
            _, decoded = await self._sender.send(body, 1, counted=False)
            found = one_line(decoded.model) or "not named"
        except AttemptError as error:
            found = f"refused (HTTP {error.http_status})" if error.http_status else NOT_OBSERVED
        if self._observation is not None:
            self._observation = replace(self._observation, default_model=found)

    def facts(self) -> Mapping[str, Any]:
        """Return what the next run of the lane needs to know."""
        return {
            "observation": asdict(self._observation) if self._observation else None,
            "canaries": self._canaries.staged(),
            "tokens": dict(self._tokens_before + self._sender.counters.tokens),
        }

    def _fingerprint(self, headers: Mapping[str, str]) -> Fingerprint:
        """Return that of the canaries; without any, what all responses say."""
        found = self._canaries.fingerprint()
        if found.canaries is not None:
            return found
        names = [name for name in self._run.buffer.models_echoed if name]
        return stated(self._config, headers, model=names[0] if len(names) == 1 else "")

    def _result(self, seconds: float) -> LaneResult:
        totals = self._run.totals(seconds=seconds)
        return LaneResult(
            **totals.named(),
            fingerprint=self._fingerprint(totals.server_headers),
            models_echoed=dict(self._run.buffer.models_echoed),
            observation=self._observation or WireObservation(method_and_path=f"POST {self._config.dialect.path}"),
            tokens=dict(self._tokens_before + self._sender.counters.tokens),
            canaries=self._canaries.record(from_start=self._canaries_from_start or not self._run.buffer.kept),
        )


def _observation(kept: Mapping[str, Any]) -> WireObservation:
    """Return the observation that an earlier run staged as JSON, with tuples for lists."""
    values: dict[str, Any] = {name: tuple(value) if isinstance(value, list) else value for name, value in kept.items()}
    return WireObservation(**values)
