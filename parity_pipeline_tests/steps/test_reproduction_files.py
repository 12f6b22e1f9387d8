"""What is stored of a reproduction: read again, shown with its own verdict alone, and removed with it."""

from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.measures import Thresholds
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.reproduction import worst_failing
from parity_pipeline.faults.trial_run import DAY, MODEL, embedder
from parity_pipeline.steps.judge_partition import judge_partition, judge_stored
from parity_pipeline.steps.reproduce_sample import reproduce_sample, stored_reproduction
from parity_pipeline.steps.run_partition import run_partition
from parity_pipeline.steps.write_check import write_check
from parity_pipeline.steps.write_reports import write_report
from parity_pipeline_tests.steps.reproducing import counted, faulty
from parity_pipeline_tests.steps.test_confirm_rows import block_for, both, context


def test_what_was_reproduced_is_not_requested_again(tmp_path: Path) -> None:
    """Judging the same vectors once more sends nothing; other thresholds do not take it over."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict, seen = run_partition(run, DAY, MODEL, run_id="test"), {side: list[str]() for side in Side}
    assert stored_reproduction(run, verdict) is not None
    assert reproduce_sample(counted(run, seen), verdict, pytest.fail) == stored_reproduction(run, verdict)
    assert not any(seen.values())
    other = replace(run, thresholds=Thresholds(cosine=0.99))
    assert stored_reproduction(other, judge_stored(other, DAY, MODEL)) is None


def test_what_was_found_of_another_sample_is_not_shown(tmp_path: Path) -> None:
    """A verdict whose worst sample is another one has no reproduction."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words", "naïve"])
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    found = stored_reproduction(run, verdict)
    assert found is not None
    others = replace(verdict, rows=tuple(row for row in verdict.rows if row.id != found.sample))
    assert worst_failing(others.rows) is not None
    assert stored_reproduction(run, others) is None


def test_a_damaged_file_costs_no_report(tmp_path: Path) -> None:
    """It is an error to read it, and the report comes without it."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    run.layout.reproduction(DAY, MODEL).write_text("{}")
    with pytest.raises(ArtifactError, match="reproduction"):
        stored_reproduction(run, verdict)
    assert write_check(run, verdict) is None
    assert write_report(run, DAY, MODEL)[0].decision is Decision.FAIL


def test_a_damaged_file_is_replaced_and_costs_no_verdict(tmp_path: Path) -> None:
    """The next run of the date searches again and writes over what cannot be read."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    run.layout.reproduction(DAY, MODEL).write_text("{}")
    assert reproduce_sample(run, verdict, pytest.fail) == stored_reproduction(run, verdict) is not None


def test_a_check_of_an_earlier_run_goes(tmp_path: Path) -> None:
    """A report that links to no check leaves none behind."""
    run = faulty(tmp_path, "strip-accents", ["Dvořák", "plain words"])
    run_partition(run, DAY, MODEL, run_id="test")
    write_report(run, DAY, MODEL)
    check = run.layout.reproduce_check(DAY, MODEL)
    assert check.exists()
    run.layout.reproduction(DAY, MODEL).unlink()
    judge_partition(run, DAY, MODEL, run_id="again")
    write_report(run, DAY, MODEL)
    assert not check.exists()


def test_a_check_that_cannot_be_removed_is_named(tmp_path: Path) -> None:
    """A folder where the check of an earlier run would be is an error with its place, and no traceback."""
    run = context(tmp_path, block_for(1, 40), both(embedder().embed))
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    run.layout.reproduce_check(DAY, MODEL).mkdir(parents=True)
    with pytest.raises(ArtifactError, match="cannot write") as caught:
        write_check(run, verdict)
    assert caught.value.place == str(run.layout.reproduce_check(DAY, MODEL))


def test_a_half_surrogate_survives_the_file(tmp_path: Path) -> None:
    """A text that has no UTF-8 is stored, read and shown."""
    run = faulty(tmp_path, "prefix", ["\ud800", "plain words"])
    verdict = run_partition(run, DAY, MODEL, run_id="test")
    assert stored_reproduction(run, verdict) is not None
    assert write_report(run, DAY, MODEL)[1].encode()
