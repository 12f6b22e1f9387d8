"""SUMMARY.md: every verdict of every probe at a glance, and the drift catalogue over all dates.

Here belong the table of verdicts, a row per probe, model or corpus, and date, and the catalogue: what each side showed, from
when to when, for which models or corpora. What one date and model showed belongs to `core.wire_drift`.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from urllib.parse import quote

from parity_pipeline.core.gateway_states import GatewayStates
from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import report_name
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_history import looser_than_default
from parity_pipeline.core.wire_drift import NOT_OBSERVED
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import clipped, code, drift_cell, prose, table
from parity_pipeline.report.retrieval_view import agreement
from parity_pipeline.report.sections.diagnosis import first_cause
from parity_pipeline.report.sections.retrieval_causes import first_retrieval_cause
from parity_pipeline.report.stale_marks import stale_mark, stale_section
from parity_pipeline.report.view import newest, newest_response, same_words, set_size

AnyVerdict = Verdict | RetrievalVerdict
"""A verdict of either probe."""

_HEAD = (
    "Date",
    "Model",
    "Endpoint",
    "Verdict",
    "Matched / samples",
    "Waived",
    "Worst cosine",
    "Threshold",
    "First cause",
    "Report",
)
_HEAD_OF_PROBES = (
    "Date",
    "Probe",
    "Model or corpus",
    "Verdict",
    "Matched / inputs",
    "Waived",
    "Agreement",
    "Threshold",
    "First cause",
    "Report",
)
"""The columns where there are verdicts of retrieval too: an input is a sample or a query."""
_FIELDS = ("URL", "request fields", "response fields", "number format", "dimension", "L2 norm", "default model")
"""The order that `core.wire_drift.wire_drift` gives its rows; fields it does not know come after, by name."""

_DRIFT_HEAD = ("Field", "Legacy", "Candidate", "Same?", "First seen", "Last seen")


def render_summary(verdicts: Sequence[AnyVerdict], states: GatewayStates | None = None, *, unread: str = "") -> str:
    """Return the summary of the newest verdicts as Markdown that ends in a newline.

    The same verdicts in any order give the same bytes.

    Args:
        verdicts: The verdict that counts of each probe, date and model or corpus. Where there are several of one, the
            one with the newest response is shown.
        states: The recorded states of the gateways, which make a verdict stale; None for none.
        unread: Why they cannot be read, sentences; "" where they can.
    """
    rows, seen = _one_each(verdicts), states or GatewayStates()
    lines = ["# Parity summary", "", prose(_overview(rows)), *(("", f"**{prose(unread)}**") if unread else ())]
    if rows:
        lines += ["", "## Verdicts, newest first", "", *_verdicts(rows, seen), *stale_section(rows, seen)]
    for endpoint in sorted({verdict.endpoint for verdict in rows}):
        lines += ["", *_drift(endpoint, [verdict for verdict in rows if verdict.endpoint == endpoint])]
    return "\n".join(lines) + "\n"


def _one_each(verdicts: Iterable[AnyVerdict]) -> list[AnyVerdict]:
    """Return one verdict per probe, date and model or corpus: newest date first, then by probe and name."""
    found: dict[tuple[str, str, str, bool], list[AnyVerdict]] = {}
    for verdict in verdicts:
        # Embeddings come first: without them no list is expected to agree.
        of_lists = isinstance(verdict, RetrievalVerdict)
        found.setdefault((verdict.date, _name(verdict), verdict.endpoint, of_lists), []).append(verdict)
    newest_ones = [same[0] if len(same) == 1 else max(same, key=_age) for same in found.values()]
    by_name = sorted(newest_ones, key=lambda one: (isinstance(one, RetrievalVerdict), _name(one), one.endpoint))
    return sorted(by_name, key=lambda verdict: verdict.date, reverse=True)


def _name(verdict: AnyVerdict) -> str:
    return verdict.corpus if isinstance(verdict, RetrievalVerdict) else verdict.model


def _age(verdict: AnyVerdict) -> tuple[str, str]:
    # The content decides between equally old ones, so that the order of the input never does.
    time = newest(verdict.sides) if isinstance(verdict, RetrievalVerdict) else newest_response(verdict)
    return time, json.dumps(asdict(verdict), sort_keys=True, default=str)


def _overview(rows: Sequence[AnyVerdict]) -> str:
    if not rows:
        return "No verdict has been stored yet. Nothing is known about parity."
    counts = Counter(str(verdict.decision) for verdict in rows)
    counted = ", ".join(f"{numbers.count(counts[one])} {one}" for one in Decision if counts[one])
    return f"{numbers.things(len(rows), 'verdict')}: {counted}. Dates {rows[-1].date} to {rows[0].date}."


def _verdicts(rows: Sequence[AnyVerdict], states: GatewayStates) -> list[str]:
    """Return the table of verdicts, its columns those of embeddings where there are no others."""
    if not any(isinstance(verdict, RetrievalVerdict) for verdict in rows):
        return table(_HEAD, [_row(one, states) for one in rows if isinstance(one, Verdict)], right=(4, 5, 6, 7))
    return table(_HEAD_OF_PROBES, [_row_of_probe(one, states) for one in rows], right=(4, 5, 7))


def _decision(verdict: AnyVerdict, states: GatewayStates) -> str:
    decision = prose(str(verdict.decision))
    return (decision if verdict.decision in PASSING else f"**{decision}**") + stale_mark(verdict, states)


def report_target(verdict: AnyVerdict) -> str:
    """Return the target of a verdict's link in the summary: its report's name, relative to the summary's folder."""
    # A browser decodes the target once, and the file's own name holds percent signs.
    return quote(report_name(verdict.date, _name(verdict), verdict.endpoint))


