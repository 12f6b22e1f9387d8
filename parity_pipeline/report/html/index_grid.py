"""The grid of the index: a row per date, a column per probe and model or corpus, the newest verdict in each cell.

Here belong rows, columns and cells. Trends belong to `trends`, which verdicts are stale to the caller.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from urllib.parse import quote

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import report_name
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.report import numbers
from parity_pipeline.report.html.environment import DECISION_CLASS
from parity_pipeline.report.retrieval_view import agreement

Key = tuple[str, str, str]
"""Probe, date, and model or corpus: of each the newest verdict counts."""

Stale = Mapping[Key, str]
"""Verdicts that are to be judged again, and why: a sentence without a full stop."""


@dataclass(frozen=True, slots=True, order=True)
class Column:
    """A column: the probe, and the model or corpus."""

    endpoint: str
    name: str


@dataclass(frozen=True, slots=True, kw_only=True)
class GridCell:
    """A verdict in the grid.

    Attributes:
        decision: The decision in words.
        state: Its class in the stylesheet.
        figure: The worst cosine, or the mean overlap; "" where nothing was measured.
        link: Where its page lies, relative to the index; else its Markdown.
        stale: Why it is stale; "" where it is not.
    """

    decision: str
    state: str
    figure: str
    link: str
    stale: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Month:
    """The dates of one month, newest first: each with a cell per column, None where there is no verdict."""

    name: str
    dates: tuple[tuple[str, tuple[GridCell | None, ...]], ...]


def key_of(verdict: AnyVerdict) -> Key:
    """Return what a verdict is about."""
    return verdict.endpoint, verdict.date, name_of_partition(verdict)


def columns_of(verdicts: Iterable[AnyVerdict]) -> list[Column]:
    """Return the columns: embeddings first, then what callers see through the adapter, then retrieval; by name."""
    return sorted({Column(one.endpoint, name_of_partition(one)) for one in verdicts})


def months_of(
    verdicts: Sequence[AnyVerdict], columns: Sequence[Column], *, stale: Stale, pages: Collection[str]
) -> list[Month]:
    """Return the grid, newest month first.

    Args:
        verdicts: The verdict that counts of each key.
        columns: The columns, in their order.
        stale: Verdicts that are to be judged again.
        pages: File names of the pages that are there; a verdict without one links to its Markdown.
    """
    places = {column: place for place, column in enumerate(columns)}
    rows: dict[str, list[GridCell | None]] = {}
    for verdict in verdicts:
        row = rows.setdefault(verdict.date, [None] * len(columns))
        cell = _cell(verdict, stale.get(key_of(verdict), ""), pages)
        row[places[Column(verdict.endpoint, name_of_partition(verdict))]] = cell
    ordered = sorted(rows.items(), reverse=True)
    return [
        Month(name=f"{date.fromisoformat(f'{month}-01'):%B %Y}", dates=tuple((day, tuple(row)) for day, row in found))
        for month, found in groupby(ordered, key=lambda pair: pair[0][:7])
    ]


def _cell(verdict: AnyVerdict, stale: str, pages: Collection[str]) -> GridCell:
    return GridCell(
        decision=str(verdict.decision),
        state=DECISION_CLASS[Decision(verdict.decision)],
        figure=figure_of(verdict),
        link=link_to(verdict, pages),
        stale=stale,
    )


def link_to(verdict: AnyVerdict, pages: Collection[str]) -> str:
    """Return where the page of a verdict lies, relative to the index, as a browser takes it; else its Markdown."""
    markdown = report_name(verdict.date, name_of_partition(verdict), verdict.endpoint)
    page = f"{markdown.removesuffix('.md')}.html"
    # A browser decodes the target once, and the file's own name holds percent signs.
    return quote(page) if page in pages else f"../{quote(markdown)}"


def figure_of(verdict: AnyVerdict) -> str:
    """Return how close both sides are, in one number; "" where nothing was measured."""
    if isinstance(verdict, RetrievalVerdict):
        overlap = verdict.value(SetMeasure.MEAN_OVERLAP)
        return "" if overlap is None else agreement(overlap)
    return "" if verdict.worst_cosine is None else numbers.cosine(verdict.worst_cosine, verdict.threshold)
