"""Charts as inline SVG, each with the figures that it shows as a table.

Here belongs everything that knows pygal, which is imported with the first chart. Colours come from the page's stylesheet by
class, so that a chart follows light, dark and print. What is drawn is decided by the callers.
"""

import math
import re
import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, Final
from xml.etree import ElementTree as ET

from markupsafe import Markup

from parity_pipeline.report import numbers

_WIDTH: Final = 720
_HEIGHT: Final = 230
_VALUES: Final = 30
"""Bars above which their values can be written without overlap."""
_DROPPED: Final = frozenset({"script", "style", "title", "desc"})
"""Elements of a chart that only pygal's own script and stylesheet use, or that would name it `Pygal`."""
_KEPT: Final = frozenset({"d", "x", "y", "cx", "cy", "r", "width", "height", "class", "transform", "viewBox"})
_DIGITS: Final = re.compile(r"(\d+\.\d\d)\d+")


@dataclass(frozen=True, slots=True)
class Series:
    """Counts of one thing per label.

    Attributes:
        name: What is counted.
        look: Class of its colour in the stylesheet, such as `legacy`.
        counts: One per label; None where the series has nothing to say.
    """

    name: str
    look: str
    counts: Sequence[int | None]


@dataclass(frozen=True, slots=True, kw_only=True)
class Chart:
    """A chart and what it shows.

    Attributes:
        title: What it shows, in a few words.
        svg: The drawing.
        legend: Name and class of each series; empty for a single one.
        head: Header of the table with the same figures.
        rows: Its rows, as text.
    """

    title: str
    svg: Markup
    legend: tuple[tuple[str, str], ...]
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def bars(
    title: str, labels: Sequence[str], ticks: Sequence[str], series: Sequence[Series], *, stacked: bool = False
) -> Chart:
    """Return counts as bars on a logarithmic scale, so that one sample among ten thousand can be seen.

    Args:
        title: What the chart shows.
        labels: What each bar stands for, in the table.
        ticks: The same below the bars, short; "" for none.
        series: What is drawn, one bar each, or one upon the other.
        stacked: Draw them one upon the other: where a label has a value in one series alone.
    """
    pygal = _pygal()
    most = max((count for one in series for count in one.counts if count), default=1)
    decades = range(math.ceil(math.log10(most + 1)) + 1)
    kind = pygal.StackedBar if stacked else pygal.Bar
    drawn = sum(count is not None for one in series for count in one.counts)
    chart = kind(**_OPTIONS, print_values=drawn <= _VALUES, print_values_position="top", spacing=8)
    chart.x_labels = list(ticks)
    chart.y_labels = [
        {"label": "0", "value": 0.0},
        *(
            {"label": _short(10**power), "value": _height(10**power)}
            for power in decades
            if 10**power <= max(most, 1) * 3
        ),
    ]
    chart.range = (0.0, _height(most) * 1.12)
    for one in series:
        chart.add(one.name, [_bar(count) for count in one.counts])
    rows = [
        (label, *(numbers.count(one.counts[place]) if one.counts[place] is not None else "" for one in series))
        for place, label in enumerate(labels)
    ]
    return Chart(
        title=title,
        svg=_drawing(chart, [one.look for one in series]),
        legend=tuple((one.name, one.look) for one in series),
        head=("", *(one.name for one in series)),
        rows=tuple(rows),
    )


def _height(count: float) -> float:
    return math.log10(1.0 + count)


def _short(count: int) -> str:
    return f"{count // 1000}k" if count >= 1000 and count % 1000 == 0 else str(count)


def _bar(count: int | None) -> Mapping[str, Any] | None:
    if not count:
        return None
    label = numbers.count(count)

    def formatter(_height: object) -> str:
        return label

    return {"value": _height(count), "formatter": formatter}


