"""The stability assets in runs of the whole graph."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.definitions import probe_assets
from parity_pipeline.defs.automation import ProbeAssets
from parity_pipeline.steps.probes import EMBED
from parity_pipeline.storage.evidence_files import read_stability, read_verdict
from parity_pipeline_tests.defs.project import CLOCK, DAY, MODEL, Project, checks_of
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway, hash_vector


def unsteady_gateway() -> Gateway:
    """Return a gateway that never returns the same vector for a text twice."""
    gateway = hash_gateway("go")

    def embed(text: str, model: str) -> object:
        return hash_vector(text, model, 32) + 0.2 * hash_vector(str(gateway.requests), model, 32)

    gateway.embed = embed  # type: ignore[assignment]  # pyright: ignore[reportAttributeAccessIssue] - adding arrays keeps float32
    return gateway


def test_each_side_is_tried_and_a_steady_one_passes_its_check(tmp_path: Path) -> None:
    """Both records are stored with their origin; an unsteady side warns, names what it does, and fails nothing else."""
    project = Project(tmp_path, hash_gateway("rust"), unsteady_gateway())
    result = project.run("samples", "legacy/stability", "candidate/stability")
    assert result.success
    checks = checks_of(result)
    assert (checks["legacy/stability:stable"], checks["candidate/stability:stable"]) == (True, False)
    evaluations = {one.asset_key.path[0]: one for one in result.get_asset_check_evaluations()}
    assert evaluations["candidate"].severity is dg.AssetCheckSeverity.WARN
    layout = project.settings().layout()
    records = {side: read_stability(layout.stability(side, DAY, MODEL)) for side in Side}
    assert {record.origin.date for record in records.values()} == {DAY}
    assert records[Side.LEGACY].origin.url == "http://gateway.test/ai/embed"
    assert [one.experiment for one in records[Side.CANDIDATE].stability.findings] == ["repeats"]
    assert records[Side.LEGACY].stability.floor is not None


def test_metadata_show_the_experiments_and_the_floor(tmp_path: Path) -> None:
    """A person reads each experiment's worst row, the noise floor and what was not tried in the UI."""
    result = Project(tmp_path, hash_gateway("rust"), hash_gateway("go")).run("samples", "legacy/stability")
    events = {event.asset_key: event for event in result.get_asset_materialization_events()}
    event = events[dg.AssetKey(["legacy", "stability"])]
    shown = {name: value.value for name, value in event.materialization.metadata.items()}
    assert "| batch-sizes | 0 |" in str(shown["experiments"])
    assert shown["noise floor, 1 - cosine"] == 0.0
    assert "batch of 64" in str(shown["not tried or without a response"])


def test_a_run_keeps_to_the_budget_of_the_settings(tmp_path: Path) -> None:
    """`stability.requests` bounds the requests to one side."""
    legacy = hash_gateway("rust")
    project = Project(tmp_path, legacy, hash_gateway("go"), more={"stability": {"texts": 2, "requests": 25}})
    assert project.run("samples", "legacy/stability").success
    assert 0 < legacy.requests <= 25


def test_stability_can_be_switched_off(tmp_path: Path) -> None:
    """Without it there is no such asset, check or selection."""
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go"), more={"stability": {"enabled": False}})
    keys = project.definitions().resolve_asset_graph().get_all_asset_keys()
    assert not [key for key in keys if key.path[-1] == "stability"]
    chosen = probe_assets(project.settings(), EMBED).keys(inputs=True)
    assert dg.AssetKey(["legacy", "stability"]) not in chosen


@pytest.mark.parametrize("side", [None, *Side])
def test_a_lane_that_is_fetched_again_is_tried_again(side: Side | None) -> None:
    """Fetching one lane again renews that side's noise floor and contract and leaves the other's."""
    keys = ProbeAssets(probe=EMBED).keys(inputs=False, sides=(side,) if side else tuple(Side))
    for name in ("stability", "contract"):
        tried = {key.path[0] for key in keys if key.path[-1] == name}
        assert tried == {one.value for one in Side if side in (None, one)}


def test_a_floor_from_before_the_fetch_judges_nothing(tmp_path: Path) -> None:
    """A lane that was fetched again alone has no noise floor until its repeatability is measured again."""
    project = Project(tmp_path, hash_gateway("rust"), hash_gateway("go"))
    assert project.run().success
    layout = project.settings().layout()
    assert read_verdict(layout.verdict(DAY, MODEL)).decision is Decision.PASS
    project.clock = CLOCK + timedelta(minutes=5)
    assert project.run("legacy/embeddings", "parity", "diagnosis", "verdict").success
    stale = read_verdict(layout.verdict(DAY, MODEL))
    assert (stale.decision, stale.legacy.floor, stale.candidate.floor is None) == (Decision.INCONCLUSIVE, None, False)
    assert any("before the fetch that it would judge" in reason for reason in stale.reasons)
    assert project.run("legacy/stability", "diagnosis", "verdict").success
    assert read_verdict(layout.verdict(DAY, MODEL)).decision is Decision.PASS
