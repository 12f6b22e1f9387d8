"""The contract in a report: what is not known is said, foreign words stay words, and the advice fits the reason."""

from dataclasses import replace

from parity_pipeline.core.contract.comparison import compare_contracts
from parity_pipeline.core.contract.records import ContractOfSides, ContractRequest, Handling
from parity_pipeline.core.contract_checks import contract_checks
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.escape import sentence
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.sections.contract import WORDS_SHOWN, contract
from parity_pipeline_tests.core.contract.observations import accepted, refused, side_of
from parity_pipeline_tests.report.verdicts import HOSTILE, SEED, verdict_of


def verdict_with(sides: ContractOfSides) -> Verdict:
    """Return a passing verdict with these contracts and their checks."""
    found = compare_contracts(sides)
    verdict = verdict_of(SEED)
    return replace(verdict, contract=found, checks=(*verdict.checks, *contract_checks(found)))


def test_there_is_no_section_where_contracts_are_off() -> None:
    """A verdict without these checks, such as one of an earlier version, has no section of them."""
    assert contract(verdict_of(SEED)) == []
    assert "## Contract" not in render_report(verdict_of(SEED))


def test_a_side_that_was_not_observed_is_named() -> None:
    """One side's responses are shown, and why the other's are not."""
    text = "\n".join(contract(verdict_with(ContractOfSides(legacy=side_of(Side.LEGACY), stale=(Side.CANDIDATE,)))))
    assert "Not measured for the candidate side: it was observed before the fetch" in text
    assert "| one text | HTTP 200 | — | 2 / — | — |" in text
    assert "Without both sides nothing is compared." in text


def test_sides_without_a_difference() -> None:
    """Two sides that are alike say so in one line."""
    text = "\n".join(
        contract(verdict_with(ContractOfSides(legacy=side_of(Side.LEGACY), candidate=side_of(Side.CANDIDATE))))
    )
    assert "No difference that a caller would notice." in text


def test_foreign_words_stay_in_their_cell() -> None:
    """Whatever a server says, the matrix keeps its five columns, and long words are cut."""
    for words in (*HOSTILE, "x" * 400):
        odd = refused(ContractRequest.NULL_ELEMENT, words=words, words_at="error|<b>")
        sides = ContractOfSides(legacy=side_of(Side.LEGACY, odd), candidate=side_of(Side.CANDIDATE, odd))
        rows = [line for line in contract(verdict_with(sides)) if line.startswith("|")]
        assert {line.count("|") for line in rows} == {6}
        assert "<b>" not in "".join(rows)
        assert "x" * (WORDS_SHOWN + 1) not in "".join(rows)


def test_the_advice_of_a_fail_by_the_contract_alone() -> None:
    """Where no sample fails, nobody is sent looking for samples that differ."""
    sides = ContractOfSides(
        legacy=side_of(Side.LEGACY, accepted(ContractRequest.LONG_TEXT, handling=Handling.READ_WHOLE)),
        candidate=side_of(Side.CANDIDATE, accepted(ContractRequest.LONG_TEXT, handling=Handling.CUT)),
    )
    verdict = replace(verdict_with(sides), decision=Decision.FAIL)
    advice = " ".join(sentence(one) for one in flip_advice(verdict))
    assert "no sample fails" in advice
    text = "\n".join(contract(verdict))
    assert "contract-long-text (fail): long text: legacy HTTP 200, read beyond its first half; candidate" in text
