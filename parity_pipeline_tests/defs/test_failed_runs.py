"""Runs that fail, by Dagster: each leaves one INCONCLUSIVE with its reason, and nothing where no verdict was wanted."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.definitions import build_definitions
from parity_pipeline.defs.failed_runs import recorded
from parity_pipeline.defs.partitions import make_key
from parity_pipeline.steps.probes import EMBED, RETRIEVE
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.ledger import LedgerEntry, entries
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, searching_project
from parity_pipeline_tests.defs.test_retrieval_runs import CORPUS
from parity_pipeline_tests.defs.test_runs import a_project
from parity_pipeline_tests.fakes.gateways import hash_gateway

SUMMARY_ROW = "| **INCONCLUSIVE** | 0 / 5 |"


def only(project: Project) -> list[LedgerEntry]:
    """Return the entries of a project's ledger."""
    return list(entries(project.settings().layout().ledger))


def test_a_pass_does_not_go_on_standing_when_the_next_run_fails(tmp_path: Path) -> None:
    """A dead gateway after a PASS gives INCONCLUSIVE in the ledger, the report and the summary, and names the PASS."""
    project = a_project(tmp_path)
    assert project.run().success
    project.candidate = None
    failed = project.run()
    assert not failed.success
    layout = project.settings().layout()
    first, second = only(project)
    assert (first.verdict.decision, second.verdict.decision) == (Decision.PASS, Decision.INCONCLUSIVE)
    assert second.run_id == failed.run_id
    assert second.verdict.not_run is not None
    assert second.verdict.not_run.kind == "UnusableSideError"
    report = layout.report(DAY, MODEL).read_text("utf-8")
    assert "**INCONCLUSIVE** — could not run" in report
    assert "which was PASS (5 of 5 samples match, worst cosine 1.000000)" in report
    assert "## Approval" not in report
    summary = layout.summary.read_text("utf-8")
    assert SUMMARY_ROW in summary
    assert "could not run: candidate/embeddings failed" in summary
    assert "PASS" not in summary.replace("INCONCLUSIVE", "")


def test_two_lanes_that_fail_in_one_run_are_one_verdict(tmp_path: Path) -> None:
    """One run leaves one line, of the step that failed first."""
    project = a_project(tmp_path, legacy=None, candidate=None)
    assert not project.run().success
    [entry] = only(project)
    assert entry.verdict.not_run is not None
    assert entry.verdict.not_run.step in {"legacy/embeddings", "candidate/embeddings"}


def test_a_run_that_was_to_give_no_verdict_records_nothing(tmp_path: Path) -> None:
    """A lane that is fetched alone and fails leaves the verdict on the stored lanes as it is."""
    project = a_project(tmp_path)
    assert project.run().success
    project.candidate = None
    assert not project.run("candidate/embeddings").success
    [entry] = only(project)
    assert entry.verdict.decision is Decision.PASS


def test_samples_that_cannot_be_read_are_recorded(tmp_path: Path) -> None:
    """A broken sample file is the reason, with the line, before anything was sent."""
    project = a_project(tmp_path, more={"samples": [{"path": "broken.jsonl"}]})
    (tmp_path / "broken.jsonl").write_text("{no json\n", "utf-8")
    assert not project.run().success
    [entry] = only(project)
    assert entry.verdict.not_run is not None
    assert (entry.verdict.not_run.step, entry.verdict.not_run.kind) == ("samples", "SampleSourceError")
    assert entry.verdict.not_run.place.endswith("broken.jsonl:1")
    assert isinstance(entry.verdict, Verdict)
    assert entry.verdict.sample_set.samples == 0


def test_a_missing_lane_is_recorded(tmp_path: Path) -> None:
    """A comparison without one of its lanes has no verdict, and says which file is missing."""
    project = a_project(tmp_path)
    assert not project.run("samples", "candidate/embeddings", "parity", "confirmation", "diagnosis", "verdict").success
    [entry] = only(project)
    assert entry.verdict.not_run is not None
    assert entry.verdict.not_run.step == "parity"
    assert "side=legacy" in entry.verdict.not_run.place


