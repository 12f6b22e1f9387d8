"""Judge a compared sample set: build every check from the evidence, decide over them, and compose the verdict record.

Here belong the order of the checks, what settings and waivers make of them, and the composition. Asset checks, reports and the
ledger only repeat what is said here. What each check looks at belongs to `sample_checks` and `side_checks`, the rule of the
decision to `checks`, counting to `tally`, the fields of the record to `verdict`.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from parity_pipeline.core.checks import (
    ALWAYS,
    GROUND,
    OF_SAMPLES,
    Check,
    CheckName,
    CheckSettings,
    CheckSeverity,
    decision_of,
)
from parity_pipeline.core.confirmation import stray_findings
from parity_pipeline.core.contract.comparison import ContractComparison, compare_contracts
from parity_pipeline.core.contract.records import ContractOfSides
from parity_pipeline.core.contract_checks import contract_checks
from parity_pipeline.core.diagnosis.records import Diagnosis
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.measures import Measure, passing_text, within
from parity_pipeline.core.outcomes import DIFFERENT, IN_VERDICTS, MUTUAL, Decision, Outcome, Side
from parity_pipeline.core.provenance import ParityHeader, Provenance, recording_words
from parity_pipeline.core.sample_checks import (
    bound_check,
    confirmation_check,
    discrimination_check,
    evidence_checks,
    ground_checks,
    mutual_refusals,
    reached,
    sample_checks,
    share_bounds,
    transient_samples,
    waived_samples,
)
from parity_pipeline.core.self_drift import SelfDrift, drift_checks
from parity_pipeline.core.side_checks import floor_checks, lane_checks, origin_check, repeatability_checks
from parity_pipeline.core.stability.records import StabilityOfSides
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.verdict import (
    MeasureResult,
    RandomDraws,
    SampleCounts,
    SamplesApart,
    SideEvidence,
    Verdict,
)
from parity_pipeline.core.wire_drift import wire_drift


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInputs:
    """What is known beside the rows.

    Attributes:
        expected: Samples in the stored set.
        pairing_faults: Reasons why the two batches may not be paired.
        caveats: Further reasons why even equal vectors prove nothing.
        required_bound: Share of inputs, in (0, 1), that at most may fail; None asks for no proof.
        background: Cosines of different texts across the sides; None where they were not looked at.
        sides: Where the legacy and the candidate lane came from; None where that is not looked at.
        stability: What trying each side against itself showed.
        contract: Both contracts against each other; None where neither was observed.
        settings: What the settings say of checks.
        drift: Each side against itself on earlier dates.
    """

    expected: int
    pairing_faults: Sequence[str] = ()
    caveats: Sequence[str] = ()
    required_bound: float | None = None
    background: Background | None = None
    sides: tuple[Provenance, Provenance] | None = None
    stability: StabilityOfSides = field(default_factory=StabilityOfSides)
    contract: ContractComparison | None = None
    settings: CheckSettings = field(default_factory=CheckSettings)
    drift: Sequence[SelfDrift] = ()


def decide_over(checks: Sequence[Check], tally: Tally) -> tuple[Decision, tuple[str, ...]]:
    """Decide over the checks of a tally, with what a reader has to know of its samples beside."""
    return decision_of(
        checks,
        reached=(reached(tally),),
        waived=waived_samples(tally),
        refused=(*transient_samples(tally), *mutual_refusals(tally)),
    )


def checks_of(tally: Tally, inputs: DecisionInputs) -> tuple[Check, ...]:
    """Return every check, with the severities of the settings and what waivers cover, in the order of `CheckName`.

    Where the lanes may not be paired, or the counts do not add up, nothing else was measured.
    """
    order = {name: place for place, name in enumerate(CheckName)}
    measured = tuple(_measured(tally, inputs))
    if any(one.stands for one in measured if one.name in GROUND):
        measured = tuple(_without_ground(one) for one in measured)
    checks = [_settled(one, tally, inputs.settings) for one in measured]
    return tuple(sorted(checks, key=lambda one: order[one.name]))


def _without_ground(one: Check) -> Check:
    """Return a check of a comparison that was not made as one that nothing was measured for."""
    counts = {*OF_SAMPLES, CheckName.COMPARED_SHARE, CheckName.SOME_MATCH, CheckName.REQUIRED_BOUND}
    if one.name not in counts:
        return one
    return replace(one, passed=None, seen="the lanes were not compared as a whole", waived_by="")


def _measured(tally: Tally, inputs: DecisionInputs) -> Iterator[Check]:
    yield from ground_checks(tally, inputs.expected, inputs.pairing_faults)
    yield from sample_checks(tally)
    candidate = inputs.stability.candidate
    lone = candidate is not None and candidate.lone_stray
    yield from floor_checks(tally.floors, tally.thresholds.cosine, lone_stray=lone)
    yield from evidence_checks(tally, inputs.settings.min_compared_share)
    yield confirmation_check(tally)
    yield bound_check(tally, inputs.required_bound)
    yield discrimination_check(inputs.background, tally.thresholds.cosine)
    yield _caveats(inputs)
    if inputs.sides:
        yield origin_check(inputs.sides, inputs.settings)
        threshold = tally.thresholds.cosine
        yield from lane_checks(inputs.sides, tally.norms_of, inputs.settings, threshold=threshold)
    yield from repeatability_checks(inputs.stability, tally.floors, expected=inputs.settings.floors_expected)
    if inputs.settings.contract_expected:
        yield from contract_checks(inputs.contract)
    yield from drift_checks(inputs.drift)


def _caveats(inputs: DecisionInputs) -> Check:
    of_sides = [f"{lane.side}: {caveat}" for lane in inputs.sides or () for caveat in lane.doubts]
    caveats = [*of_sides, *inputs.caveats]
    return Check(
        name=CheckName.CAVEATS,
        severity=CheckSeverity.INCONCLUSIVE,
        passed=not caveats,
        seen="; ".join(caveats) or "nothing beside the vectors speaks against them",
        remedy="Find out what the gateway returned there; its log has the request ids.",
    )


def _settled(one: Check, tally: Tally, settings: CheckSettings) -> Check:
    """Return a check with the severity that the settings give it, and the waiver that covers it by name."""
    if one.name in ALWAYS:
        return one
    severity = settings.severities.get(one.name, one.severity)
    changed = one.by_default or (one.severity if severity is not one.severity else None)
    found = replace(one, severity=severity, by_default=changed)
    weighs = found.stands and found.severity is not CheckSeverity.WARN
    if not weighs or found.name in OF_SAMPLES:
        return found
    return replace(found, waived_by=tally.waivers.waiver_of(found.name) or "")


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
    contract: ContractOfSides | None = None,
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
        contract: The observed contract of each side.
        settings: What the settings say of checks.
        before: The verdict that was stored of this probe, date and model until now; None where there is none.
    """
    tried = stability or StabilityOfSides()
    compared = compare_contracts(contract or ContractOfSides())
    inputs = decision_inputs(header, tried, settings or CheckSettings(), required_bound, compared)
    checks = checks_of(tally, inputs)
    change = _changed_check(decide_over(checks, tally)[0], tally, header, required_bound, before)
    checks = (*checks, _settled(change, tally, inputs.settings))
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
            *tally.floors.instability_of(tally.thresholds.cosine).values(),
            *(finding.words for one in tried.tried for finding in one.findings),
            *(words for lane in header.sides if (words := recording_words(lane))),
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
        drift=wire_drift(
            header.sides[0].observation,
            header.sides[1].observation,
            *norms,
            (header.sides[0].model_asked, header.sides[1].model_asked),
        ),
        rows=tally.shown_rows(),
        background=header.background,
        confirmation=tally.confirmation,
        contract=compared,
        package_version=package_version,
        min_compared_share=inputs.settings.min_compared_share,
    )


def decision_inputs(
    header: ParityHeader,
    stability: StabilityOfSides,
    settings: CheckSettings,
    required_bound: float | None = None,
    contract: ContractComparison | None = None,
) -> DecisionInputs:
    """Return what is known beside the rows of a pair of lanes."""
    return DecisionInputs(
        expected=header.sample_set.samples,
        pairing_faults=header.pairing_faults,
        required_bound=required_bound,
        background=header.background,
        sides=header.sides,
        drift=header.drift,
        stability=stability,
        contract=contract or compare_contracts(ContractOfSides()),
        settings=settings,
    )


def _changed_check(
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
