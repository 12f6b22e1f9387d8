"""The section on how to reproduce a query: what is claimed, its commands, and hostile text in it."""

import re
from typing import Any

import pytest

from parity_pipeline.core.outcomes import Side
from parity_pipeline.core.reproduction import ReproductionResult
from parity_pipeline.core.retrieval.outcomes import RetrievalOutcome
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.reproduction import QueryReproduction, QueryTrial, SearchRequest
from parity_pipeline.report.html.evidence import RetrievalPageEvidence
from parity_pipeline.report.html.retrieval_page import render_retrieval_page
from parity_pipeline.report.retrieval import render_retrieval_report
from parity_pipeline.report.sections.retrieval_reproduce import reproduce_queries, smallest_query
from parity_pipeline_tests.report.html_tree import tree_of
from parity_pipeline_tests.report.retrieval_records import REQUESTS
from parity_pipeline_tests.report.retrieval_verdicts import failing
from parity_pipeline_tests.report.small_searches import found_of, search_of
from parity_pipeline_tests.report.verdicts import HOSTILE

TOKEN = "SEARCH_TOKEN"  # noqa: S105 - the name of a variable
CHECK = "retrieve_parity_20260430_staff.py"

URLS = {Side.LEGACY: "http://legacy.test", Side.CANDIDATE: "http://candidate.test"}


def small(trial: QueryTrial | None, **more: Any) -> QueryReproduction:
    """Return what trying to reproduce the worst query of the FAIL came to."""
    beside = tuple(SearchRequest(url="u", body="{}") for _ in trial.beside) if trial else ()
    sent = [
        search_of(side, url, trial.text, token_variable=TOKEN, header_names=("x-tenant",), beside=beside)
        for side, url in URLS.items()
        if trial
    ]
    return found_of(failing()[0].queries[0].id, trial, sent, **more)


def section_of(found: QueryReproduction | None) -> str:
    """Return the section of the FAIL's report, as Markdown."""
    verdict, queries = failing()
    return "\n".join(reproduce_queries(verdict, queries, (), found, ""))


def test_a_reproduced_query_comes_with_its_figures() -> None:
    """Text, results, concurrency, requests spent, both commands and the link to the check."""
    others = tuple(Query(id=name, text=name, k=5) for name in "ab")
    verdict, queries = failing()
    text = render_retrieval_report(verdict, queries, reproduction=small(QueryTrial(text="x", beside=others)))
    section = text[text.index("## How to reproduce") : text.index("## Approval")]
    assert "still fails as `x`, 1 of its 1,234 characters, for 5 results at concurrency 3." in section
    assert "1 request to the legacy side and 12 to the candidate were sent to find that." in section
    assert section.count("curl -sS") == 2
    assert f'-H "authorization: Bearer ${TOKEN}"' in section
    assert "add the headers of the settings: x-tenant" in section
    assert "while 2 other requests of the Python check are in flight" in section
    assert "a smaller form may fail too" not in section
    assert "each time" not in section
    assert re.findall(r"\]\((reproduce/[^)]+)\)", section) == [f"reproduce/{CHECK}"]
    assert "parity run --probe retrieve --date 2026-04-30 --corpus staff" in section


def test_a_page_has_what_the_report_has() -> None:
    """Sentence, both commands and the link to the check, above the commands of the whole probe."""
    verdict, queries = failing()
    evidence = RetrievalPageEvidence(reproduction=small(QueryTrial(text="x")))
    page = render_retrieval_page(verdict, queries, evidence)
    section = tree_of(page).sections["reproduce"]
    for words in ("still fails as x", "curl -sS http://legacy.test/search", "curl -sS http://candidate.test/search"):
        assert words in section
    assert f'<a href="../reproduce/{CHECK}">' in page
    assert section.index("The whole probe") > section.index("curl")
    assert "curl" not in tree_of(render_retrieval_page(verdict, queries, RetrievalPageEvidence())).sections["reproduce"]


def test_a_query_that_is_worth_a_look_is_not_said_to_fail() -> None:
    """The set fails by such queries together, and none of them by itself."""
    said = section_of(small(QueryTrial(text="x"), outcome=RetrievalOutcome.INVESTIGATE))
    assert "(investigate), still differs as `x`" in said
    assert "still fails" not in said


def test_a_search_that_was_cut_short_says_so() -> None:
    """A reader does not take the form for the smallest of all, and learns why it had to fail twice."""
    said = section_of(small(QueryTrial(text="x"), complete=False, times=2))
    assert "each time of 2, for a side's own lists differ from time to time" in said
    assert "The search ended there; a smaller form may fail too." in said


@pytest.mark.parametrize(
    ("result", "words"),
    [
        (ReproductionResult.NOT_ANY_MORE, "does not reproduce any more"),
        (ReproductionResult.NO_RESPONSE, "could not be reproduced: a side gave no definite response"),
    ],
)
def test_what_was_not_reproduced_has_the_whole_query(result: ReproductionResult, words: str) -> None:
    """Nothing is claimed that nobody saw, no check is linked, and the query as it was sent stands there."""
    verdict, queries = failing()
    section = "\n".join(reproduce_queries(verdict, queries, REQUESTS, small(None, result=result), ""))
    assert words in section
    assert section.count("curl") == 2
    assert "was sent it:" in section
    assert "reproduce/" not in section
    assert section.count("The whole probe") == 1


def test_without_a_search_the_section_is_what_it_was() -> None:
    """A PASS has the commands of the whole probe alone."""
    section = section_of(None)
    assert "curl" not in section
    assert "The whole probe" not in section


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_starts_nothing(text: str) -> None:
    """In Markdown it is one line of code, and a command that can be typed; in the page it is escaped."""
    verdict, queries = failing()
    found = small(QueryTrial(text=text))
    section = section_of(found)
    assert section.encode()
    assert all(one.isprintable() or one == "\n" for one in section)
    page = render_retrieval_page(verdict, queries, RetrievalPageEvidence(reproduction=found))
    tree = tree_of(page)
    assert page.encode()
    assert tree.unbalanced == []
    assert not tree.names() & {"script", "img"}
    assert "curl -sS http://candidate.test/search" in page


def test_a_long_text_is_cut_in_the_sentence_and_whole_in_the_command() -> None:
    """A page of text does not fill the sentence, and the command still sends all of it."""
    verdict, queries = failing()
    lines = smallest_query(verdict, queries, small(QueryTrial(text="long " * 400)))
    assert len(lines[0]) < 600
    assert "2,000 of its" in lines[0]
    assert "long " * 399 in "\n".join(lines)
