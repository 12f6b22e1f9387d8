"""Write the Python check of the worst failing sample, beside the report that links to it.

Here belongs the step. What stands in the file belongs to `report.reproduce_check`, finding the smallest form of a sample to
`reproduce_sample`.
"""

from collections.abc import Collection
from typing import Final

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.reproduce_check import render_check
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.reproduce_sample import stored_reproduction
from parity_pipeline.storage.atomic import publish_text, write_errors
from parity_pipeline.wire.retry_policy import kind_of_status, rule_of

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
        with write_errors(path):
            path.unlink(missing_ok=True)
    return found


def refusing_statuses() -> Collection[int]:
    """Return the HTTP statuses that are a definite no to a text, as fetching it would take them."""
    return [status for status in _ERRORS if rule_of(kind_of_status(status)).ends_as is RowStatus.REFUSED]
