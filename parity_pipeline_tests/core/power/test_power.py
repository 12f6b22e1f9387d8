"""What a sample set would have caught: never more than it would, and why not where it would not."""

import unicodedata
from collections.abc import Callable
from datetime import date
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.outcomes import Outcome
from parity_pipeline.core.power.changes import ChangeRows, cached_by, in_order, in_space, of_texts, where
from parity_pipeline.core.power.faults import FAULTS, ONE, Fault
from parity_pipeline.core.power.records import FaultResult, Power, SimulatedFault
from parity_pipeline.core.power.rows import FEW, HAZARDS, LONGEST, MOST, ROWS, RowsSample, Vector
from parity_pipeline.core.power.simulation import Simulation
from parity_pipeline.core.power.text_edits import collapse_white_space, least_shift
from parity_pipeline.core.waivers import Waiver, account_for
from parity_pipeline_tests.core.power.sets import TEXTS, block_of, by_text, ignoring, judge, power_of, rows_of, side_of

MANY = [f"the text with the number {number}" for number in range(200)]
CAUGHT, UNSURE, MISSED = FaultResult.CAUGHT, FaultResult.UNSURE, FaultResult.MISSED


def of(power: Power, name: str) -> SimulatedFault:
    """Return the result of a fault."""
    return next(one for one in power.faults if one.name == name)


def simulated(fault: Fault, texts: list[str]) -> SimulatedFault:
    """Return the result of a fault on some texts."""
    return Simulation(rows_of(texts), judge(), len(texts)).power([fault]).faults[0]


@pytest.mark.parametrize(
    "change",
    [
        in_space(lambda vectors, _: vectors),
        in_order(lambda request: request),
        of_texts(lambda text: text),
        cached_by(lambda text: text),
        where(lambda _: True, np.copy),
        where(lambda _: False, np.zeros_like),
    ],
    ids=["space", "order", "texts", "cache", "each row", "no row"],
)
@pytest.mark.parametrize("texts", [["alone"], list(TEXTS), MANY], ids=["one", "few", "many"])
@pytest.mark.parametrize("share", [1.0, 0.5, ONE])
def test_a_fault_of_size_zero_is_never_caught(change: ChangeRows, texts: list[str], share: float) -> None:
    """What changes nothing is missed, on any set, for any kind of fault and share of rows."""
    fault = Fault(name="none", words="nothing", change=change, share=share)
    assert simulated(fault, texts).result is MISSED


def test_the_result_of_every_fault_on_texts_of_some_traits() -> None:
    """A fault is missed where no sample has the trait that it changes, or where what it changes stays within the limits."""
    power = power_of(TEXTS)
    assert {one.name for one in power.of(MISSED)} == {
        "one-in-500", "shift-after-blank", "int8", "float16", "raw-norm", "zeros-for-long", "refuse-long",
        "accept-blank", "accept-surrogates", "cut-1000", "cut-8000", "unicode-nfc", "cache-by-case", "cache-by-digits",
        "cache-by-beginning",
    }  # fmt: skip
    assert {one.name for one in power.of(UNSURE)} == {
        "one-in-100", "lower-case", "strip-accents", "trim", "white-space", "newline-to-space", "drop-punctuation",
    }  # fmt: skip
    assert {one.name for one in power.of(CAUGHT) if one.assumed} == {"cut-100", "prefix", "special-tokens"}
    assert (power.caught, power.unsure, power.simulated) == (len(FAULTS) - 22, 7, len(FAULTS))
    assert (
        power.words
        == f"{len(FAULTS) - 22} of {len(FAULTS)} simulated faults would have been caught, 7 more may have been"
    )
    assert of(power, "unicode-nfc").why == "no sample has a decomposed character"
    assert of(power, "raw-norm").why == "only norms change, and norm-ratio only warns"
    assert of(power, "lower-case").why == "no two samples show whether the model sees it"


@pytest.mark.parametrize("texts", [[], ["alone"]])
def test_a_set_without_neighbours_catches_no_order(texts: list[str]) -> None:
    """Nothing is claimed of one sample, or none, that needs two."""
    power = power_of(texts)
    assert {of(power, name).result for name in ("swap", "shift", "reverse", "one-in-100")} == {MISSED}
    assert power.caught == 0 or texts


def test_a_set_without_vectors_catches_what_gets_one() -> None:
    """Where both sides refuse everything, only a vector in place of a refusal can show."""
    power = power_of([" ", "\ud800"], lambda _: None)
    assert {one.name for one in power.faults if one.result is CAUGHT} <= {"accept-blank", "accept-surrogates"}


