"""How many samples matched, differ or are excused, in all and a category.

Here belongs the layout of the counts. Counting belongs to `core.tally`.
"""

from collections.abc import Mapping
from typing import Final

from parity_pipeline.core.outcomes import PASSING, Decision, Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose
from parity_pipeline.report.row_view import words_of
from parity_pipeline.report.sentences import table
from parity_pipeline.report.side_view import newest_answer

_ALWAYS: Final = ("matched", "waived", "different")
"""Counts that are told when they are 0 too."""

_SOMETIMES: Final = ("within_noise", "without_evidence", "refused_by_both")


def counts(verdict: Verdict) -> list[str]:
    """Return the counts as Markdown: apart, by waiver, by outcome and category."""
    lines = ["## Counts", ""]
    if not verdict.samples:
        return [*lines, "No sample was counted."]
    if verdict.apart:
        lines += [prose(apart(verdict.samples, verdict.apart)), ""]
    if verdict.waived:
        taken = ", ".join(f"{code(name)} {numbers.count(count)}" for name, count in sorted(verdict.waived.items()))
        lines += [f"Waived, by waiver: {taken}.", ""]
    rows = [(code(name), *_outcomes(found)) for name, found in sorted(verdict.by_category.items())]
    if len(rows) == 1:
        return [*lines, f"By outcome, all of the category {rows[0][0]}: {rows[0][2]}."]
    rows.insert(0, ("all", *_outcomes(verdict.counts)))
    head = "Outcomes, waived ones included" if verdict.waived else "Outcomes"
    return [*lines, *table(("Category", "Samples", head), rows, right=(1,))]


def apart(samples: int, found: Mapping[str, int]) -> str:
    """Return the counts that stand apart, each sample in one of them; raw text."""
    shown = [*_ALWAYS, *(name for name in _SOMETIMES if found.get(name))]
    told = ", ".join(f"{numbers.count(found.get(name, 0))} {words_of(name)}" for name in shown)
    return f"{numbers.things(samples, 'sample')}: {told}."


def _outcomes(found: Mapping[str, int]) -> tuple[str, str]:
    """Return how many samples there are, and the outcomes that are not 0 in words, differences in the usual order."""
    order = [*(outcome.value for outcome in Outcome), *sorted(set(found) - set(Outcome))]
    words = ", ".join(f"{numbers.count(found[name])} {words_of(name)}" for name in order if found.get(name))
    return numbers.count(sum(found.values())), prose(words or "none")


def opening(verdict: Verdict) -> list[str]:
    """Return title, verdict line and reasons as Markdown."""
    moment = newest_answer(verdict.sides) or verdict.date
    # A date that is judged later is named beside the time of its answers.
    of_a_date = "" if moment.startswith(verdict.date) else f" for {prose(verdict.date)}"
    lines = [f"# {prose(verdict.endpoint.capitalize())} parity{of_a_date} — {prose(moment)}", ""]
    lines.append(f"**{prose(str(verdict.decision))}** — {prose(headline(verdict))}")
    if told := not_compared(verdict):
        lines += ["", prose(told)]
    if verdict.decision not in PASSING:
        reasons = [f"- {prose(reason)}" for reason in verdict.reasons]
        lines += ["", "Reasons, worst first:", "", *reasons] if reasons else []
    return lines


def headline(verdict: Verdict) -> str:
    """Return what follows the decision in the verdict line; raw text."""
    if verdict.decision in PASSING:
        return "; ".join(verdict.reasons)
    if verdict.decision != Decision.FAIL:
        return "neither a pass nor a fail"
    matched = numbers.count(verdict.counts.get(Outcome.MATCH, 0))
    waived = int(verdict.apart.get("waived", 0))
    excused = f", {numbers.count(waived)} waived" if waived else ""
    return f"{matched}/{numbers.count(verdict.samples)} samples {_reached(verdict)}{excused}"


def _reached(verdict: Verdict) -> str:
    failing = [name for name in verdict.thresholds if verdict.severities.get(name) == "fail"]
    # Verdicts of the first schema have no severities: the cosine alone failed a sample then.
    if failing and failing != ["cosine"]:
        return "match"
    return f"≥ {numbers.limit(verdict.thresholds.get('cosine'))}"


def not_compared(verdict: Verdict) -> str:
    """Return how many samples a pass leaves out; "" for a verdict that is none, or that leaves out none."""
    left_out = verdict.samples - verdict.compared
    if verdict.decision not in PASSING or not left_out:
        return ""
    alike = verdict.counts.get(Outcome.REFUSED_BY_BOTH, 0)
    refused = f", {numbers.count(alike)} of them refused by both sides alike" if alike else ""
    return f"{numbers.things(left_out, 'sample')} of {numbers.count(verdict.samples)} could not be compared{refused}."


def findings(verdict: Verdict) -> list[str]:
    """Return what else a person has to see to, as Markdown; nothing where there is nothing."""
    of_the_sides = (words for side in Side for words in stability_findings(verdict, side))
    every = dict.fromkeys([*map(str, verdict.findings), *of_the_sides])
    # The verdict's reasons stand above already.
    told = [finding for finding in every if finding not in verdict.reasons]
    return ["## Findings", "", *(f"- {prose(finding)}" for finding in told)] if told else []


def stability_findings(verdict: Verdict, side: Side) -> tuple[str, ...]:
    """Return what trying a side against itself found wrong, in clauses that name the side; raw text."""
    found = (verdict.stability.get(side.value) or {}).get("findings") or ()
    return tuple(str(one["words"]) for one in found)
