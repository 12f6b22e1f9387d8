"""The matrix of faults: its page is true, its sets are what they say, and a wrong name counts as wrong."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Final

import pytest
from typer.testing import CliRunner

from parity_pipeline.cli.main import app
from parity_pipeline.core.checks import CheckName
from parity_pipeline.core.diagnosis.records import CauseName
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_table import FAULTS
from parity_pipeline.faults.adapter_faults import ADAPTER_FAULTS, AdapterFaults, AdapterLine, section
from parity_pipeline.faults.expected_causes import EXPECTED, ONE_ROW, Trial, trials
from parity_pipeline.faults.matrix import SEED, SIZES, Line, Matrix, cells, document, is_right, proven_wrongly, summary
from parity_pipeline.faults.retrieval_matrix import RetrievalLine, RetrievalMatrix
from parity_pipeline.faults.retrieval_trial import JudgedRankings
from parity_pipeline.faults.texts import beginning, sample_set
from parity_pipeline.faults.trial_run import COULD_NOT_RUN, Judged
from parity_pipeline_tests.report.verdicts import mixed

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

AGAIN: Final = (
    Trial(faults=("permute",)),
    Trial(faults=("lower-case",)),
    Trial(faults=("raw-norm",)),
    Trial(faults=("zero-vector",)),
    Trial(faults=("error-500",)),
    Trial(faults=("html",)),
    Trial(faults=("swap-under-load",)),
    Trial(faults=("equal-lengths",), rate=ONE_ROW),
    Trial(faults=("zeros-under-load",), rate=ONE_ROW),
    Trial(faults=("history",)),
    Trial(faults=("stale-cache",), rate=ONE_ROW),
    Trial(faults=("capitals-collapse",), rate=ONE_ROW),
    Trial(faults=("prefix", "permute")),
    Trial(faults=("noise",), rate=ONE_ROW),
    Trial(faults=("strip-accents",), rate=ONE_ROW),
    Trial(faults=("null",), rate=ONE_ROW),
    Trial(faults=("int8",), rate=ONE_ROW),
    Trial(faults=("permute",), side=Side.LEGACY),
)
"""Rows that are run again: every kind of fault, rate and side. `parity faults` writes all of them."""


@pytest.fixture(name="matrix", scope="module")
def _matrix(tmp_path_factory: pytest.TempPathFactory) -> Matrix:
    """Return the one matrix."""
    return Matrix(tmp_path_factory.mktemp("matrix"))


def table_of(page: str) -> list[str]:
    """Return the rows of the page's table, without its head."""
    part = page.partition("## The table")[2].partition("\n## ")[0]
    return [row for row in part.splitlines() if row.startswith("| `")]


def line_of(trial: Trial, *named: CauseName, verdict: str = "FAIL", message: str = "") -> Line:
    """Return a row in which some causes are named."""
    seen = Judged(verdict=verdict, causes=frozenset(named), message=message)
    return Line(trial=trial, judged=seen, named=named, needed=5, right=is_right(trial, seen, Judged(verdict="PASS")))


@pytest.mark.parametrize("trial", AGAIN, ids=lambda one: f"{'+'.join(one.faults)}-{one.rate:.3f}-{one.side}")
def test_the_page_says_what_comes_out(trial: Trial, matrix: Matrix) -> None:
    """A row that is run again reads as the page has it."""
    assert f"| {' | '.join(cells(matrix.line(trial)))} |" in table_of(PAGE.read_text(encoding="utf-8"))


def test_the_page_has_every_trial_and_the_share_of_its_own_table() -> None:
    """No trial is left out, and the shares in bold are those of the rows below them."""
    page = PAGE.read_text(encoding="utf-8")
    rows = table_of(page)
    assert len(rows) == len(trials())
    right, missed = sum("| right |" in row for row in rows), sum("not detected" in row for row in rows)
    assert f"Detected: {len(rows) - missed} of {len(rows)}" in page
    assert f"Cause named rightly: {right} of {len(rows)}" in page
    assert f"seed {SEED}" in page


def test_every_fault_is_tried() -> None:
    """Each fault has a row in the table of what counts as right, and no other name has."""
    assert set(EXPECTED) == {fault.name for fault in FAULTS}


def test_smaller_sets_begin_larger_ones_and_a_seed_decides_all() -> None:
    """The first texts of a set of 500 are the set of 50, and another seed gives other texts."""
    whole = sample_set(SEED, SIZES[-1])
    assert len(set(whole.texts)) == len(whole) == SIZES[-1]
    for size in SIZES[:-1]:
        assert sample_set(SEED, size).texts == beginning(whole, size).texts
    assert not set(sample_set(SEED + 1, 5).texts) & set(whole.texts)


def test_a_clean_pair_passes(matrix: Matrix) -> None:
    """The sides without a fault PASS on the largest set, on which every row is judged."""
    for alike in (False, True):
        assert matrix.clean(SIZES[-1], alike=alike).verdict == "PASS"


def test_one_wrong_name_beside_the_right_one_is_wrong() -> None:
    """Right is only what names the fault and nothing else."""
    trial = Trial(faults=("lower-case",))
    assert line_of(trial, CauseName.CASE).right
    assert line_of(trial, CauseName.CASE, CauseName.NORMALISATION).right
    assert not line_of(trial, CauseName.CASE, CauseName.TRIM).right
    assert not line_of(trial).right
    both = replace(trial, faults=("strip-accents", "truncate"))
    assert not line_of(both, CauseName.ACCENTS).right
    assert line_of(Trial(faults=("noise",), rate=ONE_ROW)).right
    assert not line_of(Trial(faults=("noise",), rate=ONE_ROW), CauseName.CASE).right


