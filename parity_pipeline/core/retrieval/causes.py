"""Why two sides' lists differ, over a whole set: named causes with their evidence.

Here belong the causes as a verdict stores them. The rules that distinguish them belong to `diagnosis`, what explains a single
query to `attribution`.
"""

from dataclasses import dataclass
from enum import StrEnum


class RetrievalCauseName(StrEnum):
    """Every cause, in the order in which equally sure ones are listed. The spelling is stored, so a name is only ever added."""

    LEXICAL_FALLBACK = "lexical fallback"
    DROPPED_CORPUS = "dropped corpus"
    WRONG_METRIC = "wrong metric"
    STALE_INDEX = "stale index"
    TIE_ORDER = "tie order"
    CUT_OFF = "results cut off"
    FILTER_IGNORED = "filter ignored"
    FILTER_AFTER_TOP_K = "filter applied after top-k"
    DUPLICATES = "duplicates across corpora"
    ID_MAPPING = "document ids do not map"
    SCORES_RESCALED = "scores rescaled"
    OTHER_EMBEDDING = "query embedded by another model"
    APPROXIMATE_INDEX = "approximate index"
    QUANTISED = "vectors of lower precision"
    METADATA = "metadata differ"
    STRAY_QUERIES = "single queries differ"
    UNKNOWN = "unknown"


class CauseConfidence(StrEnum):
    """How sure a cause is."""

    PROVEN = "proven"
    """A control was sent that would have come out differently if the cause were false."""
    LIKELY = "likely"


@dataclass(frozen=True, slots=True, kw_only=True)
class RetrievalCause:
    """One cause.

    Attributes:
        name: Its name.
        confidence: How sure it is.
        side: `legacy` or `candidate`, the side it is about; None where it is about neither alone.
        queries: Queries that it explains.
        evidence: What shows it, one sentence per fact, without full stops.
        remedy: What to do.
    """

    name: RetrievalCauseName
    confidence: CauseConfidence
    side: str | None
    queries: int
    evidence: tuple[str, ...]
    remedy: str
