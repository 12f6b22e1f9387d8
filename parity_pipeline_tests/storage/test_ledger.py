import json
import multiprocessing
from dataclasses import replace
from pathlib import Path

import pytest

from parity_pipeline.core.errors import ArtifactError
from parity_pipeline.core.flip_steps import FlipRecord, FlipStep
from parity_pipeline.core.outcomes import Decision
from parity_pipeline.core.retrieval.verdict import RetrievalVerdict
from parity_pipeline.core.run_failure import RunFailure
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.storage.ledger import (
    append,
    append_step,
    entries,
    history,
    last_judged,
    newest,
    raw_lines,
    steps,
)
from parity_pipeline.storage.line_log import TORN_MARK
from parity_pipeline_tests.storage.records import make_power, make_verdict, of_embed
from parity_pipeline_tests.storage.retrieval_records import make_retrieval_verdict

WHEN = "2026-04-30T01:02:03Z"


def _append(path: Path, run_id: str = "run", **changes: object) -> None:
    append(path, make_verdict(**changes), recorded_at=WHEN, run_id=run_id)


def _append_many(path: Path, name: str) -> None:
    for number in range(20):
        _append(path, f"{name}-{number}")


def test_an_entry_holds_the_verdict_but_for_its_rows(tmp_path: Path) -> None:
    """The ledger records who judged what and when; rows of samples and single simulated faults are not in it."""
    path = tmp_path / "new" / "ledger.jsonl"
    _append(path, "run-1")
    [entry] = entries(path)
    assert (entry.recorded_at, entry.run_id) == (WHEN, "run-1")
    assert entry.verdict == make_verdict(rows=(), power=replace(make_power(), faults=()))
    assert b"ordinal" not in path.read_bytes()
    assert path.read_bytes().count(b"\n") == 1


def test_the_newest_entry_of_a_date_and_model_counts(tmp_path: Path) -> None:
    """Last in the file wins for each probe, date and model, and the older entries stay."""
    path = tmp_path / "ledger.jsonl"
    _append(path, model="b")
    _append(path, model="a", decision=Decision.FAIL)
    _append(path, model="b", decision=Decision.INCONCLUSIVE)
    _append(path, model="a", date="2026-04-29")
    assert [(one.date, of_embed(one).model, one.decision.value) for one in newest(path)] == [
        ("2026-04-29", "a", "PASS"),
        ("2026-04-30", "a", "FAIL"),
        ("2026-04-30", "b", "INCONCLUSIVE"),
    ]
    assert len(list(entries(path))) == 4


def test_the_newest_entry_is_the_one_recorded_last(tmp_path: Path) -> None:
    """A merge may put an older line behind a newer one: the time counts, in any zone, and the place only among equal times."""
    path = tmp_path / "ledger.jsonl"
    for recorded_at, decision in (
        ("2026-04-30T10:00:00+02:00", Decision.PASS),
        ("2026-04-30T09:00:00Z", Decision.FAIL),
        ("2026-04-30T10:30:00+02:00", Decision.PASS),
        ("yesterday", Decision.PASS),
    ):
        append(path, make_verdict(decision=decision), recorded_at=recorded_at, run_id="run")
    assert [one.decision for one in newest(path)] == [Decision.FAIL]
    append(path, make_verdict(decision=Decision.INCONCLUSIVE), recorded_at="2026-04-30T09:00:00", run_id="run")
    assert [one.decision for one in newest(path)] == [Decision.INCONCLUSIVE]


def test_no_ledger_has_no_entries(tmp_path: Path) -> None:
    """The first run ever finds nothing, without an error."""
    assert newest(tmp_path / "ledger.jsonl") == []


@pytest.mark.parametrize("kept", [1, 40, -2])
def test_a_torn_last_line_is_passed_over_and_then_left_in_place(tmp_path: Path, kept: int) -> None:
    """A crash midway loses that one entry alone, before and after the next append."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "first")
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:kept])
    assert [entry.run_id for entry in entries(path)] == ["first"]
    _append(path, "second")
    assert [entry.run_id for entry in entries(path)] == ["first", "second"]
    assert path.read_bytes().startswith(whole + whole[:kept] + TORN_MARK + b"\n")


def test_a_last_line_that_lost_its_newline_alone_counts(tmp_path: Path) -> None:
    """An entry that is whole is an entry."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "first")
    path.write_bytes(path.read_bytes().removesuffix(b"\n"))
    assert [entry.run_id for entry in entries(path)] == ["first"]
    _append(path, "second")
    assert [entry.run_id for entry in entries(path)] == ["first", "second"]
    assert path.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("model", ["m", 'quoted "m"', "modèle-é", "a\ud800b", "back\\slash"])
