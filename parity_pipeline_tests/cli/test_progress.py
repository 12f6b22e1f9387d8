"""Progress for a person who waits: the words, when a line is due, and a handle that outlives a redirected stream."""

import io
import os
import re
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

import pytest

from parity_pipeline.cli.progress import Lines, bar_text, duration, lane_text, showing_progress
from parity_pipeline.cli.terminal import OwnHandle
from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.progress import Progress

LANE = "legacy 2026-05-01 fake-32"


def progress(**more: Any) -> Progress:
    """Return the record of a lane that is under way."""
    usual: dict[str, Any] = {
        "side": Side.LEGACY,
        "done": 41_200,
        "total": 100_000,
        "kept": 0,
        "rate": 1034.4,
        "retries": 0,
        "errors_by_kind": {},
        "seconds_left": 56.8,
    }
    return Progress(**{**usual, **more})


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "41,200 of 100,000 samples (41 %), 1,034 samples/s, 57 s left"),
        ({"retries": 1}, "41,200 of 100,000 samples (41 %), 1,034 samples/s, 57 s left, 1 retry"),
        (
            {"retries": 3, "kept": 900, "rows": "queries", "done": 7},
            "7 of 100,000 queries (0 %), 1,034 queries/s, 57 s left, 3 retries, 900 kept from an earlier run",
        ),
        ({"total": None, "seconds_left": None}, "41,200 samples, 1,034 samples/s"),
        ({"done": 99_999, "seconds_left": 0.001}, "99,999 of 100,000 samples (99 %), 1,034 samples/s, 1 s left"),
        ({"done": 100_000, "finished": True}, "100,000 of 100,000 samples (100 %), 1,034 samples/s"),
        ({"done": 0, "total": 0, "rate": 0.0, "seconds_left": None}, "0 of 0 samples, 0 samples/s"),
    ],
)
def test_a_lane_in_words(more: dict[str, Any], words: str) -> None:
    """Number, share, rate and time left are said where they are known; 100 % is said at the end alone."""
    assert lane_text(progress(**more)) == words


@pytest.mark.parametrize(
    ("more", "columns", "words"),
    [
        ({}, 80, "41,200/100,000 (41 %), 1,034/s, 57 s left"),
        ({}, 30, "41 %, 1,034/s, 57 s left"),
        ({"total": None, "seconds_left": None}, 80, "41,200, 1,034/s"),
        ({"total": None, "seconds_left": None}, 3, "41,200, 1,034/s"),
    ],
)
def test_a_lane_beside_a_bar(more: dict[str, Any], columns: int, words: str) -> None:
    """Little space: the numbers alone, and where there is less, share, rate and time left."""
    assert bar_text(progress(**more, retries=3), columns) == words


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0.1, "1 s"), (59.4, "59 s"), (60, "1 min"), (61, "2 min"), (3_600, "1 h 0 min"), (90_061, "25 h 2 min")],
)
def test_a_duration_is_in_the_unit_that_suits_it(seconds: float, words: str) -> None:
    """Seconds, minutes and hours, never less than there is."""
    assert duration(seconds) == words


def test_plain_lines_come_every_few_seconds() -> None:
    """A lane has a line each 5 s, and one at its end where it had one before; a quick lane leaves none."""
    now, lines = [100.0], list[str]()
    shown = Lines(lines.append, clock=lambda: now[0])
    for seconds, record in ((0.0, progress()), (4.9, progress()), (5.0, progress(done=7)), (9.9, progress(done=8))):
        now[0] = 100.0 + seconds
        shown.watch(LANE, record)
    shown.watch("candidate 2026-05-01 fake-32", progress(finished=True))
    assert [line[:34] for line in lines] == [f"{LANE}: 7 of 10"]
    shown.watch(LANE, progress(done=100_000, finished=True))
    assert lines[-1].startswith(f"{LANE}: 100,000 of 100,000 samples (100 %)")
    assert all(line.endswith("\n") and line.count("\n") == 1 for line in lines)
    shown.watch(LANE, progress(done=0))
    shown.watch(LANE, progress(finished=True))
    assert len(lines) == 2, "another fetch of the same lane starts anew"


