"""What several parts of a retrieval report spell alike: queries, outcomes, explanations, measures and their numbers.

Here belong the words and number formats of ranked lists. Those that embeddings share belong to `view` and `numbers`.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.number_format import exact_decimal, floored, percent
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import AT_LEAST, Limits, QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped, code

Queries = Mapping[str, Query]
"""Query id to the query as it was sent. Those that are not in it are shown by their ids."""

HEAD: Final = 40
"""Characters of a query's text in a table, as of a sample's."""
LONG_HEAD: Final = 120
"""Characters of it above its own lists."""
ID_CHARACTERS: Final = 60
"""Characters of a document id: longer ones would push the other side's list out of sight."""

_DECIMALS: Final = 4

_OUTCOMES: Final[Mapping[RetrievalOutcome, str]] = {
    RetrievalOutcome.COMPARED: "compared",
    RetrievalOutcome.MATCH: "match",
    RetrievalOutcome.INVESTIGATE: "investigate",
    RetrievalOutcome.MISMATCH: "mismatch",
    RetrievalOutcome.BOTH_EMPTY: "no results on both sides",
    RetrievalOutcome.EMPTY_LEGACY: "no results on the legacy side",
    RetrievalOutcome.EMPTY_CANDIDATE: "no results on the candidate side",
    RetrievalOutcome.WRONG_MODE: "wrong mode",
    RetrievalOutcome.REFUSED_BY_LEGACY: "refused by legacy",
    RetrievalOutcome.REFUSED_BY_CANDIDATE: "refused by candidate",
    RetrievalOutcome.REFUSED_BY_BOTH: "refused by both",
    RetrievalOutcome.REFUSED_DIFFERENTLY: "refused differently",
    RetrievalOutcome.MISSING: "no response",
}
_NEEDS_SIDE: Final = (RetrievalOutcome.WRONG_MODE, RetrievalOutcome.MISSING)
"""Outcomes whose words do not say which side they are about."""

_EXPLANATIONS: Final[Mapping[Explanation, str]] = {
    Explanation.EMBEDDING: "for the same query vector the lists agree, so what becomes of the query before the search differs",
    Explanation.EMBEDDING_AND_RETRIEVAL: "the sides embed the query differently, and the same query vector gives another list too",
    Explanation.MODE: "a side used another mode than agreed",
    Explanation.TIE_ORDER: "the documents are the same, and their scores so close that the order says little",
    Explanation.CUT_OFF: "the candidate's list is the beginning of the legacy side's and stops early",
    Explanation.FILTER: "the filter lets other documents through",
    Explanation.SCORING: "common documents are scored differently: another metric or scaling",
    Explanation.MERGE: "the results of several corpora are merged differently: documents are repeated or missing",
    Explanation.APPROXIMATE_INDEX: "the index is approximate: single documents are missed, and others move up",
    Explanation.RETRIEVAL: "the same query vector gives another list, for none of the reasons above",
    Explanation.UNKNOWN: "not known: nothing shows whether the embedding or the retrieval differs",
}

_SET_MEASURES: Final[Mapping[SetMeasure, str]] = {
    SetMeasure.MEAN_OVERLAP: "common documents, mean share",
    SetMeasure.MEAN_OVERLAP_AT_10: "common documents among the first 10, mean share",
    SetMeasure.TOP_1_SHARE: "queries with the same best document, share",
    SetMeasure.MEAN_RBO: "rank-biased overlap (RBO), mean",
    SetMeasure.MEAN_TAU_B: "order of common documents (Kendall's tau-b), mean",
    SetMeasure.DIFFERENT_SHARE: "queries that prove a difference",
    SetMeasure.INVESTIGATE_SHARE: "queries worth a look",
    SetMeasure.WRONG_MODE_SHARE: "queries in another mode than agreed",
}
_QUERY_MEASURES: Final[Mapping[QueryMeasure, str]] = {
    QueryMeasure.OVERLAP: "common documents (overlap)",
    QueryMeasure.TOP_1: "same best document (1 or 0)",
    QueryMeasure.RBO: "rank-biased overlap (RBO)",
    QueryMeasure.TAU_B: "order of common documents (tau-b)",
    QueryMeasure.RANK_CHANGE: "greatest change of rank",
    QueryMeasure.SCORE_DELTA: "greatest score difference",
    QueryMeasure.METADATA: "documents with other metadata",
    QueryMeasure.REPEATS: "repeated documents of the candidate",
    QueryMeasure.LENGTH: "difference in length, results",
}

