import dataclasses
import itertools
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.errors import MetricInputError
from parity_pipeline.core.limits import REPORT_ROWS
from parity_pipeline.core.measures import ComparedRows, Measure, Thresholds
from parity_pipeline.core.outcomes import IN_VERDICTS, Outcome, RowStatus
from parity_pipeline.core.tally import Tally
from parity_pipeline.core.worst_rows import KINDS
from parity_pipeline_tests.core.builders import Row, compared

ONE: Row = [1.0, 0.0]


def at(cosine: float, norm: float = 1.0) -> tuple[Row, Row]:
    """Return a pair with about this cosine."""
    return ONE, [norm * cosine, norm * math.sqrt(1.0 - cosine * cosine)]


REFUSED_PAIR: tuple[Row, Row] = (ONE, RowStatus.REFUSED)
LOST_PAIR: tuple[Row, Row] = (ONE, RowStatus.FAILED)
NAN_PAIR: tuple[Row, Row] = (ONE, [math.nan, 1.0])
pairs_of_any_kind = st.lists(
    st.one_of(
        st.floats(-1.0, 1.0).map(at),
        st.sampled_from([REFUSED_PAIR, LOST_PAIR, NAN_PAIR, (ONE, [0.0, 0.0]), (ONE, [1.0])]),
    ),
    max_size=130,
)


def tally_of(*blocks: ComparedRows) -> Tally:
    """Return the tally of some blocks."""
    tally = Tally(Thresholds())
    for block in blocks:
        tally.add(block)
    return tally


@given(pairs_of_any_kind, st.lists(st.integers(0, 130), max_size=4))
def test_streaming_equals_one_block(pairs: list[tuple[Row, Row]], cuts: list[int]) -> None:
    """However a set is cut into blocks, the tally is the same, to the last bit of the mean."""
    edges = [0, *sorted(min(cut, len(pairs)) for cut in cuts), len(pairs)]
    blocks = [compared(pairs[low:high], start=low) for low, high in itertools.pairwise(edges)]
    streamed, whole = tally_of(*blocks), tally_of(compared(pairs))
    for one in dataclasses.fields(Tally):
        if one.name != "_worst":
            assert getattr(streamed, one.name) == getattr(whole, one.name), one.name
    assert streamed.shown_rows() == whole.shown_rows()
    assert streamed.norms() == whole.norms()


@given(pairs_of_any_kind)
def test_worst_cosine_is_the_smallest(pairs: list[tuple[Row, Row]]) -> None:
    """The worst sample has the smallest cosine of all, the first of them in the set; None where none has one."""
    rows = compared(pairs)
    found = tally_of(rows).measures[Measure.COSINE]
    if not np.isfinite(rows.cosine).any():
        assert (math.isnan(found.worst), found.worst_sample) == (True, None)
        return
    assert found.worst == np.nanmin(rows.cosine)
    assert found.worst_sample == rows.ids[int(np.nanargmin(rows.cosine))]


@given(pairs_of_any_kind)
def test_shown_rows_are_distinct_and_bounded(pairs: list[tuple[Row, Row]]) -> None:
    """The table shows each row at most once, all of them where they fit, and never more than its limit."""
    shown = tally_of(compared(pairs)).shown_rows()
    assert len(shown) == min(len(pairs), REPORT_ROWS)
    assert len({row.ordinal for row in shown}) == len(shown)


def test_a_small_set_is_shown_in_its_order() -> None:
    """A set that fits the table is shown in the order of the samples, whatever their outcomes."""
    shown = tally_of(compared([at(1.0), LOST_PAIR, at(0.5), REFUSED_PAIR])).shown_rows()
    assert [row.ordinal for row in shown] == [0, 1, 2, 3]


def test_a_large_set_is_shown_worst_first() -> None:
    """A set that does not fit shows outcomes by severity, and within each the smallest cosine first."""
    shown = tally_of(compared([at(0.9 + place / 1100) for place in range(100)])).shown_rows()
    cosines = [row.cosine or 0.0 for row in shown]
    assert cosines == sorted(cosines)
    assert [row.ordinal for row in shown] == list(range(REPORT_ROWS))


def test_many_refusals_do_not_hide_one_mismatch() -> None:
    """Each outcome gets its share of the table: a thousand refusals leave room for the one mismatch and a match."""
    pairs = [*[REFUSED_PAIR] * 1000, at(0.5), *[LOST_PAIR] * 1000, at(1.0)]
    shown = tally_of(compared(pairs)).shown_rows()
    outcomes = [row.outcome for row in shown]
    assert len(shown) == REPORT_ROWS
    assert outcomes.count(Outcome.MISMATCH) == outcomes.count(Outcome.MATCH) == 1
    assert outcomes.count(Outcome.REFUSED_BY_CANDIDATE) == outcomes.count(Outcome.MISSING) == 24
    assert [KINDS.index((one, False)) for one in outcomes] == sorted(KINDS.index((one, False)) for one in outcomes)


