"""The causes of a verdict as every layout tells them: in one short clause.

Here belongs what the summary and the terminal show of a diagnosis. The report's own section, with the evidence, belongs
to `sections.why`.
"""

from collections.abc import Mapping
from typing import Any

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers


def documented(cases: object) -> str:
    """Return the numbers of documented failure modes in words, such as `cases 1, 3`; "" where there are none."""
    known = [str(one) for one in cases] if isinstance(cases, list | tuple) else []
    return f"case{'s' if len(known) > 1 else ''} {', '.join(known)}" if known else ""


def unknown_count(diagnosis: Mapping[str, Any]) -> int:
    """Return how many differing samples no cause explains."""
    return max(0, int(diagnosis.get("failing") or 0) - int(diagnosis.get("explained") or 0))


def first_cause(verdict: Verdict) -> str:
    """Return the cause that explains most samples, and how many others there are; "" where nothing was to explain.

    Raw text, such as `precision (likely, 7), 1 more`, or `unknown (3)`.
    """
    causes = verdict.diagnosis.get("causes") or ()
    unknown = unknown_count(verdict.diagnosis)
    if not causes:
        return f"unknown ({numbers.count(unknown)})" if unknown else ""
    first = causes[0]
    told = f"{first['name']} ({first['confidence']}, {numbers.count(int(first['count']))})"
    more = [f"{numbers.count(len(causes) - 1)} more"] if len(causes) > 1 else []
    rest = [f"{numbers.count(unknown)} unknown"] if unknown else []
    return ", ".join([told, *more, *rest])
