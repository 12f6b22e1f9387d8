"""Write what people read: the dated report of one verdict, and the summary of all.

Here belong the two steps. What stands in them belongs to `report`.
"""

from collections.abc import Sequence

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline.steps.context import RunContext, stored
from parity_pipeline.storage import ledger
from parity_pipeline.storage.atomic import publish_text
from parity_pipeline.storage.evidence_files import read_verdict


def write_report(run: RunContext, day: str, model: str) -> tuple[Verdict, str]:
    """Write the report of a date and model, and return its verdict and its Markdown.

    Raises:
        ArtifactError: There is no verdict, or the disk does not take the report.
    """
    verdict = stored(run.layout.verdict(day, model), read_verdict)
    text = render_report(verdict)
    publish_text(run.layout.report(day, model), text)
    return verdict, text


def write_summary(run: RunContext) -> tuple[Sequence[ledger.AnyVerdict], str]:
    """Write the summary of the newest verdicts of the ledger, and return them and its Markdown.

    Raises:
        ArtifactError: The ledger is damaged, or the disk does not take the summary.
    """
    verdicts = ledger.newest(run.layout.ledger)
    text = render_summary(verdicts)
    publish_text(run.layout.summary, text)
    return verdicts, text
