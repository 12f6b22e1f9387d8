"""The newest lines of the ledger: what was appended, and nothing twice."""

from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.storage import ledger
from parity_pipeline.storage.ledger_tail import LedgerMark, read_tail
from parity_pipeline.storage.line_log import TORN_MARK
from parity_pipeline_tests.report.measured import two_causes
from parity_pipeline_tests.report.retrieval_verdicts import failing
from parity_pipeline_tests.report.verdicts import mixed

DATA = Path(__file__).parents[1] / "data"


def add(path: Path, day: str) -> None:
    """Append a verdict on a day."""
    ledger.append(path, replace(mixed(), date=day), recorded_at=f"{day}T06:00:00+00:00", run_id=f"run-{day}")


def test_only_what_was_appended_is_read(tmp_path: Path) -> None:
    """The mark of one reading is where the next one begins."""
    path = tmp_path / "ledger.jsonl"
    assert read_tail(path, LedgerMark()) == ([], LedgerMark())
    add(path, "2026-05-01")
    first, mark = read_tail(path, LedgerMark())
    assert [one.date for one in first] == ["2026-05-01"]
    assert read_tail(path, mark) == ([], mark)
    add(path, "2026-05-02")
    second, mark = read_tail(path, mark)
    assert [one.date for one in second] == ["2026-05-02"]
    assert mark.offset == path.stat().st_size


def test_a_ledger_that_was_merged_is_read_again(tmp_path: Path) -> None:
    """Lines that version control puts before the mark are not overlooked."""
    path = tmp_path / "ledger.jsonl"
    add(path, "2026-05-02")
    _, mark = read_tail(path, LedgerMark())
    held = path.read_bytes()
    add(path, "2026-05-01")
    path.write_bytes(path.read_bytes()[len(held) :] + held)
    assert [one.date for one in read_tail(path, mark)[0]] == ["2026-05-01", "2026-05-02"]


def test_a_line_that_is_being_written_waits(tmp_path: Path) -> None:
    """Half a line is not damage; it is read when it is whole."""
    path = tmp_path / "ledger.jsonl"
    add(path, "2026-05-01")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:50])
    found, mark = read_tail(path, LedgerMark())
    assert (len(found), mark.offset) == (1, len(whole))
    path.write_bytes(whole + whole)
    assert len(read_tail(path, mark)[0]) == 1


def test_a_torn_line_and_steps_of_the_flip_are_passed_over(tmp_path: Path) -> None:
    """What the ledger itself does not count is not a verdict here either."""
    path = tmp_path / "ledger.jsonl"
    path.write_bytes(b'{"kind": "flip"}\n{"verdict": ' + TORN_MARK + b"\n")
    add(path, "2026-05-01")
    assert len(read_tail(path, LedgerMark())[0]) == 1


@pytest.mark.parametrize("line", ["[]", "{", "{}", '{"schema": 1}', '{"verdict": {}}', '{"verdict": []}'])
def test_a_damaged_line_is_an_error_that_names_file_and_line(tmp_path: Path, line: str) -> None:
    """An alert that skips lines proves nothing; where the reading began makes no difference."""
    path = tmp_path / "ledger.jsonl"
    add(path, "2026-05-01")
    _, mark = read_tail(path, LedgerMark())
    with path.open("a", encoding="utf-8") as file:
        file.write(f"\n{line}\n")
    for begin in (LedgerMark(), mark):
        with pytest.raises(ArtifactError) as caught:
            read_tail(path, begin)
        assert caught.value.place == f"{path}:3"


@pytest.mark.parametrize("path", sorted(DATA.rglob("ledger.jsonl")), ids=lambda path: path.parent.name)
def test_lines_of_every_version_are_read_as_the_ledger_reads_them(path: Path) -> None:
    """Date, decision, name and run are those of the whole verdicts."""
    whole = [
        (one.verdict.endpoint, one.verdict.date, one.verdict.decision, one.recorded_at, one.run_id)
        for one in ledger.entries(path)
    ]
    found, _ = read_tail(path, LedgerMark())
    assert [(one.subject.probe, one.date, one.decision, one.recorded_at, one.run_id) for one in found] == whole
    assert whole


def test_reason_and_cause_are_the_first_ones(tmp_path: Path) -> None:
    """Of both probes, as the report has them."""
    path = tmp_path / "ledger.jsonl"
    embed, (retrieve, _) = two_causes(), failing()
    ledger.append(path, embed, recorded_at="2026-05-01T06:00:00+00:00", run_id="a")
    ledger.append(path, retrieve, recorded_at="2026-05-01T06:00:00+00:00", run_id="b")
    one, two = read_tail(path, LedgerMark())[0]
    assert one.reason == embed.reasons[0]
    assert embed.diagnosis is not None
    assert one.cause == embed.diagnosis.causes[0].name
    assert (two.reason, two.cause) == (retrieve.reasons[0], retrieve.causes[0].name)
    assert two.subject.name == retrieve.corpus
