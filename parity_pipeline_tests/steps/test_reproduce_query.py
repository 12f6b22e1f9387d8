"""Making the worst failing query small, by the steps of a run with two gateways in this process."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from starlette.responses import JSONResponse, Response

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.reproduction import ReproduceBudget, ReproductionResult
from parity_pipeline.core.retrieval.checks import RetrievalCheckName
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.reproduction import times_to_fail, worst_failing_query
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.retrieval.judge_rankings import write_retrieval_report
from parity_pipeline.steps.retrieval.reproduce_query import reproduce_query, stored_query_reproduction
from parity_pipeline.steps.retrieval.run_retrieval import compare_and_reproduce, run_retrieval
from parity_pipeline_tests.defs.project import DAY, Project
from parity_pipeline_tests.fakes.gateways import RefusalError
from parity_pipeline_tests.fakes.shapes import Vector
from parity_pipeline_tests.steps.reproducing import counted
from parity_pipeline_tests.steps.reproducing_queries import (
    CORPUS,
    TEXTS,
    candidate_of,
    judged,
    mixed_up,
    project_of,
    refusing,
    reproduced,
    strange,
    vector,
    wrong_for,
)

LONG = "a very long query " * 20


def nobody(_text: str) -> bool:
    """Say that no text is wrong."""
    return False


def seen_by_side() -> dict[Side, list[str]]:
    """Return where requests are noted."""
    return {side: [] for side in Side}


def test_a_query_that_fails_alone_is_cut_to_its_letter(tmp_path: Path) -> None:
    """Wrong for every text with a w: that letter is left, and its requests are what went out."""
    run = project_of(tmp_path, lambda text: "w" in text).context()
    verdict, seen = judged(run), seen_by_side()
    found = reproduced(counted(run, seen), verdict)
    assert found.result is ReproductionResult.REPRODUCED
    assert found.smallest is not None
    assert (found.smallest.text, found.smallest.concurrency) == ("w", 1)
    assert (found.query, found.characters, found.times) == ("q1", len(TEXTS[1]), 1)
    assert [one.request.url for one in found.requests] == [
        "http://gateway.test/vectors/hybrid",
        "http://gateway.test/v1/matrix/retrieve",
    ]
    assert all('"w"' in one.request.body for one in found.requests)
    assert (found.legacy_requests, found.candidate_requests) == (len(seen[Side.LEGACY]), len(seen[Side.CANDIDATE]))
    assert all(0 < len(paths) <= run.reproduce.requests for paths in seen.values())


@pytest.mark.parametrize("requests", [1, 2, 5, 9])
def test_no_side_is_sent_more_than_the_setting_allows(tmp_path: Path, requests: int) -> None:
    """Canaries of a refusal and retries included; what is returned still fails."""
    project = project_of(tmp_path, nobody, texts=(*TEXTS, LONG))
    candidate_of(project).rule = refusing(lambda text: len(text) > 100)
    run = project.context()
    verdict, seen = judged(run), seen_by_side()
    budget = replace(run, reproduce=ReproduceBudget(requests=requests))
    found = reproduce_query(counted(budget, seen), verdict, pytest.fail)
    assert found is not None
    assert max(map(len, seen.values())) <= requests
    assert found.outcome is RetrievalOutcome.REFUSED_BY_CANDIDATE
    assert not found.complete
    assert (found.smallest is None) == (found.result is ReproductionResult.NO_RESPONSE)
    assert (found.legacy_requests, found.candidate_requests) == tuple(map(len, seen.values()))


@pytest.mark.parametrize("requests", [1, 2, 3, 7])
def test_retries_count_as_requests(tmp_path: Path, requests: int) -> None:
    """A candidate that is overloaded for everything but the first query of the search is not sent more for it."""
    run = project_of(tmp_path, lambda text: "w" in text).context()
    verdict, seen = judged(run), seen_by_side()
    project = project_of(tmp_path, lambda text: "w" in text)
    busy: Response = JSONResponse({"error": "busy"}, 503)
    candidate_of(project).rule = lambda _text, number: busy if number > 1 else None
    budget = replace(project.context(), reproduce=ReproduceBudget(requests=requests))
    reproduce_query(counted(budget, seen), verdict, pytest.fail)
    assert max(map(len, seen.values())) <= requests


def test_requests_that_cannot_all_be_sent_are_not_sent(tmp_path: Path) -> None:
    """One request is left, and several have to be in flight: none is sent, and nothing is claimed."""
    _, verdict, seen = failed(tmp_path)
    run = replace(project_of(tmp_path, nobody).context(), reproduce=ReproduceBudget(requests=2))
    found = reproduced(counted(run, seen), verdict)
    assert found.result is ReproductionResult.NO_RESPONSE
    assert [len(paths) for paths in seen.values()] == [1, 1]


def test_white_space_alone_is_not_a_shorter_query(tmp_path: Path) -> None:
    """It is a query of its own kind, and is not sent."""
    text = "packer \t "
    project = project_of(tmp_path, text.__eq__, texts=("cook", text))
    run = project.context()
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert found.smallest.text == text
    assert all(sent.strip() for sent in candidate_of(project).queries)


def test_a_refusal_by_one_side_is_made_small(tmp_path: Path) -> None:
    """A query that the candidate alone refuses is cut down to one that it still refuses."""
    project = project_of(tmp_path, nobody, texts=(*TEXTS, LONG))
    candidate_of(project).rule = refusing(lambda text: len(text) > 100)
    run = project.context()
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert 100 < len(found.smallest.text) < found.characters


def test_a_pass_sends_nothing_and_stores_nothing(tmp_path: Path) -> None:
    """Equal sides cost no request beyond those of the verdict."""
    run = project_of(tmp_path, nobody).context()
    verdict, seen = judged(run), seen_by_side()
    assert verdict.decision is Decision.PASS
    assert reproduce_query(counted(run, seen), verdict, pytest.fail) is None
    compare_and_reproduce(counted(run, seen), DAY, CORPUS, pytest.fail)
    assert not any(seen.values())
    assert not run.layout.retrieval_reproduction(DAY, CORPUS).exists()


def failed(folder: Path) -> tuple[RunContext, RetrievalVerdict, dict[Side, list[str]]]:
    """Return a run that failed, its verdict, and where requests are noted from now on."""
    run = project_of(folder, lambda text: "w" in text).context()
    verdict, seen = judged(run), seen_by_side()
    assert verdict.decision is Decision.FAIL
    return counted(run, seen), verdict, seen


def test_a_budget_of_0_sends_nothing(tmp_path: Path) -> None:
    """The setting switches it off, also for a FAIL."""
    run, verdict, seen = failed(tmp_path)
    off = replace(run, reproduce=ReproduceBudget(requests=0))
    assert reproduce_query(off, verdict, pytest.fail) is None
    assert not any(seen.values())


@pytest.mark.parametrize("side", Side)
def test_a_recorded_side_has_nobody_to_be_sent_to(tmp_path: Path, side: Side) -> None:
    """Neither it nor the other side is sent anything, and nothing is claimed."""
    run, verdict, seen = failed(tmp_path)
    gateways = {**run.gateways, side: replace(run.gateways[side], recorded="last")}
    assert reproduce_query(replace(run, gateways=gateways), verdict, pytest.fail) is None
    assert not any(seen.values())


@pytest.mark.parametrize("side", Side)
def test_a_lane_that_ended_early_is_not_sent_more(tmp_path: Path, side: Side) -> None:
    """Each request to such a gateway may be a time-out."""
    run, verdict, seen = failed(tmp_path)
    ended: dict[str, Any] = {side.value: replace(verdict.side(side), stopped_early="it was down")}
    assert reproduce_query(run, replace(verdict, **ended), pytest.fail) is None
    assert not any(seen.values())


def test_a_recovered_gateway_does_not_reproduce_it(tmp_path: Path) -> None:
    """Alone and under load are tried; the report says that the failure is gone, shows the whole query, links to no check."""
    _, verdict, seen = failed(tmp_path)
    run = project_of(tmp_path, nobody).context()
    found = reproduced(counted(run, seen), verdict)
    most = max(gateway.config().concurrency for gateway in run.gateways.values())
    assert (found.result, found.smallest, found.requests) == (ReproductionResult.NOT_ANY_MORE, None, ())
    assert [len(paths) for paths in seen.values()] == [1 + most] * 2
    _, text = write_retrieval_report(run, DAY, CORPUS)
    assert "does not reproduce any more" in text
    assert TEXTS[1] in text.partition("curl")[2]
    assert not run.layout.retrieval_check(DAY, CORPUS).exists()


def test_a_gateway_that_is_down_costs_no_verdict(tmp_path: Path) -> None:
    """Nothing is claimed of the query, and the report says why."""
    _, verdict, _ = failed(tmp_path)
    project = project_of(tmp_path, nobody)
    candidate_of(project).down = True
    found = reproduced(project.context(), verdict)
    assert (found.result, found.smallest) == (ReproductionResult.NO_RESPONSE, None)
    assert "could not be reproduced" in write_retrieval_report(project.context(), DAY, CORPUS)[1]


@pytest.mark.parametrize(("status", "content"), [(200, {"odd": []}), (503, {"error": "busy"})])
def test_a_response_without_a_list_is_not_a_recovery(tmp_path: Path, status: int, content: dict[str, Any]) -> None:
    """What cannot be read as a list says nothing: it is not said that the query does not fail any more."""
    _, verdict, _ = failed(tmp_path)
    project = project_of(tmp_path, nobody)
    candidate_of(project).rule = lambda text, _: JSONResponse(content, status) if text == TEXTS[1] else None
    found = reproduced(project.context(), verdict)
    assert (found.result, found.smallest) == (ReproductionResult.NO_RESPONSE, None)


def test_a_failure_under_load_keeps_the_query_it_needs(tmp_path: Path) -> None:
    """Wrong only while another query is in flight: that one is kept beside it, with the filter and k of its own."""
    victim, other = TEXTS[2], TEXTS[3]
    seen: list[int] = []
    run = mixed_up(project_of(tmp_path, nobody, confirm={"queries": 0}).context(), victim, other, seen)
    verdict = judged(run)
    assert [one.id for one in verdict.queries if one.outcome is RetrievalOutcome.MISMATCH] == ["q2"]
    found = reproduced(run, verdict)
    assert found.smallest is not None
    assert [one.text for one in found.smallest.beside] == [other]
    assert victim in found.smallest.text
    assert [[other in one.body for one in sent.beside] for sent in found.requests] == [[True], [True]]
    assert max(seen) > 1


def test_a_query_that_fails_as_a_whole_only_stays_whole(tmp_path: Path) -> None:
    """No shorter text is claimed to fail."""
    run = project_of(tmp_path, TEXTS[1].__eq__).context()
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert found.smallest.text == TEXTS[1]


def test_a_shorter_text_that_fails_in_another_way_is_not_taken(tmp_path: Path) -> None:
    """A mismatch stays a mismatch: texts that the candidate refuses are another failure."""
    project = project_of(tmp_path, TEXTS[1].__eq__)
    candidate_of(project).rule = refusing(lambda text: text in TEXTS[1] and text != TEXTS[1])
    run = project.context()
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert found.smallest.text == TEXTS[1]


def test_a_break_of_the_search_costs_no_verdict(tmp_path: Path) -> None:
    """Whatever raises within it is logged, and nothing is claimed."""
    run, verdict, _ = failed(tmp_path)
    lines: list[str] = []

    def broken() -> Any:
        raise RuntimeError("a bug")

    odd = {side: replace(gateway, transport=broken) for side, gateway in run.gateways.items()}
    assert reproduce_query(replace(run, gateways=odd), verdict, lines.append) is None
    assert len(lines) == 1
    assert stored_query_reproduction(run, verdict) is None


def test_what_is_excused_is_not_the_worst(tmp_path: Path) -> None:
    """A query that a waiver takes, or that did not differ again, is left out; one that is worth a look comes last."""
    _, verdict, _ = failed(tmp_path)
    worst = verdict.queries[0]
    other = replace(worst, id="another")
    assert worst_failing_query(verdict) == worst
    look = replace(worst, outcome=RetrievalOutcome.INVESTIGATE)
    for excused in (replace(worst, waiver="known"), replace(worst, unconfirmed=True), look):
        assert worst_failing_query(replace(verdict, queries=(excused, other))) == other
    assert worst_failing_query(replace(verdict, queries=(look,))) == look
    assert worst_failing_query(replace(verdict, queries=(replace(look, waiver="known"),))) is None
    assert worst_failing_query(replace(verdict, decision=Decision.INCONCLUSIVE)) is None


def test_where_the_set_alone_fails_the_worst_query_that_is_worth_a_look_is_made_small(tmp_path: Path) -> None:
    """A candidate that returns one result too many fails by its means, and no query of it by itself."""
    longer = {
        "path": "/v1/matrix/retrieve",
        "text_request": {"query_text": "{text}", "corpora": "{corpora}", "k": 6},
        "score_field": "distance",
    }
    settings: dict[str, Any] = {"dialect": "longer", "scores": {"reported": "cosine_distance"}}
    project = project_of(tmp_path, nobody, candidate=settings)
    project.more["retrieval_dialects"] = {"longer": longer}
    run = project.context()
    verdict = judged(run)
    assert verdict.decision is Decision.FAIL
    found = reproduced(run, verdict)
    assert found.smallest is not None
    assert (found.outcome, len(found.smallest.text)) == (RetrievalOutcome.INVESTIGATE, 1)
    assert "(investigate), still differs as" in write_retrieval_report(run, DAY, CORPUS)[1]


def test_what_the_noise_of_the_legacy_side_explains_is_not_the_worst(tmp_path: Path) -> None:
    """Where its own lists differ as far, a mismatch is none to reproduce; a refusal still is, for no noise refuses."""
    _, verdict, _ = failed(tmp_path)
    noisy = tuple(
        replace(one, passed=False) if one.name is RetrievalCheckName.LEGACY_NOISE_FLOOR else one
        for one in verdict.checks
    )
    loud = replace(verdict, checks=noisy)
    assert worst_failing_query(loud) is None
    refused = replace(verdict.queries[-1], outcome=RetrievalOutcome.REFUSED_BY_CANDIDATE)
    assert worst_failing_query(replace(loud, queries=(*verdict.queries[:-1], refused))) == refused


def test_a_side_with_noise_has_to_fail_twice(tmp_path: Path) -> None:
    """Where a side's lists differ from time to time, one stray list of a shorter text is not taken for the fault."""
    project = project_of(tmp_path, TEXTS[1].__eq__, noise={"queries": 6, "repeats": 1}, confirm={"queries": 0})
    candidate, strays = candidate_of(project), list[str]()

    def once(text: str):  # noqa: ANN202 - a vector
        stray = text != TEXTS[1] and text not in strays
        strays.append(text)
        return strange(text) if text == TEXTS[1] or (stray and text in TEXTS[1]) else vector(text)

    candidate.embed_query = once
    run = project.context()
    verdict = judged(run)
    assert times_to_fail(verdict) == 1
    assert verdict.candidate.noise is not None
    noise = replace(verdict.candidate.noise, differing=1)
    unsteady = replace(verdict, candidate=replace(verdict.candidate, noise=noise))
    assert times_to_fail(unsteady) == 2
    found = reproduced(run, unsteady)
    assert found.smallest is not None
    assert (found.smallest.text, found.times) == (TEXTS[1], 2)


