"""The matrix of retrieval faults: its part of the page is true, and a wrong name counts as wrong.

`python -m bench.retrieval_faults_by_seed` runs all of it on the queries of several seeds.
"""

from pathlib import Path
from typing import Final

import pytest

from parity_pipeline.core.retrieval.causes import RetrievalCauseName as N
from parity_pipeline.demo.retrieval_faults import RETRIEVAL_FAULTS
from parity_pipeline.faults.retrieval_matrix import (
    EXPECTED,
    SEED,
    RetrievalLine,
    RetrievalMatrix,
    fault_seed,
    is_right,
    proven_wrongly,
    retrieval_cells,
    retrieval_summary,
    section,
)
from parity_pipeline.faults.retrieval_trial import JudgedRankings

PAGE: Final = Path(__file__).parents[2] / "docs" / "faults.md"

AGAIN: Final = ("shuffled-ties", "shuffled-near-ties", "wrong-id-mapping", "one-query-in-200")
"""Rows that are run again. `parity faults` writes all of them."""

SEEDS: Final = (11, 12, 13, 14, 15)
"""Seeds of other queries than those of the page."""


@pytest.fixture(name="matrix", scope="module")
def _matrix(tmp_path_factory: pytest.TempPathFactory) -> RetrievalMatrix:
    """Return the matrix of the page."""
    return RetrievalMatrix(tmp_path_factory.mktemp("retrieval"))


def rows_of(page: str) -> list[str]:
    """Return the rows of the table of retrieval, without its head."""
    part = page.partition("### The table of retrieval")[2].partition("\n### ")[0]
    return [row for row in part.splitlines() if row.startswith("| `")]


def found(*causes: N, proven: tuple[N, ...] = (), verdict: str = "FAIL", finding: str = "") -> JudgedRankings:
    """Return what the product may say of a fault."""
    return JudgedRankings(
        verdict=verdict, causes=causes, proven=frozenset(proven), findings=(finding,) if finding else ()
    )


def line(fault: str, judged: JudgedRankings) -> RetrievalLine:
    """Return a row for what the product said."""
    return RetrievalLine(fault=fault, judged=judged, right=is_right(fault, judged), false=proven_wrongly(fault, judged))


@pytest.mark.parametrize("fault", AGAIN)
def test_the_page_says_what_comes_out(fault: str, matrix: RetrievalMatrix) -> None:
    """A row that is run again reads as the page has it."""
    assert f"| {' | '.join(retrieval_cells(matrix.line(fault)))} |" in rows_of(PAGE.read_text(encoding="utf-8"))


def test_a_clean_candidate_passes(matrix: RetrievalMatrix) -> None:
    """Without a fault the queries of the page PASS, and nothing is named."""
    clean = matrix.clean()
    assert (clean.verdict, clean.causes, clean.findings) == ("PASS", (), ())


def test_the_page_has_every_fault_and_the_share_of_its_own_table() -> None:
    """No fault is left out, and the shares in bold are those of the rows below them."""
    page = PAGE.read_text(encoding="utf-8")
    rows = rows_of(page)
    assert len(rows) == len(EXPECTED)
    right = sum("| right |" in row for row in rows)
    assert f"Cause named rightly: {right} of {len(rows)} ({right / len(rows):.0%}). Called proven wrongly: 0." in page
    assert f"made from seed {SEED}" in page


def test_every_fault_of_the_candidate_is_tried() -> None:
    """Each fault has a row in the table of what counts as right, and no other name has."""
    assert set(EXPECTED) == {fault.name for fault in RETRIEVAL_FAULTS}


def test_right_is_only_what_names_the_fault_and_nothing_else() -> None:
    """Another name, one too many or none is wrong; what truly comes along may be named."""
    assert is_right("wrong-metric", found(N.WRONG_METRIC))
    assert not is_right("wrong-metric", found(N.OTHER_EMBEDDING))
    assert not is_right("wrong-metric", found(N.WRONG_METRIC, N.UNKNOWN))
    assert not is_right("wrong-metric", found())
    assert is_right("stale-index", found(N.STALE_INDEX, N.APPROXIMATE_INDEX))


def test_ties_in_another_order_have_to_be_said_and_may_pass() -> None:
    """The one fault that agrees by the rules counts as detected only if a finding says that ties come in another order."""
    said = found(
        verdict="PASS", finding="the candidate side returned ties in another order for 5 of 19 repeated queries"
    )
    assert line("shuffled-ties", said).detected
    assert not line("shuffled-ties", found(verdict="PASS")).detected
    assert not line("shuffled-ties", found(N.APPROXIMATE_INDEX, verdict="PASS")).right
    assert not line("shuffled-near-ties", found(N.TIE_ORDER, verdict="PASS")).detected


def test_a_wrong_cause_that_is_called_proven_is_counted_apart() -> None:
    """A wrong name is bad; that it is called proven is worse, and the page counts it and lists the row."""
    wrong = line("wrong-metric", found(N.OTHER_EMBEDDING, proven=(N.OTHER_EMBEDDING,)))
    right = line("off-by-one-k", found(N.CUT_OFF, proven=(N.CUT_OFF,)))
    assert wrong.false == {N.OTHER_EMBEDDING}
    assert not right.false
    summary = retrieval_summary([wrong, right])
    assert "detected 2 of 2 (100%). Cause named rightly: 1 of 2 (50%). Called proven wrongly: 1." in summary
    page = section([wrong, right], found(verdict="PASS"))
    assert "- `wrong-metric` | 8 |" in page
    assert "- `off-by-one-k`" not in page


@pytest.mark.parametrize("seed", SEEDS)
def test_metric_embedding_and_tuning_are_distinguished(
    seed: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Three candidates that rank otherwise than the legacy side get three different causes, on the queries of each seed.

    Beside a badly tuned index, one or two queries whose whole list is lost may be called single ones.
    """
    matrix = RetrievalMatrix(tmp_path, seed)
    assert matrix.line("wrong-metric").judged.causes == (N.WRONG_METRIC,)
    assert matrix.line("other-embedding").judged.causes == (N.OTHER_EMBEDDING,)
    for connectivity, effort in ((4, 16), (8, 10)):
        monkeypatch.setattr("parity_pipeline.demo.worker_indexes.CONNECTIVITY", connectivity)
        monkeypatch.setattr("parity_pipeline.demo.worker_indexes.EXPANSION_SEARCH", effort)
        badly_tuned = matrix.clean()
        assert badly_tuned.verdict != "PASS"
        assert badly_tuned.causes[0] is N.APPROXIMATE_INDEX
        assert set(badly_tuned.causes) <= {N.APPROXIMATE_INDEX, N.STRAY_QUERIES}


def test_the_seed_of_the_one_query_hits_a_plain_query() -> None:
    """`one-query-in-200` is tried on queries of which it hits one, since else nothing could be seen."""
    queries = RetrievalMatrix(Path(), 3).queries
    assert fault_seed(queries, 3) >= 3
