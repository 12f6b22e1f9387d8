"""The `parity` command with the retrieve probe: choosing it, what it prints, doctor, a kill, and the forkserver."""

import threading
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from parity_pipeline.core.outcomes import Side
from parity_pipeline.storage.staging import RankingsStaging
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import QUERIES, RETRIEVE, SearchingGateway, query_lines
from parity_pipeline_tests.fakes.serving import serve
from parity_pipeline_tests.system.project import DAY, LIMIT_SECONDS, NEXT_DAY, Project, free_ports, side

ARGUMENTS = ("run", "--date", DAY, "--probe", "retrieve", "--corpus", "everyone")


@contextmanager
def served(folder: Path, legacy: SearchingGateway, candidate: SearchingGateway, **more: Any) -> Generator[Project]:
    """Yield a project of both probes whose sides listen on the loopback; keywords are further settings."""
    retrieve = {**RETRIEVE, **more.pop("retrieve", {})}
    quick = {"stability": {"enabled": False}, "contract": {"enabled": False}}
    (folder / "queries.jsonl").write_text(query_lines(), "utf-8")
    with serve(legacy.app) as left, serve(candidate.app) as right:
        yield Project(folder, side(left, "rust"), side(right, "go"), more={**quick, "retrieve": retrieve, **more})


