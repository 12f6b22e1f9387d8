"""Failure modes: which cases a run exercised, what the others need, and the table that readers see."""

from pathlib import Path

import pytest

from parity_pipeline.core.errors import ParityError
from parity_pipeline.core.hazards.corpus import CATEGORY_PREFIX, SETS, hazards_in
from parity_pipeline.core.hazards.failure_modes import (
    EXPERIMENTS,
    FAILURE_MODES,
    FailureMode,
    cases_exercised,
    sets_by_case,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "failure-modes.md"
ALL_SETS = [f"{CATEGORY_PREFIX}{name}" for name in SETS]
STABILITY = ("repeats", "batch-sizes", "shuffled", "concurrency", "equal-length-load", "canaries", "salted")
ANY_TEXT = (1, 7, 16, 23, 25, 27)


def why(number: int, *categories: str, experiments: tuple[str, ...] = ()) -> str:
    """Return why a case was not exercised; "" when it was."""
    found = cases_exercised(categories, experiments)
    return next((case.why for case in found.missing if case.number == number), "")


def test_there_are_34_cases_in_order() -> None:
    """Each has its number, its own title, and experiments that exist."""
    assert [case.number for case in FAILURE_MODES] == list(range(1, 35))
    assert len({case.title for case in FAILURE_MODES}) == 34
    assert {name for case in FAILURE_MODES for name in case.experiments} < set(EXPERIMENTS)


def test_every_case_can_be_exercised() -> None:
    """A case is shown by any text, by an experiment or by a hazard set; none has no way to show."""
    assert all(case.every_text or case.experiments or sets_by_case()[case.number] for case in FAILURE_MODES)
    assert not cases_exercised(ALL_SETS, EXPERIMENTS).missing


@pytest.mark.parametrize(
    ("categories", "experiments", "count"),
    [([], (), 0), (["seed"], (), 6), (ALL_SETS, (), 17), (["seed"], STABILITY, 13), (ALL_SETS, STABILITY, 24)],
)
def test_the_count_of_typical_runs(categories: list[str], experiments: tuple[str, ...], count: int) -> None:
    """Nothing, five seeds, the whole corpus, the stability experiments, and both."""
    found = cases_exercised(categories, experiments)
    assert len(found.exercised) == count
    assert found.total == 34
    assert sorted([*found.exercised, *(case.number for case in found.missing)]) == list(range(1, 35))


def test_any_text_exercises_what_any_text_shows() -> None:
    """Wrong model, pooling, width or order need no special text."""
    assert cases_exercised(["traffic"]).exercised == ANY_TEXT


def test_missing_cases_name_their_reason() -> None:
    """The reason names the set, the experiment or the input that was not there."""
    assert why(24, "seed") == "needs hazard set blanks"
    assert why(10, "seed") == "needs hazard set tail-edits or length-ladder"
    assert why(33, *ALL_SETS) == "needs the retrieve probe"
    assert why(34, *ALL_SETS) == "needs the callers' thresholds"
    assert why(6, *ALL_SETS) == "needs repeats of the same texts"
    assert why(1) == "needs a sample"


def test_one_set_exercises_its_own_cases() -> None:
    """Of two sets that carry a case either one does."""
    assert why(14, "hazard/diacritics") == why(14, "hazard/unicode-forms") == ""
    assert why(13, "hazard/diacritics")
    assert why(14, "diacritics"), "a category of a person's own is no hazard set"


def test_material_of_an_experiment_exercises_nothing_alone() -> None:
    """Texts of equal length show nothing without load, canaries nothing unless repeated, salted ones neither."""
    for number, name, experiment in ((4, "equal-length", "equal-length-load"), (5, "canaries", "canaries"),
                                     (28, "salted", "salted")):  # fmt: skip
        assert why(number, f"hazard/{name}")
        assert not why(number, "seed", experiments=(experiment,))


def test_a_set_of_another_version_counts_as_any_text() -> None:
    """A stored sample set may name a set that no longer exists."""
    assert cases_exercised(["hazard/long-gone"]).exercised == ANY_TEXT


def test_an_unknown_experiment_is_refused() -> None:
    """A typing error must not count as an experiment that did not run."""
    with pytest.raises(ParityError, match=r"no experiment 'repeat'.*Name some of repeats"):
        cases_exercised(["seed"], ["repeat"])


def shown_by(case: FailureMode) -> str:
    """Return what exercises a case, as the document says it."""
    sets = ", ".join(f"`{name}`" for name in sets_by_case().get(case.number, ()))
    if case.every_text:
        return "any text"
    if not case.experiments:
        return f"sets {sets}" if "," in sets else f"set {sets}"
    needed = "experiment " + " or ".join(f"`{name}`" for name in case.experiments)
    return f"{needed}, with set {sets}" if sets else needed


def facts_of(section: str) -> dict[str, str]:
    """Return the bullets of one case in the document, wrapped lines joined."""
    bullets = section.replace("\n  ", " ").splitlines()[1:]
    return dict(bullet.removeprefix("- ").split(": ", 1) for bullet in bullets if bullet)


def table_rows() -> list[str]:
    """Return the rows of the document's two tables, in order."""
    hazards = hazards_in(["all"], salt="")
    sets: list[str] = []
    for name, content in SETS.items():
        own = [hazard for hazard in hazards if hazard.set_name == name]
        numbers = ", ".join(map(str, sorted({number for hazard in own for number in hazard.cases})))
        sets.append(f"| `{name}` | {content} | {len(own)} | {numbers} |")
    return [*sets, *(f"| `{name}` | {content} |" for name, content in EXPERIMENTS.items())]


def test_the_document_lists_the_cases_of_the_code() -> None:
    """The cases of docs/failure-modes.md are those of the code; each says what happens, how it shows, and who saw it."""
    cases = DOCUMENT.read_text("utf-8").split("\n## The hazard sets\n")[0].split("\n### ")[1:]
    assert [one.splitlines()[0] for one in cases] == [f"{case.number}. {case.title}" for case in FAILURE_MODES]
    for case, facts in zip(FAILURE_MODES, map(facts_of, cases), strict=True):
        assert list(facts) == ["What happens", "How it shows", "Shown by", "Source"], case.title
        assert all(facts.values()), case.title
        assert not facts["What happens"].endswith("."), case.title
        assert facts["Shown by"] == shown_by(case)


def test_the_document_lists_the_sets_and_experiments_of_the_code() -> None:
    """The tables of docs/failure-modes.md are those of the code, row by row."""
    lines = DOCUMENT.read_text("utf-8").splitlines()
    shown = [line for line in lines if line.startswith("| ") and not line.startswith(("| Set", "| Experiment"))]
    assert [line for line in shown if not line.startswith("| ---")] == table_rows()


def test_what_is_the_cause_was_exercised() -> None:
    """A case that a cause is one of counts as exercised, whatever categories and experiments there were."""
    assert why(10, "seed")
    found = cases_exercised(["seed"], (), {10, 30})
    assert {10, 30} <= set(found.exercised)
    assert not {10, 30} & {case.number for case in found.missing}
