import math
from collections.abc import Mapping

import numpy as np
import pytest

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.retrieval.bands import (
    AT_LEAST,
    Bands,
    GradedQueries,
    Limits,
    QueryMeasure,
    SetMeasure,
    grade,
    values_of,
)
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.outcomes import Band, RetrievalOutcome
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline_tests.core.retrieval.builders import compared, in_order, ranked

TEN = "abcdefghij"


def graded(legacy: Ranking, candidate: Ranking, bands: Bands | None = None, k: int = 10) -> GradedQueries:
    """Grade one query."""
    return grade(compared([(legacy, candidate)], k=k), bands or Bands())


@pytest.mark.parametrize(
    ("theirs", "outcome"),
    [
        (TEN, RetrievalOutcome.MATCH),
        ("abcdefghik", RetrievalOutcome.MATCH),  # one of ten is missing, as an approximate index does
        ("abcdefgkij", RetrievalOutcome.MATCH),
        ("bcdefghijk", RetrievalOutcome.INVESTIGATE),  # the best document is missing
        ("abcdefgxyz", RetrievalOutcome.INVESTIGATE),
        ("bacdefghij", RetrievalOutcome.INVESTIGATE),  # the first two are swapped
        ("jihgfedcba", RetrievalOutcome.MISMATCH),
        ("klmnopqrst", RetrievalOutcome.MISMATCH),
        ("abcdwxyzuv", RetrievalOutcome.MISMATCH),
    ],
)
def test_ten_results_under_the_default_bands(theirs: str, outcome: RetrievalOutcome) -> None:
    """What an approximate index loses matches, a changed top is worth a look, and another list is a mismatch."""
    legacy, found = in_order(TEN), in_order(theirs)
    # Scores belong to documents; those of the candidate's order are as far off as the order is.
    scores = dict(zip(legacy.ids, legacy.scores, strict=True))
    candidate = ranked(*((name, scores.get(name, 0.5)) for name in found.ids))
    assert graded(legacy, candidate).compared.outcomes[0] is outcome


def test_one_other_document_of_one_fails_no_query() -> None:
    """With k = 1 overlap can only be 0 or 1: the query is worth a look, and the share of such queries decides."""
    assert graded(in_order("a"), ranked(("b", 0.8)), k=1).compared.outcomes[0] is RetrievalOutcome.INVESTIGATE


def test_inversions_of_a_small_gap_fail_no_query() -> None:
    """A reversed list of scores that lie within the near tie is worth a look; with a real gap it is a mismatch."""
    near = [ranked(*((name, 0.5 - place * 1e-5) for place, name in enumerate(order))) for order in ("abcde", "edcba")]
    assert graded(near[0], near[1]).compared.outcomes[0] is RetrievalOutcome.INVESTIGATE
    far = [ranked(*((name, 0.5 - place * 1e-2) for place, name in enumerate(order))) for order in ("abcde", "edcba")]
    assert graded(far[0], far[1]).compared.outcomes[0] is RetrievalOutcome.MISMATCH


def test_metadata_and_repeats_fail() -> None:
    """Other metadata for one document, or a repeated document, are a mismatch, however well the lists agree."""
    legacy = in_order(TEN, metadata=tuple(range(10)))
    stale = in_order(TEN, metadata=(*range(9), 77))
    assert graded(legacy, stale).compared.outcomes[0] is RetrievalOutcome.MISMATCH
    twice = ranked(*((name, 0.9) for name in "ab"), ("a", 0.8))
    assert graded(in_order("ab"), twice).compared.outcomes[0] is RetrievalOutcome.MISMATCH


def test_a_shorter_list_is_worth_a_look() -> None:
    """One result less of a hundred changes no other measure by much, and does not match."""
    names = [f"d{number}" for number in range(100)]
    legacy, candidate = (
        ranked(*((name, 0.9 - place / 1000) for place, name in enumerate(one))) for one in (names, names[:-1])
    )
    assert graded(legacy, candidate, k=100).compared.outcomes[0] is RetrievalOutcome.INVESTIGATE


