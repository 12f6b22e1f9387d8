"""SUMMARY.md: every date and model at a glance, and the drift catalogue.

Here belongs the layout of the summary. The catalogue's aggregation belongs to `catalogue`, number formats to `numbers`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from urllib.parse import quote

from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.catalogue import CatalogueRow, catalogue_of
from parity_pipeline.report.commands import report_name
from parity_pipeline.report.escape import code, prose
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.report.sentences import drift_cell, table
from parity_pipeline.report.view import newest_response, set_size

_HEAD = ("Date", "Model", "Endpoint", "Verdict", "Matched / samples", "Waived", "Worst cosine", "First cause", "Report")
_DRIFT_HEAD = ("Field", "Legacy", "Candidate", "Same?", "First seen", "Last seen", "Models")


def render_summary(verdicts: Sequence[Verdict]) -> str:
    """Return the summary of the newest verdicts as Markdown that ends in a newline.

    The same verdicts in any order give the same bytes.

    Args:
        verdicts: The verdict that counts of each probe, date and model. Where there are several of one, the one
            with the newest response is shown.
    """
    rows = _one_each(verdicts)
    lines = ["# Parity summary", "", prose(_overview(rows))]
    if rows:
        lines += ["", "## Verdicts, newest first", "", *table(_HEAD, map(_row, rows), right=(4, 5, 6))]
    for endpoint in sorted({verdict.endpoint for verdict in rows}):
        lines += ["", *_drift(endpoint, [verdict for verdict in rows if verdict.endpoint == endpoint])]
    return "\n".join(lines) + "\n"


def _one_each(verdicts: Iterable[Verdict]) -> list[Verdict]:
    """Return one verdict per probe, date and model: newest date first, then by model and probe."""
    found: dict[tuple[str, str, str], list[Verdict]] = {}
    for verdict in verdicts:
        found.setdefault((verdict.date, verdict.model, verdict.endpoint), []).append(verdict)
    newest = [same[0] if len(same) == 1 else max(same, key=_age) for same in found.values()]
    by_name = sorted(newest, key=lambda verdict: (verdict.model, verdict.endpoint))
    return sorted(by_name, key=lambda verdict: verdict.date, reverse=True)


def _age(verdict: Verdict) -> tuple[str, str]:
    # The content decides between equally old ones, so that the order of the input never does.
    return newest_response(verdict), json.dumps(asdict(verdict), sort_keys=True, default=str)


def _overview(rows: Sequence[Verdict]) -> str:
    if not rows:
        return "No verdict has been stored yet. Nothing is known about parity."
    counts = Counter(str(verdict.decision) for verdict in rows)
    counted = ", ".join(f"{numbers.count(counts[one])} {one}" for one in Decision if counts[one])
    return f"{numbers.things(len(rows), 'verdict')}: {counted}. Dates {rows[-1].date} to {rows[0].date}."


def _row(verdict: Verdict) -> Sequence[str]:
    decision = prose(str(verdict.decision))
    name = report_name(verdict.date, verdict.model)
    return (
        prose(verdict.date),
        code(verdict.model),
        prose(verdict.endpoint),
        decision if verdict.decision in PASSING else f"**{decision}**",
        f"{numbers.count(verdict.counts.matched)} / {numbers.count(set_size(verdict))}",
        numbers.count(verdict.counts.samples_waived),
        numbers.cosine(verdict.worst_cosine, verdict.threshold),
        prose(first_cause(verdict) or numbers.NOTHING),
        # A browser decodes the target once, and the file's own name holds percent signs.
        f"[report]({quote(name)})",
    )


def _drift(endpoint: str, verdicts: Sequence[Verdict]) -> list[str]:
    head = [f"## Drift catalogue of {prose(endpoint)}", ""]
    rows = catalogue_of(verdicts)
    if not rows:
        return [*head, "Nothing was observed."]
    said = "What the two sides showed on the wire; a changed observation is a further row."
    return [*head, said, "", *table(_DRIFT_HEAD, map(_drift_row, rows))]


def _drift_row(row: CatalogueRow) -> Sequence[str]:
    return (
        prose(row.field),
        drift_cell(row.field, row.legacy),
        drift_cell(row.field, row.candidate),
        row.same,
        prose(row.first),
        prose(row.last),
        ", ".join(map(code, row.models)) or "all",
    )
