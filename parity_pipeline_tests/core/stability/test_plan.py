"""The plan of experiments: names, budget, limits, order."""

import pytest

from parity_pipeline.core.stability.plan import (
    BATCH_SIZES,
    LEVELS,
    Limits,
    chosen_texts,
    fits,
    make_plan,
    pieces,
    spread,
)
from parity_pipeline.core.stability.records import OF_THE_FLOOR, TESTED, Budget, Reference
from parity_pipeline_tests.core.hazards.failure_modes import EXPERIMENTS
from parity_pipeline_tests.core.stability.scripted_side import AMPLE, LIMITS, SAMPLES, plan_of


def test_experiments_are_called_as_the_documented_ones() -> None:
    """Every experiment that is made has a name of the one table, so that a run can say which cases it exercised."""
    names = {one.experiment for step in plan_of().steps for one in step.compared}
    assert names == set(TESTED)
    assert names <= EXPERIMENTS.keys()
    assert names > OF_THE_FLOOR


@pytest.mark.parametrize("requests", [20, 30, 45, 60, 100])
@pytest.mark.parametrize("limits", [LIMITS, Limits(batch_texts=1, batch_bytes=10**6, concurrency=1)])
def test_no_plan_is_larger_than_its_budget(requests: int, limits: Limits) -> None:
    """Texts, then whole experiments are left out until the plan fits, and it says which."""
    plan = plan_of(limits=limits, budget=Budget(texts=8, requests=requests))
    assert 0 < plan.requests <= requests
    sent = {step.experiment for step in plan.steps}
    assert all(name in sent or plan.left_out.get(name) for name in TESTED)
    assert plan.texts_left == len(SAMPLES) - len(plan.probe_texts.samples)


def test_the_default_budget_tries_eight_texts_in_every_experiment() -> None:
    """With the default batch and concurrency limits nothing but the sizes beyond them is left out."""
    plan = plan_of(limits=Limits(batch_texts=32, batch_bytes=10**6, concurrency=4), budget=Budget())
    assert len(plan.probe_texts.samples) == 8
    assert dict(plan.left_out) == {
        "batch-sizes": ("batch of 64: more than batch_texts (32)",),
        "concurrency": ("concurrency 8: more than the side's concurrency (4)",),
    }


def test_every_request_keeps_the_limits_of_the_side() -> None:
    """No request has more texts or bytes than the side takes, and no step more requests in flight."""
    limits = Limits(batch_texts=8, batch_bytes=1_500, concurrency=2)
    plan = plan_of(limits=limits)
    assert all(fits(request, limits) for step in plan.steps for request in step.requests)
    assert all(step.at_once <= 2 for step in plan.steps)
    assert any("batch_bytes" in why for why in plan.left_out["canaries"])


def test_every_size_and_level_is_tried_with_distinct_texts() -> None:
    """Within the limits each batch size and each level has requests, none with a text twice."""
    plan = plan_of()
    sizes = {len(request) for step in plan.steps for request in step.requests}
    assert sizes >= set(BATCH_SIZES)
    assert {step.at_once for step in plan.steps if step.experiment == "concurrency"} == set(LEVELS)
    assert all(len(set(request)) == len(request) for step in plan.steps for request in step.requests)
    crowds = [step for step in plan.steps if step.experiment == "concurrency"]
    assert all(len(step.requests) >= step.at_once for step in crowds)


def test_a_first_response_is_never_what_others_are_compared_with() -> None:
    """Each text of the set is sent alone twice before anything is compared with its vector alone."""
    sent = dict.fromkeys(plan_of().probe_texts.samples, 0)
    for step in plan_of().steps:
        if any(one.against is Reference.ALONE and one.experiment != "equal-length-load" for one in step.compared):
            assert set(sent.values()) == {2}
            return
        for request in step.requests:
            if len(request) == 1 and request[0] in sent:
                sent[request[0]] += 1


@pytest.mark.parametrize("samples", [(), ("one",), ("one", "two")])
def test_few_texts_still_make_a_plan(samples: tuple[str, ...]) -> None:
    """One text, or none, is tried alone and among others."""
    plan = plan_of(samples)
    assert plan.requests
    assert plan.probe_texts.samples


def test_a_new_salt_gives_texts_that_were_never_sent() -> None:
    """Two plans share no salted text and no ending."""
    one, two = (make_plan(SAMPLES, salt=salt, limits=LIMITS, budget=AMPLE).probe_texts for salt in "ab")
    assert not set(one.salted) & set(two.salted)
    assert not set(one.endings[1]) & set(two.endings[1])
    assert not set(one.endings[1]) & set(one.endings[2])


def test_texts_are_chosen_plain_first_and_alike_each_time() -> None:
    """A blank, ill-formed or very long text is tried only where plain ones do not do."""
    odd = ["", "  ", "\ud800", "long " * 2_000]
    plain = [f"text {number}" for number in range(20)]
    chosen = chosen_texts([*odd, *plain], 5, "seed")
    assert chosen == chosen_texts([*plain[::-1], *odd], 5, "seed")
    assert set(chosen) < set(plain)
    assert set(chosen_texts([*odd, "plain"], 5, "seed")) == {*odd, "plain"}


def test_pieces_and_spreads_hold_every_text() -> None:
    """Requests of one size hold all texts; texts in a larger one stand spread from its first position on."""
    assert pieces("abcdefg", 3) == (("a", "b", "c"), ("d", "e", "f"), ("e", "f", "g"))
    assert spread("ab", "123456", 6) == ("a", "1", "2", "b", "3", "4")
