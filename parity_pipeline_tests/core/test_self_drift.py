"""A side against itself: what moved, since when, and silence where nothing did or nothing is the same."""

from dataclasses import replace

import numpy as np
import pytest

from parity_pipeline.core.checks import CheckName, CheckSeverity
from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.core.self_drift import (
    DriftFromDate,
    KeptVectors,
    SelfDrift,
    drift_checks,
    drift_from,
    explained_by,
)

CLEAN = explained_by(None)


def lane(texts: range, *, moved: range = range(0), angle: float = 0.2, dimension: int = 16) -> FetchedRows:
    """Return the rows of texts, those of `moved` turned by an angle; each text has a vector of its own."""
    rows: list[np.ndarray] = []
    for text in texts:
        one, other = np.random.default_rng(text).normal(size=(2, dimension))
        other -= other @ one / (one @ one) * one
        turn = angle if text in moved else 0.0
        rows.append(np.cos(turn) * one / np.linalg.norm(one) + np.sin(turn) * other / np.linalg.norm(other))
    return FetchedRows(
        start=0,
        ids=[f"{text:016x}" for text in texts],
        values=np.concatenate(rows).astype(np.float32),
        offsets=np.arange(len(rows) + 1, dtype=np.int32) * np.int32(dimension),
        status=[RowStatus.OK] * len(rows),
        http_status=[200] * len(rows),
        errors=[None] * len(rows),
        request_ids=[None] * len(rows),
        latency_ms=[1.0] * len(rows),
    )


def compared(today: FetchedRows, earlier: FetchedRows, explained: float = CLEAN) -> DriftFromDate:
    """Return the drift of a lane from another one."""
    kept = KeptVectors()
    kept.add(today)
    return drift_from(
        kept.finished(), [earlier], date="2026-11-19", fetched_to="2026-11-19T06:00:00Z", explained=explained
    )


def test_a_drift_is_measured_on_the_same_texts() -> None:
    """Of texts that both dates hold, those that moved are counted, with the worst cosine and its text."""
    found = compared(lane(range(578), moved=range(40)), lane(range(578)))
    assert (found.texts, found.moved) == (578, 40)
    assert found.worst == pytest.approx(np.cos(0.2), abs=1e-6)
    assert found.worst_sample is not None
    assert int(found.worst_sample, 16) < 40


def test_the_same_vectors_have_not_drifted() -> None:
    """A side that returns what it returned before has not drifted, its worst cosine is 1."""
    found = compared(lane(range(100)), lane(range(100)))
    assert (found.texts, found.moved, found.worst) == (100, 0, 1.0)


def test_another_sample_set_shares_its_same_texts_alone() -> None:
    """Texts are matched by their hash, whatever their order and number; sets without a common text show nothing."""
    found = compared(lane(range(10, 50), moved=range(10, 12)), lane(range(20)))
    assert (found.texts, found.moved) == (10, 2)
    assert compared(lane(range(10)), lane(range(20, 30))).texts == 0


@pytest.mark.parametrize(("floor", "moved"), [(None, 5), (1e-4, 5), (1e-3, 0), (5.0, 5)])
def test_the_noise_of_the_side_does_not_count(floor: float | None, moved: int) -> None:
    """What the side's own noise explains is not counted; a side that is broken does not excuse every drift."""
    near = 0.06 if floor != 5.0 else 1.0
    found = compared(lane(range(5), moved=range(5), angle=near), lane(range(5)), explained_by(floor))
    assert found.moved == moved


def test_another_dimension_and_a_lost_direction_are_drifts() -> None:
    """A text without a cosine between the dates has moved; a refused one is not compared."""
    assert compared(lane(range(3), dimension=8), lane(range(3))).moved == 3
    zero = lane(range(3))
    zero = replace(zero, values=np.where(np.arange(48) < 16, 0, zero.values).astype(np.float32))
    assert compared(lane(range(3)), zero).moved == 1
    refused = replace(zero, status=[RowStatus.REFUSED, RowStatus.OK, RowStatus.OK])
    assert (compared(lane(range(3)), refused).texts, compared(zero, zero).moved) == (2, 0)


def test_large_sets_are_compared_by_the_smallest_hashes() -> None:
    """Memory stays bounded, and both dates choose the same texts in whatever order they come."""
    kept = KeptVectors(limit=8)
    for start in range(99, -1, -10):
        kept.add(lane(range(start, start - 10, -1)))
        assert len(kept.rows) <= 26
    assert sorted(kept.finished()) == [f"{text:016x}" for text in range(8)]


def drift(*moved: int) -> SelfDrift:
    """Return a drift from earlier dates, the newest first, each with so many of ten texts moved."""
    dates = [
        DriftFromDate(
            date=f"2026-11-{20 - number:02}",
            fetched_to=f"2026-11-{20 - number:02}T06:00:00Z",
            texts=10,
            moved=count,
            worst=0.98 if count else 1.0,
            worst_sample="0" * 16,
        )
        for number, count in enumerate(moved)
    ]
    return SelfDrift(side=Side.LEGACY, fetched_from="2026-11-21T06:00:00Z", explained=CLEAN, dates=tuple(dates))


@pytest.mark.parametrize(
    ("moved", "since"), [((4, 4), "2026-11-21"), ((0, 4), "2026-11-20"), ((0, 0, 4), "2026-11-19")]
)
def test_the_date_of_the_change(moved: tuple[int, ...], since: str) -> None:
    """A drift began with the first fetch that has the vectors of today."""
    found = drift(*moved)
    assert found.since == since
    assert found.describe().startswith(f"the legacy drifted since {since}: worst cosine 0.98")
    assert "on 4 of 10 same texts" in found.describe()


def test_the_check_warns() -> None:
    """A drift is a finding that does not decide by itself; without an earlier date there is no check."""
    (legacy,) = drift_checks([drift(0, 4)])
    assert (legacy.name, legacy.severity, legacy.passed) == (CheckName.LEGACY_DRIFT, CheckSeverity.WARN, False)
    assert next(drift_checks([drift(0, 0)])).passed is True
    assert not list(drift_checks([drift()]))
