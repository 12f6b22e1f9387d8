"""The demo's gateways and the fault proxy in this process, reached through the real client without a socket.

Here belong both sides as gateways of the steps, and the run context around them.
"""

import json
from collections.abc import Callable, Mapping
from concurrent.futures import Executor, Future
from dataclasses import replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import httpx
from starlette.applications import Starlette

from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.thresholds import Thresholds
from parity_pipeline.demo.app import build_app
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import chosen
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, Shape
from parity_pipeline.demo.models import Embedder, VectorCache
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import BUILT_IN
from parity_pipeline.wire.side_config import SideConfig

Result = TypeVar("Result")

ADDRESS: Final = "http://gateway.invalid"
"""Base URL of the applications; the name never resolves."""

BATCH: Final = 32
MODEL: Final = "wordllama-256"
OTHER_MODEL: Final = "wordllama-64"
DAY: Final = "2026-05-01"
CLOCK: Final = datetime(2026, 5, 1, 6, 0, tzinfo=UTC)
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
    """Return one of the demo's gateways as an application that responds in a repeatable order."""
    embed = VectorCache(embedder().embed).embed if shape.cached else embedder().embed
    return build_app(shape, embed, AtOnce())


_DIALECTS: Final = {
    side: next(one for one in BUILT_IN if one.name == name)
    for side, name in ((Side.LEGACY, "rust"), (Side.CANDIDATE, "go"))
}

SHAPES: Final[Mapping[Side, Shape]] = {Side.LEGACY: LEGACY, Side.CANDIDATE: CANDIDATE}
"""The demo's gateways."""

ALIKE: Final[Mapping[Side, Shape]] = {**SHAPES, Side.LEGACY: replace(LEGACY, unit_vectors=False)}
"""The same with raw vectors on both sides, so that a norm that differs is a fault."""


def side_of(side: Side, shapes: Mapping[Side, Shape], faults: str, scope: Scope) -> Gateway:
    """Return a side, with a fault proxy before it where faults are named, joined by commas."""
    dialect = _DIALECTS[side]
    app = gateway(shapes[side])
    if faults:
        app = build_proxy(ADDRESS, dialect, chosen(faults, scope), scope, transport=httpx.ASGITransport(app))
    return in_process(side, app, label=f"{shapes[side].name} gateway of the demo", seed=scope.seed)


def in_process(side: Side, app: Any, *, label: str, seed: int, batch_texts: int = BATCH) -> Gateway:
    """Return a side whose gateway is an application in this process.

    Args:
        side: Which side.
        app: The ASGI application; it keeps its state from one call to the next.
        label: What reports call it.
        seed: Of jitter and request ids, the same for each lane.
        batch_texts: Texts in one request.
    """
    config = SideConfig(
        side=side,
        label=label,
        base_url=ADDRESS,
        dialect=_DIALECTS[side],
        batch_texts=batch_texts,
        backoff_seconds=WITHOUT_WAITING,
        backoff_max_seconds=WITHOUT_WAITING,
    )
    return Gateway(
        make_config=lambda: config,
        transport=lambda: httpx.ASGITransport(app),
        clock=lambda: CLOCK,
        random=lambda: Random(seed),  # noqa: S311 - jitter and request ids of a repeatable run
    )


def context_for(folder: Path, block: SampleBlock, gateways: Mapping[Side, Gateway]) -> RunContext:
    """Return what the steps share for a run of these texts within a folder, at a standing clock.

    Args:
        folder: Where samples, data and reports go.
        block: The texts, with their categories.
        gateways: Both sides.
    """
    folder.mkdir(parents=True, exist_ok=True)
    source = folder / "samples.jsonl"
    rows = zip(block.texts, block.categories, strict=True)
    source.write_text("".join(json.dumps({"text": text, "category": name}) + "\n" for text, name in rows), "ascii")
    return RunContext(
        layout=Layout(data_dir=folder / "data", reports_dir=folder / "reports"),
        sources=[SourceSpec(path=source)],
        thresholds=Thresholds(),
        package_version=version("parity_pipeline"),
        gateways=gateways,
        models=(MODEL, OTHER_MODEL),
        now=lambda: CLOCK,
    )
