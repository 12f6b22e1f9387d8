from dataclasses import replace
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.storage.parity_files import KIND, ParityFile, ParityWriter
from parity_pipeline_tests.storage.records import as_plain, make_compared, make_header


def test_compared_rows_come_back(tmp_path: Path) -> None:
    """Every field comes back, NaN as NaN, whatever the blocks were."""
    path = tmp_path / "p.parquet"
    header = make_header(pairing_faults=("a",))
    with ParityWriter(path) as writer:
        writer.add(make_compared(0, 5))
        writer.add(make_compared(5, 0))
        writer.add(make_compared(5, 15))
        writer.finish(header)
    stored = ParityFile(path)
    assert (stored.header, stored.rows) == (header, 20)
    assert [as_plain(block) for block in stored.blocks(rows=20)] == [as_plain(make_compared(0, 20))]
    assert [block.start for block in stored.blocks(rows=8)] == [0, 8, 16]


def test_nan_is_null_for_other_readers(tmp_path: Path) -> None:
    """A query for the worst cosine does not meet NaN, which sorts and compares differently in each tool."""
    path = tmp_path / "p.parquet"
    with ParityWriter(path) as writer:
        writer.add(make_compared(0, 7))
        writer.finish(make_header())
    column = pq.read_table(path).column("cosine")
    assert column.null_count == 1
    assert not np.isnan(column.drop_null().to_numpy()).any()


def test_a_gap_is_refused(tmp_path: Path) -> None:
    """Compared rows are never shifted in silence."""
    with ParityWriter(tmp_path / "draft") as writer:
        writer.add(make_compared(0, 5))
        with pytest.raises(ArtifactError, match="where 5 comes next"):
            writer.add(make_compared(6, 5))
    assert not (tmp_path / "draft").exists()


def test_rows_without_drawn_or_picked_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of the first schema is not read as if nothing had been drawn; the remedy is to materialize parity."""
    path = tmp_path / "p.parquet"
    with monkeypatch.context() as patched:
        patched.setattr("parity_pipeline.storage.parity_files.KIND", replace(KIND, version=1))
        with ParityWriter(path) as writer:
            writer.add(make_compared(0, 2))
            writer.finish(make_header())
    with pytest.raises(
        ArtifactError, match=r"schema version 1, this parity_pipeline reads 2, 3 and 4\. Materialize parity"
    ):
        ParityFile(path)


@pytest.mark.parametrize(
    ("version", "grade"), [(version, grade) for version in (2, 3, 4) for grade in ("match", "mismatch")]
)
def test_grades_of_version_2_are_dropped(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, version: int, grade: str
) -> None:
    """Rows that version 2 graded come back as compared; a file of a later version that holds a grade is refused."""
    path = tmp_path / "p.parquet"
    rows = make_compared(0, 2)
    with monkeypatch.context() as patched:
        patched.setattr("parity_pipeline.storage.parity_files.KIND", replace(KIND, version=version))
        with ParityWriter(path) as writer:
            writer.add(replace(rows, outcomes=[Outcome(grade), Outcome.COMPARED]))
            writer.finish(make_header())
    if version != 2:
        with pytest.raises(ArtifactError, match=f"outcome '{grade}'"):
            list(ParityFile(path).blocks())
        return
    assert [list(block.outcomes) for block in ParityFile(path).blocks()] == [[Outcome.COMPARED] * 2]
