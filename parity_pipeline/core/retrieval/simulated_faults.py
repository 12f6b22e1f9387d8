"""The faults whose effect on a query set is simulated: one row each, and what each does to the candidate's stored lists.

Here belong the table, the changes, and the records of the results that a verdict stores. Judging the changed lists belongs
to `simulation`.

A fault works on what the candidate returned, so that nothing is requested again. Where its effect depends on documents that the
candidate did not return, such as those that a filter left out, documents of another query stand in for them.
"""

import math
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final, TypeVar

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Query, Ranking

Changes = Mapping[int, Ranking]
"""The changed lists: place of the query -> what the candidate would have returned."""

ALL: Final = 1.0
ONE: Final = 0.0


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLists:
    """The candidate's lists that faults are simulated on.

    Attributes:
        queries: The queries.
        candidate: What the candidate returned for each of them.
        held: The mode that the candidate is held to; None for none.
    """

    queries: Sequence[Query]
    candidate: Sequence[Ranking]
    held: str | None = None

    def usable(self, shortest: int = 1) -> Iterator[tuple[int, Ranking]]:
        """Yield the place and the list of each query that has so many results."""
        for place, one in enumerate(self.candidate):
            if one.status is RowStatus.OK and len(one.ids) >= shortest:
                yield place, one

    def others(self) -> dict[int, Ranking]:
        """Return for each query with results the list of the next one that has other documents; none where all are alike."""
        places = list(self.usable())
        found: dict[int, Ranking] = {}
        for at, (place, one) in enumerate(places):
            _, other = places[(at + 1) % len(places)]
            if other.ids != one.ids:
                found[place] = other
        return found


ChangeLists = Callable[[StoredLists], Changes]


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalFault:
    """One fault of the candidate.

    Attributes:
        name: What the candidate does wrong, a clause that also names the fault.
        change: What that does to the lists.
        lacks: Why no list is changed where none is.
        share: Share of the queries that it hits by chance; `ALL`, or `ONE` query of the set, whichever it is.
    """

    name: str
    change: ChangeLists
    lacks: str = "no query has results"
    share: float = ALL


_Value = TypeVar("_Value")


def _reordered(one: Ranking, places: Sequence[int]) -> Ranking:
    """Return the hits at these places, each with its own score and metadata."""

    def picked(values: tuple[_Value, ...]) -> tuple[_Value, ...]:
        return tuple(values[place] for place in places) if values else values

    return replace(one, ids=picked(one.ids), scores=picked(one.scores), metadata=picked(one.metadata))


def _in_place_of(one: Ranking, other: Ranking) -> Ranking:
    """Return another query's list as the response to this one."""
    return replace(other, query_id=one.query_id)


def _by_order(order: Callable[[int], Sequence[int]], shortest: int) -> ChangeLists:
    """Return a fault on the order, or the number, of hits; `order` is given how many there are."""

    def change(lists: StoredLists) -> Changes:
        return {place: _reordered(one, order(len(one.ids))) for place, one in lists.usable(shortest)}

    return change


NEAR: Final = 1e-3
"""Difference of two reported scores up to which the fault `near ties` exchanges neighbours."""


def _near_ties(lists: StoredLists) -> Changes:
    """Reverse each run of results of which every two neighbours have almost the same score."""
    changed: dict[int, Ranking] = {}
    for place, one in lists.usable(2):
        runs: list[list[int]] = [[0]]
        for at in range(1, len(one.scores)):
            if abs(one.scores[at] - one.scores[at - 1]) <= NEAR:
                runs[-1].append(at)
            else:
                runs.append([at])
        if one.scores and len(runs) < len(one.scores):
            changed[place] = _reordered(one, [at for run in runs for at in reversed(run)])
    return changed


_SEPARATORS: Final = ":/|#_-."


