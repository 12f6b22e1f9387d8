"""Making the worst failing sample small, by the steps of a run with two gateways in this process."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.noise_floor import NoiseFloor
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.reproduction import ReproduceBudget, ReproductionResult
from parity_pipeline.core.samples import sample_id
from parity_pipeline.faults.texts import block_of
from parity_pipeline.faults.trial_run import DAY, MODEL, embedder
from parity_pipeline.steps.judge_partition import judge_partition
from parity_pipeline.steps.reproduce_sample import diagnose_and_reproduce, reproduce_sample, stored_reproduction
from parity_pipeline.steps.write_reports import write_report
from parity_pipeline_tests.steps.reproducing import (
    behind,
    counted,
    faulty,
    judged,
    recovered,
    reproduced,
    wrong_where,
)
from parity_pipeline_tests.steps.test_confirm_rows import block_for, both, context, side_for, wrong_for


def test_a_text_that_fails_alone_is_cut_to_its_accent(tmp_path: Path) -> None:
    """Accents stripped: one letter with an accent is left, and its requests are what went out."""
    run = faulty(tmp_path, "strip-accents", ["plain words"] + [f"the Dvořák concert no {n}" for n in range(3)])
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    found = reproduced(counted(run, seen), verdict)
    assert found.result is ReproductionResult.REPRODUCED
    assert found.smallest is not None
    assert (found.smallest.text in {"ř", "á"}, found.smallest.batch, found.smallest.concurrency) == (
        True, (found.smallest.text,), 1,
    )  # fmt: skip
    assert (found.legacy_requests, found.candidate_requests) == (len(seen[Side.LEGACY]), len(seen[Side.CANDIDATE]))
    assert all(len(paths) <= run.reproduce.requests for paths in seen.values())


@pytest.mark.parametrize("requests", [1, 2, 5, 9])
def test_no_side_is_sent_more_than_the_setting_allows(tmp_path: Path, requests: int) -> None:
    """Canaries of a refusal and retries included; what is returned still fails."""
    run = faulty(tmp_path, "refuse-long", ["short", "a long text " * 40])
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    budget = replace(run, reproduce=ReproduceBudget(requests=requests))
    found = reproduced(counted(budget, seen), verdict)
    assert max(map(len, seen.values())) <= requests
    assert found.outcome is Outcome.REFUSED_BY_CANDIDATE
    assert found.result is ReproductionResult.REPRODUCED
    assert not found.complete


def test_a_refusal_by_one_side_is_made_small(tmp_path: Path) -> None:
    """A text that the candidate alone refuses is cut down to one that it still refuses."""
    run = faulty(tmp_path, "refuse-long", ["short", "a long text " * 40])
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert 0 < len(found.smallest.text) < found.characters


def test_a_pass_sends_nothing_and_stores_nothing(tmp_path: Path) -> None:
    """Equal sides cost no request beyond those of the verdict."""
    run = context(tmp_path, block_for(1, 40), both(embedder().embed))
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    assert verdict.decision is Decision.PASS
    assert reproduce_sample(counted(run, seen), verdict, pytest.fail) is None
    assert not any(seen.values())
    assert not run.layout.reproduction(DAY, MODEL).exists()


def test_a_budget_of_0_sends_nothing(tmp_path: Path) -> None:
    """The setting switches it off, also for a FAIL."""
    run = replace(faulty(tmp_path, "strip-accents", ["Dvořák"]), reproduce=ReproduceBudget(requests=0))
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    assert verdict.decision is Decision.FAIL
    assert reproduce_sample(counted(run, seen), verdict, pytest.fail) is None
    assert not any(seen.values())


@pytest.mark.parametrize("side", Side)
def test_a_recorded_side_has_nobody_to_be_sent_to(tmp_path: Path, side: Side) -> None:
    """Neither it nor the other side is sent anything, and nothing is claimed."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    gateways = {**run.gateways, side: replace(run.gateways[side], recorded="last")}
    assert verdict.decision is Decision.FAIL
    assert reproduce_sample(counted(replace(run, gateways=gateways), seen), verdict, pytest.fail) is None
    assert not any(seen.values())


