"""After the flip: the legacy's stored rankings stand in for it, and whatever makes them another list is refused."""

from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from parity_pipeline.cli.doctor import DoctorCheck, run_checks
from parity_pipeline.core.errors import ArtifactError, GatewayError, SettingsError
from parity_pipeline.core.outcomes import Decision, Side
from parity_pipeline.core.recorded_time import moment
from parity_pipeline.core.retrieval.records import Reported
from parity_pipeline.core.staleness import Freshness, staleness
from parity_pipeline.flip.gate import fetched_at
from parity_pipeline.steps.prune_vectors import find_old
from parity_pipeline.steps.retrieval.recorded_rankings import find_recorded_rankings
from parity_pipeline.storage.atomic import publishing
from parity_pipeline.storage.gateways import read_states
from parity_pipeline.storage.rankings_files import RankingsFile, RankingsWriter
from parity_pipeline_tests.defs.after_flip import (
    CORPUS,
    FAILED_ON,
    RECORDED_ON,
    TODAY,
    AfterFlip,
    after_flip,
    judged_project,
    verdict_on,
)
from parity_pipeline_tests.defs.project import Project
from parity_pipeline_tests.fakes.gateways import hash_vector
from parity_pipeline_tests.fakes.searching import QUERIES, SearchingGateway, query_lines


