"""What a service is, and what is known of it after looking.

Here belong plain records. Starting, stopping and looking belong to the other modules of this folder.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class ServiceSpec:
    """A process that a side needs.

    Attributes:
        name: How people call it; names its log and its state file, so it is unique.
        command: Program and arguments, without a shell. A program with a slash is relative to `cwd`, `python` and
            `python3` are the interpreter that runs this, anything else is looked up on PATH.
        cwd: Working folder.
        env: Variables set on top of the inherited environment; may be secret, so not in `repr`.
        health_url: Answers 2xx when the service is ready. Who answers there already is left alone.
        startup_timeout: Seconds from the start until it has to answer.
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
        health_url: Where it was asked.
        healthy: It answered 2xx.
        ours: A process that was started by `up` and is still the same process.
        started: The call that returned this started it.
        pid: Process id where `ours`, else None.
        log: File with its output where `ours`, else None.
    """

    name: str
    health_url: str
    healthy: bool
    ours: bool = False
    started: bool = False
    pid: int | None = None
    log: Path | None = None
