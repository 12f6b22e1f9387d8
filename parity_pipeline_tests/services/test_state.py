import json
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.state import (
    LINE_CHARACTERS,
    LINES,
    Record,
    ServiceSpec,
    StateFolder,
    last_lines,
    secret_values,
)
from parity_pipeline.services.supervisor import Environment, down, up
from parity_pipeline_tests.services.programs import script, server

OLD_MARK = "2e6fae253fb0d49929af0307c602b2f4"
OLD_FILE = {
    "name": "one / odd:n\u00e9e",
    "pid": 10044,
    "created": 1795675977.17,
    "mark": OLD_MARK,
}
"""What version 0.1 wrote to `services/one%20%2F%20odd%3An%C3%A9e.json` for a service that it had started."""


def old_state(folder: Path, **changes: object) -> None:
    """Write the state file of version 0.1, with some values replaced."""
    path = folder / "services" / "one%20%2F%20odd%3An%C3%A9e.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps({**OLD_FILE, **changes}))


def test_a_state_file_of_an_older_version_is_read(state: Path) -> None:
    """Every value is taken over, and a process that is long gone is forgotten."""
    old_state(state)
    record = StateFolder(state).load("one / odd:née")
    assert record == Record(name="one / odd:née", pid=10044, created=1795675977.17, mark=OLD_MARK)
    assert record is not None
    assert record.process() is None
    assert down(state) == []
    assert StateFolder(state).records() == []


def test_a_service_that_an_older_version_started_is_stopped(state: Path) -> None:
    """`down` ends the process that an old state file names, and what carries the mark in that file."""
    wait = [sys.executable, "-c", "import signal; signal.pause()"]
    leader = subprocess.Popen(wait, start_new_session=True)
    marked = subprocess.Popen(wait, start_new_session=True, env={"PARITY_SERVICE_MARK": OLD_MARK})
    old_state(state, pid=leader.pid, created=psutil.Process(leader.pid).create_time())
    assert down(state) == ["one / odd:née"]
    assert [leader.wait(), marked.wait()] == [-signal.SIGTERM, -signal.SIGTERM]


@pytest.mark.parametrize("pid", [-1, 0, 10**30])
def test_an_impossible_pid_is_not_running(pid: int) -> None:
    """A damaged state file cannot make a check fail or hit another process."""
    assert Record(name="one", pid=pid, created=0.0).process() is None


def log_with(folder: Path, content: bytes) -> Path:
    """Return a log with this content."""
    path = folder / "one.log"
    path.write_bytes(content)
    return path


def test_the_last_lines_are_bounded(tmp_path: Path) -> None:
    """Many and long lines are cut, blank ones left out, and the last ones shown."""
    content = b"".join(b"line %d\n\n" % number for number in range(1000)) + b"x" * 9999
    lines = last_lines(log_with(tmp_path, content), [])
    assert lines[0] == f"line {1000 - LINES + 1}"
    assert (len(lines), lines[-1]) == (LINES, "x" * LINE_CHARACTERS + "…")


def test_a_huge_log_is_not_read_whole_and_no_secret_is_cut_in_two(tmp_path: Path) -> None:
    """Of a log larger than what is read, the first line, which may be half a line, is left out."""
    lines = last_lines(log_with(tmp_path, b"secret-value " * 10_000 + b"\nend\n"), ["secret-value"])
    assert lines == ["end"]


def test_lines_are_escaped(tmp_path: Path) -> None:
    """Control characters, bidirectional overrides and invalid UTF-8 cannot act on a terminal; letters stay."""
    content = "naïve \x1b]0;title\x07 \u202e café\rnext\x00".encode() + b"\xff\n"
    assert last_lines(log_with(tmp_path, content), []) == ["naïve \\x1b]0;title\\x07 \\u202e café", "next\\x00\ufffd"]


def test_a_missing_log_has_no_lines(tmp_path: Path) -> None:
    """A log that cannot be read is an empty one."""
    assert last_lines(tmp_path / "none", []) == []


def test_secret_values_are_the_given_and_the_named_ones() -> None:
    """Given values of 6 characters count, shorter ones and inherited ones by their name, longest first."""
    given = {"PORT": "3110", "MODE": "production", "PASSWORD": "abcd", "PEM": "-----\nsecond-line"}
    inherited = {"LEGACY_TOKEN": "inherited-token", "HOME": "/home/someone", "MY_KEY": "abc"}
    found = secret_values(given, inherited)
    assert found == ["-----\nsecond-line", "inherited-token", "second-line", "production", "abcd"]


def test_no_secret_is_in_an_error_or_repr(tmp_path: Path, state: Path) -> None:
    """What a failing service prints of its environment is masked."""
    code = "import os; print(dict(os.environ)); raise SystemExit(1)"
    spec = script(tmp_path, code, env={"PLAIN": "planted-value"})
    environment = Environment(environ={"SOME_TOKEN": "planted-token"})
    with pytest.raises(ServiceError) as caught:
        up([spec], state, environment=environment)
    assert "'SOME_TOKEN': '***'" in str(caught.value)
    shown = str(caught.value) + repr(caught.value) + repr(spec) + repr(environment)
    assert not any(secret in shown for secret in ("planted-value", "planted-token"))


def test_no_secret_is_in_the_state_file(tmp_path: Path, state: Path) -> None:
    """Neither given nor inherited variables are written there."""
    environment = Environment(environ={"SOME_TOKEN": "planted-token"})
    up([server(tmp_path, env={"PLAIN": "planted-value"})], state, environment=environment)
    text = (state / "services" / "one.json").read_text()
    assert set(json.loads(text)) == {"name", "pid", "created", "mark"}
    assert "planted" not in text


def test_a_spec_hides_its_environment() -> None:
    """The `repr` of a service has no variable in it."""
    spec = ServiceSpec(name="a", command=("b",), cwd=Path(), env={"X": "planted"}, health_url="http://127.0.0.1:1/")
    assert "planted" not in repr(spec)
