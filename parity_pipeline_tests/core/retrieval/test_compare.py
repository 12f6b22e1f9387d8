from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.ranked_lists import Codebook, RankedLists
from parity_pipeline.core.retrieval.records import IdMapping, Ranking, Reported, ScoreScale
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order, lost, query, ranked, refused

SOME = in_order("abc")
NONE = in_order("")

OUTCOMES: Sequence[tuple[Pair, RetrievalOutcome, str | None]] = (
    ((SOME, SOME), RetrievalOutcome.COMPARED, None),
    ((NONE, NONE), RetrievalOutcome.BOTH_EMPTY, None),
    ((NONE, SOME), RetrievalOutcome.EMPTY_LEGACY, "legacy"),
    ((SOME, NONE), RetrievalOutcome.EMPTY_CANDIDATE, "candidate"),
    ((refused(), SOME), RetrievalOutcome.REFUSED_BY_LEGACY, "legacy"),
    ((NONE, refused()), RetrievalOutcome.REFUSED_BY_CANDIDATE, "candidate"),
    ((refused(), refused()), RetrievalOutcome.REFUSED_BY_BOTH, "both"),
    ((refused("400 {error}"), refused("502 {error}")), RetrievalOutcome.REFUSED_DIFFERENTLY, "both"),
    ((lost(), SOME), RetrievalOutcome.MISSING, "legacy"),
    ((SOME, lost(RowStatus.MALFORMED)), RetrievalOutcome.MISSING, "candidate"),
    ((lost(), refused()), RetrievalOutcome.MISSING, "legacy"),
    ((lost(), lost()), RetrievalOutcome.MISSING, "both"),
)


@pytest.mark.parametrize(("pair", "outcome", "side"), OUTCOMES)
def test_each_query_has_one_outcome(pair: Pair, outcome: RetrievalOutcome, side: str | None) -> None:
    """What both sides returned decides the outcome, and which side it is about."""
    found = compared([pair])
    assert (found.outcomes[0], found.sides[0]) == (outcome, side)


def test_outcomes_do_not_depend_on_the_block() -> None:
    """A query has the same outcome and measures alone as beside all others."""
    together = compared([pair for pair, _, _ in OUTCOMES])
    assert list(together.outcomes) == [outcome for _, outcome, _ in OUTCOMES]
    assert together.measures.rbo[:2].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("statuses", [["ok"], ["refused"], [1], [None], [RowStatus.OK, "ok"]])
def test_a_status_of_another_type_is_refused(statuses: Sequence[object]) -> None:
    """A status as a plain string would make its list empty, and two empty lists agree: it is refused at once."""
    rankings = [replace(SOME, status=status) for status in statuses]  # pyright: ignore[reportArgumentType] - that is tested
    with pytest.raises(MetricInputError, match="where a RowStatus is needed"):
        RankedLists.of(rankings)
    assert RankedLists.of([SOME]).lengths().tolist() == [3]


def test_hits_of_a_query_that_is_not_ok_prove_nothing() -> None:
    """Results beside a status that is not `OK` are not compared."""
    half = in_order("ab", status=RowStatus.MALFORMED)
    assert compared([(half, SOME)]).outcomes[0] is RetrievalOutcome.MISSING


@pytest.mark.parametrize(
    ("said", "outcome"),
    [
        ("hybrid", RetrievalOutcome.COMPARED),
        ("lexical", RetrievalOutcome.WRONG_MODE),
        (None, RetrievalOutcome.COMPARED),
    ],
)
def test_a_side_is_held_to_its_mode(said: str | None, outcome: RetrievalOutcome) -> None:
    """A side that reports another mode than agreed has the wrong mode; one that reports none is not held to it."""
    rules = ComparisonRules(modes=((Side.CANDIDATE, "hybrid"),))
    found = compared([(SOME, in_order("abc", mode=said))], rules)
    assert found.outcomes[0] is outcome
    assert found.sides[0] == (None if outcome is RetrievalOutcome.COMPARED else "candidate")


