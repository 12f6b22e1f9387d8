"""What is stored is found by its folders: dates of one name, and all partitions of a kind of file."""

from functools import partial
from pathlib import Path

import pytest

from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.stored_partitions import stored_dates, stored_partitions

HOSTILE = ("m", "[a]*?", "a/../b", "\u202e", "x" * 300)


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    """The paths of an empty project."""
    return Layout(data_dir=tmp_path / "data", reports_dir=tmp_path / "reports")


def store(path: Path) -> None:
    """Store an empty file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.touch()


@pytest.mark.parametrize("name", HOSTILE)
def test_dates_are_those_of_one_name_newest_first(layout: Layout, name: str) -> None:
    """A name that means something in a pattern finds its own dates, and those of other names, sides and files are not its."""
    for day in ("2026-05-02", "2026-05-03", "2026-05-01"):
        store(layout.embeddings(Side.LEGACY, day, name))
    store(layout.embeddings(Side.LEGACY, "2026-05-04", "a"))
    store(layout.embeddings(Side.CANDIDATE, "2026-05-05", name))
    layout.embeddings(Side.LEGACY, "2026-05-06", name).parent.mkdir(parents=True)
    found = stored_dates(partial(layout.embeddings, Side.LEGACY), name)
    assert found == ["2026-05-03", "2026-05-02", "2026-05-01"]


def test_partitions_come_by_date_with_their_names(layout: Layout) -> None:
    """Every name comes back, one whose folder name is cut where it is known."""
    for name in HOSTILE:
        store(layout.retrieval_verdict("2026-05-02", name))
    store(layout.retrieval_verdict("2026-05-01", "m"))
    found = [(one.date, one.name) for one in stored_partitions(layout.retrieval_verdict, HOSTILE)]
    assert found[0] == ("2026-05-01", "m")
    assert sorted(found[1:]) == sorted(("2026-05-02", name) for name in HOSTILE)


@pytest.mark.parametrize(
    "folder",
    ["date=2026-13-01", "date=2026-5-1", "date=today", "date=2026-05-01 ", "date=\u0662\u0660\u0662\u0666-05-01"],
)
def test_a_folder_without_a_date_is_passed_over(layout: Layout, folder: str) -> None:
    """What someone put beside the dates is not one of them."""
    store(layout.data_dir / "verdicts" / folder / "model=m" / "verdict.json")
    assert stored_dates(layout.verdict, "m") == []
    assert list(stored_partitions(layout.verdict)) == []


def test_without_a_folder_nothing_is_stored(layout: Layout) -> None:
    """A project that has not run has no dates."""
    assert stored_dates(layout.verdict, "m") == []
    assert list(stored_partitions(layout.verdict)) == []
