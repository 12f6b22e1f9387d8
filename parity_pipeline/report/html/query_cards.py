"""The most changed queries of a page, with both lists side by side.

Here belong order and the rows of the lists. What a row says belongs to `report.sections.retrieval_queries`, which queries a
verdict keeps to `core.retrieval.worst_queries`.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.outcomes import AGREEING, DIFFERENT
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery
from parity_pipeline.report.escape import clipped
from parity_pipeline.report.html.characters import Look, look
from parity_pipeline.report.html.markdown_html import inline
from parity_pipeline.report.retrieval_view import ID_CHARACTERS, Queries, outcome_words
from parity_pipeline.report.sections.retrieval_queries import alike, arrow, facts, left, measured

WORST: Final = 10
"""Queries that are shown at once and printed; the others open on demand."""
_HEAD: Final = 80


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryCard:
    """One query.

    Attributes:
        place: Its place in the set, from 1 on.
        head: The beginning of its text; its id where the text is not known.
        outcome: Its outcome in words.
        state: `beyond` for a difference, `excused` for one that something excuses, `within` for agreement, else `lost`.
        overlap: Share of common documents, as text.
        facts: What was sent, what differs, what explains it.
        look: Its text, taken apart; None where it is not known.
        lists: Rank, the legacy side's document, what became of it, the candidate's, how it moved.
        longer: Results of the longer list; 0 where all of them are shown.
    """

    place: int
    head: str
    outcome: str
    state: str
    overlap: str
    facts: tuple[Markup, ...]
    look: Look | None
    lists: tuple[tuple[int, str, str, str, str], ...]
    longer: int


def query_cards(verdict: RetrievalVerdict, queries: Queries, explained: Mapping[str, Explanation]) -> list[QueryCard]:
    """Return the queries of the verdict's table whose lists differ, in its order: worst first."""
    changed = [query for query in verdict.queries[:REPORT_ROWS] if not alike(query)]
    return [_card(query, queries, explained) for query in changed]


def _card(query: JudgedQuery, queries: Queries, explained: Mapping[str, Explanation]) -> QueryCard:
    found = queries.get(query.id)
    longest = max(query.legacy_results, query.candidate_results)
    return QueryCard(
        place=query.ordinal + 1,
        head=(found.text if found else query.id)[:_HEAD],
        outcome=outcome_words(query),
        state=_state(query),
        overlap=measured(query)[0],
        facts=tuple(map(inline, facts(query, queries, explained))),
        look=look(found.text) if found else None,
        lists=tuple(
            (
                rank,
                _document(row.legacy_id),
                left(row, query),
                _document(row.candidate_id),
                "" if row.candidate_id is None else arrow(rank, row.legacy_rank),
            )
            for rank, row in enumerate(query.shown, 1)
        ),
        longer=longest if longest > len(query.shown) and query.shown else 0,
    )


def _state(query: JudgedQuery) -> str:
    if query.outcome in DIFFERENT:
        return "excused" if query.waiver is not None or query.unconfirmed else "beyond"
    return "within" if query.outcome in AGREEING else "lost"


def _document(identity: str | None) -> str:
    return "" if identity is None else clipped(identity, ID_CHARACTERS)
