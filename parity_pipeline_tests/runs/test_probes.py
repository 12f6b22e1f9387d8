"""Running a probe by its row: results, exit codes, redrawing, staging of rankings."""

import json
from collections.abc import Iterator
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from parity_pipeline.cli.console import Detail, print_results, results_json, written_files
from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.runs.runner import PartitionResult, discard_staged, exit_code, run_partitions
from parity_pipeline.steps.probes import EMBED, RETRIEVE, Probe
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.staging import RankingsStaging, SqliteStaging, rankings_staging_folder, staging_folder
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import QUERIES, SearchingGateway

CORPUS = "everyone"
HASH = "0" * 64


@pytest.fixture(name="project")
def _project(tmp_path: Path) -> Iterator[Project]:
    project = searching_project(tmp_path)
    with project.instance:
        yield project


def ran(project: Project, probe: Probe = RETRIEVE, name: str = CORPUS, **options: Any) -> PartitionResult:
    """Run one partition of a probe."""
    results = run_partitions(
        project.settings(), project.definitions(), project.instance, [(DAY, name)], probe=probe, **options
    )
    (result,) = results
    return result


def candidate_of(project: Project) -> SearchingGateway:
    """Return the candidate."""
    assert isinstance(project.candidate, SearchingGateway)
    return project.candidate


def test_results_of_both_probes_make_one_exit_code(project: Project) -> None:
    """A FAIL of either probe is exit code 1; both pass is 0; the table, the document and the files name both."""
    embed, retrieve = ran(project, EMBED, MODEL), ran(project)
    assert [one.verdict and one.verdict.decision for one in (embed, retrieve)] == [Decision.PASS] * 2
    assert exit_code([embed, retrieve]) == 0
    candidate_of(project).embed_query = lambda text: hash_vector(text, "another", 32)
    failed = ran(project)
    assert exit_code([embed, failed]) == 1
    layout = project.settings().layout()
    document = json.loads(results_json([embed, failed], layout, 1))
    assert [(one["probe"], one["date"], one["decision"]) for one in document["results"]] == [
        ("embed", DAY, "PASS"),
        ("retrieve", DAY, "FAIL"),
    ]
    assert document["results"][0]["model"] == MODEL
    assert document["results"][1]["corpus"] == CORPUS
    assert document["results"][1]["verdict"]["endpoint"] == "retrieve"
    assert Path(document["results"][1]["report"]).is_file()
    assert written_files([embed, failed], layout) == [
        layout.report(DAY, MODEL),
        layout.retrieval_report(DAY, CORPUS),
        layout.summary,
        layout.html_index,
    ]
    console = Console(file=StringIO(), width=80)
    with console.capture() as printed:
        print_results(console, [embed, failed], Detail.LINE)
    assert [line.split()[:3] for line in printed.get().splitlines()] == [
        ["PASS", DAY, MODEL],
        ["FAIL", DAY, "retrieve"],
    ]


def test_a_side_that_is_down_is_inconclusive(project: Project) -> None:
    """No verdict, exit code 2, and one message with the address and what to do."""
    candidate_of(project).down = True
    result = ran(project)
    assert result.verdict is None
    assert exit_code([result]) == 2
    (message,) = result.failures
    assert "(candidate) at http://gateway.test/v1/matrix/retrieve" in message
    assert "sides.candidate.base_url" in message


def test_queries_stay_unless_they_are_drawn_again(project: Project) -> None:
    """A backfill uses the stored query set; with `redraw` it is drawn from the sources of now."""
    ran(project)
    path = project.settings().layout().queries(DAY, CORPUS)
    (project.folder / "queries.jsonl").write_text('{"text": "a later query"}\n', "utf-8")
    before = path.read_bytes()
    ran(project, redraw=False)
    assert path.read_bytes() == before
    assert ran(project, redraw=True).verdict
    assert QuerySetFile(path).header.queries == 1


def test_one_side_again_leaves_the_other(project: Project) -> None:
    """A backfill of one side sends the other no request and keeps its file."""
    ran(project)
    legacy = project.legacy
    assert isinstance(legacy, SearchingGateway)
    searches, path = legacy.searches, project.settings().layout().rankings(Side.LEGACY, DAY, CORPUS)
    before = path.read_bytes()
    result = ran(project, side=Side.CANDIDATE, redraw=False)
    assert result.verdict
    assert (legacy.searches, path.read_bytes()) == (searches, before)


def staged_lane(project: Project, side: Side = Side.CANDIDATE, corpus: str = CORPUS) -> Path:
    """Return the folder of an unfinished fetch of rankings."""
    root = project.settings().layout().staging
    folder = rankings_staging_folder(root, side=side, corpus=corpus, date=DAY, query_set_hash=HASH, settings_hash=HASH)
    with RankingsStaging(folder) as staging:
        staging.remember({"requests": 1})
    return folder


def test_staged_rankings_are_discarded_for_their_partition_alone(project: Project) -> None:
    """Discarding one corpus and side keeps another side's, another corpus's, and whatever the embed probe has staged."""
    root = project.settings().layout().staging
    mine, other_side, other_corpus = (
        staged_lane(project),
        staged_lane(project, Side.LEGACY),
        staged_lane(project, corpus="staff"),
    )
    embedding = staging_folder(
        root, side=Side.CANDIDATE, model=CORPUS, date=DAY, sample_set_hash=HASH, settings_hash=HASH
    )
    with SqliteStaging(embedding) as staging:
        staging.remember({"requests": 1})
    discard_staged(root, [(DAY, CORPUS)], [Side.CANDIDATE], RETRIEVE)
    assert [one.exists() for one in (mine, other_side, other_corpus, embedding)] == [False, True, True, True]
    discard_staged(root, [(DAY, CORPUS)], [Side.CANDIDATE])
    assert [one.exists() for one in (other_side, other_corpus, embedding)] == [True, True, False]


def test_a_run_that_discards_staging_fetches_again(project: Project) -> None:
    """After a stop before publication a run requests nothing twice; with `discard_staging` it requests everything again."""
    candidate = candidate_of(project)
    for discard, expected in ((False, 3), (True, 3 + len(QUERIES))):
        candidate.rule = _stop_after(candidate.searches + len(QUERIES))
        assert "stopped" in " ".join(ran(project).failures)
        candidate.rule = lambda _text, _number: None
        before = candidate.searches
        assert ran(project, discard_staging=discard).verdict
        assert candidate.searches - before == expected


def _stop_after(requests: int):  # noqa: ANN202 - a rule of the gateway
    def rule(_text: str, number: int) -> None:
        if number > requests:
            raise RuntimeError("stopped")

    return rule


def test_rankings_that_are_being_fetched_are_not_discarded(project: Project) -> None:
    """While another run uses a lane's staging, discarding it is refused and no run starts."""
    folder = staged_lane(project)
    runs = len(project.instance.get_runs())
    with RankingsStaging(folder), pytest.raises(ArtifactError, match="is fetching the same"):
        ran(project, discard_staging=True)
    assert folder.exists()
    assert len(project.instance.get_runs()) == runs
