"""A verdict that is kept: the ledger's line first, then the file, by one writer at a time, for both probes."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta
from pathlib import Path
from threading import Thread

import pytest
from filelock import FileLock, Timeout

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.steps.keep_verdict import keep_verdict
from parity_pipeline.steps.probes import EMBED, RETRIEVE, Probe
from parity_pipeline.steps.record_failure import not_run_verdict
from parity_pipeline.storage import ledger
from parity_pipeline.storage.line_log import append_line, one_writer
from parity_pipeline_tests.defs.project import DAY, MODEL, searching_project

BOTH = pytest.mark.parametrize(("probe", "name"), [(EMBED, MODEL), (RETRIEVE, "everyone")])


@BOTH
def test_the_line_and_the_file_are_of_one_verdict(tmp_path: Path, probe: Probe, name: str) -> None:
    """The file is read back as it was given; a run that is in the ledger already adds neither."""
    run = searching_project(tmp_path).context()
    verdicts = [not_run_verdict(run, probe, DAY, name, RunFailure(step="s", problem=one)) for one in ("one", "two")]
    kept = [keep_verdict(run, one, run_id="r", once=True) for one in verdicts]
    assert kept == [True, False]
    assert probe.read_verdict(probe.verdict_path(run.layout, DAY, name)) == verdicts[0]
    assert [one.verdict.not_run for one in ledger.entries(run.layout.ledger)] == [verdicts[0].not_run]


@BOTH
def test_each_date_of_a_run_has_its_own_line(tmp_path: Path, probe: Probe, name: str) -> None:
    """A run over several dates leaves one line for each of them."""
    run, failure = searching_project(tmp_path).context(), RunFailure(step="s", problem="one")
    verdicts = [not_run_verdict(run, probe, day, name, failure) for day in ("2026-04-30", DAY, "2026-04-30")]
    assert [keep_verdict(run, one, run_id="r", once=True) for one in verdicts] == [True, True, False]


@BOTH
@pytest.mark.parametrize(("since", "kept"), [(-1, False), (0, True), (1, True)])
def test_a_newer_verdict_is_not_replaced_by_what_is_found_late(
    tmp_path: Path, probe: Probe, name: str, since: int, *, kept: bool
) -> None:
    """A verdict of after the time stands; one of before it, or of another date or name, keeps nothing out."""
    run, failure = searching_project(tmp_path).context(), RunFailure(step="s", problem="one")
    for one in (
        not_run_verdict(run, probe, day, who, failure) for day, who in ((DAY, name), (DAY, "x"), ("2026-04-30", name))
    ):
        keep_verdict(run, one, run_id=one.date)
    late, time = not_run_verdict(run, probe, DAY, name, failure), run.now() + timedelta(seconds=since)
    assert keep_verdict(run, late, run_id="late", unless_since=time) is kept
    other = not_run_verdict(run, probe, "2026-04-29", name, failure)
    assert keep_verdict(run, other, run_id="late", unless_since=time)


@BOTH
def test_a_ledger_that_takes_no_line_keeps_the_stored_verdict(tmp_path: Path, probe: Probe, name: str) -> None:
    """What is not in the ledger did not happen, so no file may say that it did."""
    run = searching_project(tmp_path).context()
    first, second = (not_run_verdict(run, probe, DAY, name, RunFailure(step="s", problem=one)) for one in ("1", "2"))
    keep_verdict(run, first, run_id="1")
    run.layout.ledger.rename(tmp_path / "kept.jsonl")
    run.layout.ledger.mkdir()
    with pytest.raises(ArtifactError):
        keep_verdict(run, second, run_id="2")
    assert probe.read_verdict(probe.verdict_path(run.layout, DAY, name)) == first


@BOTH
def test_a_verdict_that_is_no_longer_stored_is_not_replaced(tmp_path: Path, probe: Probe, name: str) -> None:
    """Who judged one verdict again does not write over another one; over that very one it does."""
    run = searching_project(tmp_path).context()
    first, second = (not_run_verdict(run, probe, DAY, name, RunFailure(step="s", problem=one)) for one in ("1", "2"))
    keep_verdict(run, first, run_id="1")
    with pytest.raises(ArtifactError, match="meanwhile"):
        keep_verdict(run, first, run_id="2", before=second)
    assert len(list(ledger.entries(run.layout.ledger))) == 1
    assert keep_verdict(run, second, run_id="3", before=first)
    assert probe.read_verdict(probe.verdict_path(run.layout, DAY, name)) == second


@BOTH
def test_line_and_file_are_written_by_one_writer(tmp_path: Path, probe: Probe, name: str) -> None:
    """From the time of the line to the end of the file no other process gets the lock, and after that one does."""
    run = searching_project(tmp_path).context()
    lock = run.layout.ledger.with_name(".ledger.lock")
    seen: list[bool] = []

    def now() -> datetime:
        with ThreadPoolExecutor() as other:
            seen.append(other.submit(is_free, lock).result())
        return run.now()

    verdict = not_run_verdict(run, probe, DAY, name, RunFailure(step="s", problem="one"))
    keep_verdict(replace(run, now=now), verdict, run_id="r")
    assert seen == [False]
    assert is_free(lock)


def is_free(lock: Path) -> bool:
    """Return whether another writer could begin now."""
    try:
        with FileLock(lock, timeout=0):
            return True
    except Timeout:
        return False


def test_no_other_writer_comes_between(tmp_path: Path) -> None:
    """While one writer is at it, its own lines are appended, and those of another thread wait for the end."""
    path = tmp_path / "ledger.jsonl"
    other = Thread(target=append_line, args=(path, b'{"by": "other"}\n'))
    with one_writer(path):
        other.start()
        append_line(path, b'{"by": "one"}\n')
        append_line(path, b'{"by": "one again"}\n')
    other.join()
    assert path.read_bytes().splitlines() == [b'{"by": "one"}', b'{"by": "one again"}', b'{"by": "other"}']
