"""The page of one date and corpus: the same verdict as the Markdown report, decision first and evidence after it.

Here belongs which sections there are and in which order. What stands in one belongs to the modules beside this one, and to
`report.sections`, whose words the page takes over.
"""

from collections.abc import Mapping, Sequence
from typing import Final

from markupsafe import Markup

from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.bands import SetMeasure
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import check_name, report_name
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report import numbers
from parity_pipeline.report.html.drawings import latency_chart, share_chart
from parity_pipeline.report.html.environment import DECISION_CLASS, Fact, Section, macros, page
from parity_pipeline.report.html.evidence import RetrievalPageEvidence
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
from parity_pipeline.report.html.query_cards import WORST, query_cards
from parity_pipeline.report.html.verdict_tables import latency_rows, waivers_used
from parity_pipeline.report.retrieval_advice import (
    retrieval_backfill_command,
    retrieval_flip_advice,
    retrieval_run_command,
)
from parity_pipeline.report.retrieval_view import Queries, agreement
from parity_pipeline.report.sections import retrieval_evidence, retrieval_headline, retrieval_sides
from parity_pipeline.report.sections.headline import checks, findings, reasons
from parity_pipeline.report.sections.retrieval_bands import bands
from parity_pipeline.report.sections.retrieval_causes import attribution, why
from parity_pipeline.report.sections.retrieval_reproduce import QUERY_CHECK, smallest_query
from parity_pipeline.report.shell import SentRequest, curl_lines
from parity_pipeline.report.view import newest

NOT_MEASURED: Final = "not measured"


def render_retrieval_page(
    verdict: RetrievalVerdict,
    queries: Queries,
    evidence: RetrievalPageEvidence,
    *,
    requests: Sequence[SentRequest] = (),
    explained: Mapping[str, Explanation] | None = None,
    history: VerdictHistory = NO_HISTORY,
    config: str = "",
) -> str:
    """Return the page on one retrieval verdict as HTML that ends in a newline.

    The same arguments give the same bytes. All text from queries, documents, servers and settings is escaped, and what a
    reader could not see in it is shown by code point.

    Args:
        verdict: The verdict; `queries` may be empty where pairing was refused.
        queries: The queries of the verdict's table, by id. One that is not in it is shown by its id.
        evidence: What is stored beyond the verdict; what is absent is said to be.
        requests: The request of the worst query as each side was sent it, legacy first; empty for none to show.
        explained: What explains a differing query, by id; None for not known.
        history: Which verdicts came before it.
        config: The settings file that its commands have to name; "" for the one that they find by themselves.
    """
    failure = verdict.not_run
    notes = [retrieval_headline.not_compared(verdict), retrieval_headline.unmeasured(verdict), *evidence.absent]
    return page(
        "report.html.j2",
        [
            *(
                not_run(failure, retrieval_flip_advice(verdict))
                if failure
                else _decision(verdict, queries, explained or {})
            ),
            what_changed(verdict, history),
            *([] if failure else _measured(verdict, evidence)),
            *([] if failure else taken_over(_EVIDENCE, verdict)),
            Section(
                anchor="reproduce",
                title="How to reproduce",
                body=_reproduce(verdict, queries, requests, evidence.reproduction, config),
            ),
            approved(verdict),
        ],
        kind="Retrieve parity",
        name=verdict.corpus,
        date=verdict.date,
        responses=newest(verdict.sides),
        decision=str(verdict.decision),
        state=DECISION_CLASS[verdict.decision],
        headline=retrieval_headline.headline(verdict),
        words=in_words(verdict, history),
        power=verdict.power.sentence() if verdict.power else "",
        facts=[] if failure else _facts(verdict),
        notes=[note for note in notes if note and not failure],
        markdown=report_name(verdict.date, verdict.corpus, verdict.endpoint),
        version=verdict.package_version,
    )


def _decision(verdict: RetrievalVerdict, queries: Queries, explained: Mapping[str, Explanation]) -> list[Section]:
    parts = macros()
    cards = query_cards(verdict, queries, explained)
    return [
        Section(
            anchor="flip",
            title="What may be flipped next",
            body=parts.advice(retrieval_flip_advice(verdict)),
            printed=True,
        ),
        Section(anchor="reasons", title="Reasons, worst first", body=section_body(reasons(verdict), ""), printed=True),
        Section(anchor="causes", title="Causes", body=section_body(why(verdict), "Causes"), printed=True),
        Section(
            anchor="queries",
            title="Most changed queries",
            body=macros("query_macros.html.j2").queries(cards, WORST, bool(verdict.queries)),
            printed=True,
        ),
    ]


