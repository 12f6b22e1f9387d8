import math

import pytest

from parity_pipeline.core.outcomes import RowStatus
from parity_pipeline.core.retrieval.records import Ranking
from parity_pipeline.steps.measure_relevance import measure_relevance


def ranking(query: str, documents: str, status: RowStatus = RowStatus.OK) -> Ranking:
    """Return a ranking of documents, one per letter, whose scores all are the same."""
    return Ranking(query_id=query, status=status, ids=tuple(documents), scores=(1.0,) * len(documents))


def test_measures_by_hand() -> None:
    """By hand: a relevant document of 3 at rank 1 against rank 2, with a second of 1 that the candidate lacks."""
    found = measure_relevance([ranking("q", "axb")], [ranking("q", "xay")], {"q": {"a": 3, "b": 1}})
    values = {one.measure: (one.legacy, one.candidate) for one in found}
    ideal = 3.0 + 1.0 / math.log2(3)
    assert values["nDCG@10"] == pytest.approx(((3.0 + 1.0 / math.log2(4)) / ideal, (3.0 / math.log2(3)) / ideal))
    assert values["recall@10"] == (1.0, 0.5)
    assert values["MRR"] == (1.0, 0.5)


def test_the_order_returned_counts_and_not_the_scores() -> None:
    """Documents of one score are judged in the order that the side returned, not by their names."""
    found = measure_relevance([ranking("q", "az")], [ranking("q", "za")], {"q": {"a": 1}})
    assert {one.measure: one.candidate for one in found}["MRR"] == 0.5


def test_an_empty_list_scores_nothing() -> None:
    """A query for which a side found nothing counts with 0, and one without a response does not count."""
    labels = {"q": {"a": 1}, "r": {"a": 1}}
    legacy = [ranking("q", "a"), ranking("r", "a")]
    candidate = [ranking("q", ""), ranking("r", "", RowStatus.FAILED)]
    found = measure_relevance(legacy, candidate, labels)
    assert [(one.queries, one.legacy, one.candidate) for one in found] == [(1, 1.0, 0.0)] * 3


def test_no_labels_no_measures() -> None:
    """Without a query that has a relevant document there is nothing to measure."""
    assert measure_relevance([ranking("q", "a")], [ranking("q", "a")], {"q": {"a": 0}, "r": {"a": 1}}) == ()


def test_a_repeated_document_counts_where_it_stands_first() -> None:
    """A document that a list repeats is judged once."""
    found = measure_relevance([ranking("q", "xax")], [ranking("q", "xaa")], {"q": {"a": 1}})
    assert {one.measure: one.difference for one in found} == {"nDCG@10": 0.0, "recall@10": 0.0, "MRR": 0.0}
