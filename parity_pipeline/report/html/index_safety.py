"""Which vector indexes may be searched with the candidate's vectors, as a table.

Here belongs the verdict's advice on norms and decision, index by index, in the same words as `report.advice`: it never
allows more than that does.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import excused


class Safety(StrEnum):
    """Whether an index may be searched so."""

    SAFE = "safe"
    WITH_WAIVERS = "safe but for what is waived"
    UNSAFE = "not safe"
    UNKNOWN = "not known"


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexRow:
    """One kind of index.

    Attributes:
        metric: What it ranks by.
        mixed: Whether candidate queries may search documents that the legacy side embedded.
        again: Whether they may once the candidate has embedded all documents again.
        why: Why, a sentence.
    """

    metric: str
    mixed: Safety
    again: Safety
    why: str


COSINE: Final = "cosine similarity"
BY_LENGTH: Final = ("dot product", "euclidean distance")
"""Rankings that the length of a vector changes."""


def index_safety(verdict: Verdict) -> tuple[IndexRow, ...]:
    """Return a row per kind of index, cosine first."""
    if verdict.decision not in PASSING:
        return _none(verdict)
    but = excused(verdict)
    best = Safety.WITH_WAIVERS if verdict.counts.samples_waived else Safety.SAFE
    rows = [IndexRow(metric=COSINE, mixed=best, again=best, why=f"Directions agree on every compared sample{but}.")]
    if verdict.norms_differ:
        count = numbers.things(verdict.norms_differ, "compared sample")
        why = f"Norms differ on {count}, so documents of both sides in one index can rank differently."
        return (*rows, *(IndexRow(metric=metric, mixed=Safety.UNSAFE, again=best, why=why) for metric in BY_LENGTH))
    why = f"Directions and norms agree on every compared sample{but}."
    return (*rows, *(IndexRow(metric=metric, mixed=best, again=best, why=why) for metric in BY_LENGTH))


def _none(verdict: Verdict) -> tuple[IndexRow, ...]:
    failed = verdict.decision is Decision.FAIL
    found = Safety.UNSAFE if failed else Safety.UNKNOWN
    why = "The verdict is FAIL: keep all traffic on the legacy side." if failed else "There is not enough evidence."
    return tuple(IndexRow(metric=one, mixed=found, again=found, why=why) for one in (COSINE, *BY_LENGTH))
