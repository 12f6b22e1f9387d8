"""The demo's project folder: what is written, what stays, and that one command at a time has it."""

from pathlib import Path

import pytest
import yaml

from parity_pipeline.core.errors import ParityError, SettingsError
from parity_pipeline.demo.demo_settings import SECTION
from parity_pipeline.demo.project import FILES, demo_folder, demo_project, packaged
from parity_pipeline.settings.loading import load

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("name", FILES)
def test_what_ships_in_the_package_is_what_the_repository_shows(name: str) -> None:
    """Whoever edits samples, queries or labels of the demo edits both copies."""
    assert packaged(name) == (ROOT / "data" / "samples" / name).read_text("utf-8")


def test_everything_is_in_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All folders of the settings are below the demo's own, its files are there, both sides have free ports, and no variable changes that."""
    monkeypatch.setenv("PARITY__REPORTS_DIR", str(tmp_path / "elsewhere"))
    folder = demo_folder(tmp_path)
    with demo_project(folder) as settings:
        places = (settings.data_dir, settings.reports_dir, settings.state_dir, settings.dagster_home)
        assert all(settings.path(place).is_relative_to(folder) for place in places)
        assert settings.sources()[0].path == folder / "samples" / "seed.txt"
        assert settings.qrels() == folder / "samples" / "qrels.txt"
        assert load(folder / "parity.yaml", {}) == settings
        ports = [side.base_url for side in (settings.sides.legacy, settings.sides.candidate)]
    assert len(set(ports)) == 2
    with demo_project(folder) as again:
        assert [side.base_url for side in (again.sides.legacy, again.sides.candidate)] != ports


def test_the_shipped_settings_describe_the_same_two_gateways(tmp_path: Path) -> None:
    """`parity.yaml` of the repository and the demo have the same models, dialects and retrieve section."""
    shipped = yaml.safe_load((ROOT / "parity.yaml").read_text("utf-8"))
    with demo_project(tmp_path / "demo") as settings:
        assert settings.models == shipped["models"]
        for name in ("legacy", "candidate"):
            ours, theirs = getattr(settings.sides, name), shipped["sides"][name]
            assert (ours.label, ours.dialect) == (theirs["label"], theirs["dialect"])
            assert "--warm-up" in ours.services[0].command
    assert {key: value for key, value in shipped["retrieve"].items() if key not in {"queries", "qrels"}} == dict(
        SECTION
    )


def test_one_command_at_a_time(tmp_path: Path) -> None:
    """A second demo in the same folder is refused, for it would stop the services of the first; then it may run."""
    with (
        demo_project(tmp_path),
        pytest.raises(ParityError, match="another command runs the demo here"),
        demo_project(tmp_path),
    ):
        pass
    with demo_project(tmp_path):
        pass


def test_a_folder_that_cannot_be_made(tmp_path: Path) -> None:
    """A file in the way is reported with the place and what to do."""
    (tmp_path / "file").write_text("", "utf-8")
    with (
        pytest.raises(ParityError, match=r"file.*cannot be written to.*Change into") as refused,
        demo_project(tmp_path / "file" / "x"),
    ):
        pass
    assert not isinstance(refused.value, SettingsError)


def test_a_fault_has_a_folder_of_its_own(tmp_path: Path) -> None:
    """Several faults share one, whose name can be typed; an unknown fault writes nothing."""
    assert demo_folder(tmp_path, "noise,stale-index") == tmp_path / ".parity/faults/noise+stale-index"
    with pytest.raises(SettingsError, match="Did you mean noise"), demo_project(tmp_path / "x", "noize"):
        pass
    assert not (tmp_path / "x").exists()
