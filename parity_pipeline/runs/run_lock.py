"""The lock of a command that executes runs, and the tags by which its runs name the lock.

Here belong the tags of a command's runs, and ending and recording the runs of a command that was killed. Dagster's own run
monitoring only covers runs that it launched itself; a run whose command was killed would stay STARTED for ever.

A command holds a file lock while it executes runs, and its runs name the lock file. The operating system releases the
lock when the process ends, for whatever reason, and never passes it on to another process with the same id.
"""

import os
from collections.abc import Generator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final
from uuid import uuid4

import dagster as dg
import filelock

from parity_pipeline.core.errors import ParityError
from parity_pipeline.defs.killed_runs import KILLED_COMMAND, record_run
from parity_pipeline.steps.context import RunContext

REPOSITORY_TAG: Final = ".dagster/repository"
"""Tag by which Dagster's job page finds runs; Dagster sets it on runs that it launches itself."""

REPOSITORY: Final = "__repository__@parity_pipeline"
"""Dagster's name for the definitions, with the name of the code location in `workspace.yaml`."""

COMMAND_TAG: Final = ".dagster/parity_command"
"""Tag that names the lock file of the command that executes the run: process id and a random suffix. Dagster's UI hides tags
that begin so, and shows others in every line of its list of runs."""

FORMER_TAG: Final = "parity/command"
"""As it was named before; a command that was killed then may have left a run."""

LEDGER_TAG: Final = ".dagster/parity_ledger"
"""Tag that names the ledger that the run is recorded in: commands with other settings may share the history."""

_SUFFIX: Final = ".lock"
_UNFINISHED: Final = (dg.DagsterRunStatus.NOT_STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED)


@contextmanager
def command_lock(instance: dg.DagsterInstance, run: RunContext) -> Generator[Mapping[str, str]]:
    """Hold this command's lock until the body ends, and yield the tags for its runs.

    Runs of commands that were killed are marked as failed first, and recorded where these steps share their ledger.
    """
    folder, ledger = _folder(instance), str(run.layout.ledger.absolute())
    folder.mkdir(parents=True, exist_ok=True)
    for one in fail_killed_runs(instance):
        # What cannot be recorded keeps no other date from being run; nor is it tried again, so that it cannot do so for ever.
        with suppress(ParityError):
            if one.tags.get(LEDGER_TAG) == ledger:
                record_run(run, instance, one, {})
    path = folder / f"{os.getpid()}-{uuid4().hex[:8]}{_SUFFIX}"
    with filelock.FileLock(path, thread_local=False):
        try:
            yield {REPOSITORY_TAG: REPOSITORY, COMMAND_TAG: path.stem, LEDGER_TAG: ledger}
        finally:
            path.unlink(missing_ok=True)


def fail_killed_runs(instance: dg.DagsterInstance) -> list[dg.DagsterRun]:
    """Mark the unfinished runs of commands that were killed as failed, and return them.

    The run of a command that still holds its lock is not touched, nor is one without a lock file in this home.
    """
    ended: list[dg.DagsterRun] = []
    for path in sorted(_folder(instance).glob(f"*{_SUFFIX}")):
        with suppress(filelock.Timeout, OSError), filelock.FileLock(path, timeout=0, thread_local=False):
            ended += _end(instance, path.stem)
            path.unlink(missing_ok=True)
    return ended


def _end(instance: dg.DagsterInstance, command: str) -> list[dg.DagsterRun]:
    filters = [dg.RunsFilter(statuses=list(_UNFINISHED), tags={tag: command}) for tag in (COMMAND_TAG, FORMER_TAG)]
    left = [run for one in filters for run in instance.get_runs(filters=one)]
    for run in left:
        instance.report_run_failed(run, message=KILLED_COMMAND)
    return left


def _folder(instance: dg.DagsterInstance) -> Path:
    return Path(instance.root_directory) / "commands"
