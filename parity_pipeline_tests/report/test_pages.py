"""Pages of verdicts: the same facts as the Markdown, what is absent said so, and nothing that breaks out."""

import base64
import hashlib
import re
import subprocess
import sys
from dataclasses import replace

import pytest

from parity_pipeline.core.outcomes import PASSING, Decision, Outcome, Side
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER, Verdict
from parity_pipeline.core.verdict_history import VerdictHistory
from parity_pipeline.report.advice import fetch_again, flip_advice, run_again
from parity_pipeline.report.escape import Verbatim
from parity_pipeline.report.html.embed_page import render_page
from parity_pipeline.report.html.evidence import EmbedEvidence, RetrievalPageEvidence
from parity_pipeline.report.html.index_safety import COSINE, Safety, index_safety
from parity_pipeline.report.html.markdown_html import section_body
from parity_pipeline.report.html.repeatability import heat_rows
from parity_pipeline.report.html.retrieval_page import render_retrieval_page
from parity_pipeline.report.html.sample_cards import cards
from parity_pipeline.report.html.verdict_tables import waivers_used
from parity_pipeline.report.sections.headline import checks as checks_section
from parity_pipeline.report.sections.headline import could_not_run
from parity_pipeline.report.sections.plain_words import in_plain_words
from parity_pipeline_tests.browser.pages import HOSTILE, evidence_of, hostile
from parity_pipeline_tests.report import retrieval_records, retrieval_verdicts
from parity_pipeline_tests.report.html_tree import Tree, tree_of
from parity_pipeline_tests.report.measured import measured_pass, two_causes, waived_pass
from parity_pipeline_tests.report.past import loosened_pass, not_run, recorded
from parity_pipeline_tests.report.verdicts import SEED, mixed, unpaired, verdict_of, with_side

VERDICTS = {
    "pass": measured_pass,
    "waived": waived_pass,
    "fail": two_causes,
    "mixed": mixed,
    "inconclusive": unpaired,
    "hostile": hostile,
}


def tree(verdict: Verdict, evidence: EmbedEvidence | None = None) -> Tree:
    """Return the page of a verdict as a parser sees it."""
    return tree_of(render_page(verdict, evidence or EmbedEvidence()))


@pytest.mark.parametrize("name", VERDICTS)
def test_a_page_is_well_formed_and_loads_nothing(name: str) -> None:
    """Elements are balanced, ids are unique, and there is no script, no address but links to the other reports."""
    found = tree(VERDICTS[name](), evidence_of(VERDICTS[name](), HOSTILE))
    assert found.unbalanced == []
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert not found.names() & {"script", "img", "iframe", "object", "embed", "form", "base", "input"}
    assert not any(attribute.startswith("on") or attribute == "style" for _, one in found.elements for attribute in one)
    hrefs = set(found.values("href")) - {"data:,"}
    assert all(re.match(r"#[a-z]|index\.html$|\.\./embed_parity_[\w%.~-]+\.md$", href) for href in hrefs)
    assert not found.values("src")
    anchors = {href[1:] for href in hrefs if href.startswith("#")}
    assert anchors <= set(ids)


def test_the_content_policy_allows_the_stylesheet_alone() -> None:
    """The policy names the hash of the stylesheet in the page, and nothing may be fetched or run."""
    page = render_page(measured_pass(), EmbedEvidence())
    style = re.findall(r"<style>(.*?)</style>", page, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(style[0].encode()).digest()).decode()
    policy = next(one["content"] for _, one in tree_of(page).elements if "http-equiv" in one)
    assert (
        policy == f"default-src 'none'; style-src 'sha256-{digest}'; img-src data:; base-uri 'none'; form-action 'none'"
    )
    assert len(style) == 1
    assert not re.search(r"url\(|@import|https?:", style[0])


@pytest.mark.parametrize("name", VERDICTS)
def test_the_page_says_what_the_verdict_says(name: str) -> None:
    """Decision, reasons, advice and the command to repeat it are those of the record, word by word."""
    verdict = VERDICTS[name]()
    found = tree(verdict)
    assert str(verdict.decision) in found.text
    words = [part.text if isinstance(part, Verbatim) else part for one in flip_advice(verdict) for part in one]
    assert all(word.strip() in found.sections["flip"] for word in words if word.isascii() and word.isprintable())
    if verdict.decision not in PASSING:
        assert all(one in found.sections["reasons"] for one in verdict.reasons if one.isascii() and one.isprintable())
    if name != "hostile":
        assert run_again(verdict) in found.sections["reproduce"]


