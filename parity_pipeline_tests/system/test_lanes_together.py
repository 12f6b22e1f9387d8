"""Both lanes at the same time, where the settings ask for it."""

import threading
from pathlib import Path

import dagster as dg
import pytest
import yaml

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.definitions import build_definitions
from parity_pipeline.runs.runner import run_partitions
from parity_pipeline.settings.loading import load
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway
from parity_pipeline_tests.fakes.serving import serve

WAIT_SECONDS = 60.0
"""How long one gateway waits for a request to the other; with the lanes one after the other it would wait in vain."""


def meeting(gateway: Gateway, mine: threading.Event, other: threading.Event) -> Gateway:
    """Return a gateway that embeds texts only once the other gateway has had a request too."""
    embed_now = gateway.embed

    def embed(text: str, model: str):  # noqa: ANN202 - that of the gateway
        mine.set()
        if not other.wait(WAIT_SECONDS):
            raise RuntimeError("the other lane never sent a request")
        return embed_now(text, model)

    gateway.embed = embed
    return gateway


@pytest.mark.filterwarnings("ignore::DeprecationWarning:multiprocessing")
def test_the_forkserver_runs_both_lanes_at_the_same_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With `executor: forkserver` each gateway may wait for a request to the other, and the run still passes."""
    here, there = threading.Event(), threading.Event()
    legacy = meeting(hash_gateway("rust"), here, there)
    candidate = meeting(hash_gateway("go"), there, here)
    (tmp_path / "seed.txt").write_text("hello\nworld\n", "utf-8")
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PARITY_CONFIG", "")
    with serve(legacy.app) as old, serve(candidate.app) as new:
        content = {
            "first_date": "2026-04-30",
            "models": ["fake-32"],
            "samples": [{"path": "seed.txt"}],
            "hazards": False,
            "executor": "forkserver",
            "sides": {
                "legacy": {"label": "Old", "base_url": old, "dialect": "rust", "observe_default_model": False},
                "candidate": {"label": "New", "base_url": new, "dialect": "go", "observe_default_model": False},
            },
        }
        (tmp_path / "parity.yaml").write_text(yaml.safe_dump(content), "utf-8")
        settings = load(tmp_path / "parity.yaml", {})
        with dg.DagsterInstance.from_config(str(tmp_path / "home")) as instance:
            results = list(run_partitions(settings, build_definitions(settings), instance, [("2026-05-01", "fake-32")]))
    assert [one.failures for one in results] == [()]
    assert [one.verdict and one.verdict.decision for one in results] == [Decision.PASS]
