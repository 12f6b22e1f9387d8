"""Where every file lies: the one place that knows the folders and file names of results.

Here belong paths, and nothing that opens them. Results lie in hive folders, `date=2026-04-30/model=<slug>/`, so that
DuckDB, Polars and pandas read a whole folder with `date` and `model` as columns and decode the slug to the name. Those of
the retrieve probe lie below `retrieve/`, with `corpus` in place of `model`; those of the embed probe through the adapter below
`through-adapter/`, but for the sample sets, which it shares with the plain one.
"""

import datetime as dt
from dataclasses import dataclass
from pathlib import Path

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.slugs import check_name, report_name, slug
from parity_pipeline.core.verdict import EMBED, EMBED_THROUGH_ADAPTER


def _partition(date: str, model: str) -> Path:
    return Path(f"date={_day(date)}") / f"model={slug(model)}"


def _corpus(date: str, corpus: str) -> Path:
    return Path(f"date={_day(date)}") / f"corpus={slug(corpus)}"


def _day(date: str) -> str:
    """Return the date unchanged; anything but `YYYY-MM-DD` could leave the folder it belongs to."""
    try:
        same = dt.date.fromisoformat(date).isoformat() == date
    except ValueError:
        same = False
    if not same:
        msg = f"{date!r} is not a date of the form YYYY-MM-DD"
        raise ArtifactError(msg, remedy="Name a partition date such as 2026-04-30.")
    return date


