"""Bring services up, look at them, and bring them down again.

Here belongs the order of things: look first, start what is missing, wait for all together, undo on failure. Starting
and stopping one process is `processes`.
"""

import os
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

from filelock import FileLock, Timeout

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.health import answers
from parity_pipeline.services.log_tail import last_lines, secret_values
from parity_pipeline.services.processes import exit_code, start, stop
from parity_pipeline.services.records import Record, StateFolder
from parity_pipeline.services.spec import ServiceSpec, ServiceStatus

POLL_SECONDS: Final = 0.03
"""Pause between two rounds of health questions."""

LOCK_SECONDS: Final = 120.0
"""How long one call waits for another that is bringing services up or down in the same state folder."""

Clock = Callable[[], float]
Sleep = Callable[[float], None]
Ask = Callable[[str], bool]


@dataclass(frozen=True, slots=True, kw_only=True)
class Surroundings:
    """What the outside world does for these functions; tests put their own in.

    Attributes:
        clock: Seconds from any start, never going back.
        sleep: Waits the given seconds.
        ask: Whether a health URL answers 2xx.
        environ: Environment that services inherit; that of this process where None.
        secrets: Further texts that no message may show.
    """

    clock: Clock = time.monotonic
    sleep: Sleep = time.sleep
    ask: Ask = answers
    environ: Mapping[str, str] | None = field(default=None, repr=False)
    secrets: Sequence[str] = field(default=(), repr=False)

    def inherited(self) -> Mapping[str, str]:
        """Return the environment that services inherit."""
        return os.environ if self.environ is None else self.environ


REAL: Final = Surroundings()


def nothing() -> None:
    """Do nothing while services start."""


def up(
    specs: Sequence[ServiceSpec],
    state_dir: Path,
    *,
    around: Surroundings = REAL,
    meanwhile: Callable[[], None] = nothing,
) -> list[ServiceStatus]:
    """Start what does not answer yet, and return when everything answers.

    What answers its health URL already is left alone. A process of ours that runs without answering is replaced.
    Services are started in the given order and waited for together, each with its own time-out.

    Args:
        specs: Services with different names.
        state_dir: Folder for logs, state files and the lock; made where missing.
        around: The outside world.
        meanwhile: Called once, after the last process was started and before any is waited for.

    Returns:
        One status a service, in the given order, all healthy.

    Raises:
        ServiceError: A service cannot be started, ended at once, or never answered; what this call started is
            stopped. Or another call holds the lock for too long.
    """
    folder = StateFolder(state_dir)
    with _one_at_a_time(folder):
        statuses = {spec.name: _look(spec, folder, around) for spec in specs}
        started: list[tuple[ServiceSpec, Record]] = []
        try:
            for spec in (spec for spec in specs if not statuses[spec.name].healthy):
                started.append((spec, _start(spec, folder, around)))  # noqa: PERF401 - one at a time: see `except`
            meanwhile()
            _wait_for(started, folder, around)
        except BaseException:  # also on Ctrl-C: nothing that was started is left behind
            for _, record in reversed(started):
                _stop(record, folder, around)
            raise
    for spec, record in started:
        statuses[spec.name] = replace(
            statuses[spec.name], healthy=True, ours=True, started=True, pid=record.pid, log=folder.log(spec.name)
        )
    return [statuses[spec.name] for spec in specs]


def status(specs: Sequence[ServiceSpec], state_dir: Path, *, around: Surroundings = REAL) -> list[ServiceStatus]:
    """Return what is known of each service now; nothing is started, stopped or written."""
    return [_look(spec, StateFolder(state_dir), around) for spec in specs]


def down(specs: Sequence[ServiceSpec] | None, state_dir: Path, *, around: Surroundings = REAL) -> list[str]:
    """Stop what `up` started, last one first, and return the names of what was stopped.

    Args:
        specs: The services to stop; every one in the state folder where None. One that `up` did not start, or that
            has ended since, is left alone.
        state_dir: The folder that `up` was given.
        around: The outside world.

    Raises:
        ServiceError: A process could not be stopped; the others are.
    """
    folder = StateFolder(state_dir)
    if not state_dir.is_dir():
        return []
    with _one_at_a_time(folder):
        names = folder.names() if specs is None else [spec.name for spec in specs]
        records = [record for name in names if (record := folder.load(name))]
        for name in {*names} - {record.name for record in records}:
            folder.forget(name)
        if specs is None:  # the order of the files says nothing, the start times do
            records.sort(key=lambda record: record.created)
        return _stop_all(records[::-1], folder, around)


