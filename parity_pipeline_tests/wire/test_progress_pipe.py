"""Progress that crosses from the process of a step to its command."""

import os
from pathlib import Path
from threading import Event

from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.progress import Progress
from parity_pipeline.wire.progress_pipe import PIPE_VARIABLE, piped_watch, reading_progress

RECORD = Progress(
    side=Side.CANDIDATE,
    done=3,
    total=None,
    kept=1,
    rate=2.5,
    retries=1,
    errors_by_kind={"status 503": 2},
    seconds_left=None,
    rows="queries",
)


def test_a_record_arrives_as_it_was_sent() -> None:
    """Lane and record are the same, in the order in which they were sent, whoever sends them."""
    seen: list[tuple[str, Progress]] = []
    with reading_progress(lambda lane, progress: seen.append((lane, progress))):
        for lane in ("a", "ü\n"):
            watch = piped_watch(os.environ)
            assert watch
            watch(lane, RECORD)
    assert seen == [("a", RECORD), ("ü\n", RECORD)]
    assert PIPE_VARIABLE not in os.environ


def test_a_process_without_a_command_reports_to_nobody() -> None:
    """A run of the UI has no pipe."""
    assert piped_watch({}) is None


def test_a_command_that_is_gone_keeps_no_step_from_going_on(tmp_path: Path) -> None:
    """Neither a pipe that was removed nor one that nobody reads makes a step wait or fail."""
    os.mkfifo(tmp_path / "unread")
    for name in ("removed", "unread"):
        watch = piped_watch({PIPE_VARIABLE: str(tmp_path / name)})
        assert watch
        watch("lane", RECORD)


def test_a_full_pipe_and_a_long_record_are_dropped() -> None:
    """While the command is busy, a step goes on; what the pipe cannot take as a whole is not sent at all."""
    busy, released = Event(), Event()
    seen: list[str] = []

    def slow(lane: str, _progress: Progress) -> None:
        busy.set()
        released.wait()
        seen.append(lane)

    with reading_progress(slow):
        watch = piped_watch(os.environ)
        assert watch
        watch("first", RECORD)
        assert busy.wait(60)
        watch("long" * 2_000, RECORD)
        for number in range(1_000):
            watch(str(number), RECORD)
        released.set()
    assert seen[:2] == ["first", "0"]
    assert 2 < len(seen) < 1_000


def test_what_cannot_be_read_is_passed_over() -> None:
    """Another version's process may write other fields."""
    seen: list[str] = []
    with reading_progress(lambda lane, _: seen.append(lane)):
        pipe = Path(os.environ[PIPE_VARIABLE])
        pipe.write_bytes(b'{"lane": "x"}\n[]\n{\n{"lane": "y", "side": "other"}\n')
        watch = piped_watch(os.environ)
        assert watch
        watch("good", RECORD)
    assert seen == ["good"]
