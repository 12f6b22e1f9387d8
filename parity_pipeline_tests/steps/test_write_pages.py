"""Pages are written by the steps that write the Markdown, from what is stored, whatever of it is missing."""

import shutil
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from parity_pipeline.core.gateway_states import StateEvent
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.demo.fault_scope import Scope
from parity_pipeline.faults.texts import sample_set
from parity_pipeline.faults.trial_run import DAY, MODEL, SHAPES, context_for, side_of
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.page_evidence import embed_evidence, retrieval_evidence
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_reports import write_report, write_summary
from parity_pipeline.storage import ledger
from parity_pipeline.storage.gateways import add_record, read_states
from parity_pipeline.storage.layout import Layout
from parity_pipeline_tests.report import retrieval_verdicts
from parity_pipeline_tests.report.html_tree import tree_of
from parity_pipeline_tests.steps.test_keep_verdict import is_free

SIZE = 60


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> tuple[RunContext, Verdict]:
    """Return a whole run whose candidate cuts texts, and its verdict."""
    scope = Scope()
    sides = {side: side_of(side, SHAPES, "truncate" if side is Side.CANDIDATE else "", scope) for side in Side}
    run = context_for(tmp_path_factory.mktemp("run"), sample_set(1, SIZE), sides)
    return run, run_partition(run, DAY, MODEL, run_id="test")


@pytest.fixture
def copied(done: tuple[RunContext, Verdict], tmp_path: Path) -> RunContext:
    """Return the run with files of its own."""
    run, _ = done
    shutil.copytree(run.layout.data_dir, tmp_path / "data")
    shutil.copytree(run.layout.reports_dir, tmp_path / "reports")
    return replace(run, layout=Layout(data_dir=tmp_path / "data", reports_dir=tmp_path / "reports"))


def test_report_and_summary_write_their_pages(copied: RunContext) -> None:
    """Beside the Markdown lies a page with the same decision, and an index that links to it."""
    verdict, _ = write_report(copied, DAY, MODEL)
    write_summary(copied)
    page = copied.layout.html_report(DAY, MODEL)
    found = tree_of(page.read_text("utf-8"))
    assert verdict.decision is Decision.FAIL
    assert "FAIL" in found.text
    assert found.values("class").count("chart") == 3
    assert "not stored" not in found.text
    assert page.name in tree_of(copied.layout.html_index.read_text("utf-8")).values("href")


@dataclass(frozen=True)
class Watched(Layout):
    """A layout that notes whether another process could write a summary whenever one needs a place."""

    free: list[bool] = field(default_factory=list[bool])

    def _look(self) -> None:
        with ThreadPoolExecutor() as other:
            self.free.append(other.submit(is_free, self.reports_dir / ".SUMMARY.lock").result())

    @property
    def ledger(self) -> Path:
        """Note it while the ledger is read."""
        self._look()
        return super().ledger

    @property
    def html_index(self) -> Path:
        """Note it while the last file is written."""
        self._look()
        return super().html_index


def test_one_process_at_a_time_writes_a_summary(copied: RunContext) -> None:
    """From reading the ledger to the last file: a summary of before would otherwise hide a verdict that came between."""
    watched = Watched(data_dir=copied.layout.data_dir, reports_dir=copied.layout.reports_dir)
    write_summary(replace(copied, layout=watched))
    assert watched.free == [False, False]
    assert is_free(copied.layout.reports_dir / ".SUMMARY.lock")


def test_the_page_knows_the_verdict_before(copied: RunContext) -> None:
    """Page and Markdown say what was superseded, and name the settings file; the first verdict of a date has no such part."""
    path = copied.layout.html_report(DAY, MODEL)
    verdict, _ = write_report(copied, DAY, MODEL)
    assert "changes" not in tree_of(path.read_text("utf-8")).sections
    ledger.append(copied.layout.ledger, verdict, recorded_at="2030-01-01T00:00:00Z", run_id="again")
    _, text = write_report(replace(copied, config="other.yaml"), DAY, MODEL)
    found = tree_of(path.read_text("utf-8"))
    assert "This verdict supersedes the one recorded" in text
    assert "This verdict supersedes the one recorded" in found.sections["changes"]
    assert found.sections["reproduce"].count("--config other.yaml\n") == 2


