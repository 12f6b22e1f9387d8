"""Compare two ranked lists with nothing but Python: the part of a query's check that measures and grades.

Here belong the measures of `core.retrieval.measures` over the alignment of `core.retrieval.alignment`, under the bands of
`core.retrieval.bands`, for one query and without numpy. What stands below the imports is in every check as it is here, so
it imports nothing else; a test shows that it says the same as the core does.
"""

from __future__ import annotations

import math
from collections import Counter
from typing import NamedTuple


class Ranked(NamedTuple):
    """One list without its repeats, which are named with their ranks; a score is NaN where none is reported."""

    ids: list[str]
    scores: list[float]
    metadata: list[str]
    ranks: list[int]
    repeats: list[tuple[int, str]]
    cut: bool
    ordered: bool

    @property
    def results(self) -> int:
        """Return the number of results, repeats included."""
        return len(self.ids) + len(self.repeats)


class Pair(NamedTuple):
    """A legacy document in aligned order: both reported places from 0, and the candidate's aligned rank; -1 for none."""

    legacy: int
    candidate: int
    rank: int
    paired: bool
    groups: tuple[int, int]


class Comparison(NamedTuple):
    """Two lists, brought into the order in which they agree best, and what is measured of them."""

    pairs: list[Pair]
    measures: dict[str, float]
    missing: int
    extra: int
    inversions: int
    gap: float


def ranked(ids: list[str], scores: list[float], metadata: list[str], k: int, tolerance: float) -> Ranked:
    """Return a list as it is compared: of a document that occurs twice the first place counts."""
    first = sorted({one: place for place, one in reversed(list(enumerate(ids)))}.values())
    ordered = not any(scores[place] - scores[place - 1] > tolerance for place in range(1, len(scores)))
    return Ranked(
        ids=[ids[place] for place in first],
        scores=[scores[place] for place in first],
        metadata=[metadata[place] for place in first],
        ranks=[place + 1 for place in first],
        repeats=[(place + 1, one) for place, one in enumerate(ids) if place not in first],
        cut=bool(ids) and len(ids) >= k,
        ordered=ordered,
    )


def tie_groups(scores: list[float], tolerance: float) -> list[int]:
    """Return the tie group of each result: consecutive ones whose scores are close to the first of their group."""
    groups: list[int] = []
    anchor = math.nan
    for place, score in enumerate(scores):
        near = place > 0 and abs(score - scores[place - 1]) <= tolerance and abs(score - anchor) <= tolerance
        groups.append(groups[-1] + (not near) if groups else 0)
        anchor = anchor if near else score
    return groups


def groups_of_both(legacy: Ranked, candidate: Ranked, tolerance: float) -> tuple[list[int], list[int]]:
    """Return both lists' tie groups; one score for all results is taken for a constant where the other side has several."""
    left, right = (tie_groups(one.scores, tolerance) for one in (legacy, candidate))
    constant = [len(one) > 2 and one[-1] == 0 for one in (left, right)]
    several = [one[-1] > 0 for one in (left, right)]
    own = [list(range(len(one))) for one in (left, right)]
    return own[0] if constant[0] and several[1] else left, own[1] if constant[1] and several[0] else right


def pair_ends(partner: list[int], paired: set[int], left: list[int], right: list[int]) -> None:
    """Pair the documents of both last tie groups that the other list does not hold."""
    taken = set(partner)
    free = [place for place, group in enumerate(left) if group == left[-1] and partner[place] < 0]
    others = [place for place, group in enumerate(right) if group == right[-1] and place not in taken]
    for place in free[: len(others)]:
        partner[place] = others[len(paired & set(free))]
        paired.add(place)


def is_same_end(legacy: Ranked, candidate: Ranked, partner: list[int], tolerance: float) -> bool:
    """Return whether both lists end with different documents of one score, and score common documents alike."""
    common = [(place, other) for place, other in enumerate(partner) if other >= 0]
    return (
        partner[-1] < 0
        and abs(legacy.scores[-1] - candidate.scores[-1]) <= tolerance
        and bool(common)
        and all(abs(legacy.scores[place] - candidate.scores[other]) <= tolerance for place, other in common)
    )


def align(legacy: Ranked, candidate: Ranked, tolerance: float, comparable: bool) -> list[Pair]:
    """Return the legacy documents in the order in which both lists agree best, among those that ties permit."""
    places = {one: place for place, one in enumerate(candidate.ids)}
    partner = [places.get(one, -1) for one in legacy.ids]
    left, right = groups_of_both(legacy, candidate, tolerance)
    paired: set[int] = set()
    if legacy.cut and candidate.cut:
        if all(len(one) > 1 and one[-2] == one[-1] for one in (left, right)):
            pair_ends(partner, paired, left, right)
        if comparable and is_same_end(legacy, candidate, partner, tolerance):
            pair_ends(partner, paired, left, right)
    owner = {other: place for place, other in enumerate(partner) if other >= 0}
    behind = len(left) + len(right)
    theirs = [right[other] if other >= 0 else behind for other in partner]
    order = sorted(range(len(left)), key=lambda place: (left[place], theirs[place], place))
    ours = [(left[owner[other]], owner[other]) if other in owner else (behind, other) for other in range(len(right))]
    turned = sorted(range(len(right)), key=lambda other: (right[other], *ours[other]))
    rank = {other: place for place, other in enumerate(turned)}
    return [
        Pair(place, partner[place], rank.get(partner[place], -1), place in paired, (left[place], theirs[place]))
        for place in order
    ]


