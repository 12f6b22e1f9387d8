"""What a query set would have caught: each simulated fault, on lists that show it and on lists that cannot."""

import random
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.retrieval.bands import Bands
from parity_pipeline.core.retrieval.checks import RetrievalCheckSettings
from parity_pipeline.core.retrieval.compare import ComparisonRules
from parity_pipeline.core.retrieval.provenance import QuerySetIdentity
from parity_pipeline.core.retrieval.ranked_lists import Codebook, RankedLists
from parity_pipeline.core.retrieval.records import Query, Ranking
from parity_pipeline.core.retrieval.simulated_faults import (
    ALL,
    ONE,
    RETRIEVAL_FAULTS,
    RetrievalFault,
    SimulatedRetrievalFault,
)
from parity_pipeline.core.retrieval.simulation import QUERIES, ListsSample, RetrievalJudge, retrieval_power
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.core.retrieval.verdict_builder import RetrievalInputs
from parity_pipeline_tests.core.retrieval.judging import LANES

Row = tuple[Query, Ranking, Ranking]
HELD = ComparisonRules(modes=((Side.CANDIDATE, "hybrid"),))
BY_CHANCE = {fault.name for fault in RETRIEVAL_FAULTS if fault.share not in {ALL, ONE}}


def rows(number: int, k: int = 10, **fields: Any) -> list[Row]:
    """Return queries on which both sides agree, and that show every fault; fields replace those of each query."""
    dice, found = random.Random(11), list[Row]()  # noqa: S311 - made-up lists
    for place in range(number):
        corpora = ("staff", "contractors") if place % 2 else ("staff",)
        ids = tuple(f"{dice.choice(corpora)}:{number}" for number in dice.sample(range(10_000), k))
        query = Query(
            id=f"q{place}",
            text="x",
            k=k,
            filter="oslo" if place % 5 == 0 else None,
            corpora=corpora,
            category="rare" if place % 10 == 0 else "usual",
        )
        scores = tuple(0.99 - rank // 2 * 0.05 - rank % 2 * 0.0006 for rank in range(k))
        metadata = tuple(range(1, k + 1))
        one = Ranking(query_id=query.id, status=RowStatus.OK, ids=ids, scores=scores, metadata=metadata, mode="hybrid")
        found.append((replace(query, **fields), one, one))
    return found


def sampled(found: Sequence[Row], *, without: tuple[str, ...] = (), block: int = 7) -> ListsSample:
    """Return the sample of some rows, taken in block by block."""
    sample = ListsSample(len(found), without)
    for start in range(0, len(found), block):
        queries, legacy, candidate = zip(*found[start : start + block], strict=True)
        sample.add(start, queries, RankedLists.of(legacy), RankedLists.of(candidate))
    return sample


def judge(rules: ComparisonRules = HELD, bands: Bands | None = None) -> RetrievalJudge:
    """Return the code of a verdict with usual inputs."""
    settings = RetrievalCheckSettings()
    identity = QuerySetIdentity(hash="a" * 64, queries=1)
    return RetrievalJudge(
        make_tally=lambda: RetrievalTally(bands or Bands()),
        make_codebook=Codebook,
        rules=rules,
        inputs=RetrievalInputs(query_set=identity, sides=LANES, required_bound=0.001, settings=settings),
    )


def results(found: Sequence[Row], rules: ComparisonRules = HELD) -> dict[str, SimulatedRetrievalFault]:
    """Return the result of each fault by its name."""
    return {one.name: one for one in retrieval_power(sampled(found), judge(rules)).faults}


def test_a_set_that_shows_everything_catches_every_fault() -> None:
    """Queries with filters, several corpora, scores, metadata and a mode catch each fault that does not hit by chance."""
    found = results(rows(100))
    assert {name for name, one in found.items() if not one.caught} == BY_CHANCE
    assert all(one.decision in {"FAIL", "INCONCLUSIVE"} for one in found.values())
    assert {one.why_not for name, one in found.items() if name not in BY_CHANCE} == {""}


def test_nothing_is_caught_where_nothing_is_wrong() -> None:
    """A fault of size zero passes, so that what is caught is caught for its own sake."""
    nothing = RetrievalFault(name="nothing", change=lambda lists: dict(lists.usable()))
    power = retrieval_power(sampled(rows(50)), judge(), [nothing])
    assert (power.simulated, power.caught, power.faults[0].decision) == (1, 0, "PASS")
    assert "0/50 queries are worth a look" in power.faults[0].why_not


@pytest.mark.parametrize(("queries", "caught"), [(298, False), (299, True)])
def test_a_fault_by_chance_needs_enough_queries(queries: int, caught: bool) -> None:
    """One wrong list in 100 is caught by a set that holds one with 95 % probability, which takes 299 queries."""
    found = results(rows(queries, k=3))["one list in 100 that of another query"]
    assert found.caught is caught
    assert bool(found.why_not) is not caught


BARE = {
    "one corpus of several left out",
    "a document repeated where several corpora are merged",
    "the filter ignored",
    "no results for one category",
    "other metadata",
    "one query in another mode",
    "one score for all results",
    "scores twice as large",
    "results whose scores differ by less than 0.001 in another order",
}


def test_a_fault_that_no_query_shows_is_not_simulated() -> None:
    """A set without filters, corpora, categories, scores, metadata and modes says what it lacks, and counts none of them."""
    plain = [
        (query, *(replace(one, scores=(), metadata=(), mode=None) for one in pair))
        for query, *pair in rows(30, filter=None, corpora=(), category="one")
    ]
    power = retrieval_power(sampled(plain), judge(ComparisonRules(comparable=False)))  # pyright: ignore[reportArgumentType] - pairs
    unseen = {one.name: one.why_not for one in power.faults if one.caught is None}
    assert unseen.keys() == BARE
    assert all(unseen.values())
    assert power.simulated == len(RETRIEVAL_FAULTS) - len(BARE)
    assert "simulated faults would have been caught" in power.sentence()


def test_a_fault_within_every_limit_is_missed_and_says_why() -> None:
    """Scores that may not be compared across sides do not show that one side doubles them."""
    found = results(rows(30), replace(HELD, comparable=False))["scores twice as large"]
    assert (found.caught, found.decision) == (False, "PASS")
    assert "30 of 30 queries change" in found.why_not


def test_a_set_without_queries_simulates_nothing() -> None:
    """Without a list nothing passes, and nothing is claimed."""
    power = retrieval_power(ListsSample(0), judge())
    assert (power.simulated, power.caught) == (0, 0)


def test_lists_that_do_not_pass_prove_nothing() -> None:
    """No fault counts as caught where the same lists are not a pass without it."""
    broken = [(query, one, replace(two, ids=two.ids[::-1])) for query, one, two in rows(9)]
    power = retrieval_power(sampled(broken), judge())
    assert power.simulated == 0
    assert {one.why_not for one in power.faults} == {
        "these queries do not pass where they are judged apart from the others"
    }


def test_the_sample_is_bounded_and_spread() -> None:
    """Of a large set a bounded number is looked at, from its first query to its last, however it is cut into blocks."""
    many = rows(1500, k=1)
    sample = sampled(many)
    ids = [query.id for query, _, _ in sample.rows]
    assert len(ids) == QUERIES
    assert (ids[0], ids[-1]) == ("q0", "q1499")
    assert ids == [query.id for query, _, _ in sampled(many, block=999).rows]


def test_excused_queries_are_left_out() -> None:
    """A query that differed once and not again would hide that a simulated fault stays."""
    sample = sampled(rows(9), without=("q3",))
    assert [query.id for query, _, _ in sample.rows] == [f"q{place}" for place in range(9) if place != 3]
