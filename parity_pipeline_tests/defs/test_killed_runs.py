"""Runs whose process was killed: each date that they were to judge is INCONCLUSIVE, and whatever else is known stands."""

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path

import dagster as dg
import pytest

from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.verdict import EMBED_THROUGH_ADAPTER
from parity_pipeline.definitions import build_definitions
from parity_pipeline.defs.automation import asset_key, refetch_job
from parity_pipeline.defs.killed_runs import (
    KILLED_COMMAND,
    NAME,
    PARTITION_TAG,
    RANGE_TAGS,
    failure_of_run,
    record_run,
    terminated,
    wants_verdict,
)
from parity_pipeline.defs.partitions import make_key, make_partitions
from parity_pipeline.defs.verdict_metadata import VERDICT_TAG
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import EMBED, RETRIEVE, AnyVerdict, Probe
from parity_pipeline.storage.ledger import LedgerEntry, entries
from parity_pipeline_tests.defs.project import DAY, MODEL, Project, searching_project
from parity_pipeline_tests.defs.test_retrieval_runs import CORPUS
from parity_pipeline_tests.defs.test_runs import a_project

RUN = "0a1b2c3d-0000-4000-8000-000000000000"
WORKER = (
    f"[DagsterApiServer] Run execution process for {RUN} was terminated by signal 9 (SIGKILL). This usually indicates that "
    "the process was killed by the operating system due to running out of memory."
)
STEP = (
    "Multiprocess executor: child process for step candidate__embeddings was terminated by signal 9 (SIGKILL). This usually "
    "indicates that the process was killed by the operating system due to running out of memory."
)
TOO_LONG = "Canceling due to exceeding maximum runtime of 86400 seconds."
TERMINATE = "Sending run termination request."


def of_type(kind: dg.DagsterEventType, message: str = "", step: str | None = None) -> dg.DagsterEvent:
    """Return an event of a run."""
    return dg.DagsterEvent(event_type_value=kind.value, job_name=EMBED.job, step_key=step, message=message)


STARTED = of_type(dg.DagsterEventType.STEP_START, step="candidate__embeddings")


def ended(
    project: Project,
    *,
    key: str = str(make_key(DAY, MODEL)),
    probe: Probe = EMBED,
    events: Sequence[dg.DagsterEvent] = (STARTED,),
    run_id: str = RUN,
    at: datetime | None = None,
    tags: Mapping[str, str] | None = None,
    asset_selection: AbstractSet[dg.AssetKey] | None = None,
    step_keys_to_execute: Sequence[str] | None = None,
) -> dg.DagsterRun:
    """Return a run of which Dagster notices now that its process has ended, after these events, which were `at` that time."""
    started = dg.DagsterRun(
        job_name=probe.job,
        run_id=run_id,
        status=dg.DagsterRunStatus.STARTED,
        tags=tags or {PARTITION_TAG: key},
        asset_selection=asset_selection,
        step_keys_to_execute=step_keys_to_execute,
    )
    project.instance.add_run(started)
    for event in events:
        project.instance.report_dagster_event(event, run_id, timestamp=at.timestamp() if at else None)
    project.instance.report_engine_event(WORKER, started)
    project.instance.report_run_failed(started)
    found = project.instance.get_run_by_id(run_id)
    assert found is not None
    return found


def recorded(project: Project, run: dg.DagsterRun, context: RunContext | None = None) -> list[AnyVerdict]:
    """Return what is recorded of a run that has ended."""
    settings = project.settings()
    partitions = {EMBED.name: make_partitions(settings.first_date, settings.timezone, settings.models)}
    return record_run(context or project.context(), project.instance, run, partitions)


def ledger_of(project: Project) -> list[LedgerEntry]:
    """Return the entries of a project's ledger."""
    return list(entries(project.settings().layout().ledger))


def test_a_pass_does_not_go_on_standing_when_the_next_run_is_killed(tmp_path: Path) -> None:
    """The sensor leaves the reason in ledger, report and summary, with step, run and signal, and tags the run."""
    project = a_project(tmp_path)
    assert project.run().success
    failed = ended(project)
    sensor = build_definitions(project.settings(), context=project.context()).resolve_sensor_def(NAME)
    event = of_type(dg.DagsterEventType.RUN_FAILURE)
    with dg.build_run_status_sensor_context(
        NAME, event, project.instance, failed, dg.build_sensor_context()
    ) as context:
        sensor(context)
    first, second = ledger_of(project)
    assert (first.verdict.decision, second.verdict.decision) == (Decision.PASS, Decision.INCONCLUSIVE)
    assert second.run_id == RUN
    words = "candidate/embeddings failed: run 0a1b2c3d: its process was terminated by signal 9 (SIGKILL)"
    assert second.verdict.reasons == (f"could not run: {words}",)
    layout = project.settings().layout()
    assert words in layout.summary.read_text("utf-8")
    report = layout.report(DAY, MODEL).read_text("utf-8")
    assert "which was PASS" in report
    assert "run the date again" in report
    tagged = project.instance.get_run_by_id(RUN)
    assert tagged is not None
    assert tagged.tags[VERDICT_TAG] == "INCONCLUSIVE"


