"""Services: `parity up`, `status` and `down`, a run that starts its own, and what a signal leaves behind."""

import signal
import threading
from collections.abc import Generator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from parity_pipeline.services.supervisor import down, is_healthy
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, LIMIT_SECONDS, Project, demo_side, free_ports, side

MODEL = "wordllama-64"


@pytest.fixture
def folder(tmp_path: Path) -> Generator[Path]:
    """Return a folder whose services are stopped afterwards, by their own pids, whatever a test did."""
    yield tmp_path
    down(tmp_path / ".parity")


def health(port: int) -> str:
    """Return the health URL of a gateway on a port."""
    return f"http://127.0.0.1:{port}/health"


def test_up_run_down(folder: Path) -> None:
    """`up` starts what is not healthy and leaves alone what does, a run uses both, `down` stops what `up` started."""
    port = free_ports(1)[0]
    other = hash_gateway("rust", models={MODEL: 64}, default_model=MODEL)
    with serve(other.app) as url:
        legacy = demo_side("legacy", int(url.rpartition(":")[2]))  # a gateway that someone else has started
        project = Project(folder, legacy, demo_side("candidate", port), models=(MODEL,))
        assert project.parity("status").code == 2
        first = project.parity("up")
        assert "demo-legacy: already running, left alone" in first.out
        assert "demo-candidate: started, pid" in first.out
        assert project.parity("status").code == 0
        ran = project.parity("run", "--date", DAY, "--json")
        assert ran.code == 1  # hashes are not embeddings, and both sides got requests
        assert is_healthy(health(port))
        assert project.parity("down").out.strip() == "stopped: demo-candidate"
        assert not is_healthy(health(port))
        assert is_healthy(f"{url}/health")
        gone = project.parity("status")
    assert gone.code == 2
    assert "demo-candidate: not healthy, not running; `parity up` starts it" in gone.out


def test_a_run_brings_its_services_and_takes_them_down(folder: Path) -> None:
    """With the demo's own gateways and nothing up before, a run passes and leaves no process behind."""
    ports = free_ports(2)
    project = Project(folder, demo_side("legacy", ports[0]), demo_side("candidate", ports[1]), models=(MODEL,))
    project.write_samples("hello", "again")
    result = project.parity("run", "--date", DAY, "--json")
    assert (result.code, result.decisions()) == (0, ["PASS"])
    assert not any(is_healthy(health(port)) for port in ports)
    assert project.parity("down").out.strip() == "nothing was running that `parity up` had started"


def test_a_service_that_cannot_start_shows_its_log(folder: Path) -> None:
    """Exit 2 with the service's name and the last lines of its log; what was started before it is stopped."""
    first, second = free_ports(2)
    broken = demo_side("candidate", second)
    broken["services"][0]["command"] = ["python", "-c", "import sys; sys.exit('no licence key')"]
    project = Project(folder, demo_side("legacy", first), broken, models=(MODEL,))
    result = project.parity("run", "--date", DAY)
    assert result.code == 2
    for word in ("demo-candidate", "no licence key", "The whole log is"):
        assert word in result.printed
    assert not is_healthy(health(first))


class Stuck:
    """A gateway that takes a request and never responds to it.

    Attributes:
        requested: Set once a request has come.
        app: The ASGI application.
    """

    def __init__(self) -> None:
        """Build the application."""
        self.requested = threading.Event()
        self.app = Starlette(routes=[Route("/v1/embed", self._wait, methods=["POST"])])

    async def _wait(self, request: Request) -> Response:
        await request.body()
        self.requested.set()
        message: Any = {}
        while message.get("type") != "http.disconnect":
            message = await request.receive()
        return Response()


@pytest.mark.parametrize("background", [False, True], ids=["foreground", "background"])
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGHUP], ids=lambda number: number.name)
def test_a_signal_in_the_middle_leaves_nothing_behind(
    folder: Path, number: signal.Signals, *, background: bool
) -> None:
    """A run that is stopped while a side hangs takes its services down, judges nothing, and exits with 130.

    A shell starts a background job with SIGINT ignored: that one has no effect then, and the others stop it still.
    """
    port = free_ports(1)[0]
    stuck = Stuck()
    with ExitStack() as stack:
        url = stack.enter_context(serve(stuck.app))
        project = Project(folder, demo_side("legacy", port), side(url, "go"), models=(MODEL, "wordllama-256"))
        handed_down = {**dict.fromkeys((signal.SIGTERM, signal.SIGHUP), signal.SIG_DFL)}
        handed_down[signal.SIGINT] = signal.SIG_IGN if background else signal.SIG_DFL
        before = {one: signal.signal(one, what) for one, what in handed_down.items()}
        child = stack.enter_context(project.start("run", "--date", DAY))
        for one, what in before.items():
            signal.signal(one, what)
        stack.callback(child.kill)
        assert stuck.requested.wait(LIMIT_SECONDS)
        assert is_healthy(health(port))
        child.send_signal(number)
        if background and number is signal.SIGINT:
            child.send_signal(signal.SIGTERM)
        out, err = child.communicate(timeout=LIMIT_SECONDS)
    assert child.returncode == 130
    assert "PASS" not in out
    assert "stopped: what was fetched is kept, and the next run of that date goes on from there" in err
    assert not is_healthy(health(port))
    assert not list((folder / ".parity" / "services").iterdir())
    assert not project.settings().layout().ledger.exists()
