"""TODAY ONLY: reports made again from the verdicts of 0.1.0 are those of 0.1.0, byte for byte.

The words of reports may change. Then the change is looked at and this file is deleted, or holds the new words; the
promise that files stay readable stands in `test_written_by_0_1.py`, and is kept without this one.
"""

import json
from pathlib import Path

import pytest

from parity_pipeline.report.markdown import render_report
from parity_pipeline.report.summary import render_summary
from parity_pipeline.storage import ledger
from parity_pipeline.storage.verdicts import read_verdict, verdict_to_json
from parity_pipeline_tests.storage import written_by_0_1 as old


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The results of 0.1.0, unpacked once for the module."""
    return old.unpack(tmp_path_factory.mktemp("words_of_0_1"))


@pytest.mark.parametrize("partition", old.PARTITIONS)
def test_today_a_report_is_made_again_byte_for_byte(results: Path, partition: str) -> None:
    """Today: the report of a stored verdict equals the stored report."""
    verdict = read_verdict(results / "data" / "verdicts" / partition / "verdict.json")
    stored = old.FOLDER / "reports" / old.PARTITIONS[partition]["report"]
    assert render_report(verdict).encode() == stored.read_bytes()


def test_today_the_summary_is_made_again_byte_for_byte(results: Path) -> None:
    """Today: the summary of the stored ledger equals the stored summary."""
    made = render_summary(ledger.newest(results / "reports" / "ledger.jsonl"))
    assert made.encode() == (old.FOLDER / "reports" / "SUMMARY.md").read_bytes()


@pytest.mark.parametrize("partition", old.PARTITIONS)
def test_today_a_verdict_is_stored_as_it_was(results: Path, partition: str) -> None:
    """Today: the JSON of a verdict that was read equals the JSON it was read from, every field."""
    path = results / "data" / "verdicts" / partition / "verdict.json"
    assert verdict_to_json(read_verdict(path)) == json.loads(path.read_bytes())