def test_a_corpus_and_the_adapter_are_recorded_as_what_they_are(tmp_path: Path) -> None:
    """A killed run of the retrieve probe is of its corpus, and one through the adapter of that probe's own history."""
    project = searching_project(tmp_path)
    key = str(make_key(DAY, CORPUS, RETRIEVE.dimension))
    [of_corpus] = recorded(project, ended(project, key=key, probe=RETRIEVE, events=()))
    plain = project.context()
    behind = replace(plain, probe=EMBED_THROUGH_ADAPTER, layout=replace(plain.layout, probe=EMBED_THROUGH_ADAPTER))
    [of_adapter] = recorded(project, ended(project, run_id="b"), behind)
    assert (of_corpus.endpoint, of_adapter.endpoint) == ("retrieve", EMBED_THROUGH_ADAPTER)
    assert [one.verdict.endpoint for one in ledger_of(project)] == ["retrieve", EMBED_THROUGH_ADAPTER]
    assert of_corpus.reasons[0].startswith("could not run: the run failed: run 0a1b2c3d: its process")


def test_each_date_of_a_run_over_several_is_recorded_once(tmp_path: Path) -> None:
    """A backfill in one run leaves each of its dates INCONCLUSIVE, and a second look at it adds nothing."""
    project = a_project(tmp_path)
    first, last = RANGE_TAGS
    tags = {str(first): str(make_key("2026-04-30", MODEL)), str(last): str(make_key(DAY, MODEL))}
    run = ended(project, tags=tags, asset_selection=frozenset({asset_key("parity"), asset_key("verdict")}))
    assert [one.date for one in recorded(project, run)] == ["2026-04-30", DAY]
    assert recorded(project, run) == []
    assert [(one.run_id, one.verdict.date) for one in ledger_of(project)] == [(RUN, "2026-04-30"), (RUN, DAY)]


def test_a_run_that_has_its_verdict_keeps_it(tmp_path: Path) -> None:
    """What is killed after the verdict, while its report is written, has judged."""
    project = a_project(tmp_path)
    done = project.run().dagster_run
    project.instance.report_run_failed(done)
    assert recorded(project, done) == []
    [entry] = ledger_of(project)
    assert entry.verdict.decision is Decision.PASS


def test_a_run_whose_error_is_recorded_is_not_recorded_twice(tmp_path: Path) -> None:
    """A step that raised has said why; the end of its run adds nothing."""
    project = a_project(tmp_path, candidate=None)
    failed = project.run().dagster_run
    assert recorded(project, failed) == []
    assert len(ledger_of(project)) == 1


@pytest.mark.parametrize(
    ("messages", "lines"), [((TERMINATE,), 0), ((TOO_LONG, TERMINATE), 1), ((), 1)], ids=["person", "daemon", "nobody"]
)
def test_a_run_that_a_person_terminated_is_not_recorded(tmp_path: Path, messages: Sequence[str], lines: int) -> None:
    """It says nothing of the sides, even if it had to be killed in the end; one that the daemon ended for its age is recorded."""
    project = a_project(tmp_path)
    canceling = [of_type(dg.DagsterEventType.RUN_CANCELING, message) for message in messages]
    assert len(recorded(project, ended(project, events=(STARTED, *canceling)))) == lines
    assert terminated(canceling) is (lines == 0)


@pytest.mark.parametrize(("minutes", "lines"), [(-90, 1), (-30, 0)])
def test_a_newer_verdict_stands(tmp_path: Path, minutes: int, lines: int) -> None:
    """A run whose end is noticed late, when its date has been judged since, is history; a verdict from before counts not."""
    project, now = a_project(tmp_path), datetime.now(UTC)
    assert replace_clock(project, now + timedelta(minutes=minutes)).run().success
    killed = ended(project, at=now - timedelta(minutes=60))
    assert len(recorded(project, killed)) == lines


def replace_clock(project: Project, clock: datetime) -> Project:
    """Return the project at another time, with the same history."""
    found = replace(project, clock=clock)
    found.instance = project.instance
    return found


