"""Staging: what was fetched, kept safe until its Parquet file is published.

Here belongs the folder of one side, model, date, sample set and request shape: its lock, its one append-only segment, the
index of the pieces in it. The layout of a frame belongs to `staging_frames`.

A piece is handed to the operating system before `put` returns, so a kill at any moment costs at most the piece being
written; its torn frame is cut at the next opening. A power cut costs what the system had not written yet, at most some
seconds.

The lock is an empty file beside the folder and stays when the folder goes: a run that waits for it holds it open, and
another that made it anew would hold a different file of the same name, so both would believe they are alone.
"""

import contextlib
import os
import shutil
import threading
import time
from collections.abc import Callable, Generator, Mapping
from pathlib import Path
from typing import Any, BinaryIO, Final, Self

import filelock

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.fetching import Piece
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.slugs import slug
from parity_pipeline.storage.staging_frames import PIECE, Frame, decode_piece, encode_facts, encode_piece, scan

STAGING_HOURS: Final = 24.0
"""Hours after which what an unfinished run left is fetched afresh: by then the side may be another build."""

_HASH_DIGITS: Final = 16
_SYNC_SECONDS: Final = 5.0
_SEGMENT: Final = "pieces.seg"
_OWNER: Final = "owner.pid"


def staging_folder(root: Path, *, side: Side, model: str, date: str, sample_set_hash: str, settings_hash: str) -> Path:
    """Return the folder that belongs to one side, model and date, one sample set and one request shape.

    The date belongs to it because a verdict of a date must rest on what was fetched for that date.
    """
    name = f"{sample_set_hash[:_HASH_DIGITS]}-{settings_hash[:_HASH_DIGITS]}"
    return root / str(side) / slug(model) / date / name


class SegmentStaging:
    """The staging of one lane in one folder; implements `core.fetching.Staging`. A context manager.

    Leaving the context keeps the files for the next run; `discard` removes them once the rows are published.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep_hours: float = STAGING_HOURS,
        wall: Callable[[], float] = time.time,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """Name the folder; nothing is opened yet.

        Args:
            folder: What `staging_folder` gives; made when entered.
            keep_hours: Age beyond which what is there is discarded.
            wall: Seconds since the epoch, to tell the age of files.
            now: Monotonic seconds.
        """
        self._folder = folder
        self._keep_hours = keep_hours
        self._wall = wall
        self._now = now
        self._lock = filelock.FileLock(folder.with_name(folder.name + ".lock"), thread_local=False)
        self._file: BinaryIO | None = None
        self._index: dict[int, tuple[int, int, int]] = {}
        self._facts: Mapping[str, Any] = {}
        self._end = 0
        self._synced = 0.0

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
                self._lock.release()
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
        return self._index.get(start, (0, 0, 0))[2]

    def put(self, piece: Piece) -> None:
        """Append a piece.

        Raises:
            ArtifactError: It cannot be written. What was kept before stays, and this piece leaves no trace.
        """
        frame = encode_piece(piece)
        self._append(frame)
        self._index[piece.rows.start] = (self._end - len(frame), len(frame), len(piece.rows))

    def take(self, start: int) -> Piece:
        """Return the settled piece from ordinal `start` on.

        Raises:
            ArtifactError: There is none, or its bytes are no longer what was put.
        """
        at, size, _ = self._index.get(start, (0, 0, 0))
        with self._as_artifact_error():
            data = os.pread(self._descriptor(), size, at)
        return decode_piece(data, str(self._folder))

    def remember(self, facts: Mapping[str, Any]) -> None:
        """Append facts that replace those kept before.

        Raises:
            ArtifactError: They cannot be written.
        """
        self._append(encode_facts(facts))
        self._facts = dict(facts)

    def recall(self) -> Mapping[str, Any]:
        """Return the facts kept last; empty where there are none."""
        return self._facts

    def discard(self) -> None:
        """Remove all files: the rows are published, or are not wanted any more.

        The system frees what a segment holds when the last that has it open closes it, which takes about 1 % of the time
        that fetching it took. That is done beside what comes next.
        """
        segment, self._file = self._file, None
        shutil.rmtree(self._folder, ignore_errors=True)
        if segment is not None:
            threading.Thread(target=segment.close, name="staging-discard").start()
        self._index.clear()
        self._facts = {}

    def _take_lock(self) -> None:
        try:
            self._lock.acquire(blocking=False)
        except filelock.Timeout:
            owner = "another run"
            with contextlib.suppress(OSError):
                owner = f"the run with process id {(self._folder / _OWNER).read_text().strip()}"
            problem = f"{owner} is fetching the same samples from the same side"
            remedy = "Wait until it ends, or stop it; what it has fetched is kept."
            raise ArtifactError(problem, place=str(self._folder), remedy=remedy) from None

    def _open(self) -> None:
        segment = self._folder / _SEGMENT
        if segment.exists() and self._wall() - segment.stat().st_mtime > self._keep_hours * 3600:
            shutil.rmtree(self._folder)
        self._folder.mkdir(exist_ok=True)
        (self._folder / _OWNER).write_text(str(os.getpid()))
        self._file = (segment).open("a+b", buffering=0)
        for frame in scan(self._file):
            self._note(frame)
            self._end = frame.at + frame.size
        os.truncate(self._descriptor(), self._end)
        self._synced = self._now()

    def _note(self, frame: Frame) -> None:
        """Take in a frame of an earlier run. A piece with a FAILED row is asked again: it was no definite answer."""
        if frame.kind != PIECE:
            self._facts = frame.meta
        elif RowStatus.FAILED not in frame.meta["status"]:
            self._index[frame.meta["start"]] = (frame.at, frame.size, len(frame.meta["ids"]))

    def _append(self, frame: bytes) -> None:
        with self._as_artifact_error():
            descriptor = self._descriptor()
            try:
                written = 0
                while written < len(frame):
                    written += os.write(descriptor, memoryview(frame)[written:])
            except OSError:
                with contextlib.suppress(OSError):
                    os.truncate(descriptor, self._end)
                raise
            self._end += len(frame)
            if self._now() - self._synced >= _SYNC_SECONDS:
                os.fdatasync(descriptor)
                self._synced = self._now()

    def _descriptor(self) -> int:
        if self._file is None:
            raise ArtifactError("the staging is not open", place=str(self._folder), remedy="Enter it with `with`.")
        return self._file.fileno()

    def _close(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None

    @contextlib.contextmanager
    def _as_artifact_error(self) -> Generator[None]:
        try:
            yield
        except OSError as error:
            problem = f"the staging cannot be written or read ({error.strerror or type(error).__name__})"
            remedy = "Free space or mend the permissions, then run again: what is staged is not fetched again."
            raise ArtifactError(problem, place=str(self._folder), remedy=remedy) from error
