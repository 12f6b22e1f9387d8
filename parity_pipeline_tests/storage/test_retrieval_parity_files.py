from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path

import duckdb
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.retrieval.bands import Bands, Limits, QueryMeasure, SetMeasure, grade
from parity_pipeline.core.retrieval.compare import ComparedQueries
from parity_pipeline.core.retrieval.outcomes import NOT_COMPARED, RetrievalOutcome
from parity_pipeline.core.retrieval.tally import RetrievalTally
from parity_pipeline.storage.retrieval_parity_files import RetrievalParityFile, RetrievalParityWriter
from parity_pipeline_tests.core.retrieval.builders import compared, in_order, lost, refused
from parity_pipeline_tests.storage.retrieval_records import (
    make_compared,
    make_parity_header,
    store_parity,
    tally_of,
)

_PLAIN = (
    *("outcomes", "sides", "depths", "comparable"),
    *("legacy_results", "candidate_results", "legacy_repeats", "candidate_repeats"),
    *("legacy_unordered", "candidate_unordered"),
)


def _values(rows: ComparedQueries) -> list[object]:
    """Return all that is stored of compared queries as values that compare equal where all of it is equal."""
    columns = [getattr(rows, name) for name in _PLAIN]
    columns += [getattr(rows.queries, one.name) for one in fields(rows.queries)]
    columns += [getattr(rows.measures, one.name) for one in fields(rows.measures)]
    return [repr(one.tolist()) if isinstance(one, np.ndarray) else repr(one) for one in columns]


def _as_stored(rows: ComparedQueries) -> ComparedQueries:
    """Return queries with NaN in each stored measure of those that a side refused or lost."""
    gone = np.array(["refused" in outcome or outcome == "missing" for outcome in rows.outcomes], np.bool_)
    names = ("overlap", "top_1", "rbo", "tau_b", "score_delta", "inversion_gap")
    found = {name: np.where(gone, np.nan, getattr(rows.measures, name)) for name in names}
    at_depths = np.where(gone[:, None], np.nan, rows.measures.overlap_at)
    return replace(rows, measures=replace(rows.measures, overlap_at=at_depths, **found))


@settings(max_examples=20, deadline=None)
@given(sizes=st.lists(st.integers(0, 30), min_size=1, max_size=4), rows=st.integers(1, 50))
def test_measures_and_outcomes_come_back(tmp_path_factory: pytest.TempPathFactory, sizes: list[int], rows: int) -> None:
    """Every query and outcome is what it was, and every measure of compared lists, whatever the sizes of blocks."""
    starts = np.cumsum([0, *sizes]).tolist()
    blocks = [make_compared(size, start) for start, size in zip(starts, sizes, strict=False)]
    stored = store_parity(tmp_path_factory.mktemp("p") / "p.parquet", blocks)
    expected = [make_compared(min(rows, starts[-1] - at), at) for at in range(0, starts[-1], rows)]
    assert [_values(one) for one in stored.blocks(rows)] == [_values(_as_stored(one)) for one in expected]


_STRICT = Bands(query={QueryMeasure.OVERLAP: Limits(1.0, 1.0)})


@pytest.mark.parametrize("bands", [Bands(), _STRICT])
def test_what_is_read_back_is_graded_and_tallied_alike(tmp_path: Path, bands: Bands) -> None:
    """A verdict from the file is the verdict from the comparison, under whatever bands, blocks of another size included."""
    stored = store_parity(tmp_path / "p.parquet", [make_compared(60), make_compared(23, 60)])
    direct, again = tally_of([make_compared(83)], bands), tally_of(stored.blocks(10), bands)
    assert again.counts == direct.counts
    assert len(direct.counts) >= 3
    assert (again.values(), again.set_bands(), again.band()) == (direct.values(), direct.set_bands(), direct.band())
    assert (again.by_category, again.by_band, again.drawn) == (direct.by_category, direct.by_band, direct.drawn)
    assert _shown(again) == _shown(direct)


def test_queries_without_two_lists_change_no_tally(tmp_path: Path) -> None:
    """Whichever side refuses or loses a query, counts, means, bands and the order of shown queries are the comparison's."""
    some, none = in_order("abcde"), in_order("")
    sides = (some, none, refused(), refused("422 {detail}"), lost())
    rows = compared([(left, right) for left in sides for right in sides] * 3)
    assert set(NOT_COMPARED) < set(rows.outcomes)
    direct = tally_of([rows], Bands())
    again = tally_of(store_parity(tmp_path / "p.parquet", [rows]).blocks(7), Bands())
    assert (again.counts, again.by_band, again.by_look) == (direct.counts, direct.by_band, direct.by_look)
    assert (again.values(), again.set_bands(), again.band()) == (direct.values(), direct.set_bands(), direct.band())
    assert _shown(again) == _shown(direct)


