"""A pipe by which the processes of a run report the progress of their lanes to the command that started them.

Here belongs handing a record from one process to another, where steps run in processes of their own. What a record holds
belongs to `progress`, how it is shown to the command line. Progress is for a person who waits: a record that cannot be handed
over is dropped, and nothing ever waits for one.
"""

import json
import os
import select
from collections.abc import Callable, Generator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Thread
from typing import Any, Final, TypeAlias

from parity_pipeline.core.outcomes import Side
from parity_pipeline.wire.progress import Progress

PIPE_VARIABLE: Final = "PARITY_PROGRESS_PIPE"
"""Environment variable by which the processes of a run find the pipe of their command."""

Watch: TypeAlias = Callable[[str, Progress], None]
"""Takes the name of a lane and its progress."""


@contextmanager
def reading_progress(watch: Watch) -> Generator[None]:
    """Hand to `watch`, in a thread, what processes report that are started within the body."""
    with TemporaryDirectory(prefix="parity-") as folder:
        path = Path(folder) / "progress"
        os.mkfifo(path, 0o600)
        # Open for writing too: the last process that closes its end would otherwise end the reading.
        handle = os.open(path, os.O_RDWR)
        reader = Thread(target=_read, args=(handle, watch), daemon=True)
        reader.start()
        os.environ[PIPE_VARIABLE] = str(path)
        try:
            yield
        finally:
            os.environ.pop(PIPE_VARIABLE, None)
            os.write(handle, b"\n")
            reader.join()
            os.close(handle)


def _read(handle: int, watch: Watch) -> None:
    """Read records until an empty line."""
    with os.fdopen(handle, "rb", closefd=False) as lines:
        for line in iter(lines.readline, b"\n"):
            with suppress(ValueError, LookupError, TypeError):
                held: dict[str, Any] = json.loads(line)
                held["side"] = Side(held["side"])
                watch(held.pop("lane"), Progress(**held))


def piped_watch(environ: Mapping[str, str]) -> Watch | None:
    """Return what reports progress to the command that started this process; None where none reads it."""
    path = environ.get(PIPE_VARIABLE)
    if not path:
        return None

    def watch(lane: str, progress: Progress) -> None:
        line = json.dumps({"lane": lane, **asdict(progress)}).encode() + b"\n"
        # The system writes up to this length as a whole; a longer one could be torn by that of another process.
        if len(line) > select.PIPE_BUF:
            return
        # A command that was killed reads no more, and a full pipe takes none now.
        with suppress(OSError), os.fdopen(os.open(path, os.O_WRONLY | os.O_NONBLOCK), "wb", buffering=0) as pipe:
            pipe.write(line)

    return watch
