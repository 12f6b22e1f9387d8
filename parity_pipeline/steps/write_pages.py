"""Write the reports as pages: one per verdict, and the index of all.

Here belong the steps. What a page shows beyond its verdict is gathered by `page_evidence`; what stands in it belongs to
`report.html`, which is imported with the first page: its tools take longer to load than most commands run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.html.evidence import EmbedEvidence, RetrievalPageEvidence
from parity_pipeline.report.retrieval_view import Queries
from parity_pipeline.report.shell import SentRequest
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.page_evidence import embed_evidence, retrieval_evidence
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text


def write_page(run: RunContext, verdict: Verdict, reproduction: Reproduction | None = None) -> None:
    """Write the page of a date and model, with the smallest form of its worst failing sample where there is one.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.embed_page import render_page  # noqa: PLC0415 - see above

    # What is stored of a date that could not be run is of an earlier run.
    evidence = EmbedEvidence() if verdict.not_run else replace(embed_evidence(run, verdict), reproduction=reproduction)
    publish_text(run.layout.html_report(verdict.date, verdict.model), render_page(verdict, evidence))


def write_retrieval_page(
    run: RunContext,
    verdict: RetrievalVerdict,
    queries: Queries,
    *,
    requests: Sequence[SentRequest],
    explained: Mapping[str, Explanation],
) -> None:
    """Write the page of a date and corpus.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.retrieval_page import render_retrieval_page  # noqa: PLC0415 - see above

    evidence = RetrievalPageEvidence() if verdict.not_run else retrieval_evidence(run, verdict)
    text = render_retrieval_page(verdict, queries, evidence, requests=requests, explained=explained)
    publish_text(run.layout.html_retrieval_report(verdict.date, verdict.corpus), text)


def write_index(
    run: RunContext, verdicts: Sequence[ledger.AnyVerdict], stale: Mapping[tuple[str, str, str], str] | None = None
) -> None:
    """Write the page of all verdicts.

    Args:
        run: What the steps share.
        verdicts: The verdict that counts of each probe, date and model or corpus.
        stale: Verdicts that are to be judged again, by probe, date and model or corpus, and why.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.index_page import render_index  # noqa: PLC0415 - see above

    index = run.layout.html_index
    pages = {path.name for path in index.parent.glob("*.html")} if index.parent.is_dir() else set[str]()
    publish_text(index, render_index(verdicts, stale=stale, pages=pages))