def test_equal_badness_keeps_the_first_ones() -> None:
    """Of rows that are equally bad, the first in the set are kept, so that the same set shows the same rows."""
    shown = tally_of(*(compared([REFUSED_PAIR] * 40, start=start) for start in (0, 40, 80))).shown_rows()
    assert [row.ordinal for row in shown] == list(range(REPORT_ROWS))


def test_every_outcome_has_a_severity() -> None:
    """No outcome can be left out of the table."""
    assert sorted(outcome for outcome, excused in KINDS if not excused) == sorted(IN_VERDICTS)


@pytest.mark.parametrize("start", [0, 1, 3])
def test_blocks_follow_one_another(start: int) -> None:
    """A block that comes twice, overlaps or leaves a gap is refused: its counts would add up by accident."""
    tally = tally_of(compared([at(1.0)] * 2))
    with pytest.raises(MetricInputError, match="does not follow"):
        tally.add(compared([at(1.0)], start=start))


@pytest.mark.parametrize(("limit", "matched"), [(0.5, 2), (0.999, 1), (math.nextafter(1.0, 2.0), 0)])
def test_rows_are_graded_against_the_tallys_thresholds(limit: float, matched: int) -> None:
    """A block says what was measured, and the tally alone what matches; other outcomes are not touched."""
    tally = Tally(Thresholds(cosine=limit))
    tally.add(compared([at(0.9), at(1.0), REFUSED_PAIR]))
    assert (tally.counts[Outcome.MATCH], tally.counts[Outcome.MISMATCH]) == (matched, 2 - matched)
    assert (tally.counts[Outcome.REFUSED_BY_CANDIDATE], tally.counts[Outcome.COMPARED]) == (1, 0)


def test_a_compared_row_without_a_cosine_does_not_match() -> None:
    """A stored row whose cosine is lost is a mismatch: NaN is within no limit."""
    rows = dataclasses.replace(compared([at(1.0)]), cosine=np.array([math.nan]))
    assert tally_of(rows).counts == {Outcome.MISMATCH: 1}


def test_norms_identity_and_categories() -> None:
    """Differing norms, identical vectors and categories are counted; rows without a comparison are not part of it."""
    zero: tuple[Row, Row] = ([0.0, 0.0], [0.0, 0.0])
    pairs = [at(1.0), at(1.0, norm=13.0), zero, REFUSED_PAIR]
    tally = tally_of(compared(pairs, categories=["a", "b", "b", "b"]))
    assert (tally.identical, tally.measures[Measure.NORM_RATIO].off) == (1, 1)
    assert tally.by_category == {
        "a": {Outcome.MATCH: 1},
        "b": {Outcome.MATCH: 1, Outcome.ZERO_NORM: 1, Outcome.REFUSED_BY_CANDIDATE: 1},
    }
    assert tally.mutual == {Outcome.ZERO_NORM: 1}
    legacy, candidate = tally.norms()
    assert (legacy.low, legacy.high, candidate.low, candidate.high) == (1.0, 1.0, 1.0, 13.0)


@pytest.mark.parametrize(("ratio", "differ"), [(1.0005, 0), (0.9995, 0), (1.002, 1), (0.998, 1), (0.0, 0)])
def test_norm_ratio_tolerance(ratio: float, differ: int) -> None:
    """Norms within one part in a thousand agree, on both sides of 1; a zero vector has no ratio."""
    assert tally_of(compared([at(1.0, norm=ratio)])).measures[Measure.NORM_RATIO].off == differ


def test_an_empty_tally() -> None:
    """Nothing taken in: no samples, no worst, no norms, no rows."""
    tally = tally_of(compared([]))
    assert (tally.samples, tally.compared, tally.shown_rows()) == (0, 0, ())
    assert all(math.isnan(one.worst) for one in tally.measures.values())
    assert all(one.low is None and one.high is None for one in tally.norms())


def test_measures_that_are_missing_are_none() -> None:
    """A shown row holds None and never NaN where nothing was measured, so that its JSON is valid."""
    row = tally_of(compared([REFUSED_PAIR])).shown_rows()[0]
    assert (row.cosine, row.norm_ratio, row.max_abs_delta, row.max_abs_delta_unit, row.candidate_norm) == (None,) * 5
    assert (row.legacy_norm, row.candidate_error, row.side) == (1.0, "refused: said so", "candidate")
