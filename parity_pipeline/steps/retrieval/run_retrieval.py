"""Run all steps of one date and corpus in their order, without Dagster.

Here belongs the order, for the fault matrix, benchmarks, tests and a person's own script. Dagster's graph has the same
order in `defs.retrieval_assets`, but for the worst query, which is made small before the verdict: that one sends nothing.
"""

from collections.abc import Callable, Sequence

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.provenance import RetrievalParityHeader
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.retrieval.compare_rankings import compare_rankings
from parity_pipeline.steps.retrieval.fetch_side import draw_queries, fetch_rankings
from parity_pipeline.steps.retrieval.judge_rankings import judge_rankings, judge_stored_rankings
from parity_pipeline.steps.retrieval.reproduce_query import reproduce_query


def run_retrieval(
    run: RunContext, day: str, corpus: str, *, run_id: str, sides: Sequence[Side] = tuple(Side)
) -> RetrievalVerdict:
    """Draw, fetch, compare and judge; return the verdict, which is stored. Of a FAIL, the worst query is made small at the end.

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
    verdict = judge_rankings(run, day, corpus, run_id=run_id)
    reproduce_query(run, verdict, lambda _line: None)
    return verdict


def compare_and_reproduce(run: RunContext, day: str, corpus: str, log: Callable[[str], None]) -> RetrievalParityHeader:
    """Compare the lanes of a date and corpus, make the worst query of a FAIL small; return the comparison's header.

    The verdict comes later and sends nothing; what decides here is what it will say of the queries that are stored now.

    Raises:
        ArtifactError: A lane or the query set is missing or damaged, or the disk does not take a file.
        SettingsError: The waivers or relevance labels cannot be used.
    """
    header = compare_rankings(run, day, corpus)
    if run.reproduce.requests and not header.pairing_faults:
        reproduce_query(run, judge_stored_rankings(run, day, corpus), log)
    return header