@contextmanager
def running(
    specs: Sequence[ServiceSpec],
    state_dir: Path,
    *,
    around: Surroundings = REAL,
    meanwhile: Callable[[], None] = nothing,
) -> Generator[list[ServiceStatus]]:
    """Have services up inside a `with` block, and stop exactly what this block started, whatever happens in it.

    `meanwhile` is called while they start, as `up` says.
    """
    statuses = up(specs, state_dir, around=around, meanwhile=meanwhile)
    folder = StateFolder(state_dir)
    mine = [record for told in statuses if told.started and (record := folder.load(told.name))]
    try:
        yield statuses
    finally:
        with _one_at_a_time(folder):
            _stop_all([record for record in reversed(mine) if folder.load(record.name) == record], folder, around)


@contextmanager
def _one_at_a_time(folder: StateFolder) -> Generator[None]:
    folder.root.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder.lock)
    try:
        lock.acquire(timeout=LOCK_SECONDS)
    except Timeout:
        raise ServiceError(
            f"another command has been bringing services up or down for {LOCK_SECONDS:g} s",
            place=str(folder.root),
            remedy="Wait for it, or end it.",
        ) from None
    try:
        yield
    finally:
        lock.release()


def _look(spec: ServiceSpec, folder: StateFolder, around: Surroundings) -> ServiceStatus:
    record = folder.load(spec.name)
    known = ServiceStatus(name=spec.name, health_url=spec.health_url, healthy=around.ask(spec.health_url))
    if record is None or record.process() is None:
        return known
    return replace(known, ours=True, pid=record.pid, log=folder.log(spec.name))


def _start(spec: ServiceSpec, folder: StateFolder, around: Surroundings) -> Record:
    if before := folder.load(spec.name):
        _stop(before, folder, around)
    record = start(spec, folder.log(spec.name), around.inherited())
    try:
        folder.save(record)
    except BaseException:  # without a record nobody could stop it later
        _stop(record, folder, around)
        raise
    return record


def _stop(record: Record, folder: StateFolder, around: Surroundings) -> bool:
    stopped = stop(record, clock=around.clock, sleep=around.sleep)
    folder.forget(record.name)
    return stopped


def _stop_all(records: Sequence[Record], folder: StateFolder, around: Surroundings) -> list[str]:
    stopped: list[str] = []
    failures: list[ServiceError] = []
    for record in records:
        try:
            if _stop(record, folder, around):
                stopped.append(record.name)
        except ServiceError as error:
            failures.append(error)
    if failures:
        raise failures[0]
    return stopped


def _wait_for(started: Sequence[tuple[ServiceSpec, Record]], folder: StateFolder, around: Surroundings) -> None:
    began = around.clock()
    waiting = list(started)
    while True:
        waiting = [(spec, record) for spec, record in waiting if not _ready(spec, record, folder, around)]
        waited = around.clock() - began
        for spec, _ in waiting:
            if waited >= spec.startup_timeout:
                problem = f"it did not answer {spec.health_url} within {spec.startup_timeout:g} s"
                raise _start_error(spec, problem, folder, around)
        if not waiting:
            return
        around.sleep(POLL_SECONDS)


def _ready(spec: ServiceSpec, record: Record, folder: StateFolder, around: Surroundings) -> bool:
    """Return whether it answers, and is itself the one who runs: another may have taken the port meanwhile."""
    healthy = around.ask(spec.health_url)
    code = exit_code(record)
    if code is not None:
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise _start_error(spec, f"it ended {how} before it was ready", folder, around)
    return healthy


def _start_error(spec: ServiceSpec, problem: str, folder: StateFolder, around: Surroundings) -> ServiceError:
    log = folder.log(spec.name)
    hidden = [*around.secrets, *secret_values(spec.env, around.inherited())]
    lines = last_lines(log, hidden)
    told = "\n    ".join(["; the last lines of its log:", *lines]) if lines else "; its log is empty"
    return ServiceError(problem + told, place=f"service {spec.name!r}", remedy=f"\n  The whole log is {log}.")
