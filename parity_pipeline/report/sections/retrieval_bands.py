"""The bands: what was measured of the whole set and of single queries, against the limits of PASS and FAIL.

Here belongs the layout of both tables. Limits and grading belong to `core.retrieval.bands`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.retrieval.outcomes import Band
from parity_pipeline.core.retrieval.verdict import QueryMeasureResult, RetrievalVerdict, SetMeasureResult
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.retrieval_view import limit_texts, measure_name, value_text

_OF_SET: Final = ("Whole set", "Value", "PASS if", "FAIL if", "Band")
_OF_QUERIES: Final = ("Single queries", "PASS if", "FAIL if", "Mean", "Median", "Worst", *(band.value for band in Band))
_MEANING: Final = (
    "A value in PASS is what two implementations over the same vectors reach; one in FAIL has another reason than that. "
    "Between the two, a person has to look."
)


def bands(verdict: RetrievalVerdict) -> list[str]:
    """Return both tables of measures as Markdown; one line where nothing was measured."""
    lines = ["## Bands", ""]
    if not any(one.value is not None for one in verdict.set_measures):
        return [*lines, "No lists were compared, so no measure has a value."]
    lines += [_MEANING, "", *table(_OF_SET, map(_set_row, verdict.set_measures), right=(1,))]
    measured = [one for one in verdict.query_measures if one.queries]
    if not measured:
        return lines
    most = max(one.queries for one in measured)
    compared = numbers.things(most, "query has a list", "queries have lists")
    said = (
        f"{compared} to compare, empty ones included; the last three columns count those with results. "
        "A measure without limits is informational."
    )
    return [
        *lines,
        "",
        prose(said),
        "",
        *table(_OF_QUERIES, map(_query_row, measured), right=range(3, len(_OF_QUERIES))),
    ]


def _set_row(one: SetMeasureResult) -> Sequence[str]:
    return (
        prose(measure_name(one.measure)),
        prose(value_text(one.measure, one.value, one.limits)),
        *map(prose, limit_texts(one.measure, one.limits)),
        _band(one.band),
    )


def _band(band: Band | None) -> str:
    """Return a band, in bold where a reader has to look at it."""
    if band is None:
        return numbers.NOTHING
    return band.value if band is Band.PASS else f"**{band.value}**"


def _query_row(one: QueryMeasureResult) -> Sequence[str]:
    values = (value_text(one.measure, value, one.limits) for value in (one.mean, one.median, one.worst))
    counted = (numbers.count(one.bands.get(band, 0)) if one.bands else numbers.NOTHING for band in Band)
    return (
        prose(measure_name(one.measure)),
        *map(prose, limit_texts(one.measure, one.limits)),
        *map(prose, values),
        *counted,
    )
