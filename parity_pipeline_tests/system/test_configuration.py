"""Other sides by configuration alone, and the places that load the definitions."""

import subprocess
import sys
from pathlib import Path

from parity_pipeline.wire.dialects import Dialect
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, ROOT, Project, environment, side

MINE = {"path": "/embed", "texts_field": "input", "vectors_field": "result.items[].values", "model_field": "engine"}


def test_an_openai_side_against_a_dialect_of_ones_own(tmp_path: Path) -> None:
    """A built-in row and a row of the file, with a model's own name on one side, run to a PASS."""
    legacy = hash_gateway(
        Dialect(name="mine", path="/embed", texts_field="input", vectors_field="result.items[].values",
                model_field="engine"),
    )  # fmt: skip
    candidate = hash_gateway("openai", norm=3.0)
    with serve(legacy.app) as left, serve(candidate.app) as right:
        project = Project(tmp_path, side(left, "mine"), side(right, "openai"), more={"dialects": {"mine": MINE}})
        result = project.parity("run", "--date", DAY, "--json")
    assert (result.code, result.decisions()) == (0, ["PASS"])
    report = project.settings().layout().report(DAY, "fake-32").read_text("utf-8")
    for word in ("POST /embed", "POST /v1/embeddings", "engine", "index"):
        assert word in report


def test_the_workspace_loads(tmp_path: Path) -> None:
    """Dagster's own command finds the definitions through `workspace.yaml`."""
    dagster = str(Path(sys.executable).with_name("dagster"))
    result = subprocess.run(
        [dagster, "definitions", "validate", "-w", "workspace.yaml"],
        cwd=ROOT,
        env=environment(DAGSTER_HOME=str(tmp_path)),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr


def test_a_refused_settings_file_lists_its_faults_indented(tmp_path: Path) -> None:
    """Each fault is a line of its own, indented by spaces not by visible substitutes for spaces."""
    file = tmp_path / "parity.yaml"
    file.write_text("modles: [x]\n", encoding="utf-8")
    result = subprocess.run(
        [str(Path(sys.executable).with_name("parity")), "doctor", "--config", str(file)],
        env=environment(COLUMNS="200"),
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 2
    assert "\n  - modles: unknown key" in result.stderr
