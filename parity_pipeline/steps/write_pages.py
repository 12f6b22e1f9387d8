"""Write the reports as pages: one per verdict, and the index of all.

Here belong the steps. What a page shows beyond its verdict is gathered by `page_evidence`; what stands in it belongs to
`report.html`, which is imported with the first page: its tools take longer to load than most commands run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace

from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.staleness import staleness
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report.html.evidence import EmbedEvidence, RetrievalPageEvidence
from parity_pipeline.report.retrieval_view import Queries
from parity_pipeline.report.shell import SentRequest
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.page_evidence import embed_evidence, retrieval_evidence
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text


def write_page(
    run: RunContext,
    verdict: Verdict,
    history: VerdictHistory = NO_HISTORY,
    *,
    reproduction: Reproduction | None = None,
) -> None:
    """Write the page of a date and model.

    Args:
        run: What the steps share.
        verdict: The verdict.
        history: Which verdicts came before it.
        reproduction: The smallest form of its worst failing sample; None where none was looked for.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.embed_page import render_page  # noqa: PLC0415 - see above

    # What is stored of a date that could not be run is of an earlier run.
    evidence = EmbedEvidence() if verdict.not_run else replace(embed_evidence(run, verdict), reproduction=reproduction)
    publish_text(
        run.layout.html_report(verdict.date, verdict.model), render_page(verdict, evidence, history, config=run.config)
    )


def write_retrieval_page(
    run: RunContext,
    verdict: RetrievalVerdict,
    queries: Queries,
    *,
    requests: Sequence[SentRequest],
    explained: Mapping[str, Explanation],
    history: VerdictHistory = NO_HISTORY,
    reproduction: QueryReproduction | None = None,
) -> None:
    """Write the page of a date and corpus; its arguments are those of `render_retrieval_page`.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.retrieval_page import render_retrieval_page  # noqa: PLC0415 - see above

    found = RetrievalPageEvidence() if verdict.not_run else retrieval_evidence(run, verdict)
    evidence = replace(found, reproduction=reproduction)
    text = render_retrieval_page(
        verdict, queries, evidence, requests=requests, explained=explained, history=history, config=run.config
    )
    publish_text(run.layout.html_retrieval_report(verdict.date, verdict.corpus), text)


def write_index(
    run: RunContext, verdicts: Sequence[ledger.AnyVerdict], states: GatewayStates, *, unread: str = ""
) -> None:
    """Write the page of all verdicts.

    Args:
        run: What the steps share.
        verdicts: The verdict that counts of each probe, date and model or corpus.
        states: The recorded states of the gateways, by which dates are stale, and changes are marked.
        unread: Why they cannot be read, sentences; "" where they can.

    Raises:
        ArtifactError: The disk does not take the page.
    """
    from parity_pipeline.report.html.index_page import render_index  # noqa: PLC0415 - see above
    from parity_pipeline.report.html.trends import recorded_identities  # noqa: PLC0415

    stale = {ledger.key_of(one): why for one in verdicts if (why := staleness(one, states).describe())}
    index = run.layout.html_index
    pages = {path.name for path in index.parent.glob("*.html")} if index.parent.is_dir() else set[str]()
    known = recorded_identities(verdicts, states)
    publish_text(index, render_index(verdicts, stale=stale, pages=pages, identities=known, unread=unread))