@pytest.fixture(scope="module")
def judged(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """A project with one date that passed and one, the newer, that failed; made once for the module."""
    return judged_project(tmp_path_factory.mktemp("judged"))


@pytest.fixture
def project(tmp_path: Path, judged: Project) -> AfterFlip:
    """A copy of it after the flip, with other queries in its source than then."""
    found = after_flip(tmp_path / "project", judged)
    (found.folder / "queries.jsonl").write_text(query_lines(("something new", "for today")), "utf-8")
    return found


def lane_path(project: Project, day: str) -> Path:
    """Return where the legacy's rankings of a date lie."""
    return project.settings().layout().rankings(Side.LEGACY, day, CORPUS)


def rewrite(project: Project, *, keep: int | None = None, **changes: Any) -> None:
    """Write the recorded lane again with a changed header, or with the first queries alone."""
    path = lane_path(project, RECORDED_ON)
    lane = RankingsFile(path)
    with publishing(path) as draft, RankingsWriter(draft, side=Side.LEGACY, reported=Reported.SCORE) as writer:
        for block in lane.blocks(keep or 1000):
            writer.add(block)
            if keep:
                break
        writer.finish(replace(lane.header, **changes))


def test_the_last_good_rankings_stand_in(project: AfterFlip) -> None:
    """A new date is judged against the newest rankings that passed, on the queries of then, and report and page say so."""
    found, then = project.judge(), verdict_on(project, RECORDED_ON)
    lane = found.legacy
    assert (found.decision, found.counts.agreeing) == (Decision.PASS, len(QUERIES))
    assert (lane.recorded, lane.recorded_unproved, lane.date) == (RECORDED_ON, "", TODAY)
    assert lane.label == f"Old gateway, recording of {RECORDED_ON}"
    assert found.query_set == then.query_set
    assert (lane.noise, lane.fetched_to) == (then.legacy.noise, then.legacy.fetched_to)
    assert lane.noise is not None
    assert any(
        one.startswith(f"the legacy is a recording of {RECORDED_ON}: its rankings were") for one in found.findings
    )
    layout = project.settings().layout()
    for path in (layout.retrieval_report(TODAY, CORPUS), layout.html_retrieval_report(TODAY, CORPUS)):
        text = path.read_text("utf-8")
        assert "nothing was requested from it for this verdict" in text
        assert "as the legacy side was sent it" not in text
        assert "as the candidate side was sent it" in text


def test_the_candidate_stays_watched(project: AfterFlip) -> None:
    """A candidate that changes after the flip fails against the recording, and nothing is sent to the legacy."""
    project.candidate = SearchingGateway("go", embed_query=lambda text: hash_vector(text, "another build", 32))
    found = project.judge()
    assert found.decision is Decision.FAIL
    assert found.confirmation is None
    noise = found.candidate.noise
    assert noise is not None
    assert project.candidate.searches == len(QUERIES) + noise.requests


@pytest.mark.parametrize("named", [False, True])
def test_the_candidate_may_be_the_recording(project: AfterFlip, named: bool) -> None:
    """Either side may be recorded, and the other one is sent its queries and its repeats, and nothing to confirm."""
    project.side, project.recorded, project.named = Side.CANDIDATE, FAILED_ON, named
    project.retrieve = {"candidate": {"scores": {"reported": "cosine_distance"}}}
    project.legacy = SearchingGateway("rust")
    found = project.judge()
    assert (found.decision, found.candidate.recorded) == (Decision.FAIL, FAILED_ON)
    assert found.legacy.noise is not None
    assert project.legacy.searches == len(QUERIES) + found.legacy.noise.requests
    assert project.legacy.requests == 0


def test_a_recording_is_not_recorded_again(project: AfterFlip) -> None:
    """The next date takes the rankings that were fetched, and not the copy of the date before."""
    for day in (TODAY, "2026-05-04"):
        project.clock += timedelta(days=1)
        assert project.judge(day).decision is Decision.PASS
    assert verdict_on(project, "2026-05-04").legacy.label == f"Old gateway, recording of {RECORDED_ON}"


def test_recorded_rankings_are_never_replaced(project: AfterFlip) -> None:
    """A backfill of the date that the legacy responded on leaves its rankings and queries byte for byte."""
    layout = project.settings().layout()
    kept = {path: path.read_bytes() for path in (lane_path(project, RECORDED_ON), layout.queries(RECORDED_ON, CORPUS))}
    found = project.judge(RECORDED_ON)
    assert (found.decision, found.legacy.recorded) == (Decision.PASS, "")
    assert {path: path.read_bytes() for path in kept} == kept


def test_rankings_of_a_date_itself_are_kept_under_other_settings(project: AfterFlip) -> None:
    """A date whose own rankings were requested differently is not given those of another date in their place."""
    assert project.judge().decision is Decision.PASS
    kept = lane_path(project, RECORDED_ON).read_bytes()
    project.retrieve = {"k": 6}
    with pytest.raises(
        ArtifactError, match=r"2026-05-01 has rankings of its own, and retrieve\.k was 5 then and is 6 now"
    ):
        project.judge(RECORDED_ON)
    assert lane_path(project, RECORDED_ON).read_bytes() == kept


def test_a_copy_cannot_be_named(project: AfterFlip) -> None:
    """A date that stood on a recording is none itself, so that nobody loses sight of when rankings were fetched."""
    assert project.judge().decision is Decision.PASS
    project.recorded = TODAY
    with pytest.raises(ArtifactError, match=f"cannot be a recording of {TODAY}: it is a recording itself"):
        project.judge("2026-05-04")


def test_copies_do_not_hide_why_there_is_no_recording(project: AfterFlip) -> None:
    """After some dates on a recording the message still says what is wrong with the dates that were fetched."""
    for day in (TODAY, "2026-05-04", "2026-05-05"):
        project.clock += timedelta(days=1)
        project.judge(day)
    _prune(project)
    with pytest.raises(ArtifactError) as caught:
        project.judge("2026-05-06")
    assert "recording itself" not in str(caught.value)
    assert f"{RECORDED_ON}: its rankings are not stored" in str(caught.value)


def test_a_recording_is_neither_stale_nor_pruned(project: AfterFlip) -> None:
    """The verdict on a recording is not stale, and its original stays whatever its age; a copy stays for nothing."""
    for day in (TODAY, "2026-05-04"):
        project.clock += timedelta(days=1)
        found = project.judge(day)
    states = read_states(project.settings().layout().gateways)
    assert staleness(found, states).legacy.freshness is Freshness.CURRENT
    assert fetched_at(found) == moment(found.candidate.fetched_from) > moment(found.legacy.fetched_from)
    project.clock += timedelta(days=20_000)
    pruning = find_old(project.context(), timedelta(days=1), project.clock)
    of_legacy = [one for one in pruning.old if (one.probe, one.side) == ("retrieve", "legacy")]
    assert [one.date for one in of_legacy] == [FAILED_ON, TODAY]
    assert RECORDED_ON in [one.date for one in pruning.kept if (one.probe, one.side) == ("retrieve", "legacy")]


def test_what_last_would_take_is_not_pruned(project: AfterFlip) -> None:
    """The newest rankings that passed and were not copied stay, also where the newest date that passed is a copy of others."""
    project.recorded = FAILED_ON
    assert project.judge().decision is Decision.PASS
    project.recorded = "last"
    project.clock += timedelta(days=20_000)
    pruning = find_old(project.context(), timedelta(days=1), project.clock)
    assert not [one for one in pruning.old if (one.probe, one.side) == ("retrieve", "legacy")]


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"fetched_to": "2026-05-01T23:00:00+00:00"}, "its rankings were fetched again after the verdict"),
        ({"stopped_early": "outage"}, "its lane stopped early"),
        ({"query_set_hash": "0" * 64}, "its queries were drawn again after the fetch"),
        ({"side": Side.CANDIDATE}, "it was fetched from the candidate"),
        ({"corpus": "staff"}, "it holds corpus 'staff'"),
        ({"status_counts": {"ok": 11}}, "it holds rankings of 11 queries, of 12"),
        ({"status_counts": {"failed": 12}}, "it holds no rankings"),
        ({}, ""),
    ],
)
def test_a_lane_that_the_verdict_is_not_about_stands_in_for_nothing(
    project: AfterFlip, changes: dict[str, Any], words: str
) -> None:
    """Rankings fetched since, in part, of another side or corpus, or for other queries are not taken; as they are, they are."""
    rewrite(project, **changes)
    if not words:
        assert find_recorded_rankings(project.context(), Side.LEGACY, TODAY, CORPUS).date == RECORDED_ON
        return
    with pytest.raises(ArtifactError) as caught:
        project.judge()
    assert f"{RECORDED_ON}: {words}" in str(caught.value)
    assert "sides.legacy.recorded, corpus everyone" in str(caught.value)
    assert not project.settings().layout().retrieval_verdict(TODAY, CORPUS).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"k": 6}, "retrieve.k was 5 then and is 6 now"),
        ({"k": 4}, "retrieve.k was 5 then and is 4 now"),
        ({"model": "another"}, "retrieve.model was fake-32 then and is another now"),
        ({"metadata": []}, "retrieve.metadata was role then and is not set now"),
        ({"corpora": ["everyone"]}, "retrieve.corpora was staff, contractors then and is everyone now"),
        ({"filters": {"oslo": {"legacy": "x", "candidate": "y"}}}, "retrieve.filters were spelled differently then"),
        (
            {"legacy": {"scores": {"reported": "cosine_distance"}}},
            "its lists have a score beside each document, and retrieve.legacy.scores.reported says cosine_distance",
        ),
        ({"tie_tolerance": 1e-5, "legacy": {"dialect": "rust-hybrid", "mode": "vector"}}, ""),
    ],
)
def test_what_is_requested_differently_now_is_not_covered(
    project: AfterFlip, changes: dict[str, Any], words: str
) -> None:
    """Another k, model, corpora, metadata or filter asks for another list, whose recording there is none of; limits do not."""
    project.retrieve = changes
    if not words:
        assert project.judge().decision is Decision.PASS
        return
    with pytest.raises(ArtifactError) as caught:
        project.judge()
    assert f"{RECORDED_ON}: {words}" in str(caught.value)
    assert not project.settings().layout().retrieval_verdict(TODAY, CORPUS).exists()


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({}, ""),
        ({"k": 6}, "its queries ask for at most 5 results, and retrieve.k is 6"),
        ({"corpora": {"everyone": ["staff", "alumni"]}}, "its queries do not search alumni"),
    ],
)
def test_rankings_of_an_earlier_version_are_judged_by_their_queries(
    project: AfterFlip, changes: dict[str, Any], words: str
) -> None:
    """A lane that does not say what was requested beside its queries is refused where these show that it was less."""
    rewrite(project, requested={})
    project.retrieve = changes
    if not words:
        assert project.judge().decision is Decision.PASS
        return
    with pytest.raises(ArtifactError) as caught:
        project.judge()
    assert f"{RECORDED_ON}: {words}" in str(caught.value)


