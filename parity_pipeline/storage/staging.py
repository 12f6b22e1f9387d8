"""Staging: what was fetched, kept safe until its Parquet file is published.

Here belongs the folder of one side, model or corpus, date, sample set or query set, and request shape: its lock and its one
SQLite database. Why SQLite is in ADR 14. What an entry holds belongs to `staged_forms`.

In WAL mode a commit has handed its bytes to the operating system, so a kill at any moment costs at most the piece being
written. A power cut costs what came after the last checkpoint, at most 16 MB. SQLite has no checksum for
what lies in the database file, so every entry carries its own. Staging is a cache: a database that is damaged, too old or
of another version is discarded, and its rows are fetched again.

The lock is an empty file beside the folder and stays when the folder goes: a run that waits for it holds it open, and
another that made it again would hold a different file of the same name, so both would believe they are alone.
"""

import contextlib
import json
import os
import shutil
import sqlite3
import time
import zlib
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, Final, Generic, Self

import filelock

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetched_rows import FetchedRows, RowsT, SettledRows
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.provenance import FetchedRankings
from parity_pipeline.core.slugs import slug
from parity_pipeline.storage.staged_forms import EmbeddingsForm, RankingsForm, StagedForm

STAGING_HOURS: Final = 24
"""Hours after the last write for which an unfinished fetch is kept: after that the side may be another build."""

_VERSION: Final = 1
"""Version of the table. What another version staged is discarded, never migrated."""

_HASH_DIGITS: Final = 16
_DATABASE: Final = "staging.db"
_OWNER: Final = "owner.pid"
_PRAGMAS: Final = (
    "page_size = 16384",  # measured: a piece of 32 x 768 takes a third less CPU than with SQLite's 4096
    "locking_mode = EXCLUSIVE",  # the folder is locked anyway; saves SQLite's shared-memory file
    "journal_mode = WAL",
    "synchronous = NORMAL",
    "wal_autocheckpoint = 1000",  # pages, 16 MB: what a power cut costs at most
)
_FACTS: Final = -1
"""Key of the facts, in the place of the ordinal that a piece has."""
_OUTSIDE: Final = frozenset({
    sqlite3.SQLITE_BUSY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_NOMEM
})  # fmt: skip
"""Primary result codes that say nothing against the database, so it is kept when they are met."""

_REMEDY_OUTSIDE: Final = "Free space or fix the permissions, then run again: what is staged is not fetched again."
_REMEDY_DAMAGED: Final = "Delete this folder; its samples are fetched again."

_CREATE: Final = "CREATE TABLE entries (start INTEGER PRIMARY KEY, written REAL, meta BLOB, vectors BLOB, checksum)"
_SELECT: Final = "SELECT start, written, meta, vectors, checksum FROM entries"


def staging_folder(root: Path, *, side: Side, model: str, date: str, sample_set_hash: str, settings_hash: str) -> Path:
    """Return the folder that belongs to one side, model and date, one sample set and one request shape.

    The date belongs to it because a verdict of a date must rest on what was fetched for that date.
    """
    name = f"{sample_set_hash[:_HASH_DIGITS]}-{settings_hash[:_HASH_DIGITS]}"
    return root / str(side) / slug(model) / date / name


def rankings_staging_folder(
    root: Path, *, side: Side, corpus: str, date: str, query_set_hash: str, settings_hash: str
) -> Path:
    """Return the folder that belongs to one side, corpus and date, one query set and one request shape."""
    name = f"{query_set_hash[:_HASH_DIGITS]}-{settings_hash[:_HASH_DIGITS]}"
    return root / "retrieve" / str(side) / slug(corpus) / date / name


def staged_samples(root: Path, side: Side, model: str, date: str) -> "list[SqliteStaging]":
    """Return what is staged of one side, model and date, for any sample set and request shape; nothing is opened yet."""
    any_set = staging_folder(root, side=side, model=model, date=date, sample_set_hash="", settings_hash="")
    return [SqliteStaging(folder) for folder in _folders_beside(any_set)]


