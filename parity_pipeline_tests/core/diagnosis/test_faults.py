"""Each fault of the demo's table, applied to a static model's vectors: the cause is named, and no other."""

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Diagnosis, DiagnosisInput, Vector
from parity_pipeline.core.hazards.corpus import ALL, CATEGORY_PREFIX, hazards_in
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.builders import Row, fetched, samples_of
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, experiments, hashed, inquiry, real, subject
from parity_pipeline_tests.core.diagnosis.vector_spaces import SPACES, Space

N = CauseName
TEXTS = corpus(200)
FAULT = {fault.name: fault for fault in FAULTS}
FROM_VECTORS = {
    "permute": N.PERMUTED_ROWS,
    "truncate": N.TRUNCATION,
    "refuse-long": N.REFUSED_OVER_LENGTH,
    "lower-case": N.CASE,
    "strip-accents": N.ACCENTS,
    "drop-punctuation": N.PUNCTUATION,
    "rotate-space": N.REORDERED_AXES,
    "prefix": N.ADDED_DIRECTION,  # it is called a prefix only after a request with one
    "newline-to-space": N.NEWLINE,
    "trim": N.TRIM,
    "error-500": N.REFUSED,
    "nan": N.NON_FINITE,
    "null": N.NON_FINITE,
    "quarter-width": N.TRUNCATED_DIMENSIONS,
    "shift-after-blank": N.SHIFTED_ROWS,
    "empty-vector": N.NO_ANSWER,
    "drop-row": N.NO_ANSWER,
    "batch-cap": N.NO_ANSWER,
    "zero-vector": N.ZERO_VECTOR,
    "half-width": N.TRUNCATED_DIMENSIONS,
}
BY_FOLLOW_UP = {
    "truncate": N.TRUNCATION,
    "lower-case": N.CASE,
    "strip-accents": N.ACCENTS,
    "drop-punctuation": N.PUNCTUATION,
    "prefix": N.PREFIX,
    "newline-to-space": N.NEWLINE,
    "trim": N.TRIM,
    "large-batch": N.CIRCUMSTANCES,
}
BESIDE_HAZARDS = {
    "permute": N.PERMUTED_ROWS,
    "truncate": N.TRUNCATION,
    "refuse-long": N.REFUSED_OVER_LENGTH,
    "lower-case": N.CASE,
    "strip-accents": N.ACCENTS,
    "unicode-nfc": N.UNICODE_FORM,
    "drop-punctuation": N.PUNCTUATION,
    "rotate-space": N.REORDERED_AXES,
    "prefix": N.PREFIX,
    "newline-to-space": N.NEWLINE,
    "trim": N.TRIM,
    "large-batch": N.CIRCUMSTANCES,
}


def faulty(*names: str, rate: float = 1.0, seed: int = 0) -> FaultySide:
    """Return a side with faults."""
    return FaultySide(real, [FAULT[name] for name in names], Scope(rate=rate, seed=seed, characters=60))


def causes(found: Diagnosis) -> set[CauseName]:
    """Return the names of the causes."""
    return {cause.name for cause in found.causes}


@pytest.mark.parametrize("name", FROM_VECTORS)
def test_named_from_stored_vectors(name: str) -> None:
    """A fault on every row is named from the stored vectors alone, and explains every failing row."""
    found = diagnose(subject(TEXTS, faulty(name)))
    assert causes(found) == {FROM_VECTORS[name]}
    assert found.explained == found.failing > 0
    assert found.requests_used == 0


@pytest.mark.parametrize("name", BY_FOLLOW_UP)
def test_one_row_is_settled_by_follow_up_queries(name: str) -> None:
    """A fault that hits one row or two of 200 is proven by a few requests, within the budget."""
    for seed in range(100):
        side = faulty(name, rate=0.006, seed=seed)
        found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
        if found.failing:
            break
    assert found.failing <= 6  # pyright: ignore[reportPossiblyUnboundVariable] - the loop runs
    assert causes(found) == {BY_FOLLOW_UP[name]}  # pyright: ignore[reportPossiblyUnboundVariable] - as above
    assert 0 < found.requests_used <= 12  # pyright: ignore[reportPossiblyUnboundVariable] - as above


