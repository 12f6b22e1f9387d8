"""What is derived from a verdict: advice, norms, limits, sides. It never says more than the verdict does."""

from dataclasses import replace
from typing import Any

import pytest

from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import DriftRow
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.escape import Sentence, Verbatim
from parity_pipeline.report.sections.confidence import how_sure
from parity_pipeline.report.sections.headline import headline, not_compared, opening
from parity_pipeline.report.sections.measures import norms, passing_limit
from parity_pipeline.report.sections.samples import initials as column_letters
from parity_pipeline.report.sections.samples import sample
from parity_pipeline.report.sections.sides import forced
from parity_pipeline_tests.report.verdicts import (
    SEED,
    V1,
    Row,
    mixed,
    provenance,
    unmeasured,
    unpaired,
    verdict_of,
    with_provenance,
)

_EQUAL = tuple(replace(row, norms=(1.0, 1.0)) for row in SEED)
_WRONG = Row(text="wrong", outcome=Outcome.MISMATCH, cosine=0.5)


def _title(verdict: Verdict) -> str:
    return opening(verdict)[0].partition("— ")[2].replace("\\", "")


def _said(sentences: tuple[Sentence, ...]) -> str:
    return " ".join("".join(part.text if isinstance(part, Verbatim) else part for part in parts) for parts in sentences)


def test_a_pass_with_differing_norms_frees_cosine_alone() -> None:
    """Unit against raw norms must not reach a dot-product or euclidean index."""
    advice = _said(flip_advice(verdict_of(SEED)))
    assert "rank by cosine similarity may be flipped" in advice
    assert "Dot-product and euclidean indexes must not mix" in advice


def test_a_pass_with_equal_norms_frees_all_three() -> None:
    """Where no norm left its tolerance, the index's distance does not matter."""
    advice = _said(flip_advice(verdict_of(_EQUAL)))
    assert "dot product or euclidean distance may be flipped" in advice
    assert "must not" not in advice


@pytest.mark.parametrize("verdict", [verdict_of([*SEED, _WRONG]), mixed(), unpaired()])
def test_nothing_is_flipped_without_a_pass(verdict: Any) -> None:
    """FAIL and INCONCLUSIVE allow nothing, whatever the norms are."""
    advice = _said(flip_advice(verdict))
    assert advice.startswith("Nothing.")
    assert "may be flipped" not in advice


def test_an_inconclusive_names_the_side_to_fetch_again() -> None:
    """Who was up and who was down is said with the command that fixes it."""
    lost = unmeasured("x", Outcome.MISSING, "legacy", dimensions=(0, 768), errors=("timed out", None))
    counts = {"ok": 5, "refused": 0, "failed": 1, "malformed": 0}
    sides = (provenance(Side.LEGACY, samples=6, status_counts=counts), provenance(Side.CANDIDATE, samples=6))
    advice = _said(flip_advice(verdict_of([*SEED, lost], sides=sides)))
    assert "legacy side gave no usable response for 1 sample" in advice
    assert "--side legacy" in advice
    assert "--side candidate" not in advice


@pytest.mark.parametrize(
    ("rows", "limit"),
    [
        (SEED, "at any threshold up to 0.999999999999."),
        ([*SEED, _WRONG], "would have passed at a threshold of 0.500000 or lower."),
        ([*SEED, _WRONG, unmeasured("x", Outcome.MISSING, "both")], "other reasons against a pass would remain"),
        ([*SEED, replace(_WRONG, cosine=-0.25)], "No threshold above 0"),
        ((), "No threshold can be named"),
    ],
)
def test_the_limit_that_would_have_passed(rows: Any, limit: str) -> None:
    """It is named only where a threshold alone would change the verdict."""
    assert limit in passing_limit(verdict_of(rows))


def test_a_caveat_forbids_the_limit_that_would_have_passed() -> None:
    """Where another model responded, no threshold gives a PASS."""
    sides = (provenance(Side.LEGACY, samples=6), provenance(Side.CANDIDATE, samples=6, models_echoed={V1: 6}))
    assert "would remain" in passing_limit(verdict_of([*SEED, _WRONG], sides=sides))


