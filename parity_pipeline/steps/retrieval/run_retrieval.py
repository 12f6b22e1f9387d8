"""Run all steps of one date and corpus in their order, without Dagster.

Here belongs the order, for the fault matrix, benchmarks, tests and a person's own script. Dagster's graph has the same
order in `defs.retrieval_assets`.
"""

from collections.abc import Sequence

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.retrieval.compare_rankings import compare_rankings
from parity_pipeline.steps.retrieval.fetch_side import draw_queries, fetch_rankings
from parity_pipeline.steps.retrieval.judge_rankings import judge_rankings


def run_retrieval(
    run: RunContext, day: str, corpus: str, *, run_id: str, sides: Sequence[Side] = tuple(Side)
) -> RetrievalVerdict:
    """Draw, fetch, compare and judge; return the verdict, which is stored.

    Args:
        run: What the steps share.
        day: Partition date, ISO 8601.
        corpus: The corpus.
        run_id: By which the ledger names the run.
        sides: Sides that are fetched; of another one the stored lane is used, and the queries stay as they are.

    Raises:
        ParityError: A step could not do its work.
    """
    if len(sides) == len(Side):
        draw_queries(run, day, corpus)
    for side in sides:
        fetch_rankings(run, side, day, corpus)
    compare_rankings(run, day, corpus)
    return judge_rankings(run, day, corpus, run_id=run_id)
