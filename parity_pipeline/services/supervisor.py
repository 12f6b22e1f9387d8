"""Bring services up, look at them, and bring them down again.

Here belong the order of things (look first, start what is missing, wait for all together, undo on failure) and the
health check. Starting and stopping one process is `processes`.
"""

import os
import re
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Final

import httpx
from filelock import FileLock, Timeout

from parity_pipeline.core.errors import ServiceError
from parity_pipeline.services.processes import exit_code, service_error, start, stop
from parity_pipeline.services.state import Record, ServiceSpec, ServiceStatus, StateFolder, last_lines, secret_values

HEALTH_SECONDS: Final = 1.0
"""How long one health check may take: several services take turns, and one that hangs must not hide the others."""

POLL_SECONDS: Final = 0.03
"""Pause between two rounds of health checks."""

LOCK_SECONDS: Final = 120.0
"""How long one call waits for another that starts or stops services of the same state folder."""


def is_healthy(health_url: str) -> bool:
    """Return whether the URL returns 2xx; a redirect, an error and no response do not count.

    Proxies of the environment are not used: a health URL is local.
    """
    encrypted = not health_url.startswith("http://")  # else reading the system's certificates takes most of the time
    try:
        # The body is not read: it may never end.
        with httpx.stream("GET", health_url, timeout=HEALTH_SECONDS, trust_env=False, verify=encrypted) as response:
            return response.is_success
    except (httpx.HTTPError, httpx.InvalidURL):
        return False


@dataclass(frozen=True, slots=True, kw_only=True)
class Environment:
    """What the outside world does for these functions; tests pass their own.

    Attributes:
        clock: Seconds from any start, never going back.
        sleep: Waits the given seconds.
        ask: Whether a health URL returns 2xx.
        environ: Variables that services inherit.
    """

    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], None] = time.sleep
    ask: Callable[[str], bool] = is_healthy
    environ: Mapping[str, str] = field(default_factory=lambda: os.environ, repr=False)


REAL: Final = Environment()


def up(
    specs: Sequence[ServiceSpec],
    state_dir: Path,
    *,
    environment: Environment = REAL,
    meanwhile: Callable[[], None] = lambda: None,
) -> list[ServiceStatus]:
    """Start what is not healthy yet, and return one status per service, in order, when everything is.

    What is healthy already is left alone. A process of ours that runs and is not healthy is replaced.
    Services are started in the given order and waited for together, each with its own time-out.

    Args:
        specs: Services with different names.
        state_dir: Folder for logs, state files and the lock; made where missing.
        environment: The outside world.
        meanwhile: Called once, after the last process was started and before any is waited for.

    Raises:
        ServiceError: A service cannot be started, ended at once, or never got healthy; what this call started is
            stopped. Or another call holds the lock for too long.
    """
    folder = StateFolder(state_dir)
    with _locked(folder), ExitStack() as undo:  # also on Ctrl-C: nothing that was started is left behind
        statuses = {spec.name: _look(spec, folder, environment) for spec in specs}
        started: list[tuple[ServiceSpec, Record]] = []
        for spec in (spec for spec in specs if not statuses[spec.name].healthy):
            if before := folder.load(spec.name):
                _stop_all([before], folder)
            record = start(spec, folder.log(spec.name), environment.environ)
            undo.callback(_stop_all, [record], folder)
            folder.save(record)
            started.append((spec, record))
        meanwhile()
        _wait_for(started, folder, environment)
        undo.pop_all()
    for spec, record in started:
        statuses[spec.name] = replace(statuses[spec.name], healthy=True, pid=record.pid, started=True)
    return [statuses[spec.name] for spec in specs]


def status(specs: Sequence[ServiceSpec], state_dir: Path, *, environment: Environment = REAL) -> list[ServiceStatus]:
    """Return what is known of each service now; nothing is started, stopped or written."""
    return [_look(spec, StateFolder(state_dir), environment) for spec in specs]


def down(state_dir: Path) -> list[str]:
    """Stop what `up` started in this state folder and still runs, last one first; return the names of the stopped.

    Raises:
        ServiceError: A process could not be stopped; the others are.
    """
    folder = StateFolder(state_dir)
    if not state_dir.is_dir():
        return []
    with _locked(folder):
        folder.remove_damaged()
        return _stop_all(folder.records(), folder)


