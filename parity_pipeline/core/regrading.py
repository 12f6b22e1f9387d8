"""Grade rows that were compared before against thresholds of now.

Here belongs what judging stored dates again needs. Comparing vectors belongs to `comparing`.
"""

from dataclasses import replace

from parity_pipeline.core.comparing import ComparedRows
from parity_pipeline.core.grading import Thresholds, failing
from parity_pipeline.core.outcomes import Outcome

_GRADED = (Outcome.MATCH, Outcome.MISMATCH)


def regrade(rows: ComparedRows, thresholds: Thresholds) -> ComparedRows:
    """Return the rows with match and mismatch decided by `thresholds`; every other outcome stays.

    A row without a measure that has a limit does not match, whatever it was called before.
    """
    outcomes = [
        (Outcome.MISMATCH if off else Outcome.MATCH) if outcome in _GRADED else outcome
        for outcome, off in zip(rows.outcomes, failing(thresholds, rows).tolist(), strict=True)
    ]
    return replace(rows, outcomes=outcomes)