def test_it_comes_with_the_comparison_before_the_verdict(tmp_path: Path) -> None:
    """As in Dagster's graph: the comparison sends the requests, and the verdict takes over what was found without any."""
    project = project_of(tmp_path, lambda text: "w" in text)
    run = project.context()
    verdict = judged(run)
    compare_and_reproduce(run, DAY, CORPUS, pytest.fail)
    found = stored_query_reproduction(run, verdict)
    assert found is not None
    assert found.result is ReproductionResult.REPRODUCED
    searches = candidate_of(project).searches
    _, text = write_retrieval_report(run, DAY, CORPUS)
    assert candidate_of(project).searches == searches
    assert text.count("curl -sS") == 2
    assert "still fails as `w`, 1 of its 21 characters, for 5 results at concurrency 1." in text


def test_a_whole_run_ends_with_it(tmp_path: Path) -> None:
    """Without Dagster it is the last step, and its verdict is that of the run."""
    run = project_of(tmp_path, lambda text: "w" in text).context()
    verdict = run_retrieval(run, DAY, CORPUS, run_id="run")
    assert stored_query_reproduction(run, verdict) is not None


VECTORS = {
    "path": "/v1/matrix/retrieve",
    "vector_request": {"query_vector": "{vector}", "corpora": "{corpora}", "k": "{k}"},
    "score_field": "distance",
}
"""A retrieval dialect that takes vectors alone."""


