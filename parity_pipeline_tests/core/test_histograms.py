"""Histograms: every value in one bin, the threshold on the right side of an edge, bins that fit the values."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parity_pipeline.core.histograms import Histogram, cosine_edges, latency_edges, norm_edges, share_edges, trimmed
from parity_pipeline.core.wire_drift import NormRange


@given(st.lists(st.floats(-2, 2) | st.just(math.nan), max_size=50), st.integers(1, 9))
def test_every_measured_value_is_counted_once(values: list[float], blocks: int) -> None:
    """The counts sum to the values that are numbers, in however many blocks they come."""
    found = Histogram(cosine_edges(0.999))
    for block in np.array_split(np.array(values, np.float64), blocks):
        found.add(block)
    assert found.total == sum(not math.isnan(value) for value in values)


@given(st.floats(-1, 1), st.floats(0.01, 0.9999999))
def test_a_bin_is_wholly_on_one_side_of_the_threshold(cosine: float, threshold: float) -> None:
    """What `cosine >= threshold` says of a value, the bin of the value says too, for any threshold."""
    found = Histogram(cosine_edges(threshold))
    found.add(np.array([cosine]))
    below = sum(found.counts[: found.edges.index(threshold) + 1].tolist())
    assert below == (not cosine >= threshold)


def test_the_usual_threshold_replaces_its_neighbour() -> None:
    """0.999 is one edge and not two, and edges are ascending."""
    edges = cosine_edges(0.999)
    assert len(edges) == 17
    assert list(edges) == sorted(set(edges))
    assert 0.999 in edges


def test_norms_of_both_sides_share_one_axis() -> None:
    """Unit and raw vectors have logarithmic bins, the largest norm in the last; equal ones have none."""
    unit, raw = NormRange(low=1.0, high=1.0), NormRange(low=12.0, high=14.0)
    found = Histogram(norm_edges([unit, raw]))
    found.add(np.array([1.0, 12.0, 14.0]))
    assert found.counts[0] == found.counts[-1] == 0
    ratios = [two / one for one, two in zip(found.edges, found.edges[1:], strict=False)]
    assert max(ratios) == pytest.approx(min(ratios))
    assert norm_edges([unit, unit]) == ()
    assert norm_edges([NormRange(low=None, high=None)]) == ()
    assert norm_edges([NormRange(low=1.0, high=math.inf)]) == ()
    assert len(norm_edges([NormRange(low=1.0, high=1.1)])) == 25


def test_the_last_bin_of_a_share_is_one_alone() -> None:
    """A share of 1 is apart from all below it."""
    found = Histogram(share_edges(20))
    found.add(np.array([0.0, 0.9999, 1.0]))
    assert found.counts.tolist() == [1, *[0] * 18, 1, 1]


def test_empty_ends_are_trimmed_for_both_sides_at_once() -> None:
    """Bins are drawn from the first to the last that either side has values in; none for no values."""
    one, two = Histogram(latency_edges()), Histogram(latency_edges())
    assert trimmed([one, two]) == slice(0, 0)
    one.add(np.array([2.5]))
    two.add(np.array([6.0]))
    shown = trimmed([one, two])
    assert one.edges[shown.start - 1] <= 2.5 < one.edges[shown.start]
    assert one.edges[shown.stop - 2] <= 6.0 < one.edges[shown.stop - 1]
