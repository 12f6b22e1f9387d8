from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError, SampleSourceError
from parity_pipeline.core.retrieval.query_set import SourcedQuery
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.storage.query_set_files import QuerySetFile, write_query_set
from parity_pipeline_tests.storage.retrieval_records import make_queries, store_queries

_WORDS = st.text(max_size=8).map(lambda text: text.encode("utf-8", "replace").decode())
_QUERIES = st.builds(
    Query,
    id=_WORDS,
    text=st.text(st.characters(), max_size=8),
    k=st.integers(1, 10_000),
    filter=st.none() | _WORDS,
    corpora=st.lists(_WORDS, max_size=3).map(tuple),
    category=_WORDS,
    drawn=st.integers(0, 3),
)


@settings(max_examples=50, deadline=None)
@given(
    queries=st.lists(_QUERIES, min_size=1, max_size=12, unique_by=lambda one: one.id),
    rows=st.integers(1, 13),
)
def test_any_queries_come_back(tmp_path_factory: pytest.TempPathFactory, queries: list[Query], rows: int) -> None:
    """Texts with lone surrogates, empty fields and hostile words are stored exactly, in blocks of any size."""
    stored = store_queries(tmp_path_factory.mktemp("q") / "q.parquet", queries)
    blocks = list(stored.blocks(rows))
    assert [one for block in blocks for one in block.queries] == queries
    assert [block.start for block in blocks] == list(range(0, len(queries), rows))


def test_the_header_counts(tmp_path: Path) -> None:
    """What a report says of a set needs none of its rows."""
    queries = [*make_queries(10), Query(id="blank", text=" \n", k=99, corpora=("a", "staff"))]
    header = store_queries(tmp_path / "q.parquet", [*queries, queries[0]]).header
    assert (header.queries, header.duplicates_dropped, header.blank, header.filtered) == (11, 1, 1, 2)
    assert (header.longest_characters, header.largest_k, header.drawn) == (6, 99, 4)
    assert header.categories == {"": 1, "even": 5, "odd": 5}
    assert header.corpora == {"a": 1, "staff": 11}
    identity = header.identity()
    assert (identity.hash, identity.queries, identity.sources) == (header.hash, 11, ("f",))


@pytest.mark.parametrize(
    "changes",
    [{"text": "another"}, {"k": 6}, {"filter": "x"}, {"corpora": ()}, {"category": "new"}, {"id": "other"}],
)
def test_the_hash_is_of_all_that_is_sent(tmp_path: Path, changes: dict[str, object]) -> None:
    """A query that is sent in another way, or counted elsewhere, makes another set; how it was chosen does not."""
    queries = make_queries(5)
    first = store_queries(tmp_path / "a.parquet", queries).header.hash
    changed = replace(queries[2], **changes)  # pyright: ignore[reportArgumentType] - fields of this test
    assert store_queries(tmp_path / "b.parquet", [*queries[:2], changed, *queries[3:]]).header.hash != first
    drawn = replace(queries[2], drawn=9)
    assert store_queries(tmp_path / "c.parquet", [*queries[:2], drawn, *queries[3:]]).header.hash == first


def test_one_id_for_two_queries_names_both_places(tmp_path: Path) -> None:
    """A list is never compared with that of another query; the message says where the two stand."""
    first = Query(id="q", text="a", k=1)
    queries = [SourcedQuery(first, "a.txt:1"), SourcedQuery(replace(first, k=2), "b.csv:7")]
    with pytest.raises(SampleSourceError, match=r"the id 'q' stands for another query at a\.txt:1") as caught:
        write_query_set(tmp_path / "q.parquet", queries, sources=["a.txt"])
    assert caught.value.place == "b.csv:7"
    assert caught.value.remedy
    assert not (tmp_path / "q.parquet").exists()


def test_one_query_under_two_ids_is_sent_twice(tmp_path: Path) -> None:
    """Labels belong to ids, so a second id is kept."""
    queries = [Query(id=identity, text="a", k=1) for identity in ("x", "y", "x")]
    header = store_queries(tmp_path / "q.parquet", queries).header
    assert (header.queries, header.duplicates_dropped) == (2, 1)


def test_no_query_is_an_error(tmp_path: Path) -> None:
    """An empty set would agree with anything."""
    with pytest.raises(SampleSourceError, match="hold no query that this partition sends") as caught:
        write_query_set(tmp_path / "q.parquet", [], sources=["q.txt", "more"])
    assert caught.value.place == "q.txt, more"
    assert not (tmp_path / "q.parquet").exists()


def test_long_texts_end_a_row_group(tmp_path: Path) -> None:
    """A set of megabyte queries is written in row groups that fit the memory."""
    queries = [Query(id=str(n), text="x" * 1_000_000, k=1) for n in range(9)]
    stored = store_queries(tmp_path / "q.parquet", queries)
    assert pq.read_metadata(stored.path).num_row_groups == 3
    assert [len(one.text) for block in stored.blocks(4) for one in block.queries] == [1_000_000] * 9


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_torn_file_is_refused(tmp_path: Path, share: float) -> None:
    """A file cut anywhere is damaged, never shorter."""
    path = store_queries(tmp_path / "q.parquet", make_queries(100)).path
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ArtifactError, match="query set file is damaged") as caught:
        QuerySetFile(path)
    assert (
        caught.value.remedy
        == "Materialize retrieve/queries again, or draw that date again with `parity backfill --redraw`."
    )
