"""The tags of the runs of commands, and the end of runs whose command was killed."""

from collections.abc import Iterator
from pathlib import Path

import dagster as dg
import filelock
import pytest
import yaml

from parity_pipeline.defs.killed_runs import KILLED_COMMAND, PARTITION_TAG
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.runs.run_lock import (
    COMMAND_TAG,
    FORMER_TAG,
    LEDGER_TAG,
    REPOSITORY,
    REPOSITORY_TAG,
    command_lock,
    fail_killed_runs,
)
from parity_pipeline.runs.runner import run_partitions
from parity_pipeline.steps.probes import EMBED
from parity_pipeline.storage.ledger import entries
from parity_pipeline_tests.defs.project import DAY, MODEL, Project
from parity_pipeline_tests.fakes.gateways import hash_gateway

STARTED = dg.DagsterRunStatus.STARTED
WORKSPACE = Path(__file__).parents[2] / "workspace.yaml"


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), more={"stability": {"enabled": False}})
    with project.instance:
        yield project


def lock_of(project: Project, command: str) -> Path:
    """Return the lock file of a command."""
    return Path(project.instance.root_directory) / "commands" / f"{command}.lock"


def unfinished(project: Project, command: str, tag: str = COMMAND_TAG, **tags: str) -> str:
    """Return the id of a run that a command has started."""
    lock_of(project, command).parent.mkdir(exist_ok=True)
    lock_of(project, command).touch()
    job = project.definitions().resolve_job_def(EMBED.job)
    return project.instance.create_run_for_job(job, status=STARTED, tags={tag: command, **tags}).run_id


def of_this_project(project: Project, ledger: Path | None = None) -> dict[str, str]:
    """Return the tags by which a run of a command names its partition and its ledger."""
    return {PARTITION_TAG: str(make_key(DAY, MODEL)), LEDGER_TAG: str(ledger or project.settings().layout().ledger)}


def status(project: Project, run_id: str) -> dg.DagsterRunStatus:
    """Return the status of a run."""
    run = project.instance.get_run_by_id(run_id)
    assert run is not None
    return run.status


def test_the_run_of_a_killed_command_fails_when_the_next_command_starts(project: Project) -> None:
    """A run whose command no longer holds its lock is a failure that says why; the new command's own run succeeds."""
    left = unfinished(project, "killed")
    ran = list(run_partitions(project.settings(), project.definitions(), project.instance, [(DAY, MODEL)]))
    assert status(project, left) is dg.DagsterRunStatus.FAILURE
    events = [one.dagster_event for one in project.instance.all_logs(left)]
    assert [one.message for one in events if one and one.event_type is dg.DagsterEventType.RUN_FAILURE] == [
        KILLED_COMMAND
    ]
    assert status(project, ran[0].run_id) is dg.DagsterRunStatus.SUCCESS
    assert not list(lock_of(project, "killed").parent.iterdir())


def test_the_run_of_a_killed_command_is_recorded_by_the_next_one(project: Project) -> None:
    """Its date is INCONCLUSIVE with the reason until it is run again, which the next command may do at once."""
    left = unfinished(project, "killed", **of_this_project(project))
    ran = list(run_partitions(project.settings(), project.definitions(), project.instance, [("2026-04-30", MODEL)]))
    first, second = entries(project.settings().layout().ledger)
    assert (first.run_id, first.verdict.date) == (left, DAY)
    assert first.verdict.reasons[0].endswith(f"run {left.partition('-')[0]}: the command that executed it was killed")
    assert second.run_id == ran[0].run_id


def test_the_run_of_other_settings_is_not_recorded(project: Project, tmp_path: Path) -> None:
    """Two projects may share a history; the date of one is not of the other, nor is one of a version without the tag."""
    left = unfinished(project, "killed", **of_this_project(project, tmp_path / "other" / "ledger.jsonl"))
    older = unfinished(project, "older", **{PARTITION_TAG: str(make_key(DAY, MODEL))})
    with command_lock(project.instance, project.context()):
        assert [status(project, one) for one in (left, older)] == [dg.DagsterRunStatus.FAILURE] * 2
    assert not project.settings().layout().ledger.exists()


def test_what_cannot_be_recorded_does_not_stop_the_next_command(project: Project) -> None:
    """A ledger that takes no line is that command's own error to show; the lock is held and the killed run has ended."""
    left = unfinished(project, "killed", **of_this_project(project))
    project.settings().layout().ledger.mkdir(parents=True)
    with command_lock(project.instance, project.context()) as tags:
        assert lock_of(project, tags[COMMAND_TAG]).exists()
    assert status(project, left) is dg.DagsterRunStatus.FAILURE


def test_a_run_of_an_earlier_version_is_ended_too(project: Project) -> None:
    """What a command left that was killed before the tag got its name of now is a failure all the same."""
    left = unfinished(project, "killed", FORMER_TAG)
    assert [one.run_id for one in fail_killed_runs(project.instance)] == [left]
    assert status(project, left) is dg.DagsterRunStatus.FAILURE


def test_the_run_of_a_living_command_is_left_alone(project: Project) -> None:
    """While its lock is held, a command's run and lock file are not touched, whatever else is ended."""
    left, killed = unfinished(project, "busy"), unfinished(project, "killed")
    with filelock.FileLock(lock_of(project, "busy")):
        assert [one.run_id for one in fail_killed_runs(project.instance)] == [killed]
    assert status(project, left) is STARTED
    assert lock_of(project, "busy").exists()


def test_a_run_without_a_lock_file_is_left_alone(project: Project) -> None:
    """Whether a command of another home is alive is unknown, so its run is not touched."""
    left = unfinished(project, "elsewhere")
    lock_of(project, "elsewhere").unlink()
    with command_lock(project.instance, project.context()) as tags:
        assert fail_killed_runs(project.instance) == []
        assert lock_of(project, tags[COMMAND_TAG]).exists()
    assert status(project, left) is STARTED


def test_the_ui_lists_the_runs_of_commands(project: Project) -> None:
    """A command's run has the tag that the UI's page of a job filters by: repository and code location; that of its lock is hidden."""
    list(run_partitions(project.settings(), project.definitions(), project.instance, [(DAY, MODEL)]))
    location = yaml.safe_load(WORKSPACE.read_text("utf-8"))["load_from"][0]["python_module"]["location_name"]
    label = f"{project.definitions().get_repository_def().name}@{location}"
    assert label == REPOSITORY
    [run] = project.instance.get_runs()
    assert run.tags[REPOSITORY_TAG] == label
    assert [tag for tag in run.tags if "command" in tag] == [COMMAND_TAG]
    assert COMMAND_TAG.startswith(".dagster/"), "the UI hides such tags alone"