@pytest.mark.parametrize("side", Side)
def test_a_lane_that_ended_early_is_not_sent_more(tmp_path: Path, side: Side) -> None:
    """Each request to such a gateway may be a time-out."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    evidence = verdict.side(side)
    ended = replace(evidence, provenance=replace(evidence.provenance, stopped_early="it was down"))
    assert reproduce_sample(counted(run, seen), replace(verdict, **{side.value: ended}), pytest.fail) is None
    assert not any(seen.values())


def test_a_recovered_gateway_does_not_reproduce_it(tmp_path: Path) -> None:
    """Alone, in its batch and under load are tried, and the report says that the failure is gone."""
    block = block_for(2, 40)
    run = context(
        tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    )
    verdict = judged(run)
    recovered = replace(run, gateways={side: side_for(side, embedder().embed) for side in Side})
    found = reproduced(recovered, verdict)
    assert (found.result, found.smallest, found.requests) == (ReproductionResult.NOT_ANY_MORE, None, ())
    _, text = write_report(run, DAY, MODEL)
    assert "does not reproduce any more" in text
    assert not run.layout.reproduce_check(DAY, MODEL).exists()


def test_a_gateway_that_is_down_costs_no_verdict(tmp_path: Path) -> None:
    """Nothing is claimed of the sample, and the report says why."""
    block = block_for(2, 40)
    run = context(
        tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    )
    verdict = judged(run)
    down = replace(run.gateways[Side.CANDIDATE], transport=lambda: httpx.MockTransport(refuse_connection))
    found = reproduced(replace(run, gateways={**run.gateways, Side.CANDIDATE: down}), verdict)
    assert (found.result, found.smallest) == (ReproductionResult.NO_RESPONSE, None)
    assert "could not be reproduced" in write_report(run, DAY, MODEL)[1]


def test_another_text_that_is_refused_reproduces_nothing(tmp_path: Path) -> None:
    """The sample is taken by now and its neighbour is refused: its batch is refused, and it does not fail any more."""
    run = faulty(tmp_path, "refuse-long", ["short", "a long text " * 40])
    verdict = judged(run)

    def refuse_short(request: httpx.Request) -> httpx.Response | None:
        return httpx.Response(422, json={"error": "no"}) if b'"short"' in request.content else None

    found = reproduced(behind(replace(run, gateways=recovered(run)), refuse_short), verdict)
    assert found.outcome is Outcome.REFUSED_BY_CANDIDATE
    assert (found.result, found.smallest) == (ReproductionResult.NOT_ANY_MORE, None)


@pytest.mark.parametrize(
    "response", [httpx.Response(200, json={"odd": []}), httpx.Response(503, json={"error": "busy"})]
)
def test_a_response_without_vectors_is_not_a_recovery(tmp_path: Path, response: httpx.Response) -> None:
    """What cannot be read as a vector says nothing: it is not said that the sample does not fail any more."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict = judged(run)

    def of_the_sample_alone(request: httpx.Request) -> httpx.Response | None:
        known = b"Dvo" in request.content
        return httpx.Response(response.status_code, content=response.content) if known else None

    found = reproduced(behind(run, of_the_sample_alone), verdict)
    assert (found.result, found.smallest) == (ReproductionResult.NO_RESPONSE, None)


def test_the_larger_concurrency_of_both_sides_is_tried(tmp_path: Path) -> None:
    """Alone, in its batch, then with as many requests in flight as the side with more of them had."""
    block = block_for(2, 400)
    run = context(
        tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    )
    verdict = judged(run)
    slow = replace(run.gateways[Side.LEGACY].config(), concurrency=1)
    most = run.gateways[Side.CANDIDATE].config().concurrency
    gateways = {**recovered(run), Side.LEGACY: replace(recovered(run)[Side.LEGACY], make_config=lambda: slow)}
    found = reproduced(replace(run, gateways=gateways), verdict)
    assert most > 1
    assert found.candidate_requests == 2 + most


def refuse_connection(request: httpx.Request) -> httpx.Response:
    """Fail as where nothing listens."""
    raise httpx.ConnectError("refused", request=request)


def test_a_failure_of_the_batch_keeps_the_text_it_needs(tmp_path: Path) -> None:
    """Wrong only behind another text: the smallest batch holds both, and the text alone is said not to fail."""
    texts = [f"text number {number}" for number in range(8)]

    def place(request: list[str]) -> int | None:
        return 1 + request.index(texts[2]) if texts[2] in request[:-1] else None

    run = context(
        tmp_path, block_of(texts, ["traffic"] * 8), {**both(embedder().embed), Side.CANDIDATE: wrong_where(place)}
    )
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert (found.smallest.before, found.smallest.after, found.smallest.concurrency) == ((texts[2],), (), 1)
    assert [(one.place, one.texts) for one in found.requests] == [(1, 2), (1, 2)]


