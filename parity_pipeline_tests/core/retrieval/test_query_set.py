from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.retrieval.query_set import (
    QueryCount,
    SourcedQuery,
    content,
    query_id,
    searched,
    unique_queries,
)
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.samples import DrawCounts, sample_id

_TEXTS = st.text(st.characters(), max_size=5)
_SAID = st.tuples(_TEXTS, st.none() | st.integers(1, 9), st.none() | _TEXTS, st.lists(_TEXTS, max_size=2).map(tuple))


def _query(identity: str = "q", **fields: object) -> SourcedQuery:
    query = replace(Query(id=identity, text="a", k=1), **fields)  # pyright: ignore[reportArgumentType] - test fields
    return SourcedQuery(query, f"f:{identity}")


@given(first=_SAID, second=_SAID)
def test_ids_and_contents_differ_where_queries_do(
    first: tuple[str, int | None, str | None, tuple[str, ...]],
    second: tuple[str, int | None, str | None, tuple[str, ...]],
) -> None:
    """No two requests share an id or a content: not by separators in a text, nor by halves of surrogate pairs."""
    ids = [query_id(text, k=k, filter=given, corpora=corpora) for text, k, given, corpora in (first, second)]
    assert (ids[0] == ids[1]) == (first == second)
    contents = [
        content(Query(id="", text=text, k=k or 1, filter=given, corpora=corpora))
        for text, k, given, corpora in (first, second)
    ]
    assert (contents[0] == contents[1]) == (
        (first[0], first[1] or 1, *first[2:]) == (second[0], second[1] or 1, *second[2:])
    )


def test_an_id_is_that_of_the_text_where_nothing_else_is_said() -> None:
    """A query and a sample of one text have one id, so that a person finds both."""
    assert query_id("welder") == sample_id("welder")
    assert len({query_id("a"), query_id("a", k=10), query_id("a", filter=""), query_id("a", corpora=("x",))}) == 4


@pytest.mark.parametrize(
    ("corpora", "searches", "sent"),
    [
        ((), ("staff",), True),
        (("staff",), ("staff", "contractors"), True),
        (("staff", "contractors"), ("contractors", "staff"), True),
        (("staff", "alumni"), ("staff",), False),
        (("Staff",), ("staff",), False),
    ],
)
def test_a_query_is_sent_where_all_its_corpora_are_searched(
    corpora: tuple[str, ...], searches: tuple[str, ...], sent: bool
) -> None:
    """A subset is enough, one foreign corpus is not."""
    assert searched(corpora, searches) is sent


def test_duplicates_are_counted_and_the_first_one_stays() -> None:
    """What only says where a query belongs does not make it another one; the object itself may come twice."""
    first = _query()
    count = QueryCount()
    given = [first, first, _query(category="other"), _query(drawn=3), _query("p")]
    assert [one.query.id for one in unique_queries(given, count)] == ["q", "p"]
    assert count.duplicates == 3


@pytest.mark.parametrize("fields", [{"text": "b"}, {"k": 2}, {"filter": "x"}, {"corpora": ("c",)}])
def test_one_id_for_two_requests_is_refused(fields: dict[str, object]) -> None:
    """Both places are named, so that a person finds the two lines."""
    second = SourcedQuery(_query("q", **fields).query, "g:7")
    with pytest.raises(SampleSourceError, match="'q' stands for another query at f:q") as caught:
        list(unique_queries([_query(), second], QueryCount()))
    assert (caught.value.place, bool(caught.value.remedy)) == ("g:7", True)


def test_draws_are_counted_per_id() -> None:
    """The same text under another id is another query, and its draws are its own."""
    counts = DrawCounts()
    counts.add([_query("q"), _query("q", category="traffic"), _query("p")])
    marked = counts.mark([_query("q"), _query("p"), _query("never")])
    assert [one.query.drawn for one in marked] == [2, 1, 0]
