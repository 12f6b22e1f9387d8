"""The archive: the same contents give the same bytes, and nothing but those bytes is accepted."""

import io
import struct
import zipfile
import zlib
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.bundle.archive import MAX_ENTRIES, content_of, read_archive, write_archive
from parity_pipeline.core.errors import ArtifactError

CONTENTS: Final = (("manifest.json", b"{}\n"), ("data/a=1/b%2F.json", b"one"), ("empty", b""))


def written(folder: Path, *contents: tuple[str, bytes | Path]) -> bytes:
    """Return the bytes of an archive."""
    path = folder / "a.zip"
    write_archive(path, contents or CONTENTS)
    return path.read_bytes()


def contents_of(archive: bytes) -> dict[str, bytes]:
    """Return what an archive holds."""
    file = io.BytesIO(archive)
    return {name: b"".join(content_of(file, one)) for name, one in read_archive(file, "a.zip").items()}


def test_an_archive_is_a_zip_file_that_any_program_reads(tmp_path: Path) -> None:
    """Names, contents and order come back, from this module and from the standard library's."""
    archive = written(tmp_path)
    assert contents_of(archive) == dict(CONTENTS)
    with zipfile.ZipFile(io.BytesIO(archive)) as found:
        assert found.testzip() is None
        assert {name: found.read(name) for name in found.namelist()} == dict(CONTENTS)
        assert {one.date_time for one in found.infolist()} == {(1980, 1, 1, 0, 0, 0)}


def test_the_same_contents_give_the_same_bytes_whatever_they_come_from(tmp_path: Path) -> None:
    """Neither times, owners nor how a content is read is in the archive."""
    source = tmp_path / "source"
    source.write_bytes(b"x" * 3_000_000)
    assert written(tmp_path, ("a", source)) == written(tmp_path, ("a", source.read_bytes()))


def test_every_byte_counts(tmp_path: Path) -> None:
    """An archive of which any one byte has another value is refused; so is one that is cut or goes on."""
    archive = written(tmp_path)
    for at in range(len(archive)):
        for bit in (0x01, 0x80):
            changed = bytearray(archive)
            changed[at] ^= bit
            with pytest.raises(ArtifactError):
                contents_of(bytes(changed))
    for at in range(len(archive)):
        with pytest.raises(ArtifactError):
            contents_of(archive[:at])
    with pytest.raises(ArtifactError):
        contents_of(archive + b"\0")
    with pytest.raises(ArtifactError):
        contents_of(b"\0" + archive)


def test_a_zip_file_of_another_program_is_refused() -> None:
    """Compression, comments and extra fields could hide something or take more room than the file."""
    for kind in (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED):
        made = io.BytesIO()
        with zipfile.ZipFile(made, "w", kind) as out:
            out.writestr("manifest.json", b"{}" * 1000)
        with pytest.raises(ArtifactError, match="another form"):
            contents_of(made.getvalue())


def test_a_name_that_comes_twice_is_refused(tmp_path: Path) -> None:
    """Of two files with one name, a reader could check one and use the other."""
    with pytest.raises(ArtifactError, match="more than once"):
        contents_of(written(tmp_path, ("a", b"1"), ("a", b"2")))


def test_a_size_that_the_file_does_not_have_is_refused(tmp_path: Path) -> None:
    """An entry that claims gigabytes is refused by the size of the file, before anything is read."""
    archive = bytearray(written(tmp_path, ("a", b"1")))
    struct.pack_into("<II", archive, 18, 2**32 - 2, 2**32 - 2)
    with pytest.raises(ArtifactError, match="ends midway"):
        contents_of(bytes(archive))


def test_a_name_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """What cannot be shown cannot be compared with a manifest."""
    archive = written(tmp_path, ("ab", b"1")).replace(b"ab", b"\xff\xfe")
    with pytest.raises(ArtifactError, match="not UTF-8"):
        contents_of(archive)


def test_too_many_files_are_refused_when_written(tmp_path: Path) -> None:
    """What a zip file cannot count is not written; nothing is left in its place."""
    with pytest.raises(ArtifactError, match="too large"):
        write_archive(tmp_path / "a.zip", [(f"{number}", b"") for number in range(MAX_ENTRIES + 1)])
    assert not (tmp_path / "a.zip").exists()


def test_a_content_that_was_changed_is_named(tmp_path: Path) -> None:
    """Whoever gets a damaged bundle learns which file is damaged."""
    archive = written(tmp_path).replace(b"one", b"two")
    with pytest.raises(ArtifactError, match=r"b%2F\.json"):
        contents_of(archive)
    assert zlib.crc32(b"one") != zlib.crc32(b"two")