@pytest.mark.parametrize(
    ("run", "wanted"),
    [
        (dg.DagsterRun(job_name=EMBED.job), True),
        (dg.DagsterRun(job_name=refetch_job(Side.CANDIDATE)), True),
        (dg.DagsterRun(job_name=RETRIEVE.job), False),
        (dg.DagsterRun(job_name="of someone else"), False),
        (dg.DagsterRun(job_name="j", asset_selection=frozenset({asset_key("verdict")})), True),
        (dg.DagsterRun(job_name=EMBED.job, asset_selection=frozenset({asset_key("parity")})), False),
        (dg.DagsterRun(job_name=EMBED.job, step_keys_to_execute=["verdict", "report"]), True),
        (dg.DagsterRun(job_name=EMBED.job, step_keys_to_execute=["report", "summary"]), False),
    ],
)
def test_only_runs_that_were_to_judge_are_looked_at(tmp_path: Path, run: dg.DagsterRun, *, wanted: bool) -> None:
    """Neither a lane alone, nor a re-execution of the report alone, nor a job of another project."""
    assert wants_verdict(run, EMBED) is wanted
    project = a_project(tmp_path)
    probe = replace(EMBED, job=run.job_name)
    if run.job_name != RETRIEVE.job:
        assets, steps = run.asset_selection, run.step_keys_to_execute
        done = ended(project, probe=probe, asset_selection=assets, step_keys_to_execute=steps)
        assert bool(recorded(project, done)) is wanted


class ChildProcessCrashException(Exception):  # noqa: N818 - the name that Dagster's own has
    """What Dagster reports of a step whose process ended by itself."""


class DagsterExecutionInterruptedError(Exception):
    """What Dagster reports of a step that was interrupted."""


@pytest.mark.parametrize(
    ("error", "message", "step", "problem"),
    [
        (
            ChildProcessCrashException(),
            STEP,
            "candidate/embeddings",
            "its process was terminated by signal 9 (SIGKILL)",
        ),
        (DagsterExecutionInterruptedError(), "", "candidate/embeddings", "interrupted, and nobody had terminated it"),
        (ValueError("Bearer abc"), STEP, "candidate/embeddings", "unexpected ValueError, whose text is in the log"),
        (
            None,
            WORKER.replace("was terminated by signal 9 (SIGKILL)", "unexpectedly exited with code 1"),
            "",
            "with code 1",
        ),
        (None, KILLED_COMMAND, "", "the command that executed it was killed"),
        (None, TOO_LONG, "", "did not end in the time that dagster.yaml allows"),
        (None, "Bearer abc", "", "for the reason that is in its log"),
    ],
)
def test_the_reason_says_what_happened(
    tmp_path: Path, error: Exception | None, message: str, step: str, problem: str
) -> None:
    """In words of this product, and Dagster's of a process that ended; no text that may hold a secret."""

    @dg.op
    def candidate__embeddings() -> None:
        if error:
            raise error

    @dg.job
    def job() -> None:
        candidate__embeddings()

    instance = dg.DagsterInstance.ephemeral(tempdir=str(tmp_path))
    events = job.execute_in_process(instance=instance, raise_on_error=False).all_events
    found = failure_of_run(RUN, [*events, of_type(dg.DagsterEventType.RUN_FAILURE, message)])
    assert found.step == (step or "the run")
    assert problem in found.problem
    assert "abc" not in repr(found)


def test_dagster_still_says_it_in_these_words() -> None:
    """The reasons are read from messages of Dagster, which no interface promises."""
    dagster = files("dagster")
    assert 'f"Run execution process for {run.run_id}"' in dagster.joinpath("_grpc/server.py").read_text("utf-8")
    assert "child process for step {key}" in dagster.joinpath("_core/executor/multiprocess.py").read_text("utf-8")
    explained = dagster.joinpath("_utils/__init__.py").read_text("utf-8")
    assert 'f"was terminated by signal {posix_signal} ({signal_str})."' in explained
    assert 'f"unexpectedly exited with code {exit_code}."' in explained
    monitoring = dagster.joinpath("_daemon/monitoring/run_monitoring.py").read_text("utf-8")
    assert 'message=f"Canceling due to exceeding maximum runtime' in monitoring


def test_a_failure_to_record_is_shown_once_and_not_tried_for_ever(tmp_path: Path) -> None:
    """A tick whose recording fails is red; the next one goes on behind that run, and records what comes after it."""
    project = a_project(tmp_path)
    definitions = project.definitions()
    sensor = definitions.resolve_sensor_def(NAME)
    assert sensor.default_status is dg.DefaultSensorStatus.RUNNING
    ledger = project.settings().layout().ledger

    def tick(cursor: str | None) -> tuple[str | None, list[bool]]:
        with dg.build_sensor_context(instance=project.instance, cursor=cursor, definitions=definitions) as context:
            data = sensor.evaluate_tick(context)
        return data.cursor, [reaction.error is not None for reaction in data.dagster_run_reactions or ()]

    cursor, reactions = tick(None)
    assert reactions == []
    ledger.mkdir(parents=True)
    ended(project, run_id="a")
    cursor, reactions = tick(cursor)
    assert reactions == [True]
    ledger.rmdir()
    ended(project, run_id="b")
    cursor, reactions = tick(cursor)
    assert reactions == [False]
    assert tick(cursor)[1] == []
    assert [one.run_id for one in ledger_of(project)] == ["b"]
