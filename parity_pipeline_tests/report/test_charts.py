"""Charts as SVG: every figure in the table, nothing in the drawing that a strict policy refuses."""

import re
import sys
from datetime import date, timedelta

import numpy as np

from parity_pipeline.core.histograms import Histogram, cosine_edges, latency_edges, norm_edges, share_edges
from parity_pipeline.core.wire_drift import NormRange
from parity_pipeline.report.html.charts import Line, Series, bars, lines
from parity_pipeline.report.html.drawings import cosine_chart, latency_chart, norm_chart, share_chart
from parity_pipeline.report.html.trends import MOST_POINTS, lowest_of_neighbours, trend_of
from parity_pipeline_tests.report.html_tree import tree_of
from parity_pipeline_tests.report.verdicts import SEED, verdict_of


def test_a_drawing_holds_shapes_alone() -> None:
    """No script, style, id, address or foreign name is in a drawing, and labels are escaped."""
    chart = bars(
        "t", ["<b>", "two"], ["<b>", "two"], [Series("n", "legacy", [3, 0]), Series("m", "candidate", [None, 9])]
    )
    found = tree_of(chart.svg)
    assert found.names() <= {"svg", "defs", "g", "rect", "path", "text", "circle"}
    attributes = {name for _, one in found.elements for name in one}
    assert not attributes & {"id", "style", "href", "xlink:href", "onclick"}
    assert "Pygal" not in chart.svg
    assert "http" not in chart.svg
    assert "<b>" in found.text
    assert chart.rows == (("<b>", "3", ""), ("two", "0", "9"))


def test_one_sample_among_ten_thousand_can_be_seen() -> None:
    """Counts are drawn on a logarithmic scale: the bar of 1 has more than a twentieth of the height of that of 10,000."""
    chart = bars("t", ["a", "b"], ["a", "b"], [Series("n", "legacy", [1, 10_000])])
    heights = [
        float(one["height"]) for _, one in tree_of(chart.svg).elements if one.get("class", "").startswith("rect")
    ]
    assert len(heights) == 2
    assert heights[0] > heights[1] / 20


def test_plots_leave_pythons_imports_as_they_were() -> None:
    """Drawing a chart leaves no import hook behind."""
    bars("t", ["a"], ["a"], [Series("n", "legacy", [1])])
    assert all(hasattr(finder, "find_spec") for finder in sys.meta_path)


def test_the_cosine_chart_shows_the_threshold_from_both_sides() -> None:
    """Bins from 0.99 on are drawn even where they are empty, and a sample below is in the series below."""
    found = Histogram(cosine_edges(0.999))
    found.add(np.array([1.0, 1.0, 0.9995, 0.9989]))
    chart = cosine_chart(found, 0.999)
    rows = {label: (below, above) for label, below, above in chart.rows}
    assert chart.rows[0][0] == "0.99 to below 0.99684"
    assert rows["0.99684 to below 0.999"] == ("1", "")
    assert rows["0.999 to below 0.999684"] == ("", "1")
    assert rows["0.99999999 or more"] == ("", "2")
    assert "0.9999999<" in chart.svg, "labels are not cut"
    low = Histogram(cosine_edges(0.999))
    low.add(np.array([-0.5]))
    assert cosine_chart(low, 0.999).rows[0] == ("below 0", "1", "")


def test_a_chart_without_values_is_none() -> None:
    """Norms that are one value and latencies that were not stored give no chart, and one side alone still gives one."""
    edges = norm_edges([NormRange(low=1.0, high=14.0)])
    assert norm_chart((Histogram(edges), Histogram(edges))) is None
    assert norm_chart((Histogram(()), Histogram(()))) is None
    assert norm_chart((None, None)) is None
    assert latency_chart((None, None), "t") is None
    one = Histogram(latency_edges())
    assert latency_chart((one, None), "t") is None
    one.add(np.array([5.5, 1_500_000.0]))
    chart = latency_chart((None, one), "t")
    assert chart is not None
    assert chart.rows[0] == ("5 to below 7 ms", "0", "1")
    assert chart.rows[-1] == ("700,000 or more ms", "0", "1")


def test_a_full_overlap_is_a_bar_of_its_own() -> None:
    """Equal lists are apart from nearly equal ones."""
    found = Histogram(share_edges(20))
    found.add(np.array([1.0, 1.0, 0.97]))
    chart = share_chart(found, "t", "overlap")
    assert chart.rows[-1] == ("1", "", "2")
    assert chart.rows[-2] == ("0.95 to below 1", "1", "")


def test_a_trend_of_one_day_and_one_of_many() -> None:
    """One date is a dot, and its limit a line; a gap interrupts the line; a mark outside the range is left out."""
    one = lines([Line("w", "worst", [(10, 3.0)])], [99], days={10: "d"}, levels={0.0: "0", 8.0: "1"})
    assert one.count("<circle") == 1
    assert "change" not in one
    limit = lines([Line("t", "limit", [(10, 3.0)])], [], days={10: "d"}, levels={0.0: "0", 8.0: "1"})
    start, end = re.findall(r'd="M([\d.]+) [\d.]+ L([\d.]+) [\d.]+"', limit)[0]
    assert float(end) - float(start) > 100
    many = lines(
        [Line("w", "worst", [(day, None if day == 30 else 3.0) for day in range(100)])],
        [50],
        days={0: "a", 99: "b"},
        levels={0.0: "0", 8.0: "1"},
    )
    assert many.count("<circle") == 0
    assert many.count("change") >= 1
    assert many.count("M") >= 2


def test_a_line_of_years_shows_its_lowest_values() -> None:
    """Of more dates than there are pixels none that is lowest among its neighbours is hidden, and no gap is closed."""
    many: list[tuple[int, float | None]] = [(day, 8.0) for day in range(2000)]
    many[777] = (777, 0.5)
    many[20:30] = [(day, None) for day in range(20, 30)]
    many[40] = (40, None)
    found = lowest_of_neighbours(many)
    assert len(found) == MOST_POINTS
    assert min(value for _, value in found if value is not None) == 0.5
    assert (777, 0.5) in found
    assert [day for day, value in found if value is None] == [20, 25]
    assert [day for day, _ in found] == sorted({day for day, _ in found})
    assert lowest_of_neighbours(many[:MOST_POINTS]) == many[:MOST_POINTS]


def test_a_trend_of_years_says_what_it_draws() -> None:
    """The caption has how many dates share a point where they do, and nothing of it where each has its own."""
    first = date(2020, 1, 1)
    verdicts = [verdict_of(SEED, date=(first + timedelta(days=day)).isoformat()) for day in range(MOST_POINTS + 1)]
    assert "; of each 2 dates the lowest value is drawn; no dates" in trend_of(verdicts).words
    assert "is drawn" not in trend_of(verdicts[1:]).words
