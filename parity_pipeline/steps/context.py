"""What the steps of a run share: where files lie, what is demanded of a sample, the two gateways, the clock.

Here belong the record that the composition root fills, and a side as the steps use it. No step reads settings, the
environment or a clock on its own, and none knows Dagster: a test, a benchmark or a person's own script makes a
`RunContext` and calls the same steps, each with `day`, the partition date as ISO 8601, and `model`, the model's name.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Generator, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random, SystemRandom
from typing import TypeVar

import httpx

from parity_pipeline.core.checks import CheckSettings
from parity_pipeline.core.contract.records import ContractBudget
from parity_pipeline.core.diagnosis.records import Vector
from parity_pipeline.core.errors import ArtifactError, GatewayError, SettingsError
from parity_pipeline.core.fetched_rows import FetchedRows, SampleBlock, Staging
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_watch import GatewayChanges
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproduceBudget
from parity_pipeline.core.retrieval.provenance import FetchedRankings, QueriesBlock
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.stability.records import Budget, Response, Step
from parity_pipeline.core.verdict import EMBED
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.steps.retrieval.context import RetrievalContext
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline.wire.client import LaneEnvironment, utc_now
from parity_pipeline.wire.contract_probes import ContractRun, observe_contract
from parity_pipeline.wire.experiments import ExperimentRun, run_experiments
from parity_pipeline.wire.fetch_lane import embed_rows, embed_texts, fetch_lane
from parity_pipeline.wire.fetch_rankings import RankingStaging, RetrievalLaneResult, ask_rankings, fetch_rankings
from parity_pipeline.wire.gateway_look import Look, look, with_identity
from parity_pipeline.wire.lane import LaneResult
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.retrieval_side import RetrievalSide
from parity_pipeline.wire.side_config import SideConfig

Result = TypeVar("Result")
Read = TypeVar("Read")


@dataclass(frozen=True, kw_only=True)
class Gateway:
    """One side, as the steps use it.

    Attributes:
        make_config: Returns how the side is reached. Called with each use and not when loaded, since the token comes
            from the environment.
        transport: Makes the network of one call; None for the real one.
        clock: The time of day.
        now: Monotonic seconds.
        sleep: Waits.
        random: Makes the source of jitter and request ids of one lane; None for the system's.
        token_variable: Environment variable of its token; "" where it has none.
        recorded: Where the side is a recording: `last`, or the partition date that stands in for it, ISO 8601. Nothing is
            requested then. "" for a gateway.
        make_retrieval_side: Returns how the side's rankings of a corpus are fetched, likewise with each use; None where
            there is no retrieve probe.
    """

    make_config: Callable[[], SideConfig]
    transport: Callable[[], httpx.AsyncBaseTransport] | None = None
    clock: Callable[[], datetime] = utc_now
    now: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], Random] | None = None
    token_variable: str = ""
    recorded: str = ""
    make_retrieval_side: Callable[[str], RetrievalSide] | None = None

    def config(self) -> SideConfig:
        """Return how the side is reached.

        Raises:
            SettingsError: Its token is not in the environment.
        """
        return self.make_config()

    def fetch(
        self,
        model: str,
        samples: Iterable[SampleBlock],
        sink: Callable[[FetchedRows], None],
        *,
        staging: Staging | None,
        progress: Callable[[Progress], None],
        total: int,
    ) -> LaneResult:
        """Fetch the vectors of all samples in order; see `wire.fetch_lane.fetch_lane`."""
        return fetch_lane(
            self.config(),
            model,
            samples,
            sink,
            staging=staging,
            progress=progress,
            total=total,
            transport=self._network(),
            environment=self._environment(),
        )

    def run_experiments(
        self, model: str, dialogue: Generator[Step, Sequence[Response], Result], *, most: int
    ) -> ExperimentRun[Result]:
        """Send the requests that a dialogue asks for; see `wire.experiments.run_experiments`."""
        return run_experiments(
            self.config(),
            model,
            dialogue,
            most=most,
            transport=self._network(),
            environment=self._environment(),
        )

    def observe_contract(self, model: str, budget: ContractBudget, threshold: float) -> ContractRun:
        """Observe the contract of the side; see `wire.contract_probes.observe_contract`."""
        return observe_contract(
            self.config(),
            model,
            budget,
            threshold,
            transport=self._network(),
            environment=self._environment(),
        )

    def embed(self, model: str, texts: Sequence[str]) -> Sequence[Vector | None]:
        """Return one vector per text, None where there is none; for a few texts, outside the lane.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        return embed_texts(self.config(), model, texts, transport=self._network())

    def embed_rows(self, model: str, block: SampleBlock) -> tuple[Sequence[FetchedRows], int]:
        """Return the rows of a block and how many requests were sent; see `wire.fetch_lane.embed_rows`.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        return embed_rows(self.config(), model, block, transport=self._network())

    def identify(self, config: SideConfig, model: str, found: Fingerprint) -> Fingerprint:
        """Return a fingerprint with the version and digest of the side's endpoints; see `wire.gateway_look.with_identity`."""
        return with_identity(config, model, found, transport=self._network(), environment=self._environment())

    def look(self, model: str) -> Look:
        """Look at the side by few requests; see `wire.gateway_look.look`.

        Raises:
            SettingsError: Its token is not in the environment.
        """
        return look(self.config(), model, network=self._network, environment=self._environment())

    def states_version(self, corpus: str) -> bool:
        """Return whether the side has an endpoint that states its version where it searches a corpus.

        Raises:
            SettingsError: Its token is not in the environment, or there is no retrieve probe.
        """
        version = self.retrieval_side(corpus).config.version
        return version is not None and version.path is not None

    def look_at_retrieval(self, corpus: str) -> tuple[tuple[Fingerprint, ...], str]:
        """Return what the endpoint of the side's version says where it searches; nothing and why, where it says nothing.

        Raises:
            SettingsError: Its token is not in the environment, or there is no retrieve probe.
        """
        config = self.retrieval_side(corpus).config
        config = replace(config, dialect=replace(config.dialect, digest=None))
        found = self.identify(config, "", Fingerprint())
        return ((found,), "") if found.version else ((), "no version is stated")

    def retrieval_side(self, corpus: str) -> RetrievalSide:
        """Return how the side's rankings of a corpus are fetched.

        Raises:
            SettingsError: Its token is not in the environment, or there is no retrieve probe.
        """
        if self.make_retrieval_side is None:
            raise SettingsError("the side has no retrieve probe", place="retrieve", remedy="Add it to parity.yaml.")
        return self.make_retrieval_side(corpus)

    def fetch_rankings(
        self,
        where: RetrievalSide,
        queries: Iterable[QueriesBlock],
        sink: Callable[[FetchedRankings], None],
        *,
        staging: RankingStaging | None,
        progress: Callable[[Progress], None],
        total: int,
        vectors: Mapping[str, Sequence[float]] | None,
    ) -> RetrievalLaneResult:
        """Fetch the rankings of all queries in order; see `wire.fetch_rankings.fetch_rankings`."""
        return fetch_rankings(
            where,
            queries,
            sink,
            staging=staging,
            progress=progress,
            total=total,
            transport=self._network(),
            environment=self._environment(),
            vectors=vectors,
        )

    def ask_rankings(
        self, where: RetrievalSide, queries: Sequence[Query], *, vectors: Mapping[str, Sequence[float]] | None = None
    ) -> tuple[Sequence[Ranking], int]:
        """Return one ranking per query and how many requests were sent; see `wire.fetch_rankings.ask_rankings`.

        Raises:
            GatewayError: The side cannot be used at all.
        """
        return ask_rankings(where, queries, vectors=vectors, transport=self._network(), environment=self._environment())

    def _network(self) -> httpx.AsyncBaseTransport | None:
        if self.recorded:
            raise GatewayError(
                "this side is a recording, and nothing is requested from it", remedy="Fetch the other side."
            )
        return self.transport() if self.transport else None

    def _environment(self) -> LaneEnvironment:
        random = self.random() if self.random else SystemRandom()
        return LaneEnvironment(clock=self.clock, now=self.now, sleep=self.sleep, random=random)