def test_a_named_date_is_taken_and_its_verdict_reported(project: AfterFlip) -> None:
    """A person may name a date that failed; that it failed is in the findings and in the report."""
    project.recorded = FAILED_ON
    found = project.judge()
    assert found.legacy.recorded == FAILED_ON
    (finding,) = (one for one in found.findings if "is a recording" in one)
    assert finding.endswith("; no verdict vouches for them: its verdict is FAIL")
    assert "its verdict is FAIL" in project.settings().layout().retrieval_report(TODAY, CORPUS).read_text("utf-8")


def test_a_named_date_without_a_verdict_is_taken_and_reported(project: AfterFlip) -> None:
    """A date that was fetched and never judged may be named; the findings say that nothing vouches for it."""
    project.settings().layout().retrieval_verdict(RECORDED_ON, CORPUS).unlink()
    project.recorded = RECORDED_ON
    found = project.judge()
    assert (found.decision, found.legacy.recorded_unproved) == (Decision.PASS, "it was not judged")


def _prune(project: AfterFlip) -> None:
    lane_path(project, RECORDED_ON).unlink()


def _damage(project: AfterFlip) -> None:
    path = lane_path(project, RECORDED_ON)
    path.write_bytes(path.read_bytes()[:-20])


def _without_queries(project: AfterFlip) -> None:
    project.settings().layout().queries(RECORDED_ON, CORPUS).unlink()


