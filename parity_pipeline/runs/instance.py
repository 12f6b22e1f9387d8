"""The Dagster instance that commands share with the UI, and how its SQLite files are written to at a fair price.

Here belongs opening the instance, and what a command does about the cost of its event log (docs/adr/0010). What is run
in it belongs to `runner`.
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

    A home that has no `dagster.yaml` gets ours.

    Raises:
        ParityError: The folder cannot be made or read.
    """
    home = Path(os.environ.get("DAGSTER_HOME") or settings.path(settings.dagster_home)).resolve()
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
def shared_logs(instance: dg.DagsterInstance) -> Generator[None]:
    """Keep what all runs write to open and ready, for as long as the body runs.

    Dagster's SQLite storage makes an engine and connects anew for every event. An engine compiles each statement the
    first time; and where no other connection is open, SQLite ends each one with a checkpoint and removes its
    write-ahead log. A storage that is not of SQLite's files is left as it is.
    """
    index = _shard(instance, "index")
    with _held([index, index.parent.parent / "runs.db"] if index else []):
        yield


@contextmanager
def run_log(instance: dg.DagsterInstance, run_id: str) -> Generator[None]:
    """Make the event log of a run that is about to begin, and keep it open as `shared_logs` does."""
    shard = _shard(instance, run_id)
    if shard:
        storage: Any = instance.event_log_storage
        with storage.run_connection(run_id):
            pass
    with _held([shard] if shard else []):
        yield


def _shard(instance: dg.DagsterInstance, name: str) -> Path | None:
    path_for_shard = getattr(instance.event_log_storage, "path_for_shard", None)
    return Path(path_for_shard(name)) if path_for_shard else None


@contextmanager
def _held(paths: Iterable[Path]) -> Generator[None]:
    with ExitStack() as held:
        for path in paths:
            # A file that cannot be read is Dagster's to name, with what it wanted of it.
            with suppress(sqlite3.Error):
                if path.exists():
                    connection = held.enter_context(closing(sqlite3.connect(path)))
                    connection.execute("SELECT name FROM sqlite_master").fetchall()
        yield
