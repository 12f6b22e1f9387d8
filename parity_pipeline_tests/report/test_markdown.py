"""The report as a document: order, structure, gaps, determinism."""

from dataclasses import replace
from itertools import pairwise

from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt

from parity_pipeline.core.outcomes import RowStatus, Side
from parity_pipeline.report.markdown import render_report
from parity_pipeline_tests.report.measured import measured_pass
from parity_pipeline_tests.report.verdicts import HOSTILE, SEED, Row, mixed, unpaired, verdict_of, with_provenance

_HEADINGS = [
    "What may be flipped next",
    "Checks",
    "Counts",
    "Measures",
    "How sure is this?",
    "Noise of each side",
    "What was compared",
    "Samples",
    "Drift notes",
    "Sample set",
    "How to reproduce",
    "Approval",
]


def _headings(markdown: str) -> list[str]:
    tokens = MarkdownIt("commonmark").enable("table").parse(markdown)
    return [after.content for token, after in pairwise(tokens) if token.type == "heading_open"]


def test_the_verdict_stands_right_below_the_title() -> None:
    """Who reads three lines has read model and verdict, and who reads on what that means."""
    lines = render_report(verdict_of(SEED)).splitlines()
    assert lines[0] == "# Embed parity of `nomic-embed-text-v2-moe` — 2026-04-30 06:00:12 UTC"
    assert lines[2] == "**PASS** — smoke test (5 hand-picked texts): 5/5 samples ≥ 0.9990"
    assert lines[4].startswith(
        "For every text that was compared, the candidate returns a vector of the same direction as the legacy side's"
    )
    assert lines[8] == "## What may be flipped next"


def test_the_title_names_the_date_where_it_was_judged_later() -> None:
    """A backfilled date is not taken for the day on which its vectors were fetched."""
    title = render_report(replace(verdict_of(SEED), date="2026-04-29")).splitlines()[0]
    assert title == "# Embed parity of `nomic-embed-text-v2-moe` for 2026-04-29 — 2026-04-30 06:00:12 UTC"


def test_every_reason_is_named_on_top() -> None:
    """A FAIL lists all its reasons right below what may be flipped, not the first alone."""
    verdict = mixed()
    headings = _headings(render_report(verdict))
    assert headings[1:3] == ["What may be flipped next", "Reasons, worst first"]
    reasons = render_report(verdict).partition("## Reasons, worst first")[2].partition("## ")[0]
    assert len(verdict.reasons) == 7
    assert reasons.count("\n- ") == 7


def test_what_nothing_was_measured_for_is_said_at_the_top() -> None:
    """One line below the verdict names what no evidence speaks about, a side that was not tried as one thing."""
    lines = [line for line in render_report(verdict_of(SEED)).splitlines() if line.startswith("Nothing was measured")]
    assert lines == [
        "Nothing was measured for: repeatability of the legacy side, repeatability of the candidate side, discrimination."
    ]
    assert "Nothing was measured for: discrimination.\n" in render_report(measured_pass())


def test_the_checks_that_did_not_pass_come_first() -> None:
    """The table holds what did not pass, failures first; what passed is named below it, and every check is somewhere."""
    verdict = mixed()
    section = render_report(verdict).partition("## Checks")[2].partition("## ")[0]
    severities = [line.split(" | ")[1] for line in section.splitlines() if line.startswith("| ")][2:]
    assert severities == sorted(severities, key=["fail", "inconclusive", "warn"].index)
    assert {"fail", "inconclusive", "warn"} == set(severities)
    for one in verdict.checks:
        assert (one.name.value in section) is (one.passed is not None)


@settings(deadline=None, max_examples=40)
@given(st.text(alphabet=st.characters(exclude_categories=()), max_size=40) | st.sampled_from(HOSTILE))
def test_no_text_changes_the_structure(text: str) -> None:
    """Whatever a sample, a model, a label or a server says, the report has its headings and no others."""
    rows = [replace(row, text=text, category=text) for row in SEED]
    verdict = verdict_of(rows, model=text)
    for side in Side:
        verdict = with_provenance(verdict, side, label=text, url=text, stopped_early=text)
    drift = tuple(replace(row, field=text or "f", legacy=text, candidate=text) for row in verdict.drift)
    report = render_report(replace(verdict, drift=drift, reasons=(text,)))
    assert _headings(report)[1:] == _HEADINGS
    report.encode()


def test_at_most_fifty_rows_and_it_says_so() -> None:
    """A table of a larger set is cut, and both numbers and the order are shown."""
    report = render_report(mixed())
    assert "50 of 70 samples: differences first" in report
    assert report.partition("## Samples")[2].partition("## ")[0].count("\n| ") == 52


def test_the_words_of_a_refusal_are_shown_once() -> None:
    """What a server said for many samples is one row that names them all."""
    report = render_report(mixed())
    assert "| candidate | 17, 18, 19, 20 | <code>HTTP 400:" in report
    assert "upstream &#124; down" in report


def test_a_report_without_anything_is_still_one() -> None:
    """Drift and rows may be missing, and the lanes of a side that gave nothing say next to nothing."""
    bare = replace(unpaired(), drift=(), reasons=("x",))
    empty = {"label": "", "models_echoed": {}, "fetched_from": "", "fetched_to": "", "latency_ms": {}}
    for side in Side:
        bare = with_provenance(bare, side, **empty, status_counts={RowStatus.FAILED: 2})
    report = render_report(bare)
    noise = _HEADINGS.index("Noise of each side") + 1
    evidence = [*_HEADINGS[1:noise], "What these samples would have caught", *_HEADINGS[noise:]]
    assert _headings(report)[1:] == [_HEADINGS[0], "Reasons, worst first", *evidence]
    assert "**INCONCLUSIVE**" in report
    assert "None" not in report
    assert report.count("gave no usable response for 2 samples") == 2


def test_a_large_set_has_readable_counts() -> None:
    """Counts of thousands have separators."""
    verdict = verdict_of([Row(text=str(number)) for number in range(1200)])
    assert "1,200 samples" in render_report(verdict)
