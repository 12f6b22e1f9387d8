"""Files that are there whole or not at all: written under a temporary name in their folder, synced, renamed.

Here belong drafts, publishing, and the words for a disk that does not take them. What is in a file belongs elsewhere.

A draft is named `.<final name>.<host>-<pid>-<start>-<random>.draft`: hidden, so that readers of a folder pass over it,
never `.parquet`, so that globs do not see it, and naming its process, so that what a killed process left differs from
what a living one writes. Drafts of another machine that shares the folder are never touched.
"""

import errno
import hashlib
import os
import platform
import re
import secrets
from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final

import psutil

from parity_pipeline.core.errors import ArtifactError

_DRAFT_NAME: Final = re.compile(r"\.(?P<host>[0-9a-f]{6})-(?P<pid>\d+)-(?P<start>\d+)-[0-9a-f]{6}\.draft")
_START_TOLERANCE_S: Final = 2.0
"""Seconds by which a process start, derived from the boot time, may move when the clock is set."""

_FULL: Final = "Free space on that disk, then run again."
_CLOSED: Final = "Make that folder writable for the user who runs this, or set another folder in parity.yaml."
_REMEDIES: Final = {
    errno.ENOSPC: _FULL,
    errno.EDQUOT: _FULL,
    errno.EFBIG: "Raise the file size limit of this user, then run again.",
    errno.EACCES: _CLOSED,
    errno.EPERM: _CLOSED,
    errno.EROFS: _CLOSED,
    errno.ENOTDIR: "Move the file that stands where a folder is needed.",
    errno.EEXIST: "Move the file that stands where a folder is needed.",
    errno.EISDIR: "Move the folder that stands where a file is needed.",
    errno.ENAMETOOLONG: "Use a shorter folder or model name.",
}


@contextmanager
def write_errors(place: Path) -> Generator[None]:
    """Turn every OSError of the block into an ArtifactError that names the place and the remedy."""
    try:
        yield
    except OSError as error:
        remedy = _REMEDIES.get(error.errno or 0, "Look at that disk and folder, then run again.")
        raise ArtifactError(f"cannot write: {error.strerror or error}", place=str(place), remedy=remedy) from error


def draft_path(final: Path) -> Path:
    """Return a new temporary path beside `final`, making the folder and clearing what dead processes left there.

    Raises:
        ArtifactError: The folder cannot be made or read, or the path names no file.
    """
    if not final.name:  # "" and "/", which have no folder to put a draft into
        raise ArtifactError("cannot write: this path has no file name", place=str(final), remedy="Name a file.")
    with write_errors(final.parent):
        final.parent.mkdir(parents=True, exist_ok=True)
        _clear_leftovers(final)
    pid = os.getpid()
    owner = f"{_host()}-{pid}-{int(psutil.Process(pid).create_time())}"
    return final.with_name(f".{final.name}.{owner}-{secrets.token_hex(3)}.draft")


def publish(temporary: Path, final: Path) -> None:
    """Put a finished draft in its place, durably: file synced, renamed over what was there, folder synced.

    A draft that cannot be published stays where it is, so that nothing is lost; it is cleared when `final` is next
    written after this process has ended.

    Raises:
        ArtifactError: The disk or folder does not take it.
    """
    with write_errors(final):
        sync(temporary)
        temporary.replace(final)
        sync(final.parent)


@contextmanager
def publishing(final: Path) -> Generator[Path]:
    """Give the body a draft to write, and put it in its place when the body ends without an error.

    A body that fails leaves its draft, hidden, until this process has ended and `final` is next written.

    Raises:
        ArtifactError: The disk or folder does not take it; what was at `final` is unchanged.
    """
    temporary = draft_path(final)
    yield temporary
    publish(temporary, final)


def discard(temporary: Path) -> None:
    """Remove a draft; one that is not there is no error."""
    with suppress(OSError):
        temporary.unlink(missing_ok=True)


def publish_bytes(path: Path, content: bytes) -> None:
    """Write a whole file atomically and durably.

    Raises:
        ArtifactError: The disk or folder does not take it; what was at `path` is unchanged.
    """
    temporary = draft_path(path)
    try:
        with write_errors(path):
            temporary.write_bytes(content)
        publish(temporary, path)
    except ArtifactError:
        discard(temporary)
        raise


def publish_text(path: Path, text: str) -> None:
    r"""Write a whole UTF-8 file atomically and durably, newlines as they are; lone surrogates become `\udxxx`.

    Raises:
        ArtifactError: The disk or folder does not take it; what was at `path` is unchanged.
    """
    publish_bytes(path, text.encode("utf-8", "backslashreplace"))


def sync(path: Path) -> None:
    """Have the disk hold a file or a folder's entries before going on; may raise OSError."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def _clear_leftovers(final: Path) -> None:
    prefix = f".{final.name}"
    for entry in os.scandir(final.parent):
        found = _DRAFT_NAME.fullmatch(entry.name.removeprefix(prefix)) if entry.name.startswith(prefix) else None
        if found and found["host"] == _host() and not _lives(int(found["pid"]), float(found["start"])):
            discard(Path(entry.path))


def _lives(pid: int, start: float) -> bool:
    """Say whether the very process that began at `start` still runs: a pid alone is given out again."""
    try:
        return abs(psutil.Process(pid).create_time() - start) <= _START_TOLERANCE_S
    except psutil.NoSuchProcess:
        return False
    except psutil.Error:
        return True