@dataclass(frozen=True, kw_only=True)
class RunContext:
    """What every step of one project shares.

    Attributes:
        layout: Where data and reports lie.
        sources: Where samples come from.
        thresholds: What a sample has to reach.
        package_version: Version that is running.
        gateways: Both sides.
        models: All models of the settings.
        waivers: Expected differences, in the order of the settings.
        required_bound: Share of inputs, in (0, 1), that at most may fail, to be proved; None asks for no proof.
        checks: What the settings say of checks.
        now: The clock; aware datetimes in UTC.
        stability: How many texts and requests measuring a side's repeatability may take.
        contract: Whether the contract of each side is observed, and with how many requests.
        reproduce: How many requests may be sent to make the worst failing sample of a FAIL small.
        retrieval: What the steps of the retrieve probe share; None where there is none.
        probe: The probe of embeddings, as verdicts name it.
        keep_vectors: How long stored vectors and rankings are kept; None for ever.
        gateway_changes: What is done about changes of a gateway.
        config: The settings file that commands in reports have to name; "" for the one that they find by themselves.
        watch: Called with the lane's name and its progress, for a person who waits; None where nobody does.
    """

    layout: Layout
    sources: Sequence[SourceSpec]
    thresholds: Thresholds
    package_version: str
    gateways: Mapping[Side, Gateway]
    models: Sequence[str] = ()
    waivers: Sequence[Waiver] = ()
    required_bound: float | None = None
    checks: CheckSettings = field(default_factory=CheckSettings)
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    stability: Budget = field(default_factory=Budget)
    contract: ContractBudget = field(default_factory=ContractBudget)
    reproduce: ReproduceBudget = field(default_factory=ReproduceBudget)
    retrieval: RetrievalContext | None = None
    probe: str = EMBED
    keep_vectors: timedelta | None = None
    gateway_changes: GatewayChanges = field(default_factory=GatewayChanges)
    config: str = ""
    watch: Callable[[str, Progress], None] | None = None


def stored(path: Path, read: Callable[[Path], Read]) -> Read:
    """Return what an earlier step has stored.

    Args:
        path: Where its file of this partition lies.
        read: What opens it.

    Raises:
        ArtifactError: The step was not run for this partition, or its file cannot be read.
    """
    if not path.exists():
        raise ArtifactError(
            "an asset upstream was not materialized for this partition",
            place=str(path),
            remedy="Materialize it first, or the whole job of that date with `parity run`.",
        )
    return read(path)
