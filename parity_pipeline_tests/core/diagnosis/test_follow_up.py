"""Causes that only follow-up queries show: history, chance, stale entries, one property, faults beside moved rows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from parity_pipeline.core.diagnosis.context import DiagnosisContext
from parity_pipeline.core.diagnosis.diagnose import diagnose
from parity_pipeline.core.diagnosis.instability import find_history
from parity_pipeline.core.diagnosis.records import CauseName, Confidence, Diagnosis, FollowUpQueries, Vector
from parity_pipeline.core.diagnosis.request_budget import RequestBudget
from parity_pipeline.core.diagnosis.text_variants import find_text_variants
from parity_pipeline.core.diagnosis.truncation import find_cut
from parity_pipeline.core.outcomes import Side
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline_tests.core.diagnosis.corpus import corpus
from parity_pipeline_tests.core.diagnosis.faulty_sides import FaultySide, hashed, inquiry, narrow, real, subject

N = CauseName
TEXTS = corpus(200)
FAULT = {fault.name: fault for fault in FAULTS}
PLAIN = [f"pallet {number} goes to gate {number * 7}" for number in range(96)]


def causes(found: Diagnosis) -> set[CauseName]:
    """Return the names of the causes."""
    return {cause.name for cause in found.causes}


def lone(name: str, *, warm: bool = False) -> FaultySide:
    """Return a side with a fault on one failing text of the set, or its twins, as it is before the set is fetched."""

    def side(seed: int) -> FaultySide:
        made = FaultySide(real, [FAULT[name]], Scope(rate=0.006, seed=seed))
        if warm:
            made.fetch(TEXTS)
        return made

    seed = next(seed for seed in range(500) if diagnose(subject(TEXTS, side(seed))).failing == 1)
    return side(seed)


@pytest.mark.parametrize("at_fault", list(Side))
def test_a_side_that_a_long_text_changed_is_named(at_fault: Side) -> None:
    """A request that passed before the long text and fails when it is sent again shows history, on either side."""
    texts = [*PLAIN[:40], "long " * 200, *PLAIN[40:]]
    faulty, true = FaultySide(real, [FAULT["history"]]), FaultySide(real)
    candidate, legacy = (faulty, true) if at_fault is Side.CANDIDATE else (true, faulty)
    found = diagnose(subject(texts, candidate, legacy), inquiry=inquiry(candidate, legacy))
    assert causes(found) == {N.HISTORY}
    assert found.explained == found.failing > 20
    assert f"was sent to the {at_fault} side again" in found.causes[0].words
    assert found.causes[0].evidence[0].after == pytest.approx(0.99, abs=1e-6)
    assert found.causes[0].confidence is Confidence.LIKELY


def test_only_a_whole_request_with_the_same_vectors_twice_shows_history() -> None:
    """A part of a request would be another request, and a side that varies by chance has no other state."""
    texts = [*PLAIN[:31], "long " * 200, *PLAIN[31:]]
    for name, step, count in (("history", 1, 1), ("history", 2, 0), ("unsteady", 1, 0)):
        side = FaultySide(real, [FAULT[name]])
        given = subject(texts, side)
        given.candidate.values[: given.candidate.offsets[32]] = given.legacy.values[: given.legacy.offsets[32]]
        context = DiagnosisContext(replace(given, ordinals=[*range(0, step * len(texts), step)]))
        assert len(find_history(context, context.failing.copy(), RequestBudget(inquiry(side)))) == count


def test_a_text_on_which_the_sides_agree_by_now_depends_on_no_spelling() -> None:
    """What was wrong once and is right when sent again is not a stale entry."""
    given = subject(PLAIN, FaultySide(real))
    given.candidate.values[: given.candidate.offsets[1]] *= np.resize([1.0, 0.5], given.candidate.offsets[1])
    context = DiagnosisContext(given)
    assert context.failing.sum() == 1
    assert find_text_variants(context, context.failing.copy(), RequestBudget(inquiry(FaultySide(real)))) == []


def test_a_sorted_set_is_not_history() -> None:
    """Where failing texts stand together because of what they are, that is reported, whatever passed before them."""
    texts = [*PLAIN[:64], *(text.replace("pallet", "Pallet") for text in PLAIN[64:])]
    side = FaultySide(real, [FAULT["lower-case"]])
    assert causes(diagnose(subject(texts, side), inquiry=inquiry(side))) == {N.CASE}


def test_a_side_that_varies_by_chance_has_no_history() -> None:
    """Other vectors each time are reported as such, though the first request passed."""
    side = FaultySide(real, [FAULT["unsteady"]])
    given = subject(PLAIN, side)
    true = FaultySide(real).fetch(PLAIN)
    first = true.offsets[32]
    given.candidate.values[:first] = true.values[:first]
    found = diagnose(given, inquiry=inquiry(side))
    assert N.HISTORY not in causes(found)
    assert N.NOT_DETERMINISTIC in causes(found)


def test_one_text_with_another_vector_each_time_is_not_deterministic() -> None:
    """One request sent twice proves it, on that row alone."""
    side = lone("unsteady")
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert causes(found) == {N.NOT_DETERMINISTIC}
    assert (found.causes[0].count, found.causes[0].confidence) == (1, Confidence.PROVEN)


@pytest.mark.parametrize("at_fault", list(Side))
def test_one_stale_entry_is_found_by_another_spelling(at_fault: Side) -> None:
    """A text that is right once a blank stands behind it, which changes nothing elsewhere, depends on its exact bytes.

    Two of few requests are kept for this, however many the search for an edit would take.
    """
    faulty, true = lone("stale-cache", warm=True), FaultySide(real)
    candidate, legacy = (faulty, true) if at_fault is Side.CANDIDATE else (true, faulty)
    found = diagnose(subject(TEXTS, candidate, legacy), inquiry=inquiry(candidate, legacy, requests=8))
    assert causes(found) == {N.STALE_CACHE}
    assert f"the {at_fault} side gives a failing text" in found.causes[0].words
    assert (found.causes[0].count, found.causes[0].confidence) == (1, Confidence.POSSIBLE)
    assert found.requests_used <= 8


def test_where_a_blank_changes_the_vector_nothing_is_said_of_a_cache() -> None:
    """Without a spelling that changes nothing for the sound side there is no control, and no cause."""
    side = FaultySide(hashed, [FAULT["stale-cache"]], Scope(rate=0.03))
    side.fetch(PLAIN)
    found = diagnose(subject(PLAIN, side, FaultySide(hashed)), inquiry=inquiry(side, FaultySide(hashed)))
    assert found.failing > 0
    assert found.causes == ()


@pytest.mark.parametrize("name", ["noise", "context-size"])
def test_a_text_that_fails_in_every_spelling_stays_unknown(name: str) -> None:
    """Neither a cache nor a property is named where no spelling lets the sides agree."""
    side = lone(name)
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert found.causes == ()
    assert len(found.unexplained) == 1


def test_one_text_in_capitals_that_collapsed_is_attributed_to_its_case() -> None:
    """Both sides agree on it in small letters and in no other spelling."""
    side = lone("capitals-collapse")
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert causes(found) == {N.CASE}
    assert "once letters are lower-cased" in found.causes[0].words


def test_what_else_is_wrong_with_moved_rows_is_named_too() -> None:
    """Rows that were turned and got a prefix are both, each with nearly all rows and the prefix in full."""
    side = FaultySide(real, [FAULT["prefix"], FAULT["permute"]])
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert causes(found) == {N.PERMUTED_ROWS, N.PREFIX}
    assert min(cause.count for cause in found.causes) > 150
    assert any("search_document: " in cause.words for cause in found.causes)


@pytest.mark.parametrize("other", ["large-batch", "history", "stale-cache"])
@pytest.mark.parametrize("seed", range(1, 4))
def test_no_edit_is_proven_while_rows_are_moved_between_slots(other: str, seed: int) -> None:
    """A vector in the slot of an edited text may be that of any text: the unedited one shows it by another vector than before."""
    side = FaultySide(real, [FAULT[other], FAULT["permute"]], Scope(rate=0.3, seed=seed))
    found = diagnose(subject(TEXTS, side), inquiry=inquiry(side))
    assert {cause.name for cause in found.causes if cause.confidence is Confidence.PROVEN} == {N.PERMUTED_ROWS}


def test_no_edit_is_proven_of_a_text_whose_vector_has_changed_since() -> None:
    """The other side's vector of the unedited text has to be that of the comparison: else its state changed in between."""
    side = FaultySide(real, [FAULT["lower-case"]])

    def since(texts: Sequence[str]) -> list[Vector | None]:
        """Keep what is written small, as the edited texts are; all else has another vector by now."""
        rows = np.where([[text == text.lower()] for text in texts], real(texts), hashed(texts, width=256))
        return list(rows.astype(np.float32))

    compared = subject(TEXTS, side)
    assert N.CASE in causes(diagnose(compared, inquiry=inquiry(side)))
    found = diagnose(compared, inquiry=replace(inquiry(side), legacy=since))
    assert not [one for one in found.causes if one.name is N.CASE and "for the edited text" in one.words]


