"""One side against itself: what its own responses to repeated queries come to.

Here belong comparing repeats with the lane of the same side, and the rule by which a side's noise explains as much as the
two sides differ. Which queries are repeated, and sending them, belong to `steps`.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.compare import ComparedQueries, ComparisonRules, compare
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.provenance import RetrievalNoise
from parity_pipeline.core.retrieval.ranked_lists import Codebook, Flags, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking, Reported


@dataclass(frozen=True, slots=True, kw_only=True)
class NoiseBudget:
    """How much is requested to measure the noise of each side.

    Attributes:
        queries: Queries that are repeated, spread over the set; 0 measures no noise.
        repeats: Times each of them is requested beside the lane.
    """

    queries: int = 20
    repeats: int = 2

    def ordinals(self, queries: int) -> tuple[int, ...]:
        """Return the ordinals of the queries to repeat of a set of so many, evenly spread from the first to the last.

        >>> NoiseBudget(queries=3).ordinals(100), NoiseBudget(queries=3).ordinals(2), NoiseBudget(queries=0).ordinals(9)
        ((0, 50, 99), (0, 1), ())
        """
        chosen = np.linspace(0, queries - 1, min(self.queries, queries))
        return tuple(np.unique(np.round(chosen).astype(np.int64)).tolist())


def rules_of_side(rules: ComparisonRules, side: Side) -> ComparisonRules:
    """Return the rules by which a side is compared with itself: its own scale twice, and no mode that it is held to."""
    scale = rules.legacy_scale if side is Side.LEGACY else rules.candidate_scale
    comparable = scale.reported is not Reported.NOTHING
    return replace(rules, legacy_scale=scale, candidate_scale=scale, comparable=comparable, modes=())


def against_itself(
    side: Side, queries: Sequence[Query], lane: Sequence[Ranking], repeat: Sequence[Ranking], rules: ComparisonRules
) -> ComparedQueries:
    """Compare what a side returned in its lane with what it returned for the same queries again, in this order.

    Args:
        side: The side.
        queries: The queries that were repeated.
        lane: What the lane holds for them.
        repeat: What came when they were requested again.
        rules: Those of the two sides.
    """
    return compare(
        QueryBlock.of(queries), RankedLists.of(lane), RankedLists.of(repeat), Codebook(), rules_of_side(rules, side)
    )


def strays(rows: ComparedQueries) -> Flags:
    """Return for which queries a side returned another list than before, ties aside, or no list, or one for the first time.

    A query without a definite response strays from nothing.
    """
    found = rows.measures
    other = (found.missing > 0) | (found.extra > 0) | (found.inversions > 0)
    compared = _are(rows, RetrievalOutcome.COMPARED)
    same = compared | _are(
        rows, RetrievalOutcome.BOTH_EMPTY, RetrievalOutcome.REFUSED_BY_BOTH, RetrievalOutcome.MISSING
    )
    return (compared & other) | ~same


def _are(rows: ComparedQueries, *outcomes: RetrievalOutcome) -> Flags:
    return np.array([outcome in outcomes for outcome in rows.outcomes], np.bool_)


def noise_of(
    side: Side,
    queries: Sequence[Query],
    lane: Sequence[Ranking],
    repeats: Sequence[Sequence[Ranking]],
    rules: ComparisonRules,
    *,
    requests: int,
) -> RetrievalNoise:
    """Return the noise floor of one side.

    Args:
        side: The side.
        queries: The queries that were repeated.
        lane: What the side's lane holds for them, in the same order.
        repeats: What came each further time, in the same order.
        rules: Those of the two sides.
        requests: Requests sent for it.
    """
    rounds = [against_itself(side, queries, lane, repeat, rules) for repeat in repeats]
    strayed = np.logical_or.reduce([strays(one) for one in rounds]) if rounds else np.zeros(len(queries), np.bool_)
    compared = [_are(one, RetrievalOutcome.COMPARED) for one in rounds]
    overlaps, rbos, deltas = (
        np.concatenate([getattr(one.measures, name)[known] for one, known in zip(rounds, compared, strict=True)])
        if rounds
        else np.zeros(0)
        for name in ("overlap", "rbo", "score_delta")
    )
    deltas = deltas[~np.isnan(deltas)]
    other_order = np.logical_or.reduce([_reordered(lane, repeat) for repeat in repeats]) if repeats else strayed
    lost = [ranking for repeat in repeats for ranking in repeat if ranking.status in _LOST]
    return RetrievalNoise(
        queries=len(queries),
        requests=requests,
        differing=int(strayed.sum()),
        worst_overlap=float(overlaps.min()) if len(overlaps) else None,
        worst_rbo=float(rbos.min()) if len(rbos) else None,
        score_delta=float(deltas.max()) if len(deltas) else None,
        failed=len(lost),
        reordered=int((other_order & ~strayed).sum()),
    )


def _reordered(lane: Sequence[Ranking], repeat: Sequence[Ranking]) -> Flags:
    """Return for which queries a side returned other ids, or the same ones in another order, than before."""
    pairs = zip(lane, repeat, strict=True)
    return np.array(
        [one.status is other.status is RowStatus.OK and one.ids != other.ids for one, other in pairs], np.bool_
    )


_LOST = (RowStatus.FAILED, RowStatus.MALFORMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Differences:
    """How much the two sides differ, as far as it can be compared with a side's own noise.

    Attributes:
        differing: Queries with lists that do not match.
        compared: Queries with lists.
        loss: Mean of 1 - rank-biased overlap over those that do not match, in [0, 1]; 0 where all match.
    """

    differing: int
    compared: int
    loss: float

    @property
    def share(self) -> float:
        """Return the share of compared queries that do not match; 0 where none was compared."""
        return self.differing / self.compared if self.compared else 0.0


def explains(noise: RetrievalNoise | None, sides: Differences) -> bool:
    """Return whether a side differs from itself as often as the two sides differ, and as far.

    The worst repeat is compared with the mean difference of the sides, so that noise never explains more than it shows.
    """
    if noise is None or not noise.differing or not noise.queries:
        return False
    own = 1.0 - noise.worst_rbo if noise.worst_rbo is not None else 1.0
    return noise.differing / noise.queries >= sides.share and own >= sides.loss


def tie_order_words(side: Side, noise: RetrievalNoise) -> str:
    """Return that a side breaks ties otherwise each time, as one sentence without a full stop; "" where it does not.

    It makes no list differ: neither order is wrong. Whoever pages through results, or keeps them in a cache, has to know.
    """
    if not noise.reordered:
        return ""
    return f"the {side} side returned ties in another order for {noise.reordered} of {noise.queries} repeated queries"


def noise_words(side: Side, noise: RetrievalNoise) -> str:
    """Return what a side's own repeats came to, such as `the legacy side returned another list for 2 of 20 repeated queries`."""
    if not noise.differing:
        return f"the {side} side returned the same lists for {noise.queries} repeated queries"
    worst = "" if noise.worst_overlap is None else f", with an overlap of {noise.worst_overlap:.2f} at worst"
    return f"the {side} side returned another list for {noise.differing} of {noise.queries} repeated queries{worst}"
