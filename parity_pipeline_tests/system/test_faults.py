"""`parity demo --fault`: the verdict that each fault deserves, in a folder of its own."""

import socket
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from parity_pipeline.services.supervisor import down
from parity_pipeline_tests.system.project import PARITY, CommandResult, Project


class Elsewhere(Project):
    """A project with other gateways, which nobody's demo may look at or write to."""

    def __post_init__(self) -> None:
        """Write settings that no demo could use, and a verdict of the project."""
        self.real.mkdir(parents=True)
        (self.real / "SUMMARY.md").write_text("a real verdict\n", "utf-8")
        self.config.write_text("sides: {legacy: {base_url: http://127.0.0.1:9}}\nmodels: [mine]\n", "utf-8")

    @property
    def real(self) -> Path:
        """Return the folder of real reports."""
        return self.folder / "reports" / "cutover"

    def demo(self, folder: str, *arguments: str) -> tuple[CommandResult, str]:
        """Run a demo that belongs into a folder; return what the command said and the text of the last report."""
        shown = self.folder / ".parity" / folder
        misleading = {
            "PARITY_CONFIG": "/no/such/file.yaml",
            "PARITY__MODELS": "[mine]",
            "PARITY__REPORTS_DIR": "reports/cutover",
            "DAGSTER_HOME": str(self.folder / "history"),
        }
        try:
            result = self.parity("demo", *arguments, **misleading)
        finally:
            left = down(shown / "state")
        assert left == []
        assert [path.name for path in self.real.iterdir()] == ["SUMMARY.md"]
        assert (self.real / "SUMMARY.md").read_text("utf-8") == "a real verdict\n"
        assert sorted(path.name for path in self.folder.iterdir()) == [".parity", "parity.yaml", "reports"]
        reports = sorted((shown / "reports").glob("embed_parity_*.md"))
        return result, reports[-1].read_text("utf-8") if reports else ""

    def fault(self, name: str, *models: str) -> tuple[CommandResult, str]:
        """Show a fault of embeddings with some models."""
        return self.demo(f"faults/{name}", "--fault", name, *(word for one in models for word in ("--model", one)))


@pytest.fixture
def elsewhere(tmp_path: Path) -> Elsewhere:
    """Return a project with other gateways."""
    assert Path(PARITY).exists()
    return Elsewhere(tmp_path, {}, {})


def test_the_demo_depends_on_nobodys_settings(elsewhere: Elsewhere) -> None:
    """With an unusable parity.yaml, PARITY_CONFIG and overrides around, and the usual ports taken, the demo passes."""
    with ExitStack() as taken:
        for port in (43_100, 43_110):
            with suppress(OSError):  # somebody else has it already, which does as well
                taken.enter_context(socket.create_server(("127.0.0.1", port)))
        result, report = elsewhere.demo("demo", "--quiet")
    assert result.code == 0
    assert [line.split()[0] for line in result.out.splitlines()] == ["PASS"] * 3
    assert "**PASS**" in report
    written = elsewhere.folder / ".parity" / "demo"
    assert {"parity.yaml", "samples", "data", "reports", "state", "dagster"} <= {one.name for one in written.iterdir()}
    again = elsewhere.parity("doctor", "--config", str(written / "parity.yaml"))
    assert "settings: 2 models" in again.out, "its settings are a file that every command takes"


def test_another_model_fails(elsewhere: Elsewhere) -> None:
    """A candidate that silently responds with the other model fails on the dimension of every sample."""
    result, report = elsewhere.fault("wrong-model", "wordllama-256", "wordllama-64")
    assert result.code == 1
    assert result.out.count("FAIL") == 2
    assert "dimension" in report
    assert "hello" in report


def test_noise_fails(elsewhere: Elsewhere) -> None:
    """Noise on every vector fails with each sample and its cosine in the report."""
    result, report = elsewhere.fault("noise", "wordllama-64")
    assert result.code == 1
    assert "FAIL" in result.out
    assert "578/578 compared samples < 0.9990" in report
    assert "50 of 591 samples" in report


def test_a_dropped_row_proves_nothing(elsewhere: Elsewhere) -> None:
    """One vector too few in every response gives no vectors to judge: exit 2, with what was counted."""
    result, report = elsewhere.fault("drop-row", "wordllama-64")
    assert result.code == 2
    assert "INCONCLUSIVE" in result.out or "COULD NOT RUN" in result.out
    assert "texts" in result.printed or "vectors" in report


def test_an_unknown_fault_names_the_known_ones(elsewhere: Elsewhere) -> None:
    """A fault that does not exist starts nothing, says which one was meant, and lists those that do."""
    result = elsewhere.parity("demo", "--fault", "nosie")
    assert result.code == 2
    assert "there is no fault 'nosie'. Did you mean noise?" in result.printed
    assert "wrong-model" in result.printed
    assert not (elsewhere.folder / ".parity").exists()
