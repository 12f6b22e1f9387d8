"""The state folder: which process was started for which service.

Here belong the layout of the folder and the record of a process. A record names a process by pid *and* start time,
because the system gives a pid to another process when the first is gone.
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final, cast

import psutil

from parity_pipeline.core.slugs import slug, unslug

_SAME_START: Final = 2.0
"""Seconds by which two readings of one process's start time may differ: it is counted from the boot time, which the
kernel gives in whole seconds and corrects with the clock. No pid comes round again that fast."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Record:
    """A process that was started for a service.

    Attributes:
        name: The service.
        pid: Process id, also its process group.
        created: Start time as psutil tells it, seconds since the epoch.
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
            alive = process.status() not in {psutil.STATUS_ZOMBIE, psutil.STATUS_DEAD}
            same = abs(process.create_time() - self.created) <= _SAME_START
        except psutil.Error:
            return None
        return process if alive and same else None


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
        """Return the file that takes the output of a service; the one of the start before ends in `.1`."""
        return self.root / "logs" / f"{slug(name)}.log"

    def _file(self, name: str) -> Path:
        return self.root / "services" / f"{slug(name)}.json"

    def names(self) -> list[str]:
        """Return the services that have a record, in the order of their file names."""
        found = sorted((self.root / "services").glob("*.json"))
        return [str(kept["name"]) if (kept := _read(path)) else _name_of(path) for path in found]

    def load(self, name: str) -> Record | None:
        """Return the record of a service; None where there is none or it cannot be read."""
        kept = _read(self._file(name))
        if kept is None:
            return None
        try:
            pid, created, mark = int(kept["pid"]), float(kept["created"]), str(kept.get("mark", ""))
        except (KeyError, TypeError, ValueError):
            return None
        return Record(name=name, pid=pid, created=created, mark=mark)

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


def _name_of(path: Path) -> str:
    return unslug(path.stem) if "~" not in path.stem else path.stem


def _read(path: Path) -> Mapping[str, Any] | None:
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return cast("Mapping[str, Any]", kept) if isinstance(kept, dict) and "name" in kept else None