def test_the_entries_of_one_model_are_found_without_reading_the_others(model: str, tmp_path: Path) -> None:
    """Each entry of the model is yielded, whatever its name; a damaged line of another model is not even read."""
    path = tmp_path / "ledger.jsonl"
    _append(path, model="another")
    path.write_bytes(path.read_bytes().replace(b'"counts"', b'"counted"'))
    _append(path, model=model)
    assert [of_embed(entry.verdict).model for entry in entries(path, model)] == [model]
    with pytest.raises(ArtifactError):
        list(entries(path))


@pytest.mark.parametrize(
    "damage", [b"\n", b"{\n", b"null\n", b"{}\n", b"<<<<<<< HEAD\n", b"\xff\n", TORN_MARK.upper() + b"\n"]
)
def test_a_damaged_line_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    """A ledger that skips lines proves nothing."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "first")
    whole = path.read_bytes()
    path.write_bytes(whole + damage + whole)
    with pytest.raises(ArtifactError) as caught:
        newest(path)
    assert caught.value.place == f"{path}:2"
    assert caught.value.remedy


def test_writers_in_several_processes_lose_nothing(tmp_path: Path) -> None:
    """Appends of several processes at once are all there, each on its own line."""
    path = tmp_path / "ledger.jsonl"
    context = multiprocessing.get_context("spawn")
    writers = [context.Process(target=_append_many, args=(path, name)) for name in ("a", "b")]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    found = [entry.run_id for entry in entries(path)]
    assert sorted(found) == sorted(f"{name}-{number}" for name in ("a", "b") for number in range(20))


def test_a_full_disk_leaves_the_ledger_as_it_was(tmp_path: Path) -> None:
    """An entry that does not fit is taken back whole, and the error says what to do."""
    import resource

    path = tmp_path / "ledger.jsonl"
    _append(path, "first")
    whole = path.read_bytes()
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (len(whole) + 100, hard))
    try:
        with pytest.raises(ArtifactError, match="cannot write"):
            _append(path, "second")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == whole


def test_the_lock_lies_beside_the_ledger_under_a_hidden_name(tmp_path: Path) -> None:
    """The folder is tracked by git; what is not a result is hidden there."""
    _append(tmp_path / "ledger.jsonl")
    assert {path.name for path in tmp_path.iterdir()} <= {"ledger.jsonl", ".ledger.lock"}


def test_entries_of_the_first_schema_stay_readable(tmp_path: Path) -> None:
    """A ledger begun before waivers and floors is read with those appended since, in order."""
    path = tmp_path / "ledger.jsonl"
    old = Path(__file__).parents[1] / "data" / "written_by_0_1" / "first_schema" / "pass" / "ledger.jsonl"
    path.write_bytes(old.read_bytes())
    _append(path, "new", decision=Decision.PASS_WITH_WAIVERS)
    first, second = entries(path)
    assert (first.run_id, first.verdict.decision) == (json.loads(old.read_bytes())["run_id"], Decision.PASS)
    assert (second.run_id, second.verdict.decision) == ("new", Decision.PASS_WITH_WAIVERS)


def test_one_ledger_holds_the_verdicts_of_both_probes(tmp_path: Path) -> None:
    """Each line comes back as what it was, and a retrieval verdict whole but for its queries and simulated faults."""
    path = tmp_path / "ledger.jsonl"
    retrieval = make_retrieval_verdict()
    _append(path, "embed")
    append(path, retrieval, recorded_at=WHEN, run_id="retrieve")
    first, second = entries(path)
    assert (type(first.verdict), type(second.verdict)) == (Verdict, RetrievalVerdict)
    assert retrieval.power is not None
    assert second.verdict == replace(retrieval, queries=(), power=replace(retrieval.power, faults=()))
    assert b"Infinity" not in path.read_bytes()


def test_the_newest_verdict_counts_for_each_probe(tmp_path: Path) -> None:
    """A model and a corpus of one name are two things; of each the last entry counts."""
    path = tmp_path / "ledger.jsonl"
    for decision in (Decision.FAIL, Decision.PASS):
        verdict = make_retrieval_verdict(corpus="m", decision=decision)
        append(path, verdict, recorded_at=WHEN, run_id="retrieve")
        _append(path, model="m", decision=Decision.INCONCLUSIVE)
    append(path, make_retrieval_verdict(corpus="a"), recorded_at=WHEN, run_id="retrieve")
    found = [(one.endpoint, one.corpus if isinstance(one, RetrievalVerdict) else one.model) for one in newest(path)]
    assert found == [("embed", "m"), ("retrieve", "a"), ("retrieve", "m")]
    assert [one.decision for one in newest(path)] == [Decision.INCONCLUSIVE, Decision.FAIL, Decision.PASS]


@pytest.mark.parametrize("corpus", ["staff", 'quoted "m"', "a\ud800b"])
def test_the_entries_of_one_corpus_are_found_without_reading_the_others(corpus: str, tmp_path: Path) -> None:
    """The name of a corpus is found in a line as that of a model is."""
    path = tmp_path / "ledger.jsonl"
    _append(path, model="another")
    damaged = path.read_bytes().replace(b'"counts"', b'"counted"')
    path.unlink()
    append(path, make_retrieval_verdict(corpus=corpus), recorded_at=WHEN, run_id="retrieve")
    path.write_bytes(damaged + path.read_bytes())
    assert [type(entry.verdict) for entry in entries(path, corpus)] == [RetrievalVerdict]


def test_a_response_header_does_not_change_the_probe(tmp_path: Path) -> None:
    """A side that sends a header `endpoint: retrieve` does not turn an embed verdict into another."""
    path = tmp_path / "ledger.jsonl"
    verdict = make_verdict()
    legacy = replace(verdict.legacy.provenance, server_headers={"endpoint": "retrieve"})
    append(path, replace(verdict, legacy=replace(verdict.legacy, provenance=legacy)), recorded_at=WHEN, run_id="run")
    assert b'"endpoint": "retrieve"' in path.read_bytes()
    [entry] = entries(path)
    assert of_embed(entry.verdict).legacy.provenance == legacy


@pytest.mark.parametrize("damage", [b'"corpus"', b'"decision"', b'"query_set"'])
def test_a_damaged_retrieval_line_names_file_and_line(tmp_path: Path, damage: bytes) -> None:
    """A retrieval verdict that lacks a field is never passed over, nor taken for an embed verdict."""
    path = tmp_path / "ledger.jsonl"
    _append(path)
    append(path, make_retrieval_verdict(), recorded_at=WHEN, run_id="retrieve")
    first, second = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(first + second.replace(damage, b'"x"'))
    with pytest.raises(ArtifactError, match="this line of the ledger") as caught:
        list(entries(path))
    assert caught.value.place == f"{path}:2"


def test_a_torn_retrieval_line_does_not_count(tmp_path: Path) -> None:
    """A line that writing stopped in never was a verdict, and the next one begins behind it."""
    path = tmp_path / "ledger.jsonl"
    append(path, make_retrieval_verdict(), recorded_at=WHEN, run_id="lost")
    path.write_bytes(path.read_bytes()[:-100])
    assert list(entries(path)) == []
    append(path, make_retrieval_verdict(), recorded_at=WHEN, run_id="kept")
    assert [entry.run_id for entry in entries(path)] == ["kept"]


def _step(step: FlipStep = FlipStep.SHADOW, when: str = WHEN) -> FlipRecord:
    return FlipRecord(
        recorded_at=when, step=step, by="ann \ud800", note="", evidence="allowed", package_version="0.1.0"
    )


def test_steps_of_the_flip_stand_between_verdicts_and_both_are_read(tmp_path: Path) -> None:
    """A reader of verdicts passes over steps, with and without a name; a reader of steps passes over verdicts."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "one", model="a")
    append_step(path, _step())
    append(path, make_retrieval_verdict(), recorded_at=WHEN, run_id="two")
    append_step(path, _step(FlipStep.ROLL_BACK, "2026-05-01T00:00:00Z"))
    assert [entry.run_id for entry in entries(path)] == ["one", "two"]
    assert [entry.run_id for entry in entries(path, "a")] == ["one"]
    assert len(newest(path)) == 2
    assert [one.step for one in steps(path)] == [FlipStep.SHADOW, FlipStep.ROLL_BACK]
    assert steps(path)[0] == _step()
    lines = list(raw_lines(path))
    assert b"".join(line for line, _ in lines) == path.read_bytes()
    assert [isinstance(held, FlipRecord) for _, held in lines] == [False, True, False, True]


