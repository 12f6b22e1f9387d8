"""Send the canaries of a lane: the same small request at its start, middle and end, and in a soak again and again.

Here belong sending, and comparing with what came before. What is recorded of it belongs to `core.canaries`. The text that is
sent again to see whether a side is up is another one, and belongs to `outage_or_hang`.
"""

import asyncio
import base64
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any, Final, TypeAlias

import numpy as np

from parity_pipeline.core.canaries import (
    SAME,
    Canary,
    CanaryChange,
    CanaryRecord,
    lowest_cosine,
    strongest,
)
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.fingerprint import Fingerprint, pack
from parity_pipeline.core.measures import Matrix32
from parity_pipeline.wire.canary_request import canary_ids, canary_texts, stated
from parity_pipeline.wire.client import RequestSender
from parity_pipeline.wire.codec import HttpResponse
from parity_pipeline.wire.decode import Decoded
from parity_pipeline.wire.gateway_errors import AttemptError, LaneOverError
from parity_pipeline.wire.retry_policy import rule_of
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline.wire.wire_observation import software

_ATTEMPTS: Final = 2
"""Times that one canary is sent at most, the second time only after an error that may pass."""

_SOAK_ENDS_AFTER: Final = 10
"""Canaries in a row without vectors that end a soak: a side that is down is left alone."""

_SOAK_PAUSE: Final = 1.0
"""Seconds between two canaries of a soak that is set in minutes."""

EmbedSender: TypeAlias = RequestSender[Decoded, FetchedRows]
NoteGood = Callable[[Sequence[bytes]], None]


@dataclass(frozen=True, slots=True)
class _Reference:
    """The canary that later ones are compared with, and its vectors, float32, shape (texts, dimension)."""

    canary: Canary
    vectors: Matrix32


