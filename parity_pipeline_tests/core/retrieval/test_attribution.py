from collections.abc import Sequence

import numpy as np
import pytest

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.retrieval.attribution import Evidence, Explanation, attribute
from parity_pipeline.core.retrieval.bands import Bands, GradedQueries, grade
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline_tests.core.retrieval.builders import compared, in_order, lost, query, ranked, refused

CORPUS = "abcdefghijklmnopqrstuvwxyz"
SCORES = {name: 0.99 - place / 100 for place, name in enumerate(CORPUS)}
TEN = CORPUS[:10]


def scored(names: str, **fields: object) -> Ranking:
    """Return documents with the scores that they have for this query vector."""
    return ranked(*((name, SCORES[name]) for name in names), **fields)


def graded(pairs: Sequence[tuple[Ranking, Ranking]], one: Query | None = None, **rules: object) -> GradedQueries:
    """Grade pairs of rankings under the default bands."""
    found = ComparisonRules(**rules)  # pyright: ignore[reportArgumentType] - test fields
    return grade(compared(pairs, found, [one or query()] * len(pairs)), Bands())


def explain(
    candidate: Ranking, one: Query | None = None, cosine: float | None = 1.0, legacy: str = TEN
) -> Explanation | None:
    """Explain one query whose query vectors have this cosine."""
    evidence = Evidence(cosine=None if cosine is None else np.array([cosine]))
    return attribute(graded([(scored(legacy), candidate)], one), evidence)[0]


FILTERED = query(filter="city = 'Aurora'")
SEVERAL = query(corpora=("workers", "clients"))


def test_an_agreeing_query_needs_no_explanation() -> None:
    """Matches, refusals and missing responses are not attributed."""
    pairs = [(scored(TEN), scored(TEN)), (refused(), refused()), (scored(TEN), lost())]
    assert attribute(graded(pairs), Evidence()) == [None, None, None]


def test_the_same_vector_gives_the_same_list() -> None:
    """If the candidate returns the legacy list for the legacy query vector, the embedding explains the difference."""
    own, same = graded([(scored(TEN), in_order("klmnopqrst"))]), graded([(scored(TEN), scored(TEN))])
    assert attribute(own, Evidence(same_vector=same)) == [Explanation.EMBEDDING]


def test_the_same_vector_gives_another_list() -> None:
    """If the same vector gives another list, retrieval explains it; with other embeddings both do."""
    own = graded([(scored(TEN), scored("adefghijkl"))])
    same = graded([(scored(TEN), scored("abcefgijkl"))])
    assert attribute(own, Evidence(same_vector=same, cosine=np.array([1.0]))) == [Explanation.APPROXIMATE_INDEX]
    both = Evidence(same_vector=same, cosine=np.array([0.5]))
    assert attribute(own, both) == [Explanation.EMBEDDING_AND_RETRIEVAL]


def test_a_same_vector_list_that_was_not_fetched_says_nothing() -> None:
    """A lost response proves nothing; the cosine decides then."""
    own, same = graded([(scored(TEN), in_order("klmnopqrst"))]), graded([(scored(TEN), lost())])
    assert attribute(own, Evidence(same_vector=same, cosine=np.array([0.5]))) == [Explanation.EMBEDDING]
    assert attribute(own, Evidence(same_vector=same)) == [Explanation.UNKNOWN]


def test_the_cosine_separates_embedding_from_retrieval() -> None:
    """Without a list for the same vector, embeddings below the cosine threshold explain the difference."""
    assert explain(in_order("klmnopqrst"), cosine=0.8) is Explanation.EMBEDDING
    assert explain(in_order("klmnopqrst"), cosine=float("nan")) is Explanation.UNKNOWN
    assert explain(in_order("klmnopqrst"), cosine=None) is Explanation.UNKNOWN


def test_scores_of_common_documents_show_the_same_vector() -> None:
    """Two or more common documents with one score on both sides have been compared with one query vector."""
    assert explain(scored("acdefghijl"), cosine=None) is not Explanation.UNKNOWN