def _shown(tally: RetrievalTally) -> list[object]:
    return [replace(one, shown=()) for one in tally.shown_queries()]


def test_grades_are_not_stored(tmp_path: Path) -> None:
    """A graded block is stored as compared, so that other bands can grade it again."""
    stored = store_parity(tmp_path / "p.parquet", [grade(make_compared(20), Bands()).compared])
    [block] = stored.blocks()
    assert block.outcomes == make_compared(20).outcomes
    assert RetrievalOutcome.COMPARED in block.outcomes


def test_other_depths_come_back(tmp_path: Path) -> None:
    """Overlap is read at the depths that the header names, none included."""
    rows = make_compared(9)
    for depths in ((), (3,), (1, 2, 3, 4)):
        overlap = np.arange(9.0 * len(depths)).reshape(9, len(depths))
        changed = replace(rows, depths=depths, measures=replace(rows.measures, overlap_at=overlap))
        path = tmp_path / f"{len(depths)}.parquet"
        [block] = store_parity(path, [changed], make_parity_header(depths=depths, comparable=False)).blocks()
        assert np.array_equal(block.measures.overlap_at, _as_stored(changed).measures.overlap_at, equal_nan=True)
        assert (block.depths, block.comparable) == (depths, False)


def test_the_header_comes_back(tmp_path: Path) -> None:
    """Provenance of both lanes, counts and the hash of the rules are in the file's metadata."""
    header = make_parity_header(pairing_faults=("legacy is dated 2026-04-29",))
    assert store_parity(tmp_path / "p.parquet", [], header).header == header


def test_duckdb_finds_the_worst_queries(tmp_path: Path) -> None:
    """Measures are plain columns, and what was not measured is null and not NaN."""
    stored = store_parity(tmp_path / "p.parquet", [make_compared(40)])
    query = f"SELECT count(*), count(score_delta), count(tau_b), min(rbo), max(len(overlap_at)) FROM '{stored.path}'"  # noqa: S608 - a path of this test
    with duckdb.connect() as connection:
        [(rows, deltas, taus, worst, depths)] = connection.execute(query).fetchall()
    found = make_compared(40).measures
    assert (rows, depths) == (40, 3)
    assert (deltas, taus) == (_known(found.score_delta), _known(found.tau_b))
    assert worst == found.rbo.min()
    assert deltas < rows


def test_a_plain_mean_leaves_out_what_was_not_compared(tmp_path: Path) -> None:
    """Refused queries have no measure in the file: a mean over a column is that of the queries that have lists."""
    stored = store_parity(tmp_path / "p.parquet", [make_compared(40)])
    query = (
        "SELECT outcome, count(*), count(overlap), count(rbo), count(top_1), count(overlap_at[1]), avg(overlap) "  # noqa: S608 - a path of this test
        f"FROM '{stored.path}' GROUP BY ROLLUP (outcome)"
    )
    with duckdb.connect() as connection:
        found = {outcome: counts for outcome, *counts in connection.execute(query).fetchall()}
    refused, all_of_it = found["refused_by_both"], found[None]
    assert refused[0] > 0
    assert refused[1:] == [0, 0, 0, 0, None]
    assert all_of_it[1] == all_of_it[0] - refused[0]
    assert all_of_it[5] == pytest.approx(tally_of([make_compared(40)], Bands()).values()[SetMeasure.MEAN_OVERLAP])


def _known(values: Iterable[float]) -> int:
    return sum(value == value for value in values)  # noqa: PLR0124 - NaN differs from itself


@pytest.mark.parametrize("start", [0, 4, 6])
def test_a_gap_or_an_overlap_is_refused(tmp_path: Path, start: int) -> None:
    """Queries are never shifted in silence, and nothing is left behind."""
    with RetrievalParityWriter(tmp_path / "draft") as writer:
        writer.add(make_compared(5))
        with pytest.raises(ArtifactError, match=f"from ordinal {start} on were given where 5 comes next"):
            writer.add(make_compared(5, start))
    assert not (tmp_path / "draft").exists()


@pytest.mark.parametrize("share", [0.1, 0.5, 0.999])
def test_a_torn_file_is_refused(tmp_path: Path, share: float) -> None:
    """A file cut anywhere is damaged, never shorter."""
    path = store_parity(tmp_path / "p.parquet", [make_compared(50)]).path
    path.write_bytes(path.read_bytes()[: int(path.stat().st_size * share)])
    with pytest.raises(ArtifactError, match="retrieval parity file is damaged") as caught:
        RetrievalParityFile(path)
    assert caught.value.remedy == "Materialize retrieve/parity again, or run that date again with `parity backfill`."
