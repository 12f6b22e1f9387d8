"""A command that is killed: what the UI would show of it once the next command has run."""

import threading
from pathlib import Path

import dagster as dg

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.storage.ledger import entries
from parity_pipeline_tests.fakes.gateways import hash_gateway
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.fakes.shapes import Vector
from parity_pipeline_tests.system.project import DAY, LIMIT_SECONDS, Project, side


def test_the_run_of_a_killed_command_does_not_stay_started(tmp_path: Path) -> None:
    """A run killed during a request stays unfinished until the next command, which ends and records it, and passes."""
    requested, killed = threading.Event(), threading.Event()
    candidate = hash_gateway("go")
    embed = candidate.embed

    def held(text: str, model: str) -> Vector:
        requested.set()
        killed.wait(LIMIT_SECONDS)
        return embed(text, model)

    candidate.embed = held
    with serve(hash_gateway("rust").app) as left, serve(candidate.app) as right:
        project = Project(tmp_path, side(left, "rust"), side(right, "go"), more={"stability": {"enabled": False}})
        with project.start("run", "--date", DAY) as child:
            assert requested.wait(LIMIT_SECONDS)
            child.kill()
        killed.set()
        with dg.DagsterInstance.from_config(str(tmp_path / ".dagster")) as instance:
            assert [run.status for run in instance.get_runs()] == [dg.DagsterRunStatus.STARTED]
            assert project.parity("run", "--date", DAY).code == 0
            statuses = [run.status for run in instance.get_runs()]
    assert statuses == [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE]
    killed_run, judged = (one.verdict for one in entries(project.settings().layout().ledger))
    assert killed_run.reasons[0].startswith("could not run: ")
    assert killed_run.reasons[0].endswith("the command that executed it was killed")
    assert judged.decision is Decision.PASS
