import contextlib
import json
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Generator
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import FetchedRows, Piece
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.storage.staging import STAGING_HOURS, SqliteStaging, staging_folder


def piece(start: int, rows: int = 3, *, status: RowStatus = RowStatus.OK, echo: str = "m") -> Piece:
    """Return a piece whose vectors show where they belong."""
    width = 4 if status is RowStatus.OK else 0
    return Piece(
        FetchedRows(
            start=start,
            ids=[f"{start + row:016x}" for row in range(rows)],
            values=np.arange(rows * width, dtype=np.float32) + start,
            offsets=np.arange(rows + 1, dtype=np.int32) * np.int32(width),
            status=[status] * rows,
            http_status=[200] * rows,
            errors=[None if width else "kind: wörds"] * rows,
            request_ids=[f"id-{start}"] * rows,
            latency_ms=[1.5 + row for row in range(rows)],
        ),
        echo,
    )


def same(one: Piece, other: Piece) -> bool:
    """Return whether two pieces are equal to the bit."""
    columns = ("start", "ids", "status", "http_status", "errors", "request_ids", "latency_ms")
    return (
        one.model_echo == other.model_echo
        and all(getattr(one.rows, name) == getattr(other.rows, name) for name in columns)
        and np.array_equal(one.rows.offsets, other.rows.offsets)
        and one.rows.values.tobytes() == other.rows.values.tobytes()
    )


def test_what_is_put_is_there_in_the_next_run(tmp_path: Path) -> None:
    """Pieces and facts survive the run, whole and equal, in any order."""
    with SqliteStaging(tmp_path / "a") as staging:
        for start in (6, 0, 3):
            staging.put(piece(start))
            assert same(staging.take(start), piece(start))
        staging.remember({"requests": 1})
        staging.remember({"requests": 3})
    with SqliteStaging(tmp_path / "a") as staging:
        assert [staging.count_at(start) for start in (0, 1, 3, 6, 9)] == [3, 0, 3, 3, 0]
        assert same(staging.take(3), piece(3))
        assert staging.recall() == {"requests": 3}


def test_failed_rows_are_requested_again_by_the_next_run(tmp_path: Path) -> None:
    """A piece without a definite response counts within its run alone; a refusal counts for good."""
    with SqliteStaging(tmp_path / "a") as staging:
        staging.put(piece(0, status=RowStatus.FAILED))
        staging.put(piece(3, status=RowStatus.REFUSED))
        assert staging.count_at(0) == 3
    with SqliteStaging(tmp_path / "a") as staging:
        assert (staging.count_at(0), staging.count_at(3)) == (0, 3)
        assert same(staging.take(3), piece(3, status=RowStatus.REFUSED))
        staging.put(piece(0))
    with SqliteStaging(tmp_path / "a") as staging:
        assert same(staging.take(0), piece(0))


@settings(max_examples=60, deadline=None)
@given(cut=st.integers(1, 100_000), junk=st.binary(max_size=40))
def test_a_torn_tail_costs_only_itself(tmp_path_factory: pytest.TempPathFactory, cut: int, junk: bytes) -> None:
    """Wherever the log of a killed run is cut, and whatever follows, the pieces before are kept and writing goes on."""
    folder, killed = tmp_path_factory.mktemp("torn") / "a", tmp_path_factory.mktemp("killed") / "a"
    sizes = list[int]()
    with SqliteStaging(folder) as staging:
        for start in (0, 3, 6):
            staging.put(piece(start))
            sizes.append((folder / "staging.db-wal").stat().st_size)
        shutil.copytree(folder, killed)
    torn = killed / "staging.db-wal"
    left = max(0, sizes[-1] - cut)
    torn.write_bytes(torn.read_bytes()[:left] + junk)
    with SqliteStaging(killed) as staging:
        kept = [start for start in (0, 3, 6) if staging.count_at(start)]
        assert kept == [0, 3, 6][: len(kept)]
        assert len(kept) >= sum(size <= left for size in sizes)
        for start in (0, 3, 6):
            staging.put(piece(start))
    with SqliteStaging(killed) as staging:
        assert all(same(staging.take(start), piece(start)) for start in (0, 3, 6))


