"""The section on how to reproduce: the smallest form of the worst failing sample, and the commands for the whole probe.

Here belong the sentences, for the Markdown report and its page. How a request is written as a command belongs to `shell`,
the Python check to `reproduce_check`.
"""

from typing import Final, Protocol
from urllib.parse import quote

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import Reproduction, ReproductionResult
from parity_pipeline.core.slugs import check_name
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report import numbers
from parity_pipeline.report.advice import fetch_again, run_again
from parity_pipeline.report.escape import code, fenced, prose
from parity_pipeline.report.shell import SentRequest, curl_lines, with_config
from parity_pipeline.report.view import names_of, words_of

SHOWN: Final = 200
"""Characters of the smallest text that a sentence shows; the commands hold all of it."""

CHECK_FOLDER: Final = "reproduce"
"""Folder of the checks, beside the reports."""

_CHECK: Final = (
    "sends both requests and compares the vectors with nothing but Python. It exits with 0 where they are equal within "
    "the limits, with 1 where they differ, and with 2 where that could not be found out."
)


def reproduce(verdict: Verdict, reproduction: Reproduction | None, config: str) -> list[str]:
    """Return the section of the Markdown report, with its heading."""
    lines = ["## How to reproduce", ""]
    if reproduction:
        lines += smallest_form(verdict, reproduction)
        if reproduction.requests:
            lines += ["", linked_check(check_name(verdict.date, verdict.model, verdict.endpoint), _CHECK)]
        lines += ["", "The whole probe of this date and model:", ""]
    commands = tuple(with_config(one, config) for one in (run_again(verdict), fetch_again(verdict)))
    return [*lines, fenced(commands, "sh"), "", f"Judged by parity_pipeline {prose(verdict.package_version)}."]


def smallest_form(verdict: Verdict, found: Reproduction) -> list[str]:
    """Return what trying to reproduce the worst failing sample came to, and the commands that show it again."""
    lines = [_sentence(verdict, found)]
    for request in found.requests:
        sent = SentRequest(
            side=request.side,
            query_id=found.sample,
            url=request.url,
            body=request.body,
            token_variable=request.token_variable,
            header_names=request.header_names,
        )
        lines += ["", sent_words(request.side, len(request.beside)), ""]
        lines += [fenced(curl_lines(sent), "sh", indented=True)]
    return lines


def linked_check(name: str, words: str) -> str:
    """Return a sentence that begins with a link from a report to its check, as Markdown."""
    return f"[{prose(name)}]({CHECK_FOLDER}/{quote(name)}) {words}"


def check_words() -> str:
    """Return what the Python check does, as the end of a sentence that begins with its name."""
    return _CHECK


class Spent(Protocol):
    """What a search for the smallest form took."""

    @property
    def legacy_requests(self) -> int:
        """Return the requests that were sent to the legacy side."""
        ...

    @property
    def candidate_requests(self) -> int:
        """Return those to the candidate."""
        ...


def spent_words(found: Spent) -> str:
    """Return how many requests a search took, as a sentence."""
    return (
        f"{numbers.things(found.legacy_requests, 'request')} to the legacy side and "
        f"{numbers.count(found.candidate_requests)} to the candidate were sent to find that."
    )


def sent_words(side: Side, others: int) -> str:
    """Return the line above a command, which says how many other requests the check has in flight with it."""
    are = "is" if others == 1 else "are"
    beside = f", while {numbers.things(others, 'other request')} of the Python check {are} in flight" if others else ""
    return f"As the {side} side is sent it{beside}:"


def _sentence(verdict: Verdict, found: Reproduction) -> str:
    name = names_of(verdict).get(found.sample) or code(found.sample)
    sample = f"Sample {name} ({words_of(found.outcome)})"
    spent = spent_words(found)
    if found.result is ReproductionResult.NOT_ANY_MORE:
        tried = "alone, in its batch and with as many requests in flight"
        return f"{sample} does not reproduce any more: sent again {tried}, it did not fail as before. {spent}"
    if (trial := found.smallest) is None:
        why = "a side gave no definite response, or the requests were used up first"
        return f"{sample} could not be reproduced: {why}. {spent}"
    text = code(trial.text[:SHOWN], cut=len(trial.text) > SHOWN)
    more = "" if found.complete else " The search ended there; a smaller form may fail too."
    return (
        f"{sample} still fails as {text}, {numbers.count(len(trial.text))} of its "
        f"{numbers.things(found.characters, 'character')}, in a batch of {numbers.things(len(trial.batch), 'text')} at "
        f"concurrency {numbers.count(trial.concurrency)}. {spent}{more}"
    )
