"""What a reader sees first: title, verdict line, reasons, why a date could not run, findings, checks, counts of outcomes.

Here belongs the layout of the opening, of the counts and of the checks: those that did not pass first, and what nothing was
measured for. Deciding belongs to `core.verdict_builder`, what a check means to `core.checks`, counting to `core.tally`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.checks import GROUND, Check, CheckName, CheckSeverity, of_side
from parity_pipeline.core.contract_checks import OF_CONTRACT
from parity_pipeline.core.measures import Measure
from parity_pipeline.core.outcomes import PASSING, Decision, Outcome, Severity, Side
from parity_pipeline.core.retrieval.checks import RetrievalCheck
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.side_checks import EXPERIMENTS
from parity_pipeline.core.verdict import OutcomeCounts, SamplesApart, Verdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, prose, sentence, table, with_code
from parity_pipeline.report.numbers import NOTHING
from parity_pipeline.report.sections.history import loosened
from parity_pipeline.report.sections.plain_words import in_plain_words
from parity_pipeline.report.view import newest_response, words_of


def counts(verdict: Verdict) -> list[str]:
    """Return the counts as Markdown: apart, by waiver, by outcome and category."""
    lines, found = ["## Counts", ""], verdict.counts
    if not found.samples:
        return [*lines, "No sample was counted."]
    if found.apart:
        lines += [prose(apart(found.samples, found.apart)), ""]
    if found.waived:
        taken = ", ".join(f"{code(name)} {numbers.count(count)}" for name, count in sorted(found.waived.items()))
        lines += [f"Waived, by waiver: {taken}.", ""]
    rows = [(code(name), *_outcomes(outcomes)) for name, outcomes in sorted(found.by_category.items())]
    if len(rows) == 1:
        return [*lines, f"By outcome, all of the category {rows[0][0]}: {rows[0][2]}."]
    rows.insert(0, ("all", *_outcomes(found.outcomes)))
    head = "Outcomes, waived ones included" if found.waived else "Outcomes"
    return [*lines, *table(("Category", "Samples", head), rows, right=(1,))]


def apart(samples: int, found: SamplesApart) -> str:
    """Return the counts that stand apart, each sample in one of them; the first three also where they are 0. Raw text."""
    always = {"matched": found.matched, "waived": found.waived, "different": found.different}
    sometimes = {
        "not confirmed": found.unconfirmed,
        "within noise": found.within_noise,
        "without evidence": found.without_evidence,
        "refused by both": found.refused_by_both,
    }
    shown = always | {words: count for words, count in sometimes.items() if count}
    described = ", ".join(f"{numbers.count(count)} {words}" for words, count in shown.items())
    return f"{numbers.things(samples, 'sample')}: {described}."


def _outcomes(found: OutcomeCounts) -> tuple[str, str]:
    """Return how many samples there are, and the outcomes that are not 0 in words, differences in the usual order."""
    words = ", ".join(f"{numbers.count(found[name])} {words_of(name)}" for name in Outcome if found.get(name))
    return numbers.count(sum(found.values())), prose(words or "none")


THROUGH_ADAPTER: Final = (
    "The candidate was requested through the adapter, in the legacy's dialect. The verdict is on the candidate and the adapter "
    "together, and has no bearing on the candidate's own one."
)


def opening(verdict: Verdict, history: VerdictHistory = NO_HISTORY) -> list[str]:
    """Return title, verdict line, what it means, loosened limits, and what the verdict leaves out, as Markdown."""
    moment = newest_response(verdict) or verdict.date
    # A date that is judged later is named beside the time of its responses.
    of_a_date = "" if moment.startswith(verdict.date) else f" for {prose(verdict.date)}"
    probe = "Embed" if verdict.through_adapter else verdict.endpoint.capitalize()
    seen = " as callers will see it" if verdict.through_adapter else ""
    lines = [f"# {prose(probe)} parity of {code(verdict.model)}{seen}{of_a_date} — {prose(moment)}", ""]
    if verdict.through_adapter:
        lines += [THROUGH_ADAPTER, ""]
    lines.append(f"**{prose(str(verdict.decision))}** — {prose(headline(verdict))}")
    power = f"{verdict.power.words}." if verdict.power else ""
    said = [prose(power), prose(in_plain_words(verdict)), *loosened(verdict, history)]
    said += [prose(words) for words in (not_compared(verdict), unmeasured(verdict)) if words]
    return [*lines, *(line for words in said[0 if power else 1 :] for line in ("", words))]


def reasons(verdict: Verdict | RetrievalVerdict) -> list[str]:
    """Return why there is no pass, worst reason first, as Markdown; nothing for a pass, whose verdict line says it."""
    if verdict.decision in PASSING or not verdict.reasons:
        return []
    return ["## Reasons, worst first", "", *(f"- {prose(reason)}" for reason in verdict.reasons)]


def could_not_run(failure: RunFailure) -> list[str]:
    """Return what failed, where and what to do, as Markdown."""
    rows = [
        ("Step", code(failure.step)),
        ("What was wrong", prose(failure.problem)),
        ("Where", code(failure.place) if failure.place else numbers.NOTHING),
        ("What to do", sentence(with_code(failure.remedy)) if failure.remedy else numbers.NOTHING),
        ("Kind of error", prose(failure.kind) if failure.kind else numbers.NOTHING),
    ]
    note = (
        "What was fetched before that stays stored. The vectors or lists of an earlier run are still there too, and "
        "nothing in this report is about them."
    )
    return ["## Why it could not run", "", *table(("", ""), rows), "", note]


def headline(verdict: Verdict) -> str:
    """Return what follows the decision in the verdict line; raw text."""
    if verdict.decision in PASSING:
        return f"{verdict.strength}: {'; '.join(verdict.reasons)}"
    if verdict.decision != Decision.FAIL:
        return "could not run" if verdict.not_run else "not enough evidence"
    found = verdict.counts
    excused = f", {numbers.count(found.samples_waived)} waived" if found.samples_waived else ""
    # Other measures that fail a sample than the cosine have no short form.
    failing = [one.measure for one in verdict.measures if one.severity is Severity.FAIL]
    reached = f"≥ {numbers.limit(verdict.threshold)}" if failing == [Measure.COSINE] else "match"
    return f"{numbers.count(found.matched)}/{numbers.count(found.samples)} samples {reached}{excused}"


def not_compared(verdict: Verdict) -> str:
    """Return how many samples a pass leaves out; "" for a verdict that is none, or that leaves out none."""
    left_out = verdict.counts.samples - verdict.counts.compared
    if verdict.decision not in PASSING or not left_out:
        return ""
    alike = verdict.counts.refused_by_both
    refused = f", {numbers.count(alike)} of them refused by both sides alike" if alike else ""
    return f"{numbers.things(left_out, 'sample')} of {numbers.count(verdict.counts.samples)} could not be compared{refused}."


def findings(verdict: Verdict | RetrievalVerdict) -> list[str]:
    """Return what else a person has to see to, as Markdown; nothing where there is nothing."""
    # The verdict's reasons stand above already.
    described = [finding for finding in dict.fromkeys(verdict.findings) if finding not in verdict.reasons]
    return ["## Findings", "", *(f"- {prose(finding)}" for finding in described)] if described else []


_ORDER: Final = tuple(CheckSeverity)


def checks(verdict: Verdict | RetrievalVerdict) -> list[str]:
    """Return the table of what did not pass, and the names of what did; nothing for a verdict of an earlier version."""
    if not verdict.checks:
        return []
    against = sorted(
        (one for one in verdict.checks if one.passed is False),
        key=lambda one: (bool(one.waived_by), _ORDER.index(one.severity)),
    )
    lines = ["## Checks", ""]
    if against:
        head = ("Check", "Severity", "Seen", "What to do")
        lines += [*table(head, map(_row, against)), ""]
    passed = [one.name.value for one in verdict.checks if one.passed]
    lines += [prose(f"Passed: {', '.join(passed)}."), ""] if passed else []
    if isinstance(verdict, RetrievalVerdict):
        unmeasured = [f"{one.name.value} ({one.seen})" for one in verdict.checks if one.passed is None]
        lines += [prose(f"Not measured: {'; '.join(unmeasured)}."), ""] if unmeasured else []
    return lines[:-1]


def _row(one: Check | RetrievalCheck) -> Sequence[str]:
    severity = f"waived by {one.waived_by}" if one.waived_by else one.severity.value
    remedy = sentence(with_code(one.remedy)) if one.remedy and not one.waived_by else NOTHING
    return prose(one.name.value), prose(severity), prose(one.seen), remedy


def unmeasured(verdict: Verdict) -> str:
    """Return in one line what nothing was measured for; "" where all was, or where nothing could be. Raw text.

    A side whose repeatability was not measured is one thing and not a dozen, and so is the contract of both.
    """
    if any(one.stands for one in verdict.checks if one.name in GROUND):
        return ""
    names = [one.name for one in verdict.checks if one.passed is None]
    shown: list[str] = []
    for side in Side:
        whole = {of_side(side, subject) for subject in (*EXPERIMENTS.values(), "foreign-vectors", "noise-floor")}
        if whole <= set(names):
            shown.append(f"repeatability of the {side} side")
            names = [name for name in names if name not in whole]
    of_contract = [one for one in verdict.checks if one.name in OF_CONTRACT]
    if of_contract and all(one.passed is None for one in of_contract):
        shown.append("contract of both sides")
        names = [name for name in names if name not in OF_CONTRACT]
    shown += [name.value for name in names if name is not CheckName.COMPARED_SHARE]
    return f"Nothing was measured for: {', '.join(shown)}." if shown else ""