def _link(verdict: AnyVerdict) -> str:
    return f"[report]({report_target(verdict)})"


def _threshold(verdict: AnyVerdict) -> str:
    """Return the limit that speaks for the others; marked where any rule is looser than its default."""
    if isinstance(verdict, Verdict):
        shown = f"≥ {numbers.limit(verdict.threshold)}"
    else:
        limits = next((one.limits for one in verdict.set_measures if one.measure is SetMeasure.MEAN_OVERLAP), None)
        shown = f"≥ {limits.passes:g}" if limits else numbers.NOTHING
    return f"{shown}, **looser**" if not verdict.not_run and looser_than_default(verdict) else shown


def _cause(verdict: AnyVerdict) -> str:
    """Return the first cause, or why the date could not be run."""
    if verdict.not_run:
        return prose(clipped(verdict.not_run.words, _REASON))
    found = first_retrieval_cause(verdict) if isinstance(verdict, RetrievalVerdict) else first_cause(verdict)
    return prose(found or numbers.NOTHING)


_REASON = 120
"""Characters of a reason that a row shows; the report has all of it."""


def _row(verdict: Verdict, states: GatewayStates) -> Sequence[str]:
    return (
        prose(verdict.date),
        code(verdict.model),
        prose(verdict.endpoint),
        _decision(verdict, states),
        f"{numbers.count(verdict.counts.matched)} / {numbers.count(set_size(verdict))}",
        numbers.count(verdict.counts.samples_waived),
        numbers.cosine(verdict.worst_cosine, verdict.threshold),
        _threshold(verdict),
        _cause(verdict),
        _link(verdict),
    )


def _row_of_probe(verdict: AnyVerdict, states: GatewayStates) -> Sequence[str]:
    """Return a row under the headers that fit both probes."""
    if isinstance(verdict, Verdict):
        date, model, endpoint, decision, matched, waived, cosine, *rest = _row(verdict, states)
        agrees = cosine if verdict.worst_cosine is None else f"worst cosine {cosine}"
        return (date, endpoint, model, decision, matched, waived, agrees, *rest)
    overlap, found = verdict.value(SetMeasure.MEAN_OVERLAP), verdict.counts
    return (
        prose(verdict.date),
        prose(verdict.endpoint),
        code(verdict.corpus),
        _decision(verdict, states),
        f"{numbers.count(found.agreeing)} / {numbers.count(max(found.queries, verdict.query_set.queries))}",
        numbers.count(found.waived_queries),
        numbers.NOTHING if overlap is None else f"mean overlap {agreement(overlap)}",
        _threshold(verdict),
        _cause(verdict),
        _link(verdict),
    )


def _drift(endpoint: str, verdicts: Sequence[AnyVerdict]) -> list[str]:
    """Return the catalogue of one endpoint: a row per field and pair of values, in the order of fields, then by first date.

    The order of fields is that of a verdict's rows for retrieval, and `_FIELDS` for embeddings.

    A field that neither side showed on a date does not count as observed and gives no row. Models, or corpora, are named
    where the others show other values of that field.
    """
    lines = [f"## Drift catalogue of {prose(endpoint)}", ""]
    retrieval = any(isinstance(verdict, RetrievalVerdict) for verdict in verdicts)
    # Dates and names of the verdicts with each row: a long ledger repeats a few rows ten thousand times.
    seen: dict[tuple[str, str, str, str], tuple[set[str], set[str]]] = {}
    places: dict[str, int] = {}
    names: dict[str, set[str]] = {}
    for verdict in verdicts:
        name = _name(verdict)
        for place, row in enumerate(verdict.drift):
            places[row.field] = min(place, places.get(row.field, place))
            if not row.legacy == row.candidate == NOT_OBSERVED:
                dates, with_names = seen.setdefault(
                    (row.field, row.legacy, row.candidate, same_words(row)), (set(), set())
                )
                dates.add(verdict.date)
                with_names.add(name)
                names.setdefault(row.field, set()).add(name)
    if not seen:
        return [*lines, "Nothing was observed."]
    catalogue: list[tuple[Sequence[object], Sequence[str]]] = []
    for (field, legacy, candidate, same), (dates, with_names) in seen.items():
        first, last = min(dates), max(dates)
        named = () if with_names == names[field] else tuple(sorted(with_names))
        place = places[field] if retrieval else _FIELDS.index(field) if field in _FIELDS else len(_FIELDS)
        values = (drift_cell(field, legacy), drift_cell(field, candidate), same, prose(first), prose(last))
        cells = (prose(field), *values, ", ".join(map(code, named)) or "all")
        catalogue.append(((place, field, first, last, named, legacy, candidate), cells))
    said = "What the two sides showed on the wire; a changed observation is a further row."
    return [
        *lines,
        said,
        "",
        *table((*_DRIFT_HEAD, "Corpora" if retrieval else "Models"), (cells for _, cells in sorted(catalogue))),
    ]