def _corpus_dropped(lists: StoredLists) -> Changes:
    """Leave out the results of the last corpus of each query, as far as ids begin with the name of their corpus."""
    changed: dict[int, Ranking] = {}
    for place, one in lists.usable():
        corpora = lists.queries[place].corpora
        if len(corpora) < 2:
            continue
        beginnings = tuple(f"{corpora[-1]}{mark}" for mark in _SEPARATORS)
        kept = [at for at, identity in enumerate(one.ids) if not identity.startswith(beginnings)]
        if 0 < len(kept) < len(one.ids):
            changed[place] = _reordered(one, kept)
    return changed


def _other_lists(share: float) -> ChangeLists:
    """Return a fault that gives some queries, evenly spread, the list of another one."""

    def change(lists: StoredLists) -> Changes:
        others = lists.others()
        chosen = _spread(list(others), share)
        return {place: _in_place_of(lists.candidate[place], others[place]) for place in chosen}

    return change


def _spread(places: Sequence[int], share: float) -> list[int]:
    """Return a share of the places, evenly spread, one at least; none of none."""
    count = min(len(places), max(1, round(share * len(places))))
    return [places[int(at * len(places) / count)] for at in range(count)] if count else []


def _half_replaced(one: Ranking, other: Ranking, *, better: bool = False) -> Ranking:
    """Return a list half of whose documents are those of another one: its lower half, or every second one."""
    others_only = [identity for identity in other.ids if identity not in set(one.ids)]
    places = range(0, len(one.ids), 2) if better else range((len(one.ids) + 1) // 2, len(one.ids))
    ids = list(one.ids)
    for place, identity in zip(places, others_only, strict=False):
        ids[place] = identity
    return replace(one, ids=tuple(ids))


def _half_lists(lists: StoredLists) -> Changes:
    others = lists.others()
    return {place: _half_replaced(one, others[place]) for place, one in lists.usable(2) if place in others}


def _filter_ignored(lists: StoredLists) -> Changes:
    """Let documents that a filter left out rank among the others, as many as there are."""
    others = lists.others()
    return {
        place: _half_replaced(one, others[place], better=True)
        for place, one in lists.usable()
        if lists.queries[place].filter is not None and place in others
    }


def _of_scores(effect: Callable[[tuple[float, ...]], tuple[float, ...]]) -> ChangeLists:
    def change(lists: StoredLists) -> Changes:
        found = {place: replace(one, scores=effect(one.scores)) for place, one in lists.usable() if one.scores}
        return {place: one for place, one in found.items() if one.scores != lists.candidate[place].scores}

    return change


def _other_metadata(lists: StoredLists) -> Changes:
    return {
        place: replace(one, metadata=tuple(value ^ 1 for value in one.metadata))
        for place, one in lists.usable()
        if any(one.metadata)
    }


def _repeated(one: Ranking) -> Ranking:
    """Return a list whose first document takes the place of its second one."""
    return _reordered(one, [0, 0, *range(2, len(one.ids))])


def _duplicates(lists: StoredLists) -> Changes:
    several = [(place, one) for place, one in lists.usable(2) if len(lists.queries[place].corpora) > 1]
    return {place: _repeated(one) for place, one in several}


def _category_empty(lists: StoredLists) -> Changes:
    """Return nothing for the category that has the fewest queries with results, where there are several."""
    sizes = Counter(lists.queries[place].category for place, _ in lists.usable())
    if len(sizes) < 2:
        return {}
    rarest = min(sizes, key=lambda category: (sizes[category], category))
    return {
        place: replace(one, ids=(), scores=(), metadata=())
        for place, one in lists.usable()
        if lists.queries[place].category == rarest
    }


def _one_refused(lists: StoredLists) -> Changes:
    for place, one in lists.usable():
        refusal = "500 {error}"
        return {place: Ranking(query_id=one.query_id, status=RowStatus.REFUSED, refusal=refusal)}
    return {}


def _other_mode(lists: StoredLists) -> Changes:
    for place, one in lists.usable():
        if lists.held is not None and one.mode is not None:
            return {place: replace(one, mode=f"not {lists.held}")}
    return {}


RETRIEVAL_FAULTS: Final[tuple[RetrievalFault, ...]] = (
    RetrievalFault(
        name="the first two results swapped",
        change=_by_order(lambda hits: [1, 0, *range(2, hits)], 2),
        lacks="no query has two results",
    ),
    RetrievalFault(
        name="lists reversed",
        change=_by_order(lambda hits: range(hits - 1, -1, -1), 2),
        lacks="no query has two results",
    ),
    RetrievalFault(
        name="results whose scores differ by less than 0.001 in another order",
        change=_near_ties,
        lacks="no two neighbouring results have such scores",
    ),
    RetrievalFault(
        name="the last result left out",
        change=_by_order(lambda hits: range(hits - 1), 2),
        lacks="no query has two results",
    ),
    RetrievalFault(
        name="the first result left out",
        change=_by_order(lambda hits: range(1, hits), 2),
        lacks="no query has two results",
    ),
    RetrievalFault(
        name="half as many results",
        change=_by_order(lambda hits: range(math.ceil(hits / 2)), 2),
        lacks="no query has two results",
    ),
    RetrievalFault(
        name="one corpus of several left out",
        change=_corpus_dropped,
        lacks="no list shows by its ids which results are of which corpus",
    ),
    RetrievalFault(
        name="a document repeated where several corpora are merged",
        change=_duplicates,
        lacks="no query searches several corpora",
    ),
    RetrievalFault(
        name="every list that of another query",
        change=_other_lists(ALL),
        lacks="no two queries have different lists",
    ),
    RetrievalFault(
        name="one list in 100 that of another query",
        change=_other_lists(1 / 100),
        lacks="no two queries have different lists",
        share=1 / 100,
    ),
    RetrievalFault(
        name="one list in 500 that of another query",
        change=_other_lists(1 / 500),
        lacks="no two queries have different lists",
        share=1 / 500,
    ),
    RetrievalFault(
        name="the lower half of each list replaced",
        change=_half_lists,
        lacks="no two queries have different lists of two results",
    ),
    RetrievalFault(
        name="the filter ignored",
        change=_filter_ignored,
        lacks="no query with a filter has results",
    ),
    RetrievalFault(
        name="no results for one category",
        change=_category_empty,
        lacks="the queries have only one category",
    ),
    RetrievalFault(
        name="scores twice as large",
        change=_of_scores(lambda scores: tuple(2.0 * score for score in scores)),
        lacks="the candidate reports no scores",
    ),
    RetrievalFault(
        name="one score for all results",
        change=_of_scores(lambda scores: scores[:1] * len(scores)),
        lacks="the candidate reports no scores that differ",
    ),
    RetrievalFault(
        name="other metadata",
        change=_other_metadata,
        lacks="no metadata are compared",
    ),
    RetrievalFault(name="one query refused", change=_one_refused, share=ONE),
    RetrievalFault(
        name="one query in another mode",
        change=_other_mode,
        lacks="the candidate is held to no mode, or reports none",
        share=ONE,
    ),
)
"""Every simulated fault, in the order in which they are reported."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SimulatedRetrievalFault:
    """One simulated fault.

    Attributes:
        name: What it is, such as `one corpus of two is dropped`.
        caught: Whether the verdict would not have been a pass; None where it could not be simulated.
        decision: The decision that it would have led to; "" where it could not be simulated.
        why_not: Why it was not caught or not simulated; "" where it was caught.
    """

    name: str
    caught: bool | None
    decision: str
    why_not: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalPower:
    """What the queries would have caught.

    Attributes:
        faults: The simulated faults; empty in the ledger.
        simulated: Faults that could be simulated.
        caught: Those of them that would have been caught.
    """

    faults: tuple[SimulatedRetrievalFault, ...]
    simulated: int
    caught: int

    def sentence(self) -> str:
        """Say how many simulated faults would have been caught."""
        return f"{self.caught} of {self.simulated} simulated faults would have been caught"
