"""`parity prune`: shown first, removed on request, and only where an age is given."""

import os
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.core.errors import SettingsError
from parity_pipeline_tests.reading.stored import DAYS, judge, make_project


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with two dates of both probes whose files are as old as their dates."""
    judge(make_project(tmp_path))
    moment = datetime(2026, 5, 3, tzinfo=UTC).timestamp()
    for path in tmp_path.rglob("*.parquet"):
        os.utime(path, (moment, moment))
    return tmp_path


def run(folder: Path, *arguments: str) -> Any:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["prune", "--config", str(folder / "parity.yaml"), *arguments])


def vectors(folder: Path) -> int:
    """Return how many files of vectors and rankings there are."""
    return len([*folder.rglob("embeddings.parquet"), *folder.rglob("rankings.parquet")])


def test_without_delete_it_only_shows(folder: Path) -> None:
    """What would go is listed by date, what stays for a recorded legacy too, and nothing is removed."""
    done = run(folder, "--older-than", "7d")
    assert done.exit_code == 0
    assert f"embed fake-32, {DAYS[0]}: legacy and candidate, " in done.output
    assert f"kept for a side that is a recording: retrieve everyone, {DAYS[1]}: legacy and candidate, " in done.output
    assert "in 4 files; --delete removes them" in done.output
    assert vectors(folder) == 8


def test_delete_frees_what_was_shown(folder: Path) -> None:
    """The same size is freed, and a second time there is nothing to free."""
    shown = run(folder, "--older-than", "7d").output.splitlines()[-1]
    done = run(folder, "--older-than", "7d", "--delete").output.splitlines()[-1]
    assert done == shown.replace("would free", "freed").partition(";")[0]
    assert vectors(folder) == 4
    assert run(folder, "--older-than", "7d", "--delete").output.splitlines()[-1] == "freed 0 bytes in 0 files"


def test_the_age_is_that_of_the_settings(tmp_path: Path) -> None:
    """`retention.vectors_days` is the age where none is given; without both, nothing is said to be old."""
    make_project(tmp_path)
    error = run(tmp_path).exception
    assert isinstance(error, SettingsError)
    assert "Set retention.vectors_days" in str(error)
    make_project(tmp_path, retention={"vectors_days": 30})
    assert run(tmp_path).output == "would free 0 bytes in 0 files\n"
    make_project(tmp_path, retention={"vectors_days": 0})
    assert "retention.vectors_days" in str(run(tmp_path).exception)
