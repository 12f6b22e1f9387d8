"""The demo's gateways and the fault proxy in this process, asked through the real engine without a socket.

Here belong the two sides as applications and what a run of the product does with one: fetch, ask, try against itself.
"""

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from functools import cache
from random import Random
from typing import Any, Final, TypeVar

import httpx
import numpy as np
from starlette.applications import Starlette

from parity_pipeline.core.diagnosis.records import Vector
from parity_pipeline.core.diagnosis_sample import picked_rows
from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.stability.analysis import analyse
from parity_pipeline.core.stability.observations import conduct
from parity_pipeline.core.stability.plan import make_plan
from parity_pipeline.core.stability.probe_texts import Limits, chosen_texts
from parity_pipeline.core.stability.records import Budget, Stability
from parity_pipeline.demo.app import build_app
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import chosen
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, Shape
from parity_pipeline.demo.models import Embedder, VectorCache
from parity_pipeline.wire.adhoc import embed_texts
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.experiments import run_experiments
from parity_pipeline.wire.fetch_lane import LaneResult, fetch_lane
from parity_pipeline.wire.side_config import SideConfig

Result = TypeVar("Result")

ADDRESS: Final = "http://gateway.invalid"
"""Where the applications are asked; the name is one that never resolves."""

BATCH: Final = 32
MODEL: Final = "wordllama-256"
OTHER_MODEL: Final = "wordllama-64"
WITHOUT_WAITING: Final = 1e-6
"""Seconds between attempts: nothing here gets better by waiting."""


class AtOnce(Executor):
    """Run what is submitted before returning, so that the order of events is the same each time."""

    def submit(self, fn: Callable[..., Result], /, *args: Any, **kwargs: Any) -> "Future[Result]":
        """Return a future that is done."""
        future: Future[Result] = Future()
        try:
            future.set_result(fn(*args, **kwargs))
        except Exception as error:  # noqa: BLE001 - an executor hands on whatever was raised
            future.set_exception(error)
        return future


@cache
def embedder() -> Embedder:
    """Return the demo's models, loaded once."""
    return Embedder()


def gateway(shape: Shape) -> Starlette:
    """Return one of the demo's gateways as an application that answers in a repeatable order."""
    embed = VectorCache(embedder().embed).embed if shape.cached else embedder().embed
    return build_app(shape, embed, AtOnce())


@dataclass(frozen=True, slots=True, kw_only=True)
class Fetched:
    """What a lane came to: all rows, and the engine's own account of it."""

    rows: FetchedRows
    lane: LaneResult


@dataclass(frozen=True, kw_only=True)
class InProcess:
    """One side: how it is asked, and the application that answers."""

    config: SideConfig
    app: Starlette
    seed: int

    def _transport(self) -> httpx.AsyncBaseTransport:
        return httpx.ASGITransport(self.app)

    def fetch(self, block: SampleBlock) -> Fetched:
        """Fetch a whole set.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        found: list[FetchedRows] = []
        random = Random(self.seed)  # noqa: S311 - jitter and request ids of a repeatable run
        lane = fetch_lane(self.config, MODEL, [block], found.append, transport=self._transport(), random=random)
        return Fetched(rows=picked_rows(np.arange(len(block), dtype=np.int64), found), lane=lane)

    def ask(self, texts: Sequence[str], model: str = MODEL) -> Sequence[Vector | None]:
        """Return a vector a text, None where there is none, as a diagnosis asks."""
        try:
            return embed_texts(self.config, model, texts, transport=self._transport())
        except ParityError:
            return [None] * len(texts)

    def tried(self, texts: Sequence[str], budget: Budget) -> Stability:
        """Try the side against itself.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        limits = Limits(
            batch_texts=self.config.batch_texts,
            batch_bytes=self.config.batch_bytes,
            concurrency=self.config.concurrency,
        )
        picked = chosen_texts(texts, budget.texts, seed=str(self.seed))
        plan = make_plan(picked, salt=f"{self.seed} {self.config.side}", limits=limits, budget=budget)
        asked = run_experiments(
            self.config, MODEL, conduct(plan, COSINE_THRESHOLD), most=budget.requests, transport=self._transport()
        )
        return analyse(plan, asked.result, self.config.side, requests=asked.requests)


_DIALECTS: Final = {
    side: next(one for one in BUILT_IN if one.name == name)
    for side, name in ((Side.LEGACY, "rust"), (Side.CANDIDATE, "go"))
}

SHAPES: Final[Mapping[Side, Shape]] = {
    Side.LEGACY: LEGACY,
    Side.CANDIDATE: replace(CANDIDATE, lenient_unicode=False),
}
"""The demo's gateways, but that both refuse lone surrogates: that the Go one does not is the fault of case 21."""

ALIKE: Final[Mapping[Side, Shape]] = {**SHAPES, Side.LEGACY: replace(LEGACY, unit_vectors=False)}
"""The same with raw vectors on both sides, so that a norm that differs is a fault."""


def side_of(side: Side, shapes: Mapping[Side, Shape], faults: str, scope: Scope) -> InProcess:
    """Return a side, with a fault proxy before it where faults are named, joined by commas."""
    dialect = _DIALECTS[side]
    app = gateway(shapes[side])
    if faults:
        app = build_proxy(ADDRESS, dialect, chosen(faults, scope), scope, transport=httpx.ASGITransport(app))
    config = SideConfig(
        side=side,
        label=f"{shapes[side].name} gateway of the demo",
        base_url=ADDRESS,
        dialect=dialect,
        batch_texts=BATCH,
        backoff_seconds=WITHOUT_WAITING,
        backoff_max_seconds=WITHOUT_WAITING,
    )
    return InProcess(config=config, app=app, seed=scope.seed)
