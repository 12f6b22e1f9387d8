"""The verdicts before one, out of the ledger, for whatever shows it beside them.

Here belongs the step between the ledger and `core.verdict_history`: reports, the HTML pages and commands all ask here.
"""

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.core.verdict_history import NO_HISTORY, RecordedVerdict, VerdictHistory, history_of
from parity_pipeline.storage import ledger
from parity_pipeline.storage.layout import Layout


def past_of(layout: Layout, verdict: AnyVerdict) -> VerdictHistory:
    """Return which verdict this one supersedes, and the one on the date before; none of either where there is none.

    A ledger that cannot be read says nothing: the verdict stands without its past, and the summary, which reads the whole
    ledger, names the damage.
    """
    try:
        found = ledger.history(layout.ledger, verdict.endpoint, verdict.date, name_of_partition(verdict))
    except ArtifactError:
        return NO_HISTORY
    recorded = [RecordedVerdict(recorded_at=one.recorded_at, run_id=one.run_id, verdict=one.verdict) for one in found]
    return history_of(verdict, recorded)
