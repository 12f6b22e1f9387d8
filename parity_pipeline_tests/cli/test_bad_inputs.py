"""Every bad input of the table: one message with place and remedy, exit code 2, and nothing lost."""

import errno
import os
import re
import sqlite3
from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import yaml

from parity_pipeline.cli.main import execute, full_disk
from parity_pipeline_tests.cli.bad_inputs import SECRET, TABLE, Bad
from parity_pipeline_tests.settings.test_settings import minimal

NOWHERE = "http://127.0.0.1:9"  # the discard port; whatever is sent there is refused
FOREIGN = re.compile(
    r"Traceback|pydantic|Input should|valid (?:string|list|integer|dictionary)|regex|<class|object at 0x"
)
REMEDY = re.compile(r"[;.?] .*\w|did you mean|use one of|→|--help", re.IGNORECASE)
LONGEST = 1_000
"""Characters of a line: all faults of the demo are on one."""


def content_of(bad: Bad) -> str:
    """Return the settings file of a row."""
    if bad.text is not None:
        return bad.text
    content: dict[str, Any] = {**minimal(), "models": ["model-m"], "hazards": False}
    content["sides"]["legacy"]["base_url"], content["sides"]["candidate"]["base_url"] = NOWHERE, f"{NOWHERE}/c"
    for place, value in bad.change.items():
        level: Any = content
        *folders, last = place.split(".")
        for folder in folders:
            level = level.setdefault(folder, {})
        level[last] = value
    return yaml.safe_dump(content)


def everything_in(folder: Path) -> Mapping[str, bytes]:
    """Return all files below a folder, by their paths."""
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a project folder with a ledger that nobody may touch, as the working folder."""
    for name in ("DAGSTER_HOME", "PARITY_CONFIG", "OLD_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "seed.txt").write_text("hello\n", "utf-8")
    (tmp_path / "q.jsonl").write_text('{"text": "welder"}\n', "utf-8")
    (tmp_path / "reports" / "cutover").mkdir(parents=True)
    (tmp_path / "reports" / "cutover" / "ledger.jsonl").write_bytes(b"")
    return tmp_path


def test_the_table_is_long_enough() -> None:
    """A hundred rows at least, none of them twice."""
    assert len(TABLE) >= 100
    assert len({repr(row) for row in TABLE}) == len(TABLE)


@pytest.mark.parametrize(
    "bad", TABLE, ids=lambda bad: "-".join([*bad.arguments, *bad.change, *bad.environ, *bad.files])
)
def test_a_bad_input_has_a_clear_message(
    bad: Bad, project: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """Place, fault and remedy on one line each; no secret, nothing of a library; exit code 2; no file changed."""
    (project / "parity.yaml").write_text(content_of(bad), "utf-8")
    for name, content in bad.files.items():
        (project / name).unlink(missing_ok=True)
        if content is not None:
            (project / name).write_bytes(content)
    for name, value in bad.environ.items():
        monkeypatch.setenv(name, value)
    before = everything_in(project)
    code = execute(bad.arguments)
    printed = "".join(capfd.readouterr())
    assert code == 2, printed
    for word in bad.words:
        assert word in printed
    assert SECRET not in printed
    assert not FOREIGN.search(printed), printed
    assert max(map(len, printed.splitlines())) <= LONGEST
    faults = [line for line in printed.splitlines() if line.startswith(("  - ", "FAIL", "error:"))] or [printed]
    assert all(REMEDY.search(line) for line in faults if not line.endswith("not usable")), printed
    assert everything_in(project) == before


def refused(arguments: Sequence[str], capfd: pytest.CaptureFixture[str]) -> str:
    """Return what a command prints that ends with 2 and without a traceback."""
    code = execute(arguments)
    printed = "".join(capfd.readouterr())
    assert code == 2, printed
    assert not FOREIGN.search(printed), printed
    return printed


@pytest.mark.parametrize("place", ["samples", "data_dir", "state_dir"])
def test_a_circle_of_links_is_named(project: Path, place: str, capfd: pytest.CaptureFixture[str]) -> None:
    """A path of the settings that leads back to itself is an error with its name and what to do."""
    (project / "loop").symlink_to("loop")
    value = [{"path": "loop"}] if place == "samples" else "loop"
    (project / "parity.yaml").write_text(content_of(Bad(change={place: value}, words=())), "utf-8")
    printed = refused(["doctor"], capfd)
    assert "loop: cannot be followed" in printed
    assert "or name another path" in printed


@pytest.mark.parametrize("options", [(), ("--through-adapter",)])
def test_a_home_of_dagster_that_leads_nowhere_is_named(
    project: Path, options: Sequence[str], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    """The variable of Dagster's home is followed as the paths of the settings are."""
    (project / "loop").symlink_to("loop")
    (project / "parity.yaml").write_text(content_of(Bad(words=())), "utf-8")
    monkeypatch.setenv("DAGSTER_HOME", "loop")
    assert "loop: cannot be followed" in refused(["run", *options], capfd)


