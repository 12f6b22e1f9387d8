"""The histograms of a page as charts: which bins are drawn, and what they are called.

Here belong labels and the choice of bins. Drawing belongs to `charts`, counting to `core.histograms`.
"""

import math
from collections.abc import Callable, Sequence
from typing import Final

from parity_pipeline.core.histograms import Histogram, trimmed
from parity_pipeline.core.outcomes import Side
from parity_pipeline.report import numbers
from parity_pipeline.report.html.charts import Chart, Series, bars
from parity_pipeline.report.html.evidence import Pair

_FROM: Final = 0.99
"""Cosine from which on bins are drawn even where they are empty, so that the threshold is seen from both sides."""
_TICKS: Final = 8
"""Labels below an axis of norms: more would overlap."""


def cosine_chart(found: Histogram, threshold: float) -> Chart:
    """Return the cosines, evenly spaced in nines; what is below the threshold has another colour."""
    edges = found.edges
    first = next((place for place, count in enumerate(found.counts) if count), len(edges))
    first = min(first, next(place for place, edge in enumerate(edges, 1) if edge >= min(_FROM, threshold)))
    places = range(first, len(found.counts))
    below = [place for place in places if place < len(edges) and edges[place] <= threshold]
    counts = found.counts.tolist()
    return bars(
        "Samples by cosine, on a scale of nines",
        [_between(edges, place, _cosine) for place in places],
        [_nines(edges, place, threshold) for place in places],
        [
            Series(
                f"below {numbers.limit(threshold)}", "beyond", [counts[one] if one in below else None for one in places]
            ),
            Series(
                f"{numbers.limit(threshold)} or more",
                "within",
                [None if one in below else counts[one] for one in places],
            ),
        ],
        stacked=True,
    )


def norm_chart(found: Pair) -> Chart | None:
    """Return the norms of both sides on one axis; None where there is nothing to draw."""
    legacy, candidate = found
    if legacy is None or candidate is None or not legacy.edges or not (legacy.total or candidate.total):
        return None
    edges = legacy.edges
    width = (edges[-1] - edges[0]) / edges[-1]
    digits = 3 + max(0, math.ceil(-math.log10(width)))
    places = range(1, len(edges))
    step = max(1, len(places) // _TICKS)

    def label(edge: float) -> str:
        return f"{edge:.{digits}g}"

    return bars(
        "Samples by L2 norm",
        [_between(edges, place, label) for place in places],
        [label(edges[place - 1]) if not (place - 1) % step else "" for place in places],
        _sides(legacy, candidate, slice(1, len(edges))),
    )


def latency_chart(found: Pair, title: str) -> Chart | None:
    """Return the latencies of both sides; None where neither was stored."""
    known = [one for one in found if one is not None and one.total]
    if not known:
        return None
    edges = known[0].edges
    legacy, candidate = (one if one is not None else Histogram(edges) for one in found)
    shown = trimmed(known)
    places = range(shown.start, shown.stop)
    return bars(
        title,
        [f"{_between(edges, place, _milliseconds)} ms" for place in places],
        [_milliseconds(edges[place - 1]) if place else "0" for place in places],
        _sides(legacy, candidate, shown),
    )


def share_chart(found: Histogram, title: str, name: str) -> Chart:
    """Return a share in [0, 1] over all queries; 1 is a bar of its own."""
    edges = found.edges
    places = range(len(edges) + 1)
    full = len(edges)
    counts = found.counts.tolist()
    return bars(
        title,
        [
            "1" if place == full else f"{edges[place - 1] if place else 0:g} to below {edges[place]:g}"
            for place in places
        ],
        ["1" if place == full else f"{edges[place - 1] if place else 0:g}" for place in places],
        [
            Series(f"{name} below 1", "partial", [None if place == full else counts[place] for place in places]),
            Series(f"{name} 1", "within", [counts[place] if place == full else None for place in places]),
        ],
        stacked=True,
    )


def _sides(legacy: Histogram, candidate: Histogram, shown: slice) -> list[Series]:
    pairs = zip(Side, (legacy, candidate), strict=True)
    return [Series(side.value, side.value, found.counts[shown].tolist()) for side, found in pairs]


def _between(edges: Sequence[float], place: int, label: Callable[[float], str]) -> str:
    if place == 0:
        return f"below {label(edges[0])}"
    if place == len(edges):
        return f"{label(edges[-1])} or more"
    return f"{label(edges[place - 1])} to below {label(edges[place])}"


def _cosine(edge: float) -> str:
    """Return an edge with two digits more than it has nines."""
    nines = -math.log10(1.0 - edge) if edge < 1.0 else 16.0
    text = f"{edge:.{math.ceil(round(nines, 6)) + 2}f}"
    return text.rstrip("0").rstrip(".") or "0"


def _nines(edges: Sequence[float], place: int, threshold: float) -> str:
    """Return what stands below a bin: where it begins, if that is whole nines or the threshold."""
    if not place:
        return "< 0"
    edge = edges[place - 1]
    nines = -math.log10(1.0 - edge) if edge < 1.0 else 16.0
    return _cosine(edge) if edge == threshold or abs(nines - round(nines)) < 1e-6 else ""


def _milliseconds(edge: float) -> str:
    return f"{edge:,g}" if edge < 1000 else f"{edge:,.0f}"
