import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.state import Record, StateFolder
from parity_pipeline.services.supervisor import Environment, down, is_healthy, running, status, up
from parity_pipeline_tests.services.programs import alive, script, server


def test_up_status_down(tmp_path: Path, state: Path) -> None:
    """What is brought up is healthy, has its pid and log in its status, and is gone after `down`."""
    specs = [server(tmp_path, "one"), server(tmp_path, "two")]
    assert [one.healthy for one in status(specs, state)] == [False, False]
    assert not state.exists()
    states = up(specs, state)
    assert [(one.name, one.healthy, alive(one.pid), one.started) for one in states] == [
        ("one", True, True, True),
        ("two", True, True, True),
    ]
    assert status(specs, state) == [replace(one, started=False) for one in states]
    assert states[0].log.read_text() == "serving with None\n"
    assert down(state) == ["two", "one"]
    assert not any(alive(one.pid) for one in states)
    assert not list((state / "services").iterdir())
    assert down(state) == []


def test_other_work_is_done_while_services_start(tmp_path: Path, state: Path) -> None:
    """`meanwhile` is called once, when every process has been started, also where there is none; its error stops all."""
    specs = [server(tmp_path, "one"), server(tmp_path, "two")]
    seen: list[list[bool]] = []
    up(specs, state, meanwhile=lambda: seen.append([StateFolder(state).load(one.name) is not None for one in specs]))
    up(specs, state, meanwhile=lambda: seen.append([]))
    assert seen == [[True, True], []]
    down(state)

    def fail() -> None:
        raise ServiceError("no")

    with pytest.raises(ServiceError, match="no"):
        up(specs, state, meanwhile=fail)
    assert not any(one.healthy for one in status(specs, state))


def test_what_is_healthy_already_is_left_alone_and_never_stopped(tmp_path: Path, state: Path) -> None:
    """A service that somebody else runs is used, and outlives `down`."""
    spec = server(tmp_path)
    other = up([spec], tmp_path / "elsewhere")[0]
    states = up([spec], state)[0]
    assert (states.healthy, states.started, states.pid) == (True, False, None)
    assert down(state) == []
    assert alive(other.pid)
    down(tmp_path / "elsewhere")


def test_a_second_up_finds_the_first_ones_process(tmp_path: Path, state: Path) -> None:
    """A service of ours that runs is not started again."""
    spec = server(tmp_path)
    first, second = up([spec], state)[0], up([spec], state)[0]
    assert (second.pid, second.started) == (first.pid, False)


def test_two_at_the_same_time_start_one_process(tmp_path: Path, state: Path) -> None:
    """The second call waits for the first and then finds everything up."""
    spec = server(tmp_path)
    states: list[bool] = []
    threads = [threading.Thread(target=lambda: states.append(up([spec], state)[0].started)) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(states) == [False, True]


def test_a_service_outlives_the_command_that_started_it(tmp_path: Path, state: Path) -> None:
    """The process runs on when its starter has ended, in a session of its own, and another process can stop it."""
    spec = server(tmp_path)
    code = (
        "import sys; from pathlib import Path\n"
        "from parity_pipeline.services.supervisor import up\nfrom parity_pipeline.services.state import ServiceSpec\n"
        f"spec = ServiceSpec(name='one', command={spec.command!r}, cwd=Path('.'), health_url={spec.health_url!r})\n"
        f"print(up([spec], Path({str(state)!r}))[0].pid)"
    )
    pid = int(subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, timeout=60).stdout)
    assert is_healthy(spec.health_url)
    assert status([spec], state)[0].pid == pid
    assert down(state) == ["one"]
    assert not alive(pid)


def test_a_failing_start_shows_the_log_and_stops_the_others(tmp_path: Path, state: Path) -> None:
    """The error has the exit code and the last lines, and nothing of this call is left running; others are."""
    before = up([server(tmp_path, "before")], state)[0]
    good = server(tmp_path, "good")
    bad = script(tmp_path, "print('starting'); print('cannot bind: \\x1b[31mport taken'); raise SystemExit(3)")
    with pytest.raises(ServiceError) as caught:
        up([good, bad], state)
    text = str(caught.value)
    assert "service 'script': it ended with exit code 3 before it was ready" in text
    assert "starting\n    cannot bind: \\x1b[31mport taken" in text
    assert not is_healthy(good.health_url)
    assert [record.name for record in StateFolder(state).records()] == ["before"]
    assert alive(before.pid)


def test_a_service_that_never_responds_is_stopped_after_its_time(tmp_path: Path, state: Path) -> None:
    """The time-out runs on the given clock, and the process is ended."""
    seconds = iter(range(0, 10_000, 4))
    spec = script(tmp_path, "import time; print('thinking', flush=True); time.sleep(600)", startup_timeout=30.0)
    environment = Environment(clock=lambda: float(next(seconds)), sleep=lambda _: None, ask=lambda _: False)
    with pytest.raises(ServiceError, match=r"http://127\.0\.0\.1:\d+/health did not return 2xx within 30 s"):
        up([spec], state, environment=environment)
    assert status([spec], state)[0].pid is None


