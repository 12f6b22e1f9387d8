"""Explanations that are kept of a comparison: those of queries that were requested again, and of the worst beside."""

import itertools
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.retrieval.attribution import EXPLAINABLE, Evidence, attribute
from parity_pipeline.core.retrieval.bands import Bands, GradedQueries, grade
from parity_pipeline.core.retrieval.ranked_lists import Codebook
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.steps.retrieval.explain_differences import EXPLAINED, KeptExplanations
from parity_pipeline_tests.core.retrieval.builders import Pair, compared, in_order, refused

TEN = "abcdefghij"
CANDIDATES = (TEN, "klmnopqrst", "abcdeklmno", "bcdefghijk", "", TEN[:9])


def graded(kinds: list[int], start: int = 0) -> GradedQueries:
    """Return queries whose candidate lists are those of `CANDIDATES` by number; one behind the last is refused."""
    right = [in_order(CANDIDATES[kind]) if kind < len(CANDIDATES) else refused() for kind in kinds]
    names = [f"q{start + place}" for place in range(len(kinds))]
    pairs: list[Pair] = [
        (replace(in_order(TEN), query_id=name), replace(one, query_id=name))
        for name, one in zip(names, right, strict=True)
    ]
    queries = [Query(id=name, text="welder", k=10) for name in names]
    return grade(compared(pairs, queries=queries, start=start, codebook=Codebook()), Bands())


def kept(
    blocks: list[GradedQueries], requested: frozenset[str] = frozenset(), limit: int = EXPLAINED
) -> dict[str, object]:
    """Return what is kept of some blocks."""
    found = KeptExplanations(requested=requested, limit=limit)
    for one in blocks:
        found.add(one.compared, attribute(one, Evidence()))
    return dict(found.by_id())


KINDS = st.lists(st.integers(0, len(CANDIDATES)), min_size=1, max_size=60)


@given(kinds=KINDS, limit=st.integers(1, 5), cut=st.integers(0, 60))
def test_a_bounded_number_is_kept_however_blocks_are_cut(kinds: list[int], limit: int, cut: int) -> None:
    """Of each outcome at most so many are kept, the same ones however a set is cut into blocks."""
    whole = graded(kinds)
    edges = [0, min(cut, len(kinds)), len(kinds)]
    parts = [graded(kinds[low:high], low) for low, high in itertools.pairwise(edges) if high > low]
    found = kept([whole], limit=limit)
    assert found == kept(parts, limit=limit)
    outcomes = dict(zip(whole.compared.queries.ids, whole.compared.outcomes, strict=True))
    for outcome in EXPLAINABLE:
        there = sum(one is outcome for one in outcomes.values())
        assert sum(outcomes[name] is outcome for name in found) == min(limit, there)
    assert {outcomes[name] for name in found} <= set(EXPLAINABLE)


@given(kinds=KINDS)
def test_what_was_requested_again_is_kept_beside(kinds: list[int]) -> None:
    """Queries that requests were spent on take no place of the others, and one that agrees has no explanation."""
    whole = graded(kinds)
    requested = frozenset(whole.compared.queries.ids[::2])
    explainable = {
        name
        for name, one in zip(whole.compared.queries.ids, whole.compared.outcomes, strict=True)
        if one in EXPLAINABLE
    }
    found = kept([whole], requested, limit=1)
    assert requested & explainable <= set(found) <= explainable


def test_every_query_that_a_report_shows_is_explained() -> None:
    """More are kept of each outcome than a report shows, so that none that differs stands there without an explanation."""
    whole = graded([1, 2, 3, 4, 5] * (2 * REPORT_ROWS))
    tally = RetrievalTally()
    tally.add(whole)
    shown = [one.id for one in tally.shown_queries() if one.outcome in EXPLAINABLE]
    assert len(shown) == REPORT_ROWS
    assert set(shown) <= set(kept([whole]))