def test_an_empty_list_in_the_wrong_mode_has_the_wrong_mode() -> None:
    """The mode explains an empty list, and a lost response has none."""
    rules = ComparisonRules(modes=((Side.CANDIDATE, "hybrid"),))
    found = compared([(SOME, in_order("", mode="lexical")), (SOME, lost())], rules)
    assert list(found.outcomes) == [RetrievalOutcome.WRONG_MODE, RetrievalOutcome.MISSING]


def test_ids_are_mapped_before_they_are_compared() -> None:
    """A prefix and a corpus name of one side do not make documents differ; reports show each side's own spelling."""
    codebook = Codebook(
        legacy=IdMapping(template="{corpus}:{id}", corpus="staff"), candidate=IdMapping(prefix="vec/", template="{id}")
    )
    found = compared([(in_order(["1", "2"]), in_order(["vec/staff:1", "staff:2"]))], codebook=codebook)
    assert found.measures.rbo[0] == 1.0
    assert found.lists.ids(Side.LEGACY, 0) == ["1", "2"]
    assert found.lists.ids(Side.CANDIDATE, 0) == ["vec/staff:1", "staff:2"]


def test_distances_become_scores() -> None:
    """A cosine distance in ascending order agrees with a score in descending order."""
    rules = ComparisonRules(candidate_scale=ScoreScale(reported=Reported.COSINE_DISTANCE))
    found = compared([(ranked(("a", 0.9), ("b", 0.5)), ranked(("a", 0.1), ("b", 0.5)))], rules)
    assert found.measures.score_delta[0] == pytest.approx(0.0, abs=1e-15)
    assert not found.candidate_unordered[0]


def test_a_list_against_its_scores_is_unordered() -> None:
    """Scores that rise towards the end are reported, such as distances that were taken for scores."""
    found = compared([(ranked(("a", 0.1), ("b", 0.5)), ranked(("a", 0.9), ("b", 0.9)))])
    assert (found.legacy_unordered[0], found.candidate_unordered[0]) == (True, False)


def test_a_repeated_document_counts_once() -> None:
    """Repeats are counted apart and removed, so that the places behind them move up."""
    repeated = ranked(("a", 0.9), ("b", 0.8), ("a", 0.7), ("c", 0.6), ("b", 0.5))
    found = compared([(SOME, repeated), (SOME, SOME)])
    assert (found.candidate_repeats.tolist(), found.legacy_repeats.tolist()) == ([2, 0], [0, 0])
    assert found.candidate_results.tolist() == [5, 3]
    assert (found.measures.overlap[0], found.measures.rank_change[0]) == (1.0, 0)
    assert found.lists.ids(Side.CANDIDATE, 0) == ["a", "b", "c"]


def test_metadata_of_common_documents() -> None:
    """Metadata are compared by document and not by place, and only where both sides returned the document."""
    legacy, candidate = in_order("abc", metadata=(1, 2, 3)), in_order("bad", metadata=(2, 9, 7))
    assert compared([(legacy, candidate)]).measures.metadata.tolist() == [1]


def test_metadata_inside_a_tie_group() -> None:
    """Lists that were brought into another order keep each document's metadata and score."""
    legacy = ranked(("a", 0.9), ("b", 0.9), ("c", 0.1), metadata=(1, 2, 3))
    candidate = ranked(("b", 0.9), ("a", 0.9), ("c", 0.1), metadata=(2, 1, 3))
    found = compared([(legacy, candidate)]).measures
    assert (found.metadata[0], found.score_delta[0], found.rbo[0]) == (0, 0.0, 1.0)


def test_rankings_of_other_queries_are_refused() -> None:
    """A side's rankings must be those of the queries, in their order."""
    other = in_order("abc", query_id="other")
    with pytest.raises(MetricInputError, match="candidate rankings are not those"):
        compared([(SOME, other)])