def by_vector(folder: Path) -> Project:
    """Return a project whose candidate takes vectors alone, and embeds texts with a w in another way."""
    settings: dict[str, Any] = {"dialect": "vectors", "scores": {"reported": "cosine_distance"}}
    project = project_of(folder, nobody, model="fake-32", candidate=settings)
    project.more["retrieval_dialects"] = {"vectors": VECTORS}
    candidate_of(project).embedding.embed = lambda text, _model="": wrong_for(lambda one: "w" in one)(text)
    return project


def test_a_side_that_takes_vectors_is_sent_those_of_the_shorter_texts(tmp_path: Path) -> None:
    """Each text is embedded once, by the side's own endpoint; the command holds the vector."""
    run = by_vector(tmp_path).context()
    verdict, seen = judged(run), seen_by_side()
    found = reproduced(counted(run, seen), verdict)
    assert found.smallest is not None
    assert found.smallest.text == "w"
    assert len(seen[Side.CANDIDATE]) == found.candidate_requests == 2 * found.legacy_requests
    assert '"query_vector":[' in found.requests[1].request.body


def overloaded(_text: str, _model: str) -> Vector:
    """Respond as a side that is overloaded does."""
    raise RefusalError(503, "busy")


@pytest.mark.parametrize("requests", [1, 2, 3, 5])
@pytest.mark.parametrize("status", [200, 503])
def test_requests_for_vectors_count_too(tmp_path: Path, requests: int, status: int) -> None:
    """Also where the embed endpoint is overloaded."""
    project = by_vector(tmp_path)
    verdict, seen = judged(project.context()), seen_by_side()
    if status != 200:
        candidate_of(project).embedding.embed = overloaded
    run = replace(project.context(), reproduce=ReproduceBudget(requests=requests))
    reproduce_query(counted(run, seen), verdict, pytest.fail)
    assert max(map(len, seen.values())) <= requests
