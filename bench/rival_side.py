"""A side without a network, clean or with one fault of the demo's table, for both tools.

Here belong the side, its responses in TEI's form, and the same side as a gateway of this project's steps. Which tool
judges what belongs to `rival`.
"""

import asyncio
import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from random import Random
from threading import Lock
from typing import Final

import httpx

from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Call, Reply, Rows, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.faults.trial_run import CLOCK, MODEL, OTHER_MODEL, embedder
from parity_pipeline.steps.context import Gateway
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.side_config import SideConfig

TURNS: Final = 5
"""Turns of the event loop that a response takes, so that requests overlap."""


@cache
def vector_of(model: str, text: str) -> tuple[float, ...]:
    """Return the true vector of a text; a blank text gets that of a full stop."""
    return tuple(embedder().embed(model, [text if text.strip() else "."])[0].tolist())


@dataclass
class FaultySide:
    """A side with at most one fault. It remembers earlier requests, as the demo's proxy does.

    Attributes:
        fault: What goes wrong; None for a clean side.
        hit: Texts that are hit; None for every one.
        reached: Number of faulty responses.
    """

    fault: Fault | None = None
    hit: frozenset[str] | None = None
    scope: Scope = field(default_factory=lambda: Scope(other_models=(OTHER_MODEL,), characters=60))
    reached: int = 0
    requests: int = 0
    longest: int = 0
    in_flight: int = 0
    seen: dict[str, int] = field(default_factory=dict[str, int])
    lock: Lock = field(default_factory=Lock)

    def respond(self, texts: Sequence[str], in_flight: int = 1, body_bytes: int = 0) -> Reply | Rows:
        """Return the rows of one response, or a whole reply that the fault makes itself."""
        true: Rows = [list(vector_of(MODEL, text)) for text in texts]
        with self.lock:
            call = self._call(texts, in_flight, body_bytes)
            given = true if self.fault is None else self._faulty(self.fault, call)
            self.reached += given != true
            self._remember(texts)
        return given

    def _call(self, texts: Sequence[str], in_flight: int, body_bytes: int) -> Call:
        return Call(
            texts=texts,
            hits=[self.hit is None or text in self.hit for text in texts],
            scope=self.scope,
            body_bytes=body_bytes,
            in_flight=in_flight,
            requests=self.requests,
            longest=self.longest,
            seen=[self.seen.get(text, 0) for text in texts],
        )

    def _faulty(self, fault: Fault, call: Call) -> Reply | Rows:
        if fault.reply and any(call.hits) and (reply := fault.reply(call)):
            return reply
        rows: Rows = []
        for text, hit in zip(call.texts, call.hits, strict=True):
            sent = fault.text(text, self.scope) if fault.text and hit else text
            rows.append(list(vector_of(fault.model(MODEL, self.scope) if fault.model and hit else MODEL, sent)))
        return fault.rows(rows, call) if fault.rows else rows

    def _remember(self, texts: Sequence[str]) -> None:
        self.requests += 1
        self.longest = max(self.longest, *map(len, texts))
        for text in texts:
            self.seen[text] = self.seen.get(text, 0) + 1

    def over_http(self, request: httpx.Request) -> httpx.Response:
        """Respond as TEI does: `POST /embed` with `inputs` returns a bare matrix, without the name of the model."""
        if request.method != "POST":
            return httpx.Response(200 if request.url.path == "/health" else 404)
        with self.lock:
            self.in_flight += 1
            now = self.in_flight
        try:
            given = self.respond(json.loads(request.content)["inputs"], now, len(request.content))
        finally:
            with self.lock:
                self.in_flight -= 1
        return _response(given)

    async def while_others_wait(self, request: httpx.Request) -> httpx.Response:
        """Respond likewise, after other requests have had the time to arrive."""
        with self.lock:
            self.in_flight += 1
            came = self.in_flight
        try:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            body = json.loads(request.content)
            given = self.respond(body["inputs"], max(came, self.in_flight), len(request.content))
        finally:
            with self.lock:
                self.in_flight -= 1
        return _response(given)


def _response(given: Reply | Rows) -> httpx.Response:
    if isinstance(given, Reply):
        return httpx.Response(given.status, content=given.body, headers=dict(given.headers))
    return httpx.Response(200, content=json.dumps(given), headers={"content-type": "application/json"})


@dataclass
class _Time:
    """A clock that only sleeping moves, so that no retry takes time."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def gateway_of(faulty: FaultySide, side: Side) -> Gateway:
    """Return a side as the steps of this project use it, with the defaults of its client and the `tei` dialect."""
    tei = next(dialect for dialect in BUILT_IN if dialect.name == "tei")
    config = SideConfig(side=side, label="TEI", base_url=f"http://{side}.invalid", dialect=tei)
    time = _Time()
    return Gateway(
        make_config=lambda: config,
        transport=lambda: httpx.MockTransport(faulty.while_others_wait),
        clock=lambda: CLOCK,
        now=time.now,
        sleep=time.sleep,
        random=lambda: Random(1),  # noqa: S311 - the same jitter each time, nothing secret
    )
