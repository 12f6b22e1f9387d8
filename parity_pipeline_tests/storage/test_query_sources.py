import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.core.retrieval.query_set import query_id
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.samples import sample_id
from parity_pipeline.storage.query_sources import QueryDefaults, QuerySourceSpec, read_queries, source_names
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline_tests.storage.records import DATE
from parity_pipeline_tests.storage.retrieval_records import make_queries, store_queries

STAFF = QueryDefaults(searches=("staff",), k=10)
BOTH = QueryDefaults(searches=("staff", "contractors"), k=10)


def _read(*specs: SourceSpec, defaults: QueryDefaults = STAFF, date: str = DATE) -> list[Query]:
    return [one.query for one in read_queries(specs, date, defaults)]


def _file(folder: Path, name: str, *lines: Any) -> SourceSpec:
    text = "".join(f"{one if isinstance(one, str) else json.dumps(one)}\n" for one in lines)
    (folder / name).write_text(text)
    return SourceSpec(path=folder / name)


def test_a_line_of_text_is_a_query(tmp_path: Path) -> None:
    """It searches all corpora of the partition for as many results as the settings say; its id is that of its text."""
    assert _read(_file(tmp_path, "seed.txt", "welder", ""), defaults=BOTH) == [
        Query(id=sample_id("welder"), text="welder", k=10, corpora=("staff", "contractors"), category="seed"),
        Query(id=sample_id(""), text="", k=10, corpora=("staff", "contractors"), category="seed"),
    ]


def test_every_format_has_the_same_fields(tmp_path: Path) -> None:
    """JSONL, CSV and Parquet give the same queries, each field in the way of its format."""
    full = {"text": "a", "id": "q1", "k": 3, "filter": "city = 'Oslo'", "corpora": ["staff"], "category": "own"}
    jsonl = _file(tmp_path, "q.jsonl", full, {"text": "b", "k": None, "more": [1]}, {"text": "c", "id": 17})
    csv = _file(
        tmp_path,
        "q.csv",
        "id,text,k,filter,corpora,category,more",
        "q1,a,3,city = 'Oslo',\"staff, \",own,1",
        ",b,,,,q,",
        "17,c,,,,q,",
    )
    columns = {
        "text": ["a", "b", "c"],
        "id": ["q1", None, "17"],
        "k": pa.array([3, None, None], pa.int8()),
        "filter": ["city = 'Oslo'", None, None],
        "corpora": [["staff"], [], None],
        "category": ["own", None, None],
    }
    pq.write_table(pa.table(columns), tmp_path / "q.parquet")
    expected = [
        Query(id="q1", text="a", k=3, filter="city = 'Oslo'", corpora=("staff",), category="own"),
        Query(id=sample_id("b"), text="b", k=10, corpora=("staff",), category="q"),
        Query(id="17", text="c", k=10, corpora=("staff",), category="q"),
    ]
    for spec in (jsonl, csv, SourceSpec(path=tmp_path / "q.parquet")):
        assert _read(spec) == expected


def test_a_stored_query_set_is_a_source(tmp_path: Path) -> None:
    """Queries of an earlier date can be sent again as they were, ids included."""
    queries = make_queries(12)
    stored = store_queries(tmp_path / "q.parquet", queries)
    found = _read(SourceSpec(path=stored.path))
    assert [(one.id, one.text, one.k, one.filter, one.corpora, one.category) for one in found] == [
        (one.id, one.text, one.k, one.filter, one.corpora, one.category) for one in queries
    ]


def test_a_source_may_name_the_column_of_its_text(tmp_path: Path) -> None:
    """A collection calls its text what it likes; a missing column is named as the source does."""
    spec = _file(tmp_path, "q.csv", "id,question", "1,welder")
    assert [one.text for one in _read(QuerySourceSpec(path=spec.path, text="question"))] == ["welder"]
    with pytest.raises(SampleSourceError, match=r"there is no `text`; there are: 'id', 'question'"):
        _read(spec)


def test_an_id_stays_when_a_default_changes(tmp_path: Path) -> None:
    """The id is made of what the query says, not of what the partition adds."""
    spec = _file(tmp_path, "q.jsonl", {"text": "a"}, {"text": "a", "k": 5}, {"text": "a", "filter": "oslo"})
    first = [one.id for one in _read(spec)]
    assert first == [one.id for one in _read(spec, defaults=QueryDefaults(searches=("x", "y"), k=99))]
    assert first == [query_id("a"), query_id("a", k=5), query_id("a", filter="oslo")]
    assert len(set(first)) == 3


def test_a_partition_sends_queries_whose_corpora_it_searches(tmp_path: Path) -> None:
    """A query with corpora of its own is sent where all of them are searched, and searches those alone."""
    spec = _file(
        tmp_path,
        "q.jsonl",
        {"text": "both", "corpora": ["contractors", "staff", "staff"]},
        {"text": "one", "corpora": "staff"},
        {"text": "open"},
        {"text": "none", "corpora": "alumni, staff"},
    )
    found = {one.text: one.corpora for one in _read(spec, defaults=BOTH)}
    assert found == {"both": ("contractors", "staff"), "one": ("staff",), "open": ("staff", "contractors")}
    assert [one.text for one in _read(spec)] == ["one", "open"]


def test_a_draw_is_from_the_queries_of_the_partition(tmp_path: Path) -> None:
    """As many are drawn as the source says, reproducibly, and each says how often it was drawn."""
    lines = [{"text": str(n), "corpora": ["staff" if n % 2 else "alumni"]} for n in range(200)]
    spec = SourceSpec(path=_file(tmp_path, "q.jsonl", *lines, {"text": "1", "id": "1"}).path, sample=50, seed=3)
    found = _read(spec)
    assert len(found) == 50
    assert {one.drawn for one in found} == {1}
    assert all(int(one.text) % 2 for one in found)
    assert found == _read(spec) != _read(spec, date="2026-05-01")