def test_a_legacy_side_that_edits_is_named_as_such() -> None:
    """The side that is at fault is named, be it the legacy one."""
    legacy, candidate = faulty("lower-case"), FaultySide(real)
    found = diagnose(subject(TEXTS, candidate, legacy), inquiry=inquiry(candidate, legacy))
    assert causes(found) == {N.CASE}
    assert found.causes[0].confidence is Confidence.PROVEN
    assert f"the {Side.LEGACY} side behaves as if letters are lower-cased" in found.causes[0].words


def test_where_a_text_is_cut_is_found_to_the_character() -> None:
    """Requesting beginnings finds the limit."""
    side = faulty("truncate")
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert "the candidate side reads no more than 60 characters" in found.causes[0].words


@pytest.mark.parametrize("name", ["large-batch", "unsteady", "swap-under-load"])
def test_named_from_experiments(name: str) -> None:
    """What depends on batch, load or chance is named from the repeatability of the side."""
    side = faulty(name)
    given = subject(TEXTS, side, in_flight=4)
    found = causes(diagnose(given, experiments(side, TEXTS)))
    wanted = {"large-batch": N.BATCH_SIZE, "unsteady": N.NOT_DETERMINISTIC, "swap-under-load": N.CONCURRENCY}
    assert wanted[name] in found
    assert found <= {wanted[name], N.PERMUTED_ROWS}


def test_two_causes_are_reported_as_two() -> None:
    """Case and trimming on one side at once are both named."""
    side = faulty("lower-case", "trim")
    assert causes(diagnose(subject(TEXTS, side), inquiry=inquiry(side))) == {N.CASE, N.TRIM}


def test_a_lone_strayed_row_is_unknown() -> None:
    """A row that strayed for no reason in its text gets no cause, with or without follow-up queries."""
    side = next(
        side
        for side in (faulty("noise", rate=0.005, seed=seed) for seed in range(100))
        if diagnose(subject(TEXTS, side)).failing
    )
    for more in (None, inquiry(side)):
        found = diagnose(subject(TEXTS, side), inquiry=more)
        assert found.causes == ()
        assert len(found.unexplained) == found.failing > 0


def test_norms_are_only_reported() -> None:
    """Raw against scaled norms fail nothing and are reported with their one factor."""
    found = diagnose(subject(TEXTS, faulty("raw-norm")))
    assert found.failing == 0
    assert "one factor of 17" in found.remarks[0].words


@pytest.mark.parametrize("space", SPACES, ids=lambda space: space.name)
def test_spaces(space: Space) -> None:
    """Changes of the whole space are named, and clean or noisy controls are left alone."""
    found = diagnose(subject(corpus(300), FaultySide(space.faulty), FaultySide(space.true)))
    assert causes(found) == set(space.causes)


def _with_hazards() -> tuple[list[str], list[str]]:
    """Return plain texts with every hazard that a gateway embeds beside them, and their categories."""
    plain = corpus(120, twins=False, blanks=0)
    hazards = {
        one.text: f"{CATEGORY_PREFIX}{one.set_name}"
        for one in hazards_in((ALL,), salt="x")
        if one.text.strip() and len(one.text) < 3000 and not any("\ud800" <= sign <= "\udfff" for sign in one.text)
    }
    more = {text: category for text, category in hazards.items() if text not in plain}
    return [*plain, *more], [*(["seed"] * len(plain)), *more.values()]


@pytest.mark.parametrize("name", BESIDE_HAZARDS)
def test_a_cause_comes_out_with_every_hazard_beside_it(name: str) -> None:
    """The one cause of a set of plain texts is the one cause of the same set with all hazards, with no text unexplained."""
    texts, categories = _with_hazards()
    for count in (120, len(texts)):
        side = faulty(name)
        given = replace(subject(texts[:count], side), samples=samples_of(texts[:count], categories=categories[:count]))
        found = diagnose(given, inquiry=inquiry(side))
        # Stripping accents composes what has none, such as Hangul: that is another Unicode form and nothing else.
        beside = {N.UNICODE_FORM} if name == "strip-accents" else set[CauseName]()
        assert {BESIDE_HAZARDS[name]} <= causes(found) <= {BESIDE_HAZARDS[name], *beside}
        assert found.explained == found.failing > 0


