"""The short report on a date that could not be run: why, what to do, and which verdict does not count any more.

Here belongs its layout, for both probes. Which failures are recorded belongs to `steps.record_failure`.
"""

from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose, table


def could_not_run(failure: RunFailure) -> list[str]:
    """Return what failed, where and what to do, as Markdown."""
    rows = [
        ("Step", code(failure.step)),
        ("What was wrong", prose(failure.problem)),
        ("Where", code(failure.place) if failure.place else numbers.NOTHING),
        ("What to do", prose(failure.remedy) if failure.remedy else numbers.NOTHING),
        ("Kind of error", prose(failure.kind) if failure.kind else numbers.NOTHING),
    ]
    note = (
        "What was fetched before that stays stored. The vectors or lists of an earlier run are still there too, and "
        "nothing in this report is about them."
    )
    return ["## Why it could not run", "", *table(("", ""), rows), "", note]
