"""A side in memory: responds through httpx's transport seam, by a rule that a test writes.

Here belong the fakes of these tests; no test.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import httpx
import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.samples import sample_id
from parity_pipeline.wire.client import LaneEnvironment
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
from parity_pipeline.wire.fetch_lane import fetch_lane
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.side_config import SideConfig

DIALECTS = {dialect.name: dialect for dialect in BUILT_IN}
NOON = datetime(2026, 4, 30, 12, tzinfo=UTC)

Rule = Callable[[list[str], int], httpx.Response | Exception | None]


def vector_of(text: str) -> list[float]:
    """Return the one vector that stands for a text."""
    return [float(len(text)), float(np.float32(sum(text.encode()) / 1000)), 0.5]


def vectors_response(texts: Sequence[str], model: str = "m") -> httpx.Response:
    """Return the correct response of the rust dialect."""
    return httpx.Response(200, json={"embeddings": [vector_of(text) for text in texts], "model": model})


@dataclass
class FakeSide:
    """A side that responds correctly unless the rule says otherwise.

    Attributes:
        rule: Given texts and the number of the request (from 1), returns a response; None for the correct one.
        requested: How often each text was requested.
        requests: Number of requests.
        bodies: Their bodies.
        headers: Their headers.
    """

    rule: Rule = lambda _texts, _number: None
    requested: Counter[str] = field(default_factory=Counter[str])
    requests: int = 0
    bodies: list[dict[str, Any]] = field(default_factory=list[dict[str, Any]])
    headers: list[httpx.Headers] = field(default_factory=list[httpx.Headers])

    def __call__(self, request: httpx.Request) -> httpx.Response:
        """Respond to one request."""
        self.requests += 1
        body = json.loads(request.content)
        self.bodies.append(body)
        self.headers.append(request.headers)
        texts = body["texts"]
        self.requested.update(texts)
        response = self.rule(texts, self.requests)
        if isinstance(response, Exception):
            raise response
        return response if response is not None else vectors_response(texts, body.get("model", "the default"))


@dataclass
class Time:
    """A clock that only sleeping moves."""

    seconds: float = 0.0
    slept: list[float] = field(default_factory=list[float])

    def now(self) -> float:
        """Return monotonic seconds."""
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        """Move on at once."""
        self.slept.append(seconds)
        self.seconds += seconds

    def environment(self) -> LaneEnvironment:
        """Return this clock as a lane takes it, with the same jitter each time."""
        jitter = Random(1)  # noqa: S311 - nothing secret
        return LaneEnvironment(clock=lambda: NOON, now=self.now, sleep=self.sleep, random=jitter)


def side(dialect: Dialect | str = "rust", **changes: Any) -> SideConfig:
    """Return a side's settings: ten texts per batch, two requests in flight, no requests beside those for texts."""
    found = DIALECTS[dialect] if isinstance(dialect, str) else dialect
    settings: dict[str, Any] = {
        "batch_texts": 10,
        "concurrency": 2,
        "ask_default_model": False,
        "canaries": False,
        **changes,
    }
    settings.setdefault("base_url", "http://side.test")
    return SideConfig(side=Side.LEGACY, label="Fake", dialect=found, **settings)


def blocks(texts: Sequence[str], size: int = 7) -> Iterator[SampleBlock]:
    """Yield texts as blocks of another size than the batches have."""
    for start in range(0, len(texts), size):
        part = texts[start : start + size]
        yield SampleBlock(start, [sample_id(text) for text in part], part, ["seed"] * len(part))


@dataclass
class Fetched:
    """Result of a fetch, with its blocks joined.

    Attributes:
        result: What `fetch_lane` returned.
        rows: The blocks the sink got.
        time: The clock after it.
    """

    result: LaneResult
    rows: list[FetchedRows]
    time: Time

    def column(self, name: str) -> list[Any]:
        """Return one column of all rows."""
        return [value for block in self.rows for value in getattr(block, name)]

    def vectors(self) -> list[list[float]]:
        """Return one list per row, empty without a vector."""
        return [
            block.values[block.offsets[row] : block.offsets[row + 1]].tolist()
            for block in self.rows
            for row in range(len(block))
        ]

    def is_complete(self, texts: Sequence[str]) -> bool:
        """Return whether each sample arrived once, in its order."""
        starts = [block.start for block in self.rows]
        ends = list(np.cumsum([len(block) for block in self.rows]))
        return self.column("ids") == [sample_id(text) for text in texts] and starts == [0, *ends[:-1]]


def fetch(fake: Callable[[httpx.Request], Any], texts: Sequence[str], config: SideConfig, **more: Any) -> Fetched:
    """Fetch texts from a fake side, on a clock that only sleeping moves."""
    rows: list[FetchedRows] = []
    time = Time()
    result = fetch_lane(
        config,
        "m",
        blocks(texts),
        rows.append,
        transport=httpx.MockTransport(fake),
        environment=time.environment(),
        **more,
    )
    return Fetched(result, rows, time)