def _name(project: AfterFlip) -> None:
    project.recorded = "2026-04-30"


def _shorten(project: AfterFlip) -> None:
    rewrite(project, keep=5)


def _garble(project: AfterFlip) -> None:
    path = lane_path(project, RECORDED_ON)
    content = bytearray(path.read_bytes())
    content[4:400] = bytes(396)
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("take_away", "said"),
    [
        (_prune, "2026-05-01: its rankings are not stored (never fetched, or pruned)"),
        (_damage, "is not a parquet file"),
        (_without_queries, "2026-05-01: its queries are not stored"),
        (_name, "cannot be a recording of 2026-04-30: its rankings are not stored"),
        (_shorten, "the recording of 2026-05-01 cannot be used: it holds rankings of 5 queries and says 12"),
        (_garble, "the recording of 2026-05-01 cannot be used: this rankings file is damaged"),
    ],
)
def test_without_a_recording_the_run_says_why(
    project: AfterFlip, take_away: Callable[[AfterFlip], None], said: str
) -> None:
    """Rankings that are pruned, damaged or cut are named, nothing is put in their place, and there is no verdict."""
    take_away(project)
    with pytest.raises(ArtifactError) as caught:
        project.judge()
    assert said in str(caught.value)
    assert not lane_path(project, TODAY).exists()
    assert not project.settings().layout().retrieval_verdict(TODAY, CORPUS).exists()


def test_doctor_finds_the_recording_and_what_it_misses(project: AfterFlip) -> None:
    """`parity doctor` names the queries that stand in and counts those of today that do not, or says why there are none."""

    def found() -> DoctorCheck:
        # Lazily, since the candidate, which comes later, would be sent one.
        return next(
            one for one in run_checks(project.settings(), {}, TODAY) if one.subject == "legacy recording of everyone"
        )

    assert found() == DoctorCheck(
        subject="legacy recording of everyone",
        ok=True,
        text="rankings of 12 queries of 2026-05-01 stand in, nothing is requested; 2 of the 2 for 2026-05-03 are not among them",
    )
    project.retrieve = {"k": 7}
    assert found().ok is False
    assert "retrieve.k was 5 then and is 7 now" in found().text


def test_nothing_is_requested_from_a_recording(project: AfterFlip) -> None:
    """Whatever asks such a side for rankings is refused, whether its gateway is named or not."""
    gateway = project.context().gateways[Side.LEGACY]
    with pytest.raises(SettingsError, match=r"sides\.legacy: this side is a recording \(last\) that names no gateway"):
        gateway.retrieval_side(CORPUS)
    candidate = project.context().gateways[Side.CANDIDATE]
    named = replace(candidate, recorded="last")
    with pytest.raises(GatewayError, match="is a recording"):
        named.ask_rankings(named.retrieval_side(CORPUS), [])


def test_what_is_requested_is_stored_with_each_lane(project: AfterFlip) -> None:
    """Each lane says what the settings requested beside its queries, so that a later recording can be held to it."""
    header = RankingsFile(lane_path(project, RECORDED_ON)).header
    assert header.requested == {"k": "5", "corpora": "staff, contractors", "model": "fake-32", "metadata": "role"}
