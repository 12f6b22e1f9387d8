"""Signs that are easily missed or misread: a grid, capitals alone, rounding at the threshold, a cut near the end."""

from collections.abc import Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import CauseName, Confidence
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, hashed, inquiry, real, subject

N = CauseName
TEXTS = corpus(120, seed=7)
FAULT = {fault.name: fault for fault in FAULTS}


def faulty(name: str, **scope: float) -> FaultySide:
    """Return a side with one fault."""
    return FaultySide(real, [FAULT[name]], Scope(**scope))  # type: ignore[arg-type]  # pyright: ignore[reportArgumentType]


def test_rounding_to_integers_is_reported_though_every_sample_passes() -> None:
    """An int8 grid on one side is an observation with the number of rows, down to one row; sound sides have none."""
    every = diagnose(subject(TEXTS, faulty("int8")))
    assert [(one.name, one.count) for one in every.remarks] == [(N.PRECISION, len(TEXTS))]
    assert every.failing == 0
    one = next(
        found
        for seed in range(500)
        if (found := diagnose(subject(TEXTS, faulty("int8", rate=0.01, seed=seed)))).remarks
    )
    assert one.remarks[0].name is N.PRECISION
    assert not diagnose(subject(TEXTS, FaultySide(real))).remarks
    both = diagnose(subject(TEXTS, faulty("int8"), faulty("int8")))
    assert not both.remarks


def test_texts_in_capitals_that_collapse_are_named() -> None:
    """Where texts in capitals alone fail, case is named."""
    texts = [*TEXTS, *(f"DOCK {word} IS CLOSED".upper() for word in ("one", "two", "three", "four", "five", "six"))]
    found = diagnose(subject(texts, faulty("capitals-collapse")))
    assert {cause.name for cause in found.causes} == {N.CASE}


def test_a_row_at_the_threshold_is_not_a_change_of_axes() -> None:
    """A row that fails by less than the rounding of float32 is not restored by leaving its elements in place."""
    matrix = hashed(TEXTS, 256).astype(np.float64)
    other = hashed(TEXTS, 256, "other").astype(np.float64)
    other -= matrix * np.einsum("ij,ij->i", matrix, other)[:, None]
    other /= np.linalg.norm(other, axis=1, keepdims=True)
    cosine = 0.999 - np.linspace(0, 2e-7, len(TEXTS))[:, None]
    rows = dict(zip(TEXTS, (cosine * matrix + np.sqrt(1 - cosine**2) * other).astype(np.float32), strict=True))
    candidate = FaultySide(lambda texts: np.array([rows[text] for text in texts]))
    found = diagnose(subject(TEXTS, candidate, FaultySide(lambda texts: hashed(texts, 256))))
    assert found.failing > 0
    assert N.REORDERED_AXES not in {cause.name for cause in found.causes}


def test_where_a_lone_text_is_cut_is_found_among_many_good_beginnings() -> None:
    """A text cut near its end, whose beginnings come close to it in several places, is settled within the budget."""
    text = (
        "Our Denver branch cancelled 12 pallets of coffee before 6:45 am! Badge readers at dock 7 are down again! "
        "Overtime is paid at 1.5x after 40 hours. No experience needed, training on site. Shuttle leaves from the café "
        "on Elm Street. Ref 4711"
    )
    side = FaultySide(real, [FAULT["truncate"]], Scope(characters=200))
    texts = [*(one for one in TEXTS if len(one) <= 200), text]
    found = diagnose(subject(texts, side), inquiry=inquiry(side))
    assert {cause.name for cause in found.causes} == {N.TRUNCATION}
    assert "200 characters" in found.causes[0].words


def test_a_number_without_its_point_is_not_another_row() -> None:
    """Where dropping a point makes one sample of another, punctuation is named and no permutation."""
    texts = [*TEXTS, "1.000 pallets", "1000 pallets", "1e-10 volts", "1e10 volts"]
    found = diagnose(subject(texts, faulty("drop-punctuation")))
    assert {cause.name for cause in found.causes} == {N.PUNCTUATION}


def test_a_sample_that_is_another_with_the_prefix_is_not_another_row() -> None:
    """Where the set holds a text both plain and with the task prefix, a prefix is named and no permutation."""
    texts = [*TEXTS, "how tall is a pallet", "search_document: how tall is a pallet"]
    side = faulty("prefix")
    found = diagnose(subject(texts, side), inquiry=inquiry(side))
    assert {cause.name for cause in found.causes} == {N.PREFIX}


@pytest.mark.parametrize(("of", "said"), [("", False), ("night nurse", True), ("pallet", True), ("p", False)])
def test_an_edit_of_some_texts_only_is_not_said_of_all(of: str, *, said: bool) -> None:
    """Where more texts with signs match than fail, the proven cause says how many; where nearly all fail it does not."""
    texts = [f"{word}, to dock {number}" for word in ("pallet", "parcel", "night nurse") for number in range(12)]
    texts += [f"gate {number} is shut" for number in range(40)]

    def edited(given: Sequence[str]) -> NDArray[np.float32]:
        return hashed([text.replace(",", "") if text.startswith(of) else text for text in given], 256)

    side, legacy = FaultySide(edited), FaultySide(lambda given: hashed(given, 256))
    found = diagnose(subject(texts, side, legacy), inquiry=inquiry(side, legacy))
    (cause,) = found.causes
    assert (cause.name, cause.confidence) == (N.PUNCTUATION, Confidence.PROVEN)
    _, clause, rest = cause.words.partition("; ")
    assert (clause + rest == "; 24 samples that it would change match all the same") is said
    assert bool(rest) is said


def test_accents_that_go_with_the_punctuation_are_not_said_to_be_stripped() -> None:
    """Of a decomposed text both edits leave the same; what explains most texts is said, and of these too."""
    texts = corpus(200, seed=7)
    side = faulty("drop-punctuation")
    found = diagnose(subject(texts, side), inquiry=inquiry(side))
    assert [(cause.name, cause.confidence) for cause in found.causes] == [(N.PUNCTUATION, Confidence.PROVEN)]
    assert found.explained == found.failing


def test_accents_and_punctuation_that_both_go_are_both_named() -> None:
    """Where each edit is made, neither takes the other for a part of itself."""
    side = FaultySide(real, [FAULT["drop-punctuation"], FAULT["strip-accents"]], Scope())
    found = diagnose(subject(corpus(200, seed=7), side), inquiry=inquiry(side))
    assert {(cause.name, cause.confidence) for cause in found.causes} == {
        (N.PUNCTUATION, Confidence.PROVEN),
        (N.ACCENTS, Confidence.PROVEN),
    }


def test_a_text_without_its_last_sign_is_not_said_to_be_cut() -> None:
    """Where letters are lower-cased and punctuation is dropped, a text that only loses its question mark was not cut."""
    texts = corpus(200, seed=8)
    side = FaultySide(real, [FAULT["lower-case"], FAULT["drop-punctuation"]], Scope())
    found = diagnose(subject(texts, side), inquiry=inquiry(side))
    proven = {cause.name for cause in found.causes if cause.confidence is Confidence.PROVEN}
    assert proven == {N.CASE, N.PUNCTUATION}
