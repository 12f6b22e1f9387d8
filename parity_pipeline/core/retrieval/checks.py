"""Every check of the retrieve probe, what it looks at, and how severe it is.

Here belong the names, the record, and what settings may change. The rule of the decision is the one of `core.checks`;
measuring for the checks belongs to `query_checks` and `side_checks`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from parity_pipeline.core import checks as core_checks
from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.limits import MIN_COMPARED_SHARE
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.bands import QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome


class RetrievalCheckName(StrEnum):
    """Every check, in the order in which reasons are listed. The spelling is stored, so a name is only ever added."""

    PAIRING = "pairing"
    COMPLETE_COUNTS = "complete-counts"
    REFUSED_BY_CANDIDATE = "refused-by-candidate"
    REFUSED_BY_LEGACY = "refused-by-legacy"
    WRONG_MODE = "wrong-mode"
    EMPTY_CANDIDATE = "empty-candidate"
    EMPTY_LEGACY = "empty-legacy"
    REFUSED_DIFFERENTLY = "refused-differently"
    DIFFERENT_SHARE = "different-share"
    OVERLAP = "overlap"
    TOP_1 = "top-1"
    RBO = "rbo"
    TAU_B = "tau-b"
    RANK_CHANGE = "rank-change"
    SCORE_DELTA = "score-delta"
    METADATA = "metadata"
    REPEATS = "repeats"
    LENGTH = "length"
    MEAN_OVERLAP = "mean-overlap"
    MEAN_OVERLAP_AT_10 = "mean-overlap-at-10"
    TOP_1_SHARE = "top-1-share"
    MEAN_RBO = "mean-rbo"
    MEAN_TAU_B = "mean-tau-b"
    INVESTIGATE_SHARE = "investigate-share"
    RELEVANCE = "relevance"
    LEGACY_NOISE_FLOOR = "legacy-noise-floor"
    CANDIDATE_NOISE_FLOOR = "candidate-noise-floor"
    CONFIRMATION = "confirmation"
    MISSING = "missing"
    COMPARED_SHARE = "compared-share"
    SOME_MATCH = "some-match"
    REQUIRED_BOUND = "required-bound"
    SAME_ORIGIN = "same-origin"
    CAVEATS = "caveats"
    LEGACY_OUTAGE = "legacy-outage"
    CANDIDATE_OUTAGE = "candidate-outage"
    SCORE_ORDER = "score-order"
    CHANGED_VERDICT = "changed-verdict"


def of_side(side: Side, subject: str) -> RetrievalCheckName:
    """Return the check of one side, such as `candidate-outage`.

    Raises:
        ValueError: Sides have no such check.
    """
    return RetrievalCheckName(f"{side.value}-{subject}")


def of_measure(measure: QueryMeasure | SetMeasure) -> RetrievalCheckName:
    """Return the check of a measure. The share of queries in the wrong mode is that of their outcome."""
    if measure is SetMeasure.WRONG_MODE_SHARE:
        return RetrievalCheckName.WRONG_MODE
    return RetrievalCheckName(measure.value.replace("_", "-"))


OF_OUTCOMES: Final[Mapping[RetrievalOutcome, RetrievalCheckName]] = {
    outcome: RetrievalCheckName(outcome.value.replace("_", "-"))
    for outcome in (
        RetrievalOutcome.REFUSED_BY_CANDIDATE,
        RetrievalOutcome.REFUSED_BY_LEGACY,
        RetrievalOutcome.EMPTY_CANDIDATE,
        RetrievalOutcome.EMPTY_LEGACY,
        RetrievalOutcome.REFUSED_DIFFERENTLY,
    )
}
"""The checks of outcomes that a measure does not already speak for."""

OF_QUERY_MEASURES: Final = {of_measure(measure): measure for measure in QueryMeasure}
OF_SET_MEASURES: Final = {of_measure(measure): measure for measure in SetMeasure}

GROUND: Final = (RetrievalCheckName.PAIRING, RetrievalCheckName.COMPLETE_COUNTS)
"""Checks without which nothing that counts queries means anything."""

ALWAYS: Final = frozenset({*GROUND, RetrievalCheckName.SOME_MATCH})
"""Checks that no setting changes and no waiver covers: without them nothing was compared that a verdict could be about."""

BY_BANDS: Final = frozenset({*OF_QUERY_MEASURES, *OF_SET_MEASURES})
"""Checks whose severity is that of a band, so that `retrieve.bands` changes them and `retrieve.checks` does not."""

OF_QUERIES: Final = frozenset({*BY_BANDS, *OF_OUTCOMES.values(), RetrievalCheckName.MISSING})
"""Checks that count queries. A waiver covers the queries by their outcomes, so that it always has a largest number."""

DESCRIPTIONS: Final[Mapping[RetrievalCheckName, str]] = {
    RetrievalCheckName.PAIRING: "Both lanes hold the same query set, date and corpus.",
    RetrievalCheckName.COMPLETE_COUNTS: "Every query of the set has exactly one outcome.",
    RetrievalCheckName.REFUSED_BY_CANDIDATE: "The candidate refuses no query that the legacy side has results for.",
    RetrievalCheckName.REFUSED_BY_LEGACY: "The legacy side refuses no query that the candidate has results for.",
    RetrievalCheckName.WRONG_MODE: "Each side responds in the mode that it is held to, such as hybrid.",
    RetrievalCheckName.EMPTY_CANDIDATE: "The candidate returns no empty list where the legacy side has results.",
    RetrievalCheckName.EMPTY_LEGACY: "The legacy side returns no empty list where the candidate has results.",
    RetrievalCheckName.REFUSED_DIFFERENTLY: "Both sides refuse a query with the same status and form.",
    RetrievalCheckName.DIFFERENT_SHARE: "The share of queries that prove a difference is within its limits.",
    RetrievalCheckName.OVERLAP: "No query shares fewer documents than its limit.",
    RetrievalCheckName.TOP_1: "No query has another best document, where its limit fails that.",
    RetrievalCheckName.RBO: "No query has a rank-biased overlap below its limit.",
    RetrievalCheckName.TAU_B: "No query orders common documents with a Kendall tau-b below its limit.",
    RetrievalCheckName.RANK_CHANGE: "No document changes its rank by more than a limit, where one is set.",
    RetrievalCheckName.SCORE_DELTA: "No common document's scores differ by more than their limit.",
    RetrievalCheckName.METADATA: "The metadata that must be equal are equal for every common document.",
    RetrievalCheckName.REPEATS: "The candidate returns no document twice in one list.",
    RetrievalCheckName.LENGTH: "No list is longer or shorter than the other by more than a limit, where one fails that.",
    RetrievalCheckName.MEAN_OVERLAP: "The mean overlap of all queries is within its limits.",
    RetrievalCheckName.MEAN_OVERLAP_AT_10: "The mean overlap of the first ten results is within its limits.",
    RetrievalCheckName.TOP_1_SHARE: "The share of queries with the same best document is within its limits.",
    RetrievalCheckName.MEAN_RBO: "The mean rank-biased overlap is within its limits.",
    RetrievalCheckName.MEAN_TAU_B: "The mean Kendall tau-b is within its limits.",
    RetrievalCheckName.INVESTIGATE_SHARE: "The share of queries that are worth a look is within its limits.",
    RetrievalCheckName.RELEVANCE: "The candidate's lists are not less relevant by the labels, where there are some.",
    RetrievalCheckName.CONFIRMATION: "Differences that did not persist leave both sides reliable.",
    RetrievalCheckName.MISSING: "Every query has a usable response, or a definite refusal, from both sides.",
    RetrievalCheckName.COMPARED_SHARE: "Enough of the queries have results to compare.",
    RetrievalCheckName.SOME_MATCH: "At least one query has results on both sides that match.",
    RetrievalCheckName.REQUIRED_BOUND: "The random queries prove the required bound, where one is set.",
    RetrievalCheckName.SAME_ORIGIN: "The two sides were fetched from different addresses.",
    RetrievalCheckName.CAVEATS: "The fetch saw nothing that makes equal lists prove less than they seem to.",
    RetrievalCheckName.SCORE_ORDER: "Scores fall towards the end of each list, as the settings say of what is reported.",
    RetrievalCheckName.CHANGED_VERDICT: "The same queries and settings give the verdict that they gave before.",
}
"""What each check that is not of one side looks at."""

SIDE_DESCRIPTIONS: Final[Mapping[str, str]] = {
    "noise-floor": "The {side}'s own responses to one query differ less than the two sides do.",
    "outage": "The lane of the {side} ran to its end.",
}
"""What the checks of one side look at."""


def description(name: RetrievalCheckName) -> str:
    """Return what a check looks at, as one sentence."""
    if name in DESCRIPTIONS:
        return DESCRIPTIONS[name]
    side, _, subject = name.value.partition("-")
    return SIDE_DESCRIPTIONS[subject].format(side=side)


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCheck(core_checks.JudgedCheck):
    """One check of the retrieve probe."""

    name: RetrievalCheckName


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCheckSettings:
    """What the settings say of the checks of this probe.

    Attributes:
        severities: Severity of each check that shall not have its default one.
        min_compared_share: Smallest share of queries that must have results to compare, in [0, 1].
        allow_same_origin: Whether both sides may have one address, as when a gateway is compared with itself on purpose.
    """

    severities: Mapping[RetrievalCheckName, CheckSeverity] = field(
        default_factory=dict[RetrievalCheckName, CheckSeverity]
    )
    min_compared_share: float = MIN_COMPARED_SHARE
    allow_same_origin: bool = False


def retrieval_settings_faults(severities: Mapping[RetrievalCheckName, CheckSeverity]) -> tuple[str, ...]:
    """Return why these severities cannot be used; empty when they can."""
    banded = [
        f"{name.value}: the bands decide what this check means; change retrieve.bands.{_band_key(name)} instead"
        for name in severities
        if name in BY_BANDS
    ]
    return (*core_checks.settings_faults(severities, ALWAYS), *banded)


def _band_key(name: RetrievalCheckName) -> str:
    measure = OF_QUERY_MEASURES.get(name)
    return f"query.{measure.value}" if measure else f"set.{OF_SET_MEASURES[name].value}"


def retrieval_decision_of(
    checks: Sequence[RetrievalCheck],
    *,
    reached: Sequence[str] = (),
    waived: Sequence[str] = (),
    refused: Sequence[str] = (),
) -> tuple[Decision, tuple[str, ...]]:
    """Decide over all checks by the rule of every probe, `core.checks.decision_of`."""
    return core_checks.decision_of(
        checks, reached=reached, waived=waived, refused=refused, ground=GROUND, counting=OF_QUERIES
    )