@dataclass(frozen=True)
class Layout:
    """The paths of all results. No method touches the disk.

    Methods that take a date raise ArtifactError when it is not of the form YYYY-MM-DD; model and corpus names may be anything.

    Attributes:
        data_dir: Folder of what a run can make again: sample sets, vectors, comparisons, verdicts, staging.
        reports_dir: Folder of what is tracked: the ledger, reports and their summary.
        probe: The probe of embeddings whose files these are: `EMBED` or `EMBED_THROUGH_ADAPTER`.
    """

    data_dir: Path
    reports_dir: Path
    probe: str = EMBED

    def samples(self, date: str, model: str) -> Path:
        """Return the sample set of one date and model."""
        return self.data_dir / "samplesets" / _partition(date, model) / "samples.parquet"

    def embeddings(self, side: str, date: str, model: str) -> Path:
        """Return the vectors of one side (`legacy` or `candidate`), date and model."""
        return self._embed / "embeddings" / f"side={slug(side)}" / _partition(date, model) / "embeddings.parquet"

    def stability(self, side: str, date: str, model: str) -> Path:
        """Return what trying one side against itself came to on one date, for one model."""
        return self._embed / "stability" / f"side={slug(side)}" / _partition(date, model) / "stability.json"

    def contract(self, side: str, date: str, model: str) -> Path:
        """Return the observed contract of one side, date and model."""
        return self._embed / "contracts" / f"side={slug(side)}" / _partition(date, model) / "contract.json"

    def parity(self, date: str, model: str) -> Path:
        """Return the compared rows of one date and model."""
        return self._embed / "parity" / _partition(date, model) / "parity.parquet"

    def confirmation(self, date: str, model: str) -> Path:
        """Return the file of what requesting failing rows again showed."""
        return self._embed / "confirmations" / _partition(date, model) / "confirmation.json"

    def diagnosis(self, date: str, model: str) -> Path:
        """Return the file of the diagnosis."""
        return self._embed / "diagnoses" / _partition(date, model) / "diagnosis.json"

    def reproduction(self, date: str, model: str) -> Path:
        """Return the file of the smallest form of the worst failing sample."""
        return self._embed / "reproductions" / _partition(date, model) / "reproduction.json"

    def verdict(self, date: str, model: str) -> Path:
        """Return the stored verdict of one date and model."""
        return self._embed / "verdicts" / _partition(date, model) / "verdict.json"

    def report(self, date: str, model: str) -> Path:
        """Return the report of one date and model, such as `embed_parity_20260430_v1.md`."""
        return self.reports_dir / report_name(_day(date), model, self.probe)

    def html_report(self, date: str, model: str) -> Path:
        """Return the same report as a page, such as `html/embed_parity_20260430_v1.html`."""
        return self._page(self.report(date, model))

    def reproduce_check(self, date: str, model: str) -> Path:
        """Return the Python check of the worst failing sample, such as `reproduce/embed_parity_20260430_v1.py`."""
        return self._check(date, model, self.probe)

    def queries(self, date: str, corpus: str) -> Path:
        """Return the query set of one date and corpus."""
        return self._retrieve / "querysets" / _corpus(date, corpus) / "queries.parquet"

    def rankings(self, side: str, date: str, corpus: str) -> Path:
        """Return the ranked lists of one side (`legacy` or `candidate`), date and corpus."""
        return self._retrieve / "rankings" / f"side={slug(side)}" / _corpus(date, corpus) / "rankings.parquet"

    def retrieval_parity(self, date: str, corpus: str) -> Path:
        """Return the compared queries of one date and corpus."""
        return self._retrieve / "parity" / _corpus(date, corpus) / "parity.parquet"

    def retrieval_evidence(self, date: str, corpus: str) -> Path:
        """Return the file of what further requests showed of differing queries, and of the causes."""
        return self._retrieve / "evidence" / _corpus(date, corpus) / "evidence.json"

    def retrieval_reproduction(self, date: str, corpus: str) -> Path:
        """Return the file of the smallest form of the worst failing query."""
        return self._retrieve / "reproductions" / _corpus(date, corpus) / "reproduction.json"

    def retrieval_verdict(self, date: str, corpus: str) -> Path:
        """Return the stored verdict of one date and corpus."""
        return self._retrieve / "verdicts" / _corpus(date, corpus) / "verdict.json"

    def retrieval_report(self, date: str, corpus: str) -> Path:
        """Return the report of one date and corpus, such as `retrieve_parity_20260430_staff.md`."""
        return self.reports_dir / report_name(_day(date), corpus, "retrieve")

    def html_retrieval_report(self, date: str, corpus: str) -> Path:
        """Return the same report as a page, such as `html/retrieve_parity_20260430_staff.html`."""
        return self._page(self.retrieval_report(date, corpus))

    def retrieval_check(self, date: str, corpus: str) -> Path:
        """Return the Python check of the worst failing query, such as `reproduce/retrieve_parity_20260430_staff.py`."""
        return self._check(date, corpus, "retrieve")

    def _check(self, date: str, name: str, probe: str) -> Path:
        return self.reports_dir / "reproduce" / check_name(_day(date), name, probe)

    def _page(self, report: Path) -> Path:
        # Not `with_suffix`: a model's name may hold dots.
        return self.reports_dir / "html" / f"{report.name.removesuffix('.md')}.html"

    @property
    def _embed(self) -> Path:
        return self.data_dir / "through-adapter" if self.probe == EMBED_THROUGH_ADAPTER else self.data_dir

    @property
    def _retrieve(self) -> Path:
        return self.data_dir / "retrieve"

    @property
    def ledger(self) -> Path:
        """Return the append-only ledger of all verdicts."""
        return self.reports_dir / "ledger.jsonl"

    @property
    def gateways(self) -> Path:
        """Return the append-only list of the states that each side was seen in."""
        return self.reports_dir / "gateways.jsonl"

    @property
    def summary(self) -> Path:
        """Return the summary of all verdicts."""
        return self.reports_dir / "SUMMARY.md"

    @property
    def html_index(self) -> Path:
        """Return the page of all verdicts, which links to the page of each."""
        return self.reports_dir / "html" / "index.html"

    @property
    def staging(self) -> Path:
        """Return the folder of what a fetch has in hand before its Parquet is whole."""
        return self._embed / "staging"
