"""Comparing two lists with nothing but Python: it says what the core says of the same lists."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.bands import QUERY_LIMITS, Bands, Limits, QueryMeasure, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.compare import compare as compare_blocks
from parity_pipeline.core.retrieval.ranked_lists import Codebook, QueryBlock, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.report import plain_lists

NAMES = "abcdefgh"
LIMITS = {**QUERY_LIMITS, QueryMeasure.RANK_CHANGE: Limits(1.0, 3.0)}


@st.composite
def rankings(draw: st.DrawFn) -> Ranking:
    """Return a list of a few documents, which may repeat, with scores that tie, rise or are missing, or without any."""
    ids = tuple(draw(st.lists(st.sampled_from(NAMES), min_size=1, max_size=9)))
    scores = tuple(draw(st.lists(st.sampled_from([0.9, 0.9, 0.9 - 7e-7, 0.9 - 1.4e-6, 0.5, 0.5, 0.1, math.nan]),
                                 min_size=len(ids), max_size=len(ids))))  # fmt: skip
    if draw(st.booleans()):
        scores = tuple(sorted(scores, key=lambda one: (math.isnan(one), -one)))
    if draw(st.integers(0, 3)) == 0:
        scores = ()
    metadata = tuple(draw(st.lists(st.integers(0, 1), min_size=len(ids), max_size=len(ids))))
    return Ranking(query_id="q", status=RowStatus.OK, ids=ids, scores=scores, metadata=metadata)


def plain(one: Ranking, k: int, tolerance: float) -> plain_lists.Ranked:
    """Return a list as the check reads it."""
    scores = list(one.scores) or [math.nan] * len(one.ids)
    return plain_lists.ranked(list(one.ids), scores, [str(value) for value in one.metadata], k, tolerance)


def said(
    legacy: Ranking, candidate: Ranking, k: int, rules: ComparisonRules
) -> tuple[plain_lists.Comparison, dict[str, int]]:
    """Return what the check says of two lists."""
    tolerance = rules.tie_tolerance
    sides = [plain(one, k, tolerance) for one in (legacy, candidate)]
    found = plain_lists.compare(sides[0], sides[1], tolerance, rules.persistence, rules.comparable)
    limits = {name.value: [one.passes, one.fails] for name, one in LIMITS.items()}
    return found, plain_lists.graded(found, limits, Bands().near_tie)


def check(legacy: Ranking, candidate: Ranking, k: int, *, comparable: bool) -> None:
    """Assert that the core says the same of two lists."""
    rules = ComparisonRules(comparable=comparable)
    block = QueryBlock.of([Query(id="q", text="t", k=k)])
    rows = grade(
        compare_blocks(block, RankedLists.of([legacy]), RankedLists.of([candidate]), Codebook(), rules),
        Bands(query=LIMITS),
    )
    found, bands = said(legacy, candidate, k, rules)
    core = rows.compared.measures
    assert (found.missing, found.extra, found.inversions) == (core.missing[0], core.extra[0], core.inversions[0])
    assert found.gap == pytest.approx(core.inversion_gap[0], nan_ok=True)
    for name in ("overlap", "top_1", "rbo", "tau_b", "rank_change", "score_delta", "metadata"):
        assert found.measures[name] == pytest.approx(float(getattr(core, name)[0]), nan_ok=True, abs=1e-12), name
    # A value on its limit may be rounded to either side of it.
    clear = [
        name
        for name, one in LIMITS.items()
        if not min(abs(found.measures[name.value] - at) for at in (one.passes, one.fails)) <= 1e-12
    ]
    exact = {QueryMeasure.METADATA, QueryMeasure.REPEATS, QueryMeasure.LENGTH, QueryMeasure.TOP_1, QueryMeasure.OVERLAP}
    for name in {*clear, *exact}:
        assert bands[name.value] == int(rows.places[name][0]), name


@given(legacy=rankings(), candidate=rankings(), k=st.integers(1, 10), comparable=st.booleans())
def test_it_measures_and_grades_as_the_core_does(legacy: Ranking, candidate: Ranking, k: int, comparable: bool) -> None:
    """Every measure and every band, with ties, cut-offs, repeats, rising scores and scores that are missing."""
    check(legacy, candidate, k, comparable=comparable)


@pytest.mark.parametrize("k", [3, 4, 9])
@pytest.mark.parametrize(
    ("legacy", "candidate"),
    [
        ("a9 b9 c9", "c9 b9 a9"),
        ("a9 b9 c9", "c9 b5 a1"),
        ("a9 b5 c1", "c9 b9 a9"),
        ("a9 b9", "b9 a1"),
        ("a9 b5 c5", "a9 d5 e5"),
        ("a9 b5 c5 d5", "a9 d5 e5"),
        ("a9 b5 c5 d5", "a9 d5"),
        ("a9 b5 c1", "a9 b5 d1"),
        ("a9 b5 c1", "a8 b5 d1"),
        ("a9 b5 c1", "d9 e5 f1"),
        ("a9 b5 c1", "b9 a5 c1"),
        ("a9 b5 c1", "c9 a5 b1"),
        ("a9 b8 c7 d6 e5 f4", "b9 a8 d7 c6 e5 f4"),
        ("a1 b5 c9", "c9 b5 a1"),
        ("a9 a8 b7 c6", "a9 b8 b7 c6"),
    ],
)
def test_each_rule_of_the_core_has_its_place(legacy: str, candidate: str, k: int) -> None:
    """Constants, ties at the cut-off, one inversion and several, scores that rise, repeats: a letter and its score each."""
    one, other = (
        Ranking(
            query_id="q",
            status=RowStatus.OK,
            ids=tuple(result[0] for result in text.split()),
            scores=tuple(int(result[1]) / 10 for result in text.split()),
            metadata=(1,) * len(text.split()),
        )
        for text in (legacy, candidate)
    )
    for comparable in (True, False):
        check(one, other, k, comparable=comparable)


@given(
    scores=st.lists(st.sampled_from([1.0, 0.9, 0.5, 0.1]), min_size=1, max_size=12, unique=True), k=st.integers(1, 12)
)
def test_a_list_against_itself_is_perfect(scores: list[float], k: int) -> None:
    """Nothing of it differs, whatever its scores are."""
    one = Ranking(
        query_id="q", status=RowStatus.OK, ids=tuple(NAMES[: len(scores)]), scores=tuple(sorted(scores, reverse=True)),
        metadata=(1,) * len(scores),
    )  # fmt: skip
    found, bands = said(one, one, k, ComparisonRules())
    assert (found.measures["rbo"], found.measures["overlap"], found.missing, found.extra) == (1.0, 1.0, 0, 0)
    assert set(bands.values()) <= {0, -1}
