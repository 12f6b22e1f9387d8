"""After the flip: the legacy's stored vectors stand in for it, nothing is requested from it, and the verdict says so."""

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.cli.doctor import run_checks
from parity_pipeline.core.errors import ArtifactError, GatewayError, SettingsError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.staleness import Freshness, staleness
from parity_pipeline.core.verdict import Verdict
from parity_pipeline.definitions import build_context
from parity_pipeline.settings.loading import validate
from parity_pipeline.steps.context import RunContext
from parity_pipeline.steps.probes import RETRIEVE
from parity_pipeline.steps.recordings import find_recording
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.embeddings_files import EmbeddingsFile, EmbeddingsWriter
from parity_pipeline.storage.evidence_files import read_verdict
from parity_pipeline.storage.gateways import read_states
from parity_pipeline.wire.doctor_request import ConnectivityResult
from parity_pipeline.wire.side_config import SideConfig
from parity_pipeline_tests.defs.after_flip import CORPUS, AfterFlip, after_flip, verdict_on
from parity_pipeline_tests.defs.project import MODEL, Project, searching_project
from parity_pipeline_tests.fakes.gateways import Gateway, hash_gateway, hash_vector
from parity_pipeline_tests.fakes.searching import SearchingGateway

RECORDED_ON, FAILED_ON, TODAY = "2026-05-01", "2026-05-02", "2026-05-03"