def test_no_cut_is_proven_of_a_text_whose_vector_has_changed_since() -> None:
    """The same holds where beginnings are embedded: the whole text has to get its vector of the comparison beside them."""
    side = FaultySide(real, [FAULT["truncate"]], Scope(characters=40))

    def since(texts: Sequence[str]) -> list[Vector | None]:
        """Keep what is short, as the beginnings are; all else has another vector by now."""
        rows = np.where([[len(text) <= 40] for text in texts], real(texts), hashed(texts, width=256))
        return list(rows.astype(np.float32))

    compared = subject(TEXTS, side)
    assert N.TRUNCATION in causes(diagnose(compared, inquiry=inquiry(side)))
    found = diagnose(compared, inquiry=replace(inquiry(side), legacy=since))
    assert not [one for one in found.causes if one.name is N.TRUNCATION and one.confidence is Confidence.PROVEN]


def test_rows_that_fail_for_another_reason_are_not_called_moved() -> None:
    """Of a set of which two requests in three are turned, the third one's foreign vectors do not belong to that."""

    def turned(texts: Sequence[str]) -> NDArray[np.float32]:
        return hashed(texts, salt="other") if texts[0] == PLAIN[64] else np.roll(hashed(texts), 1, axis=0)

    found = diagnose(subject(PLAIN, FaultySide(turned), FaultySide(hashed)))
    assert [(cause.name, cause.count) for cause in found.causes] == [(N.PERMUTED_ROWS, 64)]
    assert len(found.unexplained) == 32