def test_a_picked_query_that_was_drawn_counts_as_drawn(tmp_path: Path) -> None:
    """Picking a query by hand does not take it out of what is said of the traffic."""
    picked = _file(tmp_path, "picked.txt", "a", "never")
    traffic = SourceSpec(path=_file(tmp_path, "traffic.txt", *["a"] * 3).path, sample=2)
    assert [(one.text, one.drawn) for one in _read(picked, traffic)] == [("a", 2), ("never", 0), ("a", 2), ("a", 2)]


@pytest.mark.parametrize(
    ("field", "value", "says"),
    [
        ("k", 0, "`k` is 0"),
        ("k", -1, "`k` is -1"),
        ("k", 1.5, "`k` is 1.5"),
        ("k", 1_000_000_001, "`k` is 1000000001"),
        ("k", 1e300, r"`k` is 1e\+300"),
        ("corpora", "[staff", "Expecting value"),
        ("corpora", "[1]", "not a list of names"),
        ("corpora", "[" * 100_000, "recursion"),
        ("k", True, "`k` is True"),
        ("k", "ten", "`k` is 'ten'"),
        ("k", [], r"`k` is \[\]"),
        ("filter", 7, "`filter` is 7 .not a string"),
        ("filter", {"city": "Oslo"}, "`filter` is "),
        ("filter", "\ud800", "half of a surrogate pair"),
        ("corpora", 7, "`corpora` is 7 .not a list"),
        ("corpora", [1], "not a list of names"),
        ("corpora", [""], "not a list of names"),
        ("corpora", {"staff": 1}, "not a list"),
        ("id", "q\udfff", "half of a surrogate pair"),
        ("id", [1], "`id` is "),
        ("id", 1.5, "`id` is 1.5"),
        ("id", False, "`id` is False"),
        ("filter", ["x" * 1_000_000], "x…"),
    ],
)
def test_a_field_that_cannot_be_used_names_its_line(tmp_path: Path, field: str, value: Any, says: str) -> None:
    """Nothing is guessed and nothing passed over: file, line, field, value and remedy are said."""
    spec = _file(tmp_path, "q.jsonl", "", {"text": "fine"}, {"text": "a", field: value})
    with pytest.raises(SampleSourceError, match=says) as caught:
        _read(spec)
    assert caught.value.place == f"{spec.path}:3"
    assert caught.value.remedy.startswith("Write")
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("written", ["staff,contractors", " contractors ,staff,", '"[""staff"", ""contractors""]"'])
def test_corpora_of_a_csv_file_may_be_written_as_either_list(tmp_path: Path, written: str) -> None:
    """Names with commas between them, or the JSON list of another file pasted into a field."""
    line = written if written.startswith('"') else f'"{written}"'
    [query] = _read(_file(tmp_path, "q.csv", "text,corpora", f"a,{line}"), defaults=BOTH)
    assert set(query.corpora) == {"staff", "contractors"}


@pytest.mark.parametrize("k", ["3", " 3 ", "+3", "3.0"])
def test_k_may_be_written_as_spreadsheets_do(tmp_path: Path, k: str) -> None:
    """A spreadsheet turns a column with a gap into decimals."""
    assert [one.k for one in _read(_file(tmp_path, "q.csv", "text,k", f"a,{k}", "b,"))] == [3, 10]


@pytest.mark.parametrize("k", ["nan", "inf", "1e3", "0", "3.5", "9" * 20, "\u0663"])
def test_k_of_another_form_is_refused(tmp_path: Path, k: str) -> None:
    """Anything but a plain number is a mistake."""
    with pytest.raises(SampleSourceError, match="`k` is"):
        _read(_file(tmp_path, "q.csv", "text,k", f"a,{k}"))


def test_hostile_texts_come_through(tmp_path: Path) -> None:
    """Lone surrogates, quotes, line breaks, a byte order mark and a megabyte reach the query as they are."""
    texts = ["\ud800", "a\nb\r\n", '"; DROP TABLE', "x" * 1_000_000, "\ufeff", "👷"]
    spec = _file(tmp_path, "q.jsonl", *({"text": text} for text in texts))
    spec.path.write_bytes(b"\xef\xbb\xbf" + spec.path.read_bytes())  # type: ignore[union-attr]
    assert [one.text for one in _read(spec)] == texts


def test_hazards_are_sent_in_every_partition() -> None:
    """They search what the partition searches, but for the one that names a corpus that is nowhere."""
    found = _read(SourceSpec(hazards=("all",)), defaults=BOTH)
    corpora = {one.corpora for one in found if one.category != "unknown-corpus"}
    assert corpora == {BOTH.searches}
    assert [one.corpora for one in found if one.category == "unknown-corpus"] == [("no-such-corpus",)]
    assert {one.drawn for one in found} == {0}


def test_the_names_of_sources_never_name_the_machine(tmp_path: Path) -> None:
    """A header says files by name, and hazards with the version of their texts."""
    specs = [_file(tmp_path, "q.txt", "a"), SourceSpec(hazards=("blank",))]
    assert source_names(specs) == ("q.txt", "hazards:1")
    sources = [one.source for one in read_queries(specs, DATE, STAFF)]
    assert sources[:2] == ["q.txt:1", "hazards:1:blank:empty"]


def test_a_source_needs_a_path_or_hazards() -> None:
    """A source of neither is a mistake in the settings."""
    with pytest.raises(SampleSourceError, match="a path or hazards"):
        _read(SourceSpec())
