"""The vocabulary of retrieval results: outcomes and bands.

Here belong the closed sets of words that stored files and reports share. Their spelling is stored, so a word is never
renamed, only added. Sides and row statuses are those of `core.outcomes`.
"""

from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import Outcome


class Band(StrEnum):
    """Where a measure lies: as two implementations over the same vectors do, worth a look, or too far off."""

    PASS = "PASS"  # noqa: S105 - the word of a band, not a password
    INVESTIGATE = "INVESTIGATE"
    FAIL = "FAIL"


class RetrievalOutcome(StrEnum):
    """Result of comparing one query. Each query has exactly one.

    Two lists are stored as `COMPARED`: their measures do not depend on bands. `bands.grade` turns it into `MATCH`,
    `INVESTIGATE` or `MISMATCH` when a verdict is given.
    """

    COMPARED = "compared"
    MATCH = "match"
    INVESTIGATE = "investigate"
    MISMATCH = "mismatch"
    BOTH_EMPTY = "both_empty"
    """Both sides say that nothing matches, and agree in that."""
    EMPTY_LEGACY = "empty_legacy"
    EMPTY_CANDIDATE = "empty_candidate"
    WRONG_MODE = "wrong_mode"
    """A side used another mode than it is held to, such as `lexical` in place of `hybrid`."""
    REFUSED_BY_LEGACY = "refused_by_legacy"
    REFUSED_BY_CANDIDATE = "refused_by_candidate"
    REFUSED_BY_BOTH = "refused_by_both"
    REFUSED_DIFFERENTLY = "refused_differently"
    """Both refused, with another HTTP status or another shape of the body."""
    MISSING = "missing"
    """A side gave no definite response. This proves nothing either way."""


GRADED: Final = (RetrievalOutcome.MATCH, RetrievalOutcome.INVESTIGATE, RetrievalOutcome.MISMATCH)
"""Outcomes of compared lists under bands: they have measures."""

AGREEING: Final = (RetrievalOutcome.MATCH, RetrievalOutcome.BOTH_EMPTY)
"""Outcomes of queries for which both sides return the same."""

DIFFERENT: Final = (
    RetrievalOutcome.EMPTY_CANDIDATE,
    RetrievalOutcome.EMPTY_LEGACY,
    RetrievalOutcome.WRONG_MODE,
    RetrievalOutcome.MISMATCH,
    RetrievalOutcome.REFUSED_BY_CANDIDATE,
    RetrievalOutcome.REFUSED_BY_LEGACY,
    RetrievalOutcome.REFUSED_DIFFERENTLY,
)
"""Outcomes that prove a difference, the worst first."""

NOT_COMPARED: Final = (
    RetrievalOutcome.REFUSED_BY_LEGACY,
    RetrievalOutcome.REFUSED_BY_CANDIDATE,
    RetrievalOutcome.REFUSED_BY_BOTH,
    RetrievalOutcome.REFUSED_DIFFERENTLY,
    RetrievalOutcome.MISSING,
)
"""Outcomes of queries for which a side gave no list, not even an empty one: no measure of theirs means anything."""

IN_VERDICTS: Final = tuple(outcome for outcome in RetrievalOutcome if outcome is not RetrievalOutcome.COMPARED)
"""Outcomes that a verdict counts."""


def as_trial(outcome: RetrievalOutcome) -> Outcome:
    """Return the outcome by which `confidence.ShareBound` counts a random draw of a query.

    A query that is worth a look is not clean: the bound speaks of queries whose lists agree.
    """
    if outcome in AGREEING:
        return Outcome.MATCH
    if outcome is RetrievalOutcome.REFUSED_BY_BOTH:
        return Outcome.REFUSED_BY_BOTH
    return Outcome.MISSING if outcome is RetrievalOutcome.MISSING else Outcome.MISMATCH
