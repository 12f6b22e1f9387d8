"""One run of the product on two sides in this process, by the very steps that Dagster's assets call.

Here belong both of the demo's gateways and the fault proxy reached through the real client without a socket, the run
context around them, and what the matrix reads from a verdict. Which faults the sides have is of no concern here.
"""

import json
import shutil
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Executor, Future
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from pathlib import Path
from random import Random
from typing import Any, Final, TypeVar

import httpx
from starlette.applications import Starlette

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_proxy import build_proxy
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import chosen
from parity_pipeline.demo.gateway import CANDIDATE, LEGACY, Shape, build_app
from parity_pipeline.demo.models import Embedder, VectorCache
from parity_pipeline.demo.retrieval_faults import chosen_retrieval_faults
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.run_partition import ask_sides, judge_lanes
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.dialects import BUILT_IN, Dialect
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


@cache
def _kept_vectors() -> VectorCache:
    """Return one cache for all gateways that search, so that the workers are embedded once."""
    return VectorCache(embedder().embed)


def searching_gateway(side: Side, faults: str = "", *, seed: int = 0) -> Starlette:
    """Return one of the demo's gateways for its retrieval, with faults of the candidate's, joined by commas.

    Raises:
        ValueError: A fault is unknown, or the side is the legacy one, which has none.
    """
    if faults and side is Side.LEGACY:
        raise ValueError("the legacy gateway has no faults of retrieval")
    return build_app(SHAPES[side], _kept_vectors().embed, AtOnce(), faults=chosen_retrieval_faults(faults), seed=seed)


_DIALECTS: Final = {
    side: next(one for one in BUILT_IN if one.name == name)
    for side, name in ((Side.LEGACY, "rust"), (Side.CANDIDATE, "go"))
}


def dialect_of(side: Side) -> Dialect:
    """Return the dialect that a side of the demo speaks."""
    return _DIALECTS[side]


SHAPES: Final[Mapping[Side, Shape]] = {Side.LEGACY: LEGACY, Side.CANDIDATE: CANDIDATE}
"""The demo's gateways."""

ALIKE: Final[Mapping[Side, Shape]] = {**SHAPES, Side.LEGACY: replace(LEGACY, unit_vectors=False)}
"""The same with raw vectors on both sides, so that a norm that differs is a fault."""


def side_of(side: Side, shapes: Mapping[Side, Shape], faults: str, scope: Scope) -> Gateway:
    """Return a side, with a fault proxy before it where faults are named, joined by commas."""
    return layered_side(side, shapes, [(faults, scope)] if faults else [], seed=scope.seed)


def layered_side(
    side: Side, shapes: Mapping[Side, Shape], layers: Sequence[tuple[str, Scope]], *, seed: int
) -> Gateway:
    """Return a side behind one fault proxy per layer, the first of them next to the gateway; each has its own scope."""
    app: Any = gateway(shapes[side])
    for faults, scope in layers:
        network = httpx.ASGITransport(app)
        app = build_proxy(ADDRESS, _DIALECTS[side], chosen(faults, scope), scope, transport=network)
    return in_process(side, app, label=f"{shapes[side].name} gateway of the demo", seed=seed)


def in_process(
    side: Side,
    app: Any,
    *,
    label: str,
    seed: int,
    batch_texts: int = BATCH,
    dialect: Dialect | None = None,
    address: str = ADDRESS,
) -> Gateway:
    """Return a side whose gateway is an application in this process.

    Args:
        side: Which side.
        app: The ASGI application; it keeps its state from one call to the next.
        label: What reports call it.
        seed: Of jitter and request ids, the same for each lane.
        batch_texts: Texts in one request.
        dialect: What it speaks; that of the side of the demo where None.
        address: What its base URL is called.
    """
    config = SideConfig(
        side=side,
        label=label,
        base_url=address,
        dialect=dialect or _DIALECTS[side],
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


COULD_NOT_RUN: Final = "COULD NOT RUN"
RUN_ID: Final = "fault matrix"
DAY_BEFORE: Final = "2026-04-30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the product says of one comparison.

    Attributes:
        verdict: A decision, or `COULD_NOT_RUN`.
        causes: Causes, and observations that do not affect the verdict.
        proven: Those causes that are called proven.
        findings: Findings on the repeatability of a side.
        errors: Kinds of failed requests of either lane.
        failing: Checks that fail the candidate.
        message: The error where it could not run.
    """

    verdict: str
    causes: frozenset[CauseName] = frozenset()
    proven: frozenset[CauseName] = frozenset()
    findings: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    failing: frozenset[CheckName] = frozenset()
    message: str = ""

    def differs(self, clean: "Judged") -> bool:
        """Return whether a reader sees anything that the clean comparison of the same sides does not show."""
        return self.verdict != clean.verdict or any(
            mine - usual
            for mine, usual in (
                (self.causes, clean.causes),
                (self.findings, clean.findings),
                (self.errors, clean.errors),
            )
        )

    @classmethod
    def of(cls, verdict: Verdict) -> "Judged":
        """Return what a verdict says."""
        diagnosis = verdict.diagnosis
        named = (*diagnosis.causes, *diagnosis.remarks) if diagnosis else ()
        stability = [side.stability for side in verdict.sides if side.stability]
        return cls(
            verdict=verdict.decision.value,
            causes=frozenset(cause.name for cause in named),
            proven=frozenset(cause.name for cause in named if cause.confidence is Confidence.PROVEN),
            findings=frozenset(f"{one.side}: {finding.experiment}" for one in stability for finding in one.findings),
            errors=frozenset(
                kind for side in verdict.sides for kind, count in side.provenance.errors_by_kind.items() if count
            ),
            failing=frozenset(one.name for one in verdict.checks if one.stands and one.severity is CheckSeverity.FAIL),
        )


def fetch_clean_sides(run: RunContext) -> None:
    """Draw the samples and fetch both sides, so that trials on the same texts can reuse the lane of a clean side."""
    draw_samples(run, DAY, MODEL)
    ask_sides(run, DAY, MODEL)


def judged(run: RunContext) -> Judged:
    """Judge the stored lanes of both sides."""
    return Judged.of(judge_lanes(run, DAY, MODEL, run_id=RUN_ID))


def judge_faulty(run: RunContext, faulty: Side, clean: RunContext, *, warm: bool) -> Judged:
    """Fetch a faulty side, take over the lane of the other one from a clean run, and judge.

    Args:
        run: The run, with the faulty side.
        faulty: Which side that is.
        clean: A run on the same texts whose lanes are stored; see `fetch_clean_sides`.
        warm: Whether the faulty side is sent the same texts the day before too.
    """
    try:
        if warm:
            draw_samples(run, DAY_BEFORE, MODEL)
            ask_sides(run, DAY_BEFORE, MODEL, (faulty,))
        take_over(clean.layout.samples(DAY, MODEL), run.layout.samples(DAY, MODEL))
        ask_sides(run, DAY, MODEL, (faulty,))
    except GatewayError as error:
        return Judged(verdict=COULD_NOT_RUN, message=str(error))
    other = next(side for side in Side if side is not faulty)
    for path in ("embeddings", "stability"):
        take_over(*(getattr(one.layout, path)(other, DAY, MODEL) for one in (clean, run)))
    return judged(run)


def take_over(stored: Path, place: Path) -> None:
    """Copy a stored file of one run to its place in another."""
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(stored, place)