def test_a_home_of_nobody_is_named(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A path below the home of a user that there is not is an error like the others."""
    (project / "parity.yaml").write_text(content_of(Bad(change={"data_dir": "~nobody-here/x"}, words=())), "utf-8")
    assert "~nobody-here/x: cannot be followed" in refused(["doctor"], capfd)


def test_a_pipe_is_not_a_settings_file(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A pipe could be read once alone, and is not said to be missing; one that is missing is."""
    os.mkfifo(project / "pipe")
    assert "pipe: this is not a regular file. Name a" in refused(["status", "--config", "pipe"], capfd)
    assert "none: there is no such settings file" in refused(["status", "--config", "none"], capfd)


def test_a_link_to_itself_is_not_a_settings_file(project: Path, capfd: pytest.CaptureFixture[str]) -> None:
    """A circle of links in place of the settings file is an error with its place, for whoever reads it."""
    (project / "loop").symlink_to("loop")
    assert "loop: this settings file cannot be read: " in refused(["status", "--config", "loop"], capfd)
    assert "loop: this settings file cannot be read: " in refused(["adapter", "serve", "--config", "loop"], capfd)
    assert "cannot be read: File name too long" in refused(["status", "--config", "a" * 300], capfd)


@pytest.mark.parametrize("command", ["up", "status"])
def test_a_project_without_services_is_said_to_have_none(
    project: Path, command: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Where nothing is to be started, one line says so, unbroken in a pipe, and the exit code is 0."""
    (project / "parity.yaml").write_text(content_of(Bad(words=())), "utf-8")
    assert execute([command]) == 0
    lines = capfd.readouterr().out.splitlines()
    assert lines == ["neither side has services in the settings, so there is nothing to start; see `parity doctor`"]


@pytest.mark.parametrize("command", ["up", "run", "run --through-adapter"])
@pytest.mark.parametrize("folder", ["seed.txt", "seed.txt/state"])
def test_a_file_in_place_of_the_state_folder_is_named(
    project: Path, command: str, folder: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """Services need their folder; the message has it, and the key that names another one."""
    content = content_of(Bad(change={"state_dir": folder}, words=()))
    (project / "parity.yaml").write_text(content, "utf-8")
    printed = refused(command.split(), capfd)
    assert f"{project / folder}: cannot be written to: " in printed
    assert "Set state_dir in parity.yaml" in printed


@pytest.mark.parametrize("name", ["a\0b", "a" * 300])
@pytest.mark.parametrize("place", ["samples", "data_dir", "reports_dir", "dagster_home"])
def test_a_name_that_no_file_can_have_is_refused(
    project: Path, place: str, name: str, capfd: pytest.CaptureFixture[str]
) -> None:
    """One that is too long, or has a null in it, is an error with its place."""
    value = [{"path": name}] if place == "samples" else name
    (project / "parity.yaml").write_text(content_of(Bad(change={place: value}, words=())), "utf-8")
    assert "cannot be followed: " in refused(["doctor"], capfd)


def test_a_full_disk_below_an_error_of_a_library_is_not_a_defect(tmp_path: Path) -> None:
    """What SQLite and the system say of a full disk is found in the chain of an error; of another error nothing is said."""
    with closing(sqlite3.connect(tmp_path / "history.db")) as history:
        history.execute("PRAGMA max_page_count = 2")
        with pytest.raises(sqlite3.OperationalError) as caught:
            history.execute("CREATE TABLE runs AS SELECT randomblob(100000)")
    wrapped = RuntimeError("commit failed")
    wrapped.__cause__ = caught.value
    for error in (caught.value, wrapped, OSError(errno.ENOSPC, "No space left on device")):
        assert "the disk is full" in full_disk(error)
        assert "DAGSTER_HOME" in full_disk(error)
    assert not full_disk(sqlite3.OperationalError("no such table: runs"))
    assert not full_disk(PermissionError(errno.EACCES, "Permission denied"))
