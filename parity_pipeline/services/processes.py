"""Start a process that outlives its starter, and stop one with all its children.

Here belong sessions, signals and zombies. Which process belongs to which service is `state`.
"""

import os
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Final

import psutil

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.state import Record, ServiceSpec

STOP_SECONDS: Final = 10.0
"""How long a process may take to end after SIGTERM before it gets SIGKILL."""

KILL_SECONDS: Final = 5.0
"""How long the system may take to end a process after SIGKILL."""

_POLL_SECONDS: Final = 0.04
MARK_VARIABLE: Final = "PARITY_SERVICE_MARK"
"""Identifies what a service left running when the service itself has ended. Older versions use the same name."""

_children: Final[dict[int, psutil.Popen]] = {}
"""What this very process started and has not reaped yet: nobody else is given the exit code."""


def start(spec: ServiceSpec, log: Path, environ: Mapping[str, str]) -> Record:
    """Start a service in its own session, with its output in a fresh log; what was there is kept as `<log>.1`.

    The service inherits `environ`, with `spec.env` on top.

    Raises:
        ServiceError: Its folder or program is missing, or the system refused to start it.
    """
    if not spec.cwd.is_dir():
        raise service_error(spec.name, f"there is no folder {str(spec.cwd)!r}", "Correct `cwd` of the service.")
    if not spec.command:
        raise service_error(spec.name, "its command is empty", "Give `command` a program.")
    program = sys.executable if spec.command[0] in {"python", "python3"} else spec.command[0]
    mark = secrets.token_hex(16)
    log.parent.mkdir(parents=True, exist_ok=True)
    with suppress(FileNotFoundError):
        log.replace(log.with_name(f"{log.name}.1"))
    try:
        with log.open("wb") as output:
            child = psutil.Popen(  # looks the program up on the PATH of `env`, or below `cwd` where it has a slash
                [program, *spec.command[1:]],
                cwd=spec.cwd,
                env={**environ, **spec.env, MARK_VARIABLE: mark},
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "the command or a variable holds a NUL character"
        problem = f"{spec.command[0]!r} could not be started: {reason}"
        remedy = "Correct `command` or `cwd`, or build the program first."
        raise service_error(spec.name, problem, remedy) from None
    _children[child.pid] = child
    try:
        created = child.create_time()
    except psutil.Error:  # it has ended already; no process will ever have this start time
        created = 0.0
    return Record(name=spec.name, pid=child.pid, created=created, mark=mark)


def exit_code(record: Record) -> int | None:
    """Return the exit code of a child of this process, negative for a signal, or None while it runs."""
    child = _children.get(record.pid)
    return child.poll() if child else None


def stop(record: Record) -> bool:
    """End a recorded process and all that it started, and return whether there was something to stop.

    SIGTERM, time to finish, then SIGKILL. When the process has ended, or its pid is another process now, only what it
    left behind is ended.

    Raises:
        ServiceError: Something still runs after SIGKILL, or belongs to another user.
    """
    left = found = _family(record)
    for number, seconds in ((signal.SIGTERM, STOP_SECONDS), (signal.SIGKILL, KILL_SECONDS)):
        for process in left:
            with suppress(psutil.Error):
                process.send_signal(number)
        # Not `psutil.wait_procs`, to which a zombie still runs: where the first process of a container reaps nothing,
        # each stop would take the full time and then fail. Members are looked up again: more may have been started.
        deadline = time.monotonic() + seconds
        while (left := left and _family(record, left)) and time.monotonic() < deadline:
            time.sleep(_POLL_SECONDS)
    if (child := _children.get(record.pid)) and child.poll() is not None:
        del _children[record.pid]
    if left:
        pids = ", ".join(str(process.pid) for process in left)
        raise service_error(record.name, f"process {pids} did not end, not even after SIGKILL", "Stop it by hand.")
    return bool(found)


def _family(record: Record, known: Iterable[psutil.Process] = ()) -> list[psutil.Process]:
    """Return what runs of a service: its process, all descendants, its session, and what carries its mark."""
    leader = record.process()
    found = {*known, *([leader] if leader else [])}
    for member in [*found]:
        with suppress(psutil.Error):
            found.update(member.children(recursive=True))
    found.update(process for process in psutil.process_iter() if _belongs(process, record, leader))
    return [process for process in found if _alive(process)]


def _belongs(process: psutil.Process, record: Record, leader: psutil.Process | None) -> bool:
    """Recognise a member by its session while the leader lives, or by its mark, unreadable in another user's process."""
    try:
        if leader and os.getsid(process.pid) == leader.pid:
            return True
        return bool(record.mark) and process.environ().get(MARK_VARIABLE) == record.mark
    except (psutil.Error, OSError):
        return False


def _alive(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def service_error(name: str, problem: str, remedy: str) -> ServiceError:
    """Return an error that names the service."""
    return ServiceError(problem, place=f"service {name!r}", remedy=remedy)