def test_scores_must_be_one_per_id() -> None:
    """A ranking with another number of scores than ids is refused."""
    with pytest.raises(MetricInputError, match="another number of scores"):
        compared([(SOME, in_order("abc", scores=(1.0,)))])


@pytest.mark.parametrize(
    "rules", [{"tie_tolerance": -1.0}, {"tie_tolerance": np.nan}, {"persistence": 1.0}, {"depths": (0,)}]
)
def test_rules_that_cannot_be(rules: dict[str, float]) -> None:
    """A negative tolerance, a p of 1 and a depth of 0 are refused."""
    with pytest.raises(MetricInputError, match="cannot be used"):
        ComparisonRules(**rules)  # pyright: ignore[reportArgumentType] - wrong on purpose


@pytest.mark.parametrize("template", ["{corpus}", "fixed", "{id}{x}", "{id", "{}"])
def test_templates_that_would_make_ids_one(template: str) -> None:
    """An id template needs the id, and has no other field but the corpus."""
    with pytest.raises(MetricInputError, match="id template") as refused:
        IdMapping(template=template)
    assert refused.value.place == "retrieve.<side>.ids.template"


@pytest.mark.parametrize(
    ("reported", "value", "score"),
    [
        (Reported.SCORE, 0.25, 0.25),
        (Reported.COSINE_DISTANCE, 0.25, 0.75),
        (Reported.SQUARED_EUCLIDEAN, 0.5, 0.75),
        (Reported.EUCLIDEAN, 0.5, 0.875),
        (Reported.NEGATIVE_DOT, -0.25, 0.25),
        (Reported.NOTHING, 0.25, np.nan),
    ],
)
def test_what_is_reported_becomes_a_score(reported: Reported, value: float, score: float) -> None:
    """Each kind of distance of unit vectors becomes their cosine."""
    found = ScoreScale(reported=reported).scores(np.array([value]))
    np.testing.assert_allclose(found, [score], equal_nan=True)


def test_a_scale_keeps_the_order() -> None:
    """A factor of 0 or below would lose or turn the order, and is refused; another one is applied."""
    assert ScoreScale(factor=2.0, offset=-1.0).scores(np.array([0.75])).tolist() == [0.5]
    with pytest.raises(MetricInputError, match="cannot be scaled") as refused:
        ScoreScale(factor=0.0)
    assert refused.value.place == "retrieve.<side>.scores"


def test_a_codebook_forgets_beyond_its_limit() -> None:
    """However many documents there are, a codebook holds those of one block beyond its limit, and stays right."""
    codebook = Codebook(limit=4)
    for block in range(5):
        names = [f"{block}-{number}" for number in range(3)]
        ours, theirs = codebook.encode(names, names[::-1])
        assert ours.tolist() == theirs.tolist()[::-1]
        assert len(set(ours.tolist())) == 3
        assert len(codebook._codes) <= 4 + 3


def test_a_shared_vocabulary_is_coded_once() -> None:
    """Blocks that share a vocabulary object get the same codes, also when the other side's changes."""
    codebook, names = Codebook(), ["a", "b"]
    first, _ = codebook.encode(names, ["b"])
    again, other = codebook.encode(names, ["a"])
    assert again is first
    assert other[0] == first[0]


def test_lists_of_different_lengths() -> None:
    """Queries of one block may have lists of any length, and other k."""
    queries = [query(1, "1"), query(3, "2"), query(5, "3")]

    def pair(identity: str, ours: str, theirs: str) -> tuple[Ranking, Ranking]:
        return in_order(ours, query_id=identity), in_order(theirs, query_id=identity)

    found = compared([pair("1", "a", "a"), pair("2", "abc", "ab"), pair("3", "", "abcde")], queries=queries)
    assert found.measures.overlap.tolist() == [1.0, 2 / 3, 0.0]
