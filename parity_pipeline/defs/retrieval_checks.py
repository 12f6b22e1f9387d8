"""Asset checks of the retrieve probe: what they are called, and what each says of what its asset has just published.

Here belongs the step from the core's checks to Dagster's results. As for embeddings, a check makes no decision of its own,
and the checks of a verdict are shown in families.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

import dagster as dg

from parity_pipeline.core.outcomes import PASSING, RowStatus
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.checks import RetrievalCheckName, description
from parity_pipeline.core.retrieval.provenance import RetrievalProvenance
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.vector_stats import completeness_faults
from parity_pipeline.defs.checks import family_result, result
from parity_pipeline.defs.verdict_metadata import report_address, to_act_on

LANE: Final = {"fetch_complete": "Every query has a ranked list or a definite refusal."}

_NAMES: Final = RetrievalCheckName
RETRIEVAL_FAMILIES: Final[Mapping[str, tuple[RetrievalCheckName, ...]]] = {
    "comparison": (
        _NAMES.PAIRING,
        _NAMES.COMPLETE_COUNTS,
        _NAMES.MISSING,
        _NAMES.COMPARED_SHARE,
        _NAMES.SOME_MATCH,
    ),
    "documents": (
        _NAMES.DIFFERENT_SHARE,
        _NAMES.INVESTIGATE_SHARE,
        _NAMES.OVERLAP,
        _NAMES.TOP_1,
        _NAMES.MEAN_OVERLAP,
        _NAMES.MEAN_OVERLAP_AT_10,
        _NAMES.TOP_1_SHARE,
        _NAMES.REPEATS,
        _NAMES.LENGTH,
    ),
    "order": (_NAMES.RBO, _NAMES.TAU_B, _NAMES.RANK_CHANGE, _NAMES.MEAN_RBO, _NAMES.MEAN_TAU_B, _NAMES.SCORE_ORDER),
    "scores_and_metadata": (_NAMES.SCORE_DELTA, _NAMES.METADATA, _NAMES.RELEVANCE),
    "outcomes": (
        _NAMES.REFUSED_BY_CANDIDATE,
        _NAMES.REFUSED_BY_LEGACY,
        _NAMES.REFUSED_DIFFERENTLY,
        _NAMES.EMPTY_CANDIDATE,
        _NAMES.EMPTY_LEGACY,
        _NAMES.WRONG_MODE,
    ),
    "repeatability": (_NAMES.LEGACY_NOISE_FLOOR, _NAMES.CANDIDATE_NOISE_FLOOR, _NAMES.CONFIRMATION),
    "circumstances": (
        _NAMES.REQUIRED_BOUND,
        _NAMES.SAME_ORIGIN,
        _NAMES.CAVEATS,
        _NAMES.LEGACY_OUTAGE,
        _NAMES.CANDIDATE_OUTAGE,
        _NAMES.CHANGED_VERDICT,
    ),
}
"""Checks of the verdict that Dagster shows as one, each in one family."""


def verdict_checks() -> dict[str, str]:
    """Return the verdict itself, and the checks that it is decided over by family, with their descriptions."""
    return {
        "verdict_is_pass": "The verdict on this date and corpus is PASS, with waivers or without.",
        **{family: " ".join(map(description, names)) for family, names in RETRIEVAL_FAMILIES.items()},
    }


def check_lane(lane: RetrievalProvenance) -> Iterator[dg.AssetCheckResult]:
    """Repeat whether each query got a definite response."""
    faults = completeness_faults(lane.status_counts, lane.queries, of="queries")
    lists = lane.status_counts.get(RowStatus.OK, 0)
    yield result("fetch_complete", faults, f"{lane.queries} of {lane.queries} queries fetched", lists=lists)


def check_verdict(verdict: RetrievalVerdict) -> Iterator[dg.AssetCheckResult]:
    """Repeat the verdict, with the strength of a pass, and each check that it was decided over.

    A family warns that nothing was measured only where that is so of all its checks: without labels, with fewer than ten
    results or without scores, single ones are never measured, and a warning every day is read by nobody.
    """
    said = (verdict.decision.value, *([verdict.strength] if verdict.strength else []), *verdict.reasons)
    overlap = verdict.value(SetMeasure.MEAN_OVERLAP)
    faults: Sequence[str] = () if verdict.decision in PASSING else said
    yield result("verdict_is_pass", faults, "; ".join(said), leads=to_act_on(verdict), mean_overlap=overlap)
    found = {one.name: one for one in verdict.checks}
    for family, names in RETRIEVAL_FAMILIES.items():
        if checks := [found[name] for name in names if name in found]:
            measured = [one for one in checks if one.passed is not None]
            yield family_result(family, measured or checks, leads=report_address(verdict))
