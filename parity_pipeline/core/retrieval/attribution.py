"""Attribution: is a difference explained by the embedding of the query or by the retrieval, and by what part of it?

Here belongs the pure part: from what was measured to one named explanation per differing query. Sending one side's query
vector through the other, and embedding queries through both sides, belong to a step.

Three kinds of evidence distinguish embedding from retrieval, the strongest first: the candidate's list for the legacy side's
query vector; the cosine of the two query embeddings; and the scores of common documents, which agree only where the two
query vectors do.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import COSINE_THRESHOLD
from parity_pipeline.core.retrieval.alignment import picked
from parity_pipeline.core.retrieval.bands import NEAR_TIE, QUERY_LIMITS, GradedQueries, QueryMeasure
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import NOT_NAMED, Flags
from parity_pipeline.core.retrieval.records import Float64


class Explanation(StrEnum):
    """What explains that the two lists of a query differ. Each differing query has exactly one."""

    EMBEDDING = "embedding"
    """The same query vector gives the same list: what becomes of the query before the search differs."""
    EMBEDDING_AND_RETRIEVAL = "embedding_and_retrieval"
    """The query vectors differ, and the same one gives another list too."""
    MODE = "mode"
    """A side used another mode than agreed."""
    TIE_ORDER = "tie_order"
    """Scores so close that their order says little: of the same documents, or of those at the cut-off."""
    CUT_OFF = "cut_off"
    """The candidate's list stops early: it is shorter, and what it lacks stands behind what it has."""
    FILTER = "filter"
    """A filtered query: the candidate's list stops early or is not filled up, or holds documents where the legacy side has
    none or excludes them as better ones."""
    SCORING = "scoring"
    """Common documents have other scores, or stand in an order that no small score gap explains: metric, scaling or precision."""
    MERGE = "merge"
    """Several corpora: a document is repeated, or more than an approximate index loses is missing, and the candidate's
    results do not show that they come from all corpora."""
    APPROXIMATE_INDEX = "approximate_index"
    """Holes of a side filled from further down: the order and the scores of common documents agree."""
    RETRIEVAL = "retrieval"
    """The same query vector gives another list, in none of the ways above."""
    UNKNOWN = "unknown"
    """Nothing distinguishes embedding from retrieval."""


EXPLAINABLE: Final = (
    RetrievalOutcome.INVESTIGATE,
    RetrievalOutcome.MISMATCH,
    RetrievalOutcome.EMPTY_LEGACY,
    RetrievalOutcome.EMPTY_CANDIDATE,
    RetrievalOutcome.WRONG_MODE,
)
"""Outcomes that are attributed. A refusal says itself why it is one."""

APPROXIMATE_LOSS: Final = 0.2
"""Largest share of a list, in [0, 1], that an approximate index is held to lose where a lost corpus would explain it too.

Origin: HNSW with its usual settings has a recall above 0.9; of two corpora of one size, losing one takes half of a list.
"""