def overlap(deepest: list[float], depth: int) -> float:
    """Return the share of the first results that is common."""
    return sum(one < depth for one in deepest) / depth


def rank_biased_overlap(deepest: list[float], short: int, long: int, p: float) -> float:
    """Return extrapolated rank-biased overlap: Webber, Moffat and Zobel (2010), equation 32."""
    at = [sum(one < depth for one in deepest) for depth in range(long + 1)]
    if at[long] == long and sorted(deepest) == list(range(long)):
        return 1.0
    total = math.fsum(at[depth] / depth * p**depth for depth in range(1, long + 1))
    total += math.fsum(at[short] * (depth - short) / (short * depth) * p**depth for depth in range(short + 1, long + 1))
    tail = ((at[long] - at[short]) / long + at[short] / short) * p**long
    return max(0.0, min(1.0, (1.0 - p) / p * total + tail))


def tied(groups: list[object]) -> int:
    """Return how many pairs are in one group."""
    return sum(count * (count - 1) // 2 for count in Counter(groups).values())


def tau_b(same: list[Pair], inversions: int) -> float:
    """Return Kendall's tau-b of the common documents by tie group."""
    pairs = len(same) * (len(same) - 1) // 2
    first, second = (tied([one.groups[side] for one in same]) for side in (0, 1))
    agreeing = pairs - first - second + tied([one.groups for one in same]) - 2 * inversions
    spread = (pairs - first) * (pairs - second)
    return agreeing / math.sqrt(spread) if spread else math.nan


def rise(scores: list[float]) -> float:
    """Return how far scores rise above the lowest one before; NaN where one is not known."""
    lowest = math.inf
    most = 0.0
    for score in scores:
        if math.isnan(score):
            return math.nan
        lowest = min(lowest, score)
        most = max(most, score - lowest)
    return most


def inversion_gap(legacy: Ranked, candidate: Ranked, same: list[Pair]) -> float:
    """Return the score gap that explains all inversions, on the side where it is less."""
    turned = sorted(same, key=lambda one: one.rank)
    gaps = [
        rise([legacy.scores[one.legacy] for one in turned]) if legacy.ordered else math.inf,
        rise([candidate.scores[one.candidate] for one in same]) if candidate.ordered else math.inf,
    ]
    return min((one for one in gaps if not math.isnan(one)), default=math.nan)


def compare(legacy: Ranked, candidate: Ranked, tolerance: float, p: float, comparable: bool) -> Comparison:
    """Compare two lists that are not empty."""
    pairs = align(legacy, candidate, tolerance, comparable)
    deepest = [float(max(at, one.rank)) if one.rank >= 0 else math.inf for at, one in enumerate(pairs)]
    same = [one for one in pairs if one.rank >= 0 and not one.paired]
    shared = sum(one.rank >= 0 for one in pairs)
    inversions = sum(one.rank > two.rank for at, one in enumerate(same) for two in same[at + 1 :])
    deltas = [abs(legacy.scores[one.legacy] - candidate.scores[one.candidate]) for one in same]
    sizes = len(legacy.ids), len(candidate.ids)
    unknown = not deltas or not comparable or any(map(math.isnan, deltas))
    measures = {
        "overlap": overlap(deepest, max(sizes)),
        "top_1": overlap(deepest, 1),
        "rbo": rank_biased_overlap(deepest, min(sizes), max(sizes), p),
        "tau_b": tau_b(same, inversions),
        "rank_change": float(max((abs(one.rank - at) for at, one in enumerate(pairs) if one.rank >= 0), default=0)),
        "score_delta": math.nan if unknown else max(deltas),
        "metadata": float(sum(legacy.metadata[one.legacy] != candidate.metadata[one.candidate] for one in same)),
        "repeats": float(len(candidate.repeats)),
        "length": float(abs(legacy.results - candidate.results)),
    }
    gap = inversion_gap(legacy, candidate, same) if inversions else 0.0
    return Comparison(pairs, measures, sizes[0] - shared, sizes[1] - shared, inversions, gap)


AT_LEAST = ("overlap", "top_1", "rbo", "tau_b")
BY_DOCUMENTS = ("overlap", "top_1", "rbo")
BY_ORDER = ("rbo", "tau_b", "top_1")


def band(measure: str, value: float, passes: float, fails: float) -> int:
    """Return 0 for a value that passes, 1 for one that is worth a look, 2 for one that fails; -1 for none."""
    if math.isnan(value):
        return -1
    sign = 1.0 if measure in AT_LEAST else -1.0
    return 0 if sign * value >= sign * passes else 2 if sign * value < sign * fails else 1


def graded(found: Comparison, limits: dict[str, list[float]], near_tie: float) -> dict[str, int]:
    """Return the band of each measure that has limits; one other document, or a near tie, fails nothing."""
    one_other = found.missing <= 1 and found.extra <= 1 and not found.inversions
    near = not found.missing and not found.extra and (found.inversions <= 1 or found.gap <= near_tie)
    bands = {name: band(name, found.measures[name], *limits[name]) for name in limits}
    for name, place in bands.items():
        lenient = (one_other and name in BY_DOCUMENTS) or (near and name in BY_ORDER)
        bands[name] = 1 if lenient and place == 2 else place
    return bands
