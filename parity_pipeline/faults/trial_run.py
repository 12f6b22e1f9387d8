"""One run of the product on two sides in this process, by the very steps that Dagster's assets call.

Here belongs what the matrix of faults reads from a verdict. Which faults the sides have is of no concern here.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.errors import GatewayError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.faults.in_process_sides import DAY, MODEL
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.run_partition import ask_sides, judge_lanes

COULD_NOT_RUN: Final = "COULD NOT RUN"
RUN_ID: Final = "fault matrix"
DAY_BEFORE: Final = "2026-04-30"


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """What the product says of one comparison.

    Attributes:
        verdict: A decision, or `COULD_NOT_RUN`.
        causes: Causes, and observations that do not affect the verdict.
        findings: Findings on the repeatability of a side.
        errors: Kinds of failed requests of either lane.
        message: The error where it could not run.
    """

    verdict: str
    causes: frozenset[CauseName] = frozenset()
    findings: frozenset[str] = frozenset()
    errors: frozenset[str] = frozenset()
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
            findings=frozenset(f"{one.side}: {finding.experiment}" for one in stability for finding in one.findings),
            errors=frozenset(
                kind for side in verdict.sides for kind, count in side.provenance.errors_by_kind.items() if count
            ),
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
        _take_over(clean.layout.samples(DAY, MODEL), run.layout.samples(DAY, MODEL))
        ask_sides(run, DAY, MODEL, (faulty,))
    except GatewayError as error:
        return Judged(verdict=COULD_NOT_RUN, message=str(error))
    other = next(side for side in Side if side is not faulty)
    for path in ("embeddings", "stability"):
        _take_over(*(getattr(one.layout, path)(other, DAY, MODEL) for one in (clean, run)))
    return judged(run)


def _take_over(stored: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(stored, place)
