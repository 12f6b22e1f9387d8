"""The dated report of the retrieve probe as Markdown: the order of its sections, judgement first and evidence after it.

Here belongs the document as a whole. What stands in a section belongs to `sections`.
"""

from collections.abc import Mapping, Sequence

from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict_history import NO_HISTORY, VerdictHistory
from parity_pipeline.report.escape import sentence
from parity_pipeline.report.retrieval_advice import retrieval_flip_advice
from parity_pipeline.report.retrieval_view import Queries
from parity_pipeline.report.sections.headline import checks, could_not_run, findings, reasons
from parity_pipeline.report.sections.history import changes
from parity_pipeline.report.sections.plain_words import approval
from parity_pipeline.report.sections.retrieval_bands import bands
from parity_pipeline.report.sections.retrieval_causes import attribution, why
from parity_pipeline.report.sections.retrieval_evidence import confidence, confirmation, noise, power, relevance
from parity_pipeline.report.sections.retrieval_headline import counts, opening
from parity_pipeline.report.sections.retrieval_queries import changed_queries
from parity_pipeline.report.sections.retrieval_reproduce import reproduce_queries
from parity_pipeline.report.sections.retrieval_sides import compared, drift, query_set
from parity_pipeline.report.shell import SentRequest


def render_retrieval_report(
    verdict: RetrievalVerdict,
    queries: Queries,
    *,
    requests: Sequence[SentRequest] = (),
    explained: Mapping[str, Explanation] | None = None,
    history: VerdictHistory = NO_HISTORY,
    config: str = "",
    reproduction: QueryReproduction | None = None,
) -> str:
    """Return the dated report on one retrieval verdict, as Markdown that ends in a newline.

    The same arguments give the same bytes: the time in the title is that of the newest response, not of the rendering.
    All text from queries, documents, servers and settings is escaped; lone surrogates are shown by code point, so that
    the result always has a UTF-8 form.

    Args:
        verdict: The verdict; `queries` may be empty where pairing was refused.
        queries: The queries of the verdict's table, by id. One that is not in it is shown by its id.
        requests: The request of the worst query as each side was sent it, legacy first; empty for none to show.
        explained: What explains a differing query, by id; None for not known.
        history: Which verdicts came before it.
        config: The settings file that its commands have to name; "" for the one that they find by themselves.
        reproduction: The smallest form of the worst failing query; None where none was looked for.
    """
    if verdict.not_run:
        sections: tuple[list[str], ...] = (
            opening(verdict, history),
            could_not_run(verdict.not_run),
            _flip(verdict),
            changes(verdict, history),
            reproduce_queries(verdict, queries, requests, reproduction, config),
        )
    else:
        sections = _whole(verdict, queries, requests, explained or {}, history, config, reproduction)
    return "\n\n".join("\n".join(lines) for lines in sections if lines) + "\n"


def _whole(
    verdict: RetrievalVerdict,
    queries: Queries,
    requests: Sequence[SentRequest],
    explained: Mapping[str, Explanation],
    history: VerdictHistory,
    config: str,
    reproduction: QueryReproduction | None,
) -> tuple[list[str], ...]:
    return (
        opening(verdict, history),
        _flip(verdict),
        reasons(verdict),
        confidence(verdict),
        why(verdict),
        findings(verdict),
        changes(verdict, history),
        changed_queries(verdict, queries, explained),
        attribution(verdict),
        bands(verdict),
        counts(verdict),
        relevance(verdict),
        noise(verdict),
        confirmation(verdict),
        power(verdict),
        checks(verdict),
        drift(verdict),
        compared(verdict),
        query_set(verdict),
        reproduce_queries(verdict, queries, requests, reproduction, config),
        approval(verdict),
    )


def _flip(verdict: RetrievalVerdict) -> list[str]:
    return ["## What may be flipped next", "", *(f"- {sentence(advice)}" for advice in retrieval_flip_advice(verdict))]
