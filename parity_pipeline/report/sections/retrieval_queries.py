"""The most changed queries: a table of them, then both lists of the worst ones side by side, with rank arrows.

Here belongs the layout of single queries. Choosing them belongs to `core.retrieval.worst_queries`.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.outcomes import AGREEING
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import SHOWN_RESULTS, JudgedQuery, ShownResult
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped, code, listed_code, prose, table
from parity_pipeline.report.retrieval_view import (
    ID_CHARACTERS,
    LONG_HEAD,
    Queries,
    agreement,
    explanation_name,
    explanation_words,
    outcome_words,
    position,
    text_of,
)

SIDE_BY_SIDE: Final = 8
"""Queries whose lists are shown: enough to see a pattern, and a page that can still be read."""

Explained = Mapping[str, Explanation]
"""Query id to what explains it."""

_LEGEND: Final = (
    "Overlap is the share of common documents; RBO, rank-biased overlap, weighs the first ranks most. Both are 1 for "
    "equal lists and 0 for lists without a common document. Documents of equal scores may change places without lowering either. L is the legacy side, "
    "C the candidate."
)
_ARROWS: Final = (
    "“=” is the same rank, “↑ 2” two ranks further up than on the legacy side, “↓ 2” two further down, “new” a document "
    "that only the candidate returns, “gone” one that only the legacy side returns."
)


def changed_queries(verdict: RetrievalVerdict, queries: Queries, explained: Explained) -> list[str]:
    """Return the table of changed queries and the lists of the worst as Markdown; one line where none changed."""
    lines = ["## Most changed queries", ""]
    changed = [query for query in verdict.queries[:REPORT_ROWS] if not alike(query)]
    if not changed:
        said = (
            "Every query that was kept for this report has equal lists."
            if verdict.queries
            else "No query was compared."
        )
        return [*lines, said]
    title = ("#", "Query (head)", "k", "Results L / C", "Outcome", "Overlap", "RBO", "Explanation")
    rows = [_row(query, queries, explained) for query in changed]
    lines += [prose(_shown(verdict, len(changed))), "", *table(title, rows, right=(0, 2, 5, 6)), "", prose(_LEGEND)]
    with_lists = [query for query in changed if query.shown and not _only_ties(query)][:SIDE_BY_SIDE]
    if not with_lists:
        return lines
    lines += ["", prose(f"The lists of {_first(len(with_lists))} follow. {_ARROWS}")]
    for query in with_lists:
        lines += ["", *_lists(query, queries, explained)]
    return lines


def alike(query: JudgedQuery) -> bool:
    """Return whether a person would see no difference between the two lists of a query."""
    same_place = all(row.legacy_rank == rank for rank, row in enumerate(query.shown, 1))
    return query.outcome in AGREEING and same_place and not (query.missing or query.extra or query.rank_change)


def _only_ties(query: JudgedQuery) -> bool:
    """Return whether the lists differ in nothing but the order of equal scores."""
    return query.outcome in AGREEING and not (query.missing or query.extra) and (query.rbo or 0.0) > 1.0 - 1e-9


def _first(count: int) -> str:
    return "one of them" if count == 1 else f"{count} of them"


def _shown(verdict: RetrievalVerdict, count: int) -> str:
    of_all = f"of {numbers.things(verdict.counts.queries, 'query', 'queries')}"
    return (
        f"{numbers.count(count)} {of_all} are listed: differences first, then what is worth a look, missing responses, refusals by "
        "both and matches; within an outcome the smallest rank-biased overlap first."
    )


def _row(query: JudgedQuery, queries: Queries, explained: Explained) -> Sequence[str]:
    explanation = explained.get(query.id)
    return (
        position(query),
        text_of(query, queries),
        numbers.count(query.k),
        f"{numbers.count(query.legacy_results)} / {numbers.count(query.candidate_results)}",
        prose(outcome_words(query)),
        *measured(query),
        prose(explanation_name(explanation)) if explanation else numbers.NOTHING,
    )


def measured(query: JudgedQuery) -> tuple[str, str]:
    """Return overlap and rank-biased overlap; without two lists there are none, whatever an empty list would give."""
    if not (query.legacy_results and query.candidate_results):
        return numbers.NOTHING, numbers.NOTHING
    return agreement(query.overlap), agreement(query.rbo)


def _lists(query: JudgedQuery, queries: Queries, explained: Explained) -> list[str]:
    """Return one query with both lists side by side."""
    lines = [f"### Query {position(query)}: {text_of(query, queries, most=LONG_HEAD)}", ""]
    lines += [f"- {fact}" for fact in facts(query, queries, explained)]
    rows = [_ranked(rank, row, query) for rank, row in enumerate(query.shown, 1)]
    lines += ["", *table(("Rank", "Legacy", "", "Candidate", "Change"), rows, right=(0,))]
    longest = max(query.legacy_results, query.candidate_results)
    if longest > len(query.shown):
        lines += ["", f"The first {len(query.shown)} of {numbers.count(longest)} results."]
    return lines


def facts(query: JudgedQuery, queries: Queries, explained: Explained) -> list[str]:
    """Return what was sent, its outcome and what explains it, as Markdown."""
    found = [_sent(query, queries), prose(f"{outcome_words(query)}{_changes(query)}.")]
    if explanation := explained.get(query.id):
        found.append(prose(f"{explanation_name(explanation).capitalize()}: {explanation_words(explanation)}."))
    if query.paired:
        tied = "1 document differs" if query.paired == 1 else f"{numbers.count(query.paired)} documents differ"
        counts = "counts" if query.paired == 1 else "count"
        found.append(f"{tied} only because k cuts a group of equal scores, and {counts} as the same.")
    return found


def _sent(query: JudgedQuery, queries: Queries) -> str:
    parts = [f"k {numbers.count(query.k)}"]
    if found := queries.get(query.id):
        parts += [f"corpora {listed_code(found.corpora)}"] if found.corpora else []
        parts += [f"filter {code(clipped(found.filter, LONG_HEAD))}"] if found.filter is not None else []
    return ", ".join([*parts, f"category {code(query.category)}"] if query.category else parts)


_IN_PLACE: Final = ("other in its place", "others in their place")
_ALONE: Final = ("document of the candidate alone", "documents of the candidate alone")


def _changes(query: JudgedQuery) -> str:
    """Return what differs between the two lists, beginning with a colon; "" for nothing. Raw text."""
    overlap, rbo = measured(query)
    words = [] if overlap == numbers.NOTHING else [f"overlap {overlap}", f"RBO {rbo}"]
    found = [
        (query.missing, "document of the legacy side missing", "documents of the legacy side missing"),
        (query.extra, *(_IN_PLACE if query.missing else _ALONE)),
        (query.repeats, "repeated document", "repeated documents"),
        (query.metadata, "document with other metadata", "documents with other metadata"),
    ]
    words += [numbers.things(count, one, many) for count, one, many in found if count]
    if query.rank_change:
        words.append(f"greatest change of rank {numbers.count(query.rank_change)}")
    if query.score_delta:
        words.append(f"greatest score difference {numbers.measure(query.score_delta)}")
    return f": {', '.join(words)}" if words else ""


def _ranked(rank: int, row: ShownResult, query: JudgedQuery) -> Sequence[str]:
    return (
        str(rank),
        _document(row.legacy_id),
        left(row, query),
        _document(row.candidate_id),
        "" if row.candidate_id is None else arrow(rank, row.legacy_rank),
    )


def _document(identity: str | None) -> str:
    return "" if identity is None else code(clipped(identity, ID_CHARACTERS))


def arrow(rank: int, legacy_rank: int | None) -> str:
    """Return how a document of the candidate moved from its rank on the legacy side."""
    if legacy_rank is None:
        return "new"
    moved = legacy_rank - rank
    return "=" if not moved else f"{'↑' if moved > 0 else '↓'} {numbers.count(abs(moved))}"


def left(row: ShownResult, query: JudgedQuery) -> str:
    """Return whether a document of the legacy side is gone, as far as the shown results can say."""
    place = query.shown.index(row) + 1
    if row.legacy_id is None or any(one.legacy_rank == place for one in query.shown):
        return ""
    # Further down the candidate's list may go on, and it is not kept in full.
    if query.candidate_results - query.repeats > SHOWN_RESULTS:
        return "further down" if not query.missing else f"not in its first {SHOWN_RESULTS}"
    return "gone"