STOPS_EARLY: Final = 0.8
"""Share of pairs of a common and a missing document, in [0, 1], in which the missing one stands further down.

Origin: docs/retrieval-peers.md. A filter after the best of each of two corpora left lists with a share from 0.8 on; a lost
corpus leaves one half on average.
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Evidence:
    """What is known about the query vectors of a block. Arrays have shape (queries,).

    Attributes:
        same_vector: The legacy lists against the candidate's for the legacy side's query vectors, graded; None where the
            candidate takes no vectors. A query that was not sent has an outcome without measures, such as `MISSING`.
        cosine: float64, cosine of the two query embeddings; NaN where it is not known. None for nowhere.
    """

    same_vector: GradedQueries | None = None
    cosine: Float64 | None = None


def attribute(
    graded: GradedQueries, evidence: Evidence, *, near_tie: float = NEAR_TIE, cosine: float = COSINE_THRESHOLD
) -> list[Explanation | None]:
    """Explain each differing query of a block.

    Args:
        graded: The queries as they were compared.
        evidence: What is known about their vectors, for the same queries.
        near_tie: Score gap up to which an order says little, absolute.
        cosine: Smallest cosine at which two query embeddings are the same.

    Returns:
        One explanation per query; None for those whose outcome is not in `EXPLAINABLE`.

    Raises:
        MetricInputError: The evidence is about other queries.
    """
    rows, same = graded.compared, evidence.same_vector
    if same is not None and list(same.compared.queries.ids) != list(rows.queries.ids):
        msg = "the lists for the same query vectors are not those of these queries"
        raise MetricInputError(msg, remedy="Pair only lists of one block.")
    equal, other = _vectors(rows, evidence, cosine)
    kinds = _kinds(rows, near_tie)
    if same is not None:
        # What the same vector gives shows the retrieval alone.
        with_same = _kinds(same.compared, near_tie)
        tried, agreeing = _tried(same)
        kinds = np.where(tried, with_same, kinds)
        kinds = np.where(tried & agreeing, Explanation.EMBEDDING, kinds)
        kinds = np.where(tried & ~agreeing & other, Explanation.EMBEDDING_AND_RETRIEVAL, kinds)
        kinds = np.where(tried | equal, kinds, np.where(other, Explanation.EMBEDDING, Explanation.UNKNOWN))
    else:
        kinds = np.where(equal, kinds, np.where(other, Explanation.EMBEDDING, Explanation.UNKNOWN))
    mode = np.array([outcome is RetrievalOutcome.WRONG_MODE for outcome in rows.outcomes], np.bool_)
    kinds = np.where(mode, Explanation.MODE, kinds)
    return [
        Explanation(kind) if outcome in EXPLAINABLE else None
        for kind, outcome in zip(kinds.tolist(), rows.outcomes, strict=True)
    ]


def _vectors(rows: ComparedQueries, evidence: Evidence, cosine: float) -> tuple[Flags, Flags]:
    """Return for which queries the two query vectors are known to be the same, and for which to be different."""
    found = rows.measures
    # One common document may have one score under many query vectors.
    by_score = (found.common >= 2) & (found.score_delta <= QUERY_LIMITS[QueryMeasure.SCORE_DELTA].passes)
    if evidence.cosine is None:
        return by_score, np.zeros(len(rows), np.bool_)
    known = ~np.isnan(evidence.cosine)
    return np.where(known, evidence.cosine >= cosine, by_score), known & ~(evidence.cosine >= cosine)


def _tried(same: GradedQueries) -> tuple[Flags, Flags]:
    """Return for which queries the same vector gave a list, and for which of them the lists agree."""
    outcomes = same.compared.outcomes
    agreeing = [one in {RetrievalOutcome.MATCH, RetrievalOutcome.BOTH_EMPTY} for one in outcomes]
    tried = [fits or one in EXPLAINABLE for fits, one in zip(agreeing, outcomes, strict=True)]
    return np.array(tried, np.bool_), np.array(agreeing, np.bool_)


def _kinds(rows: ComparedQueries, near_tie: float) -> NDArray[np.str_]:
    """Return which part of the retrieval explains each query, if its vectors are the same."""
    found, queries = rows.measures, rows.queries
    excused = (found.inversions == 0) | (found.inversion_gap <= near_tie)
    same_documents = (found.missing == 0) & (found.extra == 0)
    early = excused & (found.missing > 0) & _stop_early(rows)
    scores_differ = found.score_delta > QUERY_LIMITS[QueryMeasure.SCORE_DELTA].passes
    several = queries.corpora > 1
    better, tied = _extras(rows, near_tie)
    # An index that misses documents would still return others: an empty list is none with holes.
    empty = rows.lists.legacy.lengths == 0
    holes = (found.extra > 0) & excused & ~scores_differ & ~empty
    # Of one result, overlap can only be 0 or 1: one other document shows no lost corpus.
    few = (found.overlap >= 1.0 - APPROXIMATE_LOSS) | ((found.missing <= 1) & (found.extra <= 1))
    whole = _all_corpora(rows)
    lacking = several & (found.missing > 0) & ~whole
    return np.select(
        [
            (several & (rows.candidate_repeats > rows.legacy_repeats)),
            queries.filtered
            & (empty | early | (better & ~scores_differ) | (_not_filled(rows) & excused & ~scores_differ & ~lacking)),
            early,
            scores_differ | ~excused,
            (same_documents & (found.inversions > 0)) | tied,
            holes & few,
            lacking,
            holes & ~better,
        ],
        [
            Explanation.MERGE,
            Explanation.FILTER,
            Explanation.CUT_OFF,
            Explanation.SCORING,
            Explanation.TIE_ORDER,
            Explanation.APPROXIMATE_INDEX,
            Explanation.MERGE,
            Explanation.APPROXIMATE_INDEX,
        ],
        Explanation.RETRIEVAL,
    )


def _all_corpora(rows: ComparedQueries) -> Flags:
    """Return for which queries the candidate's results are known to come from as many corpora as they should.

    They should come from as many as the legacy results do, or from all that are searched where these do not show theirs.
    """
    legacy, candidate = rows.lists.hit_corpora
    wanted = np.where(legacy == NOT_NAMED, rows.queries.corpora, legacy)
    return (candidate != NOT_NAMED) & (candidate >= wanted)


def _not_filled(rows: ComparedQueries) -> Flags:
    """Return for which queries the candidate returns some of the legacy list and nothing else, and that list is full.

    More documents than k may have fitted, so that an index that lacks some would have filled the places from further down.
    """
    lists = rows.lists
    return lists.legacy.cut & (lists.candidate.lengths < lists.legacy.lengths) & (rows.measures.extra == 0)


def _stop_early(rows: ComparedQueries) -> Flags:
    """Return for which queries the candidate's list is shorter and mostly lacks what stands at the legacy list's end."""
    lists, aligned = rows.lists, rows.lists.aligned
    common = aligned.common
    missing = ~common & (np.arange(common.shape[1]) < lists.legacy.lengths[:, None])
    behind = missing.sum(axis=1)[:, None] - np.cumsum(missing, axis=1)
    pairs = common.sum(axis=1) * missing.sum(axis=1)
    return (lists.candidate.lengths < lists.legacy.lengths) & (
        np.where(common, behind, 0).sum(axis=1) >= STOPS_EARLY * pairs
    )


def _extras(rows: ComparedQueries, near_tie: float) -> tuple[Flags, Flags]:
    """Return what the documents that one side lacks show by their scores.

    Returns:
        Queries of which the candidate has a document that the legacy side lacks and that scores above its last one, and
        queries of which all documents that either side lacks score as that last one. None do, as far as is known, where
        scores cannot be compared.
    """
    lists = rows.lists
    aligned, scores = lists.aligned, lists.candidate.scores
    better, tied = np.zeros((2, len(rows)), np.bool_)
    some = np.flatnonzero((lists.legacy.lengths > 0) & (rows.measures.extra > 0))
    if not (rows.comparable and len(some)):
        return better, tied
    alone = np.arange(scores.shape[1]) < lists.candidate.lengths[some, None]
    row, column = np.nonzero(aligned.partner[some] >= 0)
    alone[row, aligned.partner[some][row, column]] = False
    last = lists.legacy.scores[some, lists.legacy.lengths[some] - 1]
    above = np.where(alone, scores[some] - last[:, None], 0.0)
    better[some] = above.max(axis=1) > near_tie
    width = aligned.place.shape[1]
    lacking = (aligned.partner[some] < 0) & (np.arange(width) < lists.legacy.lengths[some, None])
    ours = np.where(lacking, picked(lists.legacy.scores[some], aligned.place[some]) - last[:, None], 0.0)
    tied[some] = (np.abs(above) <= near_tie).all(axis=1) & (np.abs(ours) <= near_tie).all(axis=1)
    return better, tied