def _quoting() -> tuple[list[str], list[str]]:
    """Return short texts, longer ones in typographic quotation marks, and every hazard beside them, with categories."""
    places = [
        f"a {one} in {town}" for one in ("welder", "nurse", "roofer", "judge") for town in ("Oslo", "Rome", "Bonn")
    ]
    short = [f"{place}, ref {number}" for place in places for number in range(9)]
    long = [f"\u201c{place} with a licence and years of experience\u201d" for place in places]
    hazards = [pair for pair in zip(*_with_hazards(), strict=True) if pair[1].startswith(CATEGORY_PREFIX)]
    own = [*short, *long]
    return [*own, *(text for text, _ in hazards)], [*(["mine"] * len(own)), *(category for _, category in hazards)]


_PLAIN = str.maketrans({"\u201c": '"', "\u201d": '"', "\u2018": "'", "\u2019": "'"})


def _plainly(texts: Sequence[str]) -> NDArray[np.float32]:
    return hashed([text.translate(_PLAIN) for text in texts])


def test_longer_texts_that_pass_refute_a_cut() -> None:
    """Where the long texts of a source fail and longer hazards pass, no length is named, even without a request."""
    texts, categories = _quoting()
    given = replace(
        subject(texts, FaultySide(_plainly), FaultySide(hashed)), samples=samples_of(texts, categories=categories)
    )
    found = diagnose(given)
    assert N.TRUNCATION not in causes(found)
    assert found.failing >= 12


CLEANERS: tuple[tuple[CauseName, str, Callable[[str], str]], ...] = (
    (N.UNICODE_FORM, "\u201ca {0} in {1}\u201d", lambda text: text.translate(_PLAIN)),
    (N.UNICODE_FORM, "a {0} \u2013 in {1}", lambda text: text.translate(_PLAIN | {0x2013: "-", 0x2014: "-"})),
    (N.TOKENIZER, "a {0}\u200b in {1}", lambda text: re.sub("[\u200b-\u200d\u2060\ufeff]", "", text)),
    (
        N.EMOJI,
        "a {0} \U0001f600 in {1}",
        lambda text: re.sub("[\U0001f000-\U0001faff\u2600-\u27bf\u200d\ufe0f]", "", text),
    ),
)


@pytest.mark.parametrize(("cause", "form", "clean"), CLEANERS, ids=["quotation marks", "dashes", "no width", "emoji"])
def test_what_text_cleaners_do_is_proven_and_not_taken_for_dropped_punctuation(
    cause: CauseName, form: str, clean: Callable[[str], str]
) -> None:
    """Each cleaner is named by itself although ordinary punctuation passes beside it, and explains all but odd hazards."""
    texts, categories = _quoting()
    more = [form.format(*pair) for pair in product(("welder", "nurse", "judge"), ("Oslo", "Rome", "Bonn", "Kiel"))]
    texts, categories = [*more, *texts], [*(["mine"] * len(more)), *categories]

    def cleaned(given: Sequence[str]) -> NDArray[np.float32]:
        return hashed([clean(text) or text for text in given])

    side, legacy = FaultySide(cleaned), FaultySide(hashed)
    given = replace(subject(texts, side, legacy), samples=samples_of(texts, categories=categories))
    found = diagnose(given, inquiry=inquiry(side, legacy))
    assert [(one.name, one.confidence) for one in found.causes] == [(cause, Confidence.PROVEN)]
    assert found.explained >= 0.9 * found.failing


