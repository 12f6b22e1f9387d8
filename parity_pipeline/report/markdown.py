"""The dated report as Markdown.

Here belong the order of the sections, judgement first and evidence after it, and the layout of the evidence, whose facts
come from `view`. The sections that judge belong to `sections`.
"""

from collections.abc import Sequence

from parity_pipeline.core.limits import ERROR_CHARACTERS, HEAD_CHARACTERS
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.commands import backfill_command, run_command
from parity_pipeline.report.escape import clipped, code, fenced, prose
from parity_pipeline.report.numbers import NOTHING
from parity_pipeline.report.sections.confidence import confidence, confirmation
from parity_pipeline.report.sections.coverage import collisions, coverage
from parity_pipeline.report.sections.diagnosis import observations, why
from parity_pipeline.report.sections.headline import checks, counts, findings, opening, reasons
from parity_pipeline.report.sections.measures import measures
from parity_pipeline.report.sections.noise import noise
from parity_pipeline.report.sentences import drift_cell, sentence, table
from parity_pipeline.report.view import (
    LATENCIES,
    RowView,
    SideView,
    errors_of,
    forced,
    rows_of,
    same_words,
    sample_facts,
    shown,
    shown_rows,
    sides_of,
)


def render_report(verdict: Verdict) -> str:
    """Return the dated report on one verdict, as Markdown that ends in a newline.

    The same verdict gives the same bytes: the time in the title is that of the newest response, not of the rendering.
    All text from samples, servers and settings is escaped; lone surrogates are shown by code point, so that the
    result always has a UTF-8 form.

    Args:
        verdict: The verdict; `rows` may be empty where pairing was refused.
    """
    sides = sides_of(verdict)
    sections = (
        opening(verdict),
        _flip(verdict),
        reasons(verdict),
        why(verdict),
        findings(verdict),
        confirmation(verdict),
        checks(verdict),
        counts(verdict),
        measures(verdict),
        confidence(verdict),
        noise(verdict),
        coverage(verdict),
        observations(verdict),
        collisions(verdict),
        _facts(verdict, *sides),
        _samples(verdict, *sides),
        _errors(verdict),
        _drift(verdict, *sides),
        _sample_set(verdict),
        _reproduce(verdict),
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _flip(verdict: Verdict) -> list[str]:
    return ["## What may be flipped next", "", *(f"- {sentence(advice)}" for advice in flip_advice(verdict))]


def _facts(verdict: Verdict, legacy: SideView, candidate: SideView) -> list[str]:
    rows = [
        ("name", prose(legacy.label), prose(candidate.label)),
        ("URL", _known(legacy.url), _known(candidate.url)),
        ("dialect", _known(legacy.dialect), _known(candidate.dialect)),
        ("model requested", _known(legacy.requested_model), _known(candidate.requested_model)),
        ("model in the responses", _echoed(legacy), _echoed(candidate)),
        ("server headers", _listed(legacy.headers), _listed(candidate.headers)),
        ("fetched", prose(legacy.fetched or NOTHING), prose(candidate.fetched or NOTHING)),
    ]
    if any((*legacy.latency, *candidate.latency)):
        name = f"latency {' / '.join(LATENCIES)}, ms"
        rows.append((name, _latency(legacy), _latency(candidate)))
    if legacy.errors or candidate.errors:
        rows.append(("requests without vectors", _listed(legacy.errors), _listed(candidate.errors)))
    if legacy.tokens or candidate.tokens:
        rows.append(("tokens, as reported", _listed(legacy.tokens), _listed(candidate.tokens)))
    if legacy.stopped_early or candidate.stopped_early:
        rows.append(("gave up", _known(legacy.stopped_early), _known(candidate.stopped_early)))
    return [
        "## What was compared",
        "",
        f"- Date: {prose(verdict.date)}",
        f"- Forced model: {code(verdict.model)}",
        f"- {sentence(forced(verdict))}",
        "",
        *table(("", "Legacy", "Candidate"), rows),
    ]


def _latency(side: SideView) -> str:
    return " / ".join(one or NOTHING for one in side.latency)


def _known(text: str) -> str:
    return code(clipped(text, ERROR_CHARACTERS)) if text else NOTHING


def _listed(texts: Sequence[str]) -> str:
    return ", ".join(code(clipped(text, ERROR_CHARACTERS)) for text in texts) or NOTHING


def _echoed(side: SideView) -> str:
    return ", ".join(f"{code(name) if name else 'not named'} ({rows})" for name, rows in side.echoed) or NOTHING


def _samples(verdict: Verdict, one: SideView, two: SideView) -> list[str]:
    lines = ["## Samples", "", prose(shown(verdict))]
    rows = rows_of(shown_rows(verdict), verdict.threshold)
    if not rows:
        return lines
    delta = r"Max\|Δ\|"
    head = (
        "#",
        "Sample (head)",
        f"Dim {one.initial}/{two.initial}",
        "Cosine",
        f"L2 {one.initial}",
        f"L2 {two.initial}",
        delta,
        f"{delta} unit",
        "Outcome",
    )
    legend = (
        f"{one.initial} is the legacy side, {prose(one.label)}; {two.initial} is the candidate, {prose(two.label)}."
    )
    unit = f"{delta} is the largest difference of one element; “unit” is the same after both vectors got length 1."
    return [*lines, "", *table(head, map(_sample, rows), right=(0, 3, 4, 5, 6, 7)), "", f"{legend} {unit}"]


def _sample(row: RowView) -> Sequence[str]:
    return (
        row.number,
        code(row.head, cut=len(row.head) >= HEAD_CHARACTERS),
        " / ".join(row.dimensions),
        row.cosine,
        row.legacy_norm,
        row.candidate_norm,
        row.delta,
        row.delta_unit,
        prose(row.outcome),
    )


def _errors(verdict: Verdict) -> list[str]:
    rows = [
        (str(error.side), ", ".join(error.numbers), code(clipped(error.message, ERROR_CHARACTERS)))
        for error in errors_of(shown_rows(verdict))
    ]
    if not rows:
        return []
    return ["## What the sides said in place of vectors", "", *table(("Side", "Samples #", "Message"), rows)]


def _drift(verdict: Verdict, legacy: SideView, candidate: SideView) -> list[str]:
    lines = ["## Drift notes", ""]
    if not verdict.drift:
        return [*lines, "Nothing was observed."]
    rows = [
        (prose(row.field), drift_cell(row.field, row.legacy), drift_cell(row.field, row.candidate), same_words(row))
        for row in verdict.drift
    ]
    return [
        *lines,
        "What callers meet on the wire, as both sides showed it during this run.",
        "",
        *table(
            ("Field", f"Legacy ({prose(legacy.label)})", f"Candidate ({prose(candidate.label)})", "Same?"),
            rows,
        ),
    ]


def _sample_set(verdict: Verdict) -> list[str]:
    return [
        "## Sample set",
        "",
        f"- {prose(sample_facts(verdict.sample_set))}",
        f"- Content hash: {_known(verdict.sample_set.hash)}",
        f"- Sources: {_listed(verdict.sample_set.sources)}",
    ]


def _reproduce(verdict: Verdict) -> list[str]:
    commands = (run_command(verdict.date, verdict.model), backfill_command(verdict.date, verdict.model))
    return [
        "## How to reproduce",
        "",
        fenced(commands, "sh"),
        "",
        f"Judged by parity_pipeline {prose(verdict.package_version)}.",
    ]
