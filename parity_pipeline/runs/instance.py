"""The Dagster instance that commands share with the UI, and connections that keep its SQLite files open.

Here belongs opening the instance, and what a command does about the cost of its event log (docs/adr/0010 and 0017).
What is run in it belongs to `runner`.
"""

import os
import sqlite3
from collections.abc import Generator, Iterable
from contextlib import ExitStack, closing, contextmanager, suppress
from importlib.resources import files
from pathlib import Path
from typing import Any

import dagster as dg

from parity_pipeline.core.errors import ParityError
from parity_pipeline.settings.model import Settings


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """Return the Dagster instance that the UI uses: that of `DAGSTER_HOME`, else of `dagster_home` in the settings.

    A home without a `dagster.yaml` gets the project's.

    Raises:
        ParityError: The folder cannot be created or read.
    """
    home = settings.path(Path(os.environ.get("DAGSTER_HOME") or settings.path(settings.dagster_home)).absolute())
    try:
        home.mkdir(parents=True, exist_ok=True)
        if not (home / "dagster.yaml").exists():
            template = files("parity_pipeline.defs").joinpath("dagster.yaml").read_text("utf-8")
            (home / "dagster.yaml").write_text(template, "utf-8")
    except OSError as error:
        raise ParityError(
            f"Dagster's folder is not writable: {error.strerror}", place=str(home), remedy="Set DAGSTER_HOME elsewhere."
        ) from error
    return dg.DagsterInstance.from_config(str(home))


@contextmanager
def open_logs(instance: dg.DagsterInstance) -> Generator[None]:
    """Keep the SQLite files that all runs write to open, for as long as the body runs.

    Dagster's SQLite storage opens a new connection for every event. When the last connection of a file closes, SQLite
    runs a checkpoint and removes the write-ahead log; one idle connection avoids that. Other storages are not touched.
    """
    index = _shard(instance, "index")
    with _open_files([index, index.parent.parent / "runs.db"] if index else []):
        yield


@contextmanager
def open_run_log(instance: dg.DagsterInstance, run_id: str) -> Generator[None]:
    """Create the event log of a run that is about to start, and keep it open as `open_logs` does."""
    shard = _shard(instance, run_id)
    if shard:
        storage: Any = instance.event_log_storage
        with storage.run_connection(run_id):
            pass
    with _open_files([shard] if shard else []):
        yield


def _shard(instance: dg.DagsterInstance, name: str) -> Path | None:
    path_for_shard = getattr(instance.event_log_storage, "path_for_shard", None)
    return Path(path_for_shard(name)) if path_for_shard else None


@contextmanager
def _open_files(paths: Iterable[Path]) -> Generator[None]:
    with ExitStack() as opened:
        for path in paths:
            # Dagster reports an unreadable file, with what it needed it for.
            with suppress(sqlite3.Error):
                if path.exists():
                    connection = opened.enter_context(closing(sqlite3.connect(path)))
                    connection.execute("SELECT name FROM sqlite_master").fetchall()
        yield
