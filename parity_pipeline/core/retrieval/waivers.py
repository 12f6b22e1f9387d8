"""Waivers of queries: differences between two ranked lists that someone expects and is responsible for, until a day.

Here belong the record of the retrieve probe and which queries it covers. What waivers of all probes have in common, the
account of what they took above all, is `core.waiver_account`.

A query that could be waived goes to the first waiver, in the order of the settings, that holds, covers it and has room. What
a waiver takes is left out of the means and shares that the set is judged by. A waiver covers missing evidence only where
its outcomes name `missing`, and what was found beside the queries only where its `checks` name the check.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import ClassVar, Final

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.retrieval.checks import ALWAYS, OF_QUERIES, RetrievalCheckName
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.outcomes import AGREEING, RetrievalOutcome
from parity_pipeline.core.waiver_account import Account, all_faults, backwards, of_date, on_day, unsigned

NEVER_WAIVED: Final = (*AGREEING, RetrievalOutcome.REFUSED_BY_BOTH)
"""Outcomes in which the sides agree: there is nothing to waive."""


@dataclass(frozen=True, slots=True, kw_only=True)
class QueryWaiver:
    """One expected difference. What is left empty restricts nothing.

    Attributes:
        id: Its name, such as a ticket; unique.
        owner: Who is responsible for it.
        reason: Why the difference is expected.
        expires: The last day on which a verdict may use it.
        max_queries: Most queries of one date and corpus that it covers; left out where it names checks alone.
        outcomes: Outcomes it covers. `mismatch` covers a query that is in FAIL by any measure, however far.
        checks: Checks it covers, whatever they saw; those that count queries are covered by outcomes.
        queries: Ids of the queries it covers.
        categories: Categories it covers.
        corpora: Corpora of the partition that it covers.
        first_date: First date of a probe that it covers; None for any.
        last_date: Last one.
    """

    id: str
    owner: str
    reason: str
    expires: date
    max_queries: int = 0
    outcomes: tuple[RetrievalOutcome, ...] = ()
    checks: tuple[RetrievalCheckName, ...] = ()
    queries: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    corpora: tuple[str, ...] = ()
    first_date: date | None = None
    last_date: date | None = None

    @property
    def most(self) -> int:
        """Return the most queries that it covers."""
        return self.max_queries

    def concerns(self, corpus: str, day: date) -> bool:
        """Return whether it is about this corpus and partition date at all."""
        return of_date(self, day) and (not self.corpora or corpus in self.corpora)

    def covers(self, rows: ComparedQueries, index: int) -> bool:
        """Return whether it covers one query of a graded block."""
        return (
            rows.outcomes[index] in self.outcomes
            and (not self.queries or rows.queries.ids[index] in self.queries)
            and (not self.categories or rows.queries.categories[index] in self.categories)
        )


def query_waiver_faults(waivers: Sequence[QueryWaiver]) -> tuple[str, ...]:
    """Return every reason why these waivers cannot be used; empty when they can."""
    return all_faults(waivers, _faults)


def _faults(waiver: QueryWaiver) -> Iterable[str]:
    whole = ", ".join(name for name in waiver.checks if name in ALWAYS)
    counting = ", ".join(name for name in waiver.checks if name in OF_QUERIES)
    questions = (
        *unsigned(waiver),
        (bool(waiver.outcomes) and waiver.max_queries < 1, "covers no query: set max_queries to 1 or more"),
        (not waiver.outcomes and not waiver.checks, "covers nothing: name outcomes or checks"),
        (bool(whole), f"names {whole}, which no waiver covers: take it out"),
        (bool(counting), f"names {counting}, which counts queries: name outcomes, and max_queries"),
        (bool(set(waiver.outcomes) & set(NEVER_WAIVED)), "names outcomes in which the sides agree: leave them out"),
        (
            RetrievalOutcome.COMPARED in waiver.outcomes,
            "names the outcome 'compared', which no verdict has: name mismatch or investigate",
        ),
        backwards(waiver),
    )
    return (words for holds, words in questions if holds)


class QueryWaiverAccount(Account[QueryWaiver]):
    """What the waivers of one date and corpus took, and what they could not take."""

    INPUTS: ClassVar[str] = "queries"
    ONE: ClassVar[str] = "query of this date and corpus"

    def take(self, rows: ComparedQueries, index: int) -> str | None:
        """Return the id of the waiver that takes this query; None where none does, and it stands as it is."""
        if rows.outcomes[index] in NEVER_WAIVED:
            return None
        return self.take_first(lambda waiver: waiver.covers(rows, index))


def query_account_for(waivers: Sequence[QueryWaiver], *, corpus: str, day: date, today: date) -> QueryWaiverAccount:
    """Return an empty account of the waivers that are about a corpus and date.

    Args:
        waivers: All waivers, in the order of the settings.
        corpus: The corpus of the partition.
        day: The partition date.
        today: The day on which the verdict is given; a waiver holds up to and including its `expires`.

    Raises:
        SettingsError: The waivers cannot be used; names every fault.
    """
    if faults := query_waiver_faults(waivers):
        raise SettingsError("these waivers cannot be used", place="retrieve.waivers", faults=faults)
    holding, expired = on_day([waiver for waiver in waivers if waiver.concerns(corpus, day)], today)
    return QueryWaiverAccount(holding=holding, expired=expired)
