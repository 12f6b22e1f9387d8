"""Run all steps of one date and model in their order, without Dagster.

Here belongs the order, for the fault matrix, benchmarks, tests and a person's own script. Dagster's graph has the same
order in `defs.assets`.
"""

from collections.abc import Callable, Sequence

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.steps.confirm_rows import confirm_rows
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.diagnose_failures import diagnose_failures
from parity_pipeline.steps.draw_samples import draw_samples
from parity_pipeline.steps.fetch_embeddings import fetch_embeddings
from parity_pipeline.steps.judge_partition import judge_partition
from parity_pipeline.steps.measure_repeatability import measure_repeatability
from parity_pipeline.steps.pair_lanes import pair_lanes
from parity_pipeline.steps.probe_contract import probe_contracts
from parity_pipeline.steps.reproduce_sample import reproduce_sample


def run_partition(run: RunContext, day: str, model: str, *, run_id: str) -> Verdict:
    """Draw, fetch and measure both sides, compare, confirm, diagnose and judge; return the verdict, which is stored.

    Of a FAIL, the worst sample is made small at the end. The ledger names the verdict's run by `run_id`.

    Raises:
        ParityError: A step could not do its work.
    """
    draw_samples(run, day, model)
    ask_sides(run, day, model)
    verdict = judge_lanes(run, day, model, run_id=run_id)
    reproduce_sample(run, verdict, lambda _line: None)
    return verdict


def ask_sides(run: RunContext, day: str, model: str, sides: Sequence[Side] = tuple(Side)) -> None:
    """Fetch embeddings from these sides, measure their repeatability, observe their contract; the samples are drawn.

    Raises:
        ParityError: A side cannot be used, or a file cannot be read or written.
    """
    for side in sides:
        fetch_embeddings(run, side, day, model)
        measure_repeatability(run, side, day, model)
    if run.contract.enabled:
        probe_contracts(run, sides, day, model)


def judge_lanes(
    run: RunContext, day: str, model: str, *, run_id: str, log: Callable[[str], None] = lambda _line: None
) -> Verdict:
    """Compare the stored lanes, confirm what fails, diagnose and judge; return the verdict, which is stored.

    Raises:
        ParityError: A file cannot be read or written.
    """
    pair_lanes(run, day, model)
    confirm_rows(run, day, model)
    diagnose_failures(run, day, model, log)
    return judge_partition(run, day, model, run_id=run_id)
