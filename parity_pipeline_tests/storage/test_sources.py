from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.errors import SampleSourceError
from parity_pipeline.storage.sample_set_files import SampleSetFile, write_sample_set
from parity_pipeline.storage.sources import SourceSpec, absent_sources, read_sources
from parity_pipeline_tests.storage.records import DATE, make_samples, store_samples


def _texts(*specs: SourceSpec, date: str = DATE) -> list[str]:
    return [sample.text for sample in read_sources(specs, date)]


def _traffic(folder: Path, date: str, count: int) -> Path:
    day = folder / "traffic" / f"date={date}" / "hour=01"
    day.mkdir(parents=True)
    (day / "part-0.txt").write_text("".join(f"{date} {n}\n" for n in range(count)))
    return folder / "traffic"


def test_the_format_goes_by_the_suffix(tmp_path: Path) -> None:
    """Text, JSONL, NDJSON, CSV and Parquet are recognised by their names, in the order of the sources."""
    (tmp_path / "a.txt").write_text("1\n")
    (tmp_path / "b.jsonl").write_text('"2"\n')
    (tmp_path / "c.NDJSON").write_text('"3"\n')
    (tmp_path / "d.csv").write_text("text\n4\n")
    store_samples(tmp_path / "e.parquet", make_samples(1))
    (tmp_path / "f.log").write_text("5\n")
    names = ("a.txt", "b.jsonl", "c.NDJSON", "d.csv", "e.parquet")
    specs = [*(SourceSpec(path=tmp_path / name) for name in names), SourceSpec(path=tmp_path / "f.log", format="text")]
    assert _texts(*specs) == ["1", "2", "3", "4", "text 0", "5"]


def test_category_and_source_never_name_the_machine(tmp_path: Path) -> None:
    """The stem is the category unless the row or the settings name one; the source is relative."""
    (tmp_path / "set").mkdir()
    (tmp_path / "set" / "seed.jsonl").write_text('"a"\n{"text": "b", "category": "own"}\n')
    file, folder = tmp_path / "set" / "seed.jsonl", tmp_path / "set"
    specs = [SourceSpec(path=file), SourceSpec(path=folder, category="mine")]
    found = [(one.category, one.source) for one in read_sources(specs, DATE)]
    assert found == [
        ("seed", "seed.jsonl:1"),
        ("own", "seed.jsonl:2"),
        ("mine", "set/seed.jsonl:1"),
        ("own", "set/seed.jsonl:2"),
    ]