class LaneCanaries:
    """Sends the canaries of one lane, one at a time, and compares each with the one before."""

    def __init__(self, config: SideConfig, sender: EmbedSender, note_good: NoteGood, staged: Mapping[str, Any]) -> None:
        """Prepare the request.

        Args:
            config: The side.
            sender: Sends it.
            note_good: Called with the texts when they got vectors.
            staged: What `staged` returned in an earlier run of the same lane; empty where there was none.
        """
        self._config = config
        self._sender = sender
        self._note_good = note_good
        self._texts = canary_texts(config, sender.codec)
        self._lock = asyncio.Lock()
        self._reference = _reference(staged)
        self._record = _record(staged)
        self._latest = self._reference.canary if self._reference else None
        self._run: list[Canary] = []

    @property
    def was_staged(self) -> bool:
        """Return whether an earlier run of the lane left a canary to compare with."""
        return self._reference is not None

    def record(self, *, from_start: bool) -> CanaryRecord:
        """Return what the canaries showed, those of an earlier run of the lane included."""
        return replace(self._record, from_start=from_start)

    def staged(self) -> Mapping[str, Any]:
        """Return plain JSON values with which a later run of the lane goes on; empty before the first canary."""
        if self._reference is None:
            return {}
        vectors = self._reference.vectors
        return {
            "canary": asdict(self._reference.canary),
            "shape": list(vectors.shape),
            "vectors": base64.b64encode(np.ascontiguousarray(vectors, "<f4").tobytes()).decode(),
            "record": asdict(self._record),
        }

    def fingerprint(self) -> Fingerprint:
        """Return what the side showed of itself with the last vectors that differ from none before them; empty without any.

        Noise is known where no canary changed: else two builds of a gateway would count as the noise of one.
        """
        reference, record = self._reference, self._record
        if reference is None:
            return Fingerprint()
        lowest = None if record.changed else record.lowest
        noise = None if lowest is None else max(0.0, 1.0 - lowest)
        canaries = pack(canary_ids(len(reference.vectors)), reference.vectors, noise=noise)
        return stated(self._config, reference.canary.headers, model=reference.canary.model, canaries=canaries)

    async def send(self, sample: int) -> bool:
        """Send a canary and return whether it got vectors; its errors are not those of the lane.

        Args:
            sample: Samples that the lane has begun to request.
        """
        async with self._lock:
            canary = self._canary(sample)
            try:
                response, decoded = await self._with_retry()
            except LaneOverError:
                return False
            except AttemptError as error:
                self._note_lost(replace(canary, error=str(error), latency_ms=error.latency_ms))
                return False
            self._note_good(self._texts)
            headers = software(response.headers, self._config.without_secrets, self._config.version_header)
            self._note(
                replace(canary, model=decoded.model, headers=headers, latency_ms=response.latency_ms), decoded.vectors
            )
            return True

    async def soak(self, sample: int) -> None:
        """Send canaries one after another until the lane sent as many requests, or for as long, as the settings say."""
        soak, context = self._config.soak, self._sender.context
        if soak is None:
            return
        end = context.now() + 60.0 * soak.minutes
        while not self._sender.stopped and len(self._run) < _SOAK_ENDS_AFTER and context.seconds_left() > 0:
            if soak.requests and self._sender.counters.requests >= soak.requests:
                return
            if soak.minutes:
                if context.now() + _SOAK_PAUSE >= end:
                    return
                await context.sleep(_SOAK_PAUSE)
            await self.send(sample)

    def _canary(self, sample: int) -> Canary:
        now = self._sender.context.clock().isoformat(timespec="milliseconds")
        return Canary(sample=sample, request=self._sender.counters.requests, sent=now)

    async def _with_retry(self) -> tuple[HttpResponse, Decoded]:
        body, texts = self._sender.codec.body(self._texts), len(self._texts)
        for _ in range(_ATTEMPTS - 1):
            try:
                return await self._sender.send(body, texts, patient=False, counted=False)
            except LaneOverError:
                raise
            except AttemptError as error:
                if rule_of(error.kind).attempts is not None or self._config.attempts == 1:
                    raise
                await self._sender.context.sleep(self._config.mean_wait(1))
        return await self._sender.send(body, texts, patient=False, counted=False)

    def _note_lost(self, canary: Canary) -> None:
        self._record = replace(self._record, sent=self._record.sent + 1)
        self._run.append(canary)
        if self._latest is not None and len(self._run) > self._record.lost:
            self._record = replace(self._record, lost=len(self._run), last_good=self._latest, first_bad=self._run[0])

    def _note(self, canary: Canary, vectors: Matrix32) -> None:
        self._run = []
        record, reference, latest = self._record, self._reference, self._latest
        self._latest = canary
        record = replace(record, sent=record.sent + 1)
        if reference is None or latest is None:
            self._reference, self._record = _Reference(canary, vectors), record
            return
        cosine = lowest_cosine(reference.vectors, vectors)
        lowest = record.lowest if cosine is None else min(cosine, 1.0 if record.lowest is None else record.lowest)
        record = replace(record, compared=record.compared + 1, lowest=lowest)
        if cosine is None or cosine < 1.0 - SAME:
            change = CanaryChange(before=latest, after=canary, cosine=cosine)
            self._reference = _Reference(canary, vectors)
            record = replace(record, changed=record.changed + 1, changes=strongest((*record.changes, change)))
        self._record = record


def _reference(staged: Mapping[str, Any]) -> _Reference | None:
    if not staged:
        return None
    vectors = np.frombuffer(base64.b64decode(staged["vectors"]), "<f4").reshape(staged["shape"])
    return _Reference(Canary(**staged["canary"]), vectors)


def _record(staged: Mapping[str, Any]) -> CanaryRecord:
    if not staged:
        return CanaryRecord()
    kept: dict[str, Any] = dict(staged["record"])
    kept["changes"] = tuple(
        CanaryChange(before=Canary(**one["before"]), after=Canary(**one["after"]), cosine=one["cosine"])
        for one in kept["changes"]
    )
    for name in ("last_good", "first_bad"):
        kept[name] = Canary(**kept[name]) if kept[name] else None
    return CanaryRecord(**kept)
