"""The trend of one model or corpus over all dates, with a mark wherever a gateway changed.

Here belong the scale, the choice of lines, and the words for changes. Finding changes belongs to `gateway_changes`.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.provenance import Provenance
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.report.html.charts import Line, lines
from parity_pipeline.report.html.gateway_changes import GatewayChange, Identity, gateway_changes, identity_of, state_of
from parity_pipeline.report.html.index_grid import Column

_NINES: Final = 8
"""Nines at the top of the scale: between float32 vectors more of them are rounding."""
_LABELS: Final = 5
"""Labels of the time axis, at most."""
MOST_POINTS: Final = 400
"""Points of a line, at most: a drawing is about 700 px wide, so that of more points several share a pixel."""

Identities = Mapping[Side, Iterable[tuple[str, Identity]]]
"""Of each side: dates and what is recorded of its gateway on them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Trend:
    """The trend of one column.

    Attributes:
        svg: The drawing.
        words: The same in a sentence.
        legend: Name and class of each line.
        changes: Changes of the gateways, newest first: date, side, and what changed.
    """

    svg: Markup
    words: str
    legend: tuple[tuple[str, str], ...]
    changes: tuple[tuple[str, str, str], ...]


def trend_of(verdicts: Sequence[AnyVerdict], identities: Identities | None = None) -> Trend:
    """Return the trend of one column.

    Args:
        verdicts: Its verdicts, 1 or more, at most one per date.
        identities: What is recorded of the gateways; None for what the lanes of the verdicts recorded.
    """
    ordered = sorted(verdicts, key=lambda one: one.date)
    changes = {side: gateway_changes(dates) for side, dates in (identities or _identities(ordered)).items()}
    of_lists = isinstance(ordered[-1], RetrievalVerdict)
    drawn = _drawn(ordered, _SHARES if of_lists else _COSINES)
    marks = {_day(one.date) for found in changes.values() for one in found}
    levels = _PARTS if of_lists else _LEVELS
    # Dates that could not be run have nothing to draw.
    svg = lines(drawn, sorted(marks), days=_days(ordered), levels=levels) if drawn else Markup()
    legend = [(line.name, line.look) for line in drawn]
    return Trend(
        svg=svg,
        words=_words(ordered, len(marks)),
        legend=(*legend, ("a gateway changed", "change")) if marks else tuple(legend),
        changes=tuple(sorted(_described(changes), reverse=True)),
    )


def recorded_identities(verdicts: Sequence[AnyVerdict], states: GatewayStates) -> dict[Column, Identities]:
    """Return for each column what its lanes recorded of their gateways, with the recorded states that they are of.

    Args:
        verdicts: Verdicts of any probe, date, and model or corpus.
        states: The recorded states of the gateways.
    """
    found: dict[Column, dict[Side, list[tuple[str, Identity]]]] = {}
    # Of ten thousand verdicts most lanes are of the same few states.
    seen: dict[tuple[Column, Side, str, bool], Identity] = {}
    for verdict in verdicts:
        column = Column(verdict.endpoint, name_of_partition(verdict))
        of_column = found.setdefault(column, {side: [] for side in Side})
        for lane in verdict.lanes:
            key = (column, lane.side, lane.fingerprint.state, isinstance(lane, Provenance) and bool(lane.recorded))
            if key not in seen:
                seen[key] = state_of(lane, states.of_lane(verdict.endpoint, lane.side, column.name))
            of_column[lane.side].append((verdict.date, {**identity_of(lane), **seen[key]}))
    return dict(found)


def _identities(verdicts: Sequence[AnyVerdict]) -> dict[Side, list[tuple[str, Identity]]]:
    found: dict[Side, list[tuple[str, Identity]]] = {side: [] for side in Side}
    for verdict in verdicts:
        for lane in verdict.lanes:
            found[lane.side].append((verdict.date, identity_of(lane)))
    return found


def nines(cosine: float | None) -> float | None:
    """Return a cosine on a scale of nines: 0.9 is 1, 0.999 is 3, at most 8; None for None.

    >>> nines(0.999), nines(1.0), nines(-0.5)
    (3.0, 8, 0.0)
    """
    if cosine is None:
        return None
    if cosine <= 0.0:
        return 0.0
    return _NINES if cosine >= 1.0 else round(min(-math.log10(1.0 - cosine), _NINES), 4)


