"""A side without a network, clean or with one fault of the demo's table, and two ways to ask it.

Here belong the side, its answers as TEI would give them, and fetching and trying it as this project does. What is judged,
and by whom, belongs to `rival`.
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
import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.analysis import analyse
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import make_plan
from parity_pipeline.core.stability.probe_texts import Limits, chosen_texts
from parity_pipeline.core.stability.records import Budget, Stability
from parity_pipeline.demo.fault_scope import Call, Reply, Rows, Scope
from parity_pipeline.demo.fault_table import Fault
from parity_pipeline.demo.models import Embedder
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.experiments import run_experiments
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.core.builders import samples_of

MODEL: Final = "wordllama-256"
OTHER_MODEL: Final = "wordllama-64"
BATCH: Final = 32
TURNS: Final = 5
"""Turns of the event loop that an answer takes, so that requests overlap."""


@cache
def embedder() -> Embedder:
    """Return the demo's embedding models, loaded once."""
    return Embedder()


@cache
def vector_of(model: str, text: str) -> tuple[float, ...]:
    """Return the true vector of a text; a blank text gets that of a full stop."""
    return tuple(embedder().embed(model, [text if text.strip() else "."])[0].tolist())


@dataclass
class FaultySide:
    """A side with at most one fault. It remembers what it was asked, as the demo's proxy does.

    Attributes:
        fault: What goes wrong; None for a clean side.
        hit: Texts that are hit; None for every one.
        reached: Requests whose answer was not the true one.
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

    def answer(self, texts: Sequence[str], in_flight: int = 1, body_bytes: int = 0) -> Reply | Rows:
        """Return what one request is answered with: rows, or an answer of the fault's own."""
        true: Rows = [list(vector_of(MODEL, text)) for text in texts]
        with self.lock:
            call = self._call(texts, in_flight, body_bytes)
            given = true if self.fault is None else self._spoilt(self.fault, call)
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

    def _spoilt(self, fault: Fault, call: Call) -> Reply | Rows:
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
        """Answer as TEI does: `POST /embed` with `inputs`, a bare matrix back; nothing is told about the model."""
        if request.method != "POST":
            return httpx.Response(200 if request.url.path == "/health" else 404)
        with self.lock:
            self.in_flight += 1
            now = self.in_flight
        try:
            given = self.answer(json.loads(request.content)["inputs"], now, len(request.content))
        finally:
            with self.lock:
                self.in_flight -= 1
        return _response(given)

    async def while_others_wait(self, request: httpx.Request) -> httpx.Response:
        """Answer likewise, with whatever else is under way let in first."""
        with self.lock:
            self.in_flight += 1
            came = self.in_flight
        try:
            for _ in range(TURNS):
                await asyncio.sleep(0)
            body = json.loads(request.content)
            given = self.answer(body["inputs"], max(came, self.in_flight), len(request.content))
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
    """A clock that only sleeping moves, so that no retry is waited for."""

    seconds: float = 0.0

    def now(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


def _config(which: Side) -> SideConfig:
    tei = next(dialect for dialect in BUILT_IN if dialect.name == "tei")
    return SideConfig(side=which, label="TEI", base_url="http://tei.invalid", dialect=tei)


def fetch(side: FaultySide, texts: Sequence[str], which: Side) -> tuple[FetchedRows, dict[str, int]]:
    """Fetch a set with this project's engine and its defaults; return the rows, and the attempts that failed by kind."""
    blocks: list[FetchedRows] = []
    time = _Time()
    result = fetch_lane(
        _config(which),
        MODEL,
        [samples_of(texts)],
        blocks.append,
        total=len(texts),
        transport=httpx.MockTransport(side.while_others_wait),
        now=time.now,
        sleep=time.sleep,
        random=Random(1),  # noqa: S311 - the same jitter each time, nothing secret
    )
    return joined(blocks), dict(result.errors_by_kind)


def joined(blocks: Sequence[FetchedRows]) -> FetchedRows:
    """Return consecutive blocks as one."""
    ends = np.cumsum([0, *(block.offsets[-1] for block in blocks)])
    offsets = [block.offsets[1:] + end for block, end in zip(blocks, ends, strict=False)]
    return FetchedRows(
        start=0,
        ids=[one for block in blocks for one in block.ids],
        values=np.concatenate([block.values for block in blocks]),
        offsets=np.concatenate([np.zeros(1, np.int32), *offsets]).astype(np.int32),
        status=[one for block in blocks for one in block.status],
        http_status=[one for block in blocks for one in block.http_status],
        errors=[one for block in blocks for one in block.errors],
        request_ids=[one for block in blocks for one in block.request_ids],
        latency_ms=[one for block in blocks for one in block.latency_ms],
    )


def try_out(side: FaultySide, texts: Sequence[str], threshold: float, which: Side) -> Stability:
    """Try a side against itself with this project's plan, sender and conclusions, and their defaults."""
    config, budget, time = _config(which), Budget(), _Time()
    chosen = chosen_texts(iter(texts), budget.texts, seed="rival")
    limits = Limits(batch_texts=config.batch_texts, batch_bytes=config.batch_bytes, concurrency=config.concurrency)
    plan = make_plan(chosen, salt="rival", limits=limits, budget=budget)
    asked = run_experiments(
        config,
        MODEL,
        conduct(plan, threshold),
        most=budget.requests,
        transport=httpx.MockTransport(side.while_others_wait),
        now=time.now,
        sleep=time.sleep,
        random=Random(1),  # noqa: S311 - likewise
    )
    return analyse(plan, asked.result, which, requests=asked.requests)