ALIKE: tuple[tuple[str, str, str, str], ...] = (
    ("a {0} \u2013 in {1}", "\u2013\u2014", "-", "typographic dashes become hyphens"),
    ("\u201ca {0}\u201d \u2013 in {1}", "\u2013\u2014", "-", "typographic dashes become hyphens"),
    ("a {0}\x00 in {1}", "\x00", "", "control characters or signs of no width are left away"),
    ("a {0} 1\ufe0f\u20e3 in {1}", "\ufe0f", "", "variation selectors are left away"),
    ("a {0} \u00a9\ufe0f in {1}", "\ufe0f", "", "variation selectors are left away"),
    ("a {0} \u2764\ufe0f in {1}", "\ufe0f", "", "variation selectors are left away"),
    ("a {0} \U0001f600! in {1}", "\U0001f600", " ", "emoji or dingbats become blanks"),
)


@pytest.mark.parametrize(("form", "signs", "plain", "words"), ALIKE)
def test_a_cleaner_is_not_said_to_do_what_it_does_not(form: str, signs: str, plain: str, words: str) -> None:
    """One that replaces dashes keeps quotation marks, and one that drops variation selectors keeps emoji and accents."""
    more = [form.format(*pair) for pair in product(("welder", "nurse", "judge"), ("Oslo", "Rome", "Bonn", "Kiel"))]
    texts = [*more, *corpus(120, twins=False, blanks=0)]
    table = str.maketrans(dict.fromkeys(signs, plain))
    side, legacy = FaultySide(lambda given: hashed([text.translate(table) for text in given])), FaultySide(hashed)
    found = diagnose(subject(texts, side, legacy), inquiry=inquiry(side, legacy))
    assert [one.confidence for one in found.causes] == [Confidence.PROVEN]
    assert f"as if {words}:" in found.causes[0].words
    assert found.explained == found.failing > 0


TRAITS = (
    ("nothing but white space", [" ", "   ", "\t"]),
    ("a lone surrogate", ["one \ud800 half", "\udfff", "and \ud900 more"]),
    ("Hangul letters", ["한국어 문장", "서울", "부산 항구"]),
    ("an emoji", ["ready 😀", "🚚 on its way", "done ✅"]),
)


@pytest.mark.parametrize(("words", "texts"), TRAITS, ids=lambda one: one if isinstance(one, str) else "")
def test_texts_without_a_vector_are_described_by_what_they_share(words: str, texts: list[str]) -> None:
    """Refused, lost, broken or zero: a property that all of them have and the others have not stands in the words."""
    plain = [f"pallet {number} goes to gate {number * 7}" for number in range(40)]
    block = samples_of([*plain, *texts])
    vectors = real(plain).tolist()
    legacy = fetched(block, [*vectors, *real(["."] * len(texts)).tolist()])
    zeros: list[Row] = [[0.0] * 256 for _ in texts]
    for rows in ([RowStatus.REFUSED] * len(texts), [RowStatus.FAILED] * len(texts), zeros):
        given = DiagnosisInput(samples=block, legacy=legacy, candidate=fetched(block, [*vectors, *rows]))
        (cause,) = diagnose(given).causes
        assert f"all of them are texts with {words}" in cause.words
        assert cause.side is Side.CANDIDATE


def test_what_a_server_says_keeps_refusals_apart() -> None:
    """Texts over the window and blank texts are two causes with a server's two sentences, one rule with many numbers is one."""
    plain = [f"pallet {number} goes to gate {number * 7}" for number in range(40)]
    long, blank = [" ".join(f"word{n}x{m}" for m in range(300 + n)) for n in range(3)], ["  ", "\n"]
    block = samples_of([*plain, *long, *blank])
    legacy = fetched(block, real(block.texts).tolist())
    rows = [*real(plain).tolist(), *([RowStatus.REFUSED] * 5)]
    said = [*([None] * 40), *(f"http_400: {300 + n} tokens exceed the limit of 256" for n in range(3))]
    said += ["http_400: a text must not be blank"] * 2
    candidate = replace(fetched(block, rows), errors=said)
    found = diagnose(DiagnosisInput(samples=block, legacy=legacy, candidate=candidate))
    assert {cause.name: cause.count for cause in found.causes} == {N.REFUSED_OVER_LENGTH: 3, N.REFUSED: 2}
    words = " ".join(cause.words for cause in found.causes)
    assert "“300 tokens exceed the limit of 256”" in words
    assert "“a text must not be blank”" in words


