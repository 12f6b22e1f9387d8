"""Decide on a compared sample set: build every check from the evidence, and decide over them.

Here belongs the order of the checks, and what settings and waivers make of them. Asset checks, reports and the ledger only
repeat what is said here. What each check looks at belongs to `sample_checks` and `side_checks`, the rule of the decision to
`checks`, counting to `tally`, the record of the decision to `verdict`.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace

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
from parity_pipeline.core.discrimination import Background
from parity_pipeline.core.limits import CONFIDENCE_LEVEL
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.sample_checks import (
    bound_check,
    confirmation_check,
    discrimination_check,
    evidence_checks,
    ground_checks,
    mutual_refusals,
    reached,
    sample_checks,
    transient_samples,
    waived_samples,
)
from parity_pipeline.core.side_checks import floor_checks, lane_checks, origin_check, repeatability_checks
from parity_pipeline.core.stability.records import StabilityOfSides
from parity_pipeline.core.tally import Tally


@dataclass(frozen=True, slots=True, kw_only=True)
class DecisionInputs:
    """What is known beside the rows.

    Attributes:
        expected: Samples in the stored set.
        pairing_faults: Reasons why the two batches may not be paired.
        caveats: Further reasons why even equal vectors prove nothing.
        required_bound: Share of inputs, in (0, 1), that at most may fail, at `confidence`; None asks for no proof.
        confidence: In (0, 1).
        background: Cosines of different texts across the sides; None where they were not looked at.
        sides: Where the legacy and the candidate lane came from; None where that is not looked at.
        stability: What trying each side against itself showed.
        settings: What the settings say of checks.
    """

    expected: int
    pairing_faults: Sequence[str] = ()
    caveats: Sequence[str] = ()
    required_bound: float | None = None
    confidence: float = CONFIDENCE_LEVEL
    background: Background | None = None
    sides: tuple[Provenance, Provenance] | None = None
    stability: StabilityOfSides = field(default_factory=StabilityOfSides)
    settings: CheckSettings = field(default_factory=CheckSettings)


def decide(tally: Tally, inputs: DecisionInputs) -> tuple[Decision, tuple[str, ...]]:
    """Decide, and say why, worst reason first; see `checks.decision_of`."""
    return decide_over(checks_of(tally, inputs), tally)


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
    checks = [settled(one, tally, inputs.settings) for one in measured]
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
    yield bound_check(tally, inputs.required_bound, inputs.confidence)
    yield discrimination_check(inputs.background, tally.thresholds.cosine)
    yield _caveats(inputs)
    if inputs.sides:
        yield origin_check(inputs.sides, inputs.settings)
        yield from lane_checks(inputs.sides, tally.norms_of, inputs.settings)
    yield from repeatability_checks(inputs.stability, tally.floors, expected=inputs.settings.floors_expected)


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


def settled(one: Check, tally: Tally, settings: CheckSettings) -> Check:
    """Return a check with the severity that the settings give it, and the waiver that covers it by name."""
    if one.name in ALWAYS:
        return one
    found = replace(one, severity=settings.severities.get(one.name, one.severity))
    weighs = found.stands and found.severity is not CheckSeverity.WARN
    if not weighs or found.name in OF_SAMPLES:
        return found
    return replace(found, waived_by=tally.waivers.waiver_of(found.name) or "")
