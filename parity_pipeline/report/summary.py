"""SUMMARY.md: every date and model at a glance, and the drift catalogue over all dates.

Here belong the table of verdicts, and the catalogue: what each side showed, from when to when, for which models. What one
date and model showed belongs to `core.wire_drift`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from urllib.parse import quote

from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.slugs import report_name
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, drift_cell, prose, table
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.report.view import newest_response, same_words, set_size

_HEAD = ("Date", "Model", "Endpoint", "Verdict", "Matched / samples", "Waived", "Worst cosine", "First cause", "Report")
_FIELDS = ("URL", "request fields", "response fields", "number format", "dimension", "L2 norm", "default model")
"""The order that `core.wire_drift.wire_drift` gives its rows; fields it does not know come after, by name."""

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
    """Return the catalogue of one endpoint: a row per field and pair of values, in the order of fields, then by first date.

    A field that neither side showed on a date does not count as observed and gives no row. Models are named where the
    others show other values of that field.
    """
    lines = [f"## Drift catalogue of {prose(endpoint)}", ""]
    seen: dict[tuple[str, str, str, str], list[Verdict]] = {}
    models: dict[str, set[str]] = {}
    for verdict in verdicts:
        for row in verdict.drift:
            if not row.legacy == row.candidate == NOT_OBSERVED:
                seen.setdefault((row.field, row.legacy, row.candidate, same_words(row)), []).append(verdict)
                models.setdefault(row.field, set()).add(verdict.model)
    if not seen:
        return [*lines, "Nothing was observed."]
    catalogue: list[tuple[Sequence[object], Sequence[str]]] = []
    for (field, legacy, candidate, same), found in seen.items():
        first, last = (pick(verdict.date for verdict in found) for pick in (min, max))
        with_models = {verdict.model for verdict in found}
        named = () if with_models == models[field] else tuple(sorted(with_models))
        place = _FIELDS.index(field) if field in _FIELDS else len(_FIELDS)
        values = (drift_cell(field, legacy), drift_cell(field, candidate), same, prose(first), prose(last))
        cells = (prose(field), *values, ", ".join(map(code, named)) or "all")
        catalogue.append(((place, field, first, last, named, legacy, candidate), cells))
    said = "What the two sides showed on the wire; a changed observation is a further row."
    return [*lines, said, "", *table(_DRIFT_HEAD, (cells for _, cells in sorted(catalogue)))]
