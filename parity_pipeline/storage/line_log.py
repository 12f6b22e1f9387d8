"""Files to which lines are only ever appended: the ledger, the states of gateways.

Here belongs appending one line durably, one writer at a time, and what a crash or a full disk may leave: a last line that stops
midway. Such a line never counted, so readers pass over it; the next append leaves it in place, ends it with a mark and begins a
new line. What a line says belongs to the modules of those files.
"""

import json
import mmap
import os
from collections.abc import Callable, Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.atomic import sync, write_errors

TORN_MARK: Final = b" // torn: writing stopped here, this line does not count"
_LOCK_SECONDS: Final = 60.0
"""Longest wait for another writer. An append takes milliseconds; more means a process that hangs."""


def append_line(path: Path, line: bytes | Callable[[], bytes]) -> bool:
    """Append one line; return whether there was one to append.

    Args:
        path: The file; made with its folder where it is missing. The lock lies beside it as `.<stem>.lock`.
        line: The line with its newline, or what makes it while no one else writes; b"" adds nothing.

    Raises:
        ArtifactError: The disk or folder does not take it, or another writer does not let go.
    """
    with one_writer(path), write_errors(path):
        content = line() if callable(line) else line
        if content:
            _append(path, content)
        return bool(content)


@contextmanager
def one_writer(path: Path) -> Generator[None]:
    """Let no one else append to a file while the body runs; within the body, `append_line` may be called.

    Args:
        path: The file, as for `append_line`.

    Raises:
        ArtifactError: The folder does not take the lock, or another writer does not let go.
    """
    # One lock per file and process, which a thread that holds it may take again.
    lock = FileLock(path.with_name(f".{path.stem}.lock"), timeout=_LOCK_SECONDS, is_singleton=True)
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            lock.acquire()
        except Timeout as error:
            problem = f"another process holds the lock of {path.name} for more than {_LOCK_SECONDS:.0f} s"
            raise ArtifactError(problem, place=str(path), remedy="End the process that hangs, run again.") from error
    try:
        yield
    finally:
        lock.release()


def holds(path: Path, words: bytes) -> bool:
    """Return whether a file holds these bytes anywhere; a missing one holds none."""
    if not path.exists() or not path.stat().st_size:
        return False
    with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return content.find(words) >= 0


def torn(line: bytes) -> bool:
    """Say whether writing stopped within this line: marked so, or the last one, without newline and not whole."""
    unfinished = line.endswith(TORN_MARK + b"\n") or not line.endswith(b"\n")
    return unfinished and not _whole(line)


def _append(path: Path, line: bytes) -> None:
    handle = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o666)
    try:
        size = os.fstat(handle).st_size
        try:
            _write_all(handle, _ending(handle, size) + line)
            os.fsync(handle)
            if not size:
                sync(path.parent)
        except OSError:
            # Take back what was written in part; where even that fails, readers pass over the torn line.
            with suppress(OSError):
                os.ftruncate(handle, size)
            raise
    finally:
        os.close(handle)


def _write_all(handle: int, content: bytes) -> None:
    while content:
        content = content[os.write(handle, content) :]


def _ending(handle: int, size: int) -> bytes:
    """Return what ends a last line that has no newline: a newline, after the mark where the line is not a whole entry."""
    if not size:
        return b""
    with mmap.mmap(handle, size, access=mmap.ACCESS_READ) as content:
        tail = content[content.rfind(b"\n") + 1 :]
    if not tail:
        return b""
    return b"\n" if _whole(tail) else TORN_MARK + b"\n"


def _whole(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False
