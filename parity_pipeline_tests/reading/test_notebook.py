"""The example notebook: it runs from top to bottom on a store made here, and is kept without outputs."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import nbformat
import pytest

from parity_pipeline_tests.reading.stored import DAYS, another_candidate, judge, make_project

NOTEBOOK: Final = Path(__file__).parents[2] / "docs" / "examples" / "history.ipynb"
OWN: Final = ("JUPYTER_RUNTIME_DIR", "JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "IPYTHONDIR")


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder with a short path, for the sockets of a kernel."""
    with tempfile.TemporaryDirectory(prefix="nb-") as name:
        yield Path(name)


def run_notebook(notebook: Path, folder: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run a notebook in processes of its own, with Jupyter's files in the folder."""
    command = [sys.executable, "-m", "parity_pipeline_tests.reading.execute_notebook", str(notebook), str(folder)]
    root = str(Path(__file__).parents[2])
    variables = {**os.environ, **dict.fromkeys(OWN, str(folder)), "PYTHONPATH": root, **environ}
    return subprocess.run(command, check=False, capture_output=True, text=True, env=variables)


def test_the_notebook_is_stored_without_outputs() -> None:
    """What it showed once is nobody's data, and a change of it is a change of its cells."""
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    nbformat.validate(notebook)
    cells = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert cells
    assert not [cell for cell in cells if cell.outputs or cell.execution_count is not None]


def test_the_notebook_runs(tmp_path: Path, short: Path) -> None:
    """Every cell works on two dates of both probes, and the worst sample is shown with its text."""
    project = make_project(tmp_path)
    judge(project, DAYS[:1])
    another_candidate(project, "forklift operator")
    judge(project, DAYS[1:])
    done = run_notebook(NOTEBOOK, short, PARITY_CONFIG=str(tmp_path / "parity.yaml"))
    assert done.returncode == 0, done.stdout + done.stderr
    cells = [cell for cell in nbformat.read(short / "ran.ipynb", as_version=4).cells if cell.cell_type == "code"]
    shown = [str(output["data"]) for cell in cells for output in cell.outputs if "data" in output]
    assert len(shown) == len(cells)
    assert any("forklift operator" in text for text in shown)
    assert any("FAIL" in text for text in shown)


def test_a_cell_that_fails_is_noticed(tmp_path: Path, short: Path) -> None:
    """The run of a notebook ends with the error of a cell, so that the test above can fail."""
    broken = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("1 / 0")])
    nbformat.write(broken, tmp_path / "broken.ipynb")
    done = run_notebook(tmp_path / "broken.ipynb", short)
    assert done.returncode == 1
    assert "ZeroDivisionError" in done.stderr
