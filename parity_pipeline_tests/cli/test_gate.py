"""`parity gate`: its exit codes and forms, on a ledger that real runs wrote."""

import json
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

import pytest
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.cli.partition_args import age
from parity_pipeline.core.errors import ArtifactError, SettingsError
from parity_pipeline.core.fingerprint import Fingerprint
from parity_pipeline.core.gateway_states import StateEvent
from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.gateways import add_record, read_states
from parity_pipeline_tests.defs.project import MODEL
from parity_pipeline_tests.reading.stored import CORPUS, DAYS, another_candidate, judge, make_project

LATER: Final = "2026-11-20T10:01:00+00:00"
"""After everything that these tests fetch."""


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The settings of a project whose first date passes and whose second fails for embeddings."""
    folder = tmp_path_factory.mktemp("gate")
    project = make_project(folder)
    judge(project, DAYS[:1])
    another_candidate(project, "hello")
    judge(project, DAYS[1:])
    return folder / "parity.yaml"


def run(config: Path, *arguments: str) -> Any:
    """Run the command in this process."""
    return CliRunner().invoke(app, ["gate", "--config", str(config), *arguments])


def test_each_exit_code(config: Path) -> None:
    """0 for a date that passed, 1 for one that failed, 2 for one without a verdict, each with one line."""
    passed = run(config, "--date", DAYS[0], "--model", MODEL, "--corpus", CORPUS)
    assert (passed.exit_code, passed.output) == (0, f"PASS {DAYS[0]}: embed {MODEL}, retrieve {CORPUS}\n")
    failed = run(config, "--date", DAYS[1], "--model", MODEL)
    assert (failed.exit_code, failed.output.count("\n")) == (1, 1)
    assert failed.output.startswith(f"FAIL {DAYS[1]}: embed {MODEL}: 1/5 compared samples < 0.9990")
    missing = run(config, "--date", "2026-05-09")
    assert missing.exit_code == 2
    assert missing.output.startswith("INCONCLUSIVE 2026-05-09: embed")


def test_a_verdict_of_long_ago_is_too_old(config: Path) -> None:
    """The same date is exit code 2 under an age that it has passed."""
    done = run(config, "--date", DAYS[0], "--model", MODEL, "--max-age", "24h")
    assert done.exit_code == 2
    assert "not within 24 h" in done.output


def test_a_gateway_that_changed_since_makes_a_pass_no_result(tmp_path: Path) -> None:
    """A PASS is exit code 0 until the candidate is seen in another state, and 2 from then on, with what changed."""
    project = make_project(tmp_path)
    judge(project, DAYS[:1])
    config, path = tmp_path / "parity.yaml", project.settings().layout().gateways
    assert run(config, "--date", DAYS[0], "--model", MODEL).exit_code == 0
    seen = read_states(path).of_lane("embed", Side.CANDIDATE, MODEL).records[-1]
    other, words = Fingerprint(state="other", version="2"), ("the version changed from 1 to 2",)
    add_record(path, replace(seen, seen_at=LATER, event=StateEvent.CHANGED, fingerprint=other, words=words))
    done = run(config, "--date", DAYS[0], "--model", MODEL)
    assert (done.exit_code, done.output.count("\n")) == (2, 1)
    assert f"PASS is from before the candidate changed, seen {LATER} (the version changed from 1 to 2)" in done.output


def test_junit_and_annotations_are_written_beside_the_line(config: Path, tmp_path: Path) -> None:
    """A file for the CI's test report, and annotations before the line; the exit code stays."""
    done = run(config, "--date", DAYS[1], "--junit", str(tmp_path / "new" / "parity.xml"), "--github")
    assert done.exit_code == 1
    lines = done.output.splitlines()
    assert [line.partition(" ")[0] for line in lines] == ["::error", "::notice", "::error", "FAIL"]
    root = ET.parse(tmp_path / "new" / "parity.xml").getroot()  # noqa: S314 - what was just written here
    assert (root.get("tests"), root.get("failures"), root.get("errors")) == ("3", "1", "1")


def test_json_is_the_whole_output(config: Path) -> None:
    """Standard output is one document, with what a script wants of the entry that counts."""
    done = run(config, "--date", DAYS[1], "--json", "--model", MODEL)
    document = json.loads(done.output)
    assert (done.exit_code, document["exit_code"], document["decision"]) == (1, 1, "FAIL")
    [one] = document["results"]
    assert (one["verdict"], one["cause"], one["run_id"]) == ("FAIL", "failed", f"run-{DAYS[1]}")
    assert one["fetched_at"].startswith(DAYS[1])
    assert isinstance(run(config, "--json", "--github").exception, SettingsError)


def test_the_probe_through_the_adapter_has_verdicts_of_its_own(config: Path) -> None:
    """A PASS of the plain probe is not one of the probe through the adapter."""
    assert run(config, "--date", DAYS[0], "--model", MODEL, "--through-adapter").exit_code == 2


def test_a_damaged_ledger_is_an_error(tmp_path: Path) -> None:
    """What cannot be read is not evidence of anything: the command ends with its error, exit code 2."""
    project = make_project(tmp_path)
    path = project.settings().layout().ledger
    path.parent.mkdir(parents=True)
    path.write_text("damaged\n", "utf-8")
    assert isinstance(run(tmp_path / "parity.yaml").exception, ArtifactError)


@pytest.mark.parametrize("name", ["ledger", "gateways"])
def test_a_line_that_cannot_be_placed_is_an_error(tmp_path: Path, name: str) -> None:
    """What cannot be placed may be a later verdict, or a change of the gateway: exit code 0 is for what is known."""
    project = make_project(tmp_path)
    judge(project, DAYS[:1])
    arguments = (tmp_path / "parity.yaml", "--date", DAYS[0], "--model", MODEL)
    assert run(*arguments).exit_code == 0
    path = getattr(project.settings().layout(), name)
    whole = path.read_bytes()
    for damage in (b'{"schema": 1}\n', b'{"verdict": {"schema": 99}}\n', b"<<<<<<< HEAD\n"):
        path.write_bytes(whole + damage)
        error = run(*arguments).exception
        assert isinstance(error, ArtifactError)
        assert error.place.startswith(f"{path}:")
    path.write_bytes(whole)
    assert run(*arguments).exit_code == 0


def test_the_gate_imports_no_dagster_and_no_pandas(config: Path) -> None:
    """A script gets its exit code without waiting for what only runs and notebooks need."""
    code = "import sys; from parity_pipeline.cli.main import app\n"
    code += f"try: app(['gate', '--config', {str(config)!r}])\n"
    code += "except SystemExit: pass\nprint([name for name in ('dagster', 'pandas') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]"


@pytest.mark.parametrize(
    ("text", "found"), [("90s", timedelta(seconds=90)), ("90m", timedelta(hours=1.5)), ("7d", timedelta(days=7))]
)
def test_an_age_has_a_unit(text: str, found: timedelta) -> None:
    """Seconds, minutes, hours and days are written with their letter."""
    assert age(text, "--max-age") == found


@pytest.mark.parametrize("text", ["", "24", "h", "-1h", "1.5h", "0h", "1w", "24 h"])
def test_anything_else_is_refused(text: str) -> None:
    """The message shows how an age is written."""
    with pytest.raises(SettingsError, match="90m, 24h or 7d"):
        age(text, "--max-age")
