"""Start a process that outlives its starter, and stop one with all its children.

Here belong the system's ways: sessions, signals, zombies. Which process belongs to which service is `records`.
"""

import contextlib
import os
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
    env = {**environ, **spec.env}
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
    return Record(name=spec.name, pid=child.pid, created=created)


def exit_code(record: Record) -> int | None:
    """Return the exit code of a child of this process, negative for a signal, or None while it runs."""
    child = _children.get(record.pid)
    if child is None:
        return None if record.process() else -1
    return child.poll()


def stop(record: Record, *, clock: Callable[[], float], sleep: Callable[[float], None]) -> bool:
    """End a recorded process and all its children: SIGTERM to its group, a while to finish, then SIGKILL.

    Args:
        record: Which process; nothing happens when it has ended or its pid is another process now.
        clock: Seconds from any start, never going back.
        sleep: Waits the given seconds.

    Returns:
        Whether there was something to stop.

    Raises:
        ServiceError: Something is still running after SIGKILL, or may not be stopped by this user.
    """
    leader = record.process()
    if leader is None:
        _reap(record.pid)
        return False
    family = _family(leader)
    _signal(record.pid, family, signal.SIGTERM)
    left = _wait(family, record.pid, clock, sleep, STOP_SECONDS)
    if left:
        left = [*left, *(one for member in left for one in _family(member) if one not in left)]
        _signal(record.pid, left, signal.SIGKILL)
        left = _wait(left, record.pid, clock, sleep, KILL_SECONDS)
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise ServiceError(
            f"process {pids} did not end, not even by SIGKILL",
            place=f"service {record.name!r}",
            remedy="Stop it by hand.",
        )
    return True


def _family(leader: psutil.Process) -> list[psutil.Process]:
    try:
        return [leader, *leader.children(recursive=True)]
    except psutil.Error:
        return [leader]


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
) -> list[psutil.Process]:
    """Wait until all have ended, at most `seconds`, and return those that run still."""
    deadline = clock() + seconds
    while True:
        _reap(leader)
        left = [process for process in processes if _runs(process)]
        if not left or clock() >= deadline:
            return left
        sleep(_POLL_SECONDS)


def _reap(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _place(spec: ServiceSpec) -> str:
    return f"service {spec.name!r}"