@dataclass
class RecordedProject(Project):
    """A project whose legacy side is a recording once `recorded` is set."""

    recorded: str | None = None

    def context(self) -> RunContext:
        """Return what the steps share, the legacy as the settings would make it with the key `recorded`."""
        plain = super().context()
        legacy = replace(plain.gateways[Side.LEGACY], recorded=self.recorded or "")
        return replace(plain, gateways={**plain.gateways, Side.LEGACY: legacy})


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A project with one date that passed and one, the newer, that failed; made once for the module."""
    folder = tmp_path_factory.mktemp("judged")
    candidate = hash_gateway("go")
    project = Project(folder, hash_gateway("rust"), candidate)
    assert project.run(day=RECORDED_ON).success
    project.clock += timedelta(days=1)
    candidate.embed = lambda text, _model: hash_vector(text, "bad build", 32)
    assert project.run(day=FAILED_ON).success
    assert verdict_of(project, FAILED_ON).decision is Decision.FAIL
    return folder


@pytest.fixture
def project(tmp_path: Path, judged: Path) -> RecordedProject:
    """A copy of it two days later, the legacy switched off and a recording in its place."""
    copied = tmp_path / "project"
    shutil.copytree(judged, copied)
    found = RecordedProject(copied, None, hash_gateway("go"), samples=("something new", "for today"), recorded="last")
    found.clock += timedelta(days=2)
    return found


def verdict_of(project: Project, day: str) -> Verdict:
    """Return the stored verdict of a date."""
    return read_verdict(project.settings().layout().verdict(day, MODEL))


def test_the_last_good_date_stands_in(project: RecordedProject) -> None:
    """A new date is judged against the newest vectors whose verdict passed, on the samples of then, without the legacy."""
    assert project.run(day=TODAY).success
    found = verdict_of(project, TODAY)
    assert found.decision is Decision.PASS
    assert found.legacy.provenance.recorded == RECORDED_ON
    assert found.legacy.provenance.label == f"Old gateway, recording of {RECORDED_ON}"
    assert found.sample_set.hash == verdict_of(project, RECORDED_ON).sample_set.hash
    assert any(one.startswith(f"the legacy is a recording of {RECORDED_ON}") for one in found.findings)
    assert f"recording of {RECORDED_ON}" in project.settings().layout().report(TODAY, MODEL).read_text("utf-8")


def test_the_candidate_stays_watched(project: RecordedProject) -> None:
    """A candidate that changes after the flip fails against the recording."""
    assert isinstance(project.candidate, Gateway)
    project.candidate.embed = lambda text, _model: hash_vector(text, "another build", 32)
    assert project.run(day=TODAY).success
    assert verdict_of(project, TODAY).decision is Decision.FAIL


def test_repeatability_and_contract_come_from_the_recording(project: RecordedProject) -> None:
    """What was measured with the recorded vectors counts, as it would from the side itself."""
    assert project.run(day=TODAY).success
    then, now = verdict_of(project, RECORDED_ON), verdict_of(project, TODAY)
    assert now.legacy.stability == then.legacy.stability
    assert now.legacy.floor == then.legacy.floor is not None
    assert now.contract is not None


def test_what_was_not_measured_then_is_not_measured(project: RecordedProject) -> None:
    """Without a stored repeatability or contract of the recording the verdict has none of that side, and no request is sent."""
    layout = project.settings().layout()
    layout.stability(Side.LEGACY, RECORDED_ON, MODEL).unlink()
    layout.contract(Side.LEGACY, RECORDED_ON, MODEL).unlink()
    assert project.run(day=TODAY).success
    found = verdict_of(project, TODAY)
    assert found.legacy.floor is None
    assert found.legacy.stability is not None
    assert "was not measured then" in " ".join(found.legacy.stability.notes)


def flipped(folder: Path) -> AfterFlip:
    """Return a project whose both probes passed, two days later, the legacy switched off and not named any more."""
    project = searching_project(folder / "before")
    assert project.run(day=RECORDED_ON).success
    assert project.run(day=RECORDED_ON, model=CORPUS, probe=RETRIEVE).success
    return after_flip(folder / "after", project)


def test_both_probes_go_on_without_naming_the_legacy(tmp_path: Path) -> None:
    """With `legacy: {recorded: last}` alone, both jobs judge a new date, and both reports say what it was judged against."""
    (tmp_path / "before").mkdir()
    project = flipped(tmp_path)
    assert project.run(day=TODAY).success
    assert project.run(day=TODAY, model=CORPUS, probe=RETRIEVE).success
    layout = project.settings().layout()
    found = (
        (verdict_of(project, TODAY), layout.report(TODAY, MODEL)),
        (verdict_on(project, TODAY), layout.retrieval_report(TODAY, CORPUS)),
    )
    for verdict, report in found:
        assert verdict.decision is Decision.PASS
        assert verdict.lanes[0].recorded == RECORDED_ON
        assert f"Old gateway, recording of {RECORDED_ON}" in report.read_text("utf-8")
        assert f"the legacy is a recording of {RECORDED_ON}" in report.read_text("utf-8")


def test_both_probes_stay_watched_without_naming_the_legacy(tmp_path: Path) -> None:
    """A candidate that changes fails both, with what differs, and is the one side that is sent anything."""
    (tmp_path / "before").mkdir()
    project = flipped(tmp_path)
    bad = SearchingGateway("go", embed_query=lambda text: hash_vector(text, "another build", 32))
    bad.embedding.embed = lambda text, _model: hash_vector(text, "another build", 32)
    project.candidate = bad
    assert project.run(day=TODAY).success
    assert project.run(day=TODAY, model=CORPUS, probe=RETRIEVE).success
    embed = verdict_of(project, TODAY)
    assert embed.decision is verdict_on(project, TODAY).decision is Decision.FAIL
    assert embed.diagnosis is not None
    assert embed.diagnosis.failing_looked_at


def test_recorded_vectors_are_never_replaced(project: RecordedProject) -> None:
    """A backfill over the dates that the legacy responded on leaves its files byte for byte, samples too."""
    layout = project.settings().layout()
    kept = {
        path: path.read_bytes()
        for day in (RECORDED_ON, FAILED_ON)
        for path in (layout.embeddings(Side.LEGACY, day, MODEL), layout.samples(day, MODEL))
    }
    for day in (RECORDED_ON, FAILED_ON):
        assert project.run(day=day).success
        assert verdict_of(project, day).decision is Decision.PASS
    assert {path: path.read_bytes() for path in kept} == kept


def test_a_recording_is_not_recorded_again(project: RecordedProject) -> None:
    """The next date takes the vectors that were fetched, and not the copy of the date before."""
    for day in (TODAY, "2026-05-04"):
        project.clock += timedelta(days=1)
        assert project.run(day=day).success
    lane = EmbeddingsFile(project.settings().layout().embeddings(Side.LEGACY, "2026-05-04", MODEL)).header
    assert (lane.recorded, lane.label) == (RECORDED_ON, f"Old gateway, recording of {RECORDED_ON}")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fetched_to": "2026-05-01T23:00:00+00:00"}, "its vectors were fetched again after the verdict"),
        ({"stopped_early": "outage"}, "its lane stopped early"),
        ({"sample_set_hash": "0" * 64}, "its samples were drawn again after the fetch"),
        ({"side": Side.CANDIDATE}, "it was fetched from the candidate"),
        ({"model": "another"}, "it holds model 'another'"),
        ({}, ""),
    ],
)
def test_a_lane_that_the_verdict_is_not_about_stands_in_for_nothing(
    project: RecordedProject, changes: dict[str, Any], words: str
) -> None:
    """Of the newest date that passed, vectors that were fetched since, in part, or for other texts are not taken."""
    context = project.context()
    path = context.layout.embeddings(Side.LEGACY, RECORDED_ON, MODEL)
    lane = EmbeddingsFile(path)
    with publishing(path) as draft, EmbeddingsWriter(draft) as writer:
        for block in lane.blocks():
            writer.add(block)
        writer.finish(replace(lane.header, **changes))
    if not words:
        assert find_recording(context, Side.LEGACY, TODAY, MODEL).date == RECORDED_ON
        return
    with pytest.raises(ArtifactError) as caught:
        find_recording(context, Side.LEGACY, TODAY, MODEL)
    assert f"{RECORDED_ON}: {words}" in str(caught.value)


def test_a_lane_of_another_quantity_stands_in_for_nothing(project: RecordedProject) -> None:
    """Vectors for some of the samples alone would leave the others out of every comparison, so they are not taken."""
    context = project.context()
    path = context.layout.embeddings(Side.LEGACY, RECORDED_ON, MODEL)
    lane = EmbeddingsFile(path)
    with publishing(path) as draft, EmbeddingsWriter(draft) as writer:
        writer.add(next(iter(lane.blocks(3))))
        writer.finish(lane.header)
    with pytest.raises(ArtifactError, match=f"{RECORDED_ON}: it holds 3 rows for 5 samples"):
        find_recording(context, Side.LEGACY, TODAY, MODEL)


@pytest.mark.parametrize("recorded", ["last", FAILED_ON])
def test_a_gateway_that_still_runs_is_sent_nothing(project: RecordedProject, recorded: str) -> None:
    """Where a recording still names its gateway, a FAIL with its diagnosis sends it no request all the same."""
    project.legacy, project.recorded = hash_gateway("rust"), recorded
    assert isinstance(project.candidate, Gateway)
    project.candidate.embed = lambda text, _model: hash_vector(text, "another build", 32)
    assert project.run(day=TODAY).success
    found = verdict_of(project, TODAY)
    assert found.decision is Decision.FAIL
    assert found.diagnosis is not None
    assert found.confirmation is None
    assert project.legacy.requests == 0


def test_a_named_date_is_taken_whatever_its_verdict(project: RecordedProject) -> None:
    """A person may name a date whose verdict failed: its legacy vectors are as good, and the finding says that it failed."""
    project.recorded = FAILED_ON
    assert project.run(day=TODAY).success
    found = verdict_of(project, TODAY)
    assert found.legacy.provenance.recorded == FAILED_ON
    assert any(one.endswith("; no verdict vouches for them: its verdict is FAIL") for one in found.findings)


def test_a_recording_is_not_stale(project: RecordedProject) -> None:
    """The legacy side of such a verdict cannot have changed, the candidate's is compared as ever."""
    assert project.run(day=TODAY).success
    found = staleness(verdict_of(project, TODAY), read_states(project.settings().layout().gateways))
    assert found.legacy.freshness is Freshness.CURRENT
    assert "recording" in found.legacy.words


