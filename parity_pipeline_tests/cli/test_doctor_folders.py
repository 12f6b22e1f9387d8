"""`parity doctor` on folders: whether a file can be written there, found out by writing one."""

import resource
from collections.abc import Generator
from contextlib import contextmanager
from itertools import islice
from pathlib import Path
from typing import Final

import pytest
import yaml

from parity_pipeline.cli.doctor import DoctorCheck, run_checks
from parity_pipeline.settings.loading import load
from parity_pipeline_tests.settings.test_settings import minimal

PROC: Final = Path("/proc")
"""Takes no file from anybody, and its permissions do not say so to the superuser."""


def folder_checks(folder: Path, **more: str) -> dict[str, DoctorCheck]:
    """Return the checks of a project's folders, by the key of each."""
    path = folder / "parity.yaml"
    path.write_text(yaml.safe_dump({**minimal(), **more}), "utf-8")
    checks = run_checks(load(path, {}), {}, "2026-05-01")
    return {one.subject: one for one in islice(checks, 1, 5)}


@contextmanager
def no_bytes_may_be_written() -> Generator[None]:
    """Let files be created and refuse every byte, as a full disk does."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def test_folders_that_can_be_made_are_ok_and_not_made(tmp_path: Path) -> None:
    """A folder that is missing is looked at in the one above, and nothing stays behind."""
    found = folder_checks(tmp_path, data_dir="a/b/c", reports_dir=".")
    assert set(found) == {"data_dir", "reports_dir", "state_dir", "dagster_home"}
    assert [one.text for one in found.values() if not one.ok] == []
    assert [path.name for path in tmp_path.iterdir()] == ["parity.yaml"]


@pytest.mark.skipif(not (PROC / "self").exists(), reason="there is no /proc")
def test_permissions_are_not_believed(tmp_path: Path) -> None:
    """A file system that takes no file fails, whatever its permissions say, and the others do not."""
    found = folder_checks(tmp_path, data_dir=str(PROC / "parity"))
    assert [name for name, one in found.items() if not one.ok] == ["data_dir"]
    assert found["data_dir"].text.startswith("/proc: cannot write: ")
    assert "data_dir of parity.yaml" in found["data_dir"].remedy


def test_a_file_in_place_of_a_folder_is_named(tmp_path: Path) -> None:
    """Nothing can be written below a file."""
    (tmp_path / "taken").write_bytes(b"")
    found = folder_checks(tmp_path, state_dir="taken/state")["state_dir"]
    assert found.ok is False
    assert found.text == f"{tmp_path / 'taken'}: cannot write: Not a directory"
    assert found.remedy.startswith("Move the file that stands where a folder is needed.")


def test_a_full_disk_is_found(tmp_path: Path) -> None:
    """A disk that takes the name of a file and none of its bytes is not writable."""
    path = tmp_path / "parity.yaml"
    path.write_text(yaml.safe_dump(minimal()), "utf-8")
    checks = run_checks(load(path, {}), {}, "2026-05-01")
    with no_bytes_may_be_written():
        found = list(islice(checks, 1, 5))
    assert [one.ok for one in found] == [False] * 4
    assert all("Raise the file size limit" in one.remedy for one in found)
