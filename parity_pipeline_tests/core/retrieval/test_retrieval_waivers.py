"""Waivers of queries: what they take, what they leave out of the judgement, and what they never cover."""

from dataclasses import replace
from datetime import date
from typing import Any

import pytest

from parity_pipeline.core.errors import SettingsError
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.checks import ALWAYS, OF_QUERIES, RetrievalCheckName
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.waivers import QueryWaiver, query_account_for, query_waiver_faults
from parity_pipeline_tests.core.retrieval.builders import Pair, in_order, lost, refused
from parity_pipeline_tests.core.retrieval.judging import CORPUS, DAY, LANES, OTHER, SAME, TEN, by_name, judged

MISMATCH, INVESTIGATE = RetrievalOutcome.MISMATCH, RetrievalOutcome.INVESTIGATE
SHORTER: Pair = (in_order(TEN), in_order(TEN[:9]))


def waiver(**fields: Any) -> QueryWaiver:
    """Return a waiver of ten mismatches; fields as of `QueryWaiver`."""
    usual: dict[str, Any] = {"max_queries": 10, "outcomes": (MISMATCH,), "id": "W", "owner": "ann@example.com"}
    return QueryWaiver(reason="known", expires=DAY, **usual | fields)


def test_waived_queries_pass_and_are_counted_apart() -> None:
    """What a waiver takes is left out of means and shares, named in the reasons, and makes a PASS WITH WAIVERS."""
    verdict = judged([SAME] * 8 + [OTHER] * 2, waivers=[waiver()])
    assert verdict.decision is Decision.PASS_WITH_WAIVERS
    assert "2/10 queries differ and are waived: W (2)" in verdict.reasons
    assert (verdict.counts.waived, verdict.counts.outcomes[MISMATCH]) == ({"W": 2}, 2)
    assert by_name(verdict)["different-share"].waived_by == "W"
    assert {query.waiver for query in verdict.queries if query.outcome is MISMATCH} == {"W"}
    assert all(one.value in (0.0, 1.0, None) for one in verdict.set_measures)


def test_queries_beyond_the_largest_number_fail() -> None:
    """A waiver takes the first queries of the set; those beyond its limit stand, and that is a finding."""
    verdict = judged([SAME] * 8 + [OTHER] * 3, waivers=[waiver(max_queries=2)])
    assert verdict.decision is Decision.FAIL
    assert by_name(verdict)["different-share"].waived_by == ""
    assert "waiver 'W' is larger than its limit: 3 queries, 2 allowed" in verdict.findings[0]


def test_an_expired_waiver_waives_nothing() -> None:
    """A waiver holds up to and including its last day, and says afterwards what would need it."""
    pairs = [SAME] * 8 + [OTHER] * 2
    assert judged(pairs, waivers=[waiver()], today=DAY).decision is Decision.PASS_WITH_WAIVERS
    late = judged(pairs, waivers=[waiver()], today=date(2026, 11, 27))
    assert late.decision is Decision.FAIL
    assert "expired on 2026-11-26 and waives nothing; queries that would need it: 2" in late.findings[0]


def test_a_waiver_that_nothing_needs_is_a_finding() -> None:
    """A waiver without a query is to be taken out, and does not weaken the PASS."""
    verdict = judged([SAME] * 3, waivers=[waiver()])
    assert verdict.decision is Decision.PASS
    assert "is needed by no query of this date and corpus" in verdict.findings[0]


@pytest.mark.parametrize(
    ("fields", "taken"),
    [
        ({}, True),
        ({"queries": ("q1",)}, True),
        ({"queries": ("q0",)}, False),
        ({"categories": ("b",)}, True),
        ({"categories": ("a",)}, False),
        ({"corpora": (CORPUS,)}, True),
        ({"corpora": ("other",)}, False),
        ({"outcomes": (INVESTIGATE,)}, False),
        ({"first_date": DAY, "last_date": DAY}, True),
        ({"last_date": date(2026, 11, 25)}, False),
        ({"first_date": date(2026, 11, 27)}, False),
    ],
)
def test_what_is_named_restricts_it(fields: dict[str, Any], taken: bool) -> None:
    """A waiver takes a query only if its outcome, id, category, corpus and date are all covered."""
    queries = [Query(id=f"q{place}", text="x", k=10, category="ab"[place]) for place in range(2)]
    verdict = judged([SAME, OTHER], queries=queries, waivers=[waiver(**fields)])
    assert (verdict.counts.waived_queries == 1) is taken