def test_a_run_that_cannot_be_has_to_say_why() -> None:
    """An error counts as a right name only if its message names the kind of failure."""
    trial = Trial(faults=("error-500",))
    assert line_of(trial, verdict=COULD_NOT_RUN, message="it failed with http_500").right
    assert not line_of(trial, verdict=COULD_NOT_RUN, message="no").right


def test_a_fail_without_a_cause_is_right_only_where_no_sample_differs() -> None:
    """The error of a fault names it where the faulty side's experiments alone fail; a sample that differs needs its cause."""
    trial, clean = Trial(faults=("batch-cap",)), Judged(verdict="PASS")
    batches = CheckName.CANDIDATE_BATCH_SIZES
    alone = Judged(verdict="FAIL", errors=frozenset({"wrong_count"}), failing=frozenset({batches}))
    assert is_right(trial, alone, clean)
    for other in (
        replace(alone, failing=frozenset({batches, CheckName.COSINE})),
        replace(alone, failing=frozenset({batches, CheckName.REFUSED_BY_CANDIDATE})),
        replace(alone, failing=frozenset({CheckName.LEGACY_BATCH_SIZES})),
        replace(alone, failing=frozenset({CheckName.CANDIDATE_NORM_CONSISTENCY})),
        replace(alone, failing=frozenset(), findings=frozenset({"candidate: repeats"})),
        replace(alone, errors=frozenset({"http_500"})),
        replace(alone, causes=frozenset({CauseName.CASE})),
    ):
        assert not is_right(trial, other, clean)


def test_what_is_wrong_or_missed_is_listed() -> None:
    """The page repeats each row that is not as it should be, and counts it."""
    good = line_of(Trial(faults=("lower-case",)), CauseName.CASE)
    missed = replace(line_of(Trial(faults=("trim",))), needed=None)
    page = document([good, missed])
    assert "- `trim` | 18" in page
    assert "- `lower-case`" not in page
    shares = "**Detected: 1 of 2 (50%). Cause named rightly: 1 of 2 (50%). Called proven wrongly: 0.**"
    assert summary([good, missed]) == shares


def test_a_wrong_cause_that_is_called_proven_is_counted_apart() -> None:
    """A wrong name is bad; that it is called proven is worse, and the page counts it."""
    trial, clean = Trial(faults=("lower-case",)), Judged(verdict="PASS")
    seen = Judged(
        verdict="FAIL",
        causes=frozenset({CauseName.CASE, CauseName.TRIM, CauseName.PREFIX}),
        proven=frozenset({CauseName.CASE, CauseName.TRIM}),
    )
    assert proven_wrongly(trial, seen, clean) == {CauseName.TRIM}
    assert proven_wrongly(trial, seen, replace(seen, verdict="PASS")) == frozenset()
    line = replace(line_of(trial, CauseName.CASE), false=frozenset({CauseName.TRIM}))
    assert "Called proven wrongly: 1.**" in summary([line])


@pytest.mark.parametrize(("needed", "code"), [(5, 0), (None, 1)])
def test_the_command_says_by_its_exit_code_whether_all_were_detected(
    needed: int | None, code: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`parity faults` writes the page, prints each row, and exits 1 where a fault was missed."""
    line = replace(line_of(Trial(faults=("lower-case",)), CauseName.CASE), needed=needed)

    def lines(_: Matrix, show: Callable[[Line], None]) -> list[Line]:
        show(line)
        return [line]

    def searches(_: RetrievalMatrix, show: Callable[[RetrievalLine], None]) -> list[RetrievalLine]:
        show(of_search)
        return [of_search]

    def clean(_: RetrievalMatrix) -> JudgedRankings:
        return JudgedRankings(verdict="PASS")

    def adapter_lines(_: AdapterFaults, show: Callable[[AdapterLine], None]) -> list[AdapterLine]:
        show(of_adapter)
        return [of_adapter]

    def without_fault(_: AdapterFaults) -> tuple[None, Verdict]:
        return None, sound

    sound = mixed()
    of_search = RetrievalLine(fault="dropped-corpus", judged=JudgedRankings(verdict="FAIL"), right=True)
    of_adapter = AdapterLine(fault=ADAPTER_FAULTS[0], verdict="FAIL", named=("rows permuted",))
    monkeypatch.setattr(Matrix, "lines", lines)
    monkeypatch.setattr(RetrievalMatrix, "lines", searches)
    monkeypatch.setattr(RetrievalMatrix, "clean", clean)
    monkeypatch.setattr(AdapterFaults, "lines", adapter_lines)
    monkeypatch.setattr(AdapterFaults, "sound", without_fault)
    page = tmp_path / "faults.md"
    done = CliRunner().invoke(app, ["faults", "--page", str(page)])
    assert done.exit_code == code
    assert "lower-case | 13 | all | FAIL | case folded | right" in done.stdout
    assert "parts-swapped | " in done.stdout
    text = page.read_text(encoding="utf-8")
    assert text.startswith(document([line]))
    assert "## Faults of retrieval" in text
    assert text.endswith(section([of_adapter], sound))
