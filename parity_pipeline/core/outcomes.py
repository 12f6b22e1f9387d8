"""The vocabulary of results: sides, row statuses, outcomes and verdicts.

Here belong the closed sets of words that Parquet files, the ledger and reports share. Their spelling is stored, so a
word is never renamed, only added.
"""

from enum import StrEnum
from typing import Final


class Side(StrEnum):
    """The two lanes. The control is `legacy`, the one on trial is `candidate`."""

    LEGACY = "legacy"
    CANDIDATE = "candidate"


class RowStatus(StrEnum):
    """What a side made of one sample."""

    OK = "ok"
    """A vector came back. It may still hold NaN or be zero; that is judged, not fetched."""
    REFUSED = "refused"
    """The side refused this sample when it was sent alone (a 4xx, or a 500 that stays)."""
    FAILED = "failed"
    """No definite response: unreachable, timed out, overloaded after every retry. This proves nothing either way."""
    MALFORMED = "malformed"
    """A response with status 200 that does not hold one vector for this sample: short, ragged, empty, not numbers."""


class Outcome(StrEnum):
    """Result of comparing one sample. Each sample has exactly one.

    A compared sample is stored as `COMPARED`: its measures do not depend on thresholds. `measures.grade` turns it
    into `MATCH` or `MISMATCH` when a verdict is given; verdicts hold these two and never `COMPARED`.
    """

    COMPARED = "compared"
    MATCH = "match"
    MISMATCH = "mismatch"
    DIMENSION_MISMATCH = "dimension_mismatch"
    NON_FINITE = "non_finite"
    ZERO_NORM = "zero_norm"
    REFUSED_BY_LEGACY = "refused_by_legacy"
    REFUSED_BY_CANDIDATE = "refused_by_candidate"
    REFUSED_BY_BOTH = "refused_by_both"
    MISSING = "missing"


GRADED: Final = (Outcome.MATCH, Outcome.MISMATCH)
"""Outcomes of compared samples under thresholds: they have a cosine."""

IN_VERDICTS: Final = tuple(outcome for outcome in Outcome if outcome is not Outcome.COMPARED)
"""Outcomes that a verdict counts."""

DIFFERENT: Final = (
    Outcome.DIMENSION_MISMATCH,
    Outcome.MISMATCH,
    Outcome.NON_FINITE,
    Outcome.ZERO_NORM,
    Outcome.REFUSED_BY_CANDIDATE,
    Outcome.REFUSED_BY_LEGACY,
)
"""Outcomes that prove a difference, the worst first."""

MUTUAL: Final = (Outcome.NON_FINITE, Outcome.ZERO_NORM)
"""Outcomes that prove a difference when one side shows them, and nothing when both do."""


class Decision(StrEnum):
    """The verdict on one date and model."""

    PASS = "PASS"  # noqa: S105 - the word of the verdict, not a password
    FAIL = "FAIL"
    INCONCLUSIVE = "INCONCLUSIVE"
    PASS_WITH_WAIVERS = "PASS WITH WAIVERS"  # noqa: S105 - likewise
    """Every difference is an expected one, covered by a waiver that holds."""


PASSING: Final = (Decision.PASS, Decision.PASS_WITH_WAIVERS)
"""Decisions under which traffic may be moved to the candidate."""


class Severity(StrEnum):
    """What a measure beyond its limit means for a sample."""

    FAIL = "fail"
    WARN = "warn"
