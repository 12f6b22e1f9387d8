"""The search for the smallest failing trial: what it finds, what it never returns, and how few trials it takes."""

from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.minimise import Smallest, reduced, smallest_failing, smallest_failing_query
from parity_pipeline.core.reproduction import Trial
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.reproduction import QueryTrial

WHOLE = Trial(text="one two ŘADA four", before=("a", "b"), after=("c", "d"), beside=(("e", "f"), ("g",), ("h",)))


class Judge:
    """Says whether trials fail, and notes them."""

    def __init__(self, rule: Callable[[Trial], bool], most: int = 10_000) -> None:
        """Take the rule, and how many trials may be judged."""
        self._rule = rule
        self._most = most
        self.seen: list[Trial] = []

    def __call__(self, trial: Trial) -> bool | None:
        """Judge a trial; None when the number is used up."""
        if len(self.seen) >= self._most:
            return None
        self.seen.append(trial)
        return self._rule(trial)


def test_a_text_that_fails_alone_is_cut_to_the_failing_character() -> None:
    """Neither batch nor concurrency is tried where the text alone fails."""
    judge = Judge(lambda trial: "Ř" in trial.text)
    assert smallest_failing(WHOLE, judge) == Smallest(trial=Trial(text="Ř"), complete=True)
    assert {(trial.batch, trial.concurrency) for trial in judge.seen} == {((trial.text,), 1) for trial in judge.seen}


def test_a_text_that_fails_as_a_whole_only_stays_whole() -> None:
    """No shorter text is returned that was not seen to fail."""
    found = smallest_failing(WHOLE, Judge(lambda trial: trial.text == WHOLE.text))
    assert found == Smallest(trial=Trial(text=WHOLE.text), complete=True)


def test_of_two_failing_parts_one_is_found() -> None:
    """Either part fails by itself; the result is one of them."""
    found = smallest_failing(Trial(text="x Ř y z Ö w"), Judge(lambda trial: "Ř" in trial.text or "Ö" in trial.text))
    assert found.trial is not None
    assert found.trial.text in {"Ř", "Ö"}


def test_two_parts_that_fail_only_together_stay_together() -> None:
    """What lies between them goes, they do not."""
    found = smallest_failing(Trial(text="x Ř y z Ö w"), Judge(lambda trial: {"Ř", "Ö"} <= set(trial.text)))
    assert found.trial is not None
    assert found.trial.text == "ŘÖ"


def test_the_smallest_batch_keeps_the_text_it_needs_on_its_side() -> None:
    """A failure beside one earlier text: that text stays before, the others go, and the concurrency is 1."""
    found = smallest_failing(WHOLE, Judge(lambda trial: "b" in trial.before))
    assert found.trial is not None
    assert (found.trial.before, found.trial.after, found.trial.concurrency) == (("b",), (), 1)
    assert len(found.trial.text) == 1


def test_the_smallest_concurrency_keeps_the_request_it_needs() -> None:
    """A failure under load alone is found last, and with as few requests beside it as do."""
    judge = Judge(lambda trial: ("g",) in trial.beside)
    found = smallest_failing(WHOLE, judge)
    assert found.trial is not None
    assert (found.trial.beside, found.trial.batch) == ((("g",),), (found.trial.text,))
    assert [(len(trial.batch), trial.concurrency) for trial in judge.seen[:3]] == [(1, 1), (5, 1), (5, 4)]


def test_what_does_not_fail_any_more_takes_three_trials() -> None:
    """A recovered gateway gives no trial, and the search is complete."""
    judge = Judge(lambda _trial: False)
    assert smallest_failing(WHOLE, judge) == Smallest(trial=None, complete=True)
    assert len(judge.seen) == 3


@pytest.mark.parametrize("most", range(12))
def test_the_search_ends_where_a_trial_cannot_be_judged(most: int) -> None:
    """Whatever the number of trials, the result was seen to fail, and the search says that it did not end by itself."""
    judge = Judge(lambda trial: {"Ř", "u"} <= set(trial.text), most)
    found = smallest_failing(WHOLE, judge)
    assert len(judge.seen) == most
    assert not found.complete
    assert (found.trial is None) == (most == 0)
    if found.trial is not None:
        assert found.trial in judge.seen
        assert {"Ř", "u"} <= set(found.trial.text)


@given(st.text(), st.data())
def test_no_text_is_ever_judged_twice_or_empty(text: str, data: st.DataObject) -> None:
    """For any text and any rule: the result fails, is a part of it, and nothing shorter by a character does."""
    needed = set(data.draw(st.lists(st.sampled_from(text), max_size=3))) if text else set[str]()
    judge = Judge(lambda trial: needed <= set(trial.text))
    found = smallest_failing(Trial(text=text), judge)
    assert found.trial is not None
    assert needed <= set(found.trial.text)
    assert len(set(judge.seen)) == len(judge.seen)
    assert all(trial.text for trial in judge.seen[1:])
    assert len(found.trial.text) == max(len(needed), min(1, len(text)))


def test_one_part_of_many_is_found_in_a_logarithm() -> None:
    """Of 1,024 parts one decides: at most two trials per halving."""
    calls: list[int] = []

    def holds(parts: tuple[int, ...]) -> bool:
        calls.append(len(parts))
        return 777 in parts

    assert reduced(tuple(range(1024)), holds) == (777,)
    assert len(calls) <= 2 * 10 + 11


def test_a_search_that_has_ended_tries_no_further_choice() -> None:
    """Where a trial cannot be judged, what was found by then is returned, however many choices a long text still has."""
    calls: list[int] = []

    def holds(parts: tuple[int, ...]) -> bool | None:
        calls.append(len(parts))
        return None if len(calls) > 3 else 7 in parts

    assert reduced(tuple(range(100_000)), holds) == tuple(range(25_000))
    assert len(calls) == 4

    sent: list[Trial] = []

    def fails(trial: Trial) -> bool | None:
        sent.append(trial)
        return True if len(sent) == 1 else None

    text = "a long text " * 20_000
    assert smallest_failing(Trial(text=text), fails) == Smallest(trial=Trial(text=text), complete=False)
    assert len(sent) == 2


OTHERS = tuple(Query(id=name, text=name, k=3) for name in "abc")


def test_a_query_is_tried_alone_before_it_is_tried_under_load() -> None:
    """Where it fails alone no other query is sent; where it does not, as few as do are kept beside it."""
    seen: list[QueryTrial] = []

    def alone(trial: QueryTrial) -> bool:
        seen.append(trial)
        return "Ř" in trial.text

    whole = QueryTrial(text="one ŘADA", beside=OTHERS)
    assert smallest_failing_query(whole, alone) == Smallest(trial=QueryTrial(text="Ř"), complete=True)
    assert {trial.concurrency for trial in seen} == {1}
    found = smallest_failing_query(whole, lambda trial: OTHERS[1] in trial.beside)
    assert found.trial is not None
    assert (len(found.trial.text), found.trial.beside, found.complete) == (1, (OTHERS[1],), True)


def test_a_query_that_cannot_be_judged_ends_the_search() -> None:
    """Nothing is claimed of it, nor that it does not fail."""
    assert smallest_failing_query(QueryTrial(text="x", beside=OTHERS), lambda _: None) == Smallest(
        trial=None, complete=False
    )
