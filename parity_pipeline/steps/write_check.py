"""Write the Python check of the worst failing sample or query, beside the report that links to it.

Here belong the steps. What stands in the files belongs to `report.reproduce_check` and `report.reproduce_query_check`, finding
the smallest form to `reproduce_sample` and `retrieval.reproduce_query`.
"""

from collections.abc import Collection
from pathlib import Path
from typing import Final

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.reproduce_check import render_check
from parity_pipeline.report.reproduce_query_check import render_query_check
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.reproduce_sample import stored_reproduction
from parity_pipeline.steps.retrieval.fetch_side import retrieval_of
from parity_pipeline.steps.retrieval.reproduce_query import stored_query_reproduction
from parity_pipeline.storage.atomic import publish_text, write_errors
from parity_pipeline.wire.retry_policy import kind_of_status, retrieval_rule_of, rule_of

_ERRORS: Final = range(400, 600)


def write_check(run: RunContext, verdict: Verdict) -> Reproduction | None:
    """Write the check of a reproduced sample, and return what is stored of it; None where nothing was looked for.

    The check of an earlier run is removed where the report links to none: it is of other vectors. A stored reproduction
    that cannot be read costs no report.

    Raises:
        ArtifactError: The disk does not take the check, or does not let go of an earlier one.
    """
    path = run.layout.reproduce_check(verdict.date, verdict.model)
    try:
        found = stored_reproduction(run, verdict)
    except ArtifactError:
        found = None
    if found is not None and found.requests:
        publish_text(path, render_check(verdict, found, refusing_statuses()))
    else:
        _remove(path)
    return found


def write_query_check(run: RunContext, verdict: RetrievalVerdict) -> QueryReproduction | None:
    """Write the check of a reproduced query, as `write_check` does that of a sample.

    Raises:
        ArtifactError: The disk does not take the check, or does not let go of an earlier one.
    """
    path = run.layout.retrieval_check(verdict.date, verdict.corpus)
    try:
        found = stored_query_reproduction(run, verdict)
    except ArtifactError:
        found = None
    if found is not None and found.requests:
        context, refusing = retrieval_of(run), refusing_statuses(refused=found.outcome in _REFUSED)
        publish_text(path, render_query_check(verdict, found, context.rules, context.bands, refusing))
    else:
        _remove(path)
    return found


def _remove(path: Path) -> None:
    with write_errors(path):
        path.unlink(missing_ok=True)


_REFUSED: Final = (
    RetrievalOutcome.REFUSED_BY_LEGACY,
    RetrievalOutcome.REFUSED_BY_CANDIDATE,
    RetrievalOutcome.REFUSED_DIFFERENTLY,
)


def refusing_statuses(*, refused: bool = False) -> Collection[int]:
    """Return the HTTP statuses that are a definite no to a text, as fetching it would take them.

    Args:
        refused: Whether it is known that a query is what is refused. Then a corpus that may not be searched, or is not there,
            is a no too; of any other query it may as well say that the endpoint is gone, which a check has no canary for.
    """
    rule = retrieval_rule_of if refused else rule_of
    return [status for status in _ERRORS if rule(kind_of_status(status)).ends_as is RowStatus.REFUSED]
