"""What the measures of retrieval are called in sentences, and what a value of one says.

Here belong the clauses that checks, reasons and findings share. Number formats for tables belong to `report.numbers`.
"""

import math
from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.number_format import ceiled, exact_decimal, floored, percent
from parity_pipeline.core.retrieval.bands import AT_LEAST, Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.outcomes import Band

_DECIMALS: Final = 4

_FAILING: Final[Mapping[QueryMeasure, str]] = {
    QueryMeasure.OVERLAP: "have an overlap below {limit}",
    QueryMeasure.TOP_1: "have another best document",
    QueryMeasure.RBO: "have a rank-biased overlap below {limit}",
    QueryMeasure.TAU_B: "have a Kendall tau-b below {limit}",
    QueryMeasure.RANK_CHANGE: "have a document that changes its rank by more than {limit}",
    QueryMeasure.SCORE_DELTA: "have a score difference above {limit}",
    QueryMeasure.METADATA: "have more than {limit} documents with other metadata",
    QueryMeasure.REPEATS: "have more than {limit} repeated documents",
    QueryMeasure.LENGTH: "have lists whose lengths differ by more than {limit}",
}

QUERY_NAMES: Final[Mapping[QueryMeasure, str]] = {
    QueryMeasure.OVERLAP: "overlap",
    QueryMeasure.TOP_1: "best document",
    QueryMeasure.RBO: "rank-biased overlap",
    QueryMeasure.TAU_B: "Kendall tau-b",
    QueryMeasure.RANK_CHANGE: "rank change",
    QueryMeasure.SCORE_DELTA: "score difference",
    QueryMeasure.METADATA: "metadata",
    QueryMeasure.REPEATS: "repeated documents",
    QueryMeasure.LENGTH: "length",
}
"""What a reader knows each measure of a query by."""

SET_NAMES: Final[Mapping[SetMeasure, str]] = {
    SetMeasure.MEAN_OVERLAP: "the mean overlap",
    SetMeasure.MEAN_OVERLAP_AT_10: "the mean overlap of the first ten results",
    SetMeasure.TOP_1_SHARE: "the share of queries with the same best document",
    SetMeasure.MEAN_RBO: "the mean rank-biased overlap",
    SetMeasure.MEAN_TAU_B: "the mean Kendall tau-b",
    SetMeasure.DIFFERENT_SHARE: "prove a difference",
    SetMeasure.INVESTIGATE_SHARE: "are worth a look",
    SetMeasure.WRONG_MODE_SHARE: "have a response in another mode than agreed",
}
"""What each measure of the set is called: a mean by a noun, a share by what holds of its queries."""


def failing_words(measure: QueryMeasure, limits: Limits) -> str:
    """Return what holds of a query that is in FAIL by a measure.

    >>> failing_words(QueryMeasure.OVERLAP, Limits(0.9, 0.5)), failing_words(QueryMeasure.REPEATS, Limits(0, 0))
    ('have an overlap below 0.5', 'have repeated documents')
    """
    return (
        _FAILING[measure]
        .format(limit=f"{limits.fails:g}")
        .replace("more than 0 documents", "documents")
        .replace("more than 0 repeated", "repeated")
    )


def value_text(measure: QueryMeasure | SetMeasure, value: float) -> str:
    """Return a value so that it never looks better than it is: rounded down where more is better, else up.

    >>> value_text(SetMeasure.MEAN_RBO, 0.98999999), value_text(QueryMeasure.SCORE_DELTA, 0.0010001)
    ('0.9899', '0.00101')
    """
    if measure in AT_LEAST:
        return floored(exact_decimal(value), _DECIMALS)
    return f"{ceiled(exact_decimal(value), 3).normalize() + 0:f}"


def can_fail(measure: QueryMeasure, limits: Limits | None) -> bool:
    """Return whether any value of a measure is in FAIL."""
    if limits is None:
        return False
    return limits.fails > _LOWEST[measure] if measure in AT_LEAST else limits.fails < math.inf


_LOWEST: Final = {
    QueryMeasure.OVERLAP: 0.0,
    QueryMeasure.TOP_1: 0.0,
    QueryMeasure.RBO: 0.0,
    QueryMeasure.TAU_B: -1.0,
}
"""The lowest value that a measure of which more is better can take."""


def mean_words(measure: SetMeasure, value: float, limits: Limits, band: Band) -> str:
    """Return what a mean is and which limit decides about it.

    >>> mean_words(SetMeasure.MEAN_OVERLAP, 0.97, Limits(0.99, 0.95), Band.INVESTIGATE)
    'the mean overlap is 0.9700, and 0.99 is needed to pass'
    """
    found = f"{SET_NAMES[measure]} is {value_text(measure, value)}"
    if band is Band.PASS:
        return f"{found}, at least {limits.passes:g}"
    if band is Band.FAIL:
        return f"{found}, and below {limits.fails:g} a set fails"
    return f"{found}, and {limits.passes:g} is needed to pass"


def share_words(measure: SetMeasure, count: int, queries: int, limits: Limits | None, band: Band | None) -> str:
    """Return how many queries a share is of and which limit decides about it.

    >>> share_words(SetMeasure.INVESTIGATE_SHARE, 20, 200, Limits(0.05, 1.0), Band.INVESTIGATE)
    '20/200 queries (10 %) are worth a look, and at most 5 % is allowed'
    """
    found = f"{count}/{queries} queries {SET_NAMES[measure]}"
    if limits is None or band is Band.PASS or not queries:
        return found
    share = f"{count}/{queries} queries ({percent(count / queries)}) {SET_NAMES[measure]}"
    if band is Band.FAIL and limits.fails:
        return f"{share}, and beyond {percent(limits.fails)} a set fails"
    return f"{share}, and {f'at most {percent(limits.passes)} is' if limits.passes else 'none is'} allowed"
