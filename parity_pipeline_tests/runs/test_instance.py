"""The Dagster instance of the commands: its home, and what its event log costs."""

from collections.abc import Generator
from importlib import import_module
from pathlib import Path
from typing import Any
from uuid import uuid4

import dagster as dg
import pytest

from parity_pipeline.core.errors import ParityError
from parity_pipeline.runs.instance import SQLITE_STORAGES, open_instance, run_log, shared_logs
from parity_pipeline_tests.defs.project import Project


@pytest.fixture
def instance(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Generator[dg.DagsterInstance]:
    """Open an instance in a home of its own."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "home"))
    with open_instance(Project(tmp_path, None, None).settings()) as opened:
        yield opened


def test_a_new_home_gets_our_settings(instance: dg.DagsterInstance, tmp_path: Path) -> None:
    """A folder without a dagster.yaml is given the one of the project."""
    assert "telemetry" in (tmp_path / "home" / "dagster.yaml").read_text("utf-8")
    assert not instance.telemetry_enabled


def test_a_home_that_cannot_be_made_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home below a file is refused with its path and a remedy."""
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path / "file" / "home"))
    with pytest.raises(ParityError, match=r"file/home: .*not writable.*DAGSTER_HOME"):
        open_instance(Project(tmp_path, None, None).settings())


@pytest.mark.parametrize("module", SQLITE_STORAGES)
def test_files_share_an_engine_while_runs_are_written(
    module: str, instance: dg.DagsterInstance, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dagster still makes its engines where we take them from, one a file is made, and its own function comes back."""
    storage: Any = import_module(module)
    made: list[str] = []
    original = storage.create_engine

    def counted(url: str, **options: Any) -> Any:
        made.append(url)
        return original(url, **options)

    monkeypatch.setattr(storage, "create_engine", counted)
    with shared_logs(instance):
        for _ in range(5):
            instance.get_asset_keys()
            instance.get_runs()
    assert len(made) == 1
    assert storage.create_engine is counted


def test_many_event_logs_do_not_pile_up(instance: dg.DagsterInstance) -> None:
    """A backfill of many runs writes each run's events to its own file, however many engines are kept."""
    runs = [str(uuid4()) for _ in range(20)]
    with shared_logs(instance):
        for run in runs:
            with run_log(instance, run):
                assert instance.all_logs(run) == []
    assert {path.stem for path in Path(instance.storage_directory()).parent.rglob("history/runs/*.db")} >= set(runs)


def test_the_write_ahead_log_of_a_run_stays_while_it_is_written(instance: dg.DagsterInstance) -> None:
    """Inside, closing a connection ends in no checkpoint; outside, nothing is left open."""
    run = str(uuid4())
    storage: Any = instance.event_log_storage
    waiting = Path(f"{storage.path_for_shard(run)}-wal")
    with run_log(instance, run):
        instance.all_logs(run)
        assert waiting.exists()
    assert not waiting.exists()


def test_a_storage_without_files_is_left_alone() -> None:
    """An instance in memory needs none of this."""
    with dg.DagsterInstance.ephemeral() as instance, shared_logs(instance), run_log(instance, str(uuid4())):
        assert instance.get_runs() == []