def test_the_next_verdict_is_compared_with_the_one_that_was_judged(tmp_path: Path) -> None:
    """A failed run between two verdicts on the same samples hides no change between these."""
    project = a_project(tmp_path)
    assert project.run().success
    project.candidate = None
    assert not project.run().success
    project.candidate = hash_gateway("go", noise=0.5)
    assert project.run().success
    layout = project.settings().layout()
    changed = next(one for one in read_verdict(layout.verdict(DAY, MODEL)).checks if one.name == "changed-verdict")
    assert changed.passed is False
    assert "the decision was PASS" in changed.seen
    assert "supersedes the one recorded" in layout.report(DAY, MODEL).read_text("utf-8")


def test_a_failure_of_the_retrieve_probe_is_recorded(tmp_path: Path) -> None:
    """The ranked lists of a corpus leave the same trace, and the embed probe none."""
    project = searching_project(tmp_path)
    project.candidate = None
    assert not project.run(model=CORPUS, probe=RETRIEVE).success
    [entry] = only(project)
    assert (entry.verdict.endpoint, entry.verdict.decision) == ("retrieve", Decision.INCONCLUSIVE)
    assert entry.verdict.not_run is not None
    assert entry.verdict.not_run.step == "candidate/retrieval"
    report = project.settings().layout().retrieval_report(DAY, CORPUS).read_text("utf-8")
    assert "could not run" in report
    assert "## How to reproduce" in report


@pytest.mark.parametrize(("error", "lines"), [(KeyboardInterrupt(), 0), (KeyError("token=abc"), 1)])
def test_an_interrupted_run_is_not_recorded_and_a_bug_is(tmp_path: Path, error: BaseException, lines: int) -> None:
    """Ctrl-C records nothing; an error that nobody expected is recorded without its text, which may hold a secret."""
    project = a_project(tmp_path)

    def broken() -> SideConfig:
        raise error

    run = project.context()
    gateways = {**run.gateways, Side.LEGACY: replace(run.gateways[Side.LEGACY], make_config=broken)}
    definitions = build_definitions(project.settings(), context=replace(run, gateways=gateways))
    with suppress(KeyboardInterrupt, dg.DagsterExecutionInterruptedError):
        project.run(definitions=definitions)
    found = only(project)
    assert len(found) == lines
    for entry in found:
        assert entry.verdict.not_run is not None
        assert entry.verdict.not_run.kind == "KeyError"
        assert "abc" not in repr(entry.verdict)


def test_a_failure_that_cannot_be_recorded_leaves_the_step_its_own_error(tmp_path: Path) -> None:
    """A ledger that takes no line hides nothing of why the step failed."""
    project = a_project(tmp_path, candidate=None)
    ledger = project.settings().layout().ledger
    ledger.mkdir(parents=True)
    result = project.run()
    [failure] = result.filter_events(lambda event: event.is_step_failure)
    assert failure.step_failure_data.user_failure_data is not None
    assert "http://gateway.test" in str(failure.step_failure_data.user_failure_data.description)
    assert failure.step_key == "candidate__embeddings"


@pytest.mark.parametrize(("steps", "lines"), [(["verdict", "report"], 1), (["report", "summary"], 0)])
def test_a_re_execution_without_the_verdict_leaves_it_as_it_is(tmp_path: Path, steps: list[str], lines: int) -> None:
    """Dagster runs the steps that failed again, and those alone: a report that fails once more says nothing of the sides."""
    project = a_project(tmp_path)
    layer = SimpleNamespace(selected_asset_keys={dg.AssetKey(name) for name in ("verdict", "report", "summary")})
    context = SimpleNamespace(
        job_def=SimpleNamespace(asset_layer=layer),
        run=dg.DagsterRun(job_name=EMBED.job, run_id="again", step_keys_to_execute=steps),
        selected_asset_keys={dg.AssetKey("report")},
        partition_key=make_key(DAY, MODEL),
        instance=SimpleNamespace(add_run_tags=print),
        log=SimpleNamespace(warning=print),
    )

    def broken(*_: object) -> None:
        raise OSError(28, "no space")

    with pytest.raises(OSError, match="no space"):
        recorded(broken, EMBED)(context, project.context())
    assert len(only(project)) == lines
