"""Requesting failing rows again, by the steps of a run with two gateways in this process."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path

import httpx
import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.confirmation import REPEATS, Confirmation, Persistence
from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.fetched_rows import SampleBlock
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.stability.records import Budget
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.waivers import Waiver
from parity_pipeline.demo.gateway import build_app
from parity_pipeline.faults.texts import block_of, traffic
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, AtOnce, context_for, embedder, in_process
from parity_pipeline.report.markdown import render_report
from parity_pipeline.steps.confirm_rows import confirm_rows, stored_confirmation
from parity_pipeline.steps.context import Gateway, RunContext
from parity_pipeline.steps.judge_partition import judge_stored
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.storage.parity_files import ParityFile

Vectors = NDArray[np.float32]
Embed = Callable[[str, Sequence[str]], Vectors]

RATE = 1 / 2000
STRAY = 0.995
BUDGET = Budget(texts=6, requests=40)


def strayed(vector: NDArray[np.float64], generator: np.random.Generator, cosine: float = STRAY) -> NDArray[np.float64]:
    """Return a vector with a cosine to another one, in a random direction."""
    norm = np.linalg.norm(vector)
    unit = vector / norm
    side = generator.standard_normal(len(vector))
    side -= unit * (unit @ side)
    return norm * (cosine * unit + np.sqrt(1 - cosine**2) * side / np.linalg.norm(side))


def straying(embed: Embed, seed: int, rate: float = RATE) -> Embed:
    """Return an embedder whose responses stray now and then, whatever the text."""
    generator = np.random.default_rng(seed)

    def respond(model: str, texts: Sequence[str]) -> Vectors:
        rows = embed(model, texts).astype(np.float64)
        for place in np.flatnonzero(generator.random(len(rows)) < rate):
            rows[place] = strayed(rows[place], generator)
        return rows.astype(np.float32)

    return respond


def wrong_for(embed: Embed, wrong: str, cosine: float = STRAY) -> Embed:
    """Return an embedder that is wrong for one text, each time in the same way."""

    def respond(model: str, texts: Sequence[str]) -> Vectors:
        rows = embed(model, texts).astype(np.float64)
        for place, text in enumerate(texts):
            if text == wrong:
                rows[place] = strayed(rows[place], np.random.default_rng(1), cosine)
        return rows.astype(np.float32)

    return respond


def once_wrong(embed: Embed, wrong: str) -> Embed:
    """Return an embedder that is wrong for one text the first time that it is requested."""
    left = [1]

    def respond(model: str, texts: Sequence[str]) -> Vectors:
        rows = embed(model, texts).astype(np.float64)
        if wrong in texts and left:
            left.clear()
            place = list(texts).index(wrong)
            rows[place] = strayed(rows[place], np.random.default_rng(1))
        return rows.astype(np.float32)

    return respond


def block_for(seed: int, size: int = 500) -> SampleBlock:
    """Return plain texts, none of which a gateway refuses."""
    return block_of(traffic(size, seed), ["traffic"] * size)


def side_for(side: Side, embed: Embed, seed: int = 0) -> Gateway:
    """Return the demo's gateway with an embedder of a test."""
    return in_process(side, build_app(SHAPES[side], embed, AtOnce()), label=f"{side} of a test", seed=seed)


def context(folder: Path, block: SampleBlock, embeds: Mapping[Side, Embed], seed: int = 0) -> RunContext:
    """Return what the steps share."""
    gateways = {side: side_for(side, embeds[side], seed) for side in Side}
    return replace(context_for(folder, block, gateways), stability=BUDGET, models=(MODEL,))


def judged(folder: Path, block: SampleBlock, embeds: Mapping[Side, Embed], seed: int = 0) -> Verdict:
    """Return the verdict of a whole run."""
    return run_partition(context(folder, block, embeds, seed), DAY, MODEL, run_id="test")


def both(embed: Embed) -> dict[Side, Embed]:
    """Return the same embedder for both sides."""
    return dict.fromkeys(Side, embed)


def confirmed(verdict: Verdict) -> Confirmation:
    """Return what was requested again, which has to be there."""
    assert verdict.confirmation is not None
    return verdict.confirmation