def test_the_index_marks_what_is_stale_by_the_recorded_states(copied: RunContext) -> None:
    """A gateway that was seen in another state makes the date stale on the index, and nothing else does."""
    write_summary(copied)
    assert "stale" not in tree_of(copied.layout.html_index.read_text("utf-8")).text
    states = read_states(copied.layout.gateways).of_lane("embed", Side.CANDIDATE, MODEL)
    assert states.newest is not None
    words = ("the version changed from 1 to 2",)
    other = replace(states.newest.fingerprint, state="other")
    later = replace(
        states.newest, seen_at="2030-01-01T00:00:00Z", event=StateEvent.CHANGED, fingerprint=other, words=words
    )
    add_record(copied.layout.gateways, later)
    write_summary(copied)
    text = tree_of(copied.layout.html_index.read_text("utf-8")).text
    assert "1 verdict stale" in text
    assert "the version changed from 1 to 2" in text


def test_the_index_links_to_markdown_without_a_page(copied: RunContext) -> None:
    """A verdict of before there were pages leads to its Markdown."""
    write_summary(copied)
    hrefs = tree_of(copied.layout.html_index.read_text("utf-8")).values("href")
    assert f"../{copied.layout.report(DAY, MODEL).name}" in hrefs


def test_states_that_cannot_be_read_are_named_where_stale_dates_would_be_marked(copied: RunContext) -> None:
    """Summary and index say that nothing is known of stale dates, and name the line; with whole states they say nothing."""
    write_summary(copied)
    page = copied.layout.html_index
    said = "Which verdicts are stale is not known."
    for text in (copied.layout.summary.read_text("utf-8"), tree_of(page.read_text("utf-8")).text):
        assert "gateways.jsonl" not in text
        assert said not in text
    lines = copied.layout.gateways.read_bytes()
    copied.layout.gateways.write_bytes(b"<<<<<<< HEAD\n" + lines)
    write_summary(copied)
    for text in (copied.layout.summary.read_text("utf-8"), tree_of(page.read_text("utf-8")).text):
        assert said in text
        assert "gateways.jsonl:1: this line of the gateways' states is damaged: not valid JSON." in text
        assert str(copied.layout.reports_dir) not in text


def test_distributions_count_every_sample(done: tuple[RunContext, Verdict]) -> None:
    """Each compared sample is in the histogram of cosines, on the side of the threshold that the verdict counts it on."""
    run, verdict = done
    found = embed_evidence(run, verdict)
    assert found.absent == ()
    assert found.cosines is not None
    assert found.cosines.total == verdict.counts.compared
    below = int(found.cosines.counts[: found.cosines.edges.index(verdict.threshold) + 1].sum())
    assert below == verdict.measures[0].beyond
    assert all(one is not None and one.total for one in (*found.norms, *found.latencies))
    assert set(found.texts) == {row.id for row in verdict.rows}
    # A lone surrogate is stored spelled out in the comparison, and as it is in the sample set.
    assert all(found.texts[row.id].startswith(row.head) for row in verdict.rows if "\\u" not in row.head)


@pytest.mark.parametrize("broken", ["missing", "damaged"])
def test_a_page_is_written_without_what_cannot_be_read(copied: RunContext, broken: str) -> None:
    """Pruned or damaged files leave the verdict on the page, and a sentence for each that says what is not shown."""
    layout = copied.layout
    gone = [layout.parity(DAY, MODEL), layout.samples(DAY, MODEL)]
    gone += [layout.embeddings(side.value, DAY, MODEL) for side in Side]
    for path in gone:
        path.unlink() if broken == "missing" else path.write_bytes(b"PAR1 torn")
    write_report(copied, DAY, MODEL)
    text = tree_of(layout.html_report(DAY, MODEL).read_text("utf-8")).text
    assert "FAIL" in text
    for words in (
        "Distributions",
        "Latencies of the legacy",
        "Latencies of the candidate",
        "Only the beginnings of texts",
    ):
        assert words in text


def test_files_of_another_run_are_not_shown(done: tuple[RunContext, Verdict]) -> None:
    """What was fetched or drawn again since the verdict says nothing about it, and is left out."""
    run, verdict = done
    later = replace(
        verdict,
        legacy=replace(
            verdict.legacy, provenance=replace(verdict.legacy.provenance, fetched_to="2026-05-01T07:00:00+00:00")
        ),
        sample_set=replace(verdict.sample_set, hash="0" * 64),
    )
    found = embed_evidence(run, later)
    assert found.cosines is None
    assert found.latencies[0] is None
    assert found.latencies[1] is not None
    assert found.texts == {}
    assert len([one for one in found.absent if "replaced after this verdict" in one]) == 3


def test_a_corpus_without_files_has_a_page_too(done: tuple[RunContext, Verdict]) -> None:
    """Of queries the same holds: what is missing is said."""
    verdict, _ = retrieval_verdicts.failing()
    found = retrieval_evidence(done[0], verdict)
    assert (found.overlaps, found.rank_biased, found.latencies) == (None, None, (None, None))
    assert len(found.absent) == 3
