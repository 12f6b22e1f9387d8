"""One run of the retrieve probe on the demo's two gateways in this process, by the very steps that Dagster's assets call.

Here belong the sides, the run context around them and what the matrix reads from a verdict. Which faults there are and
what counts as right is of no concern here; the embed probe's runs belong to `trial_run`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from importlib.metadata import version
from itertools import count
from pathlib import Path
from random import Random
from typing import Any, Final

import httpx
from starlette.applications import Starlette

from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproduceBudget
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCauseName
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.demo.corpus import EVERYONE
from parity_pipeline.demo.demo_settings import demo_retrieve
from parity_pipeline.demo.generated_queries import write_queries
from parity_pipeline.faults.trial_run import (
    ADDRESS,
    CLOCK,
    COULD_NOT_RUN,
    DAY,
    MODEL,
    WITHOUT_WAITING,
    dialect_of,
    searching_gateway,
    take_over,
)
from parity_pipeline.settings.retrieve import ALL_HAZARDS, BUILT_IN_RETRIEVAL, RetrieveSettings
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.query_sources import QuerySourceSpec
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

RUN_ID: Final = "retrieval faults"


@dataclass(frozen=True, slots=True, kw_only=True)
class JudgedRankings:
    """What the product says of one comparison of rankings.

    Attributes:
        verdict: A decision, or `COULD_NOT_RUN`.
        causes: Causes, in the order of the verdict.
        proven: Those of them that are called proven.
        findings: What a reader has to know beside.
        different: Share of queries that prove a difference, in [0, 1]; None where nothing was compared.
        overlap: Mean overlap of the lists, in [0, 1]; None likewise.
        message: The error where it could not run, else the reasons.
    """

    verdict: str
    causes: tuple[RetrievalCauseName, ...] = ()
    proven: frozenset[RetrievalCauseName] = frozenset()
    findings: tuple[str, ...] = ()
    different: float | None = None
    overlap: float | None = None
    message: str = ""

    @classmethod
    def of(cls, verdict: RetrievalVerdict) -> "JudgedRankings":
        """Return what a verdict says."""
        values = {one.measure: one.value for one in verdict.set_measures}
        return cls(
            verdict=verdict.decision.value,
            causes=tuple(cause.name for cause in verdict.causes),
            proven=frozenset(one.name for one in verdict.causes if one.confidence is CauseConfidence.PROVEN),
            findings=verdict.findings,
            different=values[SetMeasure.DIFFERENT_SHARE],
            overlap=values[SetMeasure.MEAN_OVERLAP],
            message="; ".join(verdict.reasons),
        )


def searching_side(side: Side, app: Any, section: RetrieveSettings, *, seed: int, label: str = "") -> Gateway:
    """Return a side whose gateway is an application in this process that embeds and retrieves.

    Args:
        side: Which side.
        app: The ASGI application.
        section: How its rankings are fetched.
        seed: Of jitter and request ids.
        label: What reports call it.
    """
    config = SideConfig(
        side=side,
        label=label or f"{side} gateway of the demo",
        base_url=ADDRESS,
        dialect=dialect_of(side),
        backoff_seconds=WITHOUT_WAITING,
        backoff_max_seconds=WITHOUT_WAITING,
    )
    dialect = BUILT_IN_RETRIEVAL[section.side(side).dialect or ""]

    def retrieval_side(corpus: str) -> RetrievalSide:
        return section.wire_side(side, corpus, config, dialect)

    return Gateway(
        make_config=lambda: config,
        transport=partial(httpx.ASGITransport, app),
        clock=lambda: CLOCK,
        random=lambda: Random(seed),  # noqa: S311 - jitter and request ids of a repeatable run
        make_retrieval_side=retrieval_side,
    )


def retrieval_run(
    folder: Path, queries: Sequence[Query], apps: Mapping[Side, Any], *, seed: int, hazards: bool = True
) -> RunContext:
    """Return what the steps share for a run of these queries within a folder, at a standing clock.

    Args:
        folder: Where queries, data and reports go.
        queries: Queries to the demo's corpora.
        apps: The application of each side.
        seed: Of jitter and request ids.
        hazards: Whether the built-in hazard queries are sent too, as by default.
    """
    source = folder / "queries.jsonl"
    write_queries(source, queries)
    section = demo_retrieve()
    return RunContext(
        layout=Layout(data_dir=folder / "data", reports_dir=folder / "reports"),
        sources=[],
        thresholds=Thresholds(),
        package_version=version("parity_pipeline"),
        gateways={side: searching_side(side, app, section, seed=seed) for side, app in apps.items()},
        models=(MODEL,),
        now=lambda: CLOCK,
        reproduce=ReproduceBudget(requests=0),  # no fault is found by it, and each would cost its requests
        retrieval=RetrievalContext(
            corpora=section.corpora,
            sources=[QuerySourceSpec(path=source), *([ALL_HAZARDS] if hazards else [])],
            filters=tuple(section.filters),
            rules=section.rules(),
            bands=section.judged_bands(),
            model=section.model,
        ),
    )


def demo_app(side: Side, faults: str = "", *, seed: int = 0) -> Starlette:
    """Return one of the demo's gateways, the candidate with faults joined by commas."""
    return searching_gateway(side, faults, seed=seed)


@dataclass
class CleanLegacy:
    """The legacy gateway and its lane, fetched once, so that trials on the same queries can use it again.

    Attributes:
        folder: Where the runs keep their files.
        queries: The queries of all trials.
        seed: Of jitter, request ids, and of what faults hit.
        hazards: Whether the built-in hazard queries are sent too.
    """

    folder: Path
    queries: Sequence[Query]
    seed: int
    hazards: bool = True
    _fetched: RunContext | None = None
    _numbers: Iterator[int] = field(default_factory=count)

    def judge(self, candidate: Any, *, name: str) -> tuple[RunContext, RetrievalVerdict]:
        """Return the run and the verdict on a candidate.

        Raises:
            GatewayError: The candidate cannot be used at all.
        """
        apps = {Side.LEGACY: demo_app(Side.LEGACY), Side.CANDIDATE: candidate}
        run = retrieval_run(
            self.folder / f"{next(self._numbers)}-{name}", self.queries, apps, seed=self.seed, hazards=self.hazards
        )
        if self._fetched is None:
            found = run_retrieval(run, DAY, EVERYONE, run_id=RUN_ID)
            self._fetched = run
            return run, found
        for stored in (_queries, _legacy):
            take_over(stored(self._fetched.layout), stored(run.layout))
        return run, run_retrieval(run, DAY, EVERYONE, run_id=RUN_ID, sides=(Side.CANDIDATE,))

    def judged(self, faults: str) -> JudgedRankings:
        """Return what the product says of a candidate with faults, joined by commas; none for an empty text."""
        try:
            _, verdict = self.judge(demo_app(Side.CANDIDATE, faults, seed=self.seed), name=faults or "clean")
        except GatewayError as error:
            return JudgedRankings(verdict=COULD_NOT_RUN, message=str(error))
        return JudgedRankings.of(verdict)


def _queries(layout: Layout) -> Path:
    return layout.queries(DAY, EVERYONE)


def _legacy(layout: Layout) -> Path:
    return layout.rankings(Side.LEGACY, DAY, EVERYONE)
