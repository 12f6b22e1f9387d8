"""Write what people read: the dated report of one verdict, and the summary of all, each as Markdown and as a page.

Here belong the two steps. What stands in them belongs to `report`, writing the pages to `write_pages`.
"""

from collections.abc import Sequence
from pathlib import Path

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.steps.verdict_past import past_of
from parity_pipeline.steps.write_check import write_check
from parity_pipeline.steps.write_pages import write_index, write_page
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.gateways import read_states
from parity_pipeline.storage.line_log import one_writer


def write_report(run: RunContext, day: str, model: str) -> tuple[Verdict, str]:
    """Write the report of a date and model, its page and its Python check; return its verdict and its Markdown.

    Raises:
        ArtifactError: There is no verdict, or the disk does not take the report or its page.
    """
    verdict = stored(run.layout.verdict(day, model), read_verdict)
    history = past_of(run.layout, verdict)
    reproduction = write_check(run, verdict)
    text = render_report(verdict, history, config=run.config, reproduction=reproduction)
    publish_text(run.layout.report(day, model), text)
    write_page(run, verdict, history, reproduction=reproduction)
    return verdict, text


def _states(run: RunContext) -> tuple[GatewayStates, str]:
    """Return the recorded states, and why they cannot be read, in which case the summary comes without them and says so."""
    try:
        return read_states(run.layout.gateways), ""
    except ArtifactError as error:
        # The file's name alone: a summary is read on other machines too.
        why = f"{Path(error.place).name}: {error.problem}. {error.remedy}"
        return GatewayStates(), f"Which verdicts are stale is not known. {why}"


def write_summary(run: RunContext) -> tuple[Sequence[ledger.AnyVerdict], str]:
    """Write the summary of the newest verdicts of the ledger and their index, and return them and its Markdown.

    One writer at a time, from reading on: who read first would otherwise write last, without the verdict that came between.

    Raises:
        ArtifactError: The ledger is damaged, the disk does not take the summary or the index, or another writer does not
            let go.
    """
    with one_writer(run.layout.summary):
        verdicts = ledger.newest(run.layout.ledger)
        return verdicts, write_summary_of(run, verdicts)


def write_summary_of(run: RunContext, verdicts: Sequence[ledger.AnyVerdict]) -> str:
    """Write the summary of these verdicts and their index, and return its Markdown.

    Args:
        run: What the steps share.
        verdicts: The verdict that counts of each probe, date and model or corpus, as `ledger.newest` returns them.

    Raises:
        ArtifactError: The disk does not take the summary or the index.
    """
    states, unread = _states(run)
    text = render_summary(verdicts, states, unread=unread)
    publish_text(run.layout.summary, text)
    write_index(run, verdicts, states, unread=unread)
    return text
