"""A zip file of which every byte is determined by the names and contents in it.

Here belong writing and strict reading. Entries are stored without compression, at one fixed time, without extra fields and
comments, so that the same contents give the same bytes on every machine, an entry cannot be larger than the file, and any
byte that was changed shows: headers are compared with those that this module would write, contents with their CRC-32.
"""

import struct
import zlib
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, Final

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage.atomic import publishing, write_errors

MAX_BYTES: Final = 2**32 - 1
"""Largest bundle: what a zip file can hold without its 64-bit extension."""
MAX_ENTRIES: Final = 2**16 - 2
_NAME_BYTES: Final = 1024
_DIRECTORY_BYTES: Final = 2**27
"""Room that the directory of that many entries needs at most."""
_CHUNK: Final = 1 << 20
_LOCAL: Final = struct.Struct("<4s5H3I2H")
_CENTRAL: Final = struct.Struct("<4s6H3I5H2I")
_END: Final = struct.Struct("<4s4H2IH")
_VERSION: Final = 20
_MADE_BY: Final = 3 << 8 | _VERSION
"""A Unix system, version 2.0 of the format."""
_UTF8: Final = 0x800
_DATE: Final = 0x21
"""1 January 1980, the first day that a zip file can name."""
_ATTRIBUTES: Final = 0o100644 << 16
_REMEDY: Final = "Ask for the bundle again, and do not rely on this one."


@dataclass(frozen=True, slots=True, kw_only=True)
class Entry:
    """One file of a bundle.

    Attributes:
        name: Its path within the bundle.
        offset: Where its content begins.
        size: Its bytes.
        crc: CRC-32 of its content.
    """

    name: str
    offset: int
    size: int
    crc: int


def write_archive(path: Path, contents: Sequence[tuple[str, bytes | Path]]) -> None:
    """Write a bundle atomically.

    Args:
        path: The bundle.
        contents: Name and content of each entry, in their order; a path is read block by block.

    Raises:
        ArtifactError: The disk does not take it, a file cannot be read, or it would be too large.
    """
    with publishing(path) as draft, write_errors(path), draft.open("wb") as file:
        entries = [_write_entry(file, name, content) for name, content in contents]
        if len(entries) > MAX_ENTRIES or file.tell() > MAX_BYTES - _DIRECTORY_BYTES:
            remedy = "Choose fewer dates with --from and --to."
            raise ArtifactError("a bundle of these dates would be too large", place=str(path), remedy=remedy)
        file.write(_directory(entries, file.tell()))


def _write_entry(file: BinaryIO, name: str, content: bytes | Path) -> Entry:
    start = file.tell()
    header = _local(name, 0, 0)
    file.write(header)
    size = crc = 0
    for chunk in _chunks(content):
        crc = zlib.crc32(chunk, crc)
        size += len(chunk)
        file.write(chunk)
    file.seek(start)
    if size > MAX_BYTES:
        raise ArtifactError("this file is too large for a bundle", place=name, remedy="Choose fewer dates.")
    file.write(_local(name, crc, size))
    file.seek(0, 2)
    return Entry(name=name, offset=start + len(header), size=size, crc=crc)


def _chunks(content: bytes | Path) -> Iterator[bytes]:
    if isinstance(content, bytes):
        yield content
        return
    with content.open("rb") as file:
        while chunk := file.read(_CHUNK):
            yield chunk


def _local(name: str, crc: int, size: int) -> bytes:
    encoded = name.encode()
    fields = (_VERSION, _flags(name), 0, 0, _DATE, crc, size, size, len(encoded), 0)
    return _LOCAL.pack(b"PK\3\4", *fields) + encoded


def _flags(name: str) -> int:
    return 0 if name.isascii() else _UTF8


def _directory(entries: Sequence[Entry], offset: int) -> bytes:
    """Return what follows the last content: the central directory and its end."""
    rows = b"".join(_central(one) for one in entries)
    count = len(entries)
    return rows + _END.pack(b"PK\5\6", 0, 0, count, count, len(rows), offset, 0)


def _central(entry: Entry) -> bytes:
    encoded = entry.name.encode()
    start = entry.offset - _LOCAL.size - len(encoded)
    crc_and_sizes = (entry.crc, entry.size, entry.size)
    head = (_MADE_BY, _VERSION, _flags(entry.name), 0, 0, _DATE, *crc_and_sizes, len(encoded), 0, 0, 0, 0)
    return _CENTRAL.pack(b"PK\1\2", *head, _ATTRIBUTES, start) + encoded


def read_archive(file: BinaryIO, place: str) -> dict[str, Entry]:
    """Return the entries of a bundle by name, in their order, once every byte of it was compared or checked.

    Contents are read block by block and kept nowhere.

    Raises:
        ArtifactError: It is not exactly what this module writes.
    """
    size = file.seek(0, 2)
    file.seek(0)
    if size > MAX_BYTES:
        raise refused("is larger than any bundle", place)
    entries: dict[str, Entry] = {}
    while (head := file.read(_LOCAL.size))[:4] == b"PK\3\4":
        entry = _read_entry(file, head, size, place)
        if entry.name in entries or len(entries) > MAX_ENTRIES:
            raise refused(f"holds {entry.name!a} more than once, or too many files", place)
        entries[entry.name] = entry
    offset = file.tell() - len(head)
    file.seek(offset)
    expected = _directory(list(entries.values()), offset)
    if size - offset != len(expected) or file.read(len(expected)) != expected:
        raise refused("is not a bundle, or its directory was changed", place)
    return entries


def _read_entry(file: BinaryIO, head: bytes, whole: int, place: str) -> Entry:
    if len(head) != _LOCAL.size:
        raise refused("ends midway", place)
    crc, size, length = (int(_LOCAL.unpack(head)[at]) for at in (6, 7, 9))
    encoded = file.read(min(length, _NAME_BYTES))
    try:
        name = encoded.decode()
    except UnicodeDecodeError:
        raise refused("holds a name that is not UTF-8", place) from None
    if head + encoded != _local(name, crc, size):
        raise refused(f"holds an entry that was changed or is of another form: {name!a}", place)
    found = Entry(name=name, offset=file.tell(), size=size, crc=crc)
    if found.offset + size > whole:
        raise refused(f"ends midway, in {name!a}", place)
    seen = 0
    for chunk in content_of(file, found):
        seen = zlib.crc32(chunk, seen)
    if seen != crc:
        raise refused(f"holds a file that was changed: {name!a}", place)
    return found


def content_of(file: BinaryIO, entry: Entry) -> Iterator[bytes]:
    """Yield the content of an entry block by block; the file then stands behind it."""
    file.seek(entry.offset)
    left = entry.size
    while left and (chunk := file.read(min(left, _CHUNK))):
        left -= len(chunk)
        yield chunk


def unpack(file: BinaryIO, entry: Entry, path: Path, see: Callable[[bytes], object]) -> None:
    """Write the content of an entry to a path that the caller has chosen, and show it block by block.

    Raises:
        ArtifactError: The disk does not take it.
    """
    with write_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as out:
            for chunk in content_of(file, entry):
                see(chunk)
                out.write(chunk)


def refused(problem: str, place: str) -> ArtifactError:
    """Return the error that refuses a bundle."""
    return ArtifactError(f"this bundle {problem}", place=place, remedy=_REMEDY)
