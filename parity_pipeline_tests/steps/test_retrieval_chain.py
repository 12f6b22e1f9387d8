"""The whole chain of the retrieve probe, step by step in process: what is fetched, kept, judged and written."""

import json
from pathlib import Path

import pytest
from starlette.responses import JSONResponse, Response

from parity_pipeline.core.errors import ArtifactError, GatewayError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.attribution import EXPLAINABLE, Explanation
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCauseName
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import slug
from parity_pipeline.steps.retrieval.compare_rankings import compare_rankings
from parity_pipeline.steps.retrieval.fetch_side import draw_queries, fetch_rankings
from parity_pipeline.steps.retrieval.judge_rankings import judge_rankings, write_retrieval_report
from parity_pipeline.steps.retrieval.run_retrieval import run_retrieval
from parity_pipeline.storage.query_set_files import QuerySetFile
from parity_pipeline.storage.retrieval_evidence import read_retrieval_evidence
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile
from parity_pipeline_tests.defs.project import DAY, Project, searching_project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import DIMENSION, MODEL, QUERIES, SearchingGateway
from parity_pipeline_tests.fakes.shapes import Vector

CORPUS = "everyone"
WAIVER = {
    "id": "HR-7",
    "owner": "ann@example.com",
    "reason": "the candidate refuses what the legacy side answers",
    "expires": "2026-12-31",
    "max_queries": 1,
    "outcomes": ["refused_by_candidate"],
}


def judge(project: Project, *sides: Side) -> RetrievalVerdict:
    """Run the chain for `everyone`; only these sides are fetched again where any is given."""
    return run_retrieval(project.context(), DAY, CORPUS, run_id="run", sides=sides or tuple(Side))


def candidate_of(project: Project) -> SearchingGateway:
    """Return the candidate."""
    assert isinstance(project.candidate, SearchingGateway)
    return project.candidate


def refuses(text: str, status: int = 400) -> SearchingGateway:
    """Return a candidate that refuses one text with a status."""

    def rule(sent: str, _number: int) -> Response | None:
        return JSONResponse({"error": "bad", "message": "no"}, status) if sent == text else None

    return SearchingGateway("go", rule=rule)


def by_another_model(text: str, _model: str = MODEL) -> Vector:
    """Return the vector that a model of another name gives."""
    return hash_vector(text, "another", DIMENSION)


def test_a_corpus_of_its_own_is_searched_alone(tmp_path: Path) -> None:
    """A partition that searches one corpus is judged by that corpus, beside the partition that merges both."""
    project = searching_project(tmp_path)
    run = project.context()
    ids: dict[str, set[str]] = {}
    for corpus in ("everyone", "staff"):
        verdict = run_retrieval(run, DAY, corpus, run_id="run")
        assert (verdict.corpus, verdict.decision) == (corpus, Decision.PASS)
        ids[corpus] = {query.corpora[0] for query in _queries(project, corpus)}
    assert ids == {"everyone": {"staff"}, "staff": {"staff"}}
    assert {len(query.corpora) for query in _queries(project, "everyone")} == {2}


def _queries(project: Project, corpus: str):  # noqa: ANN202 - those of the blocks
    path = project.settings().layout().queries(DAY, corpus)
    return [query for block in QuerySetFile(path).blocks() for query in block.queries]


def test_what_was_fetched_before_a_stop_is_not_fetched_again(tmp_path: Path) -> None:
    """A lane that ends before it is published leaves its rankings staged; the next run requests the repeats alone."""
    project = searching_project(tmp_path, noise={"queries": 1, "repeats": 1})
    run, candidate = project.context(), candidate_of(project)
    draw_queries(run, DAY, CORPUS)
    fetch_rankings(run, Side.LEGACY, DAY, CORPUS)

    def stopped(_text: str, number: int) -> Response | None:
        if number > len(QUERIES):
            raise RuntimeError("stopped")
        return None

    candidate.rule = stopped
    with pytest.raises(RuntimeError, match="stopped"):
        fetch_rankings(run, Side.CANDIDATE, DAY, CORPUS)
    candidate.rule = lambda _text, _number: None
    layout = project.settings().layout()
    assert not layout.rankings(Side.CANDIDATE, DAY, CORPUS).exists()
    assert len(list(layout.staging.rglob("*.db"))) == 1
    before = candidate.queries.copy()
    lane = fetch_rankings(run, Side.CANDIDATE, DAY, CORPUS)
    compare_rankings(run, DAY, CORPUS)
    assert judge_rankings(run, DAY, CORPUS, run_id="run").decision is Decision.PASS
    assert (candidate.queries - before).total() == 1
    assert lane.requests == len(QUERIES)
    assert not list(layout.staging.rglob("*.db"))