def test_a_verbose_command_has_a_line_per_lane() -> None:
    """With --verbose also a quick lane has its line, and a hostile name of a model stays on it."""
    lines = list[str]()
    Lines(lines.append, verbose=True).watch("legacy 2026-05-01 a\nb\x1b[2J", progress(finished=True))
    assert len(lines) == 1
    assert lines[0].count("\n") == 1
    assert "\x1b" not in lines[0]


@contextmanager
def redirected(number: int, target: int) -> Generator[None]:
    """Let a descriptor lead elsewhere, as Dagster does while a step runs."""
    kept = os.dup(number)
    try:
        os.dup2(target, number)
        yield
    finally:
        os.dup2(kept, number)
        os.close(kept)


def test_the_handle_leads_where_the_stream_led(tmp_path: Path) -> None:
    """What is written while the stream is redirected arrives where the stream led when the handle was made."""
    first, second = tmp_path / "terminal", tmp_path / "compute.log"
    with first.open("w", encoding="utf-8") as stream, second.open("w", encoding="utf-8") as log:
        with OwnHandle(stream) as handle, redirected(stream.fileno(), log.fileno()):
            stream.write("of a step\n")
            stream.flush()
            handle.write("of the bar\n")
        assert not stream.closed
    assert (first.read_text("utf-8"), second.read_text("utf-8")) == ("of the bar\n", "of a step\n")


def test_nobody_reads_any_more() -> None:
    """A closed pipe or terminal costs the display and not the run."""
    read, write = os.pipe()
    with os.fdopen(write, "w", encoding="utf-8") as stream:
        handle = OwnHandle(stream)
        os.close(read)
        handle.write("lost\n")
        handle.write("lost\n")
        handle.close()


def test_there_is_nothing_to_show_progress_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """A stream without a descriptor, or none at all, means no progress and no error."""
    for stream in (io.StringIO(), None):
        monkeypatch.setattr("sys.stderr", stream)
        with showing_progress() as watch:
            assert watch is None


@pytest.mark.parametrize("lines", [True, False])
def test_a_pipe_gets_lines_unless_nobody_wants_them(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, *, lines: bool
) -> None:
    """Without a terminal there are lines, without codes of a terminal; none where the command says so."""
    path = tmp_path / "log"
    with path.open("w", encoding="utf-8") as stream:
        monkeypatch.setattr("sys.stderr", stream)
        with showing_progress(lines=lines, verbose=True) as watch:
            assert (watch is not None) is lines
            if watch:
                watch(LANE, progress(finished=True, done=100_000))
    assert path.read_text("utf-8") == (
        f"{LANE}: 100,000 of 100,000 samples (100 %), 1,034 samples/s\n" if lines else ""
    )


@pytest.mark.parametrize(("columns", "bar"), [(100, True), (80, True), (60, False), (40, False)])
def test_bars_on_a_terminal(monkeypatch: pytest.MonkeyPatch, columns: int, *, bar: bool) -> None:
    """Both lanes of a partition are shown together, those of the next in their place; no line is wider than the terminal."""
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("COLUMNS", str(columns))
    screen = Screen()
    with screen, monkeypatch.context() as patch:
        patch.setattr("sys.stderr", screen.stream)
        with showing_progress() as watch:
            assert watch
            watch(LANE, progress(finished=True, done=100_000))
            watch("candidate 2026-05-01 fake-32", progress())
            watch("legacy 2026-05-02 fake-32", progress(done=1))
    frames = re.split(r"\x1b\[\?25[lh]|\x1b\[1A", screen.text())
    lines = [re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", line) for frame in frames for line in re.split("[\r\n]", frame)]
    assert max(map(len, lines)) <= columns
    assert any(re.search(r"candidate.*41 %.*1,034/s, 57 s left", line) for line in lines)
    assert any(("2026-05-02" in line) for line in lines) is bar
    assert any("━" in line for line in lines) is bar


class Screen:
    """A pseudo-terminal: `stream` is the end that a command writes to."""

    def __init__(self) -> None:
        """Open both ends."""
        self._ours, theirs = os.openpty()
        self.stream = os.fdopen(theirs, "w", encoding="utf-8")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stream.close()

    def text(self) -> str:
        """Return all that was written, once the writing end is closed."""
        found = b""
        try:
            while more := os.read(self._ours, 65_536):
                found += more
        except OSError:  # Linux reports the end of a pseudo-terminal so
            pass
        finally:
            os.close(self._ours)
        return found.decode("utf-8", "replace")
