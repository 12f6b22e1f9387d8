"""A verdict in few lines: what the page of an asset, a list of runs and an alert show of it.

Here belongs the short form of the report of either probe, and nothing that needs more than the verdict itself. Each part is
shorter than `INLINE` characters: the Dagster UI shows such Markdown in place, and longer text behind a button. It shows HTML as
text, so that samples are not in code, which is HTML where one holds a pipe. The whole report belongs to `markdown` and `retrieval`.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.core.retrieval.causes import RetrievalCauseName
from parity_pipeline.core.retrieval.outcomes import AGREEING, RetrievalOutcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import AnyVerdict, name_of_partition
from parity_pipeline.core.worst_rows import KINDS, JudgedRow
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.escape import Sentence, clipped, fenced, prose, table
from parity_pipeline.report.retrieval_advice import retrieval_flip_advice
from parity_pipeline.report.retrieval_view import Queries, agreement, outcome_words
from parity_pipeline.report.retrieval_view import position as query_position
from parity_pipeline.report.view import position, words_of

INLINE: Final = 1000
"""Characters from which on the Dagster UI (1.13) hides Markdown behind a button."""

WORST: Final = 10
"""Samples or queries of the digest."""

SYMBOLS: Final = {
    Decision.PASS: "✔",
    Decision.PASS_WITH_WAIVERS: "✔",
    Decision.FAIL: "✘",
    Decision.INCONCLUSIVE: "⚠",
}
"""Symbols that differ in shape and not in colour alone, and that text fonts have: many machines have no emoji."""

_COLOURED: Final = {
    Decision.PASS: "+",
    Decision.PASS_WITH_WAIVERS: "+",
    Decision.FAIL: "-",
    Decision.INCONCLUSIVE: "@@",
}
"""How a line of a difference begins that the Dagster UI and GitHub show in green, red, or another colour than text."""

_NO_COSINE: Final = -2.0
"""Sorts what has no cosine before everything that has one."""
_REASONS: Final = 3
_CAUSES: Final = 3
_CLAUSE: Final = 160
"""Characters of one reason, cause or sentence of advice."""
_TEXT: Final = 28
"""Characters of a sample's text: ten rows have to stay below `INLINE`."""


def marked(decision: Decision) -> str:
    """Return a decision with its symbol.

    >>> marked(Decision.FAIL)
    '✘ FAIL'
    """
    return f"{SYMBOLS[decision]} {decision.value}"


def subject_of(verdict: AnyVerdict) -> str:
    """Return what a verdict is about, as raw text: its probe, and its model or corpus."""
    return f"{verdict.endpoint} {name_of_partition(verdict)}"


def digest(verdict: AnyVerdict) -> str:
    """Return verdict, decision, reasons and causes as Markdown of less than `INLINE` characters, the verdict first.

    Reasons and causes are cut, and those that do not fit are counted; the report has all.
    """
    head = fenced(
        (f"{_COLOURED[verdict.decision]} {marked(verdict.decision)} · {clipped(_subject(verdict), _CLAUSE)}",), "diff"
    )
    advice = retrieval_flip_advice(verdict) if isinstance(verdict, RetrievalVerdict) else flip_advice(verdict)
    parts = [
        ("Strength", [verdict.strength] if verdict.strength else []),
        ("Why", verdict.reasons[:_REASONS]),
        ("Causes", causes(verdict)),
        ("May be flipped", [_plain(advice[0])]),
    ]
    lines = [head, ""]
    for title, clauses in parts:
        shown = [f"**{title}**: {'; '.join(prose(clipped(one, _CLAUSE)) for one in clauses)}"] if clauses else []
        lines += [line for line in shown if len("\n\n".join([*lines, line])) < INLINE - 1]
    return "\n\n".join(line for line in lines if line)


def _subject(verdict: AnyVerdict) -> str:
    return f"{verdict.date}, {subject_of(verdict)}"


def _plain(one: Sentence) -> str:
    """Return a sentence as raw text."""
    return one if isinstance(one, str) else "".join(part if isinstance(part, str) else part.text for part in one)