def test_a_verdict_in_which_a_server_names_a_step_stays_a_verdict(tmp_path: Path) -> None:
    """What a side sent does not make a line of the ledger something other than what it is."""
    path = tmp_path / "ledger.jsonl"
    candidate = make_verdict().candidate
    headers = replace(candidate.provenance, server_headers={"kind": "flip"})
    _append(path, candidate=replace(candidate, provenance=headers))
    assert b'"kind": "flip"' in path.read_bytes()
    assert len(list(entries(path))) == 1
    assert steps(path) == []


def test_a_damaged_step_is_an_error_and_a_torn_one_is_passed_over(tmp_path: Path) -> None:
    """A step that cannot be read is not lost silently; one whose writing stopped never was taken."""
    path = tmp_path / "ledger.jsonl"
    append_step(path, _step())
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:-9])
    assert len(steps(path)) == 1
    assert list(entries(path)) == []
    path.write_bytes(whole.replace(b'"shadow"', b'"sideways"'))
    with pytest.raises(ArtifactError, match=r"ledger\.jsonl:1"):
        steps(path)


def test_a_line_that_is_wanted_once_is_not_appended_to_a_run_that_has_one(tmp_path: Path) -> None:
    """A run leaves one line, whichever of its steps fails or judges first; other runs are not looked at."""
    path = tmp_path / "ledger.jsonl"
    verdict = make_verdict(decision=Decision.INCONCLUSIVE)
    assert append(path, verdict, recorded_at=WHEN, run_id='r"1', once=True)
    assert not append(path, make_verdict(), recorded_at=WHEN, run_id='r"1', once=True)
    assert append(path, make_verdict(), recorded_at=WHEN, run_id="r", once=True)
    assert append(path, make_verdict(), recorded_at=WHEN, run_id='r"1')
    assert [entry.run_id for entry in entries(path)] == ['r"1', "r", 'r"1']