@pytest.mark.parametrize(
    ("labels", "initials"),
    [
        (("Rust gateway", "Go gateway"), ("R", "G")),
        (("tei", "ollama"), ("T", "O")),
        (("Gateway 1", "Gateway 2"), ("L", "C")),
        (("Candidate of old", "Live"), ("L", "C")),
        (("Core", "Go"), ("L", "C")),
        (("", "Go"), ("L", "C")),
        (("Über", "Go"), ("L", "C")),
        (("|", "`"), ("L", "C")),
    ],
)
def test_column_letters_never_mislabel_a_side(labels: tuple[str, str], initials: tuple[str, str]) -> None:
    """Letters come from the labels only where they cannot be taken for the other side's."""
    legacy, candidate = (provenance(side, label=label) for side, label in zip(Side, labels, strict=True))
    assert column_letters(verdict_of(SEED, sides=(legacy, candidate))) == initials


@pytest.mark.parametrize(
    ("same", "word"), [(False, "default models differ"), (True, "showed the same"), (None, "was not observed")]
)
def test_why_the_model_is_forced_is_what_was_observed(same: bool | None, word: str) -> None:
    """The reason comes from the catalogue's row, and says so where nothing was observed."""
    row = DriftRow(field="default model", legacy="a", candidate="a" if same else "b", same=same)
    assert word in _said((forced(replace(verdict_of(SEED), drift=(row,))),))
    assert "was not observed" in _said((forced(replace(verdict_of(SEED), drift=())),))


@pytest.mark.parametrize("refusing", list(Side))
def test_a_side_that_refuses_a_request_without_a_model_has_no_default_that_differs(refusing: Side) -> None:
    """Default models differ only where both sides return vectors without one."""
    shown = {side: "refused (HTTP 400)" if side is refusing else "nomic-embed-text" for side in Side}
    row = DriftRow(field="default model", legacy=shown[Side.LEGACY], candidate=shown[Side.CANDIDATE], same=False)
    said = _said((forced(replace(verdict_of(SEED), drift=(row,))),))
    assert "default models differ" not in said
    assert "refused (HTTP 400)" in said


def test_the_title_has_the_newest_response_of_either_side() -> None:
    """The time is that of the last response in UTC, whatever offset it was written with, and the date without one."""
    times = ("2026-04-30T23:30:00-02:00", "2026-05-01T01:00:00Z"), ("soon", "soon"), ("", "")
    titles: list[str] = []
    for legacy, candidate in times:
        verdict = with_provenance(verdict_of(SEED), Side.LEGACY, fetched_to=legacy)
        titles.append(_title(with_provenance(verdict, Side.CANDIDATE, fetched_to=candidate)))
    assert titles == ["2026-05-01 01:30:00 UTC", "2026-04-30", "2026-04-30"]


def test_a_pass_says_what_it_left_out() -> None:
    """Samples that both sides refuse do not differ, but the report says that they were not compared."""
    verdict = verdict_of([*SEED, unmeasured("", Outcome.REFUSED_BY_BOTH, "both", dimensions=(0, 0))])
    assert verdict.decision is Decision.PASS
    assert not_compared(verdict) == "1 sample of 6 could not be compared, 1 of them refused by both sides alike."


def test_the_threshold_of_the_verdict_is_used() -> None:
    """A limit from the settings stands in the report, with the cosine's decimals to match."""
    verdict = verdict_of([replace(SEED[0], cosine=0.99900049)], thresholds=Thresholds(cosine=0.9990004))
    assert sample(verdict.rows[0], verdict.threshold)[3] == "0.9990004"
    assert headline(verdict) == "smoke test (1 hand-picked text): 1/1 samples ≥ 0.9990004"


def test_a_random_draw_is_not_called_hand_picked() -> None:
    """Samples drawn at random speak for their source with the stated bound, and hand-picked ones for themselves."""
    drawn = _said(how_sure(verdict_of([*SEED[:3], *(replace(row, drawn=1) for row in SEED[3:])])))
    assert "2 of 5 samples were drawn at random from their source" in drawn
    assert "the 3 hand-picked ones speak for themselves alone" in drawn
    assert "2 of 2 random samples are clean: at most 77.7 % of such inputs may fail, at 95 % confidence" in drawn
    every = _said(how_sure(verdict_of([replace(row, drawn=1) for row in SEED])))
    assert "hand-picked" not in every.lower()
    assert "Hand-picked samples find gross faults" in _said(how_sure(verdict_of(SEED)))


def test_the_range_of_ratios_is_that_of_all_samples() -> None:
    """The range holds for samples beyond the table too; a verdict that does not know it says nothing of it."""
    rows = [*SEED, *(Row(text=f"fine {place}", norms=(1.0, 2.0 + place)) for place in range(60))]
    verdict = verdict_of(rows)
    assert "ratios (candidate / legacy) from 2.000000 to 61.000000." in norms(verdict)
    assert "ratios" not in norms(replace(verdict, norm_ratios=None))
