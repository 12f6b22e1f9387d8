"""What the pages about probes list is what the code has, so that a reader who follows one misses nothing."""

import ast
import re
from enum import StrEnum
from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.measures import Measure
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import QueryMeasure, SetMeasure
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS
from parity_pipeline.core.retrieval.records import Reported
from parity_pipeline.core.retrieval.simulated_faults import RETRIEVAL_FAULTS
from parity_pipeline.core.retrieval.simulation import QUERIES
from parity_pipeline.steps.probes import PROBES, Probe

ROOT: Final = Path(__file__).parents[2]
PRODUCT: Final = ROOT / "parity_pipeline"
PAGE: Final = (ROOT / "docs" / "retrieval.md").read_text("utf-8")
MEASURES: Final = (ROOT / "docs" / "measures.md").read_text("utf-8")
ADDING: Final = (ROOT / "docs" / "adding-a-probe.md").read_text("utf-8")
OWN: Final = re.compile(r"retriev|ranking|quer(y|ies)|relevance|worker_|demo/corpus")
"""Files of the retrieve probe alone, by their path."""


@pytest.mark.parametrize("word", [*IN_VERDICTS, *Reported], ids=str)
def test_the_page_of_retrieval_lists_every_outcome_and_scale(word: StrEnum) -> None:
    """Whoever meets one of these words in a file, a report or the settings finds it explained."""
    assert f"`{word.value}`" in PAGE


@pytest.mark.parametrize("measure", [*Measure, *QueryMeasure, *SetMeasure], ids=str)
def test_the_page_of_measures_has_a_row_for_each(measure: StrEnum) -> None:
    """Whoever sets a limit or reads a number finds what it is computed of."""
    assert f"\n| `{measure.value}` | " in MEASURES


def test_the_page_of_measures_names_modules_that_are_there() -> None:
    """The module that computes a measure is the one that the page names."""
    named = re.findall(r"`(core/[\w/]+\.py)`", MEASURES)
    assert named
    assert not [name for name in named if not (PRODUCT / name).is_file()]


@pytest.mark.parametrize("explanation", Explanation)
def test_the_page_of_retrieval_lists_every_explanation(explanation: Explanation) -> None:
    """Each explanation of a query has a row, in the words of the report."""
    assert f"| {explanation.value.replace('_', ' ')} |" in PAGE


def test_the_page_of_retrieval_lists_every_cause() -> None:
    """Each cause is named, in the words of the report."""
    words = " ".join(PAGE.split())
    assert not [name for name in RetrievalCauseName if name.value not in words]


def test_the_page_of_retrieval_counts_the_simulated_faults() -> None:
    """How many faults are simulated, and on how many queries, is what the code does."""
    words = " ".join(PAGE.split())
    assert f"{len(RETRIEVAL_FAULTS)} faults are simulated on the stored lists of up to {QUERIES} queries" in words


def test_the_page_on_adding_a_probe_lists_every_field_of_a_row() -> None:
    """Whoever writes a further row knows what each field says."""
    assert not [name for name in Probe.__dataclass_fields__ if f"`{name}`" not in ADDING]
    assert list(PROBES) == ["embed", "retrieve"], "the page follows these two"


def test_the_page_on_adding_a_probe_lists_every_shared_file() -> None:
    """Each file that joins both probes is in the table at the end, so that a third one is named in no other."""
    table = ADDING.partition("## Shared files that name each probe")[2]
    joining = [
        path
        for path in PRODUCT.rglob("*.py")
        if not OWN.search(path.relative_to(PRODUCT).as_posix()) and any(map(OWN.search, imported_by(path)))
    ]
    assert joining
    assert not [path.as_posix() for path in joining if f"{path.name}`" not in table]


def imported_by(path: Path) -> list[str]:
    """Return the modules of this package that a file imports, as paths."""
    tree = ast.parse(path.read_text("utf-8"), path.name)
    found = [node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom) and node.module]
    return [name.replace(".", "/") for name in found if name.startswith("parity_pipeline.")]
