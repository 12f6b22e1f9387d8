"""Grade rows that were compared before against thresholds of now.

Here belongs what judging stored dates again needs. Comparing vectors belongs to `comparing`.
"""

from dataclasses import replace

from parity_pipeline.core.comparing import ComparedRows, Thresholds
from parity_pipeline.core.outcomes import Outcome

_GRADED = (Outcome.MATCH, Outcome.MISMATCH)


def regrade(rows: ComparedRows, thresholds: Thresholds) -> ComparedRows:
    """Return the rows with match and mismatch decided by `thresholds`; every other outcome stays.

    A row without a cosine does not match, whatever it was called before.
    """
    outcomes = [
        (Outcome.MATCH if cosine >= thresholds.cosine else Outcome.MISMATCH) if outcome in _GRADED else outcome
        for outcome, cosine in zip(rows.outcomes, rows.cosine, strict=True)
    ]
    return replace(rows, outcomes=outcomes)
