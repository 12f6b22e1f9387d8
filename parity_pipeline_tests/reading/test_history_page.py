"""docs/history.md: its Python runs, its commands have the options that they name, and its columns are there."""

import io
import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

import parity_pipeline
from parity_pipeline.cli.main import whole_tree
from parity_pipeline.cli.partition_args import age
from parity_pipeline.settings.loading import load
from parity_pipeline_tests.reading.stored import CORPUS, DAYS, judge, make_project

PAGE: Final = Path(__file__).parents[2] / "docs" / "history.md"


def blocks(language: str) -> list[str]:
    """Return the code of a language on the page."""
    return re.findall(rf"(?ms)^```{language}\n(.*?)^```$", PAGE.read_text("utf-8"))


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a project with two dates."""
    folder = tmp_path_factory.mktemp("page")
    judge(make_project(folder))
    return folder / "parity.yaml"


def commands() -> list[list[str]]:
    """Return the words of every `parity` command on the page, behind the name of the program."""
    shell = [line.partition("#")[0] for block in blocks("sh") for line in block.splitlines()]
    steps = [step.get("run", "") for block in blocks("yaml") for step in _steps(yaml.safe_load(block))]
    return [
        line.split()[1:] for line in (*shell, *(one.removeprefix(".venv/bin/") for one in steps)) if "parity " in line
    ]


def _steps(workflow: dict[str, Any]) -> list[dict[str, str]]:
    return workflow["jobs"]["gate"]["steps"] if "jobs" in workflow else []


def test_the_python_runs(config: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every block works, one after the other, on a store with two dates."""
    monkeypatch.setenv("PARITY_CONFIG", str(config))
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(block, names)  # noqa: S102 - the page's own code
    assert names["matrix"].dtype == "float32"


@pytest.mark.parametrize("words", commands(), ids=" ".join)
def test_a_command_has_the_options_that_it_names(words: list[str]) -> None:
    """What the page shows can be typed: the command, its options, and their values."""
    command = whole_tree().commands[words[0]]
    with command.make_context(words[0], words[1:]) as context:
        for name in ("max_age", "older_than"):
            if given := context.params.get(name):
                assert age(given, name)


def test_every_command_is_shown() -> None:
    """The page has an example of each command that it is about, so that the test above has something to look at."""
    assert {words[0] for words in commands()} == {"gate", "diff", "rejudge", "prune"}


def test_the_settings_are_settings(tmp_path: Path) -> None:
    """The section that the page shows is accepted."""
    [section] = [block for block in blocks("yaml") if "retention" in block]
    project = make_project(tmp_path, **yaml.safe_load(io.StringIO(section)))
    kept = load(project.folder / "parity.yaml", {}).keep_vectors()
    assert kept is not None
    assert kept.days == 90


def test_the_columns_are_there(config: Path) -> None:
    """Every column that the table of methods names is one of that method's table."""
    history = parity_pipeline.open(config)
    day, model = DAYS[0], history.models[0]
    tables = {
        "verdicts": history.verdicts(),
        "waivers": history.waivers(),
        "samples": history.samples(day, model),
        "embeddings": history.embeddings(day, model, "legacy"),
        "parity": history.parity(),
        "queries": history.queries(day, CORPUS),
        "rankings": history.rankings(day, CORPUS, "legacy"),
        "retrieval_parity": history.retrieval_parity(),
    }
    rows = re.findall(r"(?m)^\| `\.(\w+)\(([^)]*)\)` \| [^|]* \| ([^|]*) \|$", PAGE.read_text("utf-8"))
    assert {name for name, _, _ in rows} == set(tables)
    for name, arguments, columns in rows:
        if "as_matrix" not in arguments:
            assert set(re.findall(r"`(\w+)`", columns)) <= set(tables[name].columns)