def test_a_text_that_fails_as_a_whole_only_stays_whole(tmp_path: Path) -> None:
    """No shorter text is claimed to fail."""
    block = block_for(2, 40)
    run = context(
        tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    )
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert found.smallest.text == block.texts[5]


def test_a_break_of_the_search_costs_no_verdict(tmp_path: Path) -> None:
    """Whatever raises within it is logged, and nothing is claimed."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict, lines = judged(run), list[str]()

    def broken() -> httpx.AsyncBaseTransport:
        raise RuntimeError("a bug")

    odd = {side: replace(gateway, transport=broken) for side, gateway in run.gateways.items()}
    assert reproduce_sample(replace(run, gateways=odd), verdict, lines.append) is None
    assert len(lines) == 1
    assert stored_reproduction(run, verdict) is None


def test_a_shorter_text_that_fails_in_another_way_is_not_taken(tmp_path: Path) -> None:
    """A mismatch stays a mismatch: texts that the candidate embeds as zeros are another failure."""
    block = block_for(2, 40)

    def respond(model: str, texts: Sequence[str]) -> NDArray[np.float32]:
        rows = wrong_for(embedder().embed, block.texts[5])(model, texts)
        for place in (place for place, text in enumerate(texts) if text in block.texts[5] and text != block.texts[5]):
            rows[place] = 0
        return rows

    run = context(tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: respond})
    found = reproduced(run, judged(run))
    assert found.smallest is not None
    assert found.smallest.text == block.texts[5]


def test_a_shorter_text_that_fails_on_the_other_side_is_not_taken(tmp_path: Path) -> None:
    """Zeros of the candidate stay zeros of the candidate: a text that the legacy side embeds as zeros is another failure."""
    block = block_for(2, 40)

    def zeros(wrong: Callable[[str], bool]) -> Callable[[str, Sequence[str]], NDArray[np.float32]]:
        def respond(model: str, texts: Sequence[str]) -> NDArray[np.float32]:
            rows = embedder().embed(model, texts)
            return rows * np.array([[not wrong(text)] for text in texts], np.float32)

        return respond

    whole = block.texts[5]
    sides = {Side.LEGACY: zeros(lambda text: text in whole and text != whole), Side.CANDIDATE: zeros(whole.__eq__)}
    run = context(tmp_path, block, sides)
    verdict = judged(run)
    assert [(row.outcome, row.side) for row in verdict.rows if row.id == sample_id(whole)] == [
        (Outcome.ZERO_NORM, Side.CANDIDATE)
    ]
    found = reproduced(run, verdict)
    assert found.smallest is not None
    assert found.smallest.text == whole


def test_requests_that_cannot_all_be_sent_are_not_sent(tmp_path: Path) -> None:
    """One request is left, and two have to be in flight: none is sent, and nothing is claimed."""
    block = block_for(2, 40)
    run = context(
        tmp_path, block, {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    )
    verdict, seen = judged(run), {side: list[str]() for side in Side}
    recovered = replace(run, gateways={side: side_for(side, embedder().embed) for side in Side})
    found = reproduced(counted(replace(recovered, reproduce=ReproduceBudget(requests=3)), seen), verdict)
    assert found.result is ReproductionResult.NO_RESPONSE
    assert [len(paths) for paths in seen.values()] == [2, 2]


def test_noise_explains_a_trial_as_it_explains_a_sample(tmp_path: Path) -> None:
    """Where the legacy side's own noise explains what comes back, the sample does not fail any more."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict = judged(run)
    noise = NoiseFloor(side=Side.LEGACY, worst=0.9, by_experiment={"repeat": 0.9}, samples=8, requests=60)
    # Its rows were judged under the noise of before, so that one of them still fails.
    loud = replace(verdict, legacy=replace(verdict.legacy, floor=noise))
    assert reproduced(run, loud).result is ReproductionResult.NOT_ANY_MORE


def test_it_comes_with_the_diagnosis_before_the_verdict(tmp_path: Path) -> None:
    """As in Dagster's graph: the diagnosis sends the requests, and the verdict takes over what was found without any."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    judged(run)
    assert diagnose_and_reproduce(run, DAY, MODEL, pytest.fail) is not None
    seen = {side: list[str]() for side in Side}
    verdict = judge_partition(counted(run, seen), DAY, MODEL, run_id="test")
    found = stored_reproduction(run, verdict)
    assert found is not None
    assert found.result is ReproductionResult.REPRODUCED
    assert not any(seen.values())
