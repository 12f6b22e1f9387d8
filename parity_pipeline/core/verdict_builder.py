"""Build the verdict record from the tally and from where the two batches came from.

Here belongs the composition of the record that everything later reads. The decision itself belongs to `decision`.
"""

import math
from collections.abc import Mapping

import numpy as np

from parity_pipeline.core.checks import Check, CheckName, CheckSettings, CheckSeverity
from parity_pipeline.core.confirmation import stray_findings
from parity_pipeline.core.decision import DecisionInputs, checks_of, decide_over, settled
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.hazards.coverage import cases_exercised
from parity_pipeline.core.measures import Measure, passing_text, within
from parity_pipeline.core.outcomes import IN_VERDICTS, Decision, Outcome, Side
from parity_pipeline.core.provenance import ParityHeader
from parity_pipeline.core.sample_checks import share_bounds
from parity_pipeline.core.stability.records import StabilityOfSides
from parity_pipeline.core.tally import MUTUAL, Tally
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
    settings: CheckSettings | None = None,
    before: Verdict | None = None,
) -> Verdict:
    """Judge a tally and return the whole verdict.

    Args:
        tally: The compared rows, all of them; empty where pairing was refused. Waivers and floors are the tally's.
        header: What was paired: sample set, batches, and why they may not be paired.
        endpoint: The probe.
        date: Partition date, ISO 8601.
        model: Model name.
        package_version: Version that judges.
        required_bound: Share of inputs, in (0, 1), that at most may fail; None asks for no proof.
        diagnosis: What explains the failing samples; None where no diagnosis was made.
        stability: Results of the repeatability experiments on each side.
        settings: What the settings say of checks.
        before: The verdict that was stored of this probe, date and model until now; None where there is none.
    """
    tried = stability or StabilityOfSides()
    inputs = DecisionInputs(
        expected=header.sample_set.samples,
        pairing_faults=header.pairing_faults,
        required_bound=required_bound,
        background=header.background,
        sides=header.sides,
        stability=tried,
        settings=settings or CheckSettings(),
    )
    checks = checks_of(tally, inputs)
    change = changed_check(decide_over(checks, tally)[0], tally, header, required_bound, before)
    checks = (*checks, settled(change, tally, inputs.settings))
    decision, reasons = decide_over(checks, tally)
    by_name = {one.waived_by for one in checks if one.waived_by}
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
            *tally.waivers.findings(
                complete=not header.pairing_faults and tally.samples == inputs.expected, of_checks=by_name
            ),
            *stray_findings(tally.confirmation, tally.unconfirmed.total()),
            *tally.floors.instability(tally.thresholds.cosine),
            *(finding.words for one in tried.tried for finding in one.findings),
        ),
        checks=checks,
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
        coverage=cases_exercised(tally.by_category, tried.completed, _cases_found(diagnosis)),
        drift=wire_drift(
            header.sides[0].observation,
            header.sides[1].observation,
            *norms,
            (header.sides[0].model_asked, header.sides[1].model_asked),
        ),
        rows=tally.shown_rows(),
        background=header.background,
        confirmation=tally.confirmation,
        package_version=package_version,
    )


def _cases_found(diagnosis: Diagnosis | None) -> frozenset[int]:
    """Return the cases that a diagnosis found: what is the cause was certainly exercised."""
    causes = (*diagnosis.causes, *diagnosis.remarks) if diagnosis else ()
    return frozenset(case for cause in causes for case in cause.cases)


def changed_check(
    decision: Decision,
    tally: Tally,
    header: ParityHeader,
    required_bound: float | None,
    before: Verdict | None,
) -> Check:
    """Return whether the verdict before said the same, where it was on the same samples, requests, limits and waivers."""
    name, severity = CheckName.CHANGED_VERDICT, CheckSeverity.WARN
    if before is None or not _comparable(tally, header, required_bound, before):
        return Check(
            name=name, severity=severity, passed=True, seen="no earlier verdict on the same samples and settings"
        )
    counts = {outcome: tally.counts[outcome] for outcome in IN_VERDICTS}
    changes = [f"the decision was {before.decision}"] if before.decision != decision else []
    changes += [
        f"{before.counts.outcomes.get(outcome, 0)} samples were {outcome} and {count} are"
        for outcome, count in counts.items()
        if before.counts.outcomes.get(outcome, 0) != count
    ]
    return Check(
        name=name,
        severity=severity,
        passed=not changes,
        seen=f"the last verdict on the same samples and settings differs: {'; '.join(changes)}"
        if changes
        else "the last verdict on the same samples and settings says the same",
        remedy="If neither gateway was changed since, one of them is not repeatable from run to run.",
    )


def _comparable(tally: Tally, header: ParityHeader, required_bound: float | None, before: Verdict) -> bool:
    limits = {one.measure: (one.limit, one.severity) for one in before.measures}
    now = {measure: (limit, tally.thresholds.severity(measure)) for measure, limit in tally.thresholds.limits().items()}
    waived = {name: count for name, count in tally.waivers.taken.items() if count}
    return (
        before.sample_set.hash == header.sample_set.hash
        and [one.provenance.settings_hash for one in before.sides] == [one.settings_hash for one in header.sides]
        and limits == now
        and before.counts.waived == waived
        and before.random.required_bound == required_bound
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
        unconfirmed=tally.unconfirmed.total(),
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
