"""The documented cases: what shows each of them, and the tables that readers see."""

from pathlib import Path

from parity_pipeline.core.hazards.corpus import SETS, hazards_in
from parity_pipeline_tests.core.hazards.failure_modes import (
    EXPERIMENTS,
    FAILURE_MODES,
    FailureMode,
    sets_by_case,
)

DOCUMENT = Path(__file__).parents[3] / "docs" / "failure-modes.md"


def test_there_are_34_cases_in_order() -> None:
    """Each has its number, its own title, and experiments that exist."""
    assert [case.number for case in FAILURE_MODES] == list(range(1, 35))
    assert len({case.title for case in FAILURE_MODES}) == 34
    assert {name for case in FAILURE_MODES for name in case.experiments} < set(EXPERIMENTS)


def test_every_case_can_be_exercised() -> None:
    """A case is shown by any text, by an experiment or by a hazard set; none has no way to show."""
    assert all(case.every_text or case.experiments or sets_by_case()[case.number] for case in FAILURE_MODES)


def test_any_text_shows_what_needs_no_special_text() -> None:
    """Wrong model, pooling, width or order need no special text."""
    assert [case.number for case in FAILURE_MODES if case.every_text] == [1, 7, 16, 23, 25, 27]


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