@settings(max_examples=60, deadline=None)
@given(place=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7), killed=st.booleans())
def test_a_flipped_bit_is_never_believed(
    tmp_path_factory: pytest.TempPathFactory, place: float, bit: int, killed: bool
) -> None:
    """A damaged piece is left out or is what was written; it never comes back as something else."""
    folder, left = tmp_path_factory.mktemp("flip") / "a", tmp_path_factory.mktemp("left") / "a"
    with SqliteStaging(folder) as staging:
        for start in (0, 3):
            staging.put(piece(start, 500))
        if killed:
            shutil.copytree(folder, left)
    if not killed:
        shutil.copytree(folder, left)
    flip(left / ("staging.db-wal" if killed else "staging.db"), place, bit)
    with SqliteStaging(left) as staging:
        for start in (0, 3):
            assert not staging.count_at(start) or same(staging.take(start), piece(start, 500))
            staging.put(piece(start, 500))
    with SqliteStaging(left) as staging:
        assert all(same(staging.take(start), piece(start, 500)) for start in (0, 3))


def flip(path: Path, place: float, bit: int) -> None:
    """Flip one bit of a file, `place` being in [0, 1) of its length."""
    with path.open("r+b") as file:
        at = int(place * path.stat().st_size)
        file.seek(at)
        byte = file.read(1)[0]
        file.seek(at)
        file.write(bytes([byte ^ 1 << bit]))


def test_a_changed_header_costs_the_staging_only(tmp_path: Path) -> None:
    """A bit flipped in the database's own header or schema is survived: the run goes on, with what was staged or without."""
    with SqliteStaging(tmp_path / "a") as staging:
        staging.put(piece(0))
    whole = (database := tmp_path / "a" / "staging.db").read_bytes()
    for at, bit in [*((number, number % 8) for number in range(100)), (whole.index(b"CREATE"), 7)]:
        database.write_bytes(whole)
        flip(database, (at + 0.5) / len(whole), bit)
        with SqliteStaging(tmp_path / "a") as staging:
            assert not staging.count_at(0) or same(staging.take(0), piece(0))
            staging.put(piece(3))


def test_a_piece_that_changed_after_opening_is_refused(tmp_path: Path) -> None:
    """Bytes that are no longer what was put are an error with a remedy, not a vector; so is a piece never put."""
    starts = range(0, 90_000, 9000)  # larger than what SQLite keeps in memory
    with SqliteStaging(tmp_path / "a") as staging:
        for start in starts:
            staging.put(piece(start, 9000))
    with SqliteStaging(tmp_path / "a") as staging:
        assert all(same(staging.take(start), piece(start, 9000)) for start in starts)
        content = (database := tmp_path / "a" / "staging.db").read_bytes()
        at = content.index(piece(0, 9000).rows.values[100:200].tobytes())
        flip(database, (at + 0.5) / len(content), 3)
        for start in (0, 1):
            with pytest.raises(ArtifactError, match="Delete this folder"):
                staging.take(start)


@pytest.mark.parametrize("version", [0, 2])
def test_what_another_version_staged_is_discarded(tmp_path: Path, version: int) -> None:
    """Files of an older or newer version of the staging are removed without an error, and the run starts over."""
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "pieces.seg").write_bytes(b"PPs1 of an older version")
    if version:
        with sqlite3.connect(folder / "staging.db") as database:
            database.execute("CREATE TABLE entries (other)")
            database.execute(f"PRAGMA user_version = {version}")
        database.close()
    with SqliteStaging(folder) as staging:
        assert staging.count_at(0) == 0
        staging.put(piece(0))
    assert not (folder / "pieces.seg").exists()
    with SqliteStaging(folder) as staging:
        assert same(staging.take(0), piece(0))


def test_a_second_run_is_refused_by_name(tmp_path: Path) -> None:
    """Two runs of one partition do not share a folder: the second reports who has it."""
    with SqliteStaging(tmp_path / "a"):
        with pytest.raises(ArtifactError, match=f"process id {os.getpid()}"), SqliteStaging(tmp_path / "a"):
            pass
        with SqliteStaging(tmp_path / "b"):
            pass
    with SqliteStaging(tmp_path / "a"):
        pass


