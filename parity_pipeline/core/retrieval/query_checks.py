"""The checks that count queries: outcomes, bands of queries and of the set, missing evidence, what random draws prove.

Here belongs the step from the tally to checks. What they mean for the decision belongs to `checks`, what a side shows by
itself to `lane_checks`.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Final

from parity_pipeline.core.checks import CheckSeverity
from parity_pipeline.core.confidence import required_bound_words
from parity_pipeline.core.number_format import percent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.bands import AT_LEAST, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.checks import OF_OUTCOMES, RetrievalCheck, RetrievalCheckName, of_measure
from parity_pipeline.core.retrieval.measure_words import (
    QUERY_NAMES,
    can_fail,
    failing_words,
    mean_words,
    share_words,
    value_text,
)
from parity_pipeline.core.retrieval.outcomes import DIFFERENT, Band, RetrievalOutcome
from parity_pipeline.core.retrieval.tally import RetrievalTally

_FAIL, _INCONCLUSIVE = CheckSeverity.FAIL, CheckSeverity.INCONCLUSIVE
_FIND_OUT: Final = "Find out why these queries differ; the causes in the report say where to begin."

_OUTCOMES: Final[Mapping[RetrievalOutcome, tuple[str, Side | None]]] = {
    RetrievalOutcome.REFUSED_BY_CANDIDATE: (
        "are refused by the candidate and have results on the legacy side",
        Side.CANDIDATE,
    ),
    RetrievalOutcome.REFUSED_BY_LEGACY: (
        "are refused by the legacy side and have results on the candidate",
        Side.LEGACY,
    ),
    RetrievalOutcome.EMPTY_CANDIDATE: ("have no result on the candidate and some on the legacy side", Side.CANDIDATE),
    RetrievalOutcome.EMPTY_LEGACY: ("have no result on the legacy side and some on the candidate", Side.LEGACY),
    RetrievalOutcome.REFUSED_DIFFERENTLY: ("are refused by both sides with another status or form", None),
}

_ALWAYS_FAIL: Final = (RetrievalOutcome.REFUSED_BY_CANDIDATE, RetrievalOutcome.REFUSED_BY_LEGACY)
"""No approximation refuses a query: one that persists fails, whatever share of the set it is."""

_SHARES: Final[Mapping[SetMeasure, tuple[RetrievalOutcome, ...]]] = {
    SetMeasure.DIFFERENT_SHARE: DIFFERENT,
    SetMeasure.INVESTIGATE_SHARE: (RetrievalOutcome.INVESTIGATE,),
    SetMeasure.WRONG_MODE_SHARE: (RetrievalOutcome.WRONG_MODE,),
}
"""The measures of the set that are shares, with the outcomes that they count."""


def ground_checks(tally: RetrievalTally, expected: int, pairing_faults: Iterable[str]) -> Iterator[RetrievalCheck]:
    """Yield whether the lanes may be paired at all, and whether every query has an outcome."""
    faults = tuple(pairing_faults)
    yield RetrievalCheck(
        name=RetrievalCheckName.PAIRING,
        severity=_INCONCLUSIVE,
        passed=not faults,
        seen="; ".join(faults) or "both lanes hold the same query set, date and corpus",
    )
    whole = bool(faults) or tally.queries == expected
    counted = f"{tally.queries} of {expected} queries have an outcome"
    yield RetrievalCheck(
        name=RetrievalCheckName.COMPLETE_COUNTS,
        severity=_INCONCLUSIVE,
        passed=whole,
        seen=counted if whole else f"the counts do not add up: {counted}",
        remedy="Materialize retrieve/parity again.",
    )


def outcome_checks(tally: RetrievalTally, *, doubted: bool) -> Iterator[RetrievalCheck]:
    """Yield the checks of outcomes that prove a difference.

    Args:
        tally: The queries.
        doubted: Whether something else explains the differences as well, so that they prove nothing.
    """
    for outcome, name in OF_OUTCOMES.items():
        words, side = _OUTCOMES[outcome]
        count, waived = tally.standing(outcome), tally.waived[outcome]
        weighs = _FAIL if outcome in _ALWAYS_FAIL else _by_share(tally)
        yield RetrievalCheck(
            name=name,
            severity=_INCONCLUSIVE if doubted else weighs,
            passed=None if not tally.queries else not count and not waived,
            seen=f"{count or waived}/{tally.queries} queries {words}",
            remedy=_FIND_OUT,
            side=side,
            waived_by="" if count else _waivers(tally, outcome),
        )


def _by_share(tally: RetrievalTally) -> CheckSeverity:
    """Return what queries that differ weigh: as much as the share of all differing queries of the set does."""
    return _FAIL if tally.set_bands().get(SetMeasure.DIFFERENT_SHARE) is Band.FAIL else _INCONCLUSIVE


def _waivers(tally: RetrievalTally, *outcomes: RetrievalOutcome) -> str:
    return ", ".join(sorted({name for outcome in outcomes for name in tally.waived_by.get(outcome, ())}))


def measure_checks(tally: RetrievalTally, *, doubted: bool) -> Iterator[RetrievalCheck]:
    """Yield one check per measure of queries and of the set, `doubted` as for `outcome_checks`."""
    for measure in QueryMeasure:
        yield _of_queries(tally, measure, doubted=doubted)
    for measure in SetMeasure:
        yield (
            _of_share(tally, measure, doubted=doubted)
            if measure in _SHARES
            else _of_mean(tally, measure, doubted=doubted)
        )


def _of_queries(tally: RetrievalTally, measure: QueryMeasure, *, doubted: bool) -> RetrievalCheck:
    """Return whether no query is in FAIL by a measure; how many may be is said by the share of differing queries."""
    name, limits = of_measure(measure), tally.bands.query.get(measure)
    severity = _INCONCLUSIVE if doubted else _by_share(tally)
    if limits is None or not can_fail(measure, limits):
        seen = "no value of it fails a query" if limits else "no limit is set"
        return RetrievalCheck(name=name, severity=severity, passed=True, seen=seen)
    bands = tally.by_band.get(measure)
    if bands is None or not bands.total():
        return RetrievalCheck(name=name, severity=severity, passed=None, seen="no query was compared")
    failing, values = bands[Band.FAIL], tally.distributions[measure]
    words = f"{failing}/{bands.total()} compared queries {failing_words(measure, limits)}"
    worst = values.smallest if measure in AT_LEAST else values.largest
    return RetrievalCheck(
        name=name,
        severity=severity,
        passed=not failing,
        seen=f"{words}, the worst {value_text(measure, worst)}" if failing else words,
        remedy=_FIND_OUT,
    )


def _of_mean(tally: RetrievalTally, measure: SetMeasure, *, doubted: bool) -> RetrievalCheck:
    name, limits, value = of_measure(measure), tally.bands.whole.get(measure), tally.values()[measure]
    if limits is None:
        return RetrievalCheck(name=name, severity=_FAIL, passed=True, seen="no limit is set")
    if value is None:
        return RetrievalCheck(name=name, severity=_FAIL, passed=None, seen="no query was compared for it")
    band = limits.band(measure, value)
    return RetrievalCheck(
        name=name,
        severity=_severity(band, doubted=doubted),
        passed=band is Band.PASS,
        seen=mean_words(measure, value, limits, band),
        remedy=_FIND_OUT,
    )


def _severity(band: Band, *, doubted: bool) -> CheckSeverity:
    """Return what a band of the set means: FAIL fails, and INVESTIGATE is not a PASS."""
    return _INCONCLUSIVE if doubted or band is Band.INVESTIGATE else _FAIL


def _of_share(tally: RetrievalTally, measure: SetMeasure, *, doubted: bool) -> RetrievalCheck:
    name, limits, outcomes = of_measure(measure), tally.bands.whole.get(measure), _SHARES[measure]
    if limits is None:
        return RetrievalCheck(name=name, severity=_FAIL, passed=True, seen="no limit is set")
    if not tally.queries:
        return RetrievalCheck(name=name, severity=_FAIL, passed=None, seen="no query was compared")
    count, waived = tally.standing(*outcomes), sum(tally.waived[one] for one in outcomes)
    band = limits.band(measure, count / tally.queries)
    seen = share_words(measure, count, tally.queries, limits, band)
    if measure is SetMeasure.INVESTIGATE_SHARE and band is not Band.PASS:
        seen = f"{seen}{_by_measures(tally)}"
    excused = band is Band.PASS and waived > 0
    return RetrievalCheck(
        name=name,
        severity=_severity(band, doubted=doubted),
        passed=band is Band.PASS and not waived,
        seen=f"{share_words(measure, waived, tally.queries, None, None)} and are waived" if excused else seen,
        remedy=_FIND_OUT,
        waived_by=_waivers(tally, *outcomes) if excused else "",
    )


def _by_measures(tally: RetrievalTally) -> str:
    """Return which measures make queries worth a look, the most frequent first, in brackets; "" for none."""
    named = [(measure, count) for measure, count in tally.by_look.most_common() if count]
    return f" ({', '.join(f'{QUERY_NAMES[measure]} {count}' for measure, count in named)})" if named else ""


def evidence_checks(tally: RetrievalTally, min_share: float) -> Iterator[RetrievalCheck]:
    """Yield the checks of queries that prove nothing: missing ones, too few compared, none that matches."""
    left, waived = tally.standing(RetrievalOutcome.MISSING), tally.waived[RetrievalOutcome.MISSING]
    yield RetrievalCheck(
        name=RetrievalCheckName.MISSING,
        severity=_INCONCLUSIVE,
        passed=None if not tally.queries else not left and not waived,
        seen=f"{left or waived}/{tally.queries} queries have no usable response from one side or both",
        remedy="Fetch the side that gave no usable response again; the report shows what it said.",
        waived_by="" if left else _waivers(tally, RetrievalOutcome.MISSING),
    )
    yield _share(tally, min_share)
    matches = tally.counts[RetrievalOutcome.MATCH]
    excused = tally.waived.total() + tally.unconfirmed.total()
    # Where differences stand, they are the reason; a set that only waivers, repeats or near misses carry is not one.
    nothing = not tally.compared or (not matches and bool(excused or not tally.standing(*DIFFERENT)))
    yield RetrievalCheck(
        name=RetrievalCheckName.SOME_MATCH,
        severity=_INCONCLUSIVE,
        passed=not nothing,
        seen="no query has results to compare"
        if not tally.compared
        else f"no compared query matched{' without a waiver or a repeat' if excused else ''}"
        if nothing
        else f"{matches}/{tally.compared} queries with results match",
        remedy="Find out whether both indexes are filled, and ask queries that have results.",
    )


def _share(tally: RetrievalTally, min_share: float) -> RetrievalCheck:
    """Return whether enough queries have results. None at all is said by `some-match` alone."""
    share = tally.compared / tally.queries if tally.queries else 0.0
    seen = f"{tally.compared} of {tally.queries} queries have results to compare"
    name = RetrievalCheckName.COMPARED_SHARE
    if share >= min_share or not tally.compared:
        return RetrievalCheck(name=name, severity=_INCONCLUSIVE, passed=True if tally.compared else None, seen=seen)
    counts = {
        "have an empty list on both sides": tally.counts[RetrievalOutcome.BOTH_EMPTY],
        "are refused by both sides": tally.counts[RetrievalOutcome.REFUSED_BY_BOTH],
    }
    alike = "".join(f", {count} {words}" for words, count in counts.items() if count)
    return RetrievalCheck(
        name=name,
        severity=_INCONCLUSIVE,
        passed=False,
        seen=f"only {seen}{alike}; at least {percent(min_share)} have to",
        remedy="Find out why the others have none: two indexes that were never filled are empty alike. "
        "If these queries are meant to have none, take them out or lower min_compared_share.",
    )


def bound_check(tally: RetrievalTally, required: float | None) -> RetrievalCheck:
    """Return whether the random queries prove the required bound, and how many more would."""
    name, severity = RetrievalCheckName.REQUIRED_BOUND, _INCONCLUSIVE
    if required is None:
        return RetrievalCheck(name=name, severity=severity, passed=True, seen="no bound is required")
    proven, seen = required_bound_words(tally.share_bounds()[0], required, "query", "queries")
    remedy = "" if proven else "Draw more queries at random, with `sample` of a source in the settings."
    return RetrievalCheck(name=name, severity=severity, passed=proven, seen=seen, remedy=remedy)


def reached(tally: RetrievalTally) -> str:
    """Return what a set that passes reached: matches and the means that it was judged by."""
    values = tally.values()
    means = [
        f"{words} {value_text(measure, value)}"
        for measure, words in _REACHED.items()
        if measure in tally.bands.whole and (value := values[measure]) is not None
    ]
    return ", ".join([f"{tally.agreeing}/{tally.queries} queries match", *means])


_REACHED: Final = {
    SetMeasure.MEAN_OVERLAP: "mean overlap",
    SetMeasure.MEAN_RBO: "mean rank-biased overlap",
    SetMeasure.TOP_1_SHARE: "same best document",
}


def waived_queries(tally: RetrievalTally) -> list[str]:
    """Return how many queries waivers took, and which ones."""
    taken = [f"{name} ({count})" for name, count in tally.waivers.taken.items() if count]
    if not taken:
        return []
    return [f"{tally.waived.total()}/{tally.queries} queries differ and are waived: {', '.join(taken)}"]


def mutual_refusals(tally: RetrievalTally) -> list[str]:
    """Return how many queries both sides refuse: parity, but not compared."""
    count = tally.counts[RetrievalOutcome.REFUSED_BY_BOTH]
    return [f"{count}/{tally.queries} queries are refused by both sides"] if count else []


def transient_queries(tally: RetrievalTally) -> list[str]:
    """Return how many queries differed once, and not when they were requested again."""
    count = tally.unconfirmed.total()
    return [f"{count}/{tally.queries} queries differed once, and not when they were requested again"] if count else []
