"""Why samples differ: each cause in words with its evidence, the honest rest, and remarks.

Here belongs the layout of a diagnosis. Finding causes belongs to `core.diagnosis`; their short form to `causes`.
"""

from collections.abc import Mapping, Sequence
from typing import Any, Final

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.cause_summary import documented, unknown_count
from parity_pipeline.report.escape import prose
from parity_pipeline.report.row_view import Names, listed, named, names_of
from parity_pipeline.report.sentences import table

_NAMED: Final = 12
"""Samples that one list names; the verdict's JSON holds more."""

_MEANING: Final[Mapping[str, str]] = {
    "proven": "one named change restores the threshold on these very samples, or the answer itself says so",
    "likely": "a property that sets these samples apart far better than chance",
    "possible": "it fits and nothing contradicts it, on too few samples to exclude chance",
}


def why(verdict: Verdict) -> list[str]:
    """Return the causes as Markdown; nothing where no sample differs."""
    diagnosis = verdict.diagnosis
    if not diagnosis:
        undiagnosed = "No diagnosis was made, so no cause is named. The samples below show which ones differ."
        return ["## Why", "", undiagnosed] if verdict.decision == Decision.FAIL else []
    if not diagnosis.get("failing"):
        return []
    names, limit = names_of(verdict), verdict.thresholds.get("cosine")
    causes: Sequence[Mapping[str, Any]] = diagnosis.get("causes") or ()
    lines = ["## Why", "", prose(_overview(verdict, causes))]
    for number, cause in enumerate(causes, 1):
        lines += ["", *_cause(number, cause, names, limit)]
    return [*lines, *_unknown(diagnosis, names)]


def _overview(verdict: Verdict, causes: Sequence[Mapping[str, Any]]) -> str:
    diagnosis = verdict.diagnosis
    failing = numbers.things(int(diagnosis["failing"]), "differing sample")
    found = f"{numbers.things(len(causes), 'cause')} found" if causes else "No cause found"
    told = [f"{found}: {numbers.count(int(diagnosis.get('explained') or 0))} of {failing} explained."]
    if sum(int(cause["count"]) for cause in causes) > int(diagnosis.get("explained") or 0):
        told.append("A sample can have more than one cause.")
    levels = dict.fromkeys(str(cause["confidence"]) for cause in causes)
    told += [f"{level.capitalize()}: {_MEANING[level]}." for level in levels if level in _MEANING]
    looked_at = int(diagnosis.get("looked_at") or verdict.samples)
    if looked_at < verdict.samples:
        told.append(
            f"The diagnosis looked at {numbers.count(looked_at)} of {numbers.things(verdict.samples, 'sample')}."
        )
    if requests := int(diagnosis.get("requests_used") or 0):
        told.append(f"The diagnosis sent {numbers.things(requests, 'extra request')}.")
    return " ".join(told)


def _cause(number: int, cause: Mapping[str, Any], names: Names, limit: float | None) -> list[str]:
    count = int(cause["count"])
    facts = [str(cause["confidence"]), numbers.things(count, "sample"), documented(cause.get("cases"))]
    lines = [
        f"### {number}. {prose(str(cause['name']))} — {prose(', '.join(fact for fact in facts if fact))}",
        "",
        f"{prose(_upper(str(cause['words'])))}.",
        "",
        f"Affected: {listed(cause.get('samples') or (), names, count=count, most=_NAMED)}.",
    ]
    if evidence := cause.get("evidence"):
        head = ("Sample", "Tried or seen", "Cosine before", "Cosine after")
        lines += ["", *table(head, [_evidence(row, names, limit) for row in evidence], right=(2, 3))]
    return lines


def _upper(words: str) -> str:
    return words[:1].upper() + words[1:]


def _evidence(row: Mapping[str, Any], names: Names, limit: float | None) -> Sequence[str]:
    before, after = (numbers.cosine(row.get(key), limit) for key in ("before", "after"))
    return named(str(row["sample"]), names), prose(str(row["tried"])), before, after


def _unknown(diagnosis: Mapping[str, Any], names: Names) -> list[str]:
    count = unknown_count(diagnosis)
    if not count:
        return []
    who = listed(diagnosis.get("unexplained") or (), names, count=count, most=_NAMED)
    has = "has" if count == 1 else "have"
    return ["", f"**Unknown**: {prose(numbers.things(count, 'sample'))} {has} no cause: {who}."]


def remarks(verdict: Verdict) -> list[str]:
    """Return what was found and makes no sample fail, as Markdown; nothing where there is nothing."""
    found: Sequence[Mapping[str, Any]] = verdict.diagnosis.get("remarks") or ()
    if not found:
        return []
    return ["## Remarks", "", "Found, and makes no sample fail:", "", *map(_remark, found)]


def _remark(remark: Mapping[str, Any]) -> str:
    facts = [str(remark["confidence"]), documented(remark.get("cases"))]
    told = f"{remark['name']} ({', '.join(fact for fact in facts if fact)}): {remark['words']}."
    return f"- {prose(told)}"
