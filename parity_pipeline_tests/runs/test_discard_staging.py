"""What an unfinished fetch has staged: the next run uses it, unless a person asks to discard it."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.runs.runner import discard_staged, run_partitions
from parity_pipeline.steps import fetch_embeddings
from parity_pipeline.storage.staging import SqliteStaging
from parity_pipeline_tests.defs.project import DAY, MODEL, Project
from parity_pipeline_tests.fakes.gateways import hash_gateway

TEXT = "forklift operator"


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Iterator[Project]:
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), more={"stability": {"enabled": False}})
    with project.instance:
        yield project


@pytest.fixture(name="left")
def _left(project: Project, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Fetch both lanes without publishing them, as a run that is stopped then does, and return what stays staged."""

    def stopped(*_: object) -> None:
        raise RuntimeError("stopped")

    with monkeypatch.context() as patch:
        patch.setattr(fetch_embeddings, "_provenance", stopped)
        assert not project.run().success
    return staged(project)


def staged(project: Project) -> list[Path]:
    """Return the folders of what is staged."""
    return sorted(path for path in project.settings().layout().staging.glob("*/*/*/*") if path.is_dir())


def requests_for_text(project: Project) -> list[int]:
    """Return how often each side has embedded the text."""
    return [side.texts[TEXT] for side in (project.legacy, project.candidate) if side]


@pytest.mark.parametrize(("discard", "more"), [(False, 0), (True, 1)])
def test_discarded_staging_is_fetched_again(project: Project, left: list[Path], discard: bool, more: int) -> None:
    """A run uses what is staged; with `discard_staging` it requests every text from both sides again. Both pass."""
    assert len(left) == 2
    before = requests_for_text(project)
    pairs = [(DAY, MODEL)]
    ran = list(
        run_partitions(project.settings(), project.definitions(), project.instance, pairs, discard_staging=discard)
    )
    assert [one.failures for one in ran] == [()]
    assert requests_for_text(project) == [count + more for count in before]
    assert staged(project) == []


def test_only_what_is_fetched_is_discarded(project: Project, left: list[Path]) -> None:
    """Discarding for one lane, another date or another model keeps everything else that is staged."""
    root = project.settings().layout().staging
    discard_staged(root, [("2026-05-02", MODEL), (DAY, "another")], tuple(Side))
    assert staged(project) == left
    list(run_partitions(
        project.settings(), project.definitions(), project.instance, [(DAY, MODEL)], side=Side.CANDIDATE,
        discard_staging=True,
    ))  # fmt: skip
    assert [path.relative_to(root).parts[0] for path in staged(project)] == ["legacy"]


def test_a_fetch_under_way_is_not_discarded(project: Project, left: list[Path]) -> None:
    """While another run uses a lane's staging, discarding it is refused, nothing of it is lost, and no run starts."""
    runs = len(project.instance.get_runs())
    candidate = left[0]
    with SqliteStaging(candidate), pytest.raises(ArtifactError, match="is fetching the same samples"):
        list(run_partitions(
            project.settings(), project.definitions(), project.instance, [(DAY, MODEL)],
            side=Side.CANDIDATE, discard_staging=True,
        ))  # fmt: skip
    assert candidate in staged(project)
    assert len(project.instance.get_runs()) == runs