@pytest.mark.parametrize(
    ("name", "samples", "result"),
    [
        ("one-in-100", 5, MISSED),
        ("one-in-100", 200, UNSURE),
        ("one-in-100", 400, CAUGHT),
        ("one-in-500", 20, MISSED),
        ("one-in-500", 1_400, UNSURE),
        ("one-in-500", 1_600, CAUGHT),
    ],
)
def test_a_rare_fault_needs_enough_samples(name: str, samples: int, result: FaultResult) -> None:
    """One wrong row in so many is caught where the set would hold one with 95 % probability, missed where with 5 %."""
    assert of(power_of(MANY, samples=samples), name).result is result


def test_a_sample_with_the_edited_text_needs_no_assumption() -> None:
    """The stored vector of the edited text is what a candidate with that fault would have returned."""
    found = of(power_of([*TEXTS, "Hello"]), "lower-case")
    assert (found.result, found.assumed) == (CAUGHT, False)


def test_what_the_model_ignores_is_not_caught() -> None:
    """Where pairs of samples show that the model does not see an edit, texts without a pair are not assumed to move."""
    power = power_of([*TEXTS, "Hello", "THE DOCK", "the dock"], ignoring(str.lower))
    found = of(power, "lower-case")
    assert (found.result, found.why) == (MISSED, "the model ignores it, as 2 pairs of samples show")
    assert of(power, "cache-by-case").result is MISSED
    assert of(power, "cache-by-case").why == "the samples that it changes have the same vector"


def test_two_texts_that_a_fault_makes_equal_need_no_assumption() -> None:
    """A candidate that makes two texts one has one vector for both, which cannot be right for each."""
    head = "the same beginning " * 60
    found = of(power_of([f"{head} and one end", f"{head} with another end", "hello"]), "cut-1000")
    assert (found.result, found.assumed, found.why) == (CAUGHT, False, "cosine")


def test_an_end_that_the_model_does_not_read_is_not_caught() -> None:
    """A cut behind the model's own window changes nothing, which two texts with one beginning show."""
    head = "the same beginning " * 60
    texts = [f"{head} and one end", f"{head} with another end", f"{head[1:]} and a third end", "hello"]
    found = of(power_of(texts, ignoring(lambda text: text[:500])), "cut-1000")
    assert (found.result, found.why) == (MISSED, "the model ignores it, as 1 pair of samples show")


def test_a_prefix_that_moves_little_may_be_missed() -> None:
    """In a space where all texts lie close together, a prefix may stay within the threshold."""
    texts = [" ".join(f"word{number + place}" for number in range(400)) for place in range(3)]
    found = of(power_of(texts, lambda text: by_text(text) + 3), "prefix")
    assert (found.result, found.assumed) == (UNSURE, True)


def test_a_cut_of_repeated_words_may_be_missed() -> None:
    """The end of a text that says one thing over and over says nothing new."""
    assert of(power_of(["the same word " * 60, "hello"]), "cut-100").result is UNSURE


def test_waived_rows_catch_nothing() -> None:
    """A fault whose every row a waiver takes leaves a pass with waivers."""
    waiver = Waiver(
        id="W-1", owner="me", reason="x", expires=date(2030, 1, 1), max_samples=99, outcomes=(Outcome.MISMATCH,),
        samples=(block_of(TEXTS).ids[-1],),
    )  # fmt: skip
    day = date(2026, 5, 1)
    one = judge()
    waiving = judge(waivers=account_for([waiver], model="m", day=day, today=day))
    rows = rows_of(TEXTS)
    fault = [fault for fault in FAULTS if fault.name == "special-tokens"]
    assert Simulation(rows, one, len(TEXTS)).power(fault).caught == 1
    assert Simulation(rows, waiving, len(TEXTS)).power(fault).caught == 0


def test_a_looser_limit_catches_no_more() -> None:
    """Whatever is caught at a loose cosine threshold is caught at a strict one."""
    by_limit = [
        {one.name for one in power_of(TEXTS, limits={"cosine": limit}).faults if one.result is CAUGHT}
        for limit in (0.5, 0.9, 0.999, 0.9999999)
    ]
    # Faults that are defined by the threshold move with it.
    moving = {"offset", "half-just-below"}
    assert all(loose - moving <= strict for loose, strict in pairwise(by_limit))
    assert len(by_limit[0]) < len(by_limit[-1])
    assert "int8" in by_limit[-1]


def test_a_norm_that_fails_is_caught() -> None:
    """The code of the verdict judges: what only warns by default fails where the settings say so."""
    assert of(power_of(TEXTS, limits={"warn_only": ()}), "raw-norm").result is CAUGHT


def test_a_set_that_does_not_pass_catches_nothing() -> None:
    """A fault is only caught where the same rows without it pass."""
    block, sample = block_of(TEXTS), RowsSample(len(TEXTS))
    sample.add(block, side_of(block), side_of(block, ignoring(str.upper)))
    power = Simulation(sample.rows(), judge(), len(TEXTS)).power()
    assert power.caught == 0


