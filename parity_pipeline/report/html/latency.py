"""Latency and effort of both sides next to each other, as their lanes recorded them.

Here belongs reading them out of the provenance of either probe. Distributions belong to `drawings`.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from parity_pipeline.report import numbers
from parity_pipeline.report.sections.sides import LATENCIES
from parity_pipeline.report.view import Lane, name_of


@dataclass(frozen=True, slots=True, kw_only=True)
class Latencies:
    """A table of both sides.

    Attributes:
        names: What the sides are called, legacy first.
        rows: What is measured, the legacy side's and the candidate's value, and the candidate's as a multiple.
    """

    names: tuple[str, ...]
    rows: tuple[tuple[str, str, str, str], ...]


def latency_rows(lanes: Sequence[Lane]) -> Latencies:
    """Return the percentiles of the requests that brought results, and how many requests and retries there were."""
    legacy, candidate = lanes
    pairs = [(name, legacy.latency_ms.get(name), candidate.latency_ms.get(name)) for name in LATENCIES]
    found = [
        (f"{name}, ms", _milliseconds(one), _milliseconds(two), _multiple(one, two))
        for name, one, two in pairs
        if (one, two) != (None, None)
    ]
    effort = [
        ("requests", numbers.count(legacy.requests), numbers.count(candidate.requests), ""),
        ("of these retries", numbers.count(legacy.retries), numbers.count(candidate.retries), ""),
    ]
    return Latencies(names=tuple(name_of(lane) for lane in lanes), rows=(*found, *effort))


def _milliseconds(value: float | None) -> str:
    return "not measured" if value is None else f"{value:,.1f}"


def _multiple(legacy: float | None, candidate: float | None) -> str:
    return f"{candidate / legacy:.2f} times" if legacy and candidate is not None else ""
