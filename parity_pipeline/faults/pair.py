"""What the product says of two sides: the steps of a run from what was fetched to verdict, causes and findings.

Here belongs what the Dagster assets do one after the other, done at once and kept nowhere. Which faults the sides have
is of no concern here.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from parity_pipeline.core.compare import compare
from parity_pipeline.core.decision import DecisionInputs, decide
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import CauseName, Diagnosis, DiagnosisInput, Experiment, FollowUpQueries
from parity_pipeline.core.diagnosis.wrong_model import known_vectors
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.metrics import Matrix32
from parity_pipeline.core.noise_floor import NoiseFloors
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.stability.analysis import for_diagnosis
from parity_pipeline.core.stability.records import Budget, Stability
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.thresholds import Thresholds, grade
from parity_pipeline.faults.in_process_sides import BATCH, OTHER_MODEL, Fetched, InProcess

REQUESTS: Final = 12
"""Extra requests that a diagnosis may send to both sides together."""

KNOWN_TEXTS: Final = 16
"""Failing texts that are asked of the other model."""

COULD_NOT_RUN: Final = "COULD NOT RUN"

_AGREEING: Final = (Outcome.MATCH, Outcome.REFUSED_BY_BOTH)


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the product says of one comparison.

    Attributes:
        verdict: A decision, or `COULD_NOT_RUN`.
        told: Causes and remarks.
        findings: What a side's stability is told to lack.
        errors: Kinds of failed requests of either lane.
        message: What the error said where it could not run.
    """

    verdict: str
    told: frozenset[CauseName] = frozenset()
    findings: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
    message: str = ""

    def differs(self, clean: "Judged") -> bool:
        """Tell whether a reader sees anything that the clean comparison of the same sides does not show."""
        return self.verdict != clean.verdict or any(
            mine - usual
            for mine, usual in (
                (self.told, clean.told),
                (self.findings, clean.findings),
                (self.errors, clean.errors),
            )
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class SideResults:
    """What asking one side came to: its rows, and how stable it is."""

    lane: Fetched
    stability: Stability


def ask_side(side: InProcess, block: SampleBlock) -> SideResults:
    """Fetch a set from a side, then try the side against itself.

    Raises:
        GatewayError: The side cannot be used at all.
    """
    return SideResults(lane=side.fetch(block), stability=side.tried(block.texts, Budget()))


@dataclass(frozen=True, kw_only=True)
class Pair:
    """Two sides that are compared."""

    legacy: InProcess
    candidate: InProcess

    def judged(self, block: SampleBlock, asked: tuple[SideResults, SideResults]) -> Judged:
        """Return what the product says of a set, from what asking the legacy side and the candidate came to."""
        lanes, tried = (asked[0].lane, asked[1].lane), [one.stability for one in asked]
        tally = Tally(Thresholds(), floors=NoiseFloors(legacy=tried[0].floor, candidate=tried[1].floor))
        rows = compare(block, lanes[0].rows, lanes[1].rows)
        tally.add(rows)
        decision, _ = decide(tally, DecisionInputs(expected=len(block), doubts=_doubts(lanes)))
        graded = grade(rows, tally.thresholds).outcomes
        failing = [place for place, outcome in enumerate(graded) if outcome not in _AGREEING]
        experiments = [one for side in tried for one in for_diagnosis(side)]
        found = self._diagnosed(block, lanes, failing, experiments)
        return Judged(
            verdict=decision.value,
            told=frozenset(cause.name for cause in (*found.causes, *found.remarks)),
            findings=frozenset(f"{side.side}: {one.experiment}" for side in tried for one in side.findings),
            errors=frozenset(kind for one in lanes for kind, count in one.lane.errors_by_kind.items() if count),
        )

    def _diagnosed(
        self,
        block: SampleBlock,
        lanes: tuple[Fetched, Fetched],
        failing: Sequence[int],
        experiments: Sequence[Experiment],
    ) -> Diagnosis:
        subject = DiagnosisInput(
            samples=block,
            legacy=lanes[0].rows,
            candidate=lanes[1].rows,
            batch_size=BATCH,
            known=self._known(block, failing[:KNOWN_TEXTS]),
        )
        inquiry = FollowUpQueries(legacy=self.legacy.ask, candidate=self.candidate.ask, requests=REQUESTS, texts=BATCH)
        return diagnose(subject, experiments, inquiry if failing else None)

    def _known(self, block: SampleBlock, rows: Sequence[int]) -> Mapping[str, Matrix32]:
        """Return what the other model of either side gives for some failing texts."""
        known: dict[str, Matrix32] = {}
        for side in (self.legacy, self.candidate):
            ask = partial(side.ask, model=OTHER_MODEL)
            vectors = known_vectors(ask, [block.texts[row] for row in rows], rows, len(block))
            if vectors is not None:
                known[f"{OTHER_MODEL} of the {side.config.side} side"] = vectors
        return known


def _doubts(lanes: tuple[Fetched, Fetched]) -> tuple[str, ...]:
    """Return why even equal vectors prove nothing, as a verdict is told."""
    early = tuple(f"stopped early: {one.lane.stopped_early}" for one in lanes if one.lane.stopped_early)
    return (*(doubt for one in lanes for doubt in one.lane.doubts), *early)