@pytest.mark.parametrize(
    ("candidate", "one", "explanation"),
    [
        (scored("bcdefghijk"), None, Explanation.APPROXIMATE_INDEX),
        (scored("acefghiklm"), None, Explanation.APPROXIMATE_INDEX),
        (scored("abcd"), None, Explanation.CUT_OFF),
        (scored("abcdefgh"), None, Explanation.CUT_OFF),
        (scored("abcd"), FILTERED, Explanation.FILTER),
        (scored("abxyzuvwst"), SEVERAL, Explanation.MERGE),
        (scored("aabbccddee"), SEVERAL, Explanation.MERGE),
        (in_order("jihgfedcba"), None, Explanation.SCORING),
        (ranked(*((name, score / 2) for name, score in SCORES.items() if name in TEN)), None, Explanation.SCORING),
        (scored("abijklmnop"), None, Explanation.APPROXIMATE_INDEX),
    ],
)
def test_what_in_the_retrieval_explains_a_difference(
    candidate: Ranking, one: Query | None, explanation: Explanation
) -> None:
    """With the same query vector, the form of the difference names the part of the retrieval."""
    assert explain(candidate, one) is explanation


@pytest.mark.parametrize(
    ("candidate", "explanation"),
    [
        ("abcde", Explanation.FILTER),
        ("abcdeg", Explanation.FILTER),
        ("acd", Explanation.FILTER),
        ("abcdefghj", Explanation.FILTER),
        ("bdfhj", Explanation.MERGE),
        ("acegi", Explanation.MERGE),
        ("abefghijkl", Explanation.APPROXIMATE_INDEX),
    ],
)
def test_a_filter_after_the_best_of_each_corpus(candidate: str, explanation: Explanation) -> None:
    """A filtered list that stops early in each of two corpora is explained by the filter, a lost corpus is not."""
    one = query(filter="city = 'Aurora'", corpora=("workers", "clients"))
    assert explain(scored(candidate), one) is explanation


@pytest.mark.parametrize(
    ("candidate", "legacy", "explanation"),
    [
        (2, 2, Explanation.APPROXIMATE_INDEX),
        (2, None, Explanation.APPROXIMATE_INDEX),
        (1, 1, Explanation.APPROXIMATE_INDEX),
        (1, 2, Explanation.MERGE),
        (1, None, Explanation.MERGE),
        (None, 2, Explanation.MERGE),
        (None, None, Explanation.MERGE),
    ],
)
def test_only_a_candidate_that_lacks_a_corpus_lost_one(
    candidate: int | None, legacy: int | None, explanation: Explanation
) -> None:
    """Results of all corpora show a poor index and no lost corpus, as do those of as many as the legacy side's come from."""
    pair = (scored(TEN, hit_corpora=legacy), scored("acfhilnpqr", hit_corpora=candidate))
    assert attribute(graded([pair], SEVERAL), Evidence(cosine=np.ones(1))) == [explanation]


@pytest.mark.parametrize(
    ("corpora", "legacy", "explanation"),
    [
        (2, TEN, Explanation.FILTER),
        (1, TEN, Explanation.MERGE),
        (2, TEN[:9], Explanation.RETRIEVAL),
    ],
)
def test_a_filtered_list_that_is_not_filled_up(corpora: int, legacy: str, explanation: Explanation) -> None:
    """Some of a full legacy list and nothing else is due to the filter; of a list that is not full, any may be missing."""
    one = query(filter="city = 'Aurora'", corpora=("workers", "clients"))
    pair = (scored(legacy, hit_corpora=2), scored("bdfhi", hit_corpora=corpora))
    assert attribute(graded([pair], one), Evidence(cosine=np.ones(1))) == [explanation]


def test_a_list_that_each_corpus_cuts_off() -> None:
    """Results that stop early in each of two corpora, the one sooner than the other, are a cut-off and no lost corpus."""
    assert explain(scored("abcdef" + "h"), SEVERAL) is Explanation.CUT_OFF
    assert explain(scored("acegi"), SEVERAL) is Explanation.MERGE