def test_hostile_texts_stay_texts() -> None:
    """What would close an element, be evaluated or turn a line around is shown, with code points, in every place."""
    page = render_page(hostile(), evidence_of(hostile(), HOSTILE))
    found = tree_of(page)
    assert found.unbalanced == []
    assert "window.broken=1" in found.text
    assert "{{7*7}}" in found.text
    assert not set("\u202e\u202c\u2066\u2069\u200b\ufeff\x00\x1b\ud800") & set(page)
    assert [name for name, _ in found.elements].count("h1") == 1
    assert len(page) < 300_000, "a text of 100 kB is cut"


def test_hostile_queries_stay_texts() -> None:
    """The page of a corpus is as safe: texts, ids of documents, filters, commands."""
    verdict, queries = retrieval_verdicts.failing()
    verdict = replace(verdict, corpus=HOSTILE[0] + HOSTILE[4])
    page = render_retrieval_page(verdict, queries, RetrievalPageEvidence(), requests=retrieval_records.REQUESTS)
    found = tree_of(page)
    assert found.unbalanced == []
    assert not found.names() & {"script", "img"}
    assert not set("\u202e\u2066\u200b\x00\x1b") & set(page)
    ids = found.values("id")
    assert len(ids) == len(set(ids))
    assert "gone" in found.sections["queries"]
    assert "curl" in found.sections["reproduce"]


def test_what_was_not_measured_is_said() -> None:
    """Nothing absent is drawn as an empty chart or printed as 0."""
    found = tree(unpaired())
    assert "svg" in found.names(), "the sign of the verdict"
    assert "chart" not in found.values("class")
    assert "No cosine was measured" in found.sections["cosine"]
    assert "No norm was measured" in found.sections["norms"]
    assert "Not measured" in found.sections["repeatability"]
    assert "Not measured" in found.sections["contract"]
    missing = tree(measured_pass(), EmbedEvidence(absent=("Distributions are not shown, as it is damaged.",)))
    assert "Distributions are not shown, as it is damaged." in missing.text
    assert "not stored" in missing.sections["cosine"]


def test_a_date_that_could_not_be_run_says_why() -> None:
    """Of a run that failed the page has the reason and the remedy, and no section on what was not measured."""
    failure = RunFailure(
        step="candidate/embeddings", problem="it refuses <b>all</b>", place=HOSTILE[1], remedy="Start it."
    )
    found = tree(replace(unpaired(), not_run=failure))
    assert list(found.sections) == ["failure", "flip", "reproduce"]
    for words in ("candidate/embeddings", "It refuses <b>all</b>.", "Start it."):
        assert words in found.sections["failure"]
    assert not found.names() & {"img", "b"}
    verdict = replace(retrieval_verdicts.unpaired(), not_run=failure)
    queried = tree_of(render_retrieval_page(verdict, {}, RetrievalPageEvidence()))
    assert list(queried.sections) == ["failure", "flip", "reproduce"]
    history = VerdictHistory(superseded=recorded(measured_pass()))
    whole = tree_of(render_page(not_run(), EmbedEvidence(), history))
    assert list(whole.sections) == ["failure", "flip", "changes", "reproduce"]
    assert "UnusableSideError" in whole.sections["failure"]
    assert "which was PASS (" in whole.sections["changes"]
    assert "Start it." in queried.sections["failure"]


def test_a_command_in_a_remedy_is_code() -> None:
    """Backticks around a command are never shown as such, on the page and in the Markdown; single ones stay what they are."""
    verdict = not_run()
    assert verdict.not_run is not None
    for remedy, expected in (
        ("Run `parity | doctor`.", "Run parity | doctor."),
        ("Mind the ` in it.", "Mind the ` in it."),
    ):
        failure = replace(verdict.not_run, remedy=remedy)
        checks = tuple(replace(one, remedy=remedy) for one in verdict.checks)
        found = replace(verdict, not_run=failure, checks=checks)
        page = render_page(found, EmbedEvidence())
        assert expected in tree_of(page).sections["failure"]
        assert ("<code>parity | doctor</code>" in page) is (remedy.count("`") == 2)
        rows = [*could_not_run(failure), *checks_section(found)]
        assert sum("<code>parity &#124; doctor</code>" in row for row in rows) == (2 if remedy.count("`") == 2 else 0)


def test_each_command_has_a_line_of_its_own() -> None:
    """Commands are copied line by line, each with the settings file that it needs."""
    verdict = measured_pass()
    found = tree_of(render_page(verdict, EmbedEvidence(), config="my settings.yaml"))
    lines = found.sections["reproduce"].strip().splitlines()[1:]
    assert lines == [f"{one} --config 'my settings.yaml'" for one in (run_again(verdict), fetch_again(verdict))]
    queried, _ = retrieval_verdicts.failing()
    page = render_retrieval_page(queried, {}, RetrievalPageEvidence(), config="other.yaml")
    assert tree_of(page).sections["reproduce"].count("--config other.yaml\n") == 2


