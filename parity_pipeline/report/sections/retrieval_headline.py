"""What a reader of a retrieval report sees first, and how many queries have each outcome.

Here belong the opening, and the counts by category. Reasons, findings and checks are laid out by `headline`, as those of
embeddings are.
"""

from collections.abc import Mapping

from parity_pipeline.core.outcomes import PASSING, Decision
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS, RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose, table
from parity_pipeline.report.retrieval_view import agreement, outcome_name
from parity_pipeline.report.sections.history import loosened
from parity_pipeline.report.sections.plain_words import in_plain_words
from parity_pipeline.report.view import newest

_GROUND = ("pairing", "complete-counts")
"""Checks without which nothing could be measured, so that nothing else is worth a line."""


def opening(verdict: RetrievalVerdict, history: VerdictHistory = NO_HISTORY) -> list[str]:
    """Return title, verdict line, what it means, loosened limits, power, and what the verdict leaves out, as Markdown."""
    moment = newest(verdict.sides) or verdict.date
    # A date that is judged later is named beside the time of its responses.
    of_a_date = "" if moment.startswith(verdict.date) else f" for {prose(verdict.date)}"
    lines = [f"# {prose(verdict.endpoint.capitalize())} parity of {code(verdict.corpus)}{of_a_date} — {prose(moment)}"]
    lines += ["", f"**{prose(str(verdict.decision))}** — {prose(headline(verdict))}"]
    power = f"{verdict.power.sentence()}." if verdict.power else ""
    said = [prose(power), prose(in_plain_words(verdict)), *loosened(verdict, history)]
    said += [prose(words) for words in (not_compared(verdict), unmeasured(verdict)) if words]
    return [*lines, *(line for words in said[0 if power else 1 :] for line in ("", words))]


def headline(verdict: RetrievalVerdict) -> str:
    """Return what follows the decision in the verdict line; raw text."""
    if verdict.decision in PASSING:
        return ": ".join(part for part in (verdict.strength, "; ".join(verdict.reasons)) if part)
    if verdict.decision is not Decision.FAIL:
        return "could not run" if verdict.not_run else "not enough evidence"
    found = verdict.counts
    words = f"both sides return the same for {numbers.count(found.agreeing)} of {_queries(found.queries)}"
    if found.waived_queries:
        words += f", {numbers.count(found.waived_queries)} waived"
    overlap = verdict.value(SetMeasure.MEAN_OVERLAP)
    return words if overlap is None else f"{words}; mean overlap {agreement(overlap)}"


def _queries(count: int) -> str:
    return numbers.things(count, "query", "queries")


def not_compared(verdict: RetrievalVerdict) -> str:
    """Return for how many queries a pass has no lists to compare; "" for a verdict that is none. Raw text."""
    found = verdict.counts.outcomes
    alike, lost = (found.get(one, 0) for one in (RetrievalOutcome.REFUSED_BY_BOTH, RetrievalOutcome.MISSING))
    if verdict.decision not in PASSING or not alike + lost:
        return ""
    refused = f", {numbers.count(alike)} of them refused by both sides alike" if alike else ""
    return f"{_queries(alike + lost)} of {numbers.count(verdict.counts.queries)} could not be compared{refused}."


def unmeasured(verdict: RetrievalVerdict) -> str:
    """Return in one line what nothing was measured for; "" where all was, or where nothing could be. Raw text."""
    if any(one.stands and one.name.value in _GROUND for one in verdict.checks):
        return ""
    names = [one.name.value for one in verdict.checks if one.passed is None]
    return f"Nothing was measured for: {', '.join(names)}." if names else ""


def counts(verdict: RetrievalVerdict) -> list[str]:
    """Return the queries of each outcome, and per category, as Markdown."""
    lines, found = ["## Counts", ""], verdict.counts
    if not found.queries:
        return [*lines, "No query was counted."]
    if found.waived:
        taken = ", ".join(f"{code(name)} {numbers.count(count)}" for name, count in sorted(found.waived.items()))
        lines += [f"Waived, by waiver: {taken}.", ""]
    if found.unconfirmed:
        lines += [f"{_queries(found.unconfirmed)} differed once and not when sent again.", ""]
    rows = [
        (code(name) if name else "none", *_outcomes(outcomes)) for name, outcomes in sorted(found.by_category.items())
    ]
    if len(rows) == 1:
        category = "" if "" in found.by_category else f", all of the category {rows[0][0]}"
        return [*lines, f"By outcome{category}: {rows[0][2]}."]
    rows.insert(0, ("all", *_outcomes(found.outcomes)))
    head = "Outcomes, waived ones included" if found.waived else "Outcomes"
    return [*lines, *table(("Category", "Queries", head), rows, right=(1,))]


def _outcomes(found: Mapping[RetrievalOutcome, int]) -> tuple[str, str]:
    words = ", ".join(f"{numbers.count(found[one])} {outcome_name(one)}" for one in IN_VERDICTS if found.get(one))
    return numbers.count(sum(found.values())), prose(words or "none")
