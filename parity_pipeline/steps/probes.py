"""The probes: what each compares, by which assets, and where its results lie.

Here belongs one row per probe. Assets, jobs, schedules, backfills, the command line and the summary are made from it; a
further probe is a row here, a package of its own in `core`, and its steps (docs/adr/0027). No row knows Dagster.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, TypeAlias

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.layout import Layout
from parity_pipeline.storage.retrieval_evidence import read_retrieval_verdict
from parity_pipeline.storage.staging import RankingsStaging, SqliteStaging, staged_rankings, staged_samples

AnyVerdict: TypeAlias = Verdict | RetrievalVerdict
"""The verdict of any probe."""

Place: TypeAlias = Callable[[Layout, str, str], Path]
"""Where a file lies: of a layout, an ISO 8601 date, and a model or corpus."""

Staged: TypeAlias = Callable[[Path, Side, str, str], Sequence[SqliteStaging | RankingsStaging]]
"""What is staged: of the staging folder, a side, a model or corpus, and an ISO 8601 date."""


@dataclass(frozen=True, kw_only=True)
class Probe:
    """One probe.

    Attributes:
        name: Its name on the command line and in verdicts.
        dimension: What its partitions have beside a date: `model` or `corpus`.
        job: The job that judges one partition.
        schedule: The schedule that does so every day.
        inputs: The asset of what both sides are sent.
        of_side: The assets that each side has, in their order.
        after_sides: The assets that are made again whichever side is fetched, in their order, but for the summary.
        inputs_path: Where the stored inputs lie.
        verdict_path: Where the verdict lies.
        report_path: Where the report lies.
        read_verdict: Reads a stored verdict.
        staged: Finds what unfinished fetches have staged.
    """

    name: str
    dimension: str
    job: str
    schedule: str
    inputs: str
    of_side: tuple[str, ...]
    after_sides: tuple[str, ...]
    inputs_path: Place
    verdict_path: Place
    report_path: Place
    read_verdict: Callable[[Path], AnyVerdict]
    staged: Staged

    @property
    def verdict_asset(self) -> str:
        """Return the asset of the verdict."""
        return next(one for one in self.after_sides if one.rpartition("/")[2] == "verdict")


EMBED: Final = Probe(
    name="embed",
    dimension="model",
    job="parity_run",
    schedule="parity_daily",
    inputs="samples",
    of_side=("embeddings", "stability", "contract"),
    after_sides=("parity", "confirmation", "diagnosis", "verdict", "report"),
    inputs_path=Layout.samples,
    verdict_path=Layout.verdict,
    report_path=Layout.report,
    read_verdict=read_verdict,
    staged=staged_samples,
)
EMBED_BEHIND_ADAPTER: Final = replace(EMBED, name=EMBED_THROUGH_ADAPTER)
"""The same assets, of settings whose candidate is the adapter, in a history of their own (docs/adr/0036)."""

RETRIEVE: Final = Probe(
    name="retrieve",
    dimension="corpus",
    job="retrieve_run",
    schedule="retrieve_daily",
    inputs="retrieve/queries",
    of_side=("retrieval",),
    after_sides=("retrieve/parity", "retrieve/verdict", "retrieve/report"),
    inputs_path=Layout.queries,
    verdict_path=Layout.retrieval_verdict,
    report_path=Layout.retrieval_report,
    read_verdict=read_retrieval_verdict,
    staged=staged_rankings,
)

PROBES: Final = {probe.name: probe for probe in (EMBED, RETRIEVE)}
"""Every probe by its name, in the order in which they are run."""


def probe_named(name: str) -> Probe:
    """Return a probe by its name in verdicts: one of `PROBES`, or that of embeddings through the adapter."""
    return EMBED_BEHIND_ADAPTER if name == EMBED_BEHIND_ADAPTER.name else PROBES[name]
