"""Histograms of a whole set, counted block by block in memory that does not grow with it, and the bins of each quantity.

Here belong counting and the choice of bins. How a histogram is drawn belongs to `report.html`.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from parity_pipeline.core.wire_drift import NormRange

_NINES: Final = 8
"""Nines of a cosine that are distinguished. Between float32 vectors more of them are rounding."""
_STEPS: Final = 2
"""Bins per nine."""
_SAME_EDGE: Final = 1e-6
"""Relative difference of 1 - cosine within which the threshold takes the place of an edge."""
_NORM_BINS: Final = 24
_ALIKE: Final = 1e-6
"""Relative width within which norms are one value: that is the rounding of float32."""
_LATENCIES: Final = tuple(step * 10.0**power for power in range(-1, 6) for step in (1.0, 1.4, 2.0, 3.0, 5.0, 7.0))
"""Milliseconds from 0.1 ms to 12 minutes, six bins per factor of ten."""


@dataclass(slots=True)
class Histogram:
    """Counts of values between ascending edges.

    Attributes:
        edges: Where one bin ends and the next begins, ascending; a value equal to an edge is in the upper bin.
        counts: int64, shape (edges + 1,): values below the first edge, in each bin, and from the last edge on.
    """

    edges: tuple[float, ...]
    counts: NDArray[np.int64] = field(init=False)

    def __post_init__(self) -> None:
        """Begin with nothing counted."""
        self.counts = np.zeros(len(self.edges) + 1, np.int64)

    def add(self, values: NDArray[np.floating]) -> None:
        """Take in values of any shape; NaN was not measured and counts for nothing.

        >>> found = Histogram((0.0, 1.0))
        >>> found.add(np.array([-1.0, 0.0, 0.5, 1.0, np.nan]))
        >>> found.counts.tolist()
        [1, 2, 1]
        """
        known = values[~np.isnan(values)].astype(np.float64)
        places = np.searchsorted(np.asarray(self.edges), known, side="right")
        self.counts += np.bincount(places, minlength=len(self.counts))

    @property
    def total(self) -> int:
        """Return the number of values."""
        return int(self.counts.sum())


def cosine_edges(threshold: float) -> tuple[float, ...]:
    """Return edges that are evenly spaced in -log10(1 - cosine), two per nine, and 0; the threshold is one of them.

    So every bin is wholly below the threshold or wholly at or above it, as `measures.grade` sees it.

    >>> [round(edge, 3) for edge in cosine_edges(0.9985)][:9]
    [0.0, 0.684, 0.9, 0.968, 0.99, 0.997, 0.999, 0.999, 1.0]
    """
    regular = [1.0 - 10.0 ** (-step / _STEPS) for step in range(_NINES * _STEPS + 1)]
    apart = [edge for edge in regular if abs(edge - threshold) > _SAME_EDGE * (1.0 - edge)]
    return tuple(sorted([*apart, threshold]))


def norm_edges(ranges: Iterable[NormRange]) -> tuple[float, ...]:
    """Return evenly spaced edges over the norms of both sides; none where there is no norm, or all are one value.

    The spacing is logarithmic where the largest is more than twice the smallest, as with raw against unit vectors.
    """
    known = [(one.low, one.high) for one in ranges if one.low is not None and one.high is not None]
    if not known:
        return ()
    low, high = min(low for low, _ in known), max(high for _, high in known)
    if not (math.isfinite(high) and low > 0.0) or high - low <= _ALIKE * high:
        return ()
    # The largest norm belongs into the last bin and not behind it.
    above = math.nextafter(high, math.inf)
    if high > 2.0 * low:
        return tuple(float(edge) for edge in np.geomspace(low, above, _NORM_BINS + 1))
    return tuple(float(edge) for edge in np.linspace(low, above, _NORM_BINS + 1))


def latency_edges() -> tuple[float, ...]:
    """Return edges in milliseconds, about evenly spaced on a logarithmic scale."""
    return _LATENCIES


def share_edges(bins: int) -> tuple[float, ...]:
    """Return edges of a share in [0, 1] so that the last bin holds 1 alone.

    >>> share_edges(4)
    (0.25, 0.5, 0.75, 1.0)
    """
    return tuple(step / bins for step in range(1, bins + 1))


def trimmed(histograms: Sequence[Histogram]) -> slice:
    """Return the bins between the first and the last that any of several histograms with the same edges has values in."""
    filled = np.flatnonzero(np.sum([one.counts for one in histograms], axis=0))
    return slice(int(filled[0]), int(filled[-1]) + 1) if len(filled) else slice(0, 0)