def test_a_model_that_refuses_or_gives_narrower_vectors_is_not_recognised() -> None:
    """What is refused, and what is of another length, cannot be one of the failing texts; nothing breaks."""
    side = FaultySide(
        real, [FAULT["wrong-model"]], Scope(other_models=("other",)), other=lambda texts: hashed(texts, 256)
    )

    def refuse(texts: Sequence[str]) -> list[Vector | None]:
        return [None] * len(texts)

    for ask in (refuse, FaultySide(narrow).ask()):
        others = {("other", one): ask for one in Side}
        found = diagnose(subject(PLAIN, side), inquiry=replace(inquiry(side), others=others))
        assert N.WRONG_MODEL not in causes(found)


def test_an_exact_cut_is_kept_where_no_request_is_left_to_verify_it() -> None:
    """What the search has found is named with its side and limit, however few requests are left."""
    long = " ".join(f"word{number}" for number in range(400))
    legacy = FaultySide(real, [FAULT["truncate"]], Scope(characters=1337))
    texts = [*PLAIN, long]
    given = subject(texts, FaultySide(real), legacy)
    context = DiagnosisContext(given)
    for requests in range(2, 12):
        budget = RequestBudget(inquiry(FaultySide(real), legacy, requests=requests))
        found = find_cut(context, context.failing.copy(), budget)
        if found:
            break
    assert budget.left == 0  # pyright: ignore[reportPossiblyUnboundVariable] - the loop runs
    (cut,) = found  # pyright: ignore[reportPossiblyUnboundVariable] - as above
    assert cut.words.startswith("the legacy side reads no more than 13")
    assert cut.side is Side.LEGACY
    whole = diagnose(given, inquiry=inquiry(FaultySide(real), legacy))
    assert [(one.name, one.confidence, one.side) for one in whole.causes] == [
        (N.TRUNCATION, Confidence.PROVEN, Side.LEGACY)
    ]
    assert whole.causes[0].words.startswith("the legacy side reads no more than 1337 characters")


def test_the_budget_counts_what_was_really_sent() -> None:
    """Retries and refusals sent again in halves count, and the number in the diagnosis is the number that was sent."""
    sent: list[int] = []

    def ask(texts: Sequence[str]) -> list[Vector | None]:
        sent.extend([len(texts)] * 2)  # each request is retried once
        return [None] * len(texts) if len(texts) > 3 else list(real(texts))

    queries = FollowUpQueries(legacy=ask, candidate=ask, requests=9, texts=16, sent=lambda: len(sent))
    found = diagnose(subject(TEXTS, FaultySide(real, [FAULT["noise"]], Scope(rate=0.05))), inquiry=queries)
    assert found.requests_used == len(sent) <= 10
