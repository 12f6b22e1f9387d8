"""The dated report as Markdown: the order of its sections, judgement first and evidence after it.

Here belongs the document as a whole. What stands in a section belongs to `sections`.
"""

from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report.advice import flip_advice
from parity_pipeline.report.escape import sentence
from parity_pipeline.report.sections.confidence import confidence, confirmation, power
from parity_pipeline.report.sections.contract import contract
from parity_pipeline.report.sections.diagnosis import collisions, observations, why
from parity_pipeline.report.sections.headline import checks, could_not_run, counts, findings, opening, reasons
from parity_pipeline.report.sections.history import changes
from parity_pipeline.report.sections.measures import measures
from parity_pipeline.report.sections.noise import noise
from parity_pipeline.report.sections.plain_words import approval
from parity_pipeline.report.sections.reproduce import reproduce
from parity_pipeline.report.sections.samples import errors, sample_set, samples
from parity_pipeline.report.sections.sides import compared, drift


def render_report(
    verdict: Verdict,
    history: VerdictHistory = NO_HISTORY,
    *,
    config: str = "",
    reproduction: Reproduction | None = None,
) -> str:
    """Return the dated report on one verdict, as Markdown that ends in a newline.

    The same verdict gives the same bytes: the time in the title is that of the newest response, not of the rendering.
    All text from samples, servers and settings is escaped; lone surrogates are shown by code point, so that the
    result always has a UTF-8 form.

    Args:
        verdict: The verdict; `rows` may be empty where pairing was refused.
        history: Which verdicts came before it.
        config: The settings file that its commands have to name; "" for the one that they find by themselves.
        reproduction: The smallest form of its worst failing sample; None where none was looked for.
    """
    sections = (
        _short(verdict, history, verdict.not_run, config)
        if verdict.not_run
        else _whole(verdict, history, config, reproduction)
    )
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _short(verdict: Verdict, history: VerdictHistory, failure: RunFailure, config: str) -> tuple[list[str], ...]:
    return (
        opening(verdict, history),
        could_not_run(failure),
        _flip(verdict),
        changes(verdict, history),
        reproduce(verdict, None, config),
    )


def _whole(
    verdict: Verdict, history: VerdictHistory, config: str, reproduction: Reproduction | None
) -> tuple[list[str], ...]:
    return (
        opening(verdict, history),
        _flip(verdict),
        reasons(verdict),
        why(verdict),
        findings(verdict),
        changes(verdict, history),
        confirmation(verdict),
        checks(verdict),
        counts(verdict),
        measures(verdict),
        confidence(verdict),
        noise(verdict),
        power(verdict),
        contract(verdict),
        observations(verdict),
        collisions(verdict),
        compared(verdict),
        samples(verdict),
        errors(verdict),
        drift(verdict),
        sample_set(verdict),
        reproduce(verdict, reproduction, config),
        approval(verdict),
    )


def _flip(verdict: Verdict) -> list[str]:
    return ["## What may be flipped next", "", *(f"- {sentence(advice)}" for advice in flip_advice(verdict))]
