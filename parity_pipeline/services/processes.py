"""Start a process that outlives its starter, and stop one with all its children.

Here belong the system's ways: sessions, signals, zombies. Which process belongs to which service is `records`.
"""

import contextlib
import os
import secrets
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final

import psutil

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.records import Record
from parity_pipeline.services.spec import ServiceSpec

STOP_SECONDS: Final = 10.0
"""How long a process may take to end after SIGTERM before it gets SIGKILL."""

KILL_SECONDS: Final = 5.0
"""How long the system may take to clear away a process after SIGKILL."""

_POLL_SECONDS: Final = 0.02
MARK_VARIABLE: Final = "PARITY_SERVICE_MARK"
"""Variable by which what a service left behind is known when the service itself has ended."""

_THIS_PYTHON: Final = frozenset({"python", "python3"})

_children: Final[dict[int, subprocess.Popen[bytes]]] = {}
"""Processes that this very process started: it alone can clear them away when they have ended."""


def program_of(spec: ServiceSpec, path: str | None) -> str:
    """Return the program of a service as an absolute path.

    Args:
        spec: The service.
        path: PATH of its environment.

    Raises:
        ServiceError: No command, no such program, or one that may not be run.
    """
    if not spec.command:
        raise ServiceError("its command is empty", place=_place(spec), remedy="Give `command` a program.")
    name = spec.command[0]
    if name in _THIS_PYTHON:
        return sys.executable
    if "/" in name or os.sep in name:
        found = shutil.which(str((spec.cwd / name).absolute()))
    else:
        found = shutil.which(name, path=path)
    if found is None:
        where = f"in {str(spec.cwd)!r}" if "/" in name else "on PATH"
        raise ServiceError(
            f"there is no program {name!r} {where} that may be run",
            place=_place(spec),
            remedy="Correct `command` or `cwd`, or build the program first.",
        )
    return str(Path(found).absolute())


def start(spec: ServiceSpec, log: Path, environ: Mapping[str, str]) -> Record:
    """Start a service in its own session, with its output in a fresh log.

    Args:
        spec: The service.
        log: File for standard output and error; what was there is kept as `<log>.1`.
        environ: What is inherited; `spec.env` is set on top.

    Raises:
        ServiceError: Its folder or program is missing, or the system refused to start it.
    """
    if not spec.cwd.is_dir():
        raise ServiceError(
            f"there is no folder {str(spec.cwd)!r}", place=_place(spec), remedy="Correct `cwd` of the service."
        )
    mark = secrets.token_hex(16)
    env = {**environ, **spec.env, MARK_VARIABLE: mark}
    program = program_of(spec, env.get("PATH"))
    log.parent.mkdir(parents=True, exist_ok=True)
    with contextlib.suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))
    try:
        with log.open("wb") as output:
            child = subprocess.Popen(  # noqa: S603 - running a person's own program is what this is for
                [program, *spec.command[1:]],
                cwd=spec.cwd,
                env=env,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the command or a variable holds a NUL character"
        raise ServiceError(
            f"{spec.command[0]!r} could not be started: {reason}", place=_place(spec), remedy="Correct `command`."
        ) from None
    _children[child.pid] = child
    try:
        created = psutil.Process(child.pid).create_time()
    except psutil.Error:  # it has ended already; no process will ever have this start time
        created = 0.0
    return Record(name=spec.name, pid=child.pid, created=created, mark=mark)


def exit_code(record: Record) -> int | None:
    """Return the exit code of a child of this process, negative for a signal, or None while it runs."""
    child = _children.get(record.pid)
    if child is None:
        return None if record.process() else -1
    return child.poll()


def stop(record: Record, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> bool:
    """End a recorded process and all its children: SIGTERM to its group, a while to finish, then SIGKILL.

    Args:
        record: Which process. When it has ended, or its pid is another process now, only what it left behind is ended.
        clock: Seconds from any start, never going back.
        sleep: Waits the given seconds.

    Returns:
        Whether there was something to stop.

    Raises:
        ServiceError: Something is still running after SIGKILL, or may not be stopped by this user.
    """
    family = _family(record)
    _reap(record.pid)
    if not family:
        return False
    _signal(record.pid, family, signal.SIGTERM)
    _wait(family, record.pid, clock, sleep, STOP_SECONDS)
    if left := _family(record, family):
        _signal(record.pid, left, signal.SIGKILL)
        _wait(left, record.pid, clock, sleep, KILL_SECONDS)
    if left := _family(record, left):
        pids = ", ".join(str(process.pid) for process in left)
        raise ServiceError(
            f"process {pids} did not end, not even by SIGKILL",
            place=f"service {record.name!r}",
            remedy="Stop it by hand.",
        )
    return True


def _family(record: Record, known: Sequence[psutil.Process] = ()) -> list[psutil.Process]:
    """Return what runs of a service: the recorded process, its descendants, and who else carries its mark."""
    leader = record.process()
    found = {*known, *([leader] if leader else [])}
    for member in [*found]:
        with contextlib.suppress(psutil.Error):
            found.update(member.children(recursive=True))
    if record.mark:
        found.update(process for process in psutil.process_iter() if _carries(process, record.mark))
    return [process for process in found if _runs(process)]


def _carries(process: psutil.Process, mark: str) -> bool:
    """Return whether the environment has the mark; that of another user's process cannot be read and has not."""
    try:
        return process.environ().get(MARK_VARIABLE) == mark
    except (psutil.Error, OSError):
        return False


def _signal(group: int, processes: Sequence[psutil.Process], number: signal.Signals) -> None:
    """Signal the group while one of its own is alive, and each process that has left the group."""
    if any(_runs(process) and _group_of(process) == group for process in processes):
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(group, number)
    for process in processes:
        if _runs(process) and _group_of(process) != group:
            with contextlib.suppress(psutil.Error):
                process.send_signal(number)


def _group_of(process: psutil.Process) -> int | None:
    try:
        return os.getpgid(process.pid)
    except OSError:
        return None


def _runs(process: psutil.Process) -> bool:
    """Return whether it is alive; a zombie waits for its parent alone and cannot be stopped any more."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _wait(
    processes: Sequence[psutil.Process],
    leader: int,
    clock: Callable[[], float],
    sleep: Callable[[float], None],
    seconds: float,
) -> None:
    """Wait until all have ended, at most `seconds`."""
    deadline = clock() + seconds
    while any(_runs(process) for process in processes) and clock() < deadline:
        sleep(_POLL_SECONDS)
        _reap(leader)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _place(spec: ServiceSpec) -> str:
    return f"service {spec.name!r}"