def test_investigated_queries_and_missing_ones_are_waived_by_name_of_outcome() -> None:
    """Queries that are worth a look and missing responses are covered where the outcomes name them."""
    both = waiver(outcomes=(INVESTIGATE, RetrievalOutcome.MISSING))
    verdict = judged([SAME] * 5 + [SHORTER, (in_order(TEN), lost())], waivers=[both])
    assert verdict.decision is Decision.PASS_WITH_WAIVERS
    checks = by_name(verdict)
    assert (checks["investigate-share"].waived_by, checks["missing"].waived_by) == ("W", "W")


def test_refusals_are_waived_by_their_outcome() -> None:
    """The check of an outcome says which waivers took all of its queries."""
    refusals = waiver(outcomes=(RetrievalOutcome.REFUSED_BY_CANDIDATE,))
    verdict = judged([SAME] * 5 + [(in_order(TEN), refused())], waivers=[refusals])
    assert (verdict.decision, by_name(verdict)["refused-by-candidate"].waived_by) == (Decision.PASS_WITH_WAIVERS, "W")


def test_a_verdict_in_which_nothing_matched_is_none() -> None:
    """Waivers of everything leave nothing that a verdict could be about."""
    verdict = judged([OTHER] * 3, waivers=[waiver()])
    assert verdict.decision is Decision.INCONCLUSIVE
    assert "no compared query matched" in verdict.reasons[0]


def test_a_check_is_waived_by_its_name() -> None:
    """What was found beside the queries is covered by a waiver that names the check, and the reason says so."""
    sides = (LANES[0], replace(LANES[1], doubts=("odd",)))
    named = waiver(outcomes=(), max_queries=0, checks=(RetrievalCheckName.CAVEATS,))
    verdict = judged([SAME] * 3, sides=sides, waivers=[named])
    assert verdict.decision is Decision.PASS_WITH_WAIVERS
    assert "caveats is waived by W: candidate: odd" in verdict.reasons
    assert verdict.findings == ()


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"owner": " "}, "has no owner"),
        ({"max_queries": 0}, "set max_queries to 1 or more"),
        ({"outcomes": ()}, "name outcomes or checks"),
        ({"outcomes": (RetrievalOutcome.MATCH,)}, "in which the sides agree"),
        ({"outcomes": (RetrievalOutcome.BOTH_EMPTY,)}, "in which the sides agree"),
        ({"outcomes": (RetrievalOutcome.COMPARED,)}, "name mismatch or investigate"),
        ({"first_date": date(2026, 2, 1), "last_date": date(2026, 1, 1)}, "ends before it begins"),
    ],
)
def test_a_waiver_that_cannot_be_used_says_why(fields: dict[str, Any], words: str) -> None:
    """Each fault is named with what to do, and no account is opened over it."""
    (fault,) = query_waiver_faults([waiver(**fields)])
    assert words in fault
    with pytest.raises(SettingsError, match=r"retrieve\.waivers"):
        query_account_for([waiver(**fields)], corpus=CORPUS, day=DAY, today=DAY)


@pytest.mark.parametrize("name", sorted({*ALWAYS, *OF_QUERIES}))
def test_no_waiver_names_a_check_without_a_number(name: RetrievalCheckName) -> None:
    """Checks that count queries are waived by outcome with a largest number, and what a verdict stands on never."""
    assert query_waiver_faults([waiver(outcomes=(), max_queries=0, checks=(name,))])


def test_two_waivers_of_one_id_are_refused() -> None:
    """The account of a waiver is kept by its id."""
    assert "give each its own id" in query_waiver_faults([waiver(), waiver()])[0]
    assert query_waiver_faults([waiver(), waiver(id="V")]) == ()