def _measured(verdict: RetrievalVerdict, evidence: RetrievalPageEvidence) -> list[Section]:
    parts = macros()
    overlaps = evidence.overlaps
    if overlaps is None or not overlaps.total:
        drawn = parts.absent("No lists were compared.")
    else:
        drawn = parts.figure(share_chart(overlaps, "Queries by their share of common documents", "overlap"), "")
    if evidence.rank_biased is not None and evidence.rank_biased.total:
        title = "Queries by rank-biased overlap, which weighs the first ranks most"
        drawn += parts.figure(share_chart(evidence.rank_biased, title, "RBO"), "")
    chart = latency_chart(evidence.latencies, "Queries by the latency of their request")
    latency = parts.figure(chart, "") if chart else parts.absent("No latency of single queries is stored.")
    return [
        Section(anchor="overlap", title="How similar the lists are", body=drawn),
        Section(anchor="latency", title="Latency", body=parts.latencies(latency_rows(verdict.sides)) + latency),
        Section(anchor="waivers", title="Waivers", body=parts.waivers(waivers_used(verdict))),
    ]


_EVIDENCE: Final[Sequence[tuple[str, str, WordsOf[RetrievalVerdict]]]] = (
    ("sure", "How sure is this?", retrieval_evidence.confidence),
    ("findings", "Findings", findings),
    ("attribution", "Embedding or retrieval?", attribution),
    ("bands", "Bands", bands),
    ("counts", "Counts", retrieval_headline.counts),
    ("relevance", "Relevance", retrieval_evidence.relevance),
    ("noise", "Noise of each side", retrieval_evidence.noise),
    ("again", "Sent again", retrieval_evidence.confirmation),
    ("power", "What these queries would have caught", retrieval_evidence.power),
    ("checks", "Checks", checks),
    ("drift", "Wire drift", retrieval_sides.drift),
    ("provenance", "Provenance", retrieval_sides.compared),
    ("set", "Query set", retrieval_sides.query_set),
)
"""Sections whose words are those of the Markdown report: anchor, title, and what gives them; empty ones are left out."""


def _facts(verdict: RetrievalVerdict) -> list[Fact]:
    found = verdict.counts
    return [
        Fact(
            label="queries that agree",
            value=f"{numbers.count(found.agreeing)} of {numbers.count(found.queries)}",
            note=f"{numbers.count(found.waived_queries)} waived" if found.waived_queries else "",
        ),
        *(
            Fact(label=label, value=NOT_MEASURED if (value := verdict.value(measure)) is None else agreement(value))
            for label, measure in (
                ("mean overlap", SetMeasure.MEAN_OVERLAP),
                ("same best document, share", SetMeasure.TOP_1_SHARE),
                ("mean RBO", SetMeasure.MEAN_RBO),
            )
        ),
        Fact(
            label="queries with another list in a repeat",
            value=" / ".join(
                NOT_MEASURED if lane.noise is None else numbers.count(lane.noise.differing) for lane in verdict.sides
            ),
            note="legacy / candidate",
        ),
    ]


def _reproduce(
    verdict: RetrievalVerdict,
    queries: Queries,
    requests: Sequence[SentRequest],
    found: QueryReproduction | None,
    config: str,
) -> Markup:
    sent = [(f"{one.query_id}, as the {one.side} side was sent it", curl_lines(one)) for one in requests]
    again = (
        retrieval_run_command(verdict.date, verdict.corpus),
        retrieval_backfill_command(verdict.date, verdict.corpus),
    )
    smallest = Markup()
    if found:
        smallest = section_body(smallest_query(verdict, queries, found), "The smallest form of the worst query")
    if found and found.requests:
        smallest += check_link(check_name(verdict.date, verdict.corpus, verdict.endpoint), QUERY_CHECK)
    whole = macros("query_macros.html.j2").requests(sent, bool(sent or found)) + commands(again, config)
    return smallest + whole
