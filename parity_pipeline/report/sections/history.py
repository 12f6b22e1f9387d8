"""What a verdict changes: the one that it supersedes, the date before, and the rules that were loosened for it.

Here belongs the layout for both probes. Which verdicts came before belongs to `core.verdict_history`, comparing them to
`core.verdict_changes`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_changes import (
    AnyVerdict,
    Change,
    Direction,
    Subject,
    VerdictChanges,
    agreement_text,
    changes_between,
    inputs_of,
    matching_of,
)
from parity_pipeline.core.verdict_history import (
    RecordedVerdict,
    VerdictHistory,
    looser_than_before,
    looser_than_default,
)
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose, table
from parity_pipeline.report.view import moment, printed

_RUN_DIGITS: Final = 8
"""Digits of a run's id that are shown, as the Dagster UI does."""


def loosened(verdict: AnyVerdict, history: VerdictHistory) -> list[str]:
    """Return what stands below the verdict line where a rule is looser than its default or than it was, as Markdown.

    The result of the verdict before stands beside it, so that a pass that a loosened rule made is seen as one. Nothing for a
    date that could not be run: no rule was applied.
    """
    if verdict.not_run:
        return []
    by_default = looser_than_default(verdict)
    before = [one for one in looser_than_before(verdict, history) if one.after not in _afters(by_default, one)]
    lines = [
        f"**{words}**: {prose('; '.join(map(_rule, found)))}."
        for words, found in (("Looser than the default", by_default), ("Looser than for the verdict before", before))
        if found
    ]
    last = history.last
    if lines and last is not None:
        was = f"The verdict before, {_of(last, verdict)}, was {described(last.verdict)}."
        lines[-1] = f"{lines[-1]} {prose(was)}"
    return lines


def _afters(found: Sequence[Change], one: Change) -> set[str]:
    """Return what a rule demands now, where it is named already with the same value before."""
    return {other.after for other in found if (other.what, other.before) == (one.what, one.before)}


def _rule(one: Change) -> str:
    return f"{one.what} {one.after} in place of {one.before}"


def described(verdict: AnyVerdict) -> str:
    """Return decision, share and agreement of a verdict, such as `FAIL (8 of 10 samples match, worst cosine 0.981234)`."""
    if verdict.not_run:
        return f"{verdict.decision} ({verdict.not_run.words})"
    facts: list[str] = []
    if total := inputs_of(verdict):
        matched = f"{numbers.count(matching_of(verdict))} of {numbers.count(total)}"
        facts.append(f"{matched} samples match" if isinstance(verdict, Verdict) else f"{matched} queries agree")
    if text := agreement_text(verdict):
        facts.append(f"{'worst cosine' if isinstance(verdict, Verdict) else 'mean overlap'} {text}")
    return f"{verdict.decision} ({', '.join(facts)})" if facts else str(verdict.decision)


def _of(one: RecordedVerdict, verdict: AnyVerdict) -> str:
    """Return which verdict is meant: by its time where it is of the same date, else by its date."""
    recorded = moment(one.recorded_at)
    at = f"recorded {printed(recorded)}" if recorded else "recorded at an unknown time"
    return at if one.verdict.date == verdict.date else f"of {one.verdict.date}, {at}"


def changes(verdict: AnyVerdict, history: VerdictHistory) -> list[str]:
    """Return the section on what came before and what changed since, as Markdown; nothing for a first verdict."""
    if history.last is None:
        return []
    lines = ["## What changed", ""]
    if one := history.superseded:
        run = f", run {one.run_id[:_RUN_DIGITS]}" if one.run_id else ""
        of = f"This verdict supersedes the one {_of(one, verdict)}{run}, which was {described(one.verdict)}."
        lines += [prose(of), "", *_table(changes_between(one.verdict, verdict))]
    if one := history.earlier_date:
        lines += [] if lines[-1] == "" else [""]
        of = f"The verdict on the date before, {_of(one, verdict).removeprefix('of ')}, was {described(one.verdict)}."
        lines.append(prose(of))
        if not history.superseded:
            lines += ["", *_table(changes_between(one.verdict, verdict))]
        elif gateways := changes_between(one.verdict, verdict).of(Subject.GATEWAY):
            lines += ["", "Since that date, these facts of the gateways changed:", "", *_rows(gateways)]
    return lines


def _table(found: VerdictChanges) -> list[str]:
    if not found.changes:
        return ["Nothing has changed that a verdict holds."]
    return _rows(found.changes)


_WORDS: Final = {
    Direction.BETTER: "better",
    Direction.WORSE: "**worse**",
    Direction.LOOSER: "**looser**",
    Direction.STRICTER: "stricter",
    Direction.OTHER: numbers.NOTHING,
}


def _rows(found: Sequence[Change]) -> list[str]:
    cells = [(prose(_what(one)), prose(one.before), prose(one.after), _WORDS[one.direction]) for one in found]
    return table(("What", "Before", "Now", "That is"), cells)


def _what(one: Change) -> str:
    if one.subject is Subject.CAUSE:
        return f"cause {one.what}"
    return f"limit of {one.what}" if one.subject is Subject.RULE and not one.what.startswith("check ") else one.what
