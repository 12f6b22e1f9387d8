"""Write what people read: the dated report of one verdict, and the summary of all, each as Markdown and as a page.

Here belong the two steps. What stands in them belongs to `report`, writing the pages to `write_pages`.
"""

from collections.abc import Sequence

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


def _states(run: RunContext) -> GatewayStates:
    """Return the recorded states; none where they cannot be read: the summary of the verdicts comes all the same."""
    try:
        return read_states(run.layout.gateways)
    except ArtifactError:
        return GatewayStates()


def write_summary(run: RunContext) -> tuple[Sequence[ledger.AnyVerdict], str]:
    """Write the summary of the newest verdicts of the ledger and their index, and return them and its Markdown.

    Raises:
        ArtifactError: The ledger is damaged, or the disk does not take the summary or the index.
    """
    verdicts = ledger.newest(run.layout.ledger)
    states = _states(run)
    text = render_summary(verdicts, states)
    publish_text(run.layout.summary, text)
    write_index(run, verdicts, states)
    return verdicts, text