def test_noise_on_a_part_of_the_rows_is_possible_and_a_lone_row_is_unknown() -> None:
    """A third of the rows that differ by one size, for no reason in their texts, look like one replica of several."""
    side = faulty("noise", rate=0.3)
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert [(one.name, one.confidence) for one in found.causes] == [(N.PRECISION, Confidence.POSSIBLE)]
    assert "noise on a part of the rows" in found.causes[0].words


def test_noise_is_seen_beside_rows_that_something_else_took_further() -> None:
    """A few rows far off, such as those that have a second fault, do not hide the noise of the others."""
    side = faulty("noise", rate=0.3)
    texts = [text for text in TEXTS if text.strip()]
    marked = {text.split()[0].casefold() for text in texts[:2]}

    def far(sent: Sequence[str]) -> NDArray[np.float32]:
        """Take every spelling of a few texts far off: nothing cures them."""
        strange = [bool(text.strip()) and text.split()[0].casefold() in marked for text in sent]
        return np.where(np.array(strange)[:, None], hashed(sent, width=256), real(sent)).astype(np.float32)

    side.embed = far
    found = diagnose(subject(texts, side, FaultySide(real)), inquiry=inquiry(side, FaultySide(real)))
    (cause,) = found.causes
    assert (cause.name, cause.confidence) == (N.PRECISION, Confidence.POSSIBLE)
    assert found.unexplained
    assert not set(cause.samples) & set(found.unexplained)


def test_noise_that_grows_with_the_length_of_a_text_is_said_to() -> None:
    """On a part of the rows it has no one size; that longer texts differ by more is its sign."""
    side = faulty("context-size", rate=0.3)
    texts = [" ".join(TEXTS[place : place + 1 + place % 9]) for place in range(len(TEXTS) - 9)]
    found = diagnose(subject(texts, side), inquiry=inquiry(side))
    assert [(one.name, one.confidence) for one in found.causes] == [(N.PRECISION, Confidence.POSSIBLE)]
    assert "differ by more the longer their texts are" in found.causes[0].words


def test_other_models_get_no_more_than_their_part_of_the_budget() -> None:
    """One that refuses every request does not get all of its halves."""
    side = faulty("lower-case")
    sent: list[int] = []

    def refusing(texts: Sequence[str]) -> list[Vector | None]:
        sent.append(len(texts))
        return [None] * len(texts)

    query = replace(inquiry(side), others={("other", Side.CANDIDATE): refusing, ("other", Side.LEGACY): refusing})
    found = diagnose(subject(TEXTS, side), inquiry=query)
    assert N.CASE in {cause.name for cause in found.causes}
    assert len(sent) <= query.requests // 3


@pytest.mark.parametrize("at_fault", list(Side))
def test_rows_that_moved_up_behind_a_blank_text_are_shifted_on_either_side(at_fault: Side) -> None:
    """A row left out is named with the side that left it out, be it the legacy one."""
    side = faulty("shift-after-blank")
    candidate, legacy = (side, FaultySide(real)) if at_fault is Side.CANDIDATE else (FaultySide(real), side)
    found = diagnose(subject(TEXTS, candidate, legacy))
    # The blank texts themselves hold a vector of another text.
    assert {N.SHIFTED_ROWS} <= causes(found) <= {N.SHIFTED_ROWS, N.BLANK}
    assert f"on the {at_fault} side" in found.causes[0].words


def test_rows_behind_a_blank_text_are_shifted_where_the_first_of_them_fail_for_another_reason_too() -> None:
    """A row that lost its accents as well cannot be assigned to another one: the rows after it are not permuted."""
    plain = [f"Pallet {number} of order {number * 37} waits at gate {number % 9}" for number in range(96)]
    texts = [
        " " if place % 32 == 3 else f"{text}, café and crème brûlée for Zoë" if place % 32 in (4, 5, 6) else text
        for place, text in enumerate(plain)
    ]
    found = diagnose(subject(texts, faulty("shift-after-blank", "strip-accents")))
    assert N.SHIFTED_ROWS in causes(found)
    assert N.PERMUTED_ROWS not in causes(found)
