"""Query sets: ids of queries, what makes two of them the same, which of them a partition sends, and dropping duplicates.

Here belong queries as their sources spell them, as streams. The record of a query belongs to `records`, reading files to
`storage`, drawing at random to `core.samples`.
"""

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Self

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.samples import content_key, sample_id


@dataclass(frozen=True, slots=True)
class SourcedQuery:
    """A query, and where it came from.

    Attributes:
        query: The query.
        source: Where it stands, as `file:line`, or the name of a built-in hazard.
    """

    query: Query
    source: str

    @property
    def category(self) -> str:
        """Return the category of the query."""
        return self.query.category

    @property
    def key(self) -> bytes:
        """Return 16 bytes that stand for the id: the same text under another id is another query."""
        return content_key(self.query.id)

    def counted(self, times: Mapping[str, int]) -> Self:
        """Return the query with how often it was drawn, under whatever category."""
        return replace(self, query=replace(self.query, drawn=sum(times.values())))


def query_id(text: str, *, k: int | None = None, filter: str | None = None, corpora: Sequence[str] = ()) -> str:  # noqa: A002 - its name in sources
    """Return the id of a query whose source names none: `sample_id` of what the source says of it.

    What a source leaves open, such as k, stays out, so that a query keeps its id when a default changes.

    >>> query_id("hello") == sample_id("hello")
    True
    """
    said = [text, k, filter, list(corpora)]
    return sample_id(text if said[1:] == [None, None, []] else json.dumps(said, ensure_ascii=False))


def content(query: Query) -> str:
    """Return what is sent for a query, as one string: two queries with the same one are the same request."""
    return json.dumps([query.text, query.k, query.filter, list(query.corpora)], ensure_ascii=False)


def searched(corpora: Sequence[str], searches: Collection[str]) -> bool:
    """Return whether a partition sends a query: one that names corpora is sent where all of them are searched.

    >>> searched(["staff"], ["staff", "contractors"]), searched(["staff", "alumni"], ["staff"]), searched([], ["staff"])
    (True, False, True)
    """
    return all(corpus in searches for corpus in corpora)


@dataclass(slots=True)
class QueryCount:
    """Count what `unique_queries` dropped."""

    duplicates: int = 0
    _seen: dict[bytes, tuple[bytes, str]] = field(default_factory=dict[bytes, tuple[bytes, str]])

    def is_new(self, one: SourcedQuery) -> bool:
        """Return whether no query of this id came before.

        Raises:
            SampleSourceError: One did, and would send something else.
        """
        sent = content_key(content(one.query))
        known = self._seen.get(one.key)
        if known is None:
            self._seen[one.key] = sent, one.source
            return True
        before, place = known
        if before != sent:
            problem = f"the id {one.query.id!r} stands for another query at {place}"
            remedy = "Give each query an id of its own, or none."
            raise SampleSourceError(problem, place=one.source, remedy=remedy)
        return False


def unique_queries(queries: Iterable[SourcedQuery], count: QueryCount) -> Iterator[SourcedQuery]:
    """Yield each query once, the first time its id comes; count the others in `count`.

    Keeps two digests and the source of each query, some 300 bytes.

    Raises:
        SampleSourceError: Two queries have one id and would send something else; names both places.
    """
    for one in queries:
        if count.is_new(one):
            yield one
        else:
            count.duplicates += 1