def test_rare_strays_of_the_same_software_never_fail_the_candidate(tmp_path: Path) -> None:
    """25 runs of 500 texts in which one response in 2,000 strays to 0.995, on both sides: no FAIL."""
    found: list[Verdict] = []
    for seed in range(25):
        embeds = {side: straying(embedder().embed, 2 * seed + place) for place, side in enumerate(Side)}
        found.append(judged(tmp_path / str(seed), block_for(seed), embeds, seed))
    assert [verdict.decision for verdict in found].count(Decision.FAIL) == 0
    transient = [one for one in found if one.confirmation]
    assert len(transient) >= 5
    assert {row.found for one in transient for row in confirmed(one).rows} == {Persistence.TRANSIENT}
    # No verdict passes in which the candidate alone strayed.
    alone = [one for one in transient if confirmed(one).candidate.strays and not confirmed(one).legacy.strays]
    assert alone
    assert {one.decision for one in alone} == {Decision.INCONCLUSIVE}


@pytest.mark.parametrize("seed", range(8))
def test_a_lasting_difference_of_one_text_fails_among_strays(tmp_path: Path, seed: int) -> None:
    """One text of 500 is wrong each time, and both sides stray now and then: FAIL, with that text as its worst reason."""
    block = block_for(seed)
    wrong = block.texts[31 + 57 * seed]
    embeds = {side: straying(embedder().embed, 2 * seed + place) for place, side in enumerate(Side)}
    embeds[Side.CANDIDATE] = wrong_for(embeds[Side.CANDIDATE], wrong)
    verdict = judged(tmp_path, block, embeds, seed)
    assert verdict.decision is Decision.FAIL
    persistent = [row.id for row in confirmed(verdict).rows if row.found is Persistence.PERSISTENT]
    assert persistent == [block.ids[31 + 57 * seed]]
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.failing == 1


def test_nothing_is_sent_where_no_row_fails(tmp_path: Path) -> None:
    """Equal sides cost no request, and the file says that there was nothing to request."""
    run = context(tmp_path, block_for(1, 40), both(embedder().embed))
    assert run_partition(run, DAY, MODEL, run_id="test").decision is Decision.PASS
    silent = {side: replace(gateway, transport=_forbidden) for side, gateway in run.gateways.items()}
    assert confirm_rows(replace(run, gateways=silent), DAY, MODEL) is None


def _forbidden() -> httpx.AsyncBaseTransport:
    raise AssertionError("a request was sent")


def test_rows_that_a_waiver_takes_are_not_requested(tmp_path: Path) -> None:
    """An expected difference costs no request either."""
    block = block_for(2, 40)
    embeds = {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[5])}
    waiver = Waiver(
        id="known", owner="team", reason="known", expires=date(2027, 1, 1), max_samples=1,
        outcomes=(Outcome.MISMATCH,), samples=(block.ids[5],),
    )  # fmt: skip
    run = replace(context(tmp_path, block, embeds), waivers=(waiver,))
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    assert (verdict.decision, verdict.confirmation) == (Decision.PASS_WITH_WAIVERS, None)


@pytest.mark.parametrize("side", list(Side))
def test_a_response_that_strayed_once_is_named_in_the_report(tmp_path: Path, side: Side) -> None:
    """The report names the side, its rate with an interval, and marks the row; the candidate's stray forbids a PASS."""
    block = block_for(3, 200)
    embeds = {**both(embedder().embed), side: once_wrong(embedder().embed, block.texts[77])}
    verdict = judged(tmp_path, block, embeds)
    assert verdict.decision is (Decision.PASS if side is Side.LEGACY else Decision.INCONCLUSIVE)
    report = render_report(verdict)
    assert "## Requested again" in report
    assert f"the {side} side strayed" in report
    assert f"The {side} side strayed from itself in 1 of" in report
    assert "mismatch, transient" in report
    assert "1 not confirmed" in report
    assert verdict.diagnosis is not None
    assert verdict.diagnosis.failing == 0