def test_a_folder_is_read_in_sorted_order_without_hidden_files(tmp_path: Path) -> None:
    """All files in it and below it, by path; names that begin with a dot or underscore are passed over."""
    for name in ("b.txt", "a/z.txt", ".hidden.txt", "_temporary/x.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(f"{name}\n")
    assert _texts(SourceSpec(path=tmp_path)) == ["a/z.txt", "b.txt"]


@pytest.mark.parametrize(
    ("name", "content", "given", "says"),
    [
        ("missing.txt", None, None, "no such sample file"),
        ("a.md", "x", None, "suffix '.md' names no format"),
        ("a.txt", "x", "xml", "format 'xml' is unknown"),
    ],
)
def test_an_unusable_source_says_why(
    tmp_path: Path, name: str, content: str | None, given: str | None, says: str
) -> None:
    """Nothing is passed over in silence."""
    if content is not None:
        (tmp_path / name).write_text(content)
    with pytest.raises(SampleSourceError, match=says) as caught:
        _texts(SourceSpec(path=tmp_path / name, format=given))
    assert caught.value.remedy


@pytest.mark.parametrize("per_date", [False, True])
def test_hazards_do_not_stand_in_for_an_empty_file(tmp_path: Path, per_date: bool) -> None:
    """An export that came out empty is named; without a file of one's own, or beside one that has a line, hazards are fine."""
    folder = _traffic(tmp_path, DATE, 0)
    hazards = SourceSpec(hazards=["all"])
    empty = SourceSpec(path=folder, per_date=per_date)
    with pytest.raises(SampleSourceError, match="no line in it, and the built-in hazards alone") as caught:
        _texts(empty, hazards)
    assert caught.value.place == str(folder)
    assert _texts(hazards)
    seed = tmp_path / "seed.txt"
    seed.write_text("one\n")
    assert "one" in _texts(empty, SourceSpec(path=seed), hazards)
    if per_date:
        assert _texts(replace(empty, required=False), hazards, date="2026-05-02")
        with pytest.raises(SampleSourceError, match="no line in it"):
            _texts(replace(empty, required=False), hazards)


def test_a_folder_without_files_is_an_error(tmp_path: Path) -> None:
    """An empty folder is not an empty source."""
    with pytest.raises(SampleSourceError, match="holds no file"):
        _texts(SourceSpec(path=tmp_path))


def test_a_per_date_source_reads_that_date_alone(tmp_path: Path) -> None:
    """Other dates' files are not touched, and the folder names the category."""
    folder = _traffic(tmp_path, DATE, 2)
    _traffic(tmp_path, "2026-05-01", 3)
    found = list(read_sources([SourceSpec(path=folder, per_date=True)], DATE))
    assert [one.text for one in found] == [f"{DATE} 0", f"{DATE} 1"]
    assert found[0].category == "traffic"
    assert found[0].source == f"traffic/date={DATE}/hour=01/part-0.txt:1"


def test_an_absent_date_is_an_error_unless_it_need_not_be_there(tmp_path: Path) -> None:
    """The error names the folder that was expected; an optional source is named as absent."""
    folder = _traffic(tmp_path, DATE, 1)
    with pytest.raises(SampleSourceError) as caught:
        _texts(SourceSpec(path=folder, per_date=True), date="2026-05-02")
    assert caught.value.place == str(folder / "date=2026-05-02")
    optional = SourceSpec(path=folder, per_date=True, required=False)
    assert _texts(optional, date="2026-05-02") == []
    assert absent_sources([optional], "2026-05-02") == ["traffic/date=2026-05-02"]
    assert absent_sources([optional], DATE) == []


def test_a_draw_is_the_same_each_time_and_another_for_another_seed(tmp_path: Path) -> None:
    """The same seed, date and files draw the same samples, in file order."""
    folder = _traffic(tmp_path, DATE, 500)
    spec = SourceSpec(path=folder, per_date=True, sample=20, seed=7)
    drawn = _texts(spec)
    assert drawn == _texts(spec)
    assert len(set(drawn)) == 20
    assert drawn == sorted(drawn, key=lambda text: int(text.split()[1]))
    assert drawn != _texts(SourceSpec(path=folder, per_date=True, sample=20, seed=8))


def test_hazards_are_a_source_beside_files(tmp_path: Path) -> None:
    """Hazard sets follow the samples before them, and their salted texts go by the date alone."""
    (tmp_path / "a.txt").write_text("1\n2\n")
    specs = (SourceSpec(path=tmp_path / "a.txt"), SourceSpec(hazards=("salted", "sql")))
    found = list(read_sources(specs, DATE))
    assert [sample.category for sample in found] == ["a"] * 2 + ["hazard/sql"] * 8 + ["hazard/salted"] * 16
    assert {sample.source.rsplit(":", 1)[0] for sample in found[2:]} == {"hazards:1:sql", "hazards:1:salted"}
    assert found == list(read_sources(specs, DATE))
    another = list(read_sources(specs, "2026-05-02"))
    assert another[:10] == found[:10]
    assert not {sample.text for sample in another[10:]} & {sample.text for sample in found[10:]}
    assert absent_sources(specs, DATE) == []


def test_blank_hazards_come_to_their_slots_behind_other_samples(tmp_path: Path) -> None:
    """The first blank text begins a request of 32, however many samples go before."""
    (tmp_path / "a.txt").write_text("".join(f"{number}\n" for number in range(37)))
    found = _texts(SourceSpec(path=tmp_path / "a.txt"), SourceSpec(hazards=("blanks", "case-pairs", "sql")))
    assert found.index("") == 64


def test_a_source_is_a_path_or_hazards(tmp_path: Path) -> None:
    """Neither, both, or an unknown set is refused in words."""
    for spec in (SourceSpec(), SourceSpec(path=tmp_path, hazards=("sql",))):
        with pytest.raises(SampleSourceError, match="a path or hazards"):
            _texts(spec)
    with pytest.raises(SampleSourceError, match="no hazard set 'sqll'"):
        _texts(SourceSpec(hazards=("sqll",)))


def test_a_source_has_a_name_for_readers(tmp_path: Path) -> None:
    """The file's name, or `hazards` with the version of the corpus."""
    assert SourceSpec(path=tmp_path / "a.txt").name == "a.txt"
    assert SourceSpec(hazards=("all",)).name == "hazards:1"


def test_surrogate_hazards_survive_storing(tmp_path: Path) -> None:
    """Every text of the corpus is read back from a stored set exactly as it was."""
    texts = _texts(SourceSpec(hazards=("all",)))
    write_sample_set(
        tmp_path / "set.parquet", read_sources([SourceSpec(hazards=("all",))], DATE), sources=["hazards:1"]
    )
    stored = [text for block in SampleSetFile(tmp_path / "set.parquet").blocks() for text in block.texts]
    assert stored == texts