@pytest.mark.parametrize("path", ["/500", "/404", "/302"])
def test_only_2xx_is_healthy(tmp_path: Path, state: Path, path: str) -> None:
    """A service that responds with an error or a redirect is up and not healthy."""
    spec = server(tmp_path)
    up([spec], state)
    bad = replace(spec, health_url=spec.health_url.replace("/200", path))
    assert [one.healthy for one in status([spec, bad], state)] == [True, False]


def test_an_unhealthy_process_of_ours_is_replaced(tmp_path: Path, state: Path) -> None:
    """`up` does not start a second process beside one that runs and does not respond."""
    spec = server(tmp_path)
    first = up([spec], state)[0]
    second = up([replace(server(tmp_path), name=spec.name)], state)[0]
    assert not alive(first.pid)
    assert alive(second.pid)


def test_a_stale_state_file_does_not_matter(tmp_path: Path, state: Path) -> None:
    """A process that has ended is started again, and one that is gone needs no stopping."""
    spec = server(tmp_path)
    first = up([spec], state)[0]
    psutil.Process(first.pid).kill()
    second = up([spec], state)[0]
    assert second.started
    psutil.Process(second.pid).kill()
    while alive(second.pid):
        pass
    assert down(state) == []
    assert StateFolder(state).records() == []


def test_a_reused_pid_is_never_stopped(tmp_path: Path, state: Path) -> None:
    """A record whose pid belongs to a process with another start time is forgotten, and that process lives."""
    spec = server(tmp_path)
    other = up([spec], tmp_path / "elsewhere")[0]
    assert other.pid is not None
    folder = StateFolder(state)
    created = psutil.Process(other.pid).create_time()
    folder.save(Record(name=spec.name, pid=other.pid, created=created - 60))
    assert status([spec], state)[0].pid is None
    assert down(state) == []
    assert alive(other.pid)
    assert folder.load(spec.name) is None
    down(tmp_path / "elsewhere")


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"name": "one", "pid": "x"}', b"\xff"])
def test_a_damaged_state_file_does_not_matter(tmp_path: Path, state: Path, content: bytes) -> None:
    """A state file that cannot be read counts as none, and is removed by `down`."""
    (state / "services").mkdir(parents=True)
    (state / "services" / "one.json").write_bytes(content)
    assert status([server(tmp_path)], state)[0].pid is None
    assert down(state) == []
    assert not list((state / "services").iterdir())


def test_running_stops_what_it_started_and_nothing_else(tmp_path: Path, state: Path) -> None:
    """After the block the services of before still run, and those of the block do not."""
    before, inside = server(tmp_path, "before"), server(tmp_path, "inside")
    up([before], state)
    with running([before, inside], state) as states:
        assert [one.started for one in states] == [False, True]
        assert all(one.healthy for one in status([before, inside], state))
    assert [one.healthy for one in status([before, inside], state)] == [True, False]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, SystemExit])
def test_running_stops_what_it_started_after_an_error(tmp_path: Path, state: Path, error: type[BaseException]) -> None:
    """An exception or Ctrl-C in the block comes through, and the services are stopped."""
    spec = server(tmp_path)
    with pytest.raises(error), running([spec], state):
        raise error
    assert not status([spec], state)[0].healthy


def test_an_interrupt_while_waiting_leaves_nothing_behind(tmp_path: Path, state: Path) -> None:
    """Ctrl-C during the start stops what was started until then."""
    pids: list[int] = []

    def ask(_: str) -> bool:
        if record := StateFolder(state).load("script"):
            pids.append(record.pid)
            raise KeyboardInterrupt
        return False

    spec = script(tmp_path, "import signal; signal.pause()")
    with pytest.raises(KeyboardInterrupt):
        up([spec], state, environment=Environment(ask=ask))
    assert pids
    assert not alive(pids[0])


def test_running_leaves_a_process_alone_that_somebody_else_started_meanwhile(tmp_path: Path, state: Path) -> None:
    """When a service was brought down and up again inside the block, the new process is not this block's."""
    spec = server(tmp_path)
    with running([spec], state):
        down(state)
        up([spec], state)
    states = status([spec], state)[0]
    assert (states.healthy, alive(states.pid)) == (True, True)


def test_a_service_whose_port_is_taken_says_so(tmp_path: Path, state: Path) -> None:
    """What the log says of the port becomes the remedy; a service that ends for another reason has none of it."""
    one, other = server(tmp_path), server(tmp_path, "other", path="/500")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", int(one.command[3])))
        with pytest.raises(
            ServiceError, match="Another process has its port: stop that one, or give the service another"
        ):
            up([one], state)
    broken = replace(other, command=("python", "-c", "raise SystemExit('no model')"))
    with pytest.raises(ServiceError, match="no model") as ended:
        up([broken], state)
    assert "Another process" not in str(ended.value)