def _prune(project: RecordedProject) -> None:
    project.settings().layout().embeddings(Side.LEGACY, RECORDED_ON, MODEL).unlink()


def _redraw(project: RecordedProject) -> None:
    layout = project.settings().layout()
    other = Project(project.folder, None, None, samples=("redrawn",))
    assert other.run("samples", day=RECORDED_ON).success
    assert layout.samples(RECORDED_ON, MODEL).exists()


def _name(date: str) -> Callable[[RecordedProject], None]:
    def name(project: RecordedProject) -> None:
        project.recorded = date

    return name


@pytest.mark.parametrize(
    ("take_away", "said"),
    [
        (_prune, "2026-05-01: its vectors are not stored (never fetched, or pruned)"),
        (_redraw, "2026-05-01: its samples were drawn again after the fetch"),
        (_name("2026-04-30"), "cannot be a recording of 2026-04-30: its vectors are not stored"),
    ],
)
def test_without_a_recording_the_run_says_why(
    project: RecordedProject, take_away: Callable[[RecordedProject], None], said: str
) -> None:
    """Vectors that are pruned, samples that were drawn again, and a date without any are named, and nothing is fetched."""
    take_away(project)
    result = project.run(day=TODAY)
    assert not result.success
    failures: list[Any] = [one for one in result.all_events if one.is_step_failure]
    messages = " ".join(str(one.step_failure_data.user_failure_data.description) for one in failures)
    assert said in messages
    assert not project.settings().layout().embeddings(Side.LEGACY, TODAY, MODEL).exists()


