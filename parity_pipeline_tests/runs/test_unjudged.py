"""Dates that a command could not judge: what is recorded beside what an asset records itself."""

from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from parity_pipeline.core.errors import ArtifactError, ServiceError
from parity_pipeline.runs.runner import EXIT_INCONCLUSIVE, exit_code, run_partitions
from parity_pipeline.runs.unjudged import record_services, record_unjudged
from parity_pipeline.steps.probes import EMBED
from parity_pipeline.storage.ledger import entries
from parity_pipeline_tests.defs.project import DAY, MODEL, Project
from parity_pipeline_tests.defs.test_runs import a_project


def failed_step(folder: Path, error: BaseException) -> list[dg.DagsterEvent]:
    """Return the events of a run whose one step raises an error."""

    @dg.op
    def legacy__embeddings() -> None:
        raise error

    @dg.job
    def job() -> None:
        legacy__embeddings()

    instance = dg.DagsterInstance.ephemeral(tempdir=str(folder))
    return list(job.execute_in_process(instance=instance, raise_on_error=False).all_events)


class ChildProcessCrashException(Exception):  # noqa: N818 - the name that Dagster's own has
    """What Dagster reports of a step whose process ended by itself."""


class DagsterExecutionInterruptedError(Exception):
    """What Dagster reports of a step that was interrupted."""


def run_of(project: Project, events: list[dg.DagsterEvent], run_id: str = "r") -> Any:
    """Record what was not judged, for the one partition."""
    return record_unjudged(project.context(), EMBED, DAY, MODEL, run_id=run_id, events=events)


def test_a_process_that_was_killed_is_recorded(tmp_path: Path) -> None:
    """A step that the system ended cannot record itself; the command does, in Dagster's words."""
    project = a_project(tmp_path)
    said = "child process for step legacy__embeddings was terminated by signal 9 (SIGKILL). This usually indicates that"
    crash = dg.DagsterEvent(event_type_value="PIPELINE_FAILURE", job_name="job", message=said)
    found = run_of(project, [*failed_step(tmp_path, ChildProcessCrashException()), crash])
    assert found.not_run.step == "legacy/embeddings"
    assert found.not_run.problem == "its process was terminated by signal 9 (SIGKILL)"


def test_a_verdict_of_an_earlier_run_is_not_taken_for_a_failure(tmp_path: Path) -> None:
    """A run whose verdict the ledger took and whose file the disk did not: what lies there says nothing of this run."""
    project = a_project(tmp_path)
    [earlier] = run_partitions(project.settings(), project.definitions(), project.instance, [(DAY, MODEL)])
    assert earlier.verdict is not None
    events = failed_step(tmp_path, ArtifactError("cannot write"))
    assert run_of(project, events, earlier.run_id) is None
    found = run_of(project, events, "another")
    assert found is not None
    assert found.not_run is not None


def test_an_interrupted_run_is_not_recorded(tmp_path: Path) -> None:
    """A person who stops a run has given no verdict."""
    project = a_project(tmp_path)
    assert run_of(project, failed_step(tmp_path, DagsterExecutionInterruptedError())) is None
    assert run_of(project, []) is None
    assert not project.settings().layout().ledger.exists()


def test_the_text_of_an_unknown_error_stays_out(tmp_path: Path) -> None:
    """What no code has seen to may hold a secret, and the ledger is kept in version control."""
    found = run_of(a_project(tmp_path), failed_step(tmp_path, ValueError("Bearer abc")))
    assert "ValueError" in found.not_run.problem
    assert "abc" not in repr(found)


def test_services_that_did_not_start_are_recorded_for_every_partition(tmp_path: Path) -> None:
    """Each date and model that the command was to judge gets its line; there was no run."""
    project = a_project(tmp_path, models=(MODEL, "fake-16"))
    settings = project.settings()
    error = ServiceError("it ended with exit code 1", place="service 'gateway'", remedy="Look at its log.")
    record_services(settings, {"embed": [(DAY, MODEL), (DAY, "fake-16")]}, error)
    found = list(entries(settings.layout().ledger))
    assert [(one.run_id, one.verdict.reasons) for one in found] == [
        ("", ("could not run: services failed: service 'gateway': it ended with exit code 1",))
    ] * 2
    assert settings.layout().summary.read_text("utf-8").count("**INCONCLUSIVE**") == 2


@pytest.mark.parametrize("down", ["legacy", "candidate"])
def test_a_command_shows_what_was_recorded(tmp_path: Path, down: str) -> None:
    """A failed partition has no verdict of its own, the recorded one beside it, and the exit code that it always had."""
    project = a_project(tmp_path, **{down: None})
    [result] = run_partitions(project.settings(), project.definitions(), project.instance, [(DAY, MODEL)])
    assert result.verdict is None
    assert result.failures
    assert result.not_run is not None
    assert result.not_run.not_run is not None
    assert result.not_run.not_run.step == f"{down}/embeddings"
    assert exit_code([result]) == EXIT_INCONCLUSIVE
    assert len(list(entries(project.settings().layout().ledger))) == 1
