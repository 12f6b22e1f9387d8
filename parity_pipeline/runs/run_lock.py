"""Marks on the runs that a command does: where the UI lists them, and whether their process still lives.

Here belong the tags of a command's runs, and ending the runs of a command that was killed. Dagster's own run monitoring
looks after the runs that it launched itself; one whose process was killed while a command did it would stay STARTED for
ever.

A command holds a lock for as long as it does runs, and its runs name the lock's file. The system lets go of the lock of
a process that has ended, whatever ended it, and gives it to no process of the same id.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import dagster as dg
import filelock

REPOSITORY_TAG: Final = ".dagster/repository"
"""Tag by which Dagster's page of a job finds its runs; it sets it on runs that it launches itself."""

REPOSITORY: Final = "__repository__@parity_pipeline"
"""Dagster's name of the definitions, and the code location's name in `workspace.yaml`."""

COMMAND_TAG: Final = "parity/command"
"""Tag that names the lock file of the command that does the run: its process id and some digits more."""

KILLED: Final = "The command that did this run was killed. What it had fetched is kept: run the date again."

_SUFFIX: Final = ".lock"
_UNFINISHED: Final = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


@contextmanager
def at_work(instance: dg.DagsterInstance) -> Generator[Mapping[str, str]]:
    """Yield the tags for the runs of this process, which is known to live until the body ends.

    The runs of commands that were killed are ended first.
    """
    folder = _folder(instance)
    folder.mkdir(parents=True, exist_ok=True)
    end_killed(instance)
    path = folder / f"{os.getpid()}-{uuid4().hex[:8]}{_SUFFIX}"
    with filelock.FileLock(path, thread_local=False):
        try:
            yield {REPOSITORY_TAG: REPOSITORY, COMMAND_TAG: path.stem}
        finally:
            path.unlink(missing_ok=True)


def end_killed(instance: dg.DagsterInstance) -> list[str]:
    """Mark the unfinished runs of commands that were killed as failed, and return their ids.

    The run of a command whose lock is held is left as it is, and so is one that no lock file of this home speaks for.
    """
    ended: list[str] = []
    for path in sorted(_folder(instance).glob(f"*{_SUFFIX}")):
        with suppress(filelock.Timeout, OSError), filelock.FileLock(path, timeout=0, thread_local=False):
            ended += _end(instance, path.stem)
            path.unlink(missing_ok=True)
    return ended


def _end(instance: dg.DagsterInstance, command: str) -> list[str]:
    left = instance.get_runs(filters=dg.RunsFilter(statuses=list(_UNFINISHED), tags={COMMAND_TAG: command}))
    for run in left:
        instance.report_run_failed(run, message=KILLED)
    return [run.run_id for run in left]


def _folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "commands"