@pytest.mark.parametrize(
    ("candidate", "explanation"), [(0.99, Explanation.TIE_ORDER), (0.98, Explanation.APPROXIMATE_INDEX)]
)
def test_another_single_result(candidate: float, explanation: Explanation) -> None:
    """With k = 1, another document of the same score is a tie and one of a lower score a miss, not a lost corpus."""
    one = query(k=1, corpora=("workers", "clients"))
    found = graded([(ranked(("a", 0.99)), ranked(("b", candidate)))], one)
    assert attribute(found, Evidence(cosine=np.array([1.0]))) == [explanation]


def test_other_documents_at_the_cut_off() -> None:
    """Other documents that score as the last ones, but for less than a near tie, are explained by tie order."""
    ours = [(name, SCORES[name]) for name in "abcdefgh"]
    legacy = ranked(*ours, ("i", 0.90002), ("j", 0.90001))
    candidate = ranked(*ours, ("k", 0.9), ("l", 0.89999))
    assert attribute(graded([(legacy, candidate)]), Evidence(cosine=np.array([1.0]))) == [Explanation.TIE_ORDER]


def test_scores_of_another_metric_show_no_ignored_filter() -> None:
    """Where common documents have other scores, a high score does not show that the legacy side's filter excludes a document."""
    dot_product = ranked(*((name, SCORES[name] * 10) for name in "abcdefghkl"))
    assert explain(dot_product, FILTERED) is Explanation.SCORING


def test_an_approximate_index_of_the_legacy_side() -> None:
    """One or two better documents that the legacy list lacks are what its own index lost, also of several corpora."""
    for one in (None, SEVERAL):
        assert explain(scored(TEN), one, legacy="abcefghikl") is Explanation.APPROXIMATE_INDEX
    assert explain(scored(TEN), FILTERED, legacy="abcefghikl") is Explanation.FILTER


def test_an_ignored_filter() -> None:
    """A filtered query whose candidate holds documents that score above the legacy side's last one ignores the filter."""
    assert explain(scored(TEN), FILTERED, legacy="bdfhjlnprt") is Explanation.FILTER
    assert explain(scored(TEN), None, legacy="bdfhjlnprt") is Explanation.RETRIEVAL


def test_documents_where_the_legacy_side_has_none() -> None:
    """Of a filtered query the filter lets them through; without a filter an approximate index would not explain them."""
    for one in (FILTERED, query(filter="city = 'Aurora'", corpora=("workers", "clients"))):
        assert explain(scored(TEN), one, legacy="") is Explanation.FILTER
    assert explain(scored(TEN), legacy="") is Explanation.RETRIEVAL
    assert explain(scored(TEN), SEVERAL, legacy="") is Explanation.RETRIEVAL
    assert explain(scored(""), FILTERED, legacy=TEN) is Explanation.FILTER


def test_an_order_of_near_ties() -> None:
    """The same documents in another order, apart by less than the near tie, are explained by tie order."""
    for step, explanation in ((1e-5, Explanation.TIE_ORDER), (9e-5, Explanation.SCORING)):
        order, reverse = (
            ranked(*((name, 0.5 - place * step) for place, name in enumerate(names))) for names in (TEN, TEN[::-1])
        )
        assert attribute(graded([(order, reverse)]), Evidence(cosine=np.array([1.0]))) == [explanation]


def test_the_wrong_mode_explains_itself() -> None:
    """A side that used another mode than agreed is explained by that, whatever the vectors are."""
    found = graded([(scored(TEN), in_order("klmno", mode="lexical"))], modes=((Side.CANDIDATE, "hybrid"),))
    assert attribute(found, Evidence(cosine=np.array([0.1]))) == [Explanation.MODE]


def test_scores_that_cannot_be_compared_explain_nothing() -> None:
    """Where scores of the sides mean different things, no document scores better than another side's."""
    found = graded([(scored("bdfhjlnprt"), scored(TEN))], FILTERED, comparable=False)
    assert attribute(found, Evidence(cosine=np.array([1.0]))) != [Explanation.FILTER]


def test_evidence_of_other_queries_is_refused() -> None:
    """Lists for the same vectors must be those of the same queries."""
    own = graded([(scored(TEN), scored(TEN))])
    with pytest.raises(MetricInputError, match="not those of these queries"):
        attribute(own, Evidence(same_vector=graded([(scored(TEN), scored(TEN))] * 2)))
