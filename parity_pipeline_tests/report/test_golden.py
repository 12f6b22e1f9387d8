"""Golden files: whole reports and the summary, byte by byte.

After an intended change run `PARITY_UPDATE_GOLDEN=1 python -m pytest parity_pipeline_tests/report/test_golden.py`, read
the difference in git as an approver would, and commit it. That run fails for each file it wrote, so that it can never
pass for a check.
"""

import os
import random
from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.verdict_history import VerdictHistory
from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.retrieval import render_retrieval_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline_tests.report import retrieval_records, retrieval_verdicts
from parity_pipeline_tests.report.measured import measured_pass, two_causes, waived_pass
from parity_pipeline_tests.report.past import loosened_pass, not_run, recorded
from parity_pipeline_tests.report.verdicts import SEED, V1, mixed, unpaired, verdict_of

_GOLDEN = Path(__file__).parent.parent / "golden"


def _expect(name: str, text: str) -> None:
    file = _GOLDEN / name
    if os.environ.get("PARITY_UPDATE_GOLDEN") == "1":
        file.write_bytes(text.encode())
        pytest.fail(f"{name} was written anew: read it, then run again without PARITY_UPDATE_GOLDEN")
    assert text == file.read_bytes().decode()


def test_the_report_of_a_pass() -> None:
    """Five seed samples with unit against raw norms read as the first report did."""
    _expect("report_pass.md", render_report(verdict_of(SEED)))


def test_the_report_of_a_fail() -> None:
    """More than fifty samples of every outcome, with hostile text, stay one readable page."""
    _expect("report_fail.md", render_report(mixed()))


def test_the_report_of_a_measured_pass() -> None:
    """Random draws give a bound a category, and both sides' noise stands side by side."""
    _expect("report_pass_measured.md", render_report(measured_pass()))


def test_the_report_of_a_pass_with_waivers() -> None:
    """What may be flipped comes with the waived differences, and each waived sample is marked."""
    _expect("report_pass_with_waivers.md", render_report(waived_pass()))


def test_the_report_of_two_causes() -> None:
    """Two causes are shown as two with their evidence, beside an honest unknown, waivers and an unstable side."""
    _expect("report_fail_causes.md", render_report(two_causes()))


def test_the_report_of_an_inconclusive_pairing() -> None:
    """Batches that may not be paired give a report without rows that says what to do."""
    _expect("report_inconclusive.md", render_report(unpaired()))


def test_the_summary() -> None:
    """All dates and models are rows, and the catalogue says what changed when, in whatever order they come."""
    verdicts = [
        verdict_of(SEED),
        verdict_of(SEED, model=V1),
        verdict_of(SEED, model="org/model:tag|x", date="2026-05-01"),
        replace(mixed(), date="2026-05-02"),
        replace(unpaired(), date="2026-05-03"),
        replace(waived_pass(), date="2026-05-04"),
        replace(two_causes(), date="2026-05-05"),
        replace(not_run(), date="2026-05-06"),
        replace(loosened_pass(), date="2026-05-07"),
    ]
    random.Random(7).shuffle(verdicts)  # noqa: S311 - any fixed order but the sorted one
    _expect("summary.md", render_summary(verdicts))


def test_the_retrieval_report_of_a_pass() -> None:
    """Single changed queries of a pass stand side by side, and nothing is said about embeddings."""
    verdict, queries = retrieval_verdicts.passing()
    explained = retrieval_verdicts.EXPLAINED
    _expect("retrieval_report_pass.md", render_retrieval_report(verdict, queries, explained=explained))


def test_the_retrieval_report_of_a_fail() -> None:
    """Causes with their remedy, hostile texts and ids, waivers, strays, and two requests to send again stay readable."""
    verdict, queries = retrieval_verdicts.failing()
    requests, explained = retrieval_records.REQUESTS, retrieval_verdicts.EXPLAINED
    report = render_retrieval_report(verdict, queries, requests=requests, explained=explained)
    _expect("retrieval_report_fail.md", report)


def test_the_retrieval_report_of_an_inconclusive_pairing() -> None:
    """Lanes that may not be paired give a report without queries that says what to do."""
    _expect("retrieval_report_inconclusive.md", render_retrieval_report(retrieval_verdicts.unpaired(), {}))


def test_the_summary_of_both_probes() -> None:
    """Models and corpora stand in one table whose headers fit both, and each probe has its own catalogue."""
    found, _ = retrieval_verdicts.passing()
    failed, _ = retrieval_verdicts.failing()
    verdicts = [
        verdict_of(SEED),
        replace(two_causes(), date="2026-05-01"),
        replace(unpaired(), date="2026-05-02"),
        found,
        replace(found, corpus="con|tractors"),
        replace(failed, date="2026-05-01"),
        replace(retrieval_verdicts.unpaired(), date="2026-05-02"),
        replace(retrieval_verdicts.not_run(), date="2026-05-03"),
    ]
    random.Random(7).shuffle(verdicts)  # noqa: S311 - any fixed order but the sorted one
    _expect("summary_of_both_probes.md", render_summary(verdicts))


def test_the_report_of_a_date_that_could_not_be_run() -> None:
    """Why, what to do and which verdict no longer counts fit on a screen, whatever a server says."""
    _expect("report_not_run.md", render_report(not_run(), VerdictHistory(superseded=recorded(verdict_of(SEED)))))


def test_the_retrieval_report_of_a_date_that_could_not_be_run() -> None:
    """Ranked lists have the same short report."""
    failed, _ = retrieval_verdicts.failing()
    history = VerdictHistory(superseded=recorded(failed))
    report = render_retrieval_report(retrieval_verdicts.not_run(), {}, history=history)
    _expect("retrieval_report_not_run.md", report)


def test_the_report_under_loosened_limits() -> None:
    """A pass that a loosened limit made says so below the verdict, with the verdict before it and what changed."""
    history = VerdictHistory(
        superseded=recorded(mixed()), earlier_date=recorded(replace(verdict_of(SEED), date="2026-04-29"))
    )
    _expect("report_loosened.md", render_report(loosened_pass(), history))