_LEVELS: Final = {0.0: "0", **{float(one): f"0.{'9' * one}" for one in range(1, _NINES)}, float(_NINES): "1"}
_PARTS: Final = {step / 5: f"{step / 5:g}" for step in range(6)}

_Value = Callable[[AnyVerdict], float | None]


def _worst(verdict: AnyVerdict) -> float | None:
    return nines(verdict.worst_cosine) if isinstance(verdict, Verdict) else None


def _limit(verdict: AnyVerdict) -> float | None:
    return nines(verdict.threshold) if isinstance(verdict, Verdict) else None


def _floor(side: Side) -> _Value:
    def value(verdict: AnyVerdict) -> float | None:
        floor = verdict.side(side).floor if isinstance(verdict, Verdict) else None
        return nines(floor.cosine) if floor else None

    return value


def _overlap(verdict: AnyVerdict) -> float | None:
    return verdict.value(SetMeasure.MEAN_OVERLAP) if isinstance(verdict, RetrievalVerdict) else None


_COSINES: Final[Mapping[str, tuple[str, _Value]]] = {
    "threshold": ("limit", _limit),
    "noise floor, legacy": ("legacy floor", _floor(Side.LEGACY)),
    "noise floor, candidate": ("candidate floor", _floor(Side.CANDIDATE)),
    "worst cosine": ("worst", _worst),
}
_SHARES: Final[Mapping[str, tuple[str, _Value]]] = {"mean overlap": ("worst", _overlap)}


def _drawn(verdicts: Sequence[AnyVerdict], wanted: Mapping[str, tuple[str, _Value]]) -> list[Line]:
    found = [
        Line(name, look, lowest_of_neighbours([(_day(one.date), value(one)) for one in verdicts]))
        for name, (look, value) in wanted.items()
    ]
    return [line for line in found if any(value is not None for _, value in line.points)]


def lowest_of_neighbours(points: list[tuple[int, float | None]]) -> list[tuple[int, float | None]]:
    """Return at most `MOST_POINTS` of some points: of each few neighbours the one with the lowest value, so that none is hidden.

    Neighbours are as many for each point; a gap stays one where none of them has a value.

    Args:
        points: Days and values, ascending by day.
    """
    together = neighbours(len(points))
    groups = (points[at : at + together] for at in range(0, len(points), together))
    return [min(group, key=lambda one: math.inf if one[1] is None else one[1]) for group in groups]


def neighbours(dates: int) -> int:
    """Return how many dates share a point of a line."""
    return max(1, -(-dates // MOST_POINTS))


def _day(text: str) -> int:
    return date.fromisoformat(text).toordinal()


def _days(verdicts: Sequence[AnyVerdict]) -> dict[int, str]:
    first, last = date.fromisoformat(verdicts[0].date), date.fromisoformat(verdicts[-1].date)
    length = (last - first).days
    # Whole days, evenly apart, or two labels would touch.
    step = max(1, -(-length // (_LABELS - 1)))
    days = [first + timedelta(days=at) for at in range(0, length + 1, step)]
    return {day.toordinal(): day.isoformat() for day in days} | {last.toordinal(): "" for _ in [0] if last not in days}


def _words(verdicts: Sequence[AnyVerdict], changed: int) -> str:
    dates = (
        f"{len(verdicts)} dates from {verdicts[0].date} to {verdicts[-1].date}"
        if len(verdicts) > 1
        else verdicts[0].date
    )
    known = [(value, one.date) for one in verdicts if (value := _plain(one)) is not None]
    lowest = min(known, default=None)
    low = (
        f", the lowest value on {lowest[1]}" if lowest and len(verdicts) > 1 else "" if lowest else ", nothing measured"
    )
    together = neighbours(len(verdicts))
    low += f"; of each {together} dates the lowest value is drawn" if together > 1 else ""
    return f"{dates}{low}; {changed or 'no'} {'date' if changed == 1 else 'dates'} on which a gateway changed"


def _plain(verdict: AnyVerdict) -> float | None:
    return verdict.worst_cosine if isinstance(verdict, Verdict) else _overlap(verdict)


def _described(changes: Mapping[Side, Sequence[GatewayChange]]) -> Iterable[tuple[str, str, str]]:
    for side, found in changes.items():
        for one in found:
            parts = "; ".join(f"{part}: {old} → {new}" for part, old, new in one.parts)
            yield one.date, side.value, f"{parts} (before: {one.before})"
