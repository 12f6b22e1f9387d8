"""What a service is, and what is known of it.

Here belong plain records, which `settings` imports: nothing here starts, stops or asks anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


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
