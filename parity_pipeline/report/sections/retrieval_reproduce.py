"""The section on how to reproduce of a retrieval report: the smallest form of the worst query, or the query as it was sent.

Here belong the sentences, for the Markdown report and its page. What the reports of all probes say alike belongs to `reproduce`,
how a request is written as a command to `report.shell`, the Python check to `report.reproduce_query_check`.
"""

from collections.abc import Sequence
from typing import Final

from parity_pipeline.core.reproduction import ReproductionResult
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.reproduction import QueryReproduction
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.slugs import check_name
from parity_pipeline.report import numbers
from parity_pipeline.report.escape import code, fenced, prose
from parity_pipeline.report.retrieval_advice import retrieval_backfill_command, retrieval_run_command
from parity_pipeline.report.retrieval_view import Queries, outcome_name, position, text_of
from parity_pipeline.report.sections.reproduce import SHOWN, linked_check, sent_words, spent_words
from parity_pipeline.report.shell import SentRequest, curl_lines, with_config

QUERY_CHECK: Final = (
    "sends both requests and compares the lists with nothing but Python. It prints which documents differ, and exits with 0 "
    "where nothing differs beyond the limits, with 1 where the lists differ, and with 2 where that could not be found out."
)
"""What the Python check does, as the end of a sentence that begins with its name."""


def reproduce_queries(
    verdict: RetrievalVerdict,
    queries: Queries,
    requests: Sequence[SentRequest],
    found: QueryReproduction | None,
    config: str,
) -> list[str]:
    """Return the section of the Markdown report, with its heading."""
    lines = ["## How to reproduce", ""]
    if found:
        lines += [*smallest_query(verdict, queries, found), ""]
        if found.requests:
            lines += [linked_check(check_name(verdict.date, verdict.corpus, verdict.endpoint), QUERY_CHECK), ""]
    for request in requests:
        lines += [f"{query_words(verdict, queries, request.query_id)}, as the {request.side} side was sent it:", ""]
        lines += [fenced(curl_lines(request), "sh", indented=True), ""]
    if requests or found:
        lines += ["The whole probe of this date and corpus:", ""]
    commands = (
        with_config(retrieval_run_command(verdict.date, verdict.corpus), config),
        with_config(retrieval_backfill_command(verdict.date, verdict.corpus), config),
    )
    return [*lines, fenced(commands, "sh"), "", f"Judged by parity_pipeline {prose(verdict.package_version)}."]


def query_words(verdict: RetrievalVerdict, queries: Queries, query_id: str) -> str:
    """Return how a sentence about one query begins, as Markdown."""
    found = next((query for query in verdict.queries if query.id == query_id), None)
    return f"Query {position(found)}, {text_of(found, queries)}" if found else f"Query {code(query_id)}"


def smallest_query(verdict: RetrievalVerdict, queries: Queries, found: QueryReproduction) -> list[str]:
    """Return what trying to reproduce the worst failing query came to, and the commands that show it again."""
    lines = [_sentence(f"{query_words(verdict, queries, found.query)} ({outcome_name(found.outcome)}),", found)]
    for one in found.requests:
        sent = SentRequest(
            side=one.side,
            query_id=found.query,
            url=one.request.url,
            body=one.request.body,
            token_variable=one.token_variable,
            header_names=one.header_names,
        )
        lines += ["", sent_words(one.side, len(one.beside)), "", fenced(curl_lines(sent), "sh", indented=True)]
    return lines


def _sentence(query: str, found: QueryReproduction) -> str:
    spent = spent_words(found)
    if found.result is ReproductionResult.NOT_ANY_MORE:
        tried = "alone and with as many requests in flight"
        return f"{query} does not reproduce any more: sent again {tried}, it did not fail as before. {spent}"
    if (trial := found.smallest) is None:
        why = "a side gave no definite response, or the requests were used up first"
        return f"{query} could not be reproduced: {why}. {spent}"
    text = code(trial.text[:SHOWN], cut=len(trial.text) > SHOWN)
    twice = "" if found.times == 1 else f", each time of {found.times}, for a side's own lists differ from time to time"
    more = "" if found.complete else " The search ended there; a smaller form may fail too."
    fails = "differs" if found.outcome is RetrievalOutcome.INVESTIGATE else "fails"
    return (
        f"{query} still {fails} as {text}, {numbers.count(len(trial.text))} of its "
        f"{numbers.things(found.characters, 'character')}, for {numbers.things(found.k, 'result')} at "
        f"concurrency {numbers.count(trial.concurrency)}{twice}. {spent}{more}"
    )