def test_outcomes_without_measures_stay() -> None:
    """Grading touches only compared queries."""
    found = graded(in_order("a"), in_order(""))
    assert found.compared.outcomes[0] is RetrievalOutcome.EMPTY_CANDIDATE
    assert all(places[0] == -1 for places in found.places.values())


def test_grading_twice_is_grading_once() -> None:
    """Queries that were graded are graded again by the bands given last."""
    loose = Bands(query={QueryMeasure.OVERLAP: Limits(0.0, 0.0)})
    once = graded(in_order(TEN), in_order("klmnopqrst"))
    again = grade(once.compared, loose)
    assert again.compared.outcomes[0] is RetrievalOutcome.MATCH
    assert grade(again.compared, Bands()).compared.outcomes == once.compared.outcomes


def test_what_was_not_measured_does_not_match() -> None:
    """A query of which no measure with limits could be taken is worth a look."""
    only_scores = Bands(query={QueryMeasure.SCORE_DELTA: Limits(0.1, 0.2)})
    pair = in_order("a"), in_order("a")
    found = grade(compared([pair], ComparisonRules(comparable=False)), only_scores)
    assert found.compared.outcomes[0] is RetrievalOutcome.INVESTIGATE


def test_every_measure_has_values() -> None:
    """Each measure of a query has one value per query."""
    rows = compared([(in_order("ab"), in_order("ba"))])
    for measure in QueryMeasure:
        assert values_of(measure, rows).shape == (1,)
        assert values_of(measure, rows).dtype == np.float64


@pytest.mark.parametrize(
    ("measure", "value", "band"),
    [
        (SetMeasure.MEAN_RBO, 0.99, Band.PASS),
        (SetMeasure.MEAN_RBO, math.nextafter(0.99, 0), Band.INVESTIGATE),
        (SetMeasure.MEAN_RBO, 0.95, Band.INVESTIGATE),
        (SetMeasure.MEAN_RBO, math.nextafter(0.95, 0), Band.FAIL),
        (SetMeasure.MEAN_RBO, math.nan, Band.INVESTIGATE),
        (SetMeasure.MEAN_RBO, None, Band.INVESTIGATE),
        (SetMeasure.DIFFERENT_SHARE, 0.0, Band.PASS),
        (SetMeasure.DIFFERENT_SHARE, 0.005, Band.INVESTIGATE),
        (SetMeasure.DIFFERENT_SHARE, 0.0201, Band.FAIL),
        (SetMeasure.WRONG_MODE_SHARE, 0.001, Band.FAIL),
    ],
)
def test_bands_of_a_set(measure: SetMeasure, value: float | None, band: Band) -> None:
    """A limit belongs to the better band, and what was not measured never passes."""
    assert Bands().whole[measure].band(measure, value) is band


@pytest.mark.parametrize(
    "query",
    [
        {QueryMeasure.OVERLAP: Limits(0.5, 0.9)},
        {QueryMeasure.METADATA: Limits(1.0, 0.0)},
        {QueryMeasure.RBO: Limits(math.nan, 0.5)},
        {},
    ],
)
def test_limits_that_could_judge_nothing(query: Mapping[QueryMeasure, Limits]) -> None:
    """Limits the wrong way round, NaN, or none at all are refused."""
    with pytest.raises(MetricInputError):
        Bands(query=query)


def test_every_measure_says_which_way_is_better() -> None:
    """Overlap, top-1, rank-biased overlap and tau-b are better when greater, all others when smaller."""
    assert {measure for measure in QueryMeasure if measure not in AT_LEAST} == {
        QueryMeasure.RANK_CHANGE,
        QueryMeasure.SCORE_DELTA,
        QueryMeasure.METADATA,
        QueryMeasure.REPEATS,
        QueryMeasure.LENGTH,
    }
    assert {measure for measure in SetMeasure if measure not in AT_LEAST} == {
        SetMeasure.DIFFERENT_SHARE,
        SetMeasure.INVESTIGATE_SHARE,
        SetMeasure.WRONG_MODE_SHARE,
    }