def test_a_loosened_limit_stands_in_the_verdict() -> None:
    """Where a rule is looser than its default, the page says so beside the decision, with the verdict before; else nothing."""
    before = VerdictHistory(superseded=recorded(mixed()))
    page = render_page(loosened_pass(), EmbedEvidence(), before)
    box = page[: page.index('<section id="flip"')]
    assert "<strong>Looser than the default</strong>: cosine ≥ 0.9500 in place of ≥ 0.9990" in box
    assert "The verdict before, recorded 2026-04-30 05:00:00 UTC, was FAIL" in box
    assert "Looser" not in render_page(measured_pass(), EmbedEvidence())


def test_what_a_verdict_means_is_said_in_plain_words() -> None:
    """The sentence for whoever decides is that of the Markdown, of both probes."""
    queried, _ = retrieval_verdicts.failing()
    for page, verdict in (
        (render_page(two_causes(), EmbedEvidence()), two_causes()),
        (render_retrieval_page(queried, {}, RetrievalPageEvidence()), queried),
    ):
        assert in_plain_words(verdict) in tree_of(page).text


def test_what_changed_is_shown_with_a_history_alone() -> None:
    """The verdict that is superseded and each change are on the page; a first verdict has no such section."""
    hostile_past = VerdictHistory(superseded=recorded(replace(hostile(), date=mixed().date, model=mixed().model)))
    found = tree_of(render_page(mixed(), EmbedEvidence(), hostile_past))
    assert "This verdict supersedes the one recorded" in found.sections["changes"]
    assert "candidate label" in found.sections["changes"]
    assert not found.names() & {"script", "img"}
    assert "changes" not in tree(mixed()).sections
    queried, _ = retrieval_verdicts.failing()
    past = VerdictHistory(earlier_date=recorded(replace(retrieval_verdicts.passing()[0], date="2026-04-01")))
    page = render_retrieval_page(queried, {}, RetrievalPageEvidence(), history=past)
    assert "The verdict on the date before, 2026-04-01" in tree_of(page).sections["changes"]
    assert "changes" not in tree_of(render_retrieval_page(queried, {}, RetrievalPageEvidence())).sections


def test_an_approver_signs_a_verdict_and_not_a_failed_run() -> None:
    """Every judged date has the block to sign, which is printed with a pass; a date that could not be run has none."""
    for verdict, printed in ((two_causes(), False), (waived_pass(), True)):
        page = render_page(verdict, EmbedEvidence())
        words = f"On the verdict {verdict.decision} for nomic-embed-text-v2-moe on 2026-04-30."
        assert words in tree_of(page).sections["approval"]
        assert ('<section id="approval" aria-labelledby="approval-title">' in page) is printed
    queried, _ = retrieval_verdicts.failing()
    assert "approval" in tree_of(render_retrieval_page(queried, {}, RetrievalPageEvidence())).sections
    assert "approval" not in tree(not_run()).sections


def test_equal_norms_are_said_and_not_drawn() -> None:
    """Unit vectors of both sides are one value, which is a sentence and no distribution."""
    verdict = measured_pass()
    found = tree(verdict, evidence_of(verdict))
    assert "one value, so there is no distribution to draw" in found.sections["norms"]
    assert "L2 norm" in tree(mixed(), evidence_of(mixed())).sections["norms"]


@pytest.mark.parametrize("name", VERDICTS)
def test_the_index_table_never_allows_more_than_the_advice(name: str) -> None:
    """Only a pass makes an index safe, and where norms differ only one that ranks by cosine."""
    verdict = VERDICTS[name]()
    rows = {row.metric: row for row in index_safety(verdict)}
    assert list(rows) == [COSINE, "dot product", "euclidean distance"]
    if verdict.decision not in PASSING:
        expected = Safety.UNSAFE if verdict.decision is Decision.FAIL else Safety.UNKNOWN
        assert {cell for row in rows.values() for cell in (row.mixed, row.again)} == {expected}
        return
    best = Safety.WITH_WAIVERS if verdict.decision is Decision.PASS_WITH_WAIVERS else Safety.SAFE
    assert {rows[COSINE].mixed, *(row.again for row in rows.values())} == {best}
    by_length = {rows[metric].mixed for metric in ("dot product", "euclidean distance")}
    assert by_length == {Safety.UNSAFE if verdict.norms_differ else best}


