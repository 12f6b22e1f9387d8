"""Runs of the retrieve probe's graph on one partition, with gateways in this process."""

from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.defs.retrieval_checks import RETRIEVAL_FAMILIES
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.storage.ledger import entries
from parity_pipeline.storage.rankings_files import RankingsFile
from parity_pipeline.storage.retrieval_evidence import read_retrieval_verdict
from parity_pipeline_tests.defs.project import DAY, Project, checks_of, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import QUERIES, SearchingGateway

CORPUS = "everyone"


def judge(project: Project, *names: str) -> dg.ExecuteInProcessResult:
    """Run the retrieve probe for `everyone`."""
    return project.run(*names, model=CORPUS, probe=RETRIEVE)


def verdict_of(project: Project) -> RetrievalVerdict:
    """Return the stored verdict."""
    return read_retrieval_verdict(project.settings().layout().retrieval_verdict(DAY, CORPUS))


def test_equal_sides_pass_with_every_check(tmp_path: Path) -> None:
    """Two sides that search alike pass all checks; verdict, report, summary and ledger are written."""
    project = searching_project(tmp_path)
    result = judge(project)
    layout = project.settings().layout()
    assert result.success
    lanes = {f"{side}/retrieval:fetch_complete" for side in ("legacy", "candidate")}
    families = {f"retrieve/verdict:{family}" for family in ("verdict_is_pass", *RETRIEVAL_FAMILIES)}
    assert checks_of(result) == dict.fromkeys(lanes | families, True)
    verdict = verdict_of(project)
    assert (verdict.decision, verdict.counts.agreeing) == (Decision.PASS, len(QUERIES))
    assert "**PASS**" in layout.retrieval_report(DAY, CORPUS).read_text("utf-8")
    assert CORPUS in layout.summary.read_text("utf-8")
    assert [entry.run_id for entry in entries(layout.ledger)] == [result.run_id]


def test_checks_record_their_partition(tmp_path: Path) -> None:
    """Every check evaluation carries the partition of corpus and date that it was made for."""
    evaluations = judge(searching_project(tmp_path)).get_asset_check_evaluations()
    assert {one.partition for one in evaluations} == {f"{CORPUS}|{DAY}"}


def test_ledger_and_summary_hold_both_probes(tmp_path: Path) -> None:
    """Runs of both probes add a line each to one ledger, and the summary lists both."""
    project = searching_project(tmp_path)
    assert project.run().success
    assert judge(project).success
    layout = project.settings().layout()
    assert [type(entry.verdict) for entry in entries(layout.ledger)] == [Verdict, RetrievalVerdict]
    summary = layout.summary.read_text("utf-8")
    assert CORPUS in summary
    assert "fake-32" in summary


def test_a_failing_corpus_still_gets_its_report_and_its_row(tmp_path: Path) -> None:
    """A side that returns other documents fails the checks, and report and summary are written all the same."""
    project = searching_project(tmp_path)
    project.candidate = SearchingGateway("go", embed_query=lambda text: hash_vector(text, "another", 32))
    result = judge(project)
    layout = project.settings().layout()
    assert result.success
    failed = {name for name, passed in checks_of(result).items() if not passed}
    assert {"retrieve/verdict:verdict_is_pass", "retrieve/verdict:documents"} <= failed
    assert verdict_of(project).decision is Decision.FAIL
    assert "**FAIL**" in layout.retrieval_report(DAY, CORPUS).read_text("utf-8")
    assert "FAIL" in layout.summary.read_text("utf-8")