def causes(verdict: AnyVerdict) -> list[str]:
    """Return the first causes in a few words each, as raw text; then how many more there are, and what stays unknown."""
    if isinstance(verdict, RetrievalVerdict):
        known = [cause for cause in verdict.causes if cause.name is not RetrievalCauseName.UNKNOWN]
        found = [(cause.name.value, cause.side, cause.confidence.value, cause.queries) for cause in known]
        unknown = sum(cause.queries for cause in verdict.causes if cause.name is RetrievalCauseName.UNKNOWN)
    else:
        of_samples = verdict.diagnosis.causes if verdict.diagnosis else ()
        found = [(cause.name, cause.side, cause.confidence.value, cause.count) for cause in of_samples]
        unknown = verdict.diagnosis.unknown if verdict.diagnosis else 0
    shown = [
        f"{name}{f' on the {side} side' if side else ''} ({confidence}, {numbers.count(count)})"
        for name, side, confidence, count in found[:_CAUSES]
    ]
    more = [f"{numbers.count(len(found) - _CAUSES)} more"] if len(found) > _CAUSES else []
    return [*shown, *more, *([f"unknown ({numbers.count(unknown)})"] if unknown else [])]


def worst_samples(verdict: Verdict) -> str:
    """Return the worst samples with their texts as a Markdown table of less than `INLINE` characters; "" for none.

    Those that differ come first, the smallest cosine first; without one, those that match with the smallest cosine.
    """
    return _fitting(
        ("#", "sample", "cosine", "outcome"),
        (
            (
                position(row),
                prose(clipped(row.head, _TEXT)),
                numbers.cosine(row.cosine, verdict.threshold),
                prose(_outcome(row)),
            )
            for row in sorted(verdict.rows, key=_badness)[:WORST]
        ),
    )


def worst_queries(verdict: RetrievalVerdict, queries: Queries) -> str:
    """Return the most changed queries as a Markdown table of less than `INLINE` characters; "" for none.

    Args:
        verdict: The verdict.
        queries: Texts by query id; others are shown by their id.
    """
    return _fitting(
        ("#", "query", "RBO", "outcome"),
        (
            (
                query_position(one),
                prose(clipped(queries[one.id].text if one.id in queries else one.id, _TEXT)),
                agreement(one.rbo),
                prose(outcome_words(one)),
            )
            for one in sorted(verdict.queries, key=_change)[:WORST]
        ),
    )


def _badness(row: JudgedRow) -> tuple[int, int, float, int]:
    rank = _rank(row.outcome is Outcome.REFUSED_BY_BOTH, row.outcome is Outcome.MATCH or row.excused)
    kinds = [outcome for outcome, _ in KINDS]
    return rank, kinds.index(row.outcome), _NO_COSINE if row.cosine is None else row.cosine, row.ordinal


def _change(query: JudgedQuery) -> tuple[int, float, int]:
    excused = query.waiver is not None or query.unconfirmed
    rank = _rank(query.outcome is RetrievalOutcome.REFUSED_BY_BOTH, query.outcome in AGREEING or excused)
    return rank, -1.0 if query.rbo is None else query.rbo, query.ordinal


def _rank(refused_alike: bool, same: bool) -> int:
    """Return 0 for what stands against the candidate, 1 for what agrees or is excused, 2 for what shows nobody anything."""
    return 2 if refused_alike else int(same)


def _outcome(row: JudgedRow) -> str:
    if row.waiver is not None:
        return f"{words_of(row.outcome)}, waived"
    excuse = "within noise" if row.within_noise else row.unconfirmed
    return f"{words_of(row.outcome)}, {excuse}" if excuse else words_of(row.outcome)


def _fitting(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table of as many rows as stay below `INLINE` characters; "" for none."""
    fitting = list[Sequence[str]]()
    for row in rows:
        if len("\n".join(table(head, [*fitting, row]))) >= INLINE:
            break
        fitting.append(row)
    return "\n".join(table(head, fitting)) if fitting else ""