def staged_rankings(root: Path, side: Side, corpus: str, date: str) -> "list[RankingsStaging]":
    """Return what is staged of one side, corpus and date, for any query set and request shape; nothing is opened yet."""
    any_set = rankings_staging_folder(root, side=side, corpus=corpus, date=date, query_set_hash="", settings_hash="")
    return [RankingsStaging(folder) for folder in _folders_beside(any_set)]


def _folders_beside(folder: Path) -> list[Path]:
    return sorted(one for one in folder.parent.glob("*") if one.is_dir())


class StagingDatabase(Generic[RowsT]):
    """The staging of one lane in one folder; implements `core.fetched_rows.StagingOf`. A context manager.

    Leaving the context keeps the database for the next run; `discard` removes it once the rows are published. Calls may
    come from different threads, one at a time.
    """

    def __init__(self, folder: Path, form: StagedForm[RowsT], wall: Callable[[], float]) -> None:
        """Name the folder, the form of its pieces, and a clock in seconds since the epoch; nothing is opened yet."""
        self._folder = folder
        self._form = form
        self._wall = wall
        self._lock = filelock.FileLock(folder.with_name(folder.name + ".lock"), thread_local=False)
        self._database: sqlite3.Connection | None = None
        self._counts: dict[int, int] = {}
        self._facts: Mapping[str, Any] = {}

    def __enter__(self) -> Self:
        """Take the folder, and find out what it holds.

        Raises:
            ArtifactError: Another run has it, or it cannot be written.
        """
        with self._as_artifact_error():
            self._folder.parent.mkdir(parents=True, exist_ok=True)
            self._take_lock()
            try:
                self._open()
            except BaseException:
                self.__exit__()
                raise
        return self

    def __exit__(self, *_: object) -> None:
        """Let the folder go; its files stay unless `discard` was called."""
        try:
            self._close()
        finally:
            self._lock.release()

    def count_at(self, start: int) -> int:
        """Return how many rows the settled piece from ordinal `start` on holds; 0 where there is none."""
        return self._counts.get(start, 0)

    def put(self, piece: SettledRows[RowsT]) -> None:
        """Keep a piece.

        Raises:
            ArtifactError: It cannot be written. What was kept before stays, and this piece leaves no trace.
        """
        rows = piece.rows
        self._write(rows.start, *self._form.staged(piece))
        self._counts[rows.start] = len(rows)

    def take(self, start: int) -> SettledRows[RowsT]:
        """Return the settled piece from ordinal `start` on.

        Raises:
            ArtifactError: There is none, or its bytes are no longer what was put.
        """
        with self._as_artifact_error():
            found = self._execute(f"{_SELECT} WHERE start = ?", (start,)).fetchall()
        if not found or not _is_intact(*found[0]):
            problem = f"the staged piece from ordinal {start} on is missing or is no longer what was written"
            raise ArtifactError(problem, place=str(self._folder), remedy=_REMEDY_DAMAGED)
        _, _, meta, vectors, _ = found[0]
        return self._form.piece(start, json.loads(meta), vectors)

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Keep facts in place of those kept before.

        Raises:
            ArtifactError: They cannot be written.
        """
        self._write(_FACTS, facts, b"")
        self._facts = dict(facts)

    def recall(self) -> Mapping[str, Any]:
        """Return the facts kept last; empty where there are none."""
        return self._facts

    def discard(self) -> None:
        """Remove all files: the rows are published, or are not wanted any more."""
        self._close()
        shutil.rmtree(self._folder, ignore_errors=True)
        self._counts.clear()
        self._facts = {}

    def _take_lock(self) -> None:
        try:
            self._lock.acquire(timeout=0)
        except filelock.Timeout:
            owner = "another run"
            with contextlib.suppress(OSError):
                owner = f"the run with process id {(self._folder / _OWNER).read_text().strip()}"
            problem = f"{owner} is fetching the same samples from the same side"
            remedy = "Wait until it ends, or stop it; what it has fetched is kept."
            raise ArtifactError(problem, place=str(self._folder), remedy=remedy) from None

    def _open(self) -> None:
        if not self._is_resumed():
            self.discard()
            self._folder.mkdir(exist_ok=True)
            self._connect()
            self._execute(f"PRAGMA user_version = {_VERSION}")
            self._execute(_CREATE)
        (self._folder / _OWNER).write_text(str(os.getpid()))

    def _is_resumed(self) -> bool:
        """Open what an earlier run left and return whether it counts."""
        if not (self._folder / _DATABASE).exists():
            return False
        try:
            self._connect()
            return self._load()
        except UnicodeDecodeError:  # what the sqlite3 module makes of a message that quotes a damaged schema
            return False
        except sqlite3.Error as error:
            if _is_from_outside(error):
                raise
            return False

    def _connect(self) -> None:
        self._database = sqlite3.connect(self._folder / _DATABASE, isolation_level=None, check_same_thread=False)
        for pragma in _PRAGMAS:
            self._execute(f"PRAGMA {pragma}")

    def _load(self) -> bool:
        """Take in what is there, and return whether it is of this version, undamaged and young enough."""
        if self._execute("PRAGMA user_version").fetchall() != [(_VERSION,)]:
            return False
        newest = 0.0
        for start, written, meta, vectors, checksum in self._execute(_SELECT):
            if not _is_intact(start, written, meta, vectors, checksum):
                return False
            newest, known = max(newest, written), json.loads(meta)
            if start == _FACTS:
                self._facts = known
            elif RowStatus.FAILED not in known["status"]:  # no definite response: fetched again
                self._counts[start] = len(known["ids"])
        # Damage that reading alone does not meet, and a header that forbids writing, would stop the run at its first `put`.
        if self._execute("PRAGMA quick_check(1)").fetchall() != [("ok",)]:
            return False
        self._execute(f"PRAGMA user_version = {_VERSION}")
        return self._wall() - newest <= STAGING_HOURS * 3600

    def _write(self, start: int, meta: Mapping[str, Any], vectors: bytes) -> None:
        body, written = json.dumps(meta).encode(), self._wall()
        entry = (start, written, body, vectors, _checksum(start, written, body, vectors))
        with self._as_artifact_error():
            self._execute("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", entry)

    def _execute(self, statement: str, values: tuple[Any, ...] = ()) -> sqlite3.Cursor:
        if self._database is None:
            raise ArtifactError("the staging is not open", place=str(self._folder), remedy="Enter it with `with`.")
        return self._database.execute(statement, values)

    def _close(self) -> None:
        database, self._database = self._database, None
        if database is not None:
            database.close()

    @contextlib.contextmanager
    def _as_artifact_error(self) -> Generator[None]:
        try:
            yield
        except (OSError, sqlite3.Error) as error:
            reason = error.strerror if isinstance(error, OSError) else str(error)
            problem = f"the staging cannot be written or read ({reason or type(error).__name__})"
            remedy = _REMEDY_OUTSIDE if _is_from_outside(error) else _REMEDY_DAMAGED
            raise ArtifactError(problem, place=str(self._folder), remedy=remedy) from error


def _is_from_outside(error: OSError | sqlite3.Error) -> bool:
    return isinstance(error, OSError) or getattr(error, "sqlite_errorcode", 0) & 0xFF in _OUTSIDE


def _checksum(start: int, written: float, meta: bytes, vectors: bytes) -> int:
    return zlib.crc32(vectors, zlib.crc32(meta, zlib.crc32(f"{start} {written!r} ".encode())))


def _is_intact(start: int, written: float, meta: object, vectors: object, checksum: int) -> bool:
    """Say whether an entry is what was written; in a damaged database a column may be of any type."""
    if not isinstance(meta, bytes) or not isinstance(vectors, bytes):
        return False
    return _checksum(start, written, meta, vectors) == checksum


class SqliteStaging(StagingDatabase[FetchedRows]):
    """The staging of one embed lane in one folder."""

    def __init__(self, folder: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Name the folder that `staging_folder` gives, and a clock in seconds since the epoch; nothing is opened yet."""
        super().__init__(folder, EmbeddingsForm(), wall)


class RankingsStaging(StagingDatabase[FetchedRankings]):
    """The staging of one lane of rankings in one folder."""

    def __init__(self, folder: Path, *, wall: Callable[[], float] = time.time) -> None:
        """Name the folder that `rankings_staging_folder` gives, and a clock; nothing is opened yet."""
        super().__init__(folder, RankingsForm(), wall)