@contextmanager
def running(
    specs: Sequence[ServiceSpec],
    state_dir: Path,
    *,
    environment: Environment = REAL,
    meanwhile: Callable[[], None] = lambda: None,
) -> Generator[list[ServiceStatus]]:
    """Have services up inside a `with` block, and stop exactly what this block started, whatever happens in it.

    `meanwhile` is called while they start, as in `up`.
    """
    statuses = up(specs, state_dir, environment=environment, meanwhile=meanwhile)
    folder = StateFolder(state_dir)
    mine = [record for seen in statuses if seen.started and (record := folder.load(seen.name))]
    try:
        yield statuses
    finally:
        with _locked(folder):
            _stop_all([record for record in mine if folder.load(record.name) == record], folder)


@contextmanager
def _locked(folder: StateFolder) -> Generator[None]:
    try:
        folder.root.mkdir(parents=True, exist_ok=True)
        lock = FileLock(folder.lock).acquire(timeout=LOCK_SECONDS)
    except Timeout:
        problem = f"another command has been starting or stopping services for {LOCK_SECONDS:g} s"
        raise ServiceError(problem, place=str(folder.root), remedy="Wait until it ends, or stop it.") from None
    except OSError as error:
        problem, remedy = f"cannot be written to: {error.strerror}", "Set state_dir in parity.yaml to another folder."
        raise ServiceError(problem, place=str(folder.root), remedy=remedy) from error
    with lock:
        yield


def _look(spec: ServiceSpec, folder: StateFolder, environment: Environment) -> ServiceStatus:
    record = folder.load(spec.name)
    return ServiceStatus(
        name=spec.name,
        health_url=spec.health_url,
        healthy=environment.ask(spec.health_url),
        log=folder.log(spec.name),
        pid=record.pid if record and record.process() else None,
    )


def _stop_all(records: Sequence[Record], folder: StateFolder) -> list[str]:
    """Stop processes, last one first, and return their names; where one does not stop, its record stays."""
    stopped: list[str] = []

    def stop_one(record: Record) -> None:
        if stop(record):
            stopped.append(record.name)
        folder.forget(record.name)

    with ExitStack() as stack:  # calls each, even when one has raised
        for record in records:
            stack.callback(stop_one, record)
    return stopped


def _wait_for(started: Sequence[tuple[ServiceSpec, Record]], folder: StateFolder, environment: Environment) -> None:
    began = environment.clock()
    while started := [(spec, record) for spec, record in started if not _ready(spec, record, folder, environment)]:
        waited = environment.clock() - began
        for spec, _ in started:
            if waited >= spec.startup_timeout:
                problem = f"{spec.health_url} did not return 2xx within {spec.startup_timeout:g} s"
                raise _start_error(spec, problem, folder, environment)
        environment.sleep(POLL_SECONDS)


def _ready(spec: ServiceSpec, record: Record, folder: StateFolder, environment: Environment) -> bool:
    """Return whether it is healthy and runs itself: another process may have taken the port meanwhile."""
    healthy = environment.ask(spec.health_url)
    code = exit_code(record)
    if code is not None:
        how = f"by signal {-code}" if code < 0 else f"with exit code {code}"
        raise _start_error(spec, f"it ended {how} before it was ready", folder, environment)
    return healthy


def _start_error(spec: ServiceSpec, problem: str, folder: StateFolder, environment: Environment) -> ServiceError:
    log = folder.log(spec.name)
    lines = last_lines(log, secret_values(spec.env, environment.environ))
    shown = "\n    ".join(["; the last lines of its log:", *lines]) if lines else "; its log is empty"
    whole = f"The whole log is {log}."
    if any(_PORT_TAKEN.search(line) for line in lines):
        whole = f"Another process has its port: stop that one, or give the service another port. {whole}"
    return service_error(spec.name, problem + shown, f"\n  {whole}")


_PORT_TAKEN: Final = re.compile(r"(?i)address already in use|EADDRINUSE|port .*(in use|taken|allocated)")
"""What programs write to their log where a port is taken."""
