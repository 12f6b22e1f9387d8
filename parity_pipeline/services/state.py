"""What a service is, and the state folder: the record of each service's process, and its log.

Here belong plain records, the layout of the folder, and the end of a log made fit for an error message: a log is foreign
text, and a service prints its secrets more often than anyone would like. Nothing here starts, stops or asks anything.
"""

import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Final

import psutil

from parity_pipeline.core.slugs import slug


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A process that a side needs.

    Attributes:
        name: What people call it; names its log and its state file, so it is unique.
        command: Program and arguments, without a shell. A program with a slash is relative to `cwd`, `python` and
            `python3` are the interpreter that runs this, anything else is looked up on PATH.
        cwd: Working folder.
        env: Variables set on top of the inherited environment; may be secret, so not in `repr`.
        health_url: Returns 2xx when the service is ready. A service that is healthy already is left alone.
        startup_timeout: Seconds that it may take to become ready.
    """

    name: str
    command: tuple[str, ...]
    cwd: Path
    env: Mapping[str, str] = field(default_factory=dict[str, str], repr=False)
    health_url: str
    startup_timeout: float = 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceStatus:
    """What is known of one service.

    Attributes:
        name: The service.
        health_url: The URL that was requested.
        healthy: Its health URL returned 2xx.
        log: File that takes its output where `up` starts it.
        pid: Its process where `up` started one that still runs, else None.
        started: The call that returned this started it.
    """

    name: str
    health_url: str
    healthy: bool
    log: Path
    pid: int | None = None
    started: bool = False


LINES: Final = 20
"""Lines of a log that an error message shows."""

LINE_CHARACTERS: Final = 300
"""Characters of one line that it shows."""

_TAIL_BYTES: Final = 64 * 1024
_MASK: Final = "***"
_SECRET_NAME: Final = re.compile(r"TOKEN|SECRET|PASS|KEY|CREDENTIAL|AUTH|DSN", re.IGNORECASE)
_SHORTEST_NAMED: Final = 4
_SHORTEST_GIVEN: Final = 6
"""Characters. A shorter value, such as a port or `true`, is not a secret, and masking it would hide what went wrong."""

_SAME_START: Final = 2.0
"""Seconds by which two readings of one process's start time may differ: it is counted from the boot time, which the
kernel gives in whole seconds and corrects with the clock. No pid is reused that fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A process that was started for a service: pid *and* start time, because the system reuses pids.

    Attributes:
        name: The service.
        pid: Process id, also its session.
        created: Start time in seconds since the epoch, as psutil reads it.
        mark: Random text that the process and all its descendants carry in their environment; "" where there is none.
    """

    name: str
    pid: int
    created: float
    mark: str = ""

    def process(self) -> psutil.Process | None:
        """Return the process, or None where it has ended or the pid is another process now."""
        try:
            process = psutil.Process(self.pid)
            same = abs(process.create_time() - self.created) <= _SAME_START
            return process if same and process.status() != psutil.STATUS_ZOMBIE else None
        except (psutil.Error, ValueError):  # ValueError: the pid of a damaged file is negative
            return None


@dataclass(frozen=True, slots=True)
class StateFolder:
    """The files of one state folder.

    Attributes:
        root: The folder; made when first written to.
    """

    root: Path

    @property
    def lock(self) -> Path:
        """Return the file that one `up` or `down` at a time holds."""
        return self.root / "services.lock"

    def log(self, name: str) -> Path:
        """Return the file that takes the output of a service; that of the start before ends in `.1`."""
        return self.root / "logs" / f"{slug(name)}.log"

    def _file(self, name: str) -> Path:
        return self.root / "services" / f"{slug(name)}.json"

    def records(self) -> list[Record]:
        """Return all records that can be read, in the order in which the processes were started."""
        found = (_read(path) for path in (self.root / "services").glob("*.json"))
        return sorted((record for record in found if record), key=lambda record: record.created)

    def load(self, name: str) -> Record | None:
        """Return the record of a service; None where there is none or it cannot be read."""
        return _read(self._file(name))

    def save(self, record: Record) -> None:
        """Write a record, under a temporary name first, so that a reader sees all of it or nothing."""
        path = self._file(record.name)
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = path.with_suffix(".json.tmp")
        temporary.write_text(json.dumps(asdict(record)), encoding="utf-8")
        temporary.replace(path)

    def forget(self, name: str) -> None:
        """Remove the record of a service, if there is one."""
        self._file(name).unlink(missing_ok=True)

    def remove_damaged(self) -> None:
        """Remove the records that cannot be read."""
        for path in (self.root / "services").glob("*.json"):
            if _read(path) is None:
                path.unlink(missing_ok=True)


def _read(path: Path) -> Record | None:
    try:
        kept: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        pid, created, mark = int(kept["pid"]), float(kept["created"]), str(kept.get("mark", ""))
        return Record(name=str(kept["name"]), pid=pid, created=created, mark=mark)
    except (OSError, ValueError, KeyError, TypeError):
        return None


def secret_values(given: Mapping[str, str], inherited: Mapping[str, str]) -> list[str]:
    """Return what must not be shown, longest first, each line of a value of several lines by itself too.

    Of the variables given to the service every value of 6 characters or more counts, of these and the inherited ones
    every value of 4 characters or more whose name suggests a secret.
    """
    named = [value for name, value in (*inherited.items(), *given.items()) if _SECRET_NAME.search(name)]
    values = {value for value in named if len(value) >= _SHORTEST_NAMED}
    values |= {value for value in given.values() if len(value) >= _SHORTEST_GIVEN}
    lines = {line for value in values for line in value.splitlines() if len(line) >= _SHORTEST_GIVEN}
    return sorted(values | lines, key=lambda value: (-len(value), value))


def last_lines(log: Path, secrets: Iterable[str]) -> list[str]:
    """Return at most `LINES` last lines of a log, secrets masked and what is not printable escaped.

    A log that cannot be read gives no lines. `secrets` come longest first, from `secret_values`.
    """
    try:
        with log.open("rb") as file:
            size = file.seek(0, 2)
            file.seek(max(0, size - _TAIL_BYTES))
            tail = file.read(_TAIL_BYTES)
    except OSError:
        return []
    if size > _TAIL_BYTES:  # a secret cut in two would not be recognised, so the cut line goes
        tail = tail.partition(b"\n")[2]
    text = tail.decode("utf-8", "replace")
    for secret in secrets:
        text = text.replace(secret, _MASK)
    return [_printable(line) for line in re.split(r"[\r\n]+", text) if line.strip()][-LINES:]


def _printable(line: str) -> str:
    shown = line[:LINE_CHARACTERS] + ("…" if len(line) > LINE_CHARACTERS else "")
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in shown)
