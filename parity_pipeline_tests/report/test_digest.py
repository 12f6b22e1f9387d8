"""A verdict in few lines: what the UI shows in place, the verdict first, nothing that breaks out of it."""

from dataclasses import replace
from pathlib import Path

import pytest
from markdown_it import MarkdownIt

from parity_pipeline.core.outcomes import Decision, Outcome
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.report.digest import INLINE, WORST, causes, digest, marked, worst_queries, worst_samples
from parity_pipeline.report.links import Links
from parity_pipeline_tests.report.measured import measured_pass, two_causes, waived_pass
from parity_pipeline_tests.report.retrieval_verdicts import failing, passing
from parity_pipeline_tests.report.retrieval_verdicts import unpaired as unpaired_lists
from parity_pipeline_tests.report.verdicts import mixed, unpaired

ALL: tuple[Verdict | RetrievalVerdict, ...] = (
    mixed(),
    unpaired(),
    measured_pass(),
    waived_pass(),
    two_causes(),
    failing()[0],
    passing()[0],
    unpaired_lists(),
)
HOSTILE = "<script>x</script>|`a`\n```\n# b [c](javascript:d) ![e](f)" * 20


def of_each(verdict: Verdict | RetrievalVerdict) -> str:
    """Return the table of the worst inputs of a verdict of either probe."""
    return worst_queries(verdict, {}) if isinstance(verdict, RetrievalVerdict) else worst_samples(verdict)


@pytest.mark.parametrize("verdict", ALL, ids=lambda one: f"{one.endpoint} {one.decision}")
def test_the_ui_shows_it_in_place_and_the_verdict_first(verdict: Verdict | RetrievalVerdict) -> None:
    """Both parts are short enough for the page of an asset; the first line is the decision, date and subject."""
    text = digest(verdict)
    assert len(text) < INLINE
    first = text.splitlines()[1]
    assert f"{marked(verdict.decision)} · {verdict.date}, {verdict.endpoint} " in first
    assert "**May be flipped**: " in text
    assert len(of_each(verdict)) < INLINE
    assert len(of_each(verdict).splitlines()) <= WORST + 2


@pytest.mark.parametrize(
    ("decision", "sign"),
    [(Decision.FAIL, "- "), (Decision.PASS, "+ "), (Decision.PASS_WITH_WAIVERS, "+ "), (Decision.INCONCLUSIVE, "@@ ")],
)
def test_each_decision_has_its_colour(decision: Decision, sign: str) -> None:
    """The first line is one of a difference, which the UI shows in red or green."""
    lines = digest(replace(mixed(), decision=decision)).splitlines()
    assert lines[0] == "```diff"
    assert lines[1].startswith(sign)


def test_hostile_names_stay_text() -> None:
    """A model's name, a reason and a sample's text start no element, link or block, and do not make it longer."""
    verdict = two_causes()
    rows = tuple(replace(row, head=HOSTILE[:40]) for row in verdict.rows)
    hostile = replace(verdict, model=HOSTILE, reasons=(HOSTILE,) * 5, rows=rows)
    for text in (digest(hostile), worst_samples(hostile)):
        assert len(text) < INLINE
        tokens = MarkdownIt("commonmark").enable("table").parse(text)
        inside = [child.type for token in tokens for child in token.children or ()]
        assert not {"html_inline", "link_open", "image"} & set(inside)
        assert not {"html_block", "heading_open"} & {token.type for token in tokens}


def test_the_worst_come_first() -> None:
    """What differs stands before what is excused, that before what both refuse; of one kind the smallest cosine first."""
    verdict = mixed()
    lines = worst_samples(verdict).splitlines()[2:]
    different = sorted(row.cosine for row in verdict.rows if row.outcome is Outcome.MISMATCH and row.cosine is not None)
    shown = [float(line.split(" | ")[-2]) for line in lines if line.endswith("| mismatch |")]
    assert shown == pytest.approx(different[: len(shown)], abs=1e-6)
    assert not [line for line in lines if "refused by both" in line]
    assert worst_samples(unpaired()) == ""


def test_queries_have_their_texts() -> None:
    """A query is shown by its text where that is known, and by its id where it is not."""
    verdict, queries = failing()
    texts = worst_queries(verdict, queries)
    assert texts != worst_queries(verdict, {})
    assert "refused by both" not in texts.splitlines()[2]


def test_causes_are_few_and_the_rest_is_counted() -> None:
    """Three causes are named, the others and what stays unknown are counted; of either probe."""
    verdict = two_causes()
    assert verdict.diagnosis is not None
    assert len(causes(verdict)) == 3
    assert causes(verdict)[-1].startswith("unknown (")
    many = replace(verdict, diagnosis=replace(verdict.diagnosis, causes=verdict.diagnosis.causes * 3))
    assert causes(many)[3] == "3 more"
    assert "dropped corpus" in " ".join(causes(failing()[0])) or causes(failing()[0])
    assert causes(unpaired()) == []


def test_without_an_address_nothing_is_linked() -> None:
    """A file is then shown by its path, and no link leads nowhere."""
    assert Links().report(Path("r/a.md"), Path("r")) == ""
    assert Links().run("1") == Links(dagster="http://d").run("") == Links().partition("verdict", "a|b") == ""


def test_links_are_below_their_address() -> None:
    """Names are quoted, whatever a model is called; a slash at the end of an address is one."""
    links = Links(reports="https://git.test/r/", dagster="http://d/")
    assert links.report(Path("r/html/a%2F#?b.html"), Path("r")) == "https://git.test/r/html/a%252F%23%3Fb.html"
    assert links.run("a/b") == "http://d/runs/a%2Fb"
    assert links.partition("retrieve/verdict", "c|2026-05-01") == (
        "http://d/assets/retrieve/verdict?view=partitions&partition=c%7C2026-05-01"
    )
