"""Progress of real runs: on a terminal while Dagster has standard error, and in a pipe."""

import fcntl
import os
import struct
import subprocess
import termios
import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import Response

from parity_pipeline_tests.fakes.searching import RETRIEVE, SearchingGateway, query_lines
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.fakes.shapes import Vector
from parity_pipeline_tests.system.project import DAY, PARITY, Project, environment, side

SEEN_SECONDS = 60.0
"""How long a gateway waits for its bar; an invisible one lets the run end, and the test fail."""

QUICK: dict[str, Any] = {"stability": {"enabled": False}, "contract": {"enabled": False}}


class Held:
    """A pair of gateways whose candidate responds to nothing until the terminal shows its lane.

    Attributes:
        seen: Set once the terminal shows it.
        waited: Whether each wait ended because it was seen.
    """

    def __init__(self) -> None:
        """Hold texts and queries of the candidate back."""
        self.seen = {"embed": threading.Event(), "retrieve": threading.Event()}
        self.waited = dict.fromkeys(self.seen, True)
        self.legacy, self.candidate = SearchingGateway("rust"), SearchingGateway("go", rule=self._search)
        self._embed = self.candidate.embedding.embed
        self.candidate.embedding.embed = self._hold

    def _wait(self, probe: str) -> None:
        self.waited[probe] = self.seen[probe].wait(SEEN_SECONDS) and self.waited[probe]

    def _hold(self, text: str, model: str) -> Vector:
        self._wait("embed")
        return self._embed(text, model)

    def _search(self, _text: str, _number: int) -> Response | None:
        self._wait("retrieve")
        return None


@contextmanager
def project_of(folder: Path, held: Held, executor: str = "in_process") -> Generator[Project]:
    """Yield a project of both probes with these gateways."""
    (folder / "queries.jsonl").write_text(query_lines(), "utf-8")
    more = {**QUICK, "executor": executor, "retrieve": RETRIEVE}
    with serve(held.legacy.app) as left, serve(held.candidate.app) as right:
        yield Project(folder, side(left, "rust"), side(right, "go"), more=more)


def on_a_terminal(project: Project, held: Held, *arguments: str, columns: int = 100) -> tuple[int, str]:
    """Run a command with a pseudo-terminal as all its streams; return its exit code and what the terminal got."""
    ours, theirs = os.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 25, columns, 0, 0))
    variables = {**environment(TERM="xterm"), "COLUMNS": ""}
    del variables["COLUMNS"]
    command, folder = [PARITY, *arguments], project.folder
    with subprocess.Popen(command, cwd=folder, env=variables, stdin=theirs, stdout=theirs, stderr=theirs) as child:
        os.close(theirs)
        found = b""
        try:
            while more := os.read(ours, 65_536):
                found += more
                if b"candidate" in found:
                    held.seen["embed"].set()
                if b"candidate retrieval" in found:
                    held.seen["retrieve"].set()
        except OSError:  # Linux reports the end of a pseudo-terminal so
            pass
        finally:
            os.close(ours)
    return child.returncode, found.decode("utf-8", "replace")


@pytest.mark.parametrize("executor", ["in_process", "forkserver"])
def test_a_terminal_shows_both_lanes_of_both_probes_while_they_are_fetched(tmp_path: Path, executor: str) -> None:
    """Each lane is on the screen before its first response, with its share; in the end the verdicts alone are left."""
    held = Held()
    with project_of(tmp_path, held, executor) as project:
        code, screen = on_a_terminal(project, held, "run", "--date", DAY)
    assert code == 0, screen
    assert held.waited == {"embed": True, "retrieve": True}
    for lane in ("legacy", "candidate"):
        for name in (f"{lane} {DAY} fake-32", f"{lane} retrieval {DAY} everyone", f"{lane} retrieval {DAY} staff"):
            assert name in screen
    assert "5/5 (100 %)" in screen
    after = screen.rpartition("\x1b[2K")[2]
    assert "fake-32" in after
    assert after.count("PASS") == 3
    assert "━" not in after
    assert "STEP_WORKER" not in screen


@pytest.mark.parametrize("option", ["--quiet", "--json"])
def test_a_terminal_shows_nothing_to_those_who_want_nothing(tmp_path: Path, option: str) -> None:
    """With --quiet there is one line per verdict, with --json one document, and no code that moves the cursor."""
    held = Held()
    for event in held.seen.values():
        event.set()
    with project_of(tmp_path, held) as project:
        code, screen = on_a_terminal(project, held, "run", "--date", DAY, "--model", "fake-32", option)
    assert code == 0
    assert "\x1b[2K" not in screen
    assert "\x1b[?25l" not in screen
    assert screen.count("\n") == 1 if option == "--quiet" else screen.startswith("{")


@pytest.mark.parametrize(("options", "lanes"), [((), 0), (("--verbose",), 2), (("--verbose", "--json"), 2)])
def test_a_pipe_gets_plain_lines_on_standard_error(tmp_path: Path, options: tuple[str, ...], lanes: int) -> None:
    """A quick run is silent there; --verbose has a line per lane, beside a JSON document too; none has terminal codes."""
    held = Held()
    for event in held.seen.values():
        event.set()
    with project_of(tmp_path, held) as project:
        result = project.parity("run", "--date", DAY, "--model", "fake-32", *options)
    assert result.code == 0
    assert "\x1b" not in result.out + result.err
    named = sorted(line.split(":")[0] for line in result.err.splitlines())
    assert named == [f"{lane} {DAY} fake-32" for lane in ("candidate", "legacy")][:lanes]
    assert all("5 of 5 samples (100 %)" in line for line in result.err.splitlines())
    if "--json" in options:
        assert result.decisions() == ["PASS"]
