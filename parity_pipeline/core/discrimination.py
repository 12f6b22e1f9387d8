"""Whether the comparison distinguishes different texts: the cosines of different texts across the sides.

Here belong a bounded sample of rows, the background that it shows, and the rule that holds it against the threshold. A
model whose different texts lie above the threshold would let a wrong row pass, and so would a side that returns one
vector for everything.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from parity_pipeline.core.fetched_rows import FetchedRows
from parity_pipeline.core.measures import ComparedRows, Float64
from parity_pipeline.core.number_format import cosine_text, limit_text, percent
from parity_pipeline.core.outcomes import Outcome

ROWS: Final = 256
"""Largest number of rows that the background is taken from: 65,280 pairs, and 3 MB for two sides of 768 dimensions."""

LARGEST_SHARE: Final = 0.05
"""Share of different-text pairs that may reach the threshold; docs/adr/0021 argues it."""

_ONE_PAIR: Final = 2
"""Ordered pairs that two texts make. One colliding pair of texts is a collision and not a property of the model."""

_NEAR: Final = 0.99


@dataclass(frozen=True, slots=True, kw_only=True)
class Background:
    """Cosines of different texts: the legacy vector of one against the candidate vector of another.

    Attributes:
        pairs: Ordered pairs of different texts; 0 where fewer than two rows were compared, and nothing was measured.
        median: Their median cosine; None where nothing was measured, as are the next two.
        p95: Cosine below which 95 % of them lie.
        maximum: Their largest cosine.
        threshold: Cosine threshold that the share was counted at.
        share_at_threshold: Share of the pairs that reach it, in [0, 1].
    """

    pairs: int
    median: float | None
    p95: float | None
    maximum: float | None
    threshold: float
    share_at_threshold: float

    def share_is_large(self, threshold: float) -> bool:
        """Return whether too many pairs reach a threshold; if the share was counted at another one, the 95 % point decides."""
        if self.p95 is None:
            return False
        if threshold != self.threshold:
            return self.p95 >= threshold
        alone = round(self.share_at_threshold * self.pairs) <= _ONE_PAIR < self.pairs
        return self.share_at_threshold > LARGEST_SHARE and not alone


@dataclass(slots=True)
class BackgroundSample:
    """Collects the sampled rows from the compared blocks; it keeps nothing else of them.

    Attributes:
        samples: Samples of the whole set.
    """

    samples: int
    _legacy: list[Float64] = field(default_factory=list[Float64])
    _candidate: list[Float64] = field(default_factory=list[Float64])

    def add(self, rows: ComparedRows, legacy: FetchedRows, candidate: FetchedRows) -> None:
        """Take in the next block: what was compared, and the rows that it was compared from."""
        # Computed again for each block: a set of a million samples has the same 256 ordinals.
        chosen = np.unique(np.linspace(0, self.samples - 1, min(ROWS, self.samples)).astype(np.int64))
        low, high = np.searchsorted(chosen, [rows.start, rows.start + len(rows)])
        for row in chosen[low:high] - rows.start:
            if rows.outcomes[row] is Outcome.COMPARED:
                self._legacy.append(_unit(legacy, int(row)))
                self._candidate.append(_unit(candidate, int(row)))

    def background(self, threshold: float) -> Background:
        """Return the background of the rows taken in, of those of the most frequent dimension.

        Args:
            threshold: Cosine threshold to count the share at.
        """
        widths = [len(vector) for vector in self._legacy]
        width = max(set(widths), key=widths.count, default=0)
        left, right = (_matrix(side, width) for side in (self._legacy, self._candidate))
        cosines = left @ right.T
        different = cosines[~np.eye(len(left), dtype=np.bool_)]
        if not different.size:
            return Background(pairs=0, median=None, p95=None, maximum=None, threshold=threshold, share_at_threshold=0.0)
        different = np.clip(different, -1.0, 1.0)
        return Background(
            pairs=int(different.size),
            median=float(np.median(different)),
            p95=float(np.quantile(different, 0.95)),
            maximum=float(different.max()),
            threshold=threshold,
            share_at_threshold=float((different >= threshold).mean()),
        )


def _unit(side: FetchedRows, row: int) -> Float64:
    vector = side.values[side.offsets[row] : side.offsets[row + 1]].astype(np.float64)
    return vector / np.linalg.norm(vector)


def _matrix(vectors: Sequence[Float64], width: int) -> Float64:
    kept = [vector for vector in vectors if len(vector) == width]
    return np.array(kept, np.float64).reshape(len(kept), width)


def discrimination_reason(background: Background | None, threshold: float) -> str:
    """Return why a wrong row would have passed; "" where it would not, and where nothing was measured.

    >>> one_vector = Background(
    ...     pairs=20, median=1.0, p95=1.0, maximum=1.0, threshold=0.999, share_at_threshold=1.0
    ... )
    >>> discrimination_reason(one_vector, 0.999)
    'a wrong row would have passed: different texts have a median cosine of 1.000000, and 100 % of their pairs reach 0.9990'
    >>> discrimination_reason(None, 0.999)
    ''
    """
    if background is None or background.median is None or not background.share_is_large(threshold):
        return ""
    share = f"{percent(background.share_at_threshold)} of their pairs reach {limit_text(background.threshold)}"
    return (
        f"a wrong row would have passed: different texts have a median cosine of {cosine_text(background.median)}, "
        f"and {share}"
    )


def background_words(background: Background | None) -> str:
    """Return the background as a sentence to stand beside the threshold; "" for a verdict that knows none."""
    if background is None:
        return ""
    if background.median is None or background.p95 is None or background.maximum is None:
        return "Different texts: not measured, as fewer than two samples were compared."
    return (
        f"Different texts: median cosine {_short(background.median)}, 95 % below {_short(background.p95)}, "
        f"largest {cosine_text(background.maximum)}; {percent(background.share_at_threshold)} of {background.pairs:,} pairs "
        f"reach {limit_text(background.threshold)}."
    )


def _short(cosine: float) -> str:
    """Return a cosine in two decimals, and one near a threshold in as many as reports use."""
    return f"{cosine:.2f}" if cosine < _NEAR else cosine_text(cosine)