_SHARES: Final = (SetMeasure.DIFFERENT_SHARE, SetMeasure.INVESTIGATE_SHARE, SetMeasure.WRONG_MODE_SHARE)
_COUNTS: Final = (QueryMeasure.RANK_CHANGE, QueryMeasure.METADATA, QueryMeasure.REPEATS, QueryMeasure.LENGTH)
_HUGE: Final = 1e9
"""A limit that no count and no score difference reaches."""
_LOWEST: Final[Mapping[QueryMeasure | SetMeasure, float]] = {QueryMeasure.TAU_B: -1.0, SetMeasure.MEAN_TAU_B: -1.0}
"""Smallest possible value of a measure of which more is better; 0 for those that are not named."""


def outcome_words(query: JudgedQuery) -> str:
    """Return a query's outcome as a person writes it, with the side it is about and what excuses it; raw text."""
    words = outcome_name(query.outcome)
    if query.side and query.outcome in _NEEDS_SIDE:
        words = f"{words} ({query.side})"
    if query.waiver is not None:
        return f"{words}, waived: {query.waiver}"
    return f"{words}, not when sent again" if query.unconfirmed else words


def outcome_name(outcome: RetrievalOutcome) -> str:
    """Return an outcome as a person writes it."""
    return _OUTCOMES[outcome]


def explanation_words(explanation: Explanation) -> str:
    """Return what explains a differing query, as a clause without a full stop."""
    return _EXPLANATIONS[explanation]


def explanation_name(explanation: Explanation) -> str:
    """Return an explanation in one or two words."""
    return explanation.value.replace("_", " ")


def measure_name(measure: QueryMeasure | SetMeasure) -> str:
    """Return what a measure is called in tables."""
    return _SET_MEASURES[measure] if isinstance(measure, SetMeasure) else _QUERY_MEASURES[measure]


def position(query: JudgedQuery) -> str:
    """Return a query's position in its set, from 1 on."""
    return numbers.count(query.ordinal + 1)


def text_of(query: JudgedQuery, queries: Queries, *, most: int = HEAD) -> str:
    """Return the beginning of a query's text as Markdown; its id where the text is not known."""
    found = queries.get(query.id)
    if found is None:
        return code(clipped(query.id, most))
    cut = len(found.text) > most
    return code(found.text[:most], cut=cut) + ("…" if cut else "")


def agreement(value: float | None, limits: Limits | None = None) -> str:
    """Return an overlap, RBO or tau-b in four decimals, or those of its limits, rounded down; `—` for None.

    Rounded down, so that a value below its limit prints below it.

    >>> agreement(0.98999), agreement(1.0), agreement(None)
    ('0.9899', '1.0000', '—')
    """
    if value is None:
        return numbers.NOTHING
    finest = max((_decimals(one) for one in (limits.passes, limits.fails)), default=0) if limits else 0
    return floored(exact_decimal(value), max(_DECIMALS, finest))


def _decimals(value: float) -> int:
    exponent = exact_decimal(value).normalize().as_tuple().exponent
    return max(0, -exponent) if isinstance(exponent, int) else 0


def value_text(measure: QueryMeasure | SetMeasure, value: float | None, limits: Limits | None = None) -> str:
    """Return a value of a measure in its own unit; `—` for None."""
    if value is None:
        return numbers.NOTHING
    if measure in AT_LEAST:
        return agreement(value, limits)
    if measure in _SHARES:
        return percent(value)
    if measure in _COUNTS:
        return f"{value:,.0f}" if value.is_integer() else f"{value:,.2f}"
    return numbers.measure(value)


def limit_texts(measure: QueryMeasure | SetMeasure, limits: Limits | None) -> tuple[str, str]:
    """Return in which values a measure is in the bands PASS and FAIL, such as `≥ 0.9` and `< 0.5`.

    A limit that no value can be beyond is `never`; a measure without limits has two `—`.
    """
    if limits is None:
        return numbers.NOTHING, numbers.NOTHING
    if measure in AT_LEAST:
        never = limits.fails <= _LOWEST.get(measure, 0.0)
        return f"≥ {limits.passes:g}", "never" if never else f"< {limits.fails:g}"
    share = measure in _SHARES
    passes, fails = (percent(one) if share else f"{one:g}" for one in (limits.passes, min(limits.fails, _HUGE)))
    never = limits.fails >= (1.0 if share else _HUGE)
    return f"≤ {passes}" if limits.passes else passes, "never" if never else f"> {fails}"
