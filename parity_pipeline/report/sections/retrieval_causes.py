"""Why lists differ: the causes of the whole set with evidence and remedy, and what explains each differing query.

Here belongs the layout, and the short form for the summary and the terminal. Naming causes belongs to
`core.retrieval.causes`, explaining queries to `core.retrieval.attribution`.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCause, RetrievalCauseName
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.retrieval_view import explanation_name, explanation_words

_MEANING: Final[Mapping[CauseConfidence, str]] = {
    CauseConfidence.PROVEN: "a control was sent that would have come out differently if the cause were false",
    CauseConfidence.LIKELY: "it fits what was seen, and no control that was sent proves it",
}


def why(verdict: RetrievalVerdict) -> list[str]:
    """Return the causes as Markdown; nothing where nothing differs."""
    if not verdict.causes:
        unnamed = "No cause was named. The most changed queries below show how the lists differ."
        return ["## Why", "", unnamed] if verdict.decision is Decision.FAIL else []
    known = [cause for cause in verdict.causes if cause.name is not RetrievalCauseName.UNKNOWN]
    lines = ["## Why", "", prose(_overview(known))]
    for number, cause in enumerate(known, 1):
        lines += ["", *_cause(number, cause)]
    unknown = [cause for cause in verdict.causes if cause.name is RetrievalCauseName.UNKNOWN]
    return [*lines, *(line for cause in unknown for line in _unknown(cause))]


def _overview(known: list[RetrievalCause]) -> str:
    if not known:
        return "No cause found."
    levels = dict.fromkeys(cause.confidence for cause in known)
    found = f"{numbers.things(len(known), 'cause')} found."
    return " ".join([found, *(f"{level.value.capitalize()}: {_MEANING[level]}." for level in levels)])


def _cause(number: int, cause: RetrievalCause) -> list[str]:
    at_fault = f"{cause.side} side" if cause.side else ""
    facts = (cause.confidence.value, at_fault, numbers.things(cause.queries, "query", "queries"))
    lines = [f"### {number}. {prose(cause.name.value)} — {prose(', '.join(fact for fact in facts if fact))}", ""]
    lines += [f"- {prose(_full_stop(fact))}" for fact in cause.evidence]
    return [*lines, f"- **What to do**: {prose(_full_stop(cause.remedy))}"] if cause.remedy else lines


def _unknown(cause: RetrievalCause) -> list[str]:
    has = "has" if cause.queries == 1 else "have"
    lines = ["", f"**Unknown**: {numbers.things(cause.queries, 'query', 'queries')} {has} no cause."]
    facts = [*cause.evidence, *([cause.remedy] if cause.remedy else [])]
    return [*lines, "", *(f"- {prose(_full_stop(fact))}" for fact in facts)] if facts else lines


def _full_stop(words: str) -> str:
    """Return a clause as a sentence."""
    return f"{words[:1].upper()}{words[1:].removesuffix('.')}."


def attribution(verdict: RetrievalVerdict) -> list[str]:
    """Return what explains the differing queries as Markdown; nothing where none differs."""
    found = sorted(((one, verdict.attribution.get(one, 0)) for one in Explanation), key=lambda pair: -pair[1])
    rows = [
        (prose(explanation_name(one)), prose(explanation_words(one)), numbers.count(count))
        for one, count in found
        if count
    ]
    if not rows:
        return []
    said = "Each differing query has one explanation: is it the embedding of the query, or the retrieval?"
    return [
        "## Embedding or retrieval?",
        "",
        said,
        "",
        *table(("Explanation", "In words", "Queries"), rows, right=(2,)),
    ]


def first_retrieval_cause(verdict: RetrievalVerdict) -> str:
    """Return the first cause, and how many others there are; "" where nothing was to explain.

    Raw text, such as `dropped corpus on the candidate side (proven, 7), 1 more`, or `unknown (3)`.
    """
    known = [cause for cause in verdict.causes if cause.name is not RetrievalCauseName.UNKNOWN]
    unknown = sum(cause.queries for cause in verdict.causes if cause.name is RetrievalCauseName.UNKNOWN)
    if not known:
        return f"unknown ({numbers.count(unknown)})" if unknown else ""
    first = known[0]
    where = f" on the {first.side} side" if first.side else ""
    shown = [f"{first.name}{where} ({first.confidence}, {numbers.count(first.queries)})"]
    if len(known) > 1:
        shown.append(f"{numbers.count(len(known) - 1)} more")
    if unknown:
        shown.append(f"{numbers.count(unknown)} unknown")
    return ", ".join(shown)