def test_a_lane_that_is_published_leaves_nothing_staged(tmp_path: Path) -> None:
    """Staging of rankings lies in a place of its own and goes with the publication."""
    project = searching_project(tmp_path)
    judge(project)
    staging = project.settings().layout().staging
    assert (staging / "retrieve" / "legacy" / slug(CORPUS) / DAY).is_dir()
    assert not [path for path in staging.rglob("*") if path.is_file() and path.suffix != ".lock"]


def test_one_side_again_keeps_queries_and_the_other_lane(tmp_path: Path) -> None:
    """A backfill of the candidate sends the legacy side no more than a confirmation, and the files stay as they were."""
    project = searching_project(tmp_path)
    judge(project)
    layout = project.settings().layout()
    kept = (layout.queries(DAY, CORPUS), layout.rankings(Side.LEGACY, DAY, CORPUS))
    before = [path.read_bytes() for path in kept]
    (tmp_path / "queries.jsonl").write_text('{"text": "a later query"}\n', "utf-8")
    assert isinstance(project.legacy, SearchingGateway)
    searches = project.legacy.searches
    assert judge(project, Side.CANDIDATE).decision is Decision.PASS
    assert [path.read_bytes() for path in kept] == before
    assert project.legacy.searches == searches


def test_a_lane_of_another_query_set_is_not_paired(tmp_path: Path) -> None:
    """Queries that were drawn again with one lane from before give INCONCLUSIVE, and name the lane to fetch again."""
    project = searching_project(tmp_path)
    run = project.context()
    judge(project)
    (tmp_path / "queries.jsonl").write_text('{"id": "later", "text": "a later query"}\n', "utf-8")
    draw_queries(run, DAY, CORPUS)
    fetch_rankings(run, Side.CANDIDATE, DAY, CORPUS)
    header = compare_rankings(run, DAY, CORPUS)
    assert header.pairing_faults
    verdict = judge_rankings(run, DAY, CORPUS, run_id="run")
    assert verdict.decision is Decision.INCONCLUSIVE
    assert any("legacy/retrieval" in reason for reason in verdict.reasons)
    _, text = write_retrieval_report(run, DAY, CORPUS)
    assert "INCONCLUSIVE" in text


@pytest.mark.parametrize("side", list(Side))
def test_a_side_that_is_down_at_the_start_fails_its_lane(tmp_path: Path, side: Side) -> None:
    """Nothing is published, the message has the side, its address and the setting, and a later run goes on."""
    project = searching_project(tmp_path)
    gateway = {Side.LEGACY: project.legacy, Side.CANDIDATE: project.candidate}[side]
    assert isinstance(gateway, SearchingGateway)
    gateway.down = True
    with pytest.raises(GatewayError, match=rf"\({side}\) at http://gateway.test.*no connection.*sides.{side}.base_url"):
        judge(project)
    layout = project.settings().layout()
    assert not layout.rankings(side, DAY, CORPUS).exists()
    assert not layout.retrieval_verdict(DAY, CORPUS).exists()
    gateway.down = False
    assert judge(project).decision is Decision.PASS


def test_an_address_of_its_own_is_named_where_it_cannot_be_reached(tmp_path: Path) -> None:
    """Where `retrieve.<side>.base_url` is set, that is the key to change, not the one of the embed endpoint."""
    project = searching_project(tmp_path, candidate={"dialect": "go-matrix", "base_url": "http://matrix.test"})
    candidate_of(project).down = True
    with pytest.raises(GatewayError, match=r"http://matrix\.test/v1.*set retrieve\.candidate\.base_url"):
        judge(project)