def test_both_sides_cannot_be_recordings(tmp_path: Path) -> None:
    """Settings without any gateway to request are refused, and so is a recording beside the retrieve probe."""
    side = {"base_url": "http://gateway.test", "dialect": "rust", "label": "x", "recorded": "last"}
    content = {
        "first_date": "2026-04-30",
        "models": ["m"],
        "samples": [{"hazards": ["all"]}],
        "sides": {"legacy": side, "candidate": {**side, "dialect": "go"}},
    }
    with pytest.raises(SettingsError, match="both sides are recordings"):
        validate(content, tmp_path / "parity.yaml")


def test_the_settings_reach_the_gateway(tmp_path: Path) -> None:
    """The key of a side makes it a recording, whose token is not looked up and whose services are not started."""
    side = {"base_url": "http://one.test", "dialect": "rust", "label": "x", "bearer_env": "GONE"}
    service = {"name": "s", "command": ["x"], "health_url": "http://one.test/health"}
    content = {
        "first_date": "2026-04-30",
        "models": ["m"],
        "samples": [{"hazards": ["all"]}],
        "sides": {
            "legacy": {**side, "recorded": "2026-05-01", "services": [service]},
            "candidate": {"base_url": "http://two.test", "dialect": "go", "label": "y"},
        },
    }
    settings = validate(content, tmp_path / "parity.yaml")
    run = build_context(settings, environ={})
    assert [run.gateways[one].recorded for one in Side] == ["2026-05-01", ""]
    assert run.gateways[Side.LEGACY].config().bearer_token is None
    assert not settings.services()
    with pytest.raises(GatewayError, match="is a recording"):
        run.gateways[Side.LEGACY].embed("m", ["x"])


def test_doctor_finds_the_recording(tmp_path: Path, judged: Path) -> None:
    """`parity doctor` names the vectors that stand in, or what is missing, and sends the side nothing."""
    copied = tmp_path / "project"
    shutil.copytree(judged, copied)
    plain = Project(copied, None, None).settings()
    lines: dict[str, tuple[bool | None, str]] = {}
    for recorded in ("last", date(2026, 4, 30)):
        legacy = plain.sides.legacy.model_copy(update={"recorded": recorded})
        settings = plain.model_copy(update={"sides": plain.sides.model_copy(update={"legacy": legacy})})
        for one in run_checks(settings, {}, TODAY, connect=_never_legacy):
            lines[f"{recorded} {one.subject}"] = one.ok, one.text
    assert lines[f"last legacy recording with {MODEL}"] == (
        True,
        f"5 vectors of {RECORDED_ON} stand in, nothing is requested",
    )
    ok, text = lines[f"2026-04-30 legacy recording with {MODEL}"]
    assert not ok
    assert text.startswith("the legacy cannot be a recording of 2026-04-30: its vectors are not stored")


def _never_legacy(config: SideConfig, _model: str) -> ConnectivityResult:
    """Respond for the candidate alone."""
    assert config.side is Side.CANDIDATE
    return ConnectivityResult(checks=())
