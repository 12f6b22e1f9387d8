"""A whole project in a temporary folder, with two in-memory gateways, for the tests of `defs`.

Here belong the settings, the fake sides and the one call that materializes. No socket and no Dagster home is used.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, Final

import dagster as dg
import httpx
import yaml

from parity_pipeline.core.outcomes import Side
from parity_pipeline.definitions import build_context, build_definitions
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.runs.runner import QUIET
from parity_pipeline.settings.loading import validate
from parity_pipeline.settings.model import Settings
from parity_pipeline.steps.context import Gateway as SideGateway
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, Probe
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.fakes.gateways import Gateway
from parity_pipeline_tests.fakes.searching import QUERIES, RETRIEVE, SearchingGateway, query_lines

DAY: Final = "2026-05-01"
MODEL: Final = "fake-32"
CLOCK: Final = datetime(2026, 5, 1, 6, 0, tzinfo=UTC)
SAMPLES: Final = ("hello", "forklift operator", "résumé: 12 yrs", "a | b", "")


async def no_wait(_seconds: float) -> None:
    """Wait for nothing."""


def fake_side(
    config: SideConfig,
    app: Any,
    clock: datetime = CLOCK,
    make_retrieval_side: Callable[[str], RetrievalSide] | None = None,
) -> SideGateway:
    """Return a side whose gateway is an application in this process: the real engine, without a socket or a wait."""
    return SideGateway(
        make_config=lambda: config,
        transport=lambda: httpx.ASGITransport(app),
        clock=lambda: clock,
        now=lambda: 0.0,
        sleep=no_wait,
        make_retrieval_side=make_retrieval_side,
    )


@dataclass
class Project:
    """One project.

    Attributes:
        folder: Where everything lies.
        legacy: The legacy gateway; None for one that is down.
        candidate: The candidate gateway; likewise.
        models: Models of the settings.
        samples: Lines of the sample file.
        thresholds: Of the settings.
        more: Further settings.
        clock: Where the clock stands.
        instance: Where Dagster keeps its events.
    """

    folder: Path
    legacy: Gateway | SearchingGateway | None
    candidate: Gateway | SearchingGateway | None
    models: Sequence[str] = (MODEL,)
    samples: Sequence[str] = SAMPLES
    thresholds: dict[str, float] = field(default_factory=dict[str, float])
    more: dict[str, Any] = field(default_factory=dict[str, Any])
    clock: datetime = CLOCK
    instance: dg.DagsterInstance = field(init=False)

    def __post_init__(self) -> None:
        """Keep Dagster's events in memory, its captured output in the folder."""
        self.instance = dg.DagsterInstance.ephemeral(tempdir=str(self.folder))

    def settings(self) -> Settings:
        """Return the settings, the sample file written."""
        return validate(self.content(), self.folder / "parity.yaml")

    def write_settings(self) -> Path:
        """Write the settings as a file, for what reads one, and return it."""
        path = self.folder / "parity.yaml"
        path.write_text(yaml.safe_dump(self.content()), "utf-8")
        return path

    def content(self) -> dict[str, Any]:
        """Return what the settings file holds, the sample file written."""
        (self.folder / "samples.txt").write_text("".join(f"{line}\n" for line in self.samples), "utf-8")
        side = {"base_url": "http://gateway.test", "dialect": "rust", "attempts": 2}
        return {
            "first_date": "2026-04-30",
            "models": list(self.models),
            "samples": [{"path": "samples.txt", "category": "seed"}],
            "hazards": False,
            "thresholds": self.thresholds,
            **self.more,
            "sides": {
                "legacy": {**side, "label": "Old gateway"},
                "candidate": {**side, "label": "New gateway", "dialect": "go"},
            },
        }

    def definitions(self) -> dg.Definitions:
        """Return the definitions with the fake sides and a standing clock."""
        return build_definitions(self.settings(), context=self.context())

    def context(self) -> RunContext:
        """Return what the steps share, with the fake sides and a standing clock; a recording is as the settings make it."""
        settings = self.settings()
        sides = {
            side: gateway
            for side, gateway in ((Side.LEGACY, self.legacy), (Side.CANDIDATE, self.candidate))
            if not settings.side(side).recorded
        }
        plain = build_context(settings, environ={}, now=lambda: self.clock)
        gateways = {
            side: fake_side(
                settings.side_config(side, {}),
                gateway.app if gateway else _down,
                self.clock,
                partial(_retrieval_side, settings, side) if settings.retrieve else None,
            )
            for side, gateway in sides.items()
        }
        return replace(plain, gateways={**plain.gateways, **gateways})

    def run(
        self,
        *names: str,
        day: str = DAY,
        model: str = MODEL,
        definitions: dg.Definitions | None = None,
        probe: Probe = EMBED,
    ) -> dg.ExecuteInProcessResult:
        """Materialize the named assets of one partition of a probe, all where none is named; `model` may be a corpus."""
        job = (definitions or self.definitions()).resolve_job_def(probe.job)
        return job.execute_in_process(
            partition_key=make_key(day, model, probe.dimension),
            asset_selection=[dg.AssetKey(name.split("/")) for name in names] or None,
            instance=self.instance,
            run_config=QUIET,
            raise_on_error=False,
        )


def searching_project(folder: Path, *, queries: Sequence[str] = QUERIES, **retrieve: Any) -> Project:
    """Return a project with both probes, whose sides search alike; keywords change its section `retrieve`."""
    (folder / "queries.jsonl").write_text(query_lines(queries), "utf-8")
    more = {"stability": {"enabled": False}, "contract": {"enabled": False}, "retrieve": {**RETRIEVE, **retrieve}}
    return Project(folder, SearchingGateway("rust"), SearchingGateway("go"), more=more)


def _retrieval_side(settings: Settings, side: Side, corpus: str) -> RetrievalSide:
    return settings.retrieval_side(side, corpus, {})


async def _down(_scope: Any, _receive: Any, _send: Any) -> None:
    raise httpx.ConnectError("connection refused")


def checks_of(result: dg.ExecuteInProcessResult) -> dict[str, bool]:
    """Return each check of a run, as `asset:check`, and whether it passed."""
    return {
        f"{one.asset_key.to_user_string()}:{one.check_name}": one.passed for one in result.get_asset_check_evaluations()
    }
