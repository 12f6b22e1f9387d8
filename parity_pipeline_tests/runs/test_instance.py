"""The Dagster instance of the commands: its home, and the connections that keep its event log open."""

from collections.abc import Generator
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from parity_pipeline.core.errors import ParityError
from parity_pipeline.runs.instance import open_instance, open_logs, open_run_log
from parity_pipeline_tests.defs.project import Project


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[dg.DagsterInstance]:
    """Open an instance in a home of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance(Project(tmp_path, None, None).settings()) as opened:
        yield opened


def test_a_new_home_gets_the_project_configuration(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A folder without a dagster.yaml gets the project's."""
    assert "telemetry" in (tmp_path / "home" / "dagster.yaml").read_text("utf-8")
    assert not instance.telemetry_enabled


def test_a_home_that_cannot_be_created_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home below a file is refused with its path and a remedy."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ParityError, match=r"file/home: .*not writable.*DAGSTER_HOME"):
        open_instance(Project(tmp_path, None, None).settings())


def test_each_run_has_an_event_log_of_its_own(instance: dg.DagsterInstance) -> None:
    """A backfill of many runs writes each run's events to its own file."""
    runs = [str(uuid4()) for _ in range(20)]
    with open_logs(instance):
        for run in runs:
            with open_run_log(instance, run):
                assert instance.all_logs(run) == []
    assert {path.stem for path in Path(instance.storage_directory()).parent.rglob("history/runs/*.db")} >= set(runs)


def test_the_write_ahead_log_of_a_run_stays_while_it_is_written(instance: dg.DagsterInstance) -> None:
    """Inside, closing a connection does not run a checkpoint; outside, nothing is left open."""
    run = str(uuid4())
    storage: Any = instance.event_log_storage
    waiting = Path(f"{storage.path_for_shard(run)}-wal")
    with open_run_log(instance, run):
        instance.all_logs(run)
        assert waiting.exists()
    assert not waiting.exists()


def test_a_storage_without_files_is_left_alone() -> None:
    """An instance in memory works as before."""
    with dg.DagsterInstance.ephemeral() as instance, open_logs(instance), open_run_log(instance, str(uuid4())):
        assert instance.get_runs() == []
