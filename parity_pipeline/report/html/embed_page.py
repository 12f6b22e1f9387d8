"""The page of one date and model: the same verdict as the Markdown report, decision first and evidence after it.

Here belongs which sections there are and in which order. What stands in one belongs to the modules beside this one, and to
`report.sections`, whose words the page takes over.
"""

from collections.abc import Sequence
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.reproduction import Reproduction
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.slugs import check_name, report_name
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import fetch_again, flip_advice, run_again
from parity_pipeline.report.html import cause_cards, sample_cards
from parity_pipeline.report.html.drawings import cosine_chart, latency_chart, norm_chart
from parity_pipeline.report.html.environment import DECISION_CLASS, Fact, Section, macros, page
from parity_pipeline.report.html.evidence import EmbedEvidence
from parity_pipeline.report.html.index_safety import index_safety
from parity_pipeline.report.html.judgement_parts import (
    WordsOf,
    approved,
    check_link,
    commands,
    in_words,
    not_run,
    taken_over,
    what_changed,
)
from parity_pipeline.report.html.markdown_html import section_body
from parity_pipeline.report.html.repeatability import LEVELS, heat_rows
from parity_pipeline.report.html.verdict_tables import latency_rows, waivers_used
from parity_pipeline.report.sections import confidence as sureness
from parity_pipeline.report.sections import headline, samples, sides
from parity_pipeline.report.sections.contract import contract
from parity_pipeline.report.sections.diagnosis import collisions, observations
from parity_pipeline.report.sections.measures import measures, norms
from parity_pipeline.report.sections.noise import explained, noise
from parity_pipeline.report.sections.reproduce import check_words, smallest_form
from parity_pipeline.report.view import newest_response

NOT_MEASURED: Final = "not measured"


def render_page(
    verdict: Verdict, evidence: EmbedEvidence, history: VerdictHistory = NO_HISTORY, *, config: str = ""
) -> str:
    """Return the page on one verdict as HTML that ends in a newline.

    The same arguments give the same bytes. All text from samples, servers and settings is escaped, and what a reader could
    not see in it is shown by code point.

    Args:
        verdict: The verdict; `rows` may be empty where pairing was refused.
        evidence: What is stored beyond it; what is absent is said to be.
        history: Which verdicts came before it.
        config: The settings file that its commands have to name; "" for the one that they find by themselves.
    """
    title = "Embed parity as callers will see it" if verdict.through_adapter else "Embed parity"
    notes = [headline.not_compared(verdict), headline.unmeasured(verdict), *evidence.absent]
    if verdict.not_run:
        notes = []
    if verdict.through_adapter:
        notes.insert(0, headline.THROUGH_ADAPTER)
    return page(
        "report.html.j2",
        [
            *(
                _of_failure(verdict, verdict.not_run, history)
                if verdict.not_run
                else _sections(verdict, evidence, history)
            ),
            Section(
                anchor="reproduce",
                title="How to reproduce",
                body=_reproduce(verdict, evidence.reproduction, config),
            ),
            approved(verdict),
        ],
        kind=title,
        name=verdict.model,
        date=verdict.date,
        responses=newest_response(verdict),
        decision=str(verdict.decision),
        state=DECISION_CLASS[verdict.decision],
        headline=headline.headline(verdict),
        words=in_words(verdict, history),
        power=verdict.power.words if verdict.power else "",
        facts=[] if verdict.not_run else _facts(verdict),
        notes=[note for note in notes if note],
        markdown=report_name(verdict.date, verdict.model, verdict.endpoint),
        version=verdict.package_version,
    )


def _of_failure(verdict: Verdict, failure: RunFailure, history: VerdictHistory) -> list[Section]:
    """Return the sections of a date that could not be run: why, what to do, and nothing that was not measured."""
    return [*not_run(failure, flip_advice(verdict)), what_changed(verdict, history)]


def _sections(verdict: Verdict, evidence: EmbedEvidence, history: VerdictHistory) -> list[Section]:
    parts = macros()
    cards = sample_cards.cards(verdict, evidence.texts)
    links = sample_cards.links_to(verdict)
    return [
        Section(
            anchor="flip",
            title="What may be flipped next",
            body=parts.advice(flip_advice(verdict)) + parts.safety(index_safety(verdict)),
            printed=True,
        ),
        Section(
            anchor="reasons",
            title="Reasons, worst first",
            body=section_body(headline.reasons(verdict), "Reasons"),
            printed=True,
        ),
        Section(anchor="causes", title="Causes", body=cause_cards.causes(verdict, links), printed=True),
        Section(anchor="samples", title=_samples_title(cards), body=_samples(verdict, cards), printed=True),
        what_changed(verdict, history),
        Section(anchor="cosine", title="How similar the vectors are", body=_cosines(verdict, evidence)),
        Section(anchor="norms", title="Norms", body=_norms(verdict, evidence)),
        Section(anchor="latency", title="Latency", body=_latency(verdict, evidence)),
        Section(anchor="repeatability", title="Repeatability", body=_repeatability(verdict)),
        Section(anchor="contract", title="Contract", body=_contract(verdict)),
        Section(anchor="drift", title="Wire drift", body=section_body(sides.drift(verdict), "Fields on the wire")),
        Section(anchor="waivers", title="Waivers", body=parts.waivers(waivers_used(verdict))),
        *taken_over(_EVIDENCE, verdict),
    ]


