"""`parity demo --fault`: the verdict that each fault deserves, in a folder of its own."""

import shutil
from pathlib import Path

import pytest

from parity_pipeline.services.supervisor import down
from parity_pipeline_tests.system.project import PARITY, ROOT, CommandResult, Project


class Shipped(Project):
    """A copy of what ships: settings and samples, and a report that nobody may touch."""

    def __post_init__(self) -> None:
        """Copy instead of writing settings."""
        shutil.copy(ROOT / "parity.yaml", self.folder)
        shutil.copytree(ROOT / "data" / "samples", self.folder / "data" / "samples")
        self.real.mkdir(parents=True)
        (self.real / "SUMMARY.md").write_text("a real verdict\n", "utf-8")

    @property
    def real(self) -> Path:
        """Return the folder of real reports."""
        return self.folder / "reports" / "cutover"

    def fault(self, name: str, *models: str) -> tuple[CommandResult, str]:
        """Show a fault; return what the command said and the text of the last model's report."""
        chosen = {"PARITY__MODELS": f"[{', '.join(models)}]"}
        shown = self.folder / ".parity" / "faults" / name
        try:
            result = self.parity("demo", "--fault", name, **chosen)
        finally:
            left = down(shown / "state")
        assert left == []
        assert [path.name for path in self.real.iterdir()] == ["SUMMARY.md"]
        assert (self.real / "SUMMARY.md").read_text("utf-8") == "a real verdict\n"
        reports = sorted((shown / "reports").glob(f"embed_parity_*_{models[-1]}.md"))
        return result, reports[0].read_text("utf-8") if reports else ""


@pytest.fixture
def shipped(tmp_path: Path) -> Shipped:
    """Return a copy of the project that ships."""
    assert Path(PARITY).exists()
    return Shipped(tmp_path, {}, {})


def test_another_model_fails(shipped: Shipped) -> None:
    """A candidate that silently responds with the other model fails on the dimension of every sample."""
    result, report = shipped.fault("wrong-model", "wordllama-256", "wordllama-64")
    assert result.code == 1
    assert result.out.count("FAIL") == 2
    assert "dimension" in report
    assert "hello" in report


def test_noise_fails(shipped: Shipped) -> None:
    """Noise on every vector fails with each sample and its cosine in the report."""
    result, report = shipped.fault("noise", "wordllama-64")
    assert result.code == 1
    assert "FAIL" in result.out
    assert "578/578 compared samples < 0.9990" in report
    assert "50 of 591 samples" in report


def test_a_dropped_row_proves_nothing(shipped: Shipped) -> None:
    """One vector too few in every response gives no vectors to judge: exit 2, with what was counted."""
    result, report = shipped.fault("drop-row", "wordllama-64")
    assert result.code == 2
    assert "INCONCLUSIVE" in result.out or "COULD NOT RUN" in result.out
    assert "texts" in result.printed or "vectors" in report


def test_an_unknown_fault_names_the_known_ones(shipped: Shipped) -> None:
    """A fault that does not exist starts nothing and lists those that do."""
    result = shipped.parity("demo", "--fault", "gremlins")
    assert result.code == 2
    assert "gremlins" in result.printed
    assert "wrong-model" in result.printed
    assert not (shipped.folder / ".parity").exists()
