from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError, SampleSourceError
from parity_pipeline.core.samples import Sample, SetHash, sample_id
from parity_pipeline.storage.sample_set_files import KIND, SampleSetFile, write_sample_set
from parity_pipeline.storage.sources import SourceSpec, read_sources
from parity_pipeline_tests.storage.records import DATE, make_samples, store_samples


def test_the_header_counts_what_is_there_and_what_was_dropped(tmp_path: Path) -> None:
    """Hash, counts and categories are those of the distinct samples in order."""
    given_samples = [*make_samples(3), *make_samples(2), Sample("", "blank", "f:9"), Sample("x" * 99, "odd", "f:10")]
    header = store_samples(tmp_path / "s.parquet", given_samples).header
    expected = SetHash()
    for sample in [*make_samples(3), *given_samples[-2:]]:
        expected.add(sample.id, sample.category)
    assert header.hash == expected.hexdigest()
    assert (header.samples, header.duplicates_dropped, header.empty, header.longest_characters) == (5, 2, 1, 99)
    assert header.categories == {"blank": 1, "even": 2, "odd": 2}
    assert header.sources == ("seed.txt",)


def test_no_sample_is_an_error_and_leaves_no_file(tmp_path: Path) -> None:
    """An empty set would pass everything."""
    with pytest.raises(SampleSourceError, match="hold no sample"):
        write_sample_set(tmp_path / "draft", [], sources=["a.txt", "b.txt"])
    assert not (tmp_path / "draft").exists()


@settings(max_examples=30, deadline=None)
@given(
    texts=st.lists(st.text(st.characters(exclude_categories=())), min_size=1, max_size=40, unique=True),
    rows=st.integers(1, 50),
)
def test_any_text_comes_back_exactly(tmp_path_factory: pytest.TempPathFactory, texts: list[str], rows: int) -> None:
    """Every `str`, lone surrogates included, is sent as it was read, whatever the block size."""
    path = tmp_path_factory.mktemp("s") / "s.parquet"
    stored = store_samples(path, [Sample(text, "c\ud800", "f:1") for text in texts])
    blocks = list(stored.blocks(rows=rows))
    assert [text for block in blocks for text in block.texts] == texts
    assert [identity for block in blocks for identity in block.ids] == [sample_id(text) for text in texts]
    assert [block.start for block in blocks] == list(range(0, len(texts), rows))
    assert {len(block) for block in blocks[:-1]} <= {rows}
    assert {category for block in blocks for category in block.categories} == {"c\\ud800"}


def test_a_stored_set_is_a_source_again(tmp_path: Path) -> None:
    """Reading a snapshot as a source gives the same texts and the same hash."""
    samples = [*make_samples(5), Sample("\udfff", "odd", "f:7")]
    first = store_samples(tmp_path / "a.parquet", samples)
    again = read_sources([SourceSpec(path=first.path)], DATE)
    assert store_samples(tmp_path / "b.parquet", again).header.hash == first.header.hash


def test_over_long_texts_end_a_row_group_early(tmp_path: Path) -> None:
    """Memory is bounded by characters too, not by rows alone."""
    samples = (Sample(str(n) * 2_000_000, "long", f"f:{n}") for n in range(5))
    path = store_samples(tmp_path / "a.parquet", samples).path
    assert pq.read_metadata(path).num_row_groups == 3


def test_a_missing_set_says_what_to_do(tmp_path: Path) -> None:
    """The remedy is to materialize samples."""
    with pytest.raises(ArtifactError, match="Materialize samples again"):
        SampleSetFile(tmp_path / "a.parquet")


def test_drawn_and_picked_samples_are_distinguished(tmp_path: Path) -> None:
    """A draw's texts carry how often they were drawn, also those that were picked before; others were not drawn."""
    (tmp_path / "seed.txt").write_text("picked\nboth\n")
    (tmp_path / "traffic.txt").write_text("often\nboth\noften\n")
    specs = [SourceSpec(path=tmp_path / "seed.txt"), SourceSpec(path=tmp_path / "traffic.txt", sample=3)]
    stored = store_samples(tmp_path / "a.parquet", read_sources(specs, DATE))
    blocks = list(stored.blocks(rows=2))
    assert [text for block in blocks for text in block.texts] == ["picked", "both", "often"]
    assert [count for block in blocks for count in block.drawn] == [0, 1, 2]
    assert (stored.header.drawn, stored.header.duplicates_dropped) == (2, 2)
    assert stored.header.drawn_as == {sample_id("both"): {"traffic": 1}}


def test_a_set_without_drawn_or_picked_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A set of the first schema is not read as if nothing had been drawn; the remedy is to materialize samples."""
    old = replace(KIND, version=1)
    with monkeypatch.context() as patched:
        patched.setattr("parity_pipeline.storage.sample_set_files.KIND", old)
        path = store_samples(tmp_path / "a.parquet", make_samples(2)).path
    with pytest.raises(
        ArtifactError, match=r"schema version 1, this parity_pipeline reads 2 and 3\. Materialize samples"
    ):
        SampleSetFile(path)
