"""The text that a fault of one row affects: one that it can change, whatever the verdict."""

from typing import Final

import pytest

from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS, Fault
from parity_pipeline.faults.expected_causes import ONE_ROW, Trial
from parity_pipeline.faults.texts import IN_BETWEEN, block_of, sample_set, scope_for, touched
from parity_pipeline.faults.trial_run import BATCH

FAULT: Final = {fault.name: fault for fault in FAULTS}
ANY: Final = Scope()
UNDER_LOAD: Final = [fault for fault in FAULTS if fault.in_company]


def texts_with(changed: dict[int, str]) -> list[str]:
    """Return ten requests of distinct texts, some of them other ones."""
    return [changed.get(place, f"pallet {place} goes to its gate") for place in range(10 * BATCH)]


def open_to(fault: Fault, texts: list[str]) -> list[int]:
    """Return the places of the texts that a fault can change something for."""
    block = block_of(texts, ["traffic"] * len(texts))
    return [place for place in range(len(texts)) if touched(fault, place, block, ANY)]


def test_three_faults_show_under_load_alone() -> None:
    """What needs company is known."""
    assert [fault.name for fault in UNDER_LOAD] == ["swap-under-load", "equal-lengths", "zeros-under-load"]


@pytest.mark.parametrize("fault", UNDER_LOAD, ids=lambda fault: fault.name)
def test_a_fault_of_load_hits_what_has_company(fault: Fault) -> None:
    """Neither the last request, which nothing follows, nor one that is refused and sent again in halves."""
    assert open_to(fault, texts_with({BATCH + 3: " "})) == [*range(BATCH), *range(2 * BATCH, 9 * BATCH)]


def test_a_fault_of_large_batches_hits_no_request_that_is_halved() -> None:
    """A refused text beside it makes small batches of a large one."""
    whole = open_to(FAULT["large-batch"], texts_with({BATCH + 3: " "}))
    assert whole == [*range(BATCH), *range(2 * BATCH, 10 * BATCH)]


def test_history_hits_what_comes_well_after_a_long_text() -> None:
    """Requests in flight together with the long text may be finished before it."""
    assert open_to(FAULT["history"], texts_with({3: "long " * 200})) == [*range(IN_BETWEEN * BATCH + BATCH, 10 * BATCH)]
    assert open_to(FAULT["history"], texts_with({})) == []


@pytest.mark.parametrize("name", ["equal-lengths", "large-batch", "history", "stale-cache", "permute"])
def test_one_row_in_500_is_hit_that_the_fault_can_change(name: str) -> None:
    """The scope found hits one such text, or the two that it takes."""
    block = sample_set(7)
    scope = scope_for(Trial(faults=(name,), rate=ONE_ROW), block, 7)
    hits = [place for place, hit in enumerate(scope.hits(block.texts)) if hit]
    assert sum(touched(FAULT[name], place, block, scope) for place in hits) == (2 if name == "permute" else 1)