def test_discarded_staging_is_gone(tmp_path: Path) -> None:
    """After publishing, nothing is left to be mistaken for a fetch of another day."""
    with SqliteStaging(tmp_path / "a") as staging:
        staging.put(piece(0))
        staging.discard()
    assert not (tmp_path / "a").exists()
    with SqliteStaging(tmp_path / "a") as staging:
        assert not staging.count_at(0)


@pytest.mark.parametrize(("later", "kept"), [(-60, 3), (60, 0)])
def test_old_staging_is_fetched_again(tmp_path: Path, later: float, kept: int) -> None:
    """What an unfinished run left long ago may be of another build, and does not count; the last write decides."""
    with SqliteStaging(tmp_path / "a", wall=iter([1e9, 2e9]).__next__) as staging:
        staging.put(piece(3))
        staging.put(piece(0))
    with SqliteStaging(tmp_path / "a", wall=lambda: 2e9 + STAGING_HOURS * 3600 + later) as staging:
        assert [staging.count_at(start) for start in (0, 3)] == [kept, kept]


@contextlib.contextmanager
def files_limited_to(size: int) -> Generator[None]:
    """Let no file of this process grow beyond so many bytes, as on a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    ignored = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
        signal.signal(signal.SIGXFSZ, ignored)


def test_a_full_disk_is_said_and_loses_nothing(tmp_path: Path) -> None:
    """A write that finds no space, also at the opening, is an error with a remedy; what was staged can be read."""
    with SqliteStaging(tmp_path / "a") as staging:
        staging.put(piece(0))
        size = max(path.stat().st_size for path in (tmp_path / "a").iterdir())
        with files_limited_to(size + 50), pytest.raises(ArtifactError, match="Free space"):
            staging.put(piece(3))
        assert staging.count_at(3) == 0
        staging.put(piece(6))
    with files_limited_to(0), pytest.raises(ArtifactError, match="Free space"), SqliteStaging(tmp_path / "a"):
        pass
    with SqliteStaging(tmp_path / "a") as staging:
        assert [staging.count_at(start) for start in (0, 3, 6)] == [3, 0, 3]


def test_a_folder_that_cannot_be_made_is_said(tmp_path: Path) -> None:
    """A place that cannot be written is named with its remedy."""
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(ArtifactError, match="fix the permissions"), SqliteStaging(tmp_path / "file" / "a"):
        pass


def test_folders_differ_by_all_that_matters(tmp_path: Path) -> None:
    """Side, model, date, sample set and request shape each lead to another folder, safe for any model name."""
    base = staging_folder(
        tmp_path, side=Side.LEGACY, model="m", date="2026-04-30", sample_set_hash="a", settings_hash="b"
    )
    place = partial(staging_folder, tmp_path, sample_set_hash="a")
    folders = {
        base,
        place(side=Side.CANDIDATE, model="m", date="2026-04-30", settings_hash="b"),
        place(side=Side.LEGACY, model="../x", date="2026-04-30", settings_hash="b"),
        place(side=Side.LEGACY, model="m", date="2026-05-01", settings_hash="b"),
        place(side=Side.LEGACY, model="m", date="2026-04-30", settings_hash="c"),
        place(side=Side.LEGACY, model="m", date="2026-04-30", settings_hash="b", sample_set_hash="d"),
    }
    assert len(folders) == 6
    assert all(folder.is_relative_to(tmp_path) and ".." not in folder.parts for folder in folders)


WRITER = """
import sys
from pathlib import Path
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline_tests.storage.test_staging import piece
with SqliteStaging(Path(sys.argv[1])) as staging:
    start = 0
    while True:
        staging.put(piece(start))
        start += 3
        print(start, flush=True)
"""


def test_what_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    """A process killed with -9 while it writes loses no piece whose `put` returned, and leaves no lock behind."""
    for _ in range(3):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(tmp_path / "a")], stdout=subprocess.PIPE, text=True
        ) as writer:
            assert writer.stdout
            acknowledged = 0
            while acknowledged < 90:
                acknowledged = int(json.loads(writer.stdout.readline()))
            writer.kill()
        with SqliteStaging(tmp_path / "a") as staging:
            assert all(same(staging.take(start), piece(start)) for start in range(0, acknowledged, 3))