def test_rows_that_were_excused_are_left_out() -> None:
    """A row that differed once and not again says nothing of a fault that stays."""
    block, sample = block_of(TEXTS), RowsSample(len(TEXTS), without={block_of(TEXTS).ids[0]})
    sample.add(block, side_of(block), side_of(block))
    assert sample.rows().texts == list(TEXTS[1:])


@pytest.mark.parametrize("rows", [1_000, 777])
def test_a_large_set_is_looked_at_in_part(rows: int) -> None:
    """Memory does not grow with the set; hazards and the longest texts are kept, however the set is cut into blocks."""
    size = 3 * ROWS
    texts = [f"text {number}" + "x" * 5_000 * (number == size - 3) for number in range(size)]
    sample = RowsSample(size)
    for start in range(0, size, rows):
        part = block_of(texts[start : start + rows], "hazard/cjk" if start >= size - rows else "seed", start)
        sample.add(part, side_of(part), side_of(part))
    found = sample.rows()
    assert ROWS <= len(found) <= ROWS + HAZARDS + LONGEST
    assert texts[size - 3] in found.texts
    assert [row.ordinal for row in found.rows] == sorted({row.ordinal for row in found.rows})


def test_few_rows_are_judged() -> None:
    """The cost of a fault does not grow with the set."""
    rows = rows_of([f"Text {number}" for number in range(1_500)])
    assert max(len(fault.change(rows, 0.999).rows) for fault in FAULTS) <= MOST + FEW


@given(st.text(max_size=40), st.text(max_size=40), st.floats(-1, 1))
@settings(max_examples=200, deadline=None)
def test_an_edit_moves_a_vector_by_little(text: str, edited: str, background: float) -> None:
    """What is assumed is between nothing and a tenth of the way to another text, and nothing for no edit."""
    assert least_shift(text, text, background) == 0.0
    assert 0.0 <= least_shift(text, edited, background) <= 0.1 * (1.0 - max(background, 0.0)) + 1e-12


@given(st.text(max_size=60))
@settings(max_examples=200, deadline=None)
def test_white_space_inside_a_text_is_collapsed_and_its_ends_stay(text: str) -> None:
    """Only what stands between two words changes."""
    found = collapse_white_space(text)
    assert found.split() == text.split()
    assert found[: len(found) - len(found.lstrip())] == text[: len(text) - len(text.lstrip())]
    assert "  " not in found.strip()


@pytest.mark.parametrize(
    ("name", "text", "twin"),
    [
        ("strip-accents", "résumé", "resume"),
        ("unicode-nfc", unicodedata.normalize("NFD", "résumé"), "résumé"),
        ("trim", " dock", "dock "),
        ("white-space", "the  dock", "the\tdock"),
        ("newline-to-space", "the\ndock", "the dock"),
        ("drop-punctuation", "the dock!", "the dock?"),
        ("lower-case", "The dock", "THE dock"),
    ],
)
def test_two_samples_that_differ_in_a_trait_alone_show_a_fault(name: str, text: str, twin: str) -> None:
    """A text and its twin are enough, and a model that gives both one vector is not said to be caught."""
    others = ["unrelated words", "something else"]
    assert of(power_of([text, *others]), name).result is UNSURE
    found = of(power_of([text, twin, *others]), name)
    assert (found.result, found.assumed) == (CAUGHT, False)
    alike = of(power_of([text, twin, *others], lambda one: by_text(text if one == twin else one)), name)
    assert alike.result is MISSED
    assert "ignores" in alike.why


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("prefix", "dock"),
        ("special-tokens", "the [MASK] dock"),
        (
            "cut-100",
            f"{'the dock and the yard ' * 5} closes on Friday, ask Maria about the forklift before half past nine",
        ),
    ],
)
def test_an_edit_of_words_is_noticed_on_a_short_text(name: str, text: str) -> None:
    """A single text is enough where every model sees the edit."""
    assert of(power_of([text, "unrelated words", "something else"]), name).result is CAUGHT


def test_names_and_words_are_unique() -> None:
    """No two faults read alike, and their names can be referred to."""
    assert len({fault.name for fault in FAULTS}) == len({fault.words for fault in FAULTS}) == len(FAULTS)
    assert all(not fault.words.endswith(".") for fault in FAULTS)


def zeros_for(text: str) -> Callable[[str], Vector]:
    """Return a model that gives zeros for one text."""
    return lambda one: by_text(one) * (one != text)


def test_zero_vectors_of_both_sides_do_no_harm() -> None:
    """A vector without a direction causes no error and no warning."""
    assert power_of(TEXTS, zeros_for(TEXTS[2])).caught == 0, "zeros on both sides are not a pass"
