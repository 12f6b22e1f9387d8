"""The commands as a list: help with examples, what is imported for it, the version, and what a shell completes."""

import importlib
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.main import get_command
from typer.testing import CliRunner

from parity_pipeline.cli import main
from parity_pipeline.cli.main import WHEN_CALLED, app
from parity_pipeline_tests.settings.test_settings import minimal
from parity_pipeline_tests.system.project import PARITY, environment

GROUPS = {
    "adapter": ("serve", "export"),
    "alerts": ("test", "send"),
    "flip": ("plan", "check", "record"),
    "bundle": ("", "verify"),
}
COMMANDS = [
    [name, *([one] if one else [])]
    for name in get_command(app).commands  # pyright: ignore[reportAttributeAccessIssue] - a group has some
    for one in GROUPS.get(name, ("",))
]
HEAVY = "{'dagster', 'pandas', 'numpy', 'scipy', 'pyarrow', 'duckdb', 'aiohttp'}"


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_that_the_command_takes(command: list[str]) -> None:
    """Examples begin with the command and name options that it has."""
    shown = CliRunner().invoke(app, [*command, "--help"]).output
    examples = [line.strip() for line in shown.splitlines() if line.strip().startswith(f"parity {' '.join(command)}")]
    assert examples
    assert "Example" in shown
    options = shown.rpartition("Options:")[2]
    for word in " ".join(examples).split():
        assert not word.startswith("--") or word in options


@pytest.mark.parametrize("name", WHEN_CALLED)
def test_the_line_of_a_command_that_is_loaded_later_is_its_own(name: str) -> None:
    """The list of commands says of each what its own help says first."""
    module, line = WHEN_CALLED[name]
    command = getattr(importlib.import_module(f"parity_pipeline.cli.{module}"), name)
    assert command.__doc__.partition("\n\n")[0] == line


@pytest.mark.parametrize(
    "arguments", [["--help"], ["--version"], ["run", "--help"], ["status", "--config", "none.yaml"]]
)
def test_help_and_refusals_import_nothing_heavy(arguments: list[str], tmp_path: Path) -> None:
    """Whoever asks for help, or misspells a file, waits for no numerics and no Dagster."""
    code = (
        "import sys; from parity_pipeline.cli.main import main\n"
        f"sys.argv = ['parity', *{arguments!r}]\n"
        f"try: main()\nexcept SystemExit: pass\nprint(sorted({HEAVY} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines()[-1] == "[]"


def test_the_version() -> None:
    """`--version` says which program it is, and does nothing else."""
    done = CliRunner().invoke(app, ["--version"])
    assert done.exit_code == 0
    assert done.output.startswith("parity_pipeline ")
    assert len(done.output.split()) == 2


def completed(folder: Path, *words: str) -> list[str]:
    """Return what bash completes behind some words."""
    variables = {
        "_PARITY_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(["parity", *words]),
        "COMP_CWORD": str(len(words)),
    }
    done = subprocess.run(
        [PARITY], cwd=folder, env=environment(**variables), capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    return done.stdout.split()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a project with two models, two corpora, and samples of two dates."""
    sides = {side: {"dialect": name} for side, name in (("legacy", "rust-hybrid"), ("candidate", "go-matrix"))}
    retrieve = {"corpora": {"all": ["a", "b"], "staff": ["a"]}, "queries": [{"path": "q.jsonl"}], **sides}
    content = {**minimal(), "models": ["wordllama-256", "other"], "retrieve": retrieve}
    (tmp_path / "parity.yaml").write_text(yaml.safe_dump(content), "utf-8")
    for day in ("2026-05-01", "2026-05-02"):
        (tmp_path / "data" / "samplesets" / f"date={day}").mkdir(parents=True)
    return tmp_path


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["ru"], ["run"]),
        (["run", "--model", "w"], ["wordllama-256"]),
        (["run", "--corpus", ""], ["all", "staff"]),
        (["run", "--probe", "r"], ["retrieve"]),
        (["run", "--date", "2026"], ["2026-05-02", "2026-05-01"]),
        (["backfill", "--from", "2026-05-01"], ["2026-05-01"]),
        (["backfill", "--side", "l"], ["legacy"]),
        (["demo", "--fault", "noise,stale-i"], ["noise,stale-index"]),
        (["gate", "--max"], ["--max-age"]),
        (["gate", "--date", "2026"], ["2026-05-02", "2026-05-01"]),
        (["show", "--model", "w"], ["wordllama-256"]),
        (["diff", "2026-05-01"], ["2026-05-01"]),
        (["rejudge", "--corpus", "s"], ["staff"]),
        (["rejudge", "--from", "2026-05-01"], ["2026-05-01"]),
    ],
)
def test_a_shell_completes_names(folder: Path, words: list[str], expected: list[str]) -> None:
    """Commands, options, and the names and dates of the settings that are found from here."""
    assert completed(folder, *words) == expected


def test_unusable_settings_complete_nothing(tmp_path: Path) -> None:
    """Whoever presses Tab gets no error on the screen."""
    assert completed(tmp_path, "run", "--model", "") == []
    (tmp_path / "parity.yaml").write_text("models: {", "utf-8")
    assert completed(tmp_path, "run", "--model", "") == []
    (tmp_path / "parity.yaml").write_text("models: 7\nretrieve: x\n", "utf-8")
    assert completed(tmp_path, "run", "--corpus", "") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_there_is_a_script_for_each_shell(shell: str) -> None:
    """What `--install-completion` writes is what the shell reads."""
    variables = environment(_PARITY_COMPLETE=f"source_{shell}")
    done = subprocess.run([PARITY], env=variables, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
    assert "_PARITY_COMPLETE=complete_" + shell in done.stdout


def test_an_error_that_nothing_foresaw_does_not_read_as_a_fail(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Exit code 1 says FAIL; a defect shows its traceback and ends with 2."""

    def broken(*_: object) -> None:
        raise RuntimeError("nobody thought of this")

    monkeypatch.setattr(main, "app", broken)
    assert main.execute(["status"]) == 2
    assert "nobody thought of this" in capsys.readouterr().err