@dataclass(frozen=True, slots=True)
class Line:
    """A measure over time.

    Attributes:
        name: What is measured.
        look: Class of its colour in the stylesheet.
        points: Days since 0001-01-01 (`date.toordinal`) and value, ascending; a None is a gap.
    """

    name: str
    look: str
    points: Sequence[tuple[int, float | None]]


def lines(
    found: Sequence[Line],
    marks: Iterable[int],
    *,
    days: Mapping[int, str],
    levels: Mapping[float, str],
) -> Markup:
    """Return measures over time, with a vertical rule at each marked day.

    Args:
        found: The measures.
        marks: Days at which something changed.
        days: Labels of the time axis, by day.
        levels: Labels of the value axis, by value, at least two.
    """
    pygal = _pygal()
    low, high = min(levels), max(levels)
    few = max((len(one.points) for one in found), default=0) <= 45
    chart = pygal.XY(
        **_OPTIONS,
        margin_right=36,
        show_dots=few,
        dots_size=2.5,
        show_y_guides=True,
        allow_interruptions=True,
        strict=True,
    )
    chart.range = (low, high)
    chart.y_labels = [{"label": label, "value": value} for value, label in sorted(levels.items())]
    chart.x_labels = [{"label": label, "value": day} for day, label in sorted(days.items())]
    first, last = min(days), max(days)
    # A single day would be a range of no width.
    chart.xrange = (first - 0.5, last + 0.5)
    for one in found:
        # On a single day a limit, which has no dots, would be a line of no length.
        wide = (0.5, -0.5) if first == last and one.look == "limit" else (0,)
        chart.add(one.name, [(day - aside, value) for day, value in one.points for aside in wide])
    # All rules are one series with gaps: pygal fills every series up to the length of the longest.
    rules = [point for day in marks if first <= day <= last for point in ((day, low), (day, high), (day, None))]
    if rules:
        chart.add("", rules, show_dots=False)
    return _drawing(chart, [*(one.look for one in found), "change"])


_OPTIONS: Final[Mapping[str, Any]] = {
    "js": [],
    "css": [],
    "disable_xml_declaration": True,
    "no_prefix": True,
    "show_legend": False,
    "truncate_label": -1,
    "margin": 6,
    "width": _WIDTH,
    "height": _HEIGHT,
}


@cache
def _pygal() -> Any:
    """Return pygal without the hook that it puts into Python's imports, for plug-ins that nothing here uses.

    The hook has the protocol of Python 2, which makes every later import warn.
    """
    import pygal  # noqa: PLC0415 - most commands draw no chart

    sys.meta_path[:] = [finder for finder in sys.meta_path if not isinstance(finder, pygal.PluginImportFixer)]
    return pygal


def _drawing(chart: Any, looks: Sequence[str]) -> Markup:
    """Return a chart's drawing without what a strict content policy refuses: scripts, styles, addresses, ids."""
    root = chart.render_tree()
    _clean(root)
    root.set("class", "chart")
    root.set("aria-hidden", "true")
    root.set("focusable", "false")
    for group in root.iter("g"):
        found = re.search(r"\bserie-(\d+)\b", group.get("class", ""))
        if found:
            overlay = " values" if "text-overlay" in group.get("class", "") else ""
            group.set("class", f"series {looks[int(found[1])]}{overlay}")
    return Markup(ET.tostring(root, encoding="unicode"))  # noqa: S704 - made of a tree, which escapes its texts


def _clean(node: ET.Element) -> None:
    for child in list(node):
        # A comment's tag is a function; a bar without a value has no height and is labelled 0.
        odd = callable(child.tag) or child.tag in _DROPPED or child.get("height") == "0.0"
        if odd or (child.get("class") == "value" and child.text == "0"):
            node.remove(child)
        else:
            _clean(child)
    for name, value in list(node.attrib.items()):
        if name in _KEPT:
            node.set(name, _DIGITS.sub(r"\1", value))
        else:
            del node.attrib[name]
