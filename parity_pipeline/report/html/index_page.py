"""The page of all verdicts: what stands today, the trend of each model and corpus, and the grid of all dates.

Here belongs the document. Its parts belong to `index_grid` and `trends`.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.report import numbers
from parity_pipeline.report.html.environment import DECISION_CLASS, Section, macros, page
from parity_pipeline.report.html.index_grid import (
    Column,
    Stale,
    columns_of,
    figure_of,
    key_of,
    link_to,
    months_of,
)
from parity_pipeline.report.html.trends import Identities, Trend, trend_of
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.report.sections.retrieval_causes import first_retrieval_cause

_PROBES: Final = {"embed": "embed", "embed-through-adapter": "embed, through the adapter", "retrieve": "retrieve"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Latest:
    """The newest verdict of a column, and its trend."""

    name: str
    probe: str
    date: str
    decision: str
    state: str
    figure: str
    measure: str
    strength: str
    cause: str
    stale: str
    link: str
    trend: Trend


def render_index(
    verdicts: Sequence[AnyVerdict],
    *,
    stale: Stale | None = None,
    pages: Collection[str] = (),
    identities: Mapping[Column, Identities] | None = None,
    unread: str = "",
) -> str:
    """Return the page of all verdicts as HTML that ends in a newline; the same arguments give the same bytes.

    Args:
        verdicts: The verdict that counts of each probe, date and model or corpus.
        stale: Verdicts that are to be judged again, and why; they are marked.
        pages: File names of the pages beside the index; a verdict without one links to its Markdown.
        identities: What is recorded of the gateways of a column; of one that is not in it, what its lanes recorded.
        unread: Why it cannot be read which verdicts are stale, sentences; "" where it can.
    """
    by_key = {key_of(one): one for one in verdicts}
    unique = list(by_key.values())
    marked = {key: why for key, why in (stale or {}).items() if key in by_key}
    columns = columns_of(unique)
    by_column: dict[Column, list[AnyVerdict]] = {column: [] for column in columns}
    for one in unique:
        by_column[Column(one.endpoint, name_of_partition(one))].append(one)
    latest = [_latest(column, by_column[column], marked, pages, (identities or {}).get(column)) for column in columns]
    months = months_of(unique, columns, stale=marked, pages=pages)
    parts = macros("index_macros.html.j2")
    sections = [
        Section(anchor="latest", title="Newest verdicts", body=parts.latest(latest)),
        Section(anchor="trends", title="Trends", body=parts.trends(latest)),
        Section(anchor="grid", title="All dates", body=parts.grid(_heads(columns), months)),
    ]
    return page(
        "index.html.j2", sections if unique else [], overview=_overview(unique), stale=len(marked), unread=unread
    )


def _heads(columns: Sequence[Column]) -> list[tuple[str, str]]:
    return [(column.name, _PROBES.get(column.endpoint, column.endpoint)) for column in columns]


def _overview(verdicts: Sequence[AnyVerdict]) -> str:
    if not verdicts:
        return "No verdict has been stored yet. Nothing is known about parity."
    counts = Counter(str(verdict.decision) for verdict in verdicts)
    counted = ", ".join(f"{numbers.count(counts[one])} {one}" for one in Decision if counts[one])
    dates = sorted({one.date for one in verdicts})
    span = f"{numbers.things(len(dates), 'date')}, {dates[0]} to {dates[-1]}" if len(dates) > 1 else dates[0]
    return f"{numbers.things(len(verdicts), 'verdict')}: {counted}. {span}."


def _latest(
    column: Column,
    verdicts: Sequence[AnyVerdict],
    stale: Stale,
    pages: Collection[str],
    identities: Identities | None,
) -> Latest:
    newest = max(verdicts, key=lambda one: one.date)
    of_lists = isinstance(newest, RetrievalVerdict)
    return Latest(
        name=column.name,
        probe=_PROBES.get(column.endpoint, column.endpoint),
        date=newest.date,
        decision=str(newest.decision),
        state=DECISION_CLASS[Decision(newest.decision)],
        figure=figure_of(newest) or "not measured",
        measure="mean overlap" if of_lists else "worst cosine",
        strength=newest.strength,
        cause=first_retrieval_cause(newest) if isinstance(newest, RetrievalVerdict) else first_cause(newest),
        stale=stale.get(key_of(newest), ""),
        link=link_to(newest, pages),
        trend=trend_of(verdicts, identities),
    )
