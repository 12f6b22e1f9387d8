"""The retrieval report as a document: order, structure, what may be flipped, rank arrows, hostile words."""

import re
from dataclasses import replace
from functools import cache
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.retrieval.attribution import Explanation
from parity_pipeline.core.retrieval.causes import CauseConfidence, RetrievalCauseName
from parity_pipeline.core.retrieval.outcomes import IN_VERDICTS, RetrievalOutcome
from parity_pipeline.core.retrieval.records import Query
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.retrieval.worst_queries import JudgedQuery, ShownResult
from parity_pipeline.report.retrieval import render_retrieval_report
from parity_pipeline.report.retrieval_advice import retrieval_flip_advice
from parity_pipeline.report.retrieval_view import outcome_name
from parity_pipeline.report.sections.retrieval_causes import first_retrieval_cause
from parity_pipeline_tests.report.retrieval_records import REQUESTS, judged, sent
from parity_pipeline_tests.report.retrieval_verdicts import EXPLAINED, failing, passing, unpaired
from parity_pipeline_tests.report.verdicts import HOSTILE

ANY_TEXT = st.text(alphabet=st.characters(exclude_categories=()), max_size=40) | st.sampled_from(HOSTILE)


def _headings(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


def _section(markdown: str, name: str) -> str:
    return markdown.partition(f"## {name}\n")[2].partition("\n## ")[0]


def _tables(markdown: str) -> list[int]:
    """Return how many cells each line of a table has, by the bars that a parser sees."""
    return [line.count("|") for line in markdown.splitlines() if line.startswith("| ")]


def _advice(verdict: RetrievalVerdict) -> str:
    parts = (one if isinstance(one, tuple) else (one,) for one in retrieval_flip_advice(verdict))
    return " ".join("".join(part if isinstance(part, str) else part.text for part in one) for one in parts)


def _report_of(query: JudgedQuery) -> str:
    verdict, _ = passing()
    return render_retrieval_report(replace(verdict, queries=(query,)), {})


def test_the_order_of_a_report() -> None:
    """Judgement comes first and evidence after it: flip, how sure, causes, changed queries, bands, then the wire."""
    verdict, queries = failing()
    headings = _headings(render_retrieval_report(verdict, queries))
    sections = [one for one in headings if not re.match(r"Query \d|\d", one)]
    assert sections[1:] == [
        "What may be flipped next",
        "Reasons, worst first",
        "How sure is this?",
        "Why",
        "Findings",
        "Most changed queries",
        "Embedding or retrieval?",
        "Bands",
        "Counts",
        "Noise of each side",
        "Sent again",
        "What these queries would have caught",
        "Checks",
        "Drift notes",
        "What was compared",
        "Query set",
        "How to reproduce",
        "Approval",
    ]


def test_the_title_and_the_verdict_line() -> None:
    """Who reads five lines has read corpus, decision, strength and power."""
    verdict, queries = passing()
    lines = render_retrieval_report(verdict, queries).splitlines()
    assert lines[0] == "# Retrieve parity of `staff` — 2026-04-30 06:00:12 UTC"
    assert lines[2].startswith("**PASS** — sampled (150 random queries: at most 3.13 % may differ): 198/200 queries")
    assert lines[4] == "2 of 3 simulated faults would have been caught."
    assert render_retrieval_report(replace(verdict, date="2026-04-29"), {}).startswith(
        "# Retrieve parity of `staff` for 2026-04-29 — "
    )


@pytest.mark.parametrize("decision", Decision)
def test_no_verdict_says_anything_about_embeddings(decision: Decision) -> None:
    """Whatever the decision, embedding requests and other corpora are left to their own verdicts."""
    verdict, _ = passing()
    assert "nothing about embeddings" in _advice(replace(verdict, decision=decision))
    assert "Neither verdict follows from the other." in _advice(replace(verdict, decision=decision))


def test_only_a_pass_allows_anything() -> None:
    """FAIL and INCONCLUSIVE begin with the word nothing; a pass names the corpus."""
    verdict, _ = passing()
    assert _advice(verdict).startswith("Retrieval requests that search the corpus staff may be flipped")
    for decision in (Decision.FAIL, Decision.INCONCLUSIVE):
        assert _advice(replace(verdict, decision=decision)).startswith("Nothing.")
        assert "may be flipped, as far" not in _advice(replace(verdict, decision=decision))


def test_waived_differences_are_part_of_the_advice() -> None:
    """A pass with waivers names each waiver and how many queries it took."""
    verdict, _ = passing()
    waived = replace(
        verdict, decision=Decision.PASS_WITH_WAIVERS, counts=replace(verdict.counts, waived={"RET-1": 2, "A": 1})
    )
    assert "Users will meet 3 differences that waivers allow: A (1 query), RET-1 (2 queries)." in _advice(waived)


def test_the_first_cause_is_named_with_its_side() -> None:
    """A reader of the advice of a FAIL knows where to begin, and an unknown cause is never something to fix."""
    verdict, _ = failing()
    assert "The first, dropped corpus, lies on the candidate side." in _advice(verdict)
    unknown = tuple(one for one in verdict.causes if one.name is RetrievalCauseName.UNKNOWN)
    assert "Find out why the queries below differ." in _advice(replace(verdict, causes=unknown))
    assert "Fix the cause below: tie order." in _advice(replace(verdict, causes=verdict.causes[1:]))


def test_a_likely_cause_does_not_deny_its_controls() -> None:
    """A cause may be likely although controls were sent, and its evidence then names them: nothing above says otherwise."""
    verdict, _ = failing()
    likely = replace(verdict.causes[0], confidence=CauseConfidence.LIKELY, evidence=("the same vector gives its list",))
    section = _section(render_retrieval_report(replace(verdict, causes=(likely,)), {}), "Why")
    assert "Likely: it fits what was seen, and no control that was sent proves it." in section
    assert "The same vector gives its list." in section
    assert "o control was sent" not in section


def test_documents_in_place_of_none() -> None:
    """Documents that stand in place of none of the legacy side's are said to be those of the candidate alone."""
    query = judged(1, "", "abc", outcome=RetrievalOutcome.EMPTY_LEGACY, overlap=None, rbo=None)
    assert "- no results on the legacy side: 3 documents of the candidate alone." in _report_of(query)
    assert "1 document of the legacy side missing, 1 other in its place" in _report_of(judged(1, "ab", "ac"))


def test_the_short_form_of_the_causes() -> None:
    """The summary names the first cause, and how many more and how many unknown there are."""
    verdict, _ = failing()
    assert first_retrieval_cause(verdict) == "dropped corpus on the candidate side (proven, 9), 1 more, 4 unknown"
    assert first_retrieval_cause(replace(verdict, causes=verdict.causes[2:])) == "unknown (4)"
    assert first_retrieval_cause(replace(verdict, causes=())) == ""


@settings(deadline=None, max_examples=30)
@given(ANY_TEXT)
def test_no_text_changes_the_structure(text: str) -> None:
    """Whatever queries, documents, servers and settings say, headings and cells are those of plain words."""
    assert _shape(text) == _shape("plain")


@cache
def _shape(text: str) -> tuple[int, list[int]]:
    """Return the number of headings, and the cells of all tables, of a FAIL in which every foreign text is this one."""
    verdict, _ = failing()
    rows = tuple(_spoken(query, text) for query in verdict.queries)
    said: dict[str, Any] = {"label": text, "url": text, "dialect": text, "stopped_early": text, "doubts": (text, text)}
    said |= {"server_headers": {text: text}, "modes": {text: 2}, "errors_by_kind": {text: 2}}
    drift = tuple(replace(row, field=text, legacy=text, candidate=text) for row in verdict.drift)
    spoken = replace(
        verdict,
        corpus=text,
        reasons=(text,),
        findings=(f"{text}!",),
        drift=drift,
        queries=rows,
        checks=tuple(replace(one, seen=text, remedy=text) for one in verdict.checks),
        causes=tuple(replace(one, evidence=(text,), remedy=text or "x") for one in verdict.causes),
        counts=replace(
            verdict.counts, waived={text: 1}, by_category={text: {RetrievalOutcome.MATCH: 1}, f"{text}!": {}}
        ),
        query_set=replace(verdict.query_set, sources=(text,)),
        legacy=replace(verdict.legacy, side=Side.LEGACY, **{**said, "stopped_early": "x", "errors_by_kind": {"x": 1}}),
        candidate=replace(verdict.candidate, **said),
    )
    queries = {query.id: sent(query, text, filter=text, corpora=(text, text)) for query in rows}
    requests = [replace(one, query_id=text, url=text, body=text, header_names=(text,)) for one in REQUESTS]
    report = render_retrieval_report(spoken, queries, requests=requests, explained=EXPLAINED)
    report.encode()
    return len(_headings(report)), _tables(report)


def _spoken(query: JudgedQuery, text: str) -> JudgedQuery:
    shown = tuple(
        ShownResult(one.legacy_id and f"{text}{place}", one.candidate_id and f"{place}{text}", one.legacy_rank)
        for place, one in enumerate(query.shown)
    )
    return replace(query, shown=shown, category=text or "none")


def test_the_rank_arrows() -> None:
    """Same place, up, down, new and gone are distinguished, each beside its document."""
    report = _report_of(judged(0, "abcd", "acbx", outcome=RetrievalOutcome.INVESTIGATE))
    rows = [
        line for line in _section(report, "Most changed queries").splitlines() if "`" in line and line.startswith("| ")
    ]
    assert rows[1:] == [
        "| 1 | `a` |  | `a` | = |",
        "| 2 | `b` |  | `c` | ↑ 1 |",
        "| 3 | `c` |  | `b` | ↓ 1 |",
        "| 4 | `d` | gone | `x` | new |",
    ]


def test_a_document_beyond_the_shown_results_is_not_called_gone() -> None:
    """Where the candidate's list goes on, a document may stand further down, and the report says no more than it knows."""
    legacy = [f"d{number}" for number in range(12)]
    moved = judged(0, legacy, [*legacy[1:], legacy[0]], outcome=RetrievalOutcome.INVESTIGATE, rank_change=11)
    report = _report_of(moved)
    assert "| 1 | `d0` | further down | `d1` | ↑ 1 |" in report
    assert "The first 10 of 12 results." in report
    lost = judged(0, legacy, [*legacy[1:], "x"], outcome=RetrievalOutcome.INVESTIGATE)
    assert "| 1 | `d0` | not in its first 10 | `d1` | ↑ 1 |" in _report_of(lost)


def test_queries_with_equal_lists_are_left_out() -> None:
    """A query whose two lists are the same is counted and not shown."""
    report = _report_of(judged(0, "abc", "abc"))
    assert "Every query that was kept for this report has equal lists." in report
    assert "### Query" not in report


def test_a_query_without_two_lists_has_no_overlap() -> None:
    """A refusal shows no overlap of 0, which would read as a measurement."""
    report = _report_of(judged(0, "", "", outcome=RetrievalOutcome.REFUSED_BY_CANDIDATE, side="candidate", overlap=0.0))
    assert "| 1 | `q0` | 10 | 0 / 0 | refused by candidate | — | — | — |" in report
    assert "### Query" not in report


def test_texts_are_cut_and_unknown_ones_named_by_id() -> None:
    """A long query is shown by its beginning, and one whose text is not known by its id."""
    verdict, _ = passing()
    query = judged(0, "ab", "ba", outcome=RetrievalOutcome.MISMATCH)
    long = {query.id: Query(id=query.id, text="word " * 100, k=10)}
    report = render_retrieval_report(replace(verdict, queries=(query,)), long)
    assert max(map(len, _section(report, "Most changed queries").splitlines())) < 400
    assert "…" in _section(report, "Most changed queries")
    assert "`q0`" in render_retrieval_report(replace(verdict, queries=(query,)), {})


def test_at_most_a_page_of_lists() -> None:
    """A set with many changed queries lists fifty of them and shows the lists of eight."""
    verdict, _ = passing()
    many = tuple(judged(place, "ab", "ba", outcome=RetrievalOutcome.MISMATCH) for place in range(60))
    report = render_retrieval_report(replace(verdict, queries=many), {})
    assert "50 of 200 queries are listed" in report
    assert report.count("### Query") == 8


def test_a_single_category_is_named_once() -> None:
    """Queries of one category need no table, and those without a category name none."""
    verdict, _ = passing()
    for category, words in (
        ("people", "By outcome, all of the category `people`: 2 match."),
        ("", "By outcome: 2 match."),
    ):
        counts = replace(verdict.counts, by_category={category: {RetrievalOutcome.MATCH: 2}})
        assert words in render_retrieval_report(replace(verdict, counts=counts), {})


def test_what_excuses_a_query_stands_beside_its_outcome() -> None:
    """A waived query names its waiver, and one that differed only once says so."""
    mismatch = judged(0, "ab", "ba", outcome=RetrievalOutcome.MISMATCH)
    assert "| mismatch, waived: RET-1 |" in _report_of(replace(mismatch, waiver="RET-1"))
    assert "| mismatch, not when sent again |" in _report_of(replace(mismatch, unconfirmed=True))


def test_every_outcome_and_explanation_has_words() -> None:
    """No spelling of a stored word, such as `empty_candidate`, reaches a reader."""
    assert not any("_" in outcome_name(outcome) for outcome in IN_VERDICTS)
    verdict, _ = passing()
    report = render_retrieval_report(replace(verdict, attribution=dict.fromkeys(Explanation, 1)), {})
    rows = [line for line in _section(report, "Embedding or retrieval?").splitlines() if line.startswith("| ")]
    assert len(rows) == len(Explanation) + 2
    assert not any("_" in row for row in rows)


def test_a_report_without_anything_is_still_one() -> None:
    """Lanes that say nothing and a set without queries give a report without the word None."""
    bare = replace(unpaired(), reasons=("x",), checks=(), set_measures=())
    empty: dict[str, Any] = {
        "label": "",
        "fetched_from": "",
        "fetched_to": "",
        "latency_ms": {},
        "modes": {},
        "url": "",
    }
    bare = replace(bare, legacy=replace(bare.legacy, **empty), candidate=replace(bare.candidate, **empty))
    report = render_retrieval_report(bare, {})
    assert report.splitlines()[0] == "# Retrieve parity of `staff` — 2026-04-30"
    assert "**INCONCLUSIVE** — not enough evidence" in report
    assert "None" not in report
    assert "Nothing was observed." in report


def test_built_in_sources_are_named_with_their_version() -> None:
    """What is stored as `hazards:1` reads as a version and not as a number of queries; a file keeps its name."""
    verdict, queries = failing()
    named = replace(verdict.query_set, sources=("q.jsonl", "hazards:1", "hazards:x"))
    found = _section(render_retrieval_report(replace(verdict, query_set=named), queries), "Query set")
    assert "- Sources: `q.jsonl`, `hazards (version 1)`, `hazards:x`" in found


def test_both_requests_stand_below_their_query() -> None:
    """The report ends with one command per side that sends the named query again."""
    verdict, queries = failing()
    found = _section(render_retrieval_report(verdict, queries, requests=REQUESTS), "How to reproduce")
    assert found.count("curl -sS ") == 2
    assert found.index("as the legacy side") < found.index("/vectors/hybrid") < found.index("as the candidate side")
    assert "Query 4, `who drives a forklift, it's urgent`, as the legacy side was sent it:" in found