def test_the_index_table_leaves_out_what_the_advice_does() -> None:
    """Samples that are waived, within noise or differed once are excepted in the same words, and nothing is without them."""
    verdict = measured_pass()
    assert verdict.counts.apart is not None
    assert all(row.why.endswith("agree on every compared sample.") for row in index_safety(verdict))
    apart = replace(verdict.counts.apart, waived=1, within_noise=1, unconfirmed=1)
    excused = replace(verdict, counts=replace(verdict.counts, apart=apart))
    but = "but the waived ones, those that the legacy side's own noise explains and those that differed once"
    assert all(but in row.why for row in index_safety(excused))
    assert but in " ".join(map(str, flip_advice(excused)))
    assert {row.mixed for row in index_safety(excused)} == {Safety.WITH_WAIVERS}
    assert "safe but for what is waived" in tree(excused).sections["flip"]


def test_norms_that_differ_make_mixed_indexes_unsafe() -> None:
    """Raw against unit vectors: cosine is safe, dot product and euclidean distance only after embedding again."""
    rows = index_safety(verdict_of(SEED))
    assert [(row.mixed, row.again) for row in rows] == [
        (Safety.SAFE, Safety.SAFE),
        (Safety.UNSAFE, Safety.SAFE),
        (Safety.UNSAFE, Safety.SAFE),
    ]


def test_worst_samples_come_first() -> None:
    """Differences that nothing excuses come before the excused ones and matches; the smallest cosine first."""
    found = cards(two_causes(), {})
    states = [card.state for card in found]
    assert states == sorted(states, key=["beyond", "lost", "excused", "within"].index)
    cosines = [card.cosine for card in found if card.state == "beyond"]
    assert cosines == sorted(cosines)
    assert found[0].state == "beyond"
    assert cards(mixed(), {})[0].outcome == "dimension mismatch"


def test_a_sample_that_proves_nothing_is_not_shown_as_a_difference() -> None:
    """NaN on both sides comes behind what differs and is not marked red; on one side it differs."""
    verdict = two_causes()
    odd = [replace(verdict.rows[0], outcome=Outcome.NON_FINITE, side=side, cosine=None) for side in ("both", "legacy")]
    states = [card.state for card in cards(replace(verdict, rows=tuple(odd)), {})]
    assert states == ["beyond", "lost"]


def test_the_heat_map_shows_the_worst_part_of_each_experiment() -> None:
    """A part below the threshold is marked so, one that is equal is called identical, and a fault is named."""
    rows = {row.name: row for row in heat_rows(two_causes())}
    assert [cell.level for cell in rows["batch-sizes"].candidate] == ["large"]
    assert [cell.level for cell in rows["batch-sizes"].legacy] == ["rounding"]
    assert [cell.level for cell in rows["concurrency"].candidate] == ["large", "broken"]
    assert [cell.value for cell in rows["repeats"].legacy] == ["identical"]
    assert (
        heat_rows(with_side(with_side(two_causes(), Side.LEGACY, stability=None), Side.CANDIDATE, stability=None)) == []
    )


def test_waivers_are_named_with_what_they_took() -> None:
    """Each waiver in use has a row, and the words of the verdict on waivers stand below."""
    found = waivers_used(waived_pass())
    assert [(row.name, row.taken) for row in found.rows] == [
        ("EMB-17 | half precision", "2 samples"),
        ("EMB-18", "1 sample"),
    ]
    assert any("EMB-19" in one for one in found.findings)
    assert "No waiver was used." in tree(measured_pass()).sections["waivers"]


def test_markdown_keeps_no_markup_but_code() -> None:
    """Of HTML in a section nothing is taken over but the code element that the report itself writes."""
    body = section_body(
        ["## Title", "", "a <b onclick=x>b</b> <code>c</code> <code x> [d](http://e) <script>", ""], "x"
    )
    assert tree_of(body).names() == {"p", "code"}
    table = section_body(["| A | B |", "|---|---:|", "| `1` | <img src=x> |"], 'cap"tion')
    assert tree_of(table).values("aria-label") == ['cap"tion']
    assert "img" not in tree_of(table).names()
    assert [one.get("class") for name, one in tree_of(table).elements if name == "td"] == [None, "number"]


def test_a_verdict_through_the_adapter_says_so() -> None:
    """The page of a candidate behind the adapter names that first, and links to its own Markdown."""
    found = tree(replace(measured_pass(), endpoint=EMBED_THROUGH_ADAPTER))
    assert "through the adapter" in found.text
    assert any(href.startswith("../embed-through-adapter_parity_") for href in found.values("href"))


def test_the_same_verdict_gives_the_same_bytes() -> None:
    """Nothing in a page depends on the time, a random id or the order of a set."""
    assert render_page(two_causes(), evidence_of(two_causes())) == render_page(two_causes(), evidence_of(two_causes()))


def test_only_a_page_loads_the_tools_of_pages() -> None:
    """Importing the steps loads neither the template engine nor the plots nor the Markdown parser."""
    code = (
        "import sys, parity_pipeline.steps.write_reports\n"
        "print(sorted({'jinja2', 'pygal', 'markdown_it'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