def test_a_side_that_dies_in_the_middle_gives_no_verdict_on_parity(tmp_path: Path) -> None:
    """What it did not return is missing: INCONCLUSIVE with the outage named; a run after it fetches the rest alone."""
    project = searching_project(tmp_path, noise={"queries": 0})
    candidate = candidate_of(project)

    def dead(_text: str, number: int) -> Response | None:
        return JSONResponse({"error": "down"}, 503) if number > 6 else None

    candidate.rule = dead
    verdict = judge(project)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.candidate.stopped_early
    assert verdict.counts.outcomes[RetrievalOutcome.MISSING] > 0
    outage = next(one for one in verdict.checks if one.name is RetrievalCheckName.CANDIDATE_OUTAGE)
    assert outage.passed is False
    candidate.rule = lambda _text, _number: None
    before = candidate.queries.copy()
    assert judge(project, Side.CANDIDATE).decision is Decision.PASS
    assert (candidate.queries - before).total() <= verdict.counts.outcomes[RetrievalOutcome.MISSING]


def test_a_dialect_that_takes_vectors_alone_is_sent_the_vectors_of_its_own_side(tmp_path: Path) -> None:
    """Queries are embedded by the side's embed endpoint with `retrieve.model`, and no text is searched for."""
    vectors_only = {
        "path": "/v1/matrix/retrieve",
        "vector_request": {"query_vector": "{vector}", "corpora": "{corpora}", "k": "{k}"},
        "score_field": "distance",
    }
    project = searching_project(tmp_path, candidate={"dialect": "vectors", "scores": {"reported": "cosine_distance"}})
    project.more["retrieval_dialects"] = {"vectors": vectors_only}
    verdict = judge(project)
    candidate = candidate_of(project)
    assert verdict.decision is Decision.PASS
    assert set(candidate.queries) == {""}
    assert all(candidate.embedding.texts[text] for text in QUERIES)


def test_a_verdict_needs_no_model(tmp_path: Path) -> None:
    """Without `retrieve.model` no control is sent; both sides are compared all the same."""
    project = searching_project(tmp_path, model=None)
    candidate_of(project).embed_query = by_another_model
    verdict = judge(project)
    assert verdict.decision is Decision.FAIL
    assert all(one.confidence is not CauseConfidence.PROVEN for one in verdict.causes)
    assert candidate_of(project).queries[""] == 0
    assert candidate_of(project).embedding.requests == 0


def test_another_embedding_is_proven_by_the_same_vector(tmp_path: Path) -> None:
    """The legacy query vectors give the legacy lists through the candidate, whose own embeddings differ: proven."""
    project = searching_project(tmp_path)
    candidate = candidate_of(project)
    candidate.embed_query = by_another_model
    candidate.embedding.embed = by_another_model
    verdict = judge(project)
    assert verdict.decision is Decision.FAIL
    assert [(one.name, one.confidence) for one in verdict.causes] == [
        (RetrievalCauseName.OTHER_EMBEDDING, CauseConfidence.PROVEN)
    ]
    assert verdict.attribution == {Explanation.EMBEDDING: len(QUERIES)}
    assert verdict.confirmation is not None
    assert candidate.queries[""] == len(QUERIES)
    _, text = write_retrieval_report(project.context(), DAY, CORPUS)
    assert "another model" in text


def test_queries_beyond_the_budget_are_explained_too(tmp_path: Path) -> None:
    """What explains a query that the report shows is kept also where nothing more was requested for it."""
    project = searching_project(tmp_path, confirm={"queries": 1, "times": 1})
    candidate_of(project).indexed["contractors"] = []
    verdict = judge(project)
    parity = RetrievalParityFile(project.context().layout.retrieval_parity(DAY, CORPUS))
    evidence = read_retrieval_evidence(project.context().layout.retrieval_evidence(DAY, CORPUS), parity.header)
    shown = {one.id for one in verdict.queries if one.outcome in EXPLAINABLE}
    assert len(shown) > 1
    assert evidence is not None
    assert shown <= set(evidence.explained)


def test_a_query_without_a_response_is_not_the_one_to_reproduce(tmp_path: Path) -> None:
    """Where no query differs, the commands send one that has lists, and not one that a side gave no list for."""
    project = searching_project(tmp_path, noise={"queries": 0})
    candidate_of(project).rule = lambda text, _: JSONResponse({"results": 7}) if text == QUERIES[3] else None
    verdict = judge(project)
    [lost] = [one for one in verdict.queries if one.outcome is RetrievalOutcome.MISSING]
    assert lost is verdict.queries[0]
    _, text = write_retrieval_report(project.context(), DAY, CORPUS)
    reproduced = text.partition("## How to reproduce")[2]
    assert "curl" in reproduced
    assert QUERIES[3] not in reproduced


