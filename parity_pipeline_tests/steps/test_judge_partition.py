"""Two dates through all steps, with a random draw behind a hand-picked list."""

from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.power.faults import FAULTS
from parity_pipeline.faults.texts import block_of
from parity_pipeline.faults.trial_run import MODEL, context_for
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.judge_partition import judge_partition
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.storage import ledger
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.sources import SourceSpec
from parity_pipeline_tests.faults.clean_runs import BUDGET, Case, sides_of
from parity_pipeline_tests.storage.records import of_embed

DAYS = ("2026-05-01", "2026-05-02")


@pytest.fixture
def run(tmp_path: Path) -> RunContext:
    """Return a run of two equal gateways that draws 20 of 60 texts per date, behind a list that holds one of them."""
    case = Case(seed=1, legacy_noise=0.0, candidate_noise=0.0, size=20, batch=16, corpus="traffic")
    traffic = tmp_path / "traffic.txt"
    traffic.write_text("".join(f"forklift operator {place}\n" for place in range(60)), "ascii")
    block = block_of(["forklift operator 7", "hello"], ["seed", "seed"])
    context = context_for(tmp_path, block, sides_of(case))
    sources = [*context.sources, SourceSpec(path=traffic, sample=20)]
    return replace(context, sources=sources, stability=BUDGET)


def test_the_verdict_on_a_second_date_pools_both(run: RunContext) -> None:
    """The first verdict stands alone; the second says, and stores, what both dates prove together."""
    first, second = (run_partition(run, day, MODEL, run_id="run") for day in DAYS)
    assert (first.decision, first.pooled) == (Decision.PASS, None)
    assert second.pooled is not None
    assert (second.pooled.dates, second.pooled.texts, second.pooled.failures) == (2, 40, 0)
    assert second.pooled.since == DAYS[0]
    assert read_verdict(run.layout.verdict(DAYS[1], MODEL)).pooled == second.pooled
    assert [of_embed(entry.verdict).pooled for entry in ledger.entries(run.layout.ledger)] == [None, second.pooled]
    again = run_partition(run, DAYS[0], MODEL, run_id="again")
    assert again.pooled is None


def test_a_pass_stores_what_its_samples_would_have_caught(run: RunContext) -> None:
    """The verdict has every simulated fault, the ledger their number, and no request is sent for them."""
    verdict = run_partition(run, DAYS[0], MODEL, run_id="run")
    assert verdict.power is not None
    assert len(verdict.power.faults) == verdict.power.simulated == len(FAULTS)
    assert (verdict.power.samples, verdict.power.looked_at) == (verdict.counts.samples, verdict.counts.samples)
    assert read_verdict(run.layout.verdict(DAYS[0], MODEL)).power == verdict.power
    [entry] = ledger.entries(run.layout.ledger)
    assert entry.verdict.power == replace(verdict.power, faults=())
    offline = replace(run, gateways={})
    assert judge_partition(offline, DAYS[0], MODEL, run_id="again").power == verdict.power


def test_nothing_is_simulated_without_a_pass(run: RunContext) -> None:
    """A FAIL and an INCONCLUSIVE catch what they catch; the question is put to a PASS alone."""
    run_partition(run, DAYS[0], MODEL, run_id="run")
    strict = replace(run, required_bound=0.0001)
    verdict = judge_partition(strict, DAYS[0], MODEL, run_id="again")
    assert (verdict.decision, verdict.power) == (Decision.INCONCLUSIVE, None)


def test_a_pass_stands_where_the_lanes_are_gone(run: RunContext) -> None:
    """A stored comparison is judged again without its vectors, and then claims nothing of simulated faults."""
    run_partition(run, DAYS[0], MODEL, run_id="run")
    run.layout.embeddings(Side.CANDIDATE, DAYS[0], MODEL).unlink()
    verdict = judge_partition(run, DAYS[0], MODEL, run_id="again")
    assert (verdict.decision, verdict.power) == (Decision.PASS, None)


def test_a_damaged_ledger_does_not_stop_a_verdict(run: RunContext) -> None:
    """The verdict stands for its own date and pools nothing; the summary names the damaged line."""
    run_partition(run, DAYS[0], MODEL, run_id="run")
    run.layout.ledger.write_bytes(b"damaged\n" + run.layout.ledger.read_bytes())
    verdict = run_partition(run, DAYS[1], MODEL, run_id="run")
    assert (verdict.decision, verdict.pooled) == (Decision.PASS, None)


def test_a_draw_that_was_picked_too_is_counted(run: RunContext) -> None:
    """All 20 draws are trials, whether or not the hand-picked list holds a text of theirs."""
    sources = [*run.sources[:-1], replace(run.sources[-1], sample=60)]
    verdict = run_partition(replace(run, sources=sources), DAYS[0], MODEL, run_id="run")
    assert (verdict.counts.samples, verdict.random.texts, verdict.random.draws) == (61, 60, 60)
    assert [(one.category, one.trials) for one in verdict.random.bounds] == [(None, 60), ("traffic", 60)]
    assert verdict.side(Side.CANDIDATE).provenance.ok_rows == 61
