"""Judge a compared query set: build every check from the evidence, decide over them, and compose the verdict record.

Here belong the order of the checks, what settings and waivers make of them, and the composition. What each check looks at
belongs to `query_checks` and `lane_checks`, the rule of the decision to `core.checks`, counting to `tally`, the fields of
the record to `verdict`.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.outcomes import PASSING, Decision, Side
from parity_pipeline.core.provenance import recording_words
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import AT_LEAST, BANDS, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.causes import RetrievalCause
from parity_pipeline.core.retrieval.checks import (
    ALWAYS,
    BY_BANDS,
    GROUND,
    OF_QUERIES,
    RetrievalCheck,
    RetrievalCheckName,
    RetrievalCheckSettings,
    retrieval_decision_of,
)
from parity_pipeline.core.retrieval.confirmation import nothing_persists, stray_findings
from parity_pipeline.core.retrieval.lane_checks import (
    confirmation_check,
    lane_checks,
    mode_check,
    noise_checks,
    noise_explains,
    order_check,
    origin_check,
    relevance_check,
)
from parity_pipeline.core.retrieval.noise import tie_order_words
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity, RetrievalParityHeader, RetrievalProvenance
from parity_pipeline.core.retrieval.query_checks import (
    bound_check,
    evidence_checks,
    ground_checks,
    measure_checks,
    mutual_refusals,
    outcome_checks,
    reached,
    transient_queries,
    waived_queries,
)
from parity_pipeline.core.retrieval.relevance import RelevanceDifference
from parity_pipeline.core.retrieval.simulated_faults import RetrievalPower
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict import (
    QueryCounts,
    QueryMeasureResult,
    RetrievalRandomDraws,
    RetrievalVerdict,
    SetMeasureResult,
)
from parity_pipeline.core.retrieval.wire_drift import retrieval_drift


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalInputs:
    """What is known beside the queries. Waivers and what the repeats showed are the tally's.

    Attributes:
        query_set: The set whose queries were compared.
        sides: Where the legacy and the candidate lane came from, in this order, with the noise of each.
        pairing_faults: Reasons why the two lanes may not be paired.
        held: Sides that are held to a mode; None where that is not known.
        required_bound: Share of inputs, in (0, 1), that at most may differ; None asks for no proof.
        attribution: Differing queries by what explains each.
        causes: What explains the differences, the surest first.
        relevance: How relevant both sides' lists are; empty without labels.
        settings: What the settings say of checks.
        before: The verdict that was stored of this date and corpus until now; None where there is none.
    """

    query_set: QuerySetIdentity
    sides: tuple[RetrievalProvenance, RetrievalProvenance]
    pairing_faults: Sequence[str] = ()
    held: Sequence[Side] | None = None
    required_bound: float | None = None
    attribution: Mapping[Explanation, int] = field(default_factory=dict[Explanation, int])
    causes: tuple[RetrievalCause, ...] = ()
    relevance: tuple[RelevanceDifference, ...] = ()
    settings: RetrievalCheckSettings = field(default_factory=RetrievalCheckSettings)
    before: RetrievalVerdict | None = None


def inputs_of(header: RetrievalParityHeader) -> RetrievalInputs:
    """Return what a file of compared queries says of its lanes; `dataclasses.replace` adds the rest."""
    return RetrievalInputs(query_set=header.query_set, sides=header.sides, pairing_faults=header.pairing_faults)


def retrieval_checks_of(tally: RetrievalTally, inputs: RetrievalInputs) -> tuple[RetrievalCheck, ...]:
    """Return every check but `changed-verdict`, in the order of `RetrievalCheckName`.

    Severities are those of the settings, and what waivers cover by name is marked. Where the lanes may not be paired, or
    the counts do not add up, nothing else was measured.
    """
    measured = tuple(_measured(tally, inputs))
    if any(one.stands for one in measured if one.name in GROUND):
        measured = tuple(_without_ground(one) for one in measured)
    order = {name: place for place, name in enumerate(RetrievalCheckName)}
    return tuple(sorted((_settled(one, tally, inputs.settings) for one in measured), key=lambda one: order[one.name]))


def _measured(tally: RetrievalTally, inputs: RetrievalInputs) -> Iterator[RetrievalCheck]:
    transient = nothing_persists(tally.confirmation)
    doubted = transient or noise_explains(tally, inputs.sides)
    yield from ground_checks(tally, inputs.query_set.queries, inputs.pairing_faults)
    # No noise refuses a query or empties a list; that none persists when requested again weakens those too.
    yield from outcome_checks(tally, doubted=transient)
    for one in measure_checks(tally, doubted=doubted):
        yield mode_check(one, inputs.sides, inputs.held) if one.name is RetrievalCheckName.WRONG_MODE else one
    yield relevance_check(inputs.relevance)
    yield from noise_checks(tally, inputs.sides)
    yield confirmation_check(tally)
    yield from evidence_checks(tally, inputs.settings.min_compared_share)
    yield bound_check(tally, inputs.required_bound)
    yield origin_check(inputs.sides, allowed=inputs.settings.allow_same_origin)
    yield from lane_checks(inputs.sides)
    yield order_check(tally)


_OF_COMPARISON = frozenset(
    {
        *OF_QUERIES,
        RetrievalCheckName.RELEVANCE,
        RetrievalCheckName.LEGACY_NOISE_FLOOR,
        RetrievalCheckName.CANDIDATE_NOISE_FLOOR,
        RetrievalCheckName.CONFIRMATION,
        RetrievalCheckName.COMPARED_SHARE,
        RetrievalCheckName.SOME_MATCH,
        RetrievalCheckName.REQUIRED_BOUND,
        RetrievalCheckName.SCORE_ORDER,
    }
)
"""Checks that mean nothing where the lanes were not compared as a whole."""


def _without_ground(one: RetrievalCheck) -> RetrievalCheck:
    """Return a check of a comparison that was not made as one that nothing was measured for."""
    if one.name not in _OF_COMPARISON:
        return one
    return replace(one, passed=None, seen="the lanes were not compared as a whole", waived_by="")


def _settled(one: RetrievalCheck, tally: RetrievalTally, settings: RetrievalCheckSettings) -> RetrievalCheck:
    """Return a check with the severity that the settings give it, and the waiver that covers it by name."""
    if one.name in ALWAYS or one.name in BY_BANDS:
        return one
    severity = settings.severities.get(one.name, one.severity)
    changed = one.by_default or (one.severity if severity is not one.severity else None)
    found = replace(one, severity=severity, by_default=changed)
    weighs = found.stands and found.severity is not CheckSeverity.WARN
    if not weighs or found.name in OF_QUERIES:
        return found
    return replace(found, waived_by=tally.waivers.waiver_of(found.name) or "")


def decide_over_queries(checks: Sequence[RetrievalCheck], tally: RetrievalTally) -> tuple[Decision, tuple[str, ...]]:
    """Decide over the checks of a tally, with what a reader has to know of its queries beside."""
    return retrieval_decision_of(
        checks,
        reached=(reached(tally),),
        waived=waived_queries(tally),
        refused=(*transient_queries(tally), *mutual_refusals(tally)),
    )


def build_retrieval_verdict(
    tally: RetrievalTally,
    inputs: RetrievalInputs,
    *,
    date: str,
    corpus: str,
    package_version: str,
    power: RetrievalPower | None = None,
) -> RetrievalVerdict:
    """Judge a tally and return the whole verdict.

    Args:
        tally: The compared queries, all of them; empty where pairing was refused. Waivers and confirmation are the tally's.
        inputs: What is known beside the queries.
        date: Partition date, ISO 8601.
        corpus: Corpus of the partition.
        package_version: Version that judges.
        power: What the queries would have caught; kept only where the verdict is a pass.
    """
    checks = retrieval_checks_of(tally, inputs)
    change = _changed_check(decide_over_queries(checks, tally)[0], tally, inputs)
    checks = (*checks, _settled(change, tally, inputs.settings))
    decision, reasons = decide_over_queries(checks, tally)
    legacy, candidate = inputs.sides
    return RetrievalVerdict(
        date=date,
        corpus=corpus,
        decision=decision,
        reasons=reasons,
        findings=_findings(tally, inputs, checks),
        checks=checks,
        query_set=inputs.query_set,
        counts=_counts(tally),
        set_measures=_set_measures(tally),
        query_measures=tuple(_query_measure(tally, measure) for measure in QueryMeasure),
        random=RetrievalRandomDraws(
            queries=tally.drawn_queries,
            draws=sum(counts.total() for counts in tally.drawn.values()),
            bounds=tally.share_bounds(),
            required_bound=inputs.required_bound,
        ),
        legacy=legacy,
        candidate=candidate,
        causes=tuple(inputs.causes),
        attribution=dict(inputs.attribution),
        relevance=tuple(inputs.relevance),
        confirmation=tally.confirmation,
        power=power if decision in PASSING else None,
        drift=retrieval_drift(legacy.observation, candidate.observation),
        queries=tally.shown_queries(),
        package_version=package_version,
        min_compared_share=inputs.settings.min_compared_share,
    )


def _findings(tally: RetrievalTally, inputs: RetrievalInputs, checks: Sequence[RetrievalCheck]) -> tuple[str, ...]:
    complete = not inputs.pairing_faults and tally.queries == inputs.query_set.queries
    of_checks = {one.waived_by for one in checks if one.waived_by}
    noise = (RetrievalCheckName.LEGACY_NOISE_FLOOR, RetrievalCheckName.CANDIDATE_NOISE_FLOOR)
    noisy = [
        one.seen
        for one, lane in zip((check for check in checks if check.name in noise), inputs.sides, strict=True)
        if lane.noise and lane.noise.differing
    ]
    return (
        *tally.waivers.findings(complete=complete, of_checks=of_checks),
        *stray_findings(tally.confirmation, tally.unconfirmed.total()),
        *noisy,
        *(words for lane in inputs.sides if (words := recording_words(lane, "rankings"))),
        *(words for lane in inputs.sides if lane.noise and (words := tie_order_words(Side(lane.side), lane.noise))),
    )


def _counts(tally: RetrievalTally) -> QueryCounts:
    return QueryCounts(
        outcomes={outcome: tally.counts[outcome] for outcome in IN_VERDICTS},
        by_category={
            category: {outcome: count for outcome, count in sorted(found.items()) if count}
            for category, found in sorted(tally.by_category.items())
        },
        waived={name: count for name, count in sorted(tally.waivers.taken.items()) if count},
        unconfirmed=tally.unconfirmed.total(),
    )


def _set_measures(tally: RetrievalTally) -> tuple[SetMeasureResult, ...]:
    values, bands = tally.values(), tally.set_bands()
    return tuple(
        SetMeasureResult(
            measure=measure,
            value=values[measure],
            limits=tally.bands.whole.get(measure),
            band=bands.get(measure) if values[measure] is not None else None,
        )
        for measure in SetMeasure
    )


def _query_measure(tally: RetrievalTally, measure: QueryMeasure) -> QueryMeasureResult:
    limits, found = tally.bands.query.get(measure), tally.distributions[measure]
    counts = tally.by_band.get(measure)
    worst = found.smallest if measure in AT_LEAST else found.largest
    return QueryMeasureResult(
        measure=measure,
        limits=limits,
        bands={band: counts[band] if counts else 0 for band in BANDS} if limits else {},
        mean=found.mean,
        median=found.quantile(0.5),
        worst=worst if found.count else None,
        queries=found.count,
    )


def _changed_check(decision: Decision, tally: RetrievalTally, inputs: RetrievalInputs) -> RetrievalCheck:
    """Return whether the verdict before said the same, where it was on the same queries, requests, bands and waivers."""
    name, severity = RetrievalCheckName.CHANGED_VERDICT, CheckSeverity.WARN
    before = inputs.before
    if before is None or not _comparable(tally, inputs, before):
        seen = "no earlier verdict on the same queries and settings"
        return RetrievalCheck(name=name, severity=severity, passed=True, seen=seen)
    changes = [f"the decision was {before.decision}"] if before.decision != decision else []
    changes += [
        f"{before.counts.outcomes.get(outcome, 0)} queries were {outcome} and {tally.counts[outcome]} are"
        for outcome in IN_VERDICTS
        if before.counts.outcomes.get(outcome, 0) != tally.counts[outcome]
    ]
    return RetrievalCheck(
        name=name,
        severity=severity,
        passed=not changes,
        seen=f"the last verdict on the same queries and settings differs: {'; '.join(changes)}"
        if changes
        else "the last verdict on the same queries and settings says the same",
        remedy="If neither gateway nor its index was changed since, one of them is not repeatable from run to run.",
    )


def _comparable(tally: RetrievalTally, inputs: RetrievalInputs, before: RetrievalVerdict) -> bool:
    now = _set_measures(tally)
    return (
        before.query_set.hash == inputs.query_set.hash
        and [one.settings_hash for one in before.sides] == [one.settings_hash for one in inputs.sides]
        and [one.limits for one in before.set_measures] == [one.limits for one in now]
        and {one.measure: one.limits for one in before.query_measures if one.limits} == dict(tally.bands.query)
        and before.counts.waived == _counts(tally).waived
        and before.random.required_bound == inputs.required_bound
    )