def test_the_only_sample_may_be_transient(tmp_path: Path) -> None:
    """A set of one text whose stored response strayed leaves nothing to diagnose, and no background."""
    block = block_for(4, 1)
    embeds = {**both(embedder().embed), Side.CANDIDATE: once_wrong(embedder().embed, block.texts[0])}
    verdict = judged(tmp_path, block, embeds)
    assert verdict.decision is Decision.INCONCLUSIVE
    assert verdict.diagnosis is not None
    assert (verdict.diagnosis.failing, verdict.background and verdict.background.pairs) == (0, 0)


def test_a_side_that_is_gone_leaves_its_rows_persistent(tmp_path: Path) -> None:
    """Nothing is excused by a side that does not respond any more; the reason is kept."""
    block = block_for(5, 40)
    embeds = {**both(embedder().embed), Side.CANDIDATE: once_wrong(embedder().embed, block.texts[7])}
    run = context(tmp_path, block, embeds)
    run_partition(run, DAY, MODEL, run_id="test")
    gone = replace(run.gateways[Side.CANDIDATE], transport=lambda: httpx.MockTransport(_refuse_connection))
    found = confirm_rows(replace(run, gateways={**run.gateways, Side.CANDIDATE: gone}), DAY, MODEL)
    assert found is not None
    assert [row.found for row in found.rows] == [Persistence.PERSISTENT]
    assert found.rows[0].why.startswith("could not be requested again: the candidate side gave no usable response")
    assert judge_stored(run, DAY, MODEL).decision is Decision.FAIL


def _refuse_connection(request: httpx.Request) -> httpx.Response:
    raise httpx.ConnectError("refused", request=request)


def test_a_missing_token_costs_no_verdict(tmp_path: Path) -> None:
    """Without the token nothing is requested, and every difference counts."""
    block = block_for(6, 40)
    embeds = {**both(embedder().embed), Side.CANDIDATE: once_wrong(embedder().embed, block.texts[7])}
    run = context(tmp_path, block, embeds)
    run_partition(run, DAY, MODEL, run_id="test")

    def missing() -> None:
        raise SettingsError("no token", remedy="set it")

    closed = {side: replace(gateway, make_config=missing) for side, gateway in run.gateways.items()}
    assert confirm_rows(replace(run, gateways=closed), DAY, MODEL) is None  # pyright: ignore[reportArgumentType]
    assert judge_stored(run, DAY, MODEL).decision is Decision.FAIL


def test_repeats_alternate_and_are_counted(tmp_path: Path) -> None:
    """Each side gets the row's request and those in flight beside it four times; which side is first alternates."""
    block, order = block_for(7, 200), list[Side]()
    embeds = {**both(embedder().embed), Side.CANDIDATE: wrong_for(embedder().embed, block.texts[77])}
    run = context(tmp_path, block, embeds)
    run_partition(run, DAY, MODEL, run_id="test")

    def noting(side: Side) -> Callable[[], httpx.AsyncBaseTransport]:
        make = run.gateways[side].transport
        assert make is not None

        def transport() -> httpx.AsyncBaseTransport:
            order.append(side)
            return make()

        return transport

    watched = {side: replace(gateway, transport=noting(side)) for side, gateway in run.gateways.items()}
    found = confirm_rows(replace(run, gateways=watched), DAY, MODEL)
    assert found is not None
    assert order == [Side.LEGACY, Side.CANDIDATE, Side.CANDIDATE, Side.LEGACY] * (REPEATS // 2)
    in_flight = run.gateways[Side.LEGACY].config().concurrency
    assert [side.requests for side in found.sides] == [REPEATS * in_flight] * 2


def test_a_confirmation_of_other_lanes_or_thresholds_is_not_believed(tmp_path: Path) -> None:
    """What was requested for other rows excuses nothing."""
    block = block_for(8, 40)
    embeds = {**both(embedder().embed), Side.LEGACY: once_wrong(embedder().embed, block.texts[7])}
    run = context(tmp_path, block, embeds)
    run_partition(run, DAY, MODEL, run_id="test")
    header = ParityFile(run.layout.parity(DAY, MODEL)).header
    assert stored_confirmation(run, header, DAY, MODEL) is not None
    later = replace(header, sides=(replace(header.sides[0], fetched_to="later"), header.sides[1]))
    assert stored_confirmation(run, later, DAY, MODEL) is None
    assert stored_confirmation(replace(run, thresholds=Thresholds(cosine=0.998)), header, DAY, MODEL) is None
