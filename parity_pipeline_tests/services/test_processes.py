import os
import re
import signal
import sys
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services import processes
from parity_pipeline.services.state import ServiceSpec
from parity_pipeline.services.supervisor import down, up
from parity_pipeline_tests.services.programs import alive, script, server


def spec_of(folder: Path, *command: str) -> ServiceSpec:
    """Return a service that is not started."""
    return ServiceSpec(name="one", command=command, cwd=folder, health_url="http://127.0.0.1:1/health")


def program(folder: Path, name: str, mode: int = 0o755) -> Path:
    """Write a program that says where it is and ends with 1, and may be run, or not."""
    path = folder / name
    path.parent.mkdir(exist_ok=True)
    path.write_text("#!/bin/sh\necho this is $0\nexit 1\n")
    path.chmod(mode)
    return path


@pytest.mark.parametrize("command", ["./bin/here", "bin/here", "there", "{folder}/bin/here"])
def test_programs_are_found_where_the_spec_says(tmp_path: Path, state: Path, command: str) -> None:
    """A slash means below `cwd`, a bare name the PATH of the service, and an absolute path itself."""
    program(tmp_path, "bin/here")
    program(tmp_path / "path", "there")
    spec = replace(
        spec_of(tmp_path, command.format(folder=tmp_path)), env={"PATH": f"{tmp_path / 'path'}:{os.environ['PATH']}"}
    )
    with pytest.raises(ServiceError, match=r"exit code 1 before(.|\n)*this is \S*/t?here"):
        up([spec], state)


def test_python_is_this_interpreter(tmp_path: Path, state: Path) -> None:
    """`python` needs no PATH and has the same packages."""
    with pytest.raises(ServiceError, match=f"this is {re.escape(sys.executable)}"):
        up([script(tmp_path, "import sys; sys.exit(f'this is {sys.executable}')", env={"PATH": ""})], state)


@pytest.mark.parametrize("command", ["./bin/missing", "missing-program", "./bin/plain", "./bin"])
def test_a_missing_program_is_named(tmp_path: Path, state: Path, command: str) -> None:
    """A program that is not there, may not be run, or is a folder is an error that names it and the remedy."""
    program(tmp_path, "bin/plain", mode=0o644)
    with pytest.raises(ServiceError) as caught:
        up([spec_of(tmp_path, command)], state)
    assert repr(command) in caught.value.problem
    assert caught.value.place == "service 'one'"
    assert "Correct `command`" in caught.value.remedy


@pytest.mark.parametrize("command", [(), ("python", "-c", "\0")])
def test_a_command_that_cannot_be_is_an_error(tmp_path: Path, state: Path, command: tuple[str, ...]) -> None:
    """An empty command and a NUL character are errors of the service."""
    with pytest.raises(ServiceError):
        up([spec_of(tmp_path, *command)], state)


def test_a_file_that_is_not_a_program_is_an_error(tmp_path: Path, state: Path) -> None:
    """What the system refuses to run is an error with the system's reason."""
    program(tmp_path, "bin/odd").write_bytes(b"\x00\x01")
    with pytest.raises(ServiceError, match="Exec format error"):
        up([spec_of(tmp_path, "./bin/odd")], state)


def test_a_missing_folder_is_named(tmp_path: Path, state: Path) -> None:
    """A working folder that is not there is an error that names it."""
    with pytest.raises(ServiceError, match=r"there is no folder '.*gone'"):
        up([spec_of(tmp_path / "gone", "python")], state)


def test_the_process_has_its_folder_and_environment(tmp_path: Path, state: Path) -> None:
    """Working folder and variables are those of the spec, on top of what is inherited."""
    code = "import os; print(os.getcwd(), os.environ['GIVEN_ONE'], 'PATH' in os.environ); raise SystemExit(1)"
    with pytest.raises(ServiceError, match=f"{tmp_path} abc True"):
        up([script(tmp_path, code, env={"GIVEN_ONE": "abc"})], state)


def test_the_process_leads_its_own_session(tmp_path: Path, state: Path) -> None:
    """Ctrl-C at the terminal of the starter does not reach it."""
    pid = up([server(tmp_path)], state)[0].pid
    assert pid is not None
    assert os.getsid(pid) == os.getpgid(pid) == pid


def test_children_are_stopped_too(tmp_path: Path, state: Path) -> None:
    """A child in the group and one that left for a session of its own both end."""
    started = up([server(tmp_path, "one", "parent")], state)[0]
    children = [int(pid) for pid in started.log.read_text().splitlines()[1].split()[1:]]
    assert all(alive(pid) for pid in children)
    down(state)
    assert not any(alive(pid) for pid in (started.pid, *children))


def test_a_process_without_environment_or_parent_is_stopped(tmp_path: Path, state: Path) -> None:
    """What has lost its parent and the mark still belongs to the session of the service."""
    started = up([server(tmp_path, "one", "orphan")], state)[0]
    orphan = int(started.log.read_text().splitlines()[1].split()[1])
    assert psutil.Process(orphan).ppid() != started.pid
    assert "PARITY_SERVICE_MARK" not in psutil.Process(orphan).environ()
    assert down(state) == ["one"]
    assert not alive(orphan)


def test_a_stubborn_process_is_killed(tmp_path: Path, state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What ignores SIGTERM gets SIGKILL."""
    monkeypatch.setattr(processes, "STOP_SECONDS", 0.1)
    started = up([server(tmp_path, "one", "stubborn")], state)[0]
    assert down(state) == ["one"]
    assert not alive(started.pid)


def test_the_log_of_the_start_before_is_kept(tmp_path: Path, state: Path) -> None:
    """A restart begins a fresh log and keeps one older one."""
    spec = server(tmp_path)
    log = up([spec], state)[0].log
    down(state)
    log.write_text("of before")
    up([spec], state)
    assert log.read_text() == "serving with None\n"
    assert log.with_name("one.log.1").read_text() == "of before"


def test_what_a_dead_service_left_behind_is_stopped(tmp_path: Path, state: Path) -> None:
    """When the process itself was killed, `down` still ends its children, by the mark in their environment."""
    started = up([server(tmp_path, "one", "parent")], state)[0]
    assert started.pid is not None
    children = [int(pid) for pid in started.log.read_text().splitlines()[1].split()[1:]]
    os.kill(started.pid, signal.SIGKILL)
    while alive(started.pid):
        pass
    assert all(alive(pid) for pid in children)
    assert down(state) == ["one"]
    assert not any(alive(pid) for pid in children)
