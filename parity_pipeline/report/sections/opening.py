"""The top of a report: title, verdict and reasons, findings.

Here belongs what a reader sees who reads ten lines. Why samples differ belongs to `why`, what follows to `advice`.
"""

from parity_pipeline.core.outcomes import PASSING, Decision, Outcome, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import prose
from parity_pipeline.report.sides import newest_answer


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
