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
        findings: What the repeatability of a side is found to lack.
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


def ask_sound_sides(run: RunContext) -> None:
    """Draw the samples and ask both sides, so that trials on the same texts can take over what a sound side returned."""
    draw_samples(run, DAY, MODEL)
    ask_sides(run, DAY, MODEL)


def judged(run: RunContext) -> Judged:
    """Judge what was asked of both sides."""
    return Judged.of(judge_lanes(run, DAY, MODEL, run_id=RUN_ID))


def judge_spoilt(run: RunContext, spoilt: Side, sound: RunContext, *, warm: bool) -> Judged:
    """Ask a spoilt side, take over what the other one returned without a fault, and judge.

    Args:
        run: The run, with the spoilt side.
        spoilt: Which side that is.
        sound: A run on the same texts whose sides were asked; see `ask_sound_sides`.
        warm: Whether the spoilt side is asked for the same texts the day before.
    """
    try:
        if warm:
            draw_samples(run, DAY_BEFORE, MODEL)
            ask_sides(run, DAY_BEFORE, MODEL, (spoilt,))
        _take_over(sound.layout.samples(DAY, MODEL), run.layout.samples(DAY, MODEL))
        ask_sides(run, DAY, MODEL, (spoilt,))
    except GatewayError as error:
        return Judged(verdict=COULD_NOT_RUN, message=str(error))
    other = next(side for side in Side if side is not spoilt)
    for path in ("embeddings", "stability"):
        _take_over(*(getattr(one.layout, path)(other, DAY, MODEL) for one in (sound, run)))
    return judged(run)


def _take_over(stored: Path, place: Path) -> None:
    place.parent.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(stored, place)
