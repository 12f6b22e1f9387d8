"""The causes of a verdict as every layout reports them: in one short clause.

Here belongs what the summary and the terminal show of a diagnosis. The report's own section, with the evidence, belongs
to `sections.diagnosis`.
"""

from collections.abc import Sequence

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers


def documented(cases: Sequence[int]) -> str:
    """Return the numbers of documented failure modes in words, such as `cases 1, 3`; "" where there are none."""
    return f"case{'s' if len(cases) > 1 else ''} {', '.join(map(str, cases))}" if cases else ""


def first_cause(verdict: Verdict) -> str:
    """Return the cause that explains most samples, and how many others there are; "" where nothing was to explain.

    Raw text, such as `precision (likely, 7), 1 more`, or `unknown (3)`.
    """
    found = verdict.diagnosis
    if found is None:
        return ""
    if not found.causes:
        return f"unknown ({numbers.count(found.unknown)})" if found.unknown else ""
    first = found.causes[0]
    shown = [f"{first.name} ({first.confidence}, {numbers.count(first.count)})"]
    if len(found.causes) > 1:
        shown.append(f"{numbers.count(len(found.causes) - 1)} more")
    if found.unknown:
        shown.append(f"{numbers.count(found.unknown)} unknown")
    return ", ".join(shown)