def test_probes_are_chosen_by_name(tmp_path: Path) -> None:
    """`--probe retrieve --corpus` judges that corpus alone, `--model` means embed alone, and neither means both."""
    legacy, candidate = SearchingGateway("rust"), SearchingGateway("go")
    with served(tmp_path, legacy, candidate) as project:
        result = project.parity(*ARGUMENTS, "--json")
        (row,) = result.document()["results"]
        assert (result.code, row["probe"], row["corpus"], row["decision"]) == (0, "retrieve", "everyone", "PASS")
        assert row["verdict"]["counts"]["outcomes"]["match"] == len(QUERIES)
        assert Path(row["report"]).name == "retrieve_parity_20260501_everyone.md"
        assert legacy.embedding.requests == candidate.embedding.requests == 0
        searches = candidate.searches
        result = project.parity("run", "--date", DAY, "--model", "fake-32", "--json")
        assert [one["probe"] for one in result.document()["results"]] == ["embed"]
        assert candidate.searches == searches
        result = project.parity("run", "--date", DAY)
        assert result.code == 0
        for name in ("fake-32", "retrieve everyone", "retrieve staff", "wrote reports/"):
            assert name in result.printed


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--probe", "rank"), "Use one of embed, retrieve"),
        (("--corpus", "stuff"), "stuff is not among the corpora everyone, staff"),
        (("--probe", "embed", "--corpus", "staff"), "choose --probe retrieve too"),
    ],
)
def test_an_unknown_name_is_exit_code_2(tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    """What is wrong and what to write, and no request is sent."""
    legacy, candidate = SearchingGateway("rust"), SearchingGateway("go")
    with served(tmp_path, legacy, candidate) as project:
        result = project.parity("run", "--date", DAY, *arguments)
    assert result.code == 2
    assert words in result.printed
    assert legacy.searches == candidate.searches == legacy.embedding.requests == 0


def test_a_difference_is_exit_code_1_and_an_outage_2(tmp_path: Path) -> None:
    """A candidate that finds other documents fails; one that is down is INCONCLUSIVE with its address and remedy."""
    candidate = SearchingGateway("go", embed_query=lambda text: hash_vector(text, "another", 32))
    with served(tmp_path, SearchingGateway("rust"), candidate) as project:
        result = project.parity(*ARGUMENTS)
        assert result.code == 1
        assert "FAIL" in result.printed
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    away = {"candidate": {**RETRIEVE["candidate"], "base_url": url}}
    with served(tmp_path, SearchingGateway("rust"), SearchingGateway("go"), retrieve=away) as project:
        result = project.parity("run", "--date", NEXT_DAY, "--corpus", "everyone")
    assert result.code == 2
    assert "INCONCLUSIVE" in result.printed
    assert "could not run: candidate/retrieval failed" in result.printed
    assert f"{url}/v1/matrix/retrieve" in result.printed
    assert "set retrieve.candidate.base_url to where it listens" in result.printed


def test_one_side_is_fetched_again_with_the_queries_of_the_date(tmp_path: Path) -> None:
    """`backfill --side candidate` keeps the query set and the legacy lane, though the source has changed since."""
    legacy, candidate = SearchingGateway("rust"), SearchingGateway("go")
    with served(tmp_path, legacy, candidate) as project:
        assert project.parity(*ARGUMENTS).code == 0
        searches, again = legacy.searches, candidate.queries[QUERIES[1]]
        (tmp_path / "queries.jsonl").write_text('{"text": "a later query"}\n', "utf-8")
        result = project.parity(
            "backfill", "--from", DAY, "--to", DAY, "--corpus", "everyone", "--side", "candidate", "--json"
        )
    assert (result.code, result.decisions()) == (0, ["PASS"])
    assert legacy.searches == searches
    assert candidate.queries[QUERIES[1]] == again + 1
    assert "a later query" not in candidate.queries


def test_a_run_after_a_kill_fetches_nothing_twice(tmp_path: Path) -> None:
    """A command that is killed in the middle of a lane leaves what it fetched; the next one requests only the rest."""
    legacy, candidate = SearchingGateway("rust"), SearchingGateway("go")
    reached, killed = threading.Event(), threading.Event()
    before_hold = len(QUERIES) - 4

    def held(_text: str, number: int) -> Response | None:
        if number > before_hold:
            reached.set()
            killed.wait(LIMIT_SECONDS)
            return JSONResponse({"error": "going away"}, 503)
        return None

    candidate.rule = held
    with served(tmp_path, legacy, candidate, retrieve={"noise": {"queries": 0}}) as project:
        with project.start(*ARGUMENTS) as child:
            assert reached.wait(LIMIT_SECONDS)
            child.kill()
        killed.set()
        candidate.rule = lambda _text, _number: None
        staged = project.settings().layout().staging / "retrieve" / Side.CANDIDATE / "everyone" / DAY
        (database,) = staged.glob("*/staging.db")
        with RankingsStaging(database.parent) as staging:
            kept = sum(staging.count_at(ordinal) for ordinal in range(len(QUERIES)))
        assert 0 < kept <= before_hold
        before = candidate.queries.copy()
        searches = legacy.searches
        result = project.parity(*ARGUMENTS, "--json")
        assert (result.code, result.decisions()) == (0, ["PASS"])
        assert not list(staged.glob("*/staging.db"))
    assert (candidate.queries - before).total() == len(QUERIES) - kept
    assert set(candidate.queries) == set(QUERIES)
    assert legacy.searches - searches == len(QUERIES)


@pytest.mark.filterwarnings("ignore::DeprecationWarning:multiprocessing")
def test_the_forkserver_runs_a_corpus(tmp_path: Path) -> None:
    """With `executor: forkserver` each step loads the settings again by itself, and verdicts and printing are the same."""
    with served(tmp_path, SearchingGateway("rust"), SearchingGateway("go"), executor="forkserver") as project:
        result = project.parity("run", "--date", DAY, "--json")
    assert (result.code, result.err) == (0, "")
    assert "STEP_WORKER_STARTED" in (tmp_path / ".parity" / "forkserver.log").read_text("utf-8")
    found = [
        (one["probe"], one.get("corpus", one.get("model")), one["decision"]) for one in result.document()["results"]
    ]
    assert found == [
        ("embed", "fake-32", "PASS"),
        ("retrieve", "everyone", "PASS"),
        ("retrieve", "staff", "PASS"),
    ]


def test_doctor_sends_each_side_a_query(tmp_path: Path) -> None:
    """Queries are counted and each retrieval endpoint responds to one query per corpus, exit 0."""
    legacy, candidate = SearchingGateway("rust"), SearchingGateway("go")
    with served(tmp_path, legacy, candidate) as project:
        result = project.parity("doctor")
    assert result.code == 0
    assert all(line.startswith("ok ") for line in result.out.splitlines())
    for words in (
        f"queries of everyone: {len(QUERIES)} for",
        "legacy retrieval of everyone: ",
        "candidate retrieval of staff: ",
        "uses rust-hybrid, 5 results for 'hello' in mode 'vector'",
        "uses go-matrix, 5 results for 'hello'",
    ):
        assert words in result.printed
    assert legacy.searches == candidate.searches == len(RETRIEVE["corpora"])


def test_doctor_names_what_is_wrong_with_retrieval(tmp_path: Path) -> None:
    """An address without a listener, another mode than agreed and a source that is missing are FAIL lines with remedies."""
    url = f"http://127.0.0.1:{free_ports(1)[0]}"
    wrong = {
        "corpora": ["staff"],
        "queries": [{"path": "absent.jsonl"}],
        "legacy": {"dialect": "rust-hybrid", "mode": "hybrid"},
        "candidate": {**RETRIEVE["candidate"], "base_url": url},
    }
    with served(tmp_path, SearchingGateway("rust"), SearchingGateway("go"), retrieve=wrong) as project:
        result = project.parity("doctor")
    assert result.code == 2
    lines = [line for line in result.out.splitlines() if line.startswith("FAIL")]
    assert [line.removeprefix("FAIL ").partition(": ")[0] for line in lines] == [
        "queries of staff",
        "legacy retrieval of staff",
        "candidate retrieval of staff",
    ]
    assert "absent.jsonl" in lines[0]
    assert "the settings say 'hybrid' → Set retrieve.legacy.mode" in lines[1]
    assert (
        "→ Start the service (`parity up` starts those of the settings), or set retrieve.candidate.base_url" in lines[2]
    )


def test_doctor_fails_no_side_that_reports_no_mode(tmp_path: Path) -> None:
    """A side whose responses say nothing of a mode is ok where one is set, as it is in a verdict, and the line says so."""
    silent = {"corpora": ["staff"], "candidate": {**RETRIEVE["candidate"], "mode": "hybrid"}}
    with served(tmp_path, SearchingGateway("rust"), SearchingGateway("go"), retrieve=silent) as project:
        result = project.parity("doctor")
    [line] = [line for line in result.out.splitlines() if "candidate retrieval of staff" in line]
    assert (result.code, line[:3]) == (0, "ok ")
    assert "it reports no mode, so nothing shows whether it is 'hybrid', as the settings say" in line


def test_doctor_embeds_the_query_where_an_endpoint_takes_vectors_alone(tmp_path: Path) -> None:
    """The vector comes from the side's embed endpoint, also where its retrieval has an address of its own."""
    candidate, searching = SearchingGateway("go"), SearchingGateway("go")
    row = {"path": "/v1/matrix/retrieve", "score_field": "distance", "vector_request": {
        "query_vector": "{vector}", "corpora": "{corpora}", "k": "{k}",
    }}  # fmt: skip
    with serve(searching.app) as url:
        own = {"candidate": {"dialect": "vectors", "base_url": url, "scores": {"reported": "cosine_distance"}}}
        more = {"retrieval_dialects": {"vectors": row}}
        with served(tmp_path, SearchingGateway("rust"), candidate, retrieve=own, **more) as project:
            result = project.parity("doctor")
    assert result.code == 0
    assert (searching.queries, searching.embedding.requests) == ({"": len(RETRIEVE["corpora"])}, 0)
    assert candidate.embedding.texts["hello"]
    assert candidate.searches == 0