@pytest.mark.parametrize(("down", "up"), [("legacy", "candidate"), ("candidate", "legacy")])
def test_a_side_that_is_down_fails_alone(tmp_path: Path, down: str, up: str) -> None:
    """A dead endpoint fails its own lane with address and remedy; the other lane's file stays, the date could not run."""
    project = searching_project(tmp_path)
    setattr(project, down, None)
    result = judge(project)
    layout = project.settings().layout()
    assert not result.success
    failures = result.filter_events(lambda event: event.is_step_failure)
    assert [event.step_key for event in failures] == [f"{down}__retrieval"]
    data = failures[0].step_failure_data.user_failure_data
    assert data is not None
    assert data.description is not None
    assert f"({down}) at http://gateway.test" in data.description
    assert f"sides.{down}.base_url" in data.description
    assert RankingsFile(layout.rankings(up, DAY, CORPUS)).header.queries == len(QUERIES)
    verdict = read_retrieval_verdict(layout.retrieval_verdict(DAY, CORPUS))
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.not_run is not None
    assert verdict.not_run.step == f"{down}/retrieval"


def test_one_lane_alone_leaves_queries_and_the_other_lane_as_they_were(tmp_path: Path) -> None:
    """Fetching the candidate again touches neither the query set nor the legacy file, and sends legacy no request."""
    project = searching_project(tmp_path)
    assert judge(project).success
    layout = project.settings().layout()
    kept = (layout.queries(DAY, CORPUS), layout.rankings("legacy", DAY, CORPUS))
    before = [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept]
    assert isinstance(project.legacy, SearchingGateway)
    searches = project.legacy.searches
    (tmp_path / "queries.jsonl").write_text('{"id": "later", "text": "a later query"}\n', "utf-8")
    assert judge(project, "candidate/retrieval", "retrieve/parity", "retrieve/verdict", "retrieve/report").success
    assert [(path.read_bytes(), path.stat().st_mtime_ns) for path in kept] == before
    assert project.legacy.searches == searches
    assert verdict_of(project).decision is Decision.PASS
    assert len(list(entries(layout.ledger))) == 2


def test_a_lane_of_an_older_query_set_is_never_paired(tmp_path: Path) -> None:
    """Queries drawn again with only one lane fetched again give INCONCLUSIVE with the remedy, not PASS."""
    project = searching_project(tmp_path)
    assert judge(project).success
    (tmp_path / "queries.jsonl").write_text('{"id": "later", "text": "a later query"}\n', "utf-8")
    chosen = ("retrieve/queries", "candidate/retrieval", "retrieve/parity", "retrieve/verdict", "retrieve/report")
    result = judge(project, *chosen)
    assert result.success
    verdict = verdict_of(project)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert any("legacy/retrieval" in reason for reason in verdict.reasons)
    assert not checks_of(result)["retrieve/verdict:comparison"]


def test_the_verdict_alone_judges_stored_lists_under_bands_of_now(tmp_path: Path) -> None:
    """Stricter bands turn a stored PASS into a FAIL without any request."""
    project = searching_project(tmp_path)
    candidate = SearchingGateway("go")
    candidate.indexed["staff"] = [one for one in candidate.indexed["staff"] if one not in ("s01", "s02")]
    project.candidate = candidate
    project.more["retrieve"]["bands"] = {
        "query": {"overlap": [0.0, None], "rbo": [0.0, None], "top_1": None, "score_delta": None},
        "set": {"mean_overlap": [0.0, None], "top_1_share": [0.0, None], "mean_rbo": [0.0, None]},
    }
    assert judge(project).success
    assert verdict_of(project).decision is Decision.PASS
    searches = candidate.searches
    project.more["retrieve"]["bands"] = {"query": {"overlap": [1.0, 1.0]}}
    assert judge(project, "retrieve/verdict").success
    assert verdict_of(project).decision is Decision.FAIL
    assert candidate.searches == searches


def test_the_same_inputs_write_the_same_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two projects with equal gateways and a standing clock write equal reports and summaries, each run in its own folder."""
    written: list[tuple[str, str]] = []
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        monkeypatch.chdir(tmp_path / name)
        project = searching_project(tmp_path / name)
        assert judge(project).success
        layout = project.settings().layout()
        written.append((layout.retrieval_report(DAY, CORPUS).read_text("utf-8"), layout.summary.read_text("utf-8")))
    assert written[0] == written[1]