_EVIDENCE: Final[Sequence[tuple[str, str, WordsOf[Verdict]]]] = (
    ("sure", "How sure is this?", sureness.confidence),
    ("findings", "Findings", headline.findings),
    ("checks", "Checks", headline.checks),
    ("counts", "Counts", headline.counts),
    ("measures", "Measures", measures),
    ("again", "Requested again", sureness.confirmation),
    ("power", "What these samples would have caught", sureness.power),
    ("observations", "Observations", observations),
    ("collisions", "Collisions on one side only", collisions),
    ("errors", "What the sides said in place of vectors", samples.errors),
    ("provenance", "Provenance", sides.compared),
    ("set", "Sample set", samples.sample_set),
)
"""Sections whose words are those of the Markdown report: anchor, title, and what gives them; empty ones are left out."""


def _facts(verdict: Verdict) -> list[Fact]:
    found = verdict.counts
    worst = (
        numbers.cosine(verdict.worst_cosine, verdict.threshold) if verdict.worst_cosine is not None else NOT_MEASURED
    )
    return [
        Fact(
            label="samples that match",
            value=f"{numbers.count(found.matched)} of {numbers.count(found.samples)}",
            note=f"{numbers.count(found.samples_waived)} waived" if found.samples_waived else "",
        ),
        Fact(label="worst cosine", value=worst, note=f"limit {numbers.limit(verdict.threshold)}"),
        *(
            Fact(
                label=f"noise floor, {side.provenance.side}",
                value=numbers.cosine(side.floor.cosine, verdict.threshold) if side.floor else NOT_MEASURED,
                note=side.floor.worst_experiment if side.floor else "",
            )
            for side in verdict.sides
        ),
        Fact(
            label="L2 norms",
            value=" / ".join(side.norms.describe() for side in verdict.sides),
            note="legacy / candidate",
        ),
    ]


def _samples_title(cards: Sequence[sample_cards.Card]) -> str:
    return "Worst samples" if any(card.state != "within" for card in cards) else "Samples closest to the limit"


def _samples(verdict: Verdict, cards: Sequence[sample_cards.Card]) -> Markup:
    table = section_body(samples.samples(verdict), "Samples") if cards else Markup()
    return macros().samples(cards, sample_cards.WORST, table)


def _cosines(verdict: Verdict, evidence: EmbedEvidence) -> Markup:
    parts = macros()
    if not verdict.counts.compared:
        return parts.absent("No cosine was measured.")
    if evidence.cosines is None:
        return parts.absent("The cosines of the single samples are not stored any more.")
    chart = cosine_chart(evidence.cosines, verdict.threshold)
    note = f"Two bars per nine: a bar begins at the cosine below it, and the last one holds all that is closer to 1. {explained(verdict)}"
    return parts.figure(chart, note)


def _norms(verdict: Verdict, evidence: EmbedEvidence) -> Markup:
    parts = macros()
    chart = norm_chart(evidence.norms)
    if chart is not None:
        return parts.figure(chart, norms(verdict))
    if any(side.norms.low is not None for side in verdict.sides) and None not in evidence.norms:
        return parts.absent(f"{norms(verdict)} They are one value, so there is no distribution to draw.")
    if any(side.norms.low is not None for side in verdict.sides):
        return parts.absent(f"{norms(verdict)} The norms of the single samples are not stored any more.")
    return parts.absent("No norm was measured.")


def _latency(verdict: Verdict, evidence: EmbedEvidence) -> Markup:
    parts = macros()
    chart = latency_chart(evidence.latencies, "Samples by the latency of the request that they came with")
    drawn = parts.figure(chart, "") if chart else parts.absent("No latency of single samples is stored.")
    return parts.latencies(latency_rows(verdict.lanes)) + drawn


def _repeatability(verdict: Verdict) -> Markup:
    rows = heat_rows(verdict)
    text = section_body(noise(verdict), "Worst pair of responses to one text")
    return macros().heat(rows, LEVELS) + text if rows else text


def _contract(verdict: Verdict) -> Markup:
    lines = contract(verdict)
    if not lines:
        return macros().absent("Not measured: contracts were not observed for this verdict.")
    return section_body(lines, "What each side does with odd requests")


def _reproduce(verdict: Verdict, found: Reproduction | None, config: str) -> Markup:
    whole = commands((run_again(verdict), fetch_again(verdict)), config)
    if found is None:
        return whole
    smallest = section_body(smallest_form(verdict, found), "The smallest form of the worst failing sample")
    if found.requests:
        smallest += check_link(check_name(verdict.date, verdict.model, verdict.endpoint), check_words())
    return smallest + Markup("<p>The whole probe of this date and model:</p>") + whole
