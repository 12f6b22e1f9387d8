"""The faults of an adapter: a sound one passes, each fault is named, and the page says what comes out."""

from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.faults.adapter_faults import (
    ADAPTER_FAULTS,
    HEADING,
    AdapterFault,
    AdapterFaults,
    AdapterLine,
    section,
)
from parity_pipeline_tests.report.verdicts import mixed

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"


@pytest.fixture(name="trials", scope="module")
def _trials(tmp_path_factory: pytest.TempPathFactory) -> AdapterFaults:
    """Return the trials, whose sound runs are made once."""
    return AdapterFaults(tmp_path_factory.mktemp("adapter"))


@pytest.mark.parametrize("raw", [False, True])
def test_a_sound_adapter_passes_with_equal_norms_and_an_equal_contract(trials: AdapterFaults, *, raw: bool) -> None:
    """Without a fault every check passes, those of the contract and of norms among them, in a verdict of its own name."""
    verdict = trials.sound(raw=raw)[1]
    assert (verdict.decision, verdict.endpoint) == (Decision.PASS, EMBED_THROUGH_ADAPTER)
    assert not [one.name for one in verdict.checks if one.passed is False]
    assert not verdict.norms_differ
    assert verdict.contract


@pytest.mark.parametrize("fault", ADAPTER_FAULTS, ids=lambda one: one.name)
def test_each_fault_is_named_and_the_page_says_so(fault: AdapterFault, trials: AdapterFaults) -> None:
    """A fault that a caller would notice is named by a check or cause made for it, one that nobody would is not."""
    line = trials.line(fault)
    assert line.right, line.named
    row = section([line], trials.sound()[1]).strip().splitlines()[-1]
    assert row in PAGE.read_text("utf-8").partition(HEADING)[2].splitlines()


def test_the_page_has_every_fault_and_no_other() -> None:
    """The section has one row per fault, and none of a fault that was renamed."""
    rows = [row for row in PAGE.read_text("utf-8").partition(HEADING)[2].splitlines() if row.startswith("| `")]
    assert [row.split("`")[1] for row in rows] == [one.name for one in ADAPTER_FAULTS]


def test_what_names_a_fault_is_a_check_or_a_cause() -> None:
    """The table of what counts as named holds no name that the product never says."""
    known = {str(one) for one in CheckName} | {one.value for one in CauseName}
    assert not [one.name for one in ADAPTER_FAULTS if not one.named_by <= known]


def test_a_fault_that_is_not_named_is_marked() -> None:
    """A missed fault, and a name for what changes nothing, are wrong on the page."""
    by_name = {one.name: one for one in ADAPTER_FAULTS}
    missed = AdapterLine(fault=by_name["parts-swapped"], verdict="PASS", named=("caveats",))
    invented = AdapterLine(fault=by_name["normalised-twice"], verdict="PASS", named=("normalisation",))
    assert not missed.right
    assert not invented.right
    assert section([missed, invented], mixed()).count("**wrong**") == 2