def test_the_words_of_a_sample_are_not_taken_for_a_run(tmp_path: Path) -> None:
    """What a verdict quotes never counts as the run that gave it."""
    path = tmp_path / "ledger.jsonl"
    append(path, make_verdict(reasons=('"run_id": "next"',)), recorded_at=WHEN, run_id="first")
    assert append(path, make_verdict(), recorded_at=WHEN, run_id="next", once=True)


def test_the_history_of_a_date_holds_it_and_the_newest_earlier_one(tmp_path: Path) -> None:
    """By when they were recorded: the verdicts of the date before, then those of the date; no other model, probe or date."""
    path = tmp_path / "ledger.jsonl"
    lines = [
        ("2026-04-28", "m", "01"),
        ("2026-04-30", "m", "05"),
        ("2026-04-29", "m", "03"),
        ("2026-04-29", "m", "02"),
        ("2026-04-29", "other", "04"),
        ("2026-04-30", "m", "04"),
        ("2026-05-01", "m", "06"),
    ]
    for date, model, hour in lines:
        verdict = make_verdict(date=date, model=model)
        append(path, verdict, recorded_at=f"2026-05-02T{hour}:00:00Z", run_id=f"{date} {hour}")
    append(path, make_retrieval_verdict(corpus="m"), recorded_at=WHEN, run_id="retrieve")
    found = history(path, "embed", "2026-04-30", "m")
    assert [one.run_id for one in found] == ["2026-04-29 02", "2026-04-29 03", "2026-04-30 04", "2026-04-30 05"]
    assert [one.run_id for one in history(path, "retrieve", "2026-04-30", "m")] == ["retrieve"]
    assert history(path, "embed", "2026-04-27", "m") == []
    assert history(tmp_path / "none.jsonl", "embed", "2026-04-30", "m") == []


def test_an_earlier_date_of_another_model_that_names_this_one_is_passed_over(tmp_path: Path) -> None:
    """A model that echoes the name of another one has no part in its history."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "own", date="2026-04-28", model="m")
    _append(path, "foreign", date="2026-04-29", model="other", reasons=("the responses name", "m"))
    assert [one.run_id for one in history(path, "embed", "2026-04-30", "m")] == ["own"]


def test_the_history_reads_no_line_of_other_dates(tmp_path: Path) -> None:
    """Damage elsewhere is the summary's to name; a damaged line of the date itself is an error."""
    path = tmp_path / "ledger.jsonl"
    _append(path, "older", date="2026-04-01", model="m")
    damaged = path.read_bytes().replace(b'"counts"', b'"counted"')
    _append(path, "own", date="2026-04-30", model="m")
    path.write_bytes(damaged + path.read_bytes().partition(b"\n")[2])
    _append(path, "before", date="2026-04-29", model="m")
    assert [one.run_id for one in history(path, "embed", "2026-04-30", "m")] == ["before", "own"]
    with pytest.raises(ArtifactError):
        history(path, "embed", "2026-04-01", "m")


def test_the_last_that_was_judged_passes_over_runs_that_failed(tmp_path: Path) -> None:
    """However often a date could not be run since, what was judged last is still known."""
    path = tmp_path / "ledger.jsonl"
    assert last_judged(path, "embed", "2026-04-30", "m") is None
    _append(path, model="m", decision=Decision.FAIL)
    failure = RunFailure(step="samples", problem="x")
    _append(path, model="m", decision=Decision.INCONCLUSIVE, not_run=failure)
    found = last_judged(path, "embed", "2026-04-30", "m")
    assert found is not None
    assert found.decision is Decision.FAIL
    assert last_judged(path, "embed", "2026-05-01", "m") is None