def test_a_dropped_corpus_is_retrieval_and_not_embedding(tmp_path: Path) -> None:
    """A candidate that searches one of two corpora fails, and the control does not blame the embedding."""
    project = searching_project(tmp_path)
    candidate_of(project).indexed["contractors"] = []
    verdict = judge(project)
    assert verdict.decision is Decision.FAIL
    assert [one.name for one in verdict.causes] == [RetrievalCauseName.DROPPED_CORPUS]
    assert Explanation.EMBEDDING not in verdict.attribution


def test_a_difference_that_does_not_persist_is_confirmed_away(tmp_path: Path) -> None:
    """A query that differs once and not when it is requested again fails nothing, and is a finding."""
    project = searching_project(tmp_path, noise={"queries": 0})

    def once(text: str, number: int) -> Response | None:
        first = text == QUERIES[3] and number <= len(QUERIES)
        return JSONResponse({"results": [{"id": "s00", "distance": 0.5, "corpus": "staff"}]}) if first else None

    candidate_of(project).rule = once
    verdict = judge(project)
    assert verdict.counts.unconfirmed == 1
    assert verdict.decision is not Decision.FAIL
    assert verdict.findings


def test_a_waiver_takes_what_it_covers(tmp_path: Path) -> None:
    """A refusal that is waived gives PASS_WITH_WAIVERS, unwaived it counts against the candidate, expired it is void."""
    plain = searching_project(tmp_path)
    plain.candidate = refuses(QUERIES[2])
    assert judge(plain).decision is Decision.FAIL
    waived = searching_project(tmp_path, waivers=[WAIVER])
    waived.candidate = refuses(QUERIES[2])
    verdict = judge(waived)
    assert verdict.decision is Decision.PASS_WITH_WAIVERS
    assert verdict.counts.waived == {"HR-7": 1}
    expired = searching_project(tmp_path, waivers=[{**WAIVER, "expires": "2026-04-30"}])
    expired.candidate = refuses(QUERIES[2])
    assert judge(expired).decision is Decision.FAIL


def test_labels_give_relevance(tmp_path: Path) -> None:
    """With relevance labels the verdict says how relevant both sides' lists are; the labels' faults are named."""
    project = searching_project(tmp_path, qrels="qrels.txt")
    judged = "".join(f"q{number} 0 s{number:02} 1\n" for number in range(len(QUERIES)))
    (tmp_path / "qrels.txt").write_text(judged, "utf-8")
    verdict = judge(project)
    assert verdict.relevance
    assert next(one for one in verdict.checks if one.name is RetrievalCheckName.RELEVANCE).passed
    assert judge(searching_project(tmp_path)).relevance == ()


def test_the_ledger_line_holds_no_lists(tmp_path: Path) -> None:
    """A line of the ledger is the verdict without the table of queries."""
    project = searching_project(tmp_path)
    candidate_of(project).embed_query = by_another_model
    assert judge(project).queries
    lines = project.settings().layout().ledger.read_text("utf-8").splitlines()
    line = json.loads(lines[-1])
    assert "retrieve" in json.dumps(line)
    assert QUERIES[0] not in lines[-1]


def test_no_noise_is_measured_where_none_is_wanted(tmp_path: Path) -> None:
    """With a budget of 0 queries each is sent once to each side."""
    project = searching_project(tmp_path, noise={"queries": 0})
    verdict = judge(project)
    assert verdict.legacy.noise is None
    assert set(candidate_of(project).queries.values()) == {1}


def test_the_repeated_queries_are_those_of_the_budget(tmp_path: Path) -> None:
    """`noise.queries` are repeated `noise.repeats` times, spread over the set from its first to its last."""
    project = searching_project(tmp_path, noise={"queries": 3, "repeats": 2})
    verdict = judge(project)
    sent = candidate_of(project).queries
    assert [text for text in QUERIES if sent[text] == 3] == [QUERIES[0], QUERIES[6], QUERIES[11]]
    assert verdict.candidate.noise is not None
    assert (verdict.candidate.noise.queries, verdict.candidate.noise.requests) == (3, 6)


def test_a_step_without_what_is_upstream_names_the_file(tmp_path: Path) -> None:
    """Judging before anything was fetched says which file is missing and how to make it."""
    run = searching_project(tmp_path).context()
    with pytest.raises(ArtifactError, match=r"not materialized for this partition.*parity run"):
        judge_rankings(run, DAY, CORPUS, run_id="run")
