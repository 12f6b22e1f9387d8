"""Draw a whole verdict from a tally and from where the two batches came from.

Here belongs the composition of the record that everything later reads. The decision itself belongs to `verdict`.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict
from typing import Any, Final

import numpy as np

from parity_pipeline.core.decision import DecisionInputs, decide, share_bounds
from parity_pipeline.core.hazards.coverage import cases_exercised
from parity_pipeline.core.limits import BOUND_GOAL
from parity_pipeline.core.outcomes import Measure, Outcome, Side
from parity_pipeline.core.provenance import Provenance, echo_fault
from parity_pipeline.core.tally import MUTUAL, MeasureTally, Tally
from parity_pipeline.core.thresholds import passing_text, within
from parity_pipeline.core.verdict import Verdict, counts_by_name
from parity_pipeline.core.wire_drift import catalogue
from parity_pipeline.core.worst_rows import DIFFERENT

NOTHING: Final[Mapping[str, Any]] = {}


def caveats_of(sides: Iterable[Provenance]) -> tuple[str, ...]:
    """Return why even equal vectors of these batches prove nothing: another model answered, or a lane gave up."""
    doubts: list[str] = []
    for batch in sides:
        if fault := echo_fault(batch):
            doubts.append(fault)
        doubts.extend(f"{batch.side}: {doubt}" for doubt in batch.doubts)
        if batch.stopped_early:
            doubts.append(f"the {batch.side} lane stopped early: {batch.stopped_early}")
    return tuple(doubts)


def build_verdict(
    tally: Tally,
    *,
    endpoint: str,
    date: str,
    model: str,
    sides: tuple[Provenance, Provenance],
    sample_set: Mapping[str, Any],
    pairing_faults: Sequence[str],
    package_version: str,
    required_bound: float | None = None,
    diagnosis: Mapping[str, Any] = NOTHING,
    stability: Mapping[str, Mapping[str, Any]] = NOTHING,
    experiments: Sequence[str] = (),
) -> Verdict:
    """Judge a tally and return the whole verdict.

    Args:
        tally: The compared rows, all of them; empty where pairing was refused. Waivers and floors are the tally's.
        endpoint: What was probed.
        date: Partition date, ISO 8601.
        model: Model name.
        sides: Where the legacy and the candidate batch came from, in this order.
        sample_set: `{"hash", "samples", "duplicates_dropped", "sources"}` of the stored set.
        pairing_faults: Why the batches may not be paired; empty where they were.
        package_version: Version that judges.
        required_bound: Share of inputs, in (0, 1), that at most may fail; None asks for no proof.
        diagnosis: What explains the failing samples, as plain values; empty where none was made.
        stability: What trying each side against itself showed, by side and as plain values.
        experiments: Names of the stability experiments that ran on both sides, for the coverage.
    """
    legacy, candidate = sides
    circumstances = DecisionInputs(
        expected=int(sample_set["samples"]),
        pairing_faults=pairing_faults,
        doubts=caveats_of(sides),
        required_bound=required_bound,
    )
    decision, reasons = decide(tally, circumstances)
    worst = tally.worst_cosine()
    norms = tally.norms()
    limits = tally.thresholds.limits()
    return Verdict(
        endpoint=endpoint,
        date=date,
        model=model,
        decision=decision,
        reasons=reasons,
        thresholds={measure.value: limit for measure, limit in limits.items()},
        samples=tally.samples,
        compared=tally.compared,
        counts=counts_by_name(tally.counts),
        by_category=_by_category(tally.by_category),
        worst_cosine=worst.cosine if worst else None,
        mean_cosine=tally.cosine_sum / tally.compared if tally.compared else None,
        worst_sample=worst.id if worst else None,
        identical=tally.identical,
        norms_differ=tally.norms_differ,
        norms={side.value: (span.low, span.high) for side, span in zip(Side, norms, strict=True)},
        rows=[asdict(row) for row in tally.shown_rows()],
        drift=[row.to_json() for row in catalogue(legacy.observation, candidate.observation, *norms)],
        sides={Side.LEGACY.value: legacy.to_json(), Side.CANDIDATE.value: candidate.to_json()},
        sample_set=dict(sample_set),
        package_version=package_version,
        severities={measure.value: tally.thresholds.severity(measure).value for measure in limits},
        measures={
            measure.value: _measure(measure, limits[measure], found) for measure, found in tally.measures.items()
        },
        norm_ratios=tuple(_number(ratio) for ratio in tally.norm_ratios),
        apart=counted_apart(tally),
        drawn={"texts": tally.drawn_texts, "draws": sum(counts.total() for counts in tally.drawn.values())},
        drawn_by_category=_by_category(tally.drawn),
        confidence=[
            bound.to_json() | {"sentence": bound.sentence(BOUND_GOAL if required_bound is None else required_bound)}
            for bound in share_bounds(tally)
        ],
        required_bound=required_bound,
        floors=tally.floors.to_json(),
        findings=(
            *tally.waivers.findings(complete=not pairing_faults and tally.samples == circumstances.expected),
            *tally.floors.instability(tally.thresholds.cosine),
        ),
        waived={name: count for name, count in sorted(tally.waivers.taken.items()) if count},
        diagnosis=dict(diagnosis),
        stability=dict(stability),
        coverage=_coverage(tally, experiments),
    )


def _coverage(tally: Tally, experiments: Sequence[str]) -> dict[str, Any]:
    found = cases_exercised(tally.by_category, experiments)
    missing = [{"number": one.number, "title": one.title, "why": one.why} for one in found.missing]
    return {"exercised": list(found.exercised), "missing": missing, "total": found.total}


def counted_apart(tally: Tally) -> dict[str, int]:
    """Return how many samples matched, differ, are excused or prove nothing; each sample once, so they sum to all."""
    missing = tally.counts[Outcome.MISSING] - tally.waived[Outcome.MISSING]
    mutual = sum(tally.mutual[outcome] - tally.waived_mutual[outcome] for outcome in MUTUAL)
    return {
        "matched": tally.counts[Outcome.MATCH],
        "different": sum(tally.different(outcome) for outcome in DIFFERENT),
        "waived": tally.waived.total(),
        "within_noise": tally.within_noise,
        "without_evidence": missing + mutual,
        "refused_by_both": tally.counts[Outcome.REFUSED_BY_BOTH],
    }


def _by_category(counts: Mapping[str, Mapping[Outcome, int]]) -> dict[str, dict[str, int]]:
    return {
        category: {outcome.value: count for outcome, count in sorted(found.items()) if count}
        for category, found in sorted(counts.items())
    }


def _measure(measure: Measure, limit: float, found: MeasureTally) -> dict[str, Any]:
    return {
        "limit": limit,
        "off": found.off,
        "failing": found.failing,
        "worst": _number(found.worst),
        "worst_sample": found.worst_sample,
        "passing_limit": _passing_limit(measure, limit, found.unwaived_worst),
    }


def _passing_limit(measure: Measure, limit: float, worst: float) -> str | None:
    """Return the limit at which no sample without a waiver would have left it; None where none did or none could."""
    nothing = not math.isfinite(worst) or bool(within(measure, np.array([worst]), limit)[0])
    if nothing or (measure is Measure.COSINE and worst <= 0):
        return None
    return passing_text(measure, worst, limit)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
