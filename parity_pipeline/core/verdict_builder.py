"""Build the verdict record from the tally and from where the two batches came from.

Here belongs the composition of the record that everything later reads. The decision itself belongs to `decision`.
"""

import math
from collections.abc import Iterable, Mapping

import numpy as np

from parity_pipeline.core.decision import DecisionInputs, decide, share_bounds
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.hazards.coverage import cases_exercised
from parity_pipeline.core.outcomes import IN_VERDICTS, Measure, Outcome, Side
from parity_pipeline.core.parity_header import ParityHeader
from parity_pipeline.core.provenance import Provenance, echo_fault
from parity_pipeline.core.stability.records import StabilityOfSides
from parity_pipeline.core.tally import MUTUAL, Tally
from parity_pipeline.core.thresholds import passing_text, within
from parity_pipeline.core.verdict import (
    MeasureResult,
    RandomDraws,
    SampleCounts,
    SamplesApart,
    SideEvidence,
    Verdict,
)
from parity_pipeline.core.wire_drift import wire_drift
from parity_pipeline.core.worst_rows import DIFFERENT


def caveats_of(sides: Iterable[Provenance]) -> tuple[str, ...]:
    """Return why even equal vectors of these batches prove nothing: another model answered, or a lane gave up."""
    caveats: list[str] = []
    for batch in sides:
        if fault := echo_fault(batch):
            caveats.append(fault)
        caveats.extend(f"{batch.side}: {doubt}" for doubt in batch.doubts)
        if batch.stopped_early:
            caveats.append(f"the {batch.side} lane stopped early: {batch.stopped_early}")
    return tuple(caveats)


def build_verdict(
    tally: Tally,
    header: ParityHeader,
    *,
    endpoint: str,
    date: str,
    model: str,
    package_version: str,
    required_bound: float | None = None,
    diagnosis: Diagnosis | None = None,
    stability: StabilityOfSides | None = None,
) -> Verdict:
    """Judge a tally and return the whole verdict.

    Args:
        tally: The compared rows, all of them; empty where pairing was refused. Waivers and floors are the tally's.
        header: What was paired: sample set, batches, and why they may not be paired.
        endpoint: What was probed.
        date: Partition date, ISO 8601.
        model: Model name.
        package_version: Version that judges.
        required_bound: Share of inputs, in (0, 1), that at most may fail; None asks for no proof.
        diagnosis: What explains the failing samples; None where no diagnosis was made.
        stability: What trying each side against itself showed.
    """
    tried = stability or StabilityOfSides()
    inputs = DecisionInputs(
        expected=header.sample_set.samples,
        pairing_faults=header.pairing_faults,
        doubts=caveats_of(header.sides),
        required_bound=required_bound,
    )
    decision, reasons = decide(tally, inputs)
    norms = tally.norms()
    legacy, candidate = (
        SideEvidence(
            provenance=batch,
            norms=span,
            floor=tally.floors.legacy if side is Side.LEGACY else tally.floors.candidate,
            stability=tried.legacy if side is Side.LEGACY else tried.candidate,
        )
        for side, batch, span in zip(Side, header.sides, norms, strict=True)
    )
    low, high = tally.norm_ratios
    return Verdict(
        endpoint=endpoint,
        date=date,
        model=model,
        decision=decision,
        reasons=reasons,
        findings=(
            *tally.waivers.findings(complete=not header.pairing_faults and tally.samples == inputs.expected),
            *tally.floors.instability(tally.thresholds.cosine),
            *(finding.words for one in tried.tried for finding in one.findings),
        ),
        sample_set=header.sample_set,
        counts=SampleCounts(
            outcomes={outcome: tally.counts[outcome] for outcome in IN_VERDICTS},
            by_category=_by_category(tally.by_category),
            apart=counted_apart(tally),
            waived={name: count for name, count in sorted(tally.waivers.taken.items()) if count},
            identical=tally.identical,
        ),
        measures=tuple(_measure(tally, measure, limit) for measure, limit in tally.thresholds.limits().items()),
        mean_cosine=tally.cosine_sum / tally.compared if tally.compared else None,
        norm_ratios=(low, high) if math.isfinite(low) and math.isfinite(high) else None,
        random=RandomDraws(
            texts=tally.drawn_texts,
            draws=sum(counts.total() for counts in tally.drawn.values()),
            by_category=_by_category(tally.drawn),
            bounds=share_bounds(tally),
            required_bound=required_bound,
            draws_hash=f"{tally.draws_hash:016x}" if tally.drawn_texts else "",
        ),
        legacy=legacy,
        candidate=candidate,
        diagnosis=diagnosis,
        coverage=cases_exercised(tally.by_category, tried.completed),
        drift=wire_drift(header.sides[0].observation, header.sides[1].observation, *norms),
        rows=tally.shown_rows(),
        package_version=package_version,
    )


def counted_apart(tally: Tally) -> SamplesApart:
    """Return how many samples matched, differ, are excused or prove nothing."""
    missing = tally.counts[Outcome.MISSING] - tally.waived[Outcome.MISSING]
    mutual = sum(tally.mutual[outcome] - tally.waived_mutual[outcome] for outcome in MUTUAL)
    return SamplesApart(
        matched=tally.counts[Outcome.MATCH],
        different=sum(tally.different(outcome) for outcome in DIFFERENT),
        waived=tally.waived.total(),
        within_noise=tally.within_noise,
        without_evidence=missing + mutual,
        refused_by_both=tally.counts[Outcome.REFUSED_BY_BOTH],
    )


def _by_category(counts: Mapping[str, Mapping[Outcome, int]]) -> dict[str, dict[Outcome, int]]:
    return {
        category: {outcome: count for outcome, count in sorted(found.items()) if count}
        for category, found in sorted(counts.items())
    }


def _measure(tally: Tally, measure: Measure, limit: float) -> MeasureResult:
    found = tally.measures[measure]
    return MeasureResult(
        measure=measure,
        limit=limit,
        severity=tally.thresholds.severity(measure),
        beyond=found.off,
        failing=found.failing,
        worst=found.worst if math.isfinite(found.worst) else None,
        worst_sample=found.worst_sample,
        passing_limit=_passing_limit(measure, limit, found.unwaived_worst),
    )


def _passing_limit(measure: Measure, limit: float, worst: float) -> str | None:
    """Return the limit at which no sample without a waiver would be beyond it; None where none was or could be."""
    nothing = not math.isfinite(worst) or bool(within(measure, np.array([worst]), limit)[0])
    if nothing or (measure is Measure.COSINE and worst <= 0):
        return None
    return passing_text(measure, worst, limit)
